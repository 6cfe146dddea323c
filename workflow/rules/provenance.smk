# Needs: the benchmark, and beside its log the record, of every job of the study but this one; its
#        tables; the files that it began with.
# Makes: run/provenance.json: what the study was made with and of, when and where.

from importlib.metadata import version


rule write_provenance:
    input:
        lib=library("write_provenance"),
        benchmarks=all_benchmarks,
        cost=rules.make_cost.benchmark,
        profile=rules.profile_inference.output.profile,
        config=rules.write_config.output[0],
        tables=all_tables,
        manifest=[] if SIMULATED else rules.make_manifest.output[0],
        lock="requirements.txt",
        files=[
            *([*TEMPLATES, STUDY.simulation.psf] if SIMULATED else []),
            *(
                []
                if SIMULATED
                else [f"{RESULTS}/groups.tsv" if DRAWN else GROUP_TABLE]
            ),
            "resources/published.yaml",
        ],
    output:
        f"{RESULTS}/run/provenance.json",
    log:
        f"{RESULTS}/logs/write_provenance.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_provenance.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(150),
    params:
        snakemake=version("snakemake"),
    message:
        "Write down what the study was made with, when and where"
    script:
        "../scripts/report/write_provenance.py"
