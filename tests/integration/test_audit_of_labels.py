"""The audit within the study: from the files of a group to tables and figure."""

import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from advice import follow
from crstudy.config.study import ConfigError, Study, load_config
from crstudy.data.chips import Truth, exposure_files
from crstudy.data.exposure import read_exposure, read_images, write_images
from crstudy.data.star_regions import star_regions
from crstudy.data.strata import Stratum
from crstudy.figures import audit
from crstudy.metrics.names import COMPARISONS, WITH_RIMS, all_strata
from crstudy.metrics.scores import count_pixels
from crstudy.reference.audit import (
    CELLS,
    GROUP,
    LEAVE_ONE_OUT,
    DrizCrSetting,
    combine_settings,
    read_known_chips,
)
from crstudy.reference.audit_table import outcomes
from crstudy.reference.driz_cr import driz_cr
from crstudy.reference.labels import write_reference
from figure_tables import drawn
from project import ROOT
from scripts import run_script
from synthetic_exposures import READ_NOISE_E, SKY_E, write_group

REPORT = ROOT / "workflow/report"
OWN = DrizCrSetting((5.0, 1.5), (1.2, 0.7))
SCALES = [(1.2, 0.7), (0.3, 0.2)]
LABELS = {"grow_px": 1, "multiples_rms": [3, 10], "background_box_px": 32}
RESAMPLING = {"samples": 100, "confidence": 0.95, "seed": 0}
TRUTH_SIGMA, DARK_E = 3.0, 1.0
NET, THRESHOLD = "zb20-f606w", 0.5
#: Of the chips: far apart, so that one cannot stand for the other.
SKIES_E = {1: 40.0, 2: 9000.0}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the files of a group as the study makes them, medians and probabilities made up."""
    folder = tmp_path_factory.mktemp("group")
    exposures = write_group(folder, n_chips=2, star_e=200000.0)
    rng = np.random.default_rng(2)
    for one in exposures:
        drizzled, known, good, found = {}, {}, {}, {}
        for chip, cr in zip(read_exposure(one.path).chips, one.cosmic_rays, strict=True):
            ver = chip.extver
            # A median of three has less noise, and is a little wrong on the star.
            light = chip.sci - cr - SKY_E
            blot = (SKY_E + np.where(light > 100, 0.95, 0.5) * light).astype(np.float32)
            noise = {"sky_e": SKIES_E[ver], "read_noise_e": READ_NOISE_E}
            drizzled["BLOT", ver], drizzled["OTHERS", ver] = blot, blot + np.float32(30)
            drizzled["CRMASK", ver] = driz_cr(chip.sci, blot, *OWN, **noise)
            drizzled["NOREF", ver] = np.indices(cr.shape)[0] < 4
            known["CR", ver] = cr.astype(np.int32)
            known["SCENE", ver] = np.full(cr.shape, SKY_E, np.float32)
            strata = np.where(light > 100, Stratum.STAR, Stratum.SKY)
            known["STRATUM", ver] = strata.astype(np.uint8)
            good["GOOD", ver] = rng.uniform(size=cr.shape) < 0.98
            values = np.clip((cr > 0) * 0.6 + rng.normal(0.2, 0.1, cr.shape), 0, 1)
            values[5, 20] = np.nan
            found["PROBABILITY", ver] = values.astype(np.float32)
        name = one.path.name.removesuffix("_flc.fits")
        skies = {f"SKY{ver}": sky for ver, sky in SKIES_E.items()}
        noise = {"DARK_E": DARK_E, "RDNOISE": READ_NOISE_E}
        write_images(folder / f"drizzle/{name}_drizzle.fits", drizzled, skies)
        write_images(folder / f"truth/{name}_truth.fits", known, noise)
        write_images(folder / f"mask/{name}_good.fits", good)
        write_images(folder / f"detect/{name}_probability.fits", found)
        product = folder / f"drizzle/{name}_drizzle.fits"
        write_reference(folder / f"reference/{name}_reference.fits", one.path, product)
    paths = [str(one.path) for one in exposures]
    truths = [str(folder / "truth" / Path(p).name.replace("_flc", "_truth")) for p in paths]
    return SimpleNamespace(
        exposures=paths[:2],
        truth=truths[:2],
        reference=str(folder / "reference"),
        good=str(folder / "mask"),
        probability=[str(folder / "detect")],
    )


@pytest.fixture(scope="module")
def cells(files, tmp_path_factory):
    """Return the product of audit_labels, read from its file."""
    folder = tmp_path_factory.mktemp("audit")
    params = {"own": [list(OWN.snr), list(OWN.scale)], "driz_cr_snr": [], "driz_cr_scale": SCALES}
    params |= {"models": [NET], "threshold": THRESHOLD, "truth_sigma": TRUTH_SIGMA}
    params |= {"labels": LABELS}
    run_script("audit_labels", vars(files), {0: folder / "g.ecsv"}, params, folder / "log")
    return Table.read(folder / "g.ecsv")


def test_settings_of_the_reference_come_first_and_once():
    settings = combine_settings(OWN, [(3.5, 3.0), (5.0, 1.5)], SCALES)
    assert settings[0] == OWN
    assert len(settings) == len(set(settings)) == 4
    assert combine_settings(OWN, [], []) == [OWN]
    assert combine_settings(OWN, [[5.0, 1.5]], [[1.2, 0.7]]) == [OWN]


def test_own_labels_are_those_of_the_reference(files, cells):
    """All that Table 1 is made of, counted from the files of the reference."""
    expected, pixels = {}, {}
    for path, truth_path in zip(files.exposures, files.truth, strict=True):
        name = read_exposure(path).name
        reference = f"{files.reference}/{name}_reference.fits"
        label, clean, holes = (read_images(reference, n) for n in ("LABEL", "CLEAN", "NOREF"))
        good = read_images(f"{files.good}/{name}_good.fits", "GOOD")
        maps = read_images(f"{files.probability[0]}/{name}_probability.fits", "PROBABILITY")
        cr, scene = read_images(truth_path, "CR"), read_images(truth_path, "SCENE")
        for ver in (1, 2):
            counted = (good[ver] > 0) & (holes[ver] == 0) & np.isfinite(maps[ver])
            known = Truth(cr[ver], scene[ver], DARK_E, READ_NOISE_E)
            truth, rims = known.cosmic_rays(TRUTH_SIGMA), known.rims(TRUTH_SIGMA)
            found = maps[ver] > THRESHOLD
            regions = star_regions(clean[ver], counted, [3, 10], 32)
            for region, area in {"full": counted, "3": regions[3], "10": regions[10]}.items():
                for comparison, pair in (
                    ("reference", (found, label[ver] > 0)),
                    ("truth", (found, truth)),
                    ("reference_vs_truth", (label[ver] > 0, truth)),
                ):
                    with_rims = f"{comparison}{WITH_RIMS}"
                    for name, inside in ((comparison, area & ~rims), (with_rims, area)):
                        used = area if comparison == "reference" else inside
                        counts = count_pixels(*pair, counted & used)[:3]
                        expected[region, name] = np.add(
                            expected.get((region, name), 0), counts
                        ).tolist()
                pixels[region] = pixels.get(region, 0) + (counted & area).sum()
    assert expected["full", "reference"][0] > 500
    own = cells[
        (cells["median"] == GROUP)
        & (cells["driz_cr_scale"] == "1.2 0.7")
        & (cells["cleaned_by"] == "reference")
    ]
    parts, own = own[own["stratum"] != "all"], all_strata(own)
    assert list(own["region"]) == ["full", "3", "10"]
    for row in own:
        counts = np.array([row[name] for name in CELLS])
        assert counts.sum() == pixels[row["region"]] > 100
        for comparison in COMPARISONS:
            assert outcomes(counts, comparison).tolist() == expected[row["region"], comparison]
        here = parts[parts["region"] == row["region"]]
        assert [sum(here[name]) for name in CELLS] == counts.tolist()
    assert sum(parts["none"][parts["stratum"] == "star"]) > 100


def test_file_of_cells_has_each_setting_and_median_once(cells):
    # All pixels, and each of four strata.
    assert len(cells) == 2 * 2 * 2 * 3 * 5
    assert set(cells["median"]) == {GROUP, LEAVE_ONE_OUT}
    assert list(dict.fromkeys(cells["driz_cr_scale"])) == ["1.2 0.7", "0.3 0.2"]
    assert cells.meta == {"observed_with": ["simulated ACS/WFC F606W"], "exposures": 2}
    full = cells[cells["region"] == "full"]
    assert len({sum(row[name] for name in CELLS) for row in all_strata(full)}) == 1
    assert cells["tld"].unit == "pix"


def test_reference_without_its_sky_is_refused(files, tmp_path):
    name = read_exposure(files.exposures[0]).name
    with fits.open(f"{files.reference}/{name}_reference.fits") as hdus:
        assert hdus[0].header["SKY2"] == SKIES_E[2]
        assert ("OTHERS", 2) in hdus
        del hdus[0].header["SKY2"]
        hdus.writeto(tmp_path / f"{name}_reference.fits")
    (one,) = exposure_files(files.exposures[:1], tmp_path, files.good, files.truth[:1])
    what, name = "reference/audit: delete ", f"{name}_reference.fits"
    again = partial(shutil.copy, Path(files.reference, name), tmp_path / name)
    assert len(follow(what, lambda: list(read_known_chips(one, {}, TRUTH_SIGMA)), again)) == 2


@pytest.fixture(scope="module")
def tables(cells, tmp_path_factory):
    """Return the products of make_audit for two groups, read from their files."""
    folder = tmp_path_factory.mktemp("tables")
    other = cells.copy()
    for name in CELLS:
        other[name] = 2 * other[name]
    paths = []
    for number, table in enumerate((cells, other)):
        paths.append(folder / f"{number}.ecsv")
        table.write(paths[-1])
    names = ("audit", "corrected", "scale")
    output = {name: folder / f"{name}.ecsv" for name in names}
    params = {"own": [list(pair) for pair in OWN], "dataset": "made-up", "model": NET}
    inputs = {"counts": paths, "published": ROOT / "resources/published.yaml"}
    run_script("make_audit", inputs, output, params | {"resampling": RESAMPLING}, folder / "log")
    return [Table.read(output[name]) for name in names]


def test_tables_say_what_they_rest_on(tables):
    audit, corrected, scale = tables
    for table in tables:
        assert table.meta["dataset"] == "made-up"
        assert table.meta["observed_with"] == "simulated ACS/WFC F606W"
        assert table.meta["exposures"] == 4
        assert (table.meta["driz_cr_snr"], table.meta["driz_cr_scale"]) == ("5.0 1.5", "1.2 0.7")
        assert "bootstrap" in table.meta["interval"]
    assert len(audit) == 2 * 2 * 2 * 3 * 5 * 5
    assert set(corrected["region"]) == {"full", "3", "10"}
    assert list(scale["driz_cr_scale"]) == ["1.2 0.7", "0.3 0.2"]
    best = scale[np.argmin(scale["distance"])]
    reading = scale.meta["reading"]
    assert f"of the 2 driz_cr_scale tested, {best['driz_cr_scale']}, the " in reading
    assert f"difference is {100 * best['rms']:.0f} percentage points" in reading


@pytest.fixture
def draw():
    """Return a function that draws the figure in its style."""
    figures = []

    def draw_in_style(*tables):
        with plt.style.context([REPORT / "crstudy.mplstyle", REPORT / "styles/audit.mplstyle"]):
            figures.append(audit.draw(*tables))
            figures[-1].draw_without_rendering()
        return figures[-1]

    return draw_in_style


def legends_of(figure):
    """Return the legends of both halves."""
    return [part.legends[0] for part in figure.subfigs]


def test_figure_shows_the_tables(tables, draw):
    audit, corrected, _ = (table.copy() for table in tables)
    # As if the simulation reproduced the paper.
    corrected["reproduced"] = True
    corrected["recall"] = corrected["precision"] = np.linspace(0.2, 0.9, len(corrected))
    figure = draw(audit, corrected)
    (recall, _, row_recall, row_precision), legends = figure.axes, legends_of(figure)
    assert len(drawn(recall, legends[0])) == 3
    rows = audit[
        (audit["comparison"] == "reference_vs_truth")
        & (audit["cleaned_by"] == "truth")
        & (audit["median"] == LEAVE_ONE_OUT)
        & (audit["driz_cr_scale"] == "1.2 0.7")
        & (audit["stratum"] == "all")
    ]
    without_itself = drawn(recall, legends[0])["this study, leave-one-out median"]
    assert without_itself == pytest.approx(100 * rows["recall"])
    for axis, score in ((row_recall, "recall"), (row_precision, "precision")):
        own = corrected[corrected["driz_cr_scale"] == "1.2 0.7"]
        own = all_strata(own[own["estimator"] == "reclassification"])
        lines = drawn(axis, legends[1])
        assert len(lines) == 5
        assert lines["paper, corrected to the truth"] == pytest.approx(
            100 * own[score], nan_ok=True
        )
        paper = next(line for label, line in lines.items() if "Lin et al." in label)
        assert paper[0] == pytest.approx({"recall": 88.8, "precision": 95.0}[score])
    title = " ".join(figure.get_suptitle().split())
    assert "made-up (simulated ACS/WFC F606W)" in title


def test_figure_without_leave_one_out_and_without_intervals(tables, draw):
    audit, corrected, _ = (table.copy() for table in tables)
    audit = audit[audit["median"] == GROUP]
    for table in (audit, corrected):
        for name in ("recall", "precision"):
            table[f"{name}_lo"] = table[f"{name}_hi"] = np.nan
    figure = draw(audit, corrected)
    legends = legends_of(figure)
    assert len(drawn(figure.axes[0], legends[0])) == 2
    assert not corrected["reproduced"].any()
    assert len(drawn(figure.axes[2], legends[1])) == 3
    assert "not reproduced, hence not corrected" in figure.get_suptitle()


def test_configuration_of_the_audit():
    values = {"audit": {"driz_cr_scale": [[0.5, 0.4]], "leave_one_out": True}}
    assert load_config(values).audit.driz_cr_scale == [(0.5, 0.4)]
    assert not Study().audit.leave_one_out
    with pytest.raises(ConfigError, match=r"audit\.leave_one_out needs a combine_type other than"):
        load_config(values | {"reference": {"combine_type": "minmed"}})
    with pytest.raises(ConfigError, match=r"audit\.driz_cr_snr"):
        load_config({"audit": {"driz_cr_snr": [[5.0]]}})
