"""A ledger that an earlier rule made: every number has to hold, its words are told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from analysis.errors import OutputError
from analysis.report.ledger import RULE, read_ledger
from analysis.report.verification import Line, Record, Verification, apart, line_of, twice
from analysis.results.findings import Findings
from analysis.results.ids import schema_1_id, slug
from analysis.results.verdict import Verdict

PARTS = ("plan", "dataset")


def is_earlier(old: Record) -> bool:
    """Return whether a ledger was made by an earlier rule than this one."""
    return old.get("rule", 1) < RULE


NUMBERS = ("estimate", "n", "scale")
ERRORS = ("displayed", "std_error", "statistic")
REFERENCE = ("df", "p_value", "conf_low", "conf_high", "level", "clusters")
RULE_MADE = ("break_even", "break_even_sesoi", "rv_alpha")
"""Terms whose number is the rule's own answer, or goes by the reference of its interval."""


DROPPED = {"scorecard": "worked out today only where the plan has [ranking]"}
"""Methods of an earlier rule that not every plan has today."""


def compare_earlier(old: Record, new: Record) -> Verification:
    """Compare a ledger of an earlier rule: every estimate by its id of today; its words are only
    told.

    Errors are compared where both have the same covariance, and p-values and intervals where both
    have the same degrees of freedom, too: the defaults have changed.
    """
    lines = [line_of(part, *apart(old[part], new[part], old[part])) for part in PARTS]
    now, changed = _by_old_id(old, new, "estimates"), Counter()
    for row in old["estimates"]:
        today = now.get(_key(row["id"]))
        if today is None:
            dropped = DROPPED.get(row.get("method"), "")
            lines.append(Line(row["id"], "earlier" if dropped else "gone", dropped))
            continue
        (kind, df), (other, other_df) = map(_error, (row, today))
        if kind != other:
            keys, told = NUMBERS, f"{kind} then, {other} now"
        elif df != other_df:
            keys, told = (*NUMBERS, *ERRORS[1:]), "other degrees of freedom then than now"
        else:
            keys, told = (*NUMBERS, *ERRORS, *REFERENCE), ""
        changed[told] += 1
        lines.append(_of_the_rule(row["id"], row, *apart(row, today, keys)))
    for told in filter(None, changed):
        what = f"{told}: of {changed[told]} numbers the estimates are compared, not all of the rest"
        lines.append(Line("errors", "earlier", what))
    words = _by_old_id(old, new, "verdicts")
    lines += [_word_of_before(row, words.get(row["id"])) for row in old["verdicts"]]
    return Verification((*lines, *twice(old["estimates"]), *twice(old["verdicts"])))


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
    return line_of(name, shown, moved)


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
