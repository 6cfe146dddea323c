# Show stars with discrepant fluxes (Figures 4 and 5).
# Needs: tables/photometry.parquet; exposures, reference, valid pixels and inpainted images.
# Makes:
# - tables/gallery.fits: cutouts of randomly drawn stars whose deepCR and clean fluxes differ by more than 10 %
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
        "Draw stars with discrepant fluxes at random, and cut out their images"
    script:
        "../../scripts/photometry/make_gallery.py"


use rule draw_figure as draw_fig4 with:
    input:
        **drawn_by("paper/fig4_fig5", "fig4"),
        data=[rules.make_gallery.output],
    output:
        **figure_files("fig4", "Figures", "Figure 4", "stars with a ratio below 0.9"),
    log:
        f"{RESULTS}/logs/draw_fig4.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig4.tsv"
    resources:
        mem_mb=memory_mb(240),
    params:
        options={"figure": "fig4"},
    message:
        "Draw stars whose flux ratio is clearly too small"


use rule draw_figure as draw_fig5 with:
    input:
        **drawn_by("paper/fig4_fig5", "fig5"),
        data=[rules.make_gallery.output],
    output:
        **figure_files("fig5", "Figures", "Figure 5", "stars with a ratio above 1.1"),
    log:
        f"{RESULTS}/logs/draw_fig5.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig5.tsv"
    resources:
        mem_mb=memory_mb(240),
    params:
        options={"figure": "fig5"},
    message:
        "Draw stars whose flux ratio is clearly too large"


collect(per_study, rules.make_gallery, rules.draw_fig4, rules.draw_fig5)
