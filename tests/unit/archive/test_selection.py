"""Groups drawn from the archive: what is dropped and why, and the draw."""

from collections import Counter

import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time

from archive_rows import (
    CLASSES,
    FRAME,
    KEYWORDS,
    LIMITS,
    PROGRAMMES,
    SETTINGS,
    draw,
    make_archive,
    make_field,
    names,
    screen,
)
from crstudy.archive.footprints import group_fields
from crstudy.archive.screening import (
    Ledger,
    classify,
    full_frame,
    screen_exposures,
)
from crstudy.archive.selection_report import make_group_table, to_markdown
from crstudy.config.groups import read_groups
from crstudy.core.errors import StudyError
from crstudy.deepcr.weights import WEIGHTS
from mast_rows import flc, observation


def dropped(ledger):
    """Return what a ledger has dropped, step by step."""
    return {step: row["dropped"] for step, row in ledger.steps.items() if row["dropped"]}


def sift(products, observations):
    """Return the exposures of a field that may be used, and what was dropped."""
    ledger = Ledger()
    [field] = group_fields(screen(observations), **LIMITS)
    exposures = screen_exposures(products, field, FRAME, 100.0, ledger)
    return {exposure.dataset: exposure.exptime_s for exposure in exposures}, dropped(ledger)


@pytest.fixture(scope="module")
def archive():
    """Return rows of 64 fields, sixteen of a kind, a quarter of them too small."""
    return make_archive(64)


# --- what is dropped and why


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"project": "HAP-SVM"}, "of the mission"),
        ({"project": None}, "of the mission"),
        ({"filters": "F606W;POL0V"}, "one filter"),
        ({"filters": "F814W;CLEAR2L"}, "one filter"),
        ({"filters": None}, "one filter"),
        ({"mtFlag": True}, "fixed target"),
        ({"target_classification": "COMET;SOLAR SYSTEM"}, "field"),
        ({"target_classification": "CALIBRATION;DETECTOR SENSITIVITY TEST"}, "field"),
        ({"dataRights": "EXCLUSIVE_ACCESS"}, "public"),
        ({"t_exptime": 0.0}, "exposed"),
        ({"t_exptime": None}, "exposed"),
        ({"t_min": float("nan")}, "exposed"),
        ({"s_ra": None}, "exposed"),
        ({"s_region": None}, "footprint"),
        ({"s_region": "CIRCLE ICRS 150 2 0.1"}, "footprint"),
        ({"s_region": "POLYGON ICRS 150 2 150.01 2 150.01 2.01 150 2.01"}, "full frame"),
        ({"s_region": "POLYGON ICRS 150 2 150.1 2 150.1 2.1 150 2.1"}, "full frame"),
        ({"obs_id": "../../etc/passwd"}, "named"),
        ({"proposal_id": "12345; rm -rf"}, "named"),
        ({"proposal_id": None}, "named"),
    ],
)
def test_unfit_observations_are_dropped_and_counted(changes, step):
    ledger = Ledger()
    good, bad = observation(1, "jabc01010"), observation(2, "jabc02010") | changes
    assert [o.obsid for o in screen([good, bad], ledger)] == ["1"]
    assert dropped(ledger) == {step: 1}
    assert ledger.steps["found"]["kept"] == 2
    assert ledger.steps[step]["why"]


@pytest.mark.parametrize("filters", ["F606W;CLEAR2L", "F606W", "CLEAR1L;F606W", "F606W; CLEAR2L"])
def test_clear_glass_is_no_filter(filters):
    assert len(screen([observation(1, "jabc01010", filters=filters)])) == 1


def test_older_answers_without_rights_and_flags_are_taken():
    row = observation(1, "jabc01010")
    del row["dataRights"], row["mtFlag"]
    assert len(screen([row])) == 1


def test_an_observation_that_stands_twice_counts_once():
    row, ledger = observation(1, "jabc01010"), Ledger()
    assert len(screen([row, dict(row)], ledger)) == 1
    assert ledger.steps["found"]["kept"] == 1


def test_names_of_targets_are_made_harmless():
    [found] = screen([observation(1, "jabc01010", target_name="A\t|B\n# g001 'x'")])
    assert found.target == "A-B-g001-x-"
    assert screen([observation(1, "jabc01010", target_name=None)])[0].target == "unnamed"


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"project": "HAP-SVM"}, "of CALACS"),
        ({"calib_level": 3}, "of CALACS"),
        ({"obs_id": "../x"}, "known exposures"),
        ({"obs_id": "jabc01aeq;ls"}, "known exposures"),
        ({"dataURI": "mast:HST/product/other_flc.fits"}, "known exposures"),
        ({"dataURI": "file:///etc/passwd"}, "known exposures"),
        ({"parent_obsid": 2}, "known exposures"),
        ({"dataRights": "EXCLUSIVE_ACCESS"}, "public exposures"),
        ({"size": 42_000_000}, "full-frame files"),
        ({"size": None}, "full-frame files"),
    ],
)
def test_unfit_exposures_are_dropped_and_counted(changes, step):
    products = [flc(1, "jabc01aaq"), flc(1, "jabc01aeq") | changes]
    found, lost = sift(products, [observation(1, "jabc01010")])
    assert list(found) == ["jabc01aaq"]
    assert lost == {step: 1}


def test_other_products_are_no_exposures():
    products = [flc(1, "jabc01aaq"), flc(1, "jabc01aaq", productSubGroupDescription="RAW")]
    assert sift(products, [observation(1, "jabc01010")]) == ({"jabc01aaq": 2028.0}, {})


def test_older_product_lists_lack_columns():
    row = flc(1, "jabc01aaq") | {"obsID": "1"}
    for name in ("calib_level", "dataRights", "parent_obsid"):
        del row[name]
    assert sift([row], [observation(1, "jabc01010")]) == ({"jabc01aaq": 2028.0}, {})


def test_exposure_time_is_the_mean_of_the_observation():
    observations = [
        observation(1, "jabc01010", t_exptime=390.0),
        observation(2, "jabc02010", t_exptime=410.0, t_min=55001.0),
    ]
    products = [flc(n, f"jabc0{n}a{letter}q") for n in (1, 2) for letter in "abcd"]
    # Also an exposure that cannot be used has had its part of the time.
    products[0]["size"] = 1
    found, lost = sift(products, observations)
    assert found == {f"jabc02a{letter}q": 102.5 for letter in "abcd"}
    assert list(found) == sorted(found)
    assert lost == {"full-frame files": 1, "long exposures": 3}


def test_an_exposure_of_two_observations_is_one():
    observations = [observation(1, "jabc01010"), observation(2, "jabc01aaq", t_exptime=500.0)]
    products = [flc(2, "jabc01aaq"), flc(1, "jabc01aaq"), flc(1, "jabc01abq")]
    expected = {"jabc01aaq": 1014.0, "jabc01abq": 1014.0}
    for order in (products, products[::-1]):
        found, lost = sift(order, observations)
        assert list(found.items()) == list(expected.items())
        assert lost == {}


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        *KEYWORDS.items(),
        ("STELLAR CLUSTER;OPEN CLUSTER", "other"),
        ("EXT-CLUSTER;GLOBULAR CLUSTER", "resolved_galaxy"),
        ("EXT-STAR;SUPERNOVA TYPE IA", "extragalactic"),
        ("DWARF SPHEROIDAL;GALAXY", "resolved_galaxy"),
        ("GALAXY;SPIRAL", "extragalactic"),
        ("CLUSTER OF GALAXIES;RICH CLUSTER", "extragalactic"),
        ("STAR;WHITE DWARF", "other"),
        ("UNIDENTIFIED;LOW LATITUDE FIELD", "other"),
        ("", "other"),
    ],
)
def test_classes_of_fields(keywords, expected):
    assert classify(set(keywords.split(";")), CLASSES) == expected
    row = observation(1, "jabc01010", target_classification=keywords.title() or None)
    assert screen([row])[0].field_class == expected


def test_other_cameras_are_refused_in_one_line():
    assert full_frame("ACS/WFC F606W")[:2] == ("ACS/WFC", {"F606W"})
    for name in (None, "", "ACS/WFC", "WFC3/UVIS F606W"):
        with pytest.raises(StudyError, match="observed_with"):
            full_frame(name)


def test_programmes_of_the_nets():
    assert set(PROGRAMMES["net"]) == {name for name in WEIGHTS if name.startswith("kwon21")}
    assert set(PROGRAMMES["role"]) == {"train", "test"}
    inside = {"14164", "13375", "13671", "13057", "14343", "13364", "12438", "11586"}
    for net in ("kwon21-f606w", "kwon21-acs-wfc"):
        assert inside <= set(PROGRAMMES["proposal"][PROGRAMMES["net"] == net])


# --- the draw


def test_groups_have_their_size_and_are_in_order_of_date(archive):
    groups = draw(archive)
    assert len(groups) == 8
    assert {len(set(datasets)) for datasets in names(groups)} == {6}
    assert len({name for datasets in names(groups) for name in datasets}) == 48
    starts = [group.exposures[0].observation.start_mjd for group in groups]
    assert starts == sorted(starts)
    # Seven exposures of a field, of which six are drawn: not always the same.
    assert len({name[6] for datasets in names(groups) for name in datasets}) == 4
    assert len({"".join(name[4:7] for name in datasets) for datasets in names(groups)}) > 1


def test_groups_are_spread_over_classes_and_years(archive):
    groups = draw(archive, n_groups=20)
    classes = Counter(group.field[0].field_class for group in groups)
    assert classes == dict.fromkeys(KEYWORDS.values(), 5)
    years = Counter(Time(g.field[0].start_mjd, format="mjd").datetime.year for g in groups)
    assert years == dict.fromkeys(range(2010, 2020), 2)


def test_a_rare_class_does_not_hold_up_the_draw(archive):
    observations, products = archive
    rare = [o for o in observations if o["target_classification"] != "EXT-STAR;HALO"]
    rare += [o for o in observations if o["target_classification"] == "EXT-STAR;HALO"][:4]
    classes = Counter(g.field[0].field_class for g in draw((rare, products), n_groups=20))
    assert classes["resolved_galaxy"] <= 2
    assert sum(classes.values()) == 20


def test_seed_and_only_seed_decides(archive):
    observations, products = archive
    first = names(draw(archive))
    for order in (slice(None, None, -1), slice(None)):
        assert names(draw((observations[order], products[::-1]))) == first
    programmes = [{g.field[0].proposal for g in draw(archive, seed=seed)} for seed in (1, 2)]
    assert programmes[0] != programmes[1]


def test_only_fields_that_come_up_are_looked_at(archive):
    asked, ledger = [], Ledger()
    draw(archive, ledger, asked)
    step = ledger.steps["drawn"]
    assert step["kept"] == 8
    assert len(asked) == step["kept"] + step["dropped"] < 32
    assert step["why"] == "fewer than 6 exposures that may be used"


def test_short_fields_are_not_looked_at():
    asked, ledger = [], Ledger()
    good = make_field(1)
    short = make_field(2, t_exptime=299.9)
    archive = [a + b for a, b in zip(good, short, strict=True)]
    assert len(draw(archive, ledger, asked, n_groups=1)) == len(asked) == 1
    assert dropped(ledger)["exposed enough"] == 1


def test_short_exposures_are_not_drawn():
    ledger = Ledger()
    good = make_field(1)
    short = make_field(2, t_exptime=390.0)
    archive = [a + b for a, b in zip(good, short, strict=True)]
    with pytest.raises(StudyError, match="has 1 of the 2 groups"):
        draw(archive, ledger, n_groups=2)
    assert dropped(ledger)["long exposures"] == 4
    assert dropped(ledger)["drawn"] == 1


def test_no_exposure_is_drawn_twice():
    first, second = make_field(1), make_field(2)
    # The archive lists the exposures of the first field with the second, too.
    second[1][:] = [
        b | {name: a[name] for name in ("obs_id", "dataURI")}
        for a, b in zip(first[1], second[1], strict=True)
    ]
    archive = [a + b for a, b in zip(first, second, strict=True)]
    with pytest.raises(StudyError, match="has 1 of the 2 groups"):
        draw(archive, n_groups=2)


def test_programmes_that_a_scored_net_knows_are_not_drawn():
    archive = [a + b for a, b in zip(make_field(1), make_field(2), strict=True)]
    seen_by = {"12001": {"kwon21-f606w", "kwon21-acs-wfc"}}
    groups = draw(archive, n_groups=2, models=["zb20-f606w"], seen_by=seen_by)
    assert {g.field[0].proposal: g.seen_by for g in groups} == {
        "12001": ("kwon21-acs-wfc", "kwon21-f606w"),
        "12002": (),
    }
    ledger = Ledger()
    models = ["zb20-f606w", "kwon21-f606w"]
    [group] = draw(archive, ledger, n_groups=1, models=models, seen_by=seen_by)
    assert group.field[0].proposal == "12002"
    assert dropped(ledger)["unseen"] == 1


def test_too_few_groups_is_one_line_that_says_why():
    archive = [a + b for a, b in zip(make_field(1), make_field(2, exposures=(3, 2)), strict=True)]
    with pytest.raises(StudyError) as caught:
        draw(archive, n_groups=3)
    message = str(caught.value)
    assert "has 1 of the 3 groups" in message
    assert "(1 field: fewer than 6 exposures that may be used)" in message
    assert "selection.max_days" in message
    assert "\n" not in message


def test_an_empty_archive_has_no_groups():
    with pytest.raises(StudyError, match=r"has 0 of the 8 groups \(no more were found\)"):
        draw(([], []))


# --- what is written


def test_group_table_is_read_back(archive, tmp_path):
    groups = draw(archive, models=["zb20-f606w"], seen_by={"12002": {"kwon21-f606w"}})
    table = make_group_table(groups, "ACS/WFC F606W", SETTINGS, 1)
    path = tmp_path / "groups.tsv"
    table.write(path, format="ascii.tab")
    assert read_groups(path) == {
        f"g{i:03d}": tuple(datasets) for i, datasets in enumerate(names(groups), 1)
    }
    back = Table.read(path, format="ascii.tab", comment="#")
    contract = "group dataset proposal target date exptime ra dec uri field_class seen_by"
    assert back.colnames == contract.split()
    assert set(back["seen_by"]) <= {"none", "kwon21-f606w"}
    assert np.all(back["exptime"] == 500.0)
    assert list(back["date"]) == sorted(back["date"])
    assert all(row["uri"] == f"mast:HST/product/{row['dataset']}_flc.fits" for row in back)
    assert "mean over the exposures" in path.read_text(encoding="utf-8")


def test_report_says_what_was_dropped_and_how_to_pin(archive):
    ledger = Ledger()
    table = make_group_table(draw(archive, ledger), "ACS/WFC F606W", SETTINGS, 1)
    steps = ledger.table()
    text = to_markdown(table, steps, "config/groups/paper.tsv")
    assert "copy groups.tsv to config/groups/paper.tsv, review it, commit it" in text
    for row in steps:
        assert f"| {row['step']} | {row['kept']} | {row['dropped']} | {row['why']} |" in text
    assert text.count("\n| g0") == 8
    assert "globular_cluster 2" in text
