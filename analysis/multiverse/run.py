"""Every reasonable analysis at once: which of them say what, and what one decision changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault
from analysis.models.distributions import normal_isf, normal_sf, t_isf, t_sf
from analysis.multiverse.joint_tests import flip_signs, joint_test
from analysis.multiverse.pieces import Piece, fit_pool
from analysis.multiverse.pools import pools
from analysis.multiverse.specifications import Specification, own_specification, specifications
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Estimate, Unit
from analysis.results.rule import sesoi_band, word_of

FLIPS = 4_999


@dataclass(frozen=True, eq=False)
class Multiverse:
    """All specifications of a plan, with the joint tests over them.

    Attributes
    ----------
    table : DataFrame
        One row per specification: a column per decision, then equation, estimand, estimate (per SD
        of the score; a fraction of the mean or a log ratio for revenue and counts), std_error,
        statistic, df, p_value, conf_low, conf_high, n, clusters, covariance, verdict, p_adjusted
        (step-down PIMA) and note.
    estimates : tuple of Estimate
        median, share_sign, share_significant (with joint p) and pima, per estimand.
    decisions : DataFrame
        Per decision: the share of the variance of the estimates it explains, and whether changing
        it alone, from the plan's own analysis, changes the word.
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
        return table[
            (table["equation"] == model)
            & (table["estimand"] == estimand)
            & table["estimate"].notna()
        ]


def run_multiverse(sample: Sample) -> Multiverse:
    """Run every specification of the plan's `[multiverse]`.

    Parameters
    ----------
    sample : Sample
        The main analysis sample: its standard deviations scale the scores, its mean the outcome, in
        every specification.

    Raises
    ------
    AnalysisError
        When an option cannot be read, or no specification can be estimated.

    Notes
    -----
    Simonsohn, Simmons & Nelson (2020), doi:10.1038/s41562-020-0912-z, for the curve and its joint
    test (least squares); Girardi et al. (2024), Psychometrika 89, for the sign-flip scores (PIMA).
    """
    with threadpool_limits(
        limits=1, user_api="blas"
    ):  # small matrices: a second thread only waits for the first
        return _run(sample, specifications(sample.plan))


def _run(sample: Sample, specs: list[Specification]) -> Multiverse:
    pieces = [piece for pool, group in pools(sample, specs) for piece in fit_pool(pool, group)]
    if not any(len(piece.positions) for piece in pieces):
        fault = Fault(
            "[multiverse]",
            f"{len(specs)} specifications, none of which can be estimated",
            "one that can",
        )
        raise DesignError("the plan", [fault])
    table = _table(sample, specs, pieces)
    rows = []
    for estimand in dict.fromkeys(spec.estimand for spec in specs):
        own = [piece for piece in pieces if piece.estimand == estimand and len(piece.positions)]
        plain = [piece for piece in own if not piece.corrected]
        if plain:
            rows += _joint(sample, specs, table, estimand, plain, corrected=len(own) - len(plain))
    found = Multiverse(table, tuple(rows), pd.DataFrame(), own_specification(sample.plan, specs))
    return replace(found, decisions=_decisions(sample.plan, specs, found))


# --- over all specifications ----------------------------------------------------------------------


def _table(sample: Sample, specs: list[Specification], pieces: list[Piece]) -> pd.DataFrame:
    """Return the specification table, in the order of the specifications."""
    plan = sample.plan
    names = [decision.name for decision in plan.multiverse.decision]
    records = [
        dict(zip(names, spec.choices, strict=True))
        | {"equation": spec.model, "estimand": spec.estimand[1]}
        for spec in specs
    ]
    table = pd.DataFrame(records)
    numbers = np.full((len(specs), 5), np.nan)
    covariance, notes = (
        np.full(len(specs), None, dtype=object),
        np.full(len(specs), "", dtype=object),
    )
    for piece in pieces:
        clusters = np.nan if piece.clusters is None else piece.clusters
        rows = [
            piece.estimate,
            piece.std_error,
            piece.df,
            *np.full((2, len(piece.positions)), [[piece.n], [clusters]]),
        ]
        numbers[piece.positions] = np.column_stack(rows)
        covariance[piece.positions] = piece.covariance
        notes[piece.positions] = piece.note
        for position, why in piece.refused:
            notes[position] = why
    columns = ["estimate", "std_error", "df", "n", "clusters"]
    table = table.join(pd.DataFrame(numbers, columns=columns)).assign(
        covariance=covariance, note=notes
    )
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
        statistic=statistic,
        p_value=_p_values(statistic, table["df"]),
        conf_low=table["estimate"] - wide,
        conf_high=table["estimate"] + wide,
        verdict=words,
        p_adjusted=np.nan,
    )


def _band(outcome: OutcomeSection, spec: Specification) -> tuple[float, float]:
    """Return the SESOI on the scale of a specification's estimate, where least squares on money has
    mean one.
    """
    on_logs = spec.outcome_transform != "identity"
    return sesoi_band(outcome, "poisson" if on_logs else spec.model, 1.0)


def _half_widths(table: pd.DataFrame, level: float) -> np.ndarray:
    """Return half of each interval: t with the specification's degrees of freedom, normal where it
    has none.
    """
    tail = (1 - level) / 2
    df = table["df"].to_numpy(dtype=float)
    critical = np.where(
        np.isnan(df), normal_isf(tail), t_isf(tail, np.where(np.isnan(df), 1.0, df))
    )
    return critical * table["std_error"].to_numpy()


def _p_values(statistic: pd.Series, df: pd.Series) -> np.ndarray:
    size, df = np.abs(statistic.to_numpy()), df.to_numpy(dtype=float)
    return 2 * np.where(np.isnan(df), normal_sf(size), t_sf(size, np.where(np.isnan(df), 1.0, df)))


def _joint(
    sample: Sample,
    specs: list[Specification],
    table: pd.DataFrame,
    estimand: tuple[str, str],
    pieces: list[Piece],
    *,
    corrected: int,
) -> list[Estimate]:
    """Return the joint tests of one estimand; write the adjusted p-values into the table.

    Fits corrected for noise are on the curve, and in none of these: a resampled curve would correct
    with error variances of its own, and the scores of the sign flips are of the recorded columns.
    """
    plan = sample.plan
    positions = np.concatenate([piece.positions for piece in pieces])
    flips = flip_signs(_aligned(pieces), replicates=FLIPS, seed=plan.inference.seed)
    table.loc[positions, "p_adjusted"] = flips.p_adjusted
    own = table.loc[positions]
    positive = float((own["estimate"] > 0).mean())
    significant = (own["p_value"] < 1 - plan.inference.level).to_numpy()
    share = max(
        float((significant & (own["estimate"] > 0)).mean()),
        float((significant & (own["estimate"] < 0)).mean()),
    )
    fits = [piece.fits for piece in pieces if piece.fits is not None]
    p = (None, None, None)
    if fits:
        joint = joint_test(
            fits,
            "unit",
            replicates=plan.multiverse.resamples,
            seed=plan.inference.seed,
            level=plan.inference.level,
        )
        p = (joint.p_median, joint.p_share_sign, joint.p_share_significant)
    scores = {spec.score for spec in specs}
    model, outcome = estimand[0], specs[int(positions[0])].outcome
    transformed = specs[int(positions[0])].outcome_transform
    row = Estimate(
        plan.name,
        outcome,
        scores.pop() if len(scores) == 1 else "",
        "multiverse",
        model,
        "",
        n=sample.rows,
        variant="" if transformed == "identity" else transformed,
    )
    over = f"{len(positions)} specifications"
    over += (
        f" ({corrected} more, corrected for noise, are on the curve but in no joint test)"
        if corrected
        else ""
    )
    by = (
        f"{over}; joint p by resampling under the null"
        if fits
        else f"{over}; the joint p of this model is pima"
    )
    unit = _unit(plan.outcomes[outcome], model, transformed)
    return [
        replace(
            row,
            term="median",
            estimate=float(own["estimate"].median()),
            p_value=p[0],
            unit=unit,
            note=by,
        ),
        replace(
            row, term="share_sign", estimate=max(positive, 1 - positive), p_value=p[1], note=by
        ),
        replace(row, term="share_significant", estimate=share, p_value=p[2], note=by),
        replace(
            row,
            term="pima",
            statistic=float(np.abs(flips.statistic).max()),
            p_value=flips.p_joint_max,
            note=f"{over}; largest of the sign-flip statistics",
        ),
    ]


def _unit(outcome: OutcomeSection, model: str, transformed: str) -> Unit:
    if model == "poisson" or transformed != "identity":
        return "percent" if transformed == "identity" else "log"
    return {"revenue": "share", "count": "share", "binary": "points"}.get(outcome.kind, "outcome")


def _aligned(pieces: list[Piece]) -> np.ndarray:
    """Return the scores of all pieces by unit, zero where a specification does not have the unit's
    rows.
    """
    labels = np.unique(np.concatenate([piece.units for piece in pieces]))
    blocks = []
    for piece in pieces:
        block = np.zeros((len(labels), piece.scores.shape[1]))
        block[np.searchsorted(labels, piece.units)] = piece.scores
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def _decisions(plan: Plan, specs: list[Specification], found: Multiverse) -> pd.DataFrame:
    """Return what each decision matters: variance explained among its estimand's fellows, and
    whether it flips.
    """
    fellows, own, table = found.fellows(), found.own, found.table
    total = float(((fellows["estimate"] - fellows["estimate"].mean()) ** 2).sum())
    records = []
    for number, decision in enumerate(plan.multiverse.decision):
        means = fellows.groupby(decision.name)["estimate"].transform("mean")
        between = float(((means - fellows["estimate"].mean()) ** 2).sum())
        varies = total > 0 and fellows[decision.name].nunique() > 1
        alone = [
            at for at, spec in enumerate(specs) if _same_but(spec.choices, own.choices, number)
        ]
        words = sorted(set(table.loc[alone, "verdict"].dropna()))
        records.append(
            {
                "decision": decision.name,
                "options": table[decision.name].nunique(),
                "variance_share": between / total if varies else None,
                "flips": len(words) > 1,
                "words": ", ".join(words),
            }
        )
    return pd.DataFrame(records)


def _same_but(choices: tuple[str, ...], own: tuple[str, ...], number: int) -> bool:
    """Return whether two specifications agree in every decision but one."""
    return choices[:number] == own[:number] and choices[number + 1 :] == own[number + 1 :]
