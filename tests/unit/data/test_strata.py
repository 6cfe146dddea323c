"""What the light of a pixel is made of."""

import numpy as np

from crstudy.data.strata import Stratum, brightest_component


def test_brightest_component_wins_and_what_noise_hides_is_sky():
    star, saturated, extended = np.array(
        [[[3.0, 1.0, 1.0, 0.9, 0.0]], [[1.0, 3.0, 1.0, 0.9, 0.0]], [[1.0, 1.0, 3.0, 0.9, 1.1]]]
    )
    found = brightest_component(star, saturated, extended, noise=2.0)
    sky, seen = [Stratum.SKY], [Stratum.EXTENDED]
    expected = [[Stratum.STAR, Stratum.SATURATED_STAR, Stratum.EXTENDED, *sky, *seen]]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8
