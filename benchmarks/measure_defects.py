"""Pixels that no flag marks, and CTE trails, in real WFC3/UVIS exposures of an empty field.

Usage: ``python benchmarks/measure_defects.py EXPOSURE ...`` with the exposures of `make events`;
writes benchmarks/results/defects.ecsv, which docs/simulator.md quotes.
"""

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy import ndimage

from crstudy.core.atomic import write_table
from crstudy.data.exposure import read_exposure
from crstudy.instrument.dq import COSMIC_RAY_FLAGS, Dq
from crstudy.simulation.charge_transfer import deferred_charge, traps_to_amplifier
from crstudy.simulation.rays.empty_field import BareSky, read_empty_field

RESULTS = Path(__file__).parent / "results"
#: Pixels with a smoothed source brighter than this nearby are left out, e-.
SOURCE_E, SOURCE_BOX_PX = 4.0, 9
PERSISTENT_E_PER_S = (0.06, 0.09)
#: A lone pixel exceeds the first, its neighbours not the second, sigma.
LONE_SIGMA, BESIDE_SIGMA = 5.0, 3.0
#: Brightest pixels behind and before which trails are sought, e-, and distances, px. What lies
#: beyond the last, e-, belongs to another source or cosmic ray.
PEAK_E, TRAIL_PX, OTHER_E = 300.0, (4, 12), 20.0
#: Of ACS/WFC as long in orbit as these exposures' camera, which was installed with its repair.
ACS_OF_EQUAL_AGE = date(2011, 3, 14)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exposures", nargs="+", help="exposures (_flc.fits) of one empty field")
    table = measure(parser.parse_args().exposures)
    table.pprint_all()
    write_table(table, RESULTS / "defects.ecsv")


def measure(paths: Sequence[str | Path]) -> Table:
    """Measure the exposures of an empty field."""
    skies = list(read_empty_field(paths))
    flags = [read_exposure(path).chips[0].dq for path in sorted(paths)]
    good = np.array([usable(*pair) for pair in zip(skies, flags, strict=True)])
    rows = [*persistent(skies, good), *unstable(skies, good), *trails(skies, good)]
    rows.append(("flagged unstable (DQ 32)", np.mean([(f & Dq.UNSTABLE) > 0 for f in flags]), ""))
    table = Table(rows=rows, names=["quantity", "value", "of"])
    table["value"] = [float(f"{value:.3g}") for value in table["value"]]
    table.meta["exposures"] = [sky.name for sky in skies]
    return table


def usable(sky: BareSky, flags: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Tell which pixels have no flag, no source and a known scene."""
    scene = ndimage.gaussian_filter(np.nan_to_num(sky.scene_e), 1.0)
    source = ndimage.maximum_filter(scene > SOURCE_E, size=SOURCE_BOX_PX)
    return ((flags & ~COSMIC_RAY_FLAGS) == 0) & ~source & np.isfinite(sky.scene_e)


def persistent(skies: Sequence[BareSky], good: NDArray[np.bool_]) -> Iterator[tuple]:
    """Count pixels with dark current in the median of all exposures."""
    excess = np.array([sky.image_e - sky.background_e for sky in skies])
    enough = good.sum(axis=0) >= len(skies) - 1
    median = np.where(enough, np.nanmedian(np.where(good | ~enough, excess, np.nan), axis=0), 0)
    median -= ndimage.median_filter(median, size=5)
    rate = median[enough] / float(skies[0].header["EXPTIME"])
    for limit in PERSISTENT_E_PER_S:
        found = rate[rate > limit]
        yield f"persistent above {limit} e-/s", found.size / rate.size, f"{rate.size} pixels"
    yield "brightest persistent, e-/s", rate.max(), ""


def unstable(skies: Sequence[BareSky], good: NDArray[np.bool_]) -> Iterator[tuple]:
    """Count lone pixels that other exposures do not show."""
    found, searched = [], 0
    for sky, usable_here in zip(skies, good, strict=True):
        valid = sky.valid & usable_here
        significance = (sky.image_e - sky.background_e) / sky.sigma_e
        lone = valid & (significance > LONE_SIGMA)
        around = ndimage.maximum_filter(significance, footprint=[[1, 1, 1], [1, 0, 1], [1, 1, 1]])
        found += list((significance * sky.sigma_e)[lone & (around < BESIDE_SIGMA)])
        searched += valid.sum()
    yield "lone in one exposure", len(found) / searched, f"{searched} pixels"
    yield "brightest lone, e-", max(found, default=np.nan), ""


def trails(skies: Sequence[BareSky], good: NDArray[np.bool_]) -> Iterator[tuple]:
    """Compare pixels behind bright ones, away from the amplifier, with those before."""
    near, far = TRAIL_PX
    measured, expected = [], []
    for sky, usable_here in zip(skies, good, strict=True):
        excess = np.where(usable_here, sky.image_e - sky.background_e, np.nan)
        filled = np.nan_to_num(excess)
        peak = (filled > PEAK_E) & (filled >= ndimage.maximum_filter(filled, size=5))
        for y, x in np.add(np.argwhere(peak[far:-far]), (far, 0)):
            after, before = excess[y + near : y + far + 1, x], excess[y - far : y - near + 1, x]
            if min(np.isfinite(after).sum(), np.isfinite(before).sum()) < len(after) / 2:
                continue
            difference = np.nanmean(after) - np.nanmean(before)
            if abs(difference) < OTHER_E:
                measured.append(difference)
                expected.append(uncorrected(filled[y, x], np.median(sky.background_e), y + 1))
    error = np.std(measured) / np.sqrt(len(measured))
    where = f"{near} to {far} px behind {len(measured)} bright pixels"
    yield "trail, e-", np.mean(measured), where
    yield "its standard error, e-", error, ""
    yield "ACS/WFC of equal age, uncorrected, e-", np.mean(expected), ""


def uncorrected(peak_e: float, sky_e: float, row: int) -> float:
    """Return the trail of a pixel in the model of ACS/WFC, e-."""
    near, far = TRAIL_PX
    column = np.full((far + 3, 1), float(sky_e))
    column[1] += peak_e
    traps = traps_to_amplifier(ACS_OF_EQUAL_AGE, np.full(len(column), row))
    return float(deferred_charge(column, traps)[1 + near : 2 + far].mean())


if __name__ == "__main__":
    main()
