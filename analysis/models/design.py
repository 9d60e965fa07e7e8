"""Response and design matrix by block, with an orthonormal basis in which everything is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from analysis.errors import DesignError, Fault, listing, printable
from analysis.models.few_rows import few_clusters_df

RANK_TOLERANCE = 1e-12
"""A column whose part outside the others is smaller than this share of it counts as their linear
combination.
"""

MANY_ROWS, CONDITION_LIMIT = 20_000, 1e10
"""From so many rows on a basis is made from cross products, where the condition of these is below
the limit.
"""


class Absorbing(Protocol):
    """Controls of many levels that are swept out of a design (`models.absorbing`)."""

    before: Design

    @property
    def lost(self) -> int:
        """Degrees of freedom that the levels take beside the intercept."""

    def through(self, design: Design, change: Callable[[Design], Design]) -> Design:
        """Return a changed design, the levels swept out anew."""

    def responding(self, design: Design, response: np.ndarray) -> Design:
        """Return the design with another response, for least squares."""

    def open(self, design: Design) -> Design:
        """Return the design before any model is fitted."""

    def swept(self, columns: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return columns less their weighted level means."""

    def taken(self, design: Design, keep: np.ndarray) -> Design:
        """Return the design of some rows."""


@dataclass(frozen=True, eq=False)
class Design:
    """The equation to be fitted: ``E[y | X]`` on the columns of `matrix`.

    Attributes
    ----------
    response : ndarray, shape (n,)
        In the outcome's own unit.
    matrix : ndarray, shape (n, k)
        Column 0 is the intercept unless the design was made without one; then controls, engagement,
        score.
    terms : tuple of str, length k
    blocks : tuple of str, length k
        "intercept", "control", "engagement" or "score" for each column.
    clusters : ndarray of int, shape (n,), or None
        Codes 0 .. G-1.
    offset : ndarray, shape (n,), or None
        Added to the linear predictor (log exposure).
    rows : ndarray of int, shape (n,)
        Spreadsheet row numbers.
    levels : Absorbing or None
        Fixed effects that columns and response are without; what changes the design sweeps them
        out anew.
    kept : dict or None
        For a design of a whole sample, which many studies fit: its reduced designs and fits, made
        once.
    """

    response: np.ndarray
    matrix: np.ndarray
    terms: tuple[str, ...]
    blocks: tuple[str, ...]
    clusters: np.ndarray | None = None
    offset: np.ndarray | None = None
    rows: np.ndarray | None = None
    levels: Absorbing | None = None
    kept: dict[Any, Any] | None = field(default=None, init=False, repr=False)

    @property
    def n(self) -> int:
        return self.matrix.shape[0]

    @property
    def k(self) -> int:
        return self.matrix.shape[1]

    @property
    def lost(self) -> int:
        """Degrees of freedom of absorbed levels, which are no columns."""
        return 0 if self.levels is None else self.levels.lost

    @property
    def recorded(self) -> np.ndarray:
        """The columns as they are, shape (n, k), absorbed levels not swept out."""
        return self.matrix if self.levels is None else self.levels.before.matrix

    @property
    def opened(self) -> Design:
        """This design; with absorbed levels the one before any model was fitted, whose moments are
        those of the columns less their plain level means."""
        return self if self.levels is None else self.levels.open(self)

    @property
    def outcome(self) -> np.ndarray:
        """The response as it is, shape (n,), absorbed levels not swept out."""
        return self.response if self.levels is None else self.levels.before.response

    @property
    def n_clusters(self) -> int | None:
        return None if self.clusters is None else int(self.clusters.max()) + 1

    @property
    def units(self) -> np.ndarray:
        """Codes of what counts as independent, shape (n,): each row's cluster, or the row."""
        return np.arange(self.n) if self.clusters is None else self.clusters

    @property
    def plain_covariance(self) -> str:
        """The robust covariance that every model has: HC1, or CRV1 with clusters."""
        return "HC1" if self.clusters is None else "CRV1"

    @cached_property
    def basis(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (Q, T): an orthonormal basis times sqrt(n), and the triangle of ``matrix = Q T``.

        Columns are centred (when there is an intercept) and scaled before the factorisation, so
        that neither the unit nor the offset of a column costs digits.
        """
        return orthonormal_basis(self.matrix, centre=self.blocks[0] == "intercept")

    @cached_property
    def largest_leverage(self) -> float:
        """Return the largest diagonal entry of the columns' hat matrix, all rows weighted alike."""
        basis, _ = self.basis
        return float(np.einsum("ij,ij->i", basis, basis).max()) / self.n

    @cached_property
    def few_clusters_carry_a_score(self) -> bool:
        """Whether a score rests on few of the clusters in effect, all rows weighted alike."""
        basis, triangle = self.basis
        back = np.linalg.inv(triangle)
        scores = (basis @ back[at] for at, block in enumerate(self.blocks) if block == "score")
        few = (few_clusters_df(weights, self.clusters) for weights in scores)
        return any(df is not None for df in few)

    def without(self, *blocks: str) -> Design:
        """Return the design without the columns of these blocks: the reduced, nested model."""
        if self.kept is not None and blocks in self.kept:
            return self.kept[blocks]
        rest = self.columns([i for i, block in enumerate(self.blocks) if block not in blocks])
        if self.kept is not None:
            self.kept[blocks] = rest.keeping()
        return rest

    def keeping(self) -> Design:
        """Return this very design, which now keeps its reduced designs and fits; copies do not."""
        object.__setattr__(self, "kept", {})
        return self

    def block(self, *blocks: str) -> np.ndarray:
        """Return the columns of these blocks, shape (n, number of such columns)."""
        return self.matrix[:, [i for i, block in enumerate(self.blocks) if block in blocks]]

    def take(self, keep: np.ndarray) -> Design:
        """Return the design of some rows (a mask or positions); clusters keep their codes."""
        if self.levels is not None:
            return self.levels.taken(self, keep)
        pick = {
            name: None if (a := getattr(self, name)) is None else a[keep]
            for name in ("clusters", "offset", "rows")
        }
        return replace(self, response=self.response[keep], matrix=self.matrix[keep], **pick)

    def rest(self, keep: np.ndarray) -> Design:
        """Return the design of a mask's rows: clusters renumbered, constant controls left out."""
        left = self.take(keep)
        still = [
            at
            for at, block in enumerate(left.blocks)
            if block == "control" and np.ptp(left.matrix[:, at]) == 0
        ]
        if still:
            left = left.columns([at for at in range(left.k) if at not in still])
        return left.renumbered()

    def renumbered(self) -> Design:
        """Return the design with the clusters that are left numbered anew."""
        if self.clusters is None:
            return self
        return replace(self, clusters=np.unique(self.clusters, return_inverse=True)[1])

    def with_columns(self, block: str, columns: dict[str, np.ndarray]) -> Design:
        """Return the design with more columns of a block, by their terms, behind the others."""
        if self.levels is not None:
            return self.levels.through(self, lambda it: it.with_columns(block, columns))
        return replace(
            self,
            matrix=np.column_stack([self.matrix, *columns.values()]),
            terms=(*self.terms, *columns),
            blocks=(*self.blocks, *[block] * len(columns)),
        )

    def with_last(self, column: np.ndarray, response: np.ndarray) -> Design:
        """Return the design with another last column and response, its basis from the old one."""
        if self.levels is not None:
            return self.levels.through(self, lambda it: it.with_last(column, response))
        changed = replace(
            self, matrix=np.column_stack([self.matrix[:, :-1], column]), response=response
        )
        vars(changed)["basis"] = extended_basis(*self.basis, column)
        return changed

    def with_response(self, response: np.ndarray) -> Design:
        """Return the design with another response of the same length."""
        if self.levels is not None:
            return self.levels.responding(self, response)
        return replace(self, response=response)

    def columns(self, keep: list[int]) -> Design:
        """Return the design of the columns at these positions."""
        if self.levels is not None:
            return self.levels.through(self, lambda it: it.columns(keep))
        terms, blocks = (tuple(names[i] for i in keep) for names in (self.terms, self.blocks))
        return replace(self, matrix=self.matrix[:, keep], terms=terms, blocks=blocks)

    def position(self, term: str) -> int:
        """Return the column of a term: the last one of this name, since scores stand last."""
        return self.k - 1 - self.terms[::-1].index(term)


def orthonormal_basis(matrix: np.ndarray, *, centre: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Factor ``matrix = Q T`` with ``Q'Q = n I`` and T upper triangular, by Householder's QR.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        With `centre`, column 0 must be constant.

    Returns
    -------
    Q : ndarray, shape (n, k)
    T : ndarray, shape (k, k)
    """
    n, k = matrix.shape
    mean = np.zeros(k)
    if centre:
        mean[1:] = matrix[:, 1:].mean(axis=0)
    centred = matrix - mean
    scale = np.sqrt((centred**2).mean(axis=0))
    scale[scale == 0] = 1.0
    centred /= scale
    factors = _factors_of_many(centred) if n > MANY_ROWS else None
    q, r = factors or np.linalg.qr(centred)
    back = np.diag(scale)
    if centre:
        back[0, :] += mean / matrix[0, 0]
        back[0, 0] = scale[0]
    q *= np.sqrt(n)
    return q, (r / np.sqrt(n)) @ back


def extended_basis(
    basis: np.ndarray, triangle: np.ndarray, column: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return basis and triangle of a matrix with another last column, by two projections.

    Parameters
    ----------
    basis : ndarray, shape (n, k)
    triangle : ndarray, shape (k, k)
        Of the matrix as it was.
    column : ndarray, shape (n,)
    """
    n, others = len(column), basis[:, :-1]
    weights, left = np.zeros(others.shape[1]), column
    for _ in range(2):
        part = left @ others / n
        weights, left = weights + part, left - others @ part
    size = float(np.sqrt(left @ left / n))
    changed, corner = basis.copy(), triangle.copy()
    changed[:, -1] = left / size if size > 0 else left
    corner[:-1, -1], corner[-1, -1] = weights, size
    return changed, corner


def _factors_of_many(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return Q and R by Cholesky factors of cross products; None if nearly dependent.

    Notes
    -----
    With a condition number far below 1e8 the second round makes Q orthonormal to rounding, as
    Householder's steps do (Yamamoto, Nakatsukasa, Yanagisawa & Fukaya 2015, Electronic Transactions
    on Numerical Analysis 44, 306-326); of many rows a product takes a fraction of the time.
    """
    q, r = scaled, np.eye(scaled.shape[1])
    for _ in range(2):
        product = q.T @ q
        if not np.linalg.cond(product) < CONDITION_LIMIT:
            return None
        step = np.linalg.cholesky(product).T
        q, r = q @ np.linalg.inv(step), step @ r
    return q, r


def check_estimable(design: Design, where: str) -> None:
    """Refuse a design with too few rows or linearly dependent columns, naming them."""
    if design.n < design.k + design.lost + 10:
        found = f"{design.n} rows for {design.k + design.lost} coefficients"
        raise DesignError(where, [Fault("rows", found, "at least ten rows more than coefficients")])
    dependent = dependent_terms(design.matrix, design.terms)
    if dependent:
        allowed = "columns none of which follows from the others: leave one out of the plan"
        faults = [
            Fault(
                f'term "{printable(term)}"',
                f"an exact linear combination of {listing(others)}",
                allowed,
            )
            for term, others in dependent
        ]
        raise DesignError(where, faults)


SAME_SQUARES = 1e-9
"""A column that is made up for flexibility is left out below this share of squares of its own."""


def independent_columns(matrix: np.ndarray) -> np.ndarray:
    """Return the columns that are not (all but) linear combinations of those before them.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        The intercept first.

    Examples
    --------
    >>> x = np.arange(5.0)
    >>> independent_columns(np.column_stack([np.ones(5), x, 2 * x + 1, x**2])).shape
    (5, 3)
    """
    centred = matrix[:, 1:] - matrix[:, 1:].mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    sizes = np.linalg.norm(matrix[:, 1:], axis=0)
    unit = centred / np.where(norms > 0, norms, 1.0)
    keep = norms > 1e-10 * sizes
    if keep.all() and len(matrix) > matrix.shape[1]:
        beyond = np.abs(np.diagonal(np.linalg.qr(unit, mode="r")))
        if (beyond**2 > 2 * SAME_SQUARES).all():
            return matrix
    left = unit.T @ unit
    for at in range(len(norms)):
        if not keep[at] or left[at, at] < SAME_SQUARES:
            keep[at] = False
            continue
        rest = left[at, at + 1 :]
        left[at + 1 :, at + 1 :] -= np.outer(rest, rest) / left[at, at]
    return matrix[:, np.concatenate([[True], keep])]


def dependent_terms(matrix: np.ndarray, terms: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Return each column that is a linear combination of those before it, and of which."""
    centred = matrix - np.concatenate([[0.0], matrix[:, 1:].mean(axis=0)])
    norms = np.linalg.norm(centred, axis=0)
    constant = norms <= RANK_TOLERANCE * np.linalg.norm(matrix, axis=0)
    found = {at: ["the intercept (it is constant)"] for at in np.flatnonzero(constant) if at > 0}
    left = [at for at in range(matrix.shape[1]) if at not in found]
    while True:
        unit = centred[:, left] / norms[left]
        apart = np.abs(
            np.diagonal(np.linalg.qr(unit, mode="r"))
        )  # how far each is from those before it
        near = np.flatnonzero(apart <= RANK_TOLERANCE)
        if not len(near) and len(apart) == len(left):
            return [(terms[at], makers) for at, makers in sorted(found.items())]
        first = int(near[0]) if len(near) else len(apart)
        weights = np.linalg.lstsq(unit[:, :first], unit[:, first], rcond=None)[0]
        found[left.pop(first)] = [
            terms[at] for at, w in zip(left, weights, strict=False) if abs(w) > 1e-8
        ]
