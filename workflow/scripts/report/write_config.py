"""Write the merged configuration of a run."""

import yaml

from crstudy.core.atomic import complete_file
from crstudy.core.job import job

with job(snakemake), complete_file(snakemake.output[0]) as part:
    part.write_text(
        yaml.safe_dump(dict(snakemake.params.settings), sort_keys=False), encoding="utf-8"
    )
