"""Is a printed number the ledger's: to the printed digit, with its sign, in its unit?"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal

from analysis.report.article.held import Held
from analysis.report.article.printed import Printed

Status = Literal["holds", "holds, rounded", "differs", "not checked"]

CUE = re.compile(
    r"(?:\bat (?:most|least|worst|best)|\bas (?:low|high|little|much|few|many) as|\b(?:up|down) to|"
    r"\b(?:ends?|limits?|bounds?)(?: at| of| is)?|\bpower of|\b(?:per|each|every)|"
    r"\bstandard deviations?(?: more| higher)?[^.\d]{0,16}|\b(?:smallest|SESOI|interest|matter\w*)"
    r"[^.\d]{0,60})[\s(]*$",
    re.IGNORECASE,
)
"""What stands before a number that is not the result itself, but an end of its interval, the step
of the score, or the smallest effect."""


def judge(
    number: Printed, held: Sequence[Held], *, field: str, said: bool, sentence: str
) -> dict[str, Any]:
    """Return what the ledger says of one number of an article.

    Parameters
    ----------
    number : Printed
    held : sequence of Held
        What the ledger has for the id beside it.
    field : str
        That the article asks for, as in ``ID#low``; "" for the value.
    said : bool
        Whether the result itself is printed elsewhere in the sentence.
    sentence : str
        For the words beside the number.

    Returns
    -------
    dict
        text, field (None where nothing matches), status, and ledger: what is displayed there.
    """
    meant = _meant(number, held, field, said, sentence)
    for status in ("holds", "holds, rounded"):
        for one in meant:
            if _match(number, one) == status:
                named = None if one.field in ("sentence", "rows", "df", "clusters") else one.field
                return _record(number, named, status, one.displayed)
    if number.judged or number.end or (not said and _in_its_place(number, held, field)):
        expected = _expected(number, held, field)
        return _record(number, None, "differs", expected)
    return _record(number, None, "not checked", "")


def _in_its_place(number: Printed, held: Sequence[Held], field: str) -> bool:
    """Return whether a bare number stands where the ledger has a bare one: of a field that is asked
    for any, of a value one with decimals.
    """
    own = [one for one in held if one.field == (field or "value")]
    bare = bool(own) and not any(one.unit for one in own)
    return bare and (bool(field) or "." in number.text)


def says(number: Printed, held: Sequence[Held], field: str) -> bool:
    """Return whether a printed number is the result itself, or the field that is asked for."""
    asked = field or "value"
    if number.end or number.label not in ("", asked):
        return False
    own = (one for one in held if one.field == asked and one.unit == number.unit)
    return any(_match(number, one) for one in own)


def _record(number: Printed, field: str | None, status: Status, shown: str) -> dict[str, Any]:
    return {"text": number.text, "field": field, "status": status, "ledger": shown}


def _meant(
    number: Printed, held: Sequence[Held], field: str, said: bool, sentence: str
) -> list[Held]:
    """Return the numbers that a printed one may be: by its label, its place in an interval, the
    field asked for; the others only where a word beside it says so.
    """
    same = [one for one in held if one.unit == number.unit]
    if number.label:
        return [one for one in same if number.label in (one.field, one.label)]
    if number.end:
        own = "low" if number.end == "first" else "high"
        return [one for one in same if one.field == own or one.label == "end"]
    same = [one for one in same if not one.label]
    if not number.unit:
        return same
    own = [one for one in same if one.field == (field or "value")]
    if field and field != "value":
        return [*own, *same] if said else own
    before = sentence[: number.start].rstrip("+-$")
    return [*own, *same] if said or not own or CUE.search(before) else own


def _match(number: Printed, one: Held) -> Status | None:
    """Return how a printed number agrees with the ledger's; None where it does not."""
    if not _signs_agree(number, one):
        return None
    size = abs(one.value)
    if number.bound and number.label == "p" and _bound_holds(number, size):
        same = number.text.replace(" ", "") in one.displayed.replace(" ", "")
        return "holds" if same else "holds, rounded"
    for value, decimals in number.readings:
        if abs(size - value) <= 0.5 * 10.0**-decimals * (1 + 1e-9) + 1e-12 * size:
            if one.exact and not math.isclose(size, value, rel_tol=1e-9):
                continue
            fine = decimals >= one.decimals or math.isclose(size, value, rel_tol=1e-9)
            return "holds" if fine and not number.hedged else "holds, rounded"
        if _rounded_to_zeros(number, value, decimals, size, one.exact):
            return "holds, rounded"
    if number.bound and not number.label and _bound_holds(number, size):
        return "holds, rounded"
    return None


def _bound_holds(number: Printed, size: float) -> bool:
    value = number.readings[0][0]
    return size < value if number.bound == "<" else size > value


def _rounded_to_zeros(
    number: Printed, value: float, decimals: int, size: float, exact: bool
) -> bool:
    """Return whether a number that ends in zeros is the ledger's to as many digits as are left."""
    if decimals > 0 or value < 100 or (exact and not number.hedged and number.label):
        return False
    whole = f"{value:.0f}"
    zeros = len(whole) - len(whole.rstrip("0"))
    kept = len(whole) - zeros
    if not zeros or (kept < 2 and not number.hedged):
        return False
    return abs(size - value) <= 0.5 * 10.0**zeros


def _signs_agree(number: Printed, one: Held) -> bool:
    """Return whether a number is printed with the ledger's sign, as a sign or in a word."""
    if not one.value:
        return True
    if number.label and number.label != "statistic":
        return True
    sign = "-" if one.value < 0 else "+"
    if number.signed:
        return number.sign == sign
    if number.label == "statistic" or not number.unit or not one.turned:
        return one.field in ("statistic", "sentence", "sesoi") or sign == "+"
    return number.sign == sign or (sign == "+" and not number.sign)


def _expected(number: Printed, held: Sequence[Held], field: str) -> str:
    """Return what the ledger has in the place of a number that is not there."""
    names = ("low", "high") if number.end else (number.label or field or "value",)
    shown = dict.fromkeys(one.displayed for one in held if one.field in names)
    return " to ".join(shown) or "no such number"
