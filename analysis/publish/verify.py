"""Does it still hold? Recompute a ledger, and find its results in an article."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from analysis.errors import Fault, OutputError, printable
from analysis.estimates import part
from analysis.publish.citation import macro_name

RELATIVE, MOVED = 1e-9, 1e-6
"""Two runs on different machines agree to about fourteen digits: up to the first is the same, up to the second has
moved (an iterative fit, another library version), and more is a difference."""

Status = Literal["same", "moved", "differs", "gone", "new", "holds", "not printed", "unknown"]
HELD: frozenset[Status] = frozenset({"same", "moved", "holds"})


@dataclass(frozen=True)
class Line:
    """One thing that was compared.

    Attributes
    ----------
    what : str
        A result id, or "plan" or "data".
    status : str
        same; moved (digits nobody sees); differs; gone; new; and in a text: holds, not printed, unknown.
    detail : str
    """

    what: str
    status: Status
    detail: str = ""

    @property
    def ok(self) -> bool:
        return self.status in HELD


@dataclass(frozen=True)
class Verification:
    """Every comparison of one `verify`."""

    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """True when nothing differs."""
        return all(line.ok for line in self.lines)

    def __str__(self) -> str:
        shown = [line for line in self.lines if line.status != "same"]
        text = [f"{line.status:11} {line.what}" + (f": {line.detail}" if line.detail else "") for line in shown]
        same = sum(line.status == "same" for line in self.lines)
        return "\n".join([*text, f"{same} of {len(self.lines)} comparisons are the same."])


def compare(old: dict[str, Any], new: dict[str, Any]) -> Verification:
    """Compare a ledger with one computed anew: hashes, then every estimate, check and verdict."""
    lines = []
    for name in ("plan", "dataset"):
        then, now = old[name]["sha256"], new[name]["sha256"]
        lines.append(Line(name, "same") if then == now else
                     Line(name, "differs", f"SHA-256 {then[:12]} then, {now[:12]} now"))  # fmt: skip
    for kind, keys in (("estimates", _NUMBERS), ("checks", ("statistic",)), ("verdicts", ())):
        then, now = ({row["id"]: row for row in ledger[kind]} for ledger in (old, new))
        lines += [_compare(name, then.get(name), now.get(name), keys) for name in dict.fromkeys([*then, *now])]
    return Verification(tuple(lines))


_NUMBERS = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
_SHOWN = (
    "displayed", "passed", "verdict", "direction", "beyond_sesoi", "corrected", "fragile", "n", "clusters", "df",
    "level", "covariance", "scale", "note", "reason", "reasons", "sentence",
)  # fmt: skip


def _compare(name: str, then: dict[str, Any] | None, now: dict[str, Any] | None, keys: tuple[str, ...]) -> Line:
    """Return how one result compares: what is shown first, then the digits behind it."""
    if then is None or now is None:
        return Line(name, "new" if then is None else "gone")
    shown = [f"{key} {then[key]} then, {now[key]} now" for key in _SHOWN if key in then and then[key] != now.get(key)]
    if shown:
        return Line(name, "differs", "; ".join(shown))
    for tolerance, status in ((MOVED, "differs"), (RELATIVE, "moved")):
        apart = [f"{key} {then[key]!r} then, {now[key]!r} now" for key in keys
                 if not _close(then[key], now[key], tolerance)]  # fmt: skip
        if apart:
            return Line(name, status, "; ".join(apart))
    return Line(name, "same")


def _close(one: float | None, other: float | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)


# --- in a text -------------------------------------------------------------------------------------------


def find_in_text(text: str, ledger: dict[str, Any]) -> Verification:
    """Find every result that a text cites, by id or by LaTeX macro, and say whether its number is printed there.

    Parameters
    ----------
    text : str
        An article; paragraphs are separated by blank lines. A citation holds when the paragraph that names a
        result's id also prints what the ledger displays for it. A macro prints it by itself.
    ledger : dict
    """
    shown = {row["id"]: row["displayed"] for row in ledger["estimates"]}
    shown |= {row["id"]: row["verdict"] for row in ledger["verdicts"]}
    by_macro = {macro_name(name): name for name in shown}
    name = ledger["plan"]["name"]
    mention = re.compile(rf"(?<![\w/%])(?:{re.escape(part(name))}|{re.escape(name)})/[\w.%/@-]+", re.ASCII)
    lines = []
    for paragraph in re.split(r"\n\s*\n", text):
        plain = _plain(mention.sub(" ", paragraph))
        for found in mention.findall(paragraph):
            name = found.rstrip(".")
            if name not in shown:
                lines.append(Line(name, "unknown", "no result of the ledger has this id"))
            elif _prints(plain, shown[name]):
                lines.append(Line(name, "holds", shown[name]))
            else:
                lines.append(Line(name, "not printed", f"the paragraph does not print {shown[name]}"))
        for macro in re.findall(r"\\(sa[a-p]{8})(?![A-Za-z])", paragraph):
            known = by_macro.get(macro)
            lines.append(
                Line(known, "holds", f"\\{macro}") if known else Line(f"\\{macro}", "unknown", "no such macro")
            )
    return Verification(tuple(lines))


def _prints(plain: str, displayed: str) -> bool:
    """Return whether a text prints what is displayed; a sign may be said in words ("5.9 % less")."""
    wanted = re.escape(_plain(displayed).lstrip("+-"))
    return re.search(rf"(?<![\d.,A-Za-z]){wanted}(?![\dA-Za-z])", plain) is not None


def _plain(text: str) -> str:
    """Return text without the differences that typesetting makes: kinds of space and minus, marks of emphasis."""
    text = re.sub(r"[*\\_]", "", text.replace("\u2212", "-").replace("\u2013", "-"))
    return re.sub(r"(?<=\d) %", "%", re.sub(r"\s+", " ", text))


def read_text(path: Path) -> str:
    """Return an article's text.

    Raises
    ------
    OutputError
        When it cannot be read as UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(str(path), [Fault("--text", printable(error), "a text file in UTF-8")]) from None
