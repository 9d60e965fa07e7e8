"""Return on money and hours: the net return by least squares, the ratio by an offset, and the SESOI
of each.
"""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.models.columns import build_design
from analysis.report.views import Audit

EFFECT = 3.0
"""Money of net return per point of score, at equal engagement."""


@pytest.fixture(scope="module")
def campaigns():
    """Campaigns whose cost grows with the score as much as their revenue, but for EFFECT."""
    rng = np.random.default_rng(20121105)
    talent = rng.normal(size=1500)
    klout, likes = 50 + 8 * talent + 4 * rng.normal(size=1500), np.exp(4 + talent)
    cost, hours = 200 + 2 * klout + rng.gamma(2, 20, 1500), rng.integers(1, 20, 1500).astype(float)
    net = EFFECT * klout + 50 * np.log1p(likes) + 60 * rng.normal(size=1500)
    return pd.DataFrame(
        {
            "klout": klout,
            "likes": likes,
            "cost": cost,
            "hours": hours,
            "takings": np.maximum(cost + 20 * hours + net, 0),
        }
    )


@pytest.fixture
def roi(plan_of):
    def make(**outcome):
        said = {
            "column": "takings",
            "kind": "roi",
            "sesoi": 5.0,
            "cost": "cost",
            "hours": "hours",
            "hour_price": 20.0,
        }
        said = {key: value for key, value in {**said, **outcome}.items() if value is not None}
        return plan_of(outcome=said, controls=None)

    return make


def test_the_net_return_is_revenue_less_cost_and_hours(roi, campaigns):
    sample = select_sample(roi(), from_frame(campaigns))
    net = campaigns["takings"] - campaigns["cost"] - 20 * campaigns["hours"]
    assert sample.numbers("takings") == pytest.approx(net.to_numpy())
    assert sample.dataset.label("takings") == "net return (takings less cost and hours at 20 each)"


def test_the_net_effect_is_found(roi, campaigns):
    audit = analyse(roi(), data=campaigns)
    row = audit.estimates.one(method="increment", model="ols", term="klout", variant="raw")
    assert abs(row.estimate - EFFECT) < 4 * row.std_error
    assert audit.verdict_on().as_recorded == "adds"
    assert audit.verdict_on().band == (-5.0, 5.0)
    assert "net return" in Audit(audit).sentence()


def test_the_ratio_is_poisson_with_the_log_of_what_was_put_in(roi, campaigns, tolerance):
    audit = analyse(roi(), data=campaigns)
    put_in = campaigns["cost"] + 20 * campaigns["hours"]
    x = sm.add_constant(np.column_stack([np.log1p(campaigns["likes"]), campaigns["klout"]]))
    direct = sm.GLM(
        campaigns["takings"], x, family=sm.families.Poisson(), offset=np.log(put_in)
    ).fit(tol=1e-12)
    row = audit.estimates.one(
        method="increment", model="poisson", term="klout", variant="ratio-raw"
    )
    assert row.estimate == pytest.approx(direct.params.iloc[-1], rel=tolerance.root)


def test_the_ratio_may_decide(roi, campaigns):
    audit = analyse(roi(model="poisson", sesoi=0.05), data=campaigns)
    verdict = audit.verdict_on()
    assert verdict.deciding.model == "poisson"
    assert verdict.band == pytest.approx((np.log(0.95), np.log(1.05)))
    beside = audit.estimates.one(method="increment", model="ols", term="klout", variant="net")
    other = analyse(roi(), data=campaigns).estimates.one(
        method="increment", model="ols", term="klout", variant=""
    )
    assert beside.estimate == pytest.approx(other.estimate)
    assert "per unit of money put in" in Audit(audit).sentence()


def test_its_design_has_an_offset(roi, campaigns):
    sample = select_sample(roi(model="poisson", sesoi=0.05), from_frame(campaigns))
    offset = build_design(sample, "takings", ("klout",)).offset
    assert offset == pytest.approx(np.log(campaigns["cost"] + 20 * campaigns["hours"]).to_numpy())


def test_ego_without_return(plan_of, roi):
    """A score that is bought: revenue rises with it, and cost by as much. ROI counts, not ego."""
    rng = np.random.default_rng(8)
    klout = 50 + 10 * rng.normal(size=3000)
    cost = 100 + 10 * klout
    likes, hours = np.exp(4 + rng.normal(size=3000)), 1.0 + rng.integers(0, 5, 3000)
    takings = cost + 200 + 30 * rng.normal(size=3000)
    frame = pd.DataFrame(
        {"klout": klout, "likes": likes, "cost": cost, "hours": hours, "takings": takings}
    )
    gross = plan_of(outcome={"column": "takings", "kind": "revenue"}, controls=None)
    assert analyse(gross, data=frame).verdict_on().verdict == "adds"
    assert analyse(roi(), data=frame).verdict_on().verdict == "nothing"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cost": None, "hours": None, "hour_price": None}, "what was put in"),
        ({"hour_price": None}, "belong together"),
        ({"model": "poisson", "sesoi": 5.0}, "below 1"),
        ({"kind": "revenue", "sesoi": 0.05}, 'belong to kind = "roi"'),
        ({"hour_price": 0.0}, "more than 0"),
    ],
)
def test_what_a_plan_may_not_say(roi, changes, said):
    with pytest.raises(sa.AnalysisError, match=said):
        roi(**changes)


def test_negative_inputs_are_named(roi, campaigns):
    frame = campaigns.copy()
    frame.loc[3, "cost"] = -1.0
    with pytest.raises(sa.AnalysisError, match="row 5"):
        sa.check(roi(), data=frame)


def test_nothing_put_in_has_a_net_return_but_no_ratio(roi, campaigns):
    frame = campaigns.copy()
    frame.loc[3, ["cost", "hours"]] = 0.0
    audit = analyse(roi(), data=frame)
    assert [check.passed for check in audit.checks if check.check == "ratio"] == [None]
    with pytest.raises(sa.AnalysisError, match="a ratio needs it"):
        sa.check(roi(model="poisson", sesoi=0.05), data=frame)
