"""Put the truth of a field's exposures in the place of the reference."""

from pathlib import Path

from crstudy.csstreference import write_true_reference
from crstudy.files import complete_folder
from crstudy.joblog import job

with job(snakemake.log[0]), complete_folder(snakemake.output[0]) as folder:
    source = snakemake.input
    for path, truth in zip(source.exposures, source.truth, strict=True):
        name = Path(path).name.replace("_flc", "_reference")
        write_true_reference(folder / name, path, truth, snakemake.params.truth_sigma)
