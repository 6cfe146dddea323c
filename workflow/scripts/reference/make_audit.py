"""Pool the audit of the reference; correct the paper's Table 1 and find its driz_cr_scale."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.metrics.pooling import collect_observed_with
from crstudy.metrics.published_table1 import published_table1
from crstudy.reference.audit import setting_words
from crstudy.reference.audit_table import make_audit
from crstudy.reference.corrected_table1 import correct_table1, fit_scale

with job(snakemake) as log:
    params = snakemake.params
    groups = [Table.read(path) for path in snakemake.input.counts]
    published = published_table1(
        yaml.safe_load(Path(snakemake.input.published).read_text(encoding="utf-8"))
    )
    snr, scale = setting_words(params.own)
    meta = {
        "dataset": params.dataset,
        "observed_with": collect_observed_with(groups),
        "exposures": sum(table.meta["exposures"] for table in groups),
        # Those of the study's reference.
        "driz_cr_snr": snr,
        "driz_cr_scale": scale,
    }
    paper = groups, published, params.model
    tables = {
        "audit": make_audit(groups, params.resampling),
        "corrected": correct_table1(*paper, params.resampling),
        "scale": fit_scale(*paper, tuple(params.own[0]), params.resampling),
    }
    for name, table in tables.items():
        table.meta |= meta
        write_table(table, snakemake.output[name])
    log.info("%s", tables["scale"].meta["reading"])
