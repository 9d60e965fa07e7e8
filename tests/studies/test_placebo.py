"""Placebos and planted effects: what the audit does with known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import analysis as sa
from analysis.audit import analyse
from analysis.errors import DesignError
from analysis.measurement_error.correction import correct_fit, correct_term, corrected_margin
from analysis.measurement_error.measurement import measure
from analysis.measurement_error.study import study_noise
from analysis.models import fit_model
from analysis.models.columns import build_design
from analysis.models.fit import Fit
from analysis.models.glm import refit
from analysis.report.views import Audit
from analysis.results.question import Question
from analysis.studies.placebo import simulation
from analysis.studies.placebo.draws import plant, truth_behind
from analysis.studies.placebo.study import share_of, study_placebo

COLUMNS = {"continuous": "growth", "revenue": "sales", "binary": "renewed"}


def frame(n=1000, seed=1, *, reliability=0.8):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    halves = truth + rng.normal(size=(2, n)) * np.sqrt(2 * (1 - reliability) / reliability)
    effect = 0.5 * truth
    return pd.DataFrame(
        {
            "odd": halves[0],
            "even": halves[1],
            "likes": halves.mean(axis=0),
            "team": np.arange(n) % 40,
            "score": 0.7 * truth + 0.7 * rng.normal(size=n),
            "growth": effect + rng.normal(size=n),
            "sales": np.exp(1 + effect) * rng.gamma(1.5, 1 / 1.5, n) * (rng.random(n) < 0.8),
            "renewed": (rng.random(n) < 1 / (1 + np.exp(-effect))).astype(int),
        }
    )


def plan(kind="continuous", known="halves", width=0.02, **changes):
    engagement = {"columns": ["likes"]}
    if known == "halves":
        engagement["halves"] = {"likes": ["odd", "even"]}
    if known == "declared":
        engagement["reliability"] = {
            "likes": {"value": 0.8, "low": 0.8 - width, "high": 0.8 + width}
        }
    return sa.read_plan(
        {
            "name": "simulated",
            "question": "What does the audit do with known answers?",
            "dataset": "frame.csv",
            "score": {"columns": ["score"], "shares_error": "none"},
            "engagement": engagement,
            "outcome": [{"column": COLUMNS[kind], "kind": kind, "sesoi": 0.02}],
        }
        | changes
    )


def study(own, data, sample_of):
    known = own.engagement.halves
    sample = sample_of(own, data.drop(columns="likes") if known else data)
    return study_placebo(Question(sample, own.outcome[0], "score"))


def told(found):
    return {check.check: check for check in found.checks}


# --- what the draws show --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("known", ["halves", "declared"])
def test_a_right_correction_leaves_placebos_alone_and_sees_what_was_planted(kind, known, sample_of):
    checks = told(study(plan(kind, known), frame(), sample_of))
    assert checks["placebos"].passed
    assert checks["placebos"].statistic < 0.1
    assert checks["planted"].passed


@pytest.mark.parametrize("kind", ["continuous", "revenue"])
@pytest.mark.parametrize("known", ["halves", "declared"])
def test_without_the_correction_the_same_placebos_are_called_adds(
    kind, known, sample_of, monkeypatch
):
    """A correction that takes almost nothing away is a broken one: the plain fit passes worthless
    scores.
    """
    right = simulation.Simulation.errors

    def broken(self, *said, **more):
        one = right(self, *said, **more)
        return type(one)(one.terms, one.differences * 0.1, one.declared * 0.1, one.replaced)

    monkeypatch.setattr(simulation.Simulation, "errors", broken)
    check = told(study(plan(kind, known), frame(2000), sample_of))["placebos"]
    assert check.passed is False
    assert check.statistic > 0.3
    assert "passes worthless scores" in check.reason


def test_halves_under_a_rank_are_not_corrected_and_placebos_say_so(sample_of):
    own = plan(
        engagement={"columns": ["likes"], "transform": "rank", "halves": {"likes": ["odd", "even"]}}
    )
    assert told(study(own, frame(2000), sample_of))["placebos"].passed is False


def test_placebos_of_recorded_engagement_are_never_drawn(sample_of):
    found = study(plan(known="nothing"), frame(), sample_of)
    assert told(found)["placebos"].passed is None
    assert "proves nothing" in told(found)["placebos"].reason
    assert [row.term for row in found.rows] == ["planted_adds"]
    shared = plan(score={"columns": ["score"], "shares_error": "full"})
    assert told(study(shared, frame(), sample_of))["placebos"].passed is None


def test_clusters_are_kept_whole_by_the_draws(sample_of):
    """Scores and noise of teams: signs by row would make the noise of a placebo look
    independent.
    """
    rng = np.random.default_rng(5)
    data = frame(1200)
    team = rng.normal(size=(2, 40))
    data["score"] = 0.5 * data["likes"] + team[0][data["team"]] + 0.1 * rng.normal(size=1200)
    data["growth"] += team[1][data["team"]]
    checks = told(study(plan(cluster={"column": "team"}), data, sample_of))
    assert checks["placebos"].passed
    assert checks["planted"].passed


def test_quick_and_other_models_say_why_nothing_was_drawn(sample_of):
    assert "quick" in told(study(plan(quick=True), frame(), sample_of))["assay"].reason
    counts = frame().assign(growth=lambda d: np.floor(d["sales"]))
    own = plan(outcome=[{"column": "growth", "kind": "count", "sesoi": 0.05, "model": "nb2"}])
    assert "nb2" in told(study(own, counts, sample_of))["assay"].reason


def test_the_same_seed_gives_the_same_shares_and_rows_carry_their_interval(sample_of):
    first, second = (study(plan(), frame(300), sample_of) for _ in range(2))
    assert first == second
    row = first.rows[0]
    exact = stats.binomtest(round(row.estimate * 200), 200).proportion_ci(0.95, method="exact")
    assert row.interval(0.95) == pytest.approx((exact.low, exact.high), rel=1e-12)
    assert row.id == "simulated/growth/score/placebo/ols/placebo_adds"


def test_many_rows_are_drawn_from_and_the_note_says_so(sample_of, monkeypatch):
    monkeypatch.setattr(simulation, "MOST_ROWS", 500)
    found = study(plan(cluster={"column": "team"}), frame(2000), sample_of)
    assert all("seeded draw of 500 of 2,000 rows" in row.note for row in found.rows)
    assert all(row.n == 500 and row.clusters == 10 for row in found.rows)


# --- the parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("continuous", "ols"),
        ("revenue", "poisson"),
        ("revenue", "gamma"),
        ("revenue", "tweedie"),
        ("binary", "logit"),
    ],
)
@pytest.mark.parametrize("covariance", ["HC1", "HC3", "CRV1"])
def test_a_refit_is_the_fit(kind, model, covariance, sample_of, tolerance):
    own = plan(kind, "nothing", cluster={"column": "team"})
    design = build_design(sample_of(own, frame(400)), COLUMNS[kind], ("score",))
    whole = fit_model(design, model, covariance)
    level = {"ols": 0.0, "logit": 0.0}.get(model, np.log(np.abs(design.response.mean())))
    start = np.full(design.n, level)
    again = refit(design, model, covariance, start)
    assert again.params == pytest.approx(whole.params, rel=tolerance.reference, abs=1e-8)
    assert again.cov == pytest.approx(whole.cov, rel=tolerance.root)
    assert again.residuals == pytest.approx(whole.residuals, rel=tolerance.root, abs=1e-8)


def test_the_one_step_jackknife_is_exact_for_least_squares_and_close_for_others(sample_of):
    for kind, model, close in (
        ("continuous", "ols", 1e-8),
        ("revenue", "poisson", 0.05),
        ("binary", "logit", 0.05),
    ):
        design = build_design(
            sample_of(plan(kind, "nothing", cluster={"column": "team"}), frame(600)),
            COLUMNS[kind],
            ("score",),
        )
        start = (
            np.zeros(600) if model != "poisson" else np.full(600, np.log(design.response.mean()))
        )
        errors = refit(design, model, "CRV3", start).std_errors()
        assert errors == pytest.approx(fit_model(design, model, "CRV3").std_errors(), rel=close)


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("clustered", [False, True])
def test_one_corrected_term_is_that_of_the_whole_correction(kind, clustered, sample_of, tolerance):
    changes = {"cluster": {"column": "team"}} if clustered else {}
    own = plan(kind, **changes)
    sample = sample_of(own, frame(500).drop(columns="likes"))
    design = build_design(sample, COLUMNS[kind], ("score",))
    fit: Fit = fit_model(design, own.outcome[0].deciding_model, "HC1")
    errors = measure(design, halves={"likes": (sample.numbers("odd"), sample.numbers("even"))})
    whole, term = correct_fit(fit, errors), correct_term(fit, errors, "score")
    assert term.estimate == pytest.approx(whole.estimate("score"), rel=tolerance.route)
    assert term.std_error == pytest.approx(whole.std_error("score"), rel=tolerance.route)
    if kind == "binary":
        margin, own_margin = (
            corrected_margin(fit, whole, "score"),
            correct_term(fit, errors, "score", margin=True),
        )
        assert own_margin.estimate == pytest.approx(margin.estimate, rel=tolerance.route)
        assert own_margin.std_error == pytest.approx(margin.std_error, rel=tolerance.route)


def test_planting_moves_the_coefficient_by_what_was_planted():
    rng = np.random.default_rng(3)
    n = 200_000
    x = rng.normal(size=n)
    for model, fitted in (
        ("poisson", np.full(n, 2.0)),
        ("logit", np.full(n, 0.3)),
        ("ols", np.zeros(n)),
    ):
        response = {
            "poisson": rng.poisson(2.0, n) * 1.0,
            "logit": (rng.random(n) < 0.3) * 1.0,
            "ols": rng.normal(size=n),
        }
        moved = plant(response[model], 0.2 * x, model, fitted, rng)
        if model == "logit":
            assert set(np.unique(moved)) == {0.0, 1.0}
            odds = [
                np.log(moved[part].mean() / (1 - moved[part].mean())) for part in (x > 1, x < -1)
            ]
            assert odds[0] - odds[1] == pytest.approx(
                0.2 * (x[x > 1].mean() - x[x < -1].mean()), abs=0.04
            )
        elif model == "poisson":
            assert ((moved == 0) == (response[model] == 0)).all()
            assert np.log(moved[x > 1].mean() / moved[x < -1].mean()) == pytest.approx(
                0.2 * 3.05, abs=0.03
            )
        else:
            assert np.cov(moved, x)[0, 1] == pytest.approx(0.2, abs=0.01)


def test_placebos_are_audited_at_every_corner_and_for_every_set_of_shared_columns(sample_of):
    """As the verdict is: the same measurements, and no `adds` where one of them gives another
    word.
    """
    data = frame(300)
    data["views"] = 0.3 * data["likes"] + np.random.default_rng(5).normal(size=300)
    ranges = {name: {"value": 0.8, "low": 0.7, "high": 0.9} for name in ("likes", "views")}
    own = plan(
        engagement={"columns": ["likes", "views"], "reliability": ranges},
        score={"columns": ["score"], "shares_error": "unknown"},
    )
    sample = sample_of(own, data)
    bench = simulation.Simulation.of(Question(sample, sample.plan.outcome[0], "score"))
    noise = study_noise(Question(sample, sample.plan.outcome[0], "score"))
    assert len(bench.measurements) == len([m for m in noise.members if m.name == "noise"]) == 5 + 2
    fit = refit(bench.design, bench.null.model, bench.covariance, bench.predictor)
    by = bench.design.matrix[:, -1].std(ddof=1)
    made = [correct_term(fit, one, "score").estimate * by for one in bench.measurements]
    told_by_the_audit = [m.row.estimate for m in noise.members if m.name == "noise"]
    np.testing.assert_allclose(made, told_by_the_audit, rtol=1e-6)


@pytest.mark.parametrize("largest", [40.0, 800.0, np.nan])
def test_an_effect_beyond_numbers_is_refused(largest):
    """A score of zeros but for one row: whatever can be seen of it multiplies that row by more than
    a number holds.
    """
    shift = np.zeros(30)
    shift[-1] = largest
    with pytest.raises(DesignError, match="would multiply outcomes"):
        plant(np.ones(30), shift, "poisson", np.ones(30), np.random.default_rng(1))


def test_the_drawn_truth_has_the_moments_that_the_reliability_implies():
    rng = np.random.default_rng(4)
    n = 100_000
    other = rng.normal(size=n)
    recorded = 0.5 * other + rng.normal(size=n)
    matrix = np.column_stack([np.ones(n), other, recorded])
    error = np.array([[0.2 * recorded.var()]])
    drawn = truth_behind(matrix, [2], error).draw(rng)[:, 0]
    assert drawn.var() == pytest.approx(0.8 * recorded.var(), rel=0.02)
    assert np.cov(drawn, recorded)[0, 1] == pytest.approx(0.8 * recorded.var(), rel=0.02)
    assert np.cov(drawn, other)[0, 1] == pytest.approx(np.cov(recorded, other)[0, 1], rel=0.03)


def test_the_share_of_no_draws_called_has_an_interval_that_starts_at_zero():
    found = share_of(np.zeros(200, dtype=bool), 0.95)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 200), rel=1e-12)


def test_the_report_has_a_section_and_the_ledger_its_rows(tmp_path):
    audit = analyse(plan(), frame(300).drop(columns="likes"))
    assert audit.estimates.select(method="placebo").tidy()["conf_high"].notna().all()
    page = (Audit(audit).export(tmp_path / "out") / "report.html").read_text(encoding="utf-8")
    assert "What the audit does with known answers" in page
    assert "planted effects" in page


@pytest.mark.slow
@pytest.mark.parametrize("known", ["halves", "declared"])
def test_over_many_samples_placebos_are_called_adds_at_the_nominal_rate(known, sample_of):
    """The placebos of one sample share its rows, so the rate is judged over samples."""
    own = plan("continuous", known, 0.0, overlap={"draws": 100})
    shares = [told(study(own, frame(500, seed), sample_of))["placebos"] for seed in range(12)]
    mean = np.mean([check.statistic for check in shares])
    error = np.std([check.statistic for check in shares], ddof=1) / np.sqrt(len(shares))
    assert abs(mean - 0.05) < 4.5 * error + 0.01
    assert sum(check.passed is False for check in shares) <= 3


def test_a_planted_difference_in_probability_is_as_large_as_it_says(sample_of):
    """A large one, for few rows: p (1 - p) falls as the effect grows, and a slope that ignores it
    plants too little.
    """
    own = plan("binary", "nothing")
    bench = simulation.Simulation.of(Question(sample_of(own, frame(200)), own.outcome[0], "score"))
    column, effect = bench.remainder, 0.2
    slope = bench.slope_of(effect, np.zeros(200), column)
    p = 1 / (1 + np.exp(-(bench.predictor + slope * column)))
    assert slope * (p * (1 - p)).mean() == pytest.approx(effect, rel=1e-3)
    assert slope > 1.1 * effect / bench.null.weights.mean()


def test_few_rows_still_see_what_was_planted_with_power(sample_of):
    checks = told(study(plan("binary", "nothing"), frame(150, seed=4), sample_of))
    assert checks["planted"].statistic >= 0.90
