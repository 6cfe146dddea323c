"""The effective PSF of the simulator, pixel response included.

Detectors are sensitive to fine details of star cores, so the PSF is empirical: either the STDPSF
grid of ACS/WFC (Anderson & King 2006, ACS ISR 2006-01) or sums of Gaussians fitted to it.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import galsim
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.instrument.psf_wings import onset

#: Samples per native pixel of STDPSF files.
OVERSAMPLING = 4
#: Unit flux means the light within this radius; the tables end at 12.5 px.
FLUX_RADIUS_PX = 12.0
#: Side of the PSF stamp that methods get, px.
STAMP_PX = 25
COLUMNS = {
    "x": (u.pix, "detector x of the PSF, 0..4096"),
    "y": (u.pix, "detector y of the PSF, 0..4096; above 2048 lies the other chip"),
    "flux": (u.dimensionless_unscaled, "flux of the Gaussian; the fluxes at one (x, y) sum to 1"),
    "dx": (u.pix, "centre of the Gaussian in x, from the centre of the star"),
    "dy": (u.pix, "centre of the Gaussian in y, from the centre of the star"),
    "sigma_major": (u.pix, "standard deviation along the major axis"),
    "sigma_minor": (u.pix, "standard deviation along the minor axis"),
    "angle": (u.deg, "direction of the major axis, from +x to +y"),
}


#: Contents of the table's ``meta["diffusion"]``: the fields of `Diffusion`.
DIFFUSION_KEYS = ("x", "y", "variance_px2")


@dataclass(frozen=True)
class Diffusion:
    """Diffusion of charge that a coarse `PsfGrid`, interpolated, leaves out.

    Attributes
    ----------
    x, y : ndarray, shape (nx,) and (ny,)
        Detector positions, px.
    variance_px2 : ndarray, shape (ny, nx)
        Variance to add to the PSF along each axis, px^2; negative: the PSF is sharper.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    variance_px2: NDArray[np.float64]


@dataclass(frozen=True)
class PsfGrid:
    """Effective PSFs at positions of the detector.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
        Detector positions, px; x 0..4096, y 0..4096, above 2048 the other chip.
    profiles : tuple of galsim.GSObject
        PSF at each position: unit flux, 1 unit = 1 native pixel, pixel response included.
    diffusion : Diffusion or None
        How much more the charge diffuses between the positions.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    profiles: tuple[galsim.GSObject, ...]
    diffusion: Diffusion | None = None

    def at(self, x: float, y: float, width: float = 1.0) -> galsim.GSObject:
        """Return the PSF of the nearest tabulated position.

        Parameters
        ----------
        x, y : float
            Detector position, px.
        width : float
            Width relative to the tabulated PSF (breathing of the telescope).

        Returns
        -------
        galsim.GSObject
            Unit flux; to be drawn with ``scale=1, method="no_pixel"``.
        """
        nearest = np.argmin((self.x - x) ** 2 + (self.y - y) ** 2)
        return self.profiles[nearest].dilate(width)


def load_psf(path: str | Path) -> PsfGrid:
    """Load the effective PSF from a table of Gaussians or an STDPSF grid.

    Parameters
    ----------
    path : path-like
        ``.ecsv`` table of ``resources/psf/fit_psf.py``, or 4x oversampled STDPSF
        grid (``.fits``).

    Returns
    -------
    PsfGrid

    Raises
    ------
    StudyError
        The file is absent, of another kind, or damaged.
    """
    path = Path(path)
    readers = {".ecsv": lambda path: gaussian_grid(read_gaussians(path)), ".fits": _load_stdpsf}
    if path.suffix not in readers:
        problem = "neither an .ecsv table of Gaussians nor a .fits STDPSF grid"
        raise StudyError(path, problem, "use resources/psf/acswfc_f606w_gaussians.ecsv")
    if not path.is_file():
        raise StudyError(path, "no such file", "correct simulation.psf")
    return readers[path.suffix](path)


def central_psf(path: str | Path) -> NDArray[np.float64]:
    """Draw the effective PSF in the middle of the detector.

    Parameters
    ----------
    path : path-like
        As for `load_psf`.

    Returns
    -------
    ndarray, shape (`STAMP_PX`, `STAMP_PX`)
        Centred, sum 1, not negative.
    """
    grid = load_psf(path)
    return draw_stamp(grid.at(float(np.median(grid.x)), float(np.median(grid.y))))


def draw_stamp(profile: galsim.GSObject) -> NDArray[np.float64]:
    """Draw an effective PSF; returns as `central_psf`."""
    drawn = profile.drawImage(nx=STAMP_PX, ny=STAMP_PX, scale=1.0, method="no_pixel").array
    stamp = np.maximum(drawn, 0).astype(np.float64)
    return stamp / stamp.sum()


def read_gaussians(path: str | Path) -> Table:
    """Read a table of Gaussians.

    Parameters
    ----------
    path : path-like
        Table of ``resources/psf/fit_psf.py``.

    Returns
    -------
    Table
        For `gaussian_grid`; its metadata have the diffusion of charge.

    Raises
    ------
    StudyError
        The file is of another kind, or damaged.
    """
    fix = "make the table again with resources/psf/fit_psf.py"
    try:
        table = Table.read(path, format="ascii.ecsv")
    except (OSError, ValueError) as error:
        raise StudyError(path, f"not an ECSV table ({' '.join(str(error).split())})", fix) from None
    absent = [name for name in COLUMNS if name not in table.colnames]
    if absent or len(table) == 0:
        raise StudyError(path, f"has {len(table)} rows and lacks columns {absent}", fix)
    try:
        _diffusion(table)
    except (KeyError, TypeError) as error:
        raise StudyError(path, f"lacks the diffusion of charge ({error!r})", fix) from None
    return table


def _diffusion(table: Table) -> Diffusion:
    return Diffusion(*(np.array(table.meta["diffusion"][key]) for key in DIFFUSION_KEYS))


def gaussian_grid(table: Table) -> PsfGrid:
    """Build the PSFs of a table of Gaussians.

    Parameters
    ----------
    table : Table
        Columns as in `COLUMNS`; its metadata may have the diffusion of charge.

    Returns
    -------
    PsfGrid
    """
    diffusion = _diffusion(table) if "diffusion" in table.meta else None
    positions = table.group_by(["x", "y"]).groups
    profiles = tuple(
        galsim.Sum([_gaussian(*row) for row in group[list(COLUMNS)[2:]].iterrows()]).withFlux(1.0)
        for group in positions
    )
    x, y = (np.asarray(positions.keys[name]) for name in "xy")
    return PsfGrid(x, y, profiles, diffusion)


def _gaussian(
    flux: float, dx: float, dy: float, major: float, minor: float, angle: float
) -> galsim.GSObject:
    """Build an elliptical Gaussian from a row of the table."""
    gaussian = galsim.Gaussian(sigma=np.sqrt(major * minor), flux=flux)
    return gaussian.shear(q=minor / major, beta=angle * galsim.degrees).shift(dx, dy)


def _load_stdpsf(path: Path) -> PsfGrid:
    """Load an STDPSF grid for interpolation.

    It ends with a step, which nets take for cosmic rays around saturated stars: here it fades out
    where the wings of stars set in, and has 1 % less than unit flux.
    """
    x, y, samples = read_stdpsf(path)
    samples *= 1 - onset(np.hypot(*offsets(samples.shape[-1])))
    profiles = tuple(sampled_profile(sample) for sample in samples)
    return PsfGrid(x, y, profiles)


def sampled_profile(samples: NDArray[np.float64]) -> galsim.InterpolatedImage:
    """Interpolate samples of an effective PSF.

    Parameters
    ----------
    samples : ndarray, shape (side, side)
        Fraction of a star's light per native pixel, at the `offsets` of that side.

    Returns
    -------
    galsim.InterpolatedImage
        A profile of a `PsfGrid`; its flux is the light of the samples.
    """
    return galsim.InterpolatedImage(
        galsim.Image(samples, scale=1 / OVERSAMPLING),
        normalization="sb",
        # The steps of the table, not GalSim's guesses, limit Fourier space.
        calculate_stepk=False,
        calculate_maxk=False,
    ).withFlux(samples.sum() / OVERSAMPLING**2)


def read_stdpsf(
    path: str | Path,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Read a grid of 4x oversampled effective PSFs in STDPSF format.

    Parameters
    ----------
    path : path-like
        FITS file with one cube and the positions in IPSFX01.. and JPSFY01...

    Returns
    -------
    x, y : ndarray, shape (n,)
        Detector positions, px.
    samples : ndarray, shape (n, side, side)
        Fraction of a star's light per native pixel, for pixel centres every 1/4 px from the
        star; zero beyond `FLUX_RADIUS_PX`, light within it 1.

    Raises
    ------
    StudyError
        The file is not an STDPSF grid.
    """
    try:
        with warnings.catch_warnings():
            # The files have lower-case keywords and padding that astropy warns of.
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                header = hdus[0].header
                columns, rows = header["NXPSFS"], header["NYPSFS"]
                x = np.array([header[f"IPSFX{i + 1:02d}"] for i in range(columns)], float)
                y = np.array([header[f"JPSFY{j + 1:02d}"] for j in range(rows)], float)
                cube = hdus[0].data.astype(float).reshape(rows * columns, *hdus[0].data.shape[1:])
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"not an STDPSF grid ({' '.join(str(error).split())})"
        raise StudyError(path, problem, "use a PSFSTD_*.fits file of STScI") from None
    # Both chips have a row at their common edge: move each to its side.
    edge = np.flatnonzero(np.diff(y) == 0)
    y[edge] -= 0.5
    y[edge + 1] += 0.5
    inside = np.hypot(*offsets(cube.shape[-1])) <= FLUX_RADIUS_PX
    cube[:, ~inside] = 0.0
    cube /= cube.sum(axis=(1, 2), keepdims=True) / OVERSAMPLING**2
    return np.tile(x, rows), np.repeat(y, columns), cube


def offsets(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances in x and y of oversampled samples from the star.

    Parameters
    ----------
    side : int
        Odd number of samples along each axis.

    Returns
    -------
    dx, dy : ndarray, shape (side, side)
        Native pixels.
    """
    axis = (np.arange(side) - side // 2) / OVERSAMPLING
    dx, dy = np.meshgrid(axis, axis)
    return dx, dy
