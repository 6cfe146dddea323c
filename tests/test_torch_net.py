"""What a GPU would do, as far as a CPU can show it: memory, failures, arithmetic."""

import numpy as np
import pytest
import torch

from crstudy import torch_net
from crstudy.errors import StudyError
from crstudy.tiles import HALO_PX
from crstudy.torch_net import TorchNet
from crstudy.weights import WEIGHTS, fetch_weights
from nets import detector
from starfield import sky_stars_rays

NAME = "kwon21-acs-wfc"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / f"{NAME}.pth"
    fetch_weights(NAME, path)
    return path


@pytest.fixture
def net(weights):
    return TorchNet(NAME, weights)


@pytest.fixture
def image():
    return sky_stars_rays(300, 280)


class Memory:
    """A network on hardware that holds no more than some pixels of a batch."""

    def __init__(self, net, pixels):
        self.net, self.pixels, self.seen = net.module, pixels, []

    def __call__(self, block):
        """Run a batch, or say that it is too large."""
        pixels = block.shape[0] * block.shape[2] * block.shape[3]
        self.seen.append(pixels)
        if pixels > self.pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return self.net(block)


@pytest.mark.parametrize("batch", [1, 3])
def test_out_of_memory_shrinks_the_tiles_and_changes_no_mask(net, image, batch, caplog):
    expected = detector(NAME, net).probability(image)
    net.tile_px, net.batch = 256, batch
    net.module = memory = Memory(net, pixels=100**2)
    found = detector(NAME, net).probability(image)
    np.testing.assert_array_equal(found > 0.5, expected > 0.5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert "out of memory, tiles of" in caplog.text
    assert net.tile_px < 100
    failed = sum(pixels > memory.pixels for pixels in memory.seen)
    detector(NAME, net).probability(image)
    assert sum(pixels > memory.pixels for pixels in memory.seen) == failed, "learns from failures"


def test_memory_that_holds_no_tile_is_said_in_one_line(net, image):
    net.module = Memory(net, pixels=100)
    with pytest.raises(StudyError, match=r"^device cpu: has no memory for a tile of 64 px"):
        detector(NAME, net).probability(image)


@pytest.mark.parametrize("when", [1, 3])
def test_a_gpu_that_vanishes_is_said_in_one_line(net, image, when):
    calls, module = [], net.module

    def vanish(block):
        calls.append(block)
        if len(calls) == when:
            raise torch.AcceleratorError(
                "CUDA error: unspecified launch failure\nCompile with", 719
            )
        return module(block)

    net.tile_px, net.module = 64, vanish
    with pytest.raises(StudyError, match="unspecified launch failure") as error:
        detector(NAME, net).probability(image)
    assert "\n" not in str(error.value)
    assert "set detector.device to cpu" in str(error.value)


def test_other_errors_are_not_taken_for_failures_of_the_gpu(net, image):
    def broken(block):
        raise RuntimeError("a bug")

    net.module = broken
    with pytest.raises(RuntimeError, match="a bug"):
        detector(NAME, net).probability(image)


@pytest.mark.parametrize("pixels", [1, 10**5, 10**6, 10**7, 10**9])
def test_tiles_fit_the_memory(net, pixels):
    net._fit(pixels)
    assert net.tile_px % 2 == 0
    assert torch_net.MIN_TILE_PX <= net.tile_px <= torch_net.MAX_TILE_PX
    taken = net.batch * (net.tile_px + 2 * HALO_PX) ** 2
    assert net.batch == 1 or taken <= pixels
    assert taken <= torch_net.MAX_BATCH_PX
    if pixels >= 10**5:
        assert taken > pixels / 4 or taken > torch_net.MAX_BATCH_PX / 2


def windows(image):
    return np.ascontiguousarray(image[None, None, :128, :128])


def test_arithmetic_that_changes_the_mask_is_refused(net, image, monkeypatch):
    """Bfloat16 with its 8 bits moves probabilities of this net across 0.5."""
    monkeypatch.setattr(torch_net, "FASTER", ((torch.bfloat16, False),))
    block = image[None, None]
    exact, rough = (
        net._forward(torch.from_numpy(block), dtype) > 0.5
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert (exact != rough).double().mean() > 1 - torch_net.MIN_AGREEMENT
    net._chosen = False
    net._choose_arithmetic(block)
    assert net.dtype == torch.float32
    assert not torch.backends.cudnn.allow_tf32


def test_the_first_arithmetic_that_keeps_the_mask_is_taken(net, image, monkeypatch, caplog):
    monkeypatch.setattr(
        torch_net,
        "FASTER",
        ((torch.bfloat16, False), (torch.float32, True), (torch.float32, False)),
    )
    net._chosen = False
    with caplog.at_level("INFO"):
        net._choose_arithmetic(windows(image))
    assert net.dtype == torch.float32
    assert torch.backends.cudnn.allow_tf32
    torch_net._allow_tf32(False)
    assert "torch.float32, TF32 True: 1.000000 of the mask agrees" in caplog.text


def test_arithmetic_is_tried_with_a_saturated_star(net, image, monkeypatch):
    """Half precision holds no more than 65504, less than a full pixel of ACS."""
    seen = []
    module = net.module
    net.module = lambda block: (seen.append(float(block.max())), module(block))[1]
    monkeypatch.setattr(torch_net, "FASTER", ())
    net._chosen = False
    net._choose_arithmetic(windows(image))
    assert seen == [torch_net.BRIGHTEST_E / WEIGHTS[NAME].input_scale_e]


def test_inpainting_keeps_full_precision(tmp_path, caplog):
    path = tmp_path / "inpaint.pth"
    fetch_weights("inpaint-2-32", path)
    assert TorchNet("inpaint-2-32", path)._chosen
