"""The nets for one's own exposures: fetched and converted once into the user's cache folder."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crstudy.config.registry import METHODS
from crstudy.core.atomic import check_writable, complete_folder
from crstudy.core.errors import StudyError
from crstudy.core.hardware import Device
from crstudy.deepcr.detector import Detector, Inpainter, load_detector, load_inpainter
from crstudy.deepcr.weights import SDIST_NAME, WEIGHTS, download_sdist, fetch_weights, find_weights

logger = logging.getLogger(__name__)

#: The paper's net.
DEFAULT_NET = "zb20-f606w"
#: Of ``deepCR.clean``.
DEFAULT_THRESHOLD = 0.5
INPAINTING_NET = "inpaint-2-32"
#: Files of a net in the cache.
WEIGHTS_FILE, NET, SUMS = "weights.pth", "net", "SHA256SUMS"
#: Where the set-up of a checkout keeps the source archive of deepCR 0.1.5.
CHECKOUT = Path(__file__).parents[3] / "resources" / "weights"


class Model(NamedTuple):
    """A mask net: its name and, if it is one of the user, its settings."""

    name: str
    own: tuple[Mapping[str, Any], ...] = ()

    @property
    def threshold(self) -> float:
        """Probability above which the study flags a pixel."""
        return METHODS[self.name].default_threshold or DEFAULT_THRESHOLD


def find_model(model: str) -> Model:
    """Return a net by its name, or one of the user.

    Parameters
    ----------
    model : str
        Name of a mask net, or a YAML file with the keys of an entry of ``methods.own``
        (config/README.md); in it, `path` is relative to the file.

    Raises
    ------
    StudyError
        Unknown name, or settings or weights are wrong.
    """
    path = Path(model)
    own = path.suffix in (".yaml", ".yml")
    names = [name for name, known in WEIGHTS.items() if not known.inpaints]
    if model in names:
        return Model(model)
    if not own or not path.is_file():
        fix = f"use one of {', '.join(names)}, or a .yaml file with the keys of methods.own"
        raise StudyError(model, "no such file" if own else "no such net", fix)
    import yaml

    from crstudy.config.study import load_config

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        values["path"] = str(path.parent / values["path"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError) as error:
        problem = f"describes no net ({' '.join(str(error).split())})"
        raise StudyError(path, problem, "give it the keys of methods.own") from None
    (net,) = load_config({"methods": {"own": [values]}}).methods.own
    return Model(net.name, (net.model_dump(),))


def load_mask_net(model: Model, device: Device, threads: int) -> Detector:
    """Load a mask net; the parameters but `model` are those of `load_detector`."""
    files = _prepare(model.name, model.own)
    return load_detector(model.name, *files, device, threads, model.own)


def load_inpainting_net(device: Device, threads: int) -> Inpainter:
    """Load the inpainting net; parameters as of `load_inpainter`."""
    return load_inpainter(*_prepare(INPAINTING_NET), device, threads)


def cache_folder() -> Path:
    """Return the folder of this program in the user's cache (XDG)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crstudy"


def _prepare(name: str, own: Sequence[Mapping[str, Any]] = ()) -> tuple[Path, Path]:
    """Return weights and converted net, from the cache if they are there and intact."""
    known = find_weights(name, own)
    folder = cache_folder() / f"{name}-{known.sha256[:12]}"
    if not _intact(folder):
        from crstudy.deepcr.openvino_backend import convert_net

        check_writable(folder.parent)
        logger.warning("%s: fetched and converted, once, into %s", name, folder)
        sdist = _find_sdist() if known.origin.startswith("sdist") else None
        with complete_folder(folder) as part:
            fetch_weights(name, part / WEIGHTS_FILE, sdist, own)
            convert_net(name, part / WEIGHTS_FILE, part / NET, own)
            (part / SUMS).write_text(_sums(part), encoding="utf-8")
    return folder / WEIGHTS_FILE, folder / NET


def _find_sdist() -> Path:
    """Return the source archive of deepCR 0.1.5: of the checkout, of the cache, or from PyPI."""
    if (CHECKOUT / SDIST_NAME).is_file():
        return CHECKOUT / SDIST_NAME
    return download_sdist(cache_folder())


def _intact(folder: Path) -> bool:
    """Whether the files of a net are those that were written."""
    sums = folder / SUMS
    return sums.is_file() and sums.read_bytes() == _sums(folder).encode()


def _sums(folder: Path) -> str:
    """Return the checksums of a net's files, in the format of sha256sum."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}\n"
        for file in files
    ]
    return "".join(lines)
