"""The notebook that is written for a study: the template with one line changed, where the study is
found.
"""

import ast
import json
import re

import nbformat
import pytest
import shop
from test_cli import called

import notebooks
from analysis.errors import AnalysisError
from analysis.start.notebook import TEMPLATE, address_of, new_notebook, notebook_text


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: called(monkeypatch, capsys, *arguments)


def study_of(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.id == "parameters"]
    return ast.literal_eval(cells[0].source.removeprefix("study = "))


def test_the_template_is_in_normal_form_and_has_no_outputs():
    notebook = nbformat.read(TEMPLATE, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec == notebooks.KERNEL
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in ids)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert (
        TEMPLATE.read_text("utf-8")
        == json.dumps(json.loads(TEMPLATE.read_text("utf-8")), indent=1, ensure_ascii=False) + "\n"
    )


def test_the_template_reads_in_the_order_of_an_article_in_short_cells():
    cells = nbformat.read(TEMPLATE, as_version=4).cells
    headings = [
        line[3:] for cell in cells for line in cell.source.splitlines() if line.startswith("## ")
    ]
    assert headings == [
        "The answer",
        "How we know",
        "In one sentence",
        "What this does not show",
        "How to cite",
        "Colophon",
    ]
    for cell in cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\d", cell.source), "no number is typed"
        else:
            assert len(cell.source.splitlines()) <= 5
            ast.parse(cell.source)


def test_in_a_project_the_notebook_calls_the_plan_by_its_name(run, tmp_path):
    (tmp_path / "plans").mkdir()
    shop.write(tmp_path / "plans", name="till.csv").rename(tmp_path / "plans" / "shops.toml")
    code, out, _ = run("new-notebook", "shops")
    assert (code, out) == (0, "Wrote notebooks/shops.ipynb\nOpen it: score-audit lab\n")
    assert study_of(tmp_path / "notebooks" / "shops.ipynb") == "shops"
    before = shop.hashes(tmp_path)
    code, _, err = run("new-notebook", "shops")
    assert code == 2
    assert "--force" in err
    assert shop.hashes(tmp_path) == before
    assert run("new-notebook", "shops", "--force")[0] == 0


def test_elsewhere_by_its_path(run, tmp_path):
    shop.write(tmp_path)
    assert run("new-notebook", "study.toml")[1].startswith("Wrote study.ipynb\n")
    assert study_of(tmp_path / "study.ipynb") == "study.toml"
    assert run("new-notebook", "study.toml", "--out", "deep/er/n.ipynb")[0] == 0
    assert study_of(tmp_path / "deep" / "er" / "n.ipynb") == "../../study.toml"


def test_a_shipped_plan_comes_to_where_one_is(run, tmp_path):
    assert new_notebook("movies") == tmp_path / "movies.ipynb"
    assert study_of(tmp_path / "movies.ipynb") == "movies"


def test_a_plan_with_a_fault_gets_no_notebook(run, tmp_path):
    shop.write(tmp_path, outcome__kind="EDIT THIS")
    code, _, err = run("new-notebook", "study.toml")
    assert code == 2
    assert "EDIT THIS" in err
    assert not list(tmp_path.rglob("*.ipynb"))
    with pytest.raises(AnalysisError):
        new_notebook("nope")


@pytest.mark.parametrize("name", ['a "b".toml', "a\\b.toml", "ü 金 😀.toml"])
def test_odd_paths_are_quoted(tmp_path, name):
    (tmp_path / "n.ipynb").write_text(notebook_text(tmp_path / name, tmp_path / "n.ipynb"), "utf-8")
    assert study_of(tmp_path / "n.ipynb") == address_of(tmp_path / name, tmp_path) == name
