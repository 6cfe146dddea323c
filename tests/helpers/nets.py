"""Detectors on a given backend, and source archives of weights."""

import io
import tarfile
from pathlib import Path

from crstudy.deepcr.detector import Detector, Net
from crstudy.deepcr.weights import WEIGHTS


def detector(name: str, net: Net) -> Detector:
    known = WEIGHTS[name]
    return Detector(
        name, known.instrument, known.sha256, known.input_scale_e, net, known.standardise
    )


def write_sdist(path: Path, weights: bytes, setup: str = "") -> Path:
    """Write a source archive with the given weights file and setup.py."""
    files = {WEIGHTS["zb20-f606w"].member: weights, "setup.py": setup.encode()}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"deepCR-0.1.5/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path
