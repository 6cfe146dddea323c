"""Count cosmic-ray and other pixels of a group's exposures by the score of a method."""

from crstudy.config.registry import METHODS
from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.score_maps import read_scores, read_star_scores
from crstudy.methods.runner import load_method
from crstudy.metrics.curves.roc import probability_edges
from crstudy.metrics.curves.score_histograms import (
    count_regions,
    count_reliability,
    pool_chips,
    pool_reliability,
)

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    name = snakemake.wildcards.method
    method = load_method(params.module) if params.module else None
    edges = getattr(method, "THRESHOLDS", None) or probability_edges([params.threshold])
    of_scores, of_probabilities, missing, observed = [], [], [], set()
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        maps = read_scores(source.scores, files.name)
        if not maps:
            missing.append(files.name)
            log.warning("%s: missing for %s", files.name, name)
            continue
        observed.add(files.observed_with)
        star_maps = read_star_scores(source.scores, files.name)
        for ver, data in read_comparison(files, params.truth_sigma).items():
            regions = data.star_regions(params.region_rms, params.background_box_px)
            both = maps[ver], star_maps.get(ver)
            of_scores += count_regions(name, *both, data, regions, edges)
            if METHODS[name].unit == "probability":
                of_probabilities += count_reliability(name, maps[ver], data, regions)
        log.info("%s: counted", files.name)
    tables = {"scores": pool_chips(of_scores), "probabilities": pool_reliability(of_probabilities)}
    for kind, table in tables.items():
        table.meta = {"method": name, "missing": missing, "observed_with": sorted(observed)}
        write_table(table, snakemake.output[kind])
