"""Exposures that are moved on the sky, and how far they are off."""

import shutil
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from crstudy.data.exposure import read_images
from crstudy.instrument.wcs import read_wcs, write_cards
from crstudy.reference.alignment_verdict import read_cards
from crstudy.reference.astrodrizzle import drizzle_group
from crstudy.reference.astrometric_solutions import LINEAR
from crstudy.reference.labels import write_reference

LIMITS = {"max_residual_px": 0.1, "min_matches": 20}
#: The exposure with the most sources, which the others are compared with.
REFERENCE = "jsim00103"
#: The exposure that is moved, how far on the sky (east, north; mas), and how it is turned.
MOVED, MOVE_MAS, TURN_DEG = "jsim00102", (28.0, 21.0), 0.02


def copy_of(path, folder):
    folder.mkdir(exist_ok=True)
    return Path(shutil.copyfile(path, folder / path.name))


def move(path, move_mas=MOVE_MAS, turn_deg=TURN_DEG, scale=1.0, name="MOVED"):
    """Move and turn (and stretch) an exposure on the sky, about the reference pixel of SCI,1."""
    turn = scale * np.array(
        [
            [np.cos(np.radians(turn_deg)), -np.sin(np.radians(turn_deg))],
            [np.sin(np.radians(turn_deg)), np.cos(np.radians(turn_deg))],
        ]
    )
    with fits.open(path, mode="update") as hdus:
        headers = [hdu.header for hdu in hdus if hdu.name == "SCI"]
        pivot = SkyCoord(headers[0]["CRVAL1"], headers[0]["CRVAL2"], unit="deg")
        for header in headers:
            here = SkyCoord(header["CRVAL1"], header["CRVAL2"], unit="deg")
            offset = u.Quantity(pivot.spherical_offsets_to(here)).to("mas").value
            there = pivot.spherical_offsets_by(*(turn @ offset + move_mas) * u.mas)
            header["CRVAL1"], header["CRVAL2"] = there.ra.deg, there.dec.deg
            cd = turn @ [[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]]
            for i, j in np.ndindex(2, 2):
                header[f"CD{i + 1}_{j + 1}"] = cd[i, j]
            header["WCSNAME"] = name


def linear(path):
    """Return the linear sky coordinates of all chips."""
    with fits.open(path) as hdus:
        return [[hdu.header[key] for key in LINEAR] for hdu in hdus if hdu.name == "SCI"]


def apply(table, paths, folder):
    """Write the study's copies of a group."""
    for name, path in paths.items():
        write_cards(path, folder / path.name, read_cards(table, name))
    return {name: folder / path.name for name, path in paths.items()}


def row_of(table, name):
    return table[list(table["exposure"]).index(name)]


def true_error_px(path, original):
    """Return how far the corners of all chips lie off their true positions, px, in the mean."""
    moved, true = read_wcs(path), read_wcs(original)
    errors = []
    for ver, wcs in true.items():
        corners = wcs.calc_footprint()
        errors.append(moved[ver].all_world2pix(corners, 0) - wcs.all_world2pix(corners, 0))
    return np.concatenate(errors)


def labels(paths, folder):
    """Return the labels of a group's exposures, by exposure and chip."""
    products = drizzle_group(
        "test",
        list(paths.values()),
        folder / "drizzle",
        folder / "astrodrizzle.log",
        driz_cr_snr=(5.0, 1.5),
        driz_cr_scale=(1.2, 0.7),
        driz_cr_grow=1,
        combine_type="median",
    )
    found = {}
    for name, product in zip(paths, products, strict=True):
        write_reference(folder / "reference.fits", paths[name], product)
        images = read_images(folder / "reference.fits", "LABEL").items()
        found |= {(name, ver): image == 1 for ver, image in images}
    return found


def changed(found, expected):
    """Return label pixels that differ, as a fraction of the expected ones."""
    differ = sum(int((found[key] ^ expected[key]).sum()) for key in expected)
    return differ / sum(int(image.sum()) for image in expected.values())


def verdict(table):
    assert len(set(table["verdict"])) == 1
    return table["verdict"][0]
