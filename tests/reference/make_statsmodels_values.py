"""Reference values from statsmodels, where R's packages in Debian have none:
statsmodels_values.json.

Score tests for the omitted score (Poisson, logit), NB2 by joint maximum likelihood with the
observed Hessian, Gamma with the observed information, and the average marginal effect of the logit
a second time. Usage, from this folder: python make_statsmodels_values.py
"""

import json
import platform
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import statsmodels
import statsmodels.api as sm

HERE = Path(__file__).parent
FULL, REDUCED = ["score", "e1", "e2", "x1"], ["e1", "e2", "x1"]


def design(data, terms):
    return sm.add_constant(data[terms].astype(float))


def numbers(value):
    return np.asarray(
        value, dtype=float
    ).tolist()  # json writes the shortest digits that read back to the same double


def score_tests(y, family, data):
    fit = sm.GLM(y, design(data, REDUCED), family=family).fit(tol=1e-15, maxiter=200)
    out = {}
    for name, kind in (("model_based", "nonrobust"), ("HC0", "HC0")):
        test = fit.score_test(data[["score"]].to_numpy(float), cov_type=kind)
        chi2, p_value = test
        out[name] = {
            "chi2": float(np.squeeze(chi2)),
            "df": 1,
            "p_value": float(np.squeeze(p_value)),
        }
    out["HC0"]["note"] = (
        "statsmodels centres the scores and divides by n-1 (n np.cov); "
        "uncentred scores give score_test.robust_auxiliary_regression in r_values.json"
    )
    return out


def nb2(y, x):
    model = sm.NegativeBinomial(y, x, loglike_method="nb2")
    fit = model.fit(method="bfgs", maxiter=2000, disp=0)
    params = fit.params.to_numpy()
    for _ in range(50):  # full Newton to machine precision, from statsmodels' own score and Hessian
        step = np.linalg.solve(model.hessian(params), model.score(params))
        params = params - step
        if np.max(np.abs(step)) < 1e-14:
            break
    out = {
        "names": [*list(x.columns), "alpha"],
        "params": numbers(params),
        "loglik": float(model.loglike(params)),
        "bread": "observed Hessian of (coefficients, alpha), jointly",
    }
    final = {}
    for kind in ("nonrobust", "HC0", "HC1"):
        fit = model.fit(
            start_params=params,
            method="newton",
            maxiter=0,
            disp=0,
            cov_type=kind,
            warn_convergence=False,
        )
        assert np.allclose(fit.params, params, rtol=1e-13, atol=0)
        final[kind] = numbers(fit.cov_params())
    out["vcov"] = {
        "nonrobust": final["nonrobust"],
        "HC0": final["HC0"],
        "HC1_statsmodels": final["HC1"],
    }
    out["hc1_note"] = "HC1 of a statsmodels discrete model carries no n/(n-k): it equals HC0"
    out["hc1_over_hc0"] = float(np.asarray(final["HC1"])[0, 0] / np.asarray(final["HC0"])[0, 0])
    return out


def gamma(data, terms):
    rows = data[data.y_rev > 0]
    fit = sm.GLM(
        rows.y_rev, design(rows, terms), family=sm.families.Gamma(sm.families.links.Log())
    ).fit(method="newton", tol=1e-15, maxiter=200, cov_type="HC0")
    return {
        "names": list(fit.params.index),
        "coef": numbers(fit.params),
        "deviance": float(fit.deviance),
        "vcov": {"HC0": numbers(fit.cov_params())},
        "bread": "observed information (statsmodels GLM, method='newton')",
    }


def logit_ame(data):
    out = {}
    for kind in ("nonrobust", "HC0", "HC1"):
        fit = sm.Logit(data.y_bin, design(data, FULL)).fit(
            method="newton", tol=1e-14, maxiter=200, disp=0, cov_type=kind
        )
        effect = fit.get_margeff(at="overall", method="dydx")
        out[kind] = {"ame": float(effect.margeff[0]), "se": float(effect.margeff_se[0])}
        if kind == "HC1":
            ratio = fit.cov_params().iloc[0, 0]
        if kind == "HC0":
            base = fit.cov_params().iloc[0, 0]
    out["hc1_over_hc0"] = float(ratio / base)
    return out


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    data = pd.read_csv(HERE / "cases" / "creators.csv")
    poisson, binomial = sm.families.Poisson(), sm.families.Binomial()
    values = {
        "about": {
            "made_by": "make_statsmodels_values.py",
            "data": "cases/creators.csv",
            "python": platform.python_version(),
            "packages": {m.__name__: m.__version__ for m in (statsmodels, scipy, np, pd)},
        },
        "score_test": {
            "poisson_rev": score_tests(data.y_rev, poisson, data),
            "poisson_count": score_tests(data.y_count, poisson, data),
            "logit": score_tests(data.y_bin, binomial, data),
        },
        "nb2": {
            "full": nb2(data.y_count, design(data, FULL)),
            "reduced": nb2(data.y_count, design(data, REDUCED)),
        },
        "gamma": {"full": gamma(data, FULL), "reduced": gamma(data, REDUCED)},
        "logit_ame_score": logit_ame(data),
    }
    (HERE / "statsmodels_values.json").write_text(json.dumps(values, indent=1) + "\n")
