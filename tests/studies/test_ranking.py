"""The scorecard view in an audit: which figures, on which outcomes, side by side."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.report.html import sections_of
from analysis.results.question import Question
from analysis.studies.ranking.study import study_ranking


@pytest.fixture
def plan_of(plan_of):
    """Plans that ask how well their scores rank."""
    return lambda *kind, **said: plan_of(*kind, **{"ranking": {}, **said})


def rows(plan, frame, score="klout"):
    sample = select_sample(plan, from_frame(frame))
    return {row.term: row for row in study_ranking(Question(sample, plan.outcome[0], score)).rows}


def test_a_binary_outcome_has_all_of_them(plan_of, make_frame):
    frame = make_frame(800)
    found = rows(plan_of("binary"), frame)
    assert set(found) == {
        "gini",
        "lift_top_decile",
        "ks",
        "auc",
        "calibration_intercept",
        "calibration_slope",
    }
    assert found["auc"].estimate == pytest.approx(roc_auc_score(frame["renewed"], frame["klout"]))
    assert found["gini"].estimate == pytest.approx(2 * found["auc"].estimate - 1)
    for term in ("gini", "lift_top_decile"):
        low, high = found[term].bounds
        assert low < found[term].estimate < high
    with_, without = (frame.loc[frame["renewed"] == kind, "klout"] for kind in (1, 0))
    levels = np.sort(frame["klout"])
    apart = [np.searchsorted(np.sort(x), levels, "right") / len(x) for x in (with_, without)]
    assert found["ks"].estimate == pytest.approx(np.abs(apart[0] - apart[1]).max(), abs=1e-12)
    assert found["ks"].interval(0.95) is None, (
        "a bootstrap of a largest distance lies above the truth"
    )
    assert found["auc"].id == "demo/renewed/klout/scorecard/-/auc"


def test_a_plan_that_does_not_ask_has_none(plan_of, make_frame):
    assert rows(plan_of("binary", ranking=None), make_frame(400)) == {}


def test_the_direction_is_said_in_words(plan_of, make_frame):
    frame = make_frame(800)
    frame["klout"] = -frame["klout"]
    audit = analyse(plan_of("binary", quick=True), data=frame)
    auc = audit.estimates.one(method="scorecard", term="auc").estimate
    assert auc < 0.5
    said = sections_of(audit)["ranking"].paragraphs[-1]
    assert "more klout goes with less renewed" in said.casefold()
    assert f"{100 * (1 - auc):.0f} %" in said


def test_revenue_has_gini_and_lift(plan_of, make_frame):
    assert set(rows(plan_of(), make_frame(800))) == {"gini", "lift_top_decile"}


def test_an_outcome_with_negative_values_has_none(plan_of, make_frame):
    frame = make_frame(400)
    frame["growth"] -= frame["growth"].mean()
    assert rows(plan_of("continuous"), frame) == {}


def test_the_bootstrap_agrees_with_delong(plan_of, make_frame):
    found = rows(plan_of("binary"), make_frame(2000))
    low, high = found["gini"].bounds
    exact = found["auc"].interval(0.95)
    assert (low + 1) / 2 == pytest.approx(exact[0], abs=0.006)
    assert (high + 1) / 2 == pytest.approx(exact[1], abs=0.006)


def test_clusters_widen_it(plan_of, make_frame):
    frame = make_frame(600)
    many = frame.loc[np.repeat(frame.index, 3)].reset_index(drop=True)
    many["unit"] = np.repeat([f"u{i}" for i in range(600)], 3)
    one, other = (
        rows(plan_of("binary"), many),
        rows(plan_of("binary", cluster={"column": "unit"}), many),
    )
    assert other["auc"].std_error > 1.5 * one["auc"].std_error
    assert np.diff(other["gini"].bounds)[0] > 1.4 * np.diff(one["gini"].bounds)[0]
    assert other["auc"].clusters == 600


def test_two_scores_stand_side_by_side(plan_of, make_frame):
    plan = plan_of("binary", score={"columns": ["klout", "noise"]})
    frame = make_frame(1500, klout=0.1)
    frame["noise"] = np.random.default_rng(0).normal(size=1500)
    audit = analyse(plan, data=frame)
    row = audit.estimates.one(score="klout", method="scorecard", term="auc_difference:noise")
    assert row.interval(0.95)[0] > 0
    section = sections_of(audit)["ranking"]
    assert "klout ranks better than noise" in section.paragraphs[1]
    assert [line[0] for line in section.tables[0].rows] == ["klout", "noise"]


def test_an_outcome_with_an_exposure_is_ranked_by_its_rate(plan_of, make_frame, tolerance):
    """A row of twelve months is twelve rows of one month; the score says nothing of how long one
    was active.
    """
    months = make_frame(300)
    months["klout"] = months["klout"].round()
    whole = months.assign(sales=12 * months["sales"], active=12.0)
    apart = months.loc[months.index.repeat(12)].assign(active=1.0).reset_index(drop=True)
    mixed = pd.concat([whole.iloc[:150], apart.iloc[150 * 12 :]], ignore_index=True)
    found = []
    for frame in (apart, mixed):
        plan = plan_of(outcome={"exposure": "active"}, inference={"bootstrap": 99})
        rows = study_ranking(
            Question(select_sample(plan, from_frame(frame)), plan.outcome[0], "klout")
        ).rows
        found.append({row.term: row for row in rows})
    for term in ("gini", "lift_top_decile"):
        assert found[1][term].estimate == pytest.approx(found[0][term].estimate, rel=1e-9)
        assert "per unit of exposure" in found[1][term].note
