"""What calibration.jsonl holds: pieces of draws of each cell, and the shares that they give."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from calibration_worlds import Cell
from scipy import stats

RESULTS = Path(__file__).with_name("calibration.jsonl")
MEMBERS = ("recorded", "form", "noise", "cubic", "steps")
DRAWS, WITH_EFFECT = 1000, 400
"""Samples of a cell with a worthless score, and with each effect, when all is drawn."""

GOAL, SURE = 0.065, 0.99
"""Largest share of samples in which a worthless score is to pass, and the level of its interval."""

SOURCES = ("deciding_set", "polynomial", "posterior", "calibrated", "flexible_form", "correction")


@cache
def digest() -> str:
    """Return eight digits that change with the code of the members, not with what is said of it."""
    room = Path(__file__).resolve().parents[1] / "analysis" / "measurement_error"
    found = hashlib.sha256()
    for name in SOURCES:
        tree = ast.parse((room / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [one for one in body if not _is_text(one)] or [ast.Pass()]
        found.update(ast.dump(tree).encode())
    return found.hexdigest()[:8]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def read(path: Path = RESULTS) -> list[dict[str, Any]]:
    """Return the pieces, each once: a piece that was drawn again counts as the last one."""
    if not path.exists():
        return []
    found = {}
    for line in path.read_text("utf-8").splitlines():
        piece = json.loads(line)
        found[piece["cell"], piece["effect"], piece["piece"]] = piece
    return list(found.values())


@dataclass(frozen=True)
class Share:
    """How many of some samples, with a Clopper-Pearson interval of 99 %."""

    count: int
    draws: int

    @property
    def value(self) -> float:
        return self.count / self.draws

    @property
    def interval(self) -> tuple[float, float]:
        found = stats.binomtest(self.count, self.draws).proportion_ci(SURE, method="exact")
        return float(found.low), float(found.high)

    @property
    def misses(self) -> bool:
        """Whether it is larger than the goal beyond what chance makes."""
        return self.interval[0] > GOAL

    @property
    def meets(self) -> bool:
        """Whether it is below the goal beyond what chance makes."""
        return self.interval[1] <= GOAL


@dataclass(frozen=True)
class Tally:
    """All samples of one cell with one effect.

    Attributes
    ----------
    cell : Cell
    effect : float
    passed : dict of str to Share
        Of samples in which the members up to this one give `adds` or `trivial` together, in one
        direction; members that do not decide are left out, but for "recorded", which is always
        asked.
    nothing, unanswered : Share
        Of samples whose word is `nothing`, and in which a member had no effect.
    z, start : float
        Means: of the plain fit, and of the reliability from which on silent columns were taken.
    members : tuple of str
        The versions of the members that were asked.
    """

    cell: Cell
    effect: float
    passed: dict[str, Share]
    nothing: Share
    unanswered: Share
    z: float
    start: float | None
    members: tuple[str, ...]

    @property
    def share(self) -> Share:
        """Of samples that the whole rule lets pass."""
        return list(self.passed.values())[-1]


def tallies(
    cells: Iterable[Cell], pieces: Iterable[dict[str, Any]]
) -> dict[str, dict[float, Tally]]:
    """Return {cell: {effect: tally}} of the cells that were drawn."""
    by: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for piece in pieces:
        by.setdefault((piece["cell"], piece["effect"]), []).append(piece)
    found: dict[str, dict[float, Tally]] = {}
    for cell in cells:
        for effect in (0.0, *cell.effects):
            if (cell.name, effect) in by:
                tally = _tally(cell, effect, by[cell.name, effect])
                found.setdefault(cell.name, {})[effect] = tally
    return found


def _tally(cell: Cell, effect: float, pieces: list[dict[str, Any]]) -> Tally:
    draws = sum(piece["draws"] for piece in pieces)
    passed = {}
    for at, member in enumerate(MEMBERS):
        counts = [piece["passed"][at] for piece in pieces if piece["passed"][at] is not None]
        if counts:
            passed[member] = Share(sum(map(sum, counts)), draws)

    def mean(key: str) -> float | None:
        known = [(p[key], p["draws"]) for p in pieces if p[key] is not None]
        return sum(v * d for v, d in known) / sum(d for _, d in known) if known else None

    return Tally(
        cell,
        effect,
        passed,
        Share(sum(piece["nothing"] for piece in pieces), draws),
        Share(sum(sum(piece["unanswered"].values()) for piece in pieces), draws),
        mean("z"),
        mean("start"),
        tuple(sorted({piece["members"] for piece in pieces})),
    )
