"""Studies of what only adds to the verdict: each on the rows that have what its table names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault
from analysis.models.binary import average_marginal_effect
from analysis.models.covariance import CLUSTERED
from analysis.models.design import build_design, score_scale
from analysis.models.fit import Fit, critical_value, p_value
from analysis.models.planned import FEWEST_CLUSTERS
from analysis.models.wild import wild_test
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.rule import Word, sesoi_band, word_of


def where_known(
    sample: Sample,
    columns: Iterable[str | None],
    outcome: OutcomeSection,
    score: str,
    name: str,
    study: Callable[[Sample], StudyResult],
) -> StudyResult:
    """Run a study on the rows that have a value in each of its columns.

    Parameters
    ----------
    sample : Sample
    columns : iterable of str or None
        What the study reads beside the equation; None is passed over.
    outcome, score : OutcomeSection, str
    name : str
        Of the check that says why there is no study: the rows that are left do not hold the
        equation.
    study : callable
        Takes the sample of those rows, whose score has the unit of the whole analysis set.
    """
    some = sample.known([column for column in columns if column is not None])
    if some is sample:
        return study(sample)
    try:
        design = build_design(some, outcome.column, (score,))
        if np.ptp(design.response) == 0:
            raise DesignError(
                "the rows", [Fault("outcome", "one value of the outcome", "at least two")]
            )
        return study(some)
    except DesignError as error:
        fault = error.faults[0]
        reason = (
            f"Not studied: {some.rows:,} of {sample.rows:,} rows have its columns, and they hold"
            f" {fault.found}."
        )
        return StudyResult(
            (), (Check(sample.plan.name, name, None, reason, None, outcome.column, score),)
        )


def periods_of(sample: Sample, column: str) -> np.ndarray:
    """Return the place of each row's period among all periods of the analysis set, shape
    (rows,).
    """
    return places(
        sample.frame[column].to_numpy(), (sample.of or sample).frame[column].dropna().to_numpy()
    )


def codes_of(sample: Sample, column: str | None) -> np.ndarray | None:
    """Return codes of a column in its order: that of numbers where all its labels are numbers."""
    if column is None:
        return None
    labels = sample.frame[column].to_numpy()
    return places(labels, labels)


def places(labels: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where labels stand in the sorted, distinct labels of `among`: as numbers where all of
    those are.

    Examples
    --------
    >>> places(np.array(["10", "9"]), np.array(["9", "10", "8"])).tolist()
    [2, 1]
    """
    try:
        ordered, wanted = np.unique(among.astype(float)), labels.astype(float)
    except ValueError:
        ordered, wanted = np.unique(among.astype(str)), labels.astype(str)
    return np.searchsorted(ordered, wanted)


PARTS = ("zero", "positive")
"""Variants of the rows of a model of two parts: the chance of any, and how much where there is any.
"""


def coefficients(
    sample: Sample, outcome: OutcomeSection, score: str, method: str, fit: Fit
) -> list[Estimate]:
    """Return the score's coefficient on the plan's scale and on the other one.

    For a logit its margin follows, for a model of two parts the coefficients of both.
    """
    rows = []
    for variant, estimate, error, shown in _quantities(outcome, score, fit):
        for scale in ("sd", "raw"):
            by = score_scale(sample, score) if scale == "sd" else 1.0
            other = "" if scale == sample.plan.score.scale else scale
            row = blank_row(sample, outcome, score, method, fit)
            rows.append(
                replace(
                    row,
                    term=score,
                    variant="-".join(filter(None, [variant, other])),
                    scale=scale,
                    unit=shown,
                    estimate=estimate * by,
                    std_error=error * by,
                    statistic=estimate / error,
                    df=fit.df,
                    p_value=p_value(estimate / error, fit.df),
                )
            )
    return rows


def _quantities(
    outcome: OutcomeSection, score: str, fit: Fit
) -> list[tuple[str, float, float, Unit]]:
    """Return (variant, estimate, standard error, unit) of everything that one fit says about the
    score.
    """
    at = fit.position(score)
    units: dict[str, Unit] = {
        "ols": "points" if outcome.kind == "binary" else "outcome",
        "logit": "log odds",
    }
    quantities = [
        ("", float(fit.params[at]), float(fit.std_errors()[at]), units.get(fit.model, "percent"))
    ]
    if fit.model == "logit":
        quantities.append(("margin", *average_marginal_effect(fit, score), "points"))
    for name, part in zip(PARTS, fit.parts, strict=bool(fit.parts)):
        own = units.get(part.model, "percent")
        quantities.append((name, float(part.params[at]), float(part.std_errors()[at]), own))
    return quantities


def blank_row(
    sample: Sample, outcome: OutcomeSection, score: str, method: str, fit: Fit
) -> Estimate:
    """Return an estimate with everything but its number."""
    return Estimate(
        plan=sample.plan.name,
        outcome=outcome.column,
        score=score,
        method=method,
        model=fit.model,
        term="",
        n=fit.design.n,
        clusters=fit.design.n_clusters if fit.covariance in CLUSTERED else None,
        covariance=fit.covariance,
    )


ENTITY = re.compile(
    r"(^|_)(id|ids|name|user|username|handle|account|person|team|author|seller|shop|firm|company)$"
)
"""Names of columns that say whose row it is."""


ROWS_AN_ENTITY = 1.25
"""With this many rows an entity or more, an identifying column names entities and not rows."""


def entity_column(sample: Sample) -> str | None:
    """Return the column that names the entities, where several rows share one and the plan clusters
    nothing.

    The plan's own units come first, then a column that identifies rows by the plan's word; then
    names that say so.
    """
    plan, raw = sample.plan, sample.raw
    if plan.cluster is not None or raw is None:
        return None
    units = [
        section.unit
        for section in (plan.panel, plan.gaming)
        if section is not None and section.unit
    ]
    if units and units[0] in raw and raw[units[0]].dropna().duplicated().any():
        return units[0]
    if plan.row is not None:
        return plan.row if raw[plan.row].duplicated().any() else None
    used = {column for column, _ in plan.roles()}
    for name in map(str, raw.columns):
        if name not in used and ENTITY.search(name.casefold()):
            values = raw[name].dropna()
            if 1 < values.nunique() <= len(values) / ROWS_AN_ENTITY and len(values) > len(raw) / 2:
                return name
    return None


def word_of_fit(sample: Sample, outcome: OutcomeSection, score: str, fit: Fit) -> Word:
    """Return the word of a plain fit by the plan's rule, the wild bootstrap included where the plan
    asks for it.
    """
    at = fit.position(score)
    estimate, error = float(fit.params[at]), float(fit.std_errors()[at])
    if fit.model == "logit":
        estimate, error = average_marginal_effect(fit, score)
    if (
        sample.plan.inference.covariance == "wild"
        and (fit.design.n_clusters or 0) >= FEWEST_CLUSTERS
    ):
        options = sample.plan.inference
        found = wild_test(fit.design, score, replicates=options.bootstrap, seed=options.seed)
        by, level, band = _scale_level_band(sample, outcome, score, fit.model)
        edges = (found.interval(part) for part in (level, 1 - 2 * (1 - level)))
        return word_of(*((by * low, by * high) for low, high in edges), band)
    return _word(sample, outcome, score, fit.model, (estimate, error), fit.df)


def _scale_level_band(
    sample: Sample, outcome: OutcomeSection, score: str, model: str
) -> tuple[float, float, tuple[float, float]]:
    by = score_scale(sample, score) if sample.plan.score.scale == "sd" else 1.0
    return by, sample.plan.inference.level, sesoi_band(outcome, model, sample.mean(outcome.column))


def _word(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    model: str,
    found: tuple[float, float],
    df: float | None,
) -> Word:
    """Return the word of an estimate with its error, per unit of the score."""
    by, level, band = _scale_level_band(sample, outcome, score, model)
    wide, narrow = (
        critical_value(part, df) * found[1] * by for part in (level, 1 - 2 * (1 - level))
    )
    middle = found[0] * by
    return word_of((middle - wide, middle + wide), (middle - narrow, middle + narrow), band)
