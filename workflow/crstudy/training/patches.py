"""Patches of training exposures with cosmic rays, and what a net should make of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from crstudy.data.strata import Stratum
from crstudy.training.sets import Example

#: Fractions of the patches that lie around a pixel of a star core, of a bright star, or of any
#: source, and anywhere.
KINDS = {"star core": 0.30, "bright star": 0.20, "source": 0.20, "anywhere": 0.30}
#: Light of these pixels, in units of the noise of the sky.
STAR_CORE, BRIGHT_STAR, SOURCE = 100, 20, 3
#: Fraction of the patches around star cores with a cosmic ray put on that pixel: by chance, hardly
#: any core is hit.
HIT_FRACTION = 0.3
STARS = (Stratum.STAR, Stratum.SATURATED_STAR)
#: A pixel with more charge than this, in units of its noise, is to be found.
FOUND_SIGMA = 3.0
#: A patch has the pixel it lies around at least so far from its edges, px.
RIM_PX = 8
#: Fraction of the patches with more sky, and the range of what they have more, e-.
SKY_FRACTION, MORE_SKY_E = 0.3, (5.0, 300.0)

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
#: Number of an exposure, and rows and columns of a patch in it.
Place = tuple[int, tuple[slice, slice]]


class Hit(NamedTuple):
    """A pixel of a patch to be hit, and by how much charge at least, e-."""

    row: int
    column: int
    least_e: float


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


def target_on_sources(
    example: Example, target: NDArray[np.bool_], charge: NDArray[np.floating], noise: NDArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the targets with those of the true charge on sources, and which of them count.

    What is measured on a source cannot be told from the image, since its light is not known.

    Parameters
    ----------
    example : Example
        The exposure.
    target : ndarray of bool
        Of `make_target`.
    charge, noise : ndarray
        As for `make_target`.

    Returns
    -------
    target : ndarray of bool
        On pixels of sources: whether the charge is above `FOUND_SIGMA` times the noise.
    counted : ndarray of bool
        Not those pixels of sources that have less charge.
    """
    source = example.brightness() > SOURCE
    found = charge > FOUND_SIGMA * noise
    return np.where(source, found, target), ~source | found | (charge == 0)


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
    brightness = np.sqrt(np.maximum(example.brightness() / BRIGHT_STAR, 1))
    star = np.isin(example.stratum, STARS)
    weight = np.where(star, settings["star_weight"] * brightness, 1.0)
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
        pools: dict[str, list[NDArray[np.int64]]] = {
            name: [] for name in KINDS if name != "anywhere"
        }
        for one in examples:
            light, star = one.brightness(), np.isin(one.stratum, STARS)
            for name, least in (("star core", STAR_CORE), ("bright star", BRIGHT_STAR)):
                pools[name].append(np.flatnonzero(star & one.valid & (light > least)))
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
            Images (e-); 1 or 0 by `make_target` and, on sources, `target_on_sources`; weights of
            `loss_weight`, 0 where a pixel does not count.
        """
        drawn = [self._patch(rng) for _ in range(self._settings["batch_size"])]
        image, target, weight = (
            np.stack(some, dtype=np.float32)[:, None] for some in zip(*drawn, strict=True)
        )
        return image, target, weight

    def _patch(self, rng: Generator) -> Arrays:
        here, hit = self._place(rng)
        turns, mirrored, flipped = rng.integers(4), rng.integers(2), rng.integers(2)
        there = self._anywhere(rng) if hit is None else self._rays_at(rng, hit, flipped)
        example, rays = (_cut(self._examples[i], place) for i, place in (here, there))
        # Trails of charge transfer stay along columns.
        flip = np.s_[:, :: -1 if flipped else 1]
        image, noise, scene = example.clean + rays.added[flip], example.noise, example.scene
        if rng.random() < SKY_FRACTION:
            sky_e = np.exp(rng.uniform(*np.log(MORE_SKY_E)))
            image = image + rng.poisson(sky_e, image.shape)
            noise, scene = np.sqrt(noise**2 + sky_e), scene + sky_e
        offset = self._settings["target_offset"]
        charge = rays.charge[flip]
        measured = make_target(charge, image - scene, noise, offset)
        target, counted = target_on_sources(example, measured, charge, noise)
        weight = counted * loss_weight(example, image, self._settings)
        arrays = (np.rot90(one, turns) for one in (image, target, weight))
        return tuple(one[:, ::-1] if mirrored else one for one in arrays)

    def _anywhere(self, rng: Generator) -> Place:
        """Draw an exposure and a place in it."""
        number, side = int(rng.integers(len(self._examples))), self._settings["patch_px"]
        corner = rng.integers(0, np.subtract(self._examples[number].clean.shape, side) + 1)
        return number, _box(corner, side)

    def _rays_at(self, rng: Generator, hit: Hit, flipped: bool) -> Place:
        """Draw an exposure and a place in it whose cosmic rays can be found at a pixel."""
        number, side = int(rng.integers(len(self._examples))), self._settings["patch_px"]
        charge = self._examples[number].charge
        at = np.array([hit.row, side - 1 - hit.column if flipped else hit.column])
        # Where patches do not leave the exposure.
        last = np.subtract(charge.shape, side) + at + 1
        inside = charge[at[0] : last[0], at[1] : last[1]]
        struck = np.argwhere(inside > hit.least_e)
        if not len(struck):
            return self._anywhere(rng)
        return number, _box(struck[rng.integers(len(struck))], side)

    def _place(self, rng: Generator) -> tuple[Place, Hit | None]:
        """Draw a kind of patch, then an exposure that has some, then one of its pixels.

        Also returns where in the patch a cosmic ray is to be, or None.
        """
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        pools = self._pools.get(kind)
        if not pools:
            return self._anywhere(rng), None
        number, pool = pools[rng.integers(len(pools))]
        shape, side = self._examples[number].clean.shape, self._settings["patch_px"]
        pixel = np.unravel_index(pool[rng.integers(len(pool))], shape)
        corner = np.clip(
            pixel - rng.integers(RIM_PX, side - RIM_PX, 2), 0, np.subtract(shape, side)
        )
        hit = kind == "star core" and rng.random() < HIT_FRACTION
        row, column = map(int, np.subtract(pixel, corner))
        least_e = FOUND_SIGMA * float(self._examples[number].noise[pixel])
        return (number, _box(corner, side)), Hit(row, column, least_e) if hit else None


def _box(corner: NDArray[np.integer], side: int) -> tuple[slice, slice]:
    row, column = map(int, corner)
    return slice(row, row + side), slice(column, column + side)


def _cut(example: Example, place: tuple[slice, slice]) -> Example:
    return Example(*(one[place] for one in example[:-2]), *example[-2:])
