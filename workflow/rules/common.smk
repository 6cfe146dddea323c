# Needs: the configuration.
# Makes: the checked settings, the groups, and the functions that name inputs and parameters.

import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crstudy.config import load_config
from crstudy.errors import StudyError
from crstudy.groups import group_of, read_groups, simulated_groups
from crstudy.sources import sources

# Jobs find the library also inside a conda environment of their own.
os.environ.update(PYTHONPATH=str(Path(workflow.basedir) / "workflow"))

try:
    STUDY = load_config(config)
    SIMULATED = STUDY.source == "simulation"
    GROUPS = (
        simulated_groups(
            STUDY.simulation.n_groups, STUDY.simulation.exposures_per_group
        )
        if SIMULATED
        else read_groups(STUDY.groups)
    )
except StudyError as error:
    raise WorkflowError(str(error)) from None

SETTINGS = STUDY.model_dump(mode="json")
RESULTS = f"results/{STUDY.dataset}"
MODELS = STUDY.detector.models
ALL_EXPOSURES = [
    f"{RESULTS}/exposures/{name}_flc.fits"
    for names in GROUPS.values()
    for name in names
]
RESAMPLING = {
    "samples": STUDY.metrics.bootstrap_samples,
    "confidence": STUDY.metrics.confidence,
    "seed": STUDY.seed,
}
# The paper scores "on stars" without saying where they end: the widest region.
STAR_REGION = f"{min(STUDY.metrics.region_rms):g}"


wildcard_constraints:
    group="|".join(GROUPS),
    exposure="|".join(name for names in GROUPS.values() for name in names),
    model="|".join(MODELS),


def library(rule_name):
    """Return the library modules that the script of a rule uses."""
    script = Path(f"workflow/scripts/{rule_name}.py")
    return [str(path) for path in sources(script, Path("workflow/crstudy"))]


def exposures(wildcards):
    """Return the exposure files of a group."""
    return [f"{RESULTS}/exposures/{name}_flc.fits" for name in GROUPS[wildcards.group]]


def group_number(wildcards):
    """Return the number, from 1, of the group or of the exposure's group."""
    group = getattr(wildcards, "group", None) or group_of(GROUPS, wildcards.exposure)
    return list(GROUPS).index(group) + 1


def exposure_number(wildcards):
    """Return the number of an exposure within its group, from 1."""
    return GROUPS[group_of(GROUPS, wildcards.exposure)].index(wildcards.exposure) + 1


def catalogue(wildcards):
    """Return the catalogue of the field of an exposure."""
    return f"{RESULTS}/truth/{group_of(GROUPS, wildcards.exposure)}_catalogue.ecsv"


def truth(wildcards):
    """Return the truth files of a group, if it is simulated."""
    names = GROUPS[wildcards.group] if SIMULATED else ()
    return [f"{RESULTS}/truth/{name}_truth.fits" for name in names]
