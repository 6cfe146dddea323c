"""Tables of the model card have the values, changes and thresholds of the kept table."""

from astropy.table import Table

import net_tables
from crstudy.report.nets import CSST, FIELDS
from net_tables import Line, measures, thresholds
from report_tables import OWN, star_net

MASK = {"mask": "default"}


def test_measures_have_a_column_per_net_and_signed_changes():
    rows = [
        star_net(CSST, "wrong_fluxes", 0.5, method="zb20-f606w", **MASK),
        star_net(CSST, "wrong_fluxes", 0.25, 0.01, -0.25, **MASK),
        star_net(CSST, "wrong_fluxes", 0.625, 0.01, 0.125, "stars-csst", **MASK),
        star_net(CSST, "wrong_fluxes", 0.75, method="none", **MASK),
        star_net(CSST, "wrong_fluxes", 0.0, method="oracle-scene", **MASK),
        star_net(FIELDS, "wrong_fluxes", 0.9, **MASK),
    ]
    line = Line("wrong ({} without)", "default", "wrong_fluxes")
    head, _, row = measures(Table(rows), CSST, [line]).splitlines()
    columns = ["", "at", "zb20-f606w", OWN, "change", "stars-csst", "change", "oracle"]
    assert head == f"| {' | '.join(columns)} |"
    cells = ["wrong (75.0 without)", "0.5", "50.0 [49.0, 51.0]", "25.0 [24.0, 26.0]"]
    cells += ["−25.0 [−26.0, −24.0]", "62.5 [61.5, 63.5]", "+12.5 [11.5, 13.5]", "0.0"]
    assert row.replace("\u00a0", " ") == f"| {' | '.join(cells)} |"


def test_magnitudes_are_no_percentages_and_a_missing_change_is_a_dash():
    rows = [
        star_net(FIELDS, "bias_hit", -51.4, 8, method="zb20-f606w", **MASK),
        star_net(FIELDS, "bias_hit", -43.6, 6, **MASK),
    ]
    row = measures(Table(rows), FIELDS, [Line("bias", "default", "bias_hit")]).splitlines()[2]
    expected = "| bias | 0.5 | −51 [−59, −43] | −44 [−50, −38] | – |"
    assert row.replace("\u00a0", " ") == expected


def test_thresholds_leave_out_masks_that_were_not_made():
    masks = {"matched": 0.34, "default": 0.5, "strict": 0.9}
    rows = [
        star_net(FIELDS, line.measure, at, mask=mask, region=line.region, stratum=line.stratum)
        | {"threshold": at if mask == "matched" else float("nan")}
        for mask, at in masks.items()
        for line in net_tables.BY_MASK
    ]
    lines = thresholds(Table(rows)).splitlines()[2:]
    assert [line.split(" | ")[2] for line in lines] == ["0.34", "0.5", "0.9"]
    assert "| 90.0 [89.0, 91.0] |".replace("0 [", "0\u00a0[").replace(", ", ",\u00a0") in lines[2]
