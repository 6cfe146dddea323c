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


class CosmicRays(Section):
    """Cosmic rays: tracks through the CCD (ACS/WFC values), or events of real exposures."""

    source: Literal["physical", "transplanted"] = key(
        "physical", "Tracks by the parameters below, or real events placed at random"
    )
    library: str = key(
        "resources/events/uvis_go15460.ecsv",
        "Library of real events with the camera's pixel size, for source `transplanted`",
    )
    realisation: int = key(
        0, "Number of the draw: cosmic rays of the same kind elsewhere, all else the same", ge=0
    )
    # Miles et al. 2021 (ApJ 918, 86; ACS/WFC darks): 1.17 found; some 6 % more are too faint or lie
    # on others.
    rate_per_s_cm2: NonNegative = key(1.25, "Rate of cosmic rays", "1/s/cm2")
    pixel_um: Positive = key(15.0, "Pixel size", "um")
    # 12.6 to 17.1 um over the two chips (Krist 2003, ISR ACS 2003-06).
    thickness_um: Positive = key(14.7, "Thickness of the sensitive silicon", "um")
    # 8.6 to 10.5 um. The charge-diffusion kernel of the ACS Instrument Handbook, section 5.6.1, has
    # 8.6 um; events in WFC3/UVIS need a tenth more than its kernel has (docs/simulator.md).
    field_free_um: NonNegative = key(
        9.7, "Thickness of the field-free layer at its back, where charge diffuses", "um"
    )
    depleted_spread_px: NonNegative = key(
        0.05, "Spread (sigma) of charge on its way through the depleted layer", "px"
    )
    # A minimum-ionising particle's (Allison and Cobb 1980; Bichsel 1988).
    collisions_per_um: Positive = key(4.1, "Collisions of a fast ray per path length", "1/um")
    # Fits the events of WFC3/UVIS, beside it (benchmarks/results/rays_fit.ecsv).
    slow_fraction: Fraction = key(
        0.35, "Fraction of slow rays and nuclei, with 1 to `most_ionising` times the collisions"
    )
    most_ionising: float = key(
        7.0, "Most collisions of a slow ray over those of a fast one on the same path", ge=1
    )
    cosine_power: NonNegative = key(
        1.0, "n in p(cos theta) ~ cos^n theta: 0 isotropic directions, 1 isotropic flux"
    )

    @model_validator(mode="after")
    def _layer_within_silicon(self) -> Self:
        """Refuse a field-free layer thicker than the silicon."""
        if self.field_free_um > self.thickness_um:
            raise ValueError(
                f"field_free_um {self.field_free_um} must not exceed thickness_um "
                f"{self.thickness_um}"
            )
        return self


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
        "Field classes, assigned to the groups in turn",
        min_length=1,
    )
    dither_px: NonNegative = key(12.0, "Half-width of the square of random dithers", "px")
    psf: str = key(
        "resources/psf/acswfc_f606w_gaussians.ecsv",
        "PSF: table of Gaussian sums, or an empirical STDPSF grid (.fits)",
    )
    # Visits scatter by 1 um about a mean that drifts by +/- 2 um between corrections, and breathe
    # with an amplitude of 2 um, an RMS of 1.4 um (Jedrzejewski 1998, ISR OSG-FOC-98-01).
    focus_rms_um: Annotated[float, Field(ge=0, le=10)] = key(
        1.5, "RMS of the defocus of the secondary mirror that the exposures of a group share", "um"
    )
    breathing_rms_um: Annotated[float, Field(ge=0, le=10)] = key(
        1.4, "RMS of its further change between exposures of a group", "um"
    )
    # Typically 3.0 to 3.5 mas RMS in an orbit, measured by the guiders (FGS Instrument Handbook);
    # at most 7 mas in fine lock (HST Primer).
    jitter_mas: Annotated[float, Field(ge=0, le=15)] = key(
        3.0, "RMS of the pointing during an exposure, in both axes together", "mas"
    )
    # Residuals of good TweakReg fits (DrizzlePac Handbook, chapter 6).
    registration_rms_px: Annotated[float, Field(ge=0, le=1)] = key(
        0.03, "RMS of the error of an exposure's registration in each axis", "px"
    )
    zero_point_mag: float = key(26.5, "AB magnitude of 1 e-/s", "mag")
    sky_min_e_per_s: NonNegative = key(0.051, "Lowest sky of a group", "e-/s/px")
    sky_max_e_per_s: NonNegative = key(0.17, "Highest sky of a group", "e-/s/px")
    dark_e_per_s: NonNegative = key(0.0025, "Dark current", "e-/s/px")
    read_noise_e: NonNegative = key(4.2, "Read noise", "e-")
    full_well_e: Positive = key(77400.0, "Charge above which a pixel bleeds", "e-")
    hot_fraction: Fraction = key(0.005, "Fraction of hot pixels (DQ 16)")
    warm_fraction: Fraction = key(0.01, "Fraction of warm pixels (DQ 64)")
    # Pixels that became hot since the darks were taken. WFC3/UVIS (GO-15460 visit 02, darks of
    # four days; benchmarks/results/defects.ecsv): 4.8e-5 above 0.06 e-/s in all eight exposures,
    # up to 1 e-/s, about as N(> x) = 1/x; 7e-6 in one exposure alone, 0.15 to 40 e-/s. ACS/WFC
    # gains 1200 hot pixels a day (Riess et al. 2002, ISR ACS 2002-06) and has darks of two weeks
    # to a month: if the median of a period decides, an eighth of its new pixels is missed on
    # average, 1.2e-4 to 2.5e-4.
    unflagged_fraction: Fraction = key(
        1e-4, "Fraction of warm and hot pixels without flag, the same in all exposures of a group"
    )
    unstable_fraction: Fraction = key(
        1e-5, "Fraction of pixels that are warm or hot without flag in one exposure alone"
    )
    unflagged_min_e_per_s: Positive = key(0.06, "Lowest dark current without flag", "e-/s")
    unflagged_max_e_per_s: Positive = key(2.0, "Highest dark current without flag", "e-/s")
    # CALACS's correction restores 75 % of the charge at typical backgrounds (ACS Instrument
    # Handbook, section 2.6); Massey et al. (2014, MNRAS 439, 887) restore 98 %.
    cte_residual: Fraction = key(
        0.25,
        "Fraction of the charge deferred in readout that trails its pixel in the image: 0 none, 1 "
        "without CTE correction",
    )
    cosmic_rays: CosmicRays = key(CosmicRays(), "Cosmic rays")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (
            ("first_date", "last_date"),
            ("exptime_min_s", "exptime_max_s"),
            ("sky_min_e_per_s", "sky_max_e_per_s"),
            ("unflagged_min_e_per_s", "unflagged_max_e_per_s"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} {getattr(self, low)} must not exceed {high} {getattr(self, high)}"
                )
        return self


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
        "Simulated exposures: a true cosmic-ray pixel has more cosmic-ray charge than this",
        "local sigma",
    )
    bootstrap_samples: int = key(2000, "Bootstrap samples, drawn over groups", ge=100)
    confidence: Annotated[float, Field(gt=0, lt=1)] = key(0.95, "Coverage of the intervals")


class Audit(Section):
    """Audit of the reference against the true cosmic rays (simulated exposures)."""

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


class Methods(Section):
    """Comparison of methods of cosmic-ray detection."""

    names: list[MethodName] = key(
        ["zb20-f606w", "lacosmic"],
        "Methods to compare; differences are relative to the first",
        min_length=1,
    )
    exposures_per_group: int = key(1, "Exposures of each group to score", ge=1)
    tuning_groups: int = key(
        0,
        "Number of groups, the last of the study, on which the parameters of methods (for CSST "
        "their thresholds and input scales) are tuned and which are excluded from the comparison; "
        "0: the authors' parameters",
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

    @field_validator("names")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"method {twice} is listed twice")
        return names


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
