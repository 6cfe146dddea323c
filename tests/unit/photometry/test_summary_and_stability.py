"""Tables of groups: intervals, summary of photometry, stability."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from crstudy.metrics.bootstrap import bootstrap, fraction, median, trimmed_rms
from crstudy.metrics.group_summary import describe_groups
from crstudy.photometry.stability import find_trends, score_groups
from crstudy.photometry.summary import ALL, summarise
from starfield import photometry

RESAMPLING = {"samples": 300, "confidence": 0.95, "seed": 0}


def groups_of(*names):
    rows = [(name, "2015-01-01", 57000.0 + i, 500.0) for i, name in enumerate(names)]
    table = Table(rows=rows, names=("group", "observed", "mjd", "exptime"))
    table.meta = {"dataset": "test", "observed_with": "simulated ACS/WFC F606W"}
    return table


def by(table, column):
    return {row[column]: row for row in table}


def brute_trimmed(values, cut):
    values = np.sort(values)
    n = int(np.floor(cut * len(values)))
    return np.sqrt(np.mean(values[n : len(values) - n] ** 2))


@pytest.mark.parametrize("n", [1, 2, 7, 20, 101])
def test_statistics_equal_numpy_and_a_weight_repeats_a_row(n):
    rng = np.random.default_rng(n)
    values, weights = rng.normal(size=n), np.append(rng.integers(0, 4, n - 1), 1)
    among, happens = rng.uniform(size=(2, n)) < 0.7
    among[-1] = True
    for w in (np.ones(n, int), weights):
        again = np.repeat(np.arange(n), w)
        assert median(values)(w.astype(float)) == pytest.approx(np.median(values[again]))
        trimmed = trimmed_rms(values, 0.05)(w.astype(float))
        assert trimmed == pytest.approx(brute_trimmed(values[again], 0.05))
        part = fraction(among, happens)(w.astype(float))
        assert part == pytest.approx(happens[again][among[again]].mean())


def test_statistics_of_nothing_are_nan():
    for statistic in (median([]), trimmed_rms([], 0.05), fraction([], [])):
        assert np.isnan(statistic(np.ones(0)))
    for statistic in (median([1.0]), trimmed_rms([1.0], 0.05), fraction([True], [True])):
        assert np.isnan(statistic(np.zeros(1)))
    assert np.isnan(fraction([False], [False])(np.ones(1)))


def test_bootstrap_intervals_cover_the_truth():
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        clusters = np.repeat(np.arange(30), 10)
        values = rng.normal(5, 1, 30)[clusters] + rng.normal(0, 1, 300)
        _, low, high = bootstrap(median(values), clusters, 200, 0.95, trial)
        covered += low <= 5 <= high
    assert 0.89 <= covered / 200 <= 0.98


def test_an_interval_needs_three_clusters_with_a_value():
    among, happens = [True, True, True, False], [True, False, False, False]
    clusters = ["a", "a", "b", "c"]
    value, *ends = bootstrap(fraction(among, happens), clusters, **RESAMPLING)
    assert value == 1 / 3
    assert np.isnan(ends).all()
    value, *ends = bootstrap(median([1, 2, 3, 4]), clusters, **RESAMPLING)
    assert ends[0] < value < ends[1]
    assert np.isnan(bootstrap(median([]), [], **RESAMPLING)).all()


def test_summary_equals_counting_by_hand():
    table = photometry(("g1",), stars=5, exposures=2)
    table["flux_original"][:5] = [1031, 969, 1031, 1029, 1031]
    table["flux_inpaint"][:5] = [1101, 899, 1029, 1500, 969]
    table["used"][9] = False
    table["flux_original"][9] = 9999
    row = by(summarise(table, groups_of("g1"), 3.0, RESAMPLING), "group")["g1"]
    assert (row["stars"], row["measurements"], row["excluded"]) == (5, 9, 1)
    assert row["contaminated"] == 4
    assert row["contaminated_fraction"] == pytest.approx(4 / 9)
    assert row["anomalous_fraction"] == pytest.approx(4 / 9)
    assert row["outside_10_fraction"] == pytest.approx(2 / 4)
    assert row["inside_3_fraction"] == pytest.approx(1 / 4)
    ratios = np.array([0.101, -0.101, 0.029, 0.5, -0.031, 0, 0, 0, 0])
    assert row["rms_trimmed"] == pytest.approx(np.sqrt(np.mean(ratios**2)))


def test_zero_contaminated_stars_are_nan_with_count_0():
    for row in summarise(photometry(), groups_of("g1", "g2"), 3.0, RESAMPLING):
        assert row["contaminated"] == row["contaminated_fraction"] == 0
        assert np.isnan([row["outside_10_fraction"], row["inside_3_fraction_lo"]]).all()


def test_group_with_a_single_star_has_numbers_but_no_interval():
    row = summarise(photometry(("g1",), stars=1), groups_of("g1"), 3.0, RESAMPLING)[0]
    assert (row["stars"], row["measurements"], row["contaminated_fraction"]) == (1, 4, 0)
    assert np.isnan([row["contaminated_fraction_lo"], row["rms_trimmed_hi"]]).all()


def test_group_without_stars_and_empty_photometry_are_nan():
    for table in (photometry(("g1",)), photometry()[:0], photometry(used=False)):
        rows = by(summarise(table, groups_of("g1", "g2"), 3.0, RESAMPLING), "group")
        assert list(rows) == ["g1", "g2", ALL]
        assert rows["g2"]["measurements"] == 0
        assert np.isnan([rows["g2"]["contaminated_fraction"], rows["g2"]["rms_trimmed"]]).all()


def counts(tp, fp, fn):
    names = ("model", "comparison", "region", "tp", "fp", "fn", "tn")
    rows = [("net", "reference", "3", *n, 100) for n in ((tp, fp, fn), (0, 0, 0))]
    return Table(rows=[*rows, ("net", "reference", "full", 10, 0, 5, 85)], names=names)


def stability(values, years=None):
    n = len(values)
    mjd = 55000 + 365.25 * np.asarray(range(n) if years is None else years, float)
    columns = dict.fromkeys(("f05", "f1", "f2", "rms_trimmed"), np.asarray(values, float))
    return Table({"comparison": np.full(n, "reference"), "mjd": mjd, **columns})


def trend(table):
    return by(find_trends(table, 0.95), "quantity")["f1 reference"]


def test_scores_of_groups_pool_their_chips_and_f2_lies_below_f1():
    summary = summarise(photometry(), groups_of("g1", "g2"), 3.0, RESAMPLING)
    table = score_groups({"g1": counts(50, 5, 50), "g2": counts(0, 0, 0)}, summary, "3", "net")
    first, second = table
    assert (first["recall"], first["precision"], first["cr_px"]) == (0.5, 50 / 55, 100)
    assert first["f2"] < first["f1"] < first["f05"]
    assert second["cr_px"] == 0
    assert np.isnan([second["f1"], second["recall"]]).all()
    assert first["year"] == pytest.approx(2014.94, abs=0.01)
    assert np.isnan(find_trends(table, 0.95)["slope_per_decade"]).all()


def test_an_injected_drift_is_found():
    rng, held = np.random.default_rng(3), 0
    for _ in range(100):
        values = 0.85 - 0.005 * np.arange(20) + rng.normal(0, 0.01, 20)
        row = trend(stability(values))
        held += row["slope_per_decade_lo"] <= -0.05 <= row["slope_per_decade_hi"]
        assert row["slope_per_decade"] == pytest.approx(-0.05, abs=0.02)
    assert 88 <= held <= 100


def test_without_drift_the_bound_is_small_and_one_outlier_does_not_matter():
    values = 0.85 + np.random.default_rng(4).normal(0, 0.01, 20)
    values[19] = 0.3
    row = trend(stability(values))
    assert row["equivalence_per_decade"] < 0.02
    assert row["slope_per_decade_lo"] < 0 < row["slope_per_decade_hi"]
    assert row["p_value"] > 0.05


@pytest.mark.parametrize(
    ("values", "years"),
    [([0.8, 0.9], None), ([0.8, 0.9, 0.7], [1, 1, 1]), ([0.8, np.nan, 0.9], None), ([0.8], None)],
)
def test_without_three_groups_or_dates_there_is_no_trend(values, years):
    row = trend(stability(values, years))
    assert row["groups"] == np.isfinite(values).sum()
    names = ("slope_per_decade", "slope_per_decade_lo", "equivalence_per_decade", "p_value")
    assert np.isnan([row[name] for name in names]).all()


@pytest.mark.parametrize("n", [3, 4, 5])
def test_with_few_groups_the_interval_is_the_range_of_all_slopes(n):
    values, years = np.random.default_rng(n).normal(size=(2, n))
    slopes = [
        10 * (values[i] - values[j]) / (years[i] - years[j]) for i in range(n) for j in range(i)
    ]
    row = trend(stability(values, years))
    ends = row["slope_per_decade_lo"], row["slope_per_decade_hi"]
    assert ends == pytest.approx((min(slopes), max(slopes)))
    assert row["slope_per_decade"] == pytest.approx(np.median(slopes))
    assert row["equivalence_per_decade"] == pytest.approx(np.abs(slopes).max())


def test_groups_are_described_by_their_headers_and_labels(tmp_path):
    paths = []
    for i, (mjd, exptime) in enumerate([(57000.0, 400.0), (57002.0, 600.0)]):
        header = fits.Header({"EXPSTART": mjd, "EXPTIME": exptime, "TARGNAME": "M 1 "})
        header.update(
            {"INSTRUME": "ACS", "DETECTOR": "WFC", "FILTER1": "F606W", "CAL_VER": "simulated"}
        )
        paths.append(tmp_path / f"{i}_flc.fits")
        fits.PrimaryHDU(header=header).writeto(paths[-1])
    (row,) = describe_groups({"g1": paths}, {"g1": counts(1, 2, 3)}, "test")
    assert (row["mjd"], row["exptime"], row["exposures"]) == (57001.0, 500.0, 2)
    assert (row["observed"], row["target"]) == ("2014-12-10", "M 1")
    assert row["observed_with"] == "simulated ACS/WFC F606W"
    assert (row["label_px"], row["valid_px"], row["cr_fraction"]) == (15, 100, 0.15)
    assert row["cr_fraction_per_1000s"] == pytest.approx(0.3)
