"""A change of the algorithm in simulated creators, whose truth is declared: each effect is found
where it is.
"""

import numpy as np
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import read_dataset
from analysis.data.sample import select_sample
from analysis.plan import read_plan
from analysis.report.html import sections_of
from analysis.results.question import Question
from analysis.studies.algorithm.study import study_algorithm

CHANGE = {
    "changed": "algorithm",
    "old": "klout_old",
    "new": "klout_new",
    "time": "month",
    "perk": 40.0,
}


def plan(algorithm=CHANGE, seed=3, n=400, **truth):
    query = "&".join(
        f"{key}={value}" for key, value in {"seed": seed, "n": n, "months": 24, **truth}.items()
    )
    return read_plan(
        {
            "name": "change",
            "question": "What does the change show?",
            "dataset": f"simulated:panel?{query}",
            "score": {"columns": ["klout"]},
            "engagement": {"columns": ["likes"], "transform": "log1p"},
            "outcome": [{"column": "revenue", "kind": "revenue", "sesoi": 0.05}],
            "cluster": {"column": "creator"},
            "algorithm": algorithm,
        }
    )


def found(**given):
    said = plan(**given)
    seen = study_algorithm(
        Question(select_sample(said, read_dataset(said.dataset)), said.outcome[0], "klout")
    )
    return {(row.model, row.term): row for row in seen.rows}, {
        check.check: check for check in seen.checks
    }


@pytest.fixture(scope="module")
def null():
    return found()


def test_the_score_moves_while_behaviour_stays(null):
    rows, checks = null
    assert checks["score_shift"].passed is False
    assert rows["", "psi"].estimate > 0
    frame = read_dataset(plan().dataset).frame
    assert rows["two-versions", "score_jump"].estimate == pytest.approx(
        (frame.klout_new - frame.klout_old).mean()
    )


def test_a_number_without_an_effect_has_none(null):
    rows, checks = null
    low, high = rows["poisson", "instrument"].interval(0.95)
    assert low < 0 < high
    assert rows["poisson", "klout_old"].interval(0.95)[0] > 0, (
        "noise in engagement makes the score look valid"
    )
    assert checks["bunching"].passed


def test_the_effect_of_the_displayed_number_is_found():
    rows, _ = found(effect=0.3, n=800)
    row = rows["poisson", "instrument"]
    assert abs(row.estimate - 0.3) < 3 * row.std_error
    assert row.estimate > 2 * row.std_error


def test_a_perk_at_a_threshold_and_bunching():
    rows, _ = found(perk_effect=0.6)
    assert rows["rd", "perk"].interval(0.95)[0] > 0
    rows, checks = found(bunching=0.5)
    assert checks["bunching"].passed is False
    assert rows["mccrary", "bunching"].estimate > 0
    assert checks["instrument"].passed is None, "the displayed score is no longer either version"


@pytest.mark.slow
def test_size_of_the_instrument():
    """Forty panels without an effect: the naive increment is fooled by noise, the instrument is
    not.
    """
    t = []
    for seed in range(40):
        rows, _ = found(
            algorithm={key: CHANGE[key] for key in ("changed", "old", "new")}, seed=seed, n=150
        )
        t.append(rows["poisson", "instrument"].statistic)
    assert np.mean(np.abs(t) > 1.96) <= 0.15
    assert abs(np.mean(t)) < 3.5 / np.sqrt(40)


def test_the_report_keeps_the_two_questions_apart():
    audit = analyse(plan(n=200))
    section = sections_of(audit)["algorithm"]
    assert "kept apart" in section.paragraphs[0]
    names = [row[0] for row in section.tables[0].rows]
    assert any(name.startswith("Predictive validity") for name in names)
    assert any(name.startswith("The displayed number") for name in names)


@pytest.mark.parametrize(
    ("algorithm", "said"),
    [
        ({}, "one of: changed"),
        ({"old": "klout_old"}, "belong together"),
        ({"old": "a", "new": "a"}, "two columns"),
        ({"perk": 40.0, "time": "month"}, "time belongs to changed"),
    ],
)
def test_what_a_plan_may_not_say(algorithm, said):
    with pytest.raises(sa.AnalysisError, match=said):
        plan(algorithm)


def test_a_missing_column_is_named():
    with pytest.raises(sa.AnalysisError, match="algoritm"):
        sa.check(plan({"changed": "algoritm"}))


def test_a_short_series_is_no_series():
    _, checks = found(algorithm={"changed": "algorithm", "time": "month"}, change=3, n=100)
    assert "2 periods before" in checks["interruption"].reason
