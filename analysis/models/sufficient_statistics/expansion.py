"""Scores and information of an exponential mean near its estimate, from sums over clusters instead
of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, permutations

import numpy as np

from analysis.models.solver import Sums, newton, solved
from analysis.models.sufficient_statistics import pair_weights, unpack_pairs

BLOCK_ROWS = 2048
"""Rows whose products of three columns are held at once."""

MOST_SUMS = 1 << 24
"""Numbers in the sums of all clusters; beyond it nothing is expanded."""

STEPS, SMALL = 25, 1e-9
"""Newton steps at most; the longest last step that counts as none."""


def worth_expanding(groups: int, rows: int, columns: int) -> bool:
    """Return whether sums over clusters are fewer than the rows' own numbers, and few enough to be
    held.
    """
    return 20 * groups <= rows and groups * 2 * len(_triples(columns)[0]) <= MOST_SUMS


@dataclass(frozen=True, eq=False)
class Expansion:
    """Sums over each of G clusters of what the estimating equations and their derivatives are made
    of.

    With a mean exp(x'b) and the working variance mean ** p, the equations are ``sum x s(x'b) = 0``
    with ``s = (y - mean) mean ** (1 - p)``, and their sandwich has ``v = mean ** (2 - p)`` in the
    information. Near an estimate b, with d the way from it,

        s(b + d) = s + s' x'd + s'' (x'd)^2 / 2,   v(b + d) = v + v' x'd + v'' (x'd)^2 / 2,

    so that products of one, two and three columns, summed by cluster, are all that any draw of
    clusters needs.

    Attributes
    ----------
    score : ndarray, shape (G, k)
        Sums of ``x s``.
    slope : ndarray, shape (G, k (k + 1) / 2)
        Of ``-x x' s'``, pairs of columns.
    curve : ndarray, shape (G, k (k + 1) (k + 2) / 6)
        Of ``-x x x s''``, triples.
    information, growth : ndarray
        Of ``x x' v`` and of ``x x x v'``; for the Poisson the same as `slope` and `curve`.
    """

    score: np.ndarray
    slope: np.ndarray
    curve: np.ndarray
    information: np.ndarray
    growth: np.ndarray

    @classmethod
    def of(
        cls,
        response: np.ndarray,
        basis: np.ndarray,
        predictor: np.ndarray,
        power: float,
        clusters: np.ndarray,
    ) -> Expansion:
        """Sum over the clusters at a predictor, shape (n,), that includes the offset; codes 0 ..
        G-1.
        """
        order = np.argsort(clusters, kind="stable")
        codes, mean = clusters[order], np.exp(predictor[order])
        response, basis = response[order], basis[order]
        up, working = response * mean ** (1 - power), mean ** (2 - power)
        rates = np.column_stack(
            [
                up - working,
                (2 - power) * working - (1 - power) * up,
                (2 - power) ** 2 * working - (1 - power) ** 2 * up,
                working,
                (2 - power) * working,
            ]
        )
        groups, k = int(codes[-1]) + 1, basis.shape[1]
        first, second = np.triu_indices(k)
        triples, place = _triples(k)[0], unpack_pairs(np.arange(len(first))).astype(int)
        left, last = place[triples[:, 0], triples[:, 1]], triples[:, 2]
        sizes = (k, len(first), len(triples), *((len(first), len(triples)) if power != 1 else ()))
        sums = [np.zeros((groups, size)) for size in sizes]
        for begin in range(0, len(codes), BLOCK_ROWS):
            part = slice(begin, begin + BLOCK_ROWS)
            x, rate = basis[part], rates[part]
            pairs = x[:, first] * x[:, second]
            three = pairs[:, left] * x[:, last]
            starts = np.flatnonzero(np.concatenate([[True], np.diff(codes[part]) > 0]))
            present = codes[part][starts]
            for at, (total, columns) in enumerate(
                zip(sums, (x, pairs, three, pairs, three), strict=False)
            ):
                total[present] += np.add.reduceat(columns * rate[:, [at]], starts, axis=0)
        return cls(*sums, *(sums[1:3] if power == 1 else ()))

    def statistics(self, drawn: np.ndarray, back: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each draw's (estimate - the full one) over its own error, and how far it went.

        Parameters
        ----------
        drawn : ndarray, shape (B, G)
            How often each cluster is drawn.
        back : ndarray, shape (k,)
            The coefficient as a sum over the columns of the basis.

        Returns
        -------
        values : ndarray, shape (B,)
            Without a small-sample factor; NaN where there is no estimate.
        distance : ndarray, shape (B,)
            Length of the way from the full estimate, on the basis.
        """
        place = _triples(self.score.shape[1])[1]
        score, slope = drawn @ self.score, unpack_pairs(drawn @ self.slope)
        curve = (drawn @ self.curve)[:, place]

        def sums(way: np.ndarray) -> Sums:
            bent = np.einsum("bijl,bl->bij", curve, way)
            return None, score - np.einsum("bij,bj->bi", slope + bent / 2, way), slope + bent

        last = newton(sums, np.zeros_like(score), steps=STEPS, small=SMALL)
        way = last.params
        with np.errstate(all="ignore"):
            information = unpack_pairs(drawn @ self.information)
            growth = curve if self.growth is self.curve else (drawn @ self.growth)[:, place]
            along = solved(
                information + np.einsum("bijl,bl->bij", growth, way), np.tile(back, (len(drawn), 1))
            )
            influence = along @ self.score.T - pair_weights(along, way).T @ self.slope.T
            influence -= _triple_weights(along, way) @ self.curve.T / 2
            error = np.sqrt((drawn * influence**2).sum(axis=1))
            values = np.where((last.moved <= SMALL) & (error > 0), way @ back / error, np.nan)
        return values, np.sqrt((way**2).sum(axis=1))


@cache
def _triples(k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all triples i <= j <= l, shape (T, 3); where (i, j, l) stands; how often it counts."""
    made = list(combinations_with_replacement(range(k), 3))
    number, times = np.empty((k, k, k), dtype=int), []
    for at, triple in enumerate(made):
        orders = set(permutations(triple))
        times.append(len(orders))
        for order in orders:
            number[order] = at
    return np.array(made), number, np.array(times)


def _triple_weights(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return weights w with ``sum a_i b_j b_l M_ijl = w . packed M`` for symmetric M."""
    triples, _, times = _triples(a.shape[1])
    (a1, a2, a3), (b1, b2, b3) = (part.T[triples.T] for part in (a, b))
    return ((a1 * b2 * b3 + a2 * b1 * b3 + a3 * b1 * b2).T) * (times / 3)
