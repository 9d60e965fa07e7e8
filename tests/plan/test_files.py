"""Where plans and data are looked for; what is written as TOML reads back as the same text."""

import datetime
import os
import tomllib

import pytest
import shop
from hypothesis import given
from hypothesis import strategies as st

import analysis as sa
from analysis.errors import AnalysisError, OutputError
from analysis.plan import files, read_plan
from analysis.plan.files import (
    document,
    find_project,
    is_file,
    neighbours,
    shipped_studies,
    write_together,
)

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_it_reads_back(name, value, values, entries):
    items = ", ".join((files.text(value), files.texts(values), files.table(entries)))
    written = f"{files.key(name)} = [{items}]\n"
    assert tomllib.loads(written) == {name: [value, values, entries]}


@pytest.mark.parametrize("value", shop.HOSTILE)
def test_hostile_text_reads_back_from_one_printable_line(value):
    written = f"{files.key(value)} = {files.text(value)}  # {files.remark(value)}"
    assert written.isprintable()
    assert tomllib.loads(written) == {value: value}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(value):
    assert tomllib.loads(f"x = {files.number(value)}") == {"x": value}


def test_half_a_surrogate_pair_is_no_text():
    with pytest.raises(ValueError, match="half a surrogate"):
        files.text("a\ud800")


@pytest.mark.parametrize("path", sorted((shipped_studies() / "plans").glob("*.toml")), ids=str)
def test_a_plan_written_as_a_document_reads_back(path):
    plan = read_plan(path)
    again = read_plan(tomllib.loads(document(plan.content())))
    assert again.model_dump() == plan.model_dump()


JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_any_document_reads_back(content):
    assert tomllib.loads(document(content)) == content


def test_tables_in_lists_of_tables(tmp_path):
    content = {
        "decision": [{"name": "a", "option": [{"name": "b"}, {"name": "c", "keep": [{"is": 1}]}]}],
        "when": datetime.date(2014, 1, 1).isoformat(),
    }
    assert tomllib.loads(document({"multiverse": content})) == {"multiverse": content}


def test_files_are_written_together_or_not_at_all(tmp_path):
    first, second = tmp_path / "new" / "a.toml", tmp_path / "b.toml"
    second.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_together({first: "x", second: "y"})
    assert not first.parent.exists()
    with pytest.raises(OutputError, match="nothing was changed"):
        write_together({first: "x"}, folders=False)
    write_together({first: "x", second: "y"}, replace=[second])
    assert (first.read_text(), second.read_text()) == ("x", "y")
    assert [path.name for path in tmp_path.rglob(".*")] == []


# --- where plans and data are looked for ----------------------------------------------------------


def test_the_nearest_folder_with_plans_or_pyproject_is_the_project(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "plans").mkdir()
    assert find_project(inner) == tmp_path.resolve()
    (tmp_path / "a" / "pyproject.toml").touch()
    assert find_project(inner) == (tmp_path / "a").resolve()


def test_the_package_carries_studies():
    root = shipped_studies()
    assert (root / "plans" / "movies.toml").is_file()
    assert (root / "data" / "raw" / "movies.csv").is_file()


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "no such file"])
def test_no_name_is_too_strange_to_ask_about(tmp_path, name):
    assert is_file(tmp_path / name) is False
    assert neighbours(tmp_path / name / "x") == []


def test_plans_and_data_are_found_from_the_notebooks(tmp_path, monkeypatch):
    for folder in ("plans", "notebooks", "data/raw"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "plans" / "mine.toml").write_text(shop.toml(shop.plan(dataset="mine")))
    (tmp_path / "data" / "raw" / "mine.csv").write_text(shop.spoiled())
    monkeypatch.chdir(tmp_path / "notebooks")
    assert sa.check("mine").sample.rows == shop.ROWS
    assert sa.read_plan("movies").name == "movies"


@pytest.mark.parametrize(
    "address", ["../outside.csv", "a/../../outside.csv", "../outside", "link/outside.csv"]
)
def test_a_relative_path_stays_inside_the_project(tmp_path, address):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").touch()
    (tmp_path / "outside.csv").write_text(shop.spoiled())
    os.symlink(tmp_path, project / "link")
    path = shop.write(project, dataset=address)
    with pytest.raises(AnalysisError) as caught:
        sa.check(path)
    assert "leaves the project" in str(caught.value) or "no such dataset" in str(caught.value)
    shop.write(project, dataset=str(tmp_path / "outside.csv"))
    assert sa.check(path).sample.rows == shop.ROWS
