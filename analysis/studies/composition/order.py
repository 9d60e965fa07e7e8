"""Whether the score came before the outcome, and which windows overlap."""

from __future__ import annotations

from analysis.plan import Plan
from analysis.results.estimates import Check


def check_timing(plan: Plan, outcome: str, score: str) -> Check:
    """Return the check of the windows that the plan states."""
    timing = plan.timing
    if timing is None:
        reason = "The plan states no windows ([timing]), so what came first is not known."
        return Check(plan.name, "timing", None, reason, None, outcome, score)
    windows = {name: timing.window(name) for name in ("score", "engagement", "outcome")}
    start = windows["outcome"][0]
    gap = (start - windows["score"][1]).days
    wrong = []
    if gap <= 0:
        wrong.append(
            f"the score was read on {windows['score'][1]}, when the outcome had begun ({start})"
        )
    if windows["engagement"][1] >= start:
        wrong.append(
            f"engagement was counted until {windows['engagement'][1]}, into the outcome's window"
            f" from {start}"
        )
    shared = _shared_days(windows["score"], windows["engagement"])
    if wrong:
        reason = (
            f"{'; '.join(wrong)}: what the outcome brought about can look like what foretold it."
        )
    else:
        reason = (
            f"The score was read {gap:,} days before the outcome began, and engagement was counted"
            " before it."
        )
    looks_back = windows["score"][0] != windows["score"][1]
    if looks_back and shared:
        reason += (
            f" Score and engagement share {shared:,} days, so that noise of those days is in both"
            + (
                "; the plan says that it is not (shares_error)."
                if plan.score.shares_error == "none"
                else "."
            )
        )
    elif looks_back:
        reason += " Score and engagement share no day."
    return Check(
        plan.name, "timing", not wrong, reason[0].upper() + reason[1:], float(gap), outcome, score
    )


def _shared_days(one: tuple, other: tuple) -> int:
    return max((min(one[1], other[1]) - max(one[0], other[0])).days + 1, 0)
