"""Tables as data, and as Markdown, LaTeX, HTML, Typst and DOCX."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.data.disclosure import few, shown_count
from analysis.errors import printable
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, display, p_text
from analysis.results.findings import Findings, captioned
from analysis.results.sentence import model_name


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """A table with its caption, which a notebook shows: header cells scoped, always the same bytes.

    Attributes
    ----------
    caption : str
    head : tuple of str
        The first column names the row.
    rows : tuple of tuple of str
        Every cell as it is printed.
    numbers : tuple of int
        Positions of the columns that hold numbers, which a report sets to the right.

    Examples
    --------
    >>> Table("What there is", ("what", "value"), (("rows", "3"),)).frame
       what value
    0  rows     3
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The cells as text."""
        return pd.DataFrame(list(self.rows), columns=list(self.head), dtype=object)

    def _repr_html_(self) -> str:
        left, style = ' style="text-align:left"', ' style="caption-side:top;text-align:left"'
        head = "".join(f'<th scope="col"{left}>{escape(name)}</th>' for name in self.head)
        rows = ("".join(f"<td{left}>{escape(cell)}</td>" for cell in row) for row in self.rows)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"<caption{style}>{escape(self.caption)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        return f"{self.caption}\n\n{to_markdown(self.frame)}"


def table_of(content: pd.DataFrame | Mapping[str, object], caption: str) -> Table:
    """Return a data frame as it is printed; a mapping becomes two columns.

    Examples
    --------
    >>> table_of({"rows": 3}, "What there is").rows
    (('rows', '3'),)
    """
    if isinstance(content, Mapping):
        content = pd.DataFrame(
            {"what": list(content), "value": list(content.values())}, dtype=object
        )
    rows = content.itertuples(index=False, name=None)
    cells = tuple(tuple(map(_cell, row)) for row in rows)
    return Table(caption, tuple(map(str, content.columns)), cells)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


COLUMN_NAMES = {"raw": "engagement ignored", "increment": "engagement held constant"}


def _effects(findings: Findings, outcome: str) -> Iterator[tuple[Estimate, bool]]:
    """Yield an outcome's effects, with and without engagement, and whether each one decides."""
    deciding = {v.deciding.id for v in findings.decided if not v.refused}
    parts = {"outcome": outcome, "scale": findings.plan.score.scale}
    for row in findings.estimates.select(**parts):
        if row.method in COLUMN_NAMES:
            yield row, row.id in deciding


def effects_table(findings: Findings, outcome: str) -> pd.DataFrame:
    """Return the printed table of an outcome: every model, with and without engagement, as text.

    Returns
    -------
    DataFrame
        score, model, engagement, effect, interval, p, n, errors; the deciding row is marked in
        `model`.
    """
    level = findings.level
    records = [
        {
            "score": row.score,
            "model": _model(findings, row) + (" *" if decides else ""),
            "engagement": COLUMN_NAMES[row.method],
            "effect": row.displayed,
            "interval": row.span(level),
            "p": display(row.p_value, "p"),
            "n": f"{row.n:,}",
            "errors": row.covariance,
        }
        for row, decides in _effects(findings, outcome)
    ]
    return pd.DataFrame(records)


def _model(findings: Findings, row: Estimate) -> str:
    """Return the model of a row, and the outcome's unit where the effect is in it."""
    unit = findings.dataset.unit(row.outcome) if row.unit == "outcome" else ""
    form = ", engagement in any form" if row.variant.split("-")[-1] == "form" else ""
    return _fitted(row) + form + (f", in {unit}" if unit else "")


def _fitted(row: Estimate) -> str:
    family = FAMILIES.get(row.model)
    if family and family.margin:
        return model_name(row.model) if "margin" in row.variant else "logit, log odds"
    if family and family.two_parts:
        parts = {
            "zero": "whether there is any: logit, log odds",
            "positive": "how much, where there is any",
        }
        return parts.get(row.variant.split("-")[0], model_name(row.model))
    if row.variant.startswith("bootstrap-t"):
        return f"{model_name(row.model)}, bootstrap interval"
    if row.variant in ("log1p", "asinh"):
        return f"{model_name(row.model)}, {row.variant} of {row.outcome}"
    return model_name(row.model) + (
        ", scores together" if row.variant.startswith("together") else ""
    )


def contrast_table(findings: Findings, outcome: str) -> list[dict[str, Any]]:
    """Return an outcome's table as it fits a phone: one entry a model, engagement ignored beside
    engagement held.

    Returns
    -------
    list of dict
        score, model, errors, and for `raw` and `increment`, where they were fitted, (effect,
        "CI; p"); `decides` marks the deciding model.
    """
    entries: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row, decides in _effects(findings, outcome):
        entry = entries.setdefault(
            (row.score, row.model, row.variant),
            {"model": _model(findings, row), "errors": row.covariance, "decides": False},
        )
        p = p_text(row.p_value).replace(" ", "\N{NO-BREAK SPACE}")
        entry["score"], entry["decides"] = findings.label(row.score), entry["decides"] or decides
        entry[row.method] = row.displayed, f"{row.span(findings.level)}; {p}"
    order = findings.plan.score.columns
    return [entries[key] for key in sorted(entries, key=lambda key: order.index(key[0]))]


def page_table(findings: Findings, outcome: str) -> pd.DataFrame:
    """Return an outcome's table as it fits a page: a row a model, engagement ignored and held.

    Returns
    -------
    DataFrame
        model, engagement ignored, engagement held constant, note; all text, minus signs typeset.
    """
    entries = contrast_table(findings, outcome)
    several = len({entry["score"] for entry in entries}) > 1
    records = []
    for entry in entries:
        effects = {
            title: "{} ({})".format(*entry[method]) if method in entry else "\N{EN DASH}"
            for method, title in COLUMN_NAMES.items()
        }
        model = f"{entry['score']}: {entry['model']}" if several else entry["model"]
        note = f"{'decides; ' if entry['decides'] else ''}{entry['errors']} errors"
        records.append({"model": model, **effects, "note": note})
    return pd.DataFrame(records).map(typeset)


def typeset(text: str) -> str:
    """Return text with a true minus before each number that has a hyphen for one.

    >>> typeset("-5.9 % (-10.1 % to -1.6 %), 2012-13")
    '−5.9 % (−10.1 % to −1.6 %), 2012-13'
    """
    return re.sub(r"(?<![\w.])-(?=[\d.])", "\N{MINUS SIGN}", text)


def exclusions_table(findings: Findings) -> pd.DataFrame:
    """Return the flow of rows: all of them, each reason for leaving some out, those analysed."""
    flow = [("rows in the dataset", f"{findings.dataset.rows:,}")]
    for reason, count in findings.sample.exclusions.items():
        flow.append((reason, shown_count(count) if few(count) else f"{-count:,}"))
    flow.append(("rows analysed", f"{findings.sample.rows:,}"))
    return pd.DataFrame(flow, columns=["step", "rows"])


def to_markdown(table: pd.DataFrame) -> str:
    """Return a Markdown table; what Markdown or HTML would act on is escaped in the data.

    Only a `<` that starts a tag and a `&` that starts an entity are: "< .001" stays as one reads
    it.
    """
    return table.map(markdown_cell).to_markdown(index=False, disable_numparse=True) + "\n"


def markdown_cell(cell: object, *, limit: int = 400) -> str:
    """Return a cell of a Markdown table: one line of at most `limit` characters, nothing in which
    is markup.

    >>> markdown_cell("likes | [shop]")
    'likes \\\\| \\\\[shop\\\\]'
    """
    return _inert_html(_one_line(cell, limit)).translate(MARKUP)


MARKUP = str.maketrans({char: "\\" + char for char in "\\|[]`"})


def _inert_html(text: str) -> str:
    text = re.sub(r"&(?=#|[A-Za-z])", "&amp;", text)
    tag = re.compile(r"<(?=[A-Za-z/!?])")
    return tag.sub("&lt;", text).replace(">", "&gt;") if tag.search(text) else text


def _one_line(cell: object, limit: int = 400) -> str:
    """Return a cell as one line of printable text: no newline, control character or change of
    direction.
    """
    return printable(" ".join(str(cell).split()), limit=limit)


def to_latex(table: pd.DataFrame, caption: str, label: str | None = None) -> str:
    """Return a LaTeX table (booktabs) as wide as the text, everything escaped."""
    heads = [str(name) for name in table.columns]
    safe = table.map(lambda cell: _latex_cell(_one_line(cell)))
    caption = latex_escape(_one_line(caption))
    width = 0.94 / len(heads)
    columns = rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}" * len(heads)
    needs = "% \\usepackage{booktabs,array}\n"
    about = {"caption": caption, "label": label, "column_format": columns}
    return needs + safe.to_latex(index=False, escape=False, **about)


def _latex_cell(text: str) -> str:
    plain = latex_escape(text)
    return plain.replace("\N{MINUS SIGN}", r"\textminus{}").replace("\N{EN DASH}", "--")


def to_typst(table: pd.DataFrame, caption: str) -> str:
    """Return a Typst figure with a table as wide as the text, everything escaped."""
    cells = [*map(str, table.columns), *(cell for row in table.to_numpy() for cell in row)]
    inner = ", ".join(_typst_text(_one_line(cell)) for cell in cells)
    columns = ", ".join(["1fr"] * len(table.columns))
    return (
        f"#figure(\n  table(columns: ({columns}), align: left, stroke: none, {inner}),\n"
        f"  caption: {_typst_text(_one_line(caption))},\n)\n"
    )


def _typst_text(text: str) -> str:
    """Return text as a Typst string, in which nothing is markup."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_html(table: pd.DataFrame, caption: str, *, table_id: str) -> str:
    """Return an HTML table without random ids, header cells scoped, caption first."""
    from great_tables import GT, html

    safe = table.map(_one_line)
    return GT(safe, id=table_id).tab_header(title=html(escape(_one_line(caption)))).as_raw_html()


def to_docx(table: pd.DataFrame, caption: str) -> bytes:
    """Return a Word document with one table; the same table gives the same bytes."""
    import datetime

    from docx import Document
    from docx.shared import Cm, Pt

    document = Document()
    fixed = datetime.datetime(2000, 1, 1)
    document.core_properties.created = document.core_properties.modified = fixed
    document.add_paragraph(_one_line(caption))
    grid = document.add_table(rows=1, cols=len(table.columns), style="Light List")
    grid.autofit = False  # or Word makes columns so narrow that they break words
    for cell, name in zip(grid.rows[0].cells, table.columns, strict=True):
        cell.text = str(name)
    for record in table.itertuples(index=False):
        for cell, value in zip(grid.add_row().cells, record, strict=True):
            cell.text = _one_line(value)
    widths = [Cm(PAGE * share) for share in _shares(table)]
    for row in grid.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = width
            for paragraph in cell.paragraphs:
                for run in paragraph.runs:
                    run.font.size = Pt(9)
    buffer = io.BytesIO()
    document.save(buffer)
    return _same_times(buffer.getvalue())


PAGE = 15.2
"""Centimetres between the margins of a page in Word."""


def _shares(table: pd.DataFrame) -> list[float]:
    """Return what share of the page each column gets: by its longest cell, within bounds."""
    longest = [
        min(40, max(10, *(len(str(cell)) for cell in (name, *table[name]))))
        for name in table.columns
    ]
    return [length / sum(longest) for length in longest]


def _same_times(content: bytes) -> bytes:
    """Return a zip archive with every time stamp set to its earliest value."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(
                zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED
            )
    return out.getvalue()


def latex_escape(text: str) -> str:
    """Return text with LaTeX's special characters escaped; braces by name, since BibTeX counts even
    escaped ones.
    """
    special = {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\textbraceleft{}",
        "}": r"\textbraceright{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
    return "".join(special.get(char, char) for char in text)


def write_tables(findings: Findings, folder: Path) -> None:
    """Write every table in its five formats."""
    tables = {"rows": (exclusions_table(findings), "Rows in, left out and analysed")}
    for number, outcome in enumerate(findings.plan.outcome, 1):
        caption = f"what the score adds, with {100 * findings.level:g} % intervals"
        if all(verdict.refused for verdict in findings.verdicts_on(outcome.column)):
            caption = "estimates for completeness; the verdict is refused"
        table = page_table(findings, outcome.column)
        about = findings.label(outcome.column)
        tables[f"effects-{number}"] = (table, f"{about[0].upper()}{about[1:]}: {caption}")
    for name, (table, plain) in tables.items():
        caption = captioned(findings.dataset, plain)
        (folder / f"{name}.md").write_text(to_markdown(table), "utf-8")
        latex = to_latex(table, caption, f"tab:{findings.plan.name}-{name}")
        (folder / f"{name}.tex").write_text(latex, "utf-8")
        (folder / f"{name}.typ").write_text(to_typst(table, caption), "utf-8")
        (folder / f"{name}.html").write_text(to_html(table, caption, table_id=name), "utf-8")
        (folder / f"{name}.docx").write_bytes(to_docx(table, caption))
