"""Read what the audit of the reference looks at."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.exposure import find_images, read_exposure, read_images
from crstudy.metrics.counts import true_cosmic_rays
from crstudy.reference.audit import GROUP, LEAVE_ONE_OUT, KnownChip

#: Medians by the name of their images in the files of the reference.
MEDIANS = {"BLOT": GROUP, "OTHERS": LEAVE_ONE_OUT}


def read_known_chips(
    path: str | Path,
    reference: str | Path,
    good: str | Path,
    truth: str | Path,
    probability: Mapping[str, str | Path],
    truth_sigma: float,
) -> Iterator[tuple[KnownChip, dict[str, NDArray[np.floating]]]]:
    """Read the chips of a simulated exposure.

    Parameters
    ----------
    path : path-like
        Exposure.
    reference, good : path-like
        Folders of its group.
    truth : path-like
        Its truth.
    probability : mapping of str to path-like
        Folder of its group by net.
    truth_sigma : float
        See `crstudy.metrics.counts.true_cosmic_rays`.

    Yields
    ------
    KnownChip
        With the leave-one-out median if the reference has it. The pixels that count are those of
        Table 1.
    dict of str to ndarray, shape (ny, nx)
        Probability of a cosmic ray by net.

    Raises
    ------
    StudyError
        The reference does not say which sky AstroDrizzle took off.
    """
    exposure = read_exposure(path)
    file = Path(reference) / f"{exposure.name}_reference.fits"
    skies, noise = fits.getheader(file), fits.getheader(truth)
    medians = {name: find_images(file, image) for image, name in MEDIANS.items()}
    holes = read_images(file, "NOREF")
    good_px = read_images(Path(good) / f"{exposure.name}_good.fits", "GOOD")
    cr, scene = read_images(truth, "CR"), read_images(truth, "SCENE")
    maps = {
        net: read_images(Path(folder) / f"{exposure.name}_probability.fits", "PROBABILITY")
        for net, folder in probability.items()
    }
    for chip in exposure.chips:
        ver = chip.extver
        if f"SKY{ver}" not in skies:
            raise StudyError(file, f"does not say SKY{ver}", "delete it and run again")
        no_reference = holes[ver] > 0
        probabilities = {net: chips[ver] for net, chips in maps.items()}
        counted = (good_px[ver] > 0) & ~no_reference
        counted &= np.all([np.isfinite(p) for p in probabilities.values()], axis=0)
        darkness = noise["DARK_E"], noise["RDNOISE"]
        known = KnownChip(
            chip.sci,
            cr[ver],
            true_cosmic_rays(cr[ver], scene[ver], *darkness, truth_sigma),
            {name: chips[ver] for name, chips in medians.items() if ver in chips},
            no_reference,
            counted,
            skies[f"SKY{ver}"],
            noise["RDNOISE"],
        )
        yield known, probabilities
