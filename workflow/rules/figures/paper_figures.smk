# Draw the paper's figures, from tables alone.
# Needs: tables/*, resources/published.yaml.
# Makes:
# - figures/fig1.{pdf,png}: Figure 1: dates, exposure times and cosmic-ray fractions of the groups
# - figures/fig3.{pdf,png}: Figure 3: flux ratios of stars, deepCR over clean image
# - figures/fig6.{pdf,png}: Figure 6: contaminated and anomalous stars against cosmic-ray density
# - figures/fig7.{pdf,png}: Figure 7: F scores on stars against date
# - figures/fig8.{pdf,png}: Figure 8: RMS of flux ratios against date
# - figures/accuracy.{pdf,png}: bias of star fluxes by magnitude; stars degraded and repaired


rule draw_fig1:
    input:
        lib=library("draw_fig1"),
        tables=[
            rules.make_groups.output[0],
        ],
        published="resources/published.yaml",
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/fig1.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/fig1.pdf",
        png=report(
            f"{RESULTS}/figures/fig1.png",
            category="Figures",
            caption="../../report/fig1.rst",
            labels={"figure": "Figure 1", "shows": "dates and exposure times"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig1.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig1.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(190),
    message:
        "Draw Figure 1: the groups of exposures"
    script:
        "../../scripts/figures/draw_fig1.py"


rule draw_fig3:
    input:
        lib=library("draw_fig3"),
        tables=[
            rules.make_photometry.output[0],
            rules.summarise_photometry.output[0],
        ],
        published="resources/published.yaml",
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/fig3.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/fig3.pdf",
        png=report(
            f"{RESULTS}/figures/fig3.png",
            category="Figures",
            caption="../../report/fig3.rst",
            labels={"figure": "Figure 3", "shows": "flux ratios"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig3.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig3.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(320),
    message:
        "Draw Figure 3: flux ratios of stars"
    script:
        "../../scripts/figures/draw_fig3.py"


rule draw_fig6:
    input:
        lib=library("draw_fig6"),
        tables=[
            rules.make_density.output.density,
            rules.make_density.output.fits,
        ],
        published="resources/published.yaml",
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/fig6.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/fig6.pdf",
        png=report(
            f"{RESULTS}/figures/fig6.png",
            category="Figures",
            caption="../../report/fig6.rst",
            labels={"figure": "Figure 6", "shows": "cosmic-ray density"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig6.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig6.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(200),
    message:
        "Draw Figure 6: stars against cosmic-ray density"
    script:
        "../../scripts/figures/draw_fig6.py"


rule draw_fig7:
    input:
        lib=library("draw_fig7"),
        tables=[
            rules.make_stability.output.stability,
            rules.make_stability.output.trends,
        ],
        published="resources/published.yaml",
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/fig7.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/fig7.pdf",
        png=report(
            f"{RESULTS}/figures/fig7.png",
            category="Figures",
            caption="../../report/fig7.rst",
            labels={"figure": "Figure 7", "shows": "F scores against date"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig7.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig7.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(200),
    message:
        "Draw Figure 7: F scores against date"
    script:
        "../../scripts/figures/draw_fig7.py"


rule draw_fig8:
    input:
        lib=library("draw_fig8"),
        tables=[
            rules.summarise_photometry.output[0],
            rules.make_stability.output.trends,
        ],
        published="resources/published.yaml",
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/fig8.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/fig8.pdf",
        png=report(
            f"{RESULTS}/figures/fig8.png",
            category="Figures",
            caption="../../report/fig8.rst",
            labels={"figure": "Figure 8", "shows": "photometric RMS against date"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig8.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig8.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(190),
    message:
        "Draw Figure 8: RMS of flux ratios against date"
    script:
        "../../scripts/figures/draw_fig8.py"


rule draw_accuracy:
    input:
        lib=library("draw_accuracy"),
        tables=[
            rules.measure_accuracy.output.magnitude,
            rules.measure_accuracy.output.repair,
            rules.make_groups.output[0],
        ],
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/accuracy.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/accuracy.pdf",
        png=report(
            f"{RESULTS}/figures/accuracy.png",
            category="Figures",
            caption="../../report/accuracy.rst",
            labels={"figure": "Accuracy", "shows": "bias, harm and repair"},
        ),
    log:
        f"{RESULTS}/logs/draw_accuracy.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_accuracy.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(200),
    message:
        "Draw the accuracy of fluxes"
    script:
        "../../scripts/figures/draw_accuracy.py"


collect(
    per_study,
    rules.draw_fig1,
    rules.draw_fig3,
    rules.draw_fig6,
    rules.draw_fig7,
    rules.draw_fig8,
    rules.draw_accuracy,
)
