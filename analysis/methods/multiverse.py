"""Every reasonable analysis at once: which of them say what, and what one decision changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from analysis.distributions import normal_isf, normal_sf, t_isf, t_sf
from analysis.errors import DesignError, Fault
from analysis.estimates import Estimate, Unit
from analysis.models.fast_poisson import fit_poisson
from analysis.moments import Moments, measure_moments
from analysis.moments.joint import joint_test
from analysis.moments.permutation import effective_scores, flip_signs
from analysis.moments.regressions import SubsetFits
from analysis.moments.subsets import fit_subsets
from analysis.multiverse.pools import Pool, pools
from analysis.multiverse.specifications import Specification, own_specification, specifications
from analysis.plan import Plan
from analysis.rule import sesoi_band, word_of
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection

FEW_CLUSTERS = 50

FLIPS = 4_999
RESPONSE = "\0response"


@dataclass(frozen=True, eq=False)
class Multiverse:
    """All specifications of a plan, with the joint tests over them.

    Attributes
    ----------
    table : DataFrame
        One row per specification: a column per decision, then equation, estimand, estimate (per SD of the score; a
        fraction of the mean or a log ratio for revenue and counts), std_error, statistic, df, p_value, conf_low,
        conf_high, n, clusters, covariance, verdict, p_adjusted (step-down PIMA) and note.
    estimates : tuple of Estimate
        median, share_sign, share_significant (with joint p) and pima, per estimand.
    decisions : DataFrame
        Per decision: the share of the variance of the estimates it explains, and whether changing it alone,
        from the plan's own analysis, changes the word.
    own : Specification
        The plan's own analysis, or the first where none of the specifications is.
    """

    table: pd.DataFrame
    estimates: tuple[Estimate, ...]
    decisions: pd.DataFrame
    own: Specification

    def fellows(self) -> pd.DataFrame:
        """Return the estimated specifications with the estimand of the plan's own analysis."""
        model, estimand = self.own.estimand
        table = self.table
        return table[(table["equation"] == model) & (table["estimand"] == estimand) & table["estimate"].notna()]


def run_multiverse(sample: Sample) -> Multiverse:
    """Run every specification of the plan's `[multiverse]`.

    Parameters
    ----------
    sample : Sample
        The main analysis sample: its standard deviations scale the scores, its mean the outcome, in every
        specification.

    Raises
    ------
    AnalysisError
        When an option cannot be read, or no specification can be estimated.

    Notes
    -----
    Simonsohn, Simmons & Nelson (2020), doi:10.1038/s41562-020-0912-z, for the curve and its joint test (least
    squares); Girardi et al. (2024), Psychometrika 89, for the sign-flip scores (PIMA).
    """
    with threadpool_limits(limits=1, user_api="blas"):  # small matrices: a second thread only waits for the first
        return _run(sample, specifications(sample.plan))


def _run(sample: Sample, specs: list[Specification]) -> Multiverse:
    pieces = [piece for pool, group in pools(sample, specs) for piece in _fit_pool(pool, group)]
    if not any(len(piece.positions) for piece in pieces):
        fault = Fault("[multiverse]", f"{len(specs)} specifications, none of which can be estimated", "one that can")
        raise DesignError("the plan", [fault])
    table = _table(sample, specs, pieces)
    rows = []
    for estimand in dict.fromkeys(spec.estimand for spec in specs):
        own = [piece for piece in pieces if piece.estimand == estimand and len(piece.positions)]
        if own:
            rows += _joint(sample, specs, table, estimand, own)
    found = Multiverse(table, tuple(rows), pd.DataFrame(), own_specification(sample.plan, specs))
    return replace(found, decisions=_decisions(sample.plan, specs, found))


# --- fits ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Piece:
    """Specifications fitted together: their positions, their numbers, and their scores by unit."""

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


def _fit_pool(pool: Pool, group: list[tuple[int, Specification]]) -> Iterator[_Piece]:
    """Fit a pool's specifications: least squares from moments, Poisson from the rows."""
    linear = [(position, spec) for position, spec in group if spec.model == "ols"]
    if linear:
        yield from _fit_linear(pool, linear)
    poisson = [(position, spec) for position, spec in group if spec.model == "poisson"]
    if poisson:
        yield from _fit_poisson(pool, poisson)


def _covariance(pool: Pool, spec: Specification) -> str:
    if spec.cluster:
        few = pool.n_clusters(spec.cluster) < FEW_CLUSTERS
        return "CRV3" if few and spec.model == "ols" else "CRV1"
    own = pool.main.plan.inference.covariance or ""
    if spec.model == "poisson":
        return own if own in ("HC0", "HC1") else "HC1"
    return own if own.startswith("HC") else "HC3"


def _fit_linear(pool: Pool, group: list[tuple[int, Specification]]) -> Iterator[_Piece]:
    """One factorisation of all columns, then one small solve for each specification."""
    named = [pool.regressors(spec) for _, spec in group]
    columns = {name: values for one in named for name, values in one.items()} | {RESPONSE: pool.response()}
    names = list(columns)
    table = np.column_stack(list(columns.values()))
    at = {name: place for place, name in enumerate(names)}
    included = np.zeros((len(group), len(names)), dtype=bool)
    for row, one in zip(included, named, strict=True):
        row[[at[name] for name in one]] = True
    clusters = {spec.cluster for _, spec in group if spec.cluster}
    kinds = [(spec.cluster, _covariance(pool, spec)) for _, spec in group]
    groups = {"unit": pool.units()} | {f"cluster {cluster}": pool.labels(cluster) for cluster in clusters}
    moments = measure_moments(table, names, groups=groups, fourth=any(not cluster for cluster, _ in kinds))
    for cluster, kind in dict.fromkeys(kinds):
        fit = partial(_linear_piece, pool, group, moments, table, included, cluster)
        yield from _with_fallback(fit, kind, [i for i, own in enumerate(kinds) if own == (cluster, kind)])


def _with_fallback(fit: Callable[[str, list[int]], _Piece], kind: str, chosen: list[int]) -> Iterator[_Piece]:
    """Yield the fits; those for which HC2, HC3 or CRV3 does not exist take HC1 or CRV1, and say so."""
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
    pool: Pool, group: list[tuple[int, Specification]], moments: Moments, table: np.ndarray, included: np.ndarray,
    cluster: str, kind: str, chosen: list[int],
) -> _Piece:  # fmt: skip
    """Fit some specifications of a pool with one covariance."""
    fits = fit_subsets(
        moments, included[chosen], outcome=RESPONSE, term=[pool.score_name(group[i][1]) for i in chosen],
        covariance=[kind], cluster=f"cluster {cluster}" if cluster else None, rows=table, singular="drop",
    )  # fmt: skip
    positions = np.array([group[i][0] for i in chosen])
    return _Piece(
        group[0][1].estimand, positions[fits.kept], fits.estimate, fits.std_error[kind], fits.df[kind].astype(float),
        moments.n, fits.clusters, kind, moments.group("unit").labels, effective_scores(fits, "unit"), fits,
        tuple((int(positions[at]), why) for at, why in fits.refused),
    )  # fmt: skip


def _fit_poisson(pool: Pool, group: list[tuple[int, Specification]]) -> Iterator[_Piece]:
    """Each specification starts from the last one's estimate where the columns are the same in number."""
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
            yield _Piece(spec.estimand, np.array([], dtype=int), *np.zeros((3, 0)), len(response), None, kind, labels,
                         np.zeros((len(labels), 0)), None, ((position, error.faults[0].found),))  # fmt: skip
            continue
        scores = _poisson_scores(table, response, nulls[held])
        df = float(fit.clusters - 1) if fit.clusters else np.nan
        yield _Piece(spec.estimand, np.array([position]), fit.coefficient[-1:], fit.std_error[-1:], np.array([df]),
                     fit.n, fit.clusters, kind, labels,
                     np.bincount(units, weights=scores, minlength=len(labels))[:, None], None, ())  # fmt: skip


def _null_means(columns: np.ndarray, response: np.ndarray, names: list[str]) -> np.ndarray:
    """Return the means fitted without the score."""
    fit = fit_poisson(columns, response, names, covariance="HC0")
    return np.exp(fit.coefficient[0] + columns @ fit.coefficient[1:])


def _poisson_scores(table: np.ndarray, response: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return each row's effective score: the score column outside the others, times the null residual."""
    root = np.sqrt(means)
    others = np.column_stack([np.ones(len(table)), table[:, :-1]])
    basis = np.linalg.qr(others / np.linalg.norm(others, axis=0) * root[:, None])[0]
    weighted = table[:, -1] * root
    return (weighted - basis @ (basis.T @ weighted)) / root * (response - means)


# --- over all specifications -----------------------------------------------------------------------------


def _table(sample: Sample, specs: list[Specification], pieces: list[_Piece]) -> pd.DataFrame:
    """Return the specification table, in the order of the specifications."""
    plan = sample.plan
    names = [decision.name for decision in plan.multiverse.decision]
    records = [
        dict(zip(names, spec.choices, strict=True)) | {"equation": spec.model, "estimand": spec.estimand[1]}
        for spec in specs
    ]
    table = pd.DataFrame(records)
    numbers = np.full((len(specs), 5), np.nan)
    covariance, notes = np.full(len(specs), None, dtype=object), np.full(len(specs), "", dtype=object)
    for piece in pieces:
        clusters = np.nan if piece.clusters is None else piece.clusters
        rows = [piece.estimate, piece.std_error, piece.df, *np.full((2, len(piece.positions)), [[piece.n], [clusters]])]
        numbers[piece.positions] = np.column_stack(rows)
        covariance[piece.positions] = piece.covariance
        notes[piece.positions] = piece.note
        for position, why in piece.refused:
            notes[position] = why
    columns = ["estimate", "std_error", "df", "n", "clusters"]
    table = table.join(pd.DataFrame(numbers, columns=columns)).assign(covariance=covariance, note=notes)
    return _with_intervals(table, plan, specs)


def _with_intervals(table: pd.DataFrame, plan: Plan, specs: list[Specification]) -> pd.DataFrame:
    level = plan.inference.level
    statistic = table["estimate"] / table["std_error"]
    wide, narrow = (_half_widths(table, at) for at in (level, 1 - 2 * (1 - level)))
    bands = [_band(plan.outcomes[spec.outcome], spec) for spec in specs]
    words = [
        word_of((e - w, e + w), (e - s, e + s), band) if np.isfinite(e) else None
        for e, w, s, band in zip(table["estimate"], wide, narrow, bands, strict=True)
    ]
    return table.assign(
        statistic=statistic, p_value=_p_values(statistic, table["df"]), conf_low=table["estimate"] - wide,
        conf_high=table["estimate"] + wide, verdict=words, p_adjusted=np.nan,
    )  # fmt: skip


def _band(outcome: OutcomeSection, spec: Specification) -> tuple[float, float]:
    """Return the SESOI on the scale of a specification's estimate, where least squares on money has mean one."""
    on_logs = spec.outcome_transform != "identity"
    return sesoi_band(outcome, "poisson" if on_logs else spec.model, 1.0)


def _half_widths(table: pd.DataFrame, level: float) -> np.ndarray:
    """Return half of each interval: t with the specification's degrees of freedom, normal where it has none."""
    tail = (1 - level) / 2
    df = table["df"].to_numpy(dtype=float)
    critical = np.where(np.isnan(df), normal_isf(tail), t_isf(tail, np.where(np.isnan(df), 1.0, df)))
    return critical * table["std_error"].to_numpy()


def _p_values(statistic: pd.Series, df: pd.Series) -> np.ndarray:
    size, df = np.abs(statistic.to_numpy()), df.to_numpy(dtype=float)
    return 2 * np.where(np.isnan(df), normal_sf(size), t_sf(size, np.where(np.isnan(df), 1.0, df)))


def _joint(sample: Sample, specs: list[Specification], table: pd.DataFrame, estimand: tuple[str, str],
           pieces: list[_Piece]) -> list[Estimate]:  # fmt: skip
    """Return the joint tests of one estimand; write the adjusted p-values into the table."""
    plan = sample.plan
    positions = np.concatenate([piece.positions for piece in pieces])
    flips = flip_signs(_aligned(pieces), replicates=FLIPS, seed=plan.inference.seed)
    table.loc[positions, "p_adjusted"] = flips.p_adjusted
    own = table.loc[positions]
    positive = float((own["estimate"] > 0).mean())
    significant = (own["p_value"] < 1 - plan.inference.level).to_numpy()
    share = max(
        float((significant & (own["estimate"] > 0)).mean()), float((significant & (own["estimate"] < 0)).mean())
    )
    fits = [piece.fits for piece in pieces if piece.fits is not None]
    p = (None, None, None)
    if fits:
        joint = joint_test(fits, "unit", replicates=plan.multiverse.resamples, seed=plan.inference.seed,
                           level=plan.inference.level)  # fmt: skip
        p = (joint.p_median, joint.p_share_sign, joint.p_share_significant)
    scores = {spec.score for spec in specs}
    model, outcome = estimand[0], specs[int(positions[0])].outcome
    transformed = specs[int(positions[0])].outcome_transform
    row = Estimate(plan.name, outcome, scores.pop() if len(scores) == 1 else "", "multiverse", model, "",
                   n=sample.rows, variant="" if transformed == "identity" else transformed)  # fmt: skip
    over = f"{len(positions)} specifications"
    by = f"{over}; joint p by resampling under the null" if fits else f"{over}; the joint p of this model is pima"
    unit = _unit(plan.outcomes[outcome], model, transformed)
    return [
        replace(row, term="median", estimate=float(own["estimate"].median()), p_value=p[0], unit=unit, note=by),
        replace(row, term="share_sign", estimate=max(positive, 1 - positive), p_value=p[1], note=by),
        replace(row, term="share_significant", estimate=share, p_value=p[2], note=by),
        replace(row, term="pima", statistic=float(np.abs(flips.statistic).max()), p_value=flips.p_joint_max,
                note=f"{over}; largest of the sign-flip statistics"),
    ]  # fmt: skip


def _unit(outcome: OutcomeSection, model: str, transformed: str) -> Unit:
    if model == "poisson" or transformed != "identity":
        return "percent" if transformed == "identity" else "log"
    return {"revenue": "share", "count": "share", "binary": "points"}.get(outcome.kind, "outcome")


def _aligned(pieces: list[_Piece]) -> np.ndarray:
    """Return the scores of all pieces by unit, zero where a specification does not have the unit's rows."""
    labels = np.unique(np.concatenate([piece.units for piece in pieces]))
    blocks = []
    for piece in pieces:
        block = np.zeros((len(labels), piece.scores.shape[1]))
        block[np.searchsorted(labels, piece.units)] = piece.scores
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def _decisions(plan: Plan, specs: list[Specification], found: Multiverse) -> pd.DataFrame:
    """Return what each decision matters: variance explained among its estimand's fellows, and whether it flips."""
    fellows, own, table = found.fellows(), found.own, found.table
    total = float(((fellows["estimate"] - fellows["estimate"].mean()) ** 2).sum())
    records = []
    for number, decision in enumerate(plan.multiverse.decision):
        means = fellows.groupby(decision.name)["estimate"].transform("mean")
        between = float(((means - fellows["estimate"].mean()) ** 2).sum())
        varies = total > 0 and fellows[decision.name].nunique() > 1
        alone = [at for at, spec in enumerate(specs) if _same_but(spec.choices, own.choices, number)]
        words = sorted(set(table.loc[alone, "verdict"].dropna()))
        records.append({"decision": decision.name, "options": table[decision.name].nunique(),
                        "variance_share": between / total if varies else None, "flips": len(words) > 1,
                        "words": ", ".join(words)})  # fmt: skip
    return pd.DataFrame(records)


def _same_but(choices: tuple[str, ...], own: tuple[str, ...], number: int) -> bool:
    """Return whether two specifications agree in every decision but one."""
    return choices[:number] == own[:number] and choices[number + 1 :] == own[number + 1 :]
