"""Made-up tables of a comparison of methods, as `crstudy.report.answers` reads them."""

from itertools import product

from astropy.table import Table

NAN = float("nan")
RATE = 0.0005
REGIONS = ("full", "3", "20")
#: Recall in the full frame and on stars.
RECALLS = {
    "zb20-f606w": (0.95, 0.6, 0.3),
    "lacosmic": (0.8, 0.7, 0.2),
    "median": (0.99, 0.9, NAN),
}
OWN = {"driz_cr_snr": "5.0 1.5", "driz_cr_scale": "1.2 0.7"}
FLAGGED = {"threshold_kind": "matched", "dilation_px": 0}


def interval(name, value, half):
    """Return the columns of a value and its interval."""
    return {name: value, f"{name}_lo": value - half, f"{name}_hi": value + half}


def method_tables(half=0.02, simulated=True):
    """Return the tables by the names of their files; those that need the truth if simulated."""
    comparisons = ("reference", "truth") if simulated else ("reference",)
    tables = {"recall": _recall(half, comparisons)}
    tables["differences"] = _differences(half, comparisons)
    tables["calibration"] = _calibration(half, comparisons)
    if simulated:
        tables |= _audit(half) | _objects(half) | {"method_fluxes": method_fluxes(half)}
    return tables


def _recall(half, comparisons):
    return Table(
        [
            {"method": name, "comparison": comparison, "region": region, "fpr": rate}
            | interval("recall", recall if rate == RATE else 0.1, half)
            | {"positives": 1234}
            for comparison, (name, recalls), rate in product(
                comparisons, RECALLS.items(), (RATE, 0.005)
            )
            for region, recall in zip(REGIONS, recalls, strict=True)
        ]
    )


def _differences(half, comparisons):
    own = RECALLS["zb20-f606w"]
    return Table(
        [
            {"comparison": comparison, "region": region, "method": name, "minus": "zb20-f606w"}
            | {"quantity": "recall", "fpr": RATE}
            | interval("difference", RECALLS[name][i] - own[i], half)
            for comparison, name, (i, region) in product(
                comparisons, ("lacosmic", "median"), enumerate(REGIONS)
            )
        ]
    )


def _calibration(half, comparisons):
    return Table(
        [
            {"method": "zb20-f606w", "comparison": comparison, "region": region}
            | interval("ece", ece, half)
            | {"pixels": 1000, "positives": 20}
            for comparison, (region, ece) in product(
                comparisons, (("full", 0.002), ("sky", 0.001), ("3", 0.03), ("20", 0.2))
            )
        ]
    )


def _audit(half):
    audit = [
        {"median": median, "cleaned_by": "truth", "comparison": "reference_vs_truth"}
        | {"region": region}
        | setting
        | interval("recall", recall, half)
        | {"tp": 95, "fn": 5}
        for median, setting, recalls in (
            ("group", OWN, (0.95, 0.5, 0.25)),
            ("group", OWN | {"driz_cr_scale": "0.3 0.2"}, (0.97, 0.8, 0.6)),
            ("leave_one_out", OWN, (0.96, 0.51, 0.26)),
        )
        for region, recall in zip(REGIONS, recalls, strict=True)
    ]
    corrected = [
        OWN
        | {"estimator": estimator, "region": region, "published_recall": published}
        | interval("recall", recall, half)
        for estimator in ("reclassification", "odds")
        for region, published, recall in (("full", 0.888, 0.92), ("20", 0.742, 0.31))
    ]
    tables = {"audit": Table(audit), "table1_corrected": Table(corrected)}
    for table in tables.values():
        table.meta |= OWN | {"exposures": 4, "interval": "made up"}
    reading = "of the 2 driz_cr_scale tried, 1.2 0.7 comes nearest"
    return tables | {"driz_cr_scale": Table({"rms": [0.4]}, meta={"reading": reading})}


def remedy_tables(half=0.02, comparison="truth"):
    """Return the tables of the remedies: residuals help, a threshold changes nothing."""
    masks = [
        {"remedy": name, "comparison": comparison, "region": region}
        | interval("recall_change", change, half)
        | interval("precision_change", -change / 10, half)
        for name, changes in (
            ("none", (NAN, NAN, NAN)),
            ("region threshold", (0.0, 0.0, 0.0)),
            ("psf residuals", (0.01, 0.06, 0.3)),
        )
        for region, change in zip(REGIONS, changes, strict=True)
    ]
    photometry = [
        {"remedy": name}
        | interval("anomalous_fraction", 0.05 + change, half)
        | interval("anomalous_fraction_change", change, half)
        for name, change in (("none", 0.0), ("region threshold", 0.0), ("psf residuals", -0.02))
    ]
    psf = [
        {"method": "psf residuals", "kind": kind, "amount": amount, "psf_error": error}
        | interval("recall_change", 0.03, half)
        | interval("precision_change", -0.02, half)
        | interval("anomalous_fraction_change", change, half)
        for kind, amount, error, change in (
            ("same table", "", 0.01, -0.03),
            ("jitter", "24 mas", 0.15, 0.01),
        )
    ]
    tables = {"remedy": masks, "remedy_photometry": photometry, "psf_error": psf}
    return {name: Table(rows) for name, rows in tables.items()}


def method_fluxes(half=0.02):
    """Return the fluxes after each method: deepCR repairs, L.A.Cosmic degrades."""
    changes = {"not repaired": NAN, "true mask": -0.09, "zb20-f606w": -0.06, "lacosmic": 0.04}
    changes["median"] = 0.01
    return Table(
        [
            {"method": name, "threshold_kind": kind, "field_class": field_class}
            | {"repaired": 6, "hit": 10, "degraded": 1, "free": 80, "anomalous": 5, "stars": 100}
            | interval("repaired_fraction", 0.6, half)
            | interval("degraded_fraction", 0.0125, half)
            | interval("anomalous_fraction", 0.1 + (0 if name == "not repaired" else change), half)
            | interval("anomalous_fraction_change", change, half)
            for (name, change), kind, field_class in product(
                changes.items(), ("matched", "default"), ("all", "globular_cluster")
            )
        ],
        meta={"interval": "made up"},
    )


def _objects(half):
    return {
        "objects": Table(
            [
                {"method": name, "property": "all"}
                | FLAGGED
                | interval("half_px_fraction", 0.9, half)
                | interval("charge_fraction", 0.8, half)
                for name in RECALLS
            ]
        ),
        "method_scores": Table(
            [
                {"method": name, "threshold_kind": kind, "field_class": field_class}
                | {"region": region, "threshold": 0.875, "positives": 90, "negatives": 10_000}
                | {"flagged_px": 80, "precision_with_rims": 0.5}
                | {"rim_fraction": 0.4, "free_fraction": 0.1}
                | interval("recall", 0.7 if field_class == "all" else 0.4, half)
                | interval("precision", 0.9, half)
                | interval("false_positive_rate", 0.0005, half)
                | interval("width", 1.75, half)
                for name, kind, field_class, region in product(
                    RECALLS, ("matched", "default"), ("all", "globular_cluster"), REGIONS
                )
            ],
            meta={"interval": "made up"},
        ),
        # The median has no threshold with so few false positives.
        "purity": Table(
            [
                {"method": name} | FLAGGED | interval("purity", 0.75, half)
                for name in list(RECALLS)[:2]
            ],
            meta={"thresholds": "matched thresholds: as chosen"},
        ),
        "star_alarms": Table(
            [
                {"method": name, "property": kind, "field_class": field_class}
                | FLAGGED
                | {"threshold": 0.875, "cores": 50}
                | interval("flagged_fraction", 0.07 if kind == "all" else 0.5, half)
                for name, kind, field_class in product(
                    RECALLS, ("all", "mag"), ("all", "globular_cluster")
                )
            ],
            meta={"interval": "made up"},
        ),
    }
