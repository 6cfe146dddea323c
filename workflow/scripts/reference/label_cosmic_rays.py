"""Label the cosmic rays of a group's exposures by comparison with their blotted medians."""

from pathlib import Path

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.reference.labels import write_reference

with job(snakemake) as log, complete_folder(snakemake.output[0]) as folder:
    for path, name in zip(snakemake.input.exposures, snakemake.params.names, strict=True):
        drizzled = Path(snakemake.input.drizzle) / f"{name}_drizzle.fits"
        write_reference(folder / f"{name}_reference.fits", Path(path), drizzled)
        log.info("%s: labelled", name)
