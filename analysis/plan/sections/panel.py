"""`[panel]`: who is seen more than once, and when."""

from __future__ import annotations

from analysis.plan.sections.base import Name, Section


class PanelSection(Section):
    """`[panel]`: the column that names a unit seen several times, and the column of its periods."""

    unit: Name
    time: Name | None = None
