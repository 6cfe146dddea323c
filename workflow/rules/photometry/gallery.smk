# Show stars that deepCR degrades (Figures 4 and 5).
# Needs: tables/photometry.parquet; exposures, reference, valid pixels and inpainted images.
# Makes:
# - tables/gallery.fits: cutouts of typical stars whose flux deepCR changes by more than 10 %
# - figures/fig4.{pdf,png}: Figure 4: stars with a flux ratio below 0.9
# - figures/fig5.{pdf,png}: Figure 5: stars with a flux ratio above 1.1


rule make_gallery:
    input:
        lib=library("make_gallery"),
        photometry=rules.make_photometry.output[0],
        exposures=per_exposure(EXPOSURE),
        reference=per_group(rules.label_cosmic_rays.output),
        good=per_group(rules.mask_pixels.output),
        inpaint=per_group(rules.inpaint_exposures.output),
    output:
        f"{RESULTS}/tables/gallery.fits",
    log:
        f"{RESULTS}/logs/make_gallery.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_gallery.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(230, 40),
    params:
        flux_sigma=STUDY.photometry.flux_sigma,
        seed=STUDY.seed,
    message:
        "Select typical stars that deepCR degrades, and cut out their images"
    script:
        "../../scripts/photometry/make_gallery.py"


rule draw_fig4:
    input:
        lib=library("draw_fig4"),
        table=rules.make_gallery.output[0],
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/fig4.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/fig4.pdf",
        png=report(
            f"{RESULTS}/figures/fig4.png",
            category="Figures",
            caption="../../report/fig4.rst",
            labels={"figure": "Figure 4", "shows": "stars with a ratio below 0.9"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig4.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig4.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(240),
    message:
        "Draw stars whose flux ratio is clearly too small"
    script:
        "../../scripts/figures/draw_fig4.py"


rule draw_fig5:
    input:
        lib=library("draw_fig5"),
        table=rules.make_gallery.output[0],
        style=[
            "workflow/report/crstudy.mplstyle",
            "workflow/report/styles/fig5.mplstyle",
        ],
    output:
        pdf=f"{RESULTS}/figures/fig5.pdf",
        png=report(
            f"{RESULTS}/figures/fig5.png",
            category="Figures",
            caption="../../report/fig5.rst",
            labels={"figure": "Figure 5", "shows": "stars with a ratio above 1.1"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig5.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig5.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(240),
    message:
        "Draw stars whose flux ratio is clearly too large"
    script:
        "../../scripts/figures/draw_fig5.py"


collect(per_study, rules.make_gallery, rules.draw_fig4, rules.draw_fig5)
