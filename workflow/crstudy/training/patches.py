"""Patches of training exposures with cosmic rays, and what a net should make of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from crstudy.data.strata import Stratum
from crstudy.training.sets import Example

#: Fractions of the patches that lie around a bright pixel of a star, around a pixel of any source,
#: and anywhere.
KINDS = {"bright star": 0.35, "source": 0.25, "anywhere": 0.40}
#: Light of these pixels, in units of the noise of the sky.
BRIGHT_STAR, SOURCE = 20, 3
#: A patch has the pixel it lies around at least so far from its edges, px.
RIM_PX = 8
#: Fraction of the patches with more sky, and the range of what they have more, e-.
SKY_FRACTION, MORE_SKY_E = 0.3, (5.0, 300.0)

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def make_target(
    charge: NDArray[np.floating],
    excess: NDArray[np.floating],
    noise: NDArray[np.floating],
    offset: float,
) -> NDArray[np.bool_]:
    """Return which pixels should be flagged.

    Parameters
    ----------
    charge, excess, noise : ndarray
        Charge of cosmic rays; excess of the image over the scene, that is, the charge as this
        exposure measures it; noise without cosmic rays, e-.
    offset : float
        Excess from which pixels should be flagged, in units of the noise.

    Returns
    -------
    ndarray of bool
        Pixels with a charge whose excess is above the offset. So are the rims of cosmic rays in the
        labels of real exposures: by what was measured, not by the charge.

    Examples
    --------
    >>> charge, excess = np.array([0, 10, 10, 1000]), np.array([40.0, 24.0, 26.0, 1010.0])
    >>> make_target(charge, excess, np.array([10.0]), 2.5).tolist()
    [False, False, True, True]
    """
    return (charge > 0) & (excess > offset * noise)


def loss_weight(
    example: Example, image: NDArray[np.floating], settings: Mapping[str, Any]
) -> NDArray:
    """Return the weight of each pixel in the loss: 0 where it is bad or saturated.

    Parameters
    ----------
    example : Example
        The exposure.
    image : ndarray, shape (ny, nx)
        The exposure with cosmic rays, e-.
    settings : mapping
        star_weight and saturation_e.
    """
    weight = np.where(example.stratum == Stratum.STAR, settings["star_weight"], 1.0)
    return weight * (example.valid & (image <= settings["saturation_e"]))


class Patches:
    """Draws patches of exposures, with the cosmic rays of other ones.

    Parameters
    ----------
    examples : sequence of Example
        Exposures of one size.
    settings : mapping
        patch_px, batch_size and star_weight of the configuration section ``training``,
        target_offset of the net, and saturation_e of the section ``mask``.
    """

    def __init__(self, examples: Sequence[Example], settings: Mapping[str, Any]) -> None:
        self._examples, self._settings = examples, settings
        pools: dict[str, list[NDArray[np.int64]]] = {name: [] for name in KINDS}
        for one in examples:
            light, star = (
                one.brightness(),
                np.isin(one.stratum, (Stratum.STAR, Stratum.SATURATED_STAR)),
            )
            pools["bright star"].append(np.flatnonzero(star & one.valid & (light > BRIGHT_STAR)))
            pools["source"].append(np.flatnonzero((one.stratum != Stratum.SKY) & (light > SOURCE)))
        # Exposures without such pixels have no patch of that kind.
        self._pools = {
            name: [(i, pool) for i, pool in enumerate(some) if len(pool)]
            for name, some in pools.items()
        }

    def batch(self, rng: Generator) -> Arrays:
        """Draw a batch.

        Parameters
        ----------
        rng : numpy Generator
            Source of all randomness.

        Returns
        -------
        image, target, weight : ndarray, shape (n, 1, patch, patch), float32
            Images (e-), 1 or 0 by `make_target`, and weights of `loss_weight`.
        """
        drawn = [self._patch(rng) for _ in range(self._settings["batch_size"])]
        image, target, weight = (
            np.stack(some, dtype=np.float32)[:, None] for some in zip(*drawn, strict=True)
        )
        return image, target, weight

    def _patch(self, rng: Generator) -> Arrays:
        here, there = self._place(rng), self._anywhere(rng)
        example, rays = (_cut(self._examples[i], place) for i, place in (here, there))
        turns, mirrored = rng.integers(4), rng.integers(2)
        # Trails of charge transfer stay along columns.
        flip = np.s_[:, :: -1 if rng.integers(2) else 1]
        image, noise, scene = example.clean + rays.added[flip], example.noise, example.scene
        if rng.random() < SKY_FRACTION:
            sky_e = np.exp(rng.uniform(*np.log(MORE_SKY_E)))
            image = image + rng.poisson(sky_e, image.shape)
            noise, scene = np.sqrt(noise**2 + sky_e), scene + sky_e
        offset = self._settings["target_offset"]
        target = make_target(rays.charge[flip], image - scene, noise, offset)
        weight = loss_weight(example, image, self._settings)
        arrays = (np.rot90(one, turns) for one in (image, target, weight))
        return tuple(one[:, ::-1] if mirrored else one for one in arrays)

    def _anywhere(self, rng: Generator) -> tuple[int, tuple[slice, slice]]:
        """Draw an exposure and a place in it."""
        number, side = int(rng.integers(len(self._examples))), self._settings["patch_px"]
        corner = rng.integers(0, np.subtract(self._examples[number].clean.shape, side) + 1)
        return number, _box(corner, side)

    def _place(self, rng: Generator) -> tuple[int, tuple[slice, slice]]:
        """Draw a kind of patch, then an exposure that has some, then one of its pixels."""
        pools = self._pools[rng.choice(list(KINDS), p=list(KINDS.values()))]
        if not pools:
            return self._anywhere(rng)
        number, pool = pools[rng.integers(len(pools))]
        shape, side = self._examples[number].clean.shape, self._settings["patch_px"]
        pixel = np.unravel_index(pool[rng.integers(len(pool))], shape)
        corner = pixel - rng.integers(RIM_PX, side - RIM_PX, 2)
        return number, _box(np.clip(corner, 0, np.subtract(shape, side)), side)


def _box(corner: NDArray[np.integer], side: int) -> tuple[slice, slice]:
    row, column = map(int, corner)
    return slice(row, row + side), slice(column, column + side)


def _cut(example: Example, place: tuple[slice, slice]) -> Example:
    return Example(*(one[place] for one in example[:-2]), *example[-2:])
