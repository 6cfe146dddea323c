"""Detectors on a given backend."""

from crstudy.deepcr.detector import Detector, Net
from crstudy.deepcr.weights import WEIGHTS


def detector(name: str, net: Net) -> Detector:
    known = WEIGHTS[name]
    return Detector(name, known.instrument, known.sha256, known.input_scale_e, net)
