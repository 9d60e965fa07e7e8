"""The text of an article, from whatever one writes articles in."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from analysis.errors import OutputError, printable

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
LARGEST = 50_000_000
"""Bytes that an article has at most, unpacked."""
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
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, ElementTree.ParseError) as error:
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
    """Return the paragraphs, cells and footnotes of a Word file."""
    with zipfile.ZipFile(path) as file:
        names = [
            name
            for name in ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml")
            if name in file.namelist()
        ]
        if sum(file.getinfo(name).file_size for name in names) > LARGEST:
            raise ValueError(f"more than {LARGEST:,} bytes unpacked")
        parts = [file.read(name) for name in names]
    if not parts or any(b"<!DOCTYPE" in part for part in parts):
        raise ValueError("not the document of a Word file")
    return "\n\n".join(text for part in parts for text in _paragraphs(ElementTree.fromstring(part)))


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
