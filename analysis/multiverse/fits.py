"""Specifications fitted together: least squares from one factorisation, Poisson from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from analysis.errors import DesignError
from analysis.measurement_error.correction import Correction, correct_fit
from analysis.measurement_error.measurement import Refusal, measure
from analysis.models import fit_or_plain
from analysis.models.covariance import LEVERED, ROBUST, few_clusters
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fast_poisson import (
    PoissonEstimate,
    PoissonFit,
    fit_poisson,
    solve_poisson,
)
from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.regressions import SubsetFits
from analysis.multiverse.joint_tests import effective_scores
from analysis.multiverse.specifications import Group, Pool, Specification

WITHOUT_CLUSTERS = ("HC0", "HC1", "HC2", "HC3")
RESPONSE = "\0response"


def _nothing() -> np.ndarray:
    return np.array([])


@dataclass(frozen=True, eq=False)
class Fitted:
    """Specifications fitted together.

    Attributes
    ----------
    estimand : (str, str)
    positions : ndarray of int, shape (m,)
        Among all specifications.
    estimate, std_error, df : ndarray, shape (m,)
        `df` is NaN for the normal reference.
    n : int
    clusters : int or None
    covariance : str
    units : ndarray, shape (G,)
    scores : ndarray, shape (G, m), or None
        Sums by unit of the score contributions under the null. None for fits corrected for noise:
        the joint tests are of the plain fits.
    fits : SubsetFits or None
        Of least squares.
    refused : tuple of (int, str)
        Position and reason of each specification without an estimate.
    note : str
    """

    estimand: tuple[str, str]
    positions: np.ndarray = field(default_factory=_nothing)
    estimate: np.ndarray = field(default_factory=_nothing)
    std_error: np.ndarray = field(default_factory=_nothing)
    df: np.ndarray = field(default_factory=_nothing)
    n: int = 0
    clusters: int | None = None
    covariance: str = ""
    units: np.ndarray = field(default_factory=_nothing)
    scores: np.ndarray | None = None
    fits: SubsetFits | None = None
    refused: tuple[tuple[int, str], ...] = ()
    note: str = ""


def fit_pool(pool: Pool, group: Group) -> Iterator[Fitted]:
    """Fit a pool's specifications: least squares at once, Poisson and corrections one by one."""
    linear = []
    for position, spec in group:
        if spec.reliability:
            yield _corrected(pool, position, spec)
        elif FAMILIES[spec.model].linear:
            linear.append((position, spec))
    if linear:
        yield from _fit_linear(pool, linear)
    poisson = [(i, s) for i, s in group if not s.reliability and not FAMILIES[s.model].linear]
    if poisson:
        yield from _fit_poisson(pool, poisson)


def _covariance(pool: Pool, spec: Specification) -> str:
    linear = FAMILIES[spec.model].linear
    if spec.cluster:
        return "CRV3" if linear and few_clusters(pool.sizes(spec.cluster)) else "CRV1"
    own = pool.main.plan.inference.covariance
    return own if own in WITHOUT_CLUSTERS else ROBUST


def _fit_linear(pool: Pool, group: Group) -> Iterator[Fitted]:
    """One factorisation of all columns, then one small solve for each specification."""
    named = [pool.regressors(spec) for _, spec in group]
    columns = {name: values for one in named for name, values in one.items()}
    columns[RESPONSE] = pool.response()
    names = list(columns)
    table = np.column_stack(list(columns.values()))
    included = np.array([[name in one for name in names] for one in named])
    clusters = {spec.cluster for _, spec in group if spec.cluster}
    kinds = [(spec.cluster, _covariance(pool, spec)) for _, spec in group]
    groups = {f"cluster {cluster}": pool.labels(cluster) for cluster in clusters}
    sufficient = sufficient_statistics(
        table,
        names,
        groups={"unit": pool.units()} | groups,
        fourth=any(kind in ("HC0", "HC1") for _, kind in kinds),
    )

    def solved(cluster: str, kind: str, chosen: list[int], without: str) -> SubsetFits:
        return fit_subsets(
            sufficient,
            included[chosen],
            outcome=RESPONSE,
            term=[pool.score_name(group[i][1]) for i in chosen],
            covariance=[kind],
            cluster=f"cluster {cluster}" if cluster else None,
            rows=table,
            singular="drop",
            without=without,
        )

    def fit(cluster: str, kind: str, chosen: list[int], fits: SubsetFits | None = None) -> Fitted:
        fits = solved(cluster, kind, chosen, "raise") if fits is None else fits
        positions = np.array([group[i][0] for i in chosen])
        return Fitted(
            group[0][1].estimand,
            positions[fits.kept],
            fits.estimate,
            fits.std_error[kind],
            fits.df[kind].astype(float),
            sufficient.n,
            fits.clusters,
            kind,
            sufficient.group("unit").labels,
            effective_scores(fits, "unit"),
            fits,
            tuple((int(positions[at]), why) for at, why in fits.refused),
        )

    for cluster, kind in dict.fromkeys(kinds):
        chosen = [i for i, own in enumerate(kinds) if own == (cluster, kind)]
        plain = "CRV1" if cluster else "HC1"
        fits = solved(cluster, kind, chosen, "raise" if kind == plain else "nan")
        none = {int(at) for at in fits.kept[np.isnan(fits.std_error[kind])]}
        if not none:
            yield fit(cluster, kind, chosen, fits)
            continue
        lacking = [one for at, one in enumerate(chosen) if at in none]
        rest = [one for at, one in enumerate(chosen) if at not in none]
        if rest:
            yield fit(cluster, kind, rest)
        yield replace(fit(cluster, plain, lacking), note=f"{plain}, since {kind} does not exist")


def _fit_poisson(pool: Pool, group: Group) -> Iterator[Fitted]:
    """Fit one after the other; what specifications share is worked out once."""
    labels, units = np.unique(pool.units(), return_inverse=True)
    equations: dict[tuple[str, ...], _Equation] = {}
    nulls: dict[tuple[str, ...], _Null] = {}
    for position, spec in group:
        columns, kind = pool.regressors(spec), _covariance(pool, spec)
        names = tuple(columns)
        if names not in equations:
            table = np.column_stack(list(columns.values()))
            equations[names] = _Equation(table, pool.sample.numbers(pool.outcome), names, nulls)
        equation = equations[names]
        cluster = pool.codes(spec.cluster) if spec.cluster else None
        try:
            fit, note = _fit_one_poisson(equation, kind, cluster)
            scores = equation.scores
        except DesignError as error:
            yield Fitted(spec.estimand, refused=((position, error.found),))
            continue
        yield Fitted(
            spec.estimand,
            np.array([position]),
            fit.coefficient[-1:],
            fit.std_error[-1:],
            np.array([float(fit.clusters - 1) if fit.clusters else np.nan]),
            fit.n,
            fit.clusters,
            fit.kind,
            labels,
            np.bincount(units, weights=scores, minlength=len(labels))[:, None],
            note=note,
        )


def _fit_one_poisson(
    equation: _Equation, kind: str, cluster: np.ndarray | None
) -> tuple[PoissonFit, str]:
    """Return a fit with errors of a kind, or with HC1 and a note where those do not exist."""
    try:
        return equation.solved.fit(kind, cluster), ""
    except DesignError:
        if kind not in LEVERED:
            raise
    return equation.solved.fit("HC1"), f"HC1, since {kind} does not exist"


@dataclass(frozen=True, eq=False)
class _Null:
    """The Poisson model without the score: means, and a basis of its columns at their roots."""

    means: np.ndarray
    basis: np.ndarray

    @classmethod
    def fit(cls, held: np.ndarray, response: np.ndarray, names: tuple[str, ...]) -> _Null:
        null = fit_poisson(held, response, names, covariance="HC0")
        means = np.exp(null.coefficient[0] + held @ null.coefficient[1:])
        others = np.column_stack([np.ones(len(held)), held])
        scaled = others / np.linalg.norm(others, axis=0) * np.sqrt(means)[:, None]
        return cls(means, np.linalg.qr(scaled)[0])


@dataclass(frozen=True, eq=False)
class _Equation:
    """One Poisson equation, which specifications share that differ in their errors, and its null,
    which scores share.
    """

    table: np.ndarray
    response: np.ndarray
    names: tuple[str, ...]
    nulls: dict[tuple[str, ...], _Null]

    @cached_property
    def solved(self) -> PoissonEstimate:
        return solve_poisson(self.table, self.response, self.names)

    @cached_property
    def scores(self) -> np.ndarray:
        """Each row's score: the score column outside the others, times the null residual."""
        held = self.names[:-1]
        if held not in self.nulls:
            self.nulls[held] = _Null.fit(self.table[:, :-1], self.response, held)
        null = self.nulls[held]
        root = np.sqrt(null.means)
        weighted = self.table[:, -1] * root
        outside = weighted - null.basis @ (null.basis.T @ weighted)
        return outside / root * (self.response - null.means)


def _corrected(pool: Pool, position: int, spec: Specification) -> Fitted:
    """Fit one specification, and correct the fit for the noise in its engagement columns.

    Notes
    -----
    Errors in variables for least squares, linear regression calibration for Poisson:
    `analysis.measurement_error.correction`. HC3 or CRV1 of the stacked equations, and a reference,
    as in the audit's own corrections. A specification that does not hold a column with
    a reliability, or holds it in a form that has no correction, has no estimate: the plain fit
    would stand under a name that says otherwise.
    """
    try:
        corrected = _corrected_fit(pool, spec)
    except DesignError as error:
        corrected = Refusal("", error.found)
    if isinstance(corrected, Refusal):
        return Fitted(spec.estimand, refused=((position, corrected.reason),))
    shares = ", ".join(f"{column} {share:g}" for column, share in spec.reliability)
    name = {"eiv": "errors in variables", "calibration": "regression calibration"}[corrected.model]
    df = corrected.df_of(corrected.terms[-1])
    return Fitted(
        spec.estimand,
        np.array([position]),
        corrected.params[-1:],
        np.sqrt(corrected.cov[-1:, -1]),
        np.array([np.nan if df is None else df]),
        pool.sample.rows,
        corrected.clusters,
        corrected.covariance,
        note=f"{name}, reliability of {shares}",
    )


def _corrected_fit(pool: Pool, spec: Specification) -> Correction | Refusal:
    forms = dict(spec.engagement)
    for column, _ in spec.reliability:
        form = forms.get(column)
        if form in (None, "spline", "rank"):
            why = f"in the form {form}, which has no correction" if form else "not held here"
            return Refusal("", f"the reliability of {column}, which is {why}")
    columns = pool.regressors(spec)
    held = {f"{column} {how}" for column, how in spec.engagement}
    blocks = ["engagement" if name in held else "control" for name in columns]
    labels = pool.labels(spec.cluster) if spec.cluster else None
    design = Design(
        response=pool.response(),
        matrix=np.column_stack([np.ones(pool.sample.rows), *columns.values()]),
        terms=("intercept", *columns),
        blocks=("intercept", *blocks[:-1], "score"),
        clusters=None if labels is None else np.unique(labels, return_inverse=True)[1],
    )
    declared = {f"{column} {forms[column]}": share for column, share in spec.reliability}
    fit = fit_or_plain(design, spec.model, "CRV1" if spec.cluster else ROBUST)
    return correct_fit(fit, measure(design, declared=declared))
