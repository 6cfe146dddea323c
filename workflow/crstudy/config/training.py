"""Configuration of the training of nets on simulated exposures."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from crstudy.config.sections import MAX_LISTED, NAME, Section, key

Sigmas = Annotated[float, Field(ge=0, le=10)]
Radius = Annotated[float, Field(ge=0.01, le=1)]


class TrainedNet(Section):
    """A net to train: deepCR's architecture with 32 channels."""

    name: str = key(..., "Name of the net", pattern=NAME)
    camera: Literal["acs", "csst"] = key(
        ..., "Simulated camera of its exposures: section `simulation` or `csst`"
    )
    start: Literal["zb20-f606w", "scratch"] = key(
        "zb20-f606w",
        "Weights that it starts from; the batch norm of zb20-f606w keeps its statistics",
    )
    learning_rate: float = key(
        1e-3, "Learning rate of Adam at the start; falls to zero as a cosine", gt=0, le=0.1
    )
    target_offsets: list[Sigmas] = key(
        [2.5],
        "Measured excess from which a pixel with a charge of cosmic rays should be flagged, in "
        "units of its noise: the larger, the narrower the masks. A net is trained for each; that "
        "with the highest average precision against labels on the validation groups is kept",
        "local sigma",
        min_length=1,
        max_length=MAX_LISTED,
    )


class Training(Section):
    """Training of nets on true cosmic rays (used when `source` is `training`)."""

    n_training: int = key(240, "Number of groups, of one exposure each, to train on", ge=1, le=9999)
    n_validation: int = key(16, "Number of groups to validate on", ge=1, le=999)
    # More than the telescope breathes: 1.4 % (RMS) of the central pixel.
    psf_width: float = key(
        0.04,
        "Largest change of the width of a group's PSF from the tabulated one of ACS/WFC, of its "
        "logarithm; none is closer than a tenth of it",
        gt=0,
        le=0.5,
    )
    psf_shape: float = key(
        0.04,
        "RMS change of the logarithms of the width and of the flux of each Gaussian of that PSF",
        gt=0,
        le=0.5,
    )
    csst_psf_ree80_arcsec: tuple[Radius, Radius] = key(
        (0.07, 0.20),
        "Range of the radius that encircles 80 % of a star's light, of CSST's PSF",
        "arcsec",
    )
    n_batches: int = key(1600, "Number of batches", ge=1, le=1_000_000)
    batch_size: int = key(12, "Patches in a batch", ge=1, le=1024)
    patch_px: int = key(96, "Side of a patch", "px", ge=32, le=1024, multiple_of=2)
    star_weight: float = key(
        4.0,
        "Weight of the pixels of stars in the loss; grows as the square root of their light above "
        "20 times the noise of the sky",
        gt=0,
        le=1000,
    )
    validate_every: int = key(
        160,
        "Batches between two validations, after each of which an interrupted run resumes",
        ge=1,
        le=1_000_000,
    )
    nets: list[TrainedNet] = key(
        [TrainedNet(name="stars-acs-wfc", camera="acs")],
        "Nets to train",
        min_length=1,
        max_length=MAX_LISTED,
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.csst_psf_ree80_arcsec
        if low > high:
            raise ValueError(f"csst_psf_ree80_arcsec {low} must not exceed {high}")
        return self

    @field_validator("nets")
    @classmethod
    def _once(cls, nets: list[TrainedNet]) -> list[TrainedNet]:
        names = [net.name for net in nets]
        if len(set(names)) < len(names):
            raise ValueError("two nets have the same name")
        return nets
