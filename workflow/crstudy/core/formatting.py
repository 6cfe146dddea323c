"""Numbers as printed in the report; undefined values are named as such."""

import numpy as np
from astropy.table import Table

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = "−"
#: Keeps a number together with its interval and unit.
NO_BREAK = "\u00a0"


def integer(value: float) -> str:
    """Write a count with commas; a count is never undefined."""
    return f"{int(value):,}"


def decimal(value: float, digits: int = 1) -> str:
    """Write a number with this many digits after the point and a typographic minus."""
    if np.isnan(value):
        return "undefined"
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text.replace("-", MINUS)


def scientific(value: float) -> str:
    """Write a p-value, such as ``2.6 × 10⁻⁵``; from 0.001 on, or 0, as a decimal number."""
    if np.isnan(value):
        return "undefined"
    if value >= 0.001 or value == 0:
        return f"{value:.2g}"
    return power_of_ten(f"{value:.1e}")


def power_of_ten(text: str) -> str:
    """Write a number such as ``7e-16`` as ``7 × 10⁻¹⁶``."""
    mantissa, exponent = text.split("e")
    power = str(int(exponent)).translate(SUPERSCRIPT)
    return f"{mantissa}{NO_BREAK}×{NO_BREAK}10{power}"


def with_interval(value: float, low: float, high: float, count: str, digits: int = 1) -> str:
    """Write a number with its interval, such as ``14.3 [9.8, 19.3]``.

    Parameters
    ----------
    value, low, high : float
        NaN where undefined; an undefined interval is left out.
    count : str
        Sample size, printed if the number is undefined, such as ``0 stars``.
    digits : int
        Digits after the point.

    Returns
    -------
    str

    Examples
    --------
    >>> with_interval(14.31, 9.8, 19.3, count="60 stars").replace(NO_BREAK, " ")
    '14.3 [9.8, 19.3]'
    >>> with_interval(np.nan, np.nan, np.nan, count="0 stars").replace(NO_BREAK, " ")
    'undefined (n = 0 stars)'
    """
    if np.isnan(value):
        return f"undefined {f'(n = {count})'.replace(' ', NO_BREAK)}"
    text = decimal(value, digits)
    if np.isnan(low) or np.isnan(high):
        return text
    ends = f"[{decimal(low, digits)},{NO_BREAK}{decimal(high, digits)}]"
    return f"{text}{NO_BREAK}{ends}"


def plural(count: float, noun: str) -> str:
    """Write a count with its noun, such as ``1 group`` or ``4 groups``."""
    return f"{integer(count)} {noun.removesuffix('s') if count == 1 else noun}"


def describe(table: Table) -> str:
    """Say what a table was measured on."""
    return f"Dataset {table.meta['dataset']} ({table.meta['observed_with']})"
