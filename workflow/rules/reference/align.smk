# Register the real exposures of a group.
# Needs: fetched/<exposure>.ecsv of all exposures of a group.
# Makes:
# - alignment/<group>.ecsv: residual offsets of a group's exposures, and corrected sky coordinates
#   where needed
# - exposures/<exposure>_flc.fits: real exposure with the corrected sky coordinates, otherwise
#   unchanged
# - tables/alignment.ecsv: residual offset of each real exposure before and after alignment, and
#   which groups are excluded

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
        "Measure the alignment of the exposures of group {wildcards.group}"
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
        "Correct the sky coordinates of exposure {wildcards.exposure}"
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
        "Tabulate the alignment of all groups"
    script:
        "../../scripts/reference/make_alignment.py"


collect(per_group, rules.align_group)
collect(per_exposure, rules.align_exposure)
collect(per_study, rules.make_alignment)
