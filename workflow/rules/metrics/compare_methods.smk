# Compare all methods pixel by pixel, at equal false-positive rates.
# Needs: exposures, score maps, reference, valid pixels, and truth if simulated.
# Makes:
# - roc/<method>/<group>.parquet: numbers of cosmic-ray and other pixels by score
# - roc/<method>/<group>_reliability.parquet: numbers of cosmic-ray and other pixels by probability
# - tables/roc.parquet: ROC and precision-recall curves of all methods
# - tables/recall.ecsv: recall of each method at fixed false-positive rates
# - tables/average_precision.ecsv: area under the precision-recall curve of each method
# - tables/differences.ecsv: paired differences of recall and average precision between methods
# - tables/thresholds.ecsv: score thresholds of each method: default, and at the matched
#   false-positive rate in the full frame and on stars
# - profiling/speed.ecsv: cost of each method in CPU s per Mpx, and its memory, from the usage
#   records beside the logs of its jobs
# - figures/roc.{pdf,png}: ROC and precision-recall curves of all methods
# - figures/methods.{pdf,png}: recall of each method at the matched false-positive rate, and its
#   CPU s per Mpx


rule count_scores:
    input:
        lib=method_library("count_scores"),
        exposures=scored(EXPOSURE),
        scores=score_maps,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        truth=scored(TRUTH) if SIMULATED else [],
    output:
        scores=f"{RESULTS}/roc/{{method}}/{{group}}.parquet",
        probabilities=f"{RESULTS}/roc/{{method}}/{{group}}_reliability.parquet",
    log:
        f"{RESULTS}/logs/count_scores/{{method}}_{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/count_scores/{{method}}_{{group}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(200, 60),
        runtime=minutes(1),
    params:
        module=method_module,
        threshold=lambda wildcards: DEFAULT_THRESHOLDS[wildcards.method],
        region_rms=STUDY.metrics.region_rms,
        background_box_px=STUDY.metrics.background_box_px,
        truth_sigma=STUDY.metrics.truth_sigma,
    message:
        "Count the pixels of group {wildcards.group} by the score of {wildcards.method}"
    script:
        "../../scripts/metrics/count_scores.py"


rule make_roc:
    input:
        lib=library("make_roc"),
        counts=per_compared_group(rules.count_scores.output.scores, method=COMPARED),
        held_out=per_held_out_group(rules.count_scores.output.scores, method=COMPARED),
    output:
        roc=f"{RESULTS}/tables/roc.parquet",
        recall=f"{RESULTS}/tables/recall.ecsv",
        average_precision=f"{RESULTS}/tables/average_precision.ecsv",
        differences=f"{RESULTS}/tables/differences.ecsv",
        thresholds=f"{RESULTS}/tables/thresholds.ecsv",
    log:
        f"{RESULTS}/logs/make_roc.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_roc.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(300),
    params:
        dataset=STUDY.dataset,
        methods=COMPARED,
        groups=compared_groups,
        rates=sorted({*STUDY.methods.false_positive_rates, STUDY.methods.matched_rate}),
        matched_rate=STUDY.methods.matched_rate,
        own=DEFAULT_THRESHOLDS,
        star_region=STAR_REGION,
        n_held_out=STUDY.methods.tuning_groups,
        resampling=RESAMPLING,
    message:
        "Compare the methods at equal false-positive rates"
    script:
        "../../scripts/metrics/make_roc.py"


rule make_speed:
    input:
        lib=library("make_speed"),
        benchmarks=lambda wildcards: sum(benchmarks_by_method(wildcards).values(), []),
        exposures=first_exposures,
    output:
        f"{RESULTS}/profiling/speed.ecsv",
    log:
        f"{RESULTS}/logs/make_speed.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_speed.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150),
    params:
        dataset=STUDY.dataset,
        benchmarks=benchmarks_by_method,
        n_exposures=exposures_by_method,
    message:
        "Tabulate the cost of the methods"
    script:
        "../../scripts/metrics/make_speed.py"


use rule draw_figure as draw_roc with:
    input:
        **drawn_by("roc"),
        data=[rules.make_roc.output.roc],
    output:
        **figure_files("roc", "Methods", "ROC", "recall against false positives"),
    log:
        f"{RESULTS}/logs/draw_roc.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_roc.tsv"
    message:
        "Draw the ROC and precision-recall curves of the methods"


use rule draw_figure as draw_methods with:
    input:
        **drawn_by("methods"),
        data=[rules.make_roc.output.recall, rules.make_speed.output],
    output:
        **figure_files(
            "methods", "Methods", "methods", "recall and cost of the methods"
        ),
    log:
        f"{RESULTS}/logs/draw_methods.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_methods.tsv"
    params:
        options={"rate": STUDY.methods.matched_rate},
    message:
        "Draw recall and cost of the methods"


collect(per_group, rules.count_scores, method=COMPARED)
collect(per_study, rules.make_roc, rules.make_speed, rules.draw_roc, rules.draw_methods)
