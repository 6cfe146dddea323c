"""The configuration refuses what cannot be, and its documents are those of the models."""

import pytest

from crstudy.config.document import documents
from crstudy.config.groups import read_groups
from crstudy.config.study import ConfigError, Study, load_config
from crstudy.core.errors import StudyError
from project import ROOT


@pytest.mark.parametrize("path", documents())
def test_documents_have_not_drifted(path):
    assert (ROOT / path).read_text(encoding="utf-8") == documents()[path], "run `make config`"


def test_default_yaml_is_the_default():
    import yaml

    assert (
        load_config(yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8")))
        == Study()
    )


@pytest.mark.parametrize("name", ["sim", "uvis-15460"])
def test_shipped_studies_are_valid(name):
    import yaml

    study = load_config(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8")))
    assert study.dataset == name


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"datset": "a"}, ["datset", "unknown key", "dataset, seed"]),
        ({"seed": -1}, ["seed", "-1", "greater than or equal to 0", "default 20230323"]),
        ({"seed": "many"}, ["seed", "'many'", "integer"]),
        ({"seed": True}, ["seed", "True", "is a boolean"]),
        ({"detector": {"threshold": "half"}}, ["detector.threshold", "'half'", "number"]),
        ({"simulation": {"exposures_per_group": 2}}, ["exposures_per_group", "2", "3"]),
        ({"reference": {"driz_cr_grow": 2}}, ["reference.driz_cr_grow", "2", "odd"]),
        ({"detector": {"models": ["deepcr"]}}, ["detector.models.0", "'deepcr'", "zb20-f606w"]),
        ({"detector": {"threshold": 1.5}}, ["detector.threshold", "1.5", "less than or equal"]),
        ({"mask": {"good_dq_bits": [3]}}, ["mask", "3", "power of two"]),
        ({"mask": {"saturation_box_px": 4}}, ["mask", "4", "odd"]),
        ({"source": "http"}, ["archive.http_url"]),
        ({"methods": {"names": ["pych"] * 2}}, ["methods.names", "pych is listed twice"]),
        ({"simulation": {"exptime_min_s": 9e3}}, ["simulation", "9000", "must not exceed"]),
        (
            {"simulation": {"cosmic_rays": {"thickness_um": 0}}},
            ["simulation.cosmic_rays.thickness_um", "0", "greater than 0", "[um]"],
        ),
        ({"metrics": {"truth_sigma": float("nan")}}, ["metrics.truth_sigma", "nan", "finite"]),
        ({"metrics": {"bootstrap_samples": 1e12}}, ["metrics.bootstrap_samples", "100000"]),
        ({"photometry": {"min_radius_px": 1e9}}, ["photometry.min_radius_px", "1000", "[px]"]),
        ({"simulation": {"n_groups": 1e6}}, ["simulation.n_groups", "9999"]),
        ({"simulation": {"chip_width_px": 1e9}}, ["simulation.chip_width_px", "4096"]),
        ({"metrics": {"region_rms": [3.0] * 10**6}}, ["metrics.region_rms", "at most 50"]),
        ({"methods": {"names": ["pych"] * 10**6}}, ["methods.names", "at most 50"]),
        ({"audit": {"n_exposures": [1e6]}}, ["audit.n_exposures.0", "99"]),
        ({"selection": {"last_date": "9999-12-31"}}, ["selection.last_date", "2099-12-31"]),
        ({"dataset": "a" * 300}, ["dataset", "{0,63}"]),
    ],
)
def test_refusals_name_key_value_and_fix(values, expected):
    with pytest.raises(ConfigError) as caught:
        load_config(values)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    assert "Fix: " in message
    for word in expected:
        assert word in message


def test_every_number_date_and_list_has_a_greatest_value():
    endless = []

    def walk(schema, path):
        kind = schema["type"]
        if kind in ("int", "float", "date"):
            bounds = (("ge", "gt"), ("le", "lt"))
            endless.extend(path for names in bounds if not any(name in schema for name in names))
        if kind == "list" and "max_length" not in schema:
            endless.append(path)
        for name, inner in schema.get("fields", {}).items() if kind == "model-fields" else ():
            walk(inner, f"{path}.{name}")
        for inner in (schema.get("schema"), schema.get("items_schema")):
            for one in inner if isinstance(inner, list) else [inner]:
                if one is not None:
                    walk(one, path)

    walk(Study.__pydantic_core_schema__, "study")
    assert not endless


def test_every_problem_gets_its_line():
    with pytest.raises(ConfigError) as caught:
        load_config({"seed": -1, "detector": {"threshold": 2}})
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("group\tdataset\n", "needs the columns group and dataset"),
        ("group,dataset\na,b\n", "needs the columns group and dataset"),
        ("group\tdataset\na\tx\nb\tx\n", r"x is listed twice \(a and b\)"),
        ("group\tdataset\na\tx\na\tx\n", r"x is listed twice \(a\)"),
        ("group\tdataset\na\tx\na\ty\n", r"group a has 2 exposure\(s\), a median needs 3"),
        ("group\tdataset\na\t\n", "not a valid name"),
        ("group\tdataset\na\t../x\n", "not a valid name"),
    ],
)
def test_bad_group_tables(tmp_path, text, expected):
    path = tmp_path / "groups.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=expected):
        read_groups(path)


def test_group_table_of_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "groups.tsv"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_text("group\tdataset\na\tx\na\ty\na\tz\n", encoding=encoding)
        assert read_groups(path) == {"a": ("x", "y", "z")}
    path.write_bytes(b"group\tdataset\na\t\xe9\n")
    with pytest.raises(StudyError, match=r"groups.tsv: is not text in UTF-8. Fix: save it"):
        read_groups(path)
    with pytest.raises(StudyError, match=r"cannot be read \(Is a directory\)"):
        read_groups(tmp_path)


def test_shipped_group_table():
    groups = read_groups(ROOT / "config/groups/uvis-15460.tsv")
    assert list(groups) == ["visit02"]
    assert len(groups["visit02"]) == 8
