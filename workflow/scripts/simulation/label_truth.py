"""Write the truth of a field's exposures as their reference."""

from pathlib import Path

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.data.chips import read_truth
from crstudy.reference.labels import write_true_reference

with job(snakemake), complete_folder(snakemake.output[0]) as folder:
    source = snakemake.input
    for path, truth in zip(source.exposures, source.truth, strict=True):
        name = Path(path).name.replace("_flc", "_reference")
        known = read_truth(truth)
        charge = {ver: chip.cr for ver, chip in known.items()}
        label = {ver: chip.cosmic_rays(snakemake.params.truth_sigma) for ver, chip in known.items()}
        write_true_reference(folder / name, path, charge, label)
