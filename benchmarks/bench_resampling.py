"""Bootstrap and cross-validation on moments: pairs of clusters, wild clusters, repeated folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from bench_curve import resampled_rows
from harness import Bench, limits, relative

from analysis.models.sufficient_statistics.draws import cross_validate, repeated_folds
from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.resampling import (
    bootstrap_clusters,
    multiplicities,
    wild_bootstrap,
    wild_statistics,
)


def boot_data(n=100_000, g=500, p=11, seed=0):
    """Controls, a score and an outcome, all with cluster effects."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, g, n)
    x = rng.normal(size=(n, p - 1)) + 0.3 * rng.normal(size=(g, p - 1))[codes]
    s = x @ rng.uniform(0.0, 0.3, p - 1) + rng.normal(size=n) + 0.3 * rng.normal(size=g)[codes]
    y = (
        x @ rng.uniform(-0.5, 0.5, p - 1)
        + 0.05 * s
        + rng.normal(size=n)
        + 0.3 * rng.normal(size=g)[codes]
    )
    return np.column_stack([x, s, y]), [*(f"x{i}" for i in range(p - 1)), "s", "y"], codes


def our_fits(table, names, **groups):
    moments = sufficient_statistics(table, names, groups=groups, fourth=False)
    return fit_subsets(moments, [names[:-2]], outcome="y", term="s")


def bench_pairs(bench: Bench, table, names, codes) -> None:
    draws = multiplicities(np.random.default_rng(3).spawn(2)[0], 1024, codes.max() + 1)[:4]
    x, y = np.column_stack([np.ones(len(table)), table[:, :-1]]), table[:, -1]

    def ours():
        return bootstrap_clusters(
            our_fits(table, names, cluster=codes), "cluster", replicates=2000, seed=3
        )

    def gain(full, base):
        return full.params[-1], full.rsquared - base.rsquared

    def repeated():
        rows = resampled_rows(codes, draws)
        return np.array(
            [gain(sm.OLS(y[r], x[r]).fit(), sm.OLS(y[r], x[r][:, :-1]).fit()) for r in rows]
        )

    def weighted():
        weights = [draw[codes] for draw in draws]
        return np.array(
            [
                gain(sm.WLS(y, x, weights=w).fit(), sm.WLS(y, x[:, :-1], weights=w).fit())
                for w in weights
            ]
        )

    def agree(a, b):
        return max(
            relative(a.estimate[0, : len(b)], b[:, 0]), relative(a.delta_r2[0, : len(b)], b[:, 1])
        )

    work = "pairs-cluster bootstrap, B = 2,000"
    same = {"n": len(table), "goal": 2000, "limit": limits(table)}
    bench.compare(work, "statsmodels, resampled rows", ours, repeated, agree, times=500, **same)
    bench.compare(work, "statsmodels, WLS", ours, weighted, agree, times=500, **same)
    if not bench.has(work, "pyfixest, frequency weights", "pyfixest"):
        return
    import pyfixest

    frame = pd.DataFrame(table, columns=names)
    formula = "y ~ " + " + ".join(names[:-2])

    def frequencies():
        out = []
        for draw in draws[:2]:
            kept = frame.assign(w=draw[codes])
            kept = kept[kept.w > 0]
            said = {"vcov": "iid", "weights": "w", "weights_type": "fweights", "lean": True}
            full, base = (pyfixest.feols(f, kept, **said) for f in (formula + " + s", formula))
            out.append((full.coef()["s"], full._r2 - base._r2))
        return np.array(out)

    bench.compare(work, "pyfixest, frequency weights", ours, frequencies, agree, times=1000, **same)


def bench_wild(bench: Bench, table, names, codes) -> None:
    x, y = np.column_stack([np.ones(len(table)), table[:, :-1]]), table[:, -1]
    work, same = (
        "wild cluster bootstrap, B = 9,999",
        {"n": len(table), "goal": 30, "limit": limits(table)},
    )

    def ours():
        fits = our_fits(table, names, cluster=codes)
        return fits, wild_bootstrap(fits, "cluster", replicates=9_999, seed=1)

    if bench.has(work, "wildboottest", "wildboottest"):
        from wildboottest.wildboottest import WildboottestCL

        def theirs():
            test = WildboottestCL(
                X=x, Y=y, cluster=codes, R=np.eye(x.shape[1])[-1], B=9_999, seed=12
            )
            test.get_scores(bootstrap_type="11", impose_null=True)
            test.get_weights(weights_type="rademacher")
            for step in ("numer", "denom", "tboot", "vcov", "tstat", "pvalue"):
                getattr(test, f"get_{step}")()
            return test

        def agree(a, b):
            null = wild_statistics(a[0], "cluster", b.v.T)
            return max(
                np.max(np.abs(null - b.t_boot)), abs(a[1].statistic / np.ravel(b.t_stat)[0] - 1)
            )

        bench.compare(work, "wildboottest", ours, theirs, agree, **same)
    if bench.has(work, "pyfixest", "pyfixest"):
        import pyfixest

        frame = pd.DataFrame(table, columns=names).assign(g=codes)
        fit = pyfixest.feols("y ~ " + " + ".join(names[:-1]), frame, vcov={"CRV1": "g"})
        bench.compare(
            work,
            "pyfixest",
            ours,
            lambda: fit.wildboottest(param="s", reps=9_999, seed=1),
            lambda a, b: abs(a[1].statistic / b["t value"] - 1),
            **same,
            note="the peer's fit is not counted, ours is",
        )


def bench_folds(bench: Bench, table, names) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import RepeatedKFold, cross_val_score

    def ours():
        folds = repeated_folds(len(table), folds=10, repeats=10, seed=4)
        return cross_validate(our_fits(table, names, fold=folds), "fold")

    def theirs():
        cv = RepeatedKFold(n_splits=10, n_repeats=10, random_state=4)
        said = {"cv": cv, "scoring": "neg_mean_squared_error"}
        both = [
            cross_val_score(LinearRegression(), table[:, :k], table[:, -1], **said)
            for k in (-1, -2)
        ]
        return -np.column_stack(both)

    def agree(a, b):
        return max(
            relative(a.with_term[0] / a.sizes, b[:, 0]),
            relative(a.without_term[0] / a.sizes, b[:, 1]),
        )

    bench.compare(
        "10 x 10-fold nested cross-validation",
        "scikit-learn",
        ours,
        theirs,
        agree,
        n=len(table),
        goal=45,
        limit=limits(table),
    )


def run(bench: Bench) -> None:
    table, names, codes = boot_data(*((2_000, 50, 5) if bench.quick else ()))
    bench_pairs(bench, table, names, codes)
    bench_wild(bench, table, names, codes)
    bench_folds(bench, table, names)
