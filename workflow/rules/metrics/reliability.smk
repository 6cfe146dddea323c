# Test whether probabilities are calibrated.
# Needs: pixel counts by probability, of the methods that give one.
# Makes:
# - tables/reliability.ecsv: fraction of pixels with a cosmic ray by predicted probability
#   (reliability diagram)
# - tables/calibration.ecsv: Brier score and expected calibration error (ECE) of each method
# - tables/calibration_differences.ecsv: paired differences of Brier score and ECE between methods
# - figures/reliability.{pdf,png}: reliability diagrams


rule make_reliability:
    input:
        lib=library("make_reliability"),
        counts=per_compared_group(
            rules.count_scores.output.probabilities, method=PROBABILITIES
        ),
    output:
        reliability=f"{RESULTS}/tables/reliability.ecsv",
        calibration=f"{RESULTS}/tables/calibration.ecsv",
        differences=f"{RESULTS}/tables/calibration_differences.ecsv",
    log:
        f"{RESULTS}/logs/make_reliability.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_reliability.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(200),
    params:
        dataset=STUDY.dataset,
        methods=PROBABILITIES,
        groups=compared_groups,
        resampling=RESAMPLING,
    message:
        "Compare probabilities with the fraction of pixels that contain cosmic rays"
    script:
        "../../scripts/metrics/make_reliability.py"


use rule draw_figure as draw_reliability with:
    input:
        **drawn_by("reliability"),
        data=[
            rules.make_reliability.output.reliability,
            rules.make_reliability.output.calibration,
        ],
    output:
        **figure_files(
            "reliability",
            "Methods",
            "reliability",
            "calibration of the probabilities",
        ),
    log:
        f"{RESULTS}/logs/draw_reliability.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_reliability.tsv"
    message:
        "Draw the reliability of probabilities"


collect(per_study, rules.make_reliability, rules.draw_reliability)
