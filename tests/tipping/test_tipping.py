"""The table of what would change a verdict: each change, made in the plan or the data, turns the
word, and nine tenths of it does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.measurement_error.asked import AskedRule
from analysis.models.glm import effect_of
from analysis.results.question import Question
from analysis.results.tipping_point import fragile_of
from analysis.tipping.analyses import plan_with
from analysis.tipping.confounder import AGAINST, NAME, Hidden
from analysis.tipping.standing import Standing

MOST = 0.9
"""The share of a change that must leave the word."""


# --- studies with a known truth -------------------------------------------------------------------


def drawn(seed, n, effect, kind="continuous", *, both=0.6, noise=0.0, spread=1.0):
    """Return simulated rows: two engagement columns, a score, an outcome of one kind."""
    rng = np.random.default_rng(seed)
    likes, views = rng.normal(size=(2, n))
    views += 0.3 * likes
    score = both * likes + 0.3 * views + rng.normal(size=n)
    at = 0.4 * likes + 0.2 * views + effect * score
    group = rng.integers(0, 60, n)
    if kind == "continuous":
        outcome = at + spread * rng.normal(size=n)
    elif kind == "revenue":
        outcome = np.exp(3 + at) * rng.gamma(4, 0.25, n)
    elif kind == "count":
        outcome = rng.poisson(np.exp(1 + 0.5 * at)).astype(float)
    else:
        outcome = (rng.random(n) < 1 / (1 + np.exp(-at))).astype(float)
    halves = {f"likes_{k}": likes + noise * rng.normal(size=n) for k in (1, 2)}
    return pd.DataFrame(
        {"likes": likes, "views": views, "score": score, "pays": outcome, "team": group}
        | {"field": np.array(["a", "b", "c", "d"])[rng.integers(0, 4, n)]}
        | halves
    )


def planned(kind, sesoi, **changes):
    own = {
        "name": "tips",
        "question": "What would turn it?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes", "views"]},
        "outcome": [{"column": "pays", "kind": kind, "sesoi": sesoi}],
        "inference": {"bootstrap": 199},
    }
    return own | changes


def engaged(**changes):
    return {"engagement": {"columns": ["likes", "views"]} | changes}


TWO = [
    {
        "name": "held",
        "option": [
            {"name": "both", "reason": "all there is"},
            {"name": "likes", "reason": "the habit", "engagement": {"likes": "identity"}},
        ],
    },
    {
        "name": "rows",
        "option": [
            {"name": "all", "reason": "all there is"},
            {
                "name": "few views",
                "reason": "the small ones",
                "keep": [{"column": "views", "max": -0.5}],
            },
        ],
    },
]

STUDIES = {
    "least squares": (drawn(1, 500, 0.22), planned("continuous", 0.05)),
    "exact": (
        drawn(2, 400, 0.2),
        planned("continuous", 0.05, **engaged(exact=["likes", "views"])),
    ),
    "nothing": (drawn(3, 900, 0.0), planned("continuous", 0.3)),
    "undecided": (drawn(4, 300, 0.08), planned("continuous", 0.05)),
    "stated": (
        drawn(5, 600, 0.25),
        planned("continuous", 0.05, **engaged(reliability={"likes": 0.9, "views": 0.95})),
    ),
    "revenue": (drawn(6, 500, 0.15, "revenue"), planned("revenue", 0.05)),
    "count": (
        drawn(7, 600, 0.3, "count"),
        planned("count", 0.05, multiverse={"decision": TWO}),
    ),
    "binary": (drawn(8, 900, 0.5, "binary"), planned("binary", 0.02)),
    "clusters": (
        drawn(9, 600, 0.18),
        planned("continuous", 0.05, cluster={"column": "team"}, segment={"column": "field"}),
    ),
    "halves": (
        drawn(10, 700, 0.3, noise=0.4),
        planned(
            "continuous",
            0.05,
            score={"columns": ["score"], "shares_error": "none"},
            engagement={"columns": ["likes"], "halves": {"likes": ["likes_1", "likes_2"]}},
        ),
    ),
}


# --- a change, made in the plan or the data -------------------------------------------------------


def outcome_with(plan, column, **changes):
    outcomes = tuple(
        one.model_copy(update=changes) if one.column == column else one for one in plan.outcome
    )
    return plan.model_copy(update={"outcome": outcomes})


def section_with(plan, name, **changes):
    section = getattr(plan, name).model_copy(update=changes)
    return plan.model_copy(update={name: section})


def recorded_with(found, plan, key, step):
    """Return the plan with every unsure reliability a step away."""
    verdict, engagement = found.verdict_on(*key), plan.engagement
    if verdict.assumed_from is not None:
        return section_with(plan, "engagement", assumed=verdict.assumed_from + step)
    known = {
        row.term.partition(":")[2]: row.estimate
        for row in found.estimates.select(method="reliability")
        if row.term.startswith("reliability:")
    }
    stated = {}
    for column in engagement.stated_columns or engagement.columns:
        ends = (
            (known[column],) * 3
            if column in engagement.halves
            else engagement.range_of(column)
            if column in engagement.reliability
            else (1.0, 1.0, 1.0)
        )
        low, value, high = (float(min(max(end + step, 0.01), 1.0)) for end in ends)
        stated[column] = {"low": low, "value": value, "high": high}
    content = plan.content()
    content["engagement"] = {
        **{k: v for k, v in content["engagement"].items() if k not in ("halves", "exact")},
        "reliability": stated,
    }
    return sa.read_plan(content)


def without(plan, verdict):
    """Return the plan of rows that are left: what is assumed of engagement stays."""
    if verdict.assumed_from is None:
        return plan
    return section_with(plan, "engagement", assumed=verdict.assumed_from)


def made(found, key, point, share):
    """Return plan and data with a share of a change in them; None where it has no part."""
    plan, data, verdict = found.plan, found.dataset.frame, found.verdict_on(*key)
    change, size, whole = point.change, point.size, share == 1
    if change == "sesoi":
        now = plan.outcomes[key[0]].sesoi
        return outcome_with(plan, key[0], sesoi=now + share * size), data
    if change == "level":
        level = plan.inference.level + share * size
        return section_with(plan, "inference", level=level), data
    if change == "reliability":
        halves = plan.engagement.halves.items()
        means = {column: data[list(pair)].mean(axis=1) for column, pair in halves}
        return recorded_with(found, plan, key, share * size), data.assign(**means)
    if change == "noise_correlation":
        alike = plan.engagement.noise_correlation + share * size
        return section_with(plan, "engagement", noise_correlation=alike), data
    if change in ("rows", "cluster", "segment"):
        labels = list(point.left_out)
        gone = labels if whole else labels[: int(share * len(labels))]
        whole = whole or change == "rows"
        return (without(plan, verdict), data.drop(index=gone)) if whole and gone else None
    if change.startswith("confounder:"):
        return hidden(found, key, point, share)
    if not whole:
        return None
    if change == "form":
        return section_with(plan, "engagement", transform=point.choice), data
    if change == "model":
        return outcome_with(plan, key[0], model=point.choice), data
    if change == "covariance":
        return section_with(plan, "inference", covariance=point.choice), data
    name, _, option = point.choice.partition(": ")
    decision = next(d for d in plan.multiverse.decision if d.name == name)
    chosen = next(one for one in decision.option if one.name == option)
    return plan_with(plan, chosen, key[0]), data


def hidden(found, key, point, share):
    """Return plan and data with a confounder held, of a share of the strength."""
    plan, data, sample = found.plan, found.dataset.frame, found.sample
    question = Question(sample, plan.outcomes[key[0]], key[1])
    known = Hidden(Standing(question, AskedRule.of(question), found.verdict_on(*key), ()))
    toward = 1.0 if effect_of(question.fit, key[1])[0] > 0 else -1.0
    sign = -toward if point.choice == AGAINST else toward
    column = known.column(known.of(point.change.partition(":")[2], share * point.size), sign)
    data = data.loc[sample.frame.index].assign(**{NAME: column})
    return section_with(plan, "controls", columns=(*plan.controls.columns, NAME)), data


def word_after(found, key, point, share):
    """Return the word and direction of the audit run again; None where the change has no part."""
    change = made(found, key, point, share)
    if change is None:
        return None
    plan, data = change
    quick = plan.model_copy(update={"quick": True, "multiverse": None})  # the same word
    score = key[1] if key[1] in plan.score.columns else plan.score.columns[0]
    return analyse(quick, data).verdict_on(key[0], score).phrase


def faults(found):
    """Return the rows of the tables that are not right, and how many were tried."""
    wrong, tried = [], 0
    for key, points in found.tipping.items():
        now = found.verdict_on(*key).phrase
        for point in points:
            if point.becomes is None:
                continue
            tried += 1
            after, before = (word_after(found, key, point, share) for share in (1, MOST))
            if after == now:
                wrong.append((*key, point.change, point.size, "does not turn", after))
            if before not in (None, now):
                wrong.append((*key, point.change, point.size, "turns sooner", before))
    return wrong, tried


# --- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in STUDIES])
def test_the_change_turns_the_word_and_nine_tenths_of_it_do_not(name):
    data, plan = STUDIES[name]
    wrong, tried = faults(analyse(plan, data))
    assert tried >= 3
    assert wrong == []


@pytest.fixture(scope="module")
def found():
    data, plan = STUDIES["exact"]
    return analyse(plan, data)


def test_every_kind_of_change_has_a_row_that_can_be_cited(found):
    changes = [point.change for point in found.tipping["pays", "score"]]
    held = [f"confounder:{column}" for column in found.plan.engagement.columns]
    assert changes == [
        *("sesoi", "level", "reliability", "break_even", "form", "model", "covariance"),
        *held,
        *("rows", "cluster", "segment", "decision"),
    ]
    rows = found.estimates.select(method="tipping-point").rows
    assert [row.term for row in rows] == changes
    assert len({row.id for row in found.estimates}) == len(list(found.estimates))


def test_what_turns_has_a_size_and_a_word_and_what_does_not_has_neither(found):
    for point in found.tipping["pays", "score"]:
        if point.status == "turns" and point.change != "break_even":
            assert point.size
            assert point.becomes != found.verdict_on().phrase
        if point.status == "not assessed":
            assert (point.size, point.becomes) == (None, None)
            assert point.sentence.startswith("Not assessed: ")


def test_fragile_is_read_off_the_table(found):
    verdict = found.verdict_on()
    points = found.tipping["pays", "score"]
    assert verdict.fragile == fragile_of(points)
    near = [p for p in points if p.change.startswith("confounder:") and p.size and p.size <= 1]
    assert near
    assert verdict.fragile is all(point.fragile for point in near)


def test_the_level_of_the_table_turns_the_word_and_nine_tenths_do_not(found):
    point = next(p for p in found.tipping["pays", "score"] if p.change == "level")
    assert word_after(found, ("pays", "score"), point, 1) == point.becomes
    assert word_after(found, ("pays", "score"), point, MOST) == found.verdict_on().phrase


def test_a_quick_plan_asks_only_what_costs_nothing():
    data, plan = STUDIES["exact"]
    quick = analyse(plan | {"quick": True}, data)
    points = {point.change: point for point in quick.tipping["pays", "score"]}
    looked = [name for name, point in points.items() if point.status != "not assessed"]
    assert looked == ["sesoi", "level", "break_even"]
    assert all("quick = true" in points[name].sentence for name in ("rows", "model", "decision"))
    assert quick.verdict_on().fragile is None


def test_a_refused_verdict_has_no_table():
    data, plan = STUDIES["exact"]
    copied = data.assign(score=data["likes"] + 1e-6 * data["score"])
    refused = analyse(plan, copied)
    assert refused.verdict_on().verdict == "refused"
    assert refused.tipping["pays", "score"] == ()


def test_it_shows_itself_first_in_the_report_and_in_a_notebook(found):
    from analysis.report.html import sections_of
    from analysis.report.views import Audit

    shown = Audit(found).tipping_points
    assert list(shown.rows["change"]) == [p.change for p in found.tipping["pays", "score"]]
    assert "What would change the verdict on" in shown._repr_html_()
    assert next(iter(sections_of(found))) == "tipping"


SHIPPED = ("lawschools", "professors", "publications")
"""Those that take seconds; the others take minutes."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in SHIPPED])
def test_the_table_of_a_shipped_study_is_right(name):
    wrong, _ = faults(analyse(name))
    assert wrong == []
