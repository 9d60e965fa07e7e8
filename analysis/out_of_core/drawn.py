"""The rows drawn from a table beyond memory: what no sum answers is asked of them, and says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from analysis.data.sample import Sample
from analysis.measurement_error.study import study_noise
from analysis.results.estimates import Check, Estimate
from analysis.results.question import Question
from analysis.results.rule import Noise


@dataclass(frozen=True)
class Summary:
    """What is kept of a table without holding it open: a `analysis.data.sample.Table`.

    Attributes
    ----------
    rows : int
    means, spreads : dict of str to float
        Of the outcomes and of the transformed scores.
    """

    rows: int
    means: dict[str, float]
    spreads: dict[str, float]

    @classmethod
    def of(cls, sample: Sample) -> Summary:
        table, plan = sample.out_of_core, sample.plan
        means = {outcome.column: table.mean(outcome.column) for outcome in plan.outcome}
        spreads = {column: table.spread(column) for column in plan.score.columns}
        return cls(table.rows, means, spreads)

    def mean(self, column: str) -> float:
        return self.means[column]

    def spread(self, column: str) -> float:
        return self.spreads[column]

    def missing(self, column: str) -> int:
        return 0


def drawn_rows(sample: Sample) -> Sample:
    """Return the seeded rows of a table beyond memory as an analysis set of their own.

    The score's unit stays that of all rows. Where all rows were drawn there is nothing to note.
    """
    frame, rows = sample.frame, sample.rows
    note = "" if len(frame) == rows else f"a seeded sample of {len(frame):,} of {rows:,} rows"
    whole = replace(sample, out_of_core=Summary.of(sample))
    return replace(sample, out_of_core=None, of=whole, note=note)


def noise_of_drawn(question: Question, estimates: Iterable[Estimate]) -> Noise:
    """Return the deciding set of a question beyond memory: as recorded from the sums over all rows,
    the other members from the rows drawn.

    Parameters
    ----------
    question : Question
        Of the rows drawn.
    estimates : iterable of Estimate
        From the sums.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted to the rows drawn.
    """
    scale, variant = question.plan.score.scale, question.family.margin
    whole = next(
        row
        for row in estimates
        if (row.method, row.model, row.term) == ("increment", question.model, question.score)
        and (row.scale, row.variant) == (scale, variant)
    )
    known, note = study_noise(question, whole), question.sample.note
    return replace(
        known,
        rows=tuple(row.noted(note) for row in known.rows),
        checks=tuple(of_drawn(known.checks, note)),
    )


def of_drawn(checks: Iterable[Check], note: str) -> list[Check]:
    """Return checks that say of which rows they speak."""
    return [
        replace(check, reason=f"{check.reason} (In {note}.)")
        if note and check.status in ("passed", "failed")
        else check
        for check in checks
    ]


def in_place_of(checks: Iterable[Check], others: Iterable[Check]) -> list[Check]:
    """Return checks by sums, and after them those that only the rows drawn could answer."""
    checks, found = list(checks), {check.check: check for check in others}
    named = {check.check for check in checks}
    answered = [
        found.get(check.check, check) if check.status == "not assessed" else check
        for check in checks
    ]
    return [*answered, *(check for name, check in found.items() if name not in named)]
