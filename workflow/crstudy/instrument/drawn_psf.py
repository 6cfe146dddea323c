"""The PSF of one exposure, as its simulated stars show it and no method knows it.

The tabulated PSF is a mean over exposures. An exposure differs from it by the focus and the jitter
of the telescope, and a place on the detector by the diffusion of charge there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import galsim
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from crstudy.instrument.acs import CHIP_SHAPE_PX, cut_corner
from crstudy.instrument.epsf import OVERSAMPLING, PsfGrid
from crstudy.instrument.psf_wings import CORE_FRACTION, PIXEL_ARCSEC

#: Half-size of the stamp of a star's core; the empirical PSF grid ends at 12.5 px.
HALF_STAMP_PX = 16
#: Side of the oversampled tables; a transform of this length is fast.
TABLE_SIDE = 144
#: Wavefront error (RMS) by defocus: 5 um of the secondary mirror are 1/18 wave (ACS Instrument
#: Handbook, section 5.6.5).
WAVES_PER_UM = 1 / 90
#: Defocus moves light from the core to its surroundings: to the same PSF, wider by this factor.
BLUR_WIDTH = 1.5


@dataclass(frozen=True)
class Optics:
    """State of the telescope in an exposure.

    Attributes
    ----------
    focus_um : float
        Defocus of the secondary mirror, um; only a record, `blur` is what it does.
    blur : float
        Fraction of the light that is spread to a PSF wider by `BLUR_WIDTH`, relative to the mean
        over exposures; negative in focus.
    jitter_xx, jitter_xy, jitter_yy : float
        Covariance of the jitter, px^2, relative to the mean over exposures.
    """

    focus_um: float = 0.0
    blur: float = 0.0
    jitter_xx: float = 0.0
    jitter_xy: float = 0.0
    jitter_yy: float = 0.0

    @classmethod
    def draw(cls, rng: Generator, settings: Mapping[str, Any], focus_um: float) -> Self:
        """Draw the state of the telescope.

        Parameters
        ----------
        rng : numpy Generator
            Source of randomness.
        settings : mapping
            breathing_rms_um, focus_rms_um and jitter_mas of the configuration section
            ``simulation``.
        focus_um : float
            Defocus that the exposures of the visit share, um.

        Returns
        -------
        Optics
        """
        focus = focus_um + settings["breathing_rms_um"] * rng.standard_normal()
        rms_um = np.hypot(settings["focus_rms_um"], settings["breathing_rms_um"])
        variance = (settings["jitter_mas"] / 1000 / PIXEL_ARCSEC) ** 2 / 2
        major, minor = variance * rng.standard_normal(2) ** 2
        angle = rng.uniform(0, np.pi)
        xx = major * np.cos(angle) ** 2 + minor * np.sin(angle) ** 2
        xy = (major - minor) * np.cos(angle) * np.sin(angle)
        return cls(
            focus,
            _blur(focus, rms_um),
            xx - variance,
            xy,
            major + minor - xx - variance,
        )

    def cards(self) -> dict[str, float]:
        """Return the header cards that record the state."""
        return {keyword: getattr(self, name) for keyword, name in _CARDS.items()}

    @classmethod
    def from_cards(cls, header: Mapping[str, Any]) -> Self:
        """Read the state back from the cards of `cards`."""
        return cls(**{name: header[keyword] for keyword, name in _CARDS.items()})


_CARDS = {
    "FOCUS_UM": "focus_um",
    "PSFBLUR": "blur",
    "JITTERXX": "jitter_xx",
    "JITTERXY": "jitter_xy",
    "JITTERYY": "jitter_yy",
}


def _blur(focus_um: float, rms_um: float) -> float:
    """Return the blurred fraction whose peak has the Strehl ratio of the focus."""
    slope = (2 * np.pi * WAVES_PER_UM) ** 2
    loss = 1 - np.exp(-slope * focus_um**2)
    mean_loss = 1 - 1 / np.sqrt(1 + 2 * slope * rms_um**2)
    return float((loss - mean_loss) / (1 - BLUR_WIDTH**-2))


class DrawnPsf:
    """Effective PSF of an exposure at any place of the detector.

    Parameters
    ----------
    grid : PsfGrid
        The tabulated PSF.
    optics : Optics
        State of the telescope in the exposure.
    wings : bool
        Whether the light beyond the table, of `crstudy.instrument.psf_wings`, belongs to it.
    """

    def __init__(self, grid: PsfGrid, optics: Optics, *, wings: bool) -> None:
        self.grid, self.optics, self.wings = grid, optics, wings
        knots = grid if grid.diffusion is None else grid.diffusion
        self._x, self._y = np.unique(knots.x), np.unique(knots.y)
        self._base = cache(self._draw_base)
        self._table = cache(self._make_table)
        self._tables = cache(self._stack_tables)

    def star(self, x: float, y: float) -> NDArray[np.float32]:
        """Draw the core of a star.

        Parameters
        ----------
        x, y : float
            Detector position, px.

        Returns
        -------
        ndarray, shape (33, 33), float32
            Fraction of the star's light per pixel, around the pixel next to the position.
        """
        knots, weights = zip(*_around(self._x, self._y, x, y), strict=True)
        table = (np.array(weights, np.float32) @ self._tables(knots)).reshape(TABLE_SIDE, -1)
        rows, columns = _samples(y - nearest_pixel(y)), _samples(x - nearest_pixel(x))
        lines = sum(weight * table[place] for place, weight in rows)
        return sum(weight * lines[:, place] for place, weight in columns)

    def on_chip(
        self, extver: int, shape: tuple[int, int]
    ) -> Callable[[float, float], NDArray[np.float32]]:
        """Return `star` by the place on a chip.

        Parameters
        ----------
        extver : int
            EXTVER of the chip.
        shape : (int, int)
            Its rows and columns; a smaller chip is cut from the middle of the full one.

        Returns
        -------
        callable
            Takes column and row, px, from 0.
        """
        row, column = cut_corner(shape)
        row += (extver - 1) * CHIP_SHAPE_PX[0]
        # Pixels from 1, as the simulator counts them.
        return lambda x, y: self.star(x + 1 + column, y + 1 + row)

    def _stack_tables(self, knots: tuple[tuple[int, int], ...]) -> NDArray[np.float32]:
        """Put the tables of knots below one another, each as one row."""
        return np.stack([self._table(*knot).ravel() for knot in knots])

    def _make_table(self, row: int, column: int) -> NDArray[np.float32]:
        """Make the cubic-spline coefficients of the oversampled PSF at a knot."""
        x, y = self._x[column], self._y[row]
        columns, rows = np.unique(self.grid.x), np.unique(self.grid.y)
        base = sum(
            weight * self._base(rows[j], columns[i])
            for (j, i), weight in _around(columns, rows, x, y)
        )
        diffused = 0.0
        if self.grid.diffusion is not None:
            diffused = self.grid.diffusion.variance_px2[row, column]
        optics = self.optics
        ky = 2 * np.pi * np.fft.fftfreq(TABLE_SIDE)[:, None]
        kx = 2 * np.pi * np.fft.rfftfreq(TABLE_SIDE)
        spread = (optics.jitter_xx + diffused) * kx**2 + 2 * optics.jitter_xy * kx * ky
        spread = spread + (optics.jitter_yy + diffused) * ky**2
        spline = (2 + np.cos(kx)) * (2 + np.cos(ky)) / 9
        blurred = base * np.exp(-0.5 * OVERSAMPLING**2 * spread) / spline
        return np.fft.irfft2(blurred, (TABLE_SIDE, TABLE_SIDE)).astype(np.float32)

    def _draw_base(self, y: float, x: float) -> NDArray[np.complex128]:
        """Transform the tabulated PSF with the focus of the exposure."""
        share = CORE_FRACTION if self.wings else 1.0
        parts = ((1 - self.optics.blur, 1.0), (self.optics.blur, BLUR_WIDTH))
        return sum(
            np.fft.rfft2(share * weight * _oversampled(self.grid, x, y, factor))
            for weight, factor in parts
        )


def nearest_pixel(position: float) -> int:
    """Return the pixel next to a position; unlike `round`, alike for positions 1 px apart."""
    return int(np.floor(position + 0.5))


def _oversampled(grid: PsfGrid, x: float, y: float, width: float) -> NDArray[np.float64]:
    """Draw the tabulated PSF, its centre at the middle of an even table."""
    image = galsim.ImageD(TABLE_SIDE, TABLE_SIDE, scale=1 / OVERSAMPLING)
    middle = (TABLE_SIDE // 2 + 1,) * 2
    return grid.at(x, y, width).drawImage(image, method="sb", center=middle).array


def _samples(phase: float) -> list[tuple[slice, float]]:
    """Return where a row of pixels takes its samples, with the weights of the cubic spline."""
    first = TABLE_SIDE // 2 - (HALF_STAMP_PX + phase) * OVERSAMPLING
    start = int(np.floor(first))
    t = first - start
    weights = (1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (1 - t) ** 3 - 6 * (1 - t) ** 2 + 4, t**3
    length = 2 * HALF_STAMP_PX * OVERSAMPLING + 1
    return [
        (slice(begin, begin + length, OVERSAMPLING), weight / 6)
        for begin, weight in zip(range(start - 1, start + 3), weights, strict=True)
    ]


def _around(
    x_knots: NDArray[np.float64], y_knots: NDArray[np.float64], x: float, y: float
) -> list[tuple[tuple[int, int], float]]:
    """Return the (row, column) of the knots around a position, on its chip, and their weights."""
    same_chip = (y_knots < CHIP_SHAPE_PX[0]) == (y < CHIP_SHAPE_PX[0])
    rows = np.flatnonzero(same_chip) if same_chip.any() else np.arange(len(y_knots))
    return [
        ((int(rows[j]), i), row_weight * column_weight)
        for j, row_weight in _between(y_knots[rows], y)
        for i, column_weight in _between(x_knots, x)
    ]


def _between(knots: NDArray[np.float64], value: float) -> list[tuple[int, float]]:
    """Return the knots on both sides of a value and their weights; the end knot beyond the ends."""
    right = int(np.searchsorted(knots, value))
    if right in (0, len(knots)):
        return [(min(right, len(knots) - 1), 1.0)]
    share = (value - knots[right - 1]) / (knots[right] - knots[right - 1])
    return [(right - 1, float(1 - share)), (right, float(share))]
