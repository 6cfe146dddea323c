"""The detector under test: deepCR-mask and deepCR-inpaint, run in tiles without seams.

The only module that imports torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from deepCR.unet_batchnorm import UNet2BatchNorm, UNet2SigmoidBatchNorm, WrappedModel
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter

from crstudy.errors import StudyError
from crstudy.weights import WEIGHTS

#: Holds all that an even tile depends on: two 3x3 convolutions at full size (2 px), two at half
#: size (4 px), two at full size (2 px).
HALO_PX = 8
#: The fastest of 64, 128, 256, 512 and 1024 px on CPU.
TILE_PX = 256
#: deepCR pads images to multiples of 4.
PAD_MULTIPLE_PX = 4


@dataclass(frozen=True)
class Net:
    """A network and the number of electrons per unit of its input."""

    module: torch.nn.Module
    input_scale_e: float


def load_mask_net(path: str | Path, input_scale_e: float) -> Net:
    """Load a deepCR-mask network with batch normalisation and 32 hidden channels.

    Parameters
    ----------
    path : path-like
        Weights written by `crstudy.weights.fetch_weights`.
    input_scale_e : float
        Electrons per unit of the net's input.

    Returns
    -------
    Net

    Raises
    ------
    StudyError
        The file is absent, damaged or of another architecture.
    """
    return Net(_load(path, UNet2SigmoidBatchNorm(1, 1, 32)), input_scale_e)


def load_inpaint_net(path: str | Path) -> Net:
    """Load the deepCR-inpaint network 2-32.

    Parameters
    ----------
    path : path-like
        Weights written by `crstudy.weights.fetch_weights`.

    Returns
    -------
    Net

    Raises
    ------
    StudyError
        The file is absent, damaged or of another architecture.
    """
    return Net(_load(path, UNet2BatchNorm(2, 1, 32)), WEIGHTS["inpaint-2-32"].input_scale_e)


def _load(path: str | Path, network: torch.nn.Module) -> torch.nn.Module:
    """Put stored weights into a network."""
    module = WrappedModel(network)
    try:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged pickle can raise almost anything
        problem = f"does not fit {type(network).__name__} ({type(error).__name__})"
        raise StudyError(path, problem, "delete it and fetch the weights again") from None
    # Twice as fast on a CPU; probabilities change by about 1e-5.
    return module.eval().to(memory_format=torch.channels_last)


def probability_map(
    net: Net, image: ArrayLike, tile: int = TILE_PX, halo: int = HALO_PX
) -> NDArray[np.float32]:
    """Probability that each pixel holds cosmic-ray charge.

    Same result, but for rounding, as ``deepCR.clean(image, segment=False, binary=False)``,
    whatever the tile, in bounded memory.

    Parameters
    ----------
    net : Net
        Of `load_mask_net`.
    image : array-like, shape (ny, nx)
        Electrons, any real type and byte order, sky not subtracted. A non-finite pixel is shown
        to the net as the median of the finite pixels of its 5x5 box, or of the image where the
        box has none.
    tile, halo : int
        Tile size and overlap, px, both even; `halo` at least 8.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Probabilities 0..1; NaN exactly where the image is not finite, so that
        ``np.isnan(result).sum()`` counts those pixels.

    Raises
    ------
    StudyError
        The image is not two-dimensional or holds no finite pixel; `tile` or `halo` would
        show seams.
    """
    filled, finite = _fill_non_finite(image)
    probability = _run_tiles(net.module, (filled / np.float32(net.input_scale_e))[None], tile, halo)
    return np.where(finite, probability, np.float32(np.nan))


def inpaint(
    net: Net, image: ArrayLike, mask: ArrayLike, tile: int = TILE_PX, halo: int = HALO_PX
) -> NDArray[np.float32]:
    """Replace masked pixels by what the network expects from their surroundings.

    Same result as the whole-image inpainting of ``deepCR.clean`` for the given mask, at the
    input scale the network was trained with.

    Parameters
    ----------
    net : Net
        Of `load_inpaint_net`.
    image : array-like, shape (ny, nx)
        Electrons, any real type and byte order. A non-finite pixel is shown to the net as in
        `probability_map`; in the result it stays as it is unless it is masked.
    mask : array-like of bool, shape (ny, nx)
        Pixels to replace.
    tile, halo : int
        Tile size and overlap, px, both even; `halo` at least 8.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Electrons; pixels outside the mask are those of `image`.

    Raises
    ------
    StudyError
        The image is not two-dimensional or holds no finite pixel; the shapes of image and mask
        differ; `tile` or `halo` would show seams.
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
    scale = np.float32(net.input_scale_e)
    layers = np.stack((np.where(masked, np.float32(0), filled / scale), masked.astype(np.float32)))
    return np.where(masked, _run_tiles(net.module, layers, tile, halo) * scale, original)


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
            "pass one chip that holds data, or drop this exposure",
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


def _run_tiles(
    module: torch.nn.Module, layers: NDArray[np.float32], tile: int, halo: int
) -> NDArray[np.float32]:
    """Run a two-level U-Net over layers (n, ny, nx) and return its output (ny, nx).

    Even tile corners keep the 2x2 pooling grid of the whole image. Zero padding at the top and
    left is that of deepCR, so that images of any shape give deepCR's result.
    """
    if tile < 2 or tile % 2 or halo < HALO_PX or halo % 2:
        raise StudyError(
            f"tile {tile}, halo {halo}",
            "seams would show between tiles",
            f"use an even tile and an even halo of at least {HALO_PX} px",
        )
    top, left = (-n % PAD_MULTIPLE_PX for n in layers.shape[1:])
    padded = np.pad(layers, ((0, 0), (top, 0), (left, 0)))
    result = np.empty(padded.shape[1:], np.float32)
    rows, columns = (tuple(_tiles(n, tile, halo)) for n in result.shape)
    with torch.inference_mode():
        for out_y, in_y, keep_y in rows:
            for out_x, in_x, keep_x in columns:
                block = torch.from_numpy(np.ascontiguousarray(padded[None, :, in_y, in_x]))
                result[out_y, out_x] = module(block).numpy()[0, 0, keep_y, keep_x]
    return result[top:, left:]


def _tiles(size: int, tile: int, halo: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut an axis into tiles: where each lies, with its halo, and within that."""
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        first = max(start - halo, 0)
        yield (
            slice(start, stop),
            slice(first, min(stop + halo, size)),
            slice(start - first, stop - first),
        )
