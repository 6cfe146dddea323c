"""What messages about nets and their weights advise helps."""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from advice import follow, nothing
from crstudy.deepcr import weights
from crstudy.deepcr.detector import Inpainter, load_detector
from crstudy.deepcr.openvino_backend import OpenVinoNet, convert_net
from crstudy.deepcr.torch_backend import TorchNet, load_module
from crstudy.deepcr.weights import SDIST_NAME, download_sdist, fetch_weights
from nets import detector
from project import ROOT, SDIST
from starfield import sky_stars_rays

NAME = "stars-acs-wfc"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with the file of a net, and know no index of packages but this folder."""
    fetch_weights(NAME, tmp_path / "net.pth")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in (("CONFIG_FILE", "/dev/null"), ("NO_INDEX", "1"), ("FIND_LINKS", "index")):
        monkeypatch.setenv(f"PIP_{name}", value)


def test_images_masks_and_tiles():
    image, net = np.ones((64, 64), np.float32), TorchNet(NAME, "net.pth")
    find = detector(NAME, net).probability
    what = "deepcr/detector: pass a chip with valid data, or drop this exposure"
    follow(what, partial(find, image * np.nan), nothing, partial(find, image))
    fill = partial(Inpainter(100.0, net).inpaint, image)
    what = "deepcr/detector: use the mask of the same chip"
    no_pixel = np.zeros(image.shape, bool)
    follow(what, partial(fill, no_pixel[:5]), nothing, partial(fill, no_pixel))
    net.tile_px = 63
    what = "deepcr/tiles: use a multiple of 4"
    follow(what, partial(find, image), partial(setattr, net, "tile_px", 64))


def test_nets_in_results_are_deleted_and_made_again():
    convert_net(NAME, "net.pth", "net")
    expected = OpenVinoNet(NAME, "net").halo_px

    def again():
        shutil.rmtree("net", ignore_errors=True)
        convert_net(NAME, "net.pth", "net")

    what = "deepcr/openvino_backend: delete it and run again"
    for file in ("model.xml", "weights.sha256"):
        Path("net", file).write_text("damaged", encoding="utf-8")
        assert follow(what, partial(OpenVinoNet, NAME, "net"), again).halo_px == expected
    what = "deepcr/weights: delete it and run again"
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"damaged")):
        spoil(Path("net.pth"))
        follow(what, partial(TorchNet, NAME, "net.pth"), partial(fetch_weights, NAME, "net.pth"))


def test_nets_of_the_user():
    kept = Path("net.pth").read_bytes()
    mine = {"name": "mine", "path": "mine.pth", "sha256": hashlib.sha256(kept).hexdigest()}
    mine |= {"channels": 32, "input_scale_e": 1.0, "standardise": False}
    own = [mine | {"architecture": "deepcr-weight-norm"}]
    put = partial(Path("mine.pth").write_bytes, kept)
    what = "deepcr/weights: get the file again, or correct methods.own"
    for spoil in (id, lambda path: path.write_bytes(b"other")):
        spoil(Path("mine.pth"))
        follow(what, partial(fetch_weights, "mine", "copy.pth", own=own), put)
        Path("mine.pth").rename("moved.pth")
        right = [own[0] | {"path": "moved.pth"}]
        again = partial(fetch_weights, "mine", "copy.pth", own=right)
        follow(what, partial(fetch_weights, "mine", "copy.pth", own=own), nothing, again)
    what = "deepcr/torch_backend: set architecture and channels of "
    for change in ({"channels": 8}, {"architecture": "crnet-group-norm"}):
        wrong = partial(load_module, "mine", "moved.pth", [own[0] | change])
        follow(what, wrong, nothing, partial(load_module, "mine", "moved.pth", own))
    what = "deepcr/weights: use one of "
    unknown = partial(fetch_weights, "mein", "copy.pth", own=own)
    follow(what, unknown, nothing, partial(fetch_weights, NAME, "copy.pth", own=own))


def test_a_net_of_the_repository_is_restored(monkeypatch):
    """By the command of the message, in a repository of a net alone."""
    monkeypatch.setattr(weights, "NETS", Path("resources/nets"))
    shutil.copytree(ROOT / "resources/nets", "resources/nets")
    git = ["git", "-c", "user.name=a", "-c", "user.email=b"]
    for words in (["init", "-q"], ["add", "resources"], ["commit", "-q", "-m", "nets"]):
        subprocess.run([*git, *words], check=True)
    what = "deepcr/weights: git checkout -- resources/nets"
    path = Path("resources/nets", f"{NAME}.pth")
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"damaged")):
        spoil(path)
        command = what.partition(": ")[2].split()
        follow(what, partial(fetch_weights, NAME, "new.pth"), partial(subprocess.run, command))


@pytest.mark.skipif(not SDIST.is_file(), reason=f"resources/weights/{SDIST_NAME} not fetched")
def test_the_archive_is_fetched():
    """By the command of the message; the network is a folder."""
    Path("index").mkdir()
    what = "deepcr/weights: connect to the network and run again"
    connect = partial(shutil.copy, SDIST, "index")
    place = follow(what, partial(download_sdist, "resources/weights"), connect)
    what = "deepcr/weights: run .venv/bin/python -m crstudy.deepcr.weights resources/weights"
    command = [sys.executable, *what.split()[3:]]
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"damaged")):
        spoil(place)
        fetch = partial(fetch_weights, "zb20-f606w", "new.pth", place)
        follow(what, fetch, partial(subprocess.run, command, check=True))


@pytest.mark.parametrize("failure", ["CUDA error: device lost", "CUDA out of memory."])
def test_a_gpu_that_fails(failure):
    """It fails as long as others use it; the processor never does."""
    image, net = sky_stars_rays(64, 64), TorchNet(NAME, "net.pth")
    expected, module, busy = detector(NAME, net).probability(image), net.module, [True]

    def run(block):
        if busy:
            raise (torch.OutOfMemoryError if "memory" in failure else RuntimeError)(failure)
        return module(block)

    net.module = run
    what = {
        "CUDA error: device lost": "deepcr/torch_backend: run again; if it fails again, set det",
        "CUDA out of memory.": "deepcr/torch_backend: wait until others free it, or set detector",
    }[failure]
    find = partial(detector(NAME, net).probability, image)
    convert_net(NAME, "net.pth", "converted")
    cpu = load_detector(NAME, "net.pth", "converted", "cpu", 1)
    found = follow(what, find, nothing, partial(cpu.probability, image))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (follow(what, find, busy.clear) == expected).all()
