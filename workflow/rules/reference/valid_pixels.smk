# Mark the valid pixels, on which everything is measured.
# Needs: the exposures of a group; for real ones, their alignment.
# Makes:
# - mask/<group>: valid pixels of each exposure: neither bad nor near saturation, enough other
#   exposures; none in an excluded group


rule mask_pixels:
    input:
        lib=library("mask_pixels"),
        exposures=exposures,
        alignment=[] if SIMULATED else rules.align_group.output[0],
    output:
        directory(f"{RESULTS}/mask/{{group}}"),
    log:
        f"{RESULTS}/logs/mask_pixels/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/mask_pixels/{{group}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(115, 27),
        runtime=minutes(0.1),
    params:
        settings=SETTINGS["mask"],
    message:
        "Mark the valid pixels of group {wildcards.group}"
    script:
        "../../scripts/reference/mask_pixels.py"


collect(per_group, rules.mask_pixels)
