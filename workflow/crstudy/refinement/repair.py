"""Fluxes of stars on images that were repaired with refined masks."""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.data.chips import ChipProducts
from crstudy.photometry.aperture import measure_versions
from crstudy.refinement.settings import REFINEMENTS

#: Versions of an image besides those with the masks of `REFINEMENTS` inpainted: the exposure
#: itself; the mask of residuals, filled with fitted stars; the true cosmic rays inpainted.
UNREPAIRED, MODEL_FILLED, TRUE_MASK = "not repaired", "psf residuals, stars filled in", "true mask"
IMAGES = (UNREPAIRED, *REFINEMENTS, MODEL_FILLED, TRUE_MASK)


def measure_repairs(
    chip: ChipProducts,
    stars: Table,
    images: Mapping[str, NDArray[np.floating]],
    settings: Mapping[str, float],
) -> Table:
    """Measure the stars of an exposure on several versions of its image.

    Parameters
    ----------
    chip : ChipProducts
        With its truth, if it is simulated.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    images : mapping of str to ndarray, shape (ny, nx)
        Images, e-, by name.
    settings : mapping
        background_box_px, edge_fraction and max_excluded, as for
        `crstudy.photometry.forced.measure_chip`.

    Returns
    -------
    Table
        A row per image and star that is used: method, the image; star; and e-: flux, flux_clean,
        sigma (of flux_clean), charge (of cosmic rays in the aperture).

    Notes
    -----
    The clean image of a simulated exposure is that exposure without the charge of cosmic rays,
    so that images differ by that and its repair alone; else it is the reference's.
    """
    clean = chip.original - chip.truth.cr if chip.truth else chip.clean
    table = measure_versions(chip, stars, clean, list(images.values()), settings)
    names = np.array(list(images), dtype=f"U{max(map(len, IMAGES))}")
    table["method"] = names[table["version"]]
    return table["star", "flux_clean", "sigma", "charge", "flux", "method"]
