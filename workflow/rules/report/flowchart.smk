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


rule draw_fig2:
    input:
        lib=library("draw_fig2"),
        table=rules.list_workflow.output[0],
        style=["workflow/report/crstudy.mplstyle"],
    output:
        pdf=f"{RESULTS}/figures/fig2.pdf",
        png=report(
            f"{RESULTS}/figures/fig2.png",
            category="Figures",
            caption="../../report/fig2.rst",
            labels={"figure": "Figure 2", "shows": "flow chart of photometry"},
        ),
    log:
        f"{RESULTS}/logs/draw_fig2.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_fig2.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(270),
    message:
        "Draw the flow chart of photometry"
    script:
        "../../scripts/figures/draw_fig2.py"


collect(per_study, rules.list_workflow, rules.draw_fig2)
