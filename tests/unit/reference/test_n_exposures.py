"""Scores against the number of exposures behind the labels, by brute force on made-up files."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table

from advice import advised
from crstudy.config.groups import few_exposures
from crstudy.config.study import ConfigError, load_config
from crstudy.data.chips import ExposureFiles
from crstudy.data.exposure import read_exposure, read_images, write_images
from crstudy.figures import n_exposures as figure
from crstudy.metrics.names import FULL
from crstudy.reference import first_labels
from crstudy.reference.first_labels import label_from_first
from crstudy.reference.n_exposures import COLUMNS, count_by_number, score_numbers
from figure_tables import drawn
from scripts import run_script
from synthetic_exposures import write_group

NET = "zb20-f606w"
SETTINGS = {"threshold": 0.5, "truth_sigma": 3.0, "region_rms": [3.0], "background_box_px": 32}
RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 1}


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    """Return an exposure by the number of exposures behind its labels, and the folder of a net."""
    folder, rng = tmp_path_factory.mktemp("group"), np.random.default_rng(5)
    path = write_group(folder, shape=(64, 96))[0].path
    name, (chip,) = path.name.removesuffix("_flc.fits"), read_exposure(path).chips
    shape, ver = chip.sci.shape, chip.extver
    files = {}
    for n, edge in ((3, 9), (4, 2)):
        reference = {("LABEL", ver): rng.uniform(size=shape) < 0.1 / n}
        reference["NOREF", ver] = np.indices(shape)[1] < edge
        reference["CLEAN", ver] = chip.sci
        write_images(folder / f"{n}/{name}_reference.fits", reference, {"OBSERVED": "camera"})
        files[n] = ExposureFiles(path, folder / f"{n}", folder / "mask")
    write_images(folder / f"mask/{name}_good.fits", {("GOOD", ver): rng.uniform(size=shape) < 0.9})
    found = rng.uniform(size=shape).astype(np.float32)
    found[4, 20:40] = np.nan
    write_images(folder / f"detect/{name}_probability.fits", {("PROBABILITY", ver): found})
    return files, folder / "detect"


def test_every_number_is_counted_on_the_same_pixels(exposure):
    files, detect = exposure
    rows = {row[:4]: row[5:] for row in count_by_number(files, detect, NET, **SETTINGS)}
    label, holes = (
        {n: read_images(one.reference_file, kind)[1] > 0 for n, one in files.items()}
        for kind in ("LABEL", "NOREF")
    )
    good = read_images(files[3].good / f"{files[3].name}_good.fits", "GOOD")[1] > 0
    found = read_images(detect / f"{files[3].name}_probability.fits", "PROBABILITY")[1]
    for n in files:
        expected = [0, 0, 0, 0]
        for place in np.ndindex(good.shape):
            if good[place] and not holes[3][place] and not holes[4][place]:
                if np.isnan(found[place]):
                    continue
                flagged = found[place] > 0.5
                expected[(0 if flagged else 2) if label[n][place] else (1 if flagged else 3)] += 1
        assert list(rows[n, NET, "reference", FULL]) == expected
    assert sum(rows[3, NET, "reference", FULL]) == sum(rows[4, NET, "reference", FULL])
    assert {row[3] for row in rows} == {FULL, "3"}


def test_labels_come_from_the_first_exposures(tmp_path, monkeypatch):
    """AstroDrizzle sees the first n; three are labelled."""
    seen, written = [], []
    monkeypatch.setattr(
        first_labels, "drizzle_group", lambda group, paths, *_, **more: seen.append((paths, more))
    )
    monkeypatch.setattr(
        first_labels, "write_reference", lambda path, exposure, _: written.append((path, exposure))
    )
    paths = [Path(f"e{i}_flc.fits") for i in range(6)]
    label_from_first(4, "g", paths, tmp_path / "4", tmp_path / "log", {"driz_cr_grow": 1})
    assert seen == [(paths[:4], {"driz_cr_grow": 1})]
    names = [tmp_path / f"4/e{i}_reference.fits" for i in range(3)]
    assert written == list(zip(names, paths[:3], strict=True))


def counts(recall_of):
    """Return the counts of a group by number: pixels found of ten on stars, of a hundred in all."""
    rows = [
        (n, NET, "reference", region, "all", px * recall, 2, px * (10 - recall), 100)
        for n, recall in recall_of.items()
        for region, px in ((FULL, 10), ("3", 1))
    ]
    return Table(rows=rows, names=COLUMNS, meta={"observed_with": ["camera"]})


def test_groups_are_pooled_by_number_and_drawn():
    table = score_numbers(
        [counts({3: 9, 8: recall}) for recall in (5, 6, 7)], RESAMPLING, "made-up"
    )
    rows = {(row["n_exposures"], row["region"]): row for row in table}
    assert rows[3, FULL]["recall"] == 0.9
    assert rows[8, FULL]["recall"] == 0.6
    assert (rows[8, "3"]["tp"], rows[8, "3"]["fn"], rows[8, "3"]["groups"]) == (18, 12, 3)
    assert rows[8, FULL]["recall_lo"] < 0.6 < rows[8, FULL]["recall_hi"]
    one = score_numbers([counts({3: 9, 8: 5})], RESAMPLING, "made-up")
    page = figure.draw(one, table)
    labels = [text.get_text() for text in page.legends[0].get_texts()]
    assert labels == ["deepCR against the labels, simulated", "deepCR against the labels, real"]
    lines = drawn(page.axes[0], page.legends[0])
    assert lines[labels[0]] == pytest.approx([90, 60])
    assert lines[labels[1]] == pytest.approx([90, 50])
    assert len(page.axes[1].lines) == 0
    assert "points without 100 labelled pixels are omitted" in page.get_suptitle().replace(
        "\n", " "
    )
    plt.close("all")


def test_more_exposures_than_there_are_is_refused():
    with pytest.raises(ConfigError, match=r"audit.n_exposures 8 exceeds simulation.exposures_per"):
        load_config({"audit": {"n_exposures": [3, 8]}})
    with pytest.raises(ConfigError, match="greater than or equal to 3"):
        load_config({"audit": {"n_exposures": [2]}})


def test_many_small_groups_are_said_in_one_line():
    words = few_exposures({f"g{i}": 3 for i in range(9)} | {"large": 6})
    assert words.startswith("g0, g1, g2 and 6 more: fewer than the paper's 6 exposures")
    assert "\n" not in words


def test_no_group_has_as_many_exposures(tmp_path):
    """Real groups may be smaller than audit.n_exposures asks for."""
    counts({3: 9, 8: 5}).write(tmp_path / "counts.ecsv")
    params = {"numbers": [3, 99], "resampling": RESAMPLING, "dataset": "made-up"}
    log, output = tmp_path / "log", {0: tmp_path / "table.ecsv"}
    with pytest.raises(SystemExit):
        run_script("make_n_exposures", {"counts": []}, output, params, log)
    line = log.read_text(encoding="utf-8")
    advised("scripts/reference/make_n_exposures: lower its largest number, or leave it out", line)
    run_script("make_n_exposures", {"counts": [tmp_path / "counts.ecsv"]}, output, params, log)
    assert output[0].is_file()
