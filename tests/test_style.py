"""Habits of the code that no linter knows."""

import ast
import subprocess
import sys

from test_rooms import MODULES

TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}

HEAVY = ("matplotlib", "scipy.stats", "statsmodels", "sklearn", "seaborn", "linearmodels")

LOWER_TAILS = {"studies.equivalence.equivalence", "measurement_error.calibrated_null"}
"""A lower tail of the noncentral F is a p-value there; the multivariate normal has nothing else."""


def test_names_of_modules():
    assert not {part for name in MODULES for part in name.split(".")} & FORBIDDEN_NAMES


def test_no_assert_statements():
    """They vanish under `python -O`, and a user never reads them."""
    assert [
        n for n, tree in TREES.items() if any(isinstance(x, ast.Assert) for x in ast.walk(tree))
    ] == []


def test_tails_come_from_sf_and_isf():
    """1 - cdf is 0 where sf is 1e-20, and ppf(1 - tail) is infinite where isf is not."""
    lower = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("cdf", "ppf")
    }
    assert lower <= LOWER_TAILS


def test_a_module_says_what_it_is_in_a_sentence():
    first = {name: (ast.get_docstring(tree) or "").split("\n\n")[0] for name, tree in TREES.items()}
    assert [name for name, text in first.items() if not text.strip().endswith((".", "?"))] == []


def test_what_takes_a_second_to_load_is_loaded_where_it_is_used():
    """A first result waits for the imports at the top of every module."""
    code = f"import sys, analysis.audit; print([name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_quick_audit_loads_no_library_for_what_it_does_not_show():
    code = (
        "import sys, analysis as sa; shops = sa.simulate.creators(seed=7, n=300);"
        " sa.audit(shops, score='klout', engagement='likes', outcome='referrals', kind='count',"
        " sesoi=0.05, quick=True);"
        " print({'matplotlib', 'seaborn', 'sklearn', 'statsmodels', 'scipy.stats'}"
        " & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_the_package_itself_imports_nothing_until_it_is_asked():
    """Its public names are loaded on first use: `score-audit --help` must not wait for pandas."""
    top = [node for node in TREES[""].body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {a.name if isinstance(n, ast.Import) else n.module for n in top for a in n.names}
    assert names <= {"__future__", "sys", "importlib", "types", "typing"}
