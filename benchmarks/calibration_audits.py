"""Whether the calibration's rule is the package's: whole audits of the same samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calibration_rule import judge, plan_of, said_by_all
from calibration_worlds import Cell, draw

import analysis as sa
from analysis.results.rule import Phrase

WHOLE = Path(__file__).with_name("audits.jsonl")
"""How often whole audits of a few worlds pass a worthless score, a piece of samples a line."""

WORLDS = (
    "ols 1000 silent form=threshold-2 score_form=threshold-2",
    "ols 1000 silent noise=additive engagement=lognormal",
    "ols 1000 silent columns=3",
    "ols 1000 halves form=quadratic score_form=quadratic",
    "ols 1000 silent form=threshold-2 score_form=threshold-2 controls=3 clusters=100",
    "poisson 1000 silent form=u score_form=u slope=0.4",
    "gamma 1000 silent form=quadratic score_form=quadratic slope=0.4",
    "logit 1000 halves form=quadratic score_form=quadratic slope=0.8",
)
"""Eight of the grid's: every model, silent plans and halves, clusters, controls, and the miss."""

PIECE, PIECES = 50, 4

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


def whole_audits(cells: list[Cell], path: Path = WHOLE) -> None:
    """Audit samples with a worthless score through the public interface; add a line a piece."""
    there = {(one["cell"], one["piece"]) for one in whole_records(path)}
    for piece in range(PIECES):
        for cell in cells:
            if cell.name not in WORLDS or (cell.name, piece) in there:
                continue
            rng, passed, batch, words = cell.rng(0.0, piece), 0, 0, []
            for _ in range(PIECE):
                sample = draw(cell, 0.0, rng)
                audit = sa.audit(plan_of(cell), data=sample.frame())
                words.append(str(audit.verdicts["verdict"].iloc[0]))
                passed += words[-1] in ("adds", "trivial")
                batch += judge(cell, sample).word[0] in ("adds", "trivial")
            record = {"cell": cell.name, "piece": piece, "draws": PIECE, "passed": passed}
            record |= {"batch": batch, "refused": words.count("refused")}
            with path.open("a", encoding="utf-8") as sink:
                sink.write(json.dumps(record) + "\n")


def whole_records(path: Path = WHOLE) -> list[dict[str, Any]]:
    """Return the pieces of whole audits."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _phrase(record: Any, key: str) -> Phrase:
    return record[key], SIGNS.get(record["direction"])


def _checked(audit: Any) -> bool:
    """Return whether a check failed that leaves a verdict undecided, or refuses it."""
    checks = audit.checks
    heavy = checks["weight"].isin(["undecides", "refuses"])
    return bool((heavy & (checks["status"] == "failed")).any())
