"""`[reading]` and `[columns]`: how a file is to be read, and which cells are to be converted."""

from __future__ import annotations

import codecs
import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from analysis.plan.sections.base import Name, Number, Section, YesNo

NO_TEXT = frozenset(
    {
        "idna",
        "punycode",
        "undefined",
        "mbcs",
        "oem",
        "unicode_escape",
        "raw_unicode_escape",
        "utf-7",
    }
)
"""Codecs of Python that no file of data is written in, or that give a text a second meaning."""

Decimal = Literal[".", ","]


def _encoding(name: str) -> str:
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        known = None
    if (
        known is None
        or not known._is_text_encoding
        or known.name in NO_TEXT
        or known.name.replace("-", "_") in NO_TEXT
    ):
        raise ValueError('the name of a text encoding, such as "utf-8", "windows-1252" or "utf-16"')
    return known.name


def _date_format(written: str) -> str:
    """Return a strptime format that keeps day, month and year."""
    day = datetime.datetime(2014, 11, 23)
    try:
        kept = datetime.datetime.strptime(day.strftime(written), written).date() == day.date()
    except (ValueError, UnicodeError):
        kept = False
    if not kept:
        raise ValueError('a format with day, month and year, such as "%d/%m/%Y"')
    return written


class ReadingSection(Section):
    """`[reading]`: what a file does not say of itself. What is left out is detected, and reported.

    The same table may stand in the codebook beside the data; the plan's keys win.
    """

    encoding: Annotated[str, Field(max_length=40), AfterValidator(_encoding)] | None = None
    separator: Literal[",", ";", "\t", "|"] | None = None
    decimal: Decimal | None = None
    sheet: Name | None = None
    table: Name | None = None
    query: Name | None = None
    parameters: dict[Name, YesNo | Number | str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> ReadingSection:
        if self.table is not None and self.query is not None:
            raise ValueError("a table or a query, not both")
        if self.parameters and self.query is None:
            raise ValueError("parameters belong to a query")
        if self.separator == self.decimal == ",":
            raise ValueError("a comma either between cells or for decimals")
        return self

    def over(self, other: ReadingSection | None) -> ReadingSection:
        """Return these keys, and those of `other` where there is none here."""
        if other is None:
            return self
        said: dict[str, Any] = {
            **other.model_dump(exclude_unset=True),
            **self.model_dump(exclude_unset=True),
        }
        return ReadingSection.model_validate(said)


class ConversionSection(Section):
    """`[columns]`, of one column: how its numbers or dates are written."""

    number: Literal["plain", "money", "percent", "suffix"] | None = None
    decimal: Decimal | None = None
    thousands: Literal[",", ".", " ", "'"] | None = None
    date: Annotated[str, Field(max_length=40), AfterValidator(_date_format)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> ConversionSection:
        if self.date is not None and (self.number or self.decimal or self.thousands):
            raise ValueError("a date or a number, not both")
        if (
            self.date is None
            and self.number is None
            and self.decimal is None
            and self.thousands is None
        ):
            raise ValueError("at least one of: number, decimal, thousands, date")
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError("decimal and thousands must differ")
        return self
