# Needs: the configuration.
# Makes: the checked settings, the groups, and the functions that name inputs and parameters.

import math
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crstudy.pipeline.slurm import check_cluster, check_no_jobs_left, largest_requests
from crstudy.config.study import load_config
from crstudy.core.hardware import has_gpu
from crstudy.core.errors import StudyError
from crstudy.core.atomic import check_writable
from crstudy.config.groups import NAME, csst_groups, group_of, read_groups, simulated_groups
from crstudy.config.registry import METHODS
from crstudy.pipeline.dependencies import sources

# Jobs find the library also inside a conda environment of their own.
os.environ.update(PYTHONPATH=str(Path(workflow.basedir) / "workflow"))

try:
    STUDY = load_config(config)
    CSST = STUDY.source == "csst"
    SIMULATED = CSST or STUDY.source == "simulation"
    GROUP_TABLE = STUDY.groups or f"config/groups/{STUDY.dataset}.tsv"
    # Without a group table, groups are drawn from the archive: not known before select_groups ran.
    DRAWN = (
        STUDY.source in ("mast", "s3", "http")
        and STUDY.groups is None
        and not Path(GROUP_TABLE).is_file()
    )
    if CSST:
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
RESULTS = f"results/{STUDY.dataset}"
EXPOSURE = f"{RESULTS}/exposures/{{exposure}}_flc.fits"
TRUTH = f"{RESULTS}/truth/{{exposure}}_truth.fits"
REFERENCE = f"{RESULTS}/reference/{{group}}"
# deepCR's nets to run: those to score as in the paper, and those to compare with other methods.
COMPARED = STUDY.methods.names
MODELS = STUDY.detector.models
NETS = [*dict.fromkeys([*MODELS, *COMPARED])]
NETS = [name for name in NETS if METHODS[name].module is None]
OTHERS = [name for name in COMPARED if name not in NETS]
# Methods whose score is a probability.
PROBABILITIES = [name for name in COMPARED if METHODS[name].unit == "probability"]
# Score from which on a method as it comes flags a pixel.
USUAL = {
    name: STUDY.detector.threshold if name in NETS else METHODS[name].usual_threshold
    for name in COMPARED
}
DEVICE = STUDY.detector.device
# GPUs that a job with a net asks for.
GPUS = int(DEVICE == "cuda" or (DEVICE == "auto" and has_gpu()))
# With a GPU, CUDA's libraries come on top (a guess).
CUDA_MB = 2500 * GPUS
# Pixels of an exposure, all chips, in units of 1e6: memory and time of jobs grow with them.
FULL_FRAME_MPX = 2 * 2048 * 4096 / 1e6
# Bytes of a pixel in an exposure file: science, error and flags.
EXPOSURE_BYTES_PER_PX = 10
# Snakemake in an allocation of a cluster, once for the allocation and once for the job in it:
# 375 MB on the cluster of the tests.
SNAKEMAKE_MB = 450
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
    model="|".join(NETS),
    method="|".join(COMPARED),


def library(rule_name):
    """Return the library modules that the script of a rule uses."""
    (script,) = Path("workflow/scripts").glob(f"*/{rule_name}.py")
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


def first_exposures(wildcards):
    """Return two exposure files of the first group."""
    return expand(EXPOSURE, exposure=next(iter(groups().values()))[:2])


def exposure_mpx(input):
    """Return the pixels of an exposure, 1e6: by its file, if it is there, else as expected."""
    if CSST:
        return STUDY.csst.tile_height_px * STUDY.csst.tile_width_px / 1e6
    if SIMULATED:
        frame = STUDY.simulation
        return frame.n_chips * frame.chip_height_px * frame.chip_width_px / 1e6
    sizes = [path.stat().st_size for path in map(Path, input) if path.is_file()]
    return max(sizes, default=0) / EXPOSURE_BYTES_PER_PX / 1e6 or FULL_FRAME_MPX


def memory_mb(base, per_mpx=0):
    """Return the function for mem_mb of a job: MB, and more of them for each Mpx of an exposure.

    Each attempt asks for as much again.
    """

    def ask(wildcards, input, attempt):
        job = base + per_mpx * exposure_mpx(input.get("exposures", ()))
        return math.ceil((SNAKEMAKE_MB + job) * attempt)

    return ask


def method_memory_mb(wildcards, input, attempt):
    """Return mem_mb of a job that scores exposures with a method."""
    return memory_mb(*METHODS[wildcards.method].memory_mb)(wildcards, input, attempt)


def minutes(per_mpx):
    """Return the function for runtime of a job: minutes, from s for each Mpx of its exposures.

    A slow node may take three times as long; Snakemake starts in a minute.
    """

    def ask(wildcards, input, attempt):
        exposures = input.get("exposures", ())
        mpx = max(len(exposures), 1) * exposure_mpx(exposures)
        return math.ceil((1 + 3 * per_mpx * mpx / 60) * attempt)

    return ask


def held_out():
    """Return the groups on which the parameters of methods are chosen."""
    n = STUDY.methods.tuning_groups
    return list(groups())[-n:] if n else []


def compared_groups(wildcards=None):
    """Return the groups on which methods are compared."""
    return [group for group in groups() if group not in held_out()]


def per_compared_group(pattern, methods=()):
    """Return a function that names a file for each method and compared group."""
    return lambda wildcards: expand(pattern, method=methods, group=compared_groups())


def per_held_out_group(pattern, methods):
    """Return a function that names a file for each method and held-out group."""
    return lambda wildcards: expand(pattern, method=methods, group=held_out())


def scored_names(wildcards):
    """Return the exposures of a group that methods score: of a CSST field, all."""
    return names(wildcards)[: None if CSST else STUDY.methods.exposures_per_group]


def scored(pattern):
    """Return a function that names a file for each exposure of a group that methods score."""
    return lambda wildcards: expand(pattern, exposure=scored_names(wildcards))


def of_held_out(pattern):
    """Return a function that names a file for the first exposure of each held-out group.

    For CSST there is none: its held-out fields are for thresholds, not for parameters.
    """
    return lambda wildcards: [
        path
        for group in ([] if CSST else held_out())
        for path in expand(pattern, group=group, exposure=groups()[group][0])
    ]


def maps_of(method, group):
    """Return the folder with a method's maps of a group."""
    maker = rules.detect_cosmic_rays if method in NETS else rules.score_exposures
    return expand(maker.output, model=method, method=method, group=group)[0]


def score_maps(wildcards):
    """Return the folder with a method's maps of a group."""
    return maps_of(wildcards.method, wildcards.group)


def all_score_maps(wildcards):
    """Return the folder with each method's maps of a group."""
    return [maps_of(name, wildcards.group) for name in COMPARED]


def method_library(rule_name):
    """Return a function for the modules that a rule's script uses, and the method that it runs."""

    def modules(wildcards):
        name, package = method_module(wildcards), Path("workflow/crstudy")
        files = [package / f"methods/{name}.py"] if name else []
        used = [path for file in files for path in (file, *sources(file, package))]
        return sorted({*library(rule_name), *map(str, used)})

    return modules


def method_module(wildcards):
    """Return the module of a method; None for deepCR's nets."""
    return METHODS[wildcards.method].module


def median_reference(wildcards):
    """Return the reference of a group for a method that looks at several exposures."""
    several = METHODS[wildcards.method].several_exposures
    return expand(REFERENCE, **wildcards) if several else []


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


def counted_rules():
    """Return the rules that this study runs and make_cost counts, from first to last."""
    others = {"make_cost", "write_provenance"}
    others |= set() if SIMULATED else {"match_stars", "check_sample"}
    others |= set() if DRAWN else {"select_groups"}
    return [one for one in workflow.rules if one.benchmark and one.name not in others]


def all_benchmarks(wildcards):
    """Return the benchmark files of all jobs that make_cost counts."""
    jobs = {
        "group": list(groups()),
        "exposure": sum(groups().values(), ()),
        "model": NETS,
        "net": [*NETS, "inpaint-2-32"],
        "method": COMPARED,
    }
    fewer = {
        "tune_method": {"method": OTHERS},
        "score_exposures": {"method": OTHERS},
        "count_objects": {"group": compared_groups()},
        "refine_masks": {"group": compared_groups()},
        "repair_stars": {"group": compared_groups()},
    }
    return [
        path
        for one in counted_rules()
        for path in expand(
            getattr(rules, one.name).benchmark, **jobs | fewer.get(one.name, {})
        )
    ]


def method_benchmarks(wildcards):
    """Return the benchmark files of all jobs that score pixels, by method."""
    return {
        name: expand(
            (
                rules.detect_cosmic_rays if name in NETS else rules.score_exposures
            ).benchmark,
            model=name,
            method=name,
            group=compared_groups(),
        )
        for name in COMPARED
    }


def exposures_by_method(wildcards):
    """Return how many exposures each method's jobs score: the nets take all of a group."""
    most = {
        name: None if name in NETS else STUDY.methods.exposures_per_group
        for name in COMPARED
    }
    taken = [groups()[group] for group in compared_groups()]
    return {name: sum(len(some[:n]) for some in taken) for name, n in most.items()}


def score_benchmarks(wildcards):
    """Return the benchmark files of all jobs that score pixels."""
    return sum(method_benchmarks(wildcards).values(), [])


def all_tables(wildcards):
    """Return the tables that this study makes."""
    outputs = [str(path) for one in counted_rules() for path in one.output]
    return [path for path in outputs if path.startswith(f"{RESULTS}/tables/")]


def jobs_per(wildcards):
    """Return whether each rule has jobs for each exposure, group or net, or for the study."""
    per = {}
    for one in counted_rules():
        names = one.wildcard_names & {"exposure", "group", "net"}
        per[one.name] = names.pop() if names else "study"
    return per


def submissions():
    """Return the jobs and the groups of jobs that this run will submit."""
    dag = workflow.dag
    units = {dag.get_job_group(job) or job for job in dag.needrun_jobs()}
    return [one for one in units if not one.is_local]


def check_places():
    """Raise one line before the first job if results cannot be written or SLURM refuses jobs."""
    try:
        check_writable(RESULTS)
        if workflow.executor_plugin.name == "slurm":
            check_no_jobs_left(Path.cwd())
            check_cluster(largest_requests(one.resources for one in submissions()))
    except StudyError as error:
        raise WorkflowError(str(error)) from None
