"""What is wrong with a plan, in the words of its TOML file."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from analysis.errors import Fault, did_you_mean, listing, printable

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
    """Return pydantic's errors in the words of the TOML file; one fault a place, the innermost
    place.
    """
    problems = [
        (_location(problem["loc"], plan), problem) for problem in error.errors(include_url=False)
    ]
    by_place: dict[Location, list[dict[str, Any]]] = {}
    for location, problem in problems:
        by_place.setdefault(location, []).append(problem)
    inner = [
        place
        for place in by_place
        if not any(len(other) > len(place) and other[: len(place)] == place for other in by_place)
    ]
    return [_fault(location, by_place[location], plan) for location in inner]


def syntax_fault(error: Exception, content: bytes) -> Fault:
    """Return what is wrong with a file that is no TOML: the line as it stands, and what it may
    lack.
    """
    place = re.search(r"\(at line (\d+), column \d+\)", str(error))
    lines = content.decode("utf-8-sig", "replace").split("\n")
    number = int(place[1]) if place else len(lines) if "end of document" in str(error) else 0
    while number > 1 and number <= len(lines) and not lines[number - 1].strip():
        number -= 1  # the end of an unfinished line is reported on the line after it
    if not 0 < number <= len(lines):
        return Fault("the whole file", printable(error), "a TOML file in UTF-8")
    line = lines[number - 1].strip()
    hint = ""
    if re.match(r"sesoi\s*=\s*[\d.,]+\s*[%\d]", line):
        hint = TAUGHT
    elif re.match(r"[\w.-]+\s*=\s*[+-]?\d+,\d", line):
        hint = "Numbers have a point for decimals: 0.05."
    elif re.match(r"[\w.-]+\s*=\s*[^\W\d]", line):
        hint = 'Text needs quotes: name = "shops".'
    elif re.match(r"[\w.-]+\s*=\s*\[.*[^\W\d]", line):
        hint = 'Text in a list needs quotes, too: columns = ["a", "b"].'
    return Fault(
        f"line {number}: {printable(line)}", printable(error), "a TOML file in UTF-8", hint
    )


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """Return the table that an annotation holds, be it optional or repeated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_table_of(inner) for inner in get_args(annotation))
    return next((table for table in found if table is not None), None)


def _tables(location: Location, plan: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    """Return the tables that a location leads through, outermost first."""
    table, found = plan, []
    for part in location:
        field = _fields(table).get(part)
        inner = _table_of(field.annotation) if field else None
        if inner is not None:
            found.append((str(part), inner))
            table = inner
        elif not isinstance(part, int):
            break
    return found


def _location(parts: Location, plan: type[BaseModel]) -> Location:
    """Return a location without the marks of union branches, which stand behind the key."""
    key = 0
    for part in parts:  # the key is the first name that is no table
        if not isinstance(part, int) and (
            part not in [name for name, _ in _tables(parts[: key + 1], plan)]
        ):
            break
        key += 1
    rest = [
        part for part in parts[key + 1 :] if isinstance(part, int) or not BRANCH.fullmatch(part)
    ]
    return (*parts[: key + 1], *rest)


def _fault(location: Location, problems: list[dict[str, Any]], plan: type[BaseModel]) -> Fault:
    problem = problems[0]
    tables = _tables(location[:-1], plan)
    keys = list(_fields(tables[-1][1] if tables else plan))
    place = _place(location, plan)
    if problem["type"] == "extra_forbidden":
        name = str(location[-1])
        allowed = "one of: " + listing(keys, limit=20)
        return Fault(place, f'unknown key "{printable(name)}"', allowed, did_you_mean(name, keys))
    found = "nothing" if problem["type"] == "missing" else quoted(problem["input"])
    allowed = " or ".join(dict.fromkeys(_allowed(location, problem, plan) for problem in problems))
    hint = ""
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        hint = did_you_mean(problem["input"], _choices(problem))
    if problem["type"] == "float_type" and location[-1] == "sesoi" and re.search(r"\d", found):
        hint = TAUGHT
    return Fault(place, found, allowed, hint)


def _allowed(location: Location, problem: dict[str, Any], plan: type[BaseModel]) -> str:
    tables = _tables(location, plan)
    if (
        tables
        and location[-1] == tables[-1][0]
        and problem["type"] in ("missing", "tuple_type", "too_short")
    ):
        header = ".".join(name for name, _ in tables)
        if isinstance(problem["input"], dict) and problem["type"] == "tuple_type":
            return (
                f"one table or more, each headed [[{header}]]: write [[{header}]] with double"
                " brackets"
            )
        if not _repeats([name for name, _ in tables], plan):
            return f"a table headed [{header}]"
        return f"one table or more, each headed [[{header}]]"
    if problem["type"] == "missing" and location[-1] in EXPLAINED:
        return (
            "a value: this key is required."
            f" {EXPLAINED[location[-1]][0].upper()}{EXPLAINED[location[-1]][1:]}"
        )
    if problem["type"] == "literal_error":
        return "one of: " + ", ".join(f'"{choice}"' for choice in _choices(problem))
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return MESSAGES.get(problem["type"], message.replace("{", "{{").replace("}", "}}")).format(
        **problem.get("ctx", {})
    )


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
    tables = [name for name, _ in _tables(location, plan)]
    end = 0
    for name in tables:
        end = location.index(name, end) + 1
    numbers = [str(part + 1) for part in location[:end] if isinstance(part, int)]
    rest = list(location[end:])
    repeated = bool(numbers) or (bool(tables) and _repeats(tables, plan))
    if tables and rest and isinstance(rest[0], int) and _repeats(tables, plan):
        numbers.append(str(rest.pop(0) + 1))
    words = [f"item {part + 1}" if isinstance(part, int) else printable(part) for part in rest]
    if not tables:
        return " ".join(words) or "the whole file"
    header = ".".join(tables)
    if not repeated:
        return " ".join([f"[{header}]", *words])
    place = f"[[{header}]]" + (f" no. {'.'.join(numbers)}" if numbers else "")
    return ", ".join(filter(None, [place, " ".join(words)]))


def _repeats(tables: list[str], plan: type[BaseModel]) -> bool:
    """Return whether the innermost of nested tables can be there several times."""
    table: Any = plan
    for name in tables:
        annotation = _fields(table)[name].annotation
        table = _table_of(annotation)
    return annotation is not table and "tuple" in str(annotation)


def _fields(table: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a table's keys as the TOML file has them."""
    return {field.alias or name: field for name, field in table.model_fields.items()}
