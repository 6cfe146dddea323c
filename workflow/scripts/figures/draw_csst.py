"""Draw what methods reach on CSST exposures against exposure time."""

from pathlib import Path

import matplotlib.pyplot as plt
import yaml
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.csst import draw_csst
from crstudy.figures.style import save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    published = yaml.safe_load(Path(source.published).read_text())["retrained"]
    figure = draw_csst(Table.read(source.scores), Table.read(source.photometry), published)
    save(figure, *snakemake.output)
