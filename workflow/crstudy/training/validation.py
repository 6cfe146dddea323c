"""How well a net does on the exposures of a validation set."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crstudy.data.strata import Stratum
from crstudy.training.patches import (
    BRIGHT_STAR,
    FOUND_SIGMA,
    STAR_CORE,
    loss_weight,
    make_target,
    target_on_sources,
)
from crstudy.training.sets import Example

#: Rims, which masks should leave out, have less charge than this, in units of the noise.
RIM_SIGMA = 1.0
#: Measured excess from which AstroDrizzle labels rims of cosmic rays in real exposures, in units of
#: the noise: 22 % of them at 2 to 2.5, 86 % at 2.5 to 3.
LABEL_SIGMA = 2.5
DESCRIPTIONS = {
    "batch": "batches before",
    "training_loss": "mean loss of the batches since the row before",
    "validation_loss": "loss on the validation groups, every pixel once",
    "average_precision": "of pixels with a charge above 3 sigma against all others, rims included",
    "label_precision": "the same of pixels with a charge whose measured excess is above 2.5 sigma, "
    "as in the labels of real exposures",
    "false_fraction": "pixels without any charge that are flagged at 0.5",
    "rim_fraction": "pixels with a charge below 1 sigma that are flagged at 0.5",
    "threshold": "at which the fraction matched_rate of the pixels without any charge is flagged",
    "rim_fraction_matched": "pixels with a charge below 1 sigma that are flagged at that threshold",
    "recall_sky": "recall on blank sky at that threshold, of pixels with a charge above 3 sigma",
    "recall_star": "the same on unsaturated stars",
    "recall_bright_star": "the same on their pixels above 20 times the noise of the sky",
    "recall_star_core": "the same on their pixels above 100 times that noise",
    "recall_extended": "the same on galaxies",
}


class Validation:
    """Exposures with their own cosmic rays.

    Parameters
    ----------
    examples : sequence of Example
        Exposures.
    settings : mapping
        As for `crstudy.training.patches.Patches`, and matched_rate of the section ``methods``.

    Attributes
    ----------
    images : list of ndarray, shape (ny, nx), float32
        The exposures, e-.
    """

    def __init__(self, examples: Sequence[Example], settings: Mapping[str, Any]) -> None:
        self._rate = settings["matched_rate"]
        self.images = [one.clean + one.added for one in examples]
        weights = [
            loss_weight(one, image, settings)
            for one, image in zip(examples, self.images, strict=True)
        ]
        self._counted = [weight > 0 for weight in weights]
        measured, self._label = (
            [
                make_target(one.charge, image - one.scene, one.noise, sigma)
                for one, image in zip(examples, self.images, strict=True)
            ]
            for sigma in (settings["target_offset"], LABEL_SIGMA)
        )
        self._label = self._pick(self._label)
        aims = [
            target_on_sources(one, target, one.charge, one.noise)
            for one, target in zip(examples, measured, strict=True)
        ]
        self._target, in_loss = (self._pick(list(some)) for some in zip(*aims, strict=True))
        self._weight = in_loss * self._pick(weights)
        self._sigma = self._pick([one.charge / one.noise for one in examples])
        stratum = self._pick([one.stratum for one in examples])
        star, light = stratum == Stratum.STAR, self._pick([one.brightness() for one in examples])
        self._places = {
            "sky": stratum == Stratum.SKY,
            "star": star,
            "bright_star": star & (light > BRIGHT_STAR),
            "star_core": star & (light > STAR_CORE),
            "extended": stratum == Stratum.EXTENDED,
        }

    def _pick(self, images: Sequence[NDArray]) -> NDArray:
        """Return the pixels that count, of all images."""
        return np.concatenate(
            [one[where] for one, where in zip(images, self._counted, strict=True)]
        )

    def measure(self, logits: Sequence[NDArray[np.floating]]) -> dict[str, float]:
        """Measure a net.

        Parameters
        ----------
        logits : sequence of ndarray, shape (ny, nx)
            Of the net, for each of `images`.

        Returns
        -------
        dict
            See `DESCRIPTIONS`.
        """
        logit = self._pick(logits).astype(float)
        without, rim = self._sigma == 0, (self._sigma > 0) & (self._sigma < RIM_SIGMA)
        hit = self._sigma > FOUND_SIGMA
        loss = np.maximum(logit, 0) - logit * self._target + np.log1p(np.exp(-np.abs(logit)))
        found = {
            "validation_loss": np.average(loss, weights=self._weight),
            "average_precision": average_precision(logit, hit),
            "label_precision": average_precision(logit, self._label),
            "false_fraction": _fraction(logit[without] > 0),
            "rim_fraction": _fraction(logit[rim] > 0),
        }
        limit = np.quantile(logit[without], 1 - self._rate)
        found["threshold"] = 1 / (1 + np.exp(-limit))
        found["rim_fraction_matched"] = _fraction(logit[rim] > limit)
        for name, place in self._places.items():
            found[f"recall_{name}"] = _fraction(logit[place & hit] > limit)
        return {name: float(value) for name, value in found.items()}


def _fraction(true: NDArray[np.bool_]) -> float:
    """Return the fraction that is true; NaN of none."""
    return true.mean() if true.size else np.nan


def average_precision(score: NDArray[np.floating], hit: NDArray[np.bool_]) -> float:
    """Return the mean precision over the recalls of all thresholds.

    Examples
    --------
    >>> average_precision(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False]))
    0.8333333333333333
    """
    ordered = hit[np.argsort(-score, kind="stable")]
    precision = np.cumsum(ordered) / np.arange(1, ordered.size + 1)
    return float(precision[ordered].mean()) if ordered.any() else float("nan")
