# Needs: a mirror folder (configuration key `mirror` or CRSTUDY_MIRROR) with real exposures.
# Makes: exposures/<exposure>_flc.fits, checked.


rule fetch_exposure:
    input:
        lib=library("fetch_exposure"),
    output:
        f"{RESULTS}/exposures/{{exposure}}_flc.fits",
    log:
        f"{RESULTS}/logs/fetch_exposure/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch_exposure/{{exposure}}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Fetch exposure {wildcards.exposure} from the mirror and check it"
    script:
        "../scripts/fetch_exposure.py"
