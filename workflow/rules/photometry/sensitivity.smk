# Test how photometric results depend on aperture and star selection.
# Needs: exposures, reference, valid pixels, probability, inpainted images and stars of a group.
# Makes:
# - sensitivity/<group>.parquet: fluxes of a group's stars with other apertures and star samples
# - tables/sensitivity.ecsv: the photometric results for each alternative aperture and star sample


rule vary_photometry:
    input:
        lib=library("vary_photometry"),
        exposures=exposures,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        probability=f"{RESULTS}/detect/{MODELS[0]}/{{group}}",
        inpaint=rules.inpaint_exposures.output[0],
        stars=rules.find_stars.output[0],
    output:
        f"{RESULTS}/sensitivity/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/vary_photometry/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/vary_photometry/{{group}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(220, 57),
        runtime=minutes(1.2),
    params:
        seeds=lambda wildcards: (STUDY.seed, group_number(wildcards)),
        settings={
            **SETTINGS["photometry"],
            "threshold": STUDY.detector.threshold,
            "background_box_px": STUDY.metrics.background_box_px,
        },
    message:
        "Measure group {wildcards.group} with other apertures and star samples"
    script:
        "../../scripts/photometry/vary_photometry.py"


rule make_sensitivity:
    input:
        lib=library("make_sensitivity"),
        variants=per_group(rules.vary_photometry.output),
        photometry=rules.make_photometry.output[0],
    output:
        f"{RESULTS}/tables/sensitivity.ecsv",
    log:
        f"{RESULTS}/logs/make_sensitivity.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_sensitivity.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(280),
    params:
        dataset=STUDY.dataset,
        settings=SETTINGS["photometry"],
        resampling=RESAMPLING,
    message:
        "Pool the photometric results for each alternative"
    script:
        "../../scripts/photometry/make_sensitivity.py"


collect(per_group, rules.vary_photometry)
collect(per_study, rules.make_sensitivity)
