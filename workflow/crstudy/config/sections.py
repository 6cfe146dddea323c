"""Sections of the configuration: every key with its meaning, unit, limits and default."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crstudy.config.registry import METHODS, FieldClass
from crstudy.core.hardware import Device
from crstudy.instrument.dq import COSMIC_RAY_FLAGS

ModelName = Literal["zb20-f606w", "zb20-2-4", "kwon21-f606w", "kwon21-acs-wfc"]
MethodName = Literal[*METHODS]

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


def key(default: Any, description: str, unit: str = "", **limits: Any) -> Any:
    """Return a field with its description, unit and limits."""
    return Field(default, description=description, json_schema_extra={"unit": unit}, **limits)


def odd(side: int) -> int:
    """Refuse the side of a box that has no central pixel."""
    if side % 2 == 0:
        raise ValueError(f"value {side} must be odd, so that the box has a centre")
    return side


class Section(BaseModel):
    """A configuration section: unknown keys are refused, values cannot be changed."""

    # Not strict: Snakemake hands over the numbers of --config as text.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_booleans(cls, values: Any) -> Any:
        """Refuse true and false, which pydantic would take for 1 and 0."""
        for name, value in values.items() if isinstance(values, dict) else ():
            if name in cls.model_fields and cls.model_fields[name].annotation is bool:
                continue
            if any(isinstance(v, bool) for v in (value if isinstance(value, list) else [value])):
                raise ValueError(f"{name} {value} must not be true or false")
        return values


class CosmicRays(Section):
    """Cosmic rays as tracks through the CCD (ACS/WFC values)."""

    rate_per_s_cm2: NonNegative = key(1.6, "Rate of cosmic rays", "1/s/cm2")
    pixel_um: Positive = key(15.0, "Pixel size", "um")
    thickness_um: Positive = key(13.0, "Thickness of the sensitive silicon", "um")
    energy_e_per_um: Positive = key(44.0, "Most probable charge per path length", "e-/um")
    straggling: NonNegative = key(
        0.2, "Moyal scale of the energy loss, as a fraction of the most probable loss"
    )
    diffusion_px: NonNegative = key(
        0.75, "Diffusion (sigma) of charge freed at the side far from the gates", "px"
    )
    cosine_power: NonNegative = key(
        1.0, "n in p(cos theta) ~ cos^n theta: 0 isotropic directions, 1 isotropic flux"
    )


class Simulation(Section):
    """Simulated ACS/WFC F606W exposures (used when `source` is `simulation`)."""

    n_groups: int = key(4, "Number of groups", ge=1, le=9999)
    exposures_per_group: int = key(6, "Dithered exposures per group", ge=3, le=99)
    n_chips: int = key(1, "CCDs per exposure", ge=1, le=2)
    chip_height_px: int = key(1024, "Rows of a chip, cut from its centre", "px", ge=64, le=2048)
    chip_width_px: int = key(1024, "Columns of a chip, cut from its centre", "px", ge=64, le=4096)
    first_date: date = key(date(2010, 9, 15), "Date of the first group")
    last_date: date = key(date(2019, 8, 15), "Date of the last group")
    exptime_min_s: Positive = key(350.0, "Shortest exposure time of a group", "s")
    exptime_max_s: Positive = key(700.0, "Longest exposure time of a group", "s")
    field_classes: list[FieldClass] = key(
        ["extragalactic", "globular_cluster", "resolved_galaxy"],
        "Kinds of field; the groups take them in turn",
        min_length=1,
    )
    dither_px: NonNegative = key(12.0, "Half-width of the square of random dithers", "px")
    psf: str = key(
        "resources/psf/acswfc_f606w_gaussians.ecsv",
        "PSF: table of Gaussian sums, or an empirical STDPSF grid (.fits)",
    )
    breathing: Annotated[float, Field(ge=0, le=0.2)] = key(
        0.02, "RMS of the relative change of PSF width between exposures"
    )
    zero_point_mag: float = key(26.5, "AB magnitude of 1 e-/s", "mag")
    sky_min_e_per_s: NonNegative = key(0.051, "Lowest sky of a group", "e-/s/px")
    sky_max_e_per_s: NonNegative = key(0.17, "Highest sky of a group", "e-/s/px")
    dark_e_per_s: NonNegative = key(0.0025, "Dark current", "e-/s/px")
    read_noise_e: NonNegative = key(4.2, "Read noise", "e-")
    full_well_e: Positive = key(77400.0, "Charge above which a pixel bleeds", "e-")
    hot_fraction: Fraction = key(0.005, "Fraction of hot pixels (DQ 16)")
    warm_fraction: Fraction = key(0.01, "Fraction of warm pixels (DQ 64)")
    cosmic_rays: CosmicRays = key(CosmicRays(), "Cosmic rays")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (
            ("first_date", "last_date"),
            ("exptime_min_s", "exptime_max_s"),
            ("sky_min_e_per_s", "sky_max_e_per_s"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} {getattr(self, low)} must not exceed {high} {getattr(self, high)}"
                )
        return self


class Selection(Section):
    """Drawing groups from the archive, when no group table is there (paper section 2)."""

    first_date: date = key(date(2010, 9, 1), "Exposures began on this day or later")
    last_date: date = key(date(2019, 8, 31), "Exposures began on this day or earlier")
    min_exptime_s: Positive = key(100.0, "Shortest mean exposure time of an observation", "s")
    n_groups: int = key(20, "Groups to draw", ge=1, le=999)
    exposures_per_group: int = key(6, "Exposures of each group", ge=3, le=99)
    min_overlap: Fraction = key(
        0.8, "Part of the smaller footprint that two observations of a field share, at least"
    )
    max_rotation_deg: NonNegative = key(
        1.0, "Largest difference in orientation within a field", "deg"
    )
    max_days: NonNegative = key(
        30.0, "Longest time between observations of a field: stars move", "d"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_date > self.last_date:
            raise ValueError(
                f"first_date {self.first_date} must not exceed last_date {self.last_date}"
            )
        return self


class Archive(Section):
    """Fetching real exposures."""

    downloads: str = key(
        "downloads",
        "Folder that keeps fetched exposures, in astroquery's layout; outlives the results",
    )
    s3_url: str = key(
        "https://stpubdata.s3.amazonaws.com", "Archive's public S3 bucket, for source `s3`"
    )
    http_url: str | None = key(
        None, "Web address that serves a mirror or downloads folder, for source `http`"
    )
    max_disk_gb: Positive | None = key(
        None,
        "The downloads folder must not grow beyond this; null: only the disk is the limit",
        "GB",
    )
    attempts: int = key(
        10,
        "Tries in a row that bring nothing before a fault of network or archive is final",
        ge=1,
        le=99,
    )
    timeout_s: Positive = key(60.0, "A server that is silent for longer is given up", "s")
    backoff_s: Positive = key(
        2.0, "Longest wait before the second try; doubles, with jitter, up to 60 s", "s"
    )


class Alignment(Section):
    """Alignment of real exposures of a group on one another."""

    max_residual_px: Positive = key(
        0.1,
        "Exposures that lie further off are aligned; a group that still does counts nowhere",
        "px",
    )
    min_matches: int = key(10, "Sources in common that a measured offset needs", ge=3)


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
        1, "Side of the box by which flagged pixels grow (odd); 1: not at all", "px", ge=1
    )
    combine_type: Literal["median", "minmed", "imedian"] = key(
        "median", "How AstroDrizzle combines the drizzled exposures"
    )

    @field_validator("driz_cr_grow")
    @classmethod
    def _centred(cls, side: int) -> int:
        return odd(side)


class Mask(Section):
    """Pixels that do not count (paper section 2)."""

    good_dq_bits: list[int] = key(
        [int(bit) for bit in COSMIC_RAY_FLAGS],
        "DQ bits that do not make a pixel bad: the archive's own cosmic-ray flags",
    )
    saturation_e: Positive = key(70000.0, "Pixels above this count as saturated", "e-")
    saturation_box_px: int = key(7, "Box by which saturated pixels are dilated (odd)", "px", ge=1)

    @field_validator("saturation_box_px")
    @classmethod
    def _centred(cls, side: int) -> int:
        return odd(side)

    @field_validator("good_dq_bits")
    @classmethod
    def _single_bits(cls, bits: list[int]) -> list[int]:
        for bit in bits:
            if bit <= 0 or bit & (bit - 1):
                raise ValueError(f"holds {bit}, which is not a power of two")
        return bits


class Detector(Section):
    """deepCR (paper section 1)."""

    models: list[ModelName] = key(
        ["zb20-f606w"],
        "Mask nets to score; the paper used zb20-f606w, and the first is used to inpaint",
        min_length=1,
    )
    threshold: Fraction = key(
        0.5,
        "Probability above which a pixel is a cosmic ray; in steps of 0.01, as maps are stored",
        multiple_of=0.01,
    )
    device: Device = key("auto", "Where the nets run: auto takes a GPU if there is one")


class Metrics(Section):
    """Recall and precision (paper section 3.1, Table 1)."""

    region_rms: list[Positive] = key(
        [3, 5, 10, 20, 40, 80, 160],
        "Star regions: pixels of sources extracted at these multiples of the background RMS",
        "RMS",
        min_length=1,
    )
    background_box_px: int = key(64, "Mesh of the SEP background", "px", ge=8)
    truth_sigma: Positive = key(
        3.0, "Simulated data: a true CR pixel holds more CR charge than this", "local sigma"
    )
    bootstrap_samples: int = key(2000, "Bootstrap samples over groups", ge=100)
    confidence: Annotated[float, Field(gt=0, lt=1)] = key(0.95, "Coverage of the intervals")


class Audit(Section):
    """Audit of the reference against the true cosmic rays (simulated data)."""

    driz_cr_snr: list[tuple[Positive, Positive]] = key(
        [(5.0, 1.5)],
        "Thresholds of AstroDrizzle's two passes to label with, each with every driz_cr_scale; "
        "those of the reference are always among them",
        "RMS",
    )
    driz_cr_scale: list[tuple[NonNegative, NonNegative]] = key(
        [(1.2, 0.7), (0.5, 0.4), (0.3, 0.2)],
        "Weights of the image derivative in the two passes; those of the reference are always "
        "among them",
    )
    leave_one_out: bool = key(
        False,
        "Also label against the median of the other exposures alone; the files of the reference "
        "grow by two fifths",
    )


class Methods(Section):
    """Comparison of methods that find cosmic rays."""

    names: list[MethodName] = key(
        ["zb20-f606w", "lacosmic"],
        "Methods to compare; differences are taken to the first",
        min_length=1,
    )
    exposures_per_group: int = key(1, "Exposures of each group that they score", ge=1)
    tuning_groups: int = key(
        0,
        "Last groups of the study, on which the parameters of methods (for CSST their thresholds "
        "and input scales) are chosen and which then count nowhere in the comparison; 0: their "
        "authors' parameters",
        ge=0,
    )
    false_positive_rates: list[Fraction] = key(
        [0.0001, 0.0005, 0.001, 0.005],
        "Parts of the pixels without a cosmic ray that are flagged, at which recall is compared",
        min_length=1,
    )
    matched_rate: Fraction = key(
        0.0005,
        "The one at which parameters are chosen, and objects and stars are compared",
    )
    remedy: bool = key(
        False,
        "Also mend deepCR's masks on stars, and measure what that changes; takes about 10 s of a "
        "core for each Mpx that methods score, and three times that where it is tuned",
    )

    @field_validator("names")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError(f"{', '.join(names)}: a method stands there twice")
        return names


class Photometry(Section):
    """Stars and their aperture photometry (paper section 3.2)."""

    detect_rms: Positive = key(3.0, "A star's pixels lie above this", "background RMS")
    min_area_px: int = key(16, "A star's connected area must exceed this", "px", ge=5)
    max_elongation: Annotated[float, Field(ge=1)] = key(
        1.2, "Largest major over minor axis of a star (the paper's axis ratio 0.8 to 1.2)"
    )
    edge_fraction: Annotated[float, Field(ge=0, lt=0.5)] = key(
        0.0625,
        "Stars lie further than this from the four edges of a chip: 128 px for the paper's "
        "2048x4096, in proportion for a smaller frame",
        "shorter side",
    )
    match_arcsec: Positive = key(0.1, "Detections closer than this are one star", "arcsec")
    min_detections: int = key(
        3, "Exposures in which a star must be detected; not given in the paper", ge=1
    )
    min_radius_px: Positive = key(
        3.0,
        "Smallest radius of an aperture, else sqrt(area/pi); not given in the paper",
        "px",
    )
    max_excluded: Fraction = key(
        0.1,
        "An aperture is used if no more of it than this part does not count; pixels that do not "
        "count are left out of every flux",
    )
    flux_sigma: Positive = key(
        3.0,
        "A flux that differs from that of the clean image by more is contaminated (original) or "
        "anomalous (deepCR)",
        "flux error",
    )


class Density(Section):
    """Ladder of cosmic-ray density (paper section 3.2, figure 6)."""

    cr_fractions: list[Fraction] = key(
        [0.04, 0.07, 0.105, 0.145],
        "Steps: fractions of an exposure's pixels that cosmic rays cover, after the exposure's own",
        min_length=1,
    )
    exposures_per_group: int = key(1, "Exposures of each group that climb the ladder", ge=1)
    min_stars: int = key(5, "Stars that a point of figure 6 needs, for the fits", ge=1)
    area_edges_px: list[Positive] = key(
        [16, 50, 200, 400], "Edges of the bins of star area", "px", min_length=2
    )


class Profiling(Section):
    """Speed of the first model on two exposures of the first group."""

    trace: bool = key(
        False,
        "Also write profiling/trace.json, every operation in time, for chrome://tracing; on a CPU "
        "it is that of torch, not of OpenVINO, which the study runs there",
    )
