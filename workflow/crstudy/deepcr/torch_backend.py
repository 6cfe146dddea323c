"""deepCR's networks in torch: the reference backend, and the one for GPUs."""

import io
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx.experimental.optimization import fuse

from crstudy.core.errors import StudyError
from crstudy.deepcr.tiles import HALO_PX, MULTIPLE_PX, WHOLE_TILE_PX, Batches, run_windows
from crstudy.deepcr.unet_backend import UNet, rename
from crstudy.deepcr.weights import find_weights, read_weights

logger = logging.getLogger(__name__)

#: Tiles on a CPU, largest and smallest tiles on a GPU.
CPU_TILE_PX, MAX_TILE_PX, MIN_TILE_PX = 256, 1024, 64
#: Memory for the activations of a pixel: 160 channels in float32 at most, and copies.
BYTES_PER_PX = 1000
#: Fraction of the free memory that windows may fill, and their maximum: two full-frame chips.
MEMORY_FRACTION, MAX_BATCH_PX = 0.5, 2**24
#: Batches on their way to the GPU, on it, or on their way back.
IN_FLIGHT = 2
#: Minimum fraction of pixels with the same mask, at deepCR's threshold, for a faster arithmetic,
#: and the number of pixels needed to measure it.
MIN_AGREEMENT, THRESHOLD, MIN_SAMPLE_PX = 0.99999, 0.5, 1_000_000
#: Faster arithmetics, the fastest first: type of the activations, TensorFloat-32 allowed.
FASTER = ((torch.float16, False), (torch.bfloat16, False), (torch.float32, True))
#: More than any pixel of ACS/WFC holds; float16 must not overflow.
BRIGHTEST_E = 200_000
#: Prefixes of error messages of a failing GPU, from any library.
GPU_FAILURES = ("CUDA", "cuDNN")
#: Substrings that identify an out-of-memory error of another type.
FULL_MEMORY = ("out of memory", "ALLOC_FAILED")


class _Sigmoid(torch.nn.Module):
    """Probabilities from logits, in float32 whatever the arithmetic before."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(logits.float())


def load_module(
    name: str, path: str | Path, own: Sequence[Mapping[str, Any]] = ()
) -> torch.nn.Module:
    """Load a network, its batch normalisation folded in.

    Parameters
    ----------
    name : str
        As in `crstudy.deepcr.weights.find_weights`.
    path : path-like
        Weights written by `crstudy.deepcr.weights.fetch_weights`.
    own : sequence of mapping
        Nets of the user.

    Returns
    -------
    torch.nn.Module
        In evaluation mode; maps (n, layer, y, x) to (n, 1, y, x).

    Raises
    ------
    StudyError
        The file is absent, has another checksum, or is of another architecture.
    """
    known = find_weights(name, own)
    network = UNet(known.architecture, known.layers, known.channels)
    content = io.BytesIO(read_weights(path, known))
    try:
        network.load_state_dict(rename(torch.load(content, map_location="cpu", weights_only=True)))
    except Exception as error:  # what is no weights file can raise almost anything
        problem = (
            f"does not fit a {known.architecture} network of {known.channels} channels "
            f"({type(error).__name__})"
        )
        fix = f"set architecture and channels of {name} in methods.own to those it was trained with"
        raise StudyError(known.member, problem, fix) from None
    network = fuse(network.eval())
    return network if known.inpaints else torch.nn.Sequential(network, _Sigmoid())


def drives_gpus() -> bool:
    """Tell whether this build of torch can use the GPU."""
    return torch.cuda.is_available()


class TorchNet:
    """A network of deepCR on a CPU or a GPU.

    On a GPU tiles follow the free memory, copies overlap with computing, and the arithmetic is
    the fastest that gives the first batch the mask of float32.

    Parameters
    ----------
    name : str
        As in `crstudy.deepcr.weights.find_weights`.
    path : path-like
        Its weights.
    device : {"cpu", "cuda"}
        Where to run.
    threads : int
        Threads on a CPU.
    own : sequence of mapping
        Nets of the user.

    Attributes
    ----------
    tile_px, halo_px, batch : int
        Side of the tiles, their rim and number of windows that `run` takes best.
    dtype : torch.dtype
        Type of the activations.
    tf32 : bool
        Whether products in float32 may be rounded to TensorFloat-32.

    Raises
    ------
    StudyError
        The weights do not fit, or the GPU fails.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        device: str = "cpu",
        threads: int = 1,
        own: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        torch.set_num_threads(threads)
        known = find_weights(name, own)
        self.device = torch.device(device)
        self.scale_e = known.input_scale_e
        self._whole = known.sees_whole_tiles
        self.tile_px, self.batch = WHOLE_TILE_PX if self._whole else CPU_TILE_PX, 1
        self.halo_px = 0 if self._whole else HALO_PX
        self.dtype, self.tf32 = torch.float32, False
        self._chosen = known.inpaints or self.device.type == "cpu"
        module = load_module(name, path, own)
        with self._failures_in_one_line():
            self.module = module.to(self.device, memory_format=torch.channels_last)
            if self.device.type == "cuda":
                self._upload, self._download = torch.cuda.Stream(), torch.cuda.Stream()
                if not self._whole:
                    free_bytes, _ = torch.cuda.mem_get_info()
                    self._fit(int(MEMORY_FRACTION * free_bytes / BYTES_PER_PX))

    @property
    def arithmetic(self) -> str:
        """Type of the activations, and whether products are in TensorFloat-32."""
        name = str(self.dtype).removeprefix("torch.")
        return f"{name} (TensorFloat-32)" if self.tf32 else name

    def _fit(self, pixels: int) -> None:
        """Choose tile and batch so that a batch holds no more than this many pixels."""
        pixels = min(pixels, MAX_BATCH_PX)
        side = isqrt(pixels) - 2 * HALO_PX
        self.tile_px = max(MIN_TILE_PX, min(MAX_TILE_PX, side // MULTIPLE_PX * MULTIPLE_PX))
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
        with self._failures_in_one_line():
            for windows in batches:
                sent = self._send_if_it_fits(windows)
                if sent is not None:
                    flying.append(sent)
                while flying and (sent is None or len(flying) == IN_FLIGHT):
                    yield _land(*flying.popleft())
                if sent is None:
                    yield self._in_parts(windows)
            while flying:
                yield _land(*flying.popleft())

    @contextmanager
    def _failures_in_one_line(self) -> Iterator[None]:
        """Turn failures of the GPU into one-line errors."""
        try:
            yield
        except RuntimeError as error:
            message = str(error.args[0] if error.args else error)
            if not message.startswith(GPU_FAILURES):
                raise
            problem = f"failed ({message.splitlines()[0]})"
            fix = "run again; if it fails again, set detector.device to cpu"
            raise StudyError(f"device {self.device}", problem, fix) from None

    def _send_if_it_fits(
        self, windows: NDArray[np.float32]
    ) -> tuple[torch.Tensor, torch.cuda.Event | None] | None:
        """Start a batch; if it does not fit into memory, return None and lower the limits."""
        n, side = len(windows), max(windows.shape[2:])
        if n > self.batch or side > self.tile_px + 2 * HALO_PX:
            return None
        try:
            self._choose_arithmetic(windows)
            return self._send(windows)
        except RuntimeError as error:
            full = isinstance(error, torch.OutOfMemoryError)
            if not full and not any(words in str(error) for words in FULL_MEMORY):
                raise
        # Only now: the tensors of the failed batch are freed together with the error.
        if n == 1 and (self._whole or side <= MIN_TILE_PX + 2 * HALO_PX):
            problem = (
                f"has no memory for a tile of {WHOLE_TILE_PX if self._whole else MIN_TILE_PX} px"
            )
            fix = "wait until others free it, or set detector.device to cpu"
            raise StudyError(f"device {self.device}", problem, fix)
        if n > 1:
            self.batch = n // 2
        else:
            half = (side - 2 * HALO_PX) // (2 * MULTIPLE_PX) * MULTIPLE_PX
            self.tile_px = max(MIN_TILE_PX, half)
        torch.cuda.empty_cache()
        logger.warning(
            "%s: out of memory, now %d tiles of %d px", self.device, self.batch, self.tile_px
        )
        return None

    def _in_parts(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run a batch that is too large in parts; rims that windows lose are never used."""
        n = self.batch
        if len(windows) > n:
            parts = [windows[i : i + n] for i in range(0, len(windows), n)]
            return np.concatenate(list(self.run(parts)))
        return np.stack(list(run_windows(self.run, windows, self.tile_px, self.batch)))

    def _send(self, windows: NDArray[np.float32]) -> tuple[torch.Tensor, torch.cuda.Event | None]:
        """Start a batch; on a GPU without waiting for its end."""
        block = torch.from_numpy(windows)
        if self.device.type == "cpu":
            return self._forward(block, self.dtype, self.tf32), None
        compute, done = torch.cuda.current_stream(), torch.cuda.Event()
        with torch.cuda.stream(self._upload):
            block = block.pin_memory().to(self.device, non_blocking=True)
        compute.wait_stream(self._upload)
        block.record_stream(compute)
        result = self._forward(block, self.dtype, self.tf32)
        home = torch.empty(result.shape, pin_memory=True)
        self._download.wait_stream(compute)
        with torch.cuda.stream(self._download):
            home.copy_(result, non_blocking=True)
            done.record()
        result.record_stream(self._download)
        return home, done

    def _forward(self, block: torch.Tensor, dtype: torch.dtype, tf32: bool = False) -> torch.Tensor:
        """Compute a batch that lies on the device."""
        reduced = dtype != torch.float32
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype, enabled=reduced),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32),
        ):
            block = block.contiguous(memory_format=torch.channels_last)
            return self.module(block)[:, 0].float()

    def _choose_arithmetic(self, windows: NDArray[np.float32]) -> None:
        """Choose the fastest arithmetic that reproduces the mask of float32 on these windows."""
        if self._chosen:
            return
        if windows.size < MIN_SAMPLE_PX:
            logger.info("float32: %d px are too few to try a faster arithmetic", windows.size)
            self._chosen = True
            return
        sky = torch.from_numpy(windows).to(self.device)
        star = sky[:1, :, :MIN_TILE_PX, :MIN_TILE_PX].clone()
        star[..., MIN_TILE_PX // 2, MIN_TILE_PX // 2] = BRIGHTEST_E / self.scale_e
        for dtype, tf32 in FASTER:
            agreement = self._agreement(sky, dtype, tf32)
            on_star = self._agreement(star, dtype, tf32)
            logger.info(
                "%s, TF32 %s: %.6f of the mask agrees, %.6f next to a saturated pixel",
                dtype,
                tf32,
                agreement,
                on_star,
            )
            if agreement >= MIN_AGREEMENT and on_star == 1:
                self.dtype, self.tf32 = dtype, tf32
                break
        self._chosen = True

    def _agreement(self, block: torch.Tensor, dtype: torch.dtype, tf32: bool) -> float:
        """Return the fraction of pixels that are finite and have the mask of float32."""
        exact, found = self._forward(block, torch.float32), self._forward(block, dtype, tf32)
        same = ((found > THRESHOLD) == (exact > THRESHOLD)) & torch.isfinite(found)
        return same.double().mean().item()


def _land(result: torch.Tensor, done: torch.cuda.Event | None) -> NDArray[np.float32]:
    """Wait for a batch."""
    if done is not None:
        done.synchronize()
    return result.numpy()
