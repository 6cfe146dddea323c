"""CRNet's nets (github.com/srinadh99/CRNet, commit 988ee9f8), from weights that the user fetches.

That repository has no licence: its weights (``HST/learned_models/ACS-WFC-*.pth``) are no part of
this one. Layers are named as in the weights' files.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crstudy.core.errors import StudyError
from published_roc import CRNETS

#: Channels of the first layer, and channels that a group norm takes together.
HIDDEN, GROUP = 32, 8


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


class CrNet(nn.Module):
    """U-Net of two levels; its norm and whether it has attention follow from its name."""

    def __init__(self, name: str) -> None:
        """Build the net of `CRNETS` with this name."""
        super().__init__()
        norm = _group_norm if "GN" in name else nn.BatchNorm2d
        self.inc = _Part(conv=_Part(net=_double(1, HIDDEN, norm)))
        self.down1 = _Part(net=nn.Sequential(nn.MaxPool2d(2), _Part(net=_double(32, 64, norm))))
        self.up8 = _Part(
            up=nn.ConvTranspose2d(2 * HIDDEN, HIDDEN, 2, stride=2),
            conv=_Part(net=_double(2 * HIDDEN, HIDDEN, norm)),
        )
        if "Att" in name:
            half = HIDDEN // 2
            self.up8.att = _Part(
                W_gate=nn.Sequential(nn.Conv2d(HIDDEN, half, 1), norm(half)),
                W_x=nn.Sequential(nn.Conv2d(HIDDEN, half, 1), norm(half)),
                psi=nn.Sequential(nn.Conv2d(half, 1, 1), norm(1), nn.Sigmoid()),
            )
        self.outc = _Part(conv=nn.Conv2d(HIDDEN, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map standardised images, shape (n, 1, ny, nx), to probabilities; sides are even."""
        fine = self.inc.conv.net(image)
        raised = self.up8.up(self.down1.net(fine))
        if hasattr(self.up8, "att"):
            gate = self.up8.att
            fine = fine * gate.psi(torch.relu(gate.W_gate(raised) + gate.W_x(fine)))
        joined = self.up8.conv.net(torch.cat([fine, raised], dim=1))
        return torch.sigmoid(self.outc.conv(joined))


class _Part(nn.Module):
    """Layers by name; a part with the single layer `net` is called as that."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUP if channels % GROUP == 0 else 1, channels)


def _double(n_in: int, n_out: int, norm: type[nn.Module]) -> nn.Sequential:
    layers = []
    for channels in (n_in, n_out):
        layers += [nn.Conv2d(channels, n_out, 3, padding=1), norm(n_out), nn.ReLU()]
    return nn.Sequential(*layers)


def load(name: str, weights: Path) -> CrNet:
    """Load a net.

    Raises
    ------
    StudyError
        The file does not hold the weights of this net.
    """
    net = CrNet(name)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        net.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})
    except Exception as error:
        problem = f"does not hold the weights of {name} ({str(error).splitlines()[0]})"
        raise StudyError(weights, problem, "get it from github.com/srinadh99/CRNet") from None
    return net.eval()


@torch.inference_mode()
def probability(net: CrNet, image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the probability of a cosmic ray; the image is standardised by its mean and deviation.

    Parameters
    ----------
    net : CrNet
        Of `load`.
    image : ndarray, shape (ny, nx)
        Electrons, finite; even sides.
    """
    standard = ((image - image.mean()) / image.std()).astype(np.float32)
    return net(torch.from_numpy(standard)[None, None])[0, 0].numpy()
