# Compare all methods cosmic ray by cosmic ray, and on star cores (simulated exposures).
# Needs: exposures, truth, catalogue, reference, valid pixels, score maps and thresholds.
# Makes:
# - objects/<group>_<kind>.parquet: counts of detected cosmic rays, of real and false detections
#   (purity), of what flagged pixels hold, and of flagged star cores
# - tables/objects.ecsv: fraction of true cosmic rays that each method detects, by charge, size and
#   other properties
# - tables/purity.ecsv: fraction of each method's detections that are real, and its pixel scores
#   after dilation
# - tables/star_alarms.ecsv: fraction of star cores without a cosmic ray that each method flags
#   (false alarms)
# - tables/method_scores.ecsv: recall, precision, false-positive rate and width of each method's
#   mask, by threshold, field class and region
# - tables/object_differences.ecsv: paired differences of these fractions between methods
# - figures/objects.{pdf,png}: detected cosmic rays by their properties, purity, and false alarms
#   on star cores


rule count_objects:
    input:
        lib=library("count_objects"),
        psf=STUDY.simulation.psf,
        thresholds=rules.make_roc.output.thresholds,
        exposures=scored(EXPOSURE),
        truth=scored(TRUTH),
        catalogue=rules.simulate_catalogue.output[0],
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        scores=all_score_maps,
    output:
        **{
            kind: f"{RESULTS}/objects/{{group}}_{kind}.parquet"
            for kind in ("objects", "purity", "pixels", "stars")
        },
    log:
        f"{RESULTS}/logs/count_objects/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/count_objects/{{group}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(250, 60),
        runtime=minutes(2 + len(COMPARED)),
    params:
        methods=COMPARED,
        settings={
            name: SETTINGS["metrics"][name]
            for name in ("truth_sigma", "region_rms", "background_box_px")
        },
    message:
        "Count the true cosmic rays that methods detect in group {wildcards.group}"
    script:
        "../../scripts/metrics/count_objects.py"


rule make_objects:
    input:
        lib=library("make_objects"),
        thresholds=rules.make_roc.output.thresholds,
        objects=per_compared_group(rules.count_objects.output.objects),
        purity=per_compared_group(rules.count_objects.output.purity),
        pixels=per_compared_group(rules.count_objects.output.pixels),
        stars=per_compared_group(rules.count_objects.output.stars),
    output:
        objects=f"{RESULTS}/tables/objects.ecsv",
        purity=f"{RESULTS}/tables/purity.ecsv",
        star_alarms=f"{RESULTS}/tables/star_alarms.ecsv",
        method_scores=f"{RESULTS}/tables/method_scores.ecsv",
        differences=f"{RESULTS}/tables/object_differences.ecsv",
    log:
        f"{RESULTS}/logs/make_objects.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_objects.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(200),
    params:
        dataset=STUDY.dataset,
        methods=COMPARED,
        resampling=RESAMPLING,
    message:
        "Compare the methods cosmic ray by cosmic ray, and on star cores"
    script:
        "../../scripts/metrics/make_objects.py"


use rule draw_figure as draw_objects with:
    input:
        **drawn_by("objects"),
        data=[
            rules.make_objects.output.objects,
            rules.make_objects.output.purity,
            rules.make_objects.output.star_alarms,
        ],
    output:
        **figure_files(
            "objects", "Methods", "objects", "detection by object, and star cores"
        ),
    log:
        f"{RESULTS}/logs/draw_objects.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_objects.tsv"
    message:
        "Draw detected cosmic rays, purity and false alarms of the methods"


collect(per_compared_group, rules.count_objects)
collect(per_study, rules.make_objects, rules.draw_objects)
