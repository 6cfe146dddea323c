"""Draw exposures to train on, with their true cosmic rays."""

from pathlib import Path

from crstudy.core.atomic import complete_folder, write_table
from crstudy.core.job import job
from crstudy.training.exposures import draw_set
from crstudy.training.sets import write_set

with job(snakemake), complete_folder(snakemake.output.exposures) as folder:
    params, (camera, part) = snakemake.params, snakemake.wildcards
    templates = Path(snakemake.input.templates[0]).parent
    groups = draw_set(camera, part, params.seed, params.settings, templates)
    write_table(write_set(groups, folder), snakemake.output.table)
