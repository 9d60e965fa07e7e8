"""The public interface: about ten names, explained on a page, and all that a reader needs."""

import ast
import inspect
import json
import pydoc
import re
from pathlib import Path

import pytest

import analysis as sa

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = {
    "AnalysisError",
    "Audit",
    "Plan",
    "audit",
    "check",
    "cite",
    "compare",
    "init",
    "power",
    "read_dataset",
    "read_plan",
    "score",
    "scores",
    "simulate",
    "verify",
}
OTHERS = {
    "IPython",
    "matplotlib",
    "numpy",
    "pandas",
    "pathlib",
    "seaborn",
    "sklearn",
    "statsmodels",
}
"""Packages that a reader knows anyway."""

NOTEBOOKS = [*sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "analysis/start/study.ipynb"]


def test_the_names_are_these_and_each_is_there():
    assert set(dir(sa)) - {"__version__"} == PUBLIC
    assert all(getattr(sa, name) for name in PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC - {"scores", "simulate"}))
def test_each_name_is_explained_and_takes_named_options(name):
    thing = getattr(sa, name)
    first = inspect.getdoc(thing).partition("\n\n")[0]
    assert first.endswith((".", "?"))
    if inspect.isfunction(thing):
        kinds = {parameter.kind for parameter in inspect.signature(thing).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds


def test_the_help_is_a_page_that_names_everything():
    page = pydoc.plain(pydoc.render_doc(sa))
    assert len(sa.__doc__.splitlines()) <= 60
    assert len(page.splitlines()) <= 80
    assert [name for name in PUBLIC - {"read_dataset", "Audit"} if f"sa.{name}" not in page] == []


def imported(source):
    """Return the modules that a source imports, and from which of ours it takes names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module}."


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_import_the_package_and_nothing_inside_it(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names = {name for source in sources for name in imported(source)}
    assert {name for name in names if name.split(".")[0] not in OTHERS} == {"analysis"}


def test_the_readme_imports_the_package_and_nothing_inside_it():
    if not (ROOT / "README.md").exists():
        pytest.skip("no README here: an installed copy")
    text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    names = {name for block in blocks for name in imported(block)}
    assert {name for name in names if name.split(".")[0] not in OTHERS} == {"analysis"}
    used = set(re.findall(r"\bsa\.(\w+)", "\n".join(blocks)))
    assert used <= PUBLIC
