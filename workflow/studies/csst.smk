# The CSST study, of single simulated exposures with their truth.


include: "../rules/report/configuration.smk"
include: "../rules/figures/draw_figure.smk"
include: "../rules/simulation/simulate_csst.smk"
include: "../rules/reference/valid_pixels.smk"
include: "../rules/deepcr/fetch_weights.smk"
include: "../rules/deepcr/detect.smk"
include: "../rules/methods/rival_scores.smk"
include: "../rules/csst/csst_methods.smk"
