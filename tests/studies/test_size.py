"""Beside the interval: equivalence, power, Bayes factors and the decomposition, as the ledger has
them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.results.rule import sesoi_band


def frame(seed=1, n=500):
    rng = np.random.default_rng(seed)
    likes, visits = rng.normal(size=(2, n))
    score = likes + rng.normal(size=n)
    y = likes + 0.5 * visits + 0.1 * score + rng.normal(size=n)
    return pd.DataFrame(
        {
            "score": score,
            "likes": likes,
            "visits": visits,
            "y": y,
            "sales": np.exp(y),
            "hit": (y > 0) * 1,
            "team": np.arange(n) % 80,
        }
    )


def audit(kind="continuous", column="y", sesoi=0.2, **changes):
    plan = {
        "name": "sizes",
        "question": "How large?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes", "visits"]},
        "outcome": [{"column": column, "kind": kind, "sesoi": sesoi}],
    }
    return analyse(plan | changes, frame())


CASES = [("continuous", "y", 0.2), ("revenue", "sales", 0.05), ("binary", "hit", 0.05)]


@pytest.mark.parametrize(("kind", "column", "sesoi"), CASES)
def test_the_equivalence_test_says_what_the_inner_interval_says(kind, column, sesoi):
    found = audit(kind, column, sesoi)
    verdict = found.verdict_on()
    row = found.estimates.one(method="equivalence", model=verdict.deciding.model, term="tost")
    low, high = verdict.deciding.interval(0.90)
    assert (row.p_value < 0.05) == (verdict.band[0] < low and high < verdict.band[1])
    assert found.estimates.one(method="equivalence", model="ols", term="tost").p_value is not None


def test_corrected_fits_are_tested_too():
    found = audit(engagement={"columns": ["likes", "visits"], "reliability": {"likes": 0.9}})
    rows = found.estimates.select(method="equivalence", term="tost")
    assert {row.model for row in rows} == {"ols", "eiv"}


def test_power_follows_from_the_standard_error():
    found = audit()
    error = found.verdict_on().deciding.std_error
    assert found.estimates.one(method="power", term="mde").estimate == pytest.approx(
        2.8 * error, rel=0.01
    )
    band = sesoi_band(found.plan.outcome[0], "ols", 0.0)
    chance = found.estimates.one(method="power", term="power_nothing").estimate
    assert 0 <= chance <= 1
    wide = audit(sesoi=10 * band[1]).estimates.one(method="power", term="power_nothing").estimate
    assert wide > 0.999


def test_bayes_factors_are_for_independent_least_squares_only():
    assert {row.model for row in audit().estimates.select(method="bayes")} == {"bic", "jzs"}
    assert not audit(cluster={"column": "team"}).estimates.select(method="bayes").rows
    assert not audit("revenue", "sales", 0.05).estimates.select(method="bayes").rows


def test_the_decomposition_adds_up_to_what_engagement_takes():
    found = audit()
    raw = found.estimates.one(method="raw", model="ols", term="score", variant="").estimate
    full = found.estimates.one(method="increment", model="ols", term="score", variant="").estimate
    parts = [row.estimate for row in found.estimates.select(method="decomposition")]
    assert sum(parts) == pytest.approx(raw - full, rel=1e-9)


@pytest.mark.parametrize(("kind", "column", "sesoi"), CASES)
def test_ids_stay_unique(kind, column, sesoi):
    ids = [row.id for row in audit(kind, column, sesoi).estimates]
    assert len(ids) == len(set(ids))
