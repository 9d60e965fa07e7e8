"""Revenue with a heavy tail: how heavy it is, and an interval that a few whales do not shrink."""

from __future__ import annotations

import numpy as np

from analysis.design import Design
from analysis.errors import DesignError
from analysis.fit import Fit
from analysis.models.fast_poisson import fit_poisson

SHARE = 0.05
"""Share of the largest values from which the tail index is estimated."""

FEWEST = 10
"""And at least so many of them."""

LIGHT = 2.0
"""Below this index the variance is infinite, and intervals from a sandwich cover too little."""

BLOCK = 1024
"""Replicates per child of the random generator."""


def hill_index(values: np.ndarray) -> float | None:
    """Return Hill's estimate of the tail index from the largest 5 % of the positive values; None for too few.

    Notes
    -----
    Hill (1975), doi:10.1214/aos/1176343247: the inverse of the mean log excess over the next largest value.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> round(hill_index(rng.pareto(1.5, 100_000) + 1), 1)
    1.5
    """
    ordered = np.sort(values[values > 0])[::-1]
    count = max(FEWEST, int(np.ceil(SHARE * len(ordered))))
    if len(ordered) <= count or ordered[count] == ordered[0]:
        return None
    return float(1 / np.mean(np.log(ordered[:count] / ordered[count])))


def top_share(values: np.ndarray, share: float = 0.01) -> float:
    """Return the part of the total that the largest `share` of the rows holds."""
    count = max(1, int(np.ceil(share * len(values))))
    return float(np.sort(values)[::-1][:count].sum() / values.sum())


def percentile_t(fit: Fit, term: str, *, replicates: int, seed: int) -> tuple[np.ndarray, float, float]:
    """Return (t values of the pairs bootstrap, estimate, standard error) of a Poisson coefficient.

    Rows are drawn with replacement, or whole clusters; each replicate is refitted and divided by its own robust
    standard error. The interval of level 1 - a is ``estimate - t[1 - a/2] error`` to ``estimate - t[a/2] error``.

    Parameters
    ----------
    fit : Fit
        By Poisson pseudo-maximum likelihood.
    term : str
    replicates : int
    seed : int
    """
    design, at = fit.design, fit.position(term)
    columns, names = design.matrix[:, 1:], design.terms[1:]
    found = []
    for block, child in enumerate(np.random.default_rng(seed).spawn(-(-replicates // BLOCK))):
        for _ in range(min(BLOCK, replicates - block * BLOCK)):
            rows, clusters = _draw(design, child)
            offset = None if design.offset is None else design.offset[rows]
            try:
                again = fit_poisson(columns[rows], design.response[rows], names, cluster=clusters, offset=offset,
                                    covariance="HC1" if clusters is None else "CRV1", start=fit.params)  # fmt: skip
            except DesignError:
                continue
            found.append((again.coefficient[at] - fit.params[at]) / again.std_error[at])
    return np.array(found), float(fit.params[at]), float(fit.std_errors()[at])


def percentile_t_interval(
    fit: Fit, term: str, levels: tuple[float, ...], *, replicates: int, seed: int
) -> list[tuple[float, float]]:
    """Return the percentile-t interval of each level, per unit of the column."""
    values, estimate, error = percentile_t(fit, term, replicates=replicates, seed=seed)
    tails = [(1 - level) / 2 for level in levels]
    return [(estimate - np.quantile(values, 1 - tail) * error, estimate - np.quantile(values, tail) * error)
            for tail in tails]  # fmt: skip


def _draw(design: Design, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the rows of one bootstrap sample and their clusters; a cluster drawn twice is two clusters."""
    if design.clusters is None:
        return rng.integers(design.n, size=design.n), None
    order = np.argsort(design.clusters, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(design.clusters))[:-1])
    drawn = [members[group] for group in rng.integers(len(members), size=len(members))]
    return np.concatenate(drawn), np.repeat(np.arange(len(drawn)), [len(rows) for rows in drawn])
