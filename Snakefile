"""Can deepCR be trusted to reject cosmic rays from single exposures? See README.md."""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/configure.smk"


if CSST:

    include: "workflow/rules/csst.smk"

elif SIMULATED:

    include: "workflow/rules/simulate.smk"

else:

    include: "workflow/rules/select.smk"
    include: "workflow/rules/fetch.smk"
    include: "workflow/rules/align.smk"


if not CSST:

    include: "workflow/rules/reference.smk"


include: "workflow/rules/mask.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/scores.smk"


if CSST:

    include: "workflow/rules/csst_tables.smk"

else:

    include: "workflow/rules/score.smk"
    include: "workflow/rules/methods.smk"

    if PROBABILITIES:

        include: "workflow/rules/reliability.smk"

    if SIMULATED:

        include: "workflow/rules/objects.smk"
        include: "workflow/rules/audit.smk"
    include: "workflow/rules/photometry.smk"

    if STUDY.methods.remedy:

        include: "workflow/rules/remedy.smk"
    include: "workflow/rules/density.smk"
    include: "workflow/rules/accuracy.smk"
    include: "workflow/rules/stability.smk"
    include: "workflow/rules/sensitivity.smk"
    include: "workflow/rules/compare.smk"
    include: "workflow/rules/figures.smk"
    include: "workflow/rules/gallery.smk"
    include: "workflow/rules/flowchart.smk"
    include: "workflow/rules/profile.smk"
    include: "workflow/rules/report.smk"
    include: "workflow/rules/cost.smk"
    include: "workflow/rules/provenance.smk"


# Downloads at once, unless `--resources mast=` says otherwise: the archive is shared.
workflow.global_resources.setdefault("mast", 4)
# Jobs on a machine's GPU take turns.
workflow.global_resources.setdefault("gpu", 1)


# The small ones, and those that need the network, which a cluster's nodes may lack.
localrules:
    all,
    write_config,
    fetch_weights,
    convert_net,


onstart:
    # Snakemake 9.27.1 looks through the jobs that are ready once more each second for every job
    # that has ended, if their starts are limited (100/1s by default; snakemake pull request 3744).
    workflow.scheduler.job_rate_limiter = None
    check_places()


if CSST:

    rule all:
        default_target: True
        input:
            rules.write_config.output,
            rules.measure_csst.output,
            rules.draw_csst.output,
            rules.write_csst_report.output,
            # What lies between as well: Snakemake does not miss what a failed rerun has removed.
            per_exposure(EXPOSURE),
            per_exposure(TRUTH),
            per_group(rules.label_truth.output),
            per_group(rules.mask_pixels.output),
            per_group(rules.rescale_scores.output),
            *[per_group(maps_of(name, "{group}")) for name in COMPARED],

else:

    rule all:
        default_target: True
        input:
            rules.write_config.output,
            rules.make_table1.output,
            rules.compare_published.output,
            rules.write_report.output,
            rules.make_cost.output,
            rules.write_provenance.output,
            rules.profile_inference.output.profile,
            rules.profile_inference.output.trace,
            [] if SIMULATED else rules.make_manifest.output,
            # What lies between as well: Snakemake does not miss what a failed rerun has removed.
            per_exposure(EXPOSURE),
            per_group(rules.label_cosmic_rays.output),
            per_group(rules.mask_pixels.output),
            *[
                per_group(pattern)
                for pattern in expand(
                    rules.detect_cosmic_rays.output, model=NETS, group="{group}"
                )
            ],
            rules.draw_roc.output,
            rules.draw_methods.output,
            rules.draw_reliability.output if PROBABILITIES else [],
            rules.draw_objects.output if SIMULATED else [],
            rules.draw_audit.output if SIMULATED else [],
            per_group(rules.audit_labels.output) if SIMULATED else [],
            rules.draw_remedy.output if STUDY.methods.remedy else [],
            per_compared_group(rules.refine_masks.output)
            if STUDY.methods.remedy
            else [],
            per_compared_group(rules.score_exposures.output, OTHERS),
            per_compared_group(rules.count_scores.output, COMPARED),
            per_held_out_group(rules.score_exposures.output, OTHERS),
            per_held_out_group(rules.count_scores.output, COMPARED),
            per_compared_group(rules.count_objects.output) if SIMULATED else [],
            per_group(rules.inpaint_exposures.output),
            per_group(rules.count_pixels.output),
            per_group(rules.find_stars.output),
            per_group(rules.measure_stars.output),
            per_group(rules.climb_density.output),
            per_group(rules.vary_photometry.output),
            [] if SIMULATED else per_exposure(RECORD),
            [] if SIMULATED else per_group(ALIGNMENT),
            per_exposure(TRUTH) if SIMULATED else [],
            per_group(rules.match_stars.output) if SIMULATED else [],

    rule fetch:
        input:
            [] if SIMULATED else rules.make_manifest.output,
