"""Paired differences of the CSST study, and what becomes of exposures without a map."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack

from crstudy.csst.differences import ANOMALOUS, difference_table
from crstudy.csst.photometry import count_stars
from crstudy.csst.scores import ALL, count_variants
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED, choose_variants
from crstudy.data.exposure import write_images
from crstudy.data.score_maps import write_scores
from crstudy.metrics.names import FULL
from csst_tables import (
    FLUXES,
    NET,
    USUAL,
    counts,
    mask_counts,
    photometry,
    sources,
    stars,
    whole_field,
)
from project import ROOT
from scripts import run_script

RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 1}
#: One field in which L.A.Cosmic finds less, and one in which the net does.
SCANS = ([(-np.inf, 20, 1000), (6.0, 80, 20)], [(-np.inf, 40, 1000), (6.0, 60, 40)])
WORSE = [(-np.inf, 50, 900), (0.2, 0, 60), (0.5, 50, 100)]


def field(net, scan):
    """Return the pixels of a field at 150 s; L.A.Cosmic may be missing."""
    return vstack([counts("zb20-f606w", net), *([counts("lacosmic", scan)] if scan else [])])


def differences(fields, fluxes=FLUXES, n_fields=3):
    variants = choose_variants([whole_field()], USUAL)
    masks = [count_variants(one, variants) for one in fields]
    stars = [count_stars(one, 3.0) for one in photometry(fluxes, n_fields)]
    table = difference_table(masks, stars, variants, RESAMPLING)
    keys = ("method", "remedy", "minus_method", "minus_remedy", "exptime_s", "quantity")
    return {tuple(row[name] for name in keys): row for row in table}, table


def test_methods_are_compared_on_fields_that_both_have():
    both = [field(NET, SCANS[0]), field(NET, SCANS[1])]
    rows, _ = differences([*both, *both, field(WORSE, None)])
    where = ("lacosmic", UNCHANGED, "zb20-f606w", UNCHANGED, 150.0)
    row = rows[(*where, "recall")]
    # The net finds everything in the first four fields; the fifth does not count for it either.
    assert row["difference"] == pytest.approx((80 + 60) / 200 - 1)
    assert (row["difference_lo"], row["difference_hi"]) == pytest.approx((-0.4, -0.2))
    assert row["fields"] == 4
    assert rows[(*where, "precision")]["difference"] == pytest.approx(140 / 200 - 0.5)
    assert (*where, ANOMALOUS) not in rows


def test_tuned_variants_are_compared_with_the_unchanged_one():
    parts = (
        {("zb20-f606w", UNCHANGED): (0, n), ("zb20-f606w", THRESHOLD): (0, 1)} for n in (3, 5, 3, 5)
    )
    variants = choose_variants([whole_field()], USUAL)
    masks = [count_variants(field(net, SCANS[0]), variants) for net in (NET, WORSE, NET, WORSE)]
    stars = [count_stars(vstack(photometry(one, 1)), 3.0) for one in parts]
    table = difference_table(masks, stars, variants, RESAMPLING)
    (row,) = [
        r
        for r in table
        if (r["remedy"], r["exptime_s"], r["quantity"]) == (THRESHOLD, 150.0, ANOMALOUS)
    ]
    assert (row["method"], row["minus_method"], row["minus_remedy"], row["fields"]) == (
        *("zb20-f606w", "zb20-f606w", UNCHANGED),
        4,
    )
    ends = [row[f"difference{end}"] for end in ("", "_lo", "_hi")]
    assert ends == pytest.approx([-0.03, -0.04, -0.02])
    assert {r["remedy"] for r in table if r["method"] == "lacosmic"} == {UNCHANGED, THRESHOLD}
    assert table["exptime_s"].unit == "s"


def test_difference_without_variation_has_no_interval():
    rows, table = differences([field(NET, SCANS[0])] * 3)
    row = rows["zb20-f606w", THRESHOLD, "zb20-f606w", UNCHANGED, 150.0, "recall"]
    assert row["difference"] == pytest.approx(-0.05)
    assert np.isnan([row["difference_lo"], row["difference_hi"]]).all()
    assert "none where its ends would be the same" in table.meta["interval"]


def test_method_alone_is_compared_with_no_correction_only():
    variants = choose_variants([whole_field()], {"zb20-f606w": 0.5})[:1]
    masks = [count_variants(whole_field(), variants)]
    stars = [count_stars(*photometry(FLUXES, 1), 3.0)]
    table = difference_table(masks, stars, variants, RESAMPLING)
    assert {tuple(row) for row in table["minus_method", "minus_remedy"]} == {(ORIGINAL, UNCHANGED)}
    found = {(row["exptime_s"], row["quantity"]): row["difference"] for row in table}
    assert found[150.0, ANOMALOUS] == pytest.approx(0.04 - 0.09)
    alone = [one[one["method"] != ORIGINAL] for one in stars]
    assert len(difference_table(masks, alone, variants, RESAMPLING)) == 0


#: Fraction of stars that are wrong, by chance: without correction and with two methods.
WRONG = {
    (ORIGINAL, UNCHANGED): 0.3,
    ("zb20-f606w", UNCHANGED): 0.2,
    ("zb20-f606w", THRESHOLD): 0.1,
    ("lacosmic", THRESHOLD): 0.25,
}
KINDS = ("globular_cluster", "extragalactic", "globular_cluster", "globular_cluster")


def drawn_stars(rng, kind):
    """Return the same stars of a field on several images, of which some are wrong by chance."""
    hit, n = 15, 40
    parts = []
    for (method, remedy), rate in WRONG.items():
        part = stars(method, remedy, 150.0, 0, n, hit, kind)
        part["flux"][rng.uniform(size=n) < rate] += 50.0
        parts.append(part)
    return vstack(parts)


def test_differences_are_those_counted_star_by_star():
    rng = np.random.default_rng(7)
    fields = [drawn_stars(rng, kind) for kind in KINDS]
    variants = choose_variants([whole_field()], USUAL)
    masks = [count_variants(whole_field(), variants)] * len(fields)
    counted = [count_stars(one, 3.0) for one in fields]
    table = difference_table(masks, counted, variants, RESAMPLING)
    draws = np.random.default_rng(RESAMPLING["seed"]).integers(0, 4, (RESAMPLING["samples"], 4))
    among = {
        "anomalous_fraction": lambda t: t["flux"] == t["flux"],
        "anomalous_hit_fraction": lambda t: t["cr_true"] > 3 * t["sigma"],
        "anomalous_free_fraction": lambda t: t["cr_true"] == 0,
    }
    seen = 0
    for row in table[np.isin(table["quantity"], list(among))]:
        one, other = (row["method"], row["remedy"]), (row["minus_method"], row["minus_remedy"])
        parts = []
        for field, kind in zip(fields, KINDS, strict=True):
            pair = []
            for item in (one, other):
                some = field[(field["method"] == item[0]) & (field["remedy"] == item[1])]
                some = some[among[row["quantity"]](some)]
                used = row["field_class"] in (ALL, kind)
                pair.append(((some["flux"] != 100).sum() * used, len(some) * used))
            parts.append(pair)
        counts_of = np.array(parts, dtype=float)

        def difference(sums):
            return sums[0, 0] / sums[0, 1] - sums[1, 0] / sums[1, 1]

        assert row["difference"] == pytest.approx(difference(counts_of.sum(axis=0)))
        sampled = [counts_of[draw].sum(axis=0) for draw in draws]
        values = [difference(sums) for sums in sampled if sums[:, 1].all()]
        assert row["undefined_samples"] == len(draws) - len(values)
        ends = np.percentile(values, [2.5, 97.5])
        ends = ends if np.ptp(ends) > 1e-9 else [np.nan, np.nan]
        assert [row["difference_lo"], row["difference_hi"]] == pytest.approx(
            list(ends), nan_ok=True
        )
        assert row["fields"] == (4 if row["field_class"] == ALL else 3)
        seen += 1
    # Tuned and unchanged net to no correction and to L.A.Cosmic, L.A.Cosmic to no correction, and
    # the net's tuning: three quantities in all fields and in clusters.
    assert seen == 6 * 3 * 2


NAMES = ("csst001-0150", "csst001-0600")
SHAPE = (64, 64)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a field, on which two of six maps are missing."""
    rng = np.random.default_rng(1)
    label = rng.uniform(size=SHAPE) < 0.02
    score = np.where(label, np.float32(0.9), np.float32(0.1))
    for name in NAMES:
        header = {"EXPTIME": float(name[-4:]), "TARGNAME": "EXTRAGALACTIC", "INSTRUME": "MSC"}
        primary = fits.PrimaryHDU(header=fits.Header(header | {"DETECTOR": "CCD", "FILTER": "r"}))
        primary.writeto(tmp_path / f"{name}_flc.fits")
        clean = rng.normal(0, 2, SHAPE).astype(np.float32)
        images = {("LABEL", 1): label, ("CLEAN", 1): clean, ("NOREF", 1): np.zeros(SHAPE, bool)}
        write_images(tmp_path / f"{name}_reference.fits", images, {"OBSERVED": "made up"})
        write_images(tmp_path / f"{name}_good.fits", {("GOOD", 1): np.ones(SHAPE, bool)})
        # The row above a cosmic ray is its rim.
        charge = 900 * label + 5 * (np.roll(label, 1, axis=0) & ~label)
        images = {("CR", 1): charge.astype(np.int32), ("SCENE", 1): clean + 100}
        images["STRATUM", 1] = np.zeros(SHAPE, np.uint8)
        write_images(tmp_path / f"{name}_truth.fits", images, {"DARK_E": 0.0, "RDNOISE": 5.0})
    for method, gone in (("net", NAMES[:1]), ("scan", NAMES[1:])):
        (tmp_path / method).mkdir(parents=True)
        for name in NAMES:
            maps = {} if name in gone else {1: 10 * score if method == "scan" else score}
            write_scores(tmp_path / f"{method}/{name}_score.fits", maps, "" if maps else "no sky")
    return tmp_path


def count(folder):
    source = {
        "exposures": [folder / f"{name}_flc.fits" for name in NAMES],
        "truth": [folder / f"{name}_truth.fits" for name in NAMES],
        "reference": folder,
        "good": folder,
        "scores": [folder / "net", folder / "scan"],
    }
    params = {
        "modules": {"zb20-f606w": None, "lacosmic": "lacosmic"},
        "usual": USUAL,
        "star_rms": 3.0,
        "background_box_px": 32,
        "truth_sigma": 3.0,
    }
    run_script("count_csst", source, {0: str(folder / "counts.parquet")}, params, folder / "log")


def test_missing_exposures_are_named_and_carried_through(folder):
    count(folder)
    missing = {"zb20-f606w": ["csst001-0150"], "lacosmic": ["csst001-0600"]}
    counted = Table.read(folder / "counts.parquet")
    assert counted.meta["missing"] == missing
    # Of the two maps that are there, every pixel is a cosmic ray, a rim or neither.
    full = counted[counted["region"] == FULL]
    assert full["positives"].sum() + full["negatives"].sum() + full["rims"].sum() == 2 * 64 * 64
    above = full["threshold"] >= np.where(full["method"] == "lacosmic", 1.1, 0.2)
    assert full["rims"][above].sum() == 0 < full["rims"].sum()
    other = whole_field()
    for name, gone in (("other", {}), ("validation", {"lacosmic": ["csst003-0150"]})):
        other.meta = {"missing": gone, "observed_with": ["made up"]}
        other.write(folder / f"{name}.parquet")
    for number, part in enumerate(photometry(FLUXES, 2)):
        part.write(folder / f"{number}_photometry.parquet")
    vstack([sources(*key, 5, 1) for key in FLUXES]).write(folder / "catalogue.parquet")
    inputs = {
        "validation": [folder / "validation.parquet"],
        "counts": [folder / "counts.parquet", folder / "other.parquet"],
        "photometry": [folder / f"{number}_photometry.parquet" for number in (0, 1)],
        "catalogues": [folder / "catalogue.parquet"],
        "masks": [folder / f"{number}_masks.parquet" for number in (0, 1)],
        "published": ROOT / "resources/published_csst.yaml",
    }
    for number in (0, 1):
        mask_counts().write(folder / f"{number}_masks.parquet")
    names = ("scores", "photometry", "limits", "differences", "masks", "bias", "catalogue")
    output = {name: str(folder / f"{name}.ecsv") for name in names}
    params = {"dataset": "made-up", "usual": USUAL, "flux_sigma": 3.0, "resampling": RESAMPLING}
    params["pixel_scale_arcsec"] = 0.074
    paths = output | {"verdict": str(folder / "csst.md")}
    run_script("measure_csst", inputs, paths, params, folder / "log")
    for name in names:
        meta = Table.read(output[name]).meta
        assert meta["missing"] == missing | {"lacosmic": ["csst003-0150", "csst001-0600"]}
    assert "against no correction" in (folder / "csst.md").read_text(encoding="utf-8")
