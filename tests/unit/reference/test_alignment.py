"""Alignment: exposures whose sky coordinates were moved on purpose come back to the others."""

import html
import re
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import uniform_filter1d
from stwcs.wcsutil.headerlet import Headerlet, HeaderletHDU

from advice import advised, follow
from crstudy.data.exposure import read_images
from crstudy.instrument.wcs import read_wcs, write_cards
from crstudy.reference.align import align_group
from crstudy.reference.alignment_verdict import (
    pool_alignment,
    read_cards,
    why_excluded,
)
from crstudy.reference.astrometric_solutions import LINEAR, read_solutions
from crstudy.simulation.acs import simulate_exposure
from moved_exposures import (
    LIMITS,
    MOVE_MAS,
    MOVED,
    REFERENCE,
    TURN_DEG,
    apply,
    changed,
    copy_of,
    labels,
    linear,
    move,
    row_of,
    true_error_px,
    verdict,
)
from report_tables import make_page, make_tables
from scripts import run_script
from tiny_exposures import TEMPLATES, catalogue


@pytest.fixture(scope="module")
def field(tmp_path_factory, tiny_settings):
    """Return four exposures of a globular cluster, two chips of 448x448 px each."""
    folder = tmp_path_factory.mktemp("field")
    settings = deepcopy(tiny_settings) | {"chip_height_px": 448, "chip_width_px": 448}
    # How exposures lie is known to much less than that.
    settings["registration_rms_px"] = 0.0
    stars, paths = catalogue(1, settings), {}
    for number in (1, 2, 3, 4):
        name = f"jsim0010{number}"
        paths[name] = folder / f"{name}_flc.fits"
        simulate_exposure(
            stars,
            paths[name],
            folder / f"{name}_truth.fits",
            seed=1,
            group=1,
            number=number,
            settings=settings,
            templates=TEMPLATES,
        )
        if name != REFERENCE:
            hide_columns(paths[name], 60)
    return paths


def hide_columns(path, n):
    """Flag the first columns as bad, so that other exposures show more sources."""
    with fits.open(path, mode="update", checksum=True) as hdus:
        for ver in (1, 2):
            hdus["DQ", ver].data[:, :n] |= 4


@pytest.fixture
def group(field, tmp_path):
    """Return copies that a test may change."""
    return {name: copy_of(path, tmp_path) for name, path in field.items()}


def test_well_aligned_exposures_pass_untouched(group, field, tmp_path):
    table = align_group("g", group, **LIMITS)
    assert verdict(table) == "used"
    assert set(table["method"]) == {"as archived"}
    assert set(table["compared_with"]) == {REFERENCE}
    assert list(table["exposure"]) == list(group)
    assert np.isnan(row_of(table, REFERENCE)["residual"])
    others = table[table["exposure"] != REFERENCE]
    assert 0 < max(others["residual"]) < 0.05
    assert_array_equal(table["residual"], table["residual_before"])
    assert min(others["matches"]) > 30
    for name, copy in apply(table, group, tmp_path / "copies").items():
        assert copy.read_bytes() == field[name].read_bytes()


def test_shift_is_measured(group):
    move(group[MOVED], turn_deg=0)
    before = group[MOVED].read_bytes()
    row = row_of(align_group("g", group, **LIMITS), MOVED)
    cd = read_wcs(group["jsim00101"])[1].wcs.cd
    expected = np.linalg.solve(cd, np.array(MOVE_MAS) / 3.6e6)
    assert np.hypot(*expected) == pytest.approx(0.7, abs=0.05)
    assert_allclose((row["dx"], row["dy"]), expected, atol=0.03)
    assert row["residual_before"] == pytest.approx(np.hypot(*expected), abs=0.05)
    assert row["rotation"] == pytest.approx(0, abs=0.002)
    assert group[MOVED].read_bytes() == before


def test_moved_and_turned_exposure_comes_back(group, field, tmp_path):
    move(group[MOVED])
    table = align_group("g", group, **LIMITS)
    row = row_of(table, MOVED)
    assert row["rotation"] == pytest.approx(TURN_DEG, abs=0.002)
    assert row["residual_before"] > 1
    assert 0 < row["residual"] < 0.1
    # Half of the sources in common made the fit, the others judge it.
    assert 10 <= row["residual_matches"] <= 0.6 * row["matches"]
    assert (row["method"], row["wcsname_archive"]) == ("aligned", "MOVED")
    assert verdict(table) == "used"
    copies = apply(table, group, tmp_path / "copies")
    assert np.abs(true_error_px(group[MOVED], field[MOVED])).max() > 1
    assert np.abs(true_error_px(copies[MOVED], field[MOVED])).max() < 0.1
    assert read_solutions(copies[MOVED])[0].name == row["wcsname"] == f"MOVED-FIT_REL_{REFERENCE}"
    for name in set(field) - {MOVED}:
        assert copies[name].read_bytes() == field[name].read_bytes()


def test_data_and_other_headers_stay(group, tmp_path):
    with fits.open(group[MOVED], mode="update") as hdus:
        hdus["SCI", 1].header["ORIENTAT"] = 12.0
    cards = {1: {"CD1_2": 1e-5, "CD2_2": 1e-5, "WCSNAME": "NEW"}}
    out = tmp_path / "out.fits"
    group[MOVED].chmod(0o444)
    write_cards(group[MOVED], out, cards)
    # Opening a file with a wrong checksum is a warning, and so an error here.
    with fits.open(group[MOVED]) as old, fits.open(out, checksum=True) as new:
        difference = fits.FITSDiff(
            old, new, ignore_keywords=["CHECKSUM"], ignore_comments=["DATASUM"]
        )
        report = difference.report()
        assert new["SCI", 1].header["ORIENTAT"] == pytest.approx(45)
        assert len(old) == len(new)
        assert_array_equal(old["SCI", 1].data, new["SCI", 1].data)
    for key in ("CD1_2", "CD2_2", "WCSNAME", "ORIENTAT"):
        assert f"Keyword {key}" in report.replace(" " * 4, "")
    assert report.count("Keyword ") == 4
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".part")] == []


def test_labels_of_the_aligned_group_are_those_of_the_unmoved_one(group, field, tmp_path):
    three = [name for name in field if name != "jsim00104"]
    paths = {name: group[name] for name in three}
    move(group[MOVED])
    copies = apply(align_group("g", paths, **LIMITS), paths, tmp_path / "copies")
    expected = labels({name: field[name] for name in three}, tmp_path / "unmoved")
    # Tolerance: of the label pixels 2 % may differ, for the 0.02 px that a fit leaves.
    assert np.abs(true_error_px(copies[MOVED], field[MOVED]).mean(axis=0)).max() < 0.02
    assert changed(labels(copies, tmp_path / "aligned"), expected) < 0.02
    assert changed(labels(paths, tmp_path / "moved"), expected) > 0.05


def test_what_no_fit_removes_is_a_residual(group):
    """The residual after a fit is not small by construction."""
    move(group[MOVED], turn_deg=0, scale=1.0007)
    table = align_group("g", group, **LIMITS)
    row = row_of(table, MOVED)
    assert row["residual"] > 0.3
    why = why_excluded(table)
    assert f"group g: excluded, none of its pixels is valid: {MOVED} lies" in why
    advised("reference/alignment_verdict: drop the group, or raise alignment.max_residual_px", why)
    assert verdict(align_group("g", group, **LIMITS | {"max_residual_px": 1.0})) == "used"


def test_fit_needs_sources_for_itself_and_for_its_judgement(group):
    move(group[MOVED], turn_deg=0)
    matches = row_of(align_group("g", group, **LIMITS), MOVED)["matches"]
    table = align_group("g", group, max_residual_px=0.1, min_matches=matches - 5)
    row = row_of(table, MOVED)
    assert row["matches"] == matches
    assert row["method"] == "as archived"
    assert row["residual"] == row["residual_before"] > 0.6
    assert verdict(table) == "excluded"


def test_reference_exposure_of_another_solution(group, field, tmp_path):
    """All others then follow it: what matters is that they lie on one another."""
    move(group[REFERENCE], turn_deg=0)
    table = align_group("g", group, **LIMITS)
    expected = ["as archived" if name == REFERENCE else "aligned" for name in group]
    assert list(table["method"]) == expected
    assert verdict(table) == "used"
    copies = apply(table, group, tmp_path / "copies")
    errors = [true_error_px(copies[name], field[name]).mean(axis=0) for name in field]
    assert np.ptp(errors, axis=0).max() < 0.06
    assert min(np.hypot(*np.transpose(errors))) > 0.6


def headerlet(path, name, kind="-SIP", distortion="model"):
    """Return a headerlet with the sky coordinates that an exposure has now."""
    main = fits.PrimaryHDU()
    named = {"HDRNAME": f"{path.stem}_{name}", "DATE": "2020-01-01", "WCSNAME": name}
    main.header.update(named | {"DISTNAME": distortion, "NPOLFILE": "N/A", "D2IMFILE": "N/A"})
    parts = [main]
    with fits.open(path) as hdus:
        for ver in (1, 2):
            part = fits.ImageHDU(name="SIPWCS", ver=ver)
            part.header.update({key: hdus["SCI", ver].header[key] for key in LINEAR})
            part.header.update({"TG_ENAME": "SCI", "TG_EVER": ver, "CTYPE1": f"RA---TAN{kind}"})
            parts.append(part)
    return HeaderletHDU.fromheaderlet(Headerlet(parts))


def test_common_solution_of_the_headerlets_is_chosen(group, field, tmp_path):
    for number, (name, path) in enumerate(group.items()):
        true = [headerlet(path, "IDC_x-FIT_REL_GAIA"), headerlet(path, "IDC_x")]
        other = [
            headerlet(path, "IDC_x-FIT_SVM_GAIA", distortion="another"),
            headerlet(path, "OPUS-FIT_SVM", kind=""),
        ]
        if name != MOVED:
            other.append(headerlet(path, "IDC_x-FIT_SVM_GAIAe"))
        move(path, move_mas=(10.0 * number, 0.0), name=f"IDC_x-FIT_IMG_{number}")
        with fits.open(path, mode="update") as hdus:
            hdus[0].header["DISTNAME"] = "model"
            hdus.readall()
            hdus.extend([*other, *reversed(true)])
    table = align_group("g", group, **LIMITS)
    assert set(table["wcsname"]) == {"IDC_x-FIT_REL_GAIA"}
    assert set(table["method"]) == {"headerlet"}
    assert verdict(table) == "used"
    for name, copy in apply(table, group, tmp_path / "copies").items():
        assert linear(copy) == linear(field[name])
        assert fits.getval(copy, "HDRNAME", "SCI", 2) == f"{copy.stem}_IDC_x-FIT_REL_GAIA"
        assert_array_equal(fits.getdata(copy, "SCI", 2), fits.getdata(field[name], "SCI", 2))


@pytest.mark.parametrize("shift_deg", [0.1, 120.0, 180.0])
def test_exposures_apart_are_excluded(group, shift_deg):
    with fits.open(group[MOVED], mode="update") as hdus:
        for ver in (1, 2):
            hdus["SCI", ver].header["CRVAL1"] += shift_deg
    table = align_group("g", group, **LIMITS)
    assert row_of(table, MOVED)["matches"] == 0
    assert_lost(table, MOVED)


def trail(path):
    """Smear the image along the rows, as if the telescope had drifted by 21 px."""
    with fits.open(path, mode="update") as hdus:
        for ver in (1, 2):
            hdus["SCI", ver].data = uniform_filter1d(hdus["SCI", ver].data, 21)


def empty(path):
    """Take all stars and cosmic rays away."""
    with fits.open(path, mode="update") as hdus:
        for ver in (1, 2):
            hdus["SCI", ver].data[:] = np.random.default_rng(ver).normal(30, 5, (448, 448))


LOST = "reference/alignment_verdict: drop the exposure, or the group"
SPOIL = {
    # Further than is looked for, by 70 px of 50 mas.
    "70 px off": lambda path: move(path, (3500.0, 0.0), turn_deg=0, name="SIMULATED"),
    "turned by 1 deg": lambda path: move(path, turn_deg=1.0, name="SIMULATED"),
    "trailed": trail,
    "without stars": empty,
}


@pytest.mark.parametrize(
    ("exposure", "how"),
    [
        *((name, how) for name in ("jsim00101", MOVED) for how in SPOIL),
        (REFERENCE, "trailed"),
        (REFERENCE, "without stars"),
    ],
)
def test_lost_exposure_excludes_its_group(group, exposure, how):
    """What is too far off, or too poor, to be measured is worse than what can be."""
    SPOIL[how](group[exposure])
    table = align_group("g", group, **LIMITS)
    assert set(table["wcsname"]) == {"SIMULATED"}
    assert list(table["exposure"]) == list(group)
    assert_lost(table, exposure)
    del group[exposure]
    assert verdict(align_group("g", group, **LIMITS)) == "used"


def assert_lost(table, exposure):
    """Assert that one exposure is the reason to exclude the group, and that the others agree."""
    others = table[(table["exposure"] != exposure) & (table["exposure"] != table["compared_with"])]
    assert len(others) == 2
    assert max(others["residual"]) < 0.05
    row = row_of(table, exposure)
    reference = row_of(table, row["compared_with"])
    assert np.isnan(row["residual"])
    assert why_excluded(table) == (
        f"group g: excluded, none of its pixels is valid: {exposure} has {row['matches']} of the "
        f"{reference['sources']} sources of {reference['exposure']}, too few to tell how it lies. "
        f"Fix: {LOST.partition(': ')[2]}"
    )


@pytest.mark.parametrize("how", ["70 px off", "turned by 1 deg"])
def test_lost_reference_exposure_excludes_its_group(group, how):
    """All others are lost then, and which one is off cannot be told."""
    SPOIL[how](group[REFERENCE])
    table = align_group("g", group, **LIMITS)
    assert set(table["compared_with"]) == {REFERENCE}
    assert np.isnan(table["residual"]).all()
    why, sources = why_excluded(table), row_of(table, REFERENCE)["sources"]
    assert f"no other exposure has more than {max(table['matches'])} of the {sources} sou" in why
    advised("reference/alignment_verdict: drop the exposures that are off, or the group", why)
    del group[REFERENCE]
    assert verdict(align_group("g", group, **LIMITS)) == "used"


def test_one_exposure_and_bad_pixels(group):
    with fits.open(group[MOVED], mode="update") as hdus:
        hdus["SCI", 1].data[::7] = np.nan
        hdus["DQ", 2].data[:] = 4
    table = align_group("g", {MOVED: group[MOVED]}, **LIMITS)
    assert (verdict(table), len(table), table["matches"][0]) == ("not measured", 1, 0)


def test_missing_sky_coordinates(group, field, tmp_path):
    fits.delval(group[MOVED], "CD1_1", "SCI", 2)
    what = "reference/astrometric_solutions: use a calibrated _flc.fits file"
    align = partial(align_group, "g", group, **LIMITS)
    use = partial(copy_of, field[MOVED], tmp_path)
    follow(what, align, use, match=rf"{MOVED}_flc.fits: has no sky coordinates .CD1_1.")


def test_tables_keep_what_is_needed(group, tmp_path):
    """Sky coordinates lose no digit on their way through the table."""
    move(group[MOVED])
    table = align_group("g", group, **LIMITS)
    table.write(tmp_path / "g.ecsv")
    again = Table.read(tmp_path / "g.ecsv")
    for name in group:
        assert read_cards(again, name) == read_cards(table, name)
    assert bool(read_cards(again, MOVED))
    assert again.meta == table.meta
    few = align_group("few", {"jsim00101": group["jsim00101"]}, **LIMITS)
    worse = again.copy()
    worse["verdict"] = ["excluded"] * len(worse)
    worse["residual"], worse.meta["group"] = 0.4, "bad"
    pooled = pool_alignment([again, few, worse], "made-up")
    assert list(dict.fromkeys(pooled["group"])) == ["g", "few", "bad"]
    assert "cards" not in pooled.colnames
    assert all(column.description for column in pooled.columns.values())
    assert str(pooled["residual"].unit) == "pix"
    largest = np.nanmax(again["residual"])
    assert say(pooled, tmp_path) == (
        "in 1 group positions agree within 0.1 px; "
        "in 1 group some exposures share too few, and the archive’s astrometry is used; "
        "1 group could not be aligned within 0.1 px and is excluded (bad); "
        f"the largest residual used is {largest:.2f} px; "
        "2 exposures received a new astrometric solution."
    )
    alone = pool_alignment([few], "made-up")
    assert say(alone, tmp_path) == (
        "in 1 group some exposures share too few, and the archive’s astrometry is used; "
        "0 exposures received a new astrometric solution."
    )


def say(alignment, folder):
    """Return what the report of a study says of its alignment, in one line of plain text."""
    page = make_page(make_tables(simulated=False) | {"alignment": alignment}, False, folder)
    text = " ".join(html.unescape(page).replace("\u00a0", " ").split())
    return re.search(r"the sources that they share: (.*? astrometric solution\.)", text)[1]


@pytest.mark.parametrize("excluded", [False, True])
def test_no_pixel_of_an_excluded_group_counts(group, tmp_path, excluded):
    if excluded:
        move(group[MOVED], turn_deg=0, scale=1.0007)
    align_group("g", group, **LIMITS).write(tmp_path / "g.ecsv")
    inputs = {"exposures": list(group.values()), "alignment": tmp_path / "g.ecsv"}
    settings = {"good_dq_bits": [4096], "saturation_e": 70000.0, "saturation_box_px": 7}
    output, log = {0: tmp_path / "mask"}, tmp_path / "log"
    run_script("mask_pixels", inputs, output, {"settings": settings}, log)
    warnings = [
        line for line in log.read_text(encoding="utf-8").splitlines() if " WARNING " in line
    ]
    assert len(warnings) == excluded
    assert all(words in " ".join(warnings) for words in ["group g: excluded", MOVED] * excluded)
    for name in group:
        masks = read_images(tmp_path / "mask" / f"{name}_good.fits", "GOOD").values()
        assert all(mask.any() == (not excluded) for mask in masks)
