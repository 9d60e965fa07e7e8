"""Poisson pseudo maximum likelihood of many rows: Newton steps over blocks, without a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
import pandas as pd

from analysis.errors import DesignError, Fault, listing
from analysis.models.covariance import LEVERED, levered, refuse_full_leverage, small_sample
from analysis.models.family import FAMILIES
from analysis.models.solver import SINGULAR, Rows, Step, newton

BLOCK_ROWS = 8192
CLUSTER_ROWS = 65_536  # rows whose scores are added to their clusters together
SUBSAMPLES = (50, 7)
"""Every 50th row finds the start, every 7th betters it: one pass less over all rows."""

START_TOLERANCE = 0.03  # of those: chance in them makes a nearer step idle
STEPS = 50
STEP_TOLERANCE = 1e-4
"""Of the linear predictor, per standard deviation; the error left is about its square."""

ROUNDING = 1e-6  # a step below this that is not half as long as the one before ends in rounding
LAST_TOLERANCE = 4e-9
"""Of the last step at the farthest row: beyond it the covariance, a step behind, is taken again."""

SCALING_ROWS = 16_384
"""Of so many rows, evenly spread, columns have mean 0 and standard deviation 1."""

TINY = np.finfo(float).tiny  # in the place of 0 in y log y


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
        HC0 .. HC3 or CRV1.
    deviance : float
    n : int
    clusters : int or None
    """

    terms: tuple[str, ...]
    coefficient: np.ndarray
    covariance: np.ndarray
    kind: str
    deviance: float
    n: int
    clusters: int | None

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors, shape (k,)."""
        return np.sqrt(np.diagonal(self.covariance))


def fit_poisson(
    columns: np.ndarray,
    outcome: np.ndarray,
    names: Sequence[str],
    *,
    covariance: Literal["HC0", "HC1", "HC2", "HC3", "CRV1"] = "HC1",
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
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1"}
        HC1 is HC0 n/(n-k); HC2 and HC3, by one pass more, have the weighted leverages; CRV1 carries
        G/(G-1) (n-1)/(n-k).
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
        because a combination of columns is non-zero only where the outcome is zero; HC2 or HC3
        where a row has leverage one.

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
    _check_kind(covariance, cluster)
    estimate = solve_poisson(
        columns, outcome, names, offset=offset, start=start, block_rows=block_rows
    )
    return estimate.fit(covariance, cluster)


def solve_poisson(
    columns: np.ndarray,
    outcome: np.ndarray,
    names: Sequence[str],
    *,
    offset: np.ndarray | None = None,
    start: np.ndarray | None = None,
    block_rows: int = BLOCK_ROWS,
) -> PoissonEstimate:
    """Return the estimate that `fit_poisson` starts from, which all kinds of errors share.

    Takes what that takes and raises what that raises.
    """
    rows = _Raw.read(columns, outcome, names, offset, block_rows)
    beta = _first_guess(rows) if start is None else rows.to_scaled(np.asarray(start, dtype=float))
    try:
        beta = _solved(rows, beta)
    except DesignError:
        if start is not None:
            raise
        beta = _solved(rows, _flat(rows))  # the rows of the start were unlike the others
    return PoissonEstimate(rows, beta)


def _check_kind(covariance: str, cluster: np.ndarray | None) -> None:
    if covariance not in ("HC0", "HC1", *LEVERED, "CRV1"):
        raise _refusal("covariance", repr(covariance), "HC0, HC1, HC2, HC3, CRV1")
    if (covariance == "CRV1") != (cluster is not None):
        place = f"{covariance} {'without' if cluster is None else 'with'} clusters"
        raise _refusal("covariance", place, "CRV1 with, HC0 to HC3 without")


@dataclass(frozen=True, eq=False)
class PoissonEstimate:
    """An estimate a last step before its end: the errors, of any kind, are taken with that step.

    Attributes
    ----------
    rows : Rows
    scaled : ndarray, shape (k,)
        Coefficients of the standardised columns.
    """

    rows: _Raw
    scaled: np.ndarray

    def fit(self, covariance: str, cluster: np.ndarray | None = None) -> PoissonFit:
        """Return the fit with robust or cluster errors; see `fit_poisson`."""
        _check_kind(covariance, cluster)
        rows = self.rows
        codes, clusters = _cluster_codes(cluster, len(rows.response))
        beta, (bread, meat, deviance) = _last_step(rows, self.scaled, codes, clusters)
        inverse, back, n, k = np.linalg.inv(bread), rows.to_units(), len(rows.response), len(beta)
        factor = small_sample(covariance, n, k, clusters)
        if covariance in LEVERED:
            meat = _levered_products(rows, beta, inverse, covariance)
        return PoissonFit(
            rows.names,
            back @ beta,
            factor * back @ inverse @ meat @ inverse @ back.T,
            covariance,
            deviance,
            n,
            clusters,
        )


@dataclass(frozen=True, eq=False)
class _Raw(Rows):
    """Rows with the columns as they are: blocks hold a constant and the columns, standardised."""

    _: KW_ONLY
    names: tuple[str, ...]
    location: np.ndarray
    scale: np.ndarray
    block_rows: int

    @classmethod
    def read(cls, columns, outcome, names, offset, block_rows: int) -> _Raw:
        columns, outcome = np.asarray(columns, dtype=float), np.asarray(outcome, dtype=float)
        offset = None if offset is None else np.asarray(offset, dtype=float)
        n = len(outcome)
        shaped = columns.shape == (n, len(names)) and outcome.ndim == 1
        if not shaped or (offset is not None and offset.shape != (n,)):
            place = f"{(n, len(names))}: outcomes by names"
            raise _refusal("columns", f"shape {columns.shape}", place)
        if n <= len(names) + 1:
            raise _refusal("rows", str(n), f"more than the {len(names) + 1} coefficients")
        low, total = outcome.min(), outcome.sum()
        if not np.isfinite(total) or not (offset is None or np.isfinite(offset.sum())):
            raise _refusal("outcome, offset", "missing or infinite values", "finite numbers")
        if low < 0 or total == 0:
            value = "zero everywhere" if low == 0 else f"{low:g}"
            raise _refusal("outcome", value, "zero or more, not zero everywhere")
        location, scale = _location_scale(columns, names)
        return cls(
            outcome,
            columns,
            FAMILIES["poisson"],
            offset,
            names=("const", *names),
            location=location,
            scale=scale,
            block_rows=block_rows,
        )

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield ranges of rows and [1, standardised columns], (rows, k), in a room used again; all
        of them, read-only, from a room of their own where they are one block.
        """
        n = len(self.response)
        if n <= self.block_rows:
            yield slice(0, n), self._block.T
            return
        room = np.empty((len(self.names), min(self.block_rows, len(self.response))))
        scale, location = self.scale[:, None], self.location[:, None]
        for start in range(0, len(self.response), self.block_rows):
            part = slice(start, min(start + self.block_rows, len(self.response)))
            x = room[:, : part.stop - part.start]
            x[0] = 1.0
            np.subtract(self.columns[part].T, location, out=x[1:])
            x[1:] *= scale
            yield part, x.T

    @cached_property
    def _block(self) -> np.ndarray:
        block = np.empty((len(self.names), len(self.response)))
        block[0] = 1.0
        np.subtract(self.columns.T, self.location[:, None], out=block[1:])
        block[1:] *= self.scale[:, None]
        block.flags.writeable = False
        return block

    def every(self, step: int) -> _Raw:
        """Return every step-th row."""
        offset = None if self.offset is None else self.offset[::step]
        return replace(
            self, columns=self.columns[::step], response=self.response[::step], offset=offset
        )

    def to_units(self) -> np.ndarray:
        """Return the matrix from scaled coefficients to coefficients in the columns' units."""
        back = np.diag(np.concatenate([[1.0], self.scale]))
        back[0, 1:] = -self.location * self.scale
        return back

    def to_scaled(self, coefficient: np.ndarray) -> np.ndarray:
        if coefficient.shape != (len(self.names),):
            allowed = f"{len(self.names)} coefficients, the constant first"
            raise _refusal("start", f"shape {coefficient.shape}", allowed)
        return np.linalg.solve(self.to_units(), coefficient)


def _location_scale(columns: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and inverse standard deviation of columns in some rows; all if flat."""
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(columns.sum()) or np.isfinite(columns.sum(axis=0))
    if not np.all(finite):
        bad = listing(np.asarray(names)[~finite])
        raise _refusal("columns", f"missing or infinite values in {bad}", "complete columns")
    some = columns[:: max(len(columns) // SCALING_ROWS, 1)].T.copy()
    location, spread = some.mean(axis=1), some.std(axis=1)
    tiny = 16 * np.finfo(float).eps
    for at in np.flatnonzero(spread <= tiny * np.abs(location)):
        location[at], spread[at] = columns[:, at].mean(), columns[:, at].std()
    flat = spread <= tiny * np.abs(location)
    if flat.any():
        constant = listing(np.asarray(names)[flat])
        raise _refusal("columns", f"no variation in {constant}", "columns that vary")
    return location, 1.0 / spread


def _many(columns: np.ndarray) -> bool:
    """Whether the smallest of the subsamples has enough rows to stand for all."""
    return len(columns) >= SUBSAMPLES[0] * 50 * (columns.shape[1] + 1)


def _first_guess(rows: _Raw) -> np.ndarray:
    """Return the fit of some rows; of the mean alone where they are few or have no fit."""
    beta = flat = _flat(rows)
    if not _many(rows.columns):
        return flat
    try:
        for step in SUBSAMPLES:
            beta = _solved(rows.every(step), beta, START_TOLERANCE)
    except DesignError:
        return flat
    return beta


def _flat(rows: _Raw) -> np.ndarray:
    """Return the coefficients of the mean alone."""
    base = len(rows.response) if rows.offset is None else np.exp(rows.offset).sum()
    return np.concatenate([[np.log(rows.response.sum() / base)], np.zeros(len(rows.names) - 1)])


def _solved(rows: _Raw, beta: np.ndarray, small: float = STEP_TOLERANCE) -> np.ndarray:
    """Return the estimate by Newton steps that are halved while the likelihood falls."""
    slack = 1e-10 * float(rows.response.sum())
    last: Step = newton(
        partial(rows.sums, criterion=True),
        beta,
        steps=STEPS,
        small=small,
        slack=slack,
        condition=SINGULAR,
        condition_of=_scaled_condition,
    )
    if last.moved <= small:
        return last.params
    if last.count == 1 and not np.isfinite(last.value):
        raise _refusal("start", "infinite fitted means", "values near those of a similar fit")
    raise _no_estimate(rows, last.information)


def _last_step(rows: _Raw, beta: np.ndarray, codes: np.ndarray | None, clusters: int | None):
    """Return the estimate and its `_sandwich_parts`, by steps until they are short or rounding."""
    before = np.inf
    for _ in range(STEPS):
        score, farthest, *parts = _sandwich_parts(rows, beta, codes, clusters)
        step = np.linalg.solve(parts[0], score)
        beta, length = beta + step, float(np.max(np.abs(step) * farthest))
        if length < LAST_TOLERANCE or (before < ROUNDING and length > 0.5 * before):
            return beta, parts
        before = length
    raise _no_estimate(rows, parts[0])


def _sandwich_parts(rows: _Raw, beta: np.ndarray, codes: np.ndarray | None, clusters: int | None):
    """Return score, largest values, information, outer products of (cluster) scores, deviance."""
    (score, farthest), (bread, meat) = np.zeros((2, len(beta))), np.zeros((2, len(beta), len(beta)))
    sums, deviance = np.zeros((len(beta), clusters or 0)), 0.0
    if codes is not None and len(rows.response) > rows.block_rows:
        rows = replace(rows, block_rows=max(rows.block_rows, CLUSTER_ROWS))
    for part, block in rows.blocks():
        x, y, at = block.T, rows.response[part], rows.at(part, block, beta)
        residuals, mean = rows.family.derivatives(y, at)
        score += x @ residuals
        farthest = np.maximum(farthest, np.maximum(x.max(axis=1), -x.min(axis=1)))
        deviance += y @ (np.log(np.maximum(y, TINY)) - at) - np.sum(residuals)
        weighted = x * np.sqrt(mean)
        bread += weighted @ weighted.T
        x = x * residuals
        if codes is None:
            meat += x @ x.T
            continue
        for total, row in zip(sums, x, strict=True):
            total += np.bincount(codes[part], weights=row, minlength=clusters)
    return score, farthest, bread, meat if codes is None else sums @ sums.T, 2.0 * float(deviance)


def _levered_products(rows: _Raw, beta: np.ndarray, inverse: np.ndarray, kind: str) -> np.ndarray:
    """Return the outer products of the scores over what leverage leaves of them, for HC2 or HC3."""
    meat = np.zeros((len(beta), len(beta)))
    for part, block in rows.blocks():
        x, at = block.T, rows.at(part, block, beta)
        residuals, mean = rows.family.derivatives(rows.response[part], at)
        leverage = mean * np.einsum("ij,ij->j", x, inverse @ x)
        refuse_full_leverage(leverage, kind)
        scores = x * (residuals / levered(leverage, kind))
        meat += scores @ scores.T
    return meat


def _cluster_codes(cluster, n: int) -> tuple[np.ndarray | None, int | None]:
    if cluster is None:
        return None, None
    cluster = np.asarray(cluster)
    if cluster.shape != (n,):
        raise _refusal("cluster", f"shape {cluster.shape}", f"{n} labels")
    codes, labels = pd.factorize(cluster)
    if codes.min() < 0:
        place = f"a missing label in row {int(np.argmin(codes))}"
        raise _refusal("cluster", place, "a label for each row")
    if len(labels) < 2:
        raise _refusal("clusters", "1", "at least 2")
    return codes, len(labels)


def _scaled_condition(information: np.ndarray) -> float:
    """Return the condition of the information with unit diagonal; infinite when not positive."""
    diagonal = np.sqrt(np.maximum(np.diagonal(information), 0.0))
    if not (diagonal > 0).all() or not np.isfinite(information).all():
        return np.inf
    values = np.linalg.eigvalsh(information / np.outer(diagonal, diagonal))
    return float(values[-1] / values[0]) if values[0] > 0 else np.inf


def _no_estimate(rows: _Raw, information: np.ndarray) -> DesignError:
    shares = np.abs(np.linalg.eigh(information)[1][:, 0])
    terms = [name for name, share in zip(rows.names, shares, strict=True) if share > 0.1]
    text = (
        f"a combination of {listing(terms)} that is zero, or differs from zero only where the"
        " outcome is zero"
    )
    return _refusal("columns", text, "columns for which an estimate exists")


def _refusal(place: str, text: str, allowed: str) -> DesignError:
    return DesignError("Poisson model", [Fault(place, text, allowed)])
