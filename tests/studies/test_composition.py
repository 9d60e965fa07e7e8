"""What the score and the outcome are made of: refusals, and what must not be refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse


def plan(**changes):
    own = {
        "name": "made",
        "question": "Is the outcome made of something?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes", "visits"]},
        "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}],
    }
    return own | changes


def frame(seed=3, n=400):
    rng = np.random.default_rng(seed)
    likes, visits = rng.integers(1, 200, n), rng.integers(1, 500, n)
    sales = rng.gamma(2, 50, n)
    return pd.DataFrame(
        {"likes": likes, "visits": visits, "score": likes / 50 + rng.normal(size=n), "sales": sales}
    )


def verdict(data, **changes):
    return analyse(plan(**changes), data).verdict_on()


def test_honest_data_are_not_refused():
    assert verdict(frame()).verdict != "refused"


@pytest.mark.parametrize(
    "made",
    [
        lambda d: d["likes"] + d["visits"],
        lambda d: 3 * d["likes"] + 2 * d["visits"],
        lambda d: d["likes"] * d["visits"],
        lambda d: 7.5 * d["likes"],
        lambda d: np.exp(d["score"]),
    ],
)
def test_an_outcome_computed_from_engagement_or_the_score_is_refused(made):
    data = frame()
    data["sales"] = made(data)
    found = verdict(data)
    assert found.verdict == "refused"
    assert "looks computed from" in found.reasons[0]


def test_one_row_large_in_everything_is_no_reason_to_refuse():
    data = frame()
    data.loc[0, ["likes", "sales"]] = [1_000_000, 1_000_000.0]
    assert (
        verdict(data, engagement={"columns": ["likes", "visits"], "transform": "log1p"}).verdict
        != "refused"
    )


def test_controls_that_explain_the_score_are_not_blamed_on_engagement():
    data = frame()
    data["age"] = data["score"] + np.random.default_rng(1).normal(scale=1e-3, size=len(data))
    found = verdict(data, controls={"columns": ["age"]})
    assert found.verdict == "refused"
    assert "engagement and controls" in found.reasons[0]


def test_few_clusters_refuse_only_where_they_carry_the_interval():
    data = frame()
    data["town"] = np.arange(len(data)) % 4
    clustered = {"cluster": {"column": "town"}}
    assert verdict(data, **clustered).verdict == "refused"
    plain = verdict(data, **clustered, inference={"covariance": "HC1"})
    assert plain.verdict != "refused"
    assert any("ignores them" in reason for reason in plain.reasons)
    assert plain.deciding.clusters is None


def test_outcomes_filled_with_zero_are_counted():
    data = frame()
    data.loc[:99, "sales"] = np.nan
    audit = analyse(plan(missing="zero"), data)
    (check,) = [check for check in audit.checks if check.check == "filled"]
    assert check.statistic == 100
    assert audit.sample.rows == len(data)


def test_a_net_mean_near_zero_is_no_yardstick():
    data = frame()
    data["sales"] -= data["sales"].mean()
    net = [{"column": "sales", "kind": "revenue", "sesoi": 0.05, "negative": "net"}]
    with pytest.raises(sa.AnalysisError, match="clearly above zero"):
        verdict(data, outcome=net)


def test_a_score_with_the_name_of_a_test_is_refused_in_the_plan():
    with pytest.raises(sa.AnalysisError, match="another name"):
        sa.read_plan(plan(score={"columns": ["wald"]}))
