"""Run AstroDrizzle on a group's exposures."""

from pathlib import Path

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.reference.astrodrizzle import drizzle_group

with job(snakemake) as log, complete_folder(snakemake.output[0]) as folder:
    paths = [Path(path) for path in snakemake.input.exposures]
    log.info("group %s: AstroDrizzle on %d exposures", snakemake.wildcards.group, len(paths))
    astrodrizzle_log = Path(snakemake.log[0]).with_suffix(".astrodrizzle.log")
    drizzle_group(
        snakemake.wildcards.group, paths, folder, astrodrizzle_log, **snakemake.params.settings
    )
