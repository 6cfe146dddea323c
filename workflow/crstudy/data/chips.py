"""Read what the study has produced for the chips of an exposure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.data.exposure import read_exposure, read_images
from crstudy.data.score_maps import read_scores
from crstudy.data.star_regions import star_regions
from crstudy.instrument.wcs import read_wcs


@dataclass(frozen=True)
class ExposureFiles:
    """Where an exposure and the products of its group are.

    Attributes
    ----------
    exposure : pathlib.Path
        Calibrated exposure.
    reference, good : pathlib.Path
        Folders of its group.
    truth : pathlib.Path or None
        Its truth, if it is simulated.
    """

    exposure: Path
    reference: Path
    good: Path
    truth: Path | None = None

    @property
    def name(self) -> str:
        """Dataset."""
        return self.exposure.name.removesuffix("_flc.fits")

    @property
    def reference_file(self) -> Path:
        """File with its labels, clean image and medians."""
        return self.reference / f"{self.name}_reference.fits"

    @property
    def observed_with(self) -> str:
        """Camera and filters, see `crstudy.data.exposure.observed_with`."""
        return fits.getval(self.reference_file, "OBSERVED")


def exposure_files(
    exposures: Sequence[str | Path],
    reference: str | Path | Sequence[str | Path],
    good: str | Path | Sequence[str | Path],
    truth: Sequence[str | Path] = (),
) -> list[ExposureFiles]:
    """Pair exposures with the products of their groups.

    Parameters
    ----------
    exposures : sequence of path-like
        Calibrated exposures.
    reference, good : path-like or sequence of path-like
        Folders of the group, or of the group of each exposure.
    truth : sequence of path-like
        Truth of each exposure; empty if they are not simulated.

    Returns
    -------
    list of ExposureFiles
        In the order of `exposures`.
    """
    folders = (
        [given] * len(exposures) if isinstance(given, str | Path) else given
        for given in (reference, good)
    )
    truths = [Path(path) for path in truth] or [None] * len(exposures)
    return [
        ExposureFiles(Path(exposure), Path(labels), Path(pixels), known)
        for exposure, labels, pixels, known in zip(exposures, *folders, truths, strict=True)
    ]


@dataclass(frozen=True)
class Truth:
    """Simulated truth of a chip.

    Attributes
    ----------
    cr, scene : ndarray, shape (ny, nx)
        Charge of cosmic rays and noiseless image with sky, e-.
    dark_e, read_noise_e : float
        Dark charge and read noise, e-.
    strata : ndarray, shape (ny, nx), uint8, or None
        What most light of a pixel comes from: values of `crstudy.data.strata.Stratum`.
    """

    cr: NDArray[np.int32]
    scene: NDArray[np.float32]
    dark_e: float
    read_noise_e: float
    strata: NDArray[np.uint8] | None = None

    @property
    def noise_e(self) -> NDArray[np.floating]:
        """Local noise without cosmic rays, sqrt(scene + dark + read noise^2), e-."""
        return np.sqrt(self.scene + self.dark_e + self.read_noise_e**2)

    def cosmic_rays(self, sigmas: float) -> NDArray[np.bool_]:
        """Mark the pixels with more cosmic-ray charge than a multiple of the local noise."""
        return self.cr > sigmas * self.noise_e

    def rims(self, sigmas: float) -> NDArray[np.bool_]:
        """Mark the pixels with some cosmic-ray charge that is not above that multiple."""
        return (self.cr > 0) & ~self.cosmic_rays(sigmas)


def read_truth(path: str | Path) -> dict[int, Truth]:
    """Read the truth of a simulated exposure, by EXTVER of its chips."""
    header = fits.getheader(path)
    cr, scene, strata = (read_images(path, kind) for kind in ("CR", "SCENE", "STRATUM"))
    noise = header["DARK_E"], header["RDNOISE"]
    return {ver: Truth(cr[ver], scene[ver], *noise, strata[ver]) for ver in cr}


def read_valid(files: ExposureFiles) -> dict[int, NDArray[np.bool_]]:
    """Read which pixels are good and have a reference, by EXTVER."""
    good = read_images(files.good / f"{files.name}_good.fits", "GOOD")
    holes = read_images(files.reference_file, "NOREF")
    return {ver: (good[ver] > 0) & (holes[ver] == 0) for ver in holes}


class Compared(NamedTuple):
    """What detections on a chip are compared with in one comparison; images of shape (ny, nx).

    Attributes
    ----------
    actual : ndarray of bool
        Pixels of cosmic rays.
    counted : ndarray of bool
        Pixels that count: the others are neither hits, misses nor false alarms.
    cleaned_by : str
        What removed the cosmic rays from the image on which star regions are found: reference or
        truth, a key of `ComparisonData.star_regions`.
    """

    actual: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    cleaned_by: str


@dataclass(frozen=True)
class ComparisonData:
    """What detections on a chip are compared with; all of shape (ny, nx).

    Attributes
    ----------
    label : ndarray of bool
        Pixels labelled by the reference.
    truth : ndarray of bool or None
        Pixels with cosmic rays, where known.
    valid : ndarray of bool
        Pixels that are good and have a reference.
    clean : ndarray, float32
        Clean image of the reference, e-.
    free : ndarray or None
        The exposure without the charge of its cosmic rays, e-, where known.
    strata : ndarray, uint8, or None
        Of `Truth`, where known.
    rims : ndarray of bool, or None
        Pixels with some charge of cosmic rays, but too little for `truth`; None without a truth.
    """

    label: NDArray[np.bool_]
    truth: NDArray[np.bool_] | None
    valid: NDArray[np.bool_]
    clean: NDArray[np.float32]
    free: NDArray[np.floating] | None = None
    strata: NDArray[np.uint8] | None = None
    rims: NDArray[np.bool_] | None = None

    @property
    def best(self) -> NDArray[np.bool_]:
        """Cosmic-ray pixels: the truth where it is known, else the labels."""
        return self.label if self.truth is None else self.truth

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Valid pixels that `best` decides: without rims, where they are known."""
        return self.valid if self.rims is None else self.valid & ~self.rims

    def compared(self) -> dict[str, Compared]:
        """Return what is compared with what, by name of the comparison.

        Returns
        -------
        dict of str to Compared
            reference; and, where it is known, truth, in which rims do not count, and
            truth_with_rims, in which they are pixels without a cosmic ray.
        """
        found = {"reference": Compared(self.label, self.valid, "reference")}
        if self.truth is not None:
            found["truth"] = Compared(self.truth, self.counted, "truth")
            found["truth_with_rims"] = Compared(self.truth, self.valid, "truth")
        return found

    def star_regions(
        self, multiples_rms: Sequence[float], background_box_px: int
    ) -> dict[str, dict[float, NDArray[np.bool_]]]:
        """Return the star regions of the images without cosmic rays.

        Parameters
        ----------
        multiples_rms, background_box_px
            As for `crstudy.data.star_regions.star_regions`.

        Returns
        -------
        dict of str to dict of float to ndarray of bool
            By what cleaned the image, see `Compared`: reference and, where it is known, truth: on
            that, cosmic rays that the labels miss are not mistaken for stars.
        """
        images = {"reference": self.clean}
        if self.free is not None:
            images["truth"] = self.free
        return {
            name: star_regions(image, self.valid, multiples_rms, background_box_px)
            for name, image in images.items()
        }


def read_comparison(files: ExposureFiles, truth_sigma: float) -> dict[int, ComparisonData]:
    """Read what detections on an exposure are compared with.

    Parameters
    ----------
    files : ExposureFiles
        Without a truth, the exposure itself is not read.
    truth_sigma : float
        Threshold of true cosmic rays, see `Truth.cosmic_rays`.

    Returns
    -------
    dict of int to ComparisonData
        By EXTVER.
    """
    label, clean = (read_images(files.reference_file, kind) for kind in ("LABEL", "CLEAN"))
    valid = read_valid(files)
    hit, rims, free, strata = {}, {}, {}, {}
    if files.truth:
        known = read_truth(files.truth)
        hit = {ver: one.cosmic_rays(truth_sigma) for ver, one in known.items()}
        rims = {ver: one.rims(truth_sigma) for ver, one in known.items()}
        strata = {ver: one.strata for ver, one in known.items()}
        chips = read_exposure(files.exposure).chips
        free = {chip.extver: chip.sci - known[chip.extver].cr for chip in chips}
    return {
        ver: ComparisonData(
            label[ver] > 0,
            hit.get(ver),
            valid[ver],
            clean[ver],
            free.get(ver),
            strata.get(ver),
            rims.get(ver),
        )
        for ver in label
    }


@dataclass(frozen=True)
class ChipProducts:
    """A chip with its reference and, where asked for, what deepCR made of it.

    Attributes
    ----------
    exposure : str
        Dataset.
    extver : int
        EXTVER of the SCI extension.
    header : Header
        SCI header.
    exptime_s : float
        Exposure time, s.
    wcs : WCS
        World coordinates with distortion.
    original, clean : ndarray, shape (ny, nx), float32
        Calibrated image and the reference's clean image, e-.
    dq : ndarray, shape (ny, nx), int32
        Data-quality bits.
    label, valid : ndarray of bool, shape (ny, nx)
        Pixels labelled by the reference, and valid pixels: good, with a reference and, where a
        probability is there, with that.
    probability, inpaint : ndarray, shape (ny, nx), float32, or None
        Of deepCR-mask, and the image (e-) that deepCR-inpaint made.
    truth : Truth or None
        For simulated exposures.
    """

    exposure: str
    extver: int
    header: fits.Header
    exptime_s: float
    wcs: WCS
    original: NDArray[np.float32]
    clean: NDArray[np.float32]
    dq: NDArray[np.int32]
    label: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    probability: NDArray[np.float32] | None = None
    inpaint: NDArray[np.float32] | None = None
    truth: Truth | None = None

    @property
    def cr_charge(self) -> NDArray[np.float32]:
        """Charge of the labelled cosmic rays, e-; zero in pixels that are not valid."""
        return np.where(self.label & self.valid, self.original - self.clean, np.float32(0))


def read_products(
    files: ExposureFiles,
    probability: str | Path | None = None,
    inpaint: str | Path | None = None,
) -> list[ChipProducts]:
    """Read the products of an exposure.

    Parameters
    ----------
    files : ExposureFiles
        The exposure.
    probability, inpaint : path-like, optional
        Folders of its group with deepCR's probabilities and inpainted images.

    Returns
    -------
    list of ChipProducts
        One per chip.

    Raises
    ------
    StudyError
        A file is damaged or lacks an image.
    """
    exposure, wcs = read_exposure(files.exposure), read_wcs(files.exposure)
    label, clean = (read_images(files.reference_file, kind) for kind in ("LABEL", "CLEAN"))
    valid, known = read_valid(files), read_truth(files.truth) if files.truth else {}
    maps = read_scores(probability, files.name) if probability else {}
    filled = {}
    if inpaint:
        filled = read_images(Path(inpaint) / f"{files.name}_inpaint.fits", "INPAINT")
    return [
        ChipProducts(
            files.name,
            ver := chip.extver,
            chip.header,
            float(exposure.header["EXPTIME"]),
            wcs[ver],
            chip.sci,
            clean[ver],
            chip.dq,
            label[ver] > 0,
            valid[ver] & np.isfinite(maps[ver]) if ver in maps else valid[ver],
            maps.get(ver),
            filled.get(ver),
            known.get(ver),
        )
        for chip in exposure.chips
    ]
