"""What the section on decisions shows: rows at a capacity or threshold, and amounts in words."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.plan.sections.decision import ActionSection
from analysis.results.estimates import Estimate, display
from analysis.results.findings import Findings
from analysis.results.section import rows_on
from analysis.results.verdict import Verdict

WAYS = {
    "with_score": "engagement and score",
    "without_score": "engagement alone",
    "score_alone": "the score alone",
    "random": "at random",
    "all": "all",
    "none": "none",
}


@dataclass(frozen=True, eq=False)
class Shown:
    """The rows at one capacity or threshold, and how sentences name it.

    Attributes
    ----------
    rows : dict of str to Estimate
        By term.
    binary : bool
    point : float
    """

    rows: dict[str, Estimate]
    binary: bool
    point: float

    @property
    def name(self) -> str:
        """Such as "the top 10 %" or "beyond 5 %"."""
        share = f"{100 * self.point:g} %"
        return f"beyond {share}" if self.binary else f"the top {share}"


def shown_points(findings: Findings, verdict: Verdict) -> list[Shown]:
    """Return what was found at each capacity or threshold, in the plan's order."""
    found: dict[str, dict[str, Estimate]] = {}
    for row in rows_on(findings, verdict, "decision"):
        found.setdefault(row.variant, {})[row.term] = row
    binary = findings.plan.outcomes[verdict.outcome].kind == "binary"
    return [
        Shown(rows, binary, float(variant.partition("-")[2])) for variant, rows in found.items()
    ]


def options_of(findings: Findings) -> ActionSection:
    """Return what the plan says in `[decision]`, or what holds by default."""
    return findings.plan.decision or ActionSection()


def unit_of(findings: Findings, verdict: Verdict) -> str:
    """Return the outcome's unit with a space before it, where its name does not say it."""
    unit, label = findings.dataset.unit(verdict.outcome), findings.label(verdict.outcome)
    return f" {unit}" if unit and unit.casefold() not in label.casefold() else ""


def in_unit(findings: Findings, verdict: Verdict) -> str:
    """Return the outcome's unit after a comma, where there is one."""
    unit = findings.dataset.unit(verdict.outcome)
    return f", {unit}" if unit else ""


def interval_of(findings: Findings, row: Estimate) -> str:
    """Return the interval of a row with its level."""
    low, high = row.interval(findings.level)
    level = f"{100 * findings.level:g} % CI"
    if max(abs(low), abs(high)) < MILLION:
        return f"{level} {row.span(findings.level)}"
    return f"{level} {signed(low)} to {signed(high)}"


MILLION = 1e6


def signed(value: float) -> str:
    """Return an amount with its sign, from a million on in millions.

    >>> signed(-8420944.2), signed(12.5)
    ('-8.42 million', '+12.5')
    """
    if abs(value) >= MILLION:
        return f"{display(value / MILLION, 'outcome')} million"
    return display(value, "outcome")


def size(value: float) -> str:
    """Return an amount without its sign."""
    return signed(abs(value)).lstrip("+")
