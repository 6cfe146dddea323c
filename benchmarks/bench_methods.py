"""The detectors that are compared, each as its users call it.

Heavy packages are imported where they are needed, so that a process holds those of its method.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench_chip import NET
from crstudy.deepcr.weights import WEIGHTS

if TYPE_CHECKING:
    import torch

    from crstudy.deepcr.detector import Detector, Net

THRESHOLD = 0.5
READ_NOISE_E = 4.2


@dataclass(frozen=True)
class Method:
    """A detector, ready to work.

    Attributes
    ----------
    find : callable
        Maps an image, e-, to its mask, not 0 at cosmic rays.
    device_s : callable, optional
        Tells how long a GPU has computed since the last call, s.
    details : callable
        Tells what the method has chosen.
    """

    find: Callable[[NDArray[np.float32]], NDArray]
    device_s: Callable[[], float] | None = None
    details: Callable[[], dict[str, Any]] = dict


def load_stock(folder: Path, threads: int, patch: int | None, gpu: bool = False) -> Method:
    """Load deepCR 0.3.1 with the weights of the study, which it does not ship.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of `bench_chip.make_material`.
    threads : int
        Threads of torch.
    patch : int or None
        Side of its patches, px; None: the whole frame at once.
    gpu : bool
        Run on the GPU.

    Returns
    -------
    Method
    """
    import deepCR
    import torch

    torch.set_num_threads(threads)
    model = deepCR.deepCR(mask="ACS-WFC", device="GPU" if gpu else "CPU")
    state = torch.load(folder / "weights.pth", map_location="cpu", weights_only=True)
    model.maskNet.load_state_dict(state)
    model.maskNet.eval()
    model.scale = WEIGHTS[NET].input_scale_e
    tiling = {"segment": False} if patch is None else {"segment": True, "patch": patch}
    device_s = device_clock(model.maskNet) if gpu else None
    return Method(
        lambda image: model.clean(image, **tiling), device_s, gpu_details if gpu else dict
    )


def load_lacosmic(folder: Path, threads: int, tile: int | None) -> Method:
    """Load L.A.Cosmic of astroscrappy, which leaves the parameters of `load_stock` unused."""
    import astroscrappy

    def find(image: NDArray[np.float32]) -> NDArray[np.bool_]:
        mask, _ = astroscrappy.detect_cosmics(
            image,
            sigclip=4.5,
            sigfrac=0.3,
            objlim=5.0,
            readnoise=READ_NOISE_E,
            satlevel=np.inf,
            niter=4,
            sepmed=True,
        )
        return mask

    return Method(find)


def load_openvino(folder: Path, threads: int, tile: int | None) -> Method:
    """Load what the study runs on CPUs; tiles of its choice if None, else as in `load_stock`."""
    from crstudy.deepcr.openvino_backend import OpenVinoNet

    detector = _detector(OpenVinoNet(NET, folder / "net", threads), tile)
    return Method(
        lambda image: detector.probability(image) > THRESHOLD,
        details=lambda: {"tile_px": detector.net.tile_px},
    )


def load_torch(folder: Path, threads: int, tile: int | None, gpu: bool = False) -> Method:
    """Load the study's torch backend; parameters as in `load_openvino`."""
    from crstudy.deepcr.torch_backend import TorchNet

    net = TorchNet(NET, folder / "weights.pth", "cuda" if gpu else "cpu", threads)
    detector = _detector(net, tile)

    def details() -> dict[str, Any]:
        chosen = {"tile_px": net.tile_px, "batch": net.batch, "arithmetic": net.arithmetic}
        return chosen | (gpu_details() if gpu else {})

    return Method(
        lambda image: detector.probability(image) > THRESHOLD,
        device_clock(net.module) if gpu else None,
        details,
    )


def _detector(net: "Net", tile: int | None) -> "Detector":
    """Make a detector of a net; the tile is a benchmark's whim."""
    from crstudy.deepcr.detector import Detector

    if tile is not None:
        net.tile_px = tile
    known = WEIGHTS[NET]
    return Detector(NET, known.instrument, known.sha256, known.input_scale_e, net)


def device_clock(module: "torch.nn.Module") -> Callable[[], float]:
    """Time a module's passes on the GPU.

    Parameters
    ----------
    module : torch.nn.Module
        The network; its passes are bracketed by events from now on.

    Returns
    -------
    callable
        Returns the time of all passes since its last call, s; waits for the GPU.
    """
    import torch

    passes: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def begin(*_: object) -> None:
        passes.append((torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)))
        passes[-1][0].record()

    def end(*_: object) -> None:
        passes[-1][1].record()

    def read() -> float:
        torch.cuda.synchronize()
        total_ms = sum(first.elapsed_time(last) for first, last in passes)
        passes.clear()
        return total_ms / 1000

    module.register_forward_pre_hook(begin)
    module.register_forward_hook(end)
    return read


def free_gpu_bytes() -> int | None:
    """Return the free memory of the GPU; None if torch does not drive it."""
    import torch

    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None


def gpu_details() -> dict[str, Any]:
    """Return the GPU's name and how much of its memory torch took.

    Returns
    -------
    dict
    """
    import torch

    return {
        "gpu": torch.cuda.get_device_name(),
        "allocated_peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 3),
        "reserved_peak_gb": round(torch.cuda.max_memory_reserved() / 1e9, 3),
    }


METHODS: dict[str, Callable[[Path, int, int | None], Method]] = {
    "stock": load_stock,
    "lacosmic": load_lacosmic,
    "openvino": load_openvino,
    "torch": load_torch,
    "stock-gpu": lambda folder, threads, patch: load_stock(folder, threads, patch, gpu=True),
    "torch-gpu": lambda folder, threads, tile: load_torch(folder, threads, tile, gpu=True),
}
