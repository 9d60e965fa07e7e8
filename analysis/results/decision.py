"""The plan's rule on acting: whether choosing by the score pays, at its price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from analysis.plan import Plan
from analysis.results.estimates import Estimate

Pays = Literal["pays", "does not pay", "undecided"]

WORTH, TOGETHER = "worth", "worth_simultaneous"
"""Terms of the rows that the rule reads: what an account's score is worth, with an interval of its
own, and with intervals that hold for all capacities or thresholds together."""

AT_SESOI = "worth_at_sesoi"
"""Term of the rows on what a score of exactly the smallest effect of interest would be worth."""


@dataclass(frozen=True)
class Decision:
    """Whether choosing by the score pays.

    Attributes
    ----------
    word : {"pays", "does not pay", "undecided"} or None
        None where the plan names no price, or nothing was worked out.
    at : str or None
        The capacity or threshold at which it pays: the one whose lower bound is furthest above the
        price.
    reason : str
        Why these data do not decide, where that is not the width of the interval.
    """

    word: Pays | None = None
    at: str | None = None
    reason: str = ""


NOT_ASKED = Decision()

HEAVY = (
    "The outcome has so heavy a tail that its largest values may not have been seen yet: what the"
    " score is worth has no upper bound here that could be trusted"
)


def decision_of(plan: Plan, rows: Iterable[Estimate], *, heavy: bool = False) -> Decision:
    """Return the word on acting by one score for one outcome.

    Parameters
    ----------
    plan : Plan
    rows : iterable of Estimate
        Of the method `decision`.
    heavy : bool
        Whether the outcome's tail index is below 2: then no upper bound holds.
    """
    price, level = plan.decision and plan.decision.price, plan.inference.level
    rows = list(rows)
    together = [row for row in rows if row.term == TOGETHER]
    if price is None or not together:
        return NOT_ASKED
    lowest = {row.variant: row.interval(level)[0] for row in together}
    best = max(lowest, key=lowest.__getitem__)
    if lowest[best] > price:
        return Decision("pays", best)
    below = all(row.interval(level)[1] < price for row in rows if row.term == WORTH)
    if not below:
        return Decision("undecided")
    return Decision("undecided", reason=HEAVY) if heavy else Decision("does not pay")
