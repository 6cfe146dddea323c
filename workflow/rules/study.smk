# Reads the configuration: checked settings, groups of exposures, and constants that rules share.

import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crstudy.config.groups import (
    NAME,
    csst_groups,
    group_of,
    read_groups,
    simulated_groups,
    survey_time,
)
from crstudy.config.registry import METHODS
from crstudy.config.study import load_config
from crstudy.core.errors import StudyError, without_passwords
from crstudy.core.hardware import has_gpu

# Jobs find the library also inside a conda environment of their own, and text is UTF-8 to them,
# whatever the locale.
os.environ.update(PYTHONPATH=str(Path(workflow.basedir) / "workflow"), PYTHONUTF8="1")

try:
    STUDY = load_config(config)
    CSST = STUDY.source == "csst"
    TRAINING = STUDY.source == "training"
    SIMULATED = CSST or TRAINING or STUDY.source == "simulation"
    GROUP_TABLE = STUDY.groups or f"config/groups/{STUDY.dataset}.tsv"
    # Without a group table, groups are drawn from the archive: unknown before select_groups ran.
    DRAWN = (
        STUDY.source in ("mast", "s3", "http")
        and STUDY.groups is None
        and not Path(GROUP_TABLE).is_file()
    )
    if TRAINING:
        PINNED = {}
    elif CSST:
        PINNED = csst_groups(STUDY.csst.n_fields, STUDY.csst.exptimes_s)
    elif SIMULATED:
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
# What is kept of the configuration has no passwords.
SETTINGS["archive"] = {
    key: without_passwords(value) if isinstance(value, str) else value
    for key, value in SETTINGS["archive"].items()
}
RESULTS = f"results/{STUDY.dataset}"
EXPOSURE = f"{RESULTS}/exposures/{{exposure}}_flc.fits"
TRUTH = f"{RESULTS}/truth/{{exposure}}_truth.fits"
REFERENCE = f"{RESULTS}/reference/{{group}}"
# deepCR's nets to score as in the paper, and all methods to compare.
MODELS = STUDY.detector.models
COMPARED = [*STUDY.methods.names, *(one.name for one in STUDY.methods.own)]
# deepCR's nets to run, and the other methods.
NETS = [*dict.fromkeys([*([] if CSST else MODELS), *COMPARED])]
NETS = [name for name in NETS if METHODS[name].module is None]
NON_DEEPCR = [name for name in COMPARED if name not in NETS]
INPAINT = "inpaint-2-32"
ALL_NETS = [*NETS, INPAINT]
# Methods whose score is a probability.
PROBABILITIES = [name for name in COMPARED if METHODS[name].unit == "probability"]
# Scores above which untuned methods flag a pixel.
DEFAULT_THRESHOLDS = {
    name: METHODS[name].default_threshold or STUDY.detector.threshold
    for name in COMPARED
}
DEVICE = STUDY.detector.device
# GPUs that a job with a net requests.
GPUS = int(DEVICE == "cuda" or (DEVICE == "auto" and has_gpu()))
RESAMPLING = {
    "samples": STUDY.metrics.bootstrap_samples,
    "confidence": STUDY.metrics.confidence,
    "seed": STUDY.seed,
}
# Tables that reports show besides those of the study.
OTHER_NETS = ["resources/other_nets.ecsv"]
OTHER_NETS = [p for p in OTHER_NETS if SIMULATED and Path(p).is_file()]
# Of the nets trained here, which their names tell.
STAR_NET = any(name.startswith("stars-") for name in COMPARED)
STAR_NET = ["resources/star_net.ecsv"] if STAR_NET else []
KEPT_TABLES = [
    "resources/training_programmes.ecsv",
    *(
        [
            f"resources/{name}.ecsv"
            for name in ("systematics", "csst_ranges", "csst_psf")
        ]
        if SIMULATED
        else []
    ),
    *(["resources/psf_error.ecsv"] if STUDY.methods.remedy else []),
    *OTHER_NETS,
    *STAR_NET,
]
# Kept results of config/exposures.yaml: scores against the number of exposures behind the labels.
KEPT_N_EXPOSURES = "resources/expected/exposures/n_exposures.ecsv"
# The paper scores "on stars" without saying how far they extend: the widest region.
STAR_REGION = f"{min(STUDY.metrics.region_rms):g}"


wildcard_constraints:
    group=NAME.pattern if DRAWN else "|".join(PINNED),
    exposure=NAME.pattern if DRAWN else "|".join(sum(PINNED.values(), ())),
    model="|".join(NETS),
    method="|".join(COMPARED),
    net="[a-z0-9-]+",
