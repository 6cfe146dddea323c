"""Whether there is a GPU; light enough to ask in every job and in the Snakefile."""

import ctypes
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

#: Values of ``detector.device``.
Device = Literal["auto", "cpu", "cuda"]


def has_gpu() -> bool:
    """Tell whether NVIDIA's driver finds a GPU that this process and its torch may use.

    Returns
    -------
    bool
    """
    try:
        if version("torch").endswith("+cpu"):
            return False
    except PackageNotFoundError:
        pass  # It is in another environment, that of the jobs with a net.
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return driver.cuInit(0) == 0
