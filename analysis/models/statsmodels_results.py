"""The statsmodels results of a fitted equation, with the covariance that the plan asks for."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.models.family import FAMILIES
from analysis.models.fit import CountFit, Fit

if TYPE_CHECKING:
    from statsmodels.genmod.families import Family as Distribution

WILD = "a wild cluster bootstrap has no covariance matrix: these errors are CRV1"
"""The note on results of a plan that asks for the wild bootstrap."""


@dataclass(frozen=True, eq=False)
class HurdleResults:
    """The statsmodels results of both equations of a hurdle model.

    Attributes
    ----------
    zero : statsmodels results
        Logit of whether the outcome is positive, on all rows.
    positive : statsmodels results
        Of the positive rows: a Gamma GLM, or for counts a truncated negative binomial.
    note : str
    """

    zero: Any
    positive: Any
    note: str = ""


def statsmodels_results(fit: Fit, *, note: str = "") -> Any:
    """Return the statsmodels results of a fit: OLS, GLM, Logit or NegativeBinomial.

    Parameters
    ----------
    fit : Fit
        Its design gives the data; the columns are named by its terms.
    note : str
        What a reader has to know of the errors, such as `WILD`.

    Returns
    -------
    statsmodels results, or HurdleResults
        Parameters, covariance and reference distribution are those of `fit`; summary, residuals,
        predictions and tests are statsmodels'. `note` holds `note` and that of the fit.

    Notes
    -----
    statsmodels takes one step from the coefficients of `fit`, whose values and covariance then
    replace its own. A negative binomial fit carries alpha as its last parameter, unless it is zero:
    then the results are those of the Poisson GLM, which is the same estimate.
    """
    note = "; ".join(filter(None, [note, fit.note]))
    if fit.parts:
        return HurdleResults(*(statsmodels_results(part, note=note) for part in fit.parts), note)
    params, cov = fit.params, fit.cov
    if isinstance(fit, CountFit):
        params, cov = _with_dispersion(fit)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter(
            "ignore"
        )  # of zeros under a Gamma, and that one step is no convergence
        wrapped = _one_step(fit, params)
    results = wrapped._results
    results._cache = {}
    results.params, results.cov_params_default = params, cov
    results.cov_type, results.cov_kwds = fit.covariance, {"description": _described(fit)}
    results.use_t = fit.df is not None
    results.df_resid_inference = fit.df
    results.note = note
    return wrapped


def _one_step(fit: Fit, params: np.ndarray) -> Any:
    from statsmodels.api import GLM, OLS, Logit, NegativeBinomial
    from statsmodels.discrete.truncated_model import TruncatedLFNegativeBinomialP

    design, family = fit.design, FAMILIES[fit.model]
    data = (
        pd.Series(design.response, name="outcome"),
        pd.DataFrame(design.matrix, columns=_names(design.terms)),
    )
    options: dict[str, Any] = {"start_params": params, "maxiter": 1}
    if family.linear:
        return OLS(*data).fit()
    if family.link == "logit":
        return Logit(*data).fit(**options, disp=False)
    if isinstance(fit, CountFit) and (fit.dispersion or fit.truncated):
        if fit.truncated:
            model = TruncatedLFNegativeBinomialP(*data, offset=design.offset)
        else:
            model = NegativeBinomial(*data, offset=design.offset)
        return model.fit(**options, disp=False)
    power = 1.0 if family.power is None else family.power
    return GLM(*data, family=distribution(power), offset=design.offset).fit(**options)


def distribution(power: float) -> Distribution:
    """Return the statsmodels family with a log link and variance mean ** power."""
    from statsmodels.genmod.families import Gamma, Poisson, Tweedie
    from statsmodels.genmod.families.links import Log

    known = {1.0: Poisson(), 2.0: Gamma(link=Log())}
    return known.get(power) or Tweedie(link=Log(), var_power=power)


def _with_dispersion(fit: CountFit) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters and covariance with alpha in the place of its logarithm."""
    if not fit.dispersion:
        return fit.params, fit.cov
    scale = np.append(np.ones(fit.design.k), fit.dispersion)
    return np.append(fit.params, fit.dispersion), fit.every_cov * np.outer(scale, scale)


def _names(terms: tuple[str, ...]) -> list[str]:
    """Return the terms as names of columns; of two with one name the second has its number."""
    seen: Counter[str] = Counter()
    names = []
    for term in terms:
        seen[term] += 1
        names.append(term if seen[term] == 1 else f"{term} ({seen[term]})")
    return names


def _described(fit: Fit) -> str:
    clusters = f" of {fit.design.n_clusters} clusters" if fit.covariance.startswith("CRV") else ""
    reference = "the normal distribution" if fit.df is None else f"t with {fit.df:g} degrees"
    return f"{fit.covariance}{clusters}, as the plan has it; p-values by {reference}"
