"""Roofline model: operations and bytes of deepCR's mask nets, and peaks of the device.

Williams, Waterman & Patterson 2009 (CACM 52, 65): a program of I operations per byte moved reaches
at most the smaller of the device's peak operations per second and I times its peak bytes per
second.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

import numpy as np

#: Sides of the matrices whose product measures a processor's peak: small enough not to be
#: interrupted, large enough for many cores.
MATRIX_SIDES = (512, 1024, 2048)
#: Much more than a processor's caches hold.
COPIED_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Layer:
    """A layer of a net.

    Attributes
    ----------
    name : str
        Its name in deepCR.
    macs : float
        Multiplications with addition for each pixel of the image.
    reads, writes : float
        Values that go in and out for each pixel of the image.
    """

    name: str
    macs: float
    reads: float
    writes: float


def _convolution(name: str, side: int, n_in: int, n_out: int, density: float = 1) -> Layer:
    """Describe a convolution over this many pixels for each pixel of the image."""
    return Layer(name, side**2 * n_in * n_out * density, n_in * density, n_out * density)


#: One layer in, 32 channels at full size, 64 at half of it. What follows a convolution point by
#: point is done with it, and the two parts that ``up8`` joins need no move.
LAYERS = (
    _convolution("inc.conv.conv.0", 3, 1, 32),
    _convolution("inc.conv.conv.3", 3, 32, 32),
    Layer("down1.mpconv.0", 0, 32, 32 / 4),
    _convolution("down1.mpconv.1.conv.0", 3, 32, 64, 1 / 4),
    _convolution("down1.mpconv.1.conv.3", 3, 64, 64, 1 / 4),
    # Each pixel at half size makes 2x2 that do not overlap.
    Layer("up8.up", 64 * 32, 64 / 4, 32),
    _convolution("up8.conv.conv.0", 3, 64, 32),
    _convolution("up8.conv.conv.3", 3, 32, 32),
    _convolution("outc.conv", 1, 32, 1),
)
FLOP_PER_PX = round(2 * sum(layer.macs for layer in LAYERS))
#: Every layer reads its input and writes its output once; weights and caches do not count.
VALUES_PER_PX = round(sum(layer.reads + layer.writes for layer in LAYERS))


def best_rate(amount: float, work: Callable[[], object], seconds: float = 1.0) -> float:
    """Return the amount per second of the fastest of many calls.

    Parameters
    ----------
    amount : float
        Amount of work of a call, in any unit.
    work : callable
        One call.
    seconds : float
        Minimum duration of the repeats, of which there are at least three.
    """
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < 3 or perf_counter() < end:
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return amount / min(times)


def cpu_flop_per_s() -> float:
    """Return the rate, FLOP/s, of a product of float32 matrices by numpy.

    It runs in as many threads as OMP_NUM_THREADS says, which Snakemake sets to those of the job.
    """
    return max(_matrix_product(side) for side in MATRIX_SIDES)


def _matrix_product(side: int) -> float:
    matrix = np.ones((side, side), np.float32)
    product = np.empty_like(matrix)
    return best_rate(2 * side**3, lambda: np.matmul(matrix, matrix, out=product))


def cpu_bytes_per_s(threads: int) -> float:
    """Return the rate, bytes read and written per second, of a copy in memory by threads."""
    source = np.ones(COPIED_BYTES // 4, np.float32)
    parts = [np.array_split(array, threads) for array in (np.zeros_like(source), source)]
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> Iterable[None]:
            return list(pool.map(np.copyto, *parts))

        return best_rate(2 * COPIED_BYTES, copy)
