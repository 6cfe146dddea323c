"""deepCR in tiles: the same pixels as deepCR itself, whatever the shape."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import deepCR
import numpy as np
import pytest
import torch
from deepCR.unet_batchnorm import UNet2SigmoidBatchNorm, WrappedModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crstudy.core.errors import StudyError
from crstudy.deepcr.detector import Detector, Inpainter, load_detector
from crstudy.deepcr.openvino_backend import OpenVinoNet, convert_net
from crstudy.deepcr.tiles import HALO_PX
from crstudy.deepcr.torch_backend import TorchNet
from crstudy.deepcr.weights import SDIST_NAME, WEIGHTS, fetch_weights
from nets import detector
from project import SDIST
from starfield import sky_stars_rays

#: Each architecture, size and scaling once; the others in one test.
MASK_NETS = ("zb20-f606w", "zb20-2-4", "kwon21-acs-wfc", "chen24-uvis")
OTHERS = [n for n, known in WEIGHTS.items() if not known.inpaints and n not in MASK_NETS]
INPAINT_NET = "inpaint-2-32"
WHOLE = 4096  # px; larger than any image here
REACH_PX = 9  # a pixel changes outputs up to 9 px away


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def weights_path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")

    def fetch(name: str) -> Path:
        if name == "zb20-f606w" and not SDIST.is_file():
            pytest.skip(f"resources/weights/{SDIST_NAME} not fetched")
        path = folder / f"{name}.pth"
        if not path.is_file():
            fetch_weights(name, path, SDIST)
        return path

    return fetch


@pytest.fixture(scope="module")
def load_net(weights_path, tmp_path_factory):
    """Load a net; each is converted once."""
    folder = tmp_path_factory.mktemp("nets")

    def load(name: str, backend: str, tile: int = 64, batch: int = 1):
        if backend == "torch":
            net = TorchNet(name, weights_path(name))
        else:
            if not (folder / name).is_dir():
                convert_net(name, weights_path(name), folder / name)
            net = OpenVinoNet(name, folder / name)
        net.tile_px, net.batch = tile, batch
        return net

    return load


@pytest.fixture(scope="module")
def load(load_net):
    def load(name: str, backend: str = "openvino", **tiling) -> Detector:
        return detector(name, load_net(name, backend, **tiling))

    return load


@pytest.fixture(params=MASK_NETS)
def name(request):
    return request.param


@pytest.fixture(params=["torch", "openvino"])
def backend(request):
    return request.param


@pytest.fixture
def kwon(load):
    return load("kwon21-acs-wfc")


@pytest.fixture
def inpainter(load_net, backend):
    return Inpainter(WEIGHTS[INPAINT_NET].input_scale_e, load_net(INPAINT_NET, backend))


@pytest.fixture
def stock(name, weights_path):
    """DeepCR 0.3.1 with the weights of `name` and the inpainting net."""
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # weight_norm
        if name == "chen24-uvis":
            return deepCR.deepCR(mask="WFC3-UVIS", inpaint="ACS-WFC-F606W-2-32")
        if WEIGHTS[name].origin == "repository of crstudy":  # as a user of deepCR would
            return deepCR.deepCR(mask=str(weights_path(name)), hidden=WEIGHTS[name].channels)
    model = deepCR.deepCR(mask="ACS-WFC", inpaint="ACS-WFC-F606W-2-32")
    model.maskNet = WrappedModel(UNet2SigmoidBatchNorm(1, 1, WEIGHTS[name].channels))
    model.maskNet.load_state_dict(torch.load(weights_path(name), "cpu", weights_only=True))
    model.maskNet.eval()
    model.scale = WEIGHTS[name].input_scale_e
    return model


def assert_same_detection(probability, expected):
    np.testing.assert_array_equal(probability > 0.5, expected > 0.5)
    np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-5)


def test_test_image_has_rays_and_the_net_finds_them(load, name):
    fraction = (load(name).probability(sky_stars_rays(132, 160)) > 0.5).mean()
    assert 0.002 < fraction < 0.05


@pytest.mark.parametrize("tile", [4, 36, 64, 100, 128])
def test_tiles_show_no_seams(load, name, backend, tile):
    image = sky_stars_rays(132, 160) if tile > 4 else sky_stars_rays(20, 24)
    expected = load(name, backend, tile=WHOLE).probability(image)
    assert_same_detection(load(name, backend, tile=tile).probability(image), expected)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90)), min_size=1, max_size=3),
    tile=st.integers(1, 25).map(lambda quarter: 4 * quarter),
    batch=st.integers(1, 5),
)
def test_results_are_bitwise_the_same_whatever_shapes_tiles_and_batches(
    load, name, shapes, tile, batch
):
    images = [sky_stars_rays(*shape, seed) for seed, shape in enumerate(shapes)]
    # Tiny tiles of large images take long and show no more.
    tile = max(tile, *(n // 16 * 4 for shape in shapes for n in shape))
    tiled = list(load(name, tile=tile, batch=batch).probabilities(images))
    whole = load(name, tile=WHOLE)
    assert len(tiled) == len(images)
    for image, probability in zip(images, tiled, strict=True):
        np.testing.assert_array_equal(probability, whole.probability(image))


@pytest.mark.parametrize("shape", [(132, 160), (131, 159), (129, 158), (130, 157)])
def test_same_as_deepcr_on_even_and_odd_shapes(load, name, backend, stock, shape):
    image = sky_stars_rays(*shape)
    expected = stock.clean(image, segment=False, binary=False)
    assert_same_detection(load(name, backend).probability(image), expected)


@pytest.mark.parametrize("name", OTHERS, indirect=True)
def test_other_nets_are_those_of_deepcr(load, name, stock):
    image = sky_stars_rays(65, 78)
    expected = stock.clean(image, segment=False, binary=False)
    assert (expected > 0.5).any()
    assert_same_detection(load(name).probability(image), expected)


def test_standardised_image_without_contrast_has_no_cosmic_ray(load):
    flat = np.full((40, 44), 120, np.float32)
    assert (load("chen24-uvis").probability(flat)[8:-8, 8:-8] < 0.5).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 2), (5, 70), (66, 4), (90, 1)])
def test_same_as_deepcr_on_images_smaller_than_the_halo(load, name, backend, stock, shape):
    assert min(shape) < HALO_PX
    image = sky_stars_rays(*shape)
    if shape == (1, 1) and WEIGHTS[name].standardise:  # deepCR divides by a deviation of 0
        assert load(name, backend).probability(image) < 0.5
        return
    expected = stock.clean(image, segment=False, binary=False).reshape(shape)
    probability = load(name, backend).probability(image)
    assert probability.shape == shape
    assert_same_detection(probability, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixel_makes_no_hole(load, name, value):
    net, image = load(name), sky_stars_rays(64, 72)
    holed = image.copy()
    holed[31, 40] = value
    before, after = net.probability(image), net.probability(holed)
    assert np.argwhere(np.isnan(after)).tolist() == [[31, 40]]
    y, x = np.mgrid[:64, :72]
    far = np.maximum(abs(y - 31), abs(x - 40)) > REACH_PX
    if WEIGHTS[name].standardise:  # the filled pixel is part of mean and deviation
        np.testing.assert_allclose(after[far], before[far], atol=1e-4)
        return
    np.testing.assert_array_equal(after[far], before[far])


def test_non_finite_pixel_is_shown_as_the_median_of_its_box(kwon):
    image = sky_stars_rays(40, 40)
    image[0, 3] = np.nan
    filled = image.copy()
    filled[0, 3] = np.nanmedian(image[:3, 1:6])
    expected = kwon.probability(filled)
    expected[0, 3] = np.nan
    np.testing.assert_array_equal(kwon.probability(image), expected)


def test_tiles_without_a_finite_pixel_are_shown_as_the_median_of_the_image(kwon):
    image = sky_stars_rays(40, 160)
    image[:, 64:130] = np.nan
    filled = np.where(np.isnan(image), np.nanmedian(image), image)
    near = np.isnan(image).copy()
    near[:, 66:128] = False  # columns whose 5x5 boxes hold finite pixels
    for y, x in np.argwhere(near):
        filled[y, x] = np.nanmedian(image[max(y - 2, 0) : y + 3, x - 2 : x + 3])
    expected = np.where(np.isnan(image), np.nan, kwon.probability(filled))
    np.testing.assert_array_equal(kwon.probability(image), expected)


@pytest.mark.parametrize("bad", [np.full((8, 8), np.nan), np.empty((0, 5)), np.zeros((2, 8, 8))])
def test_image_without_a_finite_pixel_or_of_other_dimension_is_refused(kwon, inpainter, bad):
    with pytest.raises(StudyError, match=r"image: has shape"):
        kwon.probability(bad)
    with pytest.raises(StudyError, match=r"image: has shape"):
        inpainter.inpaint(bad, np.zeros(bad.shape, bool))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8"])
def test_any_byte_order_and_precision_and_read_only(kwon, inpainter, dtype):
    image = sky_stars_rays(40, 41)
    other = image.astype(dtype)
    other.setflags(write=False)
    expected = kwon.probability(image)
    probability = kwon.probability(other)
    assert probability.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(probability, expected)
    mask = expected > 0.5
    restored = inpainter.inpaint(other, mask)
    assert restored.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(restored, inpainter.inpaint(image, mask))


def test_value_beyond_float32_counts_as_not_finite(kwon):
    image = sky_stars_rays(20, 20).astype(np.float64)
    image[7, 7] = 1e300
    assert np.argwhere(np.isnan(kwon.probability(image))).tolist() == [[7, 7]]


def test_integer_image(kwon):
    image = sky_stars_rays(20, 20).astype(np.int32)
    np.testing.assert_array_equal(
        kwon.probability(image), kwon.probability(image.astype(np.float32))
    )


def test_sky_below_zero(load, name, backend, stock):
    image = sky_stars_rays(40, 44) - np.float32(60)
    assert (image < 0).mean() > 0.9
    expected = stock.clean(image, segment=False, binary=False)
    assert_same_detection(load(name, backend).probability(image), expected)


@pytest.mark.parametrize("tile", [63, 62, 2, 0])
def test_tiles_that_would_show_seams_are_refused(load, tile):
    with pytest.raises(StudyError, match="seams"):
        load("kwon21-acs-wfc", tile=tile).probability(sky_stars_rays(20, 20))


@pytest.mark.parametrize("name", ["zb20-f606w"], indirect=True)
@pytest.mark.parametrize("tile", [36, 64, WHOLE])
@pytest.mark.parametrize("shape", [(132, 160), (131, 157)])
def test_inpainted_values_are_those_of_deepcr(inpainter, stock, shape, tile):
    image = sky_stars_rays(*shape)
    mask, expected = stock.clean(image, inpaint=True, segment=False)
    mask = mask > 0
    assert mask.sum() > 50
    inpainter.net.tile_px = tile
    restored = inpainter.inpaint(image, mask)
    np.testing.assert_allclose(restored[mask], expected[mask], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(restored[~mask], image[~mask])
    assert restored[mask].mean() < 0.5 * image[mask].mean()


def test_only_tiles_that_hold_masked_pixels_are_inpainted(load_net):
    net = load_net(INPAINT_NET, "openvino", tile=32)
    windows = []

    class Counting:
        tile_px, batch = 32, 1

        def run(self, batches):
            for batch in batches:
                windows.append(len(batch))
                yield from net.run([batch])

    image, mask = sky_stars_rays(160, 96), np.zeros((160, 96), bool)
    mask[40, 30:34] = True  # in the second row of tiles, in two tiles
    restored = Inpainter(100.0, Counting()).inpaint(image, mask)
    assert sum(windows) == 2
    np.testing.assert_array_equal(restored, Inpainter(100.0, net).inpaint(image, mask))
    windows.clear()
    untouched = Inpainter(100.0, Counting()).inpaint(image, np.zeros_like(mask))
    np.testing.assert_array_equal(untouched, image)
    assert not windows


def test_inpaint_with_non_finite_pixels(inpainter):
    image = sky_stars_rays(40, 48)
    mask = np.zeros(image.shape, bool)
    mask[10:14, 20] = mask[30, 30] = True
    image[11, 20] = np.nan
    image[12, 23] = np.inf
    restored = inpainter.inpaint(image, mask.astype(np.uint8))
    assert np.isfinite(restored[mask]).all()
    np.testing.assert_array_equal(restored[~mask], image[~mask])


def test_inpaint_refuses_a_mask_of_another_shape(inpainter):
    with pytest.raises(StudyError, match=r"mask: has shape \(4, 5\), the image \(8, 8\)"):
        inpainter.inpaint(np.ones((8, 8)), np.zeros((4, 5)))


def test_damaged_absent_or_other_weights_are_refused(tmp_path, weights_path):
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(weights_path("kwon21-f606w").read_bytes()[:3000])
    others = (weights_path(INPAINT_NET), weights_path("zb20-2-4"))
    for path in (damaged, *others):
        with pytest.raises(StudyError, match=r"sha256 begins \w+, expected 704dfcf91c3b"):
            TorchNet("kwon21-f606w", path)
    with pytest.raises(StudyError, match=r"absent\.pth: cannot be read"):
        TorchNet("kwon21-f606w", tmp_path / "absent.pth")


def test_net_converted_from_other_weights_is_refused(load_net, weights_path, tmp_path):
    convert_net("zb20-2-4", weights_path("zb20-2-4"), tmp_path / "net")
    with pytest.raises(StudyError, match=r"sha256 91fd387be08d, expected 0075cef7a8b7"):
        OpenVinoNet("kwon21-acs-wfc", tmp_path / "net")


@pytest.mark.parametrize("content", [None, "", "<net>"])
def test_damaged_or_absent_model_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "model.xml").write_text(content, encoding="utf-8")
        (tmp_path / "weights.sha256").write_text(WEIGHTS["kwon21-acs-wfc"].sha256, encoding="utf-8")
    with pytest.raises(StudyError, match="holds no model that OpenVINO can read"):
        OpenVinoNet("kwon21-acs-wfc", tmp_path)


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_without_a_gpu_the_cpu_is_taken_and_said(load_net, monkeypatch, caplog, tmp_path, device):
    load_net("kwon21-acs-wfc", "openvino")
    monkeypatch.setattr("crstudy.deepcr.detector.has_gpu", lambda: False)
    monkeypatch.setattr(
        "crstudy.deepcr.openvino_backend.OpenVinoNet", lambda name, model, threads, own: model
    )
    with caplog.at_level("INFO"):
        loaded = load_detector("kwon21-acs-wfc", "absent.pth", tmp_path, device, 3)
    assert loaded.net == tmp_path
    assert "no GPU usable by torch: kwon21-acs-wfc runs on the CPU" in caplog.text


def test_openvino_computes_in_float32_and_leaves_cores_to_other_jobs(load_net):
    """Its defaults are bfloat16 where there is some, and threads bound to the first cores."""
    compiled = load_net("kwon21-acs-wfc", "openvino").compile((1, 1, 64, 64))
    assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    assert compiled.get_property("ENABLE_CPU_PINNING") is False


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(load_net, weights_path, tmp_path, threads):
    convert_net("kwon21-acs-wfc", weights_path("kwon21-acs-wfc"), tmp_path / "net")
    images = [sky_stars_rays(*shape) for shape in ((200, 220), (60, 64), (131, 300))]
    results = []
    for n in (1, threads):
        net = OpenVinoNet("kwon21-acs-wfc", tmp_path / "net", n)
        net.tile_px = 64
        results.append(list(detector("kwon21-acs-wfc", net).probabilities(images)))
    for alone, together in zip(*results, strict=True):
        np.testing.assert_array_equal(together, alone)


def test_openvino_neither_calls_home_nor_writes_to_the_home_folder(tmp_path):
    code = (
        "import crstudy.deepcr.openvino_backend, sys; assert not sys.modules['openvino_telemetry']"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=os.environ | {"HOME": str(tmp_path)}
    )
    assert not list(tmp_path.iterdir())
