# Simulate fields of the CSST survey camera, one exposure per exposure time.
# Needs: section `csst` of the configuration.
# Makes:
# - truth/<group>_catalogue.ecsv: positions and magnitudes of the galaxies of a CSST field and of the
#   stars that can be told apart
# - exposures/<group>-<time>_flc.fits: simulated CSST exposure
# - truth/<group>-<time>_truth.fits: true charge of cosmic rays in each pixel, and the image
#   without them
# - reference/<group>: true cosmic-ray labels and clean images of a CSST field, in the format of
#   the reference


rule simulate_csst:
    input:
        lib=library("simulate_csst"),
        events=event_library(STUDY.csst),
    output:
        catalogue=f"{RESULTS}/truth/{{group}}_catalogue.ecsv",
        exposures=[
            f"{RESULTS}/exposures/{{group}}-{time:04d}_flc.fits"
            for time in STUDY.csst.exptimes_s
        ],
        truth=[
            f"{RESULTS}/truth/{{group}}-{time:04d}_truth.fits"
            for time in STUDY.csst.exptimes_s
        ],
    log:
        f"{RESULTS}/logs/simulate_csst/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_csst/{{group}}.tsv"
    conda:
        "../../../envs/simulate.yaml"
    resources:
        mem_mb=memory_mb(200, 95),
        runtime=minutes(15),
    params:
        seed=STUDY.seed,
        field=group_number,
        settings=SETTINGS["csst"],
    message:
        "Simulate the CSST exposures of field {wildcards.group}"
    script:
        "../../scripts/simulation/simulate_csst.py"


rule label_truth:
    input:
        lib=library("label_truth"),
        exposures=exposures,
        truth=truth,
    output:
        directory(REFERENCE),
    log:
        f"{RESULTS}/logs/label_truth/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/label_truth/{{group}}.tsv"
    conda:
        "../../../envs/methods.yaml"
    resources:
        mem_mb=memory_mb(200, 60),
        runtime=minutes(0.2),
    params:
        truth_sigma=STUDY.metrics.truth_sigma,
    message:
        "Use the truth of field {wildcards.group} as its reference"
    script:
        "../../scripts/simulation/label_truth.py"


collect(per_group, rules.simulate_csst, rules.label_truth)
