"""Whose noise a score may share, and at which corners of what is not known a corrected word has to hold."""

from __future__ import annotations

from analysis.plan import Plan


def open_columns(plan: Plan, score: str) -> tuple[str, ...]:
    """Return the corrected engagement columns of which nobody knows whether the score shares their noise.

    None where the plan says that it shares all noise or none. Halves of the score show what it shares with a column
    that has halves, too; a declared reliability says how large the noise of its column is, and not whose it is.
    """
    if plan.score.shares_error != "unknown":
        return ()
    known = plan.engagement.halves if score in plan.score.halves else ()
    noisy = {*plan.engagement.halves, *plan.engagement.reliability}
    return tuple(column for column in plan.engagement.columns if column in noisy and column not in known)
