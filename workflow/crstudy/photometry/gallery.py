"""Typical stars that deepCR degrades, and cutouts of their images (paper figures 4 and 5)."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table, hstack, vstack
from astropy.units import UnitsWarning
from numpy.typing import NDArray

from crstudy.data.chips import ChipProducts
from crstudy.data.exposure import write_hdus
from crstudy.photometry.flux_tests import anomalous, flux_ratio, is_simulated, used_rows

#: Random stream of the choice; 0 to 5 are those of simulation, control and density.
GALLERY_STREAM = 6
#: Figures: flux ratios below the lower, and above the upper limit.
FIGURES = ("fig4", "fig5")
#: Examples in a figure.
ROWS = 5
#: Pixels between the middle of a cutout and its edge; odd side, the star's pixel in the middle.
HALF_PX = 15
SIDE_PX = 2 * HALF_PX + 1
#: Images of a cutout, as `ChipProducts` names them.
IMAGES = ("original", "clean", "inpaint")

#: Columns of a gallery: type, unit and meaning.
COLUMNS: dict[str, tuple[Any, str | None, str]] = {
    "figure": ("U4", None, "fig4: ratio below the lower limit; fig5: above the upper"),
    "group": ("U32", None, "group of exposures of one field"),
    "exposure": ("U32", None, "dataset"),
    "chip": (np.int64, None, "EXTVER of the SCI extension"),
    "star": (np.int64, None, "number of the star in its group"),
    "mag": (np.float64, "mag", "AB magnitude, median of the star's clean fluxes"),
    "area": (np.float64, "pix2", "isophotal area of the star"),
    "radius": (np.float64, "pix", "radius of the aperture"),
    "x": (np.float64, "pix", "column of the centre on the chip, from 0"),
    "y": (np.float64, "pix", "row of the centre on the chip, from 0"),
    "ratio": (np.float64, None, "flux cleaned by deepCR over clean flux"),
    "n_sigma": (np.float64, None, "flux cleaned by deepCR minus clean flux, in flux errors"),
    "cr_sigma": (
        np.float64,
        None,
        "true cosmic-ray charge in the aperture, in flux errors; NaN where it is not known",
    ),
    "clean_sigma": (
        np.float64,
        None,
        "clean flux minus the original's without its true cosmic-ray charge, in flux errors; NaN "
        "where that is not known",
    ),
    "label_px": (np.float64, "pix2", "area of the aperture that the reference labels"),
    "flagged_px": (np.float64, "pix2", "area of the aperture that deepCR flags"),
}
IMAGE_COLUMNS: dict[str, tuple[Any, str | None, str]] = {
    "original": (np.float32, "electron", "calibrated image; NaN beyond the chip's edge"),
    "clean": (np.float32, "electron", "the same with labelled pixels replaced by the median"),
    "inpaint": (np.float32, "electron", "the same cleaned by deepCR"),
    "excluded": (np.uint8, None, "1: the pixel is not valid or lies beyond the chip's edge"),
}


def choose(
    photometry: Table, low: float, high: float, flux_sigma: float, rows: int, seed: int
) -> Table:
    """Draw examples of stars with too small and with too large a flux ratio.

    Parameters
    ----------
    photometry : Table
        Columns of `crstudy.photometry.forced.COLUMNS`; the order of its rows does not
        matter.
    low, high : float
        A ratio below `low` goes to figure 4, above `high` to figure 5.
    flux_sigma : float
        Difference that makes a measurement anomalous, in flux errors.
    rows : int
        Maximum number of examples in a figure.
    seed : int
        Seed of the study.

    Returns
    -------
    Table
        `COLUMNS`, sorted by figure and ratio; metadata RULE, SEED, FLUXSIG, LOW, HIGH, USED
        (measurements that are used) and, for each figure, FIG4_N (measurements that meet its
        rule). Where the truth is known, of these: FIG4_HIT and FIG4_CR0 (true charge in the
        aperture above `flux_sigma` flux errors, and none), FIG4_REF (the clean flux is off the
        truth by more than `flux_sigma` flux errors, and deepCR's is not).
    """
    used = used_rows(photometry)
    ratio = flux_ratio(used)
    odd = anomalous(used, flux_sigma)
    used["ratio"] = ratio
    used["n_sigma"] = (used["flux_inpaint"] - used["flux_clean"]) / used["sigma"]
    used["cr_sigma"] = used["cr_true"] / used["sigma"]
    true = used["flux_original"] - used["cr_true"]
    used["clean_sigma"] = (used["flux_clean"] - true) / used["sigma"]
    meta = {
        "RULE": rule(low, high, flux_sigma, rows),
        "SEED": seed,
        "FLUXSIG": flux_sigma,
        "LOW": low,
        "HIGH": high,
        "USED": len(used),
    }
    parts = [_empty(COLUMNS)]
    selections = odd & (ratio < low), odd & (ratio > high)
    for number, (figure, selected) in enumerate(zip(FIGURES, selections, strict=True)):
        candidates = used[selected]
        candidates["figure"] = np.full(len(candidates), figure)
        rng = np.random.default_rng([GALLERY_STREAM, seed, number])
        parts.append(_draw(rng, candidates, rows)[tuple(COLUMNS)])
        meta[f"{figure.upper()}_N"] = len(candidates)
        if is_simulated(used):
            meta |= _count(figure.upper(), candidates, flux_sigma)
    table = _described(vstack(parts, metadata_conflicts="silent"), COLUMNS)
    table.meta = meta
    return table


def rule(low: float, high: float, flux_sigma: float, rows: int) -> str:
    """Describe how the examples are drawn."""
    return (
        f"up to {rows} measurements a figure, drawn at random, at most one per star, from the "
        f"used ones with |F_d - F_c| > {flux_sigma:g} sigma and F_d/F_c < {low:g} (fig4) or "
        f"> {high:g} (fig5); F_d: cleaned by deepCR, F_c: clean"
    )


def _draw(rng: np.random.Generator, candidates: Table, rows: int) -> Table:
    """Return up to `rows` measurements of different stars, by ratio."""
    candidates.sort(["group", "exposure", "chip", "star"])
    shuffled = candidates[rng.permutation(len(candidates))]
    stars = [f"{group} {star}" for group, star in shuffled.iterrows("group", "star")]
    first = np.unique(stars, return_index=True)[1]
    drawn = shuffled[np.sort(first)[:rows]]
    drawn.sort("ratio")
    return drawn


def _count(prefix: str, candidates: Table, flux_sigma: float) -> dict[str, int]:
    """Count the candidates of a figure by the truth behind them."""
    off = np.abs(candidates["clean_sigma"]) > flux_sigma
    right = np.abs(candidates["clean_sigma"] + candidates["n_sigma"]) <= flux_sigma
    counted = {
        "HIT": candidates["cr_sigma"] > flux_sigma,
        "CR0": candidates["cr_true"] == 0,
        "REF": off & right,
    }
    return {f"{prefix}_{name}": int(np.sum(rows)) for name, rows in counted.items()}


def add_cutouts(chosen: Table, read: Callable[[str, str], list[ChipProducts]]) -> Table:
    """Cut the images of the chosen stars.

    Parameters
    ----------
    chosen : Table
        Of `choose`.
    read : callable
        Returns the products of the exposure of a group, with inpainted images; called once for
        each exposure that is needed.

    Returns
    -------
    Table
        `chosen` with `IMAGE_COLUMNS`, each of shape (n, `SIDE_PX`, `SIDE_PX`).
    """
    images = _empty(IMAGE_COLUMNS, len(chosen))
    for group, exposure in sorted(set(chosen.iterrows("group", "exposure"))):
        chips = {chip.extver: chip for chip in read(group, exposure)}
        here = (chosen["group"] == group) & (chosen["exposure"] == exposure)
        for row in np.flatnonzero(here):
            chip = chips[int(chosen["chip"][row])]
            at = chosen["x"][row], chosen["y"][row]
            for name in IMAGES:
                images[name][row] = cutout(getattr(chip, name), *at)
            # Beyond the edge NaN, which is not 1 either.
            images["excluded"][row] = cutout(chip.valid, *at) != 1
    return hstack([chosen, images])


def first_pixel(position: float) -> int:
    """Return the first column (or row) of the cutout around a position, from 0."""
    return int(np.rint(position)) - HALF_PX


def cutout(image: NDArray, x: float, y: float) -> NDArray[np.float32]:
    """Cut a square around the pixel that a position lies in.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Image.
    x, y : float
        Column and row on the image, from 0.

    Returns
    -------
    ndarray, shape (`SIDE_PX`, `SIDE_PX`), float32
        NaN beyond the image's edge.
    """
    padded = np.pad(image.astype(np.float32), HALF_PX, constant_values=np.nan)
    row, column = (first_pixel(at) + HALF_PX for at in (y, x))
    return padded[row : row + SIDE_PX, column : column + SIDE_PX]


def write_gallery(path: str | Path, table: Table) -> None:
    """Write a gallery; equal galleries give equal bytes.

    Parameters
    ----------
    path : path-like
        FITS file; its first extension is a binary table with the columns' meanings in TCOMMn.
    table : Table
        Of `add_cutouts`.
    """
    hdu = fits.BinTableHDU(table.as_array(), name="GALLERY")
    for number, column in enumerate(table.itercols(), 1):
        if column.unit is not None:
            hdu.columns[column.name].unit = str(column.unit)
        hdu.header[f"TCOMM{number}"] = column.description
    hdu.header.update(table.meta)
    write_hdus(path, fits.HDUList([fits.PrimaryHDU(), hdu]))


def read_gallery(path: str | Path) -> Table:
    """Read a gallery of `write_gallery`."""
    with warnings.catch_warnings():
        # "electron" is not a unit of the FITS standard.
        warnings.simplefilter("ignore", UnitsWarning)
        table = Table.read(path, hdu=1)
    table.convert_bytestring_to_unicode()
    return table


def _empty(columns: dict[str, tuple[Any, str | None, str]], rows: int = 0) -> Table:
    """Return a table to fill in."""
    shape = (SIDE_PX, SIDE_PX) if columns is IMAGE_COLUMNS else ()
    table = Table({name: np.zeros((rows, *shape), kind) for name, (kind, *_) in columns.items()})
    return _described(table, columns)


def _described(table: Table, columns: dict[str, tuple[Any, str | None, str]]) -> Table:
    for name, (_, unit, meaning) in columns.items():
        table[name].unit, table[name].description = unit, meaning
    return table
