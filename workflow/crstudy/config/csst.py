"""Configuration of the simulated CSST survey camera."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from crstudy.config.registry import FieldClass
from crstudy.config.sections import MAX_LISTED, Fraction, NonNegative, Positive, Section, key
from crstudy.config.simulation import CosmicRays

Seconds = Annotated[int, Field(ge=1, le=9999)]


class CsstCosmicRays(CosmicRays):
    """Cosmic rays as tracks through a CCD of CSST; particles and directions are ACS/WFC's."""

    # With it, cosmic rays hit 0.24 % of the pixels in 150 s (paper, introduction: over 200,000
    # pixels, of 9216 x 9232). Without a field-free layer it takes 1.3, with 10 um of it 0.8, in
    # standard silicon 1.3.
    rate_per_s_cm2: NonNegative = key(1.1, "Rate of cosmic rays", "1/s/cm2", le=100)
    # 10 um at a focal length of 28 m (CSST Collaboration, arXiv:2507.04618) are 0.074 arcsec.
    pixel_um: float = key(10.0, "Pixel size", "um", ge=1, le=100)
    # No published thickness was found. e2v makes CCDs of this format in standard silicon (about 16
    # um) and deep-depleted silicon (40 um): 16 to 40 um.
    thickness_um: Positive = key(40.0, "Thickness of the sensitive silicon", "um", le=1000)
    # None was found either: 0 (fully depleted) to 10 um, the layer of HST's CCDs.
    field_free_um: NonNegative = key(
        5.0, "Thickness of the field-free layer at the back of the silicon", "um", le=1000
    )
    # 40 um sqrt(2 kT / qV) is 2.3 um at 188 K and 10 V for charge freed at the back (Holland et al.
    # 2003, IEEE Trans. Electron Devices 50, 225), and 1.6 um RMS over the depth.
    depleted_spread_px: NonNegative = key(
        0.16, "Spread (sigma) of charge while it crosses the depleted layer", "px", le=10
    )


class Csst(Section):
    """Simulated single exposures of the CSST survey camera in r, with known truth."""

    n_fields: int = key(12, "Number of fields", ge=1, le=999)
    field_classes: list[FieldClass] = key(
        ["extragalactic", "globular_cluster", "resolved_galaxy"],
        "Field classes, assigned to the fields in turn",
        min_length=1,
        max_length=MAX_LISTED,
    )
    # The survey exposes 150 s.
    exptimes_s: list[Seconds] = key(
        [50, 100, 150, 300, 600, 1200],
        "Exposure times; each field has one exposure of each",
        "s",
        min_length=1,
        max_length=MAX_LISTED,
    )
    # A detector has 9216 columns and 9232 rows.
    tile_height_px: int = key(
        1024, "Rows of the simulated section of a detector", "px", ge=64, le=9232
    )
    tile_width_px: int = key(
        1024, "Columns of the simulated section of a detector", "px", ge=64, le=9216
    )
    pixel_scale_arcsec: float = key(0.074, "Pixel scale", "arcsec", ge=0.01, le=0.5)
    # Required to be no more than this, all static and dynamic errors included (Zhan 2021, Chinese
    # Science Bulletin, doi 10.1360/TB-2021-0016); the telescope has no obstruction.
    psf_ree80_arcsec: float = key(
        0.15,
        "Radius that encircles 80 % of a star's light, before convolution with the pixel",
        "arcsec",
        ge=0.01,
        le=1,
    )
    # Makes stars 2.17 px wide (0.160 arcsec, pixel included); the data model of the mission's
    # level-1 pipeline quotes 2.15 px and 0.158 arcsec from its own simulations (csst-doc-msc,
    # keywords FWHM and ME_FWHM). GalSim draws half-integer exponents faster than others.
    psf_moffat_beta: float = key(
        3.5, "Exponent of the Moffat profile of a star's light", ge=1.5, le=100
    )
    # No published value was found: 0, a round PSF, is assumed.
    psf_ellipticity: float = key(
        0.0,
        "Ellipticity (a^2 - b^2) / (a^2 + b^2) of a star's light before convolution with the "
        "pixel, along the rows",
        ge=0,
        lt=1,
    )
    # This, sky (22.1 mag/arcsec2), dark current and read noise are those of a forecast by Cao et
    # al. (github.com/caoxiaoyue/sim_csst_lens, paper/simulation/color_run/csst_setting.yaml);
    # the emulator of slitless spectra github.com/RainW7/CESS has the same dark current.
    zero_point_mag: float = key(26.04, "AB magnitude of 1 e-/s", "mag", ge=10, le=40)
    sky_e_per_s: NonNegative = key(0.206, "Sky", "e-/s/px", le=1000)
    dark_e_per_s: NonNegative = key(0.02, "Dark current", "e-/s/px", le=1000)
    read_noise_e: NonNegative = key(5.0, "Read noise", "e-", le=1000)
    # About that of the CCD290-99, e2v's detector of this size; none published for CSST was found.
    full_well_e: Positive = key(
        90000.0, "Full well, the charge above which a pixel bleeds", "e-", le=10_000_000
    )
    # No published fractions were found: those of ACS/WFC. The mission's pipeline (github.com/
    # astronomical-data-processing/csst-msc-instrument-effect) calls a pixel hot above 0.17 e-/s
    # and warm above 0.083 e-/s, which is where ACS/WFC's bounds lie.
    hot_fraction: Fraction = key(0.005, "Fraction of hot pixels (DQ 16)")
    warm_fraction: Fraction = key(0.01, "Fraction of warm pixels (DQ 64)")
    # Nor any of pixels without flag: those of ACS/WFC are assumed, too. Traps are left out.
    unflagged_fraction: Fraction = key(
        1e-4,
        "Fraction of all pixels that are warm or hot but not flagged, the same in all exposures of "
        "a field",
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
    cosmic_rays: CsstCosmicRays = key(CsstCosmicRays(), "Cosmic rays")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.unflagged_min_e_per_s, self.unflagged_max_e_per_s
        if low > high:
            raise ValueError(
                f"unflagged_min_e_per_s {low} must not exceed unflagged_max_e_per_s {high}"
            )
        return self

    @field_validator("exptimes_s")
    @classmethod
    def _distinct(cls, times: list[int]) -> list[int]:
        for time in times:
            if times.count(time) > 1:
                raise ValueError(f"exposure time {time} is listed twice; keep one")
        return times
