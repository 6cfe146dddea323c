"""Sections of the configuration: every key with its meaning, unit, limits and default."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crstudy.config.registry import METHODS, Architecture
from crstudy.core.hardware import Device
from crstudy.instrument.dq import COSMIC_RAY_FLAGS

ModelName = Literal[*(name for name, method in METHODS.items() if method.module is None)]
MethodName = Literal[*METHODS]

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


def key(default: Any, description: str, unit: str = "", **limits: Any) -> Any:
    """Return a field with its description, unit and limits."""
    return Field(default, description=description, json_schema_extra={"unit": unit}, **limits)


def odd(side: int) -> int:
    """Refuse the side of a box without a central pixel."""
    if side % 2 == 0:
        raise ValueError(f"value {side} must be odd, so that the box has a centre")
    return side


class Section(BaseModel):
    """A configuration section: unknown keys are refused, values cannot be changed."""

    # Not strict: Snakemake passes the numbers of --config as text.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_booleans(cls, values: Any) -> Any:
        """Refuse true and false, which pydantic would read as 1 and 0."""
        for name, value in values.items() if isinstance(values, dict) else ():
            if name in cls.model_fields and cls.model_fields[name].annotation is bool:
                continue
            if any(isinstance(v, bool) for v in (value if isinstance(value, list) else [value])):
                raise ValueError(f"{name} {value} must not be true or false")
        return values


class Selection(Section):
    """Selection of groups from the archive if there is no group table (paper section 2)."""

    first_date: date = key(date(2010, 9, 1), "Exposures started on this day or later")
    last_date: date = key(date(2019, 8, 31), "Exposures started on this day or earlier")
    min_exptime_s: Positive = key(100.0, "Shortest mean exposure time of an observation", "s")
    n_groups: int = key(20, "Number of groups to draw", ge=1, le=999)
    exposures_per_group: int = key(6, "Exposures per group", ge=3, le=99)
    min_overlap: Fraction = key(
        0.8,
        "Two observations of a field overlap by at least this fraction of the smaller footprint",
    )
    max_rotation_deg: NonNegative = key(
        1.0, "Largest difference in orientation within a field", "deg"
    )
    max_days: NonNegative = key(
        30.0, "Longest time between observations of a field (proper motions)", "d"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_date > self.last_date:
            raise ValueError(
                f"first_date {self.first_date} must not exceed last_date {self.last_date}"
            )
        return self


class Archive(Section):
    """Download of real exposures."""

    downloads: str = key(
        "downloads",
        "Folder that keeps downloaded exposures, in astroquery's layout; not deleted with results",
    )
    s3_url: str = key(
        "https://stpubdata.s3.amazonaws.com", "Archive's public S3 bucket, for source `s3`"
    )
    http_url: str | None = key(
        None, "Web address that serves a mirror or downloads folder, for source `http`"
    )
    max_disk_gb: Positive | None = key(
        None,
        "Largest size of the downloads folder; null: limited by the disk only",
        "GB",
    )
    attempts: int = key(
        10,
        "Attempts in a row without progress before a download fails",
        ge=1,
        le=99,
    )
    timeout_s: Positive = key(60.0, "A request fails after this time without an answer", "s")
    backoff_s: Positive = key(
        2.0, "Longest wait before the second attempt; doubles, with jitter, up to 60 s", "s"
    )


class Alignment(Section):
    """Registration of the real exposures of a group."""

    max_residual_px: Positive = key(
        0.1,
        "Exposures misaligned by more than this are re-aligned; groups still beyond it are "
        "excluded",
        "px",
    )
    min_matches: int = key(10, "Common sources needed to measure an offset", ge=3)


class Reference(Section):
    """AstroDrizzle reference (paper section 2)."""

    driz_cr_snr: tuple[Positive, Positive] = key(
        (5.0, 1.5), "Thresholds of the first and second pass (paper section 2)", "RMS"
    )
    driz_cr_scale: tuple[NonNegative, NonNegative] = key(
        (1.2, 0.7),
        "Weights of the image derivative in the two passes; not given in the paper, and Table 1 "
        "depends on it strongly",
    )
    driz_cr_grow: int = key(
        1, "Side of the box by which flagged pixels are dilated (odd); 1: no dilation", "px", ge=1
    )
    combine_type: Literal["median", "minmed", "imedian"] = key(
        "median", "How AstroDrizzle combines the drizzled exposures"
    )

    @field_validator("driz_cr_grow")
    @classmethod
    def _centred(cls, side: int) -> int:
        return odd(side)


class Mask(Section):
    """Valid pixels: all others are excluded (paper section 2)."""

    good_dq_bits: list[int] = key(
        [int(bit) for bit in COSMIC_RAY_FLAGS],
        "DQ bits that do not make a pixel bad: the archive's own cosmic-ray flags",
    )
    saturation_e: Positive = key(70000.0, "Pixels above this are saturated", "e-")
    saturation_box_px: int = key(
        7, "Side of the box by which saturated pixels are dilated (odd)", "px", ge=1
    )

    @field_validator("saturation_box_px")
    @classmethod
    def _centred(cls, side: int) -> int:
        return odd(side)

    @field_validator("good_dq_bits")
    @classmethod
    def _single_bits(cls, bits: list[int]) -> list[int]:
        for bit in bits:
            if bit <= 0 or bit & (bit - 1):
                raise ValueError(f"{bit} is not a power of two")
        return bits


class Detector(Section):
    """deepCR (paper section 1)."""

    models: list[ModelName] = key(
        ["zb20-f606w"],
        "Mask nets to score (the paper used zb20-f606w); inpainting uses the first",
        min_length=1,
    )
    threshold: Fraction = key(
        0.5,
        "Probability above which a pixel is flagged; in steps of 0.01, as maps are stored",
        multiple_of=0.01,
    )
    device: Device = key("auto", "Where the nets run; auto: on a GPU if there is one")


class Metrics(Section):
    """Recall and precision (paper section 3.1, Table 1)."""

    region_rms: list[Positive] = key(
        [3, 5, 10, 20, 40, 80, 160],
        "Star regions: pixels of sources extracted at these multiples of the background RMS",
        "RMS",
        min_length=1,
    )
    background_box_px: int = key(64, "Mesh size of the SEP background", "px", ge=8)
    truth_sigma: Positive = key(
        3.0,
        "Simulated exposures: a true cosmic-ray pixel has more cosmic-ray charge than this; pixels "
        "with some, but not more, count neither as cosmic rays nor as false positives",
        "local sigma",
    )
    bootstrap_samples: int = key(2000, "Bootstrap samples, drawn over groups", ge=100)
    confidence: Annotated[float, Field(gt=0, lt=1)] = key(0.95, "Coverage of the intervals")


class Audit(Section):
    """Audit of the reference: against the true cosmic rays (simulated exposures), and by number."""

    driz_cr_snr: list[tuple[Positive, Positive]] = key(
        [(5.0, 1.5)],
        "Thresholds of AstroDrizzle's two passes to try, each with every driz_cr_scale; those of "
        "the reference are always included",
        "RMS",
    )
    driz_cr_scale: list[tuple[NonNegative, NonNegative]] = key(
        [(1.2, 0.7), (0.5, 0.4), (0.3, 0.2)],
        "Weights of the image derivative in the two passes to try; those of the reference are "
        "always included",
    )
    leave_one_out: bool = key(
        False,
        "Also label each exposure against the median of the other exposures only; the reference "
        "then takes two fifths more disk space",
    )
    n_exposures: list[Annotated[int, Field(ge=3)]] = key(
        [],
        "Label the first three exposures of each group from its first so many, and compare the "
        "scores, e.g. `[3, 4, 6, 8]`; groups with fewer exposures than the largest are left out; "
        "empty: nothing is compared",
    )


class OwnNet(Section):
    """A net of the user: a U-Net of deepCR's or CRNet's format in a weights file."""

    name: str = key(
        ...,
        "Name of the method in tables and figures",
        pattern=r"^[a-z0-9][a-z0-9-]*$",
    )
    path: str = key(..., "Weights file (.pth), from the folder of the project")
    sha256: str = key(
        ..., "Checksum of the file (sha256sum), compared at every load", pattern=r"^[0-9a-f]{64}$"
    )
    architecture: Architecture = key(
        "deepcr-batch-norm",
        "Package that trained it and what follows its convolutions: nets that deepCR 0.3.1 trains "
        "have a weight norm, those before a batch norm",
    )
    channels: int = key(32, "Hidden channels of the first layer (`hidden`)", ge=1)
    input_scale_e: Positive = key(1.0, "Scale of its input", "e- per unit")
    standardise: bool = key(
        False,
        "Subtract the mean of the image and divide by its standard deviation (CRNet's `norm`); "
        "nets that deepCR 0.3.1 trains need it",
    )

    @model_validator(mode="after")
    def _is_that_file(self) -> Self:
        if self.name in (*METHODS, "inpaint-2-32"):
            raise ValueError(f"name {self.name} is that of another method")
        try:
            found = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        except OSError as error:
            raise ValueError(
                f"{self.path}: {error.strerror}; put the weights of {self.name} there, or set path"
            ) from None
        if found != self.sha256:
            raise ValueError(
                f"{self.path}: sha256 is {found}, not that given for {self.name}; get the right "
                "file, or set sha256"
            )
        return self


class Methods(Section):
    """Comparison of methods of cosmic-ray detection."""

    names: list[MethodName] = key(
        ["zb20-f606w", "lacosmic"],
        "Methods to compare; differences are relative to the first",
        min_length=1,
    )
    own: list[OwnNet] = key(
        [], "Nets of the user to compare as well; each is a method with the name given here"
    )
    exposures_per_group: int = key(1, "Exposures of each group to score", ge=1)
    tuning_groups: int = key(
        0,
        "Number of groups, the last of the study, on which parameters and thresholds of methods "
        "are tuned and which are excluded from the comparison; 0: the authors' parameters",
        ge=0,
    )
    false_positive_rates: list[Fraction] = key(
        [0.0001, 0.0005, 0.001, 0.005],
        "Fractions of cosmic-ray free pixels flagged (false positives) at which to compare recall",
        min_length=1,
    )
    matched_rate: Fraction = key(
        0.0005,
        "False-positive rate at which to tune parameters and compare objects and stars",
    )
    remedy: bool = key(
        False,
        "Also refine deepCR's masks on stars and measure the effect; takes about 10 s of CPU time "
        "per Mpx scored, and three times that per Mpx used for tuning",
    )

    @field_validator("names", "own")
    @classmethod
    def _once(cls, listed: list[Any]) -> list[Any]:
        names = [one if isinstance(one, str) else one.name for one in listed]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"method {twice} is listed twice")
        return listed


class Photometry(Section):
    """Stars and their aperture photometry (paper section 3.2)."""

    detect_rms: Positive = key(3.0, "Detection threshold of stars", "background RMS")
    min_area_px: int = key(16, "Stars have a connected area larger than this", "px", ge=5)
    max_elongation: Annotated[float, Field(ge=1)] = key(
        1.2, "Largest ratio of the axes of a star (the paper's axis ratio 0.8 to 1.2)"
    )
    edge_fraction: Annotated[float, Field(ge=0, lt=0.5)] = key(
        0.0625,
        "Smallest distance of stars from the edges of a chip: 128 px for the paper's 2048x4096, "
        "in proportion for a smaller frame",
        "shorter side",
    )
    match_arcsec: Positive = key(0.1, "Detections closer than this are the same star", "arcsec")
    min_detections: int = key(
        3, "Smallest number of exposures in which a star is detected; not given in the paper", ge=1
    )
    min_radius_px: Positive = key(
        3.0,
        "Smallest aperture radius, otherwise sqrt(area/pi); not given in the paper",
        "px",
    )
    max_excluded: Fraction = key(
        0.1,
        "Largest fraction of an aperture that may be invalid pixels; these are left out of every "
        "flux",
    )
    flux_sigma: Positive = key(
        3.0,
        "A flux that differs from that of the clean image by more than this is contaminated "
        "(original) or anomalous (deepCR)",
        "flux error",
    )


class Density(Section):
    """Steps of cosmic-ray density (paper section 3.2, figure 6)."""

    cr_fractions: list[Fraction] = key(
        [0.04, 0.07, 0.105, 0.145],
        "Density steps after the exposure's own: fractions of its pixels hit by cosmic rays",
        min_length=1,
    )
    exposures_per_group: int = key(
        1, "Exposures of each group to which cosmic rays are added", ge=1
    )
    min_stars: int = key(
        5, "Smallest number of stars of a point that enters the fits of figure 6", ge=1
    )
    area_edges_px: list[Positive] = key(
        [16, 50, 200, 400], "Edges of the bins of star area", "px", min_length=2
    )


class Profiling(Section):
    """Speed of the first model on two exposures of the first group."""

    trace: bool = key(
        False,
        "Also write profiling/trace.json, a trace of all operations for chrome://tracing; on a CPU "
        "the trace is of torch, not of OpenVINO, which the study runs there",
    )
