"""Count hits and misses of a group's first exposures against labels from more and more of them."""

from pathlib import Path

from astropy.table import Table

from crstudy.core.atomic import scratch_folder, write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files
from crstudy.reference.astrodrizzle import MIN_EXPOSURES
from crstudy.reference.first_labels import label_from_first
from crstudy.reference.n_exposures import COLUMNS, count_by_number

with job(snakemake) as log, scratch_folder() as scratch:
    params, source = snakemake.params, snakemake.input
    paths, group = [Path(path) for path in source.exposures], snakemake.wildcards.group
    scored = paths[:MIN_EXPOSURES], source.truth[:MIN_EXPOSURES]
    files = {}
    for n in params.numbers:
        labels = scratch / str(n)
        text = Path(snakemake.log[0]).with_suffix(f".astrodrizzle-{n}.log")
        label_from_first(n, group, paths, labels, text, params.reference)
        files[n] = exposure_files(scored[0], labels, source.good, scored[1])
        log.info("labelled from %d exposures", n)
    rows = []
    for i in range(MIN_EXPOSURES):
        exposure = {n: some[i] for n, some in files.items()}
        rows += count_by_number(exposure, source.probability, params.model, **params.counting)
    meta = {"observed_with": sorted({some[0].observed_with for some in files.values()})}
    write_table(Table(rows=rows, names=COLUMNS, meta=meta), snakemake.output[0])
