"""What is wrong with a plan, in the words of its TOML file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from analysis.errors import Fault, column_place, did_you_mean, listing, printable, quoted, unknown
from analysis.plan.sections.outcome import MODELS

if TYPE_CHECKING:
    from analysis.plan.plan import Plan

MESSAGES = {
    "missing": "a value: this key is required",
    "string_type": "a text in quotes",
    "string_too_short": "a text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": 'letters, digits, ".", "_" and "-", the first a letter or digit',
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:,} or less",
    "tuple_type": 'a list such as ["a", "b"]',
    "too_short": "at least one",
    "model_type": "a table of keys and values",
    "dict_type": 'a table such as {{column = "..."}}',
}
"""What is allowed, by pydantic's name for an error."""

EXPLAINED = {
    "sesoi": (
        "the smallest effect that would matter to you, as a number: sesoi = 0.05 is 5 % of the mean"
        " for revenue and counts, 5 percentage points for binary, 0.05 of its unit for continuous"
        " outcomes"
    ),
    "kind": 'what the outcome is: kind = "revenue", "count", "binary" or "continuous"',
    "column": 'a column of the data: column = "revenue"',
    "columns": 'the columns of the data, as a list: columns = ["a", "b"]',
    "level": 'the word that counts as 1, as it stands in the cells: level = "yes"',
    "duplicates": 'what is done with repeats of row: duplicates = "refuse", "first" or "keep"',
    "question": 'what is asked, as a text: question = "Does the score say anything about revenue?"',
    "dataset": 'where the data are: dataset = "shops.csv", beside the plan, or a name in data/raw',
    "name": 'what the study is called: name = "shops"',
}
"""What a required key is for, with an example."""

TAUGHT = "A fraction or a difference in probability is written with a point: 5 % is written 0.05"
"""What is said of a smallest effect of interest that is no number."""

DROPPED = {
    ("engagement", "indicators"): (
        "a plan without it: alpha and omega of indicators corrected nothing. State reliability or"
        " exact, or give two halves"
    ),
}
"""What a plan of the version before has to do without, and what may take its place."""

BRANCH = re.compile(
    r"str|float|int|bool|date|nullable|(literal|dict|tuple|function|constrained|lax)\b.*"
)
"""How pydantic marks the branches of a union inside a location."""

Location = tuple[Any, ...]


def plan_faults(error: ValidationError, plan: type[BaseModel]) -> list[Fault]:
    """Return pydantic's errors in the words of the TOML file: one a place, the innermost place."""
    by_place: dict[Location, list[dict[str, Any]]] = {}
    for problem in error.errors(include_url=False):
        by_place.setdefault(_location(problem["loc"], plan), []).append(problem)
    return [
        _fault(place, problems, plan)
        for place, problems in by_place.items()
        if not any(other != place and other[: len(place)] == place for other in by_place)
    ]


HINTS = (
    (r"sesoi\s*=\s*[\d.,]+\s*[%\d]", TAUGHT),
    (r"[\w.-]+\s*=\s*[+-]?\d+,\d", "Numbers have a point for decimals: 0.05."),
    (r"[\w.-]+\s*=\s*[^\W\d]", 'Text needs quotes: name = "shops".'),
    (
        r"[\w.-]+\s*=\s*\[.*[^\W\d]",
        'Text in a list needs quotes, too: columns = ["a", "b"].',
    ),
)
"""What a line may lack that is no TOML, by how it begins."""


def syntax_fault(error: Exception, content: bytes) -> Fault:
    """Return what is wrong with a file that is no TOML: the line, and what it may lack."""
    allowed, message = "a TOML file in UTF-8", printable(error)
    place = re.search(r"\(at line (\d+), column \d+\)", str(error))
    lines = content.decode("utf-8-sig", "replace").split("\n")
    number = int(place[1]) if place else len(lines) if "end of document" in str(error) else 0
    while 1 < number <= len(lines) and not lines[number - 1].strip():
        number -= 1  # the end of an unfinished line is reported on the line after it
    if not 0 < number <= len(lines):
        return Fault("the whole file", message, allowed)
    line = lines[number - 1].strip()
    hint = next((hint for start, hint in HINTS if re.match(start, line)), "")
    return Fault(f"line {number}: {printable(line)}", message, allowed, hint)


def _fields(table: type[BaseModel]) -> dict[Any, FieldInfo]:
    """Return a table's keys as the TOML file has them."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """Return the table that an annotation holds, be it optional or repeated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_table_of, get_args(annotation))), None)


def _tables(location: Location, plan: type[BaseModel]) -> tuple[dict[str, FieldInfo], Any, int]:
    """Return the tables that a location leads through, the last one, and how far they reach."""
    table, tables, reach = plan, {}, 0
    for part in location:
        field = _fields(table).get(part)
        inner = _table_of(field.annotation) if field else None
        if inner is not None:
            tables[part], table = field, inner
        elif not isinstance(part, int):
            break
        reach += 1
    return tables, table, reach


def _location(parts: Location, plan: type[BaseModel]) -> Location:
    """Return a location without the marks of union branches, which stand behind the key."""
    end = _tables(parts, plan)[2] + 1
    rest = [part for part in parts[end:] if isinstance(part, int) or not BRANCH.fullmatch(part)]
    return (*parts[:end], *rest)


def _fault(location: Location, problems: list[dict[str, Any]], plan: type[BaseModel]) -> Fault:
    problem, place, last = problems[0], _place(location, plan), location[-1] if location else ""
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        if location in DROPPED:
            found = f'unknown key "{printable(last)}": a key of the version before, dropped'
            return Fault(place, found, DROPPED[location])
        keys = list(_fields(_tables(location[:-1], plan)[1]))
        found = f'unknown key "{printable(last)}"'
        if not keys:
            return Fault(place, found, "nothing: that this table is there is all it says")
        return unknown(place, found, str(last), keys, limit=20)
    found = "nothing" if kind == "missing" else as_written(given)
    allowed = " or ".join(dict.fromkeys(_allowed(location, problem, plan) for problem in problems))
    hint = ""
    if kind == "literal_error" and isinstance(given, str):
        hint = did_you_mean(given, _choices(problem))
    if kind == "float_type" and last == "sesoi" and re.search(r"\d", found):
        hint = TAUGHT
    return Fault(place, found, allowed, hint)


def _allowed(location: Location, problem: dict[str, Any], plan: type[BaseModel]) -> str:
    tables, _, reach = _tables(location, plan)
    kind, last = problem["type"], location[-1] if location else ""
    if last in tables and reach == len(location) and kind in ("missing", "tuple_type", "too_short"):
        header = ".".join(tables)
        if not _repeats(tables):
            return f"a table headed [{header}]"
        doubled = isinstance(problem["input"], dict) and kind == "tuple_type"
        hint = f": write [[{header}]] with double brackets" if doubled else ""
        return f"one table or more, each headed [[{header}]]{hint}"
    if kind == "missing" and last in EXPLAINED:
        explained = EXPLAINED[last]
        return f"a value: this key is required. {explained[0].upper()}{explained[1:]}"
    if kind == "literal_error":
        return "one of: " + ", ".join(f'"{choice}"' for choice in _choices(problem))
    if kind in MESSAGES:
        return MESSAGES[kind].format(**problem.get("ctx", {}))
    return problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")


def _choices(problem: dict[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", problem["ctx"]["expected"])


def as_written(value: Any) -> str:
    """Return a value as it would stand in the file, cut short."""
    try:
        return printable(json.dumps(value, default=str, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return f"something of type {type(value).__name__}"


def _place(location: Location, plan: type[BaseModel]) -> str:
    """Return how the TOML file calls a location: key, [section] key or [[table]] no. 1, key."""
    tables, _, reach = _tables(location, plan)
    numbers = [str(part + 1) for part in location[:reach] if isinstance(part, int)]
    rest = location[reach:]
    words = " ".join(
        f"item {part + 1}" if isinstance(part, int) else printable(part) for part in rest
    )
    header = ".".join(tables)
    if not tables:
        return words or "the whole file"
    if not numbers and not _repeats(tables):
        return f"[{header}] {words}".strip()
    place = f"[[{header}]]" + (f" no. {'.'.join(numbers)}" if numbers else "")
    return ", ".join(filter(None, [place, words]))


def _repeats(tables: dict[str, FieldInfo]) -> bool:
    """Return whether the innermost of nested tables can be there several times."""
    return "tuple" in str([*tables.values()][-1].annotation)


# --- what a whole plan contradicts ----------------------------------------------------------------

UNEDITED = "EDIT THIS"
"""What `init` writes where only the user knows what belongs there."""


TEST_NAMES = frozenset({"wald", "score-test", "delta_r2", "delta_d2", "partial_r2"})
"""Terms of the ledger beside the score's own name."""


def unedited(data: dict[str, Any]) -> Iterator[Fault]:
    """Yield a fault for each line of a drafted plan that still waits for its user."""
    tables = [("", data)]
    for name, value in data.items():
        if isinstance(value, dict):
            tables.append((f"[{name}] ", value))
        elif isinstance(value, list):
            numbered = enumerate(value, 1)
            tables += [(f"[[{name}]] no. {n}, ", t) for n, t in numbered if isinstance(t, dict)]
    for place, table in tables:
        for key, value in table.items():
            if value in (UNEDITED, [UNEDITED]):
                yield Fault(
                    printable(place + key),
                    f'"{UNEDITED}", as init left it',
                    EXPLAINED.get(key, "a value of your own"),
                )


def plan_conflicts(plan: Plan) -> Iterator[Fault]:
    """Yield what one table of a plan says that another one does not allow."""
    yield from _gaming_conflicts(plan)
    yield from _family_conflicts(plan)
    yield from _role_conflicts(plan)
    for name in plan.score.columns:
        if name in TEST_NAMES:
            allowed = "another name for the column: the ledger uses this one for a test"
            yield Fault("[score] columns", f'"{name}"', allowed)
    for name in plan.score.halves:
        if plan.score.transform_of(name) == "rank":
            yield Fault(
                "[score] halves",
                f'{quoted(name)}, whose transform is "rank"',
                'transform = "identity" or "log1p" for a score with halves: a rank is not the mean'
                " of two ranks",
                "or leave out its halves",
            )
    for section, key in (
        *(("score", key) for key in ("transform", "halves")),
        *(("engagement", key) for key in ("transform", "halves", "reliability", "exact")),
    ):
        table = getattr(plan, section)
        value = getattr(table, key)
        for name in () if isinstance(value, str) else value:
            if name not in table.columns:
                allowed = f"one of its columns: {listing(table.columns)}"
                yield Fault(
                    f"[{section}] {key}",
                    column_place(name),
                    allowed,
                    did_you_mean(name, table.columns),
                )
    if plan.duplicates == "first" and plan.row is None:
        allowed = 'row = "...", the column whose repeats are meant; or a plan without duplicates'
        yield Fault(
            "duplicates", '"first" in a plan without row, which leaves nothing out', allowed
        )
    if plan.engagement.long is not None and plan.row is None:
        allowed = "row, the column that names the accounts"
        yield Fault("[engagement] long", "a plan without row", allowed)
    covariance = plan.inference.covariance
    if covariance in ("CRV1", "CRV3", "wild") and plan.cluster is None:
        allowed = "HC0, HC1, HC2 or HC3; CRV1, CRV3 and wild need [cluster]"
        yield Fault("[inference] covariance", covariance, allowed)
    for outcome in plan.outcome:
        model = outcome.deciding_model
        if covariance == "wild" and MODELS[model].link != "identity":
            yield Fault(
                "[inference] covariance",
                f'wild, and model "{model}" for {quoted(outcome.column)}',
                'a model decided by least squares (model = "ols"); CRV1 or CRV3 for every other',
            )
    yield from _decision_conflicts(plan)


def _decision_conflicts(plan: Plan) -> Iterator[Fault]:
    """Yield what is wrong with a price where the outcome is no money, and unused thresholds."""
    asked, kinds = plan.decision, {outcome.kind for outcome in plan.outcome}
    if asked is None:
        return
    if asked.price and asked.value is None:
        for outcome in plan.outcome:
            if outcome.kind not in ("revenue", "roi"):
                found = f"{asked.price:g}, and {quoted(outcome.column)} is no money"
                allowed = "value = the money that one unit of it is worth (1 where it is money)"
                yield Fault("[decision] price", found, allowed)
    if asked.thresholds is not None and "binary" not in kinds:
        allowed = "capacity = [0.05, 0.10]: thresholds are for binary outcomes"
        yield Fault("[decision] thresholds", "no outcome of the plan is binary", allowed)


def _role_conflicts(plan: Plan) -> Iterator[Fault]:
    """Yield a fault for each column with two roles, such as score and engagement."""
    cluster, segment, panel = plan.cluster, plan.segment, plan.panel
    of_cluster, of_segment = cluster and cluster.column, segment and segment.column
    held = (*plan.controls.columns, of_cluster)
    named = [(plan.row, "row", ())]
    named.append((of_cluster, "cluster", (plan.row, *plan.controls.columns)))
    named.append((of_segment, "segment", held))
    if panel:
        taken = (*held, plan.row, of_segment)
        named += [(panel.unit, "panel unit", taken), (panel.time, "panel time", taken)]
    pairs = [*plan.roles(), *((column, "engagement") for column in plan.engagement.halves)]
    pairs += [(name, role) for name, role, may_be in named if name and name not in may_be]
    roles_of: dict[str, str] = {}
    for name, role in pairs:
        before = roles_of.setdefault(name, "") or role
        if roles_of[name] and not (role in ("exposure", "input") and before == role):
            yield Fault(
                column_place(name),
                f"{before} and {role}" if before != role else f"{role}, twice",
                "one role for one column",
            )
        roles_of[name] = before


def _gaming_conflicts(plan: Plan) -> Iterator[Fault]:
    """Yield what is wrong with episodes, which are somebody's, in time, and with parts."""
    measured, gaming = [*plan.score.columns, *plan.outcomes], plan.gaming
    if gaming is not None:
        for key in ("unit", "time"):
            if getattr(gaming, key) is None and getattr(plan.panel, key, None) is None:
                yield Fault(f"[gaming] {key}", "nothing", "a column, here or in [panel]")
        if gaming.episode in (*measured, *plan.engagement.columns):
            found = f"{quoted(gaming.episode)}, which is score, outcome or engagement"
            yield Fault("[gaming] episode", found, "a column of 0 and 1 that flags gamed rows")
    for name in plan.parts.columns if plan.parts else ():
        if name in measured:
            found = f"{quoted(name)}, a score or an outcome"
            yield Fault("[parts] columns", found, "columns that engagement is made of")


def _family_conflicts(plan: Plan) -> Iterator[Fault]:
    """Yield a fault for each exploratory column that no claim is about."""
    claimed = (*plan.outcomes, *plan.score.columns)
    for name in plan.family.exploratory if plan.family else ():
        if name not in claimed:
            allowed = f"an outcome or a score of the plan: {listing(claimed)}"
            near = did_you_mean(name, claimed)
            yield Fault("[family] exploratory", column_place(name), allowed, near)
