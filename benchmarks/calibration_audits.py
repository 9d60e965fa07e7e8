"""Whether the calibration's rule is the package's: whole audits of the same samples."""

from __future__ import annotations

from typing import Any

from calibration_rule import judge, plan_of, said_by_all
from calibration_worlds import Cell, draw

import analysis as sa
from analysis.results.rule import Phrase

SIGNS = {"positive": True, "negative": False}


def differences(cell: Cell, draws: int) -> list[str]:
    """Return a line for each sample of which an audit says something else.

    The first samples of a cell, without and with an effect. Every member of the deciding set has to
    give the same word and direction, and the verdict, too, unless a check left it undecided or
    refused it (a heavy tail, influential rows, uneven halves), which the batch does not ask.
    """
    found = []
    for effect in (0.0, *cell.effects[-1:]):
        rng = cell.rng(effect, 0)
        for at in range(draws):
            sample = draw(cell, effect, rng)
            audit = sa.audit(plan_of(cell), data=sample.frame())
            verdict = audit.verdicts.iloc[0]
            mine, theirs = judge(cell, sample).word, _phrase(verdict, "verdict")
            members = said_by_all(cell, sample)
            listed = [_phrase(member, "word") for member in verdict["deciding_set"]]
            where = f"{cell.name}, effect {effect}, sample {at}"
            if listed != members:
                found.append(f"{where}: members {members}, audit {listed}")
            if theirs != mine and not (
                theirs[0] in ("inconclusive", "refused") and _checked(audit)
            ):
                found.append(f"{where}: {mine}, audit {theirs}")
    return found


def _phrase(record: Any, key: str) -> Phrase:
    return record[key], SIGNS.get(record["direction"])


def _checked(audit: Any) -> bool:
    """Return whether a check failed that leaves a verdict undecided, or refuses it."""
    checks = audit.checks
    heavy = checks["weight"].isin(["undecides", "refuses"])
    return bool((heavy & (checks["status"] == "failed")).any())
