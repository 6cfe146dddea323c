# Score the detector against labels from more and more exposures.
# Needs: exposures, valid pixels and probabilities of a group; truth if simulated.
# Makes:
# - n_exposures/<group>.ecsv: hits and misses of the first three exposures against labels from the
#   first three, four and more
# - tables/n_exposures.ecsv: recall and precision of deepCR and of the labels against the number of
#   exposures behind the labels
# - figures/n_exposures.{pdf,png}: recall and precision against the number of exposures behind the
#   labels, real exposures beside the simulated ones of config/exposures.yaml

NUMBERS = STUDY.audit.n_exposures


def large_groups(wildcards=None):
    """Return the groups with as many exposures as the largest number: the same for each."""
    return [name for name, some in groups().items() if len(some) >= max(NUMBERS)]


def per_large_group(pattern):
    """Return a function that names the file of each of these groups."""
    return lambda wildcards: expand(pattern, group=large_groups())


rule count_n_exposures:
    input:
        lib=library("count_n_exposures"),
        exposures=exposures,
        good=rules.mask_pixels.output[0],
        probability=f"{RESULTS}/detect/{MODELS[0]}/{{group}}",
        truth=truth,
    output:
        f"{RESULTS}/n_exposures/{{group}}.ecsv",
    log:
        f"{RESULTS}/logs/count_n_exposures/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/count_n_exposures/{{group}}.tsv"
    conda:
        "../../../envs/drizzle.yaml"
    resources:
        mem_mb=memory_mb(460, 150),
        runtime=minutes(1.5 * len(NUMBERS)),
    params:
        numbers=NUMBERS,
        model=MODELS[0],
        reference=SETTINGS["reference"],
        counting={
            "threshold": STUDY.detector.threshold,
            "truth_sigma": STUDY.metrics.truth_sigma,
            "region_rms": [min(STUDY.metrics.region_rms)],
            "background_box_px": STUDY.metrics.background_box_px,
        },
    message:
        "Score group {wildcards.group} against labels from {params.numbers} exposures"
    script:
        "../../scripts/reference/count_n_exposures.py"


rule make_n_exposures:
    input:
        lib=library("make_n_exposures"),
        counts=per_large_group(rules.count_n_exposures.output),
    output:
        f"{RESULTS}/tables/n_exposures.ecsv",
    log:
        f"{RESULTS}/logs/make_n_exposures.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_n_exposures.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150),
    params:
        numbers=NUMBERS,
        dataset=STUDY.dataset,
        resampling=RESAMPLING,
    message:
        "Tabulate scores against the number of exposures behind the labels"
    script:
        "../../scripts/reference/make_n_exposures.py"


use rule draw_figure as draw_n_exposures with:
    input:
        **drawn_by("n_exposures"),
        data=[
            rules.make_n_exposures.output[0],
            *([] if SIMULATED else [KEPT_N_EXPOSURES]),
        ],
    output:
        **figure_files(
            "n_exposures", "Methods", "exposures", "scores and the number of exposures"
        ),
    log:
        f"{RESULTS}/logs/draw_n_exposures.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_n_exposures.tsv"
    message:
        "Draw scores against the number of exposures behind the labels"


collect(per_large_group, rules.count_n_exposures)
collect(per_study, rules.make_n_exposures, rules.draw_n_exposures)
