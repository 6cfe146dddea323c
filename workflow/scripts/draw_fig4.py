"""Draw Figure 4: stars whose flux ratio is clearly too small."""

import matplotlib.pyplot as plt

from crstudy.gallery import read_gallery
from crstudy.joblog import job
from crstudy.plots_gallery import draw_gallery

with job(snakemake.log[0]):
    plt.style.use([snakemake.input.style, snakemake.input.own_style])
    figure = draw_gallery(read_gallery(snakemake.input.table), "fig4")
    figure.savefig(snakemake.output.pdf, metadata={"CreationDate": None})
    figure.savefig(snakemake.output.png)
