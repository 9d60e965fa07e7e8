"""Cross-validation of nested regressions from sufficient statistics: exact, without a refit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.sufficient_statistics import (
    GroupSums,
    pair_map,
    pairs_without,
    refusal,
    unpack_pairs,
)
from analysis.models.sufficient_statistics.draws import root_factors
from analysis.models.sufficient_statistics.regressions import SubsetFits, grouping, regressor_basis


@dataclass(frozen=True, eq=False)
class FoldGains:
    """Out-of-sample errors of nested regressions, with and without the term, by fold.

    Attributes
    ----------
    labels : ndarray, shape (D,) or (D, 2)
    sizes : ndarray, shape (D,)
        Rows that were left out.
    without_term, with_term : ndarray, shape (m, D)
        Sums of squared prediction errors in the fold left out.
    tss : ndarray, shape (m, D)
        Sum of squares of the outcome in the fold about the fold's own mean.
    """

    labels: np.ndarray
    sizes: np.ndarray
    without_term: np.ndarray
    with_term: np.ndarray
    tss: np.ndarray

    @property
    def r2_gain(self) -> np.ndarray:
        """Out-of-sample R squared with the term less R squared without it, shape (m, D)."""
        if not (self.tss > 0).all():
            found = "a fold in which the outcome does not vary"
            raise refusal("folds", found, "folds in which it does")
        return (self.without_term - self.with_term) / self.tss


def cross_validate(fits: SubsetFits, folds: str) -> FoldGains:
    """Leave out each fold of a grouping, fit with and without the term, and predict the fold.

    Parameters
    ----------
    fits : SubsetFits
    folds : str
        Grouping: one label per row, or repeated partitions, as from `repeated_folds`.

    Notes
    -----
    In the orthonormal basis the cross product without fold f is I - S_f; the prediction errors of
    the fold are v'S_f v with v the outcome less its fit. Nothing is refitted from rows and nothing
    is approximated.
    """
    sufficient, sums = fits.sufficient, grouping(fits, folds)
    if not sums.sizes.all():
        found = f"no row in fold {int(np.argmin(sums.sizes))}"
        raise refusal(f"folds {folds!r}", found, "a row in every fold")
    without, with_, tss = np.empty((3, len(fits), len(sums.sizes)))
    for i in range(len(fits)):
        basis = regressor_basis(fits, i)
        y = sufficient.coordinates[:, fits.subsets.outcome[i]]
        own = fits.residual[i]
        whole = np.column_stack([basis, own / (np.linalg.norm(own) or 1.0)])
        inner = GroupSums(sums.labels, sums.sizes, sums.pairs @ pair_map(whole))
        spread = sufficient.spread[fits.subsets.outcome[i]] ** 2
        values = _fold_errors(inner, whole.T @ y, fits.kept[i])
        without[i], with_[i], tss[i] = (value * spread for value in values)
    return FoldGains(sums.labels, sums.sizes, without, with_, tss)


def _fold_errors(
    inner: GroupSums, y: np.ndarray, position: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prediction errors without and with the last regressor, and the fold's own sum of squares."""
    held = unpack_pairs(inner.pairs)
    kept = root_factors(unpack_pairs(pairs_without(inner)))
    errors = []
    for size in (len(y) - 2, len(y) - 1):
        triangles = kept[:, :size, :size]
        least = np.abs(np.diagonal(triangles, axis1=1, axis2=2)).min(axis=1)
        if least.min() < 1e-6:
            fold = int(least.argmin())
            raise refusal(f"regression {position}", f"no answer without fold {fold}", "other folds")
        free = -np.linalg.solve(triangles, (kept[:, :size, size:] @ y[size:])[..., None])[..., 0]
        v = np.column_stack([free, np.broadcast_to(y[size:], (len(free), len(y) - size))])
        errors.append(np.einsum("da,dab,db->d", v, held, v))
    share = held[:, 0, 0]
    about = np.einsum("dab,a,b->d", held, y, y) - (held[:, 0] @ y) ** 2 / share
    return errors[0], errors[1], about


def repeated_folds(n: int, *, folds: int = 10, repeats: int = 10, seed: int) -> np.ndarray:
    """Folds of scikit-learn's ``RepeatedKFold`` with the same seed, as codes of shape (n, repeats).

    Examples
    --------
    >>> repeated_folds(4, folds=2, repeats=1, seed=0).ravel().tolist()
    [1, 1, 0, 0]
    """
    if not 2 <= folds <= n:
        raise refusal("folds", str(folds), f"2 to {n}: there are {n} rows")
    random = np.random.RandomState(seed)  # scikit-learn draws from the legacy generator
    codes, part = np.empty((repeats, n), dtype=np.int32), np.sort(np.arange(n) % folds)
    for code in codes:
        code[random.permutation(n)] = part
    return codes.T


def cluster_folds(groups: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each row, shape (n,): whole groups, about as many of them in each fold.

    Examples
    --------
    >>> cluster_folds(np.array([0, 0, 1, 1]), 2, np.random.default_rng(0)).tolist()
    [0, 0, 1, 1]
    """
    number = int(groups.max()) + 1
    places = np.empty(number, dtype=int)
    places[rng.permutation(number)] = np.arange(number) % folds
    return places[groups]
