"""The smallest effect size of interest, from money and into money."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.errors import Fault, PlanError


@dataclass(frozen=True)
class Sesoi:
    """A smallest effect size of interest with the arithmetic it came from.

    Attributes
    ----------
    fraction : float
        Of mean revenue, per unit of the score's scale.
    arithmetic : str
        The sum, written out.
    """

    fraction: float
    arithmetic: str


def sesoi_from_price(price: float, mean_revenue: float, share_acted_on: float) -> Sesoi:
    """Return the effect at which a score pays for itself.

    Parameters
    ----------
    price : float
        Of the score, per account, in money.
    mean_revenue : float
        Per account, in the same money.
    share_acted_on : float
        Share of accounts for which the score changes what one does, in (0, 1].

    Returns
    -------
    Sesoi
        ``price / (mean_revenue * share_acted_on)``: below it, the score costs more than it can
        bring.

    Raises
    ------
    PlanError
        When a number is outside its range, or the price exceeds what the decisions are worth.

    Examples
    --------
    >>> sesoi_from_price(10, 2000, 0.1).fraction
    0.05
    """
    faults = []
    if not (math.isfinite(price) and price > 0):
        faults.append(Fault("price", f"{price:g}", "a positive amount of money per account"))
    if not (math.isfinite(mean_revenue) and mean_revenue > 0):
        faults.append(
            Fault("mean revenue", f"{mean_revenue:g}", "a positive amount of money per account")
        )
    if not 0 < share_acted_on <= 1:
        faults.append(
            Fault("share acted on", f"{share_acted_on:g}", "a share above 0 and at most 1")
        )
    if not faults and price >= mean_revenue * share_acted_on:
        found = (
            f"{price:g} per account against {mean_revenue * share_acted_on:g} of revenue acted on"
        )
        faults.append(
            Fault(
                "price",
                found,
                "less than the revenue that decisions touch: no effect could repay it",
            )
        )
    if faults:
        raise PlanError("the smallest effect size of interest", faults)
    fraction = price / (mean_revenue * share_acted_on)
    arithmetic = (
        f"{price:,.6g} / ({mean_revenue:,.6g} x {share_acted_on:g}) = {fraction:.4g} of mean"
        " revenue"
    )
    return Sesoi(fraction, arithmetic)
