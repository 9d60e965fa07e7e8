"""Several scores side by side, a score without noise of its own, and many claims."""

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.errors import PlanError
from analysis.plan import read_plan
from analysis.studies.scores.study import common_factor


def frame(n=600, seed=2):
    """Return two scores of one thing and a third of another; only the first says more of y."""
    rng = np.random.default_rng(seed)
    likes, own = rng.normal(size=(2, n))
    klout = likes + own
    kred = klout + 0.5 * rng.normal(size=n)
    peer = rng.normal(size=n)
    data = pd.DataFrame({"likes": likes, "klout": klout, "kred": kred, "peer": peer})
    data["y"] = likes + 0.5 * own + rng.normal(size=n)
    data["z"] = (rng.random(n) < 1 / (1 + np.exp(-likes))).astype(float)
    return data


def plan(*scores, outcomes=("y",), **more):
    kinds = {"y": "continuous", "z": "binary"}
    return {
        "name": "demo",
        "question": "Which of them?",
        "dataset": "frame",
        "quick": True,
        "score": {"columns": [*scores], **more.pop("score", {})},
        "engagement": {"columns": ["likes"], "exact": ["likes"]},
        "outcome": [{"column": y, "kind": kinds[y], "sesoi": 0.05} for y in outcomes],
        **more,
    }


@pytest.fixture(scope="module")
def three():
    return sa.audit(plan("klout", "kred", "peer", outcomes=("y", "z")), data=frame())


def row(audit, **parts):
    return audit.findings.estimates.one(**parts)


def test_each_given_the_others_is_the_equation_with_all(three):
    for score in ("klout", "kred", "peer"):
        about = {"outcome": "y", "score": score, "term": score, "scale": "sd", "model": "ols"}
        one = row(three, method="scores", variant="given-others", **about)
        other = row(three, method="increment", variant="together", **about)
        assert one.estimate == pytest.approx(other.estimate, rel=1e-10)
        assert one.std_error == pytest.approx(other.std_error, rel=1e-10)


def test_only_the_score_that_knows_more_adds_to_the_others(three):
    known = {
        score: row(three, outcome="y", score=score, method="information", variant="given-others")
        for score in ("klout", "kred", "peer")
    }
    assert known["klout"].bounds[0] > 0
    assert known["kred"].bounds[0] == known["peer"].bounds[0] == 0


def test_the_common_factor_is_that_of_scikit_learn(three):
    from sklearn.decomposition import PCA

    data = frame()[["klout", "kred", "peer"]]
    fitted = PCA(1).fit((data - data.mean()) / data.std())
    share = row(three, outcome="y", score="", method="scores", model="pca")
    assert share.estimate == pytest.approx(fitted.explained_variance_ratio_[0], rel=1e-10)
    assert share.id == "demo/y/-/scores/pca/common_factor"
    component, correlations, _ = common_factor(data.to_numpy(), np.ones(3))
    assert component.std(ddof=1) == pytest.approx(1)
    assert correlations == pytest.approx(
        [np.corrcoef(component, s)[0, 1] for s in data.to_numpy().T]
    )
    assert common_factor(data.to_numpy(), -np.ones(3))[1] == pytest.approx(-correlations)


def test_side_by_side_in_table_figure_and_comparison(three):
    view = three["scores"]
    assert len(view.tables) == 3
    assert "The other scores held, too" in view.tables[0].head
    assert three.plot("scores").alt.startswith("Effects of each score on y.")
    assert "do not show that peer adds" in view.sentences[0]
    assert "klout tells something of y that engagement and kred and peer do not".lower() in (
        view.sentences[0].lower()
    )
    both = sa.compare({"one": three, "other": three}, study="scores").table
    assert {"klout@given-others", "common_factor"} <= set(both["term"])


def test_scores_that_follow_from_each_other_are_said_to():
    data = frame().assign(twice=lambda d: 2 * d["klout"])
    audit = sa.audit(plan("klout", "twice"), data=data)
    check = next(c for c in audit.findings.checks if c.check == "scores")
    assert check.status == "not assessed"
    assert "cannot be told apart" in check.reason


def test_one_score_and_one_outcome_have_nothing_beside_them():
    audit = sa.audit(plan("klout"), data=frame())
    assert not audit.findings.estimates.select(method="family").rows
    assert not audit.findings.estimates.select(method="scores").rows


# --- a score without noise of its own -------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["y", "z"])
def test_without_its_own_noise_a_score_has_the_effect_of_the_truth(outcome):
    rng = np.random.default_rng(4)
    data = frame(4000)
    if outcome == "z":
        at = data["likes"] + 0.5 * data["klout"]
        data["z"] = (rng.random(4000) < 1 / (1 + np.exp(-at))).astype(float)
    for half in ("odd", "even"):
        data[half] = data["klout"] + rng.normal(size=4000)
    data["measured"] = data[["odd", "even"]].mean(axis=1)
    said = plan(
        "measured",
        outcomes=(outcome,),
        score={"halves": {"measured": ["odd", "even"]}, "scale": "raw"},
    )
    audit = sa.audit(said, data=data)
    fair = row(audit, method="scores", variant="disattenuated")
    true = sa.audit(plan("klout", outcomes=(outcome,), score={"scale": "raw"}), data=data)
    effect = true.findings.decided[0].deciding
    low, high = fair.interval(0.95)
    assert low < effect.estimate < high
    plain = audit.findings.decided[0].deciding.estimate
    assert abs(plain - effect.estimate) > 2 * abs(fair.estimate - effect.estimate)
    assert "In fairness to its vendor" in " ".join(audit["scores"].sentences)
    reliability = row(audit, method="scores", term="reliability").estimate
    assert reliability == pytest.approx(2 / (2 + 0.5), abs=0.02)


# --- many claims ----------------------------------------------------------------------------------


def test_every_claim_has_adjusted_p_values(three):
    rows = three.findings.estimates.select(method="family")
    assert len(rows) == 12
    for verdict in three.findings.decided:
        mine = {r.term: r for r in rows if (r.outcome, r.score) == (verdict.outcome, verdict.score)}
        assert set(mine) == {"holm", "romano-wolf"}
        assert mine["holm"].p_value >= verdict.deciding.p_value
        assert mine["holm"].id == f"{verdict.id}/family/{verdict.deciding.model}/holm"
    assert "the plan declares no [family]" in " ".join(three["scores"].sentences)


def test_what_is_explored_is_a_set_of_its_own():
    from statsmodels.stats.multitest import multipletests

    said = plan("klout", "peer", outcomes=("y", "z"), family={"exploratory": ["z"]})
    audit = sa.audit(said, data=frame())
    alone = {(v.outcome, v.score): v.deciding.p_value for v in audit.findings.decided}
    for outcome, term, how in (("y", "holm", "holm"), ("z", "benjamini-hochberg", "fdr_bh")):
        expected = multipletests([alone[outcome, s] for s in ("klout", "peer")], method=how)[1]
        rows = [row(audit, outcome=outcome, score=s, term=term) for s in ("klout", "peer")]
        assert [r.p_value for r in rows] == pytest.approx(expected.tolist())
    words = [v.verdict for v in audit.findings.decided]
    plain = sa.audit(plan("klout", "peer", outcomes=("y", "z")), data=frame())
    assert words == [v.verdict for v in plain.findings.decided], "words stay per claim"


def test_a_column_that_no_claim_is_about_is_refused():
    with pytest.raises(PlanError, match=r"\[family\] exploratory") as caught:
        read_plan(plan("klout", family={"exploratory": ["klouts"]}))
    assert "an outcome or a score of the plan: y, klout" in str(caught.value)
