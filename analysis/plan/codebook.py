"""The TOML beside a dataset: where it comes from, its licence, and what each column means."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan.sections.reading import ReadingSection

ColumnType = Literal["text", "category", "integer", "number", "date", "binary", "ordinal"]


class CodebookColumn(BaseModel):
    """What one column means. `binary` codes the first level 0, the second 1; `ordinal` codes 1 ..
    k.

    `label` is what sentences and figures call it, with its article; they use the column's name
    where it is empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    meaning: str
    type: ColumnType
    label: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    levels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _levels_fit_the_type(self) -> CodebookColumn:
        if len(set(self.levels)) < len(self.levels):
            raise ValueError("each level once")
        if self.type == "binary" and len(self.levels) not in (0, 2):
            raise ValueError(
                "a binary column has two levels: what counts as 0, then what counts as 1"
            )
        return self


class Codebook(BaseModel):
    """The TOML beside a dataset: where it comes from, its licence, what it is and what it is *not*.

    `simulated` says that no row was observed: everything printed of such data says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    address: str = ""
    source: str
    licence: str
    sha256: str = ""
    rows: int | None = None
    about: str = ""
    not_: str = ""
    caution: str = ""
    simulated: bool = False
    reading: ReadingSection | None = None
    columns: dict[str, CodebookColumn] = {}


def read_codebook(path: Path) -> Codebook | None:
    """Return the codebook, or None when there is none (a TOML with `[score]` is a plan, not a
    codebook).
    """
    if not path.is_file():
        return None
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            str(path), [Fault("the codebook", printable(error), "a TOML file in UTF-8")]
        ) from None
    if "score" in data or "outcome" in data:
        return None
    if "not" in data:
        data["not_"] = data.pop("not")
    try:
        return Codebook.model_validate(data)
    except ValidationError as error:
        raise DataError(
            str(path), [_codebook_fault(problem) for problem in error.errors()]
        ) from None


def type_line(path: Path, column: str) -> str:
    """Return where a codebook gives a column's type: "line 12 of shops.toml", or the file where
    unclear.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return f"the codebook {printable(path.name)}"
    header, inside = re.compile(r"\s*\[\s*columns\s*\.\s*(.+?)\s*\]\s*(#.*)?"), False
    for number, line in enumerate(lines, 1):
        found = header.fullmatch(line)
        if found:
            inside = found[1].strip("\"'") == column
        elif inside and re.match(r"\s*type\s*=", line):
            return f"line {number} of {printable(path.name)}"
    return f"the codebook {printable(path.name)}"


def _codebook_fault(problem: Any) -> Fault:
    """Return one of pydantic's errors in the words of the codebook."""
    place = [str(part).replace("not_", "not") for part in problem["loc"]]
    of_column = len(place) > 2
    if problem["type"] == "extra_forbidden":
        keys = [
            key.replace("not_", "not")
            for key in (CodebookColumn if of_column else Codebook).model_fields
        ]
        found, allowed = (
            f'unknown key "{printable(place[-1])}"',
            "one of: " + listing(keys, limit=20),
        )
        hint = did_you_mean(place[-1], keys)
    else:
        found = "nothing" if problem["type"] == "missing" else printable(problem["input"])
        allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        allowed, hint = allowed.replace("Field required", "a value: this key is required"), ""
    return Fault(printable(".".join(place)), found, allowed, hint)
