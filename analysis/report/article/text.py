"""The text of an article, from whatever one writes articles in."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

from analysis.errors import OutputError, printable
from analysis.report.citation.package import LARGEST
from analysis.report.citation.word_fields import STORY, with_marks

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
PLAIN = WORD.strip("{}").encode()
"""The names of one vocabulary in the strict form of Word files and in the usual one."""
DAMAGED = (zipfile.BadZipFile, zlib.error, ExpatError, ElementTree.ParseError)
ALLOWED = "a text in UTF-8 (md, html, tex, txt, ...), a notebook (ipynb) or a Word file (docx)"


def read_text(path: Path) -> str:
    """Return an article's text; paragraphs of a Word file and cells of a notebook are separated by
    blank lines.

    Parameters
    ----------
    path : Path
        Markdown, HTML, LaTeX or any other text in UTF-8; ``.ipynb``; ``.docx``.

    Raises
    ------
    OutputError
        When it cannot be read.
    """
    readers = {".docx": _of_word, ".ipynb": _of_notebook, ".html": _of_html, ".htm": _of_html}
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"more than {LARGEST:,} bytes")
        return readers.get(path.suffix.lower(), _of_text)(path)
    except (OSError, ValueError, KeyError, *DAMAGED) as error:
        found = f"{type(error).__name__}: {printable(error)}"
        raise OutputError(str(path), "--text", found, ALLOWED) from None


def _of_text(path: Path) -> str:
    return path.read_text("utf-8-sig")


def _of_html(path: Path) -> str:
    """Return a page without its styles and scripts; the lines stay where they are."""
    blank = re.compile(r"<(style|script|head)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
    return blank.sub(lambda match: "\n" * match[0].count("\n"), _of_text(path))


def _of_notebook(path: Path) -> str:
    cells = json.loads(_of_text(path))["cells"]
    sources = [cell["source"] for cell in cells if cell.get("cell_type") == "markdown"]
    return "\n\n".join("".join(source) for source in sources)


def _of_word(path: Path) -> str:
    """Return the paragraphs, cells, notes and headers of a Word file; fields with a result are
    marked.
    """
    with zipfile.ZipFile(path) as file:
        names = sorted(filter(STORY.fullmatch, file.namelist()), key=_order)
        if sum(file.getinfo(name).file_size for name in names) > LARGEST:
            raise ValueError(f"more than {LARGEST:,} bytes unpacked")
        parts = [file.read(name) for name in names]
    if not names or _order(names[0]) or any(b"<!DOCTYPE" in part for part in parts):
        raise ValueError("not the document of a Word file")
    trees = [ElementTree.fromstring(with_marks(part.replace(STRICT, PLAIN))) for part in parts]
    return "\n\n".join(text for tree in trees for text in _paragraphs(tree))


def _order(name: str) -> bool:
    """Return whether a part comes after the document itself: notes, headers, comments."""
    return not name.startswith("word/document")


def _paragraphs(root: ElementTree.Element) -> Iterator[str]:
    """Yield the text of each paragraph, of a table's row in one line, and of each footnote with its
    mark before it.
    """
    for block in root.iter():
        if block.tag == f"{WORD}tr":
            yield "| " + " | ".join(_text(cell) for cell in block.iter(f"{WORD}tc")) + " |"
        elif block.tag in (f"{WORD}footnote", f"{WORD}endnote"):
            yield f"[^{block.get(WORD + 'id')}]: {_text(block)}"
    inside = {
        id(paragraph)
        for tag in ("tr", "footnote", "endnote")
        for block in root.iter(WORD + tag)
        for paragraph in block.iter(f"{WORD}p")
    }
    yield from (_text(p) for p in root.iter(f"{WORD}p") if id(p) not in inside)


def _text(block: ElementTree.Element) -> str:
    """Return the text of a paragraph or cell; a footnote's mark stands where it hangs."""
    pieces = []
    for node in block.iter():
        if node.tag == f"{WORD}t":
            pieces.append(node.text or "")
        elif node.tag in (f"{WORD}tab", f"{WORD}br"):
            pieces.append(" ")
        elif node.tag in (f"{WORD}footnoteReference", f"{WORD}endnoteReference"):
            pieces.append(f"[^{node.get(WORD + 'id')}]")
    return "".join(pieces)
