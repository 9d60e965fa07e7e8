"""The plan and the codebook that `init` drafts: TOML with a remark behind every line that is a
guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from analysis.data.dataset import Dataset
from analysis.errors import listing, printable
from analysis.plan import UNEDITED
from analysis.plan.writing import key, number, remark, table, text, texts
from analysis.start.profile import Profile
from analysis.start.roles import Roles, is_skewed

EDIT, PROPOSED = "# EDIT:", "# PROPOSED:"
"""How a remark starts that stands behind a line the user has to change, or ought to confirm."""

KINDS = '"revenue" (money, from 0), "count" (0, 1, 2 ...), "binary" (0 or 1) or "continuous"'
SESOI = {
    "revenue": "a fraction of the mean, such as 0.05 for 5 % of it",
    "count": "a fraction of the mean, such as 0.05 for 5 % of it",
    "binary": "a difference in probability, such as 0.02 for 2 percentage points",
    "continuous": "in units of the outcome",
    "": (
        "revenue and count: a fraction of the mean, 0.05 is 5 %; binary: a difference in"
        " probability; else units"
    ),
}
"""What `sesoi` is counted in, by kind."""

HALVES = (("odd", "even"), ("first", "second"), ("a", "b"), ("1", "2"))
"""How two recordings of one column are often named: the column's name, a mark between, and one of
these.
"""


@dataclass(frozen=True)
class Line:
    """A line of the drafted plan: what it says, and a remark that may be marked `EDIT` or
    `PROPOSED`.
    """

    said: str = ""
    mark: str = ""
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.said}  {self.mark} {self.remark}" if self.mark else self.said


def plan_lines(
    name: str,
    dataset: str,
    data: Dataset,
    seen: dict[str, Profile],
    roles: Roles,
    reading: dict[str, str],
) -> list[Line]:
    """Return the drafted plan, complete but for the lines marked `EDIT`."""
    return [
        *_head(name, dataset, data, roles),
        *_row(seen, roles),
        *_reading(reading),
        *_score(roles),
        *_engagement(seen, roles),
        *_controls(roles),
        *_outcome(seen, roles),
        *_cluster(seen, roles),
        *_conversions(seen, roles),
        *_columns(seen),
    ]


def _line(name: str, value: str, mark: str = "", words: str = "") -> Line:
    """Return `name = value`, with a remark where there are words for it."""
    return Line(f"{name:<9} = {value}", mark if words else "", remark(words))


def _plain(*lines: str) -> list[Line]:
    return [Line(line) for line in lines]


def _head(name: str, dataset: str, data: Dataset, roles: Roles) -> list[Line]:
    return [
        *_plain(
            f"# The plan of the study {remark(name)}: everything that is decided before the data"
            " are seen.",
            f"# Drafted by score-audit init from {data.rows:,} rows and {data.frame.shape[1]:,}"
            " columns. Lines marked",
            "# EDIT wait for you; those marked PROPOSED were guessed from names and types: confirm"
            " or change them.",
            "",
        ),
        _line("name", text(name)),
        _line("question", text(question(roles))),
        _line("dataset", text(dataset)),
        *_plain(*(remark(f"# Read as {note}.") for note in data.notes)),
    ]


def question(roles: Roles) -> str:
    """Return the study's question, as far as the roles are known."""
    score = _and(roles.score) or "the score"
    seen = _and(roles.engagement) or "visible engagement"
    verb = "do" if len(roles.engagement) > 1 else "does"
    asked = "Do" if len(roles.score) > 1 else "Does"
    return (
        f"{asked} {score} say anything about {printable(roles.outcome) or 'what pays'} that {seen}"
        f" {verb} not?"
    )


def _and(names: tuple[str, ...]) -> str:
    """Return a few names as a sentence has them."""
    if len(names) > 4:
        return listing(names, limit=3)
    said = [printable(name, limit=60) for name in names]
    return " and ".join(filter(None, [", ".join(said[:-1]), *said[-1:]]))


def _row(seen: dict[str, Profile], roles: Roles) -> list[Line]:
    if not roles.row:
        return _plain(
            '# row    = "..."   would name the column that identifies a row; repeats are then'
            " refused"
        )
    lines = [_line("row", text(roles.row), PROPOSED, roles.proposed.get(roles.row, ""))]
    column = seen[roles.row]
    if column.distinct < column.known:
        count = column.known - column.distinct
        repeats = (
            f"{count:,} {'row repeats' if count == 1 else 'rows repeat'} an earlier"
            f" {text(roles.row)}"
        )
        lines.append(
            _line(
                "duplicates",
                text(UNEDITED),
                EDIT,
                f'{repeats}: "first" keeps the first, "keep" keeps all',
            )
        )
    return lines


def _reading(said: dict[str, str]) -> list[Line]:
    """Return `[reading]`: the sheet or table that was asked for."""
    return (
        [*_plain("", "[reading]"), *(_line(name, text(value)) for name, value in said.items())]
        if said
        else []
    )


def _score(roles: Roles) -> list[Line]:
    other = (
        '"full": the score is computed from these very engagement columns; "none": from other'
        " records"
    )
    return [
        *_plain("", "# What is audited, column by column."),
        Line("[score]"),
        _names(roles.score, roles, "the column or columns with the score"),
        _line("scale", '"sd"', "#", 'effects per standard deviation of the score; "raw": per unit'),
        _line("shares_error", '"unknown"', "#", other),
    ]


def _names(columns: tuple[str, ...], roles: Roles, wanted: str) -> Line:
    """Return the line `columns = [...]`, marked where it is missing or proposed."""
    if not columns:
        return _line("columns", texts([UNEDITED]), EDIT, wanted)
    reasons = [
        f"{text(name)}: {roles.proposed[name]}" for name in columns if name in roles.proposed
    ]
    return _line("columns", texts(columns), PROPOSED, ". ".join(reasons))


def _engagement(seen: dict[str, Profile], roles: Roles) -> list[Line]:
    wanted = "the columns of what anyone can see people do: likes, comments, visits"
    lines = [
        *_plain(
            "",
            "# What anyone can see people do; it is held constant. How well it was recorded is a"
            " part of the",
        ),
        *_plain(
            "# answer, and the plan can say so: see reliability and halves in the README.",
            "[engagement]",
        ),
        _names(roles.engagement, roles, wanted),
    ]
    lines += _halves(seen, roles)
    kinds = {name: "log1p" if is_skewed(seen[name]) else "identity" for name in roles.engagement}
    skewed = [name for name, kind in kinds.items() if kind == "log1p"]
    if not skewed:
        return [
            *lines,
            _line(
                "transform", '"identity"', "#", '"log1p" would treat each doubling of a count alike'
            ),
        ]
    far = "; ".join(
        f"{text(name)} goes up to {seen[name].high:,.6g}, half of its rows lie at or below"
        f" {seen[name].median:,.6g}"
        for name in skewed
    )
    value = '"log1p"' if len(skewed) == len(kinds) else table(kinds)
    return [
        *lines,
        _line("transform", value, PROPOSED, f"each doubling of a count is treated alike: {far}"),
    ]


def _halves(seen: dict[str, Profile], roles: Roles) -> list[Line]:
    """Return a line that waits behind a # where columns of engagement seem to have two recordings
    of their own.
    """
    pairs = {name: _pair(name, seen) for name in roles.engagement}
    said = ", ".join(f"{key(name)} = {texts(pair)}" for name, pair in pairs.items() if pair)
    if not said:
        return []
    asked = "two recordings of the same? Then take the # from: they tell how noisy it is"
    return _plain(remark(f"# halves  = {{{said}}}  # {asked}"))


def _pair(name: str, seen: dict[str, Profile]) -> list[str]:
    """Return the two columns that are named as the halves of one; none where there are no such."""
    for between, ends in product(("_", "-", " ", "."), HALVES):
        pair = [f"{name}{between}{end}" for end in ends]
        if all(column in seen for column in pair):
            return pair
    return []


def _controls(roles: Roles) -> list[Line]:
    lines = _plain(
        "",
        "# What else is held constant: only what was known before the outcome. Text becomes"
        " indicators.",
    )
    possible = roles.possible.get("control", ())
    if possible:
        lines += _plain(remark(f"# Columns that could be: {', '.join(map(text, possible[:12]))}"))
    return [*lines, Line("[controls]"), _line("columns", texts(roles.controls))]


def _outcome(seen: dict[str, Profile], roles: Roles) -> list[Line]:
    possible = ", ".join(map(text, roles.possible.get("outcome", ())[:12])) or "none"
    pays = f"what pays (revenue, orders, referrals ...); numeric columns without a role: {possible}"
    about = f"; {text(roles.outcome)} has {seen[roles.outcome].evidence()}" if roles.outcome else ""
    per = (
        "the smallest effect of one standard deviation of the score that would matter to you, as a"
        " number"
    )
    lines = _plain(
        "", "# What pays. Another outcome is another table like this one.", "[[outcome]]"
    )
    lines.append(
        _line("column", text(roles.outcome or UNEDITED), EDIT, "" if roles.outcome else pays)
    )
    lines.append(
        _line("kind", text(roles.kind or UNEDITED), EDIT, "" if roles.kind else KINDS + about)
    )
    if roles.sesoi is not None:
        return [*lines, _line("sesoi", number(roles.sesoi))]
    return [*lines, _line("sesoi", text(UNEDITED), EDIT, f"{per}: {SESOI[roles.kind]}")]


def _cluster(seen: dict[str, Profile], roles: Roles) -> list[Line]:
    if roles.cluster:
        return [
            *_plain("", "# Rows that belong together.", "[cluster]"),
            _line("column", text(roles.cluster)),
        ]
    possible = roles.possible.get("cluster", ())
    if not possible:
        return []
    named = ", ".join(f"{text(name)} ({seen[name].distinct:,} values)" for name in possible[:6])
    return _plain(
        "",
        remark(f"# Rows may belong together by {named}. If so, take the # from:"),
        "# [cluster]",
        remark(f"# column = {text(possible[0])}"),
    )


def _conversions(seen: dict[str, Profile], roles: Roles) -> list[Line]:
    """Return `[columns]`: a line for each column whose cells are written in a way of their own;
    names stay names.
    """
    names = {roles.row, roles.cluster}
    written = {
        name: column for name, column in seen.items() if column.conversion and name not in names
    }
    if not written:
        return []
    lines = _plain(
        "",
        "# How cells are written that are no plain numbers or dates. Where a column has no role,"
        " its line waits",
        "# behind a #: take the # away when you give the column a role.",
        "[columns]",
    )
    for name, column in written.items():
        said = _line(key(name), column.conversion, PROPOSED, f"the cells are {column.form}")
        lines.append(said if name in roles.taken else Line(remark(f"# {said.said}")))
    return lines


def _columns(seen: dict[str, Profile]) -> list[Line]:
    lines = [remark(f"#   {text(name)}: {column.evidence()}") for name, column in seen.items()]
    return _plain("", "# The columns of the data:", *lines)


# --- the codebook ---------------------------------------------------------------------------------


def codebook_text(data: Dataset, title: str, seen: dict[str, Profile]) -> str:
    """Return the codebook of a dataset that has none."""
    lines = [
        (
            "# The codebook: what the data are. Drafted by score-audit init; an audit runs without"
            " a change here, but its"
        ),
        (
            "# report says what stands here. Optional: about, not, caution; for a column label,"
            " unit, min, max and levels."
        ),
        f"title   = {text(title)}",
        f"source  = {text(NOT_STATED)}  # where the data come from",
        f"licence = {text(NOT_STATED)}  # who may use them",
        f"sha256  = {text(data.sha256)}",
        f"rows    = {data.rows}",
    ]
    for name, column in seen.items():
        lines += [
            "",
            f"[columns.{key(name)}]",
            f"meaning = {text(NOT_STATED)}  # {remark(column.evidence())}",
        ]
        lines.append(f"type    = {text(column.type)}")
        if column.levels:
            lines.append(
                f"levels  = {texts(column.levels)}  # what counts as 0, then what counts as 1"
            )
        if column.form:
            cells = f"# The cells are {column.form}"
            lines.append(
                f"{cells}; a plan says {key(name)} = {column.conversion} in [columns]."
                if column.conversion
                else f"{cells}: say which, in [columns] of the plan."
            )
    return "\n".join(lines) + "\n"


NOT_STATED = "not stated"
