"""The what-if of the report: points of its grid are what a fresh run says and prints."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.report.html import sections_of
from analysis.results.estimates import span_text


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
    plan = found.plan
    outcomes = tuple(
        one.model_copy(update={"sesoi": point.sesoi}) if one.column == key[0] else one
        for one in plan.outcome
    )
    inference = plan.inference.model_copy(update={"level": point.level})
    changed = {"outcome": outcomes, "inference": inference, "quick": True, "multiverse": None}
    return plan.model_copy(update=changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["publications"])
def test_every_point_of_a_shipped_study_is_what_a_fresh_run_says(name):
    found = analyse(name)
    assert found.what_if
    for key, points in found.what_if.items():
        for point in points:
            verdict = analyse(again(found, key, point)).verdict_on(*key)
            assert point.phrase in (None, verdict.phrase), point
            unit = verdict.deciding.unit
            fresh = span_text(*verdict.deciding.interval(point.level), unit)
            assert fresh == span_text(*point.interval, unit), point


@pytest.mark.parametrize("effect", [0.0, 0.2, 0.5])
def test_points_are_what_a_fresh_run_says(effect):
    data = simulated(effect)
    found = analyse(PLAN, data)
    points = found.what_if["pays", "score"]
    assert len(points) == 36
    assert all(point.phrase is not None for point in points)
    for point in points[{0.0: 0, 0.2: 1, 0.5: 2}[effect] :: 6]:
        verdict = analyse(again(found, ("pays", "score"), point), data).verdict_on()
        assert verdict.phrase == point.phrase, point
        fresh, unit = verdict.deciding.interval(point.level), verdict.deciding.unit
        assert span_text(*fresh, unit) == span_text(*point.interval, unit)
        assert verdict.band == pytest.approx(point.band)


@pytest.mark.parametrize("name", ["professors", "lawschools"])
def test_points_of_a_shipped_study_are_what_a_fresh_run_says(name):
    found = analyse(name)
    rng = np.random.default_rng(3)
    for key, points in found.what_if.items():
        for at in rng.choice(len(points), min(2, len(points)), replace=False):
            point = points[at]
            verdict = analyse(again(found, key, point)).verdict_on(*key)
            assert point.phrase in (None, verdict.phrase), point
            assert verdict.deciding.interval(point.level) == pytest.approx(point.interval)


def test_the_section_has_the_plans_own_point_and_a_file():
    found = analyse(PLAN, simulated(0.5))
    section = sections_of(found)["what-if"]
    own = section.data[(section.data["sesoi"] == 0.2) & (section.data["level"] == found.level)]
    assert own["verdict"].tolist() == [found.verdict_on().verdict]
    quick = analyse(PLAN | {"quick": True}, simulated(0.5))
    assert "what-if" not in sections_of(quick)
