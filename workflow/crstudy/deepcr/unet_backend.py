"""The U-Net of deepCR and CRNet, by architecture, and its weights as their authors name them."""

from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crstudy.config.registry import Architecture

#: Channels that a group norm takes together (CRNet, commit 988ee9f8, src/CRNet/unet.py).
GROUP = 8
Norm = Callable[[int], nn.Module]


class UNet(nn.Module):
    """U-Net of two levels with logits as its output.

    Parameters
    ----------
    architecture : str
        One of `crstudy.config.registry.Architecture`.
    layers : int
        Layers of the input.
    channels : int
        Channels at full size.
    """

    def __init__(self, architecture: Architecture, layers: int, channels: int) -> None:
        super().__init__()
        norm, half = _norm(architecture), channels // 2
        self.inc = _Part(conv=_Part(conv=_double(layers, channels, norm)))
        down = _Part(conv=_double(channels, 2 * channels, norm))
        self.down1 = _Part(mpconv=nn.Sequential(nn.MaxPool2d(2), down))
        self.up8 = _Part(
            up=nn.ConvTranspose2d(2 * channels, channels, 2, stride=2),
            conv=_Part(conv=_double(2 * channels, channels, norm)),
        )
        if norm is not None and architecture.endswith("attention"):
            self.up8.att = _Part(
                W_gate=nn.Sequential(nn.Conv2d(channels, half, 1), norm(half)),
                W_x=nn.Sequential(nn.Conv2d(channels, half, 1), norm(half)),
                psi=nn.Sequential(nn.Conv2d(half, 1, 1), norm(1), nn.Sigmoid()),
            )
        self.outc = _Part(conv=nn.Conv2d(channels, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images, shape (n, layer, ny, nx), to logits, shape (n, 1, ny, nx); even sides."""
        fine = self.inc.conv.conv(image)
        raised = self.up8.up(self.down1.mpconv(fine))
        if hasattr(self.up8, "att"):
            gate = self.up8.att
            fine = fine * gate.psi(torch.relu(gate.W_gate(raised) + gate.W_x(fine)))
        joined = self.up8.conv.conv(torch.cat([fine, raised], dim=1))
        return self.outc.conv(joined)


class _Part(nn.Module):
    """Layers by name; a part with the single layer `conv` is called as that."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


def _norm(architecture: Architecture) -> Norm | None:
    """Return the layer that follows a convolution; the weight norm is part of the convolution."""
    if "weight-norm" in architecture:
        return None
    return _group_norm if "group-norm" in architecture else nn.BatchNorm2d


class _GroupNorm(nn.GroupNorm):
    """Without torch's check of the shape, which OpenVINO cannot convert."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def _group_norm(channels: int) -> nn.GroupNorm:
    return _GroupNorm(GROUP if channels % GROUP == 0 else 1, channels)


def _double(n_in: int, n_out: int, norm: Norm | None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (n_in, n_out):
        layers += [nn.Conv2d(channels, n_out, 3, padding=1), nn.ReLU()]
        if norm is not None:
            layers.insert(-1, norm(n_out))
    return nn.Sequential(*layers)


def rename(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights of deepCR or CRNet under the names of `UNet`, weight norms folded in.

    Parameters
    ----------
    state : mapping of str to torch.Tensor
        Content of a weights file.
    """
    named = {_new_name(name): value for name, value in state.items()}
    for name in [name for name in named if name.endswith("weight_v")]:
        direction, length = named.pop(name), named.pop(name.removesuffix("v") + "g")
        norm = torch.linalg.vector_norm(direction, dim=(1, 2, 3), keepdim=True)
        named[name.removesuffix("_v")] = direction * (length / norm)
    return named


def _new_name(name: str) -> str:
    """Rename the sequences of layers of CRNet, ``net``, as deepCR does: ``mpconv`` and ``conv``."""
    name = name.removeprefix("module.").replace("down1.net.", "down1.mpconv.")
    return name.replace(".net.", ".conv.")


def for_deepcr(network: UNet, input_scale_e: float) -> dict[str, torch.Tensor]:
    """Return the weights of a net as ``deepCR.deepCR(mask=path, hidden=...)`` loads them.

    That net has weight norms, no batch norms, and takes electrons: batch norms and scale are folded
    in.

    Parameters
    ----------
    network : UNet
        Of architecture ``deepcr-batch-norm``, in evaluation mode.
    input_scale_e : float
        Electrons per unit of its input.
    """
    state = {}
    for name, layers in network.named_modules():
        if name in ("up8.up", "outc.conv"):
            state |= {f"{name}.weight": layers.weight, f"{name}.bias": layers.bias}
        if isinstance(layers, nn.Sequential) and isinstance(layers[1], nn.BatchNorm2d):
            for old, new in ((0, 0), (3, 2)):
                fused = fuse_conv_bn_eval(layers[old], layers[old + 1])
                first = name.startswith("inc.") and old == 0
                direction = fused.weight / input_scale_e if first else fused.weight
                length = torch.linalg.vector_norm(direction, dim=(1, 2, 3), keepdim=True)
                parts = {"weight_v": direction, "weight_g": length, "bias": fused.bias}
                state |= {f"{name}.{new}.{key}": value for key, value in parts.items()}
    return {f"module.{name}": value.detach().clone() for name, value in state.items()}
