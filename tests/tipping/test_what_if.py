"""The what-if of the report: points of its grid are what a fresh run says and prints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.errors import UnknownNameError
from analysis.measurement_error.asked import AskedRule
from analysis.plan.sections.columns import ReliabilitySection
from analysis.report.html import sections_of
from analysis.report.views import Audit
from analysis.results.estimates import span_text
from analysis.results.question import Question
from analysis.tipping.standing import Standing
from analysis.tipping.what_if import what_if


def simulated(effect):
    rng = np.random.default_rng(7)
    likes = rng.normal(size=400)
    score = 0.6 * likes + rng.normal(size=400)
    pays = 0.4 * likes + effect * score + rng.normal(size=400)
    return pd.DataFrame({"likes": likes, "score": score, "pays": pays})


PLAN = {
    "name": "grid",
    "question": "What if?",
    "dataset": "frame.csv",
    "score": {"columns": ["score"]},
    "engagement": {"columns": ["likes"], "reliability": {"likes": 0.9}},
    "outcome": [{"column": "pays", "kind": "continuous", "sesoi": 0.2}],
    "inference": {"bootstrap": 199},
}


def again(found, key, point):
    """Return the plan that says what a point says."""
    plan, engagement = found.plan, found.plan.engagement
    if point.reliability is not None:
        stated = {"low": point.reliability, "value": point.reliability, "high": point.reliability}
        noisy = {name: ReliabilitySection(**stated) for name in engagement.stated_columns}
        said = {"reliability": {**engagement.reliability, **noisy}, "assumed": point.reliability}
        engagement = engagement.model_copy(update=said)
    outcomes = tuple(
        one.model_copy(update={"sesoi": point.sesoi}) if one.column == key[0] else one
        for one in plan.outcome
    )
    inference = plan.inference.model_copy(update={"level": point.level})
    changed = {"outcome": outcomes, "inference": inference, "engagement": engagement}
    return plan.model_copy(update={**changed, "quick": True, "multiverse": None})


def assert_fresh(found, key, point, data=None):
    """Assert that a run of a point's own plan gives its word, and prints its intervals."""
    verdict = analyse(again(found, key, point), data).verdict_on(*key)
    assert point.phrase == verdict.phrase, point
    unit = verdict.deciding.unit
    fresh = span_text(*verdict.deciding.interval(point.level), unit)
    assert fresh == span_text(*point.interval, unit), point
    assert verdict.band == pytest.approx(point.band)
    noise = [one.row for one in verdict.deciding_set if one.name == "noise" and one.row]
    if point.corrected is None:
        assert not noise, point
    else:
        corrected = span_text(*noise[0].interval(point.level), unit)
        assert corrected == span_text(*point.corrected, unit), point


@pytest.mark.slow
@pytest.mark.parametrize("name", ["publications"])
def test_the_grid_of_a_shipped_study_is_what_fresh_runs_say(name):
    found = analyse(name)
    assert found.what_if
    for key, grid in found.what_if.items():
        assert len({point.reliability for point in grid.points}) == 11
        for point in grid.points[::13]:  # all of them were compared once: three minutes
            assert_fresh(found, key, point)


KNOWN = {
    "stated": {"reliability": {"likes": 0.9}},
    "assumed": {},
    "exact": {"exact": ["likes"]},
}


def planned(how, **score):
    engagement = {"columns": ["likes"], **KNOWN[how]}
    return PLAN | {"engagement": engagement, "score": {"columns": ["score"], **score}}


@pytest.mark.slow
def test_the_grid_of_a_simulated_study_is_what_fresh_runs_say():
    data = simulated(0.2)
    found = analyse(planned("assumed"), data)
    for point in found.what_if["pays", "score"].points[::7]:
        assert_fresh(found, ("pays", "score"), point, data)


@pytest.mark.parametrize("shares", ["unknown", "none"])
@pytest.mark.parametrize("how", KNOWN)
@pytest.mark.parametrize("effect", [0.0, 0.2])
def test_points_are_what_a_fresh_run_says(effect, how, shares):
    data = simulated(effect)
    found = analyse(planned(how, shares_error=shares), data)
    points = found.what_if["pays", "score"].points
    stops = {point.reliability for point in points}
    assert len(points) == 36 * len(stops)
    assert len(stops) == {"stated": 12, "assumed": 11, "exact": 1}[how]
    for point in points[::61]:
        assert_fresh(found, ("pays", "score"), point, data)


@pytest.mark.parametrize("name", ["professors", "lawschools", "movies"])
def test_points_of_a_shipped_study_are_what_a_fresh_run_says(name):
    found = analyse(name)
    rng = np.random.default_rng(3)
    for key, grid in found.what_if.items():
        for at in rng.choice(len(grid.points), 2, replace=False):
            assert_fresh(found, key, grid.points[at])


def test_a_reliability_moves_the_word_and_the_corrected_interval():
    found = analyse(planned("assumed"), simulated(0.2))
    grid = found.what_if["pays", "score"]
    own = [p for p in grid.points if (p.sesoi, p.level) == (0.2, 0.95)]
    assert grid.own == 0.8
    assert grid.moves
    assert len({p.phrase for p in own}) > 1
    assert len({p.corrected for p in own}) == len(own)
    assert len({p.interval for p in own}) == 1  # as recorded


def test_a_study_that_no_slider_moves_says_why():
    found = analyse("movies")
    (grid,) = found.what_if.values()
    assert {point.phrase for point in grid.points} == {("inconclusive", None)}
    section = sections_of(found)["what-if"]
    first = section.paragraphs[0]
    assert first.startswith("No slider moves the word, which is inconclusive at all ")
    assert "Does every row speak for itself" in first
    assert section.tables == ()
    assert Audit(found).what_if().page == ""
    assert "No slider moves" in Audit(found).what_if()._repr_html_()


def test_a_check_that_no_word_heals_holds_every_point():
    data = simulated(0.5)
    found = analyse(planned("stated"), data)
    question = Question(found.sample, found.plan.outcome[0], "score")
    rule = AskedRule.of(question)
    standing = Standing(question, rule, found.verdict_on(), tuple(found.estimates.rows), ())
    assert what_if(standing).moves
    held = what_if(replace(standing, undecided_by=("bad_control",)))
    assert {point.phrase for point in held.points} == {("inconclusive", None)}
    assert "whatever the sliders say" in held.why


def test_a_notebook_gets_the_grid_and_a_page_of_its_own():
    audit = Audit(analyse(planned("stated"), simulated(0.2)))
    view = audit.what_if()
    assert len(view.frame) == 36 * 12
    assert view.frame["reliability"].isna().sum() == 36
    assert view.page.startswith("<!doctype html>")
    assert "http" not in view.page
    markup = view._repr_html_()
    assert markup.count("<script") == 0  # it is inside the frame, escaped
    assert 'sandbox="allow-scripts"' in markup
    with pytest.raises(UnknownNameError):
        audit.what_if("klout")
    quick = Audit(analyse(PLAN | {"quick": True}, simulated(0.2))).what_if()
    assert quick.frame.empty
    assert "quick" in quick.sentence


def test_the_section_has_the_plans_own_point_and_a_file():
    found = analyse(PLAN, simulated(0.5))
    section = sections_of(found)["what-if"]
    data = section.data
    own = data[(data["sesoi"] == 0.2) & (data["level"] == found.level) & data["reliability"].isna()]
    assert own["verdict"].tolist() == [found.verdict_on().verdict]
    quick = analyse(PLAN | {"quick": True}, simulated(0.5))
    assert "what-if" not in sections_of(quick)
