"""Cosmic-CoNN (Xu et al. 2023, ApJ 942, 73): the authors' net for HST ACS/WFC, of three levels.

It takes star cores for cosmic rays, whatever is done to its input: docs/methods.md.

torch is imported where it is needed: other jobs read this module's constants.
"""

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crstudy.core.errors import MethodFault, StudyError
from crstudy.data.view import View
from crstudy.deepcr.tiles import Batches, run_windows

if TYPE_CHECKING:
    import torch

PACKAGE = "cosmic-conn 0.6.1"
NETWORK = "dl_framework/unet.py"
WEIGHTS = "trained_models/cosmic-conn_HST_ACS_WFC_v0.2.8.pth"
WEIGHTS_SHA256 = "e4bcde26104c9c93548c6d68f2d455e5b9b6af985d62b15cb0157c54bcf4eb00"
#: What the package's ``init_model("HST_ACS_WFC")`` builds. The first two of `norm_setting` are
#: of group normalisation, which this net does not use.
ARCHITECTURE = {
    "n_channels": 1,
    "n_classes": 1,
    "hidden": 32,
    "norm": "batch",
    "norm_setting": [8, 0, False],
    "conv_type": "unet",
    "down_type": "maxpool",
    "up_type": "deconv",
    "deeper": False,
}
#: Holds all that a tile depends on, 22 px: two 3x3 convolutions at full size, two at half and two
#: at quarter size, two at half and two at full size; and keeps the grid of its 4x4 pooling.
HALO_PX = 24
#: Larger tiles save little of their rims and take more memory.
TILE_PX = 256
#: Nothing to tune.
PARAMETERS: dict[str, tuple[float, ...]] = {}


def score(view: View) -> NDArray[np.float32]:
    """Return the probability that each pixel holds cosmic-ray charge.

    Same result, but for rounding, as the package's ``detect_cr`` of a whole image (``crop = 0``)
    of finite values, whose sides are multiples of 16; it gives no probability beyond them.
    By default the package cuts stamps of 1024 px and subtracts the median of each: that leaves
    seams, and the net is sensitive to the sky.

    Parameters
    ----------
    view : View
        A chip, of which the image is used: e-, as in the training images. The net is given it minus
        its median, and non-finite pixels as the median.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        0..1, NaN exactly where the image is not finite.

    Raises
    ------
    StudyError
        No pixel is finite.
    MethodFault
        The package is absent, or another version is installed.
    """
    finite = np.isfinite(view.sci)
    if not finite.any():
        raise StudyError("cosmicconn", "no pixel of this chip is finite", "drop this exposure")
    # torch's median is the lower of the two in the middle.
    sky = np.quantile(view.sci[finite], 0.5, method="lower")
    image = np.where(finite, view.sci - sky, 0).astype(np.float32)
    (probability,) = run_windows(_run, [image[None]], TILE_PX, halo=HALO_PX)
    return np.where(finite, probability, np.float32(np.nan))


def _run(batches: Batches) -> Iterator[NDArray[np.float32]]:
    """Map windows, shape (n, 1, y, x), to probabilities, shape (n, y, x), in order."""
    import torch

    network = load_network()
    for windows in batches:
        with torch.inference_mode():
            yield network(torch.from_numpy(windows))[:, 0].numpy()


@cache
def load_network() -> "torch.nn.Module":
    """Build the authors' network for HST ACS/WFC, its batch normalisation folded in.

    Importing the package would let cuDNN try algorithms for every net of the process; its module
    of the network stands alone.

    Returns
    -------
    torch.nn.Module
        In evaluation mode; maps (n, 1, y, x) to (n, 1, y, x).

    Raises
    ------
    MethodFault
        The package is absent, or its weights are others.
    """
    import torch
    from torch.fx.experimental.optimization import fuse

    install = f"{sys.executable} -m pip install --force-reinstall --no-deps cosmic-conn==0.6.1"
    package = importlib.util.find_spec("cosmic_conn")
    if package is None or package.origin is None:
        raise MethodFault(PACKAGE, "is not installed", install)
    folder = Path(package.origin).parent
    weights = folder / WEIGHTS
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else "(absent)"
    if found != WEIGHTS_SHA256:
        problem = f"sha256 begins {found[:12]}, expected {WEIGHTS_SHA256[:12]}"
        raise MethodFault(weights, problem, install)
    spec = importlib.util.spec_from_file_location("cosmic_conn_unet", folder / NETWORK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.UNet_module(**ARCHITECTURE)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return fuse(network.eval()).to(memory_format=torch.channels_last)
