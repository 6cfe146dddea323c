"""Scores at fixed thresholds as the authors of published ROC curves counted them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astroscrappy import detect_cosmics
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure

from crnet import load
from crstudy.deepcr.detector import Detector
from crstudy.methods.lacosmic import PUBLISHED_OBJLIM, PUBLISHED_SIGFRAC
from crstudy.metrics.bootstrap import estimate, interval_columns
from crstudy.metrics.pooling import ratio
from published_roc import DILATIONS, PROBABILITIES, SIGCLIPS

#: Side of a stamp, px.
STAMP_PX = 256
STRUCTURES = {"square": np.ones((3, 3), bool), "disk": generate_binary_structure(2, 1)}
#: Read noise that the authors gave L.A.Cosmic, e-.
LACOSMIC_READ_NOISE_E = 5.0
#: Columns that identify a point.
KEYS = ("test_set", "field_class", "method", "threshold", "dilated")


def stamps(*images: NDArray) -> Iterator[tuple[NDArray, ...]]:
    """Cut images of the same shape in squares of `STAMP_PX`; what is left over is lost."""
    rows, columns = images[0].shape
    for y in range(0, rows - STAMP_PX + 1, STAMP_PX):
        for x in range(0, columns - STAMP_PX + 1, STAMP_PX):
            yield tuple(image[y : y + STAMP_PX, x : x + STAMP_PX] for image in images)


def flag_lacosmic(image: NDArray[np.float32], field_class: str) -> list[NDArray[np.bool_]]:
    """Return the masks of L.A.Cosmic at `SIGCLIPS`, with the settings of Zhang & Bloom (2020)."""
    return [
        detect_cosmics(
            image,
            sigclip=sigclip,
            sigfrac=PUBLISHED_SIGFRAC,
            objlim=PUBLISHED_OBJLIM[field_class],
            gain=1,
            readnoise=LACOSMIC_READ_NOISE_E,
            satlevel=np.inf,
            sepmed=False,
            cleantype="medmask",
            niter=4,
        )[0]
        for sigclip in SIGCLIPS
    ]


def count_masks(
    masks: Sequence[NDArray[np.bool_]],
    label: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    structure: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Count as the authors did: ignored pixels are negatives, which a dilated mask may reach.

    Parameters
    ----------
    masks : sequence of ndarray of bool, shape (ny, nx)
        Predictions at several thresholds.
    label, ignored : ndarray of bool, shape (ny, nx)
        Labelled pixels, and those that are not valid.
    structure : ndarray of bool
        By which the masks are dilated.

    Returns
    -------
    ndarray, shape (masks, 2, 4)
        Of the masks and the dilated masks, true and false positives, misses, true negatives.
    """
    actual = label & ~ignored
    counts = []
    for mask in masks:
        flagged = mask & ~ignored
        for one in (flagged, binary_dilation(flagged, structure)):
            tp, predicted = (one & actual).sum(), one.sum()
            fp, fn = predicted - tp, actual.sum() - tp
            counts.append((tp, fp, fn, one.size - tp - fp - fn))
    return np.reshape(counts, (len(masks), 2, 4))


def score_exposure(
    image: NDArray[np.float32],
    label: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    field_class: str,
    test_set: str,
    detectors: Mapping[str, Detector | Path],
) -> dict[str, NDArray[np.int64]]:
    """Score the methods of a test set on the stamps of an exposure.

    Parameters
    ----------
    image, label, ignored : ndarray, shape (ny, nx)
        Exposure, e-, its labels, and pixels that are not valid.
    field_class, test_set : str
        As in the published points.
    detectors : mapping of str to Detector or path
        deepCR's nets, for the test set ``zb20``; weights of CRNet's, for ``kwon21``.

    Returns
    -------
    dict of str to ndarray, shape (thresholds, 2, 4)
        By method, sums over stamps of `count_masks`.
    """
    structure = STRUCTURES[DILATIONS[test_set]]
    maps = {
        name: (one if isinstance(one, Detector) else load(name, one)).probability
        for name, one in detectors.items()
    }
    counts: dict[str, NDArray[np.int64]] = {}
    for stamp, labelled, left_out in stamps(image, label, ignored):
        masks = {}
        for name, run in maps.items():
            found = run(stamp)
            masks[name] = [found > p for p in PROBABILITIES]
        if test_set == "zb20":
            masks["lacosmic"] = flag_lacosmic(stamp, field_class)
        for name, several in masks.items():
            more = count_masks(several, labelled, left_out, structure)
            counts[name] = counts.get(name, 0) + more
    return counts


def predict(
    counts: Sequence[Mapping[str, NDArray[np.int64]]],
    test_set: str,
    field_class: str,
    resampling: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield recall and false-positive rate at each point, with intervals over groups.

    Parameters
    ----------
    counts : sequence of mapping
        Of `score_exposure`, for each group.
    test_set, field_class : str
        Of all of them.
    resampling : mapping
        samples, confidence and seed of the bootstrap.
    """
    for method in counts[0]:
        sums = np.array([one[method] for one in counts])
        rates = estimate(
            lambda n: np.stack(
                [ratio(n[..., 0], n[..., 0] + n[..., 2]), ratio(n[..., 1], n[..., 1] + n[..., 3])],
                axis=-1,
            ).reshape(*n.shape[:-3], -1),
            sums,
            resampling,
        )
        ends = np.reshape(rates[:3], (3, *sums.shape[1:3], 2))
        wanted = SIGCLIPS if method == "lacosmic" else PROBABILITIES
        for i, threshold in enumerate(wanted):
            for dilated in (False, True):
                values = ends[:, i, int(dilated)]
                row = dict(
                    zip(KEYS, (test_set, field_class, method, threshold, dilated), strict=True)
                )
                row |= interval_columns("recall", values[:, 0])
                row |= interval_columns("fpr", values[:, 1])
                yield row | {"groups": len(counts)}


def compare(predicted: Table, published: Table) -> Table:
    """Add the published values and the differences: points of recall, factors of the rate.

    Parameters
    ----------
    predicted : Table
        Rows of `predict`.
    published : Table
        ``resources/published_roc.ecsv``.
    """
    known = {tuple(row[list(KEYS)]): (row["recall"], row["fpr"]) for row in published}
    values = np.array([known[tuple(row[list(KEYS)])] for row in predicted])
    table = predicted.copy()
    table["published_recall"], table["published_fpr"] = values.T
    table["recall_difference"] = table["recall"] - table["published_recall"]
    table["fpr_factor"] = ratio(table["fpr"], table["published_fpr"])
    return table


def distances(table: Table) -> dict[str, float]:
    """Return the median distances of points: of recall in points, of false positives as a factor.

    Parameters
    ----------
    table : Table
        Of `compare`.

    Returns
    -------
    dict
        recall, median of the absolute difference; fpr, median factor, at least 1; points and
        fpr_points, numbers. Published rates below 1e-5, which rest on a few pixels, do not count.
    """
    known = np.isfinite(table["published_fpr"]) & (np.nan_to_num(table["published_fpr"]) >= 1e-5)
    factors = np.abs(np.log(np.maximum(table["fpr_factor"][known], 1e-3)))
    return {
        "recall": float(np.median(np.abs(table["recall_difference"]))),
        "points": len(table),
        "fpr": float(np.exp(np.median(factors))) if known.any() else np.nan,
        "fpr_points": int(known.sum()),
    }
