"""The design: the columns that the plan asks for, in an orthonormal basis that costs no digits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.errors import DesignError
from analysis.models.columns import build_design, restricted_cubic_spline, score_scale, transform
from analysis.models.design import Design, check_estimable, dependent_terms, orthonormal_basis
from analysis.models.glm import fit_ols

# --- transforms -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("identity", [3.0, 0.0, 8.0, 8.0]),
        ("log1p", [np.log(4), 0.0, np.log(9), np.log(9)]),
        ("sqrt", [np.sqrt(3), 0.0, np.sqrt(8), np.sqrt(8)]),
        ("rank", [0.5, 0.25, 0.875, 0.875]),  # equal values share the mean of their ranks, over n
    ],
)
def test_transforms(how, expected, tolerance):
    found = transform(np.array([3.0, 0.0, 8.0, 8.0]), how)
    np.testing.assert_allclose(found, expected, rtol=tolerance.exact)


def test_each_engagement_column_gets_its_own_transform(make_frame, plan_of, sample_of):
    frame = make_frame()
    how = {"columns": ["likes", "months"], "transform": {"likes": "sqrt"}}
    design = build_design(sample_of(plan_of(engagement=how), frame), "sales", ("klout",))
    np.testing.assert_array_equal(
        design.block("engagement"), np.column_stack([np.sqrt(frame.likes), frame.months])
    )


def test_the_score_is_transformed_before_its_standard_deviation_is_taken(
    make_frame, plan_of, sample_of, tolerance
):
    frame = make_frame()
    sample = sample_of(plan_of(score={"columns": ["klout"], "transform": "rank"}), frame)
    ranks = stats.rankdata(frame.klout) / len(frame)
    by_hand = np.sqrt(((ranks - ranks.mean()) ** 2).sum() / (len(frame) - 1))
    assert score_scale(sample, "klout") == pytest.approx(by_hand, rel=tolerance.exact)


# --- columns --------------------------------------------------------------------------------------


def test_blocks_stand_in_order_and_text_becomes_indicators(make_frame, plan_of, sample_of):
    frame = make_frame()
    assert (
        frame.region.iloc[0] != "east"
    )  # the reference is the first level in sorted order, not the first seen
    plan = plan_of(
        score={"columns": ["klout", "klout2"]}, controls={"columns": ["months", "region"]}
    )
    design = build_design(sample_of(plan, frame), "sales", ("klout", "klout2"))
    assert design.terms == (
        "intercept",
        "months",
        "region[north]",
        "region[west]",
        "likes",
        "klout",
        "klout2",
    )
    assert design.blocks == (
        "intercept",
        "control",
        "control",
        "control",
        "engagement",
        "score",
        "score",
    )
    np.testing.assert_array_equal(design.matrix[:, 0], 1.0)
    np.testing.assert_array_equal(design.matrix[:, 1], frame.months)
    np.testing.assert_array_equal(design.matrix[:, 2], frame.region == "north")
    np.testing.assert_array_equal(design.matrix[:, 3], frame.region == "west")
    np.testing.assert_array_equal(design.matrix[:, 4], np.log1p(frame.likes))
    np.testing.assert_array_equal(design.response, frame.sales)


def test_one_score_of_several_enters_alone(make_frame, plan_of, sample_of):
    sample = sample_of(plan_of(score={"columns": ["klout", "klout2"]}), make_frame())
    assert build_design(sample, "sales", ("klout2",)).terms[-2:] == ("likes", "klout2")


def test_clusters_are_codes_and_rows_are_spreadsheet_rows(make_frame, plan_of, sample_of):
    frame = make_frame(agencies=7)
    design = build_design(
        sample_of(plan_of(cluster={"column": "agency"}), frame), "sales", ("klout",)
    )
    assert design.n_clusters == 7
    assert sorted(set(design.clusters)) == list(range(7))
    together = frame.agency.to_numpy()[:, None] == frame.agency.to_numpy()
    np.testing.assert_array_equal(design.clusters[:, None] == design.clusters, together)
    np.testing.assert_array_equal(design.rows, np.arange(2, 2 + len(frame)))


def test_exposure_becomes_a_log_offset(make_frame, plan_of, sample_of):
    frame = make_frame()
    plan = plan_of("count", "leads", outcome={"exposure": "months"})
    np.testing.assert_array_equal(
        build_design(sample_of(plan, frame), "leads", ("klout",)).offset, np.log(frame.months)
    )
    assert build_design(sample_of(plan_of("count"), frame), "referrals", ("klout",)).offset is None


def test_parts_of_a_design(creators, design_of):
    design = design_of(creators, "y_cont", cluster="cluster", offset="e1")
    assert design.without("score").terms == ("(Intercept)", "e1", "e2", "x1")
    assert design.without("engagement", "control").terms == ("(Intercept)", "score")
    np.testing.assert_array_equal(design.block("engagement"), creators[["e1", "e2"]])
    some = design.take(np.array([5, 3]))
    np.testing.assert_array_equal(some.matrix, design.matrix[[5, 3]])
    for name in ("response", "clusters", "offset"):
        np.testing.assert_array_equal(getattr(some, name), getattr(design, name)[[5, 3]])
    other = design.with_response(creators.y_rev.to_numpy())
    assert other.response is not design.response
    assert other.matrix is design.matrix


# --- the orthonormal basis ------------------------------------------------------------------------


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(8, 60),
    k=st.integers(2, 6),
    shift=st.floats(-1e6, 1e6),
    power=st.integers(-12, 12),
)
def test_basis_times_triangle_is_the_matrix(seed, n, k, shift, power, tolerance):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([np.ones(n), rng.normal(size=(n, k - 1))])
    matrix[:, -1] = (matrix[:, -1] + shift) * 10.0**power
    q, t = orthonormal_basis(matrix)
    size = np.abs(matrix).max(axis=0)
    assert np.abs((q @ t - matrix) / size).max() < tolerance.exact
    assert np.abs(q.T @ q / n - np.eye(k)).max() < tolerance.exact
    np.testing.assert_array_equal(np.tril(t, -1), 0.0)


def test_basis_without_an_intercept(tolerance):
    matrix = np.random.default_rng(1).normal(size=(30, 3)) + 5
    q, t = orthonormal_basis(matrix, centre=False)
    np.testing.assert_allclose(q @ t, matrix, rtol=tolerance.exact)
    np.testing.assert_allclose(q.T @ q, 30 * np.eye(3), atol=30 * tolerance.exact)
    # The first column is not a constant: centring would put a column into the model that it does
    # not have.
    assert np.abs(q[:, 0] - q[0, 0]).max() > 0.1


@pytest.mark.parametrize(
    ("shift", "factor"),
    [(2.0**20, 1.0), (0.0, 2.0**40), (2.0**20, 2.0**40), (0.0, 1e12), (0.0, 1e-12)],
    ids=["offset of 1e6 SD", "scale 1e12", "both", "scale not a power of two", "small scale"],
)
def test_neither_offset_nor_scale_of_a_column_costs_digits(shift, factor, tolerance):
    """Values on a grid of 1/1024, so that adding 2**20 loses nothing before our code sees it."""
    rng = np.random.default_rng(2)
    e, s, y = np.round(rng.normal(size=(3, 200)) * 1024) / 1024
    y = y + 0.3 * s + e
    blocks, terms = ("intercept", "engagement", "score"), ("(Intercept)", "e", "s")

    def coefficients(e, s):
        return fit_ols(
            Design(y, np.column_stack([np.ones(200), e, s]), terms, blocks), covariance="HC3"
        )

    plain, moved = coefficients(e, s), coefficients((e + shift) * factor, s)
    assert moved.params[2] == pytest.approx(plain.params[2], rel=tolerance.route)
    assert moved.std_errors()[2] == pytest.approx(plain.std_errors()[2], rel=tolerance.route)
    assert moved.params[1] * factor == pytest.approx(plain.params[1], rel=tolerance.route)
    moved = coefficients(e, (s + shift) * factor)
    assert moved.params[2] * factor == pytest.approx(plain.params[2], rel=tolerance.route)
    assert moved.std_errors()[2] * factor == pytest.approx(
        plain.std_errors()[2], rel=tolerance.route
    )


def test_the_normal_equations_would_have_lost_those_digits():
    """The test above can fail: raw columns with such an offset leave the normal equations five
    digits or fewer.
    """
    rng = np.random.default_rng(2)
    e, s, y = np.round(rng.normal(size=(3, 200)) * 1024) / 1024
    y = y + 0.3 * s + e
    near, far = (np.column_stack([np.ones(200), e + shift, s]) for shift in (0.0, 2.0**20))
    plain, moved = (np.linalg.solve(x.T @ x, x.T @ y)[1] for x in (near, far))
    assert abs(moved / plain - 1) > 1e-5


# --- refusals -------------------------------------------------------------------------------------


def refusal(plan, frame, sample_of, scores=("klout",)):
    with pytest.raises(DesignError) as caught:
        build_design(sample_of(plan, frame), plan.outcome[0].column, scores)
    return str(caught.value)


def test_a_repeated_column_is_refused_and_both_are_named(make_frame, plan_of, sample_of):
    frame = make_frame().assign(twice=lambda f: 3 + 2 * f.months)
    message = refusal(
        plan_of(controls={"columns": ["months", "region", "twice"]}), frame, sample_of
    )
    assert 'term "twice"' in message
    assert "months" in message
    assert "region" not in message  # a column that has no part in it is not blamed


def test_a_score_made_exactly_of_engagement_is_refused(make_frame, plan_of, sample_of):
    frame = make_frame().assign(klout=lambda f: 10 + 3 * np.log1p(f.likes) - f.months)
    plan = plan_of(engagement={"columns": ["likes", "months"], "transform": {"likes": "log1p"}})
    message = refusal(plan, frame, sample_of)
    assert 'term "klout"' in message
    assert "likes, months" in message


def test_a_constant_engagement_column_is_refused(make_frame, plan_of, sample_of):
    message = refusal(plan_of(), make_frame().assign(likes=7.0), sample_of)
    assert 'term "likes"' in message
    assert "it is constant" in message


@pytest.mark.parametrize(
    ("noise", "refused"), [(0.0, True), (1e-14, True), (1e-9, False), (1e-3, False)]
)
def test_rank_is_judged_by_what_double_precision_can_tell(noise, refused):
    """At 1e-9 the columns still differ by seven digits: full rank. That it is useless is a check's
    business.
    """
    rng = np.random.default_rng(3)
    a, b, extra = rng.normal(size=(3, 50))
    matrix = np.column_stack([np.ones(50), a, b, a - 2 * b + noise * extra])
    blocks = ("intercept", "engagement", "engagement", "score")
    design = Design(rng.normal(size=50), matrix, ("(Intercept)", "a", "b", "s"), blocks)
    if refused:
        with pytest.raises(DesignError, match='term "s"'):
            check_estimable(design, "here")
    else:
        check_estimable(design, "here")


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("factor", [1.0, 1e12, 1e-12])
def test_a_well_posed_design_is_not_refused_for_its_units(shift, factor):
    rng = np.random.default_rng(4)
    matrix = np.column_stack(
        [np.ones(50), (rng.normal(size=50) + shift) * factor, rng.normal(size=50)]
    )
    design = Design(
        rng.normal(size=50), matrix, ("(Intercept)", "e", "s"), ("intercept", "engagement", "score")
    )
    check_estimable(design, "here")


def test_ten_rows_more_than_coefficients(make_frame, plan_of, sample_of):
    plan = plan_of(controls=None)  # three coefficients: intercept, likes, klout
    assert build_design(sample_of(plan, make_frame(13)), "sales", ("klout",)).n == 13
    assert "12 rows for 3 coefficients" in refusal(plan, make_frame(12), sample_of)


# --- spline ---------------------------------------------------------------------------------------


def test_spline_against_the_natural_spline_of_r(r_values, creators, tolerance):
    reference = r_values["spline"]
    e1 = creators.e1.to_numpy()
    matrix = np.column_stack([np.ones(300), restricted_cubic_spline(e1), creators.score])
    blocks = ("intercept", "engagement", "engagement", "engagement", "score")
    design = Design(
        creators.y_cont.to_numpy(), matrix, ("(Intercept)", "e[1]", "e[2]", "e[3]", "score"), blocks
    )
    fit = fit_ols(design, covariance="HC3")
    np.testing.assert_allclose(
        np.quantile(e1, [0.05, 0.35, 0.65, 0.95]), reference["knots"], rtol=tolerance.reference
    )
    np.testing.assert_allclose(fit.fitted, reference["fitted"], rtol=tolerance.reference)
    assert fit.params[4] == pytest.approx(reference["score"], rel=tolerance.reference)
    assert fit.std_errors()[4] == pytest.approx(
        reference["se_score"]["HC3"], rel=tolerance.reference
    )
    assert fit.r_squared == pytest.approx(reference["r2"], rel=tolerance.reference)


def test_spline_is_straight_outside_and_bent_between_the_outer_knots(tolerance):
    values = np.linspace(0, 100, 1001)
    columns = restricted_cubic_spline(values)
    bend = np.abs(np.diff(columns, 2, axis=0))
    inside = (values[1:-1] > 5) & (values[1:-1] < 95)
    assert bend[(values[1:-1] < 5 - 0.1) | (values[1:-1] > 95 + 0.1)].max() < tolerance.exact
    assert bend[inside][:, 1:].max() > 1e-6
    assert np.linalg.matrix_rank(np.column_stack([np.ones(1001), columns])) == 4


def test_spline_enters_the_design_as_three_named_columns(make_frame, plan_of, sample_of):
    plan = plan_of(engagement={"columns": ["likes"], "transform": "spline"}, controls=None)
    design = build_design(sample_of(plan, make_frame()), "sales", ("klout",))
    assert design.terms[1:] == ("likes[1]", "likes[2]", "likes[3]", "klout")
    assert design.blocks[1:] == ("engagement",) * 3 + ("score",)


def test_spline_refuses_a_column_that_is_mostly_one_value(make_frame, plan_of, sample_of):
    frame = make_frame()
    frame["likes"] = np.where(np.arange(len(frame)) < 300, 0.0, frame.likes)
    message = refusal(
        plan_of(engagement={"columns": ["likes"], "transform": "spline"}), frame, sample_of
    )
    assert "likes" in message
    assert "rank" in message  # what to do instead


# --- dependent columns, texts as controls ---------------------------------------------------------


def test_each_dependent_column_is_named_with_those_before_it():
    rng = np.random.default_rng(4)
    a, b, c = rng.normal(size=(3, 50))
    matrix = np.column_stack([np.ones(50), a, b, 2 * a - b, np.full(50, 7.0), c, 3 + c, a + c])
    found = dependent_terms(matrix, ("const", "a", "b", "ab", "seven", "c", "c3", "ac"))
    assert found == [
        ("ab", ["a", "b"]),
        ("seven", ["the intercept (it is constant)"]),
        ("c3", ["c"]),
        ("ac", ["a", "c"]),
    ]
    assert dependent_terms(matrix[:, [0, 1, 2, 5]], ("const", "a", "b", "c")) == []


def test_a_text_of_which_most_have_a_row_or_two_is_no_control(make_frame, plan_of, sample_of):
    frame = make_frame()
    groups = (np.arange(len(frame)) % (len(frame) // 4)).astype(str)
    named = frame.assign(joined=np.char.add("on ", groups))
    plan = plan_of(controls={"columns": ["joined"]})
    assert build_design(sample_of(plan, named), "sales", ("klout",)).k > len(frame) // 4
    named["joined"] = [f"on {row}" for row in range(len(frame))]
    with pytest.raises(DesignError, match="different texts in"):
        build_design(sample_of(plan, named), "sales", ("klout",))
