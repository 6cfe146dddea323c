"""Alignment of real exposures: a nearly empty field, and headerlets."""

import warnings

import pytest
from astropy.io import fits
from stwcs.wcsutil.headerlet import restore_from_headerlet

from crstudy.instrument.wcs import write_cards
from crstudy.reference.align import align_group
from crstudy.reference.astrometric_solutions import read_solutions
from moved_exposures import LIMITS, apply, copy_of, linear, move, verdict


@pytest.fixture
def real(shared, tmp_path):
    """Return copies of eight real exposures, and the originals."""
    originals = {p.name[:9]: p for p in sorted(shared.glob("mast-mirror/**/*_flc.fits"))}
    return {name: copy_of(path, tmp_path) for name, path in originals.items()}, originals


def test_real_exposures_pass_untouched(real, tmp_path):
    paths, originals = real
    table = align_group("g", paths, **LIMITS)
    # The field is sparse: two or three stars, and the minor planet, which moves.
    assert max(table["sources"]) < 10
    assert verdict(table) == "not measured"
    for name, copy in apply(table, paths, tmp_path / "copies").items():
        assert copy.read_bytes() == originals[name].read_bytes()


def test_shift_of_a_real_exposure_of_a_sparse_field_is_not_seen(real):
    paths, _ = real
    move(paths["idsj02b0q"], move_mas=(0.0, 40.0), turn_deg=0, name="IDC_2731450pi-GSC240")
    assert verdict(align_group("g", paths, **LIMITS)) == "not measured"


def test_solution_of_a_real_headerlet(real, tmp_path):
    """Other sky coordinates under another name give way to those that all files offer."""
    paths, originals = real
    move(paths["idsj02b0q"], move_mas=(0.0, 40.0), turn_deg=0)
    table = align_group("g", paths, **LIMITS)
    assert set(table["wcsname"]) == {"IDC_2731450pi-GSC240"}
    assert list(table["exposure"][table["method"] == "headerlet"]) == ["idsj02b0q"]
    for name, copy in apply(table, paths, tmp_path / "copies").items():
        assert linear(copy) == linear(originals[name])
        if name != "idsj02b0q":
            assert copy.read_bytes() == originals[name].read_bytes()


def test_headerlets_are_put_in_force_as_stwcs_does(real, tmp_path, monkeypatch):
    # It writes a log to the current directory.
    monkeypatch.setattr("stwcs.wcsutil.headerlet.init_logging", lambda *_, **__: None)
    paths, _ = real
    path = paths["idsj02axq"]
    by_name = {solution.name: solution for solution in read_solutions(path)}
    assert set(by_name) == {"IDC_2731450pi-GSC240", "IDC_2731450pi"}
    write_cards(path, tmp_path / "ours.fits", by_name["IDC_2731450pi"].cards)
    name = by_name["IDC_2731450pi"].cards[1]["HDRNAME"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        restore_from_headerlet(str(path), hdrname=name, archive=False)
    ours, theirs = (fits.getheader(p, "SCI", 1) for p in (tmp_path / "ours.fits", path))
    # The archive's ORIENTAT lags behind its own CD matrix; ours follows it.
    different = {key for key in {*ours, *theirs} - {""} if ours.get(key) != theirs.get(key)}
    assert different == {"ORIENTAT"}
