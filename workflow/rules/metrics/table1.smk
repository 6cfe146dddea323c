# Reproduce the paper's Table 1.
# Needs: reference labels, valid pixels and probability of every exposure; truth if simulated.
# Makes:
# - counts/<group>.ecsv: true and false positives and negatives, in the full frame and by star
#   region
# - tables/table1.{ecsv,md,tex}: Table 1: recall, precision and F scores of deepCR in the full
#   frame and on stars (20 RMS, ...)
# - figures/table1.{pdf,png}: Table 1 as a figure: recall and precision by star region, measured
#   and published


rule count_pixels:
    input:
        lib=library("count_pixels"),
        exposures=exposures,
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        probability=[f"{RESULTS}/detect/{model}/{{group}}" for model in MODELS],
        truth=truth,
    output:
        f"{RESULTS}/counts/{{group}}.ecsv",
    log:
        f"{RESULTS}/logs/count_pixels/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/count_pixels/{{group}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150, 53),
        runtime=minutes(0.9),
    params:
        models=MODELS,
        threshold=STUDY.detector.threshold,
        region_rms=STUDY.metrics.region_rms,
        background_box_px=STUDY.metrics.background_box_px,
        truth_sigma=STUDY.metrics.truth_sigma,
    message:
        "Count true and false detections in group {wildcards.group}, full frame and on stars"
    script:
        "../../scripts/metrics/count_pixels.py"


rule make_table1:
    input:
        lib=library("make_table1"),
        counts=per_group(rules.count_pixels.output),
        published="resources/published.yaml",
        # So that the configuration kept beside the table is the table's own.
        config=rules.write_config.output[0],
    output:
        ecsv=f"{RESULTS}/tables/table1.ecsv",
        md=f"{RESULTS}/tables/table1.md",
        tex=f"{RESULTS}/tables/table1.tex",
    log:
        f"{RESULTS}/logs/make_table1.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_table1.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(110),
    params:
        dataset=STUDY.dataset,
        resampling=RESAMPLING,
    message:
        "Tabulate recall and precision by star region (Table 1)"
    script:
        "../../scripts/metrics/make_table1.py"


use rule draw_figure as draw_table1 with:
    input:
        **drawn_by("paper/table1"),
        data=[rules.make_table1.output.ecsv, "resources/published.yaml"],
    output:
        **figure_files("table1", "Table 1", "Table 1", "recall and precision"),
    log:
        f"{RESULTS}/logs/draw_table1.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_table1.tsv"
    message:
        "Draw Table 1"


collect(per_group, rules.count_pixels)
collect(per_study, rules.make_table1, rules.draw_table1)
