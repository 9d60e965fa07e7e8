"""Every number of a ledger as a field of a Word document, to be copied into an article."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from analysis.errors import printable
from analysis.report.citation.numbers import numbers_of, typeset_number
from analysis.report.citation.package import (
    CUSTOM,
    CUSTOM_RELATION,
    CUSTOM_TYPE,
    DECLARATION,
    custom_properties,
    zip_entry,
)
from analysis.results.ids import FIELDS

Ledger = Mapping[str, Any]
LONGEST_NAME = 255
"""Characters that Word allows the name of a property; a longer id's number is plain text."""
HEADS = {
    "": "result",
    "value": "number",
    "low": "low",
    "high": "high",
    "p": "p",
    "n": "n",
    "se": "error",
    "statistic": "statistic",
    "sesoi": "SESOI",
}
"""What the column of a field is called."""
WIDTH, OF_NUMBER = 14_500, 1_150
"""Of a page's text and of a column with numbers, in twentieths of a point."""
HOW = (
    "Every number here is a field. Copy one into a document of yours, keep it a field, write your"
    " own words around it, save, close it, and run:",
    "score-audit cite --update article.docx",
    "Run it again after each run of the study: the numbers change, your text stays. In a field code"
    ' of your own the number is DOCPROPERTY "ID", or DOCPROPERTY "ID#low" for the column low.',
)


def word(ledger: Ledger) -> bytes:
    """Return a Word document with every number of a ledger as a field that prints a document
    property of its id; the same ledger gives the same bytes.
    """
    numbers = {name: typeset_number(printable(text)) for name, text in numbers_of(ledger)}
    verdicts = [row["id"] for row in ledger["verdicts"]]
    estimates = [row["id"] for row in ledger["estimates"]]
    fields = [field for field in FIELDS if field != "value"]
    tables = {
        "Verdicts, and the numbers they rest on": (verdicts, ["", "value", *fields]),
        "All numbers": (estimates, ["", *fields]),
    }
    shown = {
        name: numbers[name]
        for ids, columns in tables.values()
        for one in ids
        for column in columns
        if _is_field(name := _name(one, column)) and name in numbers
    }
    body = [_paragraph(f"The numbers of {printable(ledger['plan']['name'])}", "Title")]
    if ledger.get("dataset", {}).get("simulated"):
        body.append(_paragraph("Simulated data: say so where you print these.", "Strong"))
    body += [_paragraph(text, "Code" if at == 1 else "") for at, text in enumerate(HOW)]
    for title, (ids, columns) in tables.items():
        body += [_paragraph(title, "Heading1"), *_table(ids, columns, numbers)]
    body.append(_paragraph("", "Cell"))  # Word wants one after a table that is the last
    return _package("".join(body), shown)


def _name(result: str, field: str) -> str:
    return f"{result}#{field}" if field else result


def _is_field(name: str) -> bool:
    return len(name) <= LONGEST_NAME


def _paragraph(text: str, style: str = "") -> str:
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}{_run(text)}</w:p>"


def _run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def _table(ids: Sequence[str], columns: Sequence[str], numbers: Mapping[str, str]) -> Iterator[str]:
    """Yield a table: a row a result, a column a field."""
    widths = [WIDTH - OF_NUMBER * len(columns), *[OF_NUMBER] * len(columns)]
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    yield (
        '<w:tbl><w:tblPr><w:tblStyle w:val="Numbers"/>'
        f'<w:tblW w:w="{WIDTH}" w:type="dxa"/><w:tblLayout w:type="fixed"/></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>"
    )
    head = [_run("id"), *(_run(HEADS[column]) for column in columns)]
    yield _row(head, widths, "<w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>", "Head")
    for one in ids:
        cells = [_field(_name(one, column), numbers) for column in columns]
        yield _row([_run(one), *cells], widths, "<w:trPr><w:cantSplit/></w:trPr>", "Cell")
    yield "</w:tbl>"


def _row(cells: Sequence[str], widths: Sequence[int], properties: str, style: str) -> str:
    made = []
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        side = '<w:jc w:val="right"/>' if at else ""
        paragraph = f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{side}</w:pPr>{cell}</w:p>'
        made.append(f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{paragraph}</w:tc>')
    return f"<w:tr>{properties}{''.join(made)}</w:tr>"


def _field(name: str, numbers: Mapping[str, str]) -> str:
    """Return a number as a field that prints the property of its name; "" where there is none."""
    if name not in numbers:
        return ""
    if not _is_field(name):
        return _run(numbers[name])
    code = quoteattr(f' DOCPROPERTY "{name}" ')
    return f"<w:fldSimple w:instr={code}>{_run(numbers[name])}</w:fldSimple>"


# --- the package ----------------------------------------------------------------------------------

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml"
PAGE = (
    '<w:sectPr><w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/>'
    '<w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="600"'
    ' w:footer="600" w:gutter="0"/></w:sectPr>'
)
"""A4 on its side, with margins of 2 cm."""


def _style(name: str, shown: str, paragraph: str, run: str) -> str:
    return (
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{shown}"/>'
        f'<w:basedOn w:val="Normal"/><w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>'
    )


def _styles() -> str:
    """Return the styles: a title, headings, small cells, and a table with thin lines."""
    thin = 'w:val="single" w:sz="4" w:space="0" w:color="BFBFBF"'
    tight = '<w:spacing w:before="20" w:after="20"/>'
    return (
        f'{DECLARATION}<w:styles xmlns:w="{WORD}"><w:docDefaults><w:rPrDefault><w:rPr>'
        '<w:rFonts w:ascii="Calibri" w:hAnsi="Calibri" w:cs="Calibri"/><w:sz w:val="22"/>'
        '<w:lang w:val="en-GB"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr>'
        '<w:spacing w:after="120"/></w:pPr></w:pPrDefault></w:docDefaults>'
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
        "</w:style>"
        + _style("Title", "Title", "<w:keepNext/>", '<w:b/><w:sz w:val="36"/>')
        + _style(
            "Heading1",
            "heading 1",
            '<w:keepNext/><w:spacing w:before="240" w:after="120"/><w:outlineLvl w:val="0"/>',
            '<w:b/><w:sz w:val="26"/>',
        )
        + _style("Strong", "Warning", "", "<w:b/>")
        + _style("Code", "Code", "", '<w:rFonts w:ascii="Consolas" w:hAnsi="Consolas"/>')
        + _style("Cell", "Cell", tight, '<w:noProof/><w:sz w:val="16"/>')
        + _style("Head", "Cell of a head", tight, '<w:b/><w:sz w:val="16"/>')
        + '<w:style w:type="table" w:styleId="Numbers"><w:name w:val="Numbers"/><w:tblPr>'
        f"<w:tblBorders><w:top {thin}/><w:bottom {thin}/><w:insideH {thin}/></w:tblBorders>"
        '<w:tblCellMar><w:left w:w="60" w:type="dxa"/><w:right w:w="60" w:type="dxa"/>'
        "</w:tblCellMar></w:tblPr></w:style></w:styles>"
    )


def _package(body: str, properties: Mapping[str, str]) -> bytes:
    """Return a Word file with a body and custom properties."""
    overrides = {
        "word/document.xml": f"{TYPES}.document.main+xml",
        "word/styles.xml": f"{TYPES}.styles+xml",
        CUSTOM: CUSTOM_TYPE,
    }
    types = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in overrides.items()
    )
    plain = (
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
    )
    main = [(f"{OFFICE}/officeDocument", "word/document.xml"), (CUSTOM_RELATION, CUSTOM)]
    parts = {
        "[Content_Types].xml": f'{DECLARATION}<Types xmlns="{PACKAGE}/content-types">'
        f"{plain}{types}</Types>",
        "_rels/.rels": _relations(main),
        "word/document.xml": f'{DECLARATION}<w:document xmlns:w="{WORD}"><w:body>{body}{PAGE}'
        "</w:body></w:document>",
        "word/_rels/document.xml.rels": _relations([(f"{OFFICE}/styles", "styles.xml")]),
        "word/styles.xml": _styles(),
        CUSTOM: custom_properties(properties),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, part in parts.items():
            file.writestr(zip_entry(name), part)
    return buffer.getvalue()


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    made = "".join(
        f'<Relationship Id="rId{at}" Type="{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, 1)
    )
    return f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">{made}</Relationships>'
