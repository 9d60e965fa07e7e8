"""The share of what is explained that is known without the score, against R's rms and itself."""

import json

import numpy as np
import pytest

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.adequacy import adequacy
from analysis.models.design import Design
from analysis.models.sufficient_statistics.resampling import multiplicities, seeded_draws

COLUMNS = ("(Intercept)", "e1", "e2", "x1", "score")
RESPONSES = {
    "ols": "y_cont",
    "logit": "y_bin",
    "poisson_rev": "y_rev",
    "poisson_count": "y_count",
    "gamma": "y_rev",
    "nb2": "y_count",
}


@pytest.fixture(scope="module")
def rms(root):
    return json.loads((root / "tests/reference/adequacy_values.json").read_text("utf-8"))


@pytest.mark.parametrize("name", RESPONSES)
def test_it_is_what_rms_says(name, rms, creators, design_of, tolerance):
    frame = creators[creators.y_rev > 0] if name == "gamma" else creators
    design = design_of(frame, RESPONSES[name], COLUMNS)
    found = adequacy(fit_model(design, name.partition("_")[0], "HC1"), replicates=99)
    assert found.explained == pytest.approx(rms[name]["full"], rel=tolerance.reference)
    assert found.reduced == pytest.approx(rms[name]["reduced"], rel=tolerance.reference)
    assert found.known == pytest.approx(rms[name]["adequacy"], rel=tolerance.reference)


def world(n, *, model="ols", effect=0.4, rng=None, clusters=0):
    """Return a design whose score and engagement are correlated .5."""
    rng = rng or np.random.default_rng(n)
    engagement = rng.normal(size=n)
    score = 0.5 * engagement + np.sqrt(0.75) * rng.normal(size=n)
    at = 0.5 * engagement + effect * score
    codes = None
    if clusters:
        codes = np.arange(n) % clusters
        score = score + rng.normal(size=clusters)[codes]
        at = at + rng.normal(size=clusters)[codes]
    draw = {
        "ols": lambda: at + rng.normal(size=n),
        "logit": lambda: (rng.random(n) < 1 / (1 + np.exp(-at))).astype(float),
        "poisson": lambda: rng.poisson(np.exp(at)).astype(float),
        "gamma": lambda: np.exp(at) * rng.gamma(2.0, 0.5, size=n),
        "tweedie": lambda: np.exp(at) * rng.gamma(2.0, 0.5, size=n) * (rng.random(n) < 0.8),
        "nb2": lambda: rng.poisson(np.exp(at) * rng.gamma(2.0, 0.5, size=n)).astype(float),
        "hurdle": lambda: np.exp(at) * rng.gamma(2.0, 0.5, size=n) * (rng.random(n) < 0.6),
    }
    return Design(
        draw[model](),
        np.column_stack([np.ones(n), engagement, score]),
        ("(Intercept)", "likes", "klout"),
        ("intercept", "engagement", "score"),
        codes,
    )


@pytest.mark.parametrize("model", ["ols", "logit", "poisson", "gamma", "tweedie", "nb2", "hurdle"])
def test_every_model_has_a_share_with_an_interval(model):
    found = adequacy(fit_model(world(800, model=model), model, "HC1"), replicates=399)
    low, high = found.interval(0.95)
    assert found.known + found.new == pytest.approx(1.0)
    assert 0 <= low < found.new < high <= 1
    assert found.new == pytest.approx((found.root**2).sum() / found.explained)
    assert len(found.root) == (2 if model == "hurdle" else 1)


def test_a_hurdle_of_counts_has_both_likelihoods():
    design = world(800, model="nb2")
    found = adequacy(fit_model(design, "hurdle", "HC1", counts=True), counts=True, replicates=99)
    assert 0 < found.new < 1


def test_least_squares_takes_the_exact_step(tolerance):
    """A sample in which a row is there twice is a fit of these rows."""
    design = world(200)
    whole = adequacy(fit_model(design, "ols", "HC1"), replicates=3, seed=5)
    (_, weights), *_ = seeded_draws(200, 3, 5, multiplicities)
    samples = [design.take(np.repeat(np.arange(200), w.astype(int))) for w in weights]
    again = [adequacy(fit_model(one, "ols", "HC1"), replicates=1) for one in samples]
    roots, totals = zip(*((one.root[0], one.explained) for one in again), strict=True)
    assert whole.roots[:, 0] == pytest.approx(list(roots), rel=tolerance.route)
    of_all = np.array(totals) * whole.explained / np.mean(totals)
    assert whole.totals == pytest.approx(of_all, rel=tolerance.route)


@pytest.mark.parametrize("model", ["logit", "poisson", "gamma"])
def test_one_step_is_close_to_the_fit_of_the_sample(model):
    design = world(600, model=model)
    whole = adequacy(fit_model(design, model, "HC1"), replicates=60, seed=5)
    (_, weights), *_ = seeded_draws(600, 60, 5, multiplicities)
    again = [
        adequacy(
            fit_model(design.take(np.repeat(np.arange(600), w.astype(int))), model, "HC1"),
            replicates=1,
        ).root[0]
        for w in weights
    ]
    steps, spread = whole.roots[:, 0], np.std(again)
    assert np.corrcoef(steps, again)[0, 1] > 0.97
    assert np.std(steps) == pytest.approx(spread, rel=0.15)
    assert abs(np.mean(steps) - np.mean(again)) < 0.4 * spread


def test_it_knows_the_population_share():
    """y = e / 2 + 2 s / 5 + noise: the logarithms of residual variances are known."""
    design = world(40_000)
    found = adequacy(fit_model(design, "ols", "HC1"), replicates=199)
    without = 1 + 0.16 * 0.75  # var(s | e) = 3 / 4
    total = 1 + 0.25 + 0.16 + 2 * 0.5 * 0.4 * 0.5
    truth = np.log(without) / np.log(total)
    low, high = found.interval(0.95)
    assert low < truth < high
    assert found.new == pytest.approx(truth, abs=0.02)


def test_a_worthless_score_has_an_interval_from_zero_and_a_share_by_chance():
    found = adequacy(fit_model(world(500, effect=0.0), "ols", "HC1"), replicates=499)
    assert found.interval(0.95)[0] == 0
    assert found.by_chance * found.explained == pytest.approx(1.0, abs=0.2)


def test_clusters_are_resampled_whole():
    design = world(600, clusters=30)
    rows = Design(design.response, design.matrix, design.terms, design.blocks)
    spans = [
        np.diff(adequacy(fit_model(one, "ols", "HC1"), replicates=499).interval(0.95))[0]
        for one in (design, rows)
    ]
    assert spans[0] > 1.5 * spans[1]


def test_nothing_explained_is_refused():
    flat = world(200).with_response(np.zeros(200))
    with pytest.raises(DesignError, match="nothing of the outcome"):
        adequacy(fit_model(flat, "ols", "HC1"), replicates=9)
