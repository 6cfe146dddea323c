# Run deepCR's nets.
# Needs: the exposures of a group; the weights of the nets, checked by sha256.
# Makes:
# - nets/<net>: the same net converted to OpenVINO, for CPUs
# - detect/<model>/<group>: cosmic-ray probability of each pixel, without a threshold, of each
#   exposure; by nets that are only compared with others, of the exposures on which methods compare
# - inpaint/<group>: of each exposure, with its headers: INPAINT, the image with the pixels that the
#   first model flags replaced by inpainting (e-), and DQ, with bit 8192 set there and nowhere else


rule convert_net:
    input:
        lib=library("convert_net"),
        weights=rules.fetch_weights.output[0],
    output:
        directory(f"{RESULTS}/nets/{{net}}"),
    log:
        f"{RESULTS}/logs/convert_net/{{net}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/convert_net/{{net}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(560),
    params:
        own=own_net,
    message:
        "Convert {wildcards.net} for the CPU"
    script:
        "../../scripts/deepcr/convert_net.py"


rule detect_cosmic_rays:
    input:
        lib=library("detect_cosmic_rays"),
        exposures=exposures_of_net,
        weights=f"{RESULTS}/weights/{{model}}.pth",
        net=f"{RESULTS}/nets/{{model}}",
    output:
        directory(f"{RESULTS}/detect/{{model}}/{{group}}"),
    log:
        f"{RESULTS}/logs/detect_cosmic_rays/{{model}}_{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/detect_cosmic_rays/{{model}}_{{group}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=net_memory_mb,
        runtime=minutes(1.6),
        gpu=GPUS,
    params:
        device=DEVICE,
        own=own_net,
    message:
        "Compute the probability of a cosmic ray in every pixel of group {wildcards.group} ({wildcards.model})"
    script:
        "../../scripts/deepcr/detect_cosmic_rays.py"


rule inpaint_exposures:
    input:
        lib=library("inpaint_exposures"),
        exposures=exposures,
        probability=f"{RESULTS}/detect/{MODELS[0]}/{{group}}",
        weights=f"{RESULTS}/weights/inpaint-2-32.pth",
        net=f"{RESULTS}/nets/inpaint-2-32",
    output:
        directory(f"{RESULTS}/inpaint/{{group}}"),
    log:
        f"{RESULTS}/logs/inpaint_exposures/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/inpaint_exposures/{{group}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(320 + CUDA_MB, 42),
        runtime=minutes(1.6),
        gpu=GPUS,
    params:
        model=MODELS[0],
        threshold=STUDY.detector.threshold,
        device=DEVICE,
    message:
        "Inpaint the pixels of group {wildcards.group} that deepCR flags"
    script:
        "../../scripts/deepcr/inpaint_exposures.py"


collect(per_study, rules.convert_net, net=ALL_NETS)
collect(per_group, rules.detect_cosmic_rays, model=NETS)
if not CSST:

    collect(per_group, rules.inpaint_exposures)
