"""`[algorithm]`: when the vendor changed the score, and what the old and the new one would have
been.
"""

from __future__ import annotations

from pydantic import model_validator

from analysis.plan.sections.base import Name, Number, Section


class AlgorithmSection(Section):
    """`[algorithm]`: the column that says which rows were scored after the change, and both
    versions where known.

    `time` orders the periods of a series; `perk` is a threshold of the displayed score at which
    something is given.
    """

    changed: Name | None = None
    old: Name | None = None
    new: Name | None = None
    time: Name | None = None
    perk: Number | None = None

    @model_validator(mode="after")
    def _says_something(self) -> AlgorithmSection:
        if (self.old is None) != (self.new is None):
            raise ValueError(
                "old and new (two versions of the score on the same inputs) belong together"
            )
        if self.old is not None and self.old == self.new:
            raise ValueError("old and new are two columns")
        if self.changed is None and self.old is None and self.perk is None:
            raise ValueError(
                "at least one of: changed (a column of 0 and 1), old and new (two columns), perk (a"
                " number)"
            )
        if self.time is not None and self.changed is None:
            raise ValueError("time belongs to changed: it orders the periods before and after")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(
            column for column in (self.changed, self.old, self.new, self.time) if column is not None
        )
