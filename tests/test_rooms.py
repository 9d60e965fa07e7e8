"""The rooms of the house and the order in which they import: only rooms before them."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "analysis"

ROOMS = [
    "errors",
    "timing",
    "plan",
    "scores",
    "simulate",
    "data",
    "models",
    "results",
    "measurement_error",
    "studies",
    "multiverse",
    "tipping",
    "report",
    "out_of_core",
    "audit",
    "reproduction",
    "start",
    "cli",
]
"""In the order of import; docs/architecture.md says what each is for."""


def modules():
    """Return {dotted name below the package: path}; an empty name is the package itself."""
    paths = [path for path in PACKAGE.rglob("*.py") if "shipped" not in path.parts]
    names = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths}
    return {name.removesuffix("__init__").rstrip("."): path for path, name in sorted(names.items())}


MODULES = modules()


def imports(source, known=MODULES):
    """Return the modules of the package that a source imports, inside functions too."""
    found, stack = set(), [ast.parse(source)]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack += node.orelse
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [n if n.removeprefix("analysis.") in known else node.module for n in whole]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        found |= {name.removeprefix("analysis.") for name in names if name.startswith("analysis.")}
        stack += ast.iter_child_nodes(node)
    return found


IMPORTS = {name: imports(path.read_text("utf-8")) for name, path in MODULES.items() if name}


def misplaced(module, other):
    """Whether an import runs up, or from one study into another."""
    here, there = module.split("."), other.split(".")
    if here[0] == there[0] == "studies":
        return len(here) > 2 and len(there) > 2 and here[1] != there[1]
    return ROOMS.index(there[0]) > ROOMS.index(here[0])


def test_no_import_runs_up_and_no_study_imports_another():
    assert {name.split(".")[0] for name in MODULES if name} == set(ROOMS)
    assert [(a, b) for a, others in IMPORTS.items() for b in others if misplaced(a, b)] == []


def test_there_are_no_circles():
    left = {name: others & set(IMPORTS) - {name} for name, others in IMPORTS.items()}
    while ready := {name for name, others in left.items() if not others}:
        left = {name: others - ready for name, others in left.items() if name not in ready}
    assert left == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("plan.plan", "from analysis.models.fit import Fit"),
        ("plan.plan", "def f():\n    import analysis.models.fit"),
        ("plan.plan", "import_module('analysis.cli')"),
        ("studies.panel.study", "from analysis.studies.gaming.study import study_gaming"),
    ],
)
def test_an_import_that_runs_up_is_seen(module, source):
    assert [other for other in imports(source) if misplaced(module, other)]


def test_type_checking_counts_for_nothing():
    assert imports("if TYPE_CHECKING:\n    from analysis.cli import main") == set()
