"""The specification curve: 1,024 and 8,192 least-squares specifications, and their joint test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from harness import Bench, limits, relative

from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.resampling import multiplicities
from analysis.multiverse.joint_tests import joint_test, null_t

CHOICE = (np.arange(1024)[:, None] >> np.arange(10)) & 1 == 1
KINDS = (("HC1", 80, 120), ("CRV1", 150, 250))


def curve_data(n=20_000, g=200, controls=10, seed=0):
    """Ten controls with cluster effects, a score made of them, two outcomes with unequal
    variances.
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, g, n)
    e = rng.normal(size=(n, controls)) + 0.3 * rng.normal(size=(g, controls))[codes]
    s = e @ rng.uniform(0.1, 0.3, controls) + rng.normal(size=n)
    noise = [(1 + 0.3 * np.abs(s)) * rng.normal(size=n) for _ in range(2)]
    y = [e @ rng.uniform(-0.5, 0.5, controls) + 0.1 * s + one for one in noise]
    return np.column_stack([e, s, *y]), [*(f"e{i}" for i in range(controls)), "s", "y", "z"], codes


def chosen_names(names):
    return [[names[j] for j in np.flatnonzero(row)] for row in CHOICE]


def our_curve(table, names, codes, kind, outcomes=("y",)):
    """Fit all subsets of the controls for each outcome: what a user of the package calls."""
    groups = {"cluster": codes} if kind == "CRV1" else {}
    moments = sufficient_statistics(table, names, groups=groups, fourth=kind == "HC1")
    outcome = [y for y in outcomes for _ in range(1024)]
    cluster = "cluster" if groups else None
    subsets = chosen_names(names) * len(outcomes)
    return fit_subsets(
        moments, subsets, outcome=outcome, term="s", covariance=[kind], cluster=cluster
    )


def options(kind, codes):
    return (
        {"cov_type": "HC1"}
        if kind == "HC1"
        else {"cov_type": "cluster", "cov_kwds": {"groups": codes}}
    )


def array_curve(table, codes, kind, chosen=CHOICE, y=11):
    out = np.empty((len(chosen), 2))
    for i, row in enumerate(chosen):
        x = np.column_stack([np.ones(len(table)), table[:, :10][:, row], table[:, 10]])
        fit = sm.OLS(table[:, y], x).fit(**options(kind, codes))
        out[i] = fit.params[-1], fit.bse[-1]
    return out


def naive_curve(table, codes, kind):
    """Normal equations and a sandwich by hand: what a careful user writes in an hour."""
    n, g, out = len(table), codes.max() + 1, np.empty((1024, 2))
    for i, row in enumerate(CHOICE):
        x = np.column_stack([np.ones(n), table[:, :10][:, row], table[:, 10]])
        bread = np.linalg.inv(x.T @ x)
        beta = bread @ (x.T @ table[:, 11])
        score, k = (x @ bread[-1]) * (table[:, 11] - x @ beta), x.shape[1]
        if kind == "HC1":
            variance = score @ score * n / (n - k)
        else:
            variance = (
                np.sum(np.bincount(codes, weights=score) ** 2) * g / (g - 1) * (n - 1) / (n - k)
            )
        out[i] = beta[-1], np.sqrt(variance)
    return out


def curve_agrees(kind, chosen=slice(None)):
    return lambda a, b: max(
        relative(a.estimate[chosen], b[:, 0]), relative(a.std_error[kind][chosen], b[:, 1])
    )


def in_order(found):
    """Results of a peer, keyed by set of controls, in the order of CHOICE."""
    return np.array([found[frozenset(f"e{j}" for j in np.flatnonzero(row))] for row in CHOICE])


def bench_arrays(bench: Bench, table, names, codes) -> None:
    limit = limits(table)
    for kind, goal, _ in KINDS:
        for peer, goal_here, theirs in (
            ("statsmodels arrays", goal, array_curve),
            ("numpy normal equations", None, naive_curve),
        ):
            bench.compare(
                f"1,024 specifications, {kind}",
                peer,
                lambda kind=kind: our_curve(table, names, codes, kind),
                lambda kind=kind, theirs=theirs: theirs(table, codes, kind),
                curve_agrees(kind),
                n=len(table),
                goal=goal_here,
                limit=limit,
            )


def bench_formulas(bench: Bench, table, names, codes) -> None:
    frame, limit = pd.DataFrame(table, columns=names), limits(table)
    part = np.random.default_rng(1).choice(1024, 64, replace=False)

    def formulas(kind):
        out = np.empty((64, 2))
        for k, i in enumerate(part):
            formula = "y ~ " + " + ".join([*(f"e{j}" for j in np.flatnonzero(CHOICE[i])), "s"])
            fit = smf.ols(formula, frame).fit(**options(kind, codes))
            out[k] = fit.params["s"], fit.bse["s"]
        return out

    for kind, *_ in KINDS:
        bench.compare(
            f"1,024 specifications, {kind}",
            "statsmodels formulas",
            lambda kind=kind: our_curve(table, names, codes, kind),
            lambda kind=kind: formulas(kind),
            curve_agrees(kind, part),
            n=len(table),
            goal=300,
            limit=limit,
            times=16,
        )


def bench_pyfixest(bench: Bench, table, names, codes) -> None:
    works = [f"1,024 specifications, {kind}" for kind, *_ in KINDS]
    if not all([bench.has(work, "pyfixest, one call", "pyfixest") for work in works]):
        return
    import pyfixest

    frame, limit = pd.DataFrame(table, columns=names).assign(g=codes), limits(table)
    formula = "y ~ s + mvsw(" + ", ".join(names[:10]) + ")"

    def one_call(kind):
        vcov = "HC1" if kind == "HC1" else {"CRV1": "g"}
        fits = pyfixest.feols(formula, frame, vcov=vcov, ssc=pyfixest.ssc(k_adj=True)).to_list()
        return {
            frozenset(f.coef().index) - {"Intercept", "s"}: (f.coef()["s"], f.se()["s"])
            for f in fits
        }

    for work, (kind, *_) in zip(works, KINDS, strict=True):
        agree = curve_agrees(kind)
        bench.compare(
            work,
            "pyfixest, one call",
            lambda kind=kind: our_curve(table, names, codes, kind),
            lambda kind=kind: one_call(kind),
            lambda a, b, agree=agree: agree(a, in_order(b)),
            n=len(table),
            goal=300,
            limit=limit,
        )


def bench_specification_curve(bench: Bench, table, names) -> None:
    work, peer = "1,024 specifications, classical", "specification_curve"
    if not bench.has(work, peer, "specification_curve"):
        return
    import specification_curve

    frame = pd.DataFrame(table, columns=names)

    def ours():
        moments = sufficient_statistics(table[:, :12], names[:12], fourth=False)
        return fit_subsets(
            moments, chosen_names(names), outcome="y", term="s", covariance=["classical"]
        )

    def theirs():
        curve = specification_curve.SpecificationCurve(
            frame, y_endog="y", x_exog="s", controls=names[:10]
        )
        curve.fit()
        found = curve.df_r[["Specification", "Coefficient", "bse"]].itertuples(index=False)
        return {frozenset(spec) - {"s", "y"}: (b, se) for spec, b, se in found}

    def agree(a, b):
        return curve_agrees("classical")(a, in_order(b))

    bench.compare(work, peer, ours, theirs, agree, n=len(table), goal=300, limit=limits(table))


def bench_large(bench: Bench, table, names, codes) -> None:
    """Two outcomes, four sets of rows; the peer fits 64 of each 1,024."""
    filters = [
        np.ones(len(table), bool),
        table[:, 0] > -1,
        table[:, 1] < 1,
        np.arange(len(table)) % 2 == 0,
    ]
    part = np.random.default_rng(1).choice(1024, 64, replace=False)
    for kind, _, goal in KINDS:

        def ours(kind=kind):
            return [
                our_curve(table[rows], names, codes[rows], kind, ("y", "z")) for rows in filters
            ]

        def theirs(kind=kind):
            chosen = CHOICE[part]
            return [
                [array_curve(table[rows], codes[rows], kind, chosen, y) for y in (11, 12)]
                for rows in filters
            ]

        def agree(a, b, kind=kind):
            both = [(fits, j, ys[j]) for fits, ys in zip(a, b, strict=True) for j in (0, 1)]
            return max(curve_agrees(kind, part + 1024 * j)(fits, y) for fits, j, y in both)

        bench.compare(
            f"8,192 specifications, {kind}",
            "statsmodels arrays",
            ours,
            theirs,
            agree,
            n=len(table),
            goal=goal,
            limit=limits(table),
            times=16,
        )


def resampled_rows(codes, draws):
    """Rows of each cluster resample, a cluster as often as it was drawn."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 2))
    for draw in draws:
        yield np.concatenate(
            [np.tile(order[starts[c] : starts[c + 1]], int(w)) for c, w in enumerate(draw) if w]
        )


def bench_joint(bench: Bench, table, names, codes) -> None:
    chosen = np.random.default_rng(2).choice(1024, 12, replace=False)
    draws = multiplicities(np.random.default_rng(3).spawn(1)[0], 500, codes.max() + 1)[:8]

    def ours():
        moments = sufficient_statistics(table, names, groups={"cluster": codes}, fourth=False)
        fits = fit_subsets(moments, chosen_names(names), outcome="y", term="s")
        return fits, joint_test(fits, "cluster", replicates=500, seed=3, errors="classical")

    def theirs():
        out = []
        for i in chosen:
            x = np.column_stack([np.ones(len(table)), table[:, :10][:, CHOICE[i]], table[:, 10]])
            null = table[:, 11] - sm.OLS(table[:, 11], x).fit().params[-1] * table[:, 10]
            fits = [sm.OLS(null[rows], x[rows]).fit() for rows in resampled_rows(codes, draws)]
            out.append([(fit.params[-1], fit.tvalues[-1]) for fit in fits])
        return np.array(out)

    def agree(a, b):
        shift, t = null_t(a[0], "cluster", draws)
        return max(relative(shift[chosen], b[..., 0]), relative(t[chosen], b[..., 1]))

    bench.compare(
        "joint test, 1,024 specifications x 500 resamples",
        "statsmodels loop",
        ours,
        theirs,
        agree,
        n=len(table),
        goal=5000,
        goal_s=0.5,
        limit=limits(table),
        times=1024 * 500 / 96,
    )


def run(bench: Bench) -> None:
    table, names, codes = curve_data(*((1_000, 40) if bench.quick else ()))
    bench_arrays(bench, table, names, codes)
    bench_joint(bench, table, names, codes)
    if bench.quick:
        return
    bench_formulas(bench, table, names, codes)
    bench_large(bench, table, names, codes)
    bench_pyfixest(bench, table, names, codes)
    bench_specification_curve(bench, table, names)
