"""Profile torch on a GPU, and trace torch on any device."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.profiler import ProfilerActivity, profile

from crstudy.core.atomic import complete_file
from crstudy.deepcr.detector import Detector
from crstudy.deepcr.torch_backend import TorchNet
from crstudy.performance.roofline import best_rate

#: Side of the matrices and size of the copy, bytes, that measure a GPU's peaks.
MATRIX_SIDE, COPIED_BYTES = 8192, 2**30
#: Entries of the trace that name the machine or a folder.
PRIVATE = ("host_name", "traceName")


class TorchProbe:
    """Observes a net on a GPU; see `crstudy.performance.profile.Probe`.

    Parameters
    ----------
    net : TorchNet
        The net; it has chosen its arithmetic, that is, it has run.
    """

    backend = "torch"

    def __init__(self, net: TorchNet) -> None:
        self._net = net
        self.device = torch.cuda.get_device_name()
        self.versions = {
            "torch": torch.__version__,
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),
        }
        self._passes: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        net.module.register_forward_pre_hook(self._enter)
        net.module.register_forward_hook(self._leave)

    @property
    def arithmetic(self) -> str:
        """Type of the activations, and whether their products are in TensorFloat-32."""
        return self._net.arithmetic

    @property
    def bytes_per_value(self) -> int:
        """Bytes of an activation."""
        return self._net.dtype.itemsize

    def _enter(self, *_: object) -> None:
        self._entered = torch.cuda.Event(enable_timing=True)
        self._entered.record()

    def _leave(self, *_: object) -> None:
        left = torch.cuda.Event(enable_timing=True)
        left.record()
        self._passes.append((self._entered, left))

    def begin(self) -> None:
        """Reset the counters."""
        self._passes.clear()
        torch.cuda.reset_peak_memory_stats()

    def compute_s(self, run_s: float) -> float:
        """Return the time, s, of computing within that of the net, by the GPU's own clock."""
        torch.cuda.synchronize()
        return sum(begin.elapsed_time(end) for begin, end in self._passes) / 1000

    def memory_mb(self) -> dict[str, float | None]:
        """Return the most memory on the GPU, MB (1e6 bytes)."""
        return {
            "gpu_allocated": torch.cuda.max_memory_allocated() / 1e6,
            "gpu_reserved": torch.cuda.max_memory_reserved() / 1e6,
        }

    def peaks(self) -> tuple[float, float]:
        """Measure FLOP/s, in the net's arithmetic, and bytes/s that the GPU reaches."""
        torch.cuda.empty_cache()
        shape = (MATRIX_SIDE, MATRIX_SIDE)
        a, b = (torch.rand(shape, device="cuda").to(self._net.dtype) for _ in range(2))
        flop_per_s = best_rate(2 * MATRIX_SIDE**3, _finished(lambda: torch.matmul(a, b)))
        source = torch.rand(COPIED_BYTES // 4, device="cuda")
        target = torch.empty_like(source)
        return flop_per_s, best_rate(2 * COPIED_BYTES, _finished(lambda: target.copy_(source)))

    def operators(self, windows: NDArray[np.float32]) -> dict[str, float]:
        """Return the seconds of a batch of windows by operator of torch."""
        return operator_seconds(self._net, windows)


def _finished(work: Callable[[], object]) -> Callable[[], None]:
    """Return work that waits until the GPU is done."""

    def run() -> None:
        work()
        torch.cuda.synchronize()

    return run


def operator_seconds(net: TorchNet, windows: NDArray[np.float32]) -> dict[str, float]:
    """Return the time of torch's operators on the net's device.

    Parameters
    ----------
    net : TorchNet
        The net.
    windows : ndarray, shape (n, layer, y, x), float32
        A batch.

    Returns
    -------
    dict of str to float
        Seconds by operator, copies to the GPU and back included.
    """
    with _recording(net) as recorded:
        list(net.run([windows]))
    name = "self_device_time_total" if net.device.type == "cuda" else "self_cpu_time_total"
    # The kernels of a GPU are listed separately, under other names.
    operators = [one for one in recorded.key_averages() if one.key.startswith("aten::")]
    seconds = {one.key.removeprefix("aten::"): getattr(one, name) / 1e6 for one in operators}
    return {name: spent for name, spent in seconds.items() if spent}


def _recording(net: TorchNet) -> profile:
    activities = [ProfilerActivity.CPU]
    if net.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    return profile(activities=activities)


def write_trace(path: str | Path, net: TorchNet, detector: Detector, image: NDArray[Any]) -> None:
    """Write a trace in Chrome's format of torch finding the cosmic rays of an image.

    Parameters
    ----------
    path : path-like
        JSON file; appears only when complete.
    net : TorchNet
        The net, where it runs.
    detector : Detector
        Says how the net is used; its own net does not run.
    image : ndarray, shape (ny, nx)
        Electrons.
    """
    detector = replace(detector, net=net)
    detector.probability(image)
    with _recording(net) as recorded:
        detector.probability(image)
    with complete_file(path) as part:
        recorded.export_chrome_trace(str(part))
        trace = json.loads(part.read_text(encoding="utf-8"))
        part.write_text(
            json.dumps({k: v for k, v in trace.items() if k not in PRIVATE}), encoding="utf-8"
        )
