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


def write_sdist(path: Path, content: bytes) -> Path:
    """Write a source archive whose weights file has the given content."""
    info = tarfile.TarInfo(f"deepCR-0.1.5/{WEIGHTS['zb20-f606w'].member}")
    info.size = len(content)
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info, io.BytesIO(content))
    return path
