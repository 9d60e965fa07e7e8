"""What true engagement may have been, given its record and the score: weights on a grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.measurement_error.polynomial import NoisyColumn
from analysis.models.distributions import f_sf, normal_isf

GRID, FEWER, REACH = 31, 25, 3.2
"""Points of the grid for one column and for several, and the standard deviations of true engagement
that it reaches either way."""

WIDEST_GAP = 0.6
"""Largest distance of two points, in standard deviations of the noise."""

ROUNDS, MORE_ROUNDS = 12, 60
"""Steps of the EM algorithm from a score that tells nothing: few, so that its curve stays smooth,
and more where the outcome takes steps."""

BLOCK = 2_048
"""Rows that are worked on at a time."""

SHRUNK, LESS_SHRUNK, SEVERAL_SHRUNK = 3.0, 0.1, 1.0
"""Ridge of the soft steps in the score's curve, where the outcome takes steps, and with several
columns."""

STEPS_SEEN = 0.001
"""Largest p value of the steps in the outcome at which it takes them. A curve that is left free
everywhere would cost a third of the power; one that is smooth everywhere leaves a threshold in a
score that is weakly tied to engagement."""

SWEEPS, SETTLED = 14, 5
"""Sweeps of the Gibbs sampler over several columns, and how many of them only lead to it."""

SMOOTH, SOFT = 2, 9
"""Columns of a flexible function of the truth: its value and square, and soft steps at the deciles.
The square is what the steps, which end at the outer deciles, do not see of a U."""

SOFTNESS = 0.08
"""Width of a soft step, in standard deviations of the record."""

LEAST_SPREAD = 1e-3
"""Variance of the score, and of a column given the others, below which none is taken."""


@dataclass(frozen=True, eq=False)
class TrueColumn:
    """What one true column may have been.

    Attributes
    ----------
    grid : ndarray, shape (K,)
        Values of the truth.
    steps : ndarray, shape (K, 11)
        The value itself, its square, and nine soft steps at the deciles of a normal truth.
    weights : ndarray, shape (n, K)
        Of each value for each row; they sum to 1.
    """

    grid: np.ndarray
    steps: np.ndarray
    weights: np.ndarray

    def basis(self, cubic: bool) -> np.ndarray:
        """Return the functions of the truth by which an outcome may depend on it."""
        return self.grid[:, None] ** np.arange(1, 4) if cubic else self.steps


@dataclass(frozen=True, eq=False)
class Posterior:
    """True engagement given the records, the score and the known columns.

    Attributes
    ----------
    columns : tuple of TrueColumn
    products : ndarray, shape (n, p)
        Expected products of pairs of true columns.
    """

    columns: tuple[TrueColumn, ...]
    products: np.ndarray


def posterior(
    columns: Sequence[NoisyColumn],
    score: np.ndarray,
    known: np.ndarray,
    rng: np.random.Generator,
    products: Sequence[int] = (),
    outcome: np.ndarray | None = None,
) -> Posterior:
    """Return what the true columns may have been.

    Parameters
    ----------
    columns : sequence of NoisyColumn
        On the scale of their normal scores; one without noise is no column of this kind.
    score : ndarray, shape (n,)
        Standardised.
    known : ndarray, shape (n, q)
        Columns without noise, the intercept first.
    rng : numpy.random.Generator
        For several columns.
    products : sequence of int
        Columns whose pairwise products are asked for.
    outcome : ndarray, shape (n,), optional
        Of one noisy column: where it takes steps, the score's curve is left freer. It has no other
        part in the weights.

    Notes
    -----
    The record is the truth and normal noise; the truth is normal about a line in the other columns,
    as the normal scores of the record are; the score is normal about the same
    soft steps by which the outcome may depend on it, and a line in the known columns. Regression
    calibration in the sense of Carroll, Ruppert, Stefanski & Crainiceanu (2006), chapter 4, with
    the score among what is conditioned on.
    """
    for column in columns:  # what the score takes of the noise is a line in record and truth
        score = score - column.shared / column.variance * column.values
    if len(columns) == 1:
        column = columns[0]
        truth = _one_column(column, score, known)
        if outcome is not None and _takes_steps(outcome, truth, score, known):
            truth = _one_column(column, score, known, MORE_ROUNDS, LESS_SHRUNK)
        return Posterior((truth,), np.empty((len(score), 0)))
    return _several(columns, score, known, rng, products)


def _grid_of(column: NoisyColumn, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the grid of a true column and its soft steps."""
    spread = np.sqrt(1 - column.variance)
    needed = 2 * REACH * spread / (WIDEST_GAP * np.sqrt(column.variance))
    grid = np.linspace(-REACH, REACH, max(points, int(needed) + 2)) * spread
    return grid, soft_steps(grid, spread)


def soft_steps(values: np.ndarray, spread: float) -> np.ndarray:
    """Return values, their squares and soft steps at the deciles of a normal variable."""
    cuts = -normal_isf(np.arange(1, SOFT + 1) / (SOFT + 1)) * spread
    at = np.clip((values[..., None] - cuts) / SOFTNESS, -50, 50)
    smooth = [values[..., None] ** power for power in range(1, SMOOTH + 1)]
    return np.concatenate([*smooth, 1 / (1 + np.exp(-at))], axis=-1)


def _penalty(n: int, columns: int, known: int, shrunk: float) -> np.ndarray:
    """Return the ridge of a regression on known columns and soft steps: the steps are shrunk."""
    tiny = 1e-6 * n
    return np.diag([tiny] * known + ([tiny] * SMOOTH + [shrunk] * SOFT) * columns)


def _takes_steps(
    outcome: np.ndarray, truth: TrueColumn, score: np.ndarray, known: np.ndarray
) -> bool:
    """Return whether soft steps explain an outcome beside a smooth curve, by an F test."""
    expected = truth.weights @ truth.steps
    smooth = np.column_stack([known, score, expected[:, :SMOOTH]])
    rests = []
    for matrix in (smooth, np.column_stack([smooth, expected[:, SMOOTH:]])):
        rest = outcome - matrix @ np.linalg.lstsq(matrix, outcome, rcond=None)[0]
        rests.append(float(rest @ rest))
    free = len(outcome) - smooth.shape[1] - SOFT
    if free <= 0 or not rests[1] > 0:
        return False
    statistic = (rests[0] - rests[1]) / SOFT / (rests[1] / free)
    return bool(f_sf(statistic, SOFT, free) < STEPS_SEEN)


def _one_column(
    column: NoisyColumn,
    score: np.ndarray,
    known: np.ndarray,
    rounds: int = ROUNDS,
    shrunk: float = SHRUNK,
) -> TrueColumn:
    """Find the score's curve by the EM algorithm, and the weights that follow from it."""
    grid, steps = _grid_of(column, GRID)
    n, q = known.shape
    rows = _Rows(column.values, score, known, column.variance, grid, steps)
    state = _State(np.zeros(q), np.zeros(q + steps.shape[1]), 1 - column.variance, np.inf)
    for _ in range(rounds):
        state = rows.improved(state, shrunk)
    weights = np.empty((n, len(grid)))
    for block, found in rows.weights(state):
        weights[block] = found.T
    return TrueColumn(grid, steps, weights)


@dataclass(frozen=True, eq=False)
class _State:
    """What the EM algorithm improves.

    Attributes
    ----------
    line : ndarray, shape (q,)
        The truth's line in the known columns.
    params : ndarray, shape (q + 11,)
        Of the score on the known columns and the soft steps.
    width, spread : float
        Variances about the two.
    """

    line: np.ndarray
    params: np.ndarray
    width: float
    spread: float


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows that a step of the EM algorithm sees; `noise` is the variance of the record's noise."""

    record: np.ndarray
    score: np.ndarray
    known: np.ndarray
    noise: float
    grid: np.ndarray
    steps: np.ndarray

    def weights(self, state: _State) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield blocks of rows, and the weight of each value of the truth (K, rows) for them."""
        n, q = self.known.shape
        curve = self.steps @ state.params[q:]
        # the squares of record, line and score cancel: what is left is linear in three numbers
        level = -0.5 * self.grid**2 * (1 / self.noise + 1 / state.width)
        parts = np.stack([level - 0.5 * curve**2 / state.spread, self.grid, curve], axis=1).astype(
            "f4"
        )
        pull = self.record / self.noise + self.known @ state.line / state.width
        rest = (self.score - self.known @ state.params[:q]) / state.spread
        rows = np.stack([np.ones(n), pull, rest]).astype("f4")
        for start in range(0, n, BLOCK):
            block = slice(start, start + BLOCK)
            logs = parts @ rows[:, block]
            logs -= logs.max(axis=0)
            found = np.exp(logs, out=logs)
            found /= found.sum(axis=0)
            yield block, found

    def improved(self, state: _State, shrunk: float) -> _State:
        """Return the state after one more step: all of it follows from sums over the rows."""
        n, q = self.known.shape
        sums = np.zeros((len(self.grid), q + 1))
        for block, found in self.weights(state):
            sums += found.astype(float) @ self._seen[block]
        crossed, scored, total = sums[:, :q].T, sums[:, q], sums[:, 0]
        (inner, outer), both = self._inner, crossed @ self.steps
        matrix = np.block(
            [
                [inner, both],
                [both.T, (self.steps * total[:, None]).T @ self.steps],
            ]
        )
        right = np.concatenate([outer, scored @ self.steps])
        params = np.linalg.solve(matrix + _penalty(n, 1, q, shrunk), right)
        spread = self._square - 2 * params @ right + params @ matrix @ params
        spread = max(float(spread) / n, LEAST_SPREAD)
        if q == 1:
            return _State(state.line, params, state.width, spread)
        means = crossed @ self.grid
        line = np.linalg.lstsq(inner, means, rcond=None)[0]
        width = total @ self.grid**2 - 2 * line @ means + line @ inner @ line
        return _State(line, params, max(float(width) / n, LEAST_SPREAD), spread)

    @cached_property
    def _seen(self) -> np.ndarray:
        """Known columns and score."""
        return np.column_stack([self.known, self.score])

    @cached_property
    def _inner(self) -> tuple[np.ndarray, np.ndarray]:
        """Products of the known columns with each other and with the score."""
        return self.known.T @ self.known, self.known.T @ self.score

    @cached_property
    def _square(self) -> float:
        return float(self.score @ self.score)


def _several(
    columns: Sequence[NoisyColumn],
    score: np.ndarray,
    known: np.ndarray,
    rng: np.random.Generator,
    products: Sequence[int],
) -> Posterior:
    """Draw the true columns in turn, and average their weights over the later sweeps."""
    n, q = known.shape
    grids = [_grid_of(column, FEWER) for column in columns]
    truth = [column.values * (1 - column.variance) for column in columns]
    steps = [
        soft_steps(value, np.sqrt(1 - column.variance))
        for value, column in zip(truth, columns, strict=True)
    ]
    records = [
        -0.5 / c.variance * (c.values[:, None] - grid).astype("f4") ** 2
        for c, (grid, _) in zip(columns, grids, strict=True)
    ]
    ridge = _penalty(n, len(columns), q, SEVERAL_SHRUNK)
    pairs = [(i, j) for at, i in enumerate(products) for j in products[:at]]
    averaged = [np.zeros((n, len(grid))) for grid, _ in grids]
    both = np.zeros((n, len(pairs)))
    for sweep in range(SWEEPS):
        for at, (grid, functions) in enumerate(grids):
            matrix = np.column_stack([known, *steps])
            params = np.linalg.solve(matrix.T @ matrix + ridge, matrix.T @ score)
            rest = score - matrix @ params
            spread = max(float(rest @ rest) / n, LEAST_SPREAD)
            own = params[q + functions.shape[1] * at :][: functions.shape[1]]
            others = np.column_stack([known, *(t for i, t in enumerate(truth) if i != at)])
            line = others @ np.linalg.lstsq(others, truth[at], rcond=None)[0]
            width = max(float(((truth[at] - line) ** 2).mean()), 20 * LEAST_SPREAD)
            logs = (
                records[at]
                - np.float32(0.5 / width) * (grid.astype("f4") - line.astype("f4")[:, None]) ** 2
            )
            part = (rest + steps[at] @ own).astype("f4")
            logs -= np.float32(0.5 / spread) * (part[:, None] - (functions @ own).astype("f4")) ** 2
            logs -= logs.max(axis=1, keepdims=True)
            weights = np.exp(logs)
            weights /= weights.sum(axis=1, keepdims=True)
            drawn = (weights.cumsum(axis=1) < rng.random((n, 1), dtype="f4")).sum(axis=1)
            drawn = drawn.clip(0, len(grid) - 1)
            truth[at] = grid[drawn] + (rng.random(n) - 0.5) * (grid[1] - grid[0])
            steps[at] = soft_steps(truth[at], np.sqrt(1 - columns[at].variance))
            if sweep >= SETTLED:
                averaged[at] += weights
        if sweep >= SETTLED:
            for number, (i, j) in enumerate(pairs):
                both[:, number] += truth[i] * truth[j]
    draws = SWEEPS - SETTLED
    made = tuple(
        TrueColumn(grid, functions, total / draws)
        for (grid, functions), total in zip(grids, averaged, strict=True)
    )
    return Posterior(made, both / draws)
