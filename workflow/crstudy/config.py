"""Configuration of a study: every key with its meaning, unit, limits and default."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from crstudy.dq import COSMIC_RAY_FLAGS
from crstudy.errors import StudyError

FieldClass = Literal["extragalactic", "globular_cluster", "resolved_galaxy"]
ModelName = Literal["zb20-f606w", "kwon21-f606w", "kwon21-acs-wfc"]


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
            if any(isinstance(v, bool) for v in (value if isinstance(value, list) else [value])):
                raise ValueError(f"{name} {value} must not be true or false")
        return values


class CosmicRays(Section):
    """Cosmic rays as tracks through the CCD (ACS/WFC values)."""

    rate_per_s_cm2: NonNegative = key(1.9, "Rate of cosmic rays", "1/s/cm2")
    pixel_um: Positive = key(15.0, "Pixel size", "um")
    thickness_um: Positive = key(13.0, "Thickness of the sensitive silicon", "um")
    energy_e_per_um: Positive = key(44.0, "Most probable charge per path length", "e-/um")
    straggling: NonNegative = key(
        0.2, "Moyal scale of the energy loss, as a fraction of the most probable loss"
    )
    diffusion_px: NonNegative = key(
        0.62, "Diffusion (sigma) of charge freed at the side far from the gates", "px"
    )
    cosine_power: NonNegative = key(
        1.0, "n in p(cos theta) ~ cos^n theta: 0 isotropic directions, 1 isotropic flux"
    )


class Simulation(Section):
    """Simulated ACS/WFC F606W exposures (used when `source` is `simulation`)."""

    n_groups: int = key(4, "Number of groups", ge=1, le=999)
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
    threshold: Fraction = key(0.5, "Probability above which a pixel is a cosmic ray")
    tile_px: int = key(
        256, "Side of the tiles that are processed at once (even)", "px", ge=64, multiple_of=2
    )


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


class Study(Section):
    """A study: one dataset, from exposures to tables."""

    dataset: str = key(
        "sim-mini", "Name of the dataset and of its results folder", pattern=r"^[a-z0-9][a-z0-9-]*$"
    )
    seed: int = key(20230323, "Seed of every random number", ge=0)
    source: Literal["simulation", "mirror"] = key(
        "simulation", "Where exposures come from: the simulator, or files in a mirror folder"
    )
    groups: str | None = key(
        None, "Group table (.tsv with columns group, dataset); needed when source is `mirror`"
    )
    mirror: str | None = key(
        None,
        "Folder with exposures in astroquery's layout (mastDownload/HST/<dataset>/); when null, "
        "the environment variable CRSTUDY_MIRROR is used",
    )
    simulation: Simulation = key(Simulation(), "Simulated exposures")
    reference: Reference = key(Reference(), "AstroDrizzle reference")
    mask: Mask = key(Mask(), "Pixels that do not count")
    detector: Detector = key(Detector(), "Detector under test")
    metrics: Metrics = key(Metrics(), "Recall and precision")
    photometry: Photometry = key(Photometry(), "Stars and their aperture photometry")
    density: Density = key(Density(), "Ladder of cosmic-ray density")

    @model_validator(mode="after")
    def _has_groups(self) -> Self:
        if self.source == "mirror" and self.groups is None:
            raise ValueError("source 'mirror' needs a group table: set groups to a .tsv file")
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
        One line for every key that is unknown, of the wrong type or impossible.
    """
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        lines = [str(_readable(problem)) for problem in error.errors()]
        raise ConfigError(lines) from None


def _readable(problem: Any) -> StudyError:
    """Turn one pydantic problem into a line with key, value, what is allowed and the fix."""
    path = ".".join(str(part) for part in problem["loc"]) or "(whole configuration)"
    where = f"configuration key {path}"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(_section(problem["loc"][:-1]).model_fields)
        return StudyError(where, "unknown key", f"remove it, or use one of: {known}")
    if problem["type"] == "value_error":
        return StudyError(where, str(problem["ctx"]["error"]), "change one of these values")
    message = problem["msg"][0].lower() + problem["msg"][1:]
    described = _described(problem["loc"])
    return StudyError(where, f"value {problem['input']!r} refused, {message}", described)


def _section(loc: tuple[Any, ...]) -> type[BaseModel]:
    """Return the deepest section that the path `loc` leads through."""
    section: type[BaseModel] = Study
    for part in loc:
        field = section.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            break
        if issubclass(field.annotation, BaseModel):
            section = field.annotation
    return section


def _described(loc: tuple[Any, ...]) -> str:
    """Say what the key at `loc` means, with unit and default."""
    section = _section(loc)
    name = next((str(p) for p in reversed(loc) if str(p) in section.model_fields), None)
    if name is None:
        return "see config/README.md"
    field = section.model_fields[name]
    unit = (field.json_schema_extra or {}).get("unit", "")
    return (
        f"give {name}: {field.description}"
        + (f" [{unit}]" if unit else "")
        + f"; default {field.default!r}"
    )
