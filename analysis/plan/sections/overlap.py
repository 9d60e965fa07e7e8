"""`[overlap]`: from where on a finding of the overlap battery counts as one; every threshold has a
default.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.plan.sections.base import Number, Section, Share, Whole

Strict = Annotated[Number, Field(gt=0.5, le=0.99)]
"""A threshold that refuses: a plan can be stricter than the default, never laxer."""


class OverlapSection(Section):
    """`[overlap]`: thresholds of the checks on what the score and the outcome are made of.

    Attributes
    ----------
    score_explained, rows_left : float
        Refused when engagement and controls explain more of the score, or leave fewer rows' worth
        of it.
    outcome_explained : float
        Refused when the score or one engagement column explains more of the outcome.
    re_expression, almost_outcome : float
        Said, not refused: the score is engagement in other words; an engagement column is nearly
        the outcome.
    missing_gap : float
        Difference between groups of engagement in the share of rows whose outcome or score is
        known.
    common_value, heaped : float
        Share of rows at one value of the score, and of an outcome's numbers that are multiples of
        ten.
    dominant_cluster : float
        Share of rows in the largest cluster.
    zeros : float
        Share of zeros in a column that is analysed on the log or root scale.
    draws : int
        Placebos, and as many planted effects.
    placebo, planted : float
        Flagged when more placebos, or fewer planted effects, are called `adds`.
    """

    score_explained: Strict = 0.99
    rows_left: Annotated[Number, Field(ge=10)] = 10.0
    outcome_explained: Strict = 0.99
    re_expression: Share = 0.9
    almost_outcome: Share = 0.9
    missing_gap: Share = 0.1
    common_value: Share = 0.25
    heaped: Share = 0.5
    dominant_cluster: Share = 0.25
    zeros: Share = 0.5
    draws: Annotated[Whole, Field(ge=100, le=10_000)] = 200
    placebo: Share = 0.05
    planted: Share = 0.9
