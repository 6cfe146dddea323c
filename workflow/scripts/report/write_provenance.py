"""Write the provenance of a study: software, inputs, times and machines."""

import json
from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.performance.cost import read_jobs
from crstudy.pipeline.provenance import make_record

with job(snakemake) as log, complete_file(snakemake.output[0]) as part:
    source = snakemake.input
    jobs = read_jobs(source.benchmarks, Path(snakemake.output[0]).parents[1])
    record = make_record(
        config=yaml.safe_load(Path(source.config).read_text(encoding="utf-8")),
        jobs=[one for some in jobs.values() for one in some],
        profile=json.loads(Path(source.profile).read_text(encoding="utf-8")),
        weights=source.weights,
        nets=source.nets,
        tables=source.tables,
        manifest=Table.read(source.manifest) if source.manifest else None,
        lock=source.lock,
        files=source.files,
        snakemake_version=snakemake.params.snakemake,
    )
    part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    log.info("commit %(commit)s", record["code"])
