"""The one solver: exponential means and logits by Newton steps, from sums over blocks of rows.

Who fits, refits or leaves something out says how the sums are made (`Rows` from rows in memory, or
any function of the coefficients: draws of a bootstrap at once, a scan of a table, a fold); `newton`
takes the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.models.family import Family

BLOCK_ROWS = 4096
"""Rows whose numbers stay in the cache."""

MANY_ROWS = 20_000
"""From here on sums over the rows are worth a shorter way than one fit after the other."""

MANY_COLUMNS = 50
"""From so many columns on the condition is that of eigenvalues."""

SINGULAR = 1e13
"""Condition of an information beyond which no finite or no single estimate exists."""

ROUNDING = 1e-9
"""A step below this that is no shorter than the one before is rounding."""

Sums = tuple[float | None, np.ndarray, np.ndarray]
"""Criterion (None where steps are not to be halved), score (..., k), information (..., k, k)."""


def condition_of(information: np.ndarray) -> float:
    """Return the condition number of an information; infinite where it is not finite.

    That of a symmetric matrix is the ratio of its eigenvalues, which of many columns takes a
    fraction of the time.
    """
    if not np.isfinite(information).all():
        return np.inf
    if len(information) < MANY_COLUMNS:
        return float(np.linalg.cond(information))
    sizes = np.abs(np.linalg.eigvalsh(information))
    return float(sizes.max() / sizes.min()) if sizes.min() > 0 else np.inf


def solved(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return each matrix's solution, shape (..., k); NaN where the columns are dependent."""
    if vectors.ndim == 1:
        try:
            return np.linalg.solve(matrices, vectors)
        except np.linalg.LinAlgError:
            return np.full_like(vectors, np.nan)
    result = np.full(vectors.shape, np.nan)
    good = np.isfinite(matrices).all(axis=(1, 2)) & np.isfinite(vectors).all(axis=1)
    try:
        result[good] = np.linalg.solve(matrices[good], vectors[good][..., None])[..., 0]
    except np.linalg.LinAlgError:
        good[good] = np.linalg.cond(matrices[good]) < SINGULAR
        result[good] = np.linalg.solve(matrices[good], vectors[good][..., None])[..., 0]
    return result


@dataclass(frozen=True, eq=False)
class Step:
    """Where the solver stands, of one equation or of B of them at once.

    Attributes
    ----------
    params : ndarray, shape (k,) or (B, k)
        NaN where the information has no inverse.
    moved : ndarray, shape () or (B,)
        Length of the last step, of its longest coordinate.
    information : ndarray, shape (k, k) or (B, k, k)
        At the coefficients from which the last step was taken.
    value : float
        The criterion there.
    step : ndarray
        The last step.
    count : int
        Evaluations of the sums.
    """

    params: np.ndarray
    moved: np.ndarray | float = np.inf
    information: np.ndarray | None = None
    value: float = np.inf
    step: np.ndarray | None = None
    count: int = 0

    def next(
        self,
        sums: Sums,
        *,
        slack: float = 0.0,
        condition: float | None = None,
        condition_of: Callable[[np.ndarray], float] = condition_of,
    ) -> Step:
        """Return the next step; half of the way back where the last one made the criterion larger.

        Parameters
        ----------
        sums : Sums
            At `params`.
        slack : float
            By so much the criterion may rise, for rounding.
        condition : float, optional
            Of one equation: beyond it the information counts as singular.
        condition_of : callable
            How the condition is measured.
        """
        value, score, information = sums
        count = self.count + 1
        if self.step is not None and value is not None and not value <= self.value + slack:
            half = self.step / 2
            return replace(self, params=self.params - half, step=half, moved=np.inf, count=count)
        known = information is self.information  # a chord: its condition has been looked at
        if condition and not known and not condition_of(information) < condition:
            step = np.full_like(score, np.nan)
        else:
            step = solved(information, score)
        moved = np.abs(step).max(axis=-1)
        value = np.inf if value is None else value
        return Step(self.params + step, moved, information, value, step, count)


def newton(
    sums: Callable[[np.ndarray], Sums],
    start: np.ndarray,
    *,
    steps: int,
    small: float,
    slack: float = 0.0,
    condition: float | None = None,
    condition_of: Callable[[np.ndarray], float] = condition_of,
) -> Step:
    """Return the last of the Newton steps: the estimate where it `moved` by no more than `small`.

    Parameters
    ----------
    sums : callable
        Coefficients -> criterion, score, information; the criterion is None for full steps.
    start : ndarray, shape (k,) or (B, k)
    steps : int
        At most.
    small : float
        A step no longer than this ends them, and so does one below 1e-9 that is no shorter than
        the one before: it is rounding.

    Examples
    --------
    >>> at = newton(lambda b: (None, 2 - b**2, np.diag(2 * b)), np.ones(1), steps=9, small=1e-12)
    >>> at.params.round(6).tolist(), bool(at.moved < 1e-12)
    ([1.414214], True)
    """
    state, before = Step(start), np.inf
    with np.errstate(all="ignore"):
        for _ in range(steps):
            state = state.next(
                sums(state.params), slack=slack, condition=condition, condition_of=condition_of
            )
            if not np.any(state.moved > small):
                break
            if np.ndim(state.moved) == 0 and before <= state.moved < ROUNDING:
                return replace(state, moved=small)
            before = state.moved
    return state


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one equation in memory, looked at in blocks.

    Attributes
    ----------
    response : ndarray, shape (n,)
    columns : ndarray, shape (n, k)
        A basis, or the columns as they are.
    family : Family
    offset : ndarray, shape (n,), or None
        Known part of the linear predictor.
    weights : ndarray, shape (n,), or None
        How often each row counts; 0 leaves it out.
    """

    response: np.ndarray
    columns: np.ndarray
    family: Family
    offset: np.ndarray | None = None
    weights: np.ndarray | None = None

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield ranges of rows and their columns, shape (rows, k)."""
        for begin in range(0, len(self.response), BLOCK_ROWS):
            part = slice(begin, begin + BLOCK_ROWS)
            yield part, self.columns[part]

    def predictor(self, params: np.ndarray) -> np.ndarray:
        """Return the linear predictor, shape (n,)."""
        at = self.columns @ params
        return at if self.offset is None else at + self.offset

    def at(self, part: slice, x: np.ndarray, params: np.ndarray) -> np.ndarray:
        """Return the linear predictor of a block."""
        at = x @ params
        if self.offset is not None:
            at += self.offset[part]
        return at

    def sums(self, params: np.ndarray, *, criterion: bool = False) -> Sums:
        """Return the score and the expected information, or with the criterion the observed one.

        The criterion is half the deviance, less what does not depend on the coefficients.
        """
        k = len(params)
        value, score, information = 0.0, np.zeros(k), np.zeros((k, k))
        for part, x in self.blocks():
            at, y = self.at(part, x, params), self.response[part]
            slope, bend = self.family.derivatives(y, at, observed=criterion)
            loss = self._half_loss(y, at, bend) if criterion else 0.0
            if self.weights is not None:
                counted = self.weights[part]
                slope, bend, loss = slope * counted, bend * counted, loss * counted
            value += float(np.sum(loss))
            score += slope @ x
            x = x * np.sqrt(bend)[:, None]
            information += x.T @ x
        return (value if criterion else None), score, information

    def _half_loss(self, y: np.ndarray, at: np.ndarray, bend: np.ndarray) -> np.ndarray:
        if self.family.power == 1:  # `bend` is the mean: exponentials are what takes the time
            return bend - y * at
        return self.family.loss(y, at) / 2

    def leverages(self, params: np.ndarray, information: np.ndarray) -> np.ndarray:
        """Return each row's leverage where the information is this, shape (n,), as counted."""
        found, inverse = np.empty(len(self.response)), np.linalg.inv(information)
        for part, x in self.blocks():
            bend = self.family.weights(self.at(part, x, params))
            found[part] = bend * np.einsum("ij,ij->i", x @ inverse, x)
        return found if self.weights is None else found * self.weights

    def influence(self, params: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Return the rows' parts of the score along a direction, shape (k,), unweighted."""
        parts = np.empty(len(self.response))
        for part, x in self.blocks():
            slope, _ = self.family.derivatives(self.response[part], self.at(part, x, params))
            parts[part] = slope * (x @ along)
        return parts


def information_of(basis: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``X' diag(w) X``, shape (k, k)."""
    total = np.zeros((basis.shape[1],) * 2)
    for begin in range(0, len(basis), BLOCK_ROWS):
        part = slice(begin, begin + BLOCK_ROWS)
        total += (basis[part] * weights[part, None]).T @ basis[part]
    return total
