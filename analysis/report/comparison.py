"""Does a ledger still hold? It is compared with one computed anew, its folder with its hashes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from analysis.errors import OutputError
from analysis.report.ledger import RULE, UNSEALED, read_ledger, sha256_of
from analysis.results.findings import Findings
from analysis.results.ids import schema_1_id, slug
from analysis.results.verdict import Verdict

RELATIVE, MOVED = 1e-9, 1e-6
"""Two runs on different machines agree to about fourteen digits: up to the first is the same, up to
the second has moved (an iterative fit, another library version), and more is a difference."""

Status = Literal[
    "same", "moved", "earlier", "differs", "gone", "new", "holds", "not printed", "unknown"
]
HELD: frozenset[Status] = frozenset({"same", "moved", "earlier", "holds"})


@dataclass(frozen=True)
class Line:
    """One thing that was compared.

    Attributes
    ----------
    what : str
        A result id, "plan", "dataset", or a file of the result folder.
    status : str
        same; moved (digits nobody sees); earlier (another rule's, only told); differs; gone; new;
        and in an article: holds, not printed, differs, unknown.
    detail : str
    line : int or None
        Of the article, from 1; 0 for the article as a whole, None for the ledger.
    """

    what: str
    status: Status
    detail: str = ""
    line: int | None = None

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
        return self.told()

    def told(self, article: str = "the article") -> str:
        """Return what is not the same, line by line, and a summary; `article` is what the article
        is called.
        """
        ledger = [line for line in self.lines if line.line is None]
        cited = [line for line in self.lines if line.line]
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
    return f"{line.status:11} {place}{line.what}" + (f": {line.detail}" if line.detail else "")


PARTS = ("plan", "dataset")
KINDS = ("estimates", "checks", "verdicts")
Record = Mapping[str, Any]


def is_earlier(old: Record) -> bool:
    """Return whether a ledger was made by an earlier rule than this one."""
    return old.get("rule", 1) < RULE


def compare_ledgers(old: Record, new: Record) -> Verification:
    """Compare a ledger with one computed anew: plan and data, then every estimate, check and
    verdict.
    """
    if is_earlier(old):
        return compare_earlier(old, new)
    lines = [_line(part, *_apart(old[part], new[part])) for part in PARTS]
    for kind in KINDS:
        then, now = old.get(kind, []), {row["id"]: row for row in new[kind]}
        lines += [_compared(row, now.get(row["id"])) for row in then]
        lines += _twice(then)
        known = {row["id"] for row in then}
        lines += [Line(name, "new") for name in now if name not in known]
    return Verification(tuple(lines))


def _compared(then: Record, now: Record | None) -> Line:
    return Line(then["id"], "gone") if now is None else _line(then["id"], *_apart(then, now))


def _line(what: str, shown: list[str], moved: list[str]) -> Line:
    status: Status = "differs" if shown else "moved" if moved else "same"
    return Line(what, status, "; ".join(shown or moved))


def _twice(rows: Iterable[Record]) -> Iterator[Line]:
    """Yield a line for each row whose id another row has before it."""
    seen = set()
    for row in rows:
        if row["id"] in seen:
            yield Line(row["id"], "differs", "the ledger has this id twice")
        seen.add(row["id"])


ABSENT = object()


def _apart(then: Record, now: Record, keys: Iterable[str] = ()) -> tuple[list[str], list[str]]:
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


# --- made by an earlier rule ----------------------------------------------------------------------

NUMBERS = ("estimate", "n", "scale")
ERRORS = ("displayed", "std_error", "statistic")
REFERENCE = ("df", "p_value", "conf_low", "conf_high", "level", "clusters")
RULE_MADE = ("break_even", "break_even_sesoi")
"""Terms whose number is the rule's own answer, and no fit's."""


def compare_earlier(old: Record, new: Record) -> Verification:
    """Compare a ledger of an earlier rule: every estimate by its id of today; its words are only
    told.

    Errors are compared where both have the same covariance, and p-values and intervals where both
    have the same degrees of freedom, too: the defaults have changed.
    """
    lines = [_line(part, *_apart(old[part], new[part], old[part])) for part in PARTS]
    now, changed = _by_old_id(old, new, "estimates"), Counter()
    for row in old["estimates"]:
        today = now.get(_key(row["id"]))
        if today is None:
            lines.append(Line(row["id"], "gone"))
            continue
        (kind, df), (other, other_df) = map(_error, (row, today))
        if kind != other:
            keys, told = NUMBERS, f"{kind} then, {other} now"
        elif df != other_df:
            keys, told = (*NUMBERS, *ERRORS[1:]), "other degrees of freedom then than now"
        else:
            keys, told = (*NUMBERS, *ERRORS, *REFERENCE), ""
        changed[told] += 1
        lines.append(_of_the_rule(row["id"], row, *_apart(row, today, keys)))
    for told in filter(None, changed):
        what = f"{told}: of {changed[told]} numbers the estimates are compared, not all of the rest"
        lines.append(Line("errors", "earlier", what))
    words = _by_old_id(old, new, "verdicts")
    lines += [_word_of_before(row, words.get(row["id"])) for row in old["verdicts"]]
    return Verification((*lines, *_twice(old["estimates"]), *_twice(old["verdicts"])))


def _by_old_id(old: Record, new: Record, kind: str) -> dict[str, Record]:
    """Return the rows of today by the ids that they have in a ledger of an earlier rule; a variant
    is the slug that it is today.
    """
    if old["schema"] > 1:
        return {row["id"]: row for row in new[kind]}
    return {schema_1_id(row, str(old["plan"]["name"])): row for row in new[kind]}


def _key(name: str) -> str:
    """Return an id of a ledger with its variant as a slug."""
    path, _, variant = name.rpartition("@")
    return f"{path}@{slug(unquote(variant))}" if path else name


def _error(row: Record) -> tuple[str, float | None]:
    return row.get("covariance") or "", row.get("df")


About = tuple[str, str, str]


def errors_of_before(old: Record, new: Record) -> dict[About, str]:
    """Return the covariance of an earlier ledger's equations, by outcome, score and model; "" where
    the errors of today are the same.
    """
    now, other, plain = _by_old_id(old, new, "estimates"), set(), {}
    for row in old["estimates"]:
        about = row.get("outcome"), row.get("score"), row.get("model")
        if _key(row["id"]) in now and _error(row) != _error(now[_key(row["id"])]):
            other.add(about)
        whole = row.get("method") == "increment" and row.get("term") == about[1]
        if whole and "@" not in row["id"]:
            plain[about] = _error(row)[0]
    return {about: name if about in other else "" for about, name in plain.items()}


def _of_the_rule(name: str, row: Record, shown: list[str], moved: list[str]) -> Line:
    """Return the line of an estimate; a number that is the rule's own may be another one today."""
    if shown and row.get("term") in RULE_MADE:
        return Line(name, "earlier", f"made by an earlier rule: {'; '.join(shown)}")
    return _line(name, shown, moved)


def _word_of_before(then: Record, now: Record | None) -> Line:
    """Return what an earlier rule's word is today; one that it cannot have given differs."""
    if now is None:
        return Line(then["id"], "gone")
    words = [_word(row) for row in (then, now)]
    if words[0] == words[1]:
        return Line(then["id"], "same")
    told = f"made by an earlier rule: then {words[0]}, today {words[1]}"
    members = {member["word"] for member in now.get("deciding_set") or ()}
    possible = {now.get("as_recorded"), now["verdict"], *members, "inconclusive", "refused"}
    if then.get("verdict") not in possible and now.get("as_recorded"):
        return Line(then["id"], "differs", f"{told}, and as recorded {now['as_recorded']}")
    return Line(then["id"], "earlier", told)


def _word(row: Record) -> str:
    direction = row.get("direction")
    return f"{row.get('verdict')} ({direction})" if direction else str(row.get("verdict"))


def words_before(findings: Findings, folder: Path) -> dict[str, str]:
    """Return the words that an earlier rule gave, or would have given, by the id of the verdict
    that has another one today.

    Parameters
    ----------
    findings : Findings
    folder : Path
        Where an earlier run on the same data may have left its ledger.
    """
    given = _words_in(folder, findings.dataset.sha256)
    before = {}
    for verdict in findings.decided:
        today = _word({"verdict": verdict.verdict, "direction": verdict.direction})
        word = given.get((verdict.outcome, verdict.score)) or _word_of_rule_1(findings, verdict)
        if word and word != today:
            before[verdict.id] = word
    return before


def _words_in(folder: Path, data: str) -> dict[tuple[str, str], str]:
    """Return the words of an earlier rule's ledger of the same data, by outcome and score."""
    try:
        old = read_ledger(folder / "ledger.json")
    except OutputError:
        return {}
    if not is_earlier(old) or old["dataset"].get("sha256") != data:
        return {}
    return {(row.get("outcome"), row.get("score")): _word(row) for row in old["verdicts"]}


def _word_of_rule_1(findings: Findings, verdict: Verdict) -> str:
    """Return what rule 1 made of the fits that it asked for: the plan's own, and the one corrected
    for noise as far as that was stated; "" where it cannot be told.
    """
    members = getattr(verdict, "deciding_set", ())
    plain = [member.phrase for member in members if member.name == "as recorded"]
    noise = [member.phrase for member in members if member.name == "noise"]
    if verdict.refused or verdict.corrected == "partial":
        return ""
    if verdict.corrected in ("no", "assumed"):
        return plain[0] if plain else ""
    words = {*noise, *(plain if findings.plan.score.shares_error == "unknown" else ())}
    return words.pop() if len(words) == 1 else "inconclusive" if words else ""


# --- the folder -----------------------------------------------------------------------------------


def compare_files(old: Record, folder: Path, ours: Iterable[str]) -> Iterator[Line]:
    """Yield how the files of a result folder compare with the hashes in its ledger.

    Parameters
    ----------
    old : mapping
        The ledger; one of schema 1 has no hashes.
    folder : Path
    ours : iterable of str
        Files in the folder that a run writes, by their path in it.

    Notes
    -----
    A ledger that is alone has nothing to compare.
    """
    known, there = old.get("files", {}), {*ours} - {*UNSEALED}
    if old["schema"] == 1 or not there:
        return
    for name in sorted({*known, *there}):
        if name not in there:
            yield Line(name, "gone")
        elif name not in known:
            yield Line(name, "differs", "the ledger has no hash of it")
        else:
            today = sha256_of(folder / name)
            changed = f"SHA-256 {known[name][:12]} then, {today[:12]} now"
            yield Line(name, *(("same",) if known[name] == today else ("differs", changed)))
