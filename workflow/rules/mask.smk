# Needs: the exposures of a group.
# Makes: mask/<group>/<exposure>_good.fits: pixels that count.


rule mask_pixels:
    input:
        lib=library("mask_pixels"),
        exposures=exposures,
    output:
        directory(f"{RESULTS}/mask/{{group}}"),
    log:
        f"{RESULTS}/logs/mask_pixels/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/mask_pixels/{{group}}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        settings=SETTINGS["mask"],
    message:
        "Mark the pixels of group {wildcards.group} that count"
    script:
        "../scripts/mask_pixels.py"
