"""Label the cosmic rays of a group under several settings of AstroDrizzle; count the true ones."""

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files
from crstudy.reference.audit import (
    DrizCrSetting,
    add_cells,
    audit_chip,
    combine_settings,
    read_known_chips,
)

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    settings = combine_settings(
        DrizCrSetting(*params.own), params.driz_cr_snr, params.driz_cr_scale
    )
    maps = dict(zip(params.models, source.probability, strict=True))
    rows, observed = [], set()
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        observed.add(files.observed_with)
        for chip, probabilities in read_known_chips(files, maps, params.truth_sigma):
            detected = {net: p > params.threshold for net, p in probabilities.items()}
            rows += audit_chip(chip, detected, settings, **params.labels)
        log.info("%s: labelled under %d settings", files.exposure, len(settings))
    table = add_cells(rows)
    table.meta = {"observed_with": sorted(observed), "exposures": len(source.exposures)}
    write_table(table, snakemake.output[0])
