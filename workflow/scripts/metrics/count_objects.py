"""Count true cosmic rays found, and star cores flagged, by every method in a group's exposures."""

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files
from crstudy.data.score_maps import read_scores, read_star_scores
from crstudy.instrument.epsf import load_psf
from crstudy.metrics.objects.counting import count_method, read_true_chips

with job(snakemake) as log:
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    psf, catalogue = load_psf(source.psf), Table.read(source.catalogue)
    chosen = Table.read(source.thresholds)
    chosen = chosen[np.isfinite(chosen["threshold"])]
    parts = {kind: [] for kind in ("objects", "purity", "pixels", "stars")}
    missing, observed = {method: [] for method in params.methods}, set()
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        observed.add(files.observed_with)
        target = fits.getval(files.exposure, "TARGNAME").strip().lower()
        chips = read_true_chips(files, catalogue, psf, params.settings)
        for method, folder in zip(params.methods, source.scores, strict=True):
            rows = chosen[chosen["method"] == method]
            thresholds = dict(zip(rows["threshold_kind"], rows["threshold"], strict=True))
            maps = read_scores(folder, files.name)
            if not maps:
                missing[method].append(files.name)
                log.warning("%s: missing for %s", files.name, method)
                continue
            star_maps = read_star_scores(folder, files.name) or maps
            for kind, table in count_method(chips, method, maps, star_maps, thresholds):
                table["exposure"], table["field_class"] = files.name, target
                parts[kind].append(table)
        log.info("%s: counted", files.name)
    for kind, tables in parts.items():
        table = vstack(tables) if tables else Table({"exposure": np.array([], dtype=str)})
        table.meta = {"missing": missing, "observed_with": sorted(observed)}
        write_table(table, output[kind])
