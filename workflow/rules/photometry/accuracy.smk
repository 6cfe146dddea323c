# Go beyond the paper: flux errors by magnitude, stars degraded and repaired.
# Needs: tables/photometry.parquet; for simulated exposures the catalogues.
# Makes:
# - tables/photometry_magnitude.ecsv: bias and scatter of star fluxes by magnitude and image
# - tables/repair.ecsv: fractions of unaffected stars that deepCR degrades and of hit stars that it
#   repairs
# - stars/<group>_matches.ecsv: stars of a group matched with the simulated sources
# - tables/star_sample.ecsv: completeness and purity of the star sample by magnitude (simulated
#   exposures)
# - tables/control.ecsv: negative control: false-alarm rates of the flux tests on apertures without
#   cosmic rays (simulated exposures)


rule measure_accuracy:
    input:
        lib=library("measure_accuracy"),
        photometry=rules.make_photometry.output[0],
    output:
        magnitude=f"{RESULTS}/tables/photometry_magnitude.ecsv",
        repair=f"{RESULTS}/tables/repair.ecsv",
    log:
        f"{RESULTS}/logs/measure_accuracy.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_accuracy.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(250),
    params:
        dataset=STUDY.dataset,
        area_edges_px=STUDY.density.area_edges_px,
        flux_sigma=STUDY.photometry.flux_sigma,
        resampling=RESAMPLING,
    message:
        "Tabulate bias and scatter by magnitude, and stars degraded and repaired"
    script:
        "../../scripts/photometry/measure_accuracy.py"


rule match_stars:
    input:
        lib=library("match_stars"),
        exposures=exposures,
        stars=rules.find_stars.output[0],
        catalogue=f"{RESULTS}/truth/{{group}}_catalogue.ecsv",
    output:
        f"{RESULTS}/stars/{{group}}_matches.ecsv",
    log:
        f"{RESULTS}/logs/match_stars/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/match_stars/{{group}}.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(130, 3),
    params:
        settings={
            name: SETTINGS["photometry"][name]
            for name in ("edge_fraction", "match_arcsec", "min_detections")
        },
    message:
        "Match the stars of group {wildcards.group} with the simulated sources"
    script:
        "../../scripts/photometry/match_stars.py"


rule check_sample:
    input:
        lib=library("check_sample"),
        photometry=rules.make_photometry.output[0],
        matches=per_group(rules.match_stars.output),
    output:
        sample=f"{RESULTS}/tables/star_sample.ecsv",
        control=f"{RESULTS}/tables/control.ecsv",
    log:
        f"{RESULTS}/logs/check_sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_sample.tsv"
    conda:
        "../../../envs/core.yaml"
    resources:
        mem_mb=memory_mb(260),
    params:
        dataset=STUDY.dataset,
        groups=lambda wildcards: list(groups()),
        flux_sigma=STUDY.photometry.flux_sigma,
        resampling=RESAMPLING,
    message:
        "Measure completeness and purity of the stars, and the negative control"
    script:
        "../../scripts/photometry/check_sample.py"


collect(per_study, rules.measure_accuracy)
if SIMULATED:

    collect(per_group, rules.match_stars)
    collect(per_study, rules.check_sample)
