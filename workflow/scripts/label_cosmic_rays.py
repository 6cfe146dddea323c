"""Label the cosmic rays of a group's exposures by comparison with their blotted medians."""

from pathlib import Path

from crstudy.files import complete_folder
from crstudy.joblog import job
from crstudy.reference import write_reference

with job(snakemake.log[0]) as log, complete_folder(snakemake.output[0]) as folder:
    for path in snakemake.input.exposures:
        fraction = write_reference(Path(path), Path(snakemake.input.drizzle), folder)
        log.info("%s: %.2f %% of the pixels labelled", Path(path).name, 100 * fraction)
