"""Everything one run found: the record that is published, and whether its data are simulated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.data.dataset import Dataset
from analysis.data.sample import Sample
from analysis.errors import known_name
from analysis.plan import Plan
from analysis.results.estimates import Check, Estimates, StudyResult
from analysis.results.verdict import Verdict

if TYPE_CHECKING:
    from analysis.measurement_error.reliability_curve import ReliabilityCurve
    from analysis.multiverse.run import Multiverse


@dataclass(frozen=True, eq=False)
class Findings:
    """The result of the straight line from plan and data to verdicts.

    Attributes
    ----------
    sample : Sample
        With its plan and dataset.
    estimates : Estimates
    checks : tuple of Check
    decided : tuple of Verdict
        One per outcome and score, in the plan's order.
    multiverse : Multiverse or None
        Every reasonable analysis, where the plan declares them.
    studies : dict of str to StudyResult
        The same estimates and checks by the name of their study, all outcomes and scores together.
    curves : dict of (outcome, score) to ReliabilityCurve
        The effect at each reliability of engagement, where noise in it was studied.
    """

    sample: Sample
    estimates: Estimates
    checks: tuple[Check, ...]
    decided: tuple[Verdict, ...]
    multiverse: Multiverse | None = None
    studies: dict[str, StudyResult] = field(default_factory=dict)
    curves: dict[tuple[str, str], ReliabilityCurve] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        return self.sample.plan

    @property
    def dataset(self) -> Dataset:
        return self.sample.dataset

    def verdict_on(self, outcome: str | None = None, score: str | None = None) -> Verdict:
        """Return the verdict on an outcome and a score; the first of the plan where none is named.

        Raises
        ------
        UnknownNameError
            When the plan has no such outcome or score.
        """
        outcome = known_name("outcome", outcome or self.plan.outcome[0].column, self.plan.outcomes)
        score = known_name("score", score or self.plan.score.columns[0], self.plan.score.columns)
        return next(v for v in self.decided if (v.outcome, v.score) == (outcome, score))

    def mean(self, column: str) -> float:
        """Return a column's mean in the sample."""
        return self.sample.mean(column)


SIMULATED = "Simulated data."


def told(dataset: Dataset, sentence: str) -> str:
    """Return a sentence that begins with "In simulated data: " where the data are."""
    return f"In simulated data: {sentence}" if dataset.simulated else sentence


def captioned(dataset: Dataset, caption: str) -> str:
    """Return a caption or alt text that begins with "Simulated data." where the data are."""
    return f"{SIMULATED} {caption}" if dataset.simulated else caption
