"""Count cosmic-ray and other pixels of a group's exposures by the score of a method."""

from pathlib import Path

from astropy.io import fits

from crstudy.config.registry import METHODS
from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.rulers import read_rulers
from crstudy.data.score_maps import read_scores
from crstudy.methods.runner import load_method
from crstudy.metrics.roc import probability_edges
from crstudy.metrics.score_histograms import (
    count_chip,
    count_reliability,
    pool_chips,
    pool_reliability,
)

with job(snakemake.log[0]) as log:
    params, source = snakemake.params, snakemake.input
    name = snakemake.wildcards.method
    method = load_method(params.module) if params.module else None
    edges = getattr(method, "THRESHOLDS", None) or probability_edges([params.threshold])
    of_scores, of_probabilities, missing, observed = [], [], [], set()
    for path, truth in zip(source.exposures, source.truth or [None] * 99, strict=False):
        exposure = Path(path).name.removesuffix("_flc.fits")
        maps = read_scores(source.scores, exposure)
        if not maps:
            missing.append(exposure)
            log.warning("%s: missing for %s", exposure, name)
            continue
        observed.add(fits.getval(f"{source.reference}/{exposure}_reference.fits", "OBSERVED"))
        rulers = read_rulers(path, source.reference, source.good, truth, params.truth_sigma)
        for ver, ruler in rulers.items():
            regions = ruler.star_regions(params.region_rms, params.background_box_px)
            of_scores += count_chip(name, maps[ver], ruler, regions, edges)
            if METHODS[name].unit == "probability":
                of_probabilities += count_reliability(name, maps[ver], ruler, regions)
        log.info("%s: counted", exposure)
    tables = {"scores": pool_chips(of_scores), "probabilities": pool_reliability(of_probabilities)}
    for kind, table in tables.items():
        table.meta = {"method": name, "missing": missing, "observed_with": sorted(observed)}
        write_table(table, snakemake.output[kind])
