"""What masks flag of a simulated exposure, and what becomes of its stars; see star_net.py."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.data.chips import ChipProducts, ComparisonData
from crstudy.data.view import View
from crstudy.metrics.areas import count_cells, full_and_star_areas
from crstudy.metrics.bootstrap import estimate, fraction_changes
from crstudy.metrics.curves.roc import average_precision
from crstudy.metrics.curves.thresholds import DEFAULT
from crstudy.metrics.objects.star_cores import bin_alarms, star_false_alarms
from crstudy.photometry.aperture import measure_versions
from crstudy.photometry.flux_tests import anomaly_flags

#: Nets with which the others are compared; the first one's false pixels set the matched threshold.
BASELINES = ("zb20-f606w", "kwon21-acs-wfc")
#: In place of a net: no correction.
NOTHING = "none"
REGION_RMS = (3.0, 20.0)
#: Regions and strata of the table.
PLACES = (
    ("full", "all"),
    *((f"{rms:g}", kind) for rms in REGION_RMS for kind in ("all", "star")),
    ("3", "saturated_star"),
    ("3", "extended"),
)
#: Of star cores and fluxes.
STARS = ("stars", "all")
KEYS = ("mask", "measure", "region", "stratum")


class Sample(NamedTuple):
    """A simulated exposure with its truth."""

    chip: ChipProducts
    data: ComparisonData
    regions: Mapping[float, NDArray[np.bool_]]
    #: Whose fluxes are measured, and all simulated ones.
    stars: Table
    cores: Table
    view: View
    box_px: int


def count_pixels(
    mask: NDArray[np.bool_], data: ComparisonData, regions: Mapping[float, NDArray[np.bool_]]
) -> Iterator[tuple[str, str, str, float, int]]:
    """Yield measure, region, stratum, numerator and denominator of pixels at `PLACES`."""
    outcome = 2 * data.best.astype(np.uint8) + mask
    areas = full_and_star_areas(data.counted, regions)
    for region, stratum, counts in count_cells(outcome, 4, areas, data.strata):
        tn, fp, fn, tp = counts.tolist()
        if (region, stratum) in PLACES:
            yield "recall", region, stratum, float(tp), tp + fn
            yield "precision", region, stratum, float(tp), tp + fp
            yield "false_pixels", region, stratum, float(fp), fp + tn


def count_cores(mask: NDArray[np.bool_], one: Sample) -> Iterator[tuple[str, str, str, float, int]]:
    """Yield the star cores without any charge of cosmic rays that a mask flags."""
    alarms = star_false_alarms(mask, one.cores, one.chip.truth.cr, one.data.valid)
    (row,) = bin_alarms(alarms, "", {})
    yield "star_cores_flagged", *STARS, float(row["flagged"]), row["cores"]


def count_fluxes(
    one: Sample, images: Mapping[str, NDArray[np.floating]], settings: Mapping[str, Any]
) -> list[tuple[str, str, str, str, float, int]]:
    """Count the wrong fluxes on each image, and add up the changes of magnitude of hit stars."""
    settings = {"background_box_px": one.box_px} | settings
    some = measure_versions(one.chip, one.stars, one.chip.clean, list(images.values()), settings)
    flags = anomaly_flags(some, "charge", settings["flux_sigma"])
    fraction = np.asarray(some["flux"]) / np.asarray(some["flux_clean"])
    change = -2500 * np.log10(np.clip(fraction, *CLIP))
    rows = []
    for number, kind in enumerate(images):
        here = np.asarray(some["version"]) == number
        hit, n = flags["hit"] & here, {name: int((f & here).sum()) for name, f in flags.items()}
        fluxes = {
            "wrong_fluxes": (n["anomalous"], n["stars"]),
            "wrong_fluxes_hit": (n["anomalous_hit"], n["hit"]),
            "wrong_fluxes_free": (n["anomalous_free"], n["free"]),
            "bias_hit": (change[hit].sum(), n["hit"]),
        }
        rows += [(kind, name, *STARS, float(a), b) for name, (a, b) in fluxes.items()]
    return rows


#: Fluxes, in units of the clean one, that are off by a magnitude or more count as that.
CLIP = (0.4, 2.5)


def tabulate(
    groups: Sequence[Table],
    curves: Mapping[str, Sequence[Sequence[NDArray]]],
    resampling: Mapping[str, Any],
) -> Table:
    """Return a row per method, mask, measure and place, with intervals and paired changes."""
    fractions = {"value": ("upper", "lower")}
    table, other = (fraction_changes(groups, b, KEYS, fractions, resampling) for b in BASELINES)
    names = ["method", *KEYS, "upper", "lower", "groups"]
    for end in ("", "_lo", "_hi"):
        for name, source in zip(SHORT, (table, other), strict=True):
            source.rename_column(f"value_change{end}", f"change_{name}{end}")
        table[f"change_{SHORT[1]}{end}"] = other[f"change_{SHORT[1]}{end}"]
    table = vstack([table, Table(list(area_rows(curves, resampling)))])
    names += [f"{c}{end}" for c in ("value", *CHANGES) for end in ("", "_lo", "_hi")]
    flux = [name.startswith(("wrong", "bias")) for name in table["measure"]]
    return table[(table["method"] != NOTHING) | (flux & (table["mask"] == DEFAULT))][names]


SHORT = ("zb20", "kwon21")
CHANGES = tuple(f"change_{name}" for name in SHORT)


def area_rows(
    curves: Mapping[str, Sequence[Sequence[NDArray]]], resampling: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the average precision of each method, and its paired changes."""
    sums = {name: np.array(one, float) for name, one in curves.items() if name != NOTHING}

    def change(pair: NDArray) -> NDArray:
        return average_precision(pair[..., 0, :, :]) - average_precision(pair[..., 1, :, :])

    for name, one in sums.items():
        row = {"method": name, "mask": "any", "measure": "average_precision"}
        row |= {"region": "full", "stratum": "all", "groups": len(one)}
        row |= {"upper": np.nan, "lower": int(one.sum(axis=(0, 2))[0])}
        found = {"value": estimate(average_precision, one, resampling)}
        for column, baseline in zip(CHANGES, BASELINES, strict=True):
            if name != baseline and one.shape == sums[baseline].shape:
                pairs = np.stack([one, sums[baseline]], axis=1)
                found[column] = estimate(change, pairs, resampling)
        for column in ("value", *CHANGES):
            ends = found[column][:3] if column in found else (np.nan,) * 3
            row |= {f"{column}{e}": float(x) for e, x in zip(("", "_lo", "_hi"), ends, strict=True)}
        yield row
