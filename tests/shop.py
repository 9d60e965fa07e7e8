"""A small study as files: a table of shops and a plan, both easy to spoil."""

import copy
import hashlib
import io
import json
import zipfile
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 60


def table() -> pd.DataFrame:
    """Shops whose revenue follows likes and, less, their influence score; ids with leading
    zeros.
    """
    rng = np.random.default_rng(11)
    likes = rng.poisson(20, ROWS)
    klout = rng.normal(50, 10, ROWS).round(2)
    revenue = np.exp(1 + 0.05 * likes + 0.01 * klout + rng.normal(0, 0.3, ROWS)).round(2)
    return pd.DataFrame(
        {
            "id": [f"{number:03d}" for number in range(ROWS)],
            "klout": klout,
            "likes": likes,
            "revenue": revenue,
            "orders": rng.poisson(3, ROWS),
            "bought": rng.integers(0, 2, ROWS),
            "country": ["BE", "NL", "LU"] * (ROWS // 3),
            "opened": pd.date_range("2014-01-01", periods=ROWS).strftime("%Y-%m-%d"),
        }
    )


def plan(**changes) -> dict:
    """A plan for these shops; `score__columns=[...]` changes one key of a section, None takes a key
    away.
    """
    content = {
        "name": "shops",
        "question": "Does the score of a shop say anything about its revenue?",
        "dataset": "shops.csv",
        "score": {"columns": ["klout"]},
        "engagement": {"columns": ["likes"]},
        "outcome": [{"column": "revenue", "kind": "revenue", "sesoi": 0.05}],
    }
    content = copy.deepcopy(content)
    for key, value in changes.items():
        section, _, inner = key.partition("__")
        place = content
        if inner:
            place = (
                content["outcome"][0] if section == "outcome" else content.setdefault(section, {})
            )
        if value is None:
            place.pop(inner or section)
        else:
            place[inner or section] = value
    return content


def toml(content: dict) -> str:
    """Return a plan as TOML; JSON's strings, numbers, lists and booleans are TOML's too."""

    def line(key, value):
        if isinstance(value, dict):
            value = (
                "{"
                + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items())
                + "}"
            )
            return f"{key} = {value}"
        return f"{key} = {json.dumps(value)}"

    plain = [
        line(key, value) for key, value in content.items() if not isinstance(value, (dict, list))
    ]
    for key, value in content.items():
        if isinstance(value, dict):
            plain += [f"[{key}]", *(line(k, v) for k, v in value.items())]
        elif isinstance(value, list):
            for entry in value:
                plain += [f"[[{key}]]", *(line(k, v) for k, v in entry.items())]
    return "\n".join(plain) + "\n"


def spoiled(**cells) -> str:
    """Return the table as csv with single cells replaced: ``revenue={3: "x"}`` by spreadsheet
    row.
    """
    frame = table().astype(object)
    for column, changes in cells.items():
        for row, value in changes.items():
            frame.loc[row - 2, column] = value
    return frame.to_csv(index=False, lineterminator="\n")


def write(
    folder: Path, data: str | bytes | None = None, *, name: str = "shops.csv", **changes
) -> Path:
    """Write data and plan into a folder; return the plan's path."""
    data = spoiled() if data is None else data
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    if name != "shops.csv":
        changes.setdefault("dataset", name)
    path = folder / "study.toml"
    path.write_text(toml(plan(**changes)), "utf-8")
    return path


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, and the names of its folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


def xlsx(frame: pd.DataFrame) -> bytes:
    """Return a minimal workbook: text as inline strings, numbers as numbers, booleans as booleans,
    gaps left out.
    """

    def cell(value) -> str:
        if isinstance(value, (bool, np.bool_)):
            return f'<c t="b"><v>{int(value)}</v></c>'
        if value is None or value != value:
            return "<c/>"
        if isinstance(value, (int, float, np.integer, np.floating)):
            return (
                f"<c><v>{value!r}</v></c>".replace("np.float64(", "")
                .replace("np.int64(", "")
                .replace(")", "")
            )
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'

    records = [list(frame.columns), *frame.astype(object).to_numpy().tolist()]
    rows = "".join(f"<row>{''.join(map(cell, record))}</row>" for record in records)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    files = {
        "[Content_Types].xml": (
            f'<Types xmlns="{package}/content-types"><Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override'
            f' PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/><Override'
            f' PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="s" sheetId="1" '
            'r:id="r1"/></sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
        ),
        "xl/worksheets/sheet1.xml": (
            f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
        ),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return buffer.getvalue()


HOSTILE = [
    'a"b',
    "a\\b",
    "a\nb",
    "a\r\nb",
    "\x00",
    "\x7f",
    "a # EDIT: b",
    "[x]",
    "a.b",
    "",
    " ",
    "'",
    "‮evil",
    "\ufeff",
    "\U000e0001",
    "x" * 300,
    '"""',
    "=cmd|' /C calc'!A0",
    "<script>",
    "\u2028",
]
"""Names that break what is written carelessly."""
