"""Train a net with a target offset; continue where an interrupted job stopped."""

from pathlib import Path

from crstudy.core.atomic import complete_file, write_table
from crstudy.core.job import job
from crstudy.training.sets import read_set
from crstudy.training.train_backend import Training

with job(snakemake):
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    training, validation = map(read_set, source.sets)
    net = Training(
        training, validation, params.settings, source.zb20, params.device, snakemake.threads
    )
    # Snakemake removes the outputs of interrupted jobs: this is none.
    net.run(Path(output.weights).with_suffix(".checkpoint"))
    with complete_file(output.weights) as part:
        part.write_bytes(net.weights())
    write_table(net.table(), output.table)
