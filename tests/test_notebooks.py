"""The notebooks run, print what is committed, and keep to the rules that make them read like
articles.
"""

import ast
import html
import importlib.metadata
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

import notebooks

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = (
    "answer",
    "how we know",
    "in one sentence",
    "what this does not show",
    "how to cite",
    "colophon",
)
CELLS = 10
"""Most code cells of an essay, the parameters among them."""
LINES_PER_CELL = 5
NUMERIC = ("numpy", "scipy", "pandas", "statsmodels", "matplotlib", "seaborn")
PATHS = notebooks.paths()
pytestmark = pytest.mark.skipif(not PATHS, reason="no notebooks here: an installed copy")
each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def pinned():
    """Whether the packages that make the numbers have the versions of the committed outputs."""
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"][
        "constraint-dependencies"
    ]
    newest = [
        pin
        for pin in map(Requirement, pins)
        if pin.name in NUMERIC and "<" not in str(pin.marker or "")
    ]
    return all(importlib.metadata.version(pin.name) in pin.specifier for pin in newest)


@pytest.fixture(scope="module")
def read():
    return {path: nbformat.read(path, as_version=4) for path in PATHS}


@pytest.fixture(scope="module")
def fresh(once):
    """Return a fresh run of a notebook, made when it is first asked for."""

    def run(path):
        made = once(path.name, lambda: notebooks.written(notebooks.executed(path)).encode())
        return nbformat.reads(made.decode(), as_version=4)

    return run


def volatile(cell):
    return "volatile" in cell.metadata.get("tags", [])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


@pytest.mark.slow
@each
def test_a_fresh_run_prints_what_is_committed(path, read, fresh):
    exact = pinned()
    for ours, theirs in zip(code_cells(fresh(path)), code_cells(read[path]), strict=True):
        if volatile(ours):
            assert len(notebooks.texts(ours)) == len(notebooks.texts(theirs)) > 0
            continue
        one, other = notebooks.texts(ours), notebooks.texts(theirs)
        assert len(one) == len(other), f"cell {ours.id} has another number of outputs"
        for a, b in zip(one, other, strict=True):
            found = notebooks.difference(a, b, tolerance=0 if exact else 1e-6)
            assert found is None, (
                f"cell {ours.id}; rerun tests/notebooks.py if this is meant\n{found}"
            )


@pytest.mark.slow
@each
def test_nothing_goes_to_stderr(path, fresh):
    outputs = [output for cell in code_cells(fresh(path)) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


@each
def test_it_is_committed_in_normal_form(path, read):
    assert path.read_text("utf-8") == notebooks.written(notebooks.normalised(read[path].copy()))
    ids = [cell.id for cell in read[path].cells]
    assert len(set(ids)) == len(ids)


@each
def test_it_has_a_kernel_and_tagged_cells(path, read):
    notebook = read[path]
    assert notebook.metadata.kernelspec.name == "python3", (
        "JupyterLab stops at a dialog without one"
    )
    assert "parameters" in code_cells(notebook)[0].metadata.tags
    assert re.fullmatch(r'study = "[a-z]+"', code_cells(notebook)[0].source)
    assert volatile(code_cells(notebook)[-1]), "the colophon comes last"
    tags = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    assert tags <= {"parameters", "volatile"}


@each
def test_it_reads_in_the_order_of_an_article(path, read):
    headings = [
        line
        for cell in prose(read[path])
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]
    assert [heading[3:].lower().removeprefix("the ") for heading in headings] == list(SECTIONS)
    kinds = [cell.cell_type for cell in read[path].cells]
    runs = re.findall("c+", "".join(kind[0] for kind in kinds))
    assert max(map(len, runs)) <= 3, "paragraph, cell, output: no long runs of code"


@each
def test_the_answer_comes_first_and_the_page_is_short(path, read):
    """The answer is shown right below the question, before anything else."""
    cells = read[path].cells
    assert len(code_cells(read[path])) <= CELLS
    answer = next(at for at, cell in enumerate(cells) if "## The answer" in cell.source)
    assert answer <= 2
    assert len(cells[0].source) < 800


def test_what_new_notebook_writes_is_the_tenth_notebook():
    ours = nbformat.read(ROOT / "analysis" / "start" / "study.ipynb", as_version=4)
    tenth = nbformat.read(ROOT / "notebooks" / "10-your-data.ipynb", as_version=4)
    assert [cell.source for cell in ours.cells] == [cell.source for cell in tenth.cells]


@each
def test_no_number_is_typed_in_prose(path, read):
    for cell in prose(read[path]):
        words = re.sub(r"`[^`]*`", "", cell.source)
        assert not re.search(r"\d+[.,]\d+|\d+ ?%|\b\d{2,}\b", words), f"cell {cell.id}"


@each
def test_no_number_is_typed_in_a_sentence_that_code_prints(path, read):
    for cell in code_cells(read[path]):
        tree = list(ast.walk(ast.parse(cell.source)))
        widths = [node.format_spec for node in tree if isinstance(node, ast.FormattedValue)]
        for node in tree:
            if isinstance(node, ast.JoinedStr) and not any(node is width for width in widths):
                typed = "".join(
                    part.value for part in node.values if isinstance(part, ast.Constant)
                )
                assert not re.search(r"\d", typed), f"cell {cell.id}"


@each
def test_cells_are_short_and_hold_no_helpers(path, read):
    for cell in code_cells(read[path]):
        assert 1 <= len(cell.source.splitlines()) <= LINES_PER_CELL, f"cell {cell.id}"
        assert max(map(len, cell.source.splitlines())) <= 120, f"cell {cell.id}"
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.ClassDef), f"cell {cell.id}"
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno - node.lineno < 8, f"cell {cell.id}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(^|\s)[\w.~-]*/[\w./-]+\.\w+|\.(csv|toml)\b", node.value), (
                    f"a path in {cell.id}"
                )
        assert "head()" not in cell.source, "tables are shown with a caption"


class Markup(HTMLParser):
    """Collects what matters to a reader who does not see the page."""

    def __init__(self):
        super().__init__()
        self.images, self.heads, self.captions, self.tables = [], [], 0, 0

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "th":
            self.heads.append(dict(attrs))
        self.captions += tag == "caption"
        self.tables += tag == "table"


@each
def test_images_are_described_and_tables_have_captions_and_scopes(path, read):
    found = Markup()
    for cell in code_cells(read[path]):
        for output in cell.outputs:
            data = output.get("data", {})
            found.feed(data.get("text/html", ""))
            assert ("image/png" not in data) or ("<img" in data["text/html"]), (
                "an image without a description"
            )
    assert found.images
    assert all(len(image.get("alt", "")) > 40 for image in found.images)
    assert found.tables == found.captions > 0
    assert all(head.get("scope") in ("col", "row") for head in found.heads)


@each
def test_the_caution_is_on_the_first_screen(path, read):
    """Above the heading "How we know", and printed by code: the codebook's, or that the data are
    simulated.
    """
    import analysis as sa

    before = []
    for cell in read[path].cells:
        if "## How we know" in cell.source:
            break
        before.append(cell)
    shown = "\n".join(
        text for cell in before if cell.cell_type == "code" for text in notebooks.texts(cell)
    )
    study = re.search(r'"(\w+)"', code_cells(read[path])[0].source)[1]
    shipped = (ROOT / "plans" / f"{study}.toml").exists()
    caution = (
        sa.read_dataset(sa.read_plan(study).dataset).codebook.caution
        if shipped
        else "These data are simulated"
    )
    assert html.escape(caution) in shown or caution in shown
    assert len("".join(cell.source for cell in before if cell.cell_type == "markdown")) < 1000


# --- the comparison itself ---


@pytest.mark.parametrize(
    ("fresh", "committed", "same"),
    [
        ("z = -2.67, p = .008", "z = -2.67, p = .008", True),
        ("estimate 0.1234567", "estimate 0.1234567001", True),
        ("estimate 0.1234", "estimate 0.1235", False),
        ("2,757 rows", "2,758 rows", False),
        ("adds, -5.9 %", "adds, +5.9 %", False),
        ("adds", "nothing", False),
        ("plan f7b99bd55b4c", "plan f7b99bd55b4d", False),
        ("1e-13", "1.0000000001e-13", True),
    ],
)
def test_texts_are_compared_by_their_words_and_numbers(fresh, committed, same):
    assert (notebooks.difference(fresh, committed) is None) is same
