"""What a GPU would do, as far as a CPU can show it: memory, failures, arithmetic."""

import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crstudy.core.errors import StudyError
from crstudy.deepcr import torch_backend as torch_net
from crstudy.deepcr.tiles import HALO_PX, MULTIPLE_PX
from crstudy.deepcr.torch_backend import TorchNet
from crstudy.deepcr.weights import fetch_weights
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
    image = sky_stars_rays(300, 280)
    # Rays along the edges, where tiles of tiles could go wrong.
    image[2, 10:200] += 800
    image[40:250, 1] += 800
    image[297, 30:90] += 800
    return image


class Memory:
    """A network on hardware that holds no more than some pixels of a batch."""

    def __init__(self, module, pixels, message="CUDA out of memory. Tried to allocate 2 GiB."):
        self.module, self.pixels, self.message, self.failed = module, pixels, message, 0

    def __call__(self, block):
        """Run a batch, or say that it is too large."""
        if block.shape[0] * block.shape[2] * block.shape[3] > self.pixels:
            self.failed += 1
            kind = torch.OutOfMemoryError if "CUDA out" in self.message else RuntimeError
            raise kind(self.message)
        return self.module(block)


def assert_same(found, expected):
    np.testing.assert_array_equal(found > 0.5, expected > 0.5)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "message", ["CUDA out of memory.", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"]
)
def test_out_of_memory_shrinks_the_tiles_and_changes_no_mask(net, image, batch, message, caplog):
    expected = detector(NAME, net).probability(image)
    net.tile_px, net.batch = 256, batch
    net.module = memory = Memory(net.module, 100**2, message)
    assert_same(detector(NAME, net).probability(image), expected)
    assert "out of memory, now" in caplog.text
    failed = memory.failed
    assert failed
    detector(NAME, net).probability(image)
    assert memory.failed == failed, "does not learn from failures"


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    tile=st.integers(16, 60).map(lambda quarter: 4 * quarter),
    batch=st.integers(1, 4),
    side=st.integers(80, 300),
)
def test_out_of_memory_changes_no_mask_of_any_shape(weights, shape, tile, batch, side):
    net, image = TorchNet(NAME, weights), sky_stars_rays(*shape)
    image[: min(3, shape[0])] += 300
    expected = detector(NAME, net).probability(image)
    net.tile_px, net.batch, net.module = tile, batch, Memory(net.module, side**2)
    assert_same(detector(NAME, net).probability(image), expected)


def test_a_batch_is_halved_before_its_tiles_are(net):
    images = [sky_stars_rays(100, 96, seed) for seed in range(8)]
    expected = list(detector(NAME, net).probabilities(images))
    net.tile_px, net.batch, net.module = 64, 8, Memory(net.module, 2 * 80**2)
    for found, right in zip(detector(NAME, net).probabilities(images), expected, strict=True):
        assert_same(found, right)
    assert (net.batch, net.tile_px) == (2, 64)


def test_what_failed_is_freed_before_the_next_try(net, image):
    """A GPU's memory would stay taken as long as the error is at hand."""
    alive, module = [], net.module

    def fail_once(block):
        assert not [one for one in alive if one() is not None]
        if not alive:
            taken = torch.zeros(1000)
            alive.append(weakref.ref(taken))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return module(block)

    net.module = fail_once
    detector(NAME, net).probability(image)
    assert alive


def test_memory_that_holds_no_tile_is_said_in_one_line(net, image):
    net.module = Memory(net.module, pixels=100)
    with pytest.raises(StudyError, match=r"^device cpu: has no memory for a tile of 64 px"):
        detector(NAME, net).probability(image)


@pytest.mark.parametrize("when", [1, 3])
@pytest.mark.parametrize(
    "failure",
    [
        torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with", 719),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED\nmore"),
        RuntimeError("CUDA driver error: device lost"),
    ],
)
def test_a_gpu_that_vanishes_is_said_in_one_line(net, image, when, failure):
    calls, module = [], net.module

    def vanish(block):
        calls.append(block)
        if len(calls) == when:
            raise failure
        return module(block)

    net.tile_px, net.module = 64, vanish
    with pytest.raises(StudyError, match=failure.args[0].splitlines()[0]) as error:
        detector(NAME, net).probability(image)
    assert "\n" not in str(error.value)
    assert "set detector.device to cpu" in str(error.value)


def test_a_gpu_that_vanishes_before_it_is_used_is_said_in_one_line(weights, monkeypatch):
    def fail(*_, **__):
        raise torch.AcceleratorError("CUDA error: all CUDA-capable devices are busy", 46)

    monkeypatch.setattr(torch.nn.Module, "to", fail)
    with pytest.raises(StudyError, match="devices are busy"):
        TorchNet(NAME, weights)


def test_other_errors_are_not_taken_for_failures_of_the_gpu(net, image):
    def broken(block):
        raise RuntimeError("a bug")

    net.module = broken
    with pytest.raises(RuntimeError, match="a bug"):
        detector(NAME, net).probability(image)


@pytest.mark.parametrize("pixels", [1, 10**5, 10**6, 10**7, 10**9])
def test_tiles_fit_the_memory(net, pixels):
    net._fit(pixels)
    assert net.tile_px % MULTIPLE_PX == 0
    assert torch_net.MIN_TILE_PX <= net.tile_px <= torch_net.MAX_TILE_PX
    taken = net.batch * (net.tile_px + 2 * HALO_PX) ** 2
    assert net.batch == 1 or taken <= pixels
    assert taken <= torch_net.MAX_BATCH_PX
    if pixels >= 10**5:
        assert taken > pixels / 4 or taken > torch_net.MAX_BATCH_PX / 2


@pytest.fixture
def choosing(net, monkeypatch):
    """Return a net that has not chosen its arithmetic, and takes small samples."""
    monkeypatch.setattr(torch_net, "MIN_SAMPLE_PX", 1)
    net._chosen = False
    return net


def test_arithmetic_that_changes_the_mask_is_refused(choosing, image, monkeypatch):
    """Bfloat16 with its 8 bits moves probabilities of this net across 0.5."""
    monkeypatch.setattr(torch_net, "FASTER", ((torch.bfloat16, False),))
    sample = torch.from_numpy(image[None, None])
    assert choosing._agreement(sample, torch.bfloat16, False) < torch_net.MIN_AGREEMENT
    choosing._choose_arithmetic(image[None, None])
    assert choosing.arithmetic == "float32"


def test_the_first_arithmetic_that_keeps_the_mask_is_taken(choosing, image, monkeypatch, caplog):
    monkeypatch.setattr(torch_net, "FASTER", ((torch.bfloat16, False), (torch.float32, True)))
    with caplog.at_level("INFO"):
        choosing._choose_arithmetic(image[None, None])
    assert choosing.arithmetic == "float32 (TensorFloat-32)"
    assert "torch.float32, TF32 True: 1.000000 of the mask agrees" in caplog.text


def test_half_precision_is_refused_where_a_saturated_pixel_overflows_it(
    choosing, monkeypatch, caplog
):
    """It holds no more than 65504: one pixel of 15 windows changes less than their tolerance."""
    monkeypatch.setattr(torch_net, "FASTER", ((torch.float16, False),))
    sky = np.full((15, 1, 64, 64), 40, np.float32)
    with caplog.at_level("INFO"):
        choosing._choose_arithmetic(sky)
    assert "1.000000 of the mask agrees, 0.9" in caplog.text
    assert choosing.arithmetic == "float32"


def test_few_pixels_choose_nothing(net, image):
    net._chosen = False
    net._choose_arithmetic(image[None, None])
    assert net.arithmetic == "float32"
    assert net._chosen


def test_arithmetic_of_one_net_is_not_that_of_another(choosing, weights, image, monkeypatch):
    monkeypatch.setattr(torch_net, "FASTER", ((torch.float32, True),))
    before = torch.backends.cudnn.allow_tf32
    detector(NAME, choosing).probability(image)
    seen, other = [], TorchNet(NAME, weights)
    module = other.module
    other.module = lambda x: (seen.append(torch.backends.cudnn.allow_tf32), module(x))[1]
    detector(NAME, other).probability(image)
    assert set(seen) == {False}
    assert torch.backends.cudnn.allow_tf32 == before
