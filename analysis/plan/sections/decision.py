"""`[decision]`: what one would choose by the score, and what the score costs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from analysis.plan.sections.columns import Number, Positive, Rules, Section, YesNo

Part = Annotated[float, Field(strict=True, gt=0, lt=1)]
"""A share of the accounts, or a chance: above 0 and below 1."""


def _listed(value: Any) -> Any:
    """Return one number as a list of it."""
    return (value,) if isinstance(value, float) else value


Parts = Annotated[tuple[Part, ...], Field(min_length=1, max_length=20), BeforeValidator(_listed)]

CAPACITIES = (0.05, 0.10, 0.25)
"""Shares of the accounts that one can choose, where the plan names none."""


class ActionSection(Section):
    """`[decision]`: how many accounts one can choose, from which chance on one acts, and the price.

    Attributes
    ----------
    capacity : tuple of float
        Shares of the accounts that can be chosen, for outcomes that are not binary.
    thresholds : tuple of float, optional
        Chances beyond which one acts, for binary outcomes; around the outcome's share unless given.
    price : float, optional
        Of the score, in money per account that is scored; 0 asks whether it is worth anything.
    value : float, optional
        Money for one unit of the outcome: where that is no money, or only a part of it is earned.
    lower_is_better : bool
        Whether those with the least of the outcome are chosen, or of a binary outcome those whom
        one acts on are turned away.
    """

    capacity: Parts = CAPACITIES
    thresholds: Parts | None = None
    price: Annotated[Number, Field(ge=0)] | None = None
    value: Positive | None = None
    lower_is_better: YesNo = False

    def rules(self) -> Rules:
        thresholds = self.thresholds or ()
        return {
            "a capacity is named twice": len(set(self.capacity)) < len(self.capacity),
            "a threshold is named twice": len(set(thresholds)) < len(thresholds),
        }


def thresholds_around(share: float) -> tuple[float, ...]:
    """Return half of a share, the share and its double (at most half way to 1), two digits each.

    >>> thresholds_around(0.0524), thresholds_around(0.6)
    ((0.026, 0.052, 0.1), (0.3, 0.6, 0.8))
    """
    chances = (share / 2, share, min(2 * share, (1 + share) / 2))
    rounded = (float(f"{chance:.2g}") for chance in chances)
    return tuple(dict.fromkeys(chance for chance in rounded if 0 < chance < 1))


def share_text(share: float) -> str:
    """Return a share as ids have it, with two decimals at least.

    >>> share_text(0.1), share_text(0.125)
    ('0.10', '0.125')
    """
    whole, _, decimals = f"{share:.10f}".rstrip("0").partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def place_text(variant: str) -> str:
    """Return how a sentence names a capacity or a threshold.

    >>> place_text("capacity-0.10"), place_text("threshold-0.05")
    ('the top 10 %', 'a threshold of 5 %')
    """
    kind, _, share = variant.partition("-")
    shown = f"{100 * float(share):g} %"
    return f"the top {shown}" if kind == "capacity" else f"a threshold of {shown}"
