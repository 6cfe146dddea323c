"""Nets of the user: every architecture is that of its package, and faults are told in one line."""

import hashlib
import warnings

import deepCR
import numpy as np
import pytest
import torch
from deepCR.unet import UNet2Sigmoid, WrappedModel
from torch import nn

from crstudy.config.registry import METHODS
from crstudy.config.study import ConfigError, load_config
from crstudy.core.errors import StudyError
from crstudy.deepcr.detector import load_detector
from crstudy.deepcr.openvino_backend import convert_net
from crstudy.deepcr.torch_backend import TorchNet, load_module
from crstudy.deepcr.unet_backend import UNet, for_deepcr
from crstudy.deepcr.weights import fetch_weights
from starfield import sky_stars_rays

CHANNELS = 16


def settings(file, **values):
    """Return the section of a net in a file."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"name": "mine", "path": str(file), "sha256": sha256, "channels": CHANNELS} | values


def checked(*nets):
    """Return nets as the configuration passes them on."""
    study = load_config({"methods": {"own": list(nets)}})
    return study.model_dump(mode="json")["methods"]["own"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the file of a net as `deepCR.train` of 0.3.1 saves it, with random weights."""
    path = tmp_path_factory.mktemp("own") / "model.pth"
    torch.manual_seed(1)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # weight_norm
        torch.save(WrappedModel(UNet2Sigmoid(1, 1, CHANNELS)).state_dict(), path)
    return path


def run(own, folder):
    """Return the probability that each backend gives for an image, and the image."""
    image = sky_stars_rays(65, 78)
    fetch_weights("mine", folder / "mine.pth", own=own)
    convert_net("mine", folder / "mine.pth", folder / "net", own)
    detector = load_detector("mine", folder / "mine.pth", folder / "net", "cpu", own=own)
    torch_net = TorchNet("mine", folder / "mine.pth", own=own)
    return image, detector.probability(image), torch_net


def test_net_trained_with_deepcr_gives_what_deepcr_gives(trained, tmp_path):
    own = checked(
        settings(trained, architecture="deepcr-weight-norm", input_scale_e=5, standardise=True)
    )
    image, found, _ = run(own, tmp_path)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        model = deepCR.deepCR(mask=str(trained), hidden=CHANNELS)
    model.norm, model.scale = True, 5
    expected = model.clean(image, segment=False, binary=False)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert METHODS["mine"].label == "mine"
    assert METHODS["mine"].module is None


def test_net_with_batch_norms_is_written_as_deepcr_loads_it(tmp_path):
    torch.manual_seed(2)
    net, image = UNet("deepcr-batch-norm", 1, CHANNELS), sky_stars_rays(64, 80)
    layers = torch.from_numpy(image[np.newaxis, np.newaxis] / 100)
    net(layers)  # which sets the statistics of the batch norms
    with torch.no_grad():
        expected = torch.sigmoid(net.eval()(layers))[0, 0].numpy()
    torch.save(for_deepcr(net, input_scale_e=100.0), tmp_path / "net.pth")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # weight_norm
        stock = deepCR.deepCR(mask=str(tmp_path / "net.pth"), hidden=CHANNELS)
    assert np.ptp(expected) > 0.01
    found = stock.clean(image, segment=False, binary=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


class CrNet(nn.Module):
    """CRNet's U-Net (commit 988ee9f8), written down apart from the library's."""

    def __init__(self, norm, attention):
        super().__init__()

        def double(n_in, n_out):
            layers = []
            for n in (n_in, n_out):
                layers += [nn.Conv2d(n, n_out, 3, padding=1), norm(n_out), nn.ReLU()]
            return nn.ModuleDict({"net": nn.Sequential(*layers)})

        c = CHANNELS
        self.inc = nn.ModuleDict({"conv": double(1, c)})
        down = nn.Sequential(nn.MaxPool2d(2), double(c, 2 * c))
        self.down1 = nn.ModuleDict({"net": down})
        self.up8 = nn.ModuleDict(
            {"up": nn.ConvTranspose2d(2 * c, c, 2, stride=2), "conv": double(2 * c, c)}
        )
        if attention:
            gates = {
                name: nn.Sequential(nn.Conv2d(c, c // 2, 1), norm(c // 2))
                for name in ("W_gate", "W_x")
            }
            psi = nn.Sequential(nn.Conv2d(c // 2, 1, 1), norm(1), nn.Sigmoid())
            self.up8["att"] = nn.ModuleDict(gates | {"psi": psi})
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(c, 1, 1)})

    def forward(self, x):
        """Map images to probabilities."""
        skip = self.inc["conv"]["net"](x)
        pool, double = self.down1["net"]
        up = self.up8["up"](double["net"](pool(skip)))
        if "att" in self.up8:
            att = self.up8["att"]
            skip = skip * att["psi"](torch.relu(att["W_gate"](up) + att["W_x"](skip)))
        joined = self.up8["conv"]["net"](torch.cat([skip, up], 1))
        return torch.sigmoid(self.outc["conv"](joined))


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_net_of_crnet_gives_what_crnet_gives(norm, attention, tmp_path):
    def layer(n):
        return nn.BatchNorm2d(n) if norm == "batch" else nn.GroupNorm(8 if n % 8 == 0 else 1, n)

    torch.manual_seed(2)
    model = CrNet(layer, attention)
    model(torch.randn(4, 1, 32, 32))  # moves the running statistics of the batch norm
    path = tmp_path / "crnet.pth"
    torch.save({f"module.{name}": value for name, value in model.state_dict().items()}, path)
    architecture = f"crnet-{norm}-norm" + attention * "-attention"
    image, found, torch_net = run(
        checked(settings(path, architecture=architecture, standardise=True)), tmp_path
    )
    standard = (image - image.mean()) / image.std()
    padded = np.pad(standard, ((3, 0), (2, 0)))
    with torch.inference_mode():
        expected = model.eval()(torch.from_numpy(padded)[None, None])[0, 0, 3:, 2:].numpy()
        windows = torch_net.run([padded[None, None]])
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(next(windows)[0, 3:, 2:], expected, atol=1e-5)
    assert torch_net.halo_px == (8 if norm == "batch" else 0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"path": "absent.pth"},
            r"absent\.pth: No such file or directory\. Fix: put the weights of mine",
        ),
        ({"sha256": "0" * 64}, r"model\.pth: sha256 is \w{64}, not that given for mine\. Fix: get"),
        ({"name": "median"}, "name median is that of another method"),
        ({"name": "inpaint-2-32"}, "name inpaint-2-32 is that of another method"),
        ({"name": "Mine"}, r"methods\.own\.0\.name: value 'Mine'"),
        ({"hidden": 3}, "unknown key.*architecture, channels"),
    ],
)
def test_refused_settings(trained, values, words):
    with pytest.raises(ConfigError, match=words) as error:
        load_config({"methods": {"own": [settings(trained, **values)]}})
    assert "\n" not in str(error.value)


def test_two_nets_of_one_name_are_refused(trained):
    with pytest.raises(ConfigError, match="method mine is listed twice"):
        checked(settings(trained), settings(trained))


@pytest.mark.parametrize("values", [{"channels": 8}, {"architecture": "crnet-group-norm"}])
def test_weights_of_another_shape_are_refused(trained, values):
    given = {"architecture": "deepcr-weight-norm"} | values
    with pytest.raises(StudyError, match=r"model\.pth: does not fit .* set architecture and chan"):
        load_module("mine", trained, checked(settings(trained, **given)))


def test_file_that_changes_after_the_configuration_was_read_is_refused(trained, tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(trained.read_bytes())
    own = checked(settings(path))
    path.write_bytes(b"other")
    with pytest.raises(StudyError, match=r"mine\.pth: sha256 begins .*correct methods\.own"):
        fetch_weights("mine", tmp_path / "copy.pth", own=own)
    assert not (tmp_path / "copy.pth").exists()


def test_weights_that_would_run_code_are_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("code from a weights file",)

    path = tmp_path / "evil.pth"
    torch.save({"module.inc.conv.conv.0.bias": Evil()}, path)
    with pytest.raises(StudyError, match=r"does not fit .*UnpicklingError"):
        load_module("mine", path, checked(settings(path)))
