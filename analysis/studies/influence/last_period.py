"""Last period's outcome: where the data have it, it is the control that takes out what lasts."""

from __future__ import annotations

import re

from analysis.data.reading.cells import numbers_of
from analysis.data.sample import Sample
from analysis.data.selection.columns import columns_of
from analysis.errors import listing, printable
from analysis.results.estimates import Check

BEFORE = {
    "lag",
    "lagged",
    "lag1",
    "l1",
    "last",
    "prev",
    "previous",
    "prior",
    "past",
    "before",
    "baseline",
    "pre",
    "earlier",
    "t0",
    "start",
    "beginning",
    "initial",
}
"""Parts of a name that say "a period before"."""

NOISE = {"year", "month", "quarter", "week", "period", "season", "of", "the", "in", "total"}


def check_last_period(sample: Sample) -> list[Check]:
    """Suggest the outcome of the period before as a control, where a column that no one uses has
    its name.
    """
    used = set(columns_of(sample.plan))
    free = [str(name) for name in sample.dataset.frame.columns if str(name) not in used]
    checks = []
    for outcome in sample.plan.outcome:
        found = [
            name for name in free if is_before(name, outcome.column) and _is_number(sample, name)
        ]
        if found:
            told = listing([f'"{printable(name, limit=60)}"' for name in found])
            reason = (
                f"{told} may be {printable(outcome.column, limit=60)} of the period before. Held"
                " constant under [controls], it takes out what made an account earn much all"
                " along; left out, say why in the plan."
            )
            checks.append(
                Check(sample.plan.name, "last_period", None, reason, None, outcome.column)
            )
    return checks


def is_before(name: str, outcome: str) -> bool:
    """Return whether a column's name is the outcome's, one period earlier.

    >>> is_before("sales_2013", "sales_2014"), is_before("last_year_sales", "sales")
    (True, True)
    >>> is_before("sales_region", "sales")
    False
    """
    ours, other = (re.findall(r"[a-z]+|\d+", text.casefold()) for text in (outcome, name))
    if len(ours) == len(other) and ours != other:
        apart = [(one, two) for one, two in zip(ours, other, strict=True) if one != two]
        if len(apart) == 1 and all(part.isdecimal() and len(part) <= 4 for part in apart[0]):
            return int(apart[0][0]) == int(apart[0][1]) + 1
    whole = " ".join(text for text in other)
    words = {word for word in other if word not in NOISE}
    core = {word for word in ours if word not in NOISE}
    extra = words - core - {"1", "t"}
    return (
        bool(core) and core <= words and bool(extra) and extra <= BEFORE and whole != " ".join(ours)
    )


def _is_number(sample: Sample, name: str) -> bool:
    return bool(numbers_of(sample.dataset.frame[name]).notna().mean() > 0.5)
