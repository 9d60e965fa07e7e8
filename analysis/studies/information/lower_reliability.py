"""What the share that comes with the score would be, were engagement recorded less reliably."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.measurement_error.asked import AskedRule
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import Measurement, Refusal, error_in_basis, measure
from analysis.models.adequacy import Adequacy
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit, critical_value
from analysis.results.estimates import Estimate
from analysis.results.question import Question
from analysis.results.rule import Interval

SUM = "no more can be explained of the outcome than there is of it"


@dataclass(frozen=True)
class Share:
    """A share between 0 and 1, with its interval."""

    value: float
    span: Interval

    @property
    def complement(self) -> Share:
        low, high = self.span
        return Share(1 - self.value, (1 - high, 1 - low))


def least_reliabilities(question: Question, estimates: Iterable[Estimate]) -> dict[str, float]:
    """Return the lowest reliability thought possible of each column that is not exact.

    The lower end of what is stated, or of the interval that halves give, or where the plan says
    nothing the least that is assumed. Empty where the score is made of these very records, so that
    their noise is its own.
    """
    plan = question.plan
    if plan.score.shares_error == "full":
        return {}
    mine = {
        row.term.removeprefix("reliability:"): row.bounds[0]
        for row in estimates
        if (row.outcome, row.score) == (question.outcome.column, question.score)
        and row.method == "reliability"
        and row.term.startswith("reliability:")
        and row.bounds is not None
    }
    start = question.sample.kept.get(("start", question.outcome.column, question.score))
    if start is not None:
        mine |= dict.fromkeys(plan.engagement.assumed_columns, start)
    columns = plan.engagement.columns
    return {column: max(mine[column], 0.01) for column in columns if mine.get(column, 1.0) < 1}


def share_at(question: Question, known: Adequacy, least: dict[str, float]) -> Share | str:
    """Return the share that would come with the score at these reliabilities, or why not.

    Notes
    -----
    With coefficients corrected for noise and the moments of true engagement, the linear predictor's
    variance falls apart into what engagement and controls have and ``b^2 var(S | E, X)``. For least
    squares the likelihood ratios follow from these; elsewhere the odds of the two parts are
    multiplied by what they differ from those of the likelihood ratio without noise. The interval is
    that of b, which may hold zero.
    """
    fit = AskedRule.of(question).linear
    errors = measure(fit.design, declared=least)
    correction = correct_fit(fit, errors)
    if isinstance(correction, Refusal):
        return "the rows do not allow for so much noise"
    effect = correction.effect(question.score)
    held, own = _variances(fit, errors, correction.params)
    reach = critical_value(question.level, effect.df) * effect.std_error / abs(effect.estimate)
    ends = max(1 - reach, 0.0), 1 + reach
    if FAMILIES[fit.model].linear:
        total = float(np.var(fit.design.response))
        if held + own >= total:
            return SUM
        value, low, high = (_of_squares(held, own * by**2, total) for by in (1.0, *ends))
    else:
        nothing = measure(fit.design, declared=dict.fromkeys(least, 1.0))
        odds = _odds(*_variances(fit, nothing, fit.params))
        scale = known.new / known.known / odds if odds > 1e-12 else 1.0
        value, low, high = (_of_odds(scale * _odds(held, own * by**2)) for by in (1.0, *ends))
    return Share(value, (low, high))


def _variances(fit: Fit, errors: Measurement, params: np.ndarray) -> tuple[float, float]:
    """Return the variance of the predictor from engagement and controls, and the score's own."""
    _, inside = error_in_basis(fit.design, errors)
    moments = (np.eye(fit.design.k) - inside)[1:, 1:]
    on_basis = (fit.design.basis[1] @ params)[1:]
    own = float(on_basis[-1] ** 2 / np.linalg.inv(moments)[-1, -1])
    return max(float(on_basis @ moments @ on_basis) - own, 0.0), own


def _of_squares(held: float, own: float, total: float) -> float:
    whole = min((held + own) / total, 1 - 1e-12)
    return float(1 - np.log1p(-held / total) / np.log1p(-whole))


def _odds(held: float, own: float) -> float:
    return own / held if held > 0 else np.inf


def _of_odds(odds: float) -> float:
    return float(odds / (1 + odds)) if np.isfinite(odds) else 1.0
