"""Draw Table 1."""

from pathlib import Path

import matplotlib.pyplot as plt
import yaml
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.style import draw_table1, save
from crstudy.metrics.published_table1 import published_table1

with job(snakemake.log[0]):
    plt.style.use(snakemake.input.style)
    published = published_table1(yaml.safe_load(Path(snakemake.input.published).read_text()))
    figure = draw_table1(Table.read(snakemake.input.table), published)
    save(figure, *snakemake.output)
