"""Cosmic rays as straight tracks of charge through the silicon of a CCD.

A particle crosses the sensitive layer along a straight line and frees electrons in collisions with
its atoms. In front, at the gates, the silicon is depleted: charge freed there drifts straight to
the nearest pixel. Behind lies a field-free layer, in which charge diffuses until it reaches the
depleted layer. No optics is involved: the point-spread function never applies to a cosmic ray.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crstudy.simulation.rays.diffusion import (
    LONGEST,
    QUANTILES,
    draw_normals,
    lateral_variances,
    row_of_depth,
)
from crstudy.simulation.rays.losses import draw_electrons

#: One row per track. `x_px`, `y_px`: entry at the back of the silicon, zero-based, pixel
#: centres at integers; `dx_px`, `dy_px`: displacement from there to the gates; `path_um`; and
#: `ionisation`: its collisions per length over those of a fast singly charged particle.
TRACK_DTYPE = np.dtype(
    [(name, "f8") for name in ("x_px", "y_px", "dx_px", "dy_px", "path_um", "ionisation")]
)

#: Grazing tracks are cut at this projected length (pixels), which bounds the mean path.
LONGEST_TRACK_PX = 512.0

#: Collisions placed at a time, about 20 electrons each, which fit a processor's cache.
COLLISIONS_AT_ONCE = 10_000
#: Electrons counted at a time.
ELECTRONS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class CosmicRayModel:
    """Flux and energy loss of cosmic rays and diffusion of their charge in one CCD.

    Attributes
    ----------
    rate_per_s_cm2 : float
        Tracks per second and cm2 of chip.
    pixel_um : float
        Pixel pitch in micrometres.
    thickness_um : float
        Thickness of the charge-collecting silicon in micrometres.
    field_free_um : float
        Thickness of its field-free layer at the back, in micrometres; the rest is depleted.
    depleted_spread_px : float
        Gaussian sigma, in pixels, of charge on its way through the depleted layer.
    collisions_per_um : float
        Collisions per micrometre of path of a fast singly charged particle; their energies are
        those of `crstudy.simulation.rays.losses`.
    slow_fraction : float
        Fraction of the tracks of slow particles and nuclei, which collide f times as often: f has
        the density f^-2 from 1 to `most_ionising`, that of protons of all low energies alike.
    most_ionising : float
        Largest f.
    cosine_power : float
        Exponent n of p(cos theta) ~ cos(theta)^n, theta from the normal of the chip: 0 for
        isotropic directions at a uniform entry point, 1 for an isotropic flux through a surface.
    """

    rate_per_s_cm2: float
    pixel_um: float
    thickness_um: float
    field_free_um: float
    depleted_spread_px: float
    collisions_per_um: float
    slow_fraction: float
    most_ionising: float
    cosine_power: float

    @property
    def spread_px(self) -> float:
        """Largest displacement of an electron, in pixels; larger ones are rarer than 1 in 10^6."""
        field_free_px = self.field_free_um / self.pixel_um
        return float(6 * self.depleted_spread_px + 2 * np.sqrt(2 * LONGEST) * field_free_px)

    @property
    def margin_px(self) -> float:
        """Width of the border around the chip from which charge may still reach it, in pixels."""
        return LONGEST_TRACK_PX + self.spread_px

    @property
    def least_cosine(self) -> float:
        """Smallest cos(theta), that of a track of `LONGEST_TRACK_PX`."""
        return self.thickness_um / np.hypot(self.thickness_um, LONGEST_TRACK_PX * self.pixel_um)


class Collisions(NamedTuple):
    """Collisions of tracks.

    Attributes
    ----------
    track : ndarray, shape (n,), int64
        Index of the track, ascending.
    along : ndarray, shape (n,), float64
        Fraction of the way from the back to the gates.
    electrons : ndarray, shape (n,), int64
        Electrons that the collision frees.
    """

    track: NDArray[np.int64]
    along: NDArray[np.float64]
    electrons: NDArray[np.int64]


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

    The margin, `model.margin_px` wide, makes the density of charge uniform up to the edges.

    Parameters
    ----------
    rng, shape, exptime_s, model
        As in `draw_cosmic_rays`.

    Returns
    -------
    ndarray of `TRACK_DTYPE`
        One row per track.
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
    slow = rng.random(n) < model.slow_fraction
    tracks["ionisation"] = np.where(slow, _draw_ionisation(rng, n, model.most_ionising), 1)
    return tracks


def _draw_ionisation(rng: np.random.Generator, n: int, most: float) -> NDArray[np.float64]:
    """Draw n values f of a density f^-2 on [1, most] by inversion."""
    return 1 / (1 - (1 - 1 / most) * rng.random(n))


def _draw_cosines(rng: np.random.Generator, n: int, model: CosmicRayModel) -> NDArray[np.float64]:
    """Draw n values of cos(theta) from a power law on [least_cosine, 1] by inversion."""
    k = model.cosine_power + 1
    # The cumulative distribution is (cos^(n + 1) - least) / (1 - least) with n = cosine_power.
    least = model.least_cosine**k
    return (least + (1 - least) * rng.uniform(0, 1, n)) ** (1 / k)


def draw_collisions(
    rng: np.random.Generator, tracks: NDArray[np.void], model: CosmicRayModel
) -> Collisions:
    """Draw the collisions of tracks with the silicon: where, and the electrons that each frees.

    Parameters
    ----------
    rng, model
        As in `draw_cosmic_rays`.
    tracks : ndarray of `TRACK_DTYPE`
        Tracks, for example of `draw_tracks`.

    Returns
    -------
    Collisions
        Of all tracks, one after another.
    """
    number = rng.poisson(_expected_collisions(tracks, model))
    track = np.repeat(np.arange(tracks.size), number)
    return Collisions(track, rng.random(track.size), draw_electrons(rng, track.size))


def deposit(
    rng: np.random.Generator,
    tracks: NDArray[np.void],
    shape: tuple[int, int],
    model: CosmicRayModel,
) -> NDArray[np.int32]:
    """Let tracks free electrons and collect these in pixels, one by one.

    Parameters
    ----------
    rng, shape, model
        As in `draw_cosmic_rays`.
    tracks : ndarray of `TRACK_DTYPE`
        Tracks, for example of `draw_tracks`.

    Returns
    -------
    ndarray, shape `shape`, int32
        Electrons per pixel. Those that end outside the chip are lost.
    """
    image = np.zeros(shape[0] * shape[1], np.int32)
    for hits in _batches(_hits(rng, tracks[_reaches_chip(tracks, shape, model)], shape, model)):
        image += np.bincount(hits, minlength=image.size)
    return image.reshape(shape)


def _batches(parts: Iterator[NDArray[np.int32]]) -> Iterator[NDArray[np.int32]]:
    """Join arrays to some of about `ELECTRONS_AT_ONCE` elements."""
    joined: list[NDArray[np.int32]] = []
    for part in parts:
        joined.append(part)
        if sum(map(len, joined)) > ELECTRONS_AT_ONCE:
            yield np.concatenate(joined)
            joined = []
    if joined:
        yield np.concatenate(joined)


def _reaches_chip(
    tracks: NDArray[np.void], shape: tuple[int, int], model: CosmicRayModel
) -> NDArray[np.bool_]:
    """Tell which tracks can leave charge on the chip, from their bounding boxes."""
    spread_px = 0.5 + model.spread_px
    reaches = np.ones(tracks.size, bool)
    for axis, size in (("x", shape[1]), ("y", shape[0])):
        start = tracks[f"{axis}_px"]
        end = start + tracks[f"d{axis}_px"]
        reaches &= np.maximum(start, end) > -spread_px
        reaches &= np.minimum(start, end) < size - 1 + spread_px
    return reaches


def _expected_collisions(tracks: NDArray[np.void], model: CosmicRayModel) -> NDArray[np.float64]:
    """Return the mean number of collisions of tracks."""
    return model.collisions_per_um * tracks["ionisation"] * tracks["path_um"]


def _hits(
    rng: np.random.Generator,
    tracks: NDArray[np.void],
    shape: tuple[int, int],
    model: CosmicRayModel,
) -> Iterator[NDArray[np.int32]]:
    """Place every electron of tracks; yield the flat pixel index of those on the chip."""
    run = np.cumsum(_expected_collisions(tracks, model)) // COLLISIONS_AT_ONCE
    for some in np.split(tracks, np.flatnonzero(np.diff(run)) + 1):
        collisions = draw_collisions(rng, some, model)
        sigma_px = _spread(rng, collisions, model)
        cells = []
        for axis in ("y", "x"):
            freed_px = some[f"{axis}_px"][collisions.track]
            freed_px += collisions.along * some[f"d{axis}_px"][collisions.track]
            position_px = draw_normals(rng, sigma_px.size)
            position_px *= sigma_px
            position_px += np.repeat(freed_px.astype(np.float32), collisions.electrons)
            cells.append(np.rint(position_px, out=position_px).astype(np.int32))
        y, x = cells
        inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        yield (y * shape[1] + x)[inside]


def _spread(
    rng: np.random.Generator, collisions: Collisions, model: CosmicRayModel
) -> NDArray[np.float32]:
    """Draw, for every electron of some collisions, the sigma of its displacement, in pixels."""
    behind_um = (1 - collisions.along) * model.thickness_um
    depleted_um = model.thickness_um - model.field_free_um
    depth = (behind_um - depleted_um) / max(model.field_free_um, 1e-9)
    cell = np.repeat(QUANTILES * row_of_depth(depth), collisions.electrons)
    # One random byte chooses among the 256 quantiles.
    cell += rng.integers(0, QUANTILES, cell.size, np.uint8)
    field_free_px = model.field_free_um / model.pixel_um
    variance = lateral_variances() * field_free_px**2 + model.depleted_spread_px**2
    return np.take(np.sqrt(variance).astype(np.float32), cell)
