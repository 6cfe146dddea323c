"""Cut images into overlapping windows, and reassemble the results without seams."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crstudy.core.errors import StudyError

#: Receptive field around a tile: two 3x3 convolutions at full size (2 px), two at half size
#: (4 px), two at full size (2 px).
HALO_PX = 8
#: deepCR pads images to multiples of this; so are the sides of tiles and windows, so that a window
#: can be cut in turn.
MULTIPLE_PX = 4
#: Largest side of the tiles, without a halo, of nets that see them as a whole: CRNet's patches.
WHOLE_TILE_PX = 1024

#: Layers (n, layer, y, x) of n windows, and what a net makes of them (n, y, x).
Batches = Iterable[NDArray[np.float32]]
Run = Callable[[Batches], Iterator[NDArray[np.float32]]]


@dataclass
class _Image:
    """An image in progress: its result, and the number of its pending windows."""

    result: NDArray[np.float32]
    top: int
    left: int
    n_out: int = 0
    all_cut: bool = False


def run_windows(
    run: Run,
    images: Batches,
    tile: int,
    batch: int = 1,
    wanted: Callable[[NDArray[np.float32]], bool] | None = None,
    halo: int = HALO_PX,
) -> Iterator[NDArray[np.float32]]:
    """Run a U-Net of two or three levels over images, window by window.

    The result does not depend on tile and batch: tile corners keep the pooling grid of the whole
    image, the halo holds all that a tile depends on, and the zeros added at the top and left are
    those of deepCR. All windows of an image have one shape, and a batch takes
    windows from one image after the other.

    Parameters
    ----------
    run : callable
        Maps batches of windows, shape (n, layer, y, x), to results, shape (n, y, x), in order.
    images : iterable of ndarray, shape (layer, ny, nx)
        Input of the net; read as it is needed.
    tile : int
        Largest side of the tiles, a multiple of 4, px; an image is cut into tiles of one size.
    batch : int
        Maximum number of windows that are run at once.
    wanted : callable, optional
        Tells from a tile's layers whether it must be computed; else its result is 0.
    halo : int
        Rim of the windows, a multiple of 4, px; the default is that of deepCR's nets.

    Yields
    ------
    ndarray, shape (ny, nx)
        For each image, in order.

    Raises
    ------
    StudyError
        Tiles of this size would show seams.

    Examples
    --------
    >>> image = np.arange(35, dtype=np.float32).reshape(1, 5, 7)
    >>> (result,) = run_windows(lambda batches: (one[:, 0] for one in batches), [image], tile=4)
    >>> np.array_equal(result, image[0])
    True
    """
    if tile < MULTIPLE_PX or tile % MULTIPLE_PX:
        fix = f"use a multiple of {MULTIPLE_PX}"
        raise StudyError(f"tile {tile} px", "seams would show between tiles", fix)
    under_way: deque[_Image] = deque()
    places: deque[tuple[_Image, tuple[slice, slice], tuple[slice, slice]]] = deque()

    def batches() -> Iterator[NDArray[np.float32]]:
        waiting: list[NDArray[np.float32]] = []
        for layers in images:
            top, left = (-n % MULTIPLE_PX for n in layers.shape[1:])
            padded = np.pad(layers, ((0, 0), (top, 0), (left, 0)))
            image = _Image(np.zeros(padded.shape[1:], np.float32), top, left)
            under_way.append(image)
            for out, window, inner in _windows(padded.shape[1:], tile, halo):
                if wanted is not None and not wanted(padded[:, *out]):
                    continue
                block = padded[:, *window]
                if waiting and (len(waiting) == batch or block.shape != waiting[0].shape):
                    yield np.stack(waiting)
                    waiting.clear()
                image.n_out += 1
                places.append((image, out, inner))
                waiting.append(block)
            image.all_cut = True
        if waiting:
            yield np.stack(waiting)

    for results in run(batches()):
        for result in results:
            image, out, inner = places.popleft()
            image.result[out] = result[inner]
            image.n_out -= 1
        yield from _finished(under_way)
    yield from _finished(under_way)


def _finished(under_way: deque[_Image]) -> Iterator[NDArray[np.float32]]:
    """Take the complete images from the head of the queue, without their padding."""
    while under_way and under_way[0].all_cut and not under_way[0].n_out:
        image = under_way.popleft()
        yield image.result[image.top :, image.left :]


def _windows(
    shape: tuple[int, ...], tile: int, halo: int
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], tuple[slice, slice]]]:
    """Cut a plane: where each tile lies, its window, and where the tile lies within that."""
    rows, columns = (tuple(_cuts(n, tile, halo)) for n in shape)
    for row in rows:
        for column in columns:
            out, window, inner = zip(row, column, strict=True)
            yield out, window, inner


def _cuts(size: int, tile: int, halo: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut an axis into equal tiles; windows are shifted rather than cut short at its ends."""
    n_tiles = -(-size // tile)
    tile = -(-size // (MULTIPLE_PX * n_tiles)) * MULTIPLE_PX
    width = min(tile + 2 * halo, size)
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        first = min(max(start - halo, 0), size - width)
        yield (
            slice(start, stop),
            slice(first, first + width),
            slice(start - first, stop - first),
        )
