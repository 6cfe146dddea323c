"""Measured values to compare with published ones: the table, row and column of each.

The functions below return lookups. A lookup takes the results and the published number, and
returns a `Measured` in the unit of the published value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table
from scipy import stats

from crstudy.core.formatting import NO_BREAK, plural, with_interval
from crstudy.metrics.bootstrap import MIN_GROUPS
from crstudy.metrics.names import FULL, all_strata

#: The star region nearest to the centres of stars, in the paper's Table 1.
INNERMOST = "160"
#: How the camera of simulated exposures begins.
SIMULATED = "simulated"

Number = Mapping[str, Any]


class NoRowError(Exception):
    """The results contain no such row, for example because no star has that size."""


@dataclass(frozen=True)
class Measured:
    """A measured value with its interval, its sample size, and, if needed, values by group."""

    value: float = np.nan
    lo: float = np.nan
    hi: float = np.nan
    count: int = 0
    count_of: str = ""
    groups: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, row: Any, name: str, count: int = 0, count_of: str = "", scale: float = 1
    ) -> "Measured":
        """Take a column of a row, and its interval if the table has one."""
        columns = getattr(row, "colnames", row)
        names = (f"{name}{end}" for end in ("", "_lo", "_hi"))
        values = (scale * float(row[n]) if n in columns else np.nan for n in names)
        return cls(*values, int(count), count_of)

    def percent(self) -> "Measured":
        """Return a fraction as percent."""
        ends = (100 * x for x in (self.value, self.lo, self.hi))
        return Measured(*ends, self.count, self.count_of, tuple(100 * x for x in self.groups))

    def text(self, unit: str = "", digits: int = 1) -> str:
        """Write the value with its interval and unit; if undefined, with the sample size."""
        count = plural(self.count, self.count_of).strip()
        text = with_interval(self.value, self.lo, self.hi, count, digits)
        if not unit or np.isnan(self.value):
            return text
        return f"{text}{' ' if ' ' in unit else NO_BREAK}{unit}"


def select_rows(table: Table, **where: Any) -> Table:
    """Return the rows of a table with these values."""
    return table[np.logical_and.reduce([np.asarray(table[name] == v) for name, v in where.items()])]


@dataclass(frozen=True)
class Results:
    """Tables of a dataset by name, and the confidence level of their intervals."""

    tables: Mapping[str, Table]
    confidence: float

    def row(self, table: str, **where: str) -> Any:
        """Return the first row with these values, of all strata together."""
        rows = select_rows(all_strata(self.tables[table]), **where)
        if not len(rows):
            raise NoRowError(table, where)
        return rows[0]

    @property
    def model(self) -> str:
        """Name of the first model, which is the one compared."""
        table = self.tables["table1"]
        return str(table["model"][table["comparison"] == "reference"][0])

    @property
    def simulated(self) -> bool:
        """Whether the exposures are simulated."""
        return str(self.tables["table1"].meta["observed_with"]).startswith(SIMULATED)

    @property
    def tails(self) -> tuple[float, float]:
        """Probabilities below the lower and the upper end of an interval."""
        return (1 - self.confidence) / 2, (1 + self.confidence) / 2


Lookup = Callable[[Results, Number], Measured]


def table1(score: str, region: str) -> Lookup:
    """Look up recall or precision (%) of Table 1 against the reference, as in the paper."""

    def look(results: Results, _: Number) -> Measured:
        where = {"model": results.model, "comparison": "reference", "region": region}
        row = results.row("table1", **where)
        wrong = row["fn"] if score == "recall" else row["fp"]
        return Measured.of(row, score, row["tp"] + wrong, "pixels").percent()

    return look


def fall(score: str) -> Lookup:
    """Look up the change of a score from the full frame to `INNERMOST`; conservative interval."""

    def look(results: Results, number: Number) -> Measured:
        full, inner = (table1(score, r)(results, number) for r in (FULL, INNERMOST))
        ends = inner.value - full.value, inner.lo - full.hi, inner.hi - full.lo
        return Measured(*ends, inner.count, inner.count_of)

    return look


def stars(fraction: str, count: str) -> Lookup:
    """Look up a fraction of measurements (%), all groups together."""

    def look(results: Results, _: Number) -> Measured:
        row = results.row("photometry_summary", group="all")
        return Measured.of(row, fraction, row[count], "measurements").percent()

    return look


def stars_by_group(fraction: str) -> Lookup:
    """Look up a fraction (%) of all groups together; `lo` and `hi` are the extreme groups."""

    def look(results: Results, _: Number) -> Measured:
        table = results.tables["photometry_summary"]
        values = np.asarray(table[fraction][np.asarray(table["group"]) != "all"], float)
        values = values[np.isfinite(values)]
        ends = (values.min(), values.max()) if len(values) >= MIN_GROUPS else (np.nan, np.nan)
        pooled = float(results.row("photometry_summary", group="all")[fraction])
        return Measured(pooled, *ends, len(values), "groups", tuple(values)).percent()

    return look


def exptime_at(results: Results, number: Number) -> Measured:
    """Return the exposure time (s) that reaches a cosmic-ray fraction: mean of the groups."""
    rates = np.asarray(results.tables["groups"]["cr_fraction_per_1000s"], float)
    times = 10 * number["at_percent"] / rates[rates > 0]
    if not len(times):
        return Measured(count_of="groups")
    spread = times.std(ddof=1) if len(times) > 1 else np.nan
    return _mean(times.mean(), spread, len(times), results)


def _mean(mean: float, std: float, n: int, results: Results) -> Measured:
    """Return a mean of groups with the interval of its standard error (Student's t)."""
    enough = n >= MIN_GROUPS
    half = stats.t.ppf(results.tails[1], n - 1) * std / np.sqrt(n) if enough else np.nan
    return Measured(float(mean), float(mean - half), float(mean + half), n, "groups")


def correlation(quantity: str) -> Lookup:
    """Look up Pearson's r of a fit."""

    def look(results: Results, _: Number) -> Measured:
        row = results.row("density_fits", quantity=quantity)
        return Measured.of(row, "pearson_r", row["points"], "points")

    return look


def p_value(quantity: str) -> Lookup:
    """Look up p of a correlation; its sample is the groups, since points of a group are related."""

    def look(results: Results, _: Number) -> Measured:
        row = results.row("density_fits", quantity=quantity)
        return Measured(float(row["p_value"]), count=int(row["groups"]), count_of="groups")

    return look


def fitted(quantity: str) -> Lookup:
    """Look up the fitted line (%) at the published cosmic-ray fraction."""

    def look(results: Results, number: Number) -> Measured:
        row = results.row("density_fits", quantity=quantity)
        if not np.isclose(100 * row["at_cr_fraction"], number["at_percent"]):
            raise NoRowError(quantity, number["at_percent"])
        return Measured.of(row, "value_at", row["points"], "points").percent()

    return look


def mean_of_groups(quantity: str) -> Lookup:
    """Look up the mean of a score over groups (%)."""

    def look(results: Results, _: Number) -> Measured:
        row = results.row("stability_trends", quantity=quantity)
        return _mean(row["mean"], row["std"], int(row["groups"]), results).percent()

    return look


def spread_of_groups(quantity: str) -> Lookup:
    """Look up the standard deviation of a score over groups (%), with its chi-squared interval."""

    def look(results: Results, _: Number) -> Measured:
        row = results.row("stability_trends", quantity=quantity)
        n, std = int(row["groups"]), float(row["std"])
        if n < MIN_GROUPS:
            return Measured(std, count=n, count_of="groups").percent()
        ends = (std * np.sqrt((n - 1) / stats.chi2.ppf(q, n - 1)) for q in results.tails[::-1])
        return Measured(std, *map(float, ends), n, "groups").percent()

    return look


def trend(quantity: str) -> Lookup:
    """Look up the change of a quantity per decade (percentage points)."""

    def look(results: Results, _: Number) -> Measured:
        row = results.row("stability_trends", quantity=quantity)
        return Measured.of(row, "slope_per_decade", row["groups"], "groups").percent()

    return look


def within_3_std(results: Results, _: Number) -> Measured:
    """Return the fraction of groups (%) with an RMS within 3 standard deviations of the mean."""
    table = results.tables["stability"]
    rms = np.asarray(table["rms_trimmed"][np.asarray(table["comparison"]) == "reference"], float)
    rms = rms[np.isfinite(rms)]
    if len(rms) < 2:
        return Measured(count=len(rms), count_of="groups")
    inside = np.abs(rms - rms.mean()) <= 3 * rms.std(ddof=1)
    return Measured(float(inside.mean()), count=len(rms), count_of="groups").percent()


def of_groups(value: Callable[[Table], float]) -> Lookup:
    """Look up a property of the set of groups."""

    def look(results: Results, _: Number) -> Measured:
        table = results.tables["groups"]
        return Measured(float(value(table)), count=len(table), count_of="groups")

    return look


def year(mjd: float) -> float:
    """Return the decimal (Julian) year of a modified Julian date."""
    return 2000 + (mjd - 51544.5) / 365.25


def nowhere(_: Results, __: Number) -> Measured:
    """Return no value: no dataset of this study can measure the quantity."""
    return Measured()
