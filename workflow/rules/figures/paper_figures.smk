# Draw the paper's figures, from tables alone.
# Needs: tables/*, resources/published.yaml.
# Makes:
# - figures/fig1.{pdf,png}: Figure 1: dates, exposure times and cosmic-ray fractions of the groups
# - figures/fig3.{pdf,png}: Figure 3: flux ratios of stars, deepCR over clean image
# - figures/fig6.{pdf,png}: Figure 6: contaminated and anomalous stars against cosmic-ray density
# - figures/fig7.{pdf,png}: Figure 7: F scores on stars against date
# - figures/fig8.{pdf,png}: Figure 8: RMS of flux ratios against date
# - figures/accuracy.{pdf,png}: bias of star fluxes by magnitude; stars degraded and repaired


use rule draw_figure as draw_fig1 with:
    input:
        **drawn_by("paper/fig1"),
        data=[rules.make_groups.output, "resources/published.yaml"],
    output:
        **figure_files("fig1", "Figures", "Figure 1", "dates and exposure times"),
    log:
        f"{RESULTS}/logs/draw_fig1.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig1.tsv"
    message:
        "Draw Figure 1: the groups of exposures"


use rule draw_figure as draw_fig3 with:
    input:
        **drawn_by("paper/fig3"),
        data=[
            rules.make_photometry.output,
            rules.summarise_photometry.output,
            "resources/published.yaml",
        ],
    output:
        **figure_files("fig3", "Figures", "Figure 3", "flux ratios"),
    log:
        f"{RESULTS}/logs/draw_fig3.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig3.tsv"
    resources:
        mem_mb=memory_mb(450),
    message:
        "Draw Figure 3: flux ratios of stars"


use rule draw_figure as draw_fig6 with:
    input:
        **drawn_by("paper/fig6"),
        data=[
            rules.make_density.output.density,
            rules.make_density.output.fits,
            "resources/published.yaml",
        ],
    output:
        **figure_files("fig6", "Figures", "Figure 6", "cosmic-ray density"),
    log:
        f"{RESULTS}/logs/draw_fig6.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig6.tsv"
    message:
        "Draw Figure 6: stars against cosmic-ray density"


use rule draw_figure as draw_fig7 with:
    input:
        **drawn_by("paper/fig7"),
        data=[
            rules.make_stability.output.stability,
            rules.make_stability.output.trends,
            "resources/published.yaml",
        ],
    output:
        **figure_files("fig7", "Figures", "Figure 7", "F scores against date"),
    log:
        f"{RESULTS}/logs/draw_fig7.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig7.tsv"
    message:
        "Draw Figure 7: F scores against date"


use rule draw_figure as draw_fig8 with:
    input:
        **drawn_by("paper/fig8"),
        data=[
            rules.summarise_photometry.output,
            rules.make_stability.output.trends,
            "resources/published.yaml",
        ],
    output:
        **figure_files("fig8", "Figures", "Figure 8", "photometric RMS against date"),
    log:
        f"{RESULTS}/logs/draw_fig8.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig8.tsv"
    message:
        "Draw Figure 8: RMS of flux ratios against date"


use rule draw_figure as draw_accuracy with:
    input:
        **drawn_by("accuracy"),
        data=[
            rules.measure_accuracy.output.magnitude,
            rules.measure_accuracy.output.repair,
            rules.make_groups.output,
        ],
    output:
        **figure_files(
            "accuracy", "Figures", "Accuracy", "bias, degraded and repaired stars"
        ),
    log:
        f"{RESULTS}/logs/draw_accuracy.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_accuracy.tsv"
    message:
        "Draw the accuracy of fluxes"


collect(
    per_study,
    rules.draw_fig1,
    rules.draw_fig3,
    rules.draw_fig6,
    rules.draw_fig7,
    rules.draw_fig8,
    rules.draw_accuracy,
)
