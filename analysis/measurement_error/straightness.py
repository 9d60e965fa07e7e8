"""What decides where recorded engagement is a curve of the score, which a linear calibration takes
for straight.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.measurement_error.corrected import Correction, Refusal, under_leverage
from analysis.measurement_error.corrected_score import corrected_score
from analysis.measurement_error.curvature import CURVED, Curvature, curvature
from analysis.measurement_error.measurement import Measurement
from analysis.models.covariance import hat_diagonal
from analysis.models.fit import Fit
from analysis.results.estimates import Check


def bend_of(fit: Fit, noisy: tuple[str, ...]) -> Curvature:
    """Return how curved recorded engagement is in the score, where that matters: of the column that
    is most so.

    Least squares corrected by moments asks for no straight line: there it is zero.
    """
    if fit.model == "ols":
        return Curvature(0.0, 1.0)
    return max(
        (curvature(fit.design, column, noisy) for column in noisy),
        key=lambda found: (found.curved, found.share),
    )


def straightened(fit: Fit, errors: Mapping[str, Measurement]) -> dict[str, Correction] | None:
    """Return corrections that take no line for granted, by the same keys; None where there are
    none.

    The corrected score of an exponential mean asks for normal noise, and for nothing about
    engagement and score. Its errors allow for the few rows that hold most of a curved score's
    variance.
    """
    if fit.model != "poisson":
        return None
    found = {at: corrected_score(fit, measurement) for at, measurement in errors.items()}
    if any(isinstance(one, Refusal) for one in found.values()):
        return None
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    return {at: under_leverage(one, leverage) for at, one in found.items()}


def bend_reason(label: str, bend: Curvature, *, decided: bool) -> str:
    """Return the reason that a curve gives a verdict."""
    so = (
        "the corrected score, which does not, decides."
        if decided
        else (
            "the effect is shown and decides nothing: another transform of the score (log1p, rank)"
            " may make it straight."
        )
    )
    return (
        f"Recorded engagement is a curve of {label}: the curve explains {100 * bend.share:.0f} % of"
        f" what a straight line leaves. Regression calibration takes it for straight; {so}"
    )


def bend_check(blank: Check, bend: Curvature) -> Check:
    """Return the check that recorded engagement is as straight in the score as the calibration has
    it.
    """
    reason = (
        f"A curve of the score explains {100 * bend.share:.1f} % of what a straight line leaves of"
        " recorded engagement; calibration, which takes the line, allows for less than"
        f" {100 * CURVED:.0f} %."
    )
    return Check(
        blank.plan, "curved_score", not bend.curved, reason, bend.share, blank.outcome, blank.score
    )
