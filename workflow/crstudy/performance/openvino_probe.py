"""Profile OpenVINO on a processor."""

import re
from collections import defaultdict
from importlib.metadata import version

import numpy as np
import openvino
from numpy.typing import NDArray

from crstudy.core.hardware import processor
from crstudy.deepcr.openvino_backend import HALF, OpenVinoNet
from crstudy.performance.roofline import cpu_bytes_per_s, cpu_flop_per_s

#: Times that the operators are run.
REPEATS = 10


class OpenVinoProbe:
    """Observes a net of OpenVINO; see `crstudy.performance.profile.Probe`.

    Parameters
    ----------
    net : OpenVinoNet
        The net.
    threads : int
        Threads that it uses.
    """

    backend = "OpenVINO"
    arithmetic, bytes_per_value = "float32", 4

    def __init__(self, net: OpenVinoNet, threads: int) -> None:
        self._net, self._threads = net, threads
        self.device = processor()
        self.versions = {"openvino": version("openvino")}

    def begin(self) -> None:
        """Reset the counters: there are none."""

    def compute_s(self, run_s: float) -> float:
        """Return the time, s, of computing within that of the net: all of it."""
        return run_s

    def memory_mb(self) -> dict[str, float | None]:
        """Return the peak GPU memory: there is none."""
        return {"gpu_allocated": None, "gpu_reserved": None}

    def peaks(self) -> tuple[float, float]:
        """Measure FLOP/s and bytes/s that the processor reaches with the net's threads."""
        return cpu_flop_per_s(), cpu_bytes_per_s(self._threads)

    def operators(self, windows: NDArray[np.float32]) -> dict[str, float]:
        """Return the seconds of a batch of windows by operator and layer of deepCR."""
        request = self._net.compile(windows.shape, PERF_COUNT=True).create_infer_request()
        seconds: dict[str, float] = defaultdict(float)
        for _ in range(REPEATS):
            request.infer([openvino.Tensor(windows, shared_memory=True)])
            for node in request.profiling_info:
                name = f"{node.node_type} {_layer(node.node_name)}".strip()
                seconds[name] += node.real_time.total_seconds() / REPEATS
        return {name: spent for name, spent in seconds.items() if spent}


def _layer(node: str) -> str:
    """Name the layer of a node such as ``__module.0.inc.conv.conv.0/aten::_convolution/...``."""
    found = re.match(r"__module\.(?:0\.)?(?P<layer>[a-z]\w*\.[\w.]+)/", node)
    return found["layer"].partition(HALF)[0] if found else ""
