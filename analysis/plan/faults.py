"""What is wrong with a plan, in the words of its TOML file."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from analysis.errors import Fault, did_you_mean, printable, unknown

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
    "less_than_equal": "{le} or less",
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
    "question": 'what is asked, as a text: question = "Does the score say anything about revenue?"',
    "dataset": 'where the data are: dataset = "shops.csv", beside the plan, or a name in data/raw',
    "name": 'what the study is called: name = "shops"',
}
"""What a required key is for, with an example."""

TAUGHT = "A fraction or a difference in probability is written with a point: 5 % is written 0.05"
"""What is said of a smallest effect of interest that is no number."""

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
        keys = list(_fields(_tables(location[:-1], plan)[1]))
        return unknown(place, f'unknown key "{printable(last)}"', str(last), keys, limit=20)
    found = "nothing" if kind == "missing" else quoted(given)
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


def quoted(value: Any) -> str:
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
