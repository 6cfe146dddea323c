"""The truth in the place of the reference, which an exposure that stands alone cannot have."""

from pathlib import Path

import numpy as np

from crstudy.data.exposure import observed_with, read_exposure, read_images, write_images
from crstudy.data.rulers import read_truth


def write_true_reference(
    path: str | Path, exposure_path: str | Path, truth_path: str | Path, truth_sigma: float
) -> None:
    """Write the truth of a simulated exposure as its reference.

    Parameters
    ----------
    path : path-like
        Output file, as that of `crstudy.reference.labels.write_reference` but for BLOT. LABEL holds
        the true cosmic-ray pixels; CLEAN is the very exposure, noise and all, without any charge
        of cosmic rays, e-; NOREF is empty.
    exposure_path, truth_path : path-like
        Files of `crstudy.simulation.csst.simulate_tile`.
    truth_sigma : float
        A labelled pixel holds more cosmic-ray charge than this, in local sigma.

    Notes
    -----
    Where a pixel overflows, charge is not where it fell and CLEAN is wrong; such pixels are
    flagged as saturated and do not count.
    """
    exposure = read_exposure(exposure_path)
    cr, hit = read_images(truth_path, "CR"), read_truth(truth_path, truth_sigma)
    images = {}
    for chip in exposure.chips:
        ver = chip.extver
        images["LABEL", ver] = hit[ver]
        images["CLEAN", ver] = chip.sci - cr[ver].astype(np.float32)
        images["NOREF", ver] = np.zeros(chip.sci.shape, bool)
    cards = {"ROOTNAME": exposure.name, "OBSERVED": observed_with(exposure.header)}
    write_images(path, images, cards)
