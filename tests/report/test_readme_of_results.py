"""The README of a result folder: every file, table, figure and number, and what makes it."""

import re
import shutil

import pytest
import shop

from analysis.audit import analyse
from analysis.report.article.check import find_in_text
from analysis.report.folder import write_results
from analysis.report.ledger import ledger, read_ledger
from analysis.report.replication.exhibits import exhibits_of, numbers_in_text
from analysis.report.replication.readme import run_command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("readme")
    plan = shop.write(base, quick=True)
    (base / "shops.toml").write_text(
        'title = "Shops"\nsource = "A keeper of shops"\nlicence = "CC-BY-4.0"\n'
        'about = "# A shop | a row <b>"\n'
    )
    return write_results(analyse(plan), base / "results" / "shops")


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "README.md").read_text("utf-8")


def cells(text, heading):
    """Return the rows of the table under a heading, without its head."""
    part = text.partition(f"### {heading}\n")[2].partition("\n##")[0]
    rows = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def test_the_headings_of_the_template(text):
    headings = [
        "## Overview",
        "## Data availability and provenance statements",
        "### Statement about rights",
        "### License for data",
        "### Summary of availability",
        "### Dataset list",
        "## Computational requirements",
        "### Software requirements",
        "### Controlled randomness",
        "### Memory, runtime and storage requirements",
        "## Description of programs/code",
        "## Instructions to replicators",
        "## List of tables, figures, numbers and programs",
        "## References",
    ]
    assert [line for line in text.splitlines() if line in headings] == headings


def test_what_codebook_plan_and_ledger_state(folder, text):
    record = read_ledger(folder / "ledger.json")
    assert "Source: A keeper of shops" in text
    assert "\nCC-BY-4.0\n" in text
    assert "About: # A shop \\| a row &lt;b&gt;" in text
    assert "Caution: not stated in a codebook" in text
    assert record["dataset"]["sha256"] in text
    assert record["plan"]["sha256"] in text
    for name, version in record["environment"]["packages"].items():
        assert f"| {name} | {version} |" in text
    assert record["environment"]["created"] not in text, "the time of a run differs between two"
    assert record["environment"]["commit"] is None or record["environment"]["commit"] not in text


def test_every_file_stands_there_with_its_command(folder, text):
    rows = cells(text, "Tables, figures and files")
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row[1])]
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {*named} == there
    assert len(named) - named.count("report.html") == len(there) - 1, "each but the report once"
    assert {row[-1] for row in rows} == {"`score-audit run study.toml --quick`"}
    assert all(row[2] for row in rows), "each says what it shows"


def test_every_number_stands_there_as_the_ledger_has_it(folder, text):
    record = read_ledger(folder / "ledger.json")
    shown = {row[2].strip("`"): row[1] for row in cells(text, "Numbers in the text")}
    printed = {e["id"]: e["displayed"] for e in record["estimates"] if e["displayed"] != "-"}
    assert printed.items() <= shown.items()
    assert {name.partition("#")[0] for name in shown} == {
        *printed,
        *(verdict["id"] for verdict in record["verdicts"]),
    }


def test_the_checker_of_articles_finds_nothing_wrong_in_it(folder, text):
    record = read_ledger(folder / "ledger.json")
    lines = find_in_text(text, record).lines
    first = text[: text.index("### Numbers in the text")].count("\n") + 1
    cited = [line for line in lines if line.line > first]
    assert len(cited) > 20
    assert [line for line in cited if not line.ok] == []
    assert {line.status for line in lines} <= {"holds", "holds, rounded", "not checked"}
    forged = find_in_text(text.replace(record["estimates"][0]["displayed"], "+98.7 %"), record)
    assert "differs" in {line.status for line in forged.lines}


def test_where_a_number_stands_is_where_it_is_printed(audited, exported):
    findings, record = audited("movies"), ledger(audited("movies"))
    from analysis.report.folder import sections_of

    topics = sections_of(findings)
    where = {name: place for place, name, _ in numbers_in_text(findings, record, topics)}
    table = (exported("movies") / "tables" / "effects-1.md").read_text("utf-8")
    plain = table.replace("\N{MINUS SIGN}", "-")
    placed = [name for name, place in where.items() if place == "tables/effects-1.md"]
    displayed = {row["id"]: row["displayed"] for row in record["estimates"]}
    assert len(placed) > 5
    assert all(displayed[name] in plain for name in placed)
    rests = "movies/box_office/tomatometer/corrected/calibrated-steps/tomatometer"
    assert where[rests] == "report.html, What the verdict rests on"
    assert where["movies/box_office/-/multiverse/ols/median"].endswith("reasonable analyses")
    files = tuple(read_ledger(exported("movies") / "ledger.json")["files"])
    exhibits = exhibits_of(findings, record, topics, files)
    assert all(one.shows for one in exhibits)
    known = {*displayed, *(verdict["id"] for verdict in record["verdicts"])}
    assert {name for one in exhibits for name in one.ids} <= known


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({"plan_file": "../../plans/shops.toml"}, "score-audit run shops"),
        ({"plan_file": "../other.toml"}, "score-audit run other.toml"),
        ({"plan_file": "../plans/other.toml"}, "score-audit run other.toml"),
        ({"plan_file": "../my plan.toml"}, "score-audit run 'my plan.toml'"),
        ({"plan_file": "../a`b|.toml"}, "score-audit run PLAN"),
        ({"plan_file": None}, "score-audit run shops.toml"),
        (
            {"plan_file": "../plans/shops.toml", "quick": True, "crate": "0.16.0"},
            "score-audit run shops --quick --crate",
        ),
    ],
)
def test_the_command(environment, command):
    assert run_command({"plan": {"name": "shops"}, "environment": environment}) == command


def test_a_plan_given_in_python_is_to_be_saved_first(tmp_path):
    findings = analyse(shop.plan(quick=True), data=shop.table())
    written = write_results(findings, tmp_path / "shops")
    assert "The plan was given in Python" in (written / "README.md").read_text("utf-8")


# --- a file of the user that has one of the new names ---------------------------------------------


def before_these_files(folder, tmp_path):
    """Return a copy of a folder as an earlier version wrote it, with a README of the user."""
    import json

    old = shutil.copytree(folder, tmp_path / "shops")
    record = json.loads((old / "ledger.json").read_text("utf-8"))
    for name in ("README.md", "checklist.md", "checklist.html"):
        (old / name).unlink()
        del record["files"][name]
    (old / "ledger.json").write_text(json.dumps(record), "utf-8")
    (old / "README.md").write_text("mine", "utf-8")
    (old / "ro-crate-metadata.json").write_text("{}", "utf-8")
    return old


@pytest.mark.parametrize("in_place", [False, True])
def test_a_readme_of_the_user_is_kept(folder, tmp_path, monkeypatch, in_place):
    from analysis.report import place

    findings = analyse(shop.plan(quick=True), data=shop.table())
    old = before_these_files(folder, tmp_path)
    if in_place:
        monkeypatch.setattr(place, "in_place", lambda path: True)
    for _ in range(2):
        write_results(findings, old)
        assert (old / "README.kept.md").read_text("utf-8") == "mine"
        assert "replication package" in (old / "README.md").read_text("utf-8")
        assert (old / "ro-crate-metadata.json").read_text("utf-8") == "{}"
    assert not (old / "checklist.kept.md").exists()
    files = read_ledger(old / "ledger.json")["files"]
    assert {"README.md", "checklist.md", "checklist.html"} <= {*files}
    assert not {"README.kept.md", "ro-crate-metadata.json"} & {*files}
