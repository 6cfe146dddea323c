# Needs: the configuration.
# Makes: the checked settings, the groups, and the functions that name inputs and parameters.

import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crstudy.config import load_config
from crstudy.errors import StudyError
from crstudy.groups import NAME, group_of, read_groups, simulated_groups
from crstudy.sources import sources

# Jobs find the library also inside a conda environment of their own.
os.environ.update(PYTHONPATH=str(Path(workflow.basedir) / "workflow"))

try:
    STUDY = load_config(config)
    SIMULATED = STUDY.source == "simulation"
    GROUP_TABLE = STUDY.groups or f"config/groups/{STUDY.dataset}.tsv"
    # Without a group table, groups are drawn from the archive: not known before select_groups ran.
    DRAWN = (
        STUDY.source in ("mast", "s3", "http")
        and STUDY.groups is None
        and not Path(GROUP_TABLE).is_file()
    )
    if SIMULATED:
        PINNED = simulated_groups(
            STUDY.simulation.n_groups, STUDY.simulation.exposures_per_group
        )
    else:
        PINNED = None if DRAWN else read_groups(GROUP_TABLE)
except StudyError as error:
    raise WorkflowError(str(error)) from None

SETTINGS = STUDY.model_dump(mode="json")
# Scripts that read the configuration see checked values: those of --config arrive as text.
config.update(SETTINGS)
RESULTS = f"results/{STUDY.dataset}"
EXPOSURE = f"{RESULTS}/exposures/{{exposure}}_flc.fits"
TRUTH = f"{RESULTS}/truth/{{exposure}}_truth.fits"
MODELS = STUDY.detector.models
RESAMPLING = {
    "samples": STUDY.metrics.bootstrap_samples,
    "confidence": STUDY.metrics.confidence,
    "seed": STUDY.seed,
}
# The paper scores "on stars" without saying where they end: the widest region.
STAR_REGION = f"{min(STUDY.metrics.region_rms):g}"


wildcard_constraints:
    group=NAME.pattern if DRAWN else "|".join(PINNED),
    exposure=NAME.pattern if DRAWN else "|".join(sum(PINNED.values(), ())),
    model="|".join(MODELS),


def library(rule_name):
    """Return the library modules that the script of a rule uses."""
    script = Path(f"workflow/scripts/{rule_name}.py")
    return [str(path) for path in sources(script, Path("workflow/crstudy"))]


def groups(wildcards=None):
    """Return the datasets of each group."""
    if DRAWN:
        return read_groups(checkpoints.select_groups.get().output.groups)
    return PINNED


def names(wildcards):
    """Return the datasets of a group."""
    return groups()[wildcards.group]


def per_group(pattern):
    """Return a function that names a file for each group."""
    return lambda wildcards: expand(pattern, group=groups())


def per_exposure(pattern):
    """Return a function that names a file for each exposure of the study."""
    return lambda wildcards: expand(pattern, exposure=sum(groups().values(), ()))


def exposures(wildcards):
    """Return the exposure files of a group."""
    return expand(EXPOSURE, exposure=names(wildcards))


def group_number(wildcards):
    """Return the number, from 1, of the group or of the exposure's group."""
    group = getattr(wildcards, "group", None) or group_of(groups(), wildcards.exposure)
    return list(groups()).index(group) + 1


def exposure_number(wildcards):
    """Return the number of an exposure within its group, from 1."""
    return (
        groups()[group_of(groups(), wildcards.exposure)].index(wildcards.exposure) + 1
    )


def catalogue(wildcards):
    """Return the catalogue of the field of an exposure."""
    return f"{RESULTS}/truth/{group_of(groups(), wildcards.exposure)}_catalogue.ecsv"


def truth(wildcards):
    """Return the truth files of a group, if it is simulated."""
    return expand(TRUTH, exposure=names(wildcards) if SIMULATED else ())
