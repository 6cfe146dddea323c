"""How far other cosmic rays move the headline numbers: sets, runs and their combination."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from astropy.table import Table, vstack

import csst_ranges
import csst_tables
import systematics
from advice import follow, nothing
from crstudy.config.study import load_config
from crstudy.core.errors import StudyError
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import UNCHANGED
from report_tables import make_tables
from systematics import STUDIES, RaySet, combine, configure, make_sets, measure

SETTINGS = yaml.safe_load(systematics.SETTINGS.read_text(encoding="utf-8"))
RANGES = {"thickness_um": {"low": 10.0, "high": 18.0}, "cosine_power": {"low": 0.0, "high": 2.0}}
MADE_UP = {"ranges": RANGES, "drawn": 8, "repeated": 2, "transplanted": True}
# The range of `cosine_power` counts, not what is fitted.
RESAMPLED = [
    {"slow_fraction": 0.1 + 0.01 * i, "field_free_um": 9 + 0.1 * i, "cosine_power": 9.0}
    for i in range(16)
]


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Make up fits to resampled exposures, of which two parameters grow together."""
    path = tmp_path / "fit.ecsv"
    meta = {"resampled": RESAMPLED[::-1], "given": {"thickness_um": 15.4, "pixel_um": 15.0}}
    meta["parameters"] = {"field_free_um": {"value": 9.2, "low": 9.0, "high": 9.4}}
    table = Table({"statistic": ["charge"]}, meta=meta)
    table.write(path, format="ascii.ecsv")
    monkeypatch.setattr(systematics, "FIT", path)


def test_sets_are_drawn_jointly_over_the_whole_of_each_range(fit):
    sets = make_sets(MADE_UP, seed=1)
    assert [one.name for one in sets[:4]] == ["default", "transplanted", "UVIS silicon", "drawn 1"]
    assert [one.rays for one in sets if one.kind == "repeated"] == [
        {"realisation": 1},
        {"realisation": 2},
    ]
    drawn = [one.rays for one in sets if one.kind == "drawn"]
    for name, ends in RANGES.items():
        values = np.array([rays[name] for rays in drawn])
        eighth = 8 * (values - ends["low"]) / (ends["high"] - ends["low"])
        assert sorted(np.floor(eighth)) == list(range(8))
    # Of each two fits one, its parameters together.
    pairs = sorted((rays["slow_fraction"], rays["field_free_um"]) for rays in drawn)
    assert all(100 * slow - 10 == pytest.approx(10 * um - 90) for slow, um in pairs)
    assert [int(100 * slow - 10 + 1e-6) // 2 for slow, _ in pairs] == list(range(8))
    assert make_sets(MADE_UP, seed=1) == sets
    assert make_sets(MADE_UP, seed=2) != sets


@pytest.mark.parametrize("name", STUDIES)
def test_sets_of_both_studies_are_valid_and_their_ranges_hold_the_default(name):
    study, settings = STUDIES[name], SETTINGS[name]
    sets = make_sets(settings, SETTINGS["seed"])
    assert sum(one.kind == "drawn" for one in sets) >= 6
    for one in sets:
        assert configure(study, one)["dataset"].startswith("systematics-")
    config = load_config(configure(study, sets[0])).model_dump()
    default = config[study.section]["cosmic_rays"]
    for parameter, ends in settings["ranges"].items():
        assert ends["low"] <= default[parameter] <= ends["high"], parameter


def test_transplanted_events_have_modelled_ones_in_their_silicon_to_compare_with(fit):
    of_name = {one.name: one.rays for one in make_sets(MADE_UP, seed=1)}
    assert of_name["transplanted"] == {"source": "transplanted"}
    assert of_name["UVIS silicon"] == {"thickness_um": 15.4, "field_free_um": 9.2}
    names = {one.name for one in make_sets(MADE_UP | {"transplanted": False}, seed=1)}
    assert not names & {"transplanted", "UVIS silicon"}


def test_all_that_is_fitted_is_drawn():
    drawn = next(one for one in make_sets(SETTINGS["acs"], seed=1) if one.kind == "drawn")
    assert set(Table.read(systematics.FIT).meta["parameters"]) <= set(drawn.rays)


def test_thinner_silicon_of_csst_needs_more_rays_to_hit_as_many_pixels():
    default = systematics.csst_rate({})
    assert default == load_config({}).csst.cosmic_rays.rate_per_s_cm2
    assert systematics.csst_rate({"thickness_um": 20.0, "field_free_um": 0.0}) > 1.1 * default


def test_sets_that_need_too_many_rays_are_not_drawn(fit, monkeypatch):
    monkeypatch.setattr(systematics, "csst_rate", lambda rays: 20 / rays["thickness_um"])
    limited = MADE_UP | {"rate": {"low": 1.25, "high": 2.0}, "drawn": 3}
    drawn = [one.rays for one in make_sets(limited, seed=1) if one.kind == "drawn"]
    assert len(drawn) == 3
    assert all(10 <= rays["thickness_um"] <= 16 for rays in drawn)
    assert drawn[0]["rate_per_s_cm2"] == pytest.approx(20 / drawn[0]["thickness_um"], rel=1e-3)
    narrow = partial(make_sets, limited | {"rate": {"low": 3.0, "high": 4.0}}, seed=1)
    wide, problem = partial(make_sets, limited, seed=1), "only 0 sets of CSST fit"
    follow("benchmarks/systematics: widen ranges or rate", narrow, nothing, wide, match=problem)


def values(numbers):
    """Return the numbers of sets, by kind, in percent."""
    rows = [
        {"study": "acs", "set": f"{kind} {i}", "kind": kind, "key": key, "words": key, "unit": "%"}
        | {"value": value, "value_lo": value - 1, "value_hi": value + 1}
        for key, of_kind in numbers.items()
        for kind, some in of_kind.items()
        for i, value in enumerate(some)
    ]
    return Table(rows, meta={"seed": 1})


def test_lowest_and_highest_difference_to_the_default():
    kinds = {"default": [60.0], "transplanted": [57.0], "UVIS silicon": [61.0]}
    kinds |= {"drawn": [64.0, 60.0], "repeated": [62.0]}
    (row,) = combine(values({"a": kinds}))
    assert [row[n] for n in ("value", "value_lo", "value_hi")] == [60, 59, 61]
    assert (row["generator"], row["silicon"]) == (-4, 1)
    assert (row["lowest"], row["highest"]) == (-3, 4)
    assert row["rms"] == pytest.approx(np.sqrt((9 + 1 + 16 + 0) / 4), abs=1e-3)
    assert row["sets"] == 4
    # Two values that differ by 2.
    assert row["noise"] == pytest.approx(2)


def test_the_default_is_one_of_the_sets():
    (row,) = combine(values({"a": {"default": [60.0], "drawn": [62.0, 64.0]}}))
    assert (row["lowest"], row["highest"]) == (0, 4)
    assert np.isnan([row["generator"], row["silicon"]]).all()
    assert np.isnan(row["noise"])


def test_undefined_numbers_are_left_out_and_counted():
    kinds = {"default": [60.0], "drawn": [np.nan, 59.0], "repeated": [np.nan]}
    undefined = {"default": [np.nan], "drawn": [50.0, 59.0], "repeated": [58.0]}
    one, other = combine(values({"a": kinds, "b": undefined}))
    assert (one["lowest"], one["highest"], one["sets"]) == (-1, 0, 1)
    assert other["sets"] == 0
    assert np.isnan([other[name] for name in ("lowest", "highest", "rms", "noise")]).all()


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Let a run of Snakemake write made-up tables; return the commands."""
    commands = []

    def run(words, **_):
        commands.append(words)
        for name in words[3 : words.index("--cores")]:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            make_tables()[path.stem].write(path, format="ascii.ecsv", overwrite=True)
        (path.parents[1] / "exposures").mkdir(exist_ok=True)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(systematics, "ROOT", tmp_path)
    monkeypatch.setattr(systematics.subprocess, "run", run)
    return commands


ONE = RaySet("drawn 1", "drawn", {"cosine_power": 1.2})


def test_a_run_has_its_own_rays_and_leaves_its_tables(runs, tmp_path):
    folder = tmp_path / "results" / "systematics-drawn-1"
    folder.mkdir(parents=True)
    (folder / "of-another-run").touch()
    table = measure(STUDIES["acs"], ONE, cores=2, keep=False, resume=False)
    assert "recall truth 3" in table["key"]
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["simulation"]["cosmic_rays"] == ONE.rays
    assert config["simulation"]["n_groups"] >= 6
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "tables"}
    (words,) = runs
    assert words[-1] == str(folder / "config.yaml")


def test_a_run_keeps_what_it_is_told_to(runs, tmp_path):
    folder = tmp_path / "results" / "systematics-drawn-1"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "finished.ecsv").touch()
    measure(STUDIES["acs"], ONE, cores=2, keep=True, resume=True)
    assert (folder / "exposures").is_dir()
    assert (folder / "tables" / "finished.ecsv").is_file()


def test_a_failed_run_is_one_line(runs, monkeypatch):
    failed = SimpleNamespace(returncode=1)
    run = partial(measure, STUDIES["acs"], ONE, cores=2, keep=False)
    with monkeypatch.context() as patch:
        patch.setattr(systematics.subprocess, "run", lambda *_, **__: failed)
        what, again = "benchmarks/systematics: read ", partial(run, resume=True)
        said = r"^systematics-drawn-1: Snakemake failed\. Fix: .*resume"
        follow(what, partial(run, resume=False), patch.undo, again, match=said)


def test_parameters_that_do_not_exist_are_one_line():
    with pytest.raises(StudyError, match="no_such"):
        configure(STUDIES["acs"], RaySet("drawn 1", "drawn", {"no_such": 1.0}))


def test_ranges_of_csst_change_one_property_at_a_time(monkeypatch):
    monkeypatch.setattr(csst_ranges, "csst_rate", lambda rays: 1.23456)
    runs = list(csst_ranges.make_ranges(SETTINGS["csst_ranges"]))
    assert [runs[i].parameter for i in (0, -2, -1)] == ["default", "repeated", "repeated"]
    default = load_config({}).csst.model_dump()
    for one in runs[1:-2]:
        section = load_config({"csst": one.camera | {"cosmic_rays": one.rays}}).csst.model_dump()
        changed = {k: v for k, v in section.items() if v != default[k]}
        if one.rays:
            rays = changed.pop("cosmic_rays")
            changed = {k: v for k, v in rays.items() if v != default["cosmic_rays"][k]}
            assert changed.pop("rate_per_s_cm2") == 1.235
        assert changed == {one.parameter: one.setting}


def test_numbers_of_a_range_are_pooled_over_fields():
    config = load_config({}).model_dump()
    net, nothing = ("zb20-f606w", UNCHANGED), (ORIGINAL, UNCHANGED)
    fluxes = [{nothing: (0, 9), net: (0, n)} for n in (2, 4, 6)]
    stars = [csst_tables.photometry(one, 1, hit=6)[0] for one in fluxes]
    stars = [one[one["exptime_s"] == 150] for one in stars]
    masks = [csst_tables.mask_counts()[:1] for _ in fluxes]
    for one in masks:
        one["method"], one["remedy"] = net
    other = masks[0].copy()
    other["method"], other["tp"] = "other", 0
    fields = [(vstack([one, other]), two) for one, two in zip(masks, stars, strict=True)]
    numbers = csst_ranges.summarise(fields, config, net[0])
    assert (numbers["recall"], numbers["precision"]) == (0.96, 0.96)
    assert numbers["wrong_uncorrected"] == pytest.approx(0.09)
    assert numbers["wrong_corrected"] == pytest.approx(0.04)
    assert numbers["change"] == pytest.approx(-0.05)
    assert numbers["change_lo"] < -0.05 < numbers["change_hi"] < 0
    assert (numbers["stars"], numbers["hit_stars"]) == (300, 18)
