"""Column names that somebody made up to do harm go through an audit and its export, and do none."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.errors import DataError
from analysis.report.views import Audit

NAMES = {
    "markup": "<script>alert(1)</script>",
    "spreadsheet": "=cmd|' /C calc'!A0",
    "path": "../../x",
    "newline": "likes\nper post",
    "right to left": "sal\u202ees\u2066",
    "long": "x" * 300,
    "keyword": "class",
    "blank": " ",
    "latex": r"\input{/etc/passwd} $x$ %",
    "markdown": "[a](javascript:alert(1)) | **b** |",
    "terminal": "\x1b[31mred\x1b[0m",
    "plus": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "tab": "\tx",
    "template": "{{ 7 * 7 }}",
    "percent": "%s%n",
    "dunder": "__class__",
    "formula": "Q('x')",
    "emoji": "\N{GRINNING FACE}",
    "null-like": "NaN",
}
ROLES = ("score", "engagement", "control", "outcome")


def study(names):
    """Return a plan and 80 rows whose columns have these names, one a role."""
    rng = np.random.default_rng(5)
    score, likes, size = rng.normal(50, 9, 80), rng.poisson(20, 80), rng.normal(size=80)
    revenue = np.exp(1 + 0.05 * likes + rng.normal(0, 0.3, 80))
    plan = {
        "name": "hostile",
        "question": "Is it safe?",
        "dataset": "x",
        "quick": True,
        "score": {"columns": [names[0]]},
        "engagement": {"columns": [names[1]]},
        "controls": {"columns": [names[2]]},
        "outcome": [{"column": names[3], "kind": "revenue", "sesoi": 0.05}],
    }
    return plan, pd.DataFrame(dict(zip(names, (score, likes, size, revenue), strict=True)))


def texts_of(folder):
    kinds = {".json", ".csv", ".html", ".md", ".tex", ".bib"}
    paths = [path for path in folder.rglob("*") if path.suffix in kinds]
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(NAMES), 4))
def test_hostile_names_from_audit_to_export(tmp_path, start):
    names = [*NAMES.values(), "a", "b", "c"][start : start + 4]
    plan, frame = study(names)
    audit = analyse(plan, data=frame)
    assert audit.verdict_on().verdict in {"adds", "trivial", "nothing", "inconclusive", "refused"}
    folder = Audit(audit).export(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    texts = texts_of(folder)
    record = json.loads(texts["ledger.json"])
    assert {row["score"] for row in record["estimates"]} >= {names[0]}
    for name, text in texts.items():
        if name.endswith((".html", ".md")):
            assert "<script>alert" not in text, name
            assert not re.search("[\x1b\u202e\u2066]", text), name
        if name.endswith(".tex"):
            assert not re.search(r"(?<!\\)\\input\{", text), name
        if name.endswith(".csv"):
            cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
            formula = re.compile(r"[=@\t\r]|[+-](?![\d.,]+( |$|e))")
            assert not [cell for cell in cells if cell != "-" and formula.match(cell)], name
    svg = (folder / "figures" / "data.svg").read_text("utf-8")
    assert "<script>" not in svg


def test_names_that_a_file_cannot_have(tmp_path):
    for header, piece in (
        ("a,a", "columns named twice"),
        (" , ", "no column names"),
    ):
        (tmp_path / "x.csv").write_text(f"{header}\n1,2\n")
        with pytest.raises(DataError, match=piece):
            sa.read_dataset("x.csv", folder=tmp_path)
    for header in ("a,", 'a,"\n"'):
        (tmp_path / "x.csv").write_text(f"{header}\n1,2\n")
        assert list(sa.read_dataset("x.csv", folder=tmp_path).frame) == ["a", "column 2"]


def test_a_plan_is_never_evaluated(tmp_path):
    plan, frame = study(
        ["__import__('os').system('touch x')", "exec('1')", "lambda: 1", "open('y','w')"]
    )
    before = set(sys.modules)
    analyse(plan, data=frame)
    assert not list(tmp_path.iterdir())
    assert not {name for name in set(sys.modules) - before if name in {"antigravity", "this"}}


FORBIDDEN = (
    "import pickle",
    "read_pickle",
    "joblib.load",
    "import socket",
    "import requests",
    "urllib.request",
    "http.client",
    "eval(",
    "exec(",
    "os.system",
)


def test_no_network_and_no_pickle():
    """Nothing of ours opens a socket, an address of the web or a pickle."""
    folder = Path(sa.__file__).parent
    for path in folder.rglob("*.py"):
        source = path.read_text("utf-8")
        for word in FORBIDDEN:
            assert not re.search(rf"(?<![\w.]){re.escape(word)}", source), (path.name, word)
