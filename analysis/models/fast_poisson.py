"""Poisson pseudo maximum likelihood of many rows: Newton steps over blocks, with no copy of the
table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.errors import DesignError, Fault, listing

BLOCK_ROWS = 8192
CLUSTER_ROWS = 65_536  # rows whose scores are added to their clusters together
SUBSAMPLES = (
    50,
    7,
)  # every 50th row finds the start, every 7th betters it: one pass less over all rows
START_TOLERANCE = 0.03  # of those: chance in them makes a nearer step idle
STEPS = 50
STEP_TOLERANCE = (
    1e-4  # of the linear predictor, per standard deviation; the error left is about its square
)
ROUNDING = 1e-6  # a step below this that is not half as long as the one before ends in rounding
# of the last step at the farthest row: beyond it the covariance, a step behind, is taken again
LAST_TOLERANCE = 4e-9
# squared standard deviations from the mean beyond which sums of squares are taken again around the
# mean
FAR = 100.0
TINY = np.finfo(float).tiny  # in the place of 0 in y log y
CONDITION_LIMIT = (
    1e13  # of the scaled information: beyond it no finite or no single estimate exists
)


@dataclass(frozen=True, eq=False)
class PoissonFit:
    """Coefficients of E[y] = exp(offset + constant + columns b), with their covariance.

    Attributes
    ----------
    terms : tuple of str, length k
        ``const`` first.
    coefficient : ndarray, shape (k,)
        Log scale.
    covariance : ndarray, shape (k, k)
    kind : str
        HC0, HC1 or CRV1.
    deviance : float
    n : int
    clusters : int or None
    steps : int
        Newton steps over all rows.
    condition : float
        Condition number of the columns, centred, scaled and weighted by the fitted means.
    """

    terms: tuple[str, ...]
    coefficient: np.ndarray
    covariance: np.ndarray
    kind: str
    deviance: float
    n: int
    clusters: int | None
    steps: int
    condition: float

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors, shape (k,)."""
        return np.sqrt(np.diagonal(self.covariance))


def fit_poisson(
    columns: np.ndarray,
    outcome: np.ndarray,
    names: Sequence[str],
    *,
    covariance: Literal["HC0", "HC1", "CRV1"] = "HC1",
    cluster: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    start: np.ndarray | None = None,
    block_rows: int = BLOCK_ROWS,
) -> PoissonFit:
    """Fit a Poisson pseudo maximum likelihood with robust or cluster errors.

    Parameters
    ----------
    columns : array, shape (n, p)
        Regressors in their own units, complete, without a constant.
    outcome : array, shape (n,)
        Non-negative; need not be whole numbers.
    names : sequence of str, length p
    covariance : {"HC0", "HC1", "CRV1"}
        HC1 is HC0 n/(n-k); CRV1 carries G/(G-1) (n-1)/(n-k).
    cluster : array, shape (n,), optional
        Labels, for CRV1.
    offset : array, shape (n,), optional
        Known part of the linear predictor: the log of an exposure.
    start : array, shape (p + 1,), optional
        Coefficients of a similar fit, the constant first. Without it every 50th row is fitted
        first, then every 7th.
    block_rows : int
        Rows looked at together; memory beyond the data is about ``16 * block_rows * (p + 1)``
        bytes.

    Raises
    ------
    DesignError
        Negative, missing or all-zero outcomes; dependent columns; an estimate that does not exist
        because a combination of columns is non-zero only where the outcome is zero.

    Notes
    -----
    The estimate solves sum (y - mu) x = 0; only the mean has to be right, see Gourieroux, Monfort &
    Trognon (1984), Econometrica 52(3). The covariance is A^-1 B A^-1 with A = sum mu x x' and B the
    sum of outer products of the scores (y - mu) x, or of their cluster sums.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5000, 1))
    >>> fit_poisson(x, rng.poisson(np.exp(1 + 0.5 * x[:, 0])), ["x"]).coefficient.round(1).tolist()
    [1.0, 0.5]
    """
    if covariance not in ("HC0", "HC1", "CRV1"):
        raise _refusal("covariance", repr(covariance), "HC0, HC1, CRV1")
    if (covariance == "CRV1") != (cluster is not None):
        raise _refusal(
            "covariance",
            f"{covariance} {'without' if cluster is None else 'with'} clusters",
            "CRV1 with, HC0 and HC1 without",
        )
    rows = _Rows.read(columns, outcome, names, offset, block_rows)
    beta = _first_guess(rows) if start is None else rows.to_scaled(np.asarray(start, dtype=float))
    try:
        beta, steps = _newton(rows, beta)
    except DesignError:
        if start is not None:
            raise
        beta, steps = _newton(
            rows, _flat(rows)
        )  # the rows that found the start were unlike the others
    codes, clusters = _cluster_codes(cluster, len(rows.outcome))
    beta, steps, (bread, meat, deviance) = _last_step(rows, beta, steps, codes, clusters)
    inverse = np.linalg.inv(bread)
    back = rows.to_units()
    correction = _small_sample(covariance, len(rows.outcome), len(beta), clusters)
    return PoissonFit(
        ("const", *names),
        back @ beta,
        correction * back @ inverse @ meat @ inverse @ back.T,
        covariance,
        deviance,
        len(rows.outcome),
        clusters,
        steps,
        float(np.sqrt(_scaled_condition(bread))),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    columns: np.ndarray
    outcome: np.ndarray
    offset: np.ndarray | None
    location: np.ndarray
    scale: np.ndarray
    names: tuple[str, ...]
    block_rows: int

    @classmethod
    def read(cls, columns, outcome, names, offset, block_rows: int) -> _Rows:
        columns, outcome = np.asarray(columns, dtype=float), np.asarray(outcome, dtype=float)
        offset = None if offset is None else np.asarray(offset, dtype=float)
        n = len(outcome)
        if (
            columns.shape != (n, len(names))
            or outcome.ndim != 1
            or (offset is not None and offset.shape != (n,))
        ):
            raise _refusal(
                "columns", f"shape {columns.shape}", f"{(n, len(names))}: outcomes by names"
            )
        if n <= len(names) + 1:
            raise _refusal("rows", str(n), f"more than the {len(names) + 1} coefficients")
        low, total = outcome.min(), outcome.sum()
        if not np.isfinite(total) or not (offset is None or np.isfinite(offset.sum())):
            raise _refusal("outcome, offset", "missing or infinite values", "finite numbers")
        if low < 0 or total == 0:
            raise _refusal(
                "outcome",
                "zero everywhere" if low == 0 else f"{low:g}",
                "zero or more, not zero everywhere",
            )
        location, scale = _location_scale_of_some(columns, names, block_rows)
        return cls(columns, outcome, offset, location, scale, tuple(names), block_rows)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Row ranges and [1, scaled columns] transposed, (k, rows); the array is reused, and may be
        overwritten.
        """
        room = np.empty((len(self.names) + 1, min(self.block_rows, len(self.outcome))))
        scale, location = self.scale[:, None], self.location[:, None]
        for start in range(0, len(self.outcome), self.block_rows):
            part = slice(start, min(start + self.block_rows, len(self.outcome)))
            x = room[:, : part.stop - part.start]
            x[0] = 1.0
            np.subtract(self.columns[part].T, location, out=x[1:])
            x[1:] *= scale
            yield part, x

    def mean(self, part: slice, eta: np.ndarray) -> np.ndarray:
        """Fitted means; eta is changed to include the offset."""
        if self.offset is not None:
            eta += self.offset[part]
        return np.exp(eta)

    def every(self, step: int) -> _Rows:
        """Every step-th row."""
        offset = None if self.offset is None else self.offset[::step]
        return replace(
            self, columns=self.columns[::step], outcome=self.outcome[::step], offset=offset
        )

    def to_units(self) -> np.ndarray:
        """Matrix from scaled coefficients to coefficients in the columns' units."""
        back = np.diag(np.concatenate([[1.0], self.scale]))
        back[0, 1:] = -self.location * self.scale
        return back

    def to_scaled(self, coefficient: np.ndarray) -> np.ndarray:
        if coefficient.shape != (len(self.names) + 1,):
            raise _refusal(
                "start",
                f"shape {coefficient.shape}",
                f"{len(self.names) + 1} coefficients, the constant first",
            )
        return np.concatenate(
            [[coefficient[0] + coefficient[1:] @ self.location], coefficient[1:] / self.scale]
        )


def _location_scale_of_some(
    columns: np.ndarray, names: Sequence[str], block_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and inverse standard deviation of the rows that better the start: near enough to scale
    by.

    Of all rows where those are few, where a column does not vary in them, and where a value is not
    finite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(columns.sum())
    if finite and _many(len(columns), len(names)):
        try:
            return _location_scale(columns[:: SUBSAMPLES[-1]], names, block_rows)
        except DesignError:
            pass
    return _location_scale(columns, names, block_rows)


def _location_scale(
    columns: np.ndarray, names: Sequence[str], block_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and inverse standard deviation of each column, in a pass over blocks; two where the
    first rows mislead.
    """
    some = columns[:: max(len(columns) // block_rows, 1)].mean(axis=0)
    location, square, away = _around(columns, some, block_rows)
    if not (away <= FAR * square).all():
        location, square, _ = _around(columns, location, block_rows)
    if not np.isfinite(location).all():
        bad = [name for name, value in zip(names, location, strict=True) if not np.isfinite(value)]
        raise _refusal(
            "columns", "missing or infinite values in " + listing(bad), "complete columns"
        )
    spread = np.sqrt(square)
    flat = spread <= 16 * np.finfo(float).eps * np.abs(location)
    if flat.any():
        raise _refusal(
            "columns", "no variation in " + listing(np.asarray(names)[flat]), "columns that vary"
        )
    return location, 1.0 / spread


def _around(
    columns: np.ndarray, centre: np.ndarray, block_rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and squared distance from `centre` of each column, from sums around that."""
    n, total, square = len(columns), np.zeros(columns.shape[1]), np.zeros(columns.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, n, block_rows):
            block = columns[start : start + block_rows] - centre
            total += np.ones(len(block)) @ block
            square += np.einsum("np,np->p", block, block)
        away = total / n
        return centre + away, square / n - away**2, away**2


def _many(n: int, columns: int) -> bool:
    """Whether the smallest of the subsamples has enough rows to stand for all."""
    return n >= SUBSAMPLES[0] * 50 * (columns + 1)


def _first_guess(rows: _Rows) -> np.ndarray:
    """Fit of some rows where they are enough; else, or where they have no fit, the mean alone."""
    beta = flat = _flat(rows)
    if not _many(len(rows.outcome), len(rows.names)):
        return flat
    try:
        for step in SUBSAMPLES:
            beta = _newton(rows.every(step), beta, START_TOLERANCE)[0]
    except DesignError:
        return flat
    return beta


def _flat(rows: _Rows) -> np.ndarray:
    """The mean alone."""
    total = rows.outcome.sum() / (
        len(rows.outcome) if rows.offset is None else np.exp(rows.offset).sum()
    )
    return np.concatenate([[np.log(total)], np.zeros(len(rows.names))])


def _newton(
    rows: _Rows, beta: np.ndarray, enough: float = STEP_TOLERANCE
) -> tuple[np.ndarray, int]:
    """Newton steps, halved while the pseudo likelihood falls, down to `enough`; the estimate and
    their number.
    """
    tolerance = 1e-10 * rows.outcome.sum()
    loss, step = np.inf, np.zeros(len(beta))
    for number in range(STEPS):
        value, gradient, information = _pass(rows, beta)
        if not value <= loss + tolerance:
            step = 0.5 * step
            beta = beta - step
            continue
        if not np.isfinite(value):
            raise _refusal("start", "infinite fitted means", "values near those of a similar fit")
        loss = value
        if not _scaled_condition(information) < CONDITION_LIMIT:
            raise _no_estimate(rows, information)
        step = np.linalg.solve(information, gradient)
        beta = beta + step
        if np.max(np.abs(step)) < enough:
            return beta, number + 1
    raise _no_estimate(rows, information)


def _pass(rows: _Rows, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Negative pseudo log likelihood (without constants), its score and its information."""
    loss, score, information = 0.0, np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
    with np.errstate(over="ignore", invalid="ignore"):
        for part, x in rows.blocks():
            eta = beta @ x
            mu = rows.mean(part, eta)
            y = rows.outcome[part]
            loss += mu.sum() - y @ eta
            score += x @ (y - mu)
            x *= np.sqrt(mu)
            information += x @ x.T
    return loss, score, information


def _last_step(
    rows: _Rows, beta: np.ndarray, steps: int, codes: np.ndarray | None, clusters: int | None
):
    """Take the step that the pass for the covariance shows, again while it is long and becomes
    shorter: estimate, steps and the parts. Of nearly dependent columns it ends in rounding."""
    before = np.inf
    for number in range(steps, STEPS + 1):
        score, farthest, *parts = _sandwich_parts(rows, beta, codes, clusters)
        step = np.linalg.solve(parts[0], score)
        beta, length = beta + step, float(np.max(np.abs(step) * farthest))
        if length < LAST_TOLERANCE or (before < ROUNDING and length > 0.5 * before):
            return beta, number + 1, parts
        before = length
    raise _no_estimate(rows, parts[0])


def _sandwich_parts(rows: _Rows, beta: np.ndarray, codes: np.ndarray | None, clusters: int | None):
    """Score, largest values, information, sum of outer products of the scores (or of their cluster
    sums), deviance.
    """
    (score, farthest), (bread, meat) = np.zeros((2, len(beta))), np.zeros((2, len(beta), len(beta)))
    sums, deviance = np.zeros((len(beta), clusters or 0)), 0.0
    if codes is not None:
        rows = replace(rows, block_rows=max(rows.block_rows, CLUSTER_ROWS))
    for part, x in rows.blocks():
        eta = beta @ x
        mu = rows.mean(part, eta)
        y = rows.outcome[part]
        residuals = y - mu
        score += x @ residuals
        farthest = np.maximum(farthest, np.maximum(x.max(axis=1), -x.min(axis=1)))
        deviance += y @ (np.log(np.maximum(y, TINY)) - eta) - np.sum(residuals)
        weighted = x * np.sqrt(mu)
        bread += weighted @ weighted.T
        x *= residuals
        if codes is None:
            meat += x @ x.T
            continue
        for total, row in zip(sums, x, strict=True):
            total += np.bincount(codes[part], weights=row, minlength=clusters)
    return score, farthest, bread, meat if codes is None else sums @ sums.T, 2.0 * float(deviance)


def _cluster_codes(cluster, n: int) -> tuple[np.ndarray | None, int | None]:
    if cluster is None:
        return None, None
    cluster = np.asarray(cluster)
    if cluster.shape != (n,):
        raise _refusal("cluster", f"shape {cluster.shape}", f"{n} labels")
    if cluster.dtype.kind in "biu":
        labels, codes = np.unique(cluster, return_inverse=True)
    else:
        import pandas as pd

        codes, labels = pd.factorize(cluster)
        if codes.min() < 0:
            raise _refusal(
                "cluster", f"a missing label in row {int(np.argmin(codes))}", "a label for each row"
            )
    if len(labels) < 2:
        raise _refusal("clusters", "1", "at least 2")
    return codes, len(labels)


def _small_sample(kind: str, n: int, k: int, clusters: int | None) -> float:
    if kind == "HC0":
        return 1.0
    return n / (n - k) if kind == "HC1" else clusters / (clusters - 1) * (n - 1) / (n - k)


def _scaled_condition(information: np.ndarray) -> float:
    """Condition number of the information with unit diagonal; infinite when it is not positive."""
    diagonal = np.sqrt(np.maximum(np.diagonal(information), 0.0))
    if not (diagonal > 0).all() or not np.isfinite(information).all():
        return np.inf
    values = np.linalg.eigvalsh(information / np.outer(diagonal, diagonal))
    return float(values[-1] / values[0]) if values[0] > 0 else np.inf


def _no_estimate(rows: _Rows, information: np.ndarray) -> DesignError:
    vectors = np.linalg.eigh(information)[1]
    terms = [
        name
        for name, share in zip(("const", *rows.names), np.abs(vectors[:, 0]), strict=True)
        if share > 0.1
    ]
    found = (
        f"a combination of {listing(terms)} that is zero, or differs from zero only where the"
        " outcome is zero"
    )
    return _refusal("columns", found, "columns for which an estimate exists")


def _refusal(place: str, found: str, allowed: str) -> DesignError:
    return DesignError("Poisson model", [Fault(place, found, allowed)])
