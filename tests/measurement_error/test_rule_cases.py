"""Plans that say little: a worthless score is not called useful, and no break-even is made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse

CASES = Path(__file__).parent.parent / "cases"


def test_a_worthless_score_is_not_found_useful_by_the_form_of_engagement():
    plan = sa.read_plan(str(CASES / "worthless-by-form" / "plan.toml"))
    verdict = analyse(sa.read_plan(plan.content() | {"quick": True}, folder=plan.folder))
    verdict = verdict.verdict_on()
    assert (verdict.verdict, verdict.as_recorded) == ("inconclusive", "adds")
    assert "engagement in a flexible form says inconclusive" in " ".join(verdict.reasons)


def worthless(seed, kind, n=400):
    """Likes are exponential in what a person does; score and outcome are straight in it."""
    rng = np.random.default_rng(seed)
    act = rng.normal(size=n)
    index = 0.5 * act
    made = {
        "revenue": rng.gamma(2, np.exp(5 + index) / 2),
        "count": rng.poisson(np.exp(1 + index)),
        "binary": (rng.random(n) < 1 / (1 + np.exp(-2 * index))).astype(int),
        "continuous": index + 0.7 * rng.normal(size=n),
    }
    return pd.DataFrame(
        {
            "klout": 45 + 9 * act + 4 * rng.normal(size=n),
            "likes": rng.poisson(np.exp(5 + 0.9 * act)),
            "outcome": made[kind],
        }
    )


@pytest.mark.parametrize(
    ("kind", "transform"),
    [
        ("revenue", "identity"),
        ("count", "identity"),
        ("binary", "sqrt"),
        ("continuous", "identity"),
        ("continuous", "rank"),
    ],
)
def test_siblings_of_other_kinds_and_transforms(kind, transform):
    words = []
    for seed in range(6):
        audit = sa.audit(
            worthless(seed, kind),
            score="klout",
            engagement="likes",
            outcome="outcome",
            kind=kind,
            sesoi=0.05,
            transform=transform,
            quick=True,
        )
        words.append(audit.findings.verdict_on().verdict)
    assert words.count("adds") + words.count("trivial") <= 1  # P(X > 1 | 6, .05) = .03


@pytest.mark.parametrize("drop", [None, "comments"])
def test_no_break_even_is_told_where_the_corrected_matrix_turns_singular(drop):
    plan = sa.read_plan(str(CASES / "break-even-at-a-singular-matrix" / "plan.toml"))
    columns = [c for c in plan.engagement.columns if c != drop]
    content = plan.content() | {"quick": True}
    content["engagement"] = content["engagement"] | {"columns": columns}
    audit = analyse(sa.read_plan(content, folder=plan.folder))
    row = audit.estimates.one(method="reliability", term="break_even")
    assert row.estimate is None
    assert "does not vanish down to a reliability of 0.9" in row.note
    verdict = audit.verdict_on()
    assert verdict.verdict == "adds" or drop
    assert verdict.fragile is None
    assert verdict.assumed_from > 0.9
    assert not any("vanishes" in reason for reason in verdict.reasons)
