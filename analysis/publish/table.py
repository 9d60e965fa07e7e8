"""Tables as data, and as Markdown, LaTeX, HTML and DOCX."""

from __future__ import annotations

import io
import zipfile
from html import escape
from pathlib import Path

import pandas as pd

from analysis.estimates import Estimate, display
from analysis.findings import Findings
from analysis.publish.sentence import MODEL_NAMES

COLUMN_NAMES = {"raw": "score alone", "increment": "engagement held"}


def effects_table(findings: Findings, outcome: str) -> pd.DataFrame:
    """Return the printed table of an outcome: every model, with and without engagement, as text.

    Returns
    -------
    DataFrame
        score, model, engagement, effect, interval, p, n, errors; the deciding row is marked in `model`.
    """
    deciding = {ruling.deciding.id for ruling in findings.rulings}
    records = [
        {
            "score": row.score,
            "model": _model(row) + (" *" if row.id in deciding else ""),
            "engagement": COLUMN_NAMES[row.method],
            "effect": row.displayed,
            "interval": _interval(row, findings.plan.inference.level),
            "p": display(row.p_value, "p"),
            "n": f"{row.n:,}",
            "errors": row.covariance,
        }
        for row in findings.estimates
        if row.outcome == outcome and row.scale == findings.plan.score.scale and row.method in COLUMN_NAMES
    ]
    return pd.DataFrame(records)


def _model(row: Estimate) -> str:
    names = {"margin": "logit, margin", "": MODEL_NAMES[row.model]}
    if row.model == "logit" and not row.variant:
        return "logit, log odds"
    return names.get(row.variant) or f"{MODEL_NAMES[row.model]}, {row.variant}"


def _interval(row: Estimate, level: float) -> str:
    low, high = row.interval(level)
    return f"{display(low, row.unit)} to {display(high, row.unit)}"


def exclusions_table(findings: Findings) -> pd.DataFrame:
    """Return the flow of rows: all of them, each reason for leaving some out, those analysed."""
    flow = [("rows in the dataset", findings.dataset.rows)]
    flow += [(reason, -count) for reason, count in findings.sample.exclusions.items()]
    flow += [("rows analysed", findings.sample.rows)]
    return pd.DataFrame([{"step": step, "rows": f"{count:,}"} for step, count in flow])


def to_markdown(table: pd.DataFrame) -> str:
    """Return a Markdown table; pipes and angle brackets of the data are escaped."""
    safe = table.map(lambda cell: escape(str(cell), quote=False).replace("|", "\\|").replace("\n", " "))
    return safe.to_markdown(index=False, disable_numparse=True) + "\n"


def to_latex(table: pd.DataFrame, caption: str) -> str:
    """Return a LaTeX table (booktabs), everything escaped."""
    heads = [str(name) for name in table.columns]
    return table.to_latex(index=False, escape=True, caption=latex_escape(caption), column_format="l" * len(heads))


def to_html(table: pd.DataFrame, caption: str, *, table_id: str) -> str:
    """Return an HTML table without random ids, header cells scoped, caption first."""
    from great_tables import GT, html

    return GT(table, id=table_id).tab_header(title=html(escape(caption))).as_raw_html()


def to_docx(table: pd.DataFrame, caption: str) -> bytes:
    """Return a Word document with one table; the same table gives the same bytes."""
    import datetime

    from docx import Document

    document = Document()
    fixed = datetime.datetime(2000, 1, 1)
    document.core_properties.created = document.core_properties.modified = fixed
    document.add_paragraph(caption)
    grid = document.add_table(rows=1, cols=len(table.columns), style="Light List")
    for cell, name in zip(grid.rows[0].cells, table.columns, strict=True):
        cell.text = str(name)
    for record in table.itertuples(index=False):
        for cell, value in zip(grid.add_row().cells, record, strict=True):
            cell.text = str(value)
    buffer = io.BytesIO()
    document.save(buffer)
    return _same_times(buffer.getvalue())


def _same_times(content: bytes) -> bytes:
    """Return a zip archive with every time stamp set to its earliest value."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def latex_escape(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    special = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
               "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip
    return "".join(special.get(char, char) for char in text)


def write_tables(findings: Findings, folder: Path) -> None:
    """Write every table in its four formats."""
    tables = {"rows": (exclusions_table(findings), "Rows in, left out and analysed")}
    for number, outcome in enumerate(findings.plan.outcome, 1):
        caption = f"{outcome.column}: what the score adds (* marks the row that decides)"
        tables[f"effects-{number}"] = (effects_table(findings, outcome.column), caption)
    for name, (table, caption) in tables.items():
        (folder / f"{name}.md").write_text(to_markdown(table), "utf-8")
        (folder / f"{name}.tex").write_text(to_latex(table, caption), "utf-8")
        (folder / f"{name}.html").write_text(to_html(table, caption, table_id=name), "utf-8")
        (folder / f"{name}.docx").write_bytes(to_docx(table, caption))
