# Fetch the weights of deepCR's nets, and of the user's.
# Needs: the source archive of deepCR 0.1.5 in resources/weights; deepCR 0.3.1; the user's files.
# Makes:
# - weights/<net>.pth: weights of a net, for PyTorch, checked by sha256

SDIST = "resources/weights/deepCR-0.1.5.tar.gz"


rule fetch_weights:
    input:
        lib=library("fetch_weights"),
        own=lambda wildcards: [one["path"] for one in own_net(wildcards)],
    output:
        f"{RESULTS}/weights/{{net}}.pth",
    log:
        f"{RESULTS}/logs/fetch_weights/{{net}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch_weights/{{net}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(40),
    params:
        sdist=SDIST,
        own=own_net,
    message:
        "Fetch the weights of {wildcards.net} and check them"
    script:
        "../../scripts/deepcr/fetch_weights.py"


collect(per_study, rules.fetch_weights, net=ALL_NETS)
