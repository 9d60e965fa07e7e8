"""What is said before the data are seen: plan, codebook, and faults in the words of the file."""

from __future__ import annotations

from analysis.plan.faults import UNEDITED
from analysis.plan.plan import Plan, read_plan

__all__ = ["UNEDITED", "Plan", "read_plan"]
