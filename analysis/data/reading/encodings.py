"""Bytes as text: the encoding is stated, marked or detected; what may be several is refused."""

from __future__ import annotations

import codecs
import re

from analysis.data.reading.cells import TableError
from analysis.errors import Fault, listing, printable, quoted
from analysis.plan.files import texts

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

WESTERN = re.compile(r"[\x00-\x7fÀ-ÖØ-öø-ÿŒœŠšŽžŸ€£¥¢§©®°ª º«»¡¿´·–—‘’‚“”„…•™²³½¼¾ß]*")
"""What a text in a Western European language is made of."""

FOREIGN = re.compile(rb"[\x80-\xff]{3,}")
"""Three accented letters in a row: rare in Western texts; other alphabets consist of them."""

UTF8_PAIR = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


CANDIDATES = ("windows-1252", "iso-8859-15", "cp1250", "cp1251", "cp850", "mac-roman", "gb18030")
"""Encodings that a message tries on cells which are not UTF-8."""

LINE_SHOWN = 40
"""Characters of a line that a message shows, half of them before the byte at fault."""


def decoded(content: bytes, stated: str | tuple[str, ...]) -> tuple[str, str]:
    """Return the text, and how it was decoded where that is not plain UTF-8.

    Raises
    ------
    TableError
        Where nothing is stated and more than one encoding may be meant, or what is stated is wrong.
    """
    if isinstance(stated, tuple) and len(stated) > 1:
        return _line_by_line(content, stated)
    stated = stated if isinstance(stated, str) else stated[0]
    wide = content.startswith(UTF16)
    marked = "utf-16" if wide else "utf-8" if content.startswith(codecs.BOM_UTF8) else ""
    if stated and marked and re.sub("-(le|be|sig)$", "", stated) != marked:
        raise TableError(
            "[reading] encoding",
            f"the mark of {marked.upper()} at its start",
            f'a file in "{stated}", as the plan or codebook says',
        )
    note = ""
    if stated and stated not in ("utf-8", "ascii"):
        note = f"text in {stated}, as stated"
    elif marked == "utf-16":
        note = "text in UTF-16, by the mark at its start"
    try:
        text = content.decode(stated or marked or "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        text = "" if stated or wide else _western(content)
        if not text:
            raise TableError(_undecodable(content, error)) from None
        note = "text in Windows-1252 (Western European), detected: it is not UTF-8"
    except (UnicodeError, ValueError) as error:
        raise TableError(
            "the whole file", printable(error), f"text in {stated or marked}"
        ) from None
    return text, note


def _line_by_line(content: bytes, stated: tuple[str, ...]) -> tuple[str, str]:
    """Return a text whose lines were written in several encodings: each in the first that fits."""
    lines, other = [], 0
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        for name in stated:
            try:
                lines.append(line.decode(name))
            except UnicodeDecodeError:
                continue
            other += name != stated[0]
            break
        else:
            found = f"a line in none of {listing(stated)}"
            raise TableError(f"line {number}", found, "an encoding for every line")
    many = "line" if other == 1 else "lines"
    said = f"text in {stated[0]}, as stated; {other:,} {many} in {listing(stated[1:])}"
    return "\n".join(lines), said


def _western(content: bytes) -> str:
    """Return the text in Windows-1252 if all its signs are Western European, else nothing."""
    if UTF8_PAIR.search(content) or FOREIGN.search(content):
        return ""  # UTF-8 with a damaged place, or another alphabet
    try:
        text = content.decode("windows-1252")
    except UnicodeDecodeError:
        return ""
    return text if WESTERN.fullmatch(text) else ""


def _undecodable(content: bytes, error: UnicodeDecodeError) -> Fault:
    """Return the fault of bytes that are not in an encoding, with what others would read there."""
    line = content[: error.start].count(b"\n") + 1
    name = "UTF-8" if error.encoding == "utf-8" else error.encoding
    found = f"byte {content[error.start]:#04x}, which is not {name}"
    if content.startswith(UTF16) or error.encoding.startswith(("utf-16", "utf-32")):
        return Fault(f"line {line}", found, f"text in {name}")
    read = _readings(content, error.start)
    mixed = _also_utf8(content)
    both = ["utf-8", next(iter(read), "windows-1252")]
    say = f"encoding = {texts(both)}, the first that fits each line" if mixed else "encoding"
    option = f"--encoding {','.join(both)}" if mixed else "--encoding"
    allowed = (
        f"text saved as UTF-8; or its encoding: [reading] {say}, in the plan or codebook;"
        f" init has {option}"
    )
    meant = "; ".join(f"{name} {quoted(text, limit=2 * LINE_SHOWN)}" for name, text in read.items())
    return Fault(
        f"line {line}", found, allowed, f"Line {line} would read, in {meant}" if read else ""
    )


def _readings(content: bytes, at: int) -> dict[str, str]:
    """Return what encodings make of the line with a byte, those that agree with an earlier left."""
    start = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", at) % (len(content) + 1)
    line = content[max(start, at - LINE_SHOWN // 2) : min(end, at + LINE_SHOWN // 2)].strip()
    read: dict[str, str] = {}
    for name in CANDIDATES:
        try:
            text = line.decode(name)
        except UnicodeDecodeError:
            continue
        if text not in read.values():
            read[name] = text
    return read


def _also_utf8(content: bytes) -> bool:
    """Return whether most of the lines are UTF-8, or plain ASCII, as they stand."""
    lines = content.split(b"\n")
    wrong = 0
    for line in lines:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            wrong += 1
    return 2 * wrong < len(lines)
