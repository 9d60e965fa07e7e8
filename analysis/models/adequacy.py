"""How much of what is explained the columns other than the score explain already: adequacy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models import fit_model
from analysis.models.counts import log_likelihood
from analysis.models.covariance import cluster_sums
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import CountFit, Fit, critical_value
from analysis.models.solver import solved
from analysis.models.sufficient_statistics import unpack_pairs
from analysis.models.sufficient_statistics.resampling import multiplicities, seeded_draws

REPLICATES = 999
MOST_UNITS = 4000
"""Of more rows (or clusters) than these, groups of them drawn by lot are resampled in place of
single ones: sums over such groups have the same variance, and a draw costs the same for any n."""

MOST_PRODUCTS = 20_000_000
"""Products of two columns, over all rows, up to which each draw has an information of its own; of
so many rows that there are more it hardly differs between draws."""

FLAT = 1e-9
"""A root below this is zero, and has no curvature."""

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Adequacy:
    """Shares of what the full model explains of an outcome.

    Attributes
    ----------
    explained, reduced : float
        By the model with the score and by the one without it, against the intercept alone: the
        likelihood ratio of a model with a likelihood, else explained deviance.
    root : ndarray, shape (e,)
        Of what the score brings the signed square roots, one an equation: their squares add up to
        the difference of the two.
    roots : ndarray, shape (B, e)
        The same in samples of the rows, or of the clusters.
    totals : ndarray, shape (B,)
        What is explained in them by the model with the score.
    groups : int
        Rows, or clusters.
    """

    explained: float
    reduced: float
    root: np.ndarray
    roots: np.ndarray
    totals: np.ndarray
    groups: int

    @property
    def known(self) -> float:
        """The adequacy of the model without the score: its share of what is explained."""
        return self.reduced / self.explained

    @property
    def new(self) -> float:
        """The complement: the share that comes with the score alone."""
        return 1.0 - self.known

    @property
    def by_chance(self) -> float:
        """The share that a score without any worth has on average in rows like these.

        It lies above zero, since no column explains less than nothing.
        """
        moved = ((self.roots - self.root) ** 2).sum(axis=1)
        return float(min(np.nanmean(moved) / self.explained, 1.0))

    def interval(self, level: float) -> Interval:
        """Return the interval of `new`, which is 0 at its lower end where nothing may be new.

        Notes
        -----
        A share cannot fall below 0, so its own percentile interval never holds it. The signed
        square root of the score's part crosses zero with its coefficient and is nearly normal
        there; what the others explain is uncertain, too, and matters where the share is not small.
        Two intervals are made from the distances of resampled roots and squared, one of the score's
        part, the others' as it is, and one of the share; given is what lies in either. Samples of G
        clusters spread too little by ``sqrt((G - 1) / G)``, and their tails are the normal ones:
        the distances are longer by that, and by what a quantile of t(G - 1) is to the normal one.
        """
        groups = self.groups
        wider = critical_value(level, groups - 1.0) / critical_value(level, None)
        wider *= np.sqrt(groups / (groups - 1))

        def ends(drawn: np.ndarray, at: np.ndarray) -> Interval:
            far = np.sqrt(((drawn - at) ** 2).sum(axis=1))
            reach = wider * _quantile(far, level)
            middle = float(np.sqrt((at**2).sum()))
            return max(middle - reach, 0.0) ** 2, (middle + reach) ** 2

        low, high = ends(self.roots, self.root)
        held = max(self.reduced, 0.0)
        positive = np.where(self.totals > 0, self.totals, np.nan)[:, None]
        other = ends(self.roots / np.sqrt(positive), self.root / np.sqrt(self.explained))
        odd = high / (high + held) if np.isfinite(high) else 1.0
        below = low / (low + held) if low > 0 else 0.0
        return float(min(below, other[0])), float(min(max(odd, other[1]), 1.0))


def _quantile(distances: np.ndarray, level: float) -> float:
    """Return a quantile; infinity where so many samples have no distance that it has none.

    Examples
    --------
    >>> _quantile(np.array([1.0, 2.0, 3.0, np.nan]), 0.5)
    2.5
    >>> _quantile(np.array([1.0, np.nan, np.nan, np.nan]), 0.5)
    inf
    """
    finite = np.isfinite(distances)
    if finite.sum() <= np.ceil(level * (len(distances) - 1)):
        return np.inf
    return float(np.quantile(np.where(finite, distances, np.inf), level))


def adequacy(
    full: Fit, *, counts: bool = False, replicates: int = REPLICATES, seed: int = 0
) -> Adequacy:
    """Return how much of what a fit explains the model without its score columns explains.

    Parameters
    ----------
    full : Fit
        With one score column, the last.
    counts : bool
        Of a hurdle model: the outcome is a number of events.
    replicates : int
        Samples of the rows, or of the clusters where the design has some.
    seed : int

    Raises
    ------
    DesignError
        When the full model explains nothing, or everything, or a reduced one has no estimate.

    Notes
    -----
    Adequacy is that of Harrell (2015), *Regression Modeling Strategies*, 2nd ed., 9.8.4: the
    likelihood ratio of a subset over that of all columns. For least squares it is
    ``n log(TSS / RSS)``, as R's `rms` has it; for a pseudo-likelihood the explained deviance, in
    which the dispersion cancels; for a model of two parts the sum over both, a Gamma part in units
    of its dispersion. In a sample each model takes one Newton step from its estimate, which for
    least squares is exact.
    """
    design = full.design
    reduced = fit_model(design.without("score"), full.model, "HC1", counts=counts)
    null = fit_model(
        design.without("score", "engagement", "control"), full.model, "HC1", counts=counts
    )
    units, equations = _units(design), []
    for three in zip(*(fit.parts or (fit,) for fit in (full, reduced, null)), strict=True):
        rows = slice(None) if three[0].design.n == design.n else design.response > 0
        equations.append(_Equation.of(*three, units[rows], dispersed=bool(full.parts)))
    everybody = np.ones((1, int(units.max()) + 1))
    explained = sum(one.explained for one in equations)
    if not 0 < explained < np.inf:
        found = "nothing of the outcome, or all of it"
        raise DesignError("adequacy", Fault("what the model explains", found, "some of it"))
    gained = np.array([one.gained for one in equations])
    root = _measured(equations, everybody)[1][0]  # that of the gain, but for the model's curvature
    exact = np.sign(root) * np.sqrt(np.maximum(gained, 0.0))
    bent = np.divide(exact, root, out=np.ones_like(root), where=np.abs(root) > FLAT)
    blocks = seeded_draws(everybody.shape[1], replicates, seed, multiplicities)
    drawn = [_measured(equations, weights) for _, weights in blocks]
    totals, roots = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    # a model explains a little more of a sample of the rows than of the rows
    totals *= explained / np.nanmean(totals)
    reduced, groups = float(explained - gained.sum()), int(design.units.max()) + 1
    return Adequacy(float(explained), reduced, exact, bent * roots, totals, groups)


def _units(design: Design) -> np.ndarray:
    """Return codes of what is resampled, shape (n,): rows, clusters, or groups of many of these."""
    units = design.units
    count = int(units.max()) + 1
    if count <= MOST_UNITS:
        return units
    lot = np.random.default_rng(count).permutation(count) % MOST_UNITS
    return lot[units]


def _measured(equations: list[_Equation], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what is explained, shape (draws,), and the signed roots of what comes with the score,
    shape (draws, equations).
    """
    every = [one.measured(weights) for one in equations]
    return sum(one for one, _ in every), np.column_stack([root for _, root in every])


# --- one equation ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Model:
    """One of three nested models of an equation, by its rows at the estimate.

    Attributes
    ----------
    loss : ndarray, shape (n,)
        Twice the negative log likelihood of each row, or its deviance, less what depends on y only.
    scores : ndarray, shape (n, k)
        Minus half its derivative.
    inverse : ndarray, shape (k, k)
        Of the information.
    basis, bend : ndarray or None
        Where the information is ``basis' diag(bend) basis``.
    params : ndarray, shape (k,)
        In the coordinates of `scores`.
    """

    loss: np.ndarray
    scores: np.ndarray
    inverse: np.ndarray
    params: np.ndarray
    basis: np.ndarray | None = None
    bend: np.ndarray | None = None


def _model_of(fit: Fit) -> _Model:
    design = fit.design
    if isinstance(fit, CountFit):
        mean = fit.fitted
        rows = log_likelihood(design.response, mean, fit.dispersion, truncated=fit.truncated)
        return _Model(-2 * rows, fit.scores, fit.bread, fit.every_param)
    family, (basis, triangle) = FAMILIES[fit.model], design.basis
    unit = family.scale(design.response)
    y, at = design.response / unit, family.predictor(fit.fitted) - np.log(unit)
    score, bend = family.derivatives(y, at)
    information = basis.T @ (basis * bend[:, None])
    return _Model(
        family.loss(y, at),
        basis * score[:, None],
        np.linalg.inv(information),
        triangle @ fit.params,
        basis if design.n * design.k * (design.k + 1) / 2 <= MOST_PRODUCTS else None,
        bend,
    )


@dataclass(frozen=True, eq=False)
class _Equation:
    """Full, reduced and empty model of one equation.

    Attributes
    ----------
    full, null : _UnitSums
    explained, gained : float
        By the full model against the empty one, and by it against the reduced one.
    position : int
        Of the score among the parameters of the full model.
    squares : bool
        Least squares, whose likelihood ratio is that of a normal error of unknown size.
    scale : float
        By which differences of deviance are divided: the dispersion of a Gamma part.
    sign : float
        -1 where the basis has the score the other way round.
    """

    full: _UnitSums
    null: _UnitSums
    explained: float
    gained: float
    position: int
    squares: bool
    scale: float
    sign: float

    @classmethod
    def of(
        cls, full: Fit, reduced: Fit, null: Fit, units: np.ndarray, *, dispersed: bool
    ) -> _Equation:
        family, design, scale = FAMILIES[full.model], full.design, 1.0
        if not isinstance(full, CountFit):
            scale /= family.deviance_scale(family.scale(design.response))
        if dispersed and family.power == 2:
            far = design.response / full.fitted - 1
            scale *= float((far**2).sum() / (design.n - design.k))
        models = [_model_of(fit) for fit in (full, reduced, null)]
        best, without, empty = (float(model.loss.sum()) for model in models)
        with np.errstate(all="ignore"):
            if family.linear:
                gains = design.n * np.log(np.array([empty, without]) / np.float64(best))
            else:
                gains = (np.array([empty, without]) - best) / scale
        sums = [_UnitSums(model, units) for model in (models[0], models[2])]
        turned = not isinstance(full, CountFit) and design.basis[1][-1, -1] < 0
        at, sign = design.k - 1, -1.0 if turned else 1.0
        return cls(*sums, *gains.tolist(), at, family.linear, scale, sign)

    def measured(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is explained, and the signed root of what the score gains, (draws,) each."""
        weights = weights[:, : len(self.full.loss)]
        with np.errstate(all="ignore"):
            loss, along = self.full.best(weights, self.position)
            along = self.sign * along
            empty, _ = self.null.best(weights, 0)
            if not self.squares:
                return (empty - loss) / self.scale, along / np.sqrt(self.scale)
            rows = weights @ self.full.sizes
            root = np.sqrt(rows * np.log1p(along**2 / loss))
            return rows * np.log(empty / loss), np.sign(along) * root


class _UnitSums:
    """A model's losses, scores and information, summed over units."""

    def __init__(self, model: _Model, units: np.ndarray) -> None:
        k = model.scores.shape[1]
        self.k, self.inverse, self.params = k, model.inverse, model.params
        columns = np.column_stack([np.ones(len(units)), model.loss, model.scores])
        summed = cluster_sums(columns, units)
        self.sizes, self.loss, self.scores = summed[:, 0], summed[:, 1], summed[:, 2:]
        self.pairs = None if model.basis is None else _pair_sums(model, units)

    def best(self, weights: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss one step from the estimate, and the signed root of what it would rise by
        without the parameter at a position, shape (draws,) each.
        """
        scores, unit = weights @ self.scores, np.eye(self.k)[at]
        if self.pairs is None:
            steps, spread = scores @ self.inverse, self.inverse[at, at]
        else:
            information = unpack_pairs(weights @ self.pairs)
            steps = solved(information, scores)
            spread = solved(information, np.tile(unit, (len(scores), 1)))[:, at]
        loss = weights @ self.loss - (scores * steps).sum(axis=1)
        return loss, (self.params[at] + steps[:, at]) / np.sqrt(spread)


def _pair_sums(model: _Model, units: np.ndarray) -> np.ndarray:
    """Return each unit's part of the information, its upper triangle packed, shape (units, P)."""
    basis, pairs = model.basis, zip(*np.triu_indices(model.basis.shape[1]), strict=True)
    sums = (np.bincount(units, model.bend * basis[:, i] * basis[:, j]) for i, j in pairs)
    return np.column_stack(list(sums))
