"""Effects by segment: each is the fit of its own rows, and what travels is said so."""

import numpy as np
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.models import fit_model
from analysis.models.columns import build_design, score_scale
from analysis.models.family import FAMILIES
from analysis.results.question import Question
from analysis.studies.segments.study import Segments, study_segments


@pytest.fixture(scope="module")
def shops(make_frame):
    """Six industries; the score works in the first only."""
    frame = make_frame(2400, klout=0.0)
    frame["industry"] = [f"industry {i % 6}" for i in range(len(frame))]
    works = frame["industry"] == "industry 0"
    frame.loc[works, "sales"] *= np.exp(0.05 * (frame.loc[works, "klout"] - 50))
    return frame


def found(plan, frame):
    sample = select_sample(plan, from_frame(frame))
    return sample, study_segments(Question(sample, plan.outcome[0], "klout"))


def row(rows, term, variant="", model=None):
    (one,) = [
        r for r in rows if r.term == term and r.variant == variant and model in (None, r.model)
    ]
    return one


def test_a_segment_is_the_fit_of_its_rows(plan_of, shops, tolerance):
    plan = plan_of(segment={"column": "industry"})
    sample, seen = found(plan, shops)
    design = build_design(sample, "sales", ("klout",))
    rows = shops["industry"].to_numpy() == "industry 3"
    fit = fit_model(design.take(rows), "poisson", "HC3")
    ours, by = row(seen.rows, "industry 3"), score_scale(sample, "klout")
    assert ours.estimate == pytest.approx(fit.params[-1] * by, rel=tolerance.route)
    assert ours.std_error == pytest.approx(fit.std_errors()[-1] * by, rel=tolerance.route)
    assert ours.n == rows.sum()


def test_what_works_in_one_industry_proves_nothing_for_another(plan_of, shops):
    plan = plan_of(segment={"column": "industry", "without": "industry 0"})
    _, seen = found(plan, shops)
    assert row(seen.rows, "industry 0").interval(0.95)[0] > 0
    low, high = row(seen.rows, "prediction_interval").bounds
    assert low < 0 < high
    (check,) = [c for c in seen.checks if c.check == "transport"]
    assert check.passed is False
    rest = row(seen.rows, "pooled", "without-industry 0").interval(0.95)
    assert rest[0] < 0 < rest[1]


def test_an_effect_that_is_everywhere_travels(plan_of, make_frame):
    frame = make_frame(6000, klout=0.06)
    frame["industry"] = [f"industry {i % 8}" for i in range(len(frame))]
    _, seen = found(plan_of(segment={"column": "industry"}), frame)
    assert row(seen.rows, "prediction_interval").bounds[0] > 0
    assert row(seen.rows, "gain").estimate > 0
    assert next(c for c in seen.checks if c.check == "transport").passed


@pytest.mark.parametrize(
    ("kind", "unit"), [("count", "percent"), ("binary", "points"), ("continuous", "outcome")]
)
def test_every_kind_of_outcome(plan_of, make_frame, kind, unit):
    frame = make_frame(1500)
    frame["industry"] = [f"industry {i % 5}" for i in range(len(frame))]
    _, seen = found(plan_of(kind, segment={"column": "industry"}), frame)
    assert row(seen.rows, "pooled").unit == unit
    assert len([r for r in seen.rows if r.model not in ("hartung-knapp", "left-out")]) == 5


def test_the_left_out_gain_is_one_direct_fit(plan_of, shops, tolerance):
    plan = plan_of(segment={"column": "industry"}, controls=None)
    sample, seen = found(plan, shops)
    design, test = (
        build_design(sample, "sales", ("klout",)),
        shops["industry"].to_numpy() == "industry 2",
    )
    losses = []
    for full in (True, False):
        d = design if full else design.without("score")
        fit = fit_model(d.take(~test), "poisson", "HC1")
        losses.append(FAMILIES["poisson"].deviance(d.response[test], d.matrix[test] @ fit.params))
    null = FAMILIES["poisson"].deviance(
        design.response[test], np.full(test.sum(), np.log(design.response[~test].mean()))
    )
    assert row(seen.rows, "gain:industry 2").estimate == pytest.approx(
        (losses[1] - losses[0]) / null, rel=1e-8
    )


def test_deviances_are_those_of_statsmodels():
    from statsmodels.genmod.families import Gamma, Poisson, Tweedie

    rng = np.random.default_rng(1)
    mean, y = np.exp(rng.normal(size=50)), rng.poisson(1.0, 50).astype(float)
    assert FAMILIES["poisson"].deviance(y, np.log(mean)) == pytest.approx(
        Poisson().deviance(y, mean)
    )
    assert FAMILIES["tweedie"].deviance(y, np.log(mean)) == pytest.approx(
        Tweedie(var_power=1.5).deviance(y, mean)
    )
    assert FAMILIES["gamma"].deviance(y + 1, np.log(mean)) == pytest.approx(
        Gamma().deviance(y + 1, mean)
    )


def test_small_segments_are_named_with_their_reason(plan_of, shops):
    frame = shops.copy()
    frame.loc[frame.index[:5], "industry"] = "kiosks"
    _, seen = found(plan_of(segment={"column": "industry"}), frame)
    (check,) = [c for c in seen.checks if c.check == "segments"]
    assert check.passed is False
    assert "kiosks" in check.reason
    assert "5 rows" in check.reason


def test_halves_correct_each_segment(plan_of, make_frame):
    rng = np.random.default_rng(3)
    frame = make_frame(3000, klout=0.0)
    truth = np.log1p(frame["likes"])
    frame["odd"], frame["even"] = (
        np.expm1(truth + 0.4 * rng.normal(size=len(frame))) for _ in range(2)
    )
    frame["industry"] = [f"industry {i % 5}" for i in range(len(frame))]
    engagement = {
        "columns": ["recorded"],
        "transform": "log1p",
        "halves": {"recorded": ["odd", "even"]},
    }
    frame[["odd", "even"]] = frame[["odd", "even"]].clip(lower=0)
    _, seen = found(plan_of(segment={"column": "industry"}, engagement=engagement), frame)
    assert row(seen.rows, "industry 1").note == "corrected for noise in engagement"
    assert row(seen.rows, "industry 1").df is None


def test_a_control_may_be_the_segment(plan_of, make_frame):
    _, seen = found(plan_of(segment={"column": "region"}), make_frame(900))
    assert {r.term for r in seen.rows if r.model == "poisson"} == {"east", "north", "west"}


def test_the_whole_audit_says_it(plan_of, shops):
    audit = analyse(plan_of(segment={"column": "industry", "without": "industry 0"}), data=shops)
    from analysis.report.html import sections_of

    section = sections_of(audit)["segments"]
    assert "proves nothing" in section.paragraphs[0]
    assert "Without industry 0" in section.paragraphs[0]
    assert len(section.tables[0].rows) == 7
    assert "industry 3" in section.figures[0].alt


def test_a_column_has_one_role(plan_of):
    with pytest.raises(sa.AnalysisError, match="one role"):
        plan_of(segment={"column": "klout"})


def test_segments_that_share_clusters_err_together_as_one_crossed_fit_says(
    plan_of, make_frame, tolerance
):
    """The joint covariance of the effects is that of one least-squares fit with a line for every
    segment.
    """
    frame = make_frame(900)
    frame["industry"] = [f"industry {i % 3}" for i in range(len(frame))]
    plan = plan_of(
        "continuous", segment={"column": "industry"}, cluster={"column": "agency"}, controls=None
    )
    sample, seen = found(plan, frame)
    study = Segments(sample, plan.outcome[0], "klout")
    assert study.shared
    segments, _ = study.segments()
    sums = np.column_stack([segment.sums for segment in segments])
    crossed = []
    for name in ("industry 0", "industry 1", "industry 2"):
        here = (frame["industry"] == name).to_numpy(float)[:, None]
        crossed.append(study.design.matrix * here)
    x = np.column_stack(crossed)
    inverse = np.linalg.inv(x.T @ x)
    left = study.design.response - x @ (inverse @ x.T @ study.design.response)
    scores = np.vstack(
        [(x * left[:, None])[study.design.clusters == g].sum(axis=0) for g in range(60)]
    )
    at = [2, 5, 8]
    wanted = (inverse @ scores.T @ scores @ inverse)[np.ix_(at, at)]
    assert sums.T @ sums == pytest.approx(wanted, rel=1e-8)
    pooled = row(seen.rows, "pooled")
    assert "err together, by the clusters that they share" in pooled.note


def test_segments_of_whole_clusters_are_pooled_as_independent(plan_of, make_frame):
    frame = make_frame(1200)
    frame["industry"] = [
        "industry " + str(int(agency.split()[1]) % 3) for agency in frame["agency"]
    ]
    _, seen = found(plan_of(segment={"column": "industry"}, cluster={"column": "agency"}), frame)
    assert "err together" not in row(seen.rows, "pooled").note


def test_shared_clusters_of_every_kind(plan_of, make_frame):
    frame = make_frame(1500)
    frame["industry"] = [f"industry {i % 5}" for i in range(len(frame))]
    for kind in ("binary", "count"):
        plan = plan_of(
            kind,
            segment={"column": "industry"},
            cluster={"column": "agency"},
            inference={"covariance": "CRV1"},
        )
        sample = select_sample(plan, from_frame(frame))
        study = Segments(sample, plan.outcome[0], "klout")
        for segment in study.segments()[
            0
        ]:  # influence squares to the segment's variance, but for the factor of CRV1
            own = study.by**2 * (segment.sums**2).sum() / segment.effect.std_error**2
            assert 0.9 < own < 1.0, kind
