# Add cosmic rays in steps and measure the stars again (Figure 6).
# Needs: exposures, reference, valid pixels, probability, inpainted images and stars of a group;
#   the nets.
# Makes:
# - density/<group>.ecsv: contaminated and anomalous stars of a group at each density step
# - tables/density.ecsv: contaminated and anomalous fractions of stars by cosmic-ray density
# - tables/density_fits.ecsv: straight-line fits of these fractions against cosmic-ray density


rule climb_density:
    input:
        lib=library("climb_density"),
        exposures=exposures,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        probability=f"{RESULTS}/detect/{MODELS[0]}/{{group}}",
        inpaint=rules.inpaint_exposures.output[0],
        stars=rules.find_stars.output[0],
        mask_weights=f"{RESULTS}/weights/{MODELS[0]}.pth",
        mask_net=f"{RESULTS}/nets/{MODELS[0]}",
        inpaint_weights=f"{RESULTS}/weights/inpaint-2-32.pth",
        inpaint_net=f"{RESULTS}/nets/inpaint-2-32",
    output:
        f"{RESULTS}/density/{{group}}.ecsv",
    log:
        f"{RESULTS}/logs/climb_density/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/climb_density/{{group}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(480 + CUDA_MB, 82),
        runtime=minutes(2.2),
        gpu=GPUS,
    params:
        model=MODELS[0],
        threshold=STUDY.detector.threshold,
        device=DEVICE,
        seeds=lambda wildcards: (STUDY.seed, group_number(wildcards)),
        settings={
            **SETTINGS["density"],
            **SETTINGS["photometry"],
            **SETTINGS["mask"],
            "background_box_px": STUDY.metrics.background_box_px,
        },
    message:
        "Add cosmic rays to group {wildcards.group} in steps and measure its stars"
    script:
        "../../scripts/photometry/climb_density.py"


rule make_density:
    input:
        lib=library("make_density"),
        density=per_group(rules.climb_density.output),
        groups=rules.make_groups.output[0],
    output:
        density=f"{RESULTS}/tables/density.ecsv",
        fits=f"{RESULTS}/tables/density_fits.ecsv",
    log:
        f"{RESULTS}/logs/make_density.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_density.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(190),
    params:
        dataset=STUDY.dataset,
        settings=SETTINGS["density"],
        resampling=RESAMPLING,
    message:
        "Fit contaminated and anomalous stars against cosmic-ray density"
    script:
        "../../scripts/photometry/make_density.py"


collect(per_group, rules.climb_density)
collect(per_study, rules.make_density)
