# Refine deepCR's masks on stars by PSF residuals (methods.remedy).
# Needs: exposures, reference, valid pixels, probability, stars, and truth if simulated.
# Makes:
# - remedy/settings.ecsv: parameters of mask refinement, tuned on held-out groups, else those of
#   resources/remedy.ecsv
# - remedy/<group>/masks: masks of each exposure before and after refinement
# - remedy/<group>/counts.ecsv: true and false positives and negatives of these masks by star
#   region
# - remedy/<group>/photometry.parquet: aperture fluxes of stars after inpainting with each mask
# - tables/remedy.ecsv: recall and precision on stars before and after mask refinement
# - tables/remedy_photometry.ecsv: flux anomalies of stars before and after mask refinement
# - figures/remedy.{pdf,png}: scores and photometry on stars before and after mask refinement
# - figures/psf_error.{pdf,png}: what mask refinement changes against the error of the PSF that it
#   fits (`make psf-error`)


PROBABILITY = f"{RESULTS}/detect/{MODELS[0]}/{{group}}"


rule tune_remedy:
    input:
        lib=library("tune_remedy"),
        psf=STUDY.simulation.psf,
        frozen=[] if STUDY.methods.tuning_groups else "resources/remedy.ecsv",
        exposures=scored_of_held_out(EXPOSURE),
        probability=scored_of_held_out(PROBABILITY),
        reference=scored_of_held_out(rules.label_cosmic_rays.output[0]),
        good=scored_of_held_out(rules.mask_pixels.output[0]),
        truth=scored_of_held_out(TRUTH) if SIMULATED else [],
    output:
        f"{RESULTS}/remedy/settings.ecsv",
    log:
        f"{RESULTS}/logs/tune_remedy.log",
    benchmark:
        f"{RESULTS}/benchmarks/tune_remedy.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(400, 400),
        runtime=minutes(60),
    params:
        groups=lambda wildcards: held_out(),
        threshold=STUDY.detector.threshold,
        star_rms=min(STUDY.metrics.region_rms),
        background_box_px=STUDY.metrics.background_box_px,
        truth_sigma=STUDY.metrics.truth_sigma,
    message:
        "Tune mask refinement on held-out groups"
    script:
        "../../scripts/refinement/tune_remedy.py"


rule refine_masks:
    input:
        lib=library("refine_masks"),
        psf=STUDY.simulation.psf,
        settings=rules.tune_remedy.output[0],
        exposures=scored(EXPOSURE),
        probability=PROBABILITY,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        truth=scored(TRUTH) if SIMULATED else [],
    output:
        masks=directory(f"{RESULTS}/remedy/{{group}}/masks"),
        counts=f"{RESULTS}/remedy/{{group}}/counts.ecsv",
    log:
        f"{RESULTS}/logs/refine_masks/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/refine_masks/{{group}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(400, 400),
        runtime=minutes(30),
    params:
        threshold=STUDY.detector.threshold,
        region_rms=STUDY.metrics.region_rms,
        background_box_px=STUDY.metrics.background_box_px,
        truth_sigma=STUDY.metrics.truth_sigma,
    message:
        "Refine deepCR's masks on the stars of group {wildcards.group}"
    script:
        "../../scripts/refinement/refine_masks.py"


rule repair_stars:
    input:
        lib=library("repair_stars"),
        exposures=scored(EXPOSURE),
        masks=rules.refine_masks.output.masks,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        stars=rules.find_stars.output[0],
        truth=scored(TRUTH) if SIMULATED else [],
        weights=f"{RESULTS}/weights/inpaint-2-32.pth",
        net=f"{RESULTS}/nets/inpaint-2-32",
    output:
        f"{RESULTS}/remedy/{{group}}/photometry.parquet",
    log:
        f"{RESULTS}/logs/repair_stars/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/repair_stars/{{group}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(320 + CUDA_MB, 100),
        runtime=minutes(10),
        gpu=GPUS,
    params:
        device=DEVICE,
        truth_sigma=STUDY.metrics.truth_sigma,
        settings={
            "background_box_px": STUDY.metrics.background_box_px,
            "edge_fraction": STUDY.photometry.edge_fraction,
            "max_excluded": STUDY.photometry.max_excluded,
        },
    message:
        "Inpaint the exposures of group {wildcards.group} with each mask, and measure their stars"
    script:
        "../../scripts/refinement/repair_stars.py"


rule make_remedy:
    input:
        lib=library("make_remedy"),
        settings=rules.tune_remedy.output[0],
        counts=per_compared_group(rules.refine_masks.output.counts),
        photometry=per_compared_group(rules.repair_stars.output[0]),
    output:
        scores=f"{RESULTS}/tables/remedy.ecsv",
        photometry=f"{RESULTS}/tables/remedy_photometry.ecsv",
    log:
        f"{RESULTS}/logs/make_remedy.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_remedy.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150),
    params:
        dataset=STUDY.dataset,
        model=MODELS[0],
        flux_sigma=STUDY.photometry.flux_sigma,
        resampling=RESAMPLING,
    message:
        "Tabulate recall, precision and photometry before and after mask refinement"
    script:
        "../../scripts/refinement/make_remedy.py"


use rule draw_figure as draw_remedy with:
    input:
        **drawn_by("refinement", "remedy"),
        data=[rules.make_remedy.output.scores, rules.make_remedy.output.photometry],
    output:
        **figure_files(
            "remedy", "Methods", "remedy", "deepCR on stars before and after"
        ),
    log:
        f"{RESULTS}/logs/draw_remedy.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_remedy.tsv"
    message:
        "Draw masks and photometry before and after mask refinement"


use rule draw_figure as draw_psf_error with:
    input:
        **drawn_by("psf_error"),
        data=["resources/psf_error.ecsv"],
    output:
        **figure_files(
            "psf_error",
            "Methods",
            "psf error",
            "mask refinement against the error of the PSF",
        ),
    log:
        f"{RESULTS}/logs/draw_psf_error.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_psf_error.tsv"
    message:
        "Draw what mask refinement changes against the error of the PSF"


collect(per_compared_group, rules.refine_masks, rules.repair_stars)
collect(per_study, rules.tune_remedy, rules.make_remedy, rules.draw_remedy)
collect(per_study, rules.draw_psf_error)
