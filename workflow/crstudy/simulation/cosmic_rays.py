"""Cosmic rays as straight tracks of charge through the silicon of a CCD.

A particle crosses the sensitive layer along a straight line and frees electrons evenly along it.
Each electron diffuses sideways on its way to the gates, the more the farther away it was freed.
No optics is involved: the point-spread function never applies to a cosmic ray.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: One row per track. `x_px`, `y_px`: entry at the far side of the silicon, zero-based, pixel
#: centres at integers; `dx_px`, `dy_px`: displacement from there to the gates.
TRACK_DTYPE = np.dtype(
    [
        ("x_px", "f8"),
        ("y_px", "f8"),
        ("dx_px", "f8"),
        ("dy_px", "f8"),
        ("path_um", "f8"),
        ("electrons", "i8"),
    ]
)

#: Grazing tracks are cut at this projected length (pixels), which bounds the mean path.
LONGEST_TRACK_PX = 512.0

#: Electrons placed at a time; with this, a 2048x4096 chip needs about 0.3 GB.
ELECTRONS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class CosmicRayModel:
    """Flux, energy loss and charge diffusion of cosmic rays in one CCD.

    Attributes
    ----------
    rate_per_s_cm2 : float
        Tracks per second and cm2 of chip.
    pixel_um : float
        Pixel pitch in micrometres.
    thickness_um : float
        Thickness of the charge-collecting silicon in micrometres.
    energy_e_per_um : float
        Most probable number of electrons freed per micrometre of path.
    straggling : float
        Scale of the Moyal distribution of the loss, as a fraction of the most probable loss.
    diffusion_px : float
        Gaussian sigma, in pixels, of charge freed at the far side; it grows as the square root
        of the distance from the gates.
    cosine_power : float
        Exponent n of p(cos theta) ~ cos(theta)^n, theta from the normal of the chip: 0 for
        isotropic directions at a uniform entry point, 1 for an isotropic flux through a surface.

    Notes
    -----
    Values for ACS/WFC, and why (docs/simulator.md has what each does):

    - rate 1.6 /s/cm2: gives 3 % of pixels per 1000 s above 3 sigma of a 500 s exposure.
    - pixel 15 um, thickness 13 um: the thickness is within the 12 to 17 um of the ACS Instrument
      Handbook, section 5.6.
    - energy 44 e-/um: gives the median of 1000 e- per cosmic ray of Riess (2002, ISR ACS 2002-07).
    - straggling 0.2: broad as in thin silicon, yet few deposits fall below Riess's 500 e-.
    - diffusion 0.75 px: brings the recall of deepCR and L.A.Cosmic nearest to what is published;
      at least the 0.62 px of the charge-diffusion kernel at 400 nm, absorbed at the far side (ACS
      Instrument Handbook, section 5.6.1), whose 3x3 px leave out the wings.
    - cosine power 1: about 1 % of real footprints are longer than 10 px, as here; 0 gives 8 %.
    """

    rate_per_s_cm2: float
    pixel_um: float
    thickness_um: float
    energy_e_per_um: float
    straggling: float
    diffusion_px: float
    cosine_power: float

    @property
    def margin_px(self) -> float:
        """Width of the border around the chip from which charge may still reach it, in pixels."""
        return LONGEST_TRACK_PX + 6 * self.diffusion_px

    @property
    def least_cosine(self) -> float:
        """Smallest cos(theta), that of a track of `LONGEST_TRACK_PX`."""
        return self.thickness_um / np.hypot(self.thickness_um, LONGEST_TRACK_PX * self.pixel_um)


def draw_cosmic_rays(
    rng: np.random.Generator, shape: tuple[int, int], exptime_s: float, model: CosmicRayModel
) -> NDArray[np.int32]:
    """Draw the charge that cosmic rays leave in one exposure of one chip.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all randomness; the same state gives the same image.
    shape : tuple of int
        Rows and columns of the chip.
    exptime_s : float
        Time during which the chip collects charge, in seconds.
    model : CosmicRayModel
        Flux, energy loss and diffusion.

    Returns
    -------
    ndarray, shape `shape`, int32
        Electrons per pixel.
    """
    return deposit(rng, draw_tracks(rng, shape, exptime_s, model), shape, model)


def draw_tracks(
    rng: np.random.Generator, shape: tuple[int, int], exptime_s: float, model: CosmicRayModel
) -> NDArray[np.void]:
    """Draw the tracks that cross a chip and a margin around it.

    The margin, `model.margin_px` wide, makes the density of charge uniform up to the edges. The
    loss follows Moyal's approximation (1955, Phil. Mag. 46, 263) to Landau's distribution.

    Parameters
    ----------
    rng, shape, exptime_s, model
        As in `draw_cosmic_rays`.

    Returns
    -------
    ndarray of `TRACK_DTYPE`
        One row per track: entry and displacement in pixels, path in micrometres, electrons.
    """
    ny, nx = shape
    height_px, width_px = ny + 2 * model.margin_px, nx + 2 * model.margin_px
    area_cm2 = height_px * width_px * (model.pixel_um * 1e-4) ** 2
    n = rng.poisson(model.rate_per_s_cm2 * area_cm2 * exptime_s)

    cosine = _draw_cosines(rng, n, model)
    azimuth = rng.uniform(0, 2 * np.pi, n)
    length_px = model.thickness_um / model.pixel_um * np.sqrt(1 - cosine**2) / cosine

    tracks = np.empty(n, TRACK_DTYPE)
    tracks["x_px"] = rng.uniform(0, width_px, n) - model.margin_px - 0.5
    tracks["y_px"] = rng.uniform(0, height_px, n) - model.margin_px - 0.5
    tracks["dx_px"] = length_px * np.cos(azimuth)
    tracks["dy_px"] = length_px * np.sin(azimuth)
    tracks["path_um"] = model.thickness_um / cosine
    # If x follows chi-squared with one degree of freedom, -ln x follows Moyal; as scipy draws it.
    loss = 1 - model.straggling * np.log(rng.chisquare(1, n))
    most_probable = model.energy_e_per_um * tracks["path_um"]
    tracks["electrons"] = np.rint(np.maximum(most_probable * loss, 0))
    return tracks


def _draw_cosines(rng: np.random.Generator, n: int, model: CosmicRayModel) -> NDArray[np.float64]:
    """Draw n values of cos(theta) from a power law on [least_cosine, 1] by inversion."""
    k = model.cosine_power + 1
    # The cumulative distribution is (cos^(n + 1) - least) / (1 - least) with n = cosine_power.
    least = model.least_cosine**k
    return (least + (1 - least) * rng.uniform(0, 1, n)) ** (1 / k)


def deposit(
    rng: np.random.Generator,
    tracks: NDArray[np.void],
    shape: tuple[int, int],
    model: CosmicRayModel,
) -> NDArray[np.int32]:
    """Collect the electrons of tracks in pixels, one by one.

    Electrons are freed uniformly along a track; each is displaced by a Gaussian whose sigma is
    `model.diffusion_px` times the square root of the fraction of the thickness that separates it
    from the gates. Those that end outside the chip are lost.

    Parameters
    ----------
    rng, shape, model
        As in `draw_cosmic_rays`.
    tracks : ndarray of `TRACK_DTYPE`
        Tracks, for example of `draw_tracks`.

    Returns
    -------
    ndarray, shape `shape`, int32
        Electrons per pixel.
    """
    image = np.zeros(shape[0] * shape[1], np.int32)
    for some in _chunks(tracks[_reaches_chip(tracks, shape, model)]):
        image += np.bincount(_pixels_hit(rng, some, shape, model), minlength=image.size)
    return image.reshape(shape)


def _reaches_chip(
    tracks: NDArray[np.void], shape: tuple[int, int], model: CosmicRayModel
) -> NDArray[np.bool_]:
    """Tell which tracks can leave charge on the chip, from their bounding boxes."""
    spread_px = 0.5 + 6 * model.diffusion_px
    reaches = np.ones(tracks.size, bool)
    for axis, size in (("x", shape[1]), ("y", shape[0])):
        start = tracks[f"{axis}_px"]
        end = start + tracks[f"d{axis}_px"]
        reaches &= np.maximum(start, end) > -spread_px
        reaches &= np.minimum(start, end) < size - 1 + spread_px
    return reaches


def _chunks(tracks: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    """Split tracks into runs of about `ELECTRONS_AT_ONCE` electrons each."""
    run = np.cumsum(tracks["electrons"]) // ELECTRONS_AT_ONCE
    yield from np.split(tracks, np.flatnonzero(np.diff(run)) + 1)


def _pixels_hit(
    rng: np.random.Generator,
    tracks: NDArray[np.void],
    shape: tuple[int, int],
    model: CosmicRayModel,
) -> NDArray[np.int64]:
    """Place every electron of some tracks; return the flat pixel index of those on the chip."""
    electrons = tracks["electrons"]
    along = rng.uniform(0, 1, electrons.sum())
    # Drift at constant velocity: the variance grows with the distance to the gates.
    sigma_px = model.diffusion_px * np.sqrt(1 - along)
    cells = []
    for axis in ("y", "x"):
        position_px = np.repeat(tracks[f"{axis}_px"], electrons)
        position_px += along * np.repeat(tracks[f"d{axis}_px"], electrons)
        position_px += sigma_px * rng.standard_normal(along.size)
        cells.append(np.rint(position_px).astype(np.int64))
    y, x = cells
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    return y[inside] * shape[1] + x[inside]
