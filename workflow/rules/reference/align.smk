# Needs: fetched/<exposure>.ecsv of a group's exposures.
# Makes: alignment/<group>.ecsv; exposures/<exposure>_flc.fits, laid on one another, else untouched;
#        tables/alignment.ecsv.

ALIGNMENT = f"{RESULTS}/alignment/{{group}}.ecsv"


rule align_group:
    input:
        lib=library("align_group"),
        records=lambda wildcards: expand(RECORD, exposure=exposures_of_group(wildcards)),
    output:
        ALIGNMENT,
    log:
        f"{RESULTS}/logs/align_group/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/align_group/{{group}}.tsv"
    conda:
        "../../../envs/drizzle.yaml"
    resources:
        mem_mb=memory_mb(1000, 60),
        runtime=minutes(1),
    params:
        settings=SETTINGS["alignment"],
    message:
        "Measure how the exposures of group {wildcards.group} lie on one another"
    script:
        "../../scripts/reference/align_group.py"


rule align_exposure:
    input:
        lib=library("align_exposure"),
        record=RECORD,
        alignment=lambda wildcards: expand(
            ALIGNMENT, group=group_of(groups(), wildcards.exposure)
        ),
    output:
        EXPOSURE,
    log:
        f"{RESULTS}/logs/align_exposure/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/align_exposure/{{exposure}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(500, 40),
        runtime=minutes(1),
    message:
        "Copy exposure {wildcards.exposure} with the sky coordinates of its group's alignment"
    script:
        "../../scripts/reference/align_exposure.py"


rule make_alignment:
    input:
        lib=library("make_alignment"),
        alignment=per_group(ALIGNMENT),
    output:
        f"{RESULTS}/tables/alignment.ecsv",
    log:
        f"{RESULTS}/logs/make_alignment.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_alignment.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(500),
    params:
        dataset=STUDY.dataset,
    message:
        "Put the alignment of all groups into one table"
    script:
        "../../scripts/reference/make_alignment.py"


collect(per_group, rules.align_group)
collect(per_exposure, rules.align_exposure)
collect(per_study, rules.make_alignment)
