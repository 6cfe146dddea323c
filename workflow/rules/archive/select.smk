# Draw groups of exposures from the archive. Runs only while no group table is pinned, or by name.
# Needs: MAST, resources/training_programmes.ecsv, resources/field_classes.yaml.
# Makes:
# - groups.tsv: groups of exposures drawn from MAST (real exposures without a pinned group table)
# - selection.md: report on the drawn groups, to review them before they are pinned
# - tables/selection.ecsv: numbers of observations and fields that remain after each step of the
#   selection


localrules:
    select_groups,


checkpoint select_groups:
    input:
        lib=library("select_groups"),
        programmes="resources/training_programmes.ecsv",
        classes="resources/field_classes.yaml",
    output:
        groups=f"{RESULTS}/groups.tsv",
        report=f"{RESULTS}/selection.md",
        steps=f"{RESULTS}/tables/selection.ecsv",
    log:
        f"{RESULTS}/logs/select_groups.log",
    benchmark:
        f"{RESULTS}/benchmarks/select_groups.tsv"
    conda:
        "../../../envs/fetch.yaml"
    resources:
        mem_mb=memory_mb(1000),
        mast=1,
    params:
        settings=SETTINGS["selection"],
        observed_with=STUDY.observed_with,
        seed=STUDY.seed,
        models=NETS,
        dataset=STUDY.dataset,
        pin=f"config/groups/{STUDY.dataset}.tsv",
    message:
        "Draw groups of exposures from MAST"
    script:
        "../../scripts/archive/select_groups.py"


if DRAWN:

    collect(per_study, rules.select_groups)
