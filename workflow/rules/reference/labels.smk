# Make the reference: cosmic-ray labels from all exposures of a group, by AstroDrizzle.
# Needs: the exposures of a group.
# Makes:
# - drizzle/<group>: blotted medians and cosmic-ray flags of AstroDrizzle (temporary)
# - reference/<group>: reference labels, blotted median and clean image of each exposure


rule drizzle_group:
    input:
        lib=library("drizzle_group"),
        exposures=exposures,
    output:
        temp(directory(f"{RESULTS}/drizzle/{{group}}")),
    log:
        f"{RESULTS}/logs/drizzle_group/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/drizzle_group/{{group}}.tsv"
    conda:
        "../../../envs/drizzle.yaml"
    resources:
        mem_mb=memory_mb(460, 90),
        runtime=minutes(1.5),
    params:
        settings=SETTINGS["reference"]
        | {"leave_one_out": SIMULATED and STUDY.audit.leave_one_out},
    message:
        "Run AstroDrizzle on group {wildcards.group}: blotted median and cosmic-ray flags"
    script:
        "../../scripts/reference/drizzle_group.py"


rule label_cosmic_rays:
    input:
        lib=library("label_cosmic_rays"),
        exposures=exposures,
        drizzle=rules.drizzle_group.output[0],
    output:
        directory(f"{RESULTS}/reference/{{group}}"),
    log:
        f"{RESULTS}/logs/label_cosmic_rays/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/label_cosmic_rays/{{group}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(75, 29),
        runtime=minutes(0.1),
    params:
        names=exposures_of_group,
    message:
        "Label the cosmic rays of group {wildcards.group}"
    script:
        "../../scripts/reference/label_cosmic_rays.py"


# The files of AstroDrizzle are temporary, not a target.
BENCHMARKS["drizzle_group"] = per_group(rules.drizzle_group.benchmark)
collect(per_group, rules.label_cosmic_rays)
