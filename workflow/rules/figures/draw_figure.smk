# Draw a figure by a module of crstudy/figures: the rule of each figure inherits this one.
# Needs: the module, its style, and the tables that it takes.
# Abstract: it has no input or output and never runs itself; `use rule draw_figure as` adds them.


rule draw_figure:
    log:
        f"{RESULTS}/logs/draw_figure.log",
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(320),
    params:
        options={},
    script:
        "../../scripts/figures/draw_figure.py"
