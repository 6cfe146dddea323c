# Compare with the paper.
# Needs: tables of all groups, resources/published.yaml.
# Makes:
# - tables/published_vs_measured.{ecsv,md}: every number that the paper publishes beside the
#   measured one, with a verdict


rule compare_published:
    input:
        lib=library("compare_published"),
        tables=expand(
            f"{RESULTS}/tables/{{table}}.ecsv",
            table=[
                "table1",
                "groups",
                "photometry_summary",
                "density_fits",
                "stability",
                "stability_trends",
            ],
        ),
        published="resources/published.yaml",
    output:
        ecsv=f"{RESULTS}/tables/published_vs_measured.ecsv",
        md=f"{RESULTS}/tables/published_vs_measured.md",
    log:
        f"{RESULTS}/logs/compare_published.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_published.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(190),
    params:
        confidence=STUDY.metrics.confidence,
    message:
        "Compare every published number with the measured one"
    script:
        "../../scripts/report/compare_published.py"


collect(per_study, rules.compare_published)
