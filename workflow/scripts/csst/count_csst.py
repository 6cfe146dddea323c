"""Count the pixels of a field's CSST exposures by the scores of all methods."""

from dataclasses import replace

from astropy.io import fits
from astropy.table import vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison, read_truth
from crstudy.data.score_maps import read_scores, read_star_scores
from crstudy.methods.runner import load_method
from crstudy.metrics.curves.roc import probability_edges
from crstudy.metrics.curves.score_histograms import count_regions

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    edges = {
        name: getattr(load_method(module), "THRESHOLDS", None) if module else None
        for name, module in params.modules.items()
    }
    folders = dict(zip(params.modules, source.scores, strict=True))
    tables, missing, observed = [], {}, set()
    all_files = exposure_files(source.exposures, source.reference, source.good)
    for files, truth in zip(all_files, source.truth, strict=True):
        header = fits.getheader(files.exposure)
        observed.add(files.observed_with)
        ((ver, data),) = read_comparison(files, params.truth_sigma).items()
        # The truth stands in the place of the reference: there is no other comparison.
        rims = read_truth(truth)[ver].rims(params.truth_sigma) & data.valid
        regions = data.star_regions([params.star_rms], params.background_box_px)
        for name, folder in folders.items():
            maps = read_scores(folder, files.name)
            if not maps:
                missing.setdefault(name, []).append(files.name)
                log.warning("%s: missing for %s", files.name, name)
                continue
            steps = edges[name] or probability_edges([params.usual[name]])
            both = maps[ver], read_star_scores(folder, files.name).get(ver)
            kinds = replace(data, valid=data.valid & ~rims), replace(data, label=rims, valid=rims)
            table, on_rims = (
                vstack(list(count_regions(name, *both, one, regions, steps))) for one in kinds
            )
            table["rims"] = on_rims["positives"]
            table.remove_columns(["comparison", "stratum"])
            table["exptime_s"] = float(header["EXPTIME"])
            table["field_class"] = header["TARGNAME"].strip().lower()
            tables.append(table)
        log.info("%s: counted", files.name)
    table = vstack(tables)
    table.meta = {"missing": missing, "observed_with": sorted(observed)}
    write_table(table, snakemake.output[0])
