"""Draw groups of exposures from MAST, and log how to pin them."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.archive.mast import mast_client
from crstudy.archive.selection import select_groups
from crstudy.archive.selection_report import make_group_table, to_markdown
from crstudy.core.atomic import complete_file, write_table
from crstudy.core.job import job

with job(snakemake) as logger:
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    # Not a parameter: timeouts and retries do not change the answers.
    archive = snakemake.config["archive"]
    groups, steps = select_groups(
        mast_client(archive["timeout_s"]),
        observed_with=params.observed_with,
        settings=params.settings,
        archive=archive,
        seed=params.seed,
        models=params.models,
        programmes=Table.read(source.programmes),
        classes=yaml.safe_load(Path(source.classes).read_text(encoding="utf-8")),
    )
    table = make_group_table(groups, params.observed_with, params.settings, params.seed)
    drawn = {name: params[name] for name in ("dataset", "observed_with", "models", "seed")}
    steps.meta = {**drawn, **params.settings}
    write_table(steps, output.steps)
    with complete_file(output.report) as part:
        part.write_text(to_markdown(table, steps, params.pin), encoding="utf-8")
    with complete_file(output.groups) as part:
        table.write(part, format="ascii.tab")
    logger.info("to pin these groups: copy %s to %s, review, commit", output.groups, params.pin)
