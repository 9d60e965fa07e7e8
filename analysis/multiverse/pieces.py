"""Specifications fitted together: least squares from one factorisation, Poisson from the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from analysis.errors import DesignError
from analysis.measurement_error.corrected import Correction, Refusal
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import measure
from analysis.models import fit_model
from analysis.models.covariance import few_clusters
from analysis.models.design import Design
from analysis.models.fast_poisson import fit_poisson
from analysis.models.sufficient_statistics import SufficientStatistics
from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.regressions import SubsetFits
from analysis.multiverse.joint_tests import effective_scores
from analysis.multiverse.pools import Pool
from analysis.multiverse.specifications import Specification

RESPONSE = "\0response"


@dataclass(frozen=True, eq=False)
class Piece:
    """Specifications fitted together: their positions, their numbers, and their scores by unit.

    Those whose fit is `corrected` for noise have no scores: the joint tests are of the plain fits.
    """

    estimand: tuple[str, str]
    positions: np.ndarray
    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray
    n: int
    clusters: int | None
    covariance: str
    units: np.ndarray
    scores: np.ndarray
    fits: SubsetFits | None
    refused: tuple[tuple[int, str], ...]
    note: str = ""
    corrected: bool = False


def fit_pool(pool: Pool, group: list[tuple[int, Specification]]) -> Iterator[Piece]:
    """Fit a pool's specifications: least squares at once, Poisson and corrections for noise
    from the rows.
    """
    noisy = [(position, spec) for position, spec in group if spec.reliability]
    group = [(position, spec) for position, spec in group if not spec.reliability]
    yield from (correct_specification(pool, position, spec) for position, spec in noisy)
    linear = [(position, spec) for position, spec in group if spec.model == "ols"]
    if linear:
        yield from _fit_linear(pool, linear)
    poisson = [(position, spec) for position, spec in group if spec.model == "poisson"]
    if poisson:
        yield from _fit_poisson(pool, poisson)


def _covariance(pool: Pool, spec: Specification) -> str:
    if spec.cluster:
        few = few_clusters(pool.sizes(spec.cluster))
        return "CRV3" if few and spec.model == "ols" else "CRV1"
    own = pool.main.plan.inference.covariance or ""
    if spec.model == "poisson":
        return own if own in ("HC0", "HC1") else "HC1"
    return own if own.startswith("HC") else "HC3"


def _fit_linear(pool: Pool, group: list[tuple[int, Specification]]) -> Iterator[Piece]:
    """One factorisation of all columns, then one small solve for each specification."""
    named = [pool.regressors(spec) for _, spec in group]
    columns = {name: values for one in named for name, values in one.items()} | {
        RESPONSE: pool.response()
    }
    names = list(columns)
    table = np.column_stack(list(columns.values()))
    at = {name: place for place, name in enumerate(names)}
    included = np.zeros((len(group), len(names)), dtype=bool)
    for row, one in zip(included, named, strict=True):
        row[[at[name] for name in one]] = True
    clusters = {spec.cluster for _, spec in group if spec.cluster}
    kinds = [(spec.cluster, _covariance(pool, spec)) for _, spec in group]
    groups = {"unit": pool.units()} | {
        f"cluster {cluster}": pool.labels(cluster) for cluster in clusters
    }
    sufficient = sufficient_statistics(
        table, names, groups=groups, fourth=any(not cluster for cluster, _ in kinds)
    )
    for cluster, kind in dict.fromkeys(kinds):
        fit = partial(_linear_piece, pool, group, sufficient, table, included, cluster)
        yield from _with_fallback(
            fit, kind, [i for i, own in enumerate(kinds) if own == (cluster, kind)]
        )


def _with_fallback(
    fit: Callable[[str, list[int]], Piece], kind: str, chosen: list[int]
) -> Iterator[Piece]:
    """Yield the fits; those for which HC2, HC3 or CRV3 does not exist take HC1 or CRV1, and say
    so.
    """
    try:
        yield fit(kind, chosen)
    except DesignError:
        plain = "CRV1" if kind == "CRV3" else "HC1"
        if kind == plain:
            raise
        lacking = []
        for one in chosen:
            try:
                fit(kind, [one])
            except DesignError:
                lacking.append(one)
        rest = [one for one in chosen if one not in lacking]
        if rest:
            yield fit(kind, rest)
        yield replace(fit(plain, lacking), note=f"{plain}, since {kind} does not exist")


def _linear_piece(
    pool: Pool,
    group: list[tuple[int, Specification]],
    sufficient: SufficientStatistics,
    table: np.ndarray,
    included: np.ndarray,
    cluster: str,
    kind: str,
    chosen: list[int],
) -> Piece:
    """Fit some specifications of a pool with one covariance."""
    fits = fit_subsets(
        sufficient,
        included[chosen],
        outcome=RESPONSE,
        term=[pool.score_name(group[i][1]) for i in chosen],
        covariance=[kind],
        cluster=f"cluster {cluster}" if cluster else None,
        rows=table,
        singular="drop",
    )
    positions = np.array([group[i][0] for i in chosen])
    return Piece(
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


def _fit_poisson(pool: Pool, group: list[tuple[int, Specification]]) -> Iterator[Piece]:
    """Each specification starts from the last one's estimate where the columns are the same in
    number.
    """
    labels, units = np.unique(pool.units(), return_inverse=True)
    response = pool.sample.numbers(pool.outcome)
    nulls: dict[tuple[str, ...], np.ndarray] = {}
    for position, spec in group:
        columns = pool.regressors(spec)
        names = list(columns)
        table = np.column_stack(list(columns.values()))
        kind = _covariance(pool, spec)
        cluster = pool.labels(spec.cluster) if spec.cluster else None
        try:
            fit = fit_poisson(table, response, names, covariance=kind, cluster=cluster)
            held = tuple(names[:-1])
            if held not in nulls:
                nulls[held] = _null_means(table[:, :-1], response, names[:-1])
        except DesignError as error:
            yield Piece(
                spec.estimand,
                np.array([], dtype=int),
                *np.zeros((3, 0)),
                len(response),
                None,
                kind,
                labels,
                np.zeros((len(labels), 0)),
                None,
                ((position, error.faults[0].found),),
            )
            continue
        scores = _poisson_scores(table, response, nulls[held])
        df = float(fit.clusters - 1) if fit.clusters else np.nan
        yield Piece(
            spec.estimand,
            np.array([position]),
            fit.coefficient[-1:],
            fit.std_error[-1:],
            np.array([df]),
            fit.n,
            fit.clusters,
            kind,
            labels,
            np.bincount(units, weights=scores, minlength=len(labels))[:, None],
            None,
            (),
        )


def _null_means(columns: np.ndarray, response: np.ndarray, names: list[str]) -> np.ndarray:
    """Return the means fitted without the score."""
    fit = fit_poisson(columns, response, names, covariance="HC0")
    return np.exp(fit.coefficient[0] + columns @ fit.coefficient[1:])


def _poisson_scores(table: np.ndarray, response: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return each row's effective score: the score column outside the others, times the null
    residual.
    """
    root = np.sqrt(means)
    others = np.column_stack([np.ones(len(table)), table[:, :-1]])
    basis = np.linalg.qr(others / np.linalg.norm(others, axis=0) * root[:, None])[0]
    weighted = table[:, -1] * root
    return (weighted - basis @ (basis.T @ weighted)) / root * (response - means)


# --- corrected for noise --------------------------------------------------------------------------


def correct_specification(pool: Pool, position: int, spec: Specification) -> Piece:
    """Fit one specification, and correct the fit for the noise in its engagement columns.

    Notes
    -----
    Errors in variables for least squares, linear regression calibration for Poisson:
    `analysis.measurement_error.correction`. HC1 or CRV1 of the stacked equations, on a normal
    reference, as in the audit's own corrections. A specification that does not hold a column with
    a reliability, or holds it in a form that has no correction, has no estimate: the plain fit
    would stand under a name that says otherwise.
    """
    n = pool.sample.rows
    try:
        found = _corrected_fit(pool, spec)
    except DesignError as error:
        found = Refusal("", error.faults[0].found)
    if isinstance(found, Refusal):
        return _piece(
            spec, position, *np.zeros((2, 0)), n, None, "", refused=((position, found.reason),)
        )
    shares = ", ".join(f"{column} {share:g}" for column, share in spec.reliability)
    name = {"eiv": "errors in variables", "calibration": "regression calibration"}[found.model]
    return _piece(
        spec,
        position,
        found.params[-1:],
        np.sqrt(found.cov[-1:, -1]),
        n,
        found.clusters,
        found.covariance,
        note=f"{name}, reliability of {shares}",
    )


def _corrected_fit(pool: Pool, spec: Specification) -> Correction | Refusal:
    forms = dict(spec.engagement)
    lacking = [
        column for column, _ in spec.reliability if forms.get(column) in (None, "spline", "rank")
    ]
    if lacking:
        form = forms.get(lacking[0])
        why = f"in the form {form}, which has no correction" if form else "not held here"
        return Refusal("", f"the reliability of {lacking[0]}, which is {why}")
    columns = pool.regressors(spec)
    held = {f"{column} {how}" for column, how in spec.engagement}
    blocks = ["engagement" if name in held else "control" for name in columns]
    design = Design(
        response=pool.response(),
        matrix=np.column_stack([np.ones(pool.sample.rows), *columns.values()]),
        terms=("intercept", *columns),
        blocks=("intercept", *blocks[:-1], "score"),
        clusters=np.unique(pool.labels(spec.cluster), return_inverse=True)[1]
        if spec.cluster
        else None,
    )
    declared = {f"{column} {forms[column]}": share for column, share in spec.reliability}
    fit = fit_model(design, spec.model, "CRV1" if spec.cluster else "HC1")
    return correct_fit(fit, measure(design, declared=declared))


def _piece(
    spec: Specification,
    position: int,
    estimate: np.ndarray,
    std_error: np.ndarray,
    n: int,
    clusters: int | None,
    covariance: str,
    *,
    refused: tuple[tuple[int, str], ...] = (),
    note: str = "",
) -> Piece:
    count = len(estimate)
    return Piece(
        spec.estimand,
        np.full(count, position),
        estimate,
        std_error,
        np.full(count, np.nan),
        n,
        clusters,
        covariance,
        np.array([]),
        np.zeros((0, count)),
        None,
        refused,
        note,
        corrected=True,
    )
