"""Put the truth of a field's exposures in the place of the reference."""

from pathlib import Path

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.csst.truth_reference import write_true_reference

with job(snakemake.log[0]), complete_folder(snakemake.output[0]) as folder:
    source = snakemake.input
    for path, truth in zip(source.exposures, source.truth, strict=True):
        name = Path(path).name.replace("_flc", "_reference")
        write_true_reference(folder / name, path, truth, snakemake.params.truth_sigma)
