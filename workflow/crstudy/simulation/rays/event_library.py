"""Make the library of real cosmic-ray events and their stamps from exposures of an empty field."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table, vstack
from numpy.typing import NDArray
from scipy import ndimage

from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.data.exposure import observed_with
from crstudy.simulation.rays.empty_field import BareSky, read_empty_field
from crstudy.simulation.rays.events import label_events, measure_events
from crstudy.simulation.rays.faint_pixels import draw_stamps

#: Seed of the charge of faint pixels.
SEED = 15460
#: Pixel size of WFC3/UVIS and ACS/WFC, um.
PIXEL_UM = 15.0


def make_library(paths: Sequence[str | Path], pixel_um: float = PIXEL_UM) -> Table:
    """Find the events of exposures of an empty field and cut stamps of the clean ones.

    Parameters
    ----------
    paths : sequence of path-like
        Exposures for `crstudy.simulation.rays.empty_field.read_empty_field`.
    pixel_um : float
        Pixel size of their camera, um.

    Returns
    -------
    Table
        One row per event: exposure, the columns of `crstudy.simulation.rays.events.measure_events`,
        the rate it stands for, and its stamp. Metadata: the exposures and the area searched.

    Notes
    -----
    The stamp holds the charge of bright pixels as measured, and that of fainter ones and of those
    around the footprint as `crstudy.simulation.rays.faint_pixels` draws it. An event stands for
    1 / (area x time): the area over which it would have been clean, so that large events count for
    those that masks, edges and neighbours hide.
    """
    tables, cuts, exposures = [], [], []
    pixel_cm2 = (pixel_um * 1e-4) ** 2
    for sky in read_empty_field(paths):
        excess = sky.image_e - sky.background_e
        labels = label_events(excess, sky.sigma_e, sky.valid)
        table = measure_events(excess, sky.sigma_e, sky.valid, labels)
        table.add_column(np.full(len(table), sky.name), name="exposure", index=0)
        clean = table["clean"].nonzero()[0] + 1
        exptime_s = float(sky.header["EXPTIME"])
        area_cm2 = np.full(len(table), np.nan)
        area_cm2[clean - 1] = [a * pixel_cm2 for a in _clean_positions(labels, sky.valid, clean)]
        table["rate"] = 1 / (area_cm2 * exptime_s * len(paths))
        tables.append(table)
        cuts += cut_events(excess, labels, clean)
        exposures.append(_describe(sky, table, pixel_cm2))
    table = vstack(tables, metadata_conflicts="silent")
    noise_e = float(np.median([exposure["noise_e"] for exposure in exposures]))
    _add_stamps(table, draw_stamps(np.random.default_rng(SEED), cuts, noise_e))
    rate = np.nansum(table["rate"])
    table["rate"] = [float(f"{value:.4g}") for value in table["rate"]]
    table["rate"].unit = 1 / u.s / u.cm**2
    table["rate"].description = "events per time and area that this one stands for; clean ones"
    table.meta = {
        "camera": observed_with(sky.header),
        "programme": f"GO-{sky.header['PROPOSID']}",
        "pixel_um": pixel_um,
        "n_events": len(table),
        "rate_per_s_cm2": round(float(rate), 4),
        "exposures": exposures,
    }
    return table


def _describe(sky: BareSky, table: Table, pixel_cm2: float) -> dict[str, str | float]:
    """Return what the table's metadata say of an exposure."""
    return {
        "name": sky.name,
        "date": sky.header["DATE-OBS"],
        "exptime_s": float(sky.header["EXPTIME"]),
        "sky_e": round(float(np.median(sky.background_e)), 2),
        "noise_e": round(float(np.median(sky.sigma_e)), 3),
        "area_cm2": round(float(sky.valid.sum() * pixel_cm2), 4),
        "events": len(table),
        "clean": int(table["clean"].sum()),
    }


def _clean_positions(
    labels: NDArray[np.int32], valid: NDArray[np.bool_], clean: NDArray[np.int64]
) -> Iterator[int]:
    """Count, for each clean event, the positions in its exposure where it would be clean."""
    grown = ndimage.maximum_filter(labels, size=3)
    boxes = ndimage.find_objects(grown)
    for number in clean:
        free = valid & ((grown == 0) | (grown == number))
        own = grown[boxes[number - 1]] == number
        rows, columns = np.subtract(free.shape, own.shape) + 1
        fits = np.ones((rows, columns), bool)
        for y, x in np.argwhere(own):
            fits &= free[y : y + rows, x : x + columns]
        yield int(fits.sum())


def cut_events(
    excess_e: NDArray[np.floating], labels: NDArray[np.int32], clean: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.floating], NDArray[np.bool_]]]:
    """Cut events out.

    Parameters
    ----------
    excess_e : ndarray, shape (ny, nx)
        Image minus background, e-.
    labels : ndarray, shape (ny, nx), int32
        Events of `crstudy.simulation.rays.events.label_events`.
    clean : ndarray of int
        Numbers of clean events.

    Yields
    ------
    tuple of ndarray and ndarray of bool
        Charge of an event, e-, and its footprint, with a pixel on every side.
    """
    boxes = ndimage.find_objects(labels)
    for number in clean:
        box = tuple(slice(part.start - 1, part.stop + 1) for part in boxes[number - 1])
        yield excess_e[box], labels[box] == number


def _add_stamps(table: Table, drawn: Sequence[NDArray[np.int64]]) -> None:
    """Add the columns `stamp` and `stamp_width`."""
    stamps = np.empty(len(table), object)
    stamps[:] = [np.zeros(0, int)] * len(table)
    width = np.zeros(len(table), int)
    for i, stamp in zip(table["clean"].nonzero()[0], drawn, strict=True):
        stamps[i], width[i] = stamp.ravel(), stamp.shape[1]
    table["stamp_width"] = width
    table["stamp_width"].unit = u.pix
    table["stamp_width"].description = "columns of the stamp; 0 without"
    table["stamp"] = stamps
    table["stamp"].unit = u.electron
    table["stamp"].description = "charge by pixel, row by row"


def main() -> None:
    """Make it: ``python -m crstudy.simulation.rays.event_library TABLE EXPOSURE ...``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("table", help="table to write (.ecsv)")
    parser.add_argument("exposures", nargs="*", help="WFC3/UVIS exposures (_flc.fits) of one field")
    arguments = parser.parse_args()
    try:
        table = make_library(arguments.exposures)
    except StudyError as error:
        sys.exit(str(error))
    write_table(table, arguments.table)
    print(f"{arguments.table}: {len(table)} events, {table['clean'].sum()} of them with a stamp")


if __name__ == "__main__":
    main()
