"""What the score adds to predictions of rows left out, in the deviance of the outcome's family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.cross_fitting import FOLDS, REPEATS, OutOfFold, out_of_fold
from analysis.models.design import Design
from analysis.models.family import FAMILIES, Family
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question


@dataclass(frozen=True, eq=False)
class Gain:
    """The deviance gained by fold, a row on average.

    Attributes
    ----------
    means : ndarray, shape (J,)
        Of the folds of all partitions.
    folds : int
        Folds of one partition.
    """

    means: np.ndarray
    folds: int

    @property
    def estimate(self) -> float:
        return float(self.means.mean())

    @property
    def df(self) -> float:
        return float(len(self.means) - 1)

    def std_error(self) -> float:
        """Return the corrected resampled standard error.

        Notes
        -----
        ``(1 / J + n_test / n_train) s^2``: Nadeau & Bengio (2003), doi:10.1023/A:1024068626366.
        Folds share their training rows; the plain error of J fold means, ``s^2 / J``, is far too
        small.
        """
        spread = self.means.var(ddof=1)
        return float(np.sqrt((1 / len(self.means) + 1 / (self.folds - 1)) * spread))

    def interval(self, level: float) -> tuple[float, float]:
        half = float(scipy.stats.t.isf((1 - level) / 2, self.df)) * self.std_error()
        return self.estimate - half, self.estimate + half


def cross_validated_gain(
    design: Design,
    model: str,
    *,
    rng: np.random.Generator,
    folds: int = FOLDS,
    repeats: int = REPEATS,
) -> Gain:
    """Return the deviance that the score gains out of sample, by repeated cross-validation.

    Parameters
    ----------
    design : Design
        Its score columns are those that may add; both models leave out the same rows.
    model : {"ols", "logit", "poisson", "tweedie", "gamma"}
    folds : int
        At most; never more than half of the clusters.

    Returns
    -------
    Gain
        In the model's deviance, of the outcome in its own unit (for least squares, squared).

    Raises
    ------
    DesignError
        When a model has no estimate without one of the folds.
    """
    designs = (design, design.without("score"))
    parts = tuple(out_of_fold(designs, model, rng=rng, folds=folds, repeats=repeats))
    return gain_of(parts, FAMILIES[model], design.response)


def gain_of(parts: Sequence[OutOfFold], family: Family, response: np.ndarray) -> Gain:
    """Return the deviance that the first of the designs gains over the second, out of sample."""
    unit = parts[0].unit
    means = np.concatenate([_gains(family, response / unit, part) for part in parts])
    return Gain(means * family.deviance_scale(unit), parts[0].number)


def _gains(family: Family, y: np.ndarray, part: OutOfFold) -> np.ndarray:
    """Return the deviance that the first of two designs gains in each fold, a row on average."""
    losses = [family.loss(y, at) for at in part.predictors[:2]]
    gained = losses[1] - losses[0]
    sizes = np.bincount(part.folds)
    return np.bincount(part.folds, weights=gained) / sizes


def study_prediction(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the deciding model's out-of-sample gain as a share of deviance, or why not.

    A negative binomial or hurdle outcome is predicted by the Poisson, whose mean it shares.
    """
    if question.plan.quick:
        reason = "The plan says quick = true, so out-of-sample predictions were not made."
        return question.only("prediction", None, reason)
    design, model = question.design, question.mean_model
    try:
        gain = gain_of(question.out_of_fold, FAMILIES[model], design.response)
    except DesignError as error:
        reason = f"Out-of-sample predictions cannot be made: {error.found}."
        return question.only("prediction", None, reason)
    null = fit_model(design.without("engagement", "control", "score"), model, "HC1").null_deviance
    known = np.isfinite(null) and null > 0
    by, unit = (design.n / null, "share") if known else (1.0, "number")
    blocks = "" if design.clusters is None else " of whole clusters"
    what = "share of the outcome's deviance" if known else "deviance a row"
    row = question.row(
        "prediction",
        model,
        "gain",
        n=design.n,
        clusters=design.n_clusters,
        estimate=gain.estimate * by,
        std_error=gain.std_error() * by,
        df=gain.df,
        unit=unit,
        note=f"{what} gained out of sample; {len(gain.means)} folds{blocks}, the interval of Nadeau"
        " and Bengio",
    )
    return StudyResult((row,))
