"""Outcomes computed from what they are compared with: seen whatever a few rows say, in tables with
ties, and of two columns; and honest tables, which are never refused.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.errors import DesignError
from analysis.studies.composition.shares import predicted_by_level, r_squared, robust_share


def checks(data, kind="revenue", columns=("likes", "visits"), **changes):
    own = {
        "name": "made",
        "question": "Is the outcome made of something?",
        "dataset": "frame.csv",
        "quick": True,
        "score": {"columns": ["score"]},
        "engagement": {"columns": list(columns), "transform": "log1p"},
        "outcome": [{"column": "sales", "kind": kind, "sesoi": 0.05}],
    } | changes
    return {check.check: check for check in sa.check(own, data).checks}


def frame(seed=3, n=500):
    rng = np.random.default_rng(seed)
    likes, visits = np.floor(rng.lognormal(4, 1, n)), np.floor(rng.lognormal(5, 1.2, n)) + 1
    sales = rng.gamma(2, 50, n)
    score = np.log1p(likes) + rng.normal(size=n)
    return pd.DataFrame({"likes": likes, "visits": visits, "score": score, "sales": sales})


# --- rows of equal source -------------------------------------------------------------------------


def test_ties_are_not_sorted_by_the_answer(root):
    found = sa.check(root / "tests/cases/ties-sorted-by-the-answer/plan.toml")
    check = next(check for check in found.checks if check.check == "outcome_from")
    assert check.passed
    assert check.statistic < 0.05


@pytest.mark.parametrize(
    "source",
    [
        lambda rng: rng.integers(0, 250, 2000).astype(float),  # eight rows a level
        lambda rng: np.round(rng.normal(50, 10, 2000)),
        lambda rng: np.where(rng.random(2000) < 0.5, 0.0, rng.lognormal(3, 2, 2000).round()),
    ],
    ids=["whole numbers", "rounded", "half of them zero"],
)
@pytest.mark.parametrize("zeros", [0.5, 0.88, 0.97])
def test_noise_with_ties_foretells_nothing(source, zeros):
    rng = np.random.default_rng(11)
    x = source(rng)
    y = np.where(rng.random(2000) < zeros, 0.0, rng.lognormal(2, 1, 2000).round(2))
    assert predicted_by_level(x, y) < 0.1
    assert predicted_by_level(y, x) < 0.1
    assert robust_share(y, x[:, None]) < 0.1


def test_the_order_of_rows_is_nothing(tolerance):
    rng = np.random.default_rng(2)
    x, order = rng.integers(0, 300, 1500) / 10, rng.permutation(1500)
    y = np.sin(x) + 0.2 * rng.normal(size=1500)
    there, back = predicted_by_level(x, y), predicted_by_level(x[order], y[order])
    assert 0.8 < there == pytest.approx(back, rel=tolerance.route)


def test_persons_whose_rows_are_all_the_same_are_no_relation():
    """Score and sales of the year stand in each month of a person."""
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(60), 12)
    data = frame(n=720)
    data["score"], data["sales"] = rng.normal(size=60)[person], rng.gamma(2, 50, 60)[person]
    assert checks(data)["outcome_from"].passed


def test_a_grade_that_sets_the_price_is_one():
    rng = np.random.default_rng(5)
    data = frame()
    data["score"] = rng.integers(1, 8, len(data)).astype(float)
    data["sales"] = np.array([0, 90, 20, 70, 10, 60, 30, 80.0])[data["score"].astype(int)]
    assert checks(data)["outcome_from"].refused


# --- a few odd rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["inf", "inf_without3"])
def test_three_rows_do_not_hide_that_earnings_are_computed_from_views(root, name):
    own = sa.read_plan(root / f"tests/cases/few-rows-hide-a-mechanical-outcome/{name}.toml")
    verdict = analyse(own).verdict_on()
    assert verdict.verdict == "refused"
    assert "earnings looks computed from views" in verdict.reasons[0]


ODD = {
    "zero": lambda values, rng: 0.0,
    "large": lambda values, rng: 1000 * values.max(),
    "of another row": lambda values, rng: rng.permutation(values),
    "the median": lambda values, rng: values.median(),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "made",
    [
        lambda d: 0.004 * d["visits"],
        lambda d: (d["likes"] + 1) ** 1.5,
        lambda d: 20 * np.sin(d["score"]) + 30,
        lambda d: d["likes"] * d["visits"] + 1,
    ],
    ids=["a share", "a power", "a wave", "a product"],
)
def test_odd_rows_hide_no_computed_outcome(made, odd):
    rng, data = np.random.default_rng(8), frame()
    data["sales"] = made(data).round(2).astype(float)
    rows = rng.choice(len(data), 5, replace=False)
    data.loc[rows, "sales"] = ODD[odd](data.loc[rows, "sales"], rng)
    assert checks(data)["outcome_from"].refused


@pytest.mark.parametrize("odd", ODD)
def test_odd_rows_hide_no_score_that_is_engagement(odd, tolerance):
    rng, data = np.random.default_rng(8), frame()
    data["score"] = (10 * np.log1p(data["likes"]) + 3 * np.log1p(data["visits"])).round(1)
    rows = rng.choice(len(data), 4, replace=False)
    data.loc[rows, "score"] = ODD[odd](data.loc[rows, "score"], rng)
    check = checks(data)["reconstructability"]
    assert check.refused
    assert check.statistic == pytest.approx(  # the statistic is the plain share all the same
        r_squared(data["score"].to_numpy(), np.log1p(data[["likes", "visits"]].to_numpy())),
        rel=1e-9,
    )


@pytest.mark.parametrize("rows", [1, 3])
def test_odd_rows_make_no_relation(rows):
    data = frame()
    data.loc[: rows - 1, ["likes", "visits", "sales"]] = 1e7 * np.arange(1, rows + 1)[:, None]
    assert checks(data)["outcome_from"].passed


@pytest.mark.parametrize("share", [0.95, 0.985])
def test_setting_rows_aside_does_not_make_a_share_larger(share):
    """Of normal noise the share is what it is: what trimming takes from it is put back."""
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=(2, 20_000))
    y = np.sqrt(share) * x + np.sqrt(1 - share) * noise
    assert share - 0.006 < robust_share(y, x[:, None]) < share + 0.001  # the ends of x are gone


# --- two columns ----------------------------------------------------------------------------------


def test_a_rate_of_likes_by_followers_is_refused(root):
    found = sa.check(root / "tests/cases/outcome-from-two-columns/plan.toml")
    check = next(check for check in found.checks if check.check == "outcome_from")
    assert check.refused
    assert "rate looks computed from the ratio of likes to followers" in check.reason


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda d: 100 * d["likes"] / d["visits"], "the ratio of likes to visits"),
        (lambda d: np.sqrt(d["likes"] / d["visits"]), "the ratio of likes to visits"),
        (lambda d: d["likes"] / (d["likes"] + d["visits"]), "the ratio of likes to visits"),
        (lambda d: 0.01 * d["likes"] * d["visits"], "the product of likes and visits"),
        (lambda d: np.log1p(d["likes"] * d["visits"]), "the product of likes and visits"),
        (lambda d: d["likes"] + d["visits"], "the sum of likes and visits"),
        (lambda d: (d["likes"] - d["visits"]).clip(lower=0), "the difference of likes and visits"),
        (lambda d: d["score"] * d["visits"], "the product of score and visits"),
    ],
)
def test_an_outcome_computed_from_two_columns_is_refused(made, named):
    data = frame()
    data["score"] = data["score"].abs()
    data["sales"] = made(data).round(3)
    check = checks(data)["outcome_from"]
    assert check.refused
    assert named in check.reason or "the score and engagement together" in check.reason


def test_a_control_can_be_one_of_the_two():
    data = frame()
    data["staff"] = np.random.default_rng(4).integers(1, 30, len(data)).astype(float)
    data["sales"] = (50 * data["likes"] / data["staff"]).round(1)
    check = checks(data, columns=["likes"], controls={"columns": ["staff"]})["outcome_from"]
    assert check.refused
    assert "the ratio of likes to staff" in check.reason
    assert checks(data, columns=["likes"])["outcome_from"].passed  # what staff say is not held


@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_of_outcomes_of_other_kinds(kind):
    data = frame()
    data["sales"] = np.round(data["likes"] * data["visits"] / 100)
    assert checks(data, kind)["outcome_from"].refused


def test_two_columns_that_only_say_much_are_not_refused():
    rng, data = np.random.default_rng(6), frame()
    data["sales"] = data["likes"] * data["visits"] * rng.lognormal(0, 0.5, len(data))
    assert checks(data)["outcome_from"].passed


# --- honest tables --------------------------------------------------------------------------------


def column(rng, latent):
    """A column of one of the kinds that tables have, that goes with a hidden cause."""
    x = 0.6 * latent + 0.8 * rng.normal(size=len(latent))
    return [
        lambda: x,
        lambda: np.exp(3 + rng.uniform(0.5, 2.5) * x),
        lambda: np.floor(np.exp(1 + x)),
        lambda: rng.poisson(np.exp(1.5 + x)).astype(float),
        lambda: np.where(rng.random(len(x)) < rng.uniform(0.3, 0.95), 0, np.exp(3 + x).round(2)),
        lambda: np.round(2 * x),
        lambda: np.round(np.exp(5 + 1.5 * x), -1),
    ][rng.integers(7)]()


def honest(seed):
    """A table in which nothing is computed from anything; with odd rows, copies, or persons."""
    rng = np.random.default_rng(seed)
    n, count = int(rng.choice([60, 150, 400])), int(rng.integers(1, 4))
    latent = rng.normal(size=n)
    data = pd.DataFrame({f"e{at}": column(rng, latent) for at in range(count)})
    data["score"] = column(rng, latent)
    sales = column(rng, rng.choice([0, 0.5, 1.0]) * latent)
    data["sales"] = sales - min(sales.min(), 0)
    how = rng.integers(5)
    if how == 0:
        others = [name for name in data if name != "score"]
        rows = rng.choice(n, int(rng.integers(1, 4)), replace=False)
        data.loc[rows, others] = data[others].max().to_numpy() * rng.choice([10, 1000])
    elif how == 1:
        data = pd.concat([data] * int(rng.integers(2, 13)), ignore_index=True)
    elif how == 2:
        person = rng.integers(max(40, n // int(rng.integers(4, 13))), size=n)
        for name in ("score", "sales"):
            data[name] = data[name].to_numpy()[person]
    return data, count


@pytest.mark.parametrize("block", range(4))
def test_honest_tables_are_never_refused(block):
    for seed in range(50 * block, 50 * block + 50):
        data, count = honest(seed)
        kind, columns = ["revenue", "continuous"][seed % 2], [f"e{at}" for at in range(count)]
        plain = {"engagement": {"columns": columns}}
        found, said = {}, "no finite estimate"
        try:
            found = checks(data, kind, **plain)
        except DesignError as error:  # a score in which nothing but zeros is apart has none
            said = str(error)
        assert "no finite estimate" in said, seed
        refused = [check for check in found.values() if check.refused]
        assert refused == [], seed
