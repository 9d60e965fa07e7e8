"""Values as TOML writes them: whatever a column is called, what is written reads back as the same
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from analysis.errors import printable

SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
"""The escapes of TOML that have a letter of their own."""

BARE = re.compile(r"[A-Za-z0-9_-]+")
"""Keys that need no quotes."""


def text(value: str) -> str:
    """Return a basic string; what a screen does not show as itself (controls, right-to-left marks)
    is escaped.

    Raises
    ------
    ValueError
        For half a surrogate pair, which no TOML file can hold.

    >>> print(text('say "hi"'))
    "say \\"hi\\""
    """
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("half a surrogate pair")
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in SHORT:
        return SHORT[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"


def key(name: str) -> str:
    """Return a key: bare where TOML allows it, in quotes otherwise."""
    return name if BARE.fullmatch(name) else text(name)


def texts(values: Iterable[str]) -> str:
    """Return a list of strings on one line."""
    return "[" + ", ".join(map(text, values)) + "]"


def table(entries: Mapping[str, str]) -> str:
    """Return an inline table of strings."""
    return "{" + ", ".join(f"{key(name)} = {text(value)}" for name, value in entries.items()) + "}"


def number(value: float) -> str:
    """Return a number: whole ones without a point, others with every digit they have."""
    return (
        str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
    )


def remark(words: str) -> str:
    """Return words as they may stand in a comment: on one line, control characters escaped."""
    return printable(words, limit=400)
