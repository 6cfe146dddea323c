# Say what the pixels of Table 1 are made of (simulated exposures).
# Needs: counts of all groups and Table 1, by stratum; resources/published.yaml.
# Makes:
# - tables/mixtures.ecsv: mixtures of star cores, saturated stars and extended light that recall
#   and precision of the paper's Table 1 do not exclude, by star region
# - figures/strata.{pdf,png}: recall and precision of deepCR and recall of the labels on star cores,
#   saturated stars and extended light, and the mixtures that the paper's Table 1 does not exclude


rule make_mixtures:
    input:
        lib=library("make_mixtures"),
        counts=per_group(rules.count_pixels.output),
        published="resources/published.yaml",
    output:
        f"{RESULTS}/tables/mixtures.ecsv",
    log:
        f"{RESULTS}/logs/make_mixtures.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_mixtures.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(250),
    params:
        dataset=STUDY.dataset,
        model=MODELS[0],
        resampling=RESAMPLING,
    message:
        "Find the mixtures of strata that Table 1 does not exclude"
    script:
        "../../scripts/metrics/make_mixtures.py"


use rule draw_figure as draw_strata with:
    input:
        **drawn_by("strata"),
        data=[
            rules.make_table1.output.ecsv,
            rules.make_mixtures.output[0],
            "resources/published.yaml",
        ],
    output:
        **figure_files("strata", "Table 1", "strata", "what star regions are made of"),
    log:
        f"{RESULTS}/logs/draw_strata.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_strata.tsv"
    message:
        "Draw Table 1 by what its pixels are made of"


collect(per_study, rules.make_mixtures, rules.draw_strata)
