"""Keep the merged configuration of a run."""

import yaml

from crstudy.files import complete_file
from crstudy.joblog import job

with job(snakemake.log[0]), complete_file(snakemake.output[0]) as part:
    part.write_text(yaml.safe_dump(dict(snakemake.params.settings), sort_keys=False))
