"""Configuration of the simulated exposures of ACS/WFC and of cosmic rays."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crstudy.config.registry import FieldClass
from crstudy.config.sections import (
    MAX_LISTED,
    Date,
    Fraction,
    NonNegative,
    Positive,
    Section,
    key,
)


class CosmicRays(Section):
    """Cosmic rays: tracks through the CCD (ACS/WFC values), or events of real exposures."""

    source: Literal["physical", "transplanted"] = key(
        "physical", "`physical`: tracks with the parameters below; `transplanted`: real events"
    )
    library: str = key(
        "resources/events/uvis_go15460.ecsv",
        "Library of real events for source `transplanted`; its pixel size must be the camera's",
    )
    realisation: int = key(
        0,
        "Realisation: another number gives other cosmic rays with the same parameters, and leaves "
        "everything else unchanged",
        ge=0,
        le=999_999,
    )
    # Miles et al. 2021 (ApJ 918, 86; ACS/WFC darks): 1.17 found; some 6 % of all are too faint or
    # overlap others.
    rate_per_s_cm2: NonNegative = key(1.25, "Rate of cosmic rays", "1/s/cm2", le=100)
    pixel_um: float = key(15.0, "Pixel size", "um", ge=1, le=100)
    # 12.6 to 17.1 um over the two chips (Krist 2003, ISR ACS 2003-06).
    thickness_um: Positive = key(14.7, "Thickness of the sensitive silicon", "um", le=1000)
    # 8.6 to 10.5 um. The charge-diffusion kernel of the ACS Instrument Handbook, section 5.6.1, has
    # 8.6 um; events in WFC3/UVIS need a tenth more than its kernel has (docs/simulator.md).
    field_free_um: NonNegative = key(
        9.7, "Thickness of the field-free layer at the back of the silicon", "um", le=1000
    )
    depleted_spread_px: NonNegative = key(
        0.05, "Spread (sigma) of charge while it crosses the depleted layer", "px", le=10
    )
    # A minimum-ionising particle's (Allison and Cobb 1980; Bichsel 1988).
    collisions_per_um: Positive = key(
        4.1, "Collisions per path length of a fast particle", "1/um", le=100
    )
    # These two are fitted to the events of WFC3/UVIS (benchmarks/results/rays_fit.ecsv).
    slow_fraction: Fraction = key(
        0.35,
        "Fraction of cosmic rays that are slow particles or nuclei, which collide 1 to "
        "`most_ionising` times as often",
    )
    most_ionising: float = key(
        7.0,
        "Largest ratio of the collisions per path length of a slow particle to those of a fast one",
        ge=1,
        le=100,
    )
    cosine_power: NonNegative = key(
        1.0, "n in p(cos theta) ~ cos^n theta: 0 isotropic directions, 1 isotropic flux", le=100
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
    first_date: Date = key(date(2010, 9, 15), "Date of the first group")
    last_date: Date = key(date(2019, 8, 15), "Date of the last group")
    exptime_min_s: Positive = key(350.0, "Shortest exposure time of a group", "s", le=10_000)
    exptime_max_s: Positive = key(700.0, "Longest exposure time of a group", "s", le=10_000)
    field_classes: list[FieldClass] = key(
        ["extragalactic", "globular_cluster", "resolved_galaxy"],
        "Field classes, assigned to the groups in turn",
        min_length=1,
        max_length=MAX_LISTED,
    )
    dither_px: NonNegative = key(12.0, "Half-width of the square of random dithers", "px", le=1000)
    psf: str = key(
        "resources/psf/acswfc_f606w_gaussians.ecsv",
        "PSF: table of sums of Gaussians, or an empirical STDPSF grid (.fits)",
    )
    # Visits scatter by 1 um about a mean that drifts by +/- 2 um between corrections, and breathe
    # with an amplitude of 2 um, an RMS of 1.4 um (Jedrzejewski 1998, ISR OSG-FOC-98-01).
    focus_rms_um: Annotated[float, Field(ge=0, le=10)] = key(
        1.5, "RMS defocus (shift of the secondary mirror) shared by the exposures of a group", "um"
    )
    breathing_rms_um: Annotated[float, Field(ge=0, le=10)] = key(
        1.4, "RMS of the additional defocus of each exposure of a group", "um"
    )
    # Typically 3.0 to 3.5 mas RMS in an orbit, measured by the guiders (FGS Instrument Handbook);
    # at most 7 mas in fine lock (HST Primer).
    jitter_mas: Annotated[float, Field(ge=0, le=15)] = key(
        3.0, "RMS pointing jitter during an exposure, both axes combined", "mas"
    )
    # Residuals of good TweakReg fits (DrizzlePac Handbook, chapter 6).
    registration_rms_px: Annotated[float, Field(ge=0, le=1)] = key(
        0.03, "RMS registration error of an exposure in each axis", "px"
    )
    zero_point_mag: float = key(26.5, "AB magnitude of 1 e-/s", "mag", ge=10, le=40)
    sky_min_e_per_s: NonNegative = key(0.051, "Lowest sky level of a group", "e-/s/px", le=1000)
    sky_max_e_per_s: NonNegative = key(0.17, "Highest sky level of a group", "e-/s/px", le=1000)
    dark_e_per_s: NonNegative = key(0.0025, "Dark current", "e-/s/px", le=1000)
    read_noise_e: NonNegative = key(4.2, "Read noise", "e-", le=1000)
    full_well_e: Positive = key(
        77400.0, "Full well, the charge above which a pixel bleeds", "e-", le=10_000_000
    )
    hot_fraction: Fraction = key(0.005, "Fraction of hot pixels (DQ 16)")
    warm_fraction: Fraction = key(0.01, "Fraction of warm pixels (DQ 64)")
    # Pixels that became hot since the darks were taken. WFC3/UVIS (GO-15460 visit 02, darks of
    # four days; benchmarks/results/defects.ecsv): 4.8e-5 above 0.06 e-/s in all eight exposures,
    # up to 1 e-/s, about as N(> x) = 1/x; 7e-6 in one exposure alone, 0.15 to 40 e-/s. ACS/WFC
    # gains 1200 hot pixels a day (Riess et al. 2002, ISR ACS 2002-06) and has darks of two weeks
    # to a month: if the median of a period decides, an eighth of its new pixels is missed on
    # average, 1.2e-4 to 2.5e-4.
    unflagged_fraction: Fraction = key(
        1e-4,
        "Fraction of all pixels that are warm or hot but not flagged, the same in all exposures of "
        "a group",
    )
    unstable_fraction: Fraction = key(
        1e-5,
        "Fraction of all pixels that are warm or hot but not flagged in a single exposure only",
    )
    unflagged_min_e_per_s: Positive = key(
        0.06, "Lowest dark current of an unflagged warm pixel", "e-/s", le=10_000
    )
    unflagged_max_e_per_s: Positive = key(
        2.0, "Highest dark current of an unflagged hot pixel", "e-/s", le=10_000
    )
    # CALACS's correction restores 75 % of the charge at typical backgrounds (ACS Instrument
    # Handbook, section 2.6); Massey et al. (2014, MNRAS 439, 887) restore 98 %.
    cte_residual: Fraction = key(
        0.25,
        "Fraction of the charge deferred during readout that remains as a trail in the image: 0 no "
        "trails, 1 no CTE correction",
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
