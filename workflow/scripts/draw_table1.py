"""Draw Table 1."""

from pathlib import Path

import matplotlib.pyplot as plt
import yaml
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import draw_table1, save
from crstudy.table1 import published_table1

with job(snakemake.log[0]):
    plt.style.use(snakemake.input.style)
    published = published_table1(yaml.safe_load(Path(snakemake.input.published).read_text()))
    figure = draw_table1(Table.read(snakemake.input.table), published)
    save(figure, *snakemake.output)
