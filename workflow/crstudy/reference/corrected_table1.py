"""The paper's Table 1 corrected to perfect labels, and the driz_cr_scale behind its labels."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.metrics.bootstrap import (
    MIN_GROUPS,
    describe_resampling,
    draw_weights,
    estimate,
    estimate_columns,
    interval,
    interval_columns,
)
from crstudy.metrics.names import ALL_STRATA, FULL, STRATUM_MEANING
from crstudy.metrics.pooling import ratio
from crstudy.metrics.published_table1 import ROUNDING
from crstudy.metrics.scores import score
from crstudy.reference.audit import CELLS, GROUP
from crstudy.reference.audit_table import outcomes, pool_cells

#: Takes cells of shape (..., 12) and the paper's recall and precision; returns corrected ones,
#: shape (..., 2).
Estimator = Callable[[NDArray[np.floating], float, float], NDArray[np.floating]]


def by_reclassification(
    cells: NDArray[np.floating], recall: float, precision: float
) -> NDArray[np.float64]:
    """Correct a published row by how often labels and detections are cosmic rays in the simulation.

    The paper's hits, false alarms and misses, per hit, follow from its row: 1, (1 - p) / p and
    (1 - r) / r. Fractions of the simulation say how many of each are cosmic rays and how many hold
    none of their charge, and another number how many cosmic rays both miss per false alarm.

    Parameters
    ----------
    cells : ndarray, shape (..., 12)
        Simulated pixels of the region by `crstudy.reference.audit.CELLS`.
    recall, precision : float
        Published row, against the paper's labels.

    Returns
    -------
    ndarray, shape (..., 2)
        Recall and precision against the truth, without rims, in the paper's own star regions; NaN
        where the simulation has no pixel of one of these kinds.

    Notes
    -----
    Assumes that pixels of one kind (flagged by both, by the detector alone, by the label alone)
    are cosmic rays, or rims, as often in the paper's data as in the simulation, and that its
    cosmic rays without a label are found as often. How often each kind occurs is free: it is the
    paper's. Where the row is that of the simulation, the result is the simulation's truth.
    """
    n = dict(zip(CELLS, np.moveaxis(np.asarray(cells, dtype=float), -1, 0), strict=True))
    alone, missed = (1 - precision) / precision, (1 - recall) / recall
    hits, by_detector, by_label = (n[who] + n[f"r{who}"] + n[f"t{who}"] for who in ("ld", "d", "l"))
    true = ratio(n["tld"], hits) + alone * ratio(n["td"], by_detector)
    false = ratio(n["ld"], hits) + alone * ratio(n["d"], by_detector)
    lost = missed * ratio(n["tl"], by_label) + alone * ratio(n["t"], by_detector)
    return np.stack([ratio(true, true + lost), ratio(true, true + false)], axis=-1)


def by_odds(cells: NDArray[np.floating], recall: float, precision: float) -> NDArray[np.float64]:
    """Correct a published row by the odds ratio of two scores of the same simulated pixels.

    Parameters
    ----------
    cells, recall, precision
        As for `by_reclassification`; the published values lie below one.

    Returns
    -------
    ndarray, shape (..., 2)
        Recall and precision against the truth, in the paper's own star regions; NaN where the
        simulation has no label, no cosmic ray or no detection.

    Notes
    -----
    Assumes that going from labels to truth multiplies the odds of recall, and those of precision,
    by the same factors in the paper's data as in the simulation, whatever their level. Half a
    pixel is added to every count (Haldane 1956), so that no odds are infinite.
    """
    odds = {}
    for comparison in ("truth", "reference"):
        tp, fp, fn = np.moveaxis(outcomes(cells, comparison), -1, 0)
        wrong = np.stack([fn, fp], axis=-1)
        right = np.broadcast_to(tp[..., np.newaxis], wrong.shape)
        odds[comparison] = np.where(right + wrong > 0, (right + 0.5) / (wrong + 0.5), np.nan)
    published = np.array([recall / (1 - recall), precision / (1 - precision)])
    corrected = published * odds["truth"] / odds["reference"]
    return corrected / (1 + corrected)


#: Cells of pixels that detector, label or truth flag.
FLAGGED = [i for i, name in enumerate(CELLS) if name not in ("none", "r")]
ESTIMATORS: dict[str, Estimator] = {"reclassification": by_reclassification, "odds": by_odds}


def correct_table1(
    groups: Sequence[Table], published: Table, model: str, resampling: Mapping[str, Any]
) -> Table:
    """Estimate the paper's Table 1 with perfect labels.

    Parameters
    ----------
    groups : sequence of Table
        As for `crstudy.reference.audit_table.pool_cells`.
    published : Table
        Of `crstudy.metrics.published_table1.published_table1`.
    model : str
        The paper's detector.
    resampling : mapping
        samples, confidence and seed of the bootstrap over the simulated groups.

    Returns
    -------
    Table
        A row per setting of AstroDrizzle's test, estimator, region and stratum (as if the paper's
        region held nothing else): recall and precision with intervals (``_lo``, ``_hi``); the
        published ones; reproduced, whether the intervals of the simulation's own scores against
        its labels contain both: where they do not, nothing is corrected (NaN); flagged_px
        (simulated pixels behind it that detector, label or truth flag) and groups. The sampling
        error of the paper, which it does not give, is in no interval;
        the spread of estimators and settings shows how much depends on their assumptions.

    Raises
    ------
    StudyError
        The model was not counted.
    """
    keys, cells = _as_the_paper(groups, model)
    rows = []
    for name, estimator in ESTIMATORS.items():
        for line in published:
            recall, precision = float(line["recall"]), float(line["precision"])
            for i in np.flatnonzero(keys["region"] == line["region"]):
                here = cells[:, i]
                reproduced = _reproduces(here, (recall, precision), resampling)
                found = estimate(
                    partial(
                        estimator if reproduced else _nothing, recall=recall, precision=precision
                    ),
                    here,
                    resampling,
                )
                row = {k: keys[k][i] for k in ("driz_cr_snr", "driz_cr_scale")}
                row |= {"estimator": name, "region": line["region"], "stratum": keys["stratum"][i]}
                row |= estimate_columns(("recall", "precision"), found)
                row |= {"published_recall": recall, "published_precision": precision}
                row["reproduced"] = reproduced
                flagged = here[:, FLAGGED].sum(axis=1)
                row |= {"flagged_px": int(flagged.sum()), "groups": int((flagged > 0).sum())}
                rows.append(row)
    table = Table(rows, meta={"model": model} | describe_resampling(resampling))
    table["flagged_px"].unit = "pix"
    table["stratum"].description = STRATUM_MEANING
    return table


def _reproduces(
    cells: NDArray[np.floating], published: tuple[float, float], resampling: Mapping[str, Any]
) -> bool:
    """Say whether the simulation's scores against its labels agree with a published row."""

    def both(sums: NDArray[np.floating]) -> NDArray[np.float64]:
        scores = score(*np.moveaxis(outcomes(sums, "reference"), -1, 0))
        return np.stack([scores["recall"], scores["precision"]], axis=-1)

    found = estimate(both, cells, resampling)
    low, high = found.low - ROUNDING, found.high + ROUNDING
    return bool(((low <= published) & (published <= high)).all())


def _nothing(cells: NDArray[np.floating], **_: float) -> NDArray[np.float64]:
    """Correct nothing: the estimator of a row that the simulation does not reproduce."""
    return np.full((*cells.shape[:-1], 2), np.nan)


def fit_scale(
    groups: Sequence[Table],
    published: Table,
    model: str,
    snr: tuple[float, float],
    resampling: Mapping[str, Any],
) -> Table:
    """Find the ``driz_cr_scale`` that reproduces how the paper's scores fall toward stars.

    Parameters
    ----------
    groups, published, model, resampling
        As for `correct_table1`.
    snr : (float, float)
        The paper's ``driz_cr_snr``; settings with another are ignored.

    Returns
    -------
    Table
        A row per scale: distance with its interval (``_lo``, ``_hi``); won, the fraction of
        bootstrap samples in which its distance is the smallest; rms, the root mean square of
        (fall measured - fall published), a fraction; terms, the scores of regions that enter.
        With fewer than `MIN_GROUPS` groups the interval and won are NaN. The best scale of a grid
        whose end it is, or one that is far off by rms, does not reproduce the paper: metadata
        `reading` says so.

    Raises
    ------
    StudyError
        The model was not counted, or no setting has this `snr`.

    Notes
    -----
    The distance is the mean square of (fall measured - fall published), in units of its variance,
    over recall and precision in every region: a fall is the score in a star region less that in
    the full frame, so that the level, which the simulator sets, does not matter. The variance is
    that of the bootstrap, averaged over the scales, and the rounding of the paper. A term that is
    undefined for one scale is left out for all. Regions are nested and their errors go together:
    the distance ranks the scales, it is no test of the fit.
    """
    keys, cells = _as_the_paper(groups, model)
    pooled = keys["stratum"] == ALL_STRATA
    keys, cells = keys[pooled], cells[:, pooled]
    wanted = f"{snr[0]} {snr[1]}"
    scales = list(dict.fromkeys(keys["driz_cr_scale"][keys["driz_cr_snr"] == wanted]))
    if not scales:
        raise StudyError(
            "reference audit",
            f"no setting has driz_cr_snr {wanted}",
            f"use one of: {', '.join(dict.fromkeys(keys['driz_cr_snr']))}",
        )
    row_of = {tuple(key): i for i, key in enumerate(keys["driz_cr_snr", "driz_cr_scale", "region"])}
    regions = [r for r in published["region"] if r != FULL and (wanted, scales[0], r) in row_of]
    # Cells of each scale, the full frame first; the paper's falls to compare them with.
    cells = cells[:, [[row_of[wanted, s, r] for r in (FULL, *regions)] for s in scales]]
    paper = {line["region"]: (line["recall"], line["precision"]) for line in published}
    wants = np.array([paper[r] for r in regions]) - np.array(paper[FULL])
    weights = draw_weights(len(cells), resampling["samples"], resampling["seed"])
    drawn = _falls(np.tensordot(weights, cells, axes=1))
    variance = _variance(drawn) + ROUNDING**2
    pooled = _falls(cells.sum(axis=0))
    # Reduced chi-squared without parameters: mean of (fall - published fall)^2 / variance.
    distance, terms = _mean_square(pooled - wants, variance)
    # The same terms, not in units of their variance.
    squared, _ = _mean_square(pooled - wants, np.where(variance > 0, 1.0, np.nan))
    distances, _ = _mean_square(drawn - wants, variance)
    won = _fraction_won(distances)
    rows = []
    for i, scale in enumerate(scales):
        enough = len(cells) >= MIN_GROUPS
        ends = interval(distances[:, i], resampling["confidence"]) if enough else (np.nan, np.nan)
        row = {"driz_cr_snr": wanted, "driz_cr_scale": scale}
        row |= interval_columns("distance", (distance[i], *ends))
        row |= {"won": won[i] if enough else np.nan}
        rows.append(row | {"rms": float(np.sqrt(squared[i])), "terms": int(terms)})
    meta = {"model": model, "reading": _reading(rows)}
    return Table(rows, meta=meta | describe_resampling(resampling))


def _reading(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say which scale is nearest to the paper, and how far off it is."""
    best = min(rows, key=lambda row: row["distance"])
    if not best["terms"]:
        return "no scale can be compared with the paper: the changes of its scores are undefined"
    won = "" if np.isnan(best["won"]) else f" (in {100 * best['won']:.0f} % of the samples)"
    weights = [float(row["driz_cr_scale"].split()[0]) for row in rows]
    ends = {min(weights): ", the smallest,", max(weights): ", the largest,"}
    end = ends.get(float(best["driz_cr_scale"].split()[0]), "")
    return (
        f"of the {len(rows)} driz_cr_scale tested, {best['driz_cr_scale']}{end} comes nearest to "
        f"the decrease of the paper's scores towards stars{won}; the remaining difference is "
        f"{100 * best['rms']:.0f} percentage points (RMS)"
    )


def _as_the_paper(groups: Sequence[Table], model: str) -> tuple[Table, NDArray[np.float64]]:
    """Return keys and cells of labels and star regions that are made as the paper's."""
    keys, cells = pool_cells(groups)
    here = (keys["median"] == GROUP) & (keys["cleaned_by"] == "reference")
    if model not in keys["model"]:
        known = ", ".join(dict.fromkeys(keys["model"]))
        raise StudyError("reference audit", f"has no counts of {model}", f"use one of: {known}")
    here &= keys["model"] == model
    return keys[here], cells[:, here]


def _falls(cells: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return scores in star regions less those in the full frame.

    Of cells of shape (..., 1 + regions, 12), the full frame first: shape (..., regions, 2).
    """
    scores = score(*np.moveaxis(outcomes(cells, "reference"), -1, 0))
    both = np.stack([scores["recall"], scores["precision"]], axis=-1)
    return both[..., 1:, :] - both[..., :1, :]


def _variance(falls: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of each term over the samples, averaged over the scales."""
    known = np.isfinite(falls)
    mean = ratio(np.where(known, falls, 0).sum(axis=0), known.sum(axis=0))
    squares = np.where(known, (falls - mean) ** 2, 0).sum(axis=(0, 1))
    return ratio(squares, known.sum(axis=(0, 1)))


def _mean_square(
    differences: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean square of each scale's terms, in units of variance, and their number.

    Of differences of shape (..., scales, regions, 2): shapes (..., scales) and (...).
    """
    squares = differences**2 / variance
    shared = np.isfinite(squares).all(axis=-3, keepdims=True)
    terms = shared.sum(axis=(-3, -2, -1))
    total = np.where(shared, squares, 0).sum(axis=(-2, -1))
    return ratio(total, terms[..., np.newaxis]), terms


def _fraction_won(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fraction of samples, of shape (samples, scales), in which each scale is best."""
    defined = distances[np.isfinite(distances).all(axis=1)]
    wins = np.bincount(defined.argmin(axis=1), minlength=distances.shape[1])
    return ratio(wins, len(defined))
