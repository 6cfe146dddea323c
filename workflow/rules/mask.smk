# Needs: the exposures of a group.
# Makes: mask/<group>/<exposure>_good.fits: pixels that count.


rule mask_pixels:
    input:
        lib=library("mask_pixels"),
        exposures=exposures,
    output:
        directory(f"{RESULTS}/mask/{{group}}"),
    params:
        settings=SETTINGS["mask"],
    log:
        f"{RESULTS}/logs/mask_pixels/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/mask_pixels/{{group}}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/core.yaml"
    message:
        "Mark the pixels of group {wildcards.group} that count"
    script:
        "../scripts/mask_pixels.py"
