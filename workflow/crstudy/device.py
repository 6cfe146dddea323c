"""Whether there is a GPU; light enough to ask in every job and in the Snakefile."""

import ctypes
from typing import Literal

#: Values of ``detector.device``.
Device = Literal["auto", "cpu", "cuda"]


def has_gpu() -> bool:
    """Tell whether NVIDIA's driver finds a GPU that this process may use.

    Returns
    -------
    bool
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return driver.cuInit(0) == 0
