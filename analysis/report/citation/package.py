"""A Word file as a package of parts: read, edited in place and written back whole or not at all."""

from __future__ import annotations

import copy
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

LARGEST = 50_000_000
"""Bytes of text that a Word file has at most, unpacked; and of the file itself."""
LARGEST_WHOLE = 20 * LARGEST
"""Bytes of all its parts, pictures included."""
MAIN = re.compile(r"word/document\d*\.xml")
"""How the part with the text is called."""


@dataclass
class Element:
    """An XML element, and where it stands in the bytes of its part.

    Attributes
    ----------
    name : str
        Without its namespace.
    attributes : dict
        By their names without namespaces.
    start, stop : int
        Its first byte, and the one after its last.
    inner : int
        Where its closing tag starts; where it has none, `stop`.
    text : str
        Directly in it.
    """

    name: str
    attributes: dict[str, str]
    start: int
    stop: int = 0
    inner: int = 0
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it is written as one tag."""
        return self.inner == self.stop


@dataclass
class _Reader:
    part: bytes
    wanted: Collection[str]
    elements: list[Element] = field(default_factory=list)
    opened: list[tuple[Element, bool]] = field(default_factory=list)
    just_opened: bool = False

    def read(self) -> list[Element]:
        parser = self.parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler, parser.XmlDeclHandler = self._text, self._declared
        parser.StartDoctypeDeclHandler = self._doctype
        parser.Parse(self.part, True)
        return self.elements

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if (encoding or "utf-8").lower() not in ("utf-8", "us-ascii"):
            raise ValueError("not the document of a Word file: it is not in UTF-8")

    def _doctype(self, *declared: object) -> None:
        raise ValueError("not the document of a Word file")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        bare = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = Element(name.rpartition(" ")[2], bare, self.parser.CurrentByteIndex)
        kept = element.name in self.wanted or not self.opened
        self.opened.append((element, kept))
        self.elements += [element] if kept else []
        self.just_opened = True

    def _text(self, text: str) -> None:
        self.just_opened = False
        if self.opened[-1][1]:
            self.opened[-1][0].text += text

    def _end(self, name: str) -> None:
        (element, _), at = self.opened.pop(), self.parser.CurrentByteIndex
        one_tag = self.just_opened and self.part[at - 2 : at] == b"/>"
        element.inner = at
        element.stop = at if one_tag else self.part.index(b">", at) + 1
        self.just_opened = False


def elements_of(part: bytes, wanted: Collection[str]) -> list[Element]:
    """Return the root of a part and its elements of the wanted names, in their order.

    Raises
    ------
    ValueError, xml.parsers.expat.ExpatError
        For what is no XML in UTF-8, or has a document type.
    """
    return _Reader(part, wanted).read()


def prefix_of(part: bytes, element: Element) -> str:
    """Return the prefix that an element's tag is written with, its colon included; "" for none."""
    match = re.match(rb"<([^\s/>:]+:)?", part[element.start :])
    return (match[1] or b"").decode() if match else ""


@dataclass(frozen=True)
class Edit:
    """New bytes for those from `start` to `stop`."""

    start: int
    stop: int
    new: str


def edited(part: bytes, edits: Iterable[Edit]) -> bytes:
    """Return a part with edits that do not overlap made; every other byte stays."""
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        part = part[: edit.start] + edit.new.encode() + part[edit.stop :]
    return part


def appended(part: bytes, element: Element, content: str) -> Edit:
    """Return the edit that puts content at the end of an element."""
    if not element.is_empty:
        return Edit(element.inner, element.inner, content)
    match = re.match(rb"<([^\s/>]+)", part[element.start :])
    name = match[1].decode() if match else ""
    return Edit(element.stop - 2, element.stop, f">{content}</{name}>")


# --- the file -------------------------------------------------------------------------------------


def read_parts(path: Path) -> dict[str, bytes]:
    """Return every part of a Word file by its name.

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile
        When it is none, or larger than `LARGEST_WHOLE`.
    """
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        if "[Content_Types].xml" not in names or len(names) != len({*names}):
            raise ValueError("not the document of a Word file")
        if sum(info.file_size for info in file.infolist()) > LARGEST_WHOLE:
            raise ValueError(f"more than {LARGEST_WHOLE:,} bytes unpacked")
        if any(info.flag_bits & 1 for info in file.infolist()):
            raise ValueError("it is encrypted")
        return {name: file.read(name) for name in names}


def require_whole(parts: Mapping[str, bytes]) -> None:
    """Refuse parts that are not those of a Word file.

    Raises
    ------
    ValueError, xml.parsers.expat.ExpatError
    """
    if "_rels/.rels" not in parts or not any(map(MAIN.fullmatch, parts)):
        raise ValueError("not the document of a Word file")
    for name in ("[Content_Types].xml", "_rels/.rels", custom_part(parts).path):
        if name:
            elements_of(parts[name], ())


def replace_parts(path: Path, changed: Mapping[str, bytes]) -> None:
    """Write a Word file with some parts changed or new: the old one whole or the new one whole.

    Raises
    ------
    OSError
        When it cannot be written; the file is as it was.
    """
    path = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w+b") as made:
            with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
                for info in old.infolist():
                    content = changed.get(info.filename) or old.read(info.filename)
                    new.writestr(copy.copy(info), content, info.compress_type)
                for added in changed.keys() - {*old.namelist()}:
                    new.writestr(zip_entry(added), changed[added])
            made.flush()
            os.fsync(made.fileno())
        shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def zip_entry(name: str) -> zipfile.ZipInfo:
    """Return an entry of a package that is the same whenever it is written."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


# --- custom properties ----------------------------------------------------------------------------

CUSTOM = "docProps/custom.xml"
CUSTOM_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
CUSTOM_RELATION = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"
)
CUSTOM_SPACE = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
VALUE_SPACE = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
USER_DEFINED = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"
"""What marks a property as one of the user's."""
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
FIRST = 2
"""The first number that a custom property may have."""


def custom_properties(numbers: Mapping[str, str]) -> bytes:
    """Return a part with custom properties, numbered in their order."""
    made = "".join(
        _property(name, text, at) for at, (name, text) in enumerate(numbers.items(), FIRST)
    )
    return f'{DECLARATION}<Properties xmlns="{CUSTOM_SPACE}">{made}</Properties>'.encode()


def _property(name: str, text: str, number: int, prefix: str = "") -> str:
    return (
        f'<{prefix}property fmtid="{USER_DEFINED}" pid="{number}" name={quoteattr(name)}>'
        f'<vt:lpwstr xmlns:vt="{VALUE_SPACE}">{escape(text)}</vt:lpwstr></{prefix}property>'
    )


@dataclass(frozen=True)
class CustomPart:
    """Where a Word file keeps its custom properties; `path` is "" where it has none."""

    path: str
    part: bytes

    def properties(self) -> Iterator[tuple[Element, str | None]]:
        """Yield each property with its text; None where it is no text."""
        found = elements_of(self.part, {"property", "lpwstr"})[1:] if self.part else []
        for at, one in enumerate(found):
            if one.name == "property":
                below = found[at + 1] if at + 1 < len(found) else None
                inside = below is not None and below.name == "lpwstr" and below.start < one.stop
                yield one, below.text if inside and below else None


def custom_part(parts: Mapping[str, bytes]) -> CustomPart:
    """Return the part of a Word file that has its custom properties."""
    relations = parts.get("_rels/.rels", b"")
    for one in elements_of(relations, {"Relationship"})[1:] if relations else ():
        if re.search(r"/custom-?properties$", one.attributes.get("Type", ""), re.IGNORECASE):
            path = one.attributes.get("Target", "").lstrip("/")
            if path in parts:
                return CustomPart(path, parts[path])
    return CustomPart("", b"")


def with_properties(parts: Mapping[str, bytes], numbers: Mapping[str, str]) -> dict[str, bytes]:
    """Return the parts that change where a Word file gets these custom properties.

    Parameters
    ----------
    parts : mapping
        All parts of the file.
    numbers : mapping
        The texts of the properties by their names; those that are there keep their numbers, and
        every other property stays as it is.
    """
    custom = custom_part(parts)
    if not custom.path:
        return _with_new_part(parts, numbers)
    part, edits, there = custom.part, [], set()
    root, prefix = elements_of(part, ())[0], ""
    numbered = [FIRST - 1]
    for one, text in custom.properties():
        name, number = one.attributes.get("name", ""), one.attributes.get("pid", "")
        prefix, numbered = prefix_of(part, one), [*numbered, int(number) if number.isdigit() else 0]
        there.add(name)
        if name in numbers and text != numbers[name]:
            new = _property(name, numbers[name], numbered[-1], prefix)
            edits.append(Edit(one.start, one.stop, new))
    new = [name for name in numbers if name not in there]
    made = "".join(
        _property(name, numbers[name], at, prefix_of(part, root))
        for at, name in enumerate(new, max(numbered) + 1)
    )
    edits += [appended(part, root, made)] if new else []
    return {custom.path: edited(part, edits)} if edits else {}


def _with_new_part(parts: Mapping[str, bytes], numbers: Mapping[str, str]) -> dict[str, bytes]:
    """Return a part for custom properties, and those that have to name it."""
    path = next(name for name in (CUSTOM, *_free_names()) if name not in parts)
    types, relations = parts["[Content_Types].xml"], parts["_rels/.rels"]
    known = elements_of(relations, {"Relationship"})
    taken = {one.attributes.get("Id") for one in known[1:]}
    free = next(name for at in range(1, len(known) + 1) if (name := f"rIdSA{at}") not in taken)
    root = elements_of(types, ())[0]
    override = f'<{prefix_of(types, root)}Override PartName="/{path}" ContentType="{CUSTOM_TYPE}"/>'
    relation = (
        f'<{prefix_of(relations, known[0])}Relationship Id="{free}" Type="{CUSTOM_RELATION}"'
        f' Target="{path}"/>'
    )
    return {
        path: custom_properties(numbers),
        "[Content_Types].xml": edited(types, [appended(types, root, override)]),
        "_rels/.rels": edited(relations, [appended(relations, known[0], relation)]),
    }


def _free_names() -> Iterator[str]:
    yield from (f"docProps/custom{at}.xml" for at in range(2, 10_000))
