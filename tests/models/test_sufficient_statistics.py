"""Moments and the fits that follow from them, against the rows, statsmodels, exact arithmetic and
NIST.
"""

import json
from pathlib import Path

import direct
import numpy as np
import pytest
import statsmodels.api as sm
from direct import SAME, collinear, creators, exact_errors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.errors import AnalysisError
from analysis.models.sufficient_statistics import (
    GroupSums,
    SufficientStatistics,
    pair_map,
    pair_products,
    pair_weights,
    unpack_pairs,
)
from analysis.models.sufficient_statistics.draws import leave_out, solve_draws
from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import orthonormalise, sufficient_statistics
from analysis.models.sufficient_statistics.regressions import distinct

PARTITION = 1e-11  # the same route with the rows divided otherwise
EXACT = 1e-10  # against 60-digit arithmetic, condition numbers to 1e5
NIST = Path(__file__).resolve().parents[1] / "reference" / "nist"
KINDS = ("classical", "HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3")


SUBSETS = [(), ("e1",), ("e2", "e3"), ("e1", "e2", "e3")]


def fits_of(table, names, codes, subsets=SUBSETS, **options):
    moments = sufficient_statistics(table, names, groups={"cluster": codes}, **options)
    return fit_subsets(
        moments,
        subsets,
        outcome="y",
        term="s",
        covariance=KINDS,
        cluster="cluster",
        rows=np.asarray(table, float),
    )


def assert_direct(fits, table, names, codes, subsets=SUBSETS, tolerance=SAME):
    for i, subset in enumerate(subsets):
        x = direct.design(table, [names.index(name) for name in subset], names.index("s"))
        y = table[:, names.index("y")]
        beta, residual, _ = direct.fit(x, y)
        assert fits.estimate[i] == pytest.approx(beta[-1], rel=tolerance)
        assert fits.sse[i] == pytest.approx(residual @ residual, rel=tolerance)
        assert fits.r2[i] == pytest.approx(
            1 - residual @ residual / np.sum((y - y.mean()) ** 2), rel=tolerance
        )
        for kind, value in direct.errors(x, y, codes).items():
            assert fits.std_error[kind][i] == pytest.approx(value, rel=tolerance), kind


def test_every_error_of_every_subset_is_that_of_the_rows():
    table, names, codes = creators()
    fits = fits_of(table, names, codes)
    assert_direct(fits, table, names, codes)
    assert fits.df["HC1"].tolist() == [398, 397, 396, 395]
    assert fits.df["CRV3"].tolist() == [24] * 4
    assert fits.clusters == 25
    assert fits.condition < 1e3


def test_statsmodels_agrees():
    table, names, codes = creators(seed=4)
    fits = fits_of(table, names, codes)
    for i, subset in enumerate(SUBSETS):
        x = direct.design(table, [names.index(name) for name in subset], 3)
        model = sm.OLS(table[:, 4], x).fit()
        assert fits.estimate[i] == pytest.approx(model.params[-1], rel=SAME)
        assert fits.r2[i] == pytest.approx(model.rsquared, rel=SAME)
        assert fits.std_error["classical"][i] == pytest.approx(model.bse[-1], rel=SAME)
        for kind in ("HC0", "HC1", "HC2", "HC3"):
            assert fits.std_error[kind][i] == pytest.approx(
                model.get_robustcov_results(kind).bse[-1], rel=SAME
            )
        clustered = model.get_robustcov_results("cluster", groups=codes)
        assert fits.std_error["CRV1"][i] == pytest.approx(clustered.bse[-1], rel=SAME)
        without = sm.OLS(table[:, 4], x[:, :-1]).fit()
        assert fits.delta_r2[i] == pytest.approx(model.rsquared - without.rsquared, rel=1e-8)


def test_known_coefficients_come_back():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 3))
    y = 7 + x @ [1.0, -2.0, 0.25]
    moments = sufficient_statistics(
        np.column_stack([x, y]), ["a", "b", "c", "y"], groups={"g": np.arange(50) % 5}
    )
    fits = fit_subsets(
        moments, [["a", "b", "c"]] * 3, outcome="y", term=["a", "b", "c"], covariance=["HC1"]
    )
    np.testing.assert_allclose(fits.estimate, [1.0, -2.0, 0.25], rtol=1e-13)
    np.testing.assert_allclose(fits.r2, 1.0, rtol=1e-13)
    assert (fits.std_error["HC1"] < 1e-14).all()


@pytest.mark.parametrize("kappa", [1e1, 1e3, 1e5])
def test_sixty_digits_agree(kappa):
    table, names, codes = collinear(kappa)
    fits = fits_of(table, names, codes, subsets=[("e1", "e2", "e3")])
    assert kappa / 5 < fits.condition < kappa * 5
    estimate, errors = exact_errors(table, codes)
    assert fits.estimate[0] == pytest.approx(estimate, rel=EXACT)
    for kind, value in errors.items():
        assert fits.std_error[kind][0] == pytest.approx(value, rel=EXACT), kind


@pytest.mark.parametrize("gap", [1e-3, 1e-6])
def test_r2_next_to_one_keeps_its_digits(gap):
    table, names, codes = collinear(10)
    noise = table[:, 4].copy()
    table[:, 4] = table[:, :4] @ [1.0, 2.0, 3.0, 4.0] + gap * noise
    fits = fits_of(table, names, codes, subsets=[("e1", "e2", "e3")])
    _, errors = exact_errors(table, codes)
    for kind, value in errors.items():
        assert fits.std_error[kind][0] == pytest.approx(value, rel=1e-7), kind


def nist(name):
    path = NIST / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    case = json.loads(path.read_text())
    certified = {key: [float(v) for v in case["certified"][key]] for key in ("coef", "se")}
    if case["degree"]:
        x = np.asarray(case["x"], float).ravel()[:, None] ** np.arange(1, case["degree"] + 1)
    else:
        x = np.array(case["x"], float)
    return x, np.array(case["y"], float), certified


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("longley", 1e-12),
        ("norris", 1e-12),
        ("pontius", 1e-12),
        ("wampler1", 1e-8),
        ("wampler4", 1e-7),
    ],
)
def test_nist_certified_values(name, tolerance):
    x, y, certified = nist(name)
    names = [f"x{i}" for i in range(x.shape[1])]
    moments = sufficient_statistics(np.column_stack([x, y]), [*names, "y"])
    fits = fit_subsets(
        moments, [names] * len(names), outcome="y", term=names, covariance=["classical"]
    )
    np.testing.assert_allclose(fits.estimate, certified["coef"][1:], rtol=tolerance)
    np.testing.assert_allclose(
        fits.std_error["classical"], certified["se"][1:], rtol=tolerance, atol=1e-9
    )


def test_nist_filip():
    x, y, certified = nist("filip")
    names = [f"x{i}" for i in range(x.shape[1])]
    moments = sufficient_statistics(np.column_stack([x, y]), [*names, "y"])
    fits = fit_subsets(moments, [names] * len(names), outcome="y", term=names)
    np.testing.assert_allclose(fits.estimate, certified["coef"][1:], rtol=1e-6)
    np.testing.assert_allclose(fits.std_error["classical"], certified["se"][1:], rtol=1e-6)
    assert fits.condition > 1e9


def test_leave_out_and_each_group_alone_are_direct_fits():
    table, names, codes = creators(seed=7)
    moments = sufficient_statistics(table, names, groups={"cluster": codes, "half": codes % 2})
    fits = fit_subsets(moments, SUBSETS, outcome="y", term="s")
    left = leave_out(fits, "cluster")
    inside = solve_draws(fits, moments.group("half").pairs)
    for i, subset in enumerate(SUBSETS):
        x = direct.design(table, [names.index(name) for name in subset], 3)
        for draws, rows_of in ((left, lambda c: codes != c), (inside, lambda c: codes % 2 == c)):
            for c in range(draws.estimate.shape[1]):
                rows = rows_of(c)
                beta, residual, inverse = direct.fit(x[rows], table[rows, 4])
                base = direct.fit(x[rows, :-1], table[rows, 4])[1]
                total = np.sum((table[rows, 4] - table[rows, 4].mean()) ** 2)
                assert draws.estimate[i, c] == pytest.approx(beta[-1], rel=SAME)
                assert draws.sse[i, c] == pytest.approx(residual @ residual, rel=SAME)
                assert draws.inverse[i, c] == pytest.approx(inverse[-1, -1], rel=SAME)
                assert draws.tss[i, c] == pytest.approx(total, rel=SAME)
                assert draws.delta_r2[i, c] == pytest.approx(
                    (base @ base - residual @ residual) / total, rel=SAME
                )


def test_every_subset_of_six_in_one_tree_and_alone():
    rng = np.random.default_rng(8)
    table = rng.normal(size=(300, 8)) @ rng.normal(size=(8, 8))
    names = [*"abcdef", "s", "y"]
    moments = sufficient_statistics(table, names, groups={"g": np.arange(300) % 20})
    mask = np.zeros((64, 8), dtype=bool)
    mask[:, :6] = (np.arange(64)[:, None] >> np.arange(6)) & 1
    together = leave_out(fit_subsets(moments, mask, outcome="y", term="s"), "g")
    for i in range(64):
        alone = leave_out(fit_subsets(moments, mask[i : i + 1], outcome="y", term="s"), "g")
        np.testing.assert_allclose(together.estimate[i], alone.estimate[0], rtol=1e-10)
        np.testing.assert_allclose(together.sse[i], alone.sse[0], rtol=1e-10)


def test_several_terms_and_outcomes_at_once():
    table, names, _ = creators()
    moments = sufficient_statistics(table, names)
    fits = fit_subsets(
        moments, [["e1"], ["s"], ["e2"]], outcome=["y", "y", "s"], term=["s", "e1", "e1"]
    )
    for i, (x, y) in enumerate([([0, 3], 4), ([3, 0], 4), ([1, 0], 3)]):
        beta = direct.fit(np.column_stack([np.ones(len(table)), table[:, x]]), table[:, y])[0]
        assert fits.estimate[i] == pytest.approx(beta[-1], rel=SAME)
    assert fits.terms == ("s", "e1", "e1")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    n=st.integers(12, 90),
    block=st.integers(1, 100),
    seed=st.integers(0, 2**31),
    offset=st.sampled_from([0.0, 1e3, 1e6]),
    scale=st.sampled_from([1e-12, 1.0, 1e12]),
    subset=st.sets(st.sampled_from(["e1", "e2", "e3"])),
)
def test_any_partition_label_unit_and_subset_gives_one_direct_fit(
    n, block, seed, offset, scale, subset
):
    rng = np.random.default_rng(seed)
    g = min(n // 2, 12)
    table, names, codes = creators(n, g, seed)
    order = rng.permutation(n)
    labels = np.array([f"label {i}" for i in rng.permutation(g)])[codes]
    units = np.array([scale, 1.0, 1.0 / scale, scale, 1.0])
    moved = table * units + offset * units
    subset = tuple(sorted(subset))
    fits = fits_of(moved[order], names, labels[order], subsets=[subset], block_rows=block)
    # the direct route sees the same doubles, shifted back exactly where the shift is exact
    back = (moved - offset * units) / units
    plain = fits_of(back, names, codes, subsets=[subset])
    loss = 1 + offset  # digits that the table itself lost
    assert fits.estimate[0] * units[3] == pytest.approx(
        plain.estimate[0], rel=PARTITION * loss, abs=1e-13 * loss
    )
    for kind in KINDS:
        assert fits.std_error[kind][0] * units[3] == pytest.approx(
            plain.std_error[kind][0], rel=PARTITION * loss
        )
    assert_direct(plain, back, names, codes, subsets=[subset], tolerance=1e-7)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), block=st.integers(1, 60))
def test_dependent_columns_harm_only_the_subsets_that_hold_them(seed, block):
    table, names, codes = creators(50, 10, seed)
    wide = np.column_stack(
        [table, np.full(50, 0.1), table[:, 0], table[:, 0] + table[:, 1], table[:, 2] * 1e12]
    )
    names_wide = [*names, "flat", "twin", "sum", "big"]
    moments = sufficient_statistics(wide, names_wide, groups={"cluster": codes}, block_rows=block)
    assert moments.condition > 1e12
    good = [("e1", "e2", "e3"), ("twin", "e2", "big"), ("sum", "e1", "e3")]
    bad = [("e1", "twin"), ("flat",), ("e1", "e2", "sum"), ("e3", "big")]
    kinds = ("classical", "HC1", "HC3", "CRV1", "CRV3")
    fits = fit_subsets(
        moments,
        good + bad,
        outcome="y",
        term="s",
        covariance=kinds,
        cluster="cluster",
        rows=wide,
        singular="drop",
    )
    assert fits.kept.tolist() == [0, 1, 2]
    assert [i for i, _ in fits.refused] == [3, 4, 5, 6]
    assert "'twin' is a linear combination of 'e1'" in fits.refused[0][1]
    assert "'flat' is constant" in fits.refused[1][1]
    alone = fits_of(table, names, codes, subsets=[("e1", "e2", "e3")])
    for i in range(3):
        assert fits.estimate[i] == pytest.approx(alone.estimate[0], rel=1e-8)
        for kind in kinds:
            assert fits.std_error[kind][i] == pytest.approx(alone.std_error[kind][0], rel=1e-8)
    assert all(np.isfinite(v).all() for v in fits.std_error.values())
    for subset in bad:
        with pytest.raises(AnalysisError):
            fit_subsets(moments, [subset], outcome="y", term="s")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(4, 9), block=st.integers(1, 9))
def test_more_columns_than_rows(seed, n, block):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 12))
    names = [*"abcdefghij", "s", "y"]
    moments = sufficient_statistics(table, names, groups={"row": np.arange(n)}, block_rows=block)
    fits = fit_subsets(
        moments,
        [["a"], list("abcdefghij")],
        outcome="y",
        term="s",
        singular="drop",
        covariance=["classical", "HC1", "CRV1", "HC2"],
        cluster="row",
        rows=table,
    )
    assert fits.kept.tolist() == [0]
    assert f"{n} rows for 12 coefficients" in fits.refused[0][1]
    x = direct.design(table, [0], 10)
    beta, residual, inverse = direct.fit(x, table[:, 11])
    assert fits.estimate[0] == pytest.approx(beta[-1], rel=1e-8)
    assert fits.std_error["classical"][0] == pytest.approx(
        np.sqrt(residual @ residual / (n - 3) * inverse[-1, -1]), rel=1e-8
    )
    # clusters of one row: CRV1 is HC0 with its own factor
    assert fits.std_error["CRV1"][0] == pytest.approx(
        fits.std_error["HC1"][0] * np.sqrt((n / (n - 1)) * (n - 1) / n), rel=1e-8
    )


def test_many_clusters_few_clusters_and_repeated_partitions():
    table, names, _ = creators(900, 20)
    rng = np.random.default_rng(0)
    many, few = rng.integers(0, 300, 900), rng.integers(0, 3, 900)
    repeated = rng.integers(0, 5, (900, 4))
    moments = sufficient_statistics(
        table, names, groups={"many": many, "few": few, "repeated": repeated}, block_rows=128
    )
    whole = np.eye(6)[np.triu_indices(6)]
    for name in ("many", "few"):
        np.testing.assert_allclose(moments.group(name).pairs.sum(axis=0), whole, atol=1e-13)
    by_repeat = moments.group("repeated").pairs.reshape(4, 5, -1)
    np.testing.assert_allclose(by_repeat.sum(axis=1), np.tile(whole, (4, 1)), atol=1e-13)
    assert moments.group("repeated").labels[7].tolist() == [1, 2]
    assert moments.group("many").sizes.sum() == 900
    fits = fit_subsets(moments, SUBSETS, outcome="y", term="s", covariance=["CRV1"], cluster="many")
    _, codes = np.unique(many, return_inverse=True)
    assert_close = direct.errors(direct.design(table, [0, 1, 2], 3), table[:, 4], codes)["CRV1"]
    assert fits.std_error["CRV1"][3] == pytest.approx(assert_close, rel=SAME)


def test_a_draw_that_loses_a_column_does_not_lose_the_term():
    table, names, codes = creators(200, 10)
    dummy = (codes == 3).astype(float)
    wide, wide_names = np.column_stack([dummy, table]), ["d", *names]
    moments = sufficient_statistics(wide, wide_names, groups={"cluster": codes})
    fits = fit_subsets(
        moments,
        [["d", "e1"], ["e1"]],
        outcome="y",
        term="s",
        covariance=["CRV3"],
        cluster="cluster",
    )
    rows = codes != 3
    beta = direct.fit(direct.design(table[rows], [0], 3), table[rows, 4])[0]
    left = leave_out(fits, "cluster")
    np.testing.assert_allclose(left.estimate[:, 3], beta[-1], rtol=1e-9)
    only = fit_subsets(moments, [["e1"], []], outcome="y", term="d")
    gone = leave_out(only, "cluster")
    assert gone.identified[:, 3].tolist() == [False, False]
    assert gone.identified.sum() == 18
    assert np.isfinite(gone.estimate).all()
    with pytest.raises(AnalysisError, match=r"cluster 3"):
        fit_subsets(
            moments, [["e1"]], outcome="y", term="d", covariance=["CRV3"], cluster="cluster"
        )


def test_leaving_out_the_cluster_that_holds_nearly_all_variation():
    table, names, codes = creators(60, 6)
    table[codes == 2, 3] *= 1e5
    fits = fits_of(table, names, codes)
    _, errors = exact_errors(table, codes)
    for kind in ("classical", "HC1", "CRV1"):
        assert fits.std_error[kind][3] == pytest.approx(errors[kind], rel=EXACT)
    # what is left outside is 1e-9 of the variance: sums keep that many digits fewer than the rows
    # do
    assert fits.std_error["CRV3"][3] == pytest.approx(errors["CRV3"], rel=1e-6)


def test_two_scans_of_sums_reach_the_same_moments():
    """What an engine does: scan 1 a centred cross product, scan 2 sums of products in its Cholesky
    basis.
    """
    table, names, codes = collinear(1e4)
    ours = sufficient_statistics(table, names, groups={"cluster": codes})
    shift = table[0]
    unit = np.sqrt(((table - table.mean(axis=0)) ** 2).sum(axis=0))
    columns = np.column_stack([np.ones(len(table)), (table - shift) / unit])
    factor = np.linalg.cholesky(columns.T @ columns).T
    q = columns @ np.linalg.inv(factor)
    pairs = np.zeros((6, 21))
    np.add.at(pairs, codes, pair_products(q.T).T)
    fourth = pair_products(q.T) @ pair_products(q.T).T
    centred = factor[:, 1:].copy()
    centred[0] = 0
    spread = np.linalg.norm(centred, axis=0)
    rough = SufficientStatistics(
        tuple(names),
        len(table),
        table.mean(axis=0),
        unit * spread,
        centred / spread,
        0.0,
        fourth,
        {"cluster": GroupSums(np.arange(6), np.bincount(codes), pairs)},
    )
    engine = orthonormalise(rough, q.T @ q)
    kinds = ("classical", "HC1", "CRV1", "CRV3")
    a, b = (
        fit_subsets(
            m, [("e1", "e2", "e3")], outcome="y", term="s", covariance=kinds, cluster="cluster"
        )
        for m in (ours, engine)
    )
    assert b.estimate[0] == pytest.approx(a.estimate[0], rel=1e-8)
    for kind in kinds:
        assert b.std_error[kind][0] == pytest.approx(a.std_error[kind][0], rel=1e-8)


def test_pair_algebra():
    rng = np.random.default_rng(0)
    q, basis, a, b = rng.normal(size=(7, 4)), rng.normal(size=(4, 3)), *rng.normal(size=(2, 4))
    products = pair_products(q.T)
    np.testing.assert_allclose(pair_weights(a, b) @ products, (q @ a) * (q @ b))
    np.testing.assert_allclose(products.T @ pair_map(basis), pair_products((q @ basis).T).T)
    np.testing.assert_allclose(unpack_pairs(products.sum(axis=1)), q.T @ q)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(names=["a", "a", "b", "c", "d"]), "each name once"),
        (dict(names=["a"]), "1 named columns"),
        (dict(block_rows=0), "at least 1"),
        (dict(groups={"g": np.zeros(3)}), "one for each row"),
        (dict(groups={"g": np.r_[np.nan, np.ones(39)]}), "missing label in row 0"),
        (dict(groups={"g": np.array(["a", None] * 20, dtype=object)}), "missing label in row 1"),
        (dict(groups={"g": -np.ones((40, 2), dtype=int)}), "from 0"),
    ],
)
def test_tables_that_cannot_be_measured(change, words):
    table, names, _ = creators(40, 5)
    with pytest.raises(AnalysisError, match=words):
        sufficient_statistics(table, **({"names": names} | change))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_missing_values_are_named(value):
    table, names, _ = creators(40, 5)
    table[7, 2] = value
    with pytest.raises(AnalysisError, match=r"e3 \(row 7\)"):
        sufficient_statistics(table, names)


def test_questions_that_moments_cannot_answer():
    table, names, codes = creators(40, 5)
    moments = sufficient_statistics(
        table, names, fourth=False, groups={"g": codes, "one": np.zeros(40, dtype=int)}
    )

    def ask(**options):
        return fit_subsets(moments, [["e1"]], **({"outcome": "y", "term": "s"} | options))

    for options, words in [
        (dict(term="z"), "z"),
        (dict(term="y"), "two roles"),
        (dict(covariance=["HC1"]), "fourth"),
        (dict(covariance=["HC3"]), "rows="),
        (dict(covariance=["CRV1"]), "cluster"),
        (dict(covariance=["CRV1"], cluster="z"), "one"),
        (dict(covariance=["CRV1"], cluster="one"), "at least two"),
        (dict(covariance=["HC9"]), "HC9"),
        (dict(term=["s", "s"]), "each subset"),
    ]:
        with pytest.raises(AnalysisError, match=words):
            ask(**options)
    table[:, 4] = 3.0
    with pytest.raises(AnalysisError, match="constant"):
        fit_subsets(sufficient_statistics(table, names), [["e1"]], outcome="y", term="s")


def test_robust_errors_from_rows_where_fourth_moments_were_not_kept():
    table, names, _ = creators()
    with_fourth, without = (
        sufficient_statistics(table, names, fourth=keep) for keep in (True, False)
    )
    kinds = ["HC0", "HC1"]
    a = fit_subsets(with_fourth, SUBSETS, outcome="y", term="s", covariance=kinds)
    b = fit_subsets(without, SUBSETS, outcome="y", term="s", covariance=kinds, rows=table)
    for kind in kinds:
        np.testing.assert_allclose(a.std_error[kind], b.std_error[kind], rtol=SAME)
    with pytest.raises(AnalysisError, match="fourth moments"):
        sufficient_statistics(np.zeros((200, 150)), [f"x{i}" for i in range(150)])


def test_leverage_one_is_refused():
    table, names, _ = creators(40, 5)
    table[:, 0] = np.arange(40) == 4
    moments = sufficient_statistics(table, names)
    with pytest.raises(AnalysisError, match="row 4 has leverage one"):
        fit_subsets(moments, [["e1"]], outcome="y", term="s", covariance=["HC3"], rows=table)
    assert (
        fit_subsets(moments, [["e1"]], outcome="y", term="s", covariance=["HC1"]).std_error["HC1"][
            0
        ]
        > 0
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(40, 120), zeros=st.floats(0, 0.6))
def test_any_weighting_of_groups_is_a_weighted_fit(seed, n, zeros):
    rng = np.random.default_rng(seed)
    table, names, codes = creators(n, 12, seed)
    weights = rng.uniform(0.1, 5, (3, 12)) * (rng.uniform(size=(3, 12)) >= zeros)
    weights[:, :3] += 1.0
    moments = sufficient_statistics(table, names, groups={"cluster": codes})
    mask = np.zeros((6, 5), dtype=bool)
    mask[:, :3] = rng.integers(0, 2, (6, 3))
    draws = solve_draws(
        fit_subsets(moments, mask, outcome="y", term="s"), weights @ moments.group("cluster").pairs
    )
    for i, d in np.ndindex(6, 3):
        w = weights[d][codes]
        rows = w > 0
        x = direct.design(table[rows], list(np.flatnonzero(mask[i])), 3)
        if rows.sum() < 12 or np.linalg.cond(x) > 1e3:
            continue
        beta, residual, inverse = direct.fit(x, table[rows, 4], w[rows])
        assert draws.estimate[i, d] == pytest.approx(beta[-1], rel=1e-8, abs=1e-10)
        assert draws.sse[i, d] == pytest.approx(w[rows] @ residual**2, rel=1e-8)
        assert draws.inverse[i, d] == pytest.approx(inverse[-1, -1], rel=1e-8)


def test_columns_that_enter_together_may_be_constant_in_a_draw():
    rng = np.random.default_rng(2)
    codes = np.arange(240) % 12
    levels = (codes[:, None] // 3 == np.arange(1, 4)).astype(float)  # each in three of 12 groups
    rest = rng.normal(size=(240, 3))
    score = levels @ [0.3, -0.2, 0.1] + rest[:, 0] + rng.normal(size=240)
    table = np.column_stack([levels, rest, score, score + rest.sum(axis=1) + levels[:, 1]])
    names = ["a", "b", "c", "x", "z", "v", "s", "y"]
    held = [
        (),
        ("a", "b", "c"),
        ("x",),
        ("a", "b", "c", "x"),
        ("z", "v"),
        ("a", "b", "c", "z", "v"),
    ]
    weights = rng.integers(1, 4, (5, 12)).astype(float)
    weights[1, 3:6] = weights[2, 6:9] = weights[2, 3:6] = 0  # a level without a row
    sums = sufficient_statistics(table, names, groups={"g": codes}, fourth=False)
    fits = fit_subsets(sums, held, outcome="y", term="s")
    draws = solve_draws(fits, weights @ sums.group("g").pairs)
    for i, d in np.ndindex(len(held), len(weights)):
        w = weights[d][codes]
        varies = [n for n in held[i] if np.ptp(table[w > 0, names.index(n)]) > 0]
        x = direct.design(table, [names.index(name) for name in varies], names.index("s"))
        beta, residual, inverse = direct.fit(x[w > 0], table[w > 0, -1], w[w > 0])
        assert draws.estimate[i, d] == pytest.approx(beta[-1], rel=1e-10)
        assert draws.sse[i, d] == pytest.approx(w[w > 0] @ residual**2, rel=1e-10)
        assert draws.inverse[i, d] == pytest.approx(inverse[-1, -1], rel=1e-10)


def test_regressions_of_several_fits_are_kept_once():
    table, names, codes = creators()
    sums = sufficient_statistics(table, names, groups={"cluster": codes})
    some, more = (
        fit_subsets(sums, held, outcome="y", term="s") for held in (SUBSETS[:3], SUBSETS[1:])
    )
    fits, again = distinct([some, more])
    assert len(fits) == len(SUBSETS)
    assert not fits.std_error
    both = np.concatenate([some.estimate, more.estimate])
    np.testing.assert_array_equal(fits.estimate[again], both)


def test_estimates_without_an_error_are_left_without_one():
    table, names, codes = creators(40, 5)
    table[:, 0] = codes == 4
    options = dict(outcome="y", term="s", cluster="c", rows=table)
    sums = sufficient_statistics(table, names, groups={"c": codes})
    alone = sufficient_statistics(
        np.column_stack([np.arange(40) == 4, table[:, 1:]]), names, groups={"c": codes}
    )
    held = [["e1"], ["e2"]]
    fits = fit_subsets(sums, held, covariance=["CRV3"], without="nan", **options)
    assert np.isfinite(fits.std_error["CRV3"]).all()
    options["rows"] = np.column_stack([np.arange(40) == 4, table[:, 1:]])
    fits = fit_subsets(alone, held, covariance=["HC3"], without="nan", **options)
    assert np.isnan(fits.std_error["HC3"]).tolist() == [True, False]
    only = fit_subsets(alone, held[1:], covariance=["HC3"], **options)
    assert fits.std_error["HC3"][1] == pytest.approx(only.std_error["HC3"][0], rel=1e-12)


@pytest.mark.parametrize(
    "form", [np.asfortranarray, np.ndarray.tolist, lambda t: t.astype(np.longdouble)]
)
def test_tables_in_any_form(form):
    table, names, codes = creators()
    assert_direct(fits_of(form(table), names, codes), table, names, codes)


def test_rows_sorted_by_cluster_give_the_same():
    table, names, _ = creators(2000, 100)
    codes = np.random.default_rng(0).integers(0, 200, 2000)
    order = np.argsort(codes, kind="stable")
    a = sufficient_statistics(table, names, groups={"g": codes, "h": codes % 3})
    b = sufficient_statistics(
        table[order], names, groups={"g": codes[order], "h": codes[order] % 3}
    )
    for name in ("g", "h"):
        fits = [
            fit_subsets(m, SUBSETS, outcome="y", term="s", covariance=["CRV1", "HC1"], cluster=name)
            for m in (a, b)
        ]
        for kind in ("CRV1", "HC1"):
            np.testing.assert_allclose(fits[0].std_error[kind], fits[1].std_error[kind], rtol=1e-11)
