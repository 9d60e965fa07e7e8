"""What `run` refuses, `check` refuses in the same words: separation, clusters, rows, columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shop

from analysis.audit import analyse, check
from analysis.errors import AnalysisError
from analysis.plan import read_plan
from analysis.plan.files import document

CASES = Path(__file__).parents[1] / "cases"
BINARY = {"outcome__column": "bought", "outcome__kind": "binary"}
COUNT = {"outcome__column": "orders", "outcome__kind": "count"}
TIER, FLAG = ({"controls": {"columns": [name]}} for name in ("tier", "flag"))
TWO = {"engagement__columns": ["likes", "visits"]}
OWNER = {"cluster": {"column": "owner"}}


def table(**columns):
    """Return 240 shops; a function of the table, or a value, in the place of some columns."""
    rng, n = np.random.default_rng(5), 240
    frame = pd.DataFrame(
        {
            "klout": rng.normal(50, 8, n).round(2),
            "likes": rng.poisson(20, n),
            "visits": rng.poisson(9, n),
            "orders": rng.poisson(3, n),
            "bought": (rng.random(n) < 0.5).astype(int),
            "tier": rng.choice(["bronze", "gold", "silver"], n),
            "flag": rng.integers(0, 2, n),
            "owner": [f"o{at % 40}" for at in range(n)],
        }
    )
    frame["revenue"] = np.exp(2 + 0.03 * frame.likes + rng.normal(0, 0.4, n)).round(2)
    for name, made in columns.items():
        frame[name] = made(frame) if callable(made) else made
    return frame


def told(look, plan):
    """Return what is said of a plan: the block of a refusal, or which verdicts are refused."""
    try:
        found = look(plan)
    except AnalysisError as error:
        return str(error)
    if look is check:
        return "refused" if found.refusals else "in order"
    return "refused" if any(one.verdict == "refused" for one in found.decided) else "in order"


def agreed(tmp_path, frame, **changes):
    """Return what `check` and `run` say alike."""
    path = shop.write(tmp_path, frame.to_csv(index=False), quick=True, **changes)
    said = told(check, path)
    assert told(analyse, path) == said
    assert "nan" not in said
    return said


def level(column, value, name="tier", where="gold"):
    """Return a column that has one value in every row of a level."""
    return {column: lambda frame: frame[column].where(frame[name] != where, value)}


SEPARATED = {
    "the first level": (level("bought", 1, where="bronze"), BINARY | TIER, "tier", "bronze"),
    "a level of ones": (level("bought", 1), BINARY | TIER, "tier", "gold"),
    "a level of zeros": (level("bought", 0, where="silver"), BINARY | TIER, "tier", "silver"),
    "a level of one row": (
        {"tier": lambda f: f.tier.where(f.index != 3, "rare")},
        BINARY | TIER,
        "tier",
        "rare",
    ),
    "a flag": (level("bought", 0, "flag", 1), BINARY | FLAG, "flag", "1"),
    "engagement": ({"bought": lambda f: (f.likes > 20).astype(int)}, BINARY, "likes", ""),
    "the score": ({"bought": lambda f: (f.klout > 50).astype(int)}, BINARY, "klout", ""),
    "almost": (
        {"bought": lambda f: ((f.visits > 9) | ((f.visits == 9) & (f.bought == 1))).astype(int)},
        BINARY | TWO,
        "visits",
        "",
    ),
    "two columns together": (
        {"bought": lambda f: (f.likes + 2 * f.visits > 38).astype(int)},
        BINARY | TWO,
        '"likes" and "visits"',
        "",
    ),
    "revenue": (level("revenue", 0), TIER, "tier", "gold"),
    "revenue of the first level": (level("revenue", 0, where="bronze"), TIER, "tier", "bronze"),
    "revenue of a flag": (level("revenue", 0, "flag", 0), FLAG, "flag", "0"),
    "a count": (level("orders", 0), COUNT | TIER, "tier", "gold"),
    "gamma": (level("revenue", 0), TIER | {"outcome__model": "gamma"}, "tier", "gold"),
    "tweedie": (level("revenue", 0), TIER | {"outcome__model": "tweedie"}, "tier", "gold"),
    "negative binomial": (
        level("orders", 0),
        COUNT | TIER | {"outcome__model": "nb2"},
        "tier",
        "gold",
    ),
    "any, of two parts": (
        {"orders": lambda f: f.orders.where(f.tier != "gold", f.orders + 1)},
        COUNT | TIER | {"outcome__model": "hurdle"},
        "tier",
        "gold",
    ),
}


@pytest.mark.parametrize("name", list(SEPARATED))
def test_separation_is_named_with_column_and_level(tmp_path, name):
    changed, plan, column, where = SEPARATED[name]
    said = agreed(tmp_path, table(**changed), **plan)
    assert "no finite estimate exists" in said
    assert column in said.splitlines()[1]
    assert where in said
    if where:
        assert f'[[keep]]\n        column = "{column}"' in said


@pytest.mark.parametrize("name", [name for name, case in SEPARATED.items() if case[3]])
def test_the_filter_that_is_told_makes_a_plan_that_runs(tmp_path, name):
    changed, plan, *_ = SEPARATED[name]
    said = agreed(tmp_path, table(**changed), **plan)
    lines = said[said.index("[[keep]]") :].splitlines()[1:3]
    keep = {key.strip(): eval(value) for key, value in (line.split("=") for line in lines)}
    if "the column, too" in said:
        plan = {key: value for key, value in plan.items() if key != "controls"}
    frame = table(**changed)
    assert agreed(tmp_path, frame, **plan, keep=[keep]) in ("in order", "refused")


CLUSTERS = {
    "a text": ("x", {}, "the same value in each of 240 rows: one cluster"),
    "a number": (7, {}, "the same value in each of 240 rows: one cluster"),
    "a date": ("2014-05-01", {}, "one cluster"),
    "binary": ("x", BINARY, "one cluster"),
    "two": (lambda f: np.where(f.index < 9, "a", "b"), {}, "refused"),
    "five": (lambda f: f.index % 5, {}, "refused"),
    "six": (lambda f: f.index % 6, BINARY, "in order"),
    "CRV3 of two": (
        lambda f: np.where(f.index < 9, "a", "b"),
        {"inference": {"covariance": "CRV3"}},
        "refused",
    ),
    "one carries a level": (
        lambda f: np.where(f.tier == "gold", "a", f.owner),
        TIER | {"inference": {"covariance": "CRV3"}},
        "cannot be estimated",
    ),
    "one row each": (lambda f: [f"r{at}" for at in f.index], {}, "in order"),
    "one row each, CRV3": (
        lambda f: [f"r{at}" for at in f.index],
        {"inference": {"covariance": "CRV3"}},
        "in order",
    ),
}


@pytest.mark.parametrize("name", list(CLUSTERS))
def test_clusters(tmp_path, name):
    owner, plan, wanted = CLUSTERS[name]
    assert wanted in agreed(tmp_path, table(owner=owner), **OWNER, **plan)


COLUMNS = {
    "constant engagement": ({"likes": 3}, {}, 'term "likes"'),
    "constant control": ({"flag": 1}, FLAG, 'term "flag"'),
    "constant text": ({"tier": "x"}, TIER, "in order"),
    "constant outcome": ({"revenue": 3.0}, {}, 'column "revenue"'),
    "constant binary": ({"bought": 1}, BINARY, 'column "bought"'),
    "no revenue at all": ({"revenue": 0.0}, {}, 'column "revenue"'),
    "constant score": ({"klout": 3.0}, {}, 'column "klout"'),
    "a text of many levels": (
        {"tier": lambda f: [f"t{at}" for at in f.index]},
        TIER,
        'column "tier" (control)',
    ),
    "the score is engagement": ({"klout": lambda f: f.likes}, {}, "linear combination of likes"),
    "the outcome is the score": ({"revenue": lambda f: f.klout}, {}, "refused"),
    "a spline of three values": (
        {"likes": lambda f: f.likes % 3},
        {"engagement__transform": "spline"},
        "knots",
    ),
    "HC3 of a row alone": (
        {"tier": lambda f: f.tier.where(f.index != 3, "rare")},
        TIER | {"inference": {"covariance": "HC3"}},
        "leverage 1",
    ),
    "two outcomes, the second separated": (
        level("bought", 1),
        TIER
        | {
            "outcome": [
                {"column": "revenue", "kind": "revenue", "sesoi": 0.05},
                {"column": "bought", "kind": "binary", "sesoi": 0.05},
            ]
        },
        '"tier" = "gold"',
    ),
    "one row with revenue": (
        {"revenue": lambda f: np.where(f.index == 5, 10.0, 0.0)},
        {},
        "in order",
    ),
}


@pytest.mark.parametrize("name", list(COLUMNS))
def test_columns(tmp_path, name):
    changed, plan, wanted = COLUMNS[name]
    assert wanted in agreed(tmp_path, table(**changed), **plan)


@pytest.mark.parametrize(("rows", "wanted"), [(11, "rows"), (12, "rows"), (14, "in order")])
def test_rows(tmp_path, rows, wanted):
    assert wanted in agreed(tmp_path, table().head(rows))


@pytest.mark.parametrize("case", ["separation-logit", "one-cluster"])
def test_the_cases(case):
    path = CASES / case / "plan.toml"
    said = told(check, path)
    assert told(analyse, path) == said
    assert {"separation-logit": '"tier" = "gold"', "one-cluster": '"shop" (cluster)'}[case] in said


LARGEST = {
    "bootstrap": ({"inference": {"bootstrap": 10**9}}, "100,000 or less"),
    "draws": ({"overlap": {"draws": 10**9}}, "10,000 or less"),
    "repeats": ({"flexible": {"repeats": 10**9}}, "100 or less"),
    "folds": ({"flexible": {"folds": 10**9}}, "20 or less"),
    "seed": ({"inference": {"seed": 10**30}}, "9,223,372,036,854,775,807 or less"),
}


@pytest.mark.parametrize("name", list(LARGEST))
def test_a_count_without_end_is_refused_with_the_largest_allowed(tmp_path, name):
    changes, allowed = LARGEST[name]
    with pytest.raises(AnalysisError, match=allowed):
        read_plan(shop.write(tmp_path, **changes))


def test_a_multiverse_without_end_is_refused(tmp_path):
    decision = {"name": "held", "subsets": [f"c{at}" for at in range(40)], "reason": "any"}
    path = shop.write(tmp_path)
    path.write_text(path.read_text() + document({"multiverse": {"decision": [decision]}}))
    with pytest.raises(AnalysisError, match="at most 100,000 are run"):
        read_plan(path)
