"""What a comparison says: a line for each thing that was compared, and what it comes to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

RELATIVE, MOVED = 1e-9, 1e-6
"""Two runs on different machines agree to about fourteen digits: up to the first is the same, up to
the second has moved (an iterative fit, another library version), and more is a difference."""

Status = Literal[
    "same",
    "moved",
    "earlier",
    "differs",
    "gone",
    "new",
    "holds",
    "holds, rounded",
    "not checked",
    "not rewritten",
    "unknown",
]
HELD: frozenset[Status] = frozenset(
    {"same", "moved", "earlier", "holds", "holds, rounded", "not rewritten"}
)


@dataclass(frozen=True)
class Line:
    """One thing that was compared.

    Attributes
    ----------
    what : str
        A result id, "plan", "dataset", or a file of the result folder.
    status : str
        same; moved (digits nobody sees); earlier (another rule's, only told); not rewritten
        (compared by hashes alone: other package versions); differs; gone; new;
        and in an article: holds; holds, rounded; differs; not checked; unknown.
    detail : str
    line : int or None
        Of the article, from 1; 0 for the article as a whole, None for the ledger.
    numbers : tuple of mapping
        Of a citation in an article: text, field, status and ledger of each number beside it.
    """

    what: str
    status: Status
    detail: str = ""
    line: int | None = None
    numbers: tuple[Mapping[str, Any], ...] = ()

    @property
    def ok(self) -> bool:
        return self.status in HELD

    @property
    def is_statistic(self) -> bool:
        """Whether it is a test statistic of the article, at odds with its own p-value."""
        return bool(self.line) and "=" in self.what


@dataclass(frozen=True)
class Verification:
    """Every comparison of one `verify`.

    Attributes
    ----------
    lines : tuple of Line
    recomputed : bool
        Whether the ledger was computed again from plan and data; without the data, an article's
        numbers are only matched with those of the ledger.
    """

    lines: tuple[Line, ...]
    recomputed: bool = True

    @property
    def ok(self) -> bool:
        """True when nothing differs."""
        return all(line.ok for line in self.lines)

    def __str__(self) -> str:
        return self.told()

    def record(self) -> dict[str, Any]:
        """Return the comparison for JSON: the ledger's lines, the article's citations, and test
        statistics of the article that are at odds with their own p-value.
        """
        of_text = [line for line in self.lines if line.line is not None]
        cited = [line for line in of_text if line.line and not line.is_statistic]
        return {
            "ledger": [
                {"what": line.what, "status": line.status, "detail": line.detail}
                for line in self.lines
                if line.line is None
            ],
            "citations": [
                {
                    "id": line.what,
                    "line": line.line,
                    "status": line.status,
                    "basis": self._basis(line),
                    "numbers": [dict(number) for number in line.numbers],
                    "detail": line.detail,
                }
                for line in cited
            ],
            "statistics": [
                {"text": line.what, "line": line.line, "status": line.status, "detail": line.detail}
                for line in of_text
                if line.is_statistic
            ],
            "ok": self.ok,
        }

    def _basis(self, line: Line) -> str | None:
        """Return what a citation was judged by; None where its id leads nowhere."""
        if line.status == "unknown":
            return None
        return "recomputed" if self.recomputed else "matched"

    def told(self, article: str = "the article") -> str:
        """Return what is not the same, line by line, and a summary; `article` is what the article
        is called.
        """
        ledger = [line for line in self.lines if line.line is None]
        cited = [line for line in self.lines if line.line and not line.is_statistic]
        text = [_told(line) for line in self.lines if line.status != "same" and line.line != 0]
        same = sum(line.status == "same" for line in ledger)
        text += [f"Ledger: {same} of {len(ledger)} comparisons are the same."] if ledger else []
        if cited:
            text.append(
                f"Article: {sum(line.ok for line in cited)} of {len(cited)} citations hold."
            )
        elif len(self.lines) > len(ledger):
            text.append(f"Article: no result id or macro found in {article}.")
        return "\n".join(text)


def _told(line: Line) -> str:
    place = f"line {line.line}: " if line.line else ""
    return f"{line.status:14} {place}{line.what}" + (f": {line.detail}" if line.detail else "")


Record = Mapping[str, Any]


def line_of(what: str, shown: list[str], moved: list[str]) -> Line:
    status: Status = "differs" if shown else "moved" if moved else "same"
    return Line(what, status, "; ".join(shown or moved))


def twice(rows: Iterable[Record]) -> Iterator[Line]:
    """Yield a line for each row whose id another row has before it."""
    seen = set()
    for row in rows:
        if row["id"] in seen:
            yield Line(row["id"], "differs", "the ledger has this id twice")
        seen.add(row["id"])


ABSENT = object()


def apart(then: Record, now: Record, keys: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Return what differs between two records, and what has moved in digits nobody sees.

    Parameters
    ----------
    then, now : mapping
    keys : iterable of str
        Those that are compared; all of both unless given.
    """
    shown, moved = [], []
    for key in keys or dict.fromkeys([*now, *then]):
        one, other = then.get(key, ABSENT), now.get(key, ABSENT)
        if _alike(one, other, RELATIVE):
            continue
        told = f"{key} {_said(key, one)} then, {_said(key, other)} now"
        (moved if _alike(one, other, MOVED) else shown).append(told)
    return shown, moved


def _said(key: str, value: object) -> str:
    if value is ABSENT:
        return "nothing"
    if key == "sha256":
        return str(value)[:12]
    return repr(value) if isinstance(value, float) else str(value)


def _alike(one: object, other: object, tolerance: float) -> bool:
    """Return whether two values are the same, numbers up to a relative tolerance."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _alike(one[key], other[key], tolerance) for key in one
        )
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_alike(*pair, tolerance) for pair in pairs)
    numbers = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in (one, other)]
    if all(numbers) and float in (type(one), type(other)):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)
    return type(one) is type(other) and one == other
