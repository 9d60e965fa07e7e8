"""What `check` says, for programs: one JSON object whose keys stay."""

from __future__ import annotations

from typing import Any

from analysis.data.sample import Sample
from analysis.errors import AnalysisError
from analysis.results.estimates import Check
from analysis.results.sentence import sesoi_line

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys may come."""


def inspection_record(
    sample: Sample, terms: dict[str, tuple[str, ...]], checks: tuple[Check, ...]
) -> dict[str, Any]:
    """Return what would be analysed: plan, rows, equations and checks, under the keys of
    `ledger.json`.
    """
    plan, dataset = sample.plan, sample.dataset
    return {
        "schema": SCHEMA,
        "ok": True,
        "refused": any(check.refused for check in checks),
        "plan": {"name": plan.name, "sha256": plan.sha256},
        "dataset": {
            "address": dataset.address,
            "sha256": dataset.sha256,
            "rows": dataset.rows,
            "rows_used": sample.rows,
            "exclusions": sample.exclusions,
        },
        "equations": [
            {
                "outcome": outcome.column,
                "kind": outcome.kind,
                "model": outcome.deciding_model,
                "terms": list(terms[outcome.column]),
                "sesoi": [sesoi_line(sample, outcome, score) for score in plan.score.columns],
            }
            for outcome in plan.outcome
        ],
        "checks": [check.record() | {"refuses": check.refuses} for check in checks],
        "error": None,
    }


def error_record(error: AnalysisError) -> dict[str, Any]:
    """Return what is wrong with plan or data: every fault with its place, what was found and what
    is allowed.
    """
    faults = [
        {"place": fault.place, "found": fault.found, "allowed": fault.allowed, "hint": fault.hint}
        for fault in error.faults
    ]
    return {
        "schema": SCHEMA,
        "ok": False,
        "error": {"kind": type(error).__name__, "where": error.where, "faults": faults},
    }
