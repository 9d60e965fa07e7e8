"""The order of the modules. The list below is its documentation: a module imports only what stands above it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "analysis"

# DESIGN.md section 3 puts audit.py above publish/; here it stands below, with findings.py, the record of one run,
# between the methods and what is published of them: an Audit has .sentence(), .plot() and .export().
LAYERS = [
    "analysis",
    "errors",
    "disclosure",
    "spreadsheet",
    "project",
    "distributions",
    "sections",
    "sections.base",
    "sections.reading",
    "codebook",
    "scores.activity",
    "scores.card",
    "scores.network",
    "scores.klout",
    "scores.kred",
    "scores.trustcloud",
    "scores.credit",
    "scores.history",
    "scores.placebo",
    "scores.record",
    "scores",
    "simulate.parameters",
    "simulate.activity",
    "simulate.outcomes",
    "simulate.draw",
    "simulate.columns",
    "simulate.truths",
    "simulate",
    "sections.long",
    "sections.columns",
    "sections.outcome",
    "sections.inference",
    "sections.multiverse",
    "sections.flexible",
    "sections.segment",
    "sections.algorithm",
    "sections.timing",
    "sections.overlap",
    "sections.panel",
    "sections.gaming",
    "wording",
    "plan",
    "reading",
    "reading.archives",
    "reading.raw_table",
    "reading.delimited",
    "reading.databases",
    "reading.readers",
    "dataset",
    "reading.cells",
    "reading.conversion",
    "halves",
    "selection",
    "selection.columns",
    "selection.filters",
    "selection.typed",
    "selection.faults",
    "sample",
    "schema",
    "rule",
    "design",
    "multiverse",
    "multiverse.specifications",
    "multiverse.pools",
    "moments.record",
    "moments.pairs",
    "moments.rows",
    "moments.measure",
    "moments",
    "moments.triangles",
    "moments.regressions",
    "moments.draws",
    "moments.variances",
    "moments.subsets",
    "moments.resampling",
    "moments.permutation",
    "moments.folds",
    "moments.joint",
    "engine",
    "engine.address",
    "engine.sums",
    "engine.scan",
    "engine.cells",
    "engine.products",
    "engine.doubts",
    "engine.draw",
    "engine.rows",
    "start",
    "start.words",
    "start.toml",
    "start.forms",
    "start.profile",
    "start.roles",
    "start.draft",
    "start.questions",
    "start.files",
    "start.notebook",
    "start.study",
    "covariance",
    "steps",
    "fit",
    "measurement",
    "corrected",
    "estimates",
    "last_period",
    "overlap.relation",
    "overlap.composition",
    "overlap.makeup",
    "overlap.rows",
    "overlap.groups",
    "overlap.order",
    "overlap.values",
    "overlap.selection",
    "overlap",
    "wild",
    "models.linear",
    "models.pml",
    "models.binary",
    "models.fast_poisson",
    "models.counts",
    "models.hurdle",
    "models.refit",
    "models.expansion",
    "models",
    "left_out",
    "engine.basis",
    "engine.fits",
    "engine.poisson",
    "scored",
    "methods",
    "methods.manipulability",
    "methods.sesoi",
    "methods.increment",
    "methods.reliability",
    "methods.small_counts",
    "methods.curvature",
    "methods.correction",
    "methods.corrected_score",
    "methods.oriv",
    "multiverse.pieces",
    "methods.multiverse",
    "methods.break_even",
    "methods.calibrated_null",
    "methods.equivalence",
    "methods.bayes",
    "methods.decomposition",
    "methods.power",
    "methods.simex",
    "methods.tail",
    "questions",
    "questions.beside",
    "questions.sweep",
    "questions.straightness",
    "questions.sharing",
    "questions.extrapolation",
    "questions.corrections",
    "questions.noise",
    "questions.answer",
    "questions.indicators",
    "questions.size",
    "questions.fragility",
    "questions.tails",
    "methods.assay",
    "questions.assay",
    "questions.influence",
    "clusters",
    "methods.panel",
    "questions.within",
    "questions.neighbours",
    "methods.diagnostics",
    "questions.diagnosis",
    "methods.sensitivity",
    "methods.prediction",
    "methods.flexible",
    "questions.confounding",
    "questions.planning",
    "methods.transport",
    "questions.segments",
    "methods.scorecard",
    "questions.ranking",
    "questions.returns",
    "methods.stability",
    "methods.discontinuity",
    "methods.interruption",
    "questions.algorithm",
    "methods.switching",
    "methods.jumps",
    "methods.ratio",
    "methods.within_noise",
    "methods.without_cluster",
    "methods.information",
    "questions.episodes",
    "questions.gaming",
    "methods.proportion",
    "questions.parts",
    "engine.audit",
    "verdict",
    "findings",
    "publish",
    "publish.simulated",
    "publish.sentence",
    "publish.table",
    "publish.figure",
    "publish.curve",
    "publish.manipulability",
    "publish.citation",
    "publish.ledger",
    "publish.passage",
    "publish.rows",
    "publish.inspection",
    "publish.multiverse",
    "publish.doubts",
    "publish.assay",
    "publish.reliability",
    "publish.extrapolation",
    "publish.algorithm",
    "publish.gaming",
    "publish.parts",
    "publish.segments",
    "publish.ranking",
    "publish.within",
    "publish.diagnosis",
    "publish.passages",
    "publish.report",
    "publish.folder",
    "publish.article",
    "publish.verify",
    "audit",
    "cli",
]

SIBLINGS = ("models", "methods")
"""Packages whose modules do not import each other."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def modules():
    """Return {dotted name without "analysis.": path}; the package itself is "analysis"."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "shipped" not in path.parts:
            dotted = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            found[dotted.removesuffix("__init__").rstrip(".") or "analysis"] = path
    return found


MODULES = modules()

PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def imports(tree, module, known):
    """Return the modules of this package that a syntax tree imports, also inside functions; not for type checking."""
    package = module if module in PACKAGES else module.rpartition(".")[0]
    found = set()

    def visit(node):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.orelse:
                visit(child)
            return
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = ["analysis", *package.split(".")] if package else ["analysis"]
                base = ".".join([*above[: len(above) - node.level + 1], *([node.module] if node.module else [])])
            whole = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("analysis.") in known else base for name in whole]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        for name in names:
            if name == "analysis":
                found.add("analysis")
            elif name.startswith("analysis."):
                found.add(name.removeprefix("analysis."))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


def faults(module, source, layers, known):
    """Return what is wrong with a module's imports, as sentences."""
    wrong = []
    for other in sorted(imports(ast.parse(source), module, known)):
        if other not in layers:
            wrong.append(f"{module} imports {other}, which is no layer")
        elif layers.index(other) >= layers.index(module):
            wrong.append(f"{module} imports {other}, which stands below it")
        package = module.rpartition(".")[0]
        if package in SIBLINGS and other.startswith(f"{package}."):
            wrong.append(f"{module} imports its sibling {other}")
    return wrong


def test_every_module_has_its_place():
    assert sorted(LAYERS) == sorted(MODULES)
    assert len(LAYERS) == len(set(LAYERS))


@pytest.mark.parametrize("module", [name for name in MODULES if name != "analysis"])
def test_imports_only_what_stands_above(module):
    if module not in LAYERS:
        pytest.fail(f"{module} has no place in LAYERS")
    assert faults(module, MODULES[module].read_text(encoding="utf-8"), LAYERS, MODULES) == []


def test_the_package_itself_imports_nothing_until_it_is_asked():
    """Its public names are loaded on first use: `score-audit --help` must not wait for pandas."""
    tree = ast.parse(MODULES["analysis"].read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name if isinstance(node, ast.Import) else node.module for node in top for alias in node.names}
    assert names <= {"__future__", "sys", "importlib", "types", "typing"}


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("design", "from analysis.fit import Fit", "design imports fit, which stands below it"),
        ("design", "def f():\n    from analysis.fit import Fit", "design imports fit, which stands below it"),
        ("design", "import analysis.fit", "design imports fit, which stands below it"),
        ("design", "from analysis import fit", "design imports fit, which stands below it"),
        ("design", "from . import fit", "design imports fit, which stands below it"),
        ("models.pml", "from ..fit import Fit\nfrom . import binary", "models.pml imports models.binary, which stands"),
        ("design", "import_module('analysis.models.fit')", "design imports fit, which stands below it"),
        ("models.pml", "from analysis.models.linear import fit_ols", "models.pml imports its sibling models.linear"),
        (
            "methods.increment",
            "from analysis.methods import sesoi",
            "imports its sibling methods.sesoi",
        ),
        ("design", "from analysis.nowhere import x", "design imports nowhere, which is no layer"),
        ("design", "if TYPE_CHECKING:\n    pass\nelse:\n    import analysis.fit", "design imports fit"),
    ],
)
def test_the_walk_sees_what_it_should(module, source, complaint):
    assert any(complaint in fault for fault in faults(module, source, LAYERS, MODULES))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fit", "from analysis.design import Design"),
        ("fit", "from analysis import design, __version__"),
        ("design", "if TYPE_CHECKING:\n    from analysis.fit import Fit"),
        ("design", "import numpy\nfrom analysisx.fit import Fit"),
        ("models", "from analysis.models.linear import fit_ols"),
        (
            "methods.increment",
            "from analysis.models import fit_model\nfrom analysis.models.binary import x",
        ),
    ],
)
def test_the_walk_lets_pass_what_it_should(module, source):
    assert faults(module, source, LAYERS, MODULES) == []


# --- habits ----------------------------------------------------------------------------------------------


def test_names_of_modules():
    assert not {part for name in MODULES for part in name.split(".")} & FORBIDDEN_NAMES


@pytest.mark.parametrize("module", MODULES)
def test_no_assert_statements(module):
    """They vanish under `python -O`, and a user never reads them."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)] == []


LOWER_TAILS = {"methods.equivalence", "methods.calibrated_null"}
"""A lower tail of the noncentral F is a p-value there, and the multivariate normal has no other function."""


@pytest.mark.parametrize("module", sorted(set(MODULES) - LOWER_TAILS))
def test_tails_come_from_sf_and_isf(module):
    """1 - cdf is 0 where sf is 1e-20, and ppf(1 - tail) is infinite where isf is not."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    calls = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert not {"cdf", "ppf"} & set(calls)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_in_a_sentence(module):
    doc = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8"))) or ""
    assert doc.split("\n\n")[0].strip().endswith((".", "?"))


HEAVY = ("matplotlib", "scipy.stats", "statsmodels", "sklearn")


EVERYWHERE = (
    "distributions",
    "design",
    "fit",
    "estimates",
    "methods.increment",
    "engine",
    "models",
    "moments",
    "audit",
)
"""What every audit loads. (A method may say `import scipy` and `scipy.stats.t`: that loads it when it is used.)"""


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith(EVERYWHERE)])
def test_what_takes_a_second_to_load_is_loaded_where_it_is_used(module):
    """A first result waits for the imports at the top of every module. `analysis.distributions` has the tails."""
    tree, names = ast.parse(MODULES[module].read_text(encoding="utf-8")), set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert not {name for name in names if any(f"{name}.".startswith(f"{heavy}.") for heavy in HEAVY)}
