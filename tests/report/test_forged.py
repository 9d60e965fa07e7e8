"""A ledger or a folder that was changed by hand: every change is named, and nothing holds."""

import copy
import json
import shutil
import sys
from pathlib import Path

import pytest

from analysis.audit import analyse
from analysis.report.folder import write_results
from analysis.reproduction import verify

CASE = Path(__file__).parents[1] / "cases" / "forged-ledger-second-row"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forged")
    shutil.copytree(CASE, folder / "case")
    findings = analyse(folder / "case" / "s.toml")
    return findings, write_results(findings, folder / "case" / "results")


def first_twice(kind, **changes):
    def forge(record):
        row = copy.deepcopy(record[kind][0])
        row.update(changes)
        record[kind].insert(0, row)

    return forge


def reduced(record):
    record["verdicts"][0] = {"id": record["verdicts"][0]["id"]}


FORGED = {
    "a second verdict": (first_twice("verdicts", verdict="adds"), "has this id twice"),
    "a second estimate": (first_twice("estimates", estimate=9.0), "has this id twice"),
    "a second check": (first_twice("checks", passed=False), "has this id twice"),
    "the very same row twice": (first_twice("estimates"), "has this id twice"),
    "another id": (first_twice("verdicts", id="shops/revenue/kloutx"), "gone"),
    "an id in capitals": (first_twice("verdicts", id="SHOPS/REVENUE/KLOUT"), "gone"),
    "no verdict": (lambda r: r["verdicts"].clear(), "new            shops/revenue/klout"),
    "a verdict of its id alone": (reduced, "verdict nothing then"),
    "the question": (lambda r: r["plan"].update(question="Another?"), "question Another? then"),
    "registered": (lambda r: r["plan"].update(registered={"where": "osf"}), "registered"),
    "rows": (lambda r: r["dataset"].update(rows=3000), "rows 3000 then"),
    "exclusions": (lambda r: r["dataset"].update(exclusions={"x": 7}), "exclusions"),
    "what is displayed": (
        lambda r: r["estimates"][0].update(displayed="+99 %"),
        "displayed +99 % then",
    ),
    "a part of its own": (lambda r: r.update(endorsed="by all"), "the part endorsed"),
    "the hashes": (lambda r: r["files"].pop("report.html"), "no hash of it"),
}


def verified(results, forge, monkeypatch, tmp_path):
    findings, folder = results
    shutil.copytree(folder, tmp_path / "results")
    monkeypatch.setattr(sys.modules["analysis.reproduction"], "analyse", lambda plan: findings)
    forge(tmp_path / "results")
    return verify(tmp_path / "results", plan=findings.plan.path)


@pytest.mark.parametrize("name", list(FORGED))
def test_a_forged_ledger_does_not_hold(results, monkeypatch, tmp_path, name):
    change, told = FORGED[name]

    def forge(folder):
        record = json.loads((folder / "ledger.json").read_text("utf-8"))
        change(record)
        (folder / "ledger.json").write_text(json.dumps(record), "utf-8")

    found = verified(results, forge, monkeypatch, tmp_path)
    assert not found.ok
    assert told in str(found)


@pytest.mark.parametrize("file", ["report.html", "verdicts.csv", "numbers.tex", "figures/data.svg"])
def test_an_edited_file_does_not_hold(results, monkeypatch, tmp_path, file):
    def forge(folder):
        (folder / file).write_text((folder / file).read_text("utf-8") + " ", "utf-8")

    found = verified(results, forge, monkeypatch, tmp_path)
    assert not found.ok
    assert f"differs        {file}" in str(found)


def test_what_was_not_touched_holds(results, monkeypatch, tmp_path):
    assert verified(results, lambda folder: None, monkeypatch, tmp_path).ok
