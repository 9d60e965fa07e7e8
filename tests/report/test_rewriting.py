"""A result folder is written again: an edit is seen, also where its author sealed the ledger."""

import json
import shutil
from pathlib import Path

import pytest

from analysis.audit import analyse
from analysis.report import rewriting
from analysis.report.folder import fill, read_history, write_results
from analysis.report.ledger import (
    digest_of,
    ledger,
    made_in,
    read_ledger,
    seal_of,
    sha256_of,
    to_json,
)
from analysis.report.rewriting import compare_folder, compare_seals, compare_written
from analysis.reproduction import verify

CASE = Path(__file__).parents[1] / "cases" / "forged-ledger-second-row"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    base = tmp_path_factory.mktemp("rewritten")
    shutil.copytree(CASE, base / "case")
    findings = analyse(base / "case" / "s.toml")
    folder = write_results(findings, base / "case" / "results")
    old = read_ledger(folder / "ledger.json")
    record = ledger(findings) | {"environment": old["environment"]}
    (base / "fresh").mkdir()
    fill(findings, base / "fresh", record, read_history(folder))
    return findings, folder, base / "fresh", record


@pytest.fixture
def copy(study, tmp_path):
    shutil.copytree(study[1], tmp_path / "results")
    return tmp_path / "results"


def reseal(folder):
    """Do what the author of an edit can do: new hashes, digest and seal."""
    record = json.loads((folder / "ledger.json").read_text("utf-8"))
    record["files"] = {name: sha256_of(folder / name) for name in record["files"]}
    record["digest"] = digest_of(record)
    record["seal"] = seal_of(record)
    (folder / "ledger.json").write_text(to_json(record), "utf-8")


def faults(lines):
    return {line.what: line.detail for line in lines if not line.ok}


def test_an_untouched_folder_is_the_same(study, copy):
    findings, _, _, _ = study
    assert faults(compare_folder(read_ledger(copy / "ledger.json"), study[3], findings, copy)) == {}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("report.html", "These data", "Those data"),
        ("estimates.csv", "increment", "decrement"),
        ("tables/effects-1.md", "n", "m"),
        ("numbers.tex", "sa@set", "sb@set"),
        ("figures/data.svg", "0", "1"),
    ],
)
def test_an_edit_that_was_sealed_again_is_seen(study, copy, name, old, new):
    text = (copy / name).read_text("utf-8")
    changed = text.replace(old, new, 1) if old in text else text.replace("1", "2", 1)
    assert changed != text
    (copy / name).write_text(changed, "utf-8")
    ledger_now = read_ledger(copy / "ledger.json")
    assert name in faults(compare_folder(ledger_now, study[3], study[0], copy))
    reseal(copy)
    sealed = read_ledger(copy / "ledger.json")
    assert faults(compare_seals(sealed, copy)) == {}
    assert name in faults(compare_written(sealed["environment"], copy, study[2], exact=True))


def test_bytes_of_a_picture_and_of_a_word_file(study, copy):
    for name in ("figures/data.png", "tables/effects-1.docx"):
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(bytes(content))
    reseal(copy)
    environment = read_ledger(copy / "ledger.json")["environment"]
    assert {*faults(compare_written(environment, copy, study[2], exact=True))} == {
        "figures/data.png",
        "tables/effects-1.docx",
    }


def test_other_versions_compare_what_one_reads(study, copy, monkeypatch):
    _, _, fresh, _ = study
    today = made_in()
    other = today | {"packages": today["packages"] | {"matplotlib": "9.9"}}
    monkeypatch.setattr(rewriting, "made_in", lambda: other)
    for name in ("figures/data.png", "figures/data.svg"):  # as another version draws them
        (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    made = read_ledger(copy / "ledger.json")["environment"]
    lines = [*compare_written(made, copy, fresh, exact=True)]
    assert faults(lines) == {}
    assert [line.detail for line in lines if line.status == "not rewritten"] == [
        "2 pictures are compared by their hashes alone: other packages"
    ]
    page = (copy / "report.html").read_text("utf-8")
    (copy / "report.html").write_text(page.replace("<h1", "<h1 class='x'", 1), "utf-8")
    environment = read_ledger(copy / "ledger.json")["environment"]
    assert faults(compare_written(environment, copy, fresh, exact=True)) == {}
    (copy / "report.html").write_text(page.replace("</h1>", " forged</h1>", 1), "utf-8")
    assert {*faults(compare_written(environment, copy, fresh, exact=True))} == {"report.html"}


def test_the_digest_is_that_of_the_results_and_the_seal_of_the_whole(study, copy):
    record = read_ledger(copy / "ledger.json")
    again = json.loads(json.dumps(record))
    again["environment"]["created"] = "2000-01-01T00:00:00+00:00"
    assert digest_of(again) == record["digest"] == study[3]["digest"]
    assert {*faults(compare_seals(again, copy))} == {"the ledger's seal", "ledger.json"}
    again["estimates"][0]["estimate"] = 9.0
    assert "the ledger's digest" in faults(compare_seals(again, copy))


def test_a_key_that_stands_twice_is_seen(study, copy):
    text = (copy / "ledger.json").read_text("utf-8")
    (copy / "ledger.json").write_text(text.replace('"schema": 2', '"schema": 1,\n "schema": 2', 1))
    assert "ledger.json" in faults(compare_seals(read_ledger(copy / "ledger.json"), copy))


def test_a_history_of_another_run_is_seen(study, copy):
    path = copy / "history.jsonl"
    entry = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(entry | {"plan_sha256": "0" * 64}) + "\n", "utf-8")
    old = read_ledger(copy / "ledger.json")
    assert "history.jsonl" in faults(compare_folder(old, study[3], study[0], copy))


def test_without_the_data_what_can_be_said_is_said(study, tmp_path):
    shutil.copytree(study[1].parent, tmp_path / "case")
    for path in (tmp_path / "case").iterdir():
        if path.suffix == ".csv":
            path.unlink()
    article = tmp_path / "a.md"
    record = read_ledger(study[1] / "ledger.json")
    row = record["verdicts"][0]
    article.write_text(f"The verdict is {row['verdict']} ({row['id']}).", "utf-8")
    found = verify(tmp_path / "case" / "results", article)
    assert not found.recomputed
    assert not found.ok
    assert {*faults(found.lines)} == {"dataset"}
    (cited,) = found.record()["citations"]
    assert (cited["status"], cited["basis"]) == ("holds", "matched")
