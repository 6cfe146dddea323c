# Find the stars and measure their aperture fluxes.
# Needs: exposures, reference, valid pixels, probability and inpainted images of a group.
# Makes:
# - stars/<group>.ecsv: stars of a group, found on its clean images
# - photometry/<group>.parquet: aperture fluxes of each star on the original, clean, inpainted, ...
#   image of each exposure
# - tables/groups.ecsv: dates, exposure times and cosmic-ray fractions of the groups
# - tables/photometry.parquet: aperture fluxes of all stars, with their flux errors (column sigma)
# - tables/photometry_summary.ecsv: contaminated and anomalous fractions of stars, flux ratios and
#   their RMS, by group


rule find_stars:
    input:
        lib=library("find_stars"),
        exposures=exposures,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
    output:
        f"{RESULTS}/stars/{{group}}.ecsv",
    log:
        f"{RESULTS}/logs/find_stars/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/find_stars/{{group}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(165, 50),
        runtime=minutes(0.3),
    params:
        settings={
            k: v
            for k, v in SETTINGS["photometry"].items()
            if k not in ("flux_sigma", "max_excluded")
        },
        background_box_px=STUDY.metrics.background_box_px,
    message:
        "Find the stars of group {wildcards.group} on its clean images"
    script:
        "../../scripts/photometry/find_stars.py"


rule measure_stars:
    input:
        lib=library("measure_stars"),
        psf=STUDY.simulation.psf,
        exposures=exposures,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        probability=f"{RESULTS}/detect/{MODELS[0]}/{{group}}",
        inpaint=rules.inpaint_exposures.output[0],
        stars=rules.find_stars.output[0],
        truth=truth,
    output:
        f"{RESULTS}/photometry/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/measure_stars/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_stars/{{group}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(210, 53),
        runtime=minutes(0.4),
    params:
        seed=STUDY.seed,
        number=group_number,
        settings={
            "threshold": STUDY.detector.threshold,
            "background_box_px": STUDY.metrics.background_box_px,
            "edge_fraction": STUDY.photometry.edge_fraction,
            "max_excluded": STUDY.photometry.max_excluded,
        },
    message:
        "Measure the stars of group {wildcards.group} on every image"
    script:
        "../../scripts/photometry/measure_stars.py"


rule make_groups:
    input:
        lib=library("make_groups"),
        exposures=per_exposure(EXPOSURE),
        counts=per_group(rules.count_pixels.output),
    output:
        f"{RESULTS}/tables/groups.ecsv",
    log:
        f"{RESULTS}/logs/make_groups.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_groups.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(110),
    params:
        dataset=STUDY.dataset,
        groups=groups,
    message:
        "List the groups: dates, exposure times, cosmic rays"
    script:
        "../../scripts/photometry/make_groups.py"


rule make_photometry:
    input:
        lib=library("make_photometry"),
        photometry=per_group(rules.measure_stars.output),
    output:
        f"{RESULTS}/tables/photometry.parquet",
    log:
        f"{RESULTS}/logs/make_photometry.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_photometry.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(240),
    params:
        dataset=STUDY.dataset,
    message:
        "Collect the photometry of all groups"
    script:
        "../../scripts/photometry/make_photometry.py"


rule summarise_photometry:
    input:
        lib=library("summarise_photometry"),
        photometry=rules.make_photometry.output[0],
        groups=rules.make_groups.output[0],
    output:
        f"{RESULTS}/tables/photometry_summary.ecsv",
    log:
        f"{RESULTS}/logs/summarise_photometry.log",
    benchmark:
        f"{RESULTS}/benchmarks/summarise_photometry.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(230),
    params:
        flux_sigma=STUDY.photometry.flux_sigma,
        resampling=RESAMPLING,
    message:
        "Tabulate contaminated stars, flux ratios and their RMS in each group"
    script:
        "../../scripts/photometry/summarise_photometry.py"


collect(per_group, rules.find_stars, rules.measure_stars)
collect(
    per_study,
    rules.make_groups,
    rules.make_photometry,
    rules.summarise_photometry,
)
