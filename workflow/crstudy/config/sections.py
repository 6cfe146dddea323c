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
Snr = Annotated[float, Field(gt=0, le=1000)]
Scale = Annotated[float, Field(ge=0, le=1000)]
#: Hubble was launched on the first of these days.
Date = Annotated[date, Field(ge=date(1990, 4, 24), le=date(2099, 12, 31))]

#: Datasets and nets: they become names of files.
NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"
#: Most entries of a list: each costs a pass over the pixels, or a panel of a figure.
MAX_LISTED = 50


def key(default: Any, description: str, unit: str = "", **limits: Any) -> Any:
    """Return a field with its description, unit and limits."""
    return Field(default, description=description, json_schema_extra={"unit": unit}, **limits)


def odd(side: int) -> int:
    """Refuse the side of a box without a central pixel."""
    if side % 2 == 0:
        raise ValueError(f"value {side} has no central pixel; give an odd side")
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
                raise ValueError(f"{name} {value} is a boolean; give a number or a text")
        return values


class Reference(Section):
    """AstroDrizzle reference (paper section 2)."""

    driz_cr_snr: tuple[Snr, Snr] = key(
        (5.0, 1.5), "Thresholds of the first and second pass (paper section 2)", "RMS"
    )
    driz_cr_scale: tuple[Scale, Scale] = key(
        (1.2, 0.7),
        "Weights of the image derivative in the two passes; not given in the paper, and Table 1 "
        "depends on it strongly",
    )
    driz_cr_grow: int = key(
        1,
        "Side of the box by which flagged pixels are dilated (odd); 1: no dilation",
        "px",
        ge=1,
        le=99,
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

    good_dq_bits: list[Annotated[int, Field(ge=1, le=32768)]] = key(
        [int(bit) for bit in COSMIC_RAY_FLAGS],
        "DQ bits that do not make a pixel bad: the archive's own cosmic-ray flags",
        max_length=16,
    )
    saturation_e: Positive = key(70000.0, "Pixels above this are saturated", "e-", le=10_000_000)
    saturation_box_px: int = key(
        7, "Side of the box by which saturated pixels are dilated (odd)", "px", ge=1, le=999
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
                raise ValueError(f"{bit} is not a power of two; give single bits")
        return bits


class Detector(Section):
    """deepCR (paper section 1)."""

    models: list[ModelName] = key(
        ["zb20-f606w"],
        "Mask nets to score (the paper used zb20-f606w); inpainting uses the first",
        min_length=1,
        max_length=MAX_LISTED,
    )
    threshold: Fraction = key(
        0.5,
        "Probability above which a pixel is flagged; in steps of 0.01, as maps are stored",
        multiple_of=0.01,
    )
    device: Device = key("auto", "Where the nets run; auto: on a GPU if there is one")


class Metrics(Section):
    """Recall and precision (paper section 3.1, Table 1)."""

    region_rms: list[Annotated[float, Field(gt=0, le=1_000_000)]] = key(
        [3, 5, 10, 20, 40, 80, 160],
        "Star regions: pixels of sources extracted at these multiples of the background RMS",
        "RMS",
        min_length=1,
        max_length=MAX_LISTED,
    )
    background_box_px: int = key(64, "Mesh size of the SEP background", "px", ge=8, le=4096)
    truth_sigma: Positive = key(
        3.0,
        "Simulated exposures: a true cosmic-ray pixel has more cosmic-ray charge than this; pixels "
        "with some, but not more, count neither as cosmic rays nor as false positives",
        "local sigma",
        le=1000,
    )
    bootstrap_samples: int = key(2000, "Bootstrap samples, drawn over groups", ge=100, le=100_000)
    confidence: Annotated[float, Field(gt=0, lt=1)] = key(0.95, "Coverage of the intervals")


class Audit(Section):
    """Audit of the reference: against the true cosmic rays (simulated exposures), and by number."""

    driz_cr_snr: list[tuple[Snr, Snr]] = key(
        [(5.0, 1.5)],
        "Thresholds of AstroDrizzle's two passes to try, each with every driz_cr_scale; those of "
        "the reference are always included",
        "RMS",
        max_length=MAX_LISTED,
    )
    driz_cr_scale: list[tuple[Scale, Scale]] = key(
        [(1.2, 0.7), (0.5, 0.4), (0.3, 0.2)],
        "Weights of the image derivative in the two passes to try; those of the reference are "
        "always included",
        max_length=MAX_LISTED,
    )
    leave_one_out: bool = key(
        False,
        "Also label each exposure against the median of the other exposures only; the reference "
        "then takes two fifths more disk space",
    )
    n_exposures: list[Annotated[int, Field(ge=3, le=99)]] = key(
        [],
        "Label the first three exposures of each group from its first so many, and compare the "
        "scores, e.g. `[3, 4, 6, 8]`; groups with fewer exposures than the largest are left out; "
        "empty: nothing is compared",
        max_length=MAX_LISTED,
    )


class OwnNet(Section):
    """A net of the user: a U-Net of deepCR's or CRNet's format in a weights file."""

    name: str = key(
        ...,
        "Name of the method in tables and figures",
        pattern=NAME,
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
    channels: int = key(32, "Hidden channels of the first layer (`hidden`)", ge=1, le=1024)
    input_scale_e: Positive = key(1.0, "Scale of its input", "e- per unit", le=10_000_000)
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
        max_length=MAX_LISTED,
    )
    own: list[OwnNet] = key(
        [],
        "Nets of the user to compare as well; each is a method with the name given here",
        max_length=MAX_LISTED,
    )
    exposures_per_group: int = key(1, "Exposures of each group to score", ge=1, le=99)
    tuning_groups: int = key(
        0,
        "Number of groups, the last of the study, on which parameters and thresholds of methods "
        "are tuned and which are excluded from the comparison; 0: the authors' parameters",
        ge=0,
        le=9999,
    )
    false_positive_rates: list[Fraction] = key(
        [0.0001, 0.0005, 0.001, 0.005],
        "Fractions of cosmic-ray free pixels flagged (false positives) at which to compare recall",
        min_length=1,
        max_length=MAX_LISTED,
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
            raise ValueError(f"method {twice} is listed twice; keep one")
        return listed


class Photometry(Section):
    """Stars and their aperture photometry (paper section 3.2)."""

    detect_rms: Positive = key(3.0, "Detection threshold of stars", "background RMS", le=1000)
    min_area_px: int = key(
        16, "Stars have a connected area larger than this", "px", ge=5, le=10_000
    )
    max_elongation: Annotated[float, Field(ge=1, le=100)] = key(
        1.2, "Largest ratio of the axes of a star (the paper's axis ratio 0.8 to 1.2)"
    )
    edge_fraction: Annotated[float, Field(ge=0, lt=0.5)] = key(
        0.0625,
        "Smallest distance of stars from the edges of a chip: 128 px for the paper's 2048x4096, "
        "in proportion for a smaller frame",
        "shorter side",
    )
    match_arcsec: Positive = key(
        0.1, "Detections closer than this are the same star", "arcsec", le=10
    )
    min_detections: int = key(
        3,
        "Smallest number of exposures in which a star is detected; not given in the paper",
        ge=1,
        le=99,
    )
    min_radius_px: Positive = key(
        3.0,
        "Smallest aperture radius, otherwise sqrt(area/pi); not given in the paper",
        "px",
        le=100,
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
        le=1000,
    )


class Density(Section):
    """Steps of cosmic-ray density (paper section 3.2, figure 6)."""

    cr_fractions: list[Fraction] = key(
        [0.04, 0.07, 0.105, 0.145],
        "Density steps after the exposure's own: fractions of its pixels hit by cosmic rays",
        min_length=1,
        max_length=MAX_LISTED,
    )
    exposures_per_group: int = key(
        1, "Exposures of each group to which cosmic rays are added", ge=1, le=99
    )
    min_stars: int = key(
        5, "Smallest number of stars of a point that enters the fits of figure 6", ge=1, le=10_000
    )
    area_edges_px: list[Annotated[float, Field(gt=0, le=1_000_000)]] = key(
        [16, 50, 200, 400],
        "Edges of the bins of star area",
        "px",
        min_length=2,
        max_length=MAX_LISTED,
    )


class Profiling(Section):
    """Speed of the first model on two exposures of the first group."""

    trace: bool = key(
        False,
        "Also write profiling/trace.json, a trace of all operations for chrome://tracing; on a CPU "
        "the trace is of torch, not of OpenVINO, which the study runs there",
    )
