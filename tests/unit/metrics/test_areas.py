"""Counts by region and stratum, on a chip small enough to count by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from crstudy.data.chips import ComparisonData
from crstudy.data.strata import Stratum
from crstudy.metrics.areas import compare_chip, count_cells, full_and_star_areas
from crstudy.metrics.curves.score_histograms import SUMS, count_chip, count_reliability
from crstudy.metrics.names import ALL_STRATA, STRATUM_WORDS, WITH_RIMS
from crstudy.metrics.scores import Counts

#: Sky, star, saturated star, extended light by letter.
LETTERS = {"s": Stratum.SKY, "p": Stratum.STAR, "w": Stratum.SATURATED_STAR, "e": Stratum.EXTENDED}
STRATA = "ssppp wwwee eesss"
LABEL = "01101 11010 01001"
FLAGS = "01011 10010 10001"
TRUTH = "11101 11110 00001"
#: The star region, and the pixels that are valid: one of each region is not.
REGION = "00111 11111 00000"
VALID = "11101 11111 11110"
#: Pixels with too little charge for the truth.
RIMS = "00010 00001 11010"


def image(letters):
    return np.array([[character == "1" for character in row] for row in letters.split()])


@pytest.fixture
def data():
    strata = np.array([[LETTERS[letter] for letter in row] for row in STRATA.split()], np.uint8)
    sci = np.zeros(strata.shape, np.float32)
    masks = image(LABEL), image(TRUTH), image(VALID)
    return ComparisonData(*masks, sci, sci, strata, image(RIMS))


@pytest.fixture
def regions():
    return {"reference": {3.0: image(REGION)}, "truth": {3.0: image(REGION)}}


def counted(data, regions):
    """Return the counts of a model by comparison, region and stratum."""
    found = compare_chip({"net": image(FLAGS)}, data, regions)
    return {tuple(names): counts for _, *names, counts in found}


#: Counted by eye, in the order of the strata: sky, star, saturated star, extended.
BY_EYE = {
    ("reference", "full"): [(1, 0, 0, 3), (1, 0, 1, 0), (1, 0, 1, 1), (1, 1, 1, 1)],
    ("reference", "3"): [(0, 0, 0, 0), (1, 0, 1, 0), (1, 0, 1, 1), (1, 0, 0, 1)],
}
NAMES = ("sky", "star", "saturated_star", "extended")


def pixel_by_pixel(data, regions):
    """Count all comparisons in a loop over the pixels."""
    label, flags = data.label, image(FLAGS)
    pairs = {"reference": (flags, label), "truth": (flags, data.truth)}
    pairs["reference_vs_truth"] = label, data.truth
    pairs |= {f"{name}_with_rims": pairs[name] for name in ("truth", "reference_vs_truth")}
    found = {}
    for (comparison, (predicted, actual)), region in product(pairs.items(), ("full", "3")):
        kind = "reference" if comparison == "reference" else "truth"
        area = data.valid if region == "full" else data.valid & regions[kind][3.0]
        for stratum in (ALL_STRATA, *NAMES):
            counts = dict.fromkeys(("tp", "fp", "fn", "tn"), 0)
            for p in np.ndindex(area.shape):
                band = data.rims[p] and comparison in ("truth", "reference_vs_truth")
                of = stratum in (ALL_STRATA, Stratum(data.strata[p]).name.lower())
                if area[p] and of and not band:
                    right, yes = predicted[p] == actual[p], "p" if predicted[p] else "n"
                    counts[f"{'t' if right else 'f'}{yes}"] += 1
            found[comparison, region, stratum] = Counts(**counts)
    return found


def test_counts_equal_a_loop_over_the_pixels(data, regions):
    expected = pixel_by_pixel(data, regions)
    for (comparison, region), of_strata in BY_EYE.items():
        for name, one in zip(NAMES, of_strata, strict=True):
            assert expected[comparison, region, name] == Counts(*one)
    assert counted(data, regions) == expected
    # The net flags a rim, and the labels hold another.
    for comparison in ("truth", "reference_vs_truth"):
        without, everything = (
            expected[f"{comparison}{end}", "full", ALL_STRATA] for end in ("", WITH_RIMS)
        )
        assert (everything.fp - without.fp, everything.tp) == (1, without.tp)
    assert tuple(STRATUM_WORDS) == (ALL_STRATA, *NAMES)


def test_excluded_pixels_count_in_no_stratum(data, regions):
    nothing = replace(data, valid=np.zeros_like(data.valid))
    assert set(counted(nothing, regions).values()) == {Counts(0, 0, 0, 0)}


def test_real_exposures_have_one_stratum(data, regions):
    real = replace(data, truth=None, free=None, strata=None, rims=None)
    found = counted(real, {"reference": regions["reference"]})
    assert found == {
        ("reference", region, ALL_STRATA): Counts(*np.sum(BY_EYE["reference", region], axis=0))
        for region in ("full", "3")
    }
    (table,) = count_chip("net", image(FLAGS).astype(np.float32), real, regions, [0.5])
    assert set(table["stratum"]) == {ALL_STRATA}


def test_histograms_have_the_same_pixels(data, regions):
    score = image(FLAGS).astype(np.float32)
    expected = counted(data, regions)
    for table in count_chip("net", score, data, regions, [0.5]):
        for key in {tuple(row) for row in table["comparison", "region", "stratum"]}:
            below, above = table[(table["region"] == key[1]) & (table["stratum"] == key[2])]
            assert (below["threshold"], above["threshold"]) == (-np.inf, 0.5)
            found = above["positives"], above["negatives"], below["positives"], below["negatives"]
            assert Counts(*found) == expected[key]


def test_sums_of_probabilities_add_up(data, regions):
    probability = np.linspace(0, 1, 15, dtype=np.float32).reshape(data.valid.shape)
    for table in count_reliability("net", probability, data, regions):
        for region in ("full", "sky", "3"):
            here = table[table["region"] == region]
            for name in SUMS:
                of_strata = [here[name][here["stratum"] == one] for one in STRATUM_WORDS]
                np.testing.assert_allclose(of_strata[0], np.sum(of_strata[1:], axis=0))
    extended = (data.strata == Stratum.EXTENDED) & data.valid
    here = table[(table["region"] == "full") & (table["stratum"] == "extended")]
    assert here["probability"].sum() == pytest.approx(probability[extended].sum())


def test_weights_are_summed_by_cell():
    cell, strata = np.array([[0, 1, 1, 0]]), np.array([[1, 1, 3, 3]], np.uint8)
    areas = full_and_star_areas(np.array([[True, True, True, False]]), {})
    sums = {
        stratum: values.tolist()
        for _, stratum, values in count_cells(cell, 2, areas, strata, np.array([[1.0, 2, 4, 8]]))
    }
    assert sums["all"] == [1, 6]
    assert (sums["star"], sums["extended"], sums["sky"]) == ([1, 2], [0, 4], [0, 0])
