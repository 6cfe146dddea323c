"""Tables that agree with the paper, and what the comparison says about changed ones."""

from itertools import product

import numpy as np
from astropy.table import Table

from crstudy.report.measured import Results
from crstudy.report.published import compare_published
from report_tables import NAN, PUBLISHED, interval

BINS = ("16-50", "50-200", "200-400")


def agreeing_tables(n=4):
    """Return tables of n groups that agree with the paper; one group has no intervals."""
    half = 0.02 if n > 1 else NAN
    names = [f"g{i:03d}" for i in range(1, n + 1)]
    rng = np.random.default_rng(1)
    groups = [
        {"group": name, "mjd": 55440.0 + 800 * i, "exposures": 6, "cr_fraction_per_1000s": rate}
        for i, (name, rate) in enumerate(zip(names, np.linspace(0.028, 0.032, n), strict=True))
    ]
    return {
        "table1": table1_of(n, half),
        "groups": Table(groups),
        "photometry_summary": summary_of(names, half),
        "density": density_of(names, rng),
        "density_fits": fits_of(n, half),
        "stability": stability_of(names, rng),
        "stability_trends": trends_of(n, half),
    }


def as_real(tables):
    """Return the tables as if the exposures were real."""
    tables["table1"].meta["observed_with"] = "ACS/WFC F606W"
    return tables


def table1_of(n, half):
    """Return Table 1 with the scores of the paper, and those of another model."""
    rows = []
    for row in PUBLISHED["table1"]["rows"]:
        scores = interval("recall", row["recall_percent"] / 100, half)
        scores |= interval("precision", row["precision_percent"] / 100, half)
        head = {"model": "zb20-f606w", "comparison": "reference", "region": str(row["region"])}
        rows.append(head | scores | {"tp": 800, "fp": 100, "fn": 100, "groups": n})
    other = [row | {"model": "other", "recall": 0.1} for row in rows]
    meta = {"dataset": "test", "observed_with": "simulated ACS/WFC F606W"}
    return Table([*rows, *other], meta=meta)


def summary_of(names, half):
    """Return the photometry of each group and of all."""
    fractions = {
        **interval("outside_10_fraction", 0.10, half),
        **interval("inside_3_fraction", 0.55, half),
    }
    contaminated = [*np.linspace(0.2, 0.6, len(names) + 1)[:-1], 0.4]
    return Table(
        [
            {"group": name, "contaminated_fraction": fraction, "contaminated": 100, **fractions}
            for name, fraction in zip([*names, "all"], contaminated, strict=True)
        ]
    )


def density_of(names, rng):
    """Return fractions that rise with that of cosmic rays; one step has no stars of one size."""
    rows, x = [], np.linspace(0.01, 0.14, 8)
    for name, (step, cr) in product(names, enumerate(x)):
        row = {"group": name, "exposure": f"{name}e", "step": step, "cr_fraction": cr}
        for area_bin in ("all", *BINS):
            y = 3 * cr + 0.12 * rng.normal()
            empty = (area_bin, step) == ("50-200", 0)
            y, stars = (NAN, 0) if empty else (y, 30)
            fractions = {"contaminated_fraction": y, "anomalous_fraction": y}
            rows.append(row | {"stars": stars, "area_bin": area_bin} | fractions)
    return Table(rows)


def fits_of(n, half):
    """Return fits of the fractions of stars."""
    fits = [
        fit("contaminated all", 0.86, 7e-16, 0.09, 0.98, half),
        fit("anomalous 16-50", 0.80, 2e-6, 0.14, 0.20, half),
        fit("anomalous 50-200", 0.95, 2e-12, 0.14, 0.40, half),
        fit("anomalous 200-400", 0.88, 1e-8, 0.14, 0.50, half),
    ]
    return Table([row | {"groups": n} for row in fits], meta={"min_stars": 5})


def fit(quantity, r, p, at, value, half):
    """Return a row of the fits."""
    row = {"quantity": quantity, "points": 24, "p_value": p, "at_cr_fraction": at}
    return row | interval("pearson_r", r, half) | interval("value_at", value, half)


def stability_of(names, rng):
    """Return the RMS of each group."""
    return Table(
        [
            {"group": name, "comparison": comparison, "rms_trimmed": 0.02 + 0.001 * rng.uniform()}
            for comparison in ("reference", "truth")
            for name in names
        ]
    )


def trends_of(n, half):
    """Return means, spreads and slopes of the groups."""
    spread = NAN if n == 1 else 1.0
    return Table(
        [
            {"quantity": quantity, "groups": n, "mean": mean, "std": std * spread}
            | interval("slope_per_decade", 0.001, half)
            for quantity, mean, std in [
                ("f1 reference", 0.85, 0.024),
                ("f2 reference", 0.88, 0.021),
                ("rms_trimmed", 0.02, 0.001),
            ]
        ]
    )


def compare(tables, published=PUBLISHED):
    """Return the comparison of tables with the paper."""
    return compare_published(Results(tables, 0.95), published)


def row_of(table, key):
    """Return the row of a number by its key in published.yaml."""
    number = next(number for number in PUBLISHED["numbers"] if number["key"] == key)
    rows = table[(table["quantity"] == number["quantity"]) & (table["place"] == number["place"])]
    assert len(rows) == 1
    return rows[0]


def table1_verdict(changed, score):
    """Return the verdict on a score in the full frame."""
    table = compare(changed)
    return table["verdict"][table["quantity"] == f"{score} in the full frame"][0]


def verdict(changed, key):
    """Return the verdict on a number by its key."""
    return row_of(compare(changed), key)["verdict"]
