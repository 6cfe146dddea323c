"""Put the truth of a field's exposures in the place of the reference."""

from pathlib import Path

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.data.exposure import read_images
from crstudy.data.rulers import read_truth
from crstudy.reference.labels import write_true_reference

with job(snakemake.log[0]), complete_folder(snakemake.output[0]) as folder:
    source = snakemake.input
    for path, truth in zip(source.exposures, source.truth, strict=True):
        name = Path(path).name.replace("_flc", "_reference")
        label = read_truth(truth, snakemake.params.truth_sigma)
        write_true_reference(folder / name, path, read_images(truth, "CR"), label)
