"""The plan and the codebook that `init` drafts: TOML with a remark behind every guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.data.dataset import Dataset
from analysis.data.reading.written import WORDED
from analysis.errors import listing, printable
from analysis.plan import UNEDITED
from analysis.plan.files import key, missing_values, number, remark, table, text, texts
from analysis.start.profile import Profiles
from analysis.start.reading import Stated
from analysis.start.recording import recording_lines
from analysis.start.roles import KINDS, SESOI, Roles, halves_of, is_skewed

EDIT, PROPOSED = "# EDIT:", "# PROPOSED:"
"""How a remark starts that stands behind a line the user has to change, or ought to confirm."""


@dataclass(frozen=True)
class Line:
    """A line of the drafted plan: what it says, and a remark that may be `EDIT` or `PROPOSED`."""

    content: str = ""
    mark: str = ""
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.content}  {self.mark} {self.remark}" if self.mark else self.content


Lines = Iterator[Line | str]


def _line(name: str, value: str, mark: str = "", words: str = "") -> Line:
    """Return `name = value`, with a remark where there are words for it."""
    return Line(f"{name:<9} = {value}", mark if words else "", remark(words))


def plan_lines(
    name: str,
    address: str,
    dataset: Dataset,
    profiles: Profiles,
    roles: Roles,
    reading: Stated,
    duplicates: str | None = None,
) -> list[Line]:
    """Return the drafted plan, complete but for the lines marked `EDIT`."""
    lines = [
        *_head(name, address, dataset, roles),
        *_row(profiles, roles, duplicates),
        *_reading(reading, profiles),
        *_score(roles),
        *_engagement(profiles, roles),
        *_controls(profiles, roles),
        *_outcome(profiles, roles),
        *_cluster(profiles, roles),
        *_conversions(profiles, roles),
        "",
        "# The columns of the data:",
        *(remark(f"#   {text(name)}: {column.evidence()}") for name, column in profiles.items()),
    ]
    return [Line(line) if isinstance(line, str) else line for line in lines]


def _head(name: str, address: str, dataset: Dataset, roles: Roles) -> Lines:
    size = f"{dataset.rows:,} rows and {dataset.frame.shape[1]:,} columns"
    yield (
        f"# The plan of the study {remark(name)}: everything that is decided before the data are"
        " seen."
    )
    yield f"# Drafted by score-audit init from {size}. Lines marked"
    yield (
        "# EDIT wait for you; those marked PROPOSED were guessed from names and types: confirm or"
        " change them."
    )
    yield ""
    yield _line("name", text(name))
    yield _line("question", text(question(roles)))
    yield _line("dataset", text(address))
    yield from (remark(f"# Read as {note}.") for note in dataset.notes)


def question(roles: Roles) -> str:
    """Return the study's question, as far as the roles are known."""
    asked = "Do" if len(roles.score) > 1 else "Does"
    verb = "do" if len(roles.engagement) > 1 else "does"
    engagement = f"{_and(roles.engagement) or 'visible engagement'} {verb}"
    pays = printable(roles.outcome) or "what pays"
    score = _and(roles.score) or "the score"
    return f"{asked} {score} say anything about {pays} that {engagement} not?"


MOST_NAMED = 4
"""More names than this are cut short in the question."""


def _and(names: tuple[str, ...]) -> str:
    """Return a few names as a sentence has them."""
    if len(names) > MOST_NAMED:
        return listing(names, limit=3)
    shown = [printable(name, limit=60) for name in names]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def _some(names: list[str], most: int = 12, mark: str = ", ") -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return mark.join(names[:most]) + more


def _row(profiles: Profiles, roles: Roles, duplicates: str | None) -> Lines:
    if not roles.row:
        yield (
            '# row    = "..."   would name the column that identifies a row; repeats are then'
            " refused"
        )
        return
    yield _line("row", text(roles.row), PROPOSED, roles.proposed.get(roles.row, ""))
    count = profiles[roles.row].known - profiles[roles.row].distinct
    if duplicates:
        yield _line("duplicates", text(duplicates))
    elif count > 0:
        repeats = f"{count:,} {'row repeats' if count == 1 else 'rows repeat'} an earlier"
        how = f'{repeats} {text(roles.row)}: "first" keeps the first, "keep" keeps all'
        yield _line("duplicates", text(UNEDITED), EDIT, how)


def _reading(reading: Stated, profiles: Profiles) -> Lines:
    """Yield `[reading]`: what was said of the file, and words for no value that were found; and the
    line for numbers that may be codes for one.
    """
    lines = reading.lines()
    if lines:
        yield from ("", "# How the data are read.", "[reading]")
    for name, (said, reason) in lines.items():
        yield _line(name, said, PROPOSED, reason)
    codes = {name: column.apart for name, column in profiles.items() if column.apart}
    if codes and "missing_values" not in lines:
        yield "# These numbers stand far from all others. If they stand for a missing value, take"
        yield "# the # from what follows:"
        yield from () if lines else ("# [reading]",)
        yield remark(f"# {missing_values(codes)}")


def _score(roles: Roles) -> Lines:
    yield from ("", "# What is audited, column by column.", "[score]")
    yield _names(roles.score, roles, "the column or columns with the score")
    yield _line(
        "scale", '"sd"', "#", 'effects per standard deviation of the score; "raw": per unit'
    )
    yield _line(
        "shares_error",
        '"unknown"',
        "#",
        '"full": the score is computed from these very engagement columns; "none": from other'
        " records",
    )


def _names(columns: tuple[str, ...], roles: Roles, wanted: str) -> Line:
    """Return the line `columns = [...]`, marked where it is missing or proposed."""
    if not columns:
        return _line("columns", texts([UNEDITED]), EDIT, wanted)
    reasons = [f"{text(n)}: {roles.proposed[n]}" for n in columns if n in roles.proposed]
    return _line("columns", texts(columns), PROPOSED, ". ".join(reasons))


def _engagement(profiles: Profiles, roles: Roles) -> Lines:
    yield ""
    yield (
        "# What anyone can see people do; it is held constant. How well it was recorded is a part"
        " of the answer."
    )
    yield "[engagement]"
    wanted = "the columns of what anyone can see people do: likes, comments, visits"
    yield _names(roles.engagement, roles, wanted)
    for name, value, words in recording_lines(roles.recorded, roles.engagement):
        yield _line(name, value, "#", words) if name else remark(value)
    silent = [name for name in roles.engagement if name not in roles.recorded.columns]
    pairs = {name: halves_of(name, profiles) for name in silent}
    halves = ", ".join(f"{key(name)} = {texts(pair)}" for name, pair in pairs.items() if pair)
    if halves:
        asked = "two recordings of the same? Then take the # from: they tell how noisy it is"
        yield remark(f"# halves  = {{{halves}}}  # {asked}")
    skewed = [name for name in roles.engagement if is_skewed(profiles[name])]
    if not skewed:
        words = '"log1p" would treat each doubling of a count alike'
        yield _line("transform", '"identity"', "#", words)
        return
    far = "; ".join(
        f"{text(name)} goes up to {profiles[name].high:,.6g}, half of its rows lie at or below"
        f" {profiles[name].median:,.6g}"
        for name in skewed
    )
    kinds = {name: "log1p" if name in skewed else "identity" for name in roles.engagement}
    value = '"log1p"' if len(skewed) == len(kinds) else table(kinds)
    yield _line("transform", value, PROPOSED, f"each doubling of a count is treated alike: {far}")


def _controls(profiles: Profiles, roles: Roles) -> Lines:
    yield ""
    yield (
        "# What else is held constant: only what was known before the outcome. Text becomes"
        " indicators."
    )
    possible = roles.possible.get("control", ())
    if possible:
        yield remark(f"# Columns that could be: {_some(list(map(text, possible)))}")
    named = [name for name in roles.controls if profiles[name].code]
    plain = [name for name in roles.controls if name not in named]
    yield from ("[controls]", _line("columns", texts(plain)))
    if named:
        why = "; ".join(f"{text(name)}: {profiles[name].code}" for name in named)
        words = f"numbers that name things are held constant one by one: {why}"
        yield _line("categories", texts(named), PROPOSED, words)
        return
    codes = [name for name in possible if profiles[name].code]
    if codes:
        why = _some([f"{text(name)}: {profiles[name].code}" for name in codes], 6, "; ")
        yield remark(f"# categories = {texts(codes[:6])}  # if these numbers name things ({why})")


def _outcome(profiles: Profiles, roles: Roles) -> Lines:
    yield from ("", "# What pays. Another outcome is another table like this one.", "[[outcome]]")
    name, kind = roles.outcome, roles.kind
    possible = _some(list(map(text, roles.possible.get("outcome", ())))) or "none"
    pays = f"what pays (revenue, orders, referrals ...); columns without a role: {possible}"
    yield _line("column", text(name or UNEDITED), EDIT, "" if name else pays)
    about = f"; {text(name)} has {profiles[name].evidence()}" if name else ""
    yield _line("kind", text(kind or UNEDITED), EDIT, "" if kind else KINDS + about)
    words = profiles[name].words if name else ()
    if words and kind in ("binary", ""):
        both = " or ".join(f"level = {text(word)}" for word in words)
        wanted = f"which of its two words counts as 1: {both}"
        if kind:
            yield _line("level", text(UNEDITED), EDIT, wanted)
        else:
            yield remark(f"# level  = ...  # of a binary outcome: {wanted}")
    if roles.sesoi is not None:
        yield _line("sesoi", number(roles.sesoi))
        return
    effect = "the smallest effect of one standard deviation of the score that would matter to you"
    yield _line("sesoi", text(UNEDITED), EDIT, f"{effect}, as a number: {SESOI[kind]}")


def _cluster(profiles: Profiles, roles: Roles) -> Lines:
    possible = roles.possible.get("cluster", ())
    if roles.cluster:
        yield from ("", "# Rows that belong together.", "[cluster]")
        yield _line("column", text(roles.cluster))
    elif possible:
        named = _some([f"{text(n)} ({profiles[n].distinct:,} values)" for n in possible], 6)
        yield ""
        yield remark(f"# Rows may belong together by {named}. If so, take the # from:")
        yield from ("# [cluster]", remark(f"# column = {text(possible[0])}"))


def _conversions(profiles: Profiles, roles: Roles) -> Lines:
    """Yield `[columns]`: a line for each column written in a way of its own; names stay names."""
    named = {roles.row, roles.cluster}
    written = {n: column for n, column in profiles.items() if column.conversion and n not in named}
    if not written:
        return
    yield ""
    yield (
        "# How cells are written that are no plain numbers or dates. Where a column has no role,"
        " its line waits"
    )
    yield from ("# behind a #: take the # away when you give the column a role.", "[columns]")
    for name, column in written.items():
        line = _line(key(name), column.conversion, PROPOSED, f"the cells are {column.form}")
        yield line if name in roles.taken else remark(f"# {line.content}")


# --- the codebook ---------------------------------------------------------------------------------

NOT_STATED = "not stated"


def codebook_text(dataset: Dataset, title: str, profiles: Profiles) -> str:
    """Return the codebook of a dataset that has none."""
    lines = [
        "# The codebook: what the data are. Drafted by score-audit init; an audit runs without a"
        " change here, but its",
        "# report says what stands here. Optional: about, not, caution; for a column label, unit,"
        " min, max and levels.",
        f"title   = {text(title)}",
        f"source  = {text(NOT_STATED)}  # where the data come from",
        f"licence = {text(NOT_STATED)}  # who may use them",
        f"sha256  = {text(dataset.sha256)}",
        f"rows    = {dataset.rows}",
    ]
    for name, column in profiles.items():
        lines += ["", f"[columns.{key(name)}]"]
        said = column.meaning or NOT_STATED
        lines.append(f"meaning = {text(said)}  # {remark(column.evidence())}")
        lines.append(f"type    = {text(column.type)}")
        if column.levels:
            levels = texts(column.levels)
            order = "  # what counts as 0, then what counts as 1"
            lines.append(f"levels  = {levels}{order if column.type == 'binary' else ''}")
        if column.form and column.conversion:
            stated = f"{key(name)} = {column.conversion}"
            lines.append(f"# The cells are {column.form}; a plan says {stated} in [columns].")
        elif column.form == WORDED:
            lines.append(f"# The cells are {column.form}: say so in [reading] missing_values.")
        elif column.form:
            lines.append(f"# The cells are {column.form}: say which, in [columns] of the plan.")
    return "\n".join(lines) + "\n"
