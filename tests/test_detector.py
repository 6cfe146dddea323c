"""deepCR in tiles: the same pixels as deepCR itself, whatever the shape."""

from pathlib import Path

import deepCR
import numpy as np
import pytest
import torch

from crstudy.detector import HALO_PX, inpaint, load_inpaint_net, load_mask_net, probability_map
from crstudy.errors import StudyError
from crstudy.weights import SDIST_NAME, WEIGHTS, fetch_weights
from project import SDIST

MASK_NETS = ("zb20-f606w", "kwon21-f606w", "kwon21-acs-wfc")
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


@pytest.fixture(params=MASK_NETS)
def name(request):
    return request.param


@pytest.fixture
def net(name, weights_path):
    return load_mask_net(weights_path(name), WEIGHTS[name].input_scale_e)


@pytest.fixture
def kwon(weights_path):
    return load_mask_net(weights_path("kwon21-acs-wfc"), WEIGHTS["kwon21-acs-wfc"].input_scale_e)


@pytest.fixture
def inpainter(weights_path):
    return load_inpaint_net(weights_path("inpaint-2-32"))


@pytest.fixture
def stock(name, weights_path):
    """DeepCR 0.3.1 with the weights of `name` and the inpainting net."""
    model = deepCR.deepCR(mask="ACS-WFC", inpaint="ACS-WFC-F606W-2-32")
    state = torch.load(weights_path(name), map_location="cpu", weights_only=True)
    model.maskNet.load_state_dict(state)
    model.maskNet.eval()
    model.scale = WEIGHTS[name].input_scale_e
    return model


def sky_stars_rays(ny: int, nx: int, seed: int = 1) -> np.ndarray:
    """Sky of 40 e- with noise, Gaussian stars and straight cosmic-ray tracks."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:ny, :nx]
    image = np.full((ny, nx), 40.0)
    for flux_e in (2e3, 1e4, 5e4, 2e5):
        y0, x0 = rng.uniform((0, 0), (ny, nx))
        image += flux_e / (2 * np.pi) * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / 2)
    image = rng.poisson(image) + rng.normal(0, 4.2, image.shape)
    for _ in range(max(4, ny * nx // 600)):
        y0, x0, angle = rng.uniform((0, 0, 0), (ny, nx, np.pi))
        steps = np.arange(rng.integers(1, 12))
        track_y = (y0 + steps * np.sin(angle)).astype(int).clip(0, ny - 1)
        track_x = (x0 + steps * np.cos(angle)).astype(int).clip(0, nx - 1)
        image[track_y, track_x] += rng.uniform(100, 3000)
    return image.astype(np.float32)


def assert_same_detection(probability, expected):
    np.testing.assert_array_equal(probability > 0.5, expected > 0.5)
    np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-5)


def test_test_image_has_rays_and_the_net_finds_them(net):
    fraction = (probability_map(net, sky_stars_rays(132, 160)) > 0.5).mean()
    assert 0.002 < fraction < 0.05


@pytest.mark.parametrize("tile", [2, 34, 64, 100, 128])
def test_tiles_show_no_seams(net, tile):
    image = sky_stars_rays(132, 160) if tile > 2 else sky_stars_rays(20, 24)
    assert_same_detection(probability_map(net, image, tile), probability_map(net, image, WHOLE))


@pytest.mark.parametrize("shape", [(132, 160), (131, 159), (129, 158), (130, 157)])
def test_same_as_deepcr_on_even_and_odd_shapes(net, stock, shape):
    image = sky_stars_rays(*shape)
    expected = stock.clean(image, segment=False, binary=False)
    assert_same_detection(probability_map(net, image, tile=64), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 2), (5, 70), (66, 4)])
def test_same_as_deepcr_on_images_smaller_than_the_halo(net, stock, shape):
    assert min(shape) < HALO_PX
    image = sky_stars_rays(*shape)
    expected = stock.clean(image, segment=False, binary=False).reshape(shape)
    probability = probability_map(net, image, tile=64)
    assert probability.shape == shape
    assert_same_detection(probability, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixel_makes_no_hole(net, value):
    image = sky_stars_rays(64, 72)
    holed = image.copy()
    holed[31, 40] = value
    before, after = probability_map(net, image), probability_map(net, holed)
    assert np.argwhere(np.isnan(after)).tolist() == [[31, 40]]
    y, x = np.mgrid[:64, :72]
    far = np.maximum(abs(y - 31), abs(x - 40)) > REACH_PX
    np.testing.assert_array_equal(after[far], before[far])


def test_non_finite_pixel_is_shown_as_the_median_of_its_box(kwon):
    image = sky_stars_rays(40, 40)
    image[0, 3] = np.nan
    filled = image.copy()
    filled[0, 3] = np.nanmedian(image[:3, 1:6])
    expected = probability_map(kwon, filled)
    expected[0, 3] = np.nan
    np.testing.assert_array_equal(probability_map(kwon, image), expected)


def test_wide_gap_is_shown_as_the_median_of_the_image(kwon):
    image = sky_stars_rays(40, 60)
    image[:, :30] = np.nan
    probability = probability_map(kwon, image)
    np.testing.assert_array_equal(np.isnan(probability), np.isnan(image))


@pytest.mark.parametrize("bad", [np.full((8, 8), np.nan), np.empty((0, 5)), np.zeros((2, 8, 8))])
def test_image_without_a_finite_pixel_or_of_other_dimension_is_refused(kwon, inpainter, bad):
    with pytest.raises(StudyError, match=r"image: has shape"):
        probability_map(kwon, bad)
    with pytest.raises(StudyError, match=r"image: has shape"):
        inpaint(inpainter, bad, np.zeros(bad.shape, bool))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8"])
def test_any_byte_order_and_precision_and_read_only(kwon, inpainter, dtype):
    image = sky_stars_rays(40, 41)
    other = image.astype(dtype)
    other.setflags(write=False)
    expected = probability_map(kwon, image)
    probability = probability_map(kwon, other)
    assert probability.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(probability, expected)
    mask = expected > 0.5
    restored = inpaint(inpainter, other, mask)
    assert restored.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(restored, inpaint(inpainter, image, mask))


def test_value_beyond_float32_counts_as_not_finite(kwon):
    image = sky_stars_rays(20, 20).astype(np.float64)
    image[7, 7] = 1e300
    assert np.argwhere(np.isnan(probability_map(kwon, image))).tolist() == [[7, 7]]


def test_integer_image(kwon):
    image = sky_stars_rays(20, 20).astype(np.int32)
    np.testing.assert_array_equal(
        probability_map(kwon, image), probability_map(kwon, image.astype(np.float32))
    )


@pytest.mark.parametrize("tile_halo", [(63, 8), (0, 8), (64, 6), (64, 9)])
def test_tiles_that_would_show_seams_are_refused(kwon, tile_halo):
    with pytest.raises(StudyError, match="seams"):
        probability_map(kwon, sky_stars_rays(20, 20), *tile_halo)


@pytest.mark.parametrize("name", ["zb20-f606w"], indirect=True)
@pytest.mark.parametrize("tile", [34, 64, WHOLE])
@pytest.mark.parametrize("shape", [(132, 160), (131, 157)])
def test_inpainted_values_are_those_of_deepcr(inpainter, stock, shape, tile):
    image = sky_stars_rays(*shape)
    mask, expected = stock.clean(image, inpaint=True, segment=False)
    mask = mask > 0
    assert mask.sum() > 50
    restored = inpaint(inpainter, image, mask, tile)
    np.testing.assert_allclose(restored[mask], expected[mask], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(restored[~mask], image[~mask])
    assert restored[mask].mean() < 0.5 * image[mask].mean()


def test_inpaint_with_non_finite_pixels(inpainter):
    image = sky_stars_rays(40, 48)
    mask = np.zeros(image.shape, bool)
    mask[10:14, 20] = mask[30, 30] = True
    image[11, 20] = np.nan
    image[12, 23] = np.inf
    restored = inpaint(inpainter, image, mask.astype(np.uint8))
    assert np.isfinite(restored[mask]).all()
    np.testing.assert_array_equal(restored[~mask], image[~mask])


def test_inpaint_refuses_a_mask_of_another_shape(inpainter):
    with pytest.raises(StudyError, match=r"mask: has shape \(4, 5\), the image \(8, 8\)"):
        inpaint(inpainter, np.ones((8, 8)), np.zeros((4, 5)))


def test_damaged_absent_or_other_weights_are_refused(tmp_path, weights_path):
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(weights_path("kwon21-f606w").read_bytes()[:3000])
    empty = tmp_path / "empty.pth"
    empty.touch()
    inpaint_path = weights_path("inpaint-2-32")
    for path in (damaged, empty, tmp_path / "absent.pth", inpaint_path):
        with pytest.raises(StudyError, match=r"does not fit UNet2SigmoidBatchNorm"):
            load_mask_net(path, 1.0)
    with pytest.raises(StudyError, match=r"does not fit UNet2BatchNorm"):
        load_inpaint_net(weights_path("kwon21-f606w"))
