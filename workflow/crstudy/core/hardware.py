"""The machine that a job runs on (Linux), and whether it has a GPU.

Light enough for every job and for the Snakefile.
"""

import ctypes
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil

#: Values of ``detector.device``.
Device = Literal["auto", "cpu", "cuda"]


def has_gpu() -> bool:
    """Tell whether NVIDIA's driver finds a GPU that this process and its torch may use."""
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


def describe_machine() -> dict[str, str | int]:
    """Describe the machine.

    Returns
    -------
    dict
        ``system``, ``processor``, ``cores`` that this process may use, and ``memory_gb`` (1e9
        bytes).
    """
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
    }


def processor() -> str:
    """Return the processor's model, or its architecture where the kernel names no model."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*:\s*(.+)$", information, re.MULTILINE)
    return model[1].strip() if model else platform.machine()
