"""The photometric numbers with other apertures, stars and thresholds."""

import numpy as np
import pytest

from crstudy.photometry.forced import measure_chip, photometry_table
from crstudy.photometry.sensitivity import make_sensitivity_table, measure_variants
from starfield import PHOTOMETRY, make_chip, star_table

RESAMPLING = {"samples": 50, "confidence": 0.95, "seed": 0}


@pytest.fixture(scope="module")
def variants():
    field = [(60, 60, 30000), (190, 60, 30000), (60, 190, 30000), (190, 190, 900, 2.0)]
    chips = [make_chip(field, f"e{i}", seed=i) for i in range(3)]
    stars = star_table(*((x, y, 4.0) for x, y, *_ in field))
    settings = PHOTOMETRY | {
        "min_area_px": 16,
        "max_elongation": 1.5,
        "detect_rms": 3.0,
        "match_arcsec": 0.1,
        "min_detections": 2,
        "min_radius_px": 3.0,
        "flux_sigma": 3.0,
    }
    table = measure_variants([lambda c=c: [c] for c in chips], stars, "g001", (1, 1), settings)
    parts = [measure_chip(chip, stars, (1, 1, 1, 1), settings) for chip in chips]
    return photometry_table(parts, "g001", {}), table, settings


def test_alternatives_change_radius_and_sample(variants):
    _, table, _ = variants
    of = {key: table[table["value"] == key] for key in (0.7, 1.5, 2.0, 5.0)}
    assert set(of[0.7]["radius"]) == {0.7 * 4.0}
    assert set(of[1.5]["radius"]) == {1.5 * 4.0}
    assert set(of[0.7]["parameter"]) == {"radius_factor"}
    assert set(of[2.0]["parameter"]) == {"detect_rms"}
    assert len(set(of[2.0]["star"])) == 4
    assert len(set(of[5.0]["star"])) == 3
    bright = [of[key][of[key]["flux_clean"] > 10000]["radius"].mean() for key in (2.0, 5.0)]
    assert bright[0] > bright[1]


@pytest.mark.parametrize("stars", [12, 0])
def test_sensitivity_has_a_row_for_every_alternative(variants, stars):
    photometry, table, settings = variants
    table = make_sensitivity_table(
        photometry[:stars], table if stars else table[:0], settings, RESAMPLING
    )
    rows = [(row["parameter"], row["value"]) for row in table[1:]]
    assert rows == [
        *(("radius_factor", 0.7), ("radius_factor", 1.5), ("detect_rms", 2.0)),
        *(("detect_rms", 5.0), ("flux_sigma", 2.0), ("flux_sigma", 5.0), ("max_excluded", 0.0)),
    ]
    assert table["parameter"][0] == "as configured"
    assert table["measurements"].tolist() == ([12, 12, 12, 12, 9, 12, 12, 12] if stars else [0] * 8)
    assert np.isnan(table["contaminated_fraction"]).all() == (stars == 0)


def test_sensitivity_to_excluded_pixels_and_to_the_threshold(variants):
    photometry, table, settings = variants
    photometry = photometry.copy()
    photometry["flux_original"] += np.repeat([0, 2.5, 4, 6], 3) * photometry["sigma"]
    photometry["excluded_px"][:5] = 0.5
    result = make_sensitivity_table(photometry, table, settings, RESAMPLING)
    contaminated = dict(zip(result["parameter"], result["contaminated"], strict=True))
    rows = {(row["parameter"], row["value"]): row for row in result}
    assert contaminated["as configured"] == 6
    assert rows["flux_sigma", 2.0]["contaminated"] == 9
    assert rows["flux_sigma", 5.0]["contaminated"] == 3
    assert rows["max_excluded", 0.0]["measurements"] == 7
    assert photometry["used"].all()
