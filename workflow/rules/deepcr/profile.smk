# Measure the speed of the first model on the machine of the study.
# Needs: two exposures of the first group.
# Makes:
# - profiling/inference.json: throughput of deepCR on this machine, its roofline, and time by stage
#   and operator
# - profiling/trace.json: timeline of the operators, if profiling.trace is set
# - figures/inference.{pdf,png}: roofline of deepCR, and time by stage and operator


rule profile_inference:
    input:
        lib=library("profile_inference"),
        exposures=first_exposures,
        weights=f"{RESULTS}/weights/{MODELS[0]}.pth",
        net=f"{RESULTS}/nets/{MODELS[0]}",
    output:
        profile=f"{RESULTS}/profiling/inference.json",
        trace=f"{RESULTS}/profiling/trace.json" if STUDY.profiling.trace else [],
    log:
        f"{RESULTS}/logs/profile_inference.log",
    benchmark:
        f"{RESULTS}/benchmarks/profile_inference.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(1000 + CUDA_MB, 20),
        gpu=GPUS,
    params:
        dataset=STUDY.dataset,
        model=MODELS[0],
        device=DEVICE,
    message:
        "Measure the speed of {params.model}"
    script:
        "../../scripts/deepcr/profile_inference.py"


use rule draw_figure as draw_inference with:
    input:
        **drawn_by("inference"),
        data=[rules.profile_inference.output.profile],
    output:
        **figure_files(
            "inference", "Figures", "Speed", "roofline, stages and operators"
        ),
    log:
        f"{RESULTS}/logs/draw_inference.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_inference.tsv"
    message:
        "Draw the speed of the detector"


collect(per_study, rules.profile_inference, rules.draw_inference)
