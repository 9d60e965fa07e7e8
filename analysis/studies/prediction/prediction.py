"""What the score adds to predictions of rows left out, in the deviance of the outcome's family."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

import numpy as np
import scipy

from analysis.errors import DesignError, Fault
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.solver import SINGULAR, Sums, newton
from analysis.models.sufficient_statistics.draws import cluster_folds
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question

FOLDS = 10
"""Folds of a partition; fewer where there are fewer than 20 clusters."""

REPEATS = 10
"""Partitions at most."""

ROWS_OF_REPEATS = 50_000
"""Rows predicted at most, all partitions together; one partition is always made."""

ENOUGH = 1e-7
"""Steps on an orthonormal basis end below this."""

CHORDS = 12
"""Steps with the information of the first one."""


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
    groups = design.units
    folds = max(2, min(folds, (int(groups.max()) + 1) // 2))
    family, y = FAMILIES[model], design.response
    unit = family.scale(y)
    fits = [_Nested(design, model, unit), _Nested(design.without("score"), model, unit)]
    means = []
    with np.errstate(all="ignore"):  # what is not finite is refused below
        for child in rng.spawn(repeats):
            codes = cluster_folds(groups, folds, child)
            for fold in range(folds):
                out = codes == fold
                losses = [family.loss(y[out] / unit, one.predict(out)) for one in fits]
                means.append(float((losses[1] - losses[0]).mean()))
    if not np.isfinite(means).all():
        raise DesignError(
            "the model",
            Fault("prediction", "no finite prediction of a fold left out", "finite ones"),
        )
    return Gain(np.array(means) * family.deviance_scale(unit), folds)


class _Nested:
    """One of two nested models, fitted to all rows; without a fold, a few steps from there."""

    def __init__(self, design: Design, model: str, unit: float) -> None:
        fit = fit_model(design, model, "HC1")
        self.k, self.offset, self.y = design.k, design.offset, design.response / unit
        self.family = FAMILIES[model]
        triangle = design.basis[1]
        shift = np.zeros(design.k)
        shift[0] = np.log(unit)  # of any but an exponential mean the unit is 1
        self.basis = design.basis[0]
        self.start = triangle @ (fit.params - shift)
        self.information = self._information(np.ones(design.n, dtype=bool), self.start)

    def _rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, float | np.ndarray]:
        return self.basis[rows], self.y[rows], 0.0 if self.offset is None else self.offset[rows]

    def _information(self, rows: np.ndarray, params: np.ndarray) -> np.ndarray:
        basis, _, offset = self._rows(rows)
        return basis.T @ (basis * self.family.weights(basis @ params + offset)[:, None])

    def predict(self, out: np.ndarray) -> np.ndarray:
        """Return the linear predictor of the rows left out, of the model fitted to the others.

        The first step needs the rows left out alone: at the estimate the contributions of all rows
        add up to zero. For least squares it is the answer. The next steps keep the first one's
        information; where that does not settle, it is worked out anew at each step.
        """
        held, left_out, shift = self._rows(out)
        basis, y, offset = self._rows(~out)
        chord = self.information - self._information(out, self.start)
        gone = held.T @ self.family.score(left_out, held @ self.start + shift)
        taken = count()

        def sums(params: np.ndarray) -> Sums:
            attempt = next(taken)
            if attempt == 0:
                return None, -gone, chord
            score = basis.T @ self.family.score(y, basis @ params + offset)
            return None, score, chord if attempt <= CHORDS else self._information(~out, params)

        steps = 1 if self.family.linear else 61
        last = newton(sums, self.start, steps=steps, small=ENOUGH, condition=SINGULAR)
        if not np.isfinite(last.params).all():
            fault = Fault(
                "prediction",
                "no estimate without one of the folds",
                "columns that vary within every fold",
            )
            raise DesignError("the model", fault)
        return held @ last.params + shift


def study_prediction(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the deciding model's out-of-sample gain as a share of deviance, or why not.

    A negative binomial or hurdle outcome is predicted by the Poisson, whose mean it shares.
    """
    if question.plan.quick:
        reason = "The plan says quick = true, so out-of-sample predictions were not made."
        return question.only("prediction", None, reason)
    design, model = question.design, question.mean_model
    repeats = int(np.clip(ROWS_OF_REPEATS // design.n, 1, REPEATS))
    try:
        gain = cross_validated_gain(design, model, rng=question.generator(), repeats=repeats)
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
