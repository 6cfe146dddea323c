"""Cosmic rays one by one within the study: from the files of two groups to tables and figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table
from scipy.ndimage import label

from crstudy.core.errors import StudyError
from crstudy.data.chips import read_truth
from crstudy.data.exposure import write_images
from crstudy.data.score_maps import write_probabilities, write_scores
from crstudy.figures import objects
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED, MATCHED_STARS
from figure_tables import drawn
from project import ROOT
from scripts import run_script
from tiny_exposures import catalogue

REPORT = ROOT / "workflow/report"
#: The net knows every cosmic ray, and L.A.Cosmic flags every pixel; it fails in the second group.
NET, SCAN = METHODS = ["zb20-f606w", "lacosmic"]
MAPS = {NET: "net", SCAN: "scan"}
KINDS = ("objects", "purity", "pixels", "stars")
TABLES = ("objects", "purity", "star_alarms", "method_scores", "differences")
SETTINGS = {"truth_sigma": 3.0, "region_rms": [3.0, 40.0], "background_box_px": 32}
EXCLUDED = slice(100, 130)


def write_group(folder, mirror, group):
    """Write what the study makes of an exposure of a field of stars."""
    name = f"jsim0010{group}"
    truth = mirror / f"{name}_truth.fits"
    known = read_truth(truth)
    true_px = {ver: one.cosmic_rays(SETTINGS["truth_sigma"]) for ver, one in known.items()}
    scene = {ver: one.scene for ver, one in known.items()}
    good = {("GOOD", ver): np.ones(mask.shape, bool) for ver, mask in true_px.items()}
    for mask in good.values():
        mask[EXCLUDED] = False
    images = {("LABEL", ver): mask for ver, mask in true_px.items()}
    noise = np.random.default_rng(1).normal(0, 2, next(iter(scene.values())).shape)
    images |= {("CLEAN", ver): (sky + noise).astype(np.float32) for ver, sky in scene.items()}
    images |= {("NOREF", ver): np.zeros(mask.shape, bool) for ver, mask in true_px.items()}
    write_images(folder / f"{name}_reference.fits", images, {"OBSERVED": "made up"})
    write_images(folder / f"{name}_good.fits", good)
    found = {ver: np.where(mask, np.float32(0.9), np.float32(0.1)) for ver, mask in true_px.items()}
    write_probabilities(folder / f"net/{name}_probability.fits", found, NET, "f32")
    flags = {} if group == 2 else {v: np.full_like(p, 9) for v, p in found.items()}
    # On the map that is tuned for stars it flags nothing.
    nothing = {ver: np.zeros_like(mask) for ver, mask in flags.items()}
    missing = "" if flags else "no background"
    write_scores(folder / f"scan/{name}_score.fits", flags, missing, nothing)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_mirror, tiny_settings):
    """Return a folder with the products of count_objects for two groups, and of make_objects."""
    folder = tmp_path_factory.mktemp("study")
    rows = [
        (NET, MATCHED, 0.5),
        (NET, DEFAULT, 0.95),
        (SCAN, MATCHED, 4.0),
        (SCAN, DEFAULT, np.nan),
        (SCAN, MATCHED_STARS, 4.0),
    ]
    thresholds = Table(rows=rows, names=("method", "threshold_kind", "threshold"))
    thresholds.meta["thresholds"] = "made-up thresholds"
    thresholds.write(folder / "thresholds.ecsv")
    for group in (1, 2):
        write_group(folder, tiny_mirror, group)
        catalogue(1, tiny_settings).write(folder / f"{group}.ecsv")
        count_objects(folder, folder, group, METHODS, tiny_mirror, tiny_settings["psf"])
    make_tables(folder, groups=(1, 2))
    return folder


def count_objects(folder, to, group, methods, mirror, psf):
    name = f"jsim0010{group}"
    inputs = {
        "psf": psf,
        "thresholds": folder / "thresholds.ecsv",
        "exposures": [mirror / f"mastDownload/HST/{name}/{name}_flc.fits"],
        "truth": [mirror / f"{name}_truth.fits"],
        "catalogue": folder / f"{group}.ecsv",
        "reference": folder,
        "good": folder,
        "scores": [folder / MAPS[method] for method in methods],
    }
    output = {kind: str(to / f"{group}_{kind}.parquet") for kind in KINDS}
    params = {"exposures": [name], "methods": methods, "settings": SETTINGS}
    run_script("count_objects", inputs, output, params, to / "log")


def make_tables(folder, groups, methods=METHODS):
    inputs = {kind: [folder / f"{group}_{kind}.parquet" for group in groups] for kind in KINDS}
    inputs["thresholds"] = folder / "thresholds.ecsv"
    output = {name: str(folder / f"{name}.ecsv") for name in TABLES}
    resampling = {"samples": 100, "confidence": 0.95, "seed": 0}
    params = {"dataset": "made-up", "methods": methods, "resampling": resampling}
    run_script("make_objects", inputs, output, params, folder / "log")


@pytest.fixture
def tables(folder):
    return {name: Table.read(folder / f"{name}.ecsv") for name in TABLES}


def pick(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def test_perfect_net_finds_every_cosmic_ray(tables, tiny_mirror):
    found = pick(tables["objects"], method=NET, threshold_kind=MATCHED, dilation_px=0)
    (everything,) = pick(found, property="all")
    n, electrons = 0, 0
    for name in ("jsim00101", "jsim00102"):
        for truth in read_truth(tiny_mirror / f"{name}_truth.fits").values():
            labels, _ = label(truth.cosmic_rays(SETTINGS["truth_sigma"]), np.ones((3, 3)))
            labels[EXCLUDED] = 0
            n += len(np.unique(labels)) - 1
            electrons += truth.cr[labels > 0].sum()
    assert everything["objects"] == n > 50
    assert everything["electrons"] == electrons
    for name in ("any_px", "half_px", "most_charge", "charge"):
        fractions = found[f"{name}_fraction"]
        assert (fractions[np.isfinite(fractions)] == 1).all()
    for name in ("n_px", "peak_snr", "star_px", "brightness_rms", "region_rms"):
        assert pick(found, property=name)["objects"].sum() == n
    (purity,) = pick(tables["purity"], method=NET, threshold_kind=MATCHED, dilation_px=0)
    assert (purity["purity"], purity["recall"], purity["false_positive_rate"]) == (1, 1, 0)


def test_threshold_above_every_probability_finds_nothing(tables):
    found = pick(tables["objects"], method=NET, threshold_kind=DEFAULT, property="all")
    assert found["dilation_px"].tolist() == [0, 1, 2]
    assert found["any_px"].tolist() == [0, 0, 0]
    purity = pick(tables["purity"], method=NET, threshold_kind=DEFAULT)
    assert np.isnan(purity["purity"]).all()


def test_grown_masks_flag_more_sky(tables):
    rows = pick(tables["purity"], method=NET, threshold_kind=MATCHED)
    assert rows["dilation_px"].tolist() == [0, 1, 2]
    assert rows["fp"][0] == 0
    assert rows["fp"][1] + rows["rims"][1] > rows["tp"][1]
    assert rows["fp"][2] > rows["fp"][1]
    assert rows["tp"].tolist() == [rows["tp"][0]] * 3


def test_scores_by_region_are_those_of_the_pixels(tables, tiny_mirror):
    scores = pick(tables["method_scores"], method=NET, threshold_kind=MATCHED, field_class="all")
    assert scores["region"].tolist() == ["full", "3", "40"]
    (purity,) = pick(tables["purity"], method=NET, threshold_kind=MATCHED, dilation_px=0)
    for name in ("recall", "precision", "width", "negatives", "positives", "threshold"):
        assert scores[name][0] == purity[name]
    # The perfect net flags no rim; a map of ones flags all pixels, rims among them.
    assert (scores["width"] == 1).all()
    (scan,) = pick(
        tables["method_scores"],
        method=SCAN,
        threshold_kind=MATCHED,
        field_class="all",
        region="full",
    )
    charged, true = 0, 0
    for truth in read_truth(tiny_mirror / "jsim00101_truth.fits").values():
        counted = np.ones(truth.cr.shape, bool)
        counted[EXCLUDED] = False
        true += (truth.cosmic_rays(SETTINGS["truth_sigma"]) & counted).sum()
        charged += ((truth.cr > 0) & counted).sum()
    assert (scan["positives"], scan["rims"]) == (true, charged - true)
    assert scan["false_positive_rate"] == 1
    of_class = tables["method_scores"]["field_class"] != "all"
    assert of_class.sum() == (~of_class).sum()


def test_star_cores_without_charge_are_no_false_alarms_of_the_perfect_net(tables):
    alarms = tables["star_alarms"]
    cores = pick(alarms, method=NET, threshold_kind=MATCHED, dilation_px=0)
    (everything,) = pick(cores, property="all", field_class="all")
    assert everything["cores"] > 20
    assert everything["flagged"] == 0
    for name in ("mag", "peak_fraction"):
        assert pick(cores, property=name)["cores"].sum() == everything["cores"]
    # The other method flags every pixel, but has a map of the first group only.
    of_scan = pick(alarms, method=SCAN, property="all", dilation_px=0)
    on_stars = pick(of_scan, threshold_kind=MATCHED_STARS)
    assert on_stars["flagged"].tolist() == [0, 0]
    of_scan = pick(of_scan, threshold_kind=MATCHED)
    (of_class,) = (row for row in of_scan if row["field_class"] != "all")
    (scan,) = pick(of_scan, field_class="all")
    for name in ("cores", "flagged", "threshold"):
        assert of_class[name] == scan[name]
    assert 0 < scan["cores"] < everything["cores"]
    assert scan["flagged_fraction"] == 1
    assert scan["groups"] == 1


def test_method_counts_nowhere_where_it_is_missing(tables):
    one, both = (
        pick(tables["objects"], method=m, threshold_kind=MATCHED, property="all", dilation_px=0)[0]
        for m in (SCAN, NET)
    )
    assert 0 < one["objects"] < both["objects"]
    assert (one["groups"], both["groups"]) == (1, 2)
    assert np.isnan(one["any_px_fraction_lo"])
    for table in tables.values():
        assert table.meta["missing"] == {NET: [], SCAN: ["jsim00102"]}
        assert table.meta["thresholds"] == "made-up thresholds"
        assert (table.meta["dataset"], table.meta["observed_with"]) == ("made-up", "made up")


def test_threshold_that_is_undefined_is_not_counted(tables):
    assert set(pick(tables["purity"], method=SCAN)["threshold_kind"]) == {MATCHED, MATCHED_STARS}


def test_differences_are_those_of_shared_exposures(tables, folder):
    differences = pick(tables["differences"], property="all", dilation_px=0)
    assert set(differences["threshold_kind"]) == {MATCHED}
    assert set(zip(differences["method"], differences["minus"], strict=True)) == {(SCAN, NET)}
    found = dict(zip(differences["quantity"], differences["difference"], strict=True))
    assert found["any_px_fraction"] == found["charge_fraction"] == found["recall"] == 0
    assert found["flagged_fraction"] == found["false_positive_rate"] == 1
    first = Table.read(folder / "1_purity.parquet")
    rows = pick(first, method=SCAN, dilation_px=0)
    # Every chip is one object, and holds a cosmic ray.
    assert rows["real"].tolist() == rows["flagged"].tolist()
    assert found["purity"] == 0
    assert found["precision"] == pytest.approx(rows["tp"].sum() / rows["flagged_px"].sum() - 1)


def test_one_method_has_no_differences(folder, tmp_path):
    for group in (1, 2):
        for kind in KINDS:
            table = pick(Table.read(folder / f"{group}_{kind}.parquet"), method=NET)
            table.meta["missing"] = {NET: []}
            table.write(tmp_path / f"{group}_{kind}.parquet")
    (tmp_path / "thresholds.ecsv").write_bytes((folder / "thresholds.ecsv").read_bytes())
    make_tables(tmp_path, groups=(1, 2), methods=[NET])
    assert len(Table.read(tmp_path / "differences.ecsv")) == 0
    assert set(Table.read(tmp_path / "purity.ecsv")["method"]) == {NET}


def test_groups_without_any_map_are_left_out(folder, tmp_path, tiny_mirror, tiny_settings):
    """The script of a group in which the only method fails, and tables of nothing else."""
    count_objects(folder, tmp_path, 2, [SCAN], tiny_mirror, tiny_settings["psf"])
    (tmp_path / "thresholds.ecsv").write_bytes((folder / "thresholds.ecsv").read_bytes())
    with pytest.raises((StudyError, SystemExit)):
        make_tables(tmp_path, groups=(2,), methods=[SCAN])
    assert "no method has flagged any exposure" in (tmp_path / "log").read_text(encoding="utf-8")


def test_figure_shows_the_tables(tables):
    styles = [REPORT / "crstudy.mplstyle", REPORT / "styles/objects.mplstyle"]
    with plt.style.context(styles):
        figure = objects.draw(tables["objects"], tables["purity"], tables["star_alarms"])
        figure.draw_without_rendering()
    size = figure.axes[0]
    rows = pick(tables["objects"], method=NET, threshold_kind=MATCHED, property="n_px")
    lines = drawn(size, figure.legends[0])
    np.testing.assert_allclose(lines["deepCR (zb20)"], 100 * rows["half_px_fraction"])
    assert [tick.get_text() for tick in size.get_xticklabels()][:4] == ["1", "2", "3", "5"]
    title = " ".join(figure.get_suptitle().split())
    assert "L.A.Cosmic failed on 1 exposure," in title
    assert "made-up thresholds" in title
    plt.close(figure)
