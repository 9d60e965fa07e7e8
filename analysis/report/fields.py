"""What can be read off a result: its value, interval, p-value, rows, and as a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.results.estimates import display

NAMES = {
    "value": "value",
    "low": "lower end of the {level} interval",
    "high": "upper end of the {level} interval",
    "p": "p-value",
    "n": "number of rows",
    "se": "standard error on the model's own scale",
    "statistic": "test statistic",
    "sesoi": "smallest effect size of interest",
}
"""What a field is called in a sentence."""

Row = Mapping[str, Any]


def deciding_row(ledger: Row, verdict: Row) -> Row | None:
    """Return the estimate that a verdict rests on, or None where the ledger does not say which."""
    name = verdict.get("deciding")
    return next((row for row in ledger["estimates"] if name and row["id"] == name), None)


def field_name(row: Row, field: str) -> str:
    """Return what a field of an estimate is called."""
    level = row.get("level")
    return NAMES[field].format(level="confidence" if level is None else f"{100 * level:g} %")


def field_text(ledger: Row, row: Row, field: str) -> str:
    """Return a field of an estimate as a reader sees it; "" where it has none.

    Parameters
    ----------
    ledger : mapping
    row : mapping
        One of its estimates.
    field : str
        Of `FIELDS`.
    """
    if field == "value":
        return str(row["displayed"])
    if field == "sesoi":
        return _sesoi(ledger, row)
    keys = {"low": "conf_low", "high": "conf_high", "p": "p_value", "n": "n", "se": "std_error"}
    value = row.get(keys.get(field, field))
    if value is None:
        return ""
    if field == "n":
        return f"{value:,}"
    if field == "statistic":
        return f"{value:.2f}"
    return display(value, {"p": "p", "se": "number"}.get(field) or unit_of(row))


def _sesoi(ledger: Row, row: Row) -> str:
    """Return the smallest effect of interest on the scale of an effect; "" where it has none."""
    for verdict in ledger["verdicts"]:
        if (verdict.get("outcome"), verdict.get("score")) != (row["outcome"], row["score"]):
            continue
        known = ledger["plan"].get("sesoi", {}).get(verdict["id"], {})
        if row["scale"] and (known.get("unit"), known.get("scale")) == (unit_of(row), row["scale"]):
            return str(known["displayed"])
    return ""


def unit_of(row: Row) -> str:
    """Return the unit in which an estimate of the ledger is displayed: the one that gives what it
    displays.
    """
    shown = [
        unit
        for unit in ("percent", "share", "points", "outcome", "number", "p")
        if display(row["estimate"], unit) == row["displayed"]
    ]
    if (
        "percent" in shown and "share" in shown
    ):  # near zero the two look the same: coefficients are logarithms
        return "percent" if row["scale"] else "share"
    return shown[0] if shown else "number"
