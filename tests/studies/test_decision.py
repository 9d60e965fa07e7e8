"""What choosing by the score gains: the numbers, the word, the sentences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import analysis as sa
from analysis.audit import sesoi_of
from analysis.data.dataset import from_frame, read_dataset
from analysis.data.sample import select_sample
from analysis.errors import PlanError
from analysis.models import fit_model
from analysis.models.cross_fitting import out_of_fold
from analysis.plan import read_plan
from analysis.plan.sections.decision import share_text, thresholds_around
from analysis.results.decision import decision_of
from analysis.results.estimates import Estimate
from analysis.results.question import Question
from analysis.studies.decision.net_benefit import acted_on, decision_curve, payoff
from analysis.studies.decision.picks import change, near_edge, picks, simultaneous_level
from analysis.studies.decision.price import Supposed
from analysis.studies.decision.study import study_decision
from analysis.studies.prediction.prediction import cross_validated_gain, study_prediction

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


@pytest.fixture(scope="module")
def rows_of(make_frame, plan_of, sample_of):
    """Return the study's rows by "term@variant", for a kind of outcome."""

    def make(kind="revenue", frame=None, **changes):
        plan = plan_of(kind, **changes)
        sample = sample_of(plan, make_frame() if frame is None else frame)
        result = study_decision(Question(sample, plan.outcome[0], "klout"))
        return {f"{row.term}@{row.variant}": row for row in result.rows}

    return make


# --- numbers of arrays ----------------------------------------------------------------------------


def test_decision_curves_agree_with_dcurves(tolerance):
    """dcurves 1.1.7 on its own example data."""
    known = json.loads((REFERENCE / "dcurves_values.json").read_text())
    chances = {name: np.array(values) for name, values in known["chances"].items()}
    found = decision_curve(np.array(known["events"], float), chances, np.array(known["thresholds"]))
    assert set(found) == set(known["net_benefit"])
    for name, curve in known["net_benefit"].items():
        np.testing.assert_allclose(found[name], curve, rtol=0, atol=tolerance.exact)


def test_lots_are_drawn_among_those_that_tie():
    """The mean over many random orders of the ties."""
    rng = np.random.default_rng(1)
    ranking = rng.integers(0, 6, 50).astype(float)
    expected = np.zeros(50)
    for _ in range(4000):
        order = np.lexsort((rng.random(50), -ranking))
        expected[order[:10]] += 1 / 4000
    np.testing.assert_allclose(picks(ranking, 0.2), expected, atol=0.04)
    assert picks(ranking, 0.2).sum() == pytest.approx(10)
    assert picks(np.arange(7.0), 0.5).tolist() == [0, 0, 0, 0.5, 1, 1, 1]


def test_everything_is_near_the_edge_of_few_rows():
    assert near_edge(np.arange(12.0), 0.5).all()
    far = near_edge(np.arange(1000.0), 0.1)
    assert far.sum() == pytest.approx(100, abs=1)
    assert far[850:950].all()


def test_the_error_of_a_change_is_that_of_resampled_rows():
    """Rankings given, rows drawn again: the spread of the gain is the error."""
    rng = np.random.default_rng(3)
    e, s = rng.standard_normal((2, 20_000))
    y = 10 + e + 0.7 * s + rng.standard_normal(20_000)
    known, n, share = [], 2000, 0.1
    for _ in range(400):
        at = rng.integers(0, 20_000, n)
        one, other = picks((e + 0.7 * s)[at], share), picks(e[at], share)
        near = near_edge((e + 0.7 * s)[at], share) | near_edge(e[at], share)
        edge, spread = y[at][near].mean(), y[at][near].std()
        found = change(y[at], one, other, np.arange(n), edge=edge, spread=spread)
        known.append((found.estimate, found.std_error))
    estimates, errors = np.transpose(known)
    assert errors.mean() == pytest.approx(estimates.std(), rel=0.15)


def test_rows_of_a_cluster_are_one():
    rng = np.random.default_rng(4)
    y, one, other = rng.standard_normal(200), *rng.integers(0, 2, (2, 200)).astype(float)
    twice = [np.repeat(part, 2) for part in (y, one, other)]
    units = np.repeat(np.arange(200), 2)
    apart = change(y, one, other, np.arange(200))
    together = change(*twice, units)
    assert together.estimate == pytest.approx(apart.estimate)
    assert together.std_error == pytest.approx(apart.std_error)


def test_intervals_hold_together():
    """Between one interval and Bonferroni; with known correlations."""
    rng = np.random.default_rng(5)
    apart = rng.standard_normal((3, 400_000))
    found = simultaneous_level(apart, 0.95, np.random.default_rng(1))
    assert found == pytest.approx(0.95 ** (1 / 3), abs=0.002)
    assert simultaneous_level(apart[:1], 0.95, rng) == 0.95
    assert simultaneous_level(np.zeros((3, 10)), 0.95, rng) == 0.95


def test_shares_in_words():
    assert [share_text(share) for share in (0.05, 0.1, 0.025, 0.25)] == [
        "0.05",
        "0.10",
        "0.025",
        "0.25",
    ]
    assert thresholds_around(0.95) == (0.47, 0.95, 0.97)


# --- the study ------------------------------------------------------------------------------------


def test_a_second_route_to_the_gain(rows_of, make_frame, plan_of, sample_of):
    """Sorted by predictions of refits, and counted."""
    plan = plan_of("revenue")
    question = Question(sample_of(plan, make_frame()), plan.outcome[0], "klout")
    design = question.design
    parts = out_of_fold(
        (design, design.without("score")), "poisson", rng=question.generator(), repeats=10
    )
    gains = []
    for part in parts:
        means = []
        for at in part.predictors:
            level = pd.Series(design.response).groupby(at).transform("mean")  # of those that tie
            means.append(level.to_numpy()[np.argsort(-at)[: design.n // 10]].mean())
        gains.append(means[0] - means[1])
    found = rows_of()
    assert found["gain@capacity-0.10"].estimate == pytest.approx(np.mean(gains))
    assert found["worth@capacity-0.10"].estimate == pytest.approx(np.mean(gains) / 10)


def test_what_each_row_is(rows_of):
    found = rows_of("revenue")
    terms = "with_score without_score score_alone random picks_changed gain gain_per_account worth"
    for at in ("0.05", "0.10", "0.25"):
        rows = {term: found[f"{term}@capacity-{at}"] for term in terms.split()}
        gain = rows["with_score"].estimate - rows["without_score"].estimate
        assert rows["gain"].estimate == pytest.approx(gain)
        over = found[f"gain_over_random@capacity-{at}"].estimate
        assert over == pytest.approx(rows["with_score"].estimate - rows["random"].estimate)
        assert rows["gain_per_account"].estimate == pytest.approx(gain * float(at))
        low, high = rows["worth"].interval(0.95)
        wide = found[f"worth_simultaneous@capacity-{at}"].interval(0.95)
        assert wide[0] < low < high < wide[1]
        assert 0 <= rows["picks_changed"].estimate <= 1
    assert found["gain@capacity-0.10"].id == "demo/sales/klout/decision/poisson/gain@capacity-0.10"


def test_a_score_that_is_all_gains_and_one_that_is_nothing_does_not(rows_of):
    rng = np.random.default_rng(7)
    n = 2000
    frame = pd.DataFrame({"likes": rng.integers(1, 500, n), "klout": rng.standard_normal(n)})
    frame["region"] = rng.choice(["a", "b"], n)
    frame["growth"] = 5 + 2 * frame.klout + rng.standard_normal(n)
    top = stats.norm.pdf(stats.norm.isf(0.1)) / 0.1  # mean of the top tenth of a normal
    gain = rows_of("continuous", frame)["gain@capacity-0.10"]
    assert gain.estimate == pytest.approx(2 * top, abs=4 * gain.std_error)
    frame["growth"] = 5 + 2 * np.log1p(frame.likes) + rng.standard_normal(n)
    nothing = rows_of("continuous", frame)["gain@capacity-0.10"]
    assert abs(nothing.estimate) < 3 * nothing.std_error


def test_the_lowest_are_chosen_where_less_is_better(rows_of, make_frame):
    frame = make_frame()
    most = rows_of("continuous", frame)
    mirrored = frame.assign(growth=-frame.growth)
    least = rows_of("continuous", mirrored, decision={"lower_is_better": True})
    for name, row in most.items():
        sign = -1 if name.partition("@")[0] in ("with_score", "without_score") else 1
        sign = -1 if name.partition("@")[0] in ("score_alone", "random") else sign
        assert least[name].estimate == pytest.approx(sign * row.estimate), name


def test_net_benefit_of_a_binary_outcome(rows_of, make_frame, plan_of, sample_of):
    frame = make_frame()
    found = rows_of("binary", frame, decision={"thresholds": [0.5]})
    plan = plan_of("binary")
    question = Question(sample_of(plan, frame), plan.outcome[0], "klout")
    design = question.design
    parts = out_of_fold((design,), "logit", rng=question.generator(), repeats=10)
    chances = [1 / (1 + np.exp(-part.predictors[0])) for part in parts]
    worth = payoff(design.response, 0.5)
    benefit = np.mean([np.mean(acted_on(chance, 0.5) * worth) for chance in chances])
    assert found["with_score@threshold-0.50"].estimate == pytest.approx(benefit)
    all_of_them = found["all@threshold-0.50"].estimate
    assert all_of_them == pytest.approx(2 * frame.renewed.mean() - 1)
    assert rows_of("binary", frame).keys() != found.keys()


def test_one_cross_fitting_serves_both_studies(make_frame, plan_of, sample_of):
    """The out-of-sample gain is that of its own function, folds and all."""
    plan = plan_of("revenue")
    question = Question(sample_of(plan, make_frame()), plan.outcome[0], "klout")
    (row,) = study_prediction(question).rows
    rng, design = question.generator(), question.design
    alone = cross_validated_gain(design, "poisson", rng=rng, repeats=10)
    null = fit_model(design.without("engagement", "control", "score"), "poisson", "HC1")
    assert row.estimate == pytest.approx(alone.estimate * design.n / null.null_deviance)
    assert "out_of_fold" in vars(question)


def test_too_few_picks_are_not_worked_out(make_frame, plan_of, sample_of):
    plan = plan_of("revenue", decision={"capacity": [0.01, 0.5]})
    result = study_decision(Question(sample_of(plan, make_frame()), plan.outcome[0], "klout"))
    assert {row.variant for row in result.rows} == {"capacity-0.50"}
    (check,) = result.checks
    assert (check.passed, check.status) == (None, "not assessed")
    assert "1 % of 400 rows" in check.reason


def test_quick_asks_only_where_the_plan_does(make_frame, plan_of, sample_of):
    for decision, rows in (({}, 0), ({"decision": {"capacity": [0.1]}}, 11)):
        plan = plan_of("revenue", quick=True, **decision)
        result = study_decision(Question(sample_of(plan, make_frame()), plan.outcome[0], "klout"))
        assert len(result.rows) == rows
        assert len(result.checks) == (not rows)


# --- the word -------------------------------------------------------------------------------------


def worth(low, high, variant="capacity-0.10", term="worth"):
    blank = Estimate("demo", "sales", "klout", "decision", "poisson", term, 100, variant)
    return replace(blank, estimate=(low + high) / 2, bounds=(low, high))


def family(*intervals):
    rows = []
    for at, (low, high) in enumerate(intervals):
        rows.append(worth(low, high, f"capacity-0.{at + 1}0"))
        rows.append(worth(low - 0.1, high + 0.1, f"capacity-0.{at + 1}0", "worth_simultaneous"))
    return rows


@pytest.mark.parametrize(
    ("price", "intervals", "heavy", "word", "at"),
    [
        (1.0, [(0.5, 2.0), (1.2, 3.0)], False, "pays", "capacity-0.20"),
        (1.0, [(1.05, 2.0), (0.0, 3.0)], False, "undecided", None),
        (1.0, [(-1.0, 0.9), (0.0, 0.5)], False, "does not pay", None),
        (1.0, [(-1.0, 0.9), (0.0, 0.5)], True, "undecided", None),
        (1.0, [(-1.0, 0.9), (0.0, 1.5)], False, "undecided", None),
        (0.0, [(0.2, 0.9)], False, "pays", "capacity-0.10"),
        (None, [(0.2, 0.9)], False, None, None),
        (1.0, [], False, None, None),
    ],
)
def test_the_word(plan_of, price, intervals, heavy, word, at):
    plan = plan_of("revenue", decision={} if price is None else {"price": price})
    found = decision_of(plan, family(*intervals), heavy=heavy)
    assert (found.word, found.at) == (word, at)
    assert bool(found.reason) == (heavy and word == "undecided")


def test_the_word_reaches_ledger_and_sentence(make_frame, plan_of):
    frame = make_frame(2000, klout=0.08)
    plan = plan_of("continuous", quick=True, decision={"price": 0, "value": 2}).content()
    audit = sa.audit(plan, data=frame.assign(growth=frame.klout + frame.growth))
    (decision,) = audit.verdicts["decision"]
    assert decision["word"] == "pays"
    assert decision["at"].startswith("capacity-")
    assert "Choosing by it pays at a price of 0 per row, at the top " in audit.sentence()
    told = audit["decision"].sentences[0]
    assert "It pays at a price of 0" in told
    assert "changes" in told.partition(".")[0]
    assert audit.plot("decision").alt in [figure.alt for figure in audit["decision"].figures]


def test_the_shipped_loans():
    """Cross-validated elsewhere: +8.1 (error 1.3) net loans per 1,000 at 5 %, -0.3 (.7) at 25 %."""
    plan = read_plan("lending")
    sample = select_sample(plan, read_dataset(plan.dataset, folder=plan.folder))
    rows = study_decision(Question(sample, plan.outcome[0], "sub_grade")).rows
    gains = {row.variant: row for row in rows if row.term == "gain"}
    assert list(gains) == ["threshold-0.05", "threshold-0.10", "threshold-0.25"]
    for at, gain, error in (("0.05", 8.1, 1.3), ("0.25", -0.3, 0.7)):
        found = gains[f"threshold-{at}"]
        assert 1000 * found.estimate == pytest.approx(gain, abs=0.4)
        assert 1000 * found.std_error == pytest.approx(error, abs=0.15)


# --- price and SESOI ------------------------------------------------------------------------------


def test_what_a_supposed_effect_is_worth():
    """A score apart from engagement: closed form of the top share of two normals."""
    rng = np.random.default_rng(11)
    n = 200_000
    frame = pd.DataFrame({"likes": rng.standard_normal(n), "klout": rng.standard_normal(n)})
    frame["y"] = 10 + frame.likes + rng.standard_normal(n)
    question = Question(select_sample(read_plan(PRICED), from_frame(frame)), OUTCOME, "klout")
    effect, share = 0.5, 0.1
    top = stats.norm.pdf(stats.norm.isf(share)) / share
    worth = Supposed(question).worth(effect)["capacity-0.10"]
    assert worth == pytest.approx(2 * share * top * (np.sqrt(1 + effect**2) - 1), rel=0.02)
    found = Supposed(question).effect_for(worth)
    assert found < effect * 1.001
    assert Supposed(question).best(found)[0] == pytest.approx(worth, rel=0.01)
    assert Supposed(question).effect_for(1e9) is None


PRICED = {
    "name": "priced",
    "question": "Does it pay?",
    "dataset": "priced",
    "score": {"columns": ["klout"]},
    "engagement": {"columns": ["likes"]},
    "outcome": [{"column": "y", "kind": "continuous", "sesoi": 0.5}],
    "decision": {"value": 2.0, "price": 0.001},
}
OUTCOME = read_plan(PRICED).outcome[0]


@pytest.mark.parametrize("kind", ["revenue", "count", "binary", "continuous"])
def test_a_price_asks_for_an_effect_that_pays_it(kind, make_frame, plan_of, sample_of):
    plan = plan_of(kind, decision={"price": 0.01, "value": 1.0})
    question = Question(sample_of(plan, make_frame()), plan.outcome[0], "klout")
    supposed = Supposed(question)
    price = supposed.best(0.04)[0]
    assert supposed.best(supposed.effect_for(price))[0] == pytest.approx(price, rel=0.02)
    rows = [row for row in study_decision(question).rows if row.term == "worth_at_sesoi"]
    assert {row.variant: row.estimate for row in rows} == supposed.worth(plan.outcome[0].sesoi)


def test_check_says_which_sesoi_a_price_asks_for(make_frame, plan_of, monkeypatch):
    frame = make_frame()
    (line,) = sesoi_of(sa.check(plan_of("revenue"), frame), 0.05)
    assert line.startswith("SESOI from a price of 0.0500, sales by klout: sesoi = ")
    assert "the plan says 0.05" in line
    with pytest.raises(PlanError, match="value ="):
        sesoi_of(sa.check(plan_of("binary"), frame), 0.05)


def test_the_report_says_whether_the_sesoi_would_pay(make_frame, plan_of):
    for price, said in ((1e-6, "it would pay."), (1e6, "it would not pay.")):
        plan = plan_of("revenue", quick=True, decision={"price": price})
        told = sa.audit(plan, data=make_frame())["decision"].sentences[0]
        assert "a score of exactly the SESOI (5 % of the mean per SD)" in told
        assert said in told


# --- what a plan may say --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "decision", "said"),
    [
        ("revenue", {"capacity": []}, "at least one"),
        ("revenue", {"capacity": [1.0]}, "less than 1"),
        ("revenue", {"capacity": [0.1, 0.1]}, "named twice"),
        ("revenue", {"thresholds": [0.1]}, "no outcome of the plan is binary"),
        ("revenue", {"price": -1}, "0 or more"),
        ("count", {"price": 1.0}, "value ="),
        ("revenue", {"prize": 1.0}, "price"),
    ],
)
def test_a_wrong_value_is_said(plan_of, kind, decision, said):
    with pytest.raises(PlanError, match=said):
        plan_of(kind, decision=decision)


def test_one_number_is_a_list_of_one(plan_of):
    assert plan_of("revenue", decision={"capacity": 0.1}).decision.capacity == (0.1,)
