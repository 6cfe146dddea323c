"""The detector under test: deepCR-mask and deepCR-inpaint, on a CPU or a GPU."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter

from crstudy.core.errors import StudyError
from crstudy.core.hardware import Device, has_gpu
from crstudy.deepcr.tiles import Batches, run_windows
from crstudy.deepcr.weights import WEIGHTS, find_weights

logger = logging.getLogger(__name__)


class Net(Protocol):
    """A network on its hardware: best tile side, rim and batch, and how to run it."""

    tile_px: int
    halo_px: int
    batch: int

    @property
    def arithmetic(self) -> str:
        """Type of its activations."""

    def run(self, batches: Batches) -> Iterator[NDArray[np.float32]]:
        """Map windows, shape (n, layer, y, x), to results, shape (n, y, x), in order."""


@dataclass(frozen=True)
class Detector:
    """A cosmic-ray detector.

    Attributes
    ----------
    name : str
        Name in tables and configuration.
    instrument : str
        Camera and filters of the images it was trained on.
    weights : str
        SHA-256 of its weights.
    input_scale_e : float
        Electrons per unit of the net's input.
    net : Net
        The network on its hardware.
    standardise : bool
        The mean of the image is subtracted from the input and its standard deviation divided out.
    """

    name: str
    instrument: str
    weights: str
    input_scale_e: float
    net: Net
    standardise: bool = False

    def probability(self, image: ArrayLike) -> NDArray[np.float32]:
        """Probability that each pixel holds cosmic-ray charge.

        Same result, but for rounding, as ``deepCR.clean(image, segment=False, binary=False)``,
        whatever the tile, in bounded memory.

        Parameters
        ----------
        image : array-like, shape (ny, nx)
            Electrons, any real type and byte order, sky not subtracted. A non-finite pixel is
            replaced, for the net, by the median of the finite pixels of its 5x5 box, or of the
            image where the box has none.

        Returns
        -------
        ndarray, shape (ny, nx), float32
            Probabilities 0..1; NaN exactly where the image is not finite, so that
            ``np.isnan(result).sum()`` counts those pixels.

        Raises
        ------
        StudyError
            The image is not two-dimensional or holds no finite pixel; the GPU fails.
        """
        return next(self.probabilities([image]))

    def probabilities(self, images: Iterable[ArrayLike]) -> Iterator[NDArray[np.float32]]:
        """Map images one after the other, in common batches.

        Parameters
        ----------
        images : iterable of array-like, shape (ny, nx)
            See `probability`; read as they are needed.

        Yields
        ------
        ndarray, shape (ny, nx), float32
            See `probability`.

        Raises
        ------
        StudyError
            See `probability`.
        """
        finite: deque[NDArray[np.bool_]] = deque()

        def layers() -> Iterator[NDArray[np.float32]]:
            for image in images:
                filled, usable = _fill_non_finite(image)
                finite.append(usable)
                scaled = filled / np.float32(self.input_scale_e)
                yield (_standardise(scaled) if self.standardise else scaled)[None]

        tiling = (self.net.tile_px, self.net.batch)
        for result in run_windows(self.net.run, layers(), *tiling, halo=self.net.halo_px):
            yield np.where(finite.popleft(), result, np.float32(np.nan))


@dataclass(frozen=True)
class Inpainter:
    """The network that fills masked pixels: electrons per unit of its input, and the network."""

    input_scale_e: float
    net: Net

    def inpaint(self, image: ArrayLike, mask: ArrayLike) -> NDArray[np.float32]:
        """Replace masked pixels by the network's prediction from their surroundings.

        Same result as the whole-image inpainting of ``deepCR.clean`` for the given mask, at the
        input scale the network was trained with. Tiles without a masked pixel are not computed.

        Parameters
        ----------
        image : array-like, shape (ny, nx)
            Electrons, any real type and byte order. A non-finite pixel is replaced as in
            `Detector.probability`; in the result it stays as it is unless it is masked.
        mask : array-like of bool, shape (ny, nx)
            Pixels to replace.

        Returns
        -------
        ndarray, shape (ny, nx), float32
            Electrons; pixels outside the mask are those of `image`.

        Raises
        ------
        StudyError
            The image is not two-dimensional or holds no finite pixel; the shapes of image and
            mask differ; the GPU fails.
        """
        original = _native_float32(image)
        masked = np.asarray(mask, dtype=bool)
        if masked.shape != original.shape:
            raise StudyError(
                "mask",
                f"has shape {masked.shape}, the image {original.shape}",
                "use the mask of the same chip",
            )
        filled, _ = _fill_non_finite(original)
        scale = np.float32(self.input_scale_e)
        layers = np.stack((np.where(masked, np.float32(0), filled / scale), masked))
        (result,) = run_windows(
            self.net.run, [layers], self.net.tile_px, self.net.batch, wanted=_holds_masked_pixels
        )
        return np.where(masked, result * scale, original)


def load_detector(
    name: str,
    weights: str | Path,
    model: str | Path,
    device: Device = "auto",
    threads: int = 1,
    own: Sequence[Mapping[str, Any]] = (),
) -> Detector:
    """Load a detector.

    Parameters
    ----------
    name : str
        A mask net, see `crstudy.deepcr.weights.find_weights`.
    weights : path-like
        Its weights, of `crstudy.deepcr.weights.fetch_weights`; used on a GPU.
    model : path-like
        The net of `crstudy.deepcr.openvino_backend.convert_net`; used on a CPU.
    device : {"auto", "cpu", "cuda"}
        Device; without a GPU, the CPU.
    threads : int
        Threads on a CPU.
    own : sequence of mapping
        Nets of the user.

    Raises
    ------
    StudyError
        The weights or the model are absent or damaged.
    """
    known = find_weights(name, own)
    net = _load_net(name, weights, model, device, threads, own)
    return Detector(
        name, known.instrument, known.sha256, known.input_scale_e, net, known.standardise
    )


def load_inpainter(
    weights: str | Path, model: str | Path, device: Device = "auto", threads: int = 1
) -> Inpainter:
    """Load the deepCR-inpaint network 2-32; parameters as in `load_detector`.

    Parameters
    ----------
    weights, model : path-like
        Weights for a GPU, and the net for a CPU.
    device : {"auto", "cpu", "cuda"}
        Device; without a GPU, the CPU.
    threads : int
        Threads on a CPU.

    Raises
    ------
    StudyError
        The weights or the model are absent or damaged.
    """
    name = "inpaint-2-32"
    net = _load_net(name, weights, model, device, threads)
    return Inpainter(WEIGHTS[name].input_scale_e, net)


def _load_net(
    name: str,
    weights: str | Path,
    model: str | Path,
    device: Device,
    threads: int,
    own: Sequence[Mapping[str, Any]] = (),
) -> Net:
    """Load a network where it runs: torch and OpenVINO are imported only if needed."""
    if device != "cpu":
        if has_gpu():
            from crstudy.deepcr.torch_backend import TorchNet, drives_gpus

            if drives_gpus():
                return TorchNet(name, weights, "cuda", threads, own)
            logger.warning("this build of torch does not support the GPU")
        level = logging.WARNING if device == "cuda" else logging.INFO
        logger.log(level, "no GPU usable by torch: %s runs on the CPU", name)
    from crstudy.deepcr.openvino_backend import OpenVinoNet

    return OpenVinoNet(name, model, threads, own)


def _holds_masked_pixels(layers: NDArray[np.float32]) -> bool:
    return bool(layers[1].any())


def _standardise(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract the mean and divide by the standard deviation, if the image has one."""
    return (image - image.mean()) / (image.std() or np.float32(1))


def _native_float32(image: ArrayLike) -> NDArray[np.float32]:
    """Convert to float32; float64 values beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(image).astype(np.float32)


def _fill_non_finite(image: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Replace non-finite pixels by a local value; also return which pixels are finite."""
    filled = _native_float32(image)
    finite = np.isfinite(filled)
    if filled.ndim != 2 or not finite.any():
        raise StudyError(
            "image",
            f"has shape {filled.shape} and {finite.sum()} finite pixels",
            "pass a chip with valid data, or drop this exposure",
        )
    if finite.all():
        return filled, finite
    filled[~finite] = np.median(filled[finite])
    near = ~finite & maximum_filter(finite, size=5)
    boxes = np.lib.stride_tricks.sliding_window_view(
        np.pad(np.where(finite, filled, np.nan), 2, constant_values=np.nan), (5, 5)
    )
    filled[near] = np.nanmedian(boxes[near], axis=(1, 2))
    return filled, finite
