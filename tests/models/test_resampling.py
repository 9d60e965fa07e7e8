"""Bootstrap, permutation and cross-validation from moments against refits from the rows."""

import itertools

import direct
import numpy as np
import pytest
import statsmodels.api as sm
from direct import SAME, creators
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import RepeatedKFold, cross_val_score

from analysis.errors import AnalysisError
from analysis.models.sufficient_statistics.draws import cross_validate, repeated_folds
from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.resampling import (
    bootstrap_clusters,
    multiplicities,
    permute_rows,
    wild_bootstrap,
    wild_statistics,
)
from analysis.multiverse.joint_tests import effective_scores, flip_signs, joint_test

SUBSETS = [("e1", "e2", "e3"), ("e1",), ()]


def fitted(n=400, g=25, seed=0, null=False, **groups):
    table, names, codes = creators(n, g, seed)
    if null:
        table[:, 4] -= 0.3 * table[:, 3]
    moments = sufficient_statistics(table, names, groups={"cluster": codes} | groups)
    fits = fit_subsets(
        moments,
        SUBSETS,
        outcome="y",
        term="s",
        covariance=["classical", "HC1", "CRV1"],
        cluster="cluster",
    )
    return fits, table, names, codes


def columns(names, subset):
    return [names.index(name) for name in subset]


def test_pairs_bootstrap_is_a_weighted_refit():
    fits, table, names, codes = fitted()
    boot = bootstrap_clusters(fits, "cluster", replicates=6, seed=11)
    weights = multiplicities(np.random.default_rng(11).spawn(1)[0], 6, 25)
    assert (weights.sum(axis=1) == 25).all()
    for b, (i, subset) in itertools.product(range(6), enumerate(SUBSETS)):
        x, w = direct.design(table, columns(names, subset), 3), weights[b][codes]
        full, base = (sm.WLS(table[:, 4], part, weights=w).fit() for part in (x, x[:, :-1]))
        assert boot.estimate[i, b] == pytest.approx(full.params[-1], rel=SAME)
        assert boot.delta_r2[i, b] == pytest.approx(
            full.rsquared - base.rsquared, rel=1e-7, abs=1e-12
        )


def test_pairs_bootstrap_error_is_near_the_cluster_error():
    fits, *_ = fitted(2000, 100, seed=1)
    boot = bootstrap_clusters(fits, "cluster", replicates=4000, seed=1)
    np.testing.assert_allclose(boot.std_error, fits.std_error["CRV1"], rtol=0.06)
    low, high = boot.interval(0.95).T
    assert ((low < fits.estimate) & (fits.estimate < high)).all()
    np.testing.assert_allclose((high - low) / boot.std_error, 3.92, rtol=0.05)
    assert boot.interval(0.9, of="delta_r2").shape == (3, 2)


def test_same_seed_same_digits_whatever_else_is_asked():
    fits, table, names, codes = fitted(seed=2)
    whole = bootstrap_clusters(fits, "cluster", replicates=2500, seed=5)
    moments = sufficient_statistics(table, names, groups={"cluster": codes}, block_rows=37)
    alone = fit_subsets(moments, SUBSETS[:1], outcome="y", term="s")
    again = bootstrap_clusters(alone, "cluster", replicates=2500, seed=np.random.default_rng(5))
    np.testing.assert_allclose(again.estimate[0], whole.estimate[0], rtol=1e-12)
    assert (
        wild_bootstrap(fits, "cluster", replicates=3000, seed=1).null[:2048]
        == wild_bootstrap(fits, "cluster", replicates=2048, seed=1).null
    ).all()


def test_same_digits_with_one_thread_and_two():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    found = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            fits, *_ = fitted(20_000, 300, seed=3)
            boot = bootstrap_clusters(fits, "cluster", replicates=500, seed=2)
            null = joint_test(fits, "cluster", replicates=100, seed=2).null
            found.append(
                [boot.estimate, boot.delta_r2, null, wild_bootstrap(fits, "cluster", seed=4).null]
            )
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)


def wild_by_hand(table, chosen, codes, v):
    """t of the restricted wild cluster bootstrap from the rows."""
    x, y = direct.design(table, chosen, 3), table[:, 4]
    base = direct.fit(x[:, :-1], y)[1]
    star = y - base + base * v[codes]
    return direct.fit(x, star)[0][-1] / direct.errors(x, star, codes)["CRV1"]


@pytest.mark.parametrize("weights", ["rademacher", "webb"])
def test_wild_bootstrap_is_a_refit(weights):
    fits, table, names, codes = fitted()
    rng = np.random.default_rng(3)
    draws = rng.choice([-1.0, 1.0] if weights == "rademacher" else np.sqrt([0.5, 1, 1.5]), (5, 25))
    for position, subset in enumerate(SUBSETS):
        ours = wild_statistics(fits, "cluster", draws, position=position)
        theirs = [wild_by_hand(table, columns(names, subset), codes, v) for v in draws]
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)
    test = wild_bootstrap(fits, "cluster", replicates=999, seed=1, weights=weights)
    assert test.statistic == pytest.approx(fits.statistic("CRV1")[0], rel=SAME)
    assert not test.enumerated


def test_wild_bootstrap_of_few_clusters_uses_every_sign():
    fits, table, names, codes = fitted(60, 6)
    test = wild_bootstrap(fits, "cluster", replicates=999, seed=1)
    assert test.enumerated
    assert len(test.null) == 64
    null = [
        wild_by_hand(table, columns(names, SUBSETS[0]), codes, np.array(v))
        for v in itertools.product([1.0, -1.0], repeat=6)
    ]
    np.testing.assert_allclose(np.sort(test.null), np.sort(null), rtol=1e-8, atol=1e-10)
    expected = np.mean(np.abs(null) >= abs(test.statistic) - 1e-9)
    assert test.p_value == pytest.approx(expected)
    assert test.p_value >= 2 / 64


def test_wildboottest_agrees_draw_by_draw():
    wildboottest = pytest.importorskip("wildboottest.wildboottest")
    fits, table, names, codes = fitted()
    x = direct.design(table, columns(names, SUBSETS[0]), 3)
    peer = wildboottest.WildboottestCL(
        X=x, Y=table[:, 4], cluster=codes, R=np.eye(5)[4], B=199, seed=12
    )
    peer.get_scores(bootstrap_type="11", impose_null=True)
    peer.get_weights(weights_type="rademacher")
    for step in (peer.get_numer, peer.get_denom, peer.get_tboot, peer.get_vcov, peer.get_tstat):
        step()
    np.testing.assert_allclose(
        wild_statistics(fits, "cluster", peer.v.T), peer.t_boot, rtol=1e-7, atol=1e-9
    )


def test_wild_bootstrap_has_its_size():
    rng = np.random.default_rng(0)
    rejected = 0
    codes = np.repeat(np.arange(12), 10)
    for _ in range(300):
        s = rng.normal(size=120) + rng.normal(size=12)[codes]
        y = rng.normal(size=120) + rng.normal(size=12)[codes]
        moments = sufficient_statistics(
            np.column_stack([s, y]), ["s", "y"], groups={"cluster": codes}, fourth=False
        )
        fits = fit_subsets(moments, [["s"]], outcome="y", term="s")
        rejected += wild_bootstrap(fits, "cluster", replicates=199, seed=rng).p_value <= 0.05
    assert stats.binomtest(rejected, 300, 0.05).pvalue > 0.005


def test_sign_flips_of_one_score():
    scores = np.array([[3.0], [1.0], [2.0], [-0.5]])
    test = flip_signs(scores, replicates=999, seed=0)
    null = [abs(sum(np.array(f) * scores[:, 0])) for f in itertools.product([1, -1], repeat=4)]
    assert test.enumerated
    assert test.p_value[0] == pytest.approx(np.mean(np.array(null) >= 5.5))
    assert test.p_adjusted[0] == test.p_value[0] == test.p_joint_max == test.p_joint_mean


def test_sign_flips_step_down_by_hand():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(9, 4)) + np.array([1.2, 0.7, 0.0, 0.0])
    test = flip_signs(scores, replicates=9999, seed=0)
    flips = np.array(list(itertools.product([1.0, -1.0], repeat=9)))
    size = np.sqrt((scores**2).sum(axis=0))
    null, seen = np.abs(flips @ scores) / size, np.abs(scores.sum(axis=0)) / size
    left, floor, adjusted = list(range(4)), 0.0, np.zeros(4)
    for k in np.argsort(-seen):
        floor = max(floor, np.mean(null[:, left].max(axis=1) >= seen[k] - 1e-12))
        adjusted[k] = floor
        left.remove(k)
    np.testing.assert_allclose(test.p_adjusted, adjusted)
    np.testing.assert_allclose(test.p_value, np.mean(null >= seen - 1e-12, axis=0))
    assert (test.p_adjusted >= test.p_value - 1e-12).all()
    assert test.p_joint_max == pytest.approx(adjusted.min())


def test_effective_scores_are_sums_over_rows():
    fits, table, names, codes = fitted()
    scores = effective_scores(fits, "cluster")
    for i, subset in enumerate(SUBSETS):
        x = direct.design(table, columns(names, subset), 3)
        own, restricted = direct.fit(x[:, :-1], x[:, -1])[1], direct.fit(x[:, :-1], table[:, 4])[1]
        theirs = np.bincount(codes, weights=own * restricted)
        np.testing.assert_allclose(scores[:, i] / scores[0, i], theirs / theirs[0], rtol=1e-8)
    assert flip_signs(scores, replicates=999, seed=3).p_joint_max < 0.05


def test_freedman_lane_is_a_refit():
    fits, table, names, _ = fitted(90, 5)
    for position, subset in enumerate(SUBSETS):
        test = permute_rows(fits, table, replicates=40, seed=2, position=position)
        assert test.statistic == pytest.approx(fits.statistic("classical")[position], rel=SAME)
        x = direct.design(table, columns(names, subset), 3)
        base = sm.OLS(table[:, 4], x[:, :-1]).fit()
        rng = np.random.default_rng(2).spawn(1)[0]
        null = [
            sm.OLS(base.fittedvalues + rng.permutation(base.resid), x).fit().tvalues[-1]
            for _ in range(40)
        ]
        np.testing.assert_allclose(test.null, null, rtol=1e-8)
        assert test.p_value == pytest.approx((1 + np.sum(np.abs(null) >= abs(test.statistic))) / 41)


@pytest.mark.parametrize(("n", "folds"), [(103, 10), (400, 5), (60, 3)])
def test_folds_are_those_of_scikit_learn(n, folds):
    ours = repeated_folds(n, folds=folds, repeats=4, seed=9)
    splits = RepeatedKFold(n_splits=folds, n_repeats=4, random_state=9).split(np.zeros((n, 1)))
    for i, (_, test) in enumerate(splits):
        assert (np.flatnonzero(ours[:, i // folds] == i % folds) == test).all()


def test_cross_validation_is_that_of_scikit_learn():
    cv = RepeatedKFold(n_splits=10, n_repeats=3, random_state=4)
    fits, table, names, _ = fitted(fold=repeated_folds(400, folds=10, repeats=3, seed=4))
    gains = cross_validate(fits, "fold")
    assert gains.sizes.tolist() == [40] * 30
    for i, subset in enumerate(SUBSETS[:2]):
        chosen = columns(names, subset)
        for with_term, errors in ((True, gains.with_term), (False, gains.without_term)):
            x = table[:, chosen + [3] * with_term]
            mse = -cross_val_score(
                LinearRegression(), x, table[:, 4], cv=cv, scoring="neg_mean_squared_error"
            )
            np.testing.assert_allclose(errors[i] / 40, mse, rtol=SAME)
            r2 = cross_val_score(LinearRegression(), x, table[:, 4], cv=cv, scoring="r2")
            np.testing.assert_allclose(1 - errors[i] / gains.tss[i], r2, atol=1e-12)
    np.testing.assert_allclose(gains.r2_gain, (gains.without_term - gains.with_term) / gains.tss)


def test_leaving_out_rows_and_clusters_one_by_one():
    """Leave-one-out from moments is e_i / (1 - h_i) squared."""
    fits, table, _, _ = fitted(60, 5, row=np.arange(60))
    gains = cross_validate(fits, "row")
    x = direct.design(table, [0, 1, 2], 3)
    _, residual, bread = direct.fit(x, table[:, 4])
    leverage = np.einsum("ij,jk,ik->i", x, bread, x)
    np.testing.assert_allclose(gains.with_term[0], (residual / (1 - leverage)) ** 2, rtol=1e-8)


def test_a_fold_without_which_there_is_no_answer():
    table, names, codes = creators(60, 5)
    table[:, 0] = codes == 2
    moments = sufficient_statistics(table, names, groups={"fold": codes})
    with pytest.raises(AnalysisError, match="no answer without fold 2"):
        cross_validate(fit_subsets(moments, [["e1"]], outcome="y", term="s"), "fold")


def test_a_fold_without_rows_or_variation():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, (400, 2)) * 2
    fits, *_ = fitted(empty=codes, row=np.arange(400))
    with pytest.raises(AnalysisError, match="no row in fold 1"):
        cross_validate(fits, "empty")
    with pytest.raises(AnalysisError, match="does not vary"):
        _ = cross_validate(fits, "row").r2_gain


def test_draws_of_very_many_clusters_are_made_piece_by_piece(monkeypatch):
    fits, *_ = fitted()
    whole = bootstrap_clusters(fits, "cluster", replicates=1100, seed=1)
    monkeypatch.setattr("analysis.models.sufficient_statistics.resampling.BUDGET", 25 * 100)
    pieces = bootstrap_clusters(fits, "cluster", replicates=1100, seed=1)
    assert pieces.estimate.shape == whole.estimate.shape
    np.testing.assert_allclose(pieces.std_error, whole.std_error, rtol=0.2)
    assert len(np.unique(pieces.estimate[0])) == 1100


def curve_by_hand(table, names, codes, subsets, weights):
    """Null statistics of the curve from refits of y - b s on repeated rows."""
    estimate, significant = [], []
    for subset in subsets:
        x, y = direct.design(table, columns(names, subset), 3), table[:, 4]
        shifted = y - direct.fit(x, y)[0][-1] * x[:, -1]
        rows = np.repeat(np.arange(len(y)), weights[codes].astype(int))
        model = sm.OLS(shifted[rows], x[rows]).fit()
        estimate.append(model.params[-1])
        critical = stats.t.isf(0.025, len(y) - x.shape[1])
        significant.append(np.sign(model.tvalues[-1]) * (abs(model.tvalues[-1]) > critical))
    estimate, significant = np.array(estimate), np.array(significant)
    share = max(np.mean(estimate > 0), np.mean(estimate < 0))
    return abs(np.median(estimate)), share, max(np.mean(significant > 0), np.mean(significant < 0))


def test_joint_null_curves_are_refits():
    fits, table, names, codes = fitted(seed=3)
    test = joint_test(fits, "cluster", replicates=8, seed=6, errors="classical")
    weights = multiplicities(np.random.default_rng(6).spawn(1)[0], 8, 25)
    for b in range(8):
        np.testing.assert_allclose(
            test.null[b], curve_by_hand(table, names, codes, SUBSETS, weights[b]), rtol=1e-8
        )
    assert test.median == pytest.approx(abs(np.median(fits.estimate)))
    assert test.p_median == (1 + np.sum(test.null[:, 0] >= test.median)) / 9


def test_joint_null_curves_have_the_errors_of_their_clusters():
    """By hand: each cluster's part of the estimate on all rows, as often as the cluster was
    drawn.
    """
    fits, table, names, codes = fitted(seed=3)
    test = joint_test(fits, "cluster", replicates=8, seed=6)
    weights = multiplicities(np.random.default_rng(6).spawn(1)[0], 8, 25)
    shares = np.zeros((8, 2))
    for subset in SUBSETS:
        x, y = direct.design(table, columns(names, subset), 3), table[:, 4]
        own = direct.fit(x, y)[0]
        parts = np.linalg.solve(x.T @ x, x.T)[-1] * (y - x @ own)
        squares = np.bincount(codes, weights=parts, minlength=25) ** 2
        for b, drawn in enumerate(weights):
            n = drawn[codes].sum()
            error = np.sqrt(25 / 24 * (n - 1) / (n - x.shape[1]) * (drawn @ squares))
            t = (direct.fit(x, y, drawn[codes])[0][-1] - own[-1]) / error
            shares[b] += np.array([t > stats.t.isf(0.025, 24), t < -stats.t.isf(0.025, 24)]) / len(
                SUBSETS
            )
    np.testing.assert_allclose(test.null[:, 2], shares.max(axis=1), rtol=1e-8)
    exact = fit_subsets(
        fits.sufficient, SUBSETS, outcome="y", term="s", covariance=["CRV1"], cluster="cluster"
    )
    significant = np.abs(exact.statistic("CRV1")) > stats.t.isf(0.025, 24)
    assert test.share_significant == pytest.approx(significant.mean())


def test_the_share_significant_of_clustered_data_has_its_size_and_can_reject():
    """By the classical t many a null curve is significant throughout: then no observed curve can be
    more so.
    """
    rng, subsets = np.random.default_rng(5), [["a"], ["a", "b"]]
    p = {(errors, effect): [] for errors in ("CRV1", "classical") for effect in (0.0, 0.5)}
    codes = np.repeat(np.arange(40), 5)
    for _ in range(60):
        a, b, s, noise = rng.normal(size=(4, 200)) + rng.normal(size=(4, 40))[:, codes]
        for effect in (0.0, 0.5):
            table = np.column_stack([a, b, s, effect * s + 0.3 * a + noise])
            moments = sufficient_statistics(
                table, ["a", "b", "s", "y"], groups={"c": codes}, fourth=False
            )
            fits = fit_subsets(moments, subsets, outcome="y", term="s")
            for errors in ("CRV1", "classical"):
                test = joint_test(fits, "c", replicates=99, seed=1, errors=errors)
                p[errors, effect].append(test.p_share_significant)
    rejected = {key: int(np.sum(np.array(values) <= 0.05)) for key, values in p.items()}
    assert rejected["CRV1", 0.0] <= 8  # P(X > 8 | n = 60, p = .05) < .005
    assert rejected["CRV1", 0.5] > 2 * rejected["classical", 0.5] + 10


def test_joint_test_of_two_sets_of_rows_draws_the_same_clusters():
    fits, table, names, codes = fitted(seed=3)
    kept = codes != 24
    part = sufficient_statistics(table[kept], names, groups={"cluster": codes[kept]})
    filtered = fit_subsets(part, SUBSETS[:2], outcome="y", term="s")
    test = joint_test([fits, filtered], "cluster", replicates=5, seed=6)
    weights = multiplicities(np.random.default_rng(6).spawn(1)[0], 5, 25)
    for b in range(5):
        shifts = []
        for t, c, subsets in ((table, codes, SUBSETS), (table[kept], codes[kept], SUBSETS[:2])):
            for subset in subsets:
                x = direct.design(t, columns(names, subset), 3)
                shifts.append(
                    direct.fit(x, t[:, 4], weights[b][c])[0][-1] - direct.fit(x, t[:, 4])[0][-1]
                )
        assert test.null[b, 0] == pytest.approx(abs(np.median(shifts)), rel=1e-8)


def test_joint_test_tells_an_effect_from_none():
    fits, table, names, codes = fitted(1000, 50, seed=1)
    assert joint_test(fits, "cluster", replicates=300, seed=1).p_median < 0.05
    table[:, 4] -= fits.estimate[0] * table[:, 3]  # the score's estimate becomes exactly zero
    moments = sufficient_statistics(table, names, groups={"cluster": codes})
    zero = fit_subsets(moments, SUBSETS[:1], outcome="y", term="s")
    assert joint_test(zero, "cluster", replicates=300, seed=1).p_median > 0.9


def test_joint_test_has_its_size():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(40), 5)
    rejected = 0
    for _ in range(300):
        e, s, y = rng.normal(size=(3, 200)) + 0.7 * rng.normal(size=(3, 40))[:, codes]
        moments = sufficient_statistics(
            np.column_stack([e, s, y]), ["e", "s", "y"], groups={"c": codes}, fourth=False
        )
        fits = fit_subsets(moments, [["e"], []], outcome="y", term="s")
        rejected += joint_test(fits, "c", replicates=199, seed=rng).p_median <= 0.05
    assert stats.binomtest(rejected, 300, 0.05).pvalue > 0.005


def test_things_that_cannot_be_resampled():
    fits, table, _, _ = fitted()
    with pytest.raises(AnalysisError, match="at least 1"):
        bootstrap_clusters(fits, "cluster", replicates=0, seed=1)
    with pytest.raises(AnalysisError, match="mammen"):
        wild_bootstrap(fits, "cluster", replicates=9, seed=1, weights="mammen")
    with pytest.raises(AnalysisError, match="groupings"):
        cross_validate(fits, "fold")
    with pytest.raises(AnalysisError, match="measured"):
        permute_rows(fits, table[:5], seed=1)
    with pytest.raises(AnalysisError, match="all zero"):
        flip_signs(np.zeros((5, 1)), seed=1)
    with pytest.raises(AnalysisError, match="2 to 5"):
        repeated_folds(5, folds=6, seed=0)
