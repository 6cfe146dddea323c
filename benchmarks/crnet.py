"""CRNet's nets (github.com/srinadh99/CRNet, commit 988ee9f8), from weights that the user fetches.

``config/nets.yaml`` describes them.
"""

from pathlib import Path

import yaml

from bench_chip import ROOT
from crstudy.core.errors import StudyError
from crstudy.deepcr.detector import Detector
from crstudy.deepcr.torch_backend import TorchNet
from crstudy.deepcr.weights import find_weights
from published_roc import CRNETS

SETTINGS = ROOT / "config" / "nets.yaml"


def find_nets(folder: Path | None) -> dict[str, Path]:
    """Return the weights of each net by its name, ``crnet-BN-16`` and so on; none without a folder.

    Raises
    ------
    StudyError
        The folder lacks one of them.
    """
    if folder is None:
        return {}
    paths = {f"crnet-{net}": folder / f"ACS-WFC-{net}.pth" for net in CRNETS}
    for path in paths.values():
        if not path.is_file():
            raise StudyError(path, "no such file", "get it from github.com/srinadh99/CRNet")
    return paths


def load(name: str, weights: Path) -> Detector:
    """Load a net of `find_nets`.

    Raises
    ------
    StudyError
        The file is not that of this net.
    """
    listed = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["methods"]["own"]
    own = [{"input_scale_e": 1.0} | one for one in listed]
    key = name.lower()
    known = find_weights(key, own)
    net = TorchNet(key, weights, own=own)
    return Detector(name, known.instrument, known.sha256, known.input_scale_e, net, True)
