# Write the report.
# Needs: tables and figures of the study.
# Makes:
# - report.html: report: one self-contained page with all tables and figures


rule write_report:
    input:
        lib=library("write_report"),
        tables=[
            rules.make_table1.output.ecsv,
            rules.make_groups.output[0],
            rules.summarise_photometry.output[0],
            rules.measure_accuracy.output.magnitude,
            rules.measure_accuracy.output.repair,
            rules.make_density.output.density,
            rules.make_density.output.fits,
            rules.make_stability.output.stability,
            rules.make_stability.output.trends,
            rules.make_sensitivity.output[0],
            rules.compare_published.output.ecsv,
            rules.make_roc.output.recall,
            rules.make_roc.output.differences,
            *([rules.make_reliability.output.calibration] if PROBABILITIES else []),
            *(
                [rules.make_remedy.output.scores, rules.make_remedy.output.photometry]
                if STUDY.methods.remedy
                else []
            ),
            *([rules.make_n_exposures.output[0]] if STUDY.audit.n_exposures else []),
            *(
                [
                    rules.check_sample.output.sample,
                    rules.check_sample.output.control,
                    rules.make_mixtures.output[0],
                    rules.make_audit.output.audit,
                    rules.make_audit.output.corrected,
                    rules.make_audit.output.scale,
                    rules.make_objects.output.objects,
                    rules.make_objects.output.purity,
                    rules.make_objects.output.star_alarms,
                    rules.make_objects.output.method_scores,
                    rules.make_method_fluxes.output[0],
                ]
                if SIMULATED
                else [rules.make_alignment.output[0]]
            ),
        ],
        figures=expand(
            f"{RESULTS}/figures/{{name}}.png",
            name=[
                *(f"fig{n}" for n in range(1, 9)),
                "table1",
                "accuracy",
                "inference",
                "roc",
                "methods",
                *(["reliability"] if PROBABILITIES else []),
                *(["strata", "audit", "objects"] if SIMULATED else ["frame"]),
                *(["n_exposures"] if STUDY.audit.n_exposures else []),
                *(["remedy", "psf_error"] if STUDY.methods.remedy else []),
            ],
        ),
        gallery=rules.make_gallery.output[0],
        frame=[] if SIMULATED else rules.map_frame.output[0],
        exposures_kept=(
            [] if STUDY.audit.n_exposures and SIMULATED else [KEPT_N_EXPOSURES]
        ),
        measured=KEPT_TABLES,
        published="resources/published.yaml",
        template="workflow/report/report.html.j2",
        parts=sorted(map(str, Path("workflow/report").glob("*/*.html.j2"))),
        css="workflow/report/report.css",
        weights=expand(rules.fetch_weights.output, net=ALL_NETS),
        config=rules.write_config.output[0],
        groups=rules.select_groups.output.groups if DRAWN else [],
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/write_report.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_report.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(230),
    params:
        # No input, whose bytes jobs compare with their records: only headers are read.
        exposures=per_exposure(EXPOSURE),
    message:
        "Write the report"
    script:
        "../../scripts/report/write_report.py"


collect(per_study, rules.write_report)
