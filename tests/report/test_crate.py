"""The RO-Crate of a result folder: what it says, and that `verify` writes it again."""

import hashlib
import json
import shutil
import socket
from pathlib import Path

import pytest
import shop
from click.testing import CliRunner

from analysis.audit import analyse
from analysis.cli import cli
from analysis.errors import OutputError
from analysis.report import folder as writing
from analysis.report.folder import write_results
from analysis.report.ledger import digest_of, read_ledger, seal_of, sha256_of, to_json
from analysis.report.replication import crate as module
from analysis.report.replication.crate import CRATE
from analysis.reproduction import verify

pytest.importorskip("rocrate")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    base = tmp_path_factory.mktemp("crate")
    plan = shop.write(base, quick=True, doi="10.5555/12345")
    stated = 'author = ["Doe, Jane", "Shop Watch"]\ndate = 2014-11-23\n'
    plan.write_text(stated + plan.read_text("utf-8"), "utf-8")
    write_results(analyse(plan), base / "results", crate=True)
    return base


@pytest.fixture(scope="module")
def graph(study):
    content = json.loads((study / "results" / CRATE).read_text("utf-8"))
    assert content["@context"] == "https://w3id.org/ro/crate/1.2/context"
    return {entity["@id"]: entity for entity in content["@graph"]}


@pytest.fixture
def copy(study, tmp_path):
    """The study with its results, free to be changed."""
    shutil.copytree(study, tmp_path / "study")
    return tmp_path / "study" / "results"


def test_it_has_what_the_specification_asks_for(graph):
    about = graph[CRATE]
    assert about["conformsTo"]["@id"] == "https://w3id.org/ro/crate/1.2"
    assert about["about"]["@id"] == "./"
    root = graph["./"]
    assert root["@type"] == "Dataset"
    assert root["datePublished"] == "2014-11-23"
    assert root["identifier"] == "https://doi.org/10.5555/12345"
    assert root["name"] == shop.plan()["question"]
    assert all(root[key] for key in ("description", "license"))


def references(value):
    if isinstance(value, dict):
        yield from [value["@id"]] if set(value) == {"@id"} else ()
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_leads_to_an_entity_and_every_entity_is_reached(graph):
    known = {name for entity in graph.values() for name in references(entity)}
    assert {name for name in known if not name.startswith("https://")} <= {*graph}
    assert {*graph} - known == {CRATE}
    assert all("@type" in entity for entity in graph.values())


def test_every_file_is_part_of_it_with_its_hash(study, graph):
    folder = study / "results"
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert parts == there - {CRATE}
    files = read_ledger(folder / "ledger.json")["files"]
    assert {*files} == there - {"ledger.json", "history.jsonl"}
    for name in parts - {"ledger.json", "history.jsonl"}:
        content = (folder / name).read_bytes()
        assert graph[name]["sha256"] == files[name] == hashlib.sha256(content).hexdigest()
        assert graph[name]["contentSize"] == str(len(content))
        assert graph[name]["encodingFormat"]
    assert {result["@id"] for result in graph["#run"]["result"]} == parts


def test_who_is_an_author_and_of_what(graph):
    authors = [graph[one["@id"]] for one in graph["./"]["author"]]
    assert [author["name"] for author in authors] == ["Jane Doe", "Shop Watch"]
    assert [author["@type"] for author in authors] == ["Person", "Thing"]
    assert graph["#score-audit"]["author"] == "The score-audit developers"


def test_the_library_reads_it(study):
    from rocrate.rocrate import ROCrate

    crate = ROCrate(study / "results")
    assert crate.name == shop.plan()["question"]
    assert crate.get("#run").type == "CreateAction"
    assert crate.get("#run")["instrument"].id == "#score-audit"


def test_it_is_written_without_a_network(study, monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    write_results(analyse(study / "study.toml"), tmp_path / "results", crate=True)
    assert (tmp_path / "results" / CRATE).is_file()


def test_a_run_without_it_leaves_none_behind(copy):
    write_results(analyse(copy.parent / "study.toml"), copy)
    assert not (copy / CRATE).exists()
    assert "crate" not in read_ledger(copy / "ledger.json")["environment"]


# --- verify ---------------------------------------------------------------------------------------


def faults(found):
    return {line.what for line in found.lines if not line.ok}


def reseal(folder):
    """Do what the author of an edit can do: new hashes, digest and seal."""
    record = json.loads((folder / "ledger.json").read_text("utf-8"))
    record["files"] = {name: sha256_of(folder / name) for name in record["files"]}
    record["digest"] = digest_of(record)
    record["seal"] = seal_of(record)
    (folder / "ledger.json").write_text(to_json(record), "utf-8")


def test_an_untouched_folder_verifies_with_all_new_files(copy):
    found = verify(copy)
    assert faults(found) == set()
    told = {line.what: line.status for line in found.lines}
    for name in ("README.md", "checklist.md", "checklist.html", CRATE):
        assert told[name] == "same"


def test_edits_of_the_new_files_are_seen_though_the_ledger_was_sealed_again(copy):
    edits = {
        "README.md": ("score-audit run", "score-audit walk"),
        "checklist.md": ("not reported", "reported"),
        "checklist.html": ("not reported", "reported"),
        CRATE: ("Jane Doe", "John Doe"),
    }
    for name, (old, new) in edits.items():
        text = (copy / name).read_text("utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new, 1), "utf-8")
    assert {*edits} <= faults(verify(copy))
    reseal(copy)
    assert faults(verify(copy)) == {*edits}


def test_a_file_that_was_taken_away_is_missed(copy):
    record = json.loads((copy / "ledger.json").read_text("utf-8"))
    for name in ("README.md", "checklist.html", CRATE):
        (copy / name).unlink()
        del record["files"][name]
    (copy / "ledger.json").write_text(json.dumps(record), "utf-8")
    assert {"README.md", "checklist.html", CRATE} <= faults(verify(copy))


@pytest.mark.parametrize("version", [None, "99.0"])
def test_without_that_version_of_the_library_it_is_said_to_be_unchecked(copy, monkeypatch, version):
    monkeypatch.setattr(writing, "library_version", lambda: version)
    found = verify(copy)
    assert faults(found) == set()
    assert [line.what for line in found.lines if line.status == "not rewritten"] == [CRATE]


# --- the command ----------------------------------------------------------------------------------


def test_without_the_extra_nothing_is_computed(study, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "library_version", lambda: None)
    result = CliRunner().invoke(cli, ["run", str(study / "study.toml"), "--crate"])
    assert isinstance(result.exception, OutputError)
    assert "pip install 'score-audit[crate]'" in str(result.exception)
    assert [*Path(tmp_path).iterdir()] == []


def test_the_command_writes_it(study, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = ["run", str(study / "study.toml"), "--crate", "--out", "r"]
    result = CliRunner().invoke(cli, asked)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "r" / CRATE).is_file()
    assert "run study.toml --quick --crate" in (tmp_path / "r" / "README.md").read_text("utf-8")
