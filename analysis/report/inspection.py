"""What `check` says of a plan and its data before any model is fitted: in lines, and as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from analysis.data.disclosure import count_or_text, said_count
from analysis.data.sample import Sample
from analysis.errors import (
    AnalysisError,
    shown_address,
    shown_place,
    without_folders,
    without_secrets,
)
from analysis.models.columns import score_scale
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, display
from analysis.results.findings import check_question
from analysis.results.sentence import listed

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys may come."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a plan would analyse: its rows, its equations, and the checks that need no model.

    Attributes
    ----------
    sample : Sample
        The rows that would be analysed, with their plan and dataset.
    terms : dict of str to tuple of str
        Terms of each outcome's equation, the intercept first.
    checks : tuple of Check
    """

    sample: Sample
    terms: dict[str, tuple[str, ...]]
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def refusals(self) -> list[Check]:
        """Checks that failed, and without which the question has no answer in these data."""
        return [check for check in self.checks if check.refused]

    def lines(self) -> list[str]:
        """Return rows, equations, the SESOI in its unit, and checks; those that failed first."""
        sample, plan, dataset = self.sample, self.sample.plan, self.sample.dataset
        failed = [check for check in self.checks if check.passed is False]
        lines = [
            *self._all_told(failed),
            f"{plan.name}: {plan.question}",
            f"{'Simulated data' if dataset.simulated else 'Data'}:"
            f" {shown_address(dataset.address)}, {dataset.rows:,} rows, SHA-256 {dataset.sha256}",
            *(
                f"  left out, {reason}: {said_count(count)}"
                for reason, count in sample.exclusions.items()
            ),
            f"  analysed: {sample.rows:,} rows",
        ]
        for outcome in plan.outcome:
            columns = ", ".join(self.terms[outcome.column][1:])
            kind = f"{outcome.kind}, {outcome.deciding_model}"
            lines.append(f"Model: {outcome.column} ({kind}) on {columns}")
            lines += [sesoi_line(sample, outcome, score) for score in plan.score.columns]
        lines += self._all_told([c for c in self.checks if c.passed is not False])
        return [*lines, self._outlook(failed)]

    def _all_told(self, checks: list[Check]) -> list[str]:
        """Return a line a check; what is said of several scores in the same words is said once."""
        alike: dict[tuple[str, ...], list[Check]] = {}
        for check in checks:
            reason = check.reason
            if check.score and check.passed is not False:
                reason = re.sub(rf"(?<!\w){re.escape(check.score)}(?!\w)", "the score", reason)
            alike.setdefault((check.check, check.status, check.outcome, reason), []).append(check)
        return [
            self._told(replace(same[0], reason=reason if len(same) > 1 else same[0].reason), same)
            for (_, _, _, reason), same in alike.items()
        ]

    def _told(self, check: Check, same: list[Check]) -> str:
        plan = self.sample.plan
        several = len(plan.score.columns) > 1 or len(plan.outcome) > 1
        scores = [one.score for one in same if one.score]
        named = f"{len(scores)} scores" if len(scores) > 3 else listed(scores) if scores else ""
        about = ", ".join(filter(None, [named, check.outcome])) if several else ""
        about += ": " if about else ""
        mark = "FAILED" if check.passed is False else check.status.capitalize()
        return f"{about}{check_question(check)} {mark}. {check.reason}"

    def _outlook(self, failed: list[Check]) -> str:
        """Return what a run would come to; scores are named where others are not refused."""
        if self.refusals:
            scores = self.sample.plan.score.columns
            named = {check.score for check in self.refusals}
            all_of_them = "" in named or named >= {*scores}
            about = "" if all_of_them else f" for {listed([s for s in scores if s in named])}"
            reasons = " ".join(dict.fromkeys(check.reason for check in self.refusals))
            return (
                "The plan can be run, but these data cannot answer: the verdict would be"
                f" refused{about}, because: {reasons}"
            )
        if failed:
            count = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
            return (
                f"Nothing stands in the way of a run, but {count} failed: read what stands at the"
                " top."
            )
        return "Plan and data are in order; nothing stands in the way of a run."

    def record(self) -> dict[str, Any]:
        """Return plan, rows, equations and checks for JSON, under the keys of `ledger.json`."""
        plan, dataset = self.sample.plan, self.sample.dataset
        return {
            "schema": SCHEMA,
            "ok": True,
            "refused": bool(self.refusals),
            "plan": {"name": plan.name, "sha256": plan.sha256},
            "dataset": {
                "address": shown_address(dataset.address),
                "sha256": dataset.sha256,
                "rows": dataset.rows,
                "rows_used": self.sample.rows,
                "exclusions": {
                    reason: count_or_text(count) for reason, count in self.sample.exclusions.items()
                },
            },
            "equations": [
                {
                    "outcome": outcome.column,
                    "kind": outcome.kind,
                    "model": outcome.deciding_model,
                    "terms": list(self.terms[outcome.column]),
                    "sesoi": [sesoi_line(self.sample, outcome, s) for s in plan.score.columns],
                }
                for outcome in plan.outcome
            ],
            "checks": [check.record() | {"refuses": check.refuses} for check in self.checks],
            "error": None,
        }


def error_record(error: AnalysisError) -> dict[str, Any]:
    """Return every fault of plan or data for JSON: place, what was found, what is allowed."""
    what = {
        "kind": type(error).__name__,
        "where": shown_place(error.where),
        "faults": [
            {key: without_folders(without_secrets(text)) for key, text in vars(fault).items()}
            for fault in error.faults
        ],
    }
    return {"schema": SCHEMA, "ok": False, "error": what}


def sesoi_line(sample: Sample, outcome: OutcomeSection, score: str) -> str:
    """Return the smallest effect size of interest in the outcome's own unit."""
    entry = sample.dataset.column(outcome.column)
    unit = f" {entry.unit}" if entry and entry.unit else ""
    step = "1 unit"
    if sample.plan.score.scale == "sd":
        step = f"one standard deviation ({display(score_scale(sample, score), 'number')})"
    mean = sample.mean(outcome.column)
    if outcome.is_relative:
        of_mean = f"{100 * outcome.sesoi:g} % of the mean {amount_text(mean)}{unit}"
        amount = f"{of_mean} = {amount_text(outcome.sesoi * abs(mean))}{unit}"
    elif outcome.kind == "binary":
        amount = f"{100 * outcome.sesoi:g} percentage points on a share of {100 * mean:.1f} %"
    else:
        amount = f"{amount_text(outcome.sesoi)}{unit} on a mean of {amount_text(mean)}{unit}"
    return f"SESOI: {amount}, per {step} of {score}"


def amount_text(value: float) -> str:
    """Return an amount in the outcome's unit: whole above a thousand, four digits below."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
