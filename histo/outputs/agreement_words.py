"""Figures of agreement in words, the same on the picture and on the terminal."""

import math

from histo.scoring.agreement import BlandAltman, Estimate, Scale

__all__ = ["bias_words", "estimate_words", "limit_words", "plain", "unit_words"]

_UNITS = {
    "mm2": "mm²",
    "um2": "µm²",
    "um": "µm",
    "/mm2": "per mm²",
    "/mm": "per mm",
    "mm/mm2": "mm/mm²",
    "deg": "°",
    "1": "",
}


def unit_words(unit: str) -> str:
    """Return a UCUM code as a person writes it; a fraction and a count have none."""
    return "" if unit.startswith("{") else _UNITS.get(unit, unit)


def plain(value: float, digits: int = 3) -> str:
    """Return a number in that many digits, without an exponent where that is short.

    Examples
    --------
    >>> plain(0.01234), plain(1234567.0), plain(-0.5)
    ('0.0123', '1230000', '-0.5')
    """
    if not math.isfinite(value):
        return "not defined"
    if value and not 1e-5 <= abs(value) < 1e9:
        return f"{value:.{digits - 1}e}"
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def estimate_words(found: Estimate, *, signed: bool = False) -> str:
    """Return "0.93 (0.85 to 0.97)", or the value alone if it has no interval."""
    mark = "+" if signed and found.value > 0 else ""
    value = f"{mark}{plain(found.value)}"
    if math.isnan(found.low) or math.isnan(found.high):
        return value
    return f"{value} ({plain(found.low)} to {plain(found.high)})"


def bias_words(found: BlandAltman, first: str, second: str, unit: str = "") -> str:
    """Say how the first table reads against the second."""
    bias = found.bias
    if found.scale is Scale.LOG:
        return f"{first} reads {estimate_words(bias)} times {second}"
    what = "root of " if found.scale is Scale.ROOT else ""
    # A root has no unit worth writing: the words name what it is the root of.
    words = estimate_words(bias, signed=True)
    after = f" {unit_words(unit)}" if unit_words(unit) and not what else ""
    return f"{what}{first} minus {what}{second}: {words}{after}"


def limit_words(found: BlandAltman, unit: str = "") -> str:
    """Say between which limits 95 % of slides lie."""
    low, high = plain(found.lower.value), plain(found.upper.value)
    after = {Scale.LOG: " times", Scale.ROOT: ""}.get(found.scale, f" {unit_words(unit)}")
    return f"95 % of slides: {low} to {high}{after}".rstrip()
