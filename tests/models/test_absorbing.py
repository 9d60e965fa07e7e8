"""Controls of many levels, absorbed: the same numbers as with an indicator of each level."""

import numpy as np
import pandas as pd
import pytest

import analysis.models.columns
from analysis.audit import analyse, check
from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.absorbing import absorbed
from analysis.models.design import Design

TERMS = ("const", "likes", "views", "score")
BLOCKS = ("intercept", "engagement", "engagement", "score")


def designs(clustered, *, levels=60, n=2000, second=0):
    """Return the equation with indicators of the levels, and with the levels absorbed."""
    rng = np.random.default_rng(1)
    level, other = rng.integers(0, levels, n), rng.integers(0, second or 1, n)
    effect = rng.normal(size=levels)[level]
    x = rng.normal(size=(n, 3)) + 0.5 * effect[:, None]
    y = rng.gamma(2, np.exp(0.3 * x[:, 0] + 0.1 * x[:, 2] + effect) / 2) * (rng.random(n) < 0.8)
    clusters = rng.integers(0, 40, n) if clustered else None
    plain = Design(y, np.column_stack([np.ones(n), x]), TERMS, BLOCKS, clusters=clusters)
    codes = [level, other] if second else [level]
    flags = [(c[:, None] == np.arange(1, c.max() + 1)) * 1.0 for c in codes]
    flags = np.column_stack(flags)
    dense = Design(
        y,
        np.column_stack([np.ones(n), flags, x]),
        ("const", *(f"level {at}" for at in range(flags.shape[1])), *TERMS[1:]),
        ("intercept", *["control"] * flags.shape[1], *BLOCKS[1:]),
        clusters=clusters,
    )
    return dense, absorbed(plain, tuple(codes), tuple("ab"[: len(codes)]), None)


@pytest.mark.parametrize("model", ["ols", "poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"])
@pytest.mark.parametrize("left_out", [(), ("engagement",)])
def test_slopes_and_errors_are_those_with_indicators(model, kind, left_out, tolerance):
    if model == "gamma" and kind in ("HC2", "CRV3"):
        pytest.skip("as tweedie")
    pair = designs(kind.startswith("CRV"))
    if model == "gamma":
        pair = [design.with_response(design.outcome + 0.1) for design in pair]
    fits = [fit_model(design.without(*left_out), model, kind) for design in pair]
    ones, others = (fit.coefficient("score") for fit in fits)
    assert others == pytest.approx(ones, rel=tolerance.reference)
    assert fits[1].df == fits[0].df
    assert fits[1].deviance == pytest.approx(fits[0].deviance, rel=tolerance.reference)
    assert fits[1].null_deviance == pytest.approx(fits[0].null_deviance, rel=tolerance.reference)
    assert fits[1].fitted == pytest.approx(fits[0].fitted, rel=1e-6)


def test_two_controls_of_many_levels_are_absorbed_at_once(tolerance):
    for model in ("ols", "poisson"):
        fits = [fit_model(design, model, "CRV1") for design in designs(True, second=30)]
        ones, others = (fit.coefficient("score") for fit in fits)
        assert others == pytest.approx(ones, rel=tolerance.reference)
    with pytest.raises(DesignError, match="two controls of many levels"):
        fit_model(designs(False, second=30)[1], "ols", "HC3")


def test_a_column_that_the_levels_determine_is_refused():
    rng = np.random.default_rng(2)
    level = rng.integers(0, 50, 900)
    matrix = np.column_stack([np.ones(900), rng.normal(size=900), level % 7])
    plain = Design(
        rng.normal(size=900), matrix, ("const", "likes", "score"), BLOCKS[:2] + BLOCKS[3:]
    )
    with pytest.raises(DesignError, match="the same in all rows of a level of village"):
        absorbed(plain, (level,), ("village",), None)


def shops(n=1200, levels=40):
    rng = np.random.default_rng(3)
    talent, level = rng.normal(size=n), rng.integers(0, levels, n)
    effect = 0.5 * rng.normal(size=levels)[level]
    data = pd.DataFrame({"score": talent + effect + 1.5 * rng.normal(size=n)})
    for name in ("likes", "views"):
        data[name] = np.floor(np.exp(3 + 0.7 * talent + effect + 0.6 * rng.normal(size=n)))
    data["revenue"] = np.exp(1 + 0.6 * talent + effect + 0.7 * rng.normal(size=n)).round(2)
    return data.assign(village=[f"v{at}" for at in level], shop=rng.integers(0, 100, n))


def content(kind, **changes):
    return {
        "name": "villages",
        "question": "?",
        "dataset": "villages.csv",
        "quick": True,
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes", "views"], "transform": "log1p"},
        "controls": {"columns": ["village"]},
        "outcome": [{"column": "revenue", "kind": kind, "sesoi": 0.05}],
    } | changes


@pytest.mark.parametrize("kind", ["revenue", "continuous"])
@pytest.mark.parametrize("clustered", [True, False])
def test_an_audit_has_the_numbers_that_indicators_give(kind, clustered, monkeypatch):
    """All but what is said not to be worked out; members of the deciding set among them."""
    own = content(kind, **({"cluster": {"column": "shop"}} if clustered else {}))
    own["engagement"] = own["engagement"] | {"reliability": {"likes": 0.9, "views": 0.9}}
    found = []
    for most in (10**9, 20):
        monkeypatch.setattr(analysis.models.columns, "MOST_COLUMNS", most)
        found.append(analyse(own, shops()))
    dense, few = ({row.id: row for row in one.estimates} for one in found)
    assert {"increment", "raw", "corrected", "reliability"} <= {r.method for r in few.values()}
    assert few.keys() <= dense.keys()
    assert any(row.variant == "form" for row in few.values())
    for name, row in few.items():
        if row.method == "tipping-point":
            continue  # of the word, which fewer members give
        for at in ("estimate", "std_error", "statistic", "df"):
            one, other = getattr(dense[name], at), getattr(row, at)
            assert other == (one if one is None else pytest.approx(one, rel=1e-6, abs=1e-9)), name
    told = next(one for one in found[1].checks if one.check == "absorbed_levels")
    assert told.status == "not assessed"
    assert "40 levels of village are absorbed" in told.reason
    assert not any(one.check == "absorbed_levels" for one in found[0].checks)
    assert found[1].decided[0].verdict == "inconclusive"  # noise decides, and is not all known


def test_exact_engagement_is_decided_beside_many_levels(monkeypatch):
    monkeypatch.setattr(analysis.models.columns, "MOST_COLUMNS", 20)
    engagement = {"columns": ["likes", "views"], "transform": "log1p", "exact": ["likes", "views"]}
    found = analyse(content("revenue", engagement=engagement), shops())
    assert found.decided[0].verdict == "adds"
    shares = next(one for one in found.checks if one.check == "reconstructability")
    monkeypatch.setattr(analysis.models.columns, "MOST_COLUMNS", 10**9)
    dense = analyse(content("revenue", engagement=engagement), shops())
    assert dense.decided[0].verdict == "adds"
    other = next(one for one in dense.checks if one.check == "reconstructability")
    assert shares.reason == other.reason


def test_two_thousand_levels_are_told_as_one_term():
    data = shops(9000, 2000)
    levels = data["village"].nunique()
    terms = check(content("continuous"), data).terms["revenue"]
    assert terms[1:] == (f"village ({levels:,} levels)", "likes", "views", "score")
