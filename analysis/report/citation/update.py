"""The fields of a Word document get the numbers of today's ledgers; its text stays."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from analysis.errors import Fault, OutputError, did_you_mean, listing, printable, shown_place
from analysis.report.citation.numbers import Change, numbers_of, typeset_number
from analysis.report.citation.package import (
    LARGEST,
    custom_part,
    read_parts,
    replace_parts,
    require_whole,
    with_properties,
)
from analysis.report.citation.word_fields import (
    STORY,
    WordField,
    fields_by_part,
    is_result,
    with_texts,
)
from analysis.report.ledger import ledgers, read_ledger
from analysis.results.ids import FIELDS, Known, split_field

ALLOWED = "a Word file (docx) that can be read and written"
OPEN_ELSEWHERE = "a document that no other program has open: close it there first"
ERROR = re.compile(
    r"\W*(?:Error|Fehler|Erreur|Errore|Erro|Fout|Fel|Feil|Fejl|Chyba)\s?!.*", re.DOTALL
)
"""What a word processor shows for a property that it does not find."""
NUMBER = re.compile(r"[\w\s.,+\-\u2212<>%$\u20ac\u00a3\u2264\u2265]*(?<![.,])\s*")
"""What a number of a ledger is written with; a sentence goes on after a comma."""
FIGURES = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True)
class Update:
    """What an update of a document has changed.

    Attributes
    ----------
    document : str
        Its path.
    fields : int
        How many fields of it print a result.
    changes : tuple of Change
        What they showed, and what they show now.
    locked : tuple of str
        Results whose fields are locked, and stayed.
    """

    document: str
    fields: int
    changes: tuple[Change, ...]
    locked: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [str(change) for change in self.changes]
        lines += [f"{'locked':14} {name}: its field is left as it is" for name in self.locked]
        several = self.fields != 1
        fields = f"{self.fields} fields print results" if several else "1 field prints a result"
        told = f"{len(self.changes) or 'none'} of their numbers changed"
        return "\n".join([*lines, f"{printable(self.document)}: {fields}; {told}."])


def update(document: str | Path, *, results: str | Path = "results") -> Update:
    """Give the fields of a Word document the numbers of today's ledgers.

    Parameters
    ----------
    document : path
        With fields ``DOCPROPERTY "ID"`` or ``DOCPROPERTY "ID#low"``, in its text, tables, notes,
        headers or footers.
    results : path
        A result folder, or the folder that holds them.

    Returns
    -------
    Update

    Raises
    ------
    OutputError
        When the document cannot be read or written, is open elsewhere, prints no result, has a
        field of an unknown id or one into which somebody has typed. The document is as it was.

    Notes
    -----
    Only what a field shows and the document property of its id change, and every other byte of
    every part stays. The old document is replaced by the new one at once, or not at all.
    """
    path = Path(document)
    parts = _parts_of(path)
    ours = _fields_of(path, parts)
    numbers = _Numbers.under(Path(results))
    numbers.require(path, ours)
    changed = _changed_parts(parts, ours, numbers)
    if changed:
        try:
            replace_parts(path, changed)
        except OSError as error:
            found = printable(error.strerror or error)
            raise OutputError(str(path), "--update", found, ALLOWED) from None
    return Update(
        document=shown_place(path),
        fields=len(ours),
        changes=tuple(numbers.changes(ours)),
        locked=tuple(dict.fromkeys(one.name for one in ours if one.locked)),
    )


def _parts_of(path: Path) -> dict[str, bytes]:
    """Return the parts of a document that can be updated."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"more than {LARGEST:,} bytes")
        parts = read_parts(path)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, error) from None
    if any(name.startswith("_xmlsignatures/") for name in parts):
        allowed = "a document without one: a change would make it invalid"
        raise OutputError(str(path), "--update", "a digital signature", allowed)
    if lock := _lock_of(path):
        hint = f"Or delete {printable(lock)}, where no program has it open any more"
        raise OutputError(str(path), "--update", "a document open elsewhere", OPEN_ELSEWHERE, hint)
    return parts


def _fields_of(path: Path, parts: Mapping[str, bytes]) -> list[WordField]:
    """Return the fields of a document that print a result; all that is read later is read once."""
    try:
        require_whole(parts)
        ours = [one for _, one in fields_by_part(parts) if is_result(one.name)]
    except (ValueError, ExpatError) as error:
        raise _unreadable(path, error) from None
    if not ours:
        allowed = 'fields DOCPROPERTY "ID": copy them from numbers.docx of a result folder'
        raise OutputError(str(path), "--update", "no field that prints a result", allowed)
    return ours


def _unreadable(path: Path, error: Exception) -> OutputError:
    found = f"{type(error).__name__}: {printable(error)}"
    return OutputError(str(path), "--update", found, ALLOWED)


def _lock_of(path: Path) -> str:
    """Return the file that says that Word or LibreOffice has a document open; "" without one."""
    name = Path(os.path.realpath(path)).name
    owners = {f"~${name}", f"~${name[1:]}", f"~${name[2:]}", f".~lock.{name}#"}
    folder = Path(os.path.realpath(path)).parent
    return next((one for one in sorted(owners) if (folder / one).exists()), "")


def _changed_parts(
    parts: Mapping[str, bytes], ours: Sequence[WordField], numbers: _Numbers
) -> dict[str, bytes]:
    stories = {
        name: with_texts(part, numbers.shown)
        for name, part in parts.items()
        if STORY.fullmatch(name)
    }
    changed = {name: part for name, part in stories.items() if part != parts[name]}
    return changed | with_properties(parts, numbers.properties(parts, ours))


@dataclass
class _Numbers:
    """What ledgers print by their ids, and by what a field may call them."""

    results: str
    ledgers: Sequence[Mapping[str, Any]]
    damaged: Sequence[Fault] = ()
    known: Known = field(init=False)
    texts: dict[str, set[str]] = field(init=False, default_factory=dict)
    words: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.known = Known(self.ledgers)
        for ledger in self.ledgers:
            for name, text in numbers_of(ledger):
                self.texts.setdefault(name, set()).add(typeset_number(printable(text)))
                self.words.update(_words(text))

    @classmethod
    def under(cls, results: Path) -> _Numbers:
        read, damaged = [], []
        for path in ledgers(results):
            try:
                read.append(read_ledger(path, whole=True))
            except OutputError as error:  # another ledger is not in the way of this one's
                damaged += error.faults
        return cls(printable(shown_place(os.path.abspath(results)), limit=300), read, damaged)

    def _name(self, written: str) -> str:
        name, field = self.known.asked(written)
        return f"{name}#{field}" if field else name

    def text(self, written: str) -> str | None:
        """Return what a property of this name prints; None where no ledger has it, or two have
        different numbers.
        """
        texts = self.texts.get(self._name(written), set())
        return next(iter(texts)) if len(texts) == 1 else None

    def shown(self, one: WordField) -> str | None:
        """Return what a field is to show, between the same spaces; None where it stays."""
        text = self.text(one.name) if is_result(one.name) and not one.locked else None
        if text is None or _bare(text) == _bare(one.printed):
            return None
        there = one.printed.strip()
        return one.printed.replace(there, text, 1) if there else text

    def properties(self, parts: Mapping[str, bytes], ours: Sequence[WordField]) -> dict[str, str]:
        """Return the properties that a document is to have: those of its fields, and those there
        that are a ledger's.
        """
        there = [one.attributes.get("name", "") for one, _ in custom_part(parts).properties()]
        names = [one.name for one in ours if not one.locked] + list(filter(is_result, there))
        return {name: text for name in names if (text := self.text(name)) is not None}

    def changes(self, ours: Sequence[WordField]) -> Iterator[Change]:
        told = ((one, self.shown(one)) for one in ours)
        yield from dict.fromkeys(
            Change(one.name, one.printed.strip(), text.strip())
            for one, text in told
            if text is not None
        )

    # --- refusals

    def require(self, path: Path, ours: Sequence[WordField]) -> None:
        """Refuse fields that cannot be given a number, all at once."""
        faults = list(dict.fromkeys(fault for one in ours for fault in self._faults(one)))
        if faults:
            raise OutputError(str(path), [*faults, *self.damaged])

    def _faults(self, one: WordField) -> Iterator[Fault]:
        if one.locked:
            return
        place = f"field {printable(one.name)}"
        texts = self.texts.get(self._name(one.name), set())
        if not texts:
            yield self._unknown(place, one.name)
        elif len(texts) > 1:
            found = f"several numbers of this id: {listing(sorted(texts))}"
            yield Fault(place, found, "one result folder: name it with --results")
        elif not self._is_number(one.printed, *texts):
            found = f"{printable(one.printed)!r}, which is more than a number of a ledger"
            hint = "Move your own words out of the field: an update would lose them"
            yield Fault(place, found, "a number alone", hint)

    def _unknown(self, place: str, written: str) -> Fault:
        names, asked = self.known, split_field(written)[1] or written.rpartition("#")[2]
        if name := names.find(written.rpartition("#")[0]):
            has = [one for one in FIELDS if f"{name}#{one}" in self.texts]
            allowed = f"a field of it: {', '.join(f'#{one}' for one in has)}"
            return Fault(
                place, f"no {printable(asked)} of {name}", allowed, did_you_mean(asked, has)
            )
        near = names.near(written)
        allowed = f"an id of a ledger under {self.results}"
        hint = f'Did you mean "{near[0]}"?' if near else ""
        return Fault(place, "no result has this id", allowed, hint)

    def _is_number(self, printed: str, text: str) -> bool:
        """Return whether a field shows nothing but a number, as a ledger prints it."""
        if ERROR.fullmatch(printed):
            return True
        one = len(FIGURES.findall(printed)) <= max(1, len(FIGURES.findall(text)))
        return one and bool(NUMBER.fullmatch(printed)) and {*_words(printed)} <= self.words


def _bare(text: str) -> str:
    """Return a number without what typesetting adds."""
    spaced = re.sub("[\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]", " ", text)
    return spaced.replace("\N{MINUS SIGN}", "-").strip()


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())
