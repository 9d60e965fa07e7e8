"""The definitions of the plan in plain numpy against r_values.json and statsmodels_values.json.

The reference values say what we think they say. Usage, from any folder: python check_definitions.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
R = json.loads((HERE / "r_values.json").read_text())
S = json.loads((HERE / "statsmodels_values.json").read_text())
DATA = pd.read_csv(HERE / "cases" / "creators.csv")
worst = {}


def design(data, names):
    return np.column_stack(
        [
            np.ones(len(data)) if name == "(Intercept)" else data[name].to_numpy(float)
            for name in names
        ]
    )


def compare(label, found, expected):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    scale = (
        np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        if expected.ndim == 2
        else np.maximum(np.abs(expected), 1e-300)
    )
    worst[label] = max(worst.get(label, 0), float(np.max(np.abs(found - expected) / scale)))


# mean; working weight of the Hessian (canonical or expected); the residual that multiplies x in the
# score
LINKS = {
    "ols": (lambda eta: eta, lambda mu: np.ones_like(mu), lambda y, mu: y - mu),
    "poisson": (np.exp, lambda mu: mu, lambda y, mu: y - mu),
    "logit": (lambda eta: 1 / (1 + np.exp(-eta)), lambda mu: mu * (1 - mu), lambda y, mu: y - mu),
    "gamma": (np.exp, lambda mu: np.ones_like(mu), lambda y, mu: (y - mu) / mu),
}


def fit(kind, y, x):
    mean, weight, residual = LINKS[kind]
    beta = np.zeros(x.shape[1])
    if kind in ("poisson", "gamma"):
        beta[0] = np.log(y.mean())
    for _ in range(500):
        mu = mean(x @ beta)
        step = np.linalg.solve((x.T * weight(mu)) @ x, x.T @ residual(y, mu))
        beta = beta + step
        if np.max(np.abs(step)) < 1e-15:
            break
    mu = mean(x @ beta)
    return beta, mu, np.linalg.inv((x.T * weight(mu)) @ x), weight(mu), residual(y, mu)


def covariances(kind, y, x, cluster):
    beta, mu, bread, weight, u = fit(kind, y, x)
    n, k = x.shape
    h = np.einsum("ij,jk,ik->i", x, bread, x) * weight
    groups = np.unique(cluster)
    g = len(groups)

    def sandwich(scores):
        return bread @ (scores.T @ scores) @ bread

    scores = x * u[:, None]
    sums = np.array([scores[cluster == c].sum(axis=0) for c in groups])
    out = {
        "HC0": sandwich(scores),
        "HC1": sandwich(scores) * n / (n - k),
        "HC2": sandwich(scores / np.sqrt(1 - h)[:, None]),
        "HC3": sandwich(scores / (1 - h)[:, None]),
        "CRV1": sandwich(sums) * g / (g - 1) * (n - 1) / (n - k),
    }
    apart = np.array([fit(kind, y[cluster != c], x[cluster != c])[0] - beta for c in groups])
    out["CRV3"] = apart.T @ apart * (g - 1) / g
    if kind == "ols":
        out["const"] = bread * (u @ u) / (n - k)
    return beta, mu, h, bread, u, weight, out


def robust_score_test(kind, y, x, extra):
    _, _, bread, weight, u = fit(kind, y, x)[0:5]
    left = extra - x @ (bread @ (x.T @ (weight * extra)))
    return (u @ left) ** 2 / np.sum((u * left) ** 2), (u @ left) ** 2 / np.sum(weight * left**2)


def nb2(y, x, params):
    beta, a = np.array(params[:-1]), params[-1]
    mu = np.exp(x @ beta)
    j = [np.sum(1 / (np.arange(int(v)) + 1 / a)) for v in y]  # digamma(y + 1/a) - digamma(1/a)
    j2 = [
        np.sum(1 / (np.arange(int(v)) + 1 / a) ** 2) for v in y
    ]  # trigamma(1/a) - trigamma(y + 1/a)
    m = 1 + a * mu
    d_alpha = (np.log(m) - j) / a**2 + (y - mu) / (a * m)
    scores = np.column_stack([x * ((y - mu) / m)[:, None], d_alpha])
    bb = (x.T * (mu * (1 + a * y) / m**2)) @ x
    ba = x.T @ (mu * (y - mu) / m**2)
    # minus the second derivative in alpha, term by term
    aa = -np.sum(
        mu / (m * a**2)
        - 2 * (np.log(m) - j) / a**3
        - np.array(j2) / a**4
        - (y - mu) * (1 + 2 * a * mu) / (a * m) ** 2
    )
    hessian = np.block([[bb, ba[:, None]], [ba[None, :], np.array([[aa]])]])
    bread = np.linalg.inv(hessian)
    return scores.sum(axis=0), bread, bread @ scores.T @ scores @ bread


def main():
    cluster = DATA.cluster.to_numpy()
    for label, kind, column in (
        ("ols", "ols", "y_cont"),
        ("poisson_rev", "poisson", "y_rev"),
        ("poisson_count", "poisson", "y_count"),
        ("logit", "logit", "y_bin"),
    ):
        y = DATA[column].to_numpy(float)
        for which in ("full", "reduced"):
            r = R[label][which]
            x = design(DATA, r["names"])
            beta, mu, h, bread, u, weight, v = covariances(kind, y, x, cluster)
            compare(f"{label} coef", beta, r["coef"])
            compare(f"{label} leverage", h, r["leverage"])
            for name, value in v.items():
                compare(f"{label} {name}", value, r["vcov"][name])
        if label != "ols":
            robust, plain = robust_score_test(kind, y, x, DATA.score.to_numpy(float))
            compare(
                f"{label} score test, robust",
                robust,
                R[label]["score_test"]["robust_auxiliary_regression"]["chi2"],
            )
            compare(
                f"{label} score test, model based",
                plain,
                R[label]["score_test"]["model_based_statmod"]["chi2"],
            )
            compare(
                f"{label} score test, model based, statsmodels",
                plain,
                S["score_test"][label]["model_based"]["chi2"],
            )
        if label == "logit":
            x = design(DATA, R[label]["full"]["names"])
            beta, mu, h, bread, u, weight, v = covariances(kind, y, x, cluster)
            jacobian = beta[1] * ((weight * (1 - 2 * mu)) @ x) / len(y)
            jacobian[1] += weight.mean()
            ame = R["logit"]["ame_score"]
            compare("logit ame", beta[1] * weight.mean(), ame["ame"])
            for name in ("HC1", "HC3", "CRV1"):
                compare(
                    f"logit ame se {name}", np.sqrt(jacobian @ v[name] @ jacobian), ame["se"][name]
                )
            n, k = x.shape  # statsmodels' HC1 of a discrete model is HC0
            compare(
                "logit ame se HC0, statsmodels",
                S["logit_ame_score"]["HC0"]["se"] * np.sqrt(n / (n - k)),
                ame["se"]["HC1"],
            )
    full, reduced = (R["ols"][w] for w in ("full", "reduced"))
    compare(
        "ols wald F HC3",
        full["coef"][1] ** 2 / full["vcov"]["HC3"][1][1],
        R["ols"]["waldtest_HC3"]["F"],
    )
    compare(
        "ols delta R2",
        1 - full["rss"] / np.sum((DATA.y_cont - DATA.y_cont.mean()) ** 2) - reduced["r2"],
        R["ols"]["delta_r2"],
    )
    rows = DATA[DATA.y_rev > 0]
    for which in ("full", "reduced"):
        r, s = R["gamma"][which], S["gamma"][which]
        x, y = design(rows, r["names"]), rows.y_rev.to_numpy(float)
        beta, mu, bread, weight, u = fit("gamma", y, x)
        observed = np.linalg.inv((x.T * (y / mu)) @ x)
        compare("gamma coef", beta, r["coef"])
        compare("gamma coef, statsmodels", beta, s["coef"])
        compare("gamma HC0, expected bread", bread @ (x.T * u**2) @ x @ bread, r["vcov"]["HC0"])
        compare(
            "gamma HC0, observed bread",
            observed @ (x.T * u**2) @ x @ observed,
            r["vcov"]["HC0_observed"],
        )
        compare(
            "gamma HC0, observed bread, statsmodels",
            observed @ (x.T * u**2) @ x @ observed,
            s["vcov"]["HC0"],
        )
        r, s = R["nb2"][which], S["nb2"][which]
        x, y = design(DATA, r["names"]), DATA.y_count.to_numpy(float)
        compare("nb2 coef and alpha, MASS and statsmodels", s["params"], r["coef"] + [r["alpha"]])
        _gradient, bread, v = nb2(y, x, s["params"])
        compare("nb2 nonrobust, joint observed, statsmodels", bread, s["vcov"]["nonrobust"])
        compare("nb2 HC0, joint observed, statsmodels", v, s["vcov"]["HC0"])
        print(
            "nb2",
            which,
            "se of the score: MASS bread / theta fixed observed / joint observed:",
            *(
                f"{np.sqrt(m[1][1]):.6f}"
                for m in (r["vcov"]["HC0"], r["vcov"]["HC0_observed_theta_fixed"], s["vcov"]["HC0"])
            ),
        )
    r = R["spline"]
    t = np.array(r["knots"])
    e = DATA.e1.to_numpy(float)

    def cube(z):
        return np.maximum(z, 0) ** 3

    def bend(a):
        return (
            cube(e - a)
            - cube(e - t[2]) * (t[3] - a) / (t[3] - t[2])
            + cube(e - t[3]) * (t[2] - a) / (t[3] - t[2])
        ) / (t[3] - t[0]) ** 2

    x = np.column_stack([np.ones(len(e)), e, bend(t[0]), bend(t[1]), DATA.score])
    beta = np.linalg.lstsq(x, DATA.y_cont.to_numpy(float), rcond=None)[0]
    compare("spline: Harrell's basis, score", beta[4], r["score"])
    compare("spline: Harrell's basis, fitted", x @ beta, r["fitted"])
    compare("spline: knots", np.quantile(e, [0.05, 0.35, 0.65, 0.95]), t)
    for label, gap in worst.items():
        print(f"{label:48s} {gap:.1e}")
    return max(worst.values()) > 1e-9


if __name__ == "__main__":
    sys.exit(main())
