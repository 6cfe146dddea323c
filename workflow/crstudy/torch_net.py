"""deepCR's networks in torch: the golden backend, and the one for GPUs."""

import logging
from collections import deque
from collections.abc import Iterator
from math import isqrt
from pathlib import Path

import numpy as np
import torch
from deepCR.unet_batchnorm import UNet2BatchNorm, WrappedModel
from numpy.typing import NDArray
from torch.fx.experimental.optimization import fuse

from crstudy.errors import StudyError
from crstudy.tiles import HALO_PX, Batches, run_windows
from crstudy.weights import WEIGHTS

logger = logging.getLogger(__name__)

#: Tiles on a CPU, largest and smallest tiles on a GPU.
CPU_TILE_PX, MAX_TILE_PX, MIN_TILE_PX = 256, 1024, 64
#: Memory for the activations of a pixel: 160 channels in float32 at the widest, and copies.
BYTES_PER_PX = 1000
#: Windows may fill this part of the free memory, and hold two full-frame chips.
MEMORY_FRACTION, MAX_BATCH_PX = 0.5, 2**24
#: Batches on their way to the GPU, on it, or on their way back.
IN_FLIGHT = 2
#: Part of the pixels whose mask, at deepCR's threshold, a faster arithmetic must not change.
MIN_AGREEMENT, THRESHOLD = 0.99999, 0.5
#: Faster arithmetics, the fastest first: type of the activations, TensorFloat-32 allowed.
FASTER = ((torch.float16, False), (torch.bfloat16, False), (torch.float32, True))
#: More than any pixel of ACS/WFC holds; float16 must not overflow.
BRIGHTEST_E = 200_000


class _Sigmoid(torch.nn.Module):
    """Probabilities from logits, in float32 whatever the arithmetic before."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(logits.float())


def load_module(name: str, path: str | Path) -> torch.nn.Module:
    """Load a network of deepCR with 32 hidden channels, its batch normalisation folded in.

    Parameters
    ----------
    name : str
        Key of `crstudy.weights.WEIGHTS`.
    path : path-like
        Weights written by `crstudy.weights.fetch_weights`.

    Returns
    -------
    torch.nn.Module
        In evaluation mode; maps (n, layer, y, x) to (n, 1, y, x).

    Raises
    ------
    StudyError
        The file is absent, damaged or of another architecture.
    """
    layers = WEIGHTS[name].layers
    wrapped = WrappedModel(UNet2BatchNorm(layers, 1, 32))
    try:
        wrapped.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged pickle can raise almost anything
        problem = f"does not fit the network of {name} ({type(error).__name__})"
        raise StudyError(path, problem, "delete it and fetch the weights again") from None
    network = fuse(wrapped.eval().module)
    return network if WEIGHTS[name].inpaints else torch.nn.Sequential(network, _Sigmoid())


def drives_gpus() -> bool:
    """Tell whether this build of torch can use the GPU.

    Returns
    -------
    bool
    """
    return torch.cuda.is_available()


class TorchNet:
    """A network of deepCR on a CPU or a GPU.

    On a GPU tiles follow the free memory, copies overlap with computing, and the arithmetic is
    the fastest that gives the first batch the mask of float32.

    Parameters
    ----------
    name : str
        Key of `crstudy.weights.WEIGHTS`.
    path : path-like
        Its weights.
    device : {"cpu", "cuda"}
        Where to run.
    threads : int
        Threads on a CPU.

    Attributes
    ----------
    tile_px, batch : int
        Side of the tiles and number of windows that `run` takes best.
    dtype : torch.dtype
        Type of the activations.

    Raises
    ------
    StudyError
        The weights do not fit.
    """

    def __init__(self, name: str, path: str | Path, device: str = "cpu", threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self.device = torch.device(device)
        self.scale_e = WEIGHTS[name].input_scale_e
        self.module = load_module(name, path).to(self.device, memory_format=torch.channels_last)
        self.tile_px, self.batch = CPU_TILE_PX, 1
        self.dtype = torch.float32
        self._chosen = WEIGHTS[name].inpaints or self.device.type == "cpu"
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            _allow_tf32(False)
            self._upload, self._download = torch.cuda.Stream(), torch.cuda.Stream()
            free_bytes, _ = torch.cuda.mem_get_info()
            self._fit(int(MEMORY_FRACTION * free_bytes / BYTES_PER_PX))

    def _fit(self, pixels: int) -> None:
        """Choose tile and batch so that a batch holds no more than this many pixels."""
        pixels = min(pixels, MAX_BATCH_PX)
        side = isqrt(pixels) - 2 * HALO_PX
        self.tile_px = max(MIN_TILE_PX, min(MAX_TILE_PX, side - side % 2))
        self.batch = max(1, pixels // (self.tile_px + 2 * HALO_PX) ** 2)

    def run(self, batches: Batches) -> Iterator[NDArray[np.float32]]:
        """Run batches of windows; on a GPU the next is sent while one is computed.

        Parameters
        ----------
        batches : iterable of ndarray, shape (n, layer, y, x), float32
            Windows.

        Yields
        ------
        ndarray, shape (n, y, x), float32
            For each batch, in order.

        Raises
        ------
        StudyError
            The GPU fails, or its memory does not hold the smallest tile.
        """
        flying: deque[tuple[torch.Tensor, torch.cuda.Event | None]] = deque()
        try:
            for windows in batches:
                try:
                    if max(windows.shape[2:]) > self.tile_px + 2 * HALO_PX:
                        raise torch.OutOfMemoryError("as an earlier window of this size")
                    self._choose_arithmetic(windows)
                    flying.append(self._send(windows))
                except torch.OutOfMemoryError:
                    while flying:
                        yield _land(*flying.popleft())
                    yield self._in_smaller_tiles(windows)
                if len(flying) == IN_FLIGHT:
                    yield _land(*flying.popleft())
            while flying:
                yield _land(*flying.popleft())
        except torch.AcceleratorError as error:
            problem = f"failed at work ({str(error).splitlines()[0]})"
            fix = "run again; if it fails again, set detector.device to cpu"
            raise StudyError(f"device {self.device}", problem, fix) from None

    def _send(self, windows: NDArray[np.float32]) -> tuple[torch.Tensor, torch.cuda.Event | None]:
        """Start a batch; on a GPU without waiting for its end."""
        block = torch.from_numpy(windows)
        if self.device.type == "cpu":
            return self._forward(block, self.dtype), None
        compute, done = torch.cuda.current_stream(), torch.cuda.Event()
        with torch.cuda.stream(self._upload):
            block = block.pin_memory().to(self.device, non_blocking=True)
        compute.wait_stream(self._upload)
        block.record_stream(compute)
        result = self._forward(block, self.dtype)
        home = torch.empty(result.shape, pin_memory=True)
        self._download.wait_stream(compute)
        with torch.cuda.stream(self._download):
            home.copy_(result, non_blocking=True)
            done.record()
        result.record_stream(self._download)
        return home, done

    def _forward(self, block: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Compute a batch that lies on the device."""
        reduced = dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, dtype, enabled=reduced):
            block = block.contiguous(memory_format=torch.channels_last)
            return self.module(block)[:, 0].float()

    def _in_smaller_tiles(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run windows in tiles of half the size; what is cut off at their rims is never used."""
        torch.cuda.empty_cache()
        widest = max(windows.shape[2:]) - 2 * HALO_PX
        if widest <= self.tile_px:
            self.tile_px, self.batch = widest // 4 * 2, 1
            logger.warning("%s: out of memory, tiles of %d px", self.device, self.tile_px)
        if self.tile_px < MIN_TILE_PX:
            problem = f"has no memory for a tile of {MIN_TILE_PX} px"
            fix = "wait until others free it, or set detector.device to cpu"
            raise StudyError(f"device {self.device}", problem, fix)
        return np.stack(list(run_windows(self.run, windows, self.tile_px, self.batch)))

    def _choose_arithmetic(self, windows: NDArray[np.float32]) -> None:
        """Take the fastest arithmetic that gives these windows the mask of float32."""
        if self._chosen:
            return
        sample = windows.copy()
        sample.flat[sample.argmax()] = BRIGHTEST_E / self.scale_e
        block = torch.from_numpy(sample).to(self.device)
        exact = self._forward(block, torch.float32) > THRESHOLD
        for dtype, tf32 in FASTER:
            _allow_tf32(tf32)
            same = (self._forward(block, dtype) > THRESHOLD) == exact
            agreement = same.double().mean().item()
            logger.info("%s, TF32 %s: %.6f of the mask agrees", dtype, tf32, agreement)
            if agreement >= MIN_AGREEMENT:
                self.dtype = dtype
                break
        else:
            _allow_tf32(False)
        self._chosen = True


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed


def _land(result: torch.Tensor, done: torch.cuda.Event | None) -> NDArray[np.float32]:
    """Wait for a batch."""
    if done is not None:
        done.synchronize()
    return result.numpy()
