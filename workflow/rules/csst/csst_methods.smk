# Compare all methods on single CSST exposures.
# Needs: exposures, truth, reference, valid pixels and score maps of the fields.
# Makes:
# - csst/<group>.parquet: numbers of cosmic-ray and other pixels by score, for all methods
# - csst/<group>_photometry.parquet: fluxes, in apertures and with the PSF, and moments of stars after
#   repair with each method's masks
# - csst/<group>_catalogue.parquet: numbers of false and lost sources of each exposure after repair
#   with each method's masks
# - tables/csst.ecsv: recall and precision of each method, default and tuned, by exposure time
# - tables/csst_photometry.ecsv: anomalous fractions of stars after repair with each method, by
#   exposure time
# - tables/csst_limits.ecsv: exposure times at which the anomalous fraction of stars exceeds the
#   limits of the verdict
# - csst/<group>_masks.parquet: pixels and groups of pixels that each method flags in vain
# - tables/csst_differences.ecsv: paired differences of each method, default and tuned, to no
#   correction and to L.A.Cosmic, between methods, and between default and tuned
# - tables/csst_masks.ecsv: precision at the prevalence of the survey, and pixels and groups of
#   pixels without a cosmic ray that each method flags per square degree, in its exposure time
# - tables/csst_bias.ecsv: changes of magnitudes, centres, sizes and ellipticities of stars by cosmic rays
#   and by their removal, by magnitude and exposure time
# - tables/csst_catalogue.ecsv: false and lost sources per square degree after repair with each
#   method's masks
# - tables/csst.md: verdict: what deepCR gains over no correction and over L.A.Cosmic
# - figures/csst.{pdf,png}: recall, precision and photometry of each method against exposure time
# - figures/csst_bias.{pdf,png}: changes of fluxes, centres and ellipticities of stars by magnitude
# - report.html: report of the CSST study


rule count_csst:
    input:
        lib=library("count_csst"),
        exposures=exposures,
        truth=truth,
        reference=rules.label_truth.output[0],
        good=rules.mask_pixels.output[0],
        scores=all_score_maps,
    output:
        f"{RESULTS}/csst/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/count_csst/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/count_csst/{{group}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(300, 60),
        runtime=minutes(3),
    params:
        modules={name: METHODS[name].module for name in COMPARED},
        usual=DEFAULT_THRESHOLDS,
        star_rms=min(STUDY.metrics.region_rms),
        background_box_px=STUDY.metrics.background_box_px,
        truth_sigma=STUDY.metrics.truth_sigma,
    message:
        "Count the pixels of field {wildcards.group} by the scores of all methods"
    script:
        "../../scripts/csst/count_csst.py"


rule repair_csst:
    input:
        lib=library("repair_csst"),
        exposures=exposures,
        truth=truth,
        catalogue=rules.simulate_csst.output.catalogue,
        reference=rules.label_truth.output[0],
        good=rules.mask_pixels.output[0],
        scores=all_score_maps,
        validation=expand(rules.count_csst.output, group=held_out()),
        weights=f"{RESULTS}/weights/inpaint-2-32.pth",
        net=f"{RESULTS}/nets/inpaint-2-32",
    output:
        photometry=f"{RESULTS}/csst/{{group}}_photometry.parquet",
        catalogue=f"{RESULTS}/csst/{{group}}_catalogue.parquet",
        masks=f"{RESULTS}/csst/{{group}}_masks.parquet",
    log:
        f"{RESULTS}/logs/repair_csst/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/repair_csst/{{group}}.tsv"
    conda:
        "../../../envs/detect.yaml"
    resources:
        mem_mb=memory_mb(500 + CUDA_MB, 120),
        runtime=minutes(60),
        gpu=GPUS,
    params:
        usual=DEFAULT_THRESHOLDS,
        device=DEVICE,
        csst=SETTINGS["csst"],
        settings={
            k: v
            for k, v in SETTINGS["photometry"].items()
            if k not in ("flux_sigma", "min_detections")
        }
        | {"background_box_px": STUDY.metrics.background_box_px},
    message:
        "Inpaint field {wildcards.group} with every method, and measure its sources"
    script:
        "../../scripts/csst/repair_csst.py"


rule measure_csst:
    input:
        lib=library("measure_csst"),
        validation=expand(rules.count_csst.output, group=held_out()),
        counts=expand(rules.count_csst.output, group=compared_groups()),
        photometry=expand(rules.repair_csst.output.photometry, group=compared_groups()),
        catalogues=expand(rules.repair_csst.output.catalogue, group=compared_groups()),
        masks=expand(rules.repair_csst.output.masks, group=compared_groups()),
        published="resources/published_csst.yaml",
    output:
        scores=f"{RESULTS}/tables/csst.ecsv",
        photometry=f"{RESULTS}/tables/csst_photometry.ecsv",
        limits=f"{RESULTS}/tables/csst_limits.ecsv",
        differences=f"{RESULTS}/tables/csst_differences.ecsv",
        masks=f"{RESULTS}/tables/csst_masks.ecsv",
        bias=f"{RESULTS}/tables/csst_bias.ecsv",
        catalogue=f"{RESULTS}/tables/csst_catalogue.ecsv",
        verdict=f"{RESULTS}/tables/csst.md",
    log:
        f"{RESULTS}/logs/measure_csst.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_csst.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(1200),
    params:
        dataset=STUDY.dataset,
        usual=DEFAULT_THRESHOLDS,
        flux_sigma=STUDY.photometry.flux_sigma,
        pixel_scale_arcsec=STUDY.csst.pixel_scale_arcsec,
        resampling=RESAMPLING,
    message:
        "Tabulate recall, precision and photometry against exposure time"
    script:
        "../../scripts/csst/measure_csst.py"


use rule draw_figure as draw_csst with:
    input:
        **drawn_by("csst"),
        data=[
            rules.measure_csst.output.scores,
            rules.measure_csst.output.photometry,
            "resources/published_csst.yaml",
        ],
    output:
        **figure_files(
            "csst", "CSST", "CSST", "masks and photometry against exposure time"
        ),
    log:
        f"{RESULTS}/logs/draw_csst.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_csst.tsv"
    message:
        "Draw masks and photometry on CSST exposures against exposure time"


use rule draw_figure as draw_csst_bias with:
    input:
        **drawn_by("csst_bias"),
        data=[rules.measure_csst.output.bias],
    output:
        **figure_files(
            "csst_bias", "CSST", "CSST stars", "biases of stars by magnitude"
        ),
    log:
        f"{RESULTS}/logs/draw_csst_bias.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_csst_bias.tsv"
    message:
        "Draw biases of stars on CSST exposures by magnitude"


rule write_csst_report:
    input:
        lib=library("write_csst_report"),
        tables=[
            rules.measure_csst.output.scores,
            rules.measure_csst.output.photometry,
            rules.measure_csst.output.limits,
            rules.measure_csst.output.differences,
            rules.measure_csst.output.masks,
            rules.measure_csst.output.bias,
            rules.measure_csst.output.catalogue,
            "resources/systematics.ecsv",
            "resources/csst_ranges.ecsv",
            "resources/csst_psf.ecsv",
            *OTHER_NETS,
            *STAR_NET,
        ],
        verdict=rules.measure_csst.output.verdict,
        figures=[rules.draw_csst.output.png, rules.draw_csst_bias.output.png],
        template="workflow/report/csst.html.j2",
        parts=[
            f"workflow/report/parts/{name}.html.j2"
            for name in (
                "base",
                "csst_ranges",
                "csst_sections",
                "headlines",
                "macros",
                "star_net",
            )
        ],
        css="workflow/report/report.css",
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/write_csst_report.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_csst_report.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(230),
    params:
        csst=SETTINGS["csst"],
        held_out=STUDY.methods.tuning_groups,
    message:
        "Write the report"
    script:
        "../../scripts/csst/write_csst_report.py"


collect(per_group, rules.count_csst)
collect(per_compared_group, rules.repair_csst)
collect(
    per_study,
    rules.measure_csst,
    rules.draw_csst,
    rules.draw_csst_bias,
    rules.write_csst_report,
)
