"""Configuration of a study: all keys, and their validation."""

from reprlib import repr as shortened
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ValidationError, model_validator

from crstudy.config.archive import Alignment, Archive, Selection
from crstudy.config.csst import Csst
from crstudy.config.registry import METHODS
from crstudy.config.sections import (
    NAME,
    Audit,
    Density,
    Detector,
    Mask,
    Methods,
    Metrics,
    Photometry,
    Profiling,
    Reference,
    Section,
    key,
)
from crstudy.config.simulation import Simulation
from crstudy.config.training import Training
from crstudy.core.errors import StudyError


class Study(Section):
    """A study: one dataset, from exposures to tables."""

    dataset: str = key("sim-mini", "Name of the dataset and of its results folder", pattern=NAME)
    seed: int = key(20230323, "Seed of every random number", ge=0, le=2**63 - 1)
    source: Literal["simulation", "csst", "training", "mirror", "mast", "s3", "http"] = key(
        "simulation",
        "Source of exposures: simulated ACS/WFC or CSST, files in a mirror folder, MAST, its "
        "public S3 copy, or a mirror on the web; training: no study, but nets are trained",
    )
    groups: str | None = key(
        None,
        "Group table (.tsv with columns group, dataset); null: config/groups/<dataset>.tsv, and if "
        "that does not exist, groups are drawn from MAST",
    )
    observed_with: str | None = key(
        None,
        "Camera and filter that every exposure must have, e.g. `ACS/WFC F606W`; null: not checked",
    )
    mirror: str | None = key(
        None,
        "Folder with exposures in astroquery's layout (mastDownload/HST/<dataset>/); null: the "
        "environment variable CRSTUDY_MIRROR",
    )
    archive: Archive = key(Archive(), "Download of real exposures")
    selection: Selection = key(Selection(), "Selection of groups from the archive")
    alignment: Alignment = key(Alignment(), "Alignment of real exposures")
    simulation: Simulation = key(Simulation(), "Simulated exposures")
    csst: Csst = key(Csst(), "Simulated exposures of CSST")
    training: Training = key(Training(), "Training of nets")
    reference: Reference = key(Reference(), "AstroDrizzle reference")
    mask: Mask = key(Mask(), "Valid pixels")
    detector: Detector = key(Detector(), "Detector under test")
    metrics: Metrics = key(Metrics(), "Recall and precision")
    audit: Audit = key(Audit(), "Audit of the reference")
    methods: Methods = key(Methods(), "Comparison of methods")
    photometry: Photometry = key(Photometry(), "Stars and their aperture photometry")
    density: Density = key(Density(), "Steps of cosmic-ray density")
    profiling: Profiling = key(Profiling(), "Speed of the detector")

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        if self.source == "http" and self.archive.http_url is None:
            raise ValueError("source 'http' needs a web address; set archive.http_url")
        return self

    @model_validator(mode="after")
    def _scores_a_group(self) -> Self:
        sizes = {"simulation": self.simulation.n_groups, "csst": self.csst.n_fields}
        n = sizes.get(self.source)
        if n is not None and self.methods.tuning_groups >= n:
            raise ValueError(
                f"methods.tuning_groups {self.methods.tuning_groups} leaves none of the {n} groups "
                "for the comparison"
            )
        return self

    @model_validator(mode="after")
    def _knows_the_truth(self) -> Self:
        oracles = [name for name in self.methods.names if METHODS[name].is_oracle]
        if oracles and self.source != "simulation":
            raise ValueError(
                f"methods.names {oracles[0]} needs the truth of simulated groups: source simulation"
            )
        return self

    @model_validator(mode="after")
    def _suits_single_exposures(self) -> Self:
        if self.source != "csst":
            return self
        several = [name for name in self.methods.names if "exposures" in METHODS[name].needs]
        if several:
            raise ValueError(
                f"methods.names {several[0]} needs several exposures of a field, and source "
                "csst has single ones"
            )
        if self.methods.tuning_groups == 0:
            raise ValueError(
                "source csst needs held-out fields to tune thresholds: methods.tuning_groups is 0"
            )
        return self

    @model_validator(mode="after")
    def _has_as_many_exposures(self) -> Self:
        most, size = max(self.audit.n_exposures, default=0), self.simulation.exposures_per_group
        if self.source == "simulation" and most > size:
            raise ValueError(
                f"audit.n_exposures {most} exceeds simulation.exposures_per_group {size}"
            )
        return self

    @model_validator(mode="after")
    def _can_leave_one_out(self) -> Self:
        if self.audit.leave_one_out and self.reference.combine_type == "minmed":
            raise ValueError("audit.leave_one_out needs a combine_type other than minmed")
        return self


class ConfigError(StudyError):
    """Several configuration problems, one a line."""

    def __init__(self, lines: list[str]) -> None:
        Exception.__init__(self, "\n".join(lines))


def load_config(values: dict[str, Any]) -> Study:
    """Check configuration values.

    Parameters
    ----------
    values : dict
        Merged configuration, as read from YAML.

    Returns
    -------
    Study

    Raises
    ------
    ConfigError
        One line for every key that is unknown, of the wrong type or not allowed.
    """
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        lines = [str(_readable(problem)) for problem in error.errors()]
        raise ConfigError(lines) from None


def _readable(problem: Any) -> StudyError:
    """Return a pydantic error as one line: key, value, what is allowed and the fix."""
    path = ".".join(str(part) for part in problem["loc"]) or "(whole configuration)"
    where = f"configuration key {path}"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(_section(problem["loc"][:-1]).model_fields)
        return StudyError(where, "unknown key", f"remove it, or use one of: {known}")
    if problem["type"] == "value_error":
        told, _, fix = str(problem["ctx"]["error"]).partition("; ")
        return StudyError(where, told, fix or "change one of these values")
    message = problem["msg"][0].lower() + problem["msg"][1:]
    described = _described(problem["loc"])
    return StudyError(where, f"value {shortened(problem['input'])} refused, {message}", described)


def _section(loc: tuple[Any, ...]) -> type[BaseModel]:
    """Return the deepest section on the path `loc`."""
    section: type[BaseModel] = Study
    for part in loc:
        field = section.model_fields.get(str(part))
        for kind in () if field is None else (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                section = kind
    return section


def _described(loc: tuple[Any, ...]) -> str:
    """Describe the key at `loc`: meaning, unit and default."""
    section = _section(loc)
    name = next((str(p) for p in reversed(loc) if str(p) in section.model_fields), None)
    if name is None:
        return "see config/README.md"
    field = section.model_fields[name]
    unit = (field.json_schema_extra or {}).get("unit", "")
    return (
        f"give {name}: {field.description}"
        + (f" [{unit}]" if unit else "")
        + ("; it has no default" if field.is_required() else f"; default {field.default}")
    )
