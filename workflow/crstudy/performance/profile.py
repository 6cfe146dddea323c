"""Profile the detector: throughput, and time by stage and operator."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

from crstudy.core.job import max_rss_bytes
from crstudy.deepcr.detector import Detector, Net
from crstudy.deepcr.predict import map_exposures, read_chips
from crstudy.deepcr.prefetch import read_ahead, write_behind
from crstudy.deepcr.tiles import Batches
from crstudy.performance.roofline import FLOP_PER_PX, VALUES_PER_PX

#: Stages of the chain: read exposures, copy to the GPU and back (with launching its work), run the
#: net, write maps, everything else.
STAGES = ("load", "transfer", "compute", "store", "rest")
#: Operators that are listed one by one.
TOP = 8
OTHERS = "others"


class Probe(Protocol):
    """Measurements that depend on the library and the device that run a net."""

    backend: str
    device: str
    arithmetic: str
    bytes_per_value: int
    versions: Mapping[str, str]

    def begin(self) -> None:
        """Reset the counters."""

    def compute_s(self, run_s: float) -> float:
        """Return the computing time since `begin`, s, within that of the net."""

    def memory_mb(self) -> dict[str, float | None]:
        """Return the peak GPU memory since `begin`, MB."""

    def peaks(self) -> tuple[float, float]:
        """Measure FLOP/s and bytes/s that the device reaches."""

    def operators(self, windows: NDArray[np.float32]) -> dict[str, float]:
        """Return the seconds of a batch by operator."""


@dataclass
class _Watched:
    """A net that runs some batches at a time and records time, pixels and one batch."""

    net: Net
    at_once: int
    seconds: float = 0.0
    pixels: int = 0
    windows: NDArray[np.float32] | None = None

    @property
    def tile_px(self) -> int:
        return self.net.tile_px

    @property
    def halo_px(self) -> int:
        return self.net.halo_px

    @property
    def batch(self) -> int:
        return self.net.batch

    @property
    def arithmetic(self) -> str:
        return self.net.arithmetic

    def run(self, batches: Batches) -> Iterator[NDArray[np.float32]]:
        coming = iter(batches)
        while some := list(islice(coming, self.at_once)):
            if self.windows is None:
                self.windows = some[0]
            start = perf_counter()
            results = [result.copy() for result in self.net.run(some)]
            self.seconds += perf_counter() - start
            self.pixels += sum(result.size for result in results)
            yield from results


def make_probe(net: Net, threads: int) -> Probe:
    """Return the probe of a net; torch is imported only for a net of torch.

    Parameters
    ----------
    net : Net
        Of `crstudy.deepcr.detector.load_detector`; it has run.
    threads : int
        Threads that it was loaded with.
    """
    from crstudy.deepcr.openvino_backend import OpenVinoNet

    if isinstance(net, OpenVinoNet):
        from crstudy.performance.openvino_probe import OpenVinoProbe

        return OpenVinoProbe(net, threads)
    from crstudy.performance.torch_probe import TorchProbe

    return TorchProbe(net)


def profile_inference(
    detector: Detector, paths: Sequence[str | Path], folder: Path, threads: int
) -> dict[str, Any]:
    """Measure the chain from exposures to probability maps, as the study runs it.

    Parameters
    ----------
    detector : Detector
        On the device that the study uses.
    paths : sequence of path-like
        Exposures.
    folder : pathlib.Path
        Takes their probability maps.
    threads : int
        Threads that the detector was loaded with.

    Returns
    -------
    dict
        Content of ``profiling/inference.json`` but for the name of the dataset. MB are 1e6
        bytes, Mpx 1e6 px; a chip is one of these exposures.

        ``model``, ``device``, ``backend``, ``arithmetic``
            Net, processor or GPU, library that runs it, type of its activations.
        ``versions``
            Version by library.
        ``threads``, ``load_average``
            Threads of the job; processes that wanted to run on the machine in the minute before,
            this one included: above the number of cores, all times are too long.
        ``exposures``, ``chips``, ``mpx``, ``tile_px``, ``batch``
            Input, and the tiles it was cut into.
        ``seconds``, ``shares``
            By stage (`STAGES`), in sequence, after a warm-up: times, and fractions of their sum.
        ``ms_per_chip``
            ``kernel``: ``compute`` above. ``end_to_end``: as the study runs it, reading and
            writing beside the computing.
        ``mpx_per_s``
            Of the latter.
        ``memory_mb``
            ``rss_start``, ``rss_peak``: resident memory when the interpreter and the net were
            loaded, and the most until the end of the chain. ``gpu_allocated``, ``gpu_reserved``:
            the most on the GPU, or null.
        ``work``
            ``flop_per_px``, ``bytes_per_px``, ``flop_per_byte``: of the net for a pixel, by the
            model of `crstudy.performance.roofline`, a multiplication with addition being two
            operations. ``useful_flop``: for the pixels of the chips; ``done_flop``: with the rims
            of the tiles and the padding.
        ``roofline``
            ``flop_per_s``, ``bytes_per_s``: what was done over the time of ``compute``;
            ``useful_flop_per_s``; ``peak_flop_per_s``, ``peak_bytes_per_s``: the best of
            products of matrices, of a copy and of the net itself, in the same process and threads;
            ``attainable_flop_per_s``: the roof above the net; ``share_of_attainable``.
        ``operators``
            The `TOP` operators of a batch and `OTHERS`, each ``name``, ``ms`` and ``share``.
    """
    rss_start = psutil.Process().memory_info().rss
    load_average = os.getloadavg()[0]
    _map_ahead(detector, paths[:1], folder)
    probe = make_probe(detector.net, threads)
    if probe.backend == "torch":
        # cuDNN tunes each shape of a batch when it first occurs.
        _map_ahead(detector, paths, folder)
    probe.begin()
    at_once = 1 if probe.backend == "torch" else threads
    watched, seconds, chips, pixels = _map_in_turn(detector, paths, folder, at_once)
    seconds["compute"] = probe.compute_s(watched.seconds)
    seconds["transfer"] = watched.seconds - seconds["compute"]
    wall_s = _map_ahead(detector, paths, folder)
    memory = {"rss_start": rss_start / 1e6, "rss_peak": max_rss_bytes() / 1e6} | probe.memory_mb()
    work = _work(probe.bytes_per_value, pixels, watched.pixels)
    return {
        "model": detector.name,
        "device": probe.device,
        "backend": probe.backend,
        "arithmetic": probe.arithmetic,
        "versions": {"python": platform.python_version(), "numpy": version("numpy")}
        | dict(probe.versions),
        "threads": threads,
        "load_average": load_average,
        "exposures": len(paths),
        "chips": chips,
        "mpx": pixels / 1e6,
        "tile_px": detector.net.tile_px,
        "batch": detector.net.batch,
        "seconds": {stage: seconds[stage] for stage in STAGES},
        "shares": {stage: seconds[stage] / sum(seconds.values()) for stage in STAGES},
        "ms_per_chip": {
            "kernel": 1000 * seconds["compute"] / chips,
            "end_to_end": 1000 * wall_s / chips,
        },
        "mpx_per_s": pixels / 1e6 / wall_s,
        "memory_mb": memory,
        "work": work,
        "roofline": _roofline(work, seconds["compute"], *probe.peaks()),
        "operators": _top(probe.operators(watched.windows)),
    }


def _map_ahead(detector: Detector, paths: Sequence[str | Path], folder: Path) -> float:
    """Map exposures as the study does; return the time, s."""
    start = perf_counter()
    with write_behind() as write:
        for _ in map_exposures(detector, read_ahead(read_chips, paths), folder, write):
            pass
    return perf_counter() - start


def _map_in_turn(
    detector: Detector, paths: Sequence[str | Path], folder: Path, at_once: int
) -> tuple[_Watched, dict[str, float], int, int]:
    """Map exposures, one thing at a time; return also times but of the net, chips, pixels."""
    seconds, sizes = dict.fromkeys(STAGES, 0.0), []
    watched = _Watched(detector.net, at_once)

    def timed(stage: str, work: Callable[..., Any], *arguments: Any) -> Any:
        start = perf_counter()
        result = work(*arguments)
        seconds[stage] += perf_counter() - start
        return result

    def exposures() -> Iterator[Any]:
        for path in paths:
            name, chips = timed("load", read_chips, path)
            sizes.extend(chip.size for chip in chips.values())
            yield name, chips

    def write(function: Callable[..., Any], *arguments: Any) -> None:
        timed("store", function, *arguments)

    start = perf_counter()
    for _ in map_exposures(replace(detector, net=watched), exposures(), folder, write):
        pass
    seconds["rest"] = perf_counter() - start - sum(seconds.values()) - watched.seconds
    return watched, seconds, len(sizes), sum(sizes)


def _work(bytes_per_value: int, pixels: int, done_pixels: int) -> dict[str, float]:
    bytes_per_px = bytes_per_value * VALUES_PER_PX
    return {
        "flop_per_px": FLOP_PER_PX,
        "bytes_per_px": bytes_per_px,
        "flop_per_byte": FLOP_PER_PX / bytes_per_px,
        "useful_flop": FLOP_PER_PX * pixels,
        "done_flop": FLOP_PER_PX * done_pixels,
    }


def _roofline(
    work: Mapping[str, float], compute_s: float, peak_flop_per_s: float, peak_bytes_per_s: float
) -> dict[str, float]:
    flop_per_s = work["done_flop"] / compute_s
    # What the net reaches, the device reaches: its kernels may be faster than numpy's product.
    peak_flop_per_s = max(peak_flop_per_s, flop_per_s)
    peak_bytes_per_s = max(peak_bytes_per_s, flop_per_s / work["flop_per_byte"])
    attainable = min(peak_flop_per_s, work["flop_per_byte"] * peak_bytes_per_s)
    return {
        "flop_per_s": flop_per_s,
        "bytes_per_s": flop_per_s / work["flop_per_byte"],
        "useful_flop_per_s": work["useful_flop"] / compute_s,
        "peak_flop_per_s": peak_flop_per_s,
        "peak_bytes_per_s": peak_bytes_per_s,
        "attainable_flop_per_s": attainable,
        "share_of_attainable": flop_per_s / attainable,
    }


def _top(seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    """List the operators that take longest, and the sum of the others."""
    ranked = sorted(seconds.items(), key=lambda item: -item[1])
    total = sum(seconds.values())
    shown = [*ranked[:TOP], (OTHERS, sum(spent for _, spent in ranked[TOP:]))]
    return [{"name": n, "ms": 1000 * spent, "share": spent / total} for n, spent in shown]
