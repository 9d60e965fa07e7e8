"""What is said of a file: how it is read, where it comes from, and what each column means."""

from __future__ import annotations

import codecs
import datetime
import math
import re
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from analysis.errors import DataError, Fault, printable, unknown
from analysis.plan.sections.columns import Name, Number, Rules, Section, Whole, YesNo

NO_TEXT = frozenset(
    {
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw_unicode_escape",
        "undefined",
        "unicode_escape",
        "utf_7",
    }
)
"""Codecs of Python that no file of data is written in, or that give a text a second meaning."""

MOST_ENCODINGS = 5
"""Encodings that may be mixed in one file."""

Decimal = Literal[".", ","]
ColumnType = Literal["text", "category", "integer", "number", "date", "binary", "ordinal"]


def _encoding(stated: Any) -> str | tuple[str, ...]:
    """Return the name of an encoding; or several, of which each line has the first that fits."""
    if isinstance(stated, str):
        return _known_encoding(stated)
    if not isinstance(stated, (list, tuple)) or not 0 < len(stated) <= MOST_ENCODINGS:
        raise ValueError(f'{ENCODING}; or a list of them: ["utf-8", "windows-1252"]')
    known = tuple(map(_known_encoding, stated))
    if any(name.startswith(("utf-16", "utf-32")) for name in known):
        raise ValueError("encodings in which a line ends with a single byte: no utf-16")
    return known


ENCODING = 'the name of a text encoding, such as "utf-8", "windows-1252" or "utf-16"'


def _known_encoding(name: Any) -> str:
    try:
        known = codecs.lookup(name) if isinstance(name, str) and len(name) <= 40 else None
    except (LookupError, ValueError, UnicodeError):
        known = None
    if not (known and known._is_text_encoding and known.name.replace("-", "_") not in NO_TEXT):
        raise ValueError(ENCODING)
    return known.name


COUNTED = ("excel", "unix")
"""Dates that are counted: days since 1900 as Excel does, seconds or milliseconds since 1970."""

MOST_FORMATS = 5
"""Formats that the dates of one column may have."""

DATE_FORMAT = 'a format with day, month and year, such as "%d/%m/%Y"'


def _date_formats(stated: Any) -> str | tuple[str, ...]:
    """Return a strptime format that keeps day, month and year, how days are counted, or several."""
    if isinstance(stated, str):
        return _date_format(stated)
    if not isinstance(stated, (list, tuple)) or not 0 < len(stated) <= MOST_FORMATS:
        raise ValueError(f'{DATE_FORMAT}; or a list of them; or "excel" or "unix"')
    return tuple(map(_date_format, stated))


def _date_format(layout: Any) -> str:
    if layout in COUNTED:
        return layout
    day = datetime.datetime(2014, 11, 23, tzinfo=datetime.UTC)
    try:
        with warnings.catch_warnings():  # a day without a year is warned of by Python 3.13
            warnings.simplefilter("ignore", DeprecationWarning)
            kept = datetime.datetime.strptime(day.strftime(layout), layout).date() == day.date()
    except (ValueError, UnicodeError, TypeError, IndexError, KeyError, re.error):
        kept = False
    if not kept or len(layout) > 40:
        raise ValueError(f'{DATE_FORMAT}; or "excel" or "unix" for days or seconds counted')
    return layout


SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}\N{FIGURE SPACE}"
APOSTROPHES = (
    "\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}"
)


def _thousands(mark: Any) -> Any:
    """Return a mark between thousands as a keyboard has it: any kind of space or apostrophe."""
    if isinstance(mark, str) and len(mark) == 1:
        return " " if mark in SPACES else "'" if mark in APOSTROPHES else mark
    return mark


NumberKind = Literal[
    "plain", "money", "percent", "suffix", "duration", "mm:ss", "hh:mm", "range", "open"
]
"""How the numbers of a column are written."""

Codes = tuple[str | float, ...]
"""Words and numbers that stand for a missing value."""


def _codes(stated: Any) -> Codes | dict[str, Codes]:
    """Return what stands for a missing value in every column, or by column."""
    if isinstance(stated, Mapping):
        return {str(name): _list_of_codes(codes) for name, codes in stated.items()}
    return _list_of_codes(stated)


def _list_of_codes(stated: Any) -> Codes:
    known = isinstance(stated, (list, tuple)) and all(
        bool(code.strip())
        if isinstance(code, str)
        else isinstance(code, (int, float)) and not isinstance(code, bool) and math.isfinite(code)
        for code in stated
    )
    if not known:
        raise ValueError(
            'a list of words and numbers, such as ["n/a", 9999]; or by column: {age = [999]}'
        )
    return tuple(code if isinstance(code, str) else float(code) for code in stated)


class ReadingSection(Section):
    """`[reading]`: what a file does not say of itself. What is left out is detected, and reported.

    The same table may stand in the codebook beside the data; the plan's keys win.
    """

    encoding: Annotated[Any, BeforeValidator(_encoding)] = None
    separator: Literal[",", ";", "\t", "|", " "] | None = None
    decimal: Decimal | None = None
    header: Annotated[Whole, Field(ge=0)] | None = None
    repeated_names: Literal["number"] | None = None
    sheet: Name | None = None
    table: Name | None = None
    query: Name | None = None
    parameters: dict[Name, YesNo | Number | str] = Field(default_factory=dict)
    missing_values: Annotated[Any, BeforeValidator(_codes)] = ()

    def rules(self) -> Rules:
        return {
            "a table or a query, not both": self.table and self.query,
            "parameters belong to a query": self.parameters and self.query is None,
            "a comma either between cells or for decimals": self.separator == self.decimal == ",",
        }

    def over(self, other: ReadingSection | None) -> ReadingSection:
        """Return these keys, and those of `other` where there is none here."""
        stated = {} if other is None else other.model_dump(exclude_unset=True)
        return ReadingSection(**stated | self.model_dump(exclude_unset=True))


class ConversionSection(Section):
    """`[columns]`, of one column: how its numbers or dates are written."""

    number: NumberKind | None = None
    decimal: Decimal | None = None
    thousands: Annotated[Literal[",", ".", " ", "'"] | None, BeforeValidator(_thousands)] = None
    date: Annotated[Any, BeforeValidator(_date_formats)] = None

    def rules(self) -> Rules:
        of_numbers = self.number or self.decimal or self.thousands
        return {
            "a date or a number, not both": self.date is not None and of_numbers,
            "at least one of: number, decimal, thousands, date": (
                self.date is None and not of_numbers
            ),
            "decimal and thousands must differ": self.decimal and self.decimal == self.thousands,
        }


class CodebookColumn(Section):
    """What one column means. `binary` codes the first level 0, the second 1; `ordinal` 1 to k.

    `label` is what sentences and figures call it, with its article; they use the column's name
    where it is empty.
    """

    meaning: str
    type: ColumnType
    label: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    levels: tuple[str, ...] = ()

    def rules(self) -> Rules:
        return {
            "each level once": len(set(self.levels)) < len(self.levels),
            "a binary column has two levels: what counts as 0, then what counts as 1": (
                self.type == "binary" and len(self.levels) not in (0, 2)
            ),
        }


class Codebook(Section):
    """The TOML beside a dataset: where it comes from, its licence, what it is and what it is *not*.

    `simulated` says that no row was observed: everything printed of such data says so.

    `names_rows` is the column with the names of rows that a figure may name: works, firms, places
    whose values have been published; never persons. Without it no row is ever named.
    """

    title: str
    address: str = ""
    source: str
    licence: str
    sha256: str = ""
    rows: int | None = None
    about: str = ""
    not_: str = Field("", alias="not")
    caution: str = ""
    simulated: bool = False
    names_rows: Name | None = None
    reading: ReadingSection | None = None
    columns: dict[str, CodebookColumn] = Field(default_factory=dict)

    def rules(self) -> Rules:
        named = self.names_rows is not None
        column = self.columns.get(self.names_rows or "")
        return {
            "names_rows: the name of a column of type text, described under [columns]": (
                named and (column is None or column.type != "text")
            ),
            "names_rows only with source and licence: the rows of published data are named": (
                named and not (self.source.strip() and self.licence.strip())
            ),
        }


def read_codebook(path: Path) -> Codebook | None:
    """Return the codebook; None where there is none, or a plan (`[score]`) has its name."""
    if not path.is_file():
        return None
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(path, "the codebook", printable(error), "a TOML file in UTF-8") from None
    if "score" in data or "outcome" in data:
        return None
    if set(data) <= {"reading"}:  # nothing is said but how the file is read
        data = {"title": "", "source": "", "licence": "", **data}
    try:
        return Codebook.model_validate(data)
    except ValidationError as error:
        raise DataError(path, [_codebook_fault(problem) for problem in error.errors()]) from None


def type_line(path: Path, column: str) -> str:
    """Return where a codebook gives a column's type: "line 12 of shops.toml", or only the file."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    header, inside = re.compile(r"\s*\[\s*columns\s*\.\s*(.+?)\s*\]\s*(#.*)?"), False
    for number, line in enumerate(lines, 1):
        heading = header.fullmatch(line)
        if heading:
            inside = heading[1].strip("\"'") == column
        elif inside and re.match(r"\s*type\s*=", line):
            return f"line {number} of {printable(path.name)}"
    return f"the codebook {printable(path.name)}"


def _codebook_fault(problem: Any) -> Fault:
    """Return one of pydantic's errors in the words of the codebook."""
    place, kind = list(map(str, problem["loc"])), problem["type"]
    if kind == "extra_forbidden":
        inner = {"reading": ReadingSection, "columns": CodebookColumn}
        table = inner.get(place[0], Codebook) if len(place) > 1 else Codebook
        keys = [field.alias or name for name, field in table.model_fields.items()]
        found = f'unknown key "{printable(place[-1])}"'
        return unknown(printable(".".join(place)), found, place[-1], keys, limit=20)
    found = "nothing" if kind == "missing" else printable(problem["input"])
    allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    allowed = allowed.replace("Field required", "a value: this key is required")
    return Fault(printable(".".join(place)), found, allowed)
