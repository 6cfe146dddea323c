"""Draw Figure 4: stars whose flux ratio is clearly too small."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.gallery import draw_gallery
from crstudy.photometry.gallery import read_gallery

with job(snakemake.log[0]):
    plt.style.use([snakemake.input.style, snakemake.input.own_style])
    figure = draw_gallery(read_gallery(snakemake.input.table), "fig4")
    figure.savefig(snakemake.output.pdf, metadata={"CreationDate": None})
    figure.savefig(snakemake.output.png)
