"""Fields of a Word file that print a ledger's numbers: found, read, and given new numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from analysis.report.citation.package import (
    Edit,
    Element,
    appended,
    edited,
    elements_of,
    prefix_of,
)

STORY = re.compile(r"word/(document|header|footer|footnotes|endnotes)\d*\.xml")
"""The parts of a Word file that have text."""
CODE = re.compile(
    r"\s*DOCPROPERTY\s+(?:[\"\u201c\u201d\u201e]([^\"\u201c\u201d\u201e]*)[\"\u201c\u201d]|"
    r"([^\s\"\\]+))",
    re.IGNORECASE,
)
"""What a field that prints a document property says, and the property's name."""


@dataclass
class WordField:
    """A field that prints a document property.

    Attributes
    ----------
    name : str
        Of the property: a result id, where the field is one of ours.
    printed : str
        What it shows.
    locked : bool
        Whether it is locked against updates.
    """

    name: str
    printed: str
    locked: bool
    _texts: list[Element]
    _end: Element
    _in_code: bool
    _has_result: bool

    def edits(self, part: bytes, text: str) -> Iterator[Edit]:
        """Yield what to change in the part so that the field shows a text; its format stays."""
        if self._texts:
            for at, one in enumerate(self._texts):
                kind = f"{prefix_of(part, one)}{one.name}"
                shown = escape(text) if at == 0 else ""
                new = f'<{kind} xml:space="preserve">{shown}</{kind}>'
                yield Edit(one.start, one.stop, new)
            return
        prefix = prefix_of(part, self._end)
        kind = f"{prefix}instrText" if self._in_code else f"{prefix}t"
        new = f'<{kind} xml:space="preserve">{escape(text)}</{kind}>'
        if self._end.name == "fldSimple":
            yield appended(part, self._end, f"<{prefix}r>{new}</{prefix}r>")
            return
        tag = part[self._end.start : self._end.stop].decode()
        if not self._has_result:  # the tag that ends it says how one is written that separates
            begins = re.sub(r"(fldCharType\s*=\s*[\"'])end", r"\1separate", tag)
            new = f"{begins}{new}"
        yield Edit(self._end.start, self._end.start, new)


@dataclass
class _Open:
    """A field whose end is not read yet."""

    start: Element
    in_code: bool
    code: str = ""
    in_result: bool = False
    texts: list[Element] = field(default_factory=list)

    @property
    def locked(self) -> bool:
        return self.start.attributes.get("fldLock", "") in ("1", "true", "on")

    def closed(self, end: Element) -> Iterator[WordField]:
        match = CODE.match(self.code)
        if match:
            name = (match[1] or match[2] or "").strip()
            printed = "".join(one.text for one in self.texts)
            yield WordField(
                name, printed, self.locked, self.texts, end, self.in_code, self.in_result
            )


READ = {"fldSimple", "fldChar", "instrText", "t"}


def fields_of(part: bytes) -> list[WordField]:
    """Return the fields of a part that print a document property, in their order.

    Parameters
    ----------
    part : bytes
        Of a Word file, in UTF-8.

    Raises
    ------
    ValueError, xml.parsers.expat.ExpatError
        Where it is no such part.
    """
    opened: list[_Open] = []
    fields: list[WordField] = []
    for one in [*elements_of(part, READ)[1:], None]:
        while opened and opened[-1].start.name == "fldSimple":
            if one is not None and one.start < opened[-1].start.stop:
                break
            last = opened.pop()
            fields += last.closed(last.start)
        if one is not None:
            fields += _read(one, opened)
    return fields


def _read(one: Element, opened: list[_Open]) -> Iterator[WordField]:
    """Take one element into account; yield the field that it ends."""
    kind, last = one.attributes.get("fldCharType"), opened[-1] if opened else None
    in_code = last is not None and not last.in_result
    if one.name == "fldSimple":
        opened.append(_Open(one, in_code, one.attributes.get("instr", ""), in_result=True))
    elif kind == "begin":
        opened.append(_Open(one, in_code))
    elif last is None:
        return
    elif kind == "separate":
        last.in_result = True
    elif kind == "end" and last.start.name == "fldChar":
        yield from opened.pop().closed(one)
    elif last.in_result and one.name in ("t", "instrText"):
        last.texts.append(one)
    elif one.name == "instrText":
        last.code += one.text


def with_texts(part: bytes, text_of: Callable[[WordField], str | None]) -> bytes:
    """Return a part whose fields show other texts; every other byte stays.

    Parameters
    ----------
    part : bytes
    text_of : callable
        What a field is to show; None leaves it.
    """
    edits: list[Edit] = []
    for one in fields_of(part):
        text = text_of(one)
        if text is not None:
            edits += one.edits(part, text)
    return edited(part, edits)


# --- as an article is read ------------------------------------------------------------------------

OPEN, SHOWS, CLOSE = "\ue020", "\ue021", "\ue022"
MARKED = re.compile(f"{OPEN}([^{OPEN}{SHOWS}{CLOSE}]*){SHOWS}([^{OPEN}{SHOWS}{CLOSE}]*){CLOSE}")
"""A field in a text: its result id, and what it shows."""
LEAST_SLASHES = 2
"""Of a result id: that of a verdict has two."""


def is_result(name: str) -> bool:
    """Return whether the name of a property is built as a result id is."""
    return name.count("/") >= LEAST_SLASHES


def with_marks(part: bytes) -> bytes:
    """Return a part in which each field of ours shows its id and, after it, what it shows."""

    def marked(one: WordField) -> str | None:
        if not is_result(one.name):
            return None
        bare = [re.sub(f"[{OPEN}{SHOWS}{CLOSE}]", "", text) for text in (one.name, one.printed)]
        return f"{OPEN}{bare[0]}{SHOWS}{bare[1]}{CLOSE}"

    return with_texts(part, marked)


def fields_by_part(parts: Mapping[str, bytes]) -> Iterator[tuple[str, WordField]]:
    """Yield every field of a Word file's parts with the name of its part."""
    for name, part in parts.items():
        if STORY.fullmatch(name):
            yield from ((name, one) for one in fields_of(part))
