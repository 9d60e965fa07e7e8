"""What the ledger has for an id: every number that an article may print beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.report.article.mentions import plain
from analysis.report.article.printed import printed_numbers
from analysis.report.fields import Row, deciding_row, field_text, unit_of
from analysis.results.ids import FIELDS

KIND = {"percent": "percent", "share": "percent", "points": "points", "outcome": "money"}
"""The unit in which an estimate is printed, by the unit in which it is displayed."""
PERCENT = 100.0


@dataclass(frozen=True)
class Held:
    """A number that the ledger has.

    Attributes
    ----------
    field : str
        One of `FIELDS`, "level", "df", "rows"; or "sentence", of the verdict's own sentence.
    value : float
        In the unit in which it is printed: per cent and points as such, and no fractions.
    unit : str
        As of `Printed`.
    displayed : str
        As the ledger shows it.
    turned : bool
        Whether a word such as "less" can stand for its sign.
    exact : bool
        Whether it is a count or a level, which nobody rounds without saying so.
    label : str
        What the verdict's sentence calls it, as of `Printed`; "end" for an end of an interval.
    """

    field: str
    value: float
    unit: str
    displayed: str
    turned: bool = False
    exact: bool = False
    label: str = ""

    @property
    def decimals(self) -> int:
        """How many decimals the ledger displays."""
        digits = re.search(r"[.](\d+)", self.displayed)
        return len(digits[1]) if digits else 0


def held_by(ledger: Row, row: Row) -> list[Held]:
    """Return the numbers of a ledger's row; of a verdict those of the estimate it rests on, and of
    its sentences.

    Parameters
    ----------
    ledger : mapping
    row : mapping
        An estimate or a verdict of it.
    """
    estimate = deciding_row(ledger, row) if "verdict" in row else row
    held = list(_of_estimate(ledger, estimate)) if estimate else []
    data = ledger.get("dataset", {})
    for key in ("rows_used", "rows"):
        if isinstance(data.get(key), int):
            held.append(Held("rows", data[key], "", f"{data[key]:,}", exact=True))
    if isinstance(row.get("holds_from"), (int, float)):
        held.append(Held("holds_from", row["holds_from"], "", f"{row['holds_from']:g}"))
    for length in ("sentence", "short"):
        if row.get(length):
            held += _of_sentence(row[length], held)
    return held


def _of_estimate(ledger: Row, row: Row) -> Iterator[Held]:
    unit = unit_of(row) if "estimate" in row else _unit_shown(row)
    kind, turned = KIND.get(unit, ""), bool(row.get("scale", True)) or unit == "outcome"
    keys = {"value": "estimate", "low": "conf_low", "high": "conf_high"}
    for field in FIELDS:
        shown = field_text(ledger, row, field) if field == "value" or "estimate" in row else ""
        if not re.search(r"\d", shown):
            continue
        value = row.get(keys.get(field, ""))
        if field in keys and isinstance(value, (int, float)) and unit != "p":
            yield Held(field, _shown_value(value, unit), kind, shown, turned)
            yield Held(field, value, "", shown)  # on the model's own scale, a share as a fraction
            if unit == "percent":
                yield Held(field, math.exp(min(value, 700)), "times", shown)
        else:
            yield _read(field, row, shown, kind)
    if isinstance(row.get("level"), float):
        level = PERCENT * row["level"]
        yield Held("level", level, "percent", f"{level:g} %", exact=True)
    for key in ("df", "clusters"):
        if isinstance(row.get(key), (int, float)):
            yield Held(key, row[key], "", f"{row[key]:g}", exact=True)


def _unit_shown(row: Row) -> str:
    """Return the unit of what is displayed, of a row that has nothing else."""
    shown = str(row.get("displayed"))
    return "points" if shown.endswith("points") else "percent" if shown.endswith("%") else "number"


def _shown_value(value: float, unit: str) -> float:
    if unit == "percent":
        return PERCENT * math.expm1(min(value, 700))
    return PERCENT * value if unit in ("share", "points") else value


def _read(field: str, row: Row, shown: str, kind: str) -> Held:
    """Return a field that is a plain number, or only known as it is displayed."""
    keys = {"p": "p_value", "value": "p_value", "se": "std_error"}
    value = row.get(keys.get(field, field))
    if isinstance(value, (int, float)):
        return Held(field, value, "", shown, exact=field == "n")
    one = printed_numbers(plain(shown))[0]
    sign = -1 if one.sign == "-" else 1
    return Held(field, sign * one.readings[0][0], one.unit, shown, field != "sesoi" and bool(kind))


def _of_sentence(sentence: str, held: list[Held]) -> list[Held]:
    """Return the numbers of a verdict's sentence that are not the result itself or its interval."""
    own = {(one.unit, one.displayed.lstrip("+-")) for one in held}
    read = []
    for one in printed_numbers(plain(sentence)):
        if (one.unit, one.text.lstrip("+-")) in own:
            continue
        value = -one.readings[0][0] if one.signed and one.sign == "-" else one.readings[0][0]
        label = "end" if one.end else one.label
        read.append(Held("sentence", value, one.unit, one.text, label=label))
    return read
