"""Least squares on a polynomial of true engagement, corrected for the noise of its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from analysis.measurement_error.correction import Effect
from analysis.measurement_error.measurement import SMALLEST_TRUE_SHARE
from analysis.models.covariance import cluster_sums, small_sample

Monomial = tuple[int, ...]
"""The power of each column in a product of powers."""


@dataclass(frozen=True, eq=False)
class NoisyColumn:
    """A recorded engagement column, standardised, with what is taken for its noise.

    Attributes
    ----------
    name : str
    values : ndarray, shape (n,)
        Mean 0, variance 1.
    variance : float
        Of the noise, in the same unit: 1 - reliability.
    squares : ndarray, shape (n,), or None
        Each row's estimate of that variance, where it comes from halves; their mean is `variance`.
    shared : float
        Covariance of the noise with that of the score, in units of both standard deviations.
    """

    name: str
    values: np.ndarray
    variance: float
    squares: np.ndarray | None = None
    shared: float = 0.0

    def powers(self, top: int) -> list[np.ndarray]:
        """Return functions of the record whose means, given the truth, are its powers 0 to `top`.

        Notes
        -----
        For normal noise of variance v, ``t(p + 1) = z t(p) - p v t(p - 1)`` with ``t(0) = 1`` and
        ``t(1) = z``: Hermite polynomials, see Cheng & Schneeweiss (1998),
        doi:10.1111/1467-9868.00144.
        """
        t = [np.ones_like(self.values), self.values]
        for power in range(1, top):
            t.append(self.values * t[power] - power * self.variance * t[power - 1])
        return t


def degree_of(column: NoisyColumn, most: int) -> int:
    """Return the degree up to which a polynomial of the true column can be told from its record.

    Normal noise leaves ``(1 - v)^p`` of the power p. A record of few values (0, 1 and 2; counts
    with many zeros) is not normal and noise of one size: its corrected moments are no moments. That
    does not make it exact, and so the powers that are no moments are left out. Where even a normal
    record would have no answer, all are kept, and there is none.

    Examples
    --------
    >>> values = np.repeat([-1.0, 0.0, 1.0], 100)
    >>> degree_of(NoisyColumn("levels", values / values.std(), 0.2), 3)
    1
    """
    if not (1 - column.variance) ** most > SMALLEST_TRUE_SHARE:
        return most
    moments = [float(power.mean()) for power in column.powers(2 * most)]
    for degree in range(most, 1, -1):
        at = np.arange(degree + 1)
        recorded = column.values[:, None] ** at
        if _against(recorded, np.array(moments)[at[:, None] + at])[0] > SMALLEST_TRUE_SHARE:
            return degree
    return 1


def monomials(degrees: Sequence[int], products: Sequence[int] = ()) -> list[Monomial]:
    """Return the powers of each column up to its degree, and the products of some pairs.

    Examples
    --------
    >>> monomials((2, 1), products=(0, 1))
    [(1, 0), (2, 0), (0, 1), (1, 1)]
    """
    columns = len(degrees)
    alone = [
        tuple(power if at == column else 0 for at in range(columns))
        for column, degree in enumerate(degrees)
        for power in range(1, degree + 1)
    ]
    pairs = [tuple(int(at in pair) for at in range(columns)) for pair in combinations(products, 2)]
    return alone + pairs


@dataclass(frozen=True, eq=False)
class Polynomial:
    """The corrected score coefficient of a polynomial, or why there is none.

    Attributes
    ----------
    effect : Effect or None
        Per unit of the score; None where too little truth is left in some direction.
    true_share : float
        Smallest eigenvalue of the corrected moments in units of the recorded ones.
    """

    effect: Effect | None
    true_share: float


class _Moments:
    """Corrected products of monomials, each made once."""

    def __init__(self, columns: Sequence[NoisyColumn], top: int) -> None:
        self.columns = columns
        self.powers = [column.powers(top) for column in columns]
        self.made: dict[Monomial, np.ndarray] = {}

    def __getitem__(self, monomial: Monomial) -> np.ndarray:
        if monomial not in self.made:
            self.made[monomial] = self._product(monomial)
        return self.made[monomial]

    def _product(self, monomial: Monomial, slope_of: int | None = None) -> np.ndarray | None:
        """Return the product, or its derivative by the noise variance of one column."""
        out = np.ones_like(self.columns[0].values)
        for at, power in enumerate(monomial):
            if at == slope_of:
                if power < 2:
                    return None
                out = out * (-0.5 * power * (power - 1) * self.powers[at][power - 2])
            elif power:
                out = out * self.powers[at][power]
        return out

    def slope(self, monomial: Monomial, at: int) -> float:
        """Return the derivative of a product's mean by the noise variance of a column."""
        product = self._product(monomial, at)
        return 0.0 if product is None else float(product.mean())


def corrected_polynomial(
    response: np.ndarray,
    known: np.ndarray,
    columns: Sequence[NoisyColumn],
    terms: Sequence[Monomial],
    *,
    clusters: np.ndarray | None = None,
) -> Polynomial:
    """Return the score's coefficient beside a polynomial of the true columns.

    Parameters
    ----------
    response : ndarray, shape (n,)
    known : ndarray, shape (n, q)
        Columns without noise: the intercept, controls, and last the score.
    columns : sequence of NoisyColumn
    terms : sequence of Monomial
        The polynomial; the intercept is in `known`.
    clusters : ndarray of int, shape (n,), optional
        The error is CRV1 with them, HC3 without.

    Notes
    -----
    The moments of powers of the truth are those of the functions of `NoisyColumn.powers`. Normal
    noise that is independent of everything else, or of the score but for a covariance c, where
    ``E[t(p) S] = E[E^p S] + p c E[E^(p - 1)]``. The error is of the stacked equations, in which the
    variances of the record are estimated, too.
    """
    n, own = len(response), len(terms)
    moments = _Moments(columns, 2 * max(map(max, terms)))
    size = own + known.shape[1]
    matrix, rows = np.empty((size, size)), np.stack([moments[one] for one in terms], axis=1)
    pairs = {}
    for a, one in enumerate(terms):
        for b, other in enumerate(terms[: a + 1]):
            both = tuple(x + y for x, y in zip(one, other, strict=True))
            pairs[a, b] = pairs[b, a] = both
            matrix[a, b] = matrix[b, a] = moments[both].mean()
    matrix[:own, own:] = rows.T @ known / n
    shared = _shared_with_score(moments, terms)
    matrix[:own, -1] -= shared.mean(axis=0)
    matrix[own:, :own] = matrix[:own, own:].T
    matrix[own:, own:] = known.T @ known / n
    right = np.concatenate([rows.T @ response, known.T @ response]) / n
    recorded = np.column_stack([_recorded(columns, terms), known])
    share, leverage = _against(recorded, matrix)
    if not share > SMALLEST_TRUE_SHARE:
        return Polynomial(None, share)
    params = np.linalg.solve(matrix, right)
    along = np.linalg.solve(matrix, np.eye(size)[-1])
    parts = _influence(moments, columns, terms, pairs, known, response, rows, shared, params, along)
    estimate = float(params[-1])
    if clusters is None:
        error = float(np.linalg.norm(parts / (1 - leverage))) / n
    else:
        sums = cluster_sums(parts[:, None], clusters)[:, 0] / n
        error = float(np.sqrt(small_sample("CRV1", n, size, len(sums)) * (sums @ sums)))
    return Polynomial(Effect(estimate, error), share)


def _shared_with_score(moments: _Moments, terms: Sequence[Monomial]) -> np.ndarray:
    """Return the rows' parts of each term's product with the score that shared noise makes."""
    out = np.zeros((len(moments.columns[0].values), len(terms)))
    for a, term in enumerate(terms):
        for at, (power, column) in enumerate(zip(term, moments.columns, strict=True)):
            if power and column.shared:
                lower = tuple(p - (i == at) for i, p in enumerate(term))
                out[:, a] += power * column.shared * moments[lower]
    return out


def _recorded(columns: Sequence[NoisyColumn], terms: Sequence[Monomial]) -> np.ndarray:
    """Return the same polynomial of the records, shape (n, number of terms)."""
    return np.column_stack(
        [
            np.prod([c.values**p for c, p in zip(columns, term, strict=True) if p], axis=0)
            for term in terms
        ]
    )


def _against(recorded: np.ndarray, matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the smallest true share, and each row's leverage in the recorded polynomial."""
    basis, triangle = np.linalg.qr(recorded)
    spread = np.abs(np.diag(triangle))
    if not spread.min() > 1e-10 * spread.max():
        return 0.0, np.zeros(len(recorded))
    inverse = np.linalg.inv(triangle) * np.sqrt(len(recorded))
    inside = inverse.T @ matrix @ inverse
    share = float(np.linalg.eigvalsh((inside + inside.T) / 2)[0])
    leverage = np.minimum(np.einsum("ij,ij->i", basis, basis), 1 - 1e-6)
    return share, leverage


def _influence(
    moments: _Moments,
    columns: Sequence[NoisyColumn],
    terms: Sequence[Monomial],
    pairs: dict[tuple[int, int], Monomial],
    known: np.ndarray,
    response: np.ndarray,
    rows: np.ndarray,
    shared: np.ndarray,
    params: np.ndarray,
    along: np.ndarray,
) -> np.ndarray:
    """Return each row's part of the score's coefficient times n, shape (n,).

    It is ``along' (c_i - M_i params)`` and what the estimated noise variances add.
    """
    own = len(terms)
    poly, fixed = params[:own], params[own:]
    to_poly, to_known = along[:own], along[own:]
    rest = response - known @ fixed
    parts = (rows @ to_poly) * rest + (shared @ to_poly) * fixed[-1]
    parts += (known @ to_known) * rest
    parts -= (known @ to_known) * (rows @ poly) - (shared @ poly) * to_known[-1]
    weights: dict[Monomial, float] = {}
    for (a, b), both in pairs.items():
        weights[both] = weights.get(both, 0.0) + to_poly[a] * poly[b]
    for both, weight in weights.items():
        parts -= weight * moments[both]
    for at, column in enumerate(columns):
        if not column.variance:
            continue
        slope = -sum(weight * moments.slope(both, at) for both, weight in weights.items())
        for a, term in enumerate(terms):
            product = moments._product(term, at)
            if product is not None:
                slope += to_poly[a] * float((product * rest).mean())
                slope -= poly[a] * float((product * (known @ to_known)).mean())
        deviation = (
            column.variance * (column.values**2 - 1)
            if column.squares is None
            else column.squares - column.variance
        )
        parts += slope * deviation
    return parts
