"""The rule on one drawn sample: its deciding set from arrays, and the same study as a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from calibration_worlds import SEED, Cell, Sample

from analysis.measurement_error.correction import Effect
from analysis.measurement_error.deciding_set import DecidingSet, widening_of
from analysis.measurement_error.flexible_form import standardised
from analysis.measurement_error.nonlinearity import normal_scores
from analysis.measurement_error.recordings import RecordedColumn
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.glm import effect_of
from analysis.results.rule import Phrase, agreed, word_of

LEVEL = 0.95
NO_BAND = 1e-9
"""A band that stands in no word's way: `adds` where every interval excludes zero on one side."""

UNDECIDED: Phrase = ("inconclusive", None)
STATED = {"low": 0.7, "value": 0.8, "high": 0.9}
TRANSFORMS = {"identity": lambda values: values, "log1p": np.log1p}

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Judged:
    """What the rule says of one sample, member after member.

    Attributes
    ----------
    phrases : dict of str to (word, positive)
        What the members up to this one say together; after the first that leaves nothing to agree
        on there are none.
    without : str
        The first member that had no effect; empty.
    start : float
        From which reliability on silent columns were taken.
    z : float
        Of the plain fit.
    recorded : (word, positive)
        Of the plain fit, whether or not it decides.
    """

    phrases: dict[str, Phrase]
    without: str = ""
    start: float = float("nan")
    z: float = 0.0
    recorded: Phrase = UNDECIDED

    @property
    def word(self) -> Phrase:
        return list(self.phrases.values())[-1]


def deciding(cell: Cell, sample: Sample) -> DecidingSet:
    """Return the deciding set of a sample as an audit of the plan has it."""
    change = TRANSFORMS[cell.transform]
    records = [change(record) for record in sample.records]
    design = _design(records, sample)
    fit = fit_model(design, cell.model, cell.covariance)
    halves = {
        f"e{at}": tuple(change(half) for half in pair) for at, pair in enumerate(sample.halves)
    }
    columns = tuple(
        _column(cell, at, record, halves.get(f"e{at}")) for at, record in enumerate(records)
    )
    estimate, error = effect_of(fit, "score")
    widening = 1.0
    if cell.covariance == "CRV3":
        widening = widening_of(fit, fit_model(design, cell.model, "CRV1"), "score")
    plain = Effect(estimate, error, fit.df_of("score"))
    return DecidingSet(fit, fit, "score", columns, plain, cell.shares, halves, widening, SEED)


def _design(records: list[np.ndarray], sample: Sample) -> Design:
    controls = [f"x{at}" for at in range(sample.controls.shape[1])]
    engagement = [f"e{at}" for at in range(len(records))]
    matrix = np.column_stack([np.ones(len(sample.score)), sample.controls, *records, sample.score])
    blocks = ["intercept", *["control"] * len(controls), *["engagement"] * len(engagement), "score"]
    terms = ("const", *controls, *engagement, "score")
    return Design(sample.outcome, matrix, terms, tuple(blocks), sample.clusters)


def _column(cell: Cell, at: int, record: np.ndarray, halves: Pair | None) -> RecordedColumn:
    declared, normal = standardised(record), standardised(normal_scores(record))
    if cell.plan == "exact" or at >= cell.columns - cell.exact_columns:
        return RecordedColumn(f"e{at}", declared, normal)
    if cell.plan == "silent":
        return RecordedColumn(f"e{at}", declared, normal, low=0.0, assumed=True)
    if cell.plan == "stated":
        return RecordedColumn(f"e{at}", declared, normal, **STATED)
    spread = record.std()
    both = standardised(normal_scores(np.concatenate(halves)))
    first, second = np.split(both, 2)
    mean = (first + second) / 2
    return RecordedColumn(
        f"e{at}",
        declared,
        standardised(mean),
        halves=(halves[0] / spread, halves[1] / spread),
        normal_halves=(first / mean.std(), second / mean.std()),
    )


def judge(cell: Cell, sample: Sample) -> Judged:
    """Return what the rule says of a sample; later members are asked while the word stands."""
    one = deciding(cell, sample)
    by = float(sample.score.std(ddof=1))
    band = (-(cell.sesoi or NO_BAND), cell.sesoi or NO_BAND)
    phrases: dict[str, Phrase] = {}
    without, start = "", float("nan")
    z = one.plain.estimate / one.plain.std_error
    for member, effect in _in_turn(one, cell.assumed):
        if member == "start":
            start = effect
            continue
        said = phrase(effect, by, band)
        together = agreed([*list(phrases.values())[-1:], said])
        phrases[member] = together
        if effect is None:
            without = member
        if together[0] == "inconclusive":
            break
    return Judged(phrases, without, start, z, phrase(one.plain, by, band))


def said_by_all(cell: Cell, sample: Sample) -> list[Phrase]:
    """Return the word of every member that decides, asked or not."""
    one, band = deciding(cell, sample), cell.sesoi or NO_BAND
    start = one.start(cell.assumed) if one.assumed and one.noise_decides else 1.0
    by = float(sample.score.std(ddof=1))
    return [phrase(member.effect, by, (-band, band)) for member in one.members(start)]


def _in_turn(one: DecidingSet, assumed: float) -> Iterator[tuple[str, Any]]:
    """Yield (member, effect), and before noise is corrected ("start", reliability)."""
    if one.record_decides:
        yield "recorded", one.plain
        yield "form", one.in_any_form
    if not one.noise_decides:
        return
    start = one.start(assumed) if one.assumed else 1.0
    if one.assumed:
        yield "start", start
    for member in one.members(start):
        if member.member not in ("recorded", "form"):
            yield member.member, member.effect


def phrase(effect: Effect | None, by: float, band: tuple[float, float]) -> Phrase:
    """Return the word of one member, and its direction where it has one."""
    if effect is None:
        return UNDECIDED
    scaled = effect.times(by)
    word = word_of(scaled.interval(LEVEL), scaled.interval(2 * LEVEL - 1), band)
    return word, bool(scaled.estimate > 0) if word in ("adds", "trivial") else None


def plan_of(cell: Cell) -> dict[str, Any]:
    """Return the same study as a plan."""
    names = [f"e{at}" for at in range(cell.columns)]
    noisy = names[: cell.columns - cell.exact_columns]
    engagement: dict[str, Any] = {"columns": names, "transform": cell.transform}
    if cell.plan == "exact":
        engagement["exact"] = names
    elif cell.exact_columns:
        engagement["exact"] = names[len(noisy) :]
    if cell.plan == "silent":
        engagement["assumed"] = cell.assumed
    elif cell.plan == "stated":
        engagement["reliability"] = {name: dict(STATED) for name in noisy}
    elif cell.plan == "halves":
        engagement["halves"] = {name: [f"{name}_a", f"{name}_b"] for name in noisy}
    outcome = {"column": "outcome", "kind": cell.kind, "sesoi": cell.sesoi or NO_BAND}
    plan: dict[str, Any] = {
        "name": "calibration",
        "question": "Does the score add anything?",
        "dataset": "calibration",
        "row": "id",
        "quick": True,
        "score": {"columns": ["score"], "shares_error": cell.shares},
        "engagement": engagement,
        "outcome": [{**outcome, "model": cell.model}],
        "inference": {"seed": SEED},
    }
    if cell.controls:
        plan["controls"] = {"columns": [f"x{at}" for at in range(cell.controls)]}
    if cell.clusters:
        plan["cluster"] = {"column": "owner"}
    return plan
