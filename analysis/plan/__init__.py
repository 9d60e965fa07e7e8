"""What is said before the data are seen: plan, codebook, and faults in the words of the file."""

from __future__ import annotations

from analysis.plan.plan import UNEDITED, Plan, read_plan

__all__ = ["UNEDITED", "Plan", "read_plan"]
