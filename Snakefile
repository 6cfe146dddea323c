"""Can deepCR be trusted to reject cosmic rays from single exposures? See README.md."""

import os
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")

# Jobs find the library also inside a conda environment of their own.
os.environ["PYTHONPATH"] = str(Path(workflow.basedir) / "workflow")

from crstudy.config import load_config
from crstudy.errors import StudyError
from crstudy.groups import read_groups, simulated_groups
from crstudy.sources import sources


configfile: "config/config.yaml"


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
MODULES = Path("workflow/crstudy")


def library(rule_name):
    """Return the library modules that the script of a rule uses."""
    return [str(p) for p in sources(Path(f"workflow/scripts/{rule_name}.py"), MODULES)]


def exposures(wildcards):
    """Return the exposure files of a group."""
    return [f"{RESULTS}/exposures/{name}_flc.fits" for name in GROUPS[wildcards.group]]


wildcard_constraints:
    group="|".join(GROUPS),
    exposure="|".join(name for names in GROUPS.values() for name in names),
    model="|".join(MODELS),


include: "workflow/rules/configure.smk"
include: "workflow/rules/simulate.smk" if SIMULATED else "workflow/rules/fetch.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/mask.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/score.smk"


rule all:
    default_target: True
    input:
        rules.write_config.output,
        rules.make_table1.output,
        rules.draw_table1.output,
        expand(rules.inpaint_exposures.output, group=GROUPS),
