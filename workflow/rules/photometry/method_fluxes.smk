# Measure what the mask of every method does to the fluxes of stars (simulated exposures).
# Needs: exposures, truth, catalogue, reference, valid pixels, stars, score maps and thresholds.
# Makes:
# - stars/<group>_fluxes.ecsv: numbers of stars with right and wrong flux after inpainting with the
#   mask of each method
# - tables/method_fluxes.ecsv: fractions of fluxes that each method repairs, degrades and leaves
#   wrong, by threshold and field class, and their paired differences to no correction


rule repair_by_method:
    input:
        lib=library("repair_by_method"),
        thresholds=rules.make_roc.output.thresholds,
        exposures=scored(EXPOSURE),
        truth=scored(TRUTH),
        catalogue=rules.simulate_catalogue.output[0],
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        stars=rules.find_stars.output[0],
        scores=all_score_maps,
        weights=f"{RESULTS}/weights/{INPAINT}.pth",
        net=f"{RESULTS}/nets/{INPAINT}",
    output:
        f"{RESULTS}/stars/{{group}}_fluxes.ecsv",
    log:
        f"{RESULTS}/logs/repair_by_method/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/repair_by_method/{{group}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(320 + CUDA_MB, 100 + 12 * len(COMPARED)),
        runtime=minutes(3 * len(COMPARED)),
        gpu=GPUS,
    params:
        methods=COMPARED,
        device=DEVICE,
        truth_sigma=STUDY.metrics.truth_sigma,
        settings={
            "background_box_px": STUDY.metrics.background_box_px,
            "edge_fraction": STUDY.photometry.edge_fraction,
            "max_excluded": STUDY.photometry.max_excluded,
            "flux_sigma": STUDY.photometry.flux_sigma,
        },
    message:
        "Inpaint the masks of all methods in group {wildcards.group}, and measure the stars"
    script:
        "../../scripts/photometry/repair_by_method.py"


rule make_method_fluxes:
    input:
        lib=library("make_method_fluxes"),
        thresholds=rules.make_roc.output.thresholds,
        fluxes=per_compared_group(rules.repair_by_method.output[0]),
    output:
        f"{RESULTS}/tables/method_fluxes.ecsv",
    log:
        f"{RESULTS}/logs/make_method_fluxes.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_method_fluxes.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150),
    params:
        dataset=STUDY.dataset,
        flux_sigma=STUDY.photometry.flux_sigma,
        resampling=RESAMPLING,
    message:
        "Tabulate the fluxes that each method repairs, degrades and leaves wrong"
    script:
        "../../scripts/photometry/make_method_fluxes.py"


collect(per_compared_group, rules.repair_by_method)
collect(per_study, rules.make_method_fluxes)
