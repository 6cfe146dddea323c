# Simulate groups of dithered ACS/WFC exposures.
# Needs: section `simulation` of the configuration, resources/acs, resources/psf; for transplanted
#   cosmic rays resources/events.
# Makes:
# - truth/<group>_catalogue.ecsv: positions and magnitudes of the simulated galaxies and of the stars
#   that can be told apart
# - exposures/<exposure>_flc.fits: simulated exposure in the format of ACS/WFC flc files
# - truth/<exposure>_truth.fits: true charge of cosmic rays in each pixel, and the image without
#   them

TEMPLATES = expand(
    "resources/acs/wfc_f606w_{part}.hdr", part=["primary", "sci1", "sci2"]
)


rule simulate_catalogue:
    input:
        lib=library("simulate_catalogue"),
        templates=TEMPLATES,
    output:
        f"{RESULTS}/truth/{{group}}_catalogue.ecsv",
    log:
        f"{RESULTS}/logs/simulate_catalogue/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_catalogue/{{group}}.tsv"
    conda:
        "../../../envs/simulate.yaml"
    resources:
        mem_mb=memory_mb(150, 25),
    params:
        seed=STUDY.seed,
        number=group_number,
        settings={k: v for k, v in SETTINGS["simulation"].items() if k != "cosmic_rays"},
    message:
        "Draw the simulated stars and galaxies of group {wildcards.group}"
    script:
        "../../scripts/simulation/simulate_catalogue.py"


rule simulate_exposure:
    input:
        lib=library("simulate_exposure"),
        templates=TEMPLATES,
        psf=STUDY.simulation.psf,
        events=event_library(STUDY.simulation),
        catalogue=catalogue,
    output:
        flc=f"{RESULTS}/exposures/{{exposure}}_flc.fits",
        truth=f"{RESULTS}/truth/{{exposure}}_truth.fits",
    log:
        f"{RESULTS}/logs/simulate_exposure/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_exposure/{{exposure}}.tsv"
    conda:
        "../../../envs/simulate.yaml"
    resources:
        mem_mb=memory_mb(180, 115),
        runtime=minutes(2.5),
    params:
        seed=STUDY.seed,
        group=group_number,
        number=exposure_number,
        settings=SETTINGS["simulation"],
    message:
        "Simulate exposure {wildcards.exposure}"
    script:
        "../../scripts/simulation/simulate_exposure.py"


collect(per_group, rules.simulate_catalogue)
collect(per_exposure, rules.simulate_exposure)
