"""Predictions of rows by models that were fitted without them, for nested sets of columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.solver import SINGULAR, Sums, newton
from analysis.models.sufficient_statistics.draws import cluster_folds

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
class OutOfFold:
    """What models fitted to the other folds predict of each row, in one partition.

    Attributes
    ----------
    folds : ndarray of int, shape (n,)
        From 0; whole clusters share one.
    predictors : tuple of ndarray, shape (n,)
        Linear predictors, one for each design, of the outcome in the unit `unit`.
    unit : float
        Of the outcome in which the models were fitted.
    """

    folds: np.ndarray
    predictors: tuple[np.ndarray, ...]
    unit: float

    @property
    def number(self) -> int:
        """How many folds there are."""
        return int(self.folds.max()) + 1


def repeats_of(rows: int) -> int:
    """Return how many partitions are made of so many rows.

    >>> repeats_of(300), repeats_of(20_000), repeats_of(10**6)
    (10, 2, 1)
    """
    return int(np.clip(ROWS_OF_REPEATS // rows, 1, REPEATS))


def out_of_fold(
    designs: Sequence[Design],
    model: str,
    *,
    rng: np.random.Generator,
    folds: int = FOLDS,
    repeats: int = REPEATS,
) -> Iterator[OutOfFold]:
    """Yield what each design predicts of the rows left out, one partition at a time.

    Parameters
    ----------
    designs : sequence of Design
        Of the same rows and the same outcome; all leave out the same rows.
    model : {"ols", "logit", "poisson", "tweedie", "gamma"}
    rng : Generator
        One child is spawned for each partition.
    folds : int
        At most; never more than half of the clusters.
    repeats : int

    Raises
    ------
    DesignError
        When a model has no estimate without one of the folds, or no finite prediction.
    """
    groups = designs[0].units
    folds = max(2, min(folds, (int(groups.max()) + 1) // 2))
    unit = FAMILIES[model].scale(designs[0].response)
    fits = [_Refitted(design, model, unit) for design in designs]
    with np.errstate(all="ignore"):  # what is not finite is refused below
        for child in rng.spawn(repeats):
            codes = cluster_folds(groups, folds, child)
            predicted = np.empty((len(fits), len(codes)))
            for fold in range(folds):
                out = codes == fold
                for at, one in enumerate(fits):
                    predicted[at, out] = one.predict(out)
            if not np.isfinite(predicted).all():
                raise _without_a_fold("no finite prediction of a fold left out", "finite ones")
            yield OutOfFold(codes, tuple(predicted), unit)


class _Refitted:
    """A model fitted to all rows; without a fold, a few steps from there."""

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
            raise _without_a_fold(
                "no estimate without one of the folds", "columns that vary within every fold"
            )
        return held @ last.params + shift


def _without_a_fold(found: str, allowed: str) -> DesignError:
    return DesignError("the model", Fault("prediction", found, allowed))
