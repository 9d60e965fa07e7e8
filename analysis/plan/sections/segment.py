"""`[segment]`: the groups between which an effect may or may not travel."""

from __future__ import annotations

from analysis.plan.sections.base import Name, Section


class SegmentSection(Section):
    """`[segment]`: the column of groups (industries, countries), and one level to be left out as a
    second look.
    """

    column: Name
    without: Name | None = None
