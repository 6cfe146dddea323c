# Run the other methods (lacosmic, rhoads, pych, cosmic-conn, median: crstudy/methods).
# Needs: exposures and valid pixels of a group; reference and truth of the held-out groups.
# Makes:
# - tuning/<method>.ecsv: parameters of a method tuned on the held-out groups, for the full frame and
#   for stars, or its authors'
# - scores/<method>/<group>: score map of each exposure: the higher, the more likely a cosmic ray; a
#   second one where the parameters for stars are others


rule tune_method:
    input:
        lib=method_library("tune_method"),
        psf=[] if CSST else STUDY.simulation.psf,
        exposures=first_of_held_out(EXPOSURE),
        reference=first_of_held_out(REFERENCE),
        good=first_of_held_out(rules.mask_pixels.output[0]),
        truth=first_of_held_out(TRUTH) if SIMULATED else [],
    output:
        f"{RESULTS}/tuning/{{method}}.ecsv",
    log:
        f"{RESULTS}/logs/tune_method/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tune_method/{{method}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(150, 350 if STUDY.methods.tuning_groups else 0),
        runtime=minutes(600),
    params:
        module=method_module,
        rate=STUDY.methods.matched_rate,
        truth_sigma=STUDY.metrics.truth_sigma,
        star_rms=min(STUDY.metrics.region_rms),
        background_box_px=STUDY.metrics.background_box_px,
        csst=SETTINGS["csst"] if CSST else None,
    message:
        "Tune {wildcards.method} on held-out groups"
    script:
        "../../scripts/methods/tune_method.py"


rule score_exposures:
    input:
        lib=method_library("score_exposures"),
        psf=[] if CSST else STUDY.simulation.psf,
        parameters=rules.tune_method.output[0],
        exposures=scored(EXPOSURE),
        reference=method_reference,
        truth=method_truth,
        good=rules.mask_pixels.output[0],
    output:
        directory(f"{RESULTS}/scores/{{method}}/{{group}}"),
    log:
        f"{RESULTS}/logs/score_exposures/{{method}}_{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score_exposures/{{method}}_{{group}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=method_memory_mb,
        runtime=minutes(60),
    params:
        module=method_module,
        csst=SETTINGS["csst"] if CSST else None,
    message:
        "Score the pixels of group {wildcards.group} with {wildcards.method}"
    script:
        "../../scripts/methods/score_exposures.py"


collect(per_study, rules.tune_method, method=NON_DEEPCR)
collect(per_group, rules.score_exposures, method=NON_DEEPCR)
