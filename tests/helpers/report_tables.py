"""Made-up tables of a small study, and the report's page of them."""

import html
import struct
import zlib
from pathlib import Path

import numpy as np
import yaml
from astropy.table import Table

from crstudy.config.study import Study
from crstudy.reference.alignment_verdict import alignment_table, pool_alignment
from crstudy.report.measured import Results
from crstudy.report.page import embed, make_context, make_environment, render
from crstudy.report.published import compare_published
from method_tables import method_tables
from project import ROOT

REPORT = ROOT / "workflow" / "report"
PUBLISHED = yaml.safe_load((ROOT / "resources" / "published.yaml").read_text(encoding="utf-8"))
BINS = ("all", "16-50", "50-200", "200-400")
FIGURES = [*(f"fig{n}" for n in range(1, 9)), "table1", "accuracy", "inference"]
FIGURES += ["roc", "methods", "strata", "audit", "objects", "reliability"]
NAN = float("nan")
OWN = "stars-acs-wfc"
GALLERY = {"USED": 96, "FLUXSIG": 3.0, "LOW": 0.9, "HIGH": 1.1, "SEED": 7, "FIG4_N": 11}
GALLERY |= {"FIG5_N": 13}
SEEN_BY = {True: "simulated ACS/WFC F606W", False: "ACS/WFC F606W"}


def interval(name, value, half=0.02):
    """Return the columns of a value and its interval."""
    return {name: value, f"{name}_lo": value - half, f"{name}_hi": value + half}


def make_tables(n=4, simulated=True, stars=True, observed_with=None):
    """Return the tables of n groups that confirm the paper; without stars the photometry is empty.

    One group has no intervals.
    """
    meta = {"dataset": "made-up", "observed_with": observed_with or SEEN_BY[simulated]}
    meta |= {"interval": "95 % percentile interval" if n > 1 else "none"}
    half = 0.02 if n > 1 else NAN
    names = [f"g{i:03d}" for i in range(1, n + 1)]
    tables = {
        "table1": _table1(half, simulated, n),
        "groups": _groups(names, meta["observed_with"]),
        "photometry_summary": _summary(names, half, stars),
        "photometry_magnitude": _magnitudes(half, stars),
        "repair": _repair(half, stars),
        "density": _density(names, stars),
        "density_fits": _fits(half, n, stars),
        "stability": _stability(names, simulated),
        "stability_trends": _trends(half, n),
        "sensitivity": _sensitivity(half, stars),
    }
    if simulated:
        tables |= {"star_sample": _sample(), "control": _control(half)}
        tables |= {"systematics": _systematics(), "mixtures": _mixtures()}
        tables["other_nets"] = other_nets()
    else:
        tables["alignment"] = _alignment(names)
    tables |= method_tables(half, simulated)
    tables["training_programmes"] = Table.read(ROOT / "resources/training_programmes.ecsv")
    for table in tables.values():
        table.meta |= meta
    return tables


def make_config(simulated=True):
    """Return the merged configuration of a study."""
    values = {"dataset": "made-up"}
    if not simulated:
        values |= {"source": "mirror", "groups": "groups.tsv"}
    return Study.model_validate(values).model_dump(mode="json")


def set_cells(table, where, **values):
    """Change cells of the rows in which a column has a value."""
    column, value = where
    for name, new in values.items():
        table[name][table[column] == value] = new


def compare(tables):
    """Add the comparison with the published numbers to tables, as a file would give it back."""
    table = compare_published(Results(tables, 0.95), PUBLISHED)
    return tables | {"published_vs_measured": table}


def make_page(tables, simulated, folder):
    """Return the page of tables; its figures are written to `folder`."""
    pictures = {name: embed(write_png(folder / f"{name}.png")) for name in FIGURES}
    provenance = {
        "versions": {"python": "3.11.0", "numpy": "2.4.6"},
        "commit": "0123abcd",
        "weights": [("zb20-f606w", "sdist", "11d67151")],
        "checksums": [("table1.ecsv", "feedbeef")],
        "record": "",
    }
    counts = {"HIT": 6, "CR0": 3, "REF": 1} if simulated else {}
    hits = {f"{figure}_{name}": n for figure in ("FIG4", "FIG5") for name, n in counts.items()}
    config = make_config(simulated)
    gallery = GALLERY | hits
    files = {name: f"tables/{name}.ecsv" for name in tables}
    tables = compare(tables)
    context = make_context(tables, gallery, pictures, config, PUBLISHED, [1024], provenance, files)
    return render(context, REPORT / "report.html.j2", REPORT / "report.css")


def sentences(template, macro, *arguments):
    """Return what a macro of a template says, in one line of plain text."""
    module = make_environment(REPORT).get_template(f"parts/{template}.html.j2").module
    return " ".join(html.unescape(getattr(module, macro)(*arguments)).split())


def write_png(path, width=600, height=300):
    """Write a grey image and return its path."""
    rows = zlib.compress((b"\x00" + b"\xcc" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def _table1(half, simulated, n):
    comparisons = [("zb20-f606w", "reference", 0.0)]
    if simulated:
        of_labels = "astrodrizzle", "reference_vs_truth", -0.1
        comparisons += [("zb20-f606w", "truth", -0.2), of_labels]
        comparisons.append(("zb20-f606w", "truth_with_rims", -0.2))
        comparisons.append(("astrodrizzle", "reference_vs_truth_with_rims", -0.1))
    rows = []
    for model, comparison, shift in comparisons:
        for row in PUBLISHED["table1"]["rows"]:
            head = {"model": model, "comparison": comparison, "region": str(row["region"])}
            head |= interval("precision", row["precision_percent"] / 100, half)
            head |= {"tp": 8000, "fp": 1234, "fn": 567, "groups": n}
            recall = row["recall_percent"] / 100 + shift
            # As many of each in the simulation.
            strata = {"star": recall - 0.1, "extended": recall + 0.1} if simulated else {}
            for stratum, value in ({"all": recall} | strata).items():
                rows.append(head | {"stratum": stratum} | interval("recall", value, half))
    return Table(rows)


def _mixtures():
    """Return mixtures: some not excluded at 3 RMS, none at 20, not tested at 80, in part at 160."""
    strata = {"sky": (NAN, NAN, NAN), "star": (0.2, 0.45, 0.1), "extended": (0.55, 0.8, 0.9)}
    scores = {"recall": 0.801, "precision": 0.702}
    rows = [
        {"region": region, "stratum": stratum, "tested": tested, "not_excluded": kept}
        | {"lowest_weight": low if kept else NAN, "highest_weight": high if kept else NAN}
        | {"nearest_weight": nearest if tested > 1 or (tested and stratum == "star") else NAN}
        | {"actual_weight": 0.0 if stratum == "sky" else 0.62}
        | {f"nearest_{name}": x if tested else NAN for name, x in scores.items()}
        | {"published_recall": 0.855, "published_precision": 0.876}
        for region, tested, kept in (("3", 21, 5), ("20", 21, 0), ("80", 0, 0), ("160", 1, 0))
        for stratum, (low, high, nearest) in strata.items()
    ]
    return Table(rows, meta={"step": 0.05})


def _systematics():
    """Return the systematic of a single headline number."""
    row = {"study": "acs", "key": "recall truth full", "lowest": -3.2, "highest": 1.25}
    differences = {"generator": 1.25, "silicon": -0.4, "rms": 1.5, "noise": 0.51}
    return Table([row | differences | {"sets": 9}])


def other_nets():
    """Return the scores of a net, on each study, that no study ships."""
    numbers = interval("recall", 0.515) | interval("precision", 0.925)
    numbers |= interval("star_cores_flagged", 0.0155) | {"cores": 900, "groups": 4}
    place = {"method": "crnet-gn-16", "field_class": "all", "region": "full", "threshold": 0.5}
    pixels = {"positives": 10000, "flagged_px": 9000}
    return Table(
        [
            {"study": study, "threshold_kind": kind} | place | pixels | numbers
            for study, kind in (("sim", "default"), ("csst", "unchanged"))
        ]
    )


def star_net(dataset, measure, value, half=0.01, change=NAN, method=OWN, **place):
    """Return a row of resources/star_net.ecsv."""
    row = {"mask": "matched", "region": "stars", "stratum": "all"} | place
    row |= interval("value", value, half) | interval("change_zb20", change, half)
    return row | {"dataset": dataset, "measure": measure, "method": method}


def star_nets(half=0.01):
    """Return rows of a net on sim that reaches one aim and misses another, and of one on CSST."""
    recall = {"mask": "matched", "region": "3", "stratum": "star"}
    cores = {"mask": "default"}
    rows = [
        star_net("sim, other PSF", "recall", 0.68, half, 0.23, **recall),
        star_net("sim, other PSF", "recall", 0.45, half, method="zb20-f606w", **recall),
        star_net("sim, other PSF", "recall", 0.99, half, 0.54, "oracle-scene", **recall),
        star_net("sim, other PSF", "star_cores_flagged", 0.0123, 0.001, -0.01, **cores),
        star_net("sim, other PSF", "star_cores_flagged", 0.02, 0.001, method="zb20-f606w", **cores),
        star_net("csst", "recall", 0.88, half, 0.161, **recall),
        star_net("csst", "recall", 0.75, half, 0.032, "stars-csst", **recall),
        star_net("csst", "recall", 0.72, half, method="zb20-f606w", **recall),
    ]
    return Table(rows)


def _groups(names, observed_with):
    return Table(
        {
            "group": names,
            "observed": [f"{2010 + i}-09-15" for i in range(len(names))],
            "mjd": 55440.0 + 365.25 * np.arange(len(names)),
            "exptime": 500.0 + np.arange(len(names)),
            "exposures": [6] * len(names),
            "target": ["FIELD"] * len(names),
            "observed_with": [observed_with] * len(names),
            "label_px": [31415 + i for i in range(len(names))],
            "valid_px": [1000000] * len(names),
            "cr_fraction": [0.031415] * len(names),
            "cr_fraction_per_1000s": np.linspace(0.029, 0.031, len(names)),
        }
    )


def _alignment(names):
    """Return groups of two exposures that are aligned, but for the last one."""
    row = {"wcsname_archive": "I-FIT_REL", "wcsname": "I-FIT_REL"}
    row |= {"method": "as archived", "sources": 90, "matches": 80, "dx": 0.0, "dy": 0.01}
    row |= {"rotation": 0.0, "residual_matches": 80, "cards": {}}
    return pool_alignment(
        [
            alignment_table(
                [
                    row
                    | {"exposure": f"{name}{e}", "compared_with": f"{name}a"}
                    | {"residual_before": r, "residual": r}
                    for e, r in (("a", NAN), ("b", 0.31 if name == names[-1] else 0.0271))
                ],
                name,
                0.1,
                10,
            )
            for name in names
        ],
        "made-up",
    )


def _shares(half, stars):
    counts = {"stars": 16, "measurements": 90, "excluded": 6, "contaminated": 30}
    shares = {"contaminated_fraction": 0.333, "anomalous_fraction": 0.0456}
    shares |= {"outside_10_fraction": 0.10, "inside_3_fraction": 0.55, "rms_trimmed": 0.0123}
    row = counts if stars else dict.fromkeys(counts, 0)
    for name, value in shares.items():
        row |= interval(name, value if stars else NAN, half)
    return row


def _summary(names, half, stars):
    row = {"observed": "2010-09-15", "mjd": 55440.0, "exptime": 500.0} | _shares(half, stars)
    table = Table([{"group": name} | row for name in (*names, "all")])
    table.meta["flux_sigma"] = 3.0
    return table


def _magnitudes(half, stars):
    rows = [
        {"mag_lo": 20, "mag_hi": 21, "image": image, "population": population, "measurements": 9}
        | interval("bias", 0.0271, half)
        | interval("beyond_fraction", 0.4, half)
        | {"scatter": 0.0182}
        for population in ("hit", "free")
        for image in ("original", "masked", "inpaint", "clean")
    ]
    table = Table(rows)[: len(rows) if stars else 0]
    table.meta["reference"] = "flux_scene"
    return table


def _repair(half, stars):
    counts = {"free": 60, "degraded": 2, "hit": 30, "repaired": 21} if stars else {}
    row = dict.fromkeys(("free", "degraded", "hit", "repaired"), 0) | counts
    row |= interval("degraded_fraction", 0.0333 if stars else NAN, half)
    row |= interval("repaired_fraction", 0.7 if stars else NAN, half)
    table = Table([{"area_bin": name} | row for name in BINS])
    table.meta["reference"] = "true cosmic-ray charge"
    return table


def _density(names, stars):
    share = 0.3 if stars else NAN
    return Table(
        [
            {"group": name, "exposure": f"{name}e", "step": step, "cr_fraction": 0.04 * step}
            | {"area_bin": area_bin, "stars": 20 if stars else 0}
            | {"contaminated_fraction": share * step, "anomalous_fraction": share * step}
            for name in names
            for step in (1, 2, 3)
            for area_bin in BINS
        ]
    )


def _fits(half, n, stars):
    values = {"contaminated": (0.99, 0.99, 0.99, 0.99), "anomalous": (0.3, 0.2, 0.35, 0.5)}
    rows = []
    for (test, numbers), at in zip(values.items(), (0.09, 0.14), strict=True):
        for area_bin, value in zip(BINS, numbers, strict=True):
            row = {"quantity": f"{test} {area_bin}", "at_cr_fraction": at}
            row |= {"points": 3 * n if stars else 0, "groups": n if stars else 0}
            row |= {"p_value": 2.6e-5 if stars else NAN}
            row |= interval("pearson_r", 0.87 if stars else NAN, half)
            row |= interval("slope", 7.0 if stars else NAN, 10 * half)
            row |= interval("value_at", value if stars else NAN, half)
            rows.append(row)
    table = Table(rows)
    table.meta |= {"min_stars": 5, "points": "a point is an exposure on a step"}
    return table


def _stability(names, simulated):
    comparisons = ("reference", "truth") if simulated else ("reference",)
    rows = [
        {"group": name, "observed": "2010-09-15", "comparison": comparison, "cr_px": 4321}
        | {"recall": 0.8, "precision": NAN, "f05": 0.81, "f1": 0.82, "f2": 0.83}
        | {"rms_trimmed": 0.01}
        for name in names
        for comparison in comparisons
    ]
    table = Table(rows)
    table.meta["region"] = "pixels of sources above 3 RMS"
    return table


def _trends(half, n):
    rows = [
        {"quantity": quantity, "groups": n, "mean": mean, "std": 0.024 if n > 1 else NAN}
        | interval("slope_per_decade", 0.001 if n > 2 else NAN, half)
        | {"equivalence_per_decade": 0.021 if n > 2 else NAN}
        | {"kendall_tau": 0.1 if n > 2 else NAN, "p_value": 0.75 if n > 2 else NAN}
        for quantity, mean in (
            ("f1 reference", 0.85),
            ("f2 reference", 0.88),
            ("rms_trimmed", 0.02),
        )
    ]
    return Table(rows)


def _sensitivity(half, stars):
    choices = (("as configured", NAN), ("radius_factor", 0.7), ("max_excluded", 0.0))
    return Table(
        [{"parameter": name, "value": value} | _shares(half, stars) for name, value in choices]
    )


def _sample():
    counts = {"n_input": 40, "n_found": 32, "n_sample": 33, "n_star": 32, "n_galaxy": 1}
    row = counts | {"n_spurious": 0, "completeness": 0.8, "purity": 0.9697}
    return Table(
        [{"mag_lo": 20.0, "mag_hi": 21.0} | row, {"mag_lo": NAN, "mag_hi": NAN} | row],
    )


def _control(half):
    row = {"test": "two exposures", "tests": 675, "exceeding": 17, "expected": 0.0339}
    return Table([row | interval("rate", 0.0252, half)])
