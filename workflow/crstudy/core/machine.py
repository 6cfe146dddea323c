"""The machine that a job runs on (Linux)."""

import os
import platform
import re
from pathlib import Path

import psutil


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
    information = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", information, re.MULTILINE)
    return model[1].strip() if model else platform.machine()
