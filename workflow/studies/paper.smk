# The paper's study, of groups of simulated or real ACS exposures, from exposures to report.


include: "../rules/report/configuration.smk"
include: "../rules/figures/draw_figure.smk"


if SIMULATED:

    include: "../rules/simulation/simulate_acs.smk"

else:

    include: "../rules/archive/select.smk"
    include: "../rules/archive/fetch.smk"
    include: "../rules/reference/align.smk"


include: "../rules/reference/labels.smk"
include: "../rules/reference/valid_pixels.smk"
include: "../rules/deepcr/fetch_weights.smk"
include: "../rules/deepcr/detect.smk"
include: "../rules/methods/rival_scores.smk"
include: "../rules/metrics/table1.smk"
include: "../rules/metrics/compare_methods.smk"


if PROBABILITIES:

    include: "../rules/metrics/reliability.smk"


if SIMULATED:

    include: "../rules/metrics/strata.smk"
    include: "../rules/metrics/objects.smk"
    include: "../rules/reference/audit.smk"

else:

    include: "../rules/metrics/frame.smk"


if STUDY.audit.n_exposures:

    include: "../rules/reference/n_exposures.smk"


include: "../rules/photometry/stars.smk"


if SIMULATED:

    include: "../rules/photometry/method_fluxes.smk"


if STUDY.methods.remedy:

    include: "../rules/refinement/refine_masks.smk"


include: "../rules/photometry/density.smk"
include: "../rules/photometry/accuracy.smk"
include: "../rules/photometry/stability.smk"
include: "../rules/photometry/sensitivity.smk"
include: "../rules/report/published.smk"
include: "../rules/figures/paper_figures.smk"
include: "../rules/photometry/gallery.smk"
include: "../rules/report/flowchart.smk"
include: "../rules/deepcr/profile.smk"
include: "../rules/report/page.smk"
include: "../rules/report/cost.smk"
include: "../rules/report/provenance.smk"


# Fetch real exposures and make nothing of them yet.
rule fetch:
    input:
        [] if SIMULATED else rules.make_manifest.output,
