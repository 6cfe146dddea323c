"""Points of published ROC curves at fixed thresholds, from the arrays of two public repositories.

    python benchmarks/published_roc.py FOLDER

writes ``resources/published_roc.ecsv``. FOLDER holds ``paper/benchmark_data/ROC_*.npy`` of
github.com/kmzzhang/deepCR-paper and, in ``crnet``, ``HST/*/F606W_*.npy`` of
github.com/srinadh99/CRNet.
Rows and thresholds of the arrays: ``paper/figure4.py`` there, and ``src/CRNet/evaluate.py``.
"""

import sys
from collections.abc import Iterator
from fractions import Fraction
from math import lcm
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from bench_chip import ROOT
from crstudy.core.atomic import write_table

TABLE = ROOT / "resources" / "published_roc.ecsv"
SOURCES = {
    "zb20": "Zhang & Bloom 2020 (ApJ 889, 24): github.com/kmzzhang/deepCR-paper, commit 264fc213",
    "kwon21": "CRNet: github.com/srinadh99/CRNet, commit 988ee9f8, on the test set of Kwon et al. "
    "2021 (RNAAS 5, 98)",
}
PROBABILITIES = (0.01, 0.1, 0.5, 0.9, 0.99)
SIGCLIPS = (4.0, 6.0, 10.0, 30.0)
CLASSES = {"EX": "extragalactic", "GC": "globular_cluster", "GAL": "resolved_galaxy"}
#: Names of CRNet's nets.
CRNETS = ("BN-16", "GN-16", "AttBN-16", "AttGN-16")
#: Dilation of the predictions by test set: skimage's square(3), and disk(1).
DILATIONS = {"zb20": "square", "kwon21": "disk"}
#: Thresholds of the arrays, in the order of their rows.
DEEPCR_GRIDS = {
    "EX": np.linspace(0.001, 0.999, 500),
    "GC": np.linspace(0.0001**0.1, 0.999**0.1, 500) ** 10,
    "GAL": np.linspace(0.01, 0.99, 500),
}
LACOSMIC_GRIDS = {
    "EX": np.linspace(3, 30, 100),
    "GC": np.linspace(2**0.25, 40**0.25, 100) ** 4,
    "GAL": np.linspace(4, 60, 100),
}
#: Rows of ROC_deepCR: recall, false-positive rate, recall of the dilated mask.
DEEPCR_ROWS = {
    "zb20-f606w": {"EX": (0, 1, 2), "GAL": (3, 4, 5), "GC": (12, 13, 14)},
    "zb20-2-4": {"EX": (6, 7, 8), "GAL": (9, 10, 11), "GC": (15, 16, 17)},
}
#: Rows of ROC_LACosmic: recall and false-positive rate, then both of the dilated mask.
LACOSMIC_ROWS = {"EX": (0, 1, 2, 3), "GAL": (4, 5, 6, 7), "GC": (8, 9, 10, 11)}
#: Pixels of a stamp; all of them are counted.
STAMP_PX = 256 * 256

Curve = tuple[str, str, str, NDArray[np.float64], list[NDArray[np.float64]]]


def curves(folder: Path) -> Iterator[Curve]:
    """Yield test set, class and method of each curve, its thresholds and its rates, percent.

    Rates are recall and false-positive rate, then both of the dilated mask; NaN where not kept.
    """
    deepcr = np.load(folder / "ROC_deepCR.npy")
    lacosmic = np.load(folder / "ROC_LACosmic.npy")
    for kind in CLASSES:
        for net, rows in DEEPCR_ROWS.items():
            # The false-positive rate of the dilated mask was not saved.
            rates = [*deepcr[list(rows[kind])], np.full(500, np.nan)]
            yield "zb20", kind, net, DEEPCR_GRIDS[kind], rates
        rates = list(lacosmic[list(LACOSMIC_ROWS[kind])])
        yield "zb20", kind, "lacosmic", LACOSMIC_GRIDS[kind], rates
        for net in CRNETS:
            plain, dilated = np.load(folder / "crnet" / f"F606W_{kind}_ACS-WFC-{net}.npy")
            yield "kwon21", kind, f"crnet-{net}", np.linspace(0.001, 0.999, 500), [*plain, *dilated]


def extract(folder: Path) -> Table:
    """Return the points at fixed thresholds, interpolated between the arrays' thresholds.

    Parameters
    ----------
    folder : pathlib.Path
        Holds the arrays.

    Returns
    -------
    Table
        test_set, field_class, method, threshold (a pixel is flagged above it); dilated; recall and
        fpr, fractions of the labelled and of all other pixels, NaN where not published. The
        metadata has, by test set and class, the number of stamps and of labelled pixels.
    """
    rows, labels = [], {}
    for test_set, kind, method, grid, rates in curves(folder):
        wanted = SIGCLIPS if method == "lacosmic" else PROBABILITIES
        for threshold in wanted:
            values = [round(float(np.interp(threshold, grid, one)) / 100, 7) for one in rates]
            key = (test_set, CLASSES[kind], method, threshold)
            rows += [(*key, False, *values[:2]), (*key, True, *values[2:])]
        if CLASSES[kind] not in labels.setdefault(test_set, {}):
            labels[test_set][CLASSES[kind]] = count_labels(*rates[:2])
    names = ("test_set", "field_class", "method", "threshold", "dilated", "recall", "fpr")
    return Table(rows=rows, names=names, meta={"sources": SOURCES, "labels": labels})


def count_labels(recall: NDArray[np.float64], fpr: NDArray[np.float64]) -> dict[str, int]:
    """Return the stamps and the labelled pixels of a test set: rates are ratios of whole numbers.

    The labelled pixels are the common denominator of the recalls; with the other pixels, that of
    the false-positive rates, they fill whole stamps.

    Parameters
    ----------
    recall, fpr : ndarray
        Percent, at many thresholds.

    Raises
    ------
    ValueError
        There are no such numbers.
    """
    some = np.unique(recall)[:: max(1, len(recall) // 60)]
    parts = [Fraction(float(x) / 100).limit_denominator(3_000_000) for x in some]
    labelled = lcm(*(part.denominator for part in parts))
    for stamps in range(1, 3000):
        others = fpr / 100 * (stamps * STAMP_PX - labelled)
        if np.abs(others - np.rint(others)).max() < 1e-5:
            return {"stamps": stamps, "labelled_px": labelled}
    raise ValueError(f"no number of stamps goes with {labelled} labelled pixels")


if __name__ == "__main__":
    write_table(extract(Path(sys.argv[1])), TABLE)
