"""Fetch an exposure and check it, also against the manifest of the dataset."""

import os

from crstudy.archive.fetch import fetch_exposure, mast_uri
from crstudy.archive.manifest import compare_with_pinned, describe_file, pin_new
from crstudy.core.atomic import write_table
from crstudy.core.job import job

with job(snakemake) as log:
    # Neither inputs nor parameters: exposures once fetched stay, wherever the source is now.
    config, dataset = snakemake.config, snakemake.wildcards.exposure
    mirror = config["mirror"] or os.environ.get("CRSTUDY_MIRROR", "")
    path = fetch_exposure(
        dataset,
        source=config["source"],
        mirror=mirror,
        expected=snakemake.params.expected,
        settings=config["archive"],
    )
    source = mast_uri(dataset) if config["source"] == "mast" else config["source"]
    row = describe_file(path, dataset, source)
    pinned = f"resources/manifest/{config['dataset']}.ecsv"
    compare_with_pinned(row[0], pinned, path)
    if pin_new(row, pinned):
        log.info("pinned in %s: review and commit it", pinned)
    row["path"] = [str(path)]
    write_table(row, snakemake.output[0])
    log.info("%s passed", path)
