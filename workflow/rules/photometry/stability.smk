# Test for a drift with time (Figures 7 and 8).
# Needs: counts/<group>.ecsv and tables/photometry_summary.ecsv.
# Makes:
# - tables/stability.ecsv: scores on stars and RMS of flux ratios of each group, with its date
# - tables/stability_trends.ecsv: mean and drift per decade of these quantities, with a test for a
#   trend


rule make_stability:
    input:
        lib=library("make_stability"),
        counts=per_group(rules.count_pixels.output),
        summary=rules.summarise_photometry.output[0],
    output:
        stability=f"{RESULTS}/tables/stability.ecsv",
        trends=f"{RESULTS}/tables/stability_trends.ecsv",
    log:
        f"{RESULTS}/logs/make_stability.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_stability.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(190),
    params:
        groups=lambda wildcards: list(groups()),
        region=STAR_REGION,
        model=MODELS[0],
        confidence=STUDY.metrics.confidence,
    message:
        "Tabulate scores and photometric RMS against date"
    script:
        "../../scripts/photometry/make_stability.py"


collect(per_study, rules.make_stability)
