# The training of nets, from simulated exposures to weights.


include: "../rules/report/configuration.smk"
include: "../rules/figures/draw_figure.smk"
include: "../rules/deepcr/fetch_weights.smk"
include: "../rules/training/train_net.smk"
