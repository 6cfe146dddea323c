"""Can deepCR be trusted to reject cosmic rays from single exposures? See README.md."""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/configure.smk"


if SIMULATED:

    include: "workflow/rules/simulate.smk"

else:

    include: "workflow/rules/select.smk"
    include: "workflow/rules/fetch.smk"
    include: "workflow/rules/align.smk"


include: "workflow/rules/reference.smk"
include: "workflow/rules/mask.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/photometry.smk"
include: "workflow/rules/density.smk"
include: "workflow/rules/accuracy.smk"
include: "workflow/rules/stability.smk"
include: "workflow/rules/sensitivity.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/gallery.smk"
include: "workflow/rules/flowchart.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.write_config.output,
        rules.make_table1.output,
        rules.compare_published.output,
        rules.write_report.output,
        [] if SIMULATED else rules.make_manifest.output,


if not SIMULATED:

    rule fetch:
        input:
            rules.make_manifest.output,
