"""Fluxes of the true stars of a CSST exposure, on its original and its repaired images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.data.chips import ChipProducts
from crstudy.photometry.aperture import measure_versions
from crstudy.photometry.stars import Selection, find_on_chip, match_detections, match_inputs

#: In place of a method for the original image.
ORIGINAL = "none"
#: Columns of `measure_tile`.
MEASURED = ("star", "flux_clean", "sigma", "cr_true", "method", "remedy", "flux")


def find_true_stars(chip: ChipProducts, catalogue: Table, settings: Mapping[str, Any]) -> Table:
    """Find the stars of an exposure on its clean image, as a survey would on this exposure alone.

    Parameters
    ----------
    chip : ChipProducts
        With the clean image.
    catalogue : Table
        All sources of the field, see `crstudy.simulation.skies.scene.draw_scene`.
    settings : mapping
        Keys of the configuration section ``photometry``, and background_box_px.

    Returns
    -------
    Table
        As `crstudy.photometry.stars.match_detections`, with the true mag, true_ra and true_dec
        (deg) of the brightest star of the catalogue within match_arcsec; detections that match
        none, such as galaxies, are left out.
    """
    selection = Selection(*(settings[name] for name in Selection._fields))
    found = find_on_chip(chip, selection, settings["background_box_px"])
    near = settings["match_arcsec"]
    stars = match_detections([found], near, 1, settings["min_radius_px"])
    inputs = catalogue[catalogue["kind"] == "star"]
    match = match_inputs(stars, inputs, near)
    stars, true = stars[match >= 0], inputs[match[match >= 0]]
    stars["mag"], stars["true_ra"], stars["true_dec"] = true["mag"], true["ra"], true["dec"]
    return stars


def measure_tile(
    chip: ChipProducts,
    stars: Table,
    images: Mapping[tuple[str, str], NDArray[np.float32]],
    settings: Mapping[str, float],
) -> Table:
    """Measure the stars of an exposure on several versions of its image.

    Parameters
    ----------
    chip : ChipProducts
        With its truth; the clean image is the exposure without the charge of cosmic rays.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    images : mapping of (str, str) to ndarray, shape (ny, nx)
        Images, e-, by method and variant.
    settings : mapping
        background_box_px, edge_fraction and max_excluded, as for
        `crstudy.photometry.forced.measure_chip`.

    Returns
    -------
    Table
        A row per image and star that is used: method, remedy (the variant), star, and e-: flux,
        flux_clean, sigma (of flux_clean), cr_true (charge of cosmic rays in the aperture).

    Notes
    -----
    The background is that of the clean image for all images alike, so that they differ by
    cosmic rays alone.
    """
    table = measure_versions(chip, stars, chip.clean, list(images.values()), settings)
    table.rename_column("charge", "cr_true")
    for name, labels in zip(("method", "remedy"), zip(*images, strict=True), strict=True):
        table[name] = np.array(labels)[table["version"]]
    return table[MEASURED]
