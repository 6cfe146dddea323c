# Record the provenance of the results.
# Needs: benchmarks and usage records of all jobs; the tables; the files that the study started
#   from.
# Makes:
# - run/provenance.json: commit, software, weights, input checksums, machines and times of the run

from importlib.metadata import version


rule write_provenance:
    input:
        lib=library("write_provenance"),
        benchmarks=collected_benchmarks(),
        profile=rules.profile_inference.output.profile,
        config=rules.write_config.output[0],
        weights=expand(rules.fetch_weights.output, net=ALL_NETS),
        nets=expand(rules.convert_net.output, net=ALL_NETS),
        tables=collected_tables(),
        manifest=[] if SIMULATED else rules.make_manifest.output[0],
        lock="requirements.txt",
        files=[
            *([*TEMPLATES, STUDY.simulation.psf] if SIMULATED else []),
            *KEPT_TABLES,
            *(
                event_library(STUDY.csst if CSST else STUDY.simulation)
                if SIMULATED
                else []
            ),
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
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150),
    params:
        snakemake=version("snakemake"),
    message:
        "Record the provenance of the results"
    script:
        "../../scripts/report/write_provenance.py"


collect(per_study, rules.write_provenance)
