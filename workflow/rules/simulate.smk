# Needs: the section `simulation` of the configuration, resources/acs, resources/psf.
# Makes: exposures/<exposure>_flc.fits, truth/<exposure>_truth.fits, truth/<group>_catalogue.ecsv.

TEMPLATES = "resources/acs"


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
        "../../envs/simulate.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        seed=STUDY.seed,
        number=lambda wildcards: list(GROUPS).index(wildcards.group) + 1,
        settings=SETTINGS["simulation"],
    message:
        "Draw the stars and galaxies of group {wildcards.group}"
    script:
        "../scripts/simulate_catalogue.py"


def group_of(wildcards):
    """Return the group of an exposure and its number there, from 1."""
    group = next(g for g, names in GROUPS.items() if wildcards.exposure in names)
    return group, GROUPS[group].index(wildcards.exposure) + 1


rule simulate_exposure:
    input:
        lib=library("simulate_exposure"),
        templates=TEMPLATES,
        psf=STUDY.simulation.psf,
        catalogue=lambda wildcards: f"{RESULTS}/truth/{group_of(wildcards)[0]}_catalogue.ecsv",
    output:
        flc=f"{RESULTS}/exposures/{{exposure}}_flc.fits",
        truth=f"{RESULTS}/truth/{{exposure}}_truth.fits",
    log:
        f"{RESULTS}/logs/simulate_exposure/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_exposure/{{exposure}}.tsv"
    conda:
        "../../envs/simulate.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        seed=STUDY.seed,
        group=lambda wildcards: list(GROUPS).index(group_of(wildcards)[0]) + 1,
        number=lambda wildcards: group_of(wildcards)[1],
        settings=SETTINGS["simulation"],
    message:
        "Simulate exposure {wildcards.exposure}"
    script:
        "../scripts/simulate_exposure.py"
