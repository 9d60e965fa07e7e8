"""Rows that belong together though the plan does not say so: found by their values, and seldom
where there are none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.results.question import Question
from analysis.studies.influence.unseen_clusters import alike_within, check_unseen_clusters
from analysis.studies.repeats import repeated_rows

KINDS = {
    "continuous": lambda rng, at: 2 * at + rng.normal(size=len(at)),
    "revenue": lambda rng, at: rng.gamma(2, np.exp(3 + at) / 2),
    "count": lambda rng, at: rng.poisson(np.exp(1 + at)),
    "binary": lambda rng, at: (rng.random(len(at)) < 1 / (1 + np.exp(-2 * at))).astype(int),
}


def frame(seed=1, kind="revenue", owners=40, each=10, score=1.0, outcome=0.5, effect=0.0):
    """Rows of owners whose score and outcome are alike, as far as the two numbers say."""
    rng = np.random.default_rng(seed)
    owner, n = np.repeat(np.arange(owners), each), owners * each
    likes = rng.lognormal(3, 1, n).round()
    made = score * rng.normal(size=owners)[owner] + rng.normal(size=n) + 0.3 * np.log1p(likes)
    at = 0.3 * (np.log1p(likes) - 3) + outcome * rng.normal(size=owners)[owner] + effect * made
    data = pd.DataFrame({"id": np.arange(n), "likes": likes, "score": made})
    data["sales"] = KINDS[kind](rng, at)
    names = {
        "words": [f"shop of {at * 7919 % 97}" for at in owner],
        "codes": owner * 37 % 101 + 500,
    }
    return data.assign(**names).sample(frac=1, random_state=seed, ignore_index=True)


def plan(kind="revenue", **changes):
    own = {
        "name": "apart",
        "question": "Does each row speak for itself?",
        "dataset": "frame.csv",
        "quick": True,
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"], "transform": "log1p"},
        "outcome": [{"column": "sales", "kind": kind, "sesoi": 0.05}],
    }
    return sa.read_plan(own | changes)


@pytest.fixture(scope="module")
def look(sample_of):
    def check(data, kind="revenue", **changes):
        own = plan(kind, **changes)
        question = Question(sample_of(own, data), own.outcome[0], "score")
        return check_unseen_clusters(question, question.word_of_fit(question.fit))

    return check


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", ["words", "codes"])
@pytest.mark.parametrize("row", ["id", None])
def test_owners_are_found_by_the_values_whatever_their_name_and_type(look, kind, column, row):
    data = frame(3, kind, outcome=1.0)[["id", "likes", "score", "sales", column]]
    data["colour"] = np.random.default_rng(3).integers(0, 30, len(data))
    check = look(data, kind, **({"row": row} if row else {}))
    assert check.passed is False
    assert f'[cluster] column = "{column}"' in check.reason
    assert check.statistic > 1.25


def test_the_two_intervals_are_those_of_the_two_plans(look):
    data = frame(3, outcome=1.0)
    check = look(data.drop(columns="codes"))
    alone = analyse(plan(), data)
    kept = analyse(plan(cluster={"column": "words"}), data)
    row, other = (
        next(one for one in found.estimates if one.method == "increment" and one.term == "score")
        for found in (alone, kept)
    )
    assert row.span(0.95) in check.reason
    assert other.span(0.95) in check.reason
    assert check.statistic == pytest.approx(other.std_error / row.std_error, rel=1e-9)


def test_a_word_that_clusters_change_is_not_decided(look):
    """Of 20 samples in which the score is worth nothing, those that say `adds`."""
    samples = [frame(seed, "continuous", score=2.0, outcome=0.5) for seed in range(20)]
    checks = [look(data, "continuous") for data in samples]
    assert all(check.passed is False for check in checks)
    changed = [check for check in checks if check.undecides]
    assert changed
    assert {check.weight for check in changed} == {"undecides"}
    assert all(
        "kept together the plain fit says inconclusive, in place of adds." in check.reason
        for check in changed
    )
    assert {c.weight for c in checks if not c.undecides} <= {"cautions"}


@pytest.mark.parametrize("alike", ["score", "outcome"])
def test_what_is_alike_in_one_of_the_two_is_no_cluster(look, alike):
    checks = [look(frame(seed, **{alike: 0.0})) for seed in range(20)]
    assert all(check.passed for check in checks)


def test_a_measure_left_out_is_a_confounder_and_no_cluster(look):
    rng = np.random.default_rng(2)
    data = frame(score=0.0, outcome=0.0, each=20).drop(columns=["words", "codes"])
    data["posts"] = rng.poisson(30, len(data))
    data["score"] += 0.15 * data["posts"]
    data["sales"] *= np.exp(0.05 * (data["posts"] - 30))
    assert look(data).passed


def test_of_the_plans_own_columns_controls_alone_are_looked_at(look):
    """A control may keep rows together, too: then it is fixed effect or slope, and cluster."""
    data = frame(outcome=1.0).drop(columns="words")
    assert look(data, cluster={"column": "codes"}).status == "not assessed"
    assert look(data, controls={"columns": ["codes"]}).passed is False
    assert look(data, controls={"categories": ["codes"]}).passed
    assert look(data, segment={"column": "codes"}).status == "not assessed"
    names = data.assign(month=np.random.default_rng(1).integers(0, 12, len(data)))
    check = look(names, panel={"unit": "codes", "time": "month"})
    assert check.passed is False


def test_every_column_that_keeps_rows_together_is_named(look):
    data = frame(3, "continuous", outcome=1.0)
    data["codes"] = data["codes"] // 2
    check = look(data, "continuous")
    assert '"words"' in check.reason
    assert '"codes"' in check.reason


def test_owners_of_clusters_are_found_above_them(look):
    data = frame(4, "continuous", owners=60).drop(columns="words")
    district = data["codes"].rank(method="dense").to_numpy().astype(int) // 2
    data["district"], rng = [f"d{at}" for at in district], np.random.default_rng(4)
    data["score"] += 2 * rng.normal(size=31)[district]
    data["sales"] += 2 * rng.normal(size=31)[district]
    check = look(data, "continuous", cluster={"column": "codes"})
    assert check.passed is False
    assert '"district"' in check.reason


def test_copies_of_rows_are_no_cluster_of_another_column(look):
    data = frame(score=0.0, outcome=0.0).drop(columns=["words", "codes", "id"])
    data["posts"] = np.random.default_rng(2).integers(0, 300, len(data))
    assert look(pd.concat([data, data], ignore_index=True)).passed


def studies(draws, kind, n=300, columns=20, seed=0):
    """Yield studies with unused columns in which no rows belong together."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        likes = rng.normal(size=n)
        data = pd.DataFrame({"likes": np.exp(likes), "score": likes + rng.normal(size=n)})
        data["sales"] = KINDS[kind](rng, 0.5 * likes)
        for at in range(columns):
            levels = int(rng.integers(20, n // 2))
            data[f"c{at}"] = rng.integers(0, levels, n)
        yield data


@pytest.mark.parametrize("kind", ["continuous", "revenue"])
def test_in_a_study_with_twenty_unused_columns_alarms_are_rare(look, kind):
    """At most .02 a study; 150 studies would show .06 with a chance of .98."""
    alarms = [look(data, kind).passed is False for data in studies(150, kind)]
    assert sum(alarms) <= 5


@pytest.mark.parametrize("alike", [None, "score", "outcome"])
def test_the_size_of_the_test(alike, is_nominal):
    """Where one of the two is alike, and where the variance goes with the group, too."""
    rng, p = np.random.default_rng(5), []
    for _ in range(1000):
        groups = rng.integers(0, 40, 400)
        u, v = rng.normal(size=400), rng.exponential(size=400) - 1
        if alike == "score":
            u = rng.normal(size=40)[groups]
        if alike == "outcome":
            v = rng.normal(size=40)[groups] + v * np.exp(rng.normal(size=40))[groups]
        p.append(alike_within(u * v, groups, np.arange(400)))
    assert is_nominal(p)


# --- rows that repeat -----------------------------------------------------------------------------


def test_rows_that_repeat_in_all_but_an_id_are_found(sample_of):
    data = frame().drop(columns=["words", "codes"])
    twice = pd.concat([data, data.head(100)], ignore_index=True)
    twice["id"] = [f"row {at}" for at in range(len(twice))]
    for changes in ({"row": "id"}, {}):
        mask = repeated_rows(sample_of(plan(**changes), twice))
        assert np.flatnonzero(mask).tolist() == list(range(400, 500))


def test_small_whole_numbers_repeat_all_the_same(sample_of):
    rng = np.random.default_rng(1)
    data = pd.DataFrame({name: rng.integers(0, 5, 500) for name in ("likes", "score", "sales")})
    assert data.duplicated().any()
    assert not repeated_rows(sample_of(plan("count"), data)).any()


def test_repeats_that_make_the_word_leave_it_undecided():
    changed = 0
    for seed in range(6):
        data = frame(seed, score=0.0, outcome=0.0, owners=10, effect=0.1)
        data = pd.concat([data.drop(columns=["words", "codes"])] * 6, ignore_index=True)
        data["id"] = np.arange(len(data))
        checks = {check.check: check for check in analyse(plan(row="id"), data).checks}
        check = checks["without_repeats"]
        assert check.statistic == 500
        assert check.undecides is (check.passed is False)
        changed += check.undecides
    assert changed


def test_copies_are_found_where_the_outcome_has_two_values(sample_of):
    """Two shuffled answers of yes or no agree half the time, and tell nothing."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame(
        {
            "id": np.arange(600),
            "score": rng.normal(50, 10, 600).round(2),
            "likes": rng.poisson(30, 600),
            "sales": rng.integers(0, 2, 600),
        }
    )
    pasted = pd.concat([data, data.head(100).assign(id=np.arange(600, 700))], ignore_index=True)
    said = plan(outcome=[{"column": "sales", "kind": "binary", "sesoi": 0.05}])
    assert repeated_rows(sample_of(said, pasted)).sum() == 100
    assert repeated_rows(sample_of(said, data)).sum() == 0


@pytest.mark.parametrize("form", ["amounts", "fees", "balances", "counts", "limits"])
def test_what_measures_is_no_cluster_whatever_zeros_it_has(look, form):
    """A quantity that score and outcome follow is a column left out: it keeps no rows together."""
    rng, n = np.random.default_rng(8), 4000
    active = rng.normal(size=n)
    amount = np.floor(np.exp(7 + 1.5 * active))
    fee = np.where(rng.random(n) < 0.15, rng.choice([390, 780, 150], n), amount)
    values = {
        "amounts": np.where(active < -0.5, 0, amount),
        "fees": np.where(active < -0.5, 0, fee),
        "balances": np.round(active * 3000, -1),
        "counts": np.where(active < -0.5, 0, rng.poisson(np.exp(2 + active))),
        "limits": np.clip(np.round(np.exp(12 + active), -4), 10_000, 1e6),
    }
    likes = rng.normal(size=n)
    data = pd.DataFrame({"likes": np.exp(likes), "bill_amt6": values[form]})
    data["score"] = likes + 0.7 * active + rng.normal(size=n)
    data["sales"] = rng.gamma(2, np.exp(3 + 0.5 * likes + 0.6 * active) / 2)
    assert look(data).passed is not False


@pytest.mark.parametrize("form", ["uneven", "from 0", "growing", "unknown"])
def test_numbers_of_things_are_found_however_they_are_numbered(look, form):
    rng, n, many = np.random.default_rng(5), 2000, 40
    weights = 1 / np.arange(1, many + 1) ** 0.7
    at = rng.choice(many, n, p=weights / weights.sum())
    far = np.sort(rng.integers(1, 5000, many))
    values = {
        "uneven": at + 1,
        "from 0": at,
        "growing": np.floor(np.exp(np.linspace(3, 13, many)))[at],
        "unknown": np.where(rng.random(n) < 0.2, 0, far[at]),
    }
    likes, parts = rng.normal(size=n), rng.normal(size=(2, many))[:, at]
    data = pd.DataFrame({"likes": np.exp(likes), "place": values[form]})
    data["score"] = likes + parts[0] + rng.normal(size=n)
    data["sales"] = 2 * (0.5 * likes + 0.5 * parts[1]) + rng.normal(size=n)
    assert look(data, "continuous").passed is False
