"""What messages about the configuration and group tables advise helps."""

import hashlib
from functools import partial
from pathlib import Path

import pytest
import yaml

from advice import advised, follow, nothing
from crstudy.config.groups import read_groups
from crstudy.config.registry import Method
from crstudy.config.study import ConfigError, load_config


def settings(text):
    """Return settings from pairs of key and value in YAML."""
    values = {}
    for key, _, value in (one.partition("=") for one in text.split()):
        *sections, last = key.split(".")
        inner = values
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = yaml.safe_load(value)
    return values


@pytest.mark.parametrize("text", ["seed=-1", "detector.threshold=2", "source=web", "groups=5"])
def test_default_that_is_advised_is_accepted(text):
    with pytest.raises(ConfigError) as caught:
        load_config(settings(text))
    advice = advised("config/study: give ", caught.value).rstrip(".")
    default = advice.rpartition("; default ")[2].replace("None", "null")
    load_config(settings(f"{text.partition('=')[0]}={default}"))


NEEDS = "config/study: change one of these values"
HTTP = "source=http archive.http_url=https://example.org/hst"


@pytest.mark.parametrize(
    ("what", "refused", "accepted"),
    [
        ("config/study: remove it, or use one of: ", "datset=a", ""),
        ("config/study: remove it, or use one of: ", "datset=a", "dataset=a"),
        ("config/study: set archive.http_url", "source=http", HTTP),
        ("config/study: see config/README.md", "detector=5", "detector.threshold=0.5"),
        (NEEDS, "methods.names=[oracle-scene] source=mirror", "methods.names=[oracle-scene]"),
        (NEEDS, "audit.n_exposures=[3,8]", "audit.n_exposures=[3]"),
        ("config/sections: give a number or a text", "seed=true", "seed=1"),
        (
            "config/sections: give an odd side",
            "mask.saturation_box_px=4",
            "mask.saturation_box_px=5",
        ),
        ("config/sections: give single bits", "mask.good_dq_bits=[3]", "mask.good_dq_bits=[1,2]"),
        ("config/sections: keep one", "methods.names=[pych,pych]", "methods.names=[pych]"),
        ("config/csst: keep one", "csst.exptimes_s=[150,150]", "csst.exptimes_s=[150]"),
    ],
)
def test_settings(what, refused, accepted):
    first, then = (partial(load_config, settings(text)) for text in (refused, accepted))
    follow(what, first, nothing, then)


def test_nets_of_the_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = {"name": "mine", "path": "net.pth", "sha256": hashlib.sha256(b"net").hexdigest()}
    put = partial(Path("net.pth").write_bytes, b"net")

    def load(**changes):
        return load_config({"methods": {"own": [net | changes]}})

    follow("config/sections: put the weights of ", load, put)
    Path("net.pth").write_bytes(b"other")
    follow("config/sections: get the right file, or set sha256", load, put)
    other = {"sha256": hashlib.sha256(b"other").hexdigest()}
    Path("net.pth").write_bytes(b"other")
    what = "config/sections: get the right file, or set sha256"
    follow(what, load, nothing, partial(load, **other))
    put()
    del net["sha256"]
    given = hashlib.sha256(b"net").hexdigest()
    follow("config/study: give sha256", load, nothing, partial(load, sha256=given))


HEAD = "group\tdataset\n"
GOOD = HEAD + "a\tx\na\ty\na\tz\n"


@pytest.mark.parametrize(
    ("what", "text", "better"),
    [
        ("config/groups: separate columns by a tab", GOOD.replace("\t", ","), GOOD),
        ("config/groups: rename the group", GOOD.replace("a\t", "all\t"), GOOD),
        ("config/groups: keep one row of it", GOOD + "a\tx\n", GOOD),
        ("config/groups: add exposures to the group or drop it", GOOD + "b\tu\n", GOOD),
        (
            "config/groups: add exposures to the group or drop it",
            GOOD + "b\tu\n",
            GOOD + "b\tu\nb\tv\nb\tw\n",
        ),
        ("config/groups: use letters, digits and hyphens", GOOD + "a\t../x\n", GOOD + "a\tx-1\n"),
        ("config/groups: write it, or set the configuration key groups", None, GOOD),
        ("config/groups: make it a readable file", "folder", GOOD),
        ("config/groups: save it as UTF-8, with tabs between columns", "\xe9", GOOD),
    ],
)
def test_group_tables(tmp_path, what, text, better):
    path = tmp_path / "groups.tsv"
    if text == "folder":
        path.mkdir()
    elif text is not None:
        path.write_text(text, encoding="latin-1")

    def act():
        if path.is_dir():
            path.rmdir()
        path.write_text(better, encoding="utf-8")

    assert follow(what, lambda: read_groups(path), act)["a"][:3] == ("x", "y", "z")


def test_a_method_of_ones_own():
    entry = partial(Method, label="x", citation="y", unit="electrons")
    what = "config/registry: give the score from which its authors flag a pixel"
    follow(what, entry, nothing, partial(entry, default_threshold=5.0))
