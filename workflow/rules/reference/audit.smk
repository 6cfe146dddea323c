# Test the reference itself against the truth (simulated exposures).
# Needs: exposures, truth, reference, valid pixels and probabilities of a group;
#   resources/published.yaml.
# Makes:
# - audit/<group>.ecsv: pixel counts of labels and detector under several settings of AstroDrizzle
# - tables/audit.ecsv: recall and precision of the detector and of the reference labels against the
#   truth, by AstroDrizzle setting and star region
# - tables/table1_corrected.ecsv: the paper's Table 1 corrected for the errors of the reference
#   labels
# - tables/driz_cr_scale.ecsv: how well each driz_cr_scale reproduces the decrease of recall
#   towards star centres in the paper's Table 1
# - figures/audit.{pdf,png}: errors of the reference labels by star region, and the corrected Table
#   1

# Largest number of sets of labels: settings of AstroDrizzle times medians.
AUDITED = (1 + len(STUDY.audit.driz_cr_snr)) * (1 + len(STUDY.audit.driz_cr_scale))
AUDITED *= 1 + STUDY.audit.leave_one_out
OWN = [STUDY.reference.driz_cr_snr, STUDY.reference.driz_cr_scale]


rule audit_labels:
    input:
        lib=library("audit_labels"),
        exposures=scored(EXPOSURE),
        truth=scored(TRUTH),
        reference=rules.label_cosmic_rays.output[0],
        good=rules.mask_pixels.output[0],
        probability=[f"{RESULTS}/detect/{model}/{{group}}" for model in MODELS],
    output:
        f"{RESULTS}/audit/{{group}}.ecsv",
    log:
        f"{RESULTS}/logs/audit_labels/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/audit_labels/{{group}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150, 140),
        runtime=minutes(AUDITED),
    params:
        own=OWN,
        driz_cr_snr=STUDY.audit.driz_cr_snr,
        driz_cr_scale=STUDY.audit.driz_cr_scale,
        models=MODELS,
        threshold=STUDY.detector.threshold,
        truth_sigma=STUDY.metrics.truth_sigma,
        labels={
            "grow_px": STUDY.reference.driz_cr_grow,
            "multiples_rms": STUDY.metrics.region_rms,
            "background_box_px": STUDY.metrics.background_box_px,
        },
    message:
        "Audit the labels of group {wildcards.group}"
    script:
        "../../scripts/reference/audit_labels.py"


rule make_audit:
    input:
        lib=library("make_audit"),
        counts=per_group(rules.audit_labels.output),
        published="resources/published.yaml",
    output:
        audit=f"{RESULTS}/tables/audit.ecsv",
        corrected=f"{RESULTS}/tables/table1_corrected.ecsv",
        scale=f"{RESULTS}/tables/driz_cr_scale.ecsv",
    log:
        f"{RESULTS}/logs/make_audit.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_audit.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(150),
    params:
        own=OWN,
        dataset=STUDY.dataset,
        model=MODELS[0],
        resampling=RESAMPLING,
    message:
        "Audit the reference, and correct the paper's Table 1"
    script:
        "../../scripts/reference/make_audit.py"


use rule draw_figure as draw_audit with:
    input:
        **drawn_by("audit"),
        data=[
            rules.make_audit.output.audit,
            rules.make_audit.output.corrected,
        ],
    output:
        **figure_files("audit", "Methods", "audit", "the reference against the truth"),
    log:
        f"{RESULTS}/logs/draw_audit.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_audit.tsv"
    message:
        "Draw the audit of the reference"


collect(per_group, rules.audit_labels)
collect(per_study, rules.make_audit, rules.draw_audit)
