# Needs: the benchmark, and beside its log the record, of every job of the study but this one.
# Makes: profiling/cost.ecsv: what each stage cost, and would cost in the paper's study.


rule make_cost:
    input:
        lib=library("make_cost"),
        benchmarks=all_benchmarks,
        exposures=per_exposure(EXPOSURE),
    output:
        f"{RESULTS}/profiling/cost.ecsv",
    log:
        f"{RESULTS}/logs/make_cost.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_cost.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(150),
    params:
        dataset=STUDY.dataset,
        groups=groups,
        per=jobs_per,
    message:
        "Add up what the study cost"
    script:
        "../scripts/report/make_cost.py"
