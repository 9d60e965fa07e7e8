"""Heavy tails: the index, the bootstrap interval, and the rule for `adds`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.models import fit_pml
from analysis.models.design import Design
from analysis.models.sufficient_statistics.resampling import multiplicities
from analysis.studies.heavy_tails import study as tails
from analysis.studies.heavy_tails.tail import bootstrap_t, hill_index, top_share


@pytest.mark.parametrize("index", [1.2, 1.8, 3.0])
def test_hill_recovers_a_pareto(index):
    values = np.random.default_rng(1).pareto(index, 50_000) + 1
    assert hill_index(values) == pytest.approx(index, rel=0.1)


def test_hill_of_too_few_or_equal_values_is_none():
    assert hill_index(np.arange(5.0)) is None
    assert hill_index(np.ones(1000)) is None


def test_top_share_of_equal_values_is_the_share():
    assert top_share(np.ones(1000)) == pytest.approx(0.01)


def design_of(seed, n=250, clusters=None):
    rng = np.random.default_rng(seed)
    likes, score = rng.normal(size=(2, n))
    y = rng.gamma(1, np.exp(1 + 0.4 * likes))
    matrix = np.column_stack([np.ones(n), likes, score])
    return Design(
        y,
        matrix,
        ("intercept", "likes", "score"),
        ("intercept", "engagement", "score"),
        clusters=clusters,
    )


def test_the_bootstrap_interval_is_close_to_the_sandwich_where_tails_are_light():
    fit = fit_pml(design_of(1, n=2000), covariance="HC1")
    low, high = bootstrap_t(fit, "score", replicates=499, seed=1).interval(0.95)
    half = 1.96 * fit.std_errors()[2]
    assert low == pytest.approx(fit.params[2] - half, abs=0.35 * half)
    assert high == pytest.approx(fit.params[2] + half, abs=0.35 * half)


def test_clusters_are_drawn_whole():
    clusters = np.repeat(np.arange(50), 5)
    fit = fit_pml(design_of(2, clusters=clusters), covariance="CRV1")
    low, high = bootstrap_t(fit, "score", replicates=299, seed=1).interval(0.95)
    assert low < fit.params[2] < high


def test_the_bootstrap_interval_covers():
    """60 draws of a true zero: fewer than 50 covered would have probability .0003 at coverage
    .95.
    """
    covered = 0
    for seed in range(60):
        fit = fit_pml(design_of(100 + seed), covariance="HC1")
        low, high = bootstrap_t(fit, "score", replicates=199, seed=seed).interval(0.95)
        covered += low <= 0 <= high
    assert covered >= 50


@pytest.mark.parametrize("family", ["poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("clustered", [False, True])
def test_each_draw_is_the_fit_of_its_rows(family, clustered):
    """The second route: the same draws, each fitted on the rows that were drawn."""
    clusters = np.random.default_rng(8).integers(12, size=150) if clustered else None
    kind = "CRV1" if clustered else "HC1"
    fit = fit_pml(design_of(6, n=150, clusters=clusters), family=family, covariance=kind)
    found = bootstrap_t(fit, "score", replicates=6, seed=9)
    groups = 12 if clustered else 150
    drawn = multiplicities(np.random.default_rng(9).spawn(1)[0], 6, groups).astype(int)
    assert found.std_error == pytest.approx(fit.std_errors()[2], rel=1e-10)
    for times, value in zip(drawn, found.values, strict=True):
        design = fit.design
        if clustered:
            taken = np.repeat(np.arange(12), times)
            rows = np.concatenate([np.flatnonzero(clusters == group) for group in taken])
            anew = np.concatenate(
                [np.full((clusters == group).sum(), at) for at, group in enumerate(taken)]
            )
            again = replace(design.take(rows), clusters=anew)
        else:
            again = design.take(np.repeat(np.arange(150), times))
        other = fit_pml(again, family=family, covariance=kind)
        # n differs between draws of clusters, which the fast route leaves out of the small-sample
        # factor.
        expected = (other.params[2] - fit.params[2]) / other.std_errors()[2]
        assert value == pytest.approx(expected, rel=1e-2 if clustered else 1e-5)


def test_the_bootstrap_stands_beside_the_deciding_row(make_frame, plan_of):
    found = analyse(plan_of(inference={"bootstrap": 199}), make_frame())
    row = found.estimates.one(method="increment", model="poisson", variant="bootstrap-t")
    plain = found.estimates.one(method="increment", model="poisson", term="klout", variant="")
    assert row.estimate == pytest.approx(plain.estimate)
    assert (
        row.interval(0.95)[0]
        < row.interval(0.90)[0]
        < row.estimate
        < row.interval(0.90)[1]
        < row.interval(0.95)[1]
    )
    assert (row.interval(0.95)[0] > 0) == (row.p_value < 0.05)
    raw = found.estimates.one(method="increment", model="poisson", variant="bootstrap-t-raw")
    assert raw.statistic == row.statistic


def test_a_quick_plan_says_that_there_was_no_bootstrap(make_frame, plan_of):
    found = analyse(plan_of(quick=True), make_frame())
    assert not [row for row in found.estimates if "bootstrap" in row.variant]
    (check,) = [check for check in found.checks if check.check == "bootstrap_t"]
    assert check.reason.startswith("The plan says quick")


def test_fewer_draws_of_very_many_rows_are_no_missing_ones(make_frame, plan_of, monkeypatch):
    monkeypatch.setattr(tails, "VERY_LARGE", 50)
    monkeypatch.setattr(tails, "FEWER_REPLICATES", 60)
    found = analyse(plan_of(inference={"bootstrap": 199}), make_frame())
    row = found.estimates.one(method="increment", model="poisson", variant="bootstrap-t")
    assert "60 draws of rows" in row.note
    assert not [check for check in found.checks if check.check == "bootstrap_t"]


def audit(sales, score, likes, **changes):
    frame = pd.DataFrame({"sales": sales, "score": score, "likes": likes})
    plan = {
        "name": "tails",
        "question": "Whales?",
        "dataset": "f.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"]},
        "inference": {"bootstrap": 199},
        "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}],
    }
    return analyse(plan | changes, frame)


def world(effect, index, seed=4, n=600):
    rng = np.random.default_rng(seed)
    likes, score = rng.normal(size=(2, n))
    return np.exp(1 + 0.3 * likes + effect * score) * (rng.pareto(index, n) + 0.1), score, likes


def test_a_light_tail_changes_nothing():
    rng = np.random.default_rng(1)
    likes, score = rng.normal(size=(2, 600))
    found = audit(rng.gamma(5, np.exp(1 + 0.4 * score)), score, likes)
    (check,) = [check for check in found.checks if check.check == "tail"]
    assert check.passed is True
    assert found.verdict_on().verdict == "adds"


def test_under_a_heavy_tail_adds_needs_gamma_and_the_bootstrap():
    words = []
    for seed in range(12):
        found = audit(*world(0.0, 1.1, seed=seed))
        (check,) = [check for check in found.checks if check.check == "tail"]
        assert check.passed is False
        words.append(found.verdict_on().verdict)
    assert words.count("adds") <= 3
    strong = audit(*world(1.2, 1.5, n=2000)).verdict_on()
    said = " ".join(strong.reasons)
    assert ("Gamma-PML and a bootstrap interval say the same" in said) == (strong.verdict == "adds")


def test_the_bootstrap_that_the_verdict_asks_for_is_run_also_in_a_quick_plan():
    full, quick = (audit(*world(1.2, 1.5, n=800), quick=quick) for quick in (False, True))
    for found in (full, quick):
        assert found.estimates.one(variant="bootstrap-t").intervals
    one, other = full.verdict_on(), quick.verdict_on()
    assert (one.verdict, one.direction) == (other.verdict, other.direction)


def test_the_rule_is_for_revenue_only():
    sales, score, likes = world(0.0, 1.1)
    found = audit(
        sales, score, likes, outcome=[{"column": "sales", "kind": "continuous", "sesoi": 1.0}]
    )
    assert not [check for check in found.checks if check.check == "tail"]
