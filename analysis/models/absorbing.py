"""Controls of many levels as fixed effects: swept out of an equation, not made into columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.errors import DesignError, Fault, printable
from analysis.models.covariance import around
from analysis.models.design import Design
from analysis.models.family import Family
from analysis.models.fixed_effects import sweep

MOST_COLUMNS = 150
"""A control with more levels than this is absorbed: so many columns are still fitted quickly."""

STEPS, SMALL, NEARLY = 200, 1e-11, 1e-7
"""Scoring steps at most, the move of the predictor that ends them, and one that will do."""

WITHIN = 1e-12
"""A column whose share of variance within the levels is below this follows from them."""


@dataclass(frozen=True, eq=False)
class Levels:
    """The fixed effects that a design's columns are without.

    Attributes
    ----------
    names : tuple of str
        The controls.
    codes : tuple of ndarray of int, each of shape (n,)
        Of their levels, 0 .. G-1.
    family : Family or None
        The model under whose weights they are swept out; None where no model is fitted yet:
        columns less their means, and the response as it is.
    before : Design
        The equation without them, its columns as they are.
    """

    names: tuple[str, ...]
    codes: tuple[np.ndarray, ...]
    family: Family | None
    before: Design

    @cached_property
    def lost(self) -> int:
        """Degrees of freedom that the levels take beside the intercept."""
        levels = [int(codes.max()) + 1 for codes in self.codes]
        return sum(levels) - len(levels) - (_components(*self.codes[:2]) - 1 if levels[1:] else 0)

    def leverage(self, weights: np.ndarray) -> np.ndarray:
        """Return what the levels add to each row's leverage, shape (n,), for one absorbed control.

        Raises
        ------
        DesignError
            Of two controls the sum is none of two parts.
        """
        if len(self.codes) > 1:
            found = "errors by leverage, and two controls of many levels"
            raise DesignError("the model", [Fault("[inference] covariance", found, "HC1 or CRV1")])
        total = np.bincount(self.codes[0], weights)[self.codes[0]]
        alone = np.bincount(self.codes[0])[self.codes[0]]
        return np.divide(weights, total, out=1 / alone, where=total > 0)

    def through(self, design: Design, change: Callable[[Design], Design]) -> Design:
        """Return a changed design, the levels swept out anew."""
        before = replace(self.before, clusters=design.clusters)
        return absorbed(change(before), self.codes, self.names, self.family)

    def responding(self, design: Design, response: np.ndarray) -> Design:
        """Return the design with another response, for which a model is still to be chosen."""
        open_ = replace(self, family=None)
        return open_.through(design, lambda it: it.with_response(response))

    def taken(self, design: Design, keep: np.ndarray) -> Design:
        """Return the design of some rows, their levels numbered anew."""
        before = replace(self.before, clusters=design.clusters).take(keep)
        codes = tuple(np.unique(one[keep], return_inverse=True)[1] for one in self.codes)
        return absorbed(before, codes, self.names, self.family)

    def under(self, design: Design, family: Family) -> Design:
        """Return the design for another model."""
        if self.family is not None and family.name == self.family.name:
            return design
        return replace(self, family=family).through(design, lambda before: before)

    def open(self, design: Design) -> Design:
        """Return the design before any model is fitted: columns less their plain level means."""
        return replace(self, family=None).through(design, lambda before: before)

    def swept(self, columns: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return columns, shape (n, q), less their weighted level means."""
        return sweep(columns, list(self.codes), weights)

    def jackknife(
        self, design: Design, params: np.ndarray, fit: Callable[[Design], np.ndarray]
    ) -> np.ndarray:
        """Return CRV3 by refits without each cluster, levels that only it has gone with it."""
        others = np.tile(params, (design.n_clusters, 1))
        for group in range(design.n_clusters):
            others[group, 1:] = fit(self.taken(design, design.clusters != group))[1:]
        return around(params, others)


def absorbed(
    design: Design, codes: tuple[np.ndarray, ...], names: tuple[str, ...], family: Family | None
) -> Design:
    """Return the design whose slopes, errors and tests are those with indicators of the levels.

    Parameters
    ----------
    design : Design
        With an intercept, and without the levels.
    codes : tuple of ndarray of int, each of shape (n,)
    names : tuple of str
    family : Family or None
        Least squares or an exponential mean; None where that is still to be chosen.

    Raises
    ------
    DesignError
        Where a column follows from the levels, or nothing converges.

    Notes
    -----
    Least squares: by Frisch, Waugh and Lovell columns and response less their level means. Of an
    exponential mean the columns less their level means under the weights of the fit, with what is
    taken away and the effects of the levels as offset: at the estimate its score and information
    are those in which the effects are profiled out (Correia, Guimaraes & Zylkin 2020,
    doi:10.1177/1536867X20909691).
    """
    groups, columns = list(codes), design.matrix[:, 1:]
    within = sweep(columns, groups) if columns.shape[1] else columns
    spread = columns.std(axis=0)
    still = np.flatnonzero((within**2).mean(axis=0) <= WITHIN * np.where(spread > 0, spread**2, 1))
    if len(still):
        place = f'term "{printable(design.terms[still[0] + 1])}"'
        found = f"the same in all rows of a level of {', '.join(map(printable, names))}"
        raise DesignError("the plan", [Fault(place, found, "columns that vary within the levels")])
    swept, response, offset = within + columns.mean(axis=0), design.response, design.offset
    if family is not None and family.linear:
        response = sweep(response[:, None], groups)[:, 0] + response.mean()
    elif family is not None:
        swept, offset = _profiled(design, groups, family)
    made = replace(
        design,
        response=response,
        matrix=np.column_stack([design.matrix[:, 0], swept]),
        offset=offset,
        levels=Levels(names, codes, family, design),
    )
    return made


def _profiled(
    design: Design, groups: list[np.ndarray], family: Family
) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns less their level means under the fit's weights, and the offset."""
    unit = family.scale(design.response)
    y, columns = design.response / unit, design.matrix[:, 1:]
    shift = np.zeros(design.n) if design.offset is None else design.offset
    scale = columns.std(axis=0)
    x = columns / scale
    mean = sum(_means(y, codes) for codes in groups) / len(groups)
    eta, slopes = np.log((y + np.maximum(mean, 1e-3)) / 2), np.zeros(x.shape[1])
    for _ in range(STEPS):
        residuals, weights = family.derivatives(y, eta)
        working = eta - shift + residuals / weights
        table = sweep(np.column_stack([working, x]), groups, weights)
        left, inside = table[:, 0], table[:, 1:]
        product = (inside * weights[:, None]).T @ inside
        step = np.linalg.solve(product, (inside * weights[:, None]).T @ left)
        before, slopes = eta, step
        eta = np.clip(working - (left - inside @ step) + shift, -40, 40)
        moved = np.abs(eta - before).max()
        if moved <= SMALL:
            break
    else:
        if not moved <= NEARLY:
            found = "no finite estimate with fixed effects of the levels"
            allowed = "levels with an outcome above zero among their rows"
            raise DesignError("the model", [Fault(f"{family.name} regression", found, allowed)])
    _, weights = family.derivatives(y, eta)
    swept = sweep(columns, groups, weights) if columns.shape[1] else columns
    return swept, eta - swept @ (slopes / scale)


def _means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return (np.bincount(codes, values) / np.bincount(codes))[codes]


def _components(one: np.ndarray, other: np.ndarray) -> int:
    """Return into how many parts two controls' levels fall that share no row."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = int(one.max()) + 1
    size = first + int(other.max()) + 1
    links = coo_array((np.ones(len(one)), (one, other + first)), shape=(size, size))
    return int(connected_components(links, directed=False)[0])
