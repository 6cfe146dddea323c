# Sum up the cost of the study.
# Needs: the benchmark, and beside its log the usage record, of every job collected so far.
# Makes:
# - profiling/cost.ecsv: CPU time, memory and disk use of each rule, also extrapolated to the
#   paper's study


rule make_cost:
    input:
        lib=library("make_cost"),
        benchmarks=collected_benchmarks(),
    output:
        f"{RESULTS}/profiling/cost.ecsv",
    log:
        f"{RESULTS}/logs/make_cost.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_cost.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150),
    params:
        # No input, whose bytes jobs compare with their records: only headers are read.
        exposures=per_exposure(EXPOSURE),
        dataset=STUDY.dataset,
        groups=groups,
        per={one.name: unit_of_jobs(one) for one in collected_rules()},
    message:
        "Sum up the cost of the study"
    script:
        "../../scripts/report/make_cost.py"


collect(per_study, rules.make_cost)
