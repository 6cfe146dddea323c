"""Clean exposures, file by file."""

import logging
import time
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crstudy import __version__
from crstudy.cleaning.frames import Cleaned, Image, describe, read_hst, read_other, write_cleaned
from crstudy.cleaning.nets import INPAINTING_NET, Model, load_inpainting_net, load_mask_net
from crstudy.core.errors import StudyError
from crstudy.data.exposure import Exposure, observed_with
from crstudy.data.score_maps import write_probabilities

logger = logging.getLogger(__name__)
#: Bits of DQ that the pipelines of ACS and WFC3 leave to cosmic rays, or unused.
COSMIC_RAY_BITS = (4096, 8192, 16384)


class Cleaner:
    """Cleans exposures with the options of the command ``crstudy clean``.

    Parameters
    ----------
    model : Model
        The mask net.
    options : argparse.Namespace
        Of `crstudy.cleaning.command`.
    """

    def __init__(self, model: Model, options: Namespace) -> None:
        self._options = options
        hardware = options.device, options.threads
        self._detector = load_mask_net(model, *hardware)
        self._inpainter = load_inpainting_net(*hardware) if options.inpaint else None
        given = options.threshold
        self._threshold = model.threshold if given is None else given
        self._told: set[str] = set()

    def clean(self, source: Path, target: Path) -> str:
        """Clean a file.

        Parameters
        ----------
        source, target : pathlib.Path
            Exposure, and the file to write.

        Returns
        -------
        str
            What was done, in a line.

        Raises
        ------
        StudyError
            The file cannot be read, is of another kind, or is there already.
        """
        start, options = time.monotonic(), self._options
        maps_file = target.with_name(f"{target.name.split('.')[0]}_probability.fits")
        if target.exists() and source.exists() and target.samefile(source):
            raise StudyError(target, "would replace the exposure itself", "choose another --out")
        for path in (target, *([maps_file] if options.probability else [])):
            if path.exists() and not options.overwrite:
                raise StudyError(path, "is there already", "add --overwrite or choose --out")
        exposure, images = None, []
        if options.ext:
            images = read_other(source, options.ext, options.scale)
            self._tell_training("images given by --ext")
        else:
            exposure, images = read_hst(source)
            _refuse_unfit(source, exposure, options.dq_bit)
            self._tell_training(observed_with(exposure.header).removeprefix("simulated "))
        maps = [self._detector.probability(image.electrons) for image in images]
        found = list(self._find(source, exposure, images, maps))
        write_cleaned(source, target, found, options.dq_bit, self._history(found))
        if options.probability:
            by_ver = {image.extver: one for image, one in zip(images, maps, strict=True)}
            headers = {image.extver: image.header for image in images}
            net = self._detector.name, self._detector.net.arithmetic
            cards = {
                "SOURCE": source.name,
                "CREATOR": f"crstudy {__version__}",
                "SHA256": self._detector.weights,
            }
            write_probabilities(maps_file, by_ver, *net, cards, headers)
        flagged, pixels = (sum(int(n) for n in c) for c in zip(*map(_counts, found), strict=True))
        return (
            f"{source.name}: {flagged:,} of {pixels:,} px flagged ({flagged / pixels:.2%}), "
            f"{time.monotonic() - start:.1f} s, written to {target}"
        )

    def _find(
        self,
        source: Path,
        exposure: Exposure | None,
        images: list[Image],
        maps: list[NDArray[np.float32]],
    ) -> Iterator[Cleaned]:
        """Yield the mask of each image and, if wanted, the image without cosmic rays."""
        if self._options.refine:
            from crstudy.cleaning.stars import refine_masks

            masks = refine_masks(source, exposure, maps, self._threshold)
        else:
            masks = [one > self._threshold for one in maps]
        for image, mask in zip(images, masks, strict=True):
            fill = self._inpainter
            yield Cleaned(image, mask, fill.inpaint(image.electrons, mask) if fill else None)

    def _history(self, found: list[Cleaned]) -> list[str]:
        """Say what was done, for the header."""
        steps = [f"on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"]
        steps += ["mask refined on stars"] if self._options.refine else []
        for one in found:
            flagged, pixels = _counts(one)
            hdu = one.image.hdu
            name = f"HDU {hdu}" if isinstance(hdu, int) else f"{hdu[0]},{hdu[1]}"
            ver = one.image.extver
            steps.append(f"{name}: {flagged} of {pixels} pixels flagged in DQ,{ver}")
        steps.append(
            f"flagged pixels of the image replaced by net {INPAINTING_NET}"
            if self._inpainter
            else "image unchanged"
        )
        detector, bit = self._detector, self._options.dq_bit
        return describe(detector.name, detector.weights, self._threshold, bit, steps)

    def _tell_training(self, here: str) -> None:
        """Say once for each camera and filter that the net was trained on others."""
        name, trained = self._detector.name, self._detector.instrument
        camera, _, filters = here.partition(" ")
        fits = camera in trained and (filters in trained or "all filters" in trained)
        if trained and not fits and here not in self._told:
            self._told.add(here)
            logger.warning("note: %s: %s was trained on %s", here, name, trained)


def _refuse_unfit(source: Path, exposure: Exposure, bit: int) -> None:
    """Refuse an exposure that was inpainted before, and bits with which HST marks other defects."""
    if "replaced by net" in " ".join(map(str, exposure.header.get("HISTORY", []))):
        raise StudyError(source, "its cosmic rays are replaced already", "clean the original file")
    if bit not in COSMIC_RAY_BITS:
        bits = ", ".join(map(str, COSMIC_RAY_BITS))
        raise StudyError(f"--dq-bit {bit}", "marks another defect in HST's DQ", f"use {bits}")


def _counts(one: Cleaned) -> tuple[int, int]:
    """Return how many pixels are flagged, and of how many."""
    return int(one.mask.sum()), one.mask.size
