"""Draw the figure of a rule, by the module that it names, from its data."""

from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.style import THEME, read_input, save

with job(snakemake):
    source = snakemake.input
    plt.style.use([THEME, *source.style])
    module = Path(source.module).relative_to("workflow").with_suffix("")
    draw = import_module(".".join(module.parts)).draw
    save(draw(*map(read_input, source.data), **snakemake.params.options), *snakemake.output)
