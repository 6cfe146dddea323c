# Needs: the tables of all groups and resources/published.yaml.
# Makes: tables/published_vs_measured.{ecsv,md}.


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
        "Set every published number beside the measured one"
    script:
        "../../scripts/report/compare_published.py"


collect(per_study, rules.compare_published)
