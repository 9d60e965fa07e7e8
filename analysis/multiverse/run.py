"""Every reasonable analysis at once: which of them say what, and what one decision changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault
from analysis.models.distributions import t_isf, t_sf
from analysis.models.family import FAMILIES
from analysis.multiverse.fits import Fitted, fit_pool
from analysis.multiverse.joint_tests import flip_signs, joint_test
from analysis.multiverse.specifications import (
    Specification,
    own_specification,
    pools,
    specifications,
)
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Estimate, Unit
from analysis.results.ids import slugs_of
from analysis.results.rule import Interval, word_of

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
    with threadpool_limits(limits=1, user_api="blas"):  # small matrices: a second thread waits
        return _run(sample, specifications(sample.plan))


def _run(sample: Sample, specs: list[Specification]) -> Multiverse:
    fitted = [fits for pool, group in pools(sample, specs) for fits in fit_pool(pool, group)]
    if not any(len(fits.positions) for fits in fitted):
        found = f"{len(specs)} specifications, none of which can be estimated"
        raise DesignError("the plan", [Fault("[multiverse]", found, "one that can")])
    table, rows = _table(sample.plan, specs, fitted), []
    for estimand in dict.fromkeys(spec.estimand for spec in specs):
        own = [fits for fits in fitted if fits.estimand == estimand and len(fits.positions)]
        plain = [fits for fits in own if fits.scores is not None]
        if plain:
            rows += _joint(sample, specs, table, plain, corrected=len(own) - len(plain))
    own = own_specification(sample.plan, specs)
    multiverse = Multiverse(table, tuple(rows), pd.DataFrame(), own)
    return replace(multiverse, decisions=_decisions(sample.plan, specs, multiverse))


# --- over all specifications ----------------------------------------------------------------------


def _table(plan: Plan, specs: list[Specification], fitted: list[Fitted]) -> pd.DataFrame:
    """Return the specification table, in the order of the specifications."""
    names = [decision.name for decision in plan.multiverse.decision]
    table = pd.DataFrame([spec.choices for spec in specs], columns=names)
    table["equation"] = [spec.model for spec in specs]
    table["estimand"] = [spec.estimand[1] for spec in specs]
    numbers = ("estimate", "std_error", "df", "n", "clusters")
    columns = {name: np.full(len(specs), np.nan) for name in numbers}
    columns["covariance"] = np.full(len(specs), None, dtype=object)
    columns["note"] = np.full(len(specs), "", dtype=object)
    for fits in fitted:
        for name, values in columns.items():
            values[fits.positions.astype(int)] = getattr(fits, name)
        for position, why in fits.refused:
            columns["note"][position] = why
    return _with_intervals(table.assign(**columns), plan, specs)


def _with_intervals(table: pd.DataFrame, plan: Plan, specs: list[Specification]) -> pd.DataFrame:
    level = plan.inference.level
    estimate, error = table["estimate"].to_numpy(), table["std_error"].to_numpy()
    df = table["df"].fillna(np.inf).to_numpy(dtype=float)  # normal where there are none
    wide, narrow = (error * t_isf(tail, df) for tail in ((1 - level) / 2, 1 - level))
    bands = [_band(plan.outcomes[spec.outcome], spec) for spec in specs]
    words = [
        word_of((e - w, e + w), (e - s, e + s), band) if np.isfinite(e) else None
        for e, w, s, band in zip(estimate, wide, narrow, bands, strict=True)
    ]
    return table.assign(
        statistic=estimate / error,
        p_value=2 * t_sf(np.abs(estimate / error), df),
        conf_low=estimate - wide,
        conf_high=estimate + wide,
        verdict=words,
        p_adjusted=np.nan,
    )


def _band(outcome: OutcomeSection, spec: Specification) -> Interval:
    """Return the SESOI on the scale of a specification's estimate, where least squares on money has
    mean one.
    """
    on_logs = spec.outcome_transform != "identity"
    return FAMILIES["poisson" if on_logs else spec.model].band(outcome, 1.0)


def _joint(
    sample: Sample,
    specs: list[Specification],
    table: pd.DataFrame,
    fitted: list[Fitted],
    *,
    corrected: int,
) -> list[Estimate]:
    """Return the joint tests of one estimand; write the adjusted p-values into the table.

    Fits corrected for noise are on the curve, and in none of these: a resampled curve would correct
    with error variances of its own, and the scores of the sign flips are of the recorded columns.
    """
    plan, level, seed = sample.plan, sample.plan.inference.level, sample.plan.inference.seed
    positions = np.concatenate([fits.positions for fits in fitted])
    flips = flip_signs(_aligned(fitted), replicates=FLIPS, seed=seed)
    table.loc[positions, "p_adjusted"] = flips.p_adjusted
    estimate, p_value = (table.loc[positions, name] for name in ("estimate", "p_value"))
    positive, significant = float((estimate > 0).mean()), p_value < 1 - level
    shares = [float((significant & side).mean()) for side in (estimate > 0, estimate < 0)]
    over = f"{len(positions)} specifications"
    if corrected:
        over += f" ({corrected} more, corrected for noise, are on the curve but in no joint test)"
    by = f"{over}; the joint p of this model is pima"
    curves, p = [fits.fits for fits in fitted if fits.fits is not None], (None, None, None)
    if curves:
        draws = plan.multiverse.resamples
        joint = joint_test(curves, "unit", replicates=draws, seed=seed, level=level)
        p = (joint.p_median, joint.p_share_sign, joint.p_share_significant)
        by = f"{over}; joint p by resampling under the null"
    first, scores = specs[int(positions[0])], {spec.score for spec in specs}
    transformed = "" if first.outcome_transform == "identity" else first.outcome_transform
    score = scores.pop() if len(scores) == 1 else ""
    row = Estimate(
        plan.name,
        first.outcome,
        score,
        "multiverse",
        first.model,
        "",
        n=sample.rows,
        variant=transformed,
        note=by,
        slugs=slugs_of(plan),
    )
    median, sign = float(estimate.median()), max(positive, 1 - positive)
    unit = _unit(plan.outcomes[first.outcome], first)
    largest = float(np.abs(flips.statistic).max())
    why = f"{over}; largest of the sign-flip statistics"
    return [
        replace(row, term="median", estimate=median, p_value=p[0], unit=unit),
        replace(row, term="share_sign", estimate=sign, p_value=p[1]),
        replace(row, term="share_significant", estimate=max(shares), p_value=p[2]),
        replace(row, term="pima", statistic=largest, p_value=flips.p_joint_max, note=why),
    ]


def _unit(outcome: OutcomeSection, spec: Specification) -> Unit:
    if spec.outcome_transform != "identity":
        return "log"
    unit = FAMILIES[spec.model].unit(outcome.kind)
    return "share" if unit == "outcome" and outcome.kind in ("revenue", "count") else unit


def _aligned(fitted: list[Fitted]) -> np.ndarray:
    """Return all scores by unit, zero where a specification does not have the unit's rows."""
    labels = np.unique(np.concatenate([fits.units for fits in fitted]))
    blocks = [np.zeros((len(labels), fits.scores.shape[1])) for fits in fitted]
    for block, fits in zip(blocks, fitted, strict=True):
        block[np.searchsorted(labels, fits.units)] = fits.scores
    return np.concatenate(blocks, axis=1)


def _decisions(plan: Plan, specs: list[Specification], multiverse: Multiverse) -> pd.DataFrame:
    """Return what each decision matters: its share of the variance of the estimates of one
    estimand, and whether it changes the word.
    """
    fellows, own, table = multiverse.fellows(), multiverse.own.choices, multiverse.table
    around = fellows["estimate"] - fellows["estimate"].mean()
    total, records = float((around**2).sum()), []
    for number, decision in enumerate(plan.multiverse.decision):
        means = around.groupby(fellows[decision.name]).transform("mean")
        varies = total > 0 and fellows[decision.name].nunique() > 1
        alone = [
            i
            for i, spec in enumerate(specs)
            if (*spec.choices[:number], own[number], *spec.choices[number + 1 :]) == own
        ]
        words = sorted(set(table.loc[alone, "verdict"].dropna()))
        record = {
            "decision": decision.name,
            "options": table[decision.name].nunique(),
            "variance_share": float((means**2).sum()) / total if varies else None,
            "flips": len(words) > 1,
            "words": ", ".join(words),
        }
        records.append(record)
    return pd.DataFrame(records)
