# Keep the configuration beside the results.
# Needs: the configuration.
# Makes:
# - run/config.yaml: the merged configuration of the run


rule write_config:
    input:
        lib=library("write_config"),
    output:
        f"{RESULTS}/run/config.yaml",
    log:
        f"{RESULTS}/logs/write_config.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_config.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(40),
    params:
        settings=SETTINGS | {"groups": f"{RESULTS}/groups.tsv"} if DRAWN else SETTINGS,
    message:
        "Keep the merged configuration"
    script:
        "../../scripts/report/write_config.py"


collect(per_study, rules.write_config)
