"""The newcomer's path with nothing but the README: a file from elsewhere, init, two edits, check,
run, the notebook.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import notebooks

COMMAND = str(Path(sys.executable).with_name("score-audit"))
README = Path(__file__).resolve().parents[1] / "README.md"


def foreign_csv(path):
    """Write a shopkeeper's export: semicolons, decimal commas, cp1252, odd German headers, a column
    of names.
    """
    rng = np.random.default_rng(20121105)
    n = 240
    talent = rng.normal(size=n)
    likes = np.floor(np.exp(4 + 0.8 * talent + 0.4 * rng.normal(size=n))).astype(int)
    pd.DataFrame(
        {
            "Händler-Nr.": [f"{i:05d}" for i in range(n)],
            "Name des Händlers": [f"Handlung {i}" for i in range(n)],
            "Klout-Score (2014)": (50 + 8 * talent + 7 * rng.normal(size=n)).round(1),
            "Likes": likes,
            "Kommentare": np.where(np.arange(n) % 17, rng.poisson(likes / 10), np.nan),
            "Region": rng.choice(["Nord", "Süd", "West"], n),
            "eröffnet am": pd.date_range("2010-01-01", periods=n).strftime("%d.%m.%Y"),
            "Umsatz, netto": np.exp(1 + 0.5 * np.log1p(likes) + 0.2 * rng.normal(size=n)).round(2),
        }
    ).to_csv(path, index=False, sep=";", decimal=",", encoding="cp1252")


def typed(folder, *command):
    done = subprocess.run(
        [COMMAND, *command], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.slow
def test_from_a_foreign_file_to_a_verdict_and_a_notebook(tmp_path):
    foreign_csv(tmp_path / "Verkäufe 2014.csv")
    started = typed(
        tmp_path, "init", "Verkäufe 2014.csv", "--outcome", "Umsatz, netto", "--notebook"
    )
    assert started.returncode == 0, started.stderr
    assert "Read as " in started.stdout
    assert "Edit these 2 lines of plans/verkaufe-2014.toml:" in started.stdout
    plan = tmp_path / "plans" / "verkaufe-2014.toml"
    lines = plan.read_text("utf-8").splitlines()
    values = {"kind": '"revenue"', "sesoi": "0.05"}
    for number, key in re.findall(r'line (\d+): (\w+) = "EDIT THIS"', started.stdout):
        assert lines[int(number) - 1].startswith(key)
        lines[int(number) - 1] = f"{key} = {values.pop(key)}"
    assert values == {}
    assert typed(tmp_path, "check", "verkaufe-2014").returncode == 2, "not yet saved"
    plan.write_text("\n".join(lines) + "\n", "utf-8")
    checked = typed(tmp_path, "check", "verkaufe-2014")
    assert checked.returncode == 0, checked.stderr
    assert "analysed: 225 rows" in checked.stdout
    ran = typed(tmp_path, "run", "verkaufe-2014")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.rstrip().endswith("Report: results/verkaufe-2014/report.html")
    notebook = notebooks.executed(tmp_path / "notebooks" / "verkaufe-2014.ipynb")
    shown = "\n".join(
        text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for text in notebooks.texts(cell)
    )
    assert ran.stdout.splitlines()[1].rstrip(".") in shown, "the same headline"
    assert "Handlung" not in shown
    assert [
        o.text for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize("study", ["movies", "publications"])
def test_the_template_runs_on_other_plans(tmp_path, study):
    """Without a row or a multiverse, with either; several kinds of outcome; a dataset of a
    package.
    """
    written = typed(README.parent, "new-notebook", study, "--out", str(tmp_path / "n.ipynb"))
    assert written.returncode == 0, written.stderr
    notebook = notebooks.executed(tmp_path / "n.ipynb")
    assert all(
        notebooks.texts(cell) or "import" in cell.source or cell.id == "parameters"
        for cell in notebook.cells
        if cell.cell_type == "code"
    )
