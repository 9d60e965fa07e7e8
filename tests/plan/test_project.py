"""Where plans and data are looked for."""

import os

import pytest
import shop

import analysis as sa
from analysis.errors import AnalysisError
from analysis.plan.project import find_project, is_file, neighbours, shipped_studies


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
