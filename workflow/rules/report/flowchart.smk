# Draw the workflow itself (Figure 2).
# Needs: the Snakefile, its rules and the merged configuration.
# Makes:
# - tables/workflow.ecsv: the rules of the study and which rules each needs
# - figures/fig2.{pdf,png}: Figure 2: flow chart of the photometry


localrules:
    list_workflow,


rule list_workflow:
    input:
        lib=library("list_workflow"),
        snakefile="Snakefile",
        rules=sorted(str(path) for path in Path("workflow").rglob("*.smk")),
        config=rules.write_config.output[0],
        groups=f"{RESULTS}/groups.tsv" if DRAWN else [],
    output:
        f"{RESULTS}/tables/workflow.ecsv",
    log:
        f"{RESULTS}/logs/list_workflow.log",
    benchmark:
        f"{RESULTS}/benchmarks/list_workflow.tsv"
    conda:
        "../../../envs/workflow.yaml"
    resources:
        mem_mb=memory_mb(200),
    message:
        "List the rules of the study and what each needs"
    script:
        "../../scripts/report/list_workflow.py"


use rule draw_figure as draw_fig2 with:
    input:
        **drawn_by("paper/fig2"),
        data=[rules.list_workflow.output],
    output:
        **figure_files("fig2", "Figures", "Figure 2", "flow chart of photometry"),
    log:
        f"{RESULTS}/logs/draw_fig2.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig2.tsv"
    resources:
        mem_mb=memory_mb(270),
    message:
        "Draw the flow chart of photometry"


collect(per_study, rules.list_workflow, rules.draw_fig2)
