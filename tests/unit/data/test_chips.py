"""Where an exposure's products are, its simulated truth and the data for comparison."""

from pathlib import Path

import numpy as np
import pytest

from crstudy.data.chips import Truth, exposure_files, read_comparison
from crstudy.data.exposure import write_images


def test_truth_threshold_is_local():
    truth = Truth(np.array([[30, 30]]), np.array([[64.0, 10000.0]]), 0.0, 6.0)
    # sigma = sqrt(64 + 0 + 6^2) = 10 and > 100: 30 e- is not above 3 sigma, 30 e- is above 2.9.
    assert not truth.cosmic_rays(3.0).any()
    assert truth.cosmic_rays(2.9).tolist() == [[True, False]]


def test_exposures_are_paired_with_folders_and_truths_in_order():
    exposures = ["x/a_flc.fits", "x/b_flc.fits"]
    one = exposure_files(exposures, "reference", "good")
    assert [files.name for files in one] == ["a", "b"]
    assert {files.reference_file for files in one} == {
        *(Path("reference/a_reference.fits"), Path("reference/b_reference.fits"))
    }
    assert [files.truth for files in one] == [None, None]
    each = exposure_files(exposures, ["r1", "r2"], ["g1", "g2"], ["t1", "t2"])
    assert [str(path) for path in (each[1].reference, each[1].good, each[1].truth)] == [
        *("r2", "g2", "t2")
    ]
    with pytest.raises(ValueError, match="zip"):
        exposure_files(exposures, "reference", "good", ["t1"])


def test_comparison_of_real_data_leaves_the_exposure_alone(tmp_path):
    """Pixels are valid if they are good and have a reference."""
    pixels = np.arange(6).reshape(2, 3)
    images = {("LABEL", 1): pixels == 2, ("NOREF", 1): pixels == 3}
    images["CLEAN", 1] = pixels.astype(np.float32)
    write_images(tmp_path / "a_reference.fits", images, {"OBSERVED": "made up"})
    write_images(tmp_path / "a_good.fits", {("GOOD", 1): pixels != 5})
    (files,) = exposure_files([tmp_path / "a_flc.fits"], tmp_path, tmp_path)
    assert files.observed_with == "made up"
    ((ver, data),) = read_comparison(files, 3.0).items()
    assert ver == 1
    assert data.valid.tolist() == [[True, True, True], [False, True, False]]
    assert data.truth is None
    np.testing.assert_array_equal(data.best, pixels == 2)
    assert list(data.compared()) == ["reference"]
