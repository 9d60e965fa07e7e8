"""What choosing by the score gains over choosing by the engagement one can already see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.data.disclosure import said_count
from analysis.errors import DesignError, listing
from analysis.models.cross_fitting import OutOfFold
from analysis.models.fit import critical_value
from analysis.plan.sections.decision import ActionSection, share_text, thresholds_around
from analysis.results.decision import AT_SESOI, TOGETHER, WORTH
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.decision.net_benefit import acted_on, decision_curve, payoff
from analysis.studies.decision.picks import Change, change, near_edge, picks, simultaneous_level
from analysis.studies.decision.price import Supposed

FEWEST_PICKS = 10
"""Rows that have to be chosen for a capacity to be looked at."""

WAYS = ("with_score", "without_score", "score_alone")
"""By what is predicted: engagement, controls and score; the same without the score; the score."""


@dataclass(frozen=True, eq=False)
class Acting:
    """One outcome, predicted out of fold in three ways, and what acting on a row brings.

    Attributes
    ----------
    question : Question
    parts : sequence of OutOfFold
        Partitions into folds, each with the predictors of `WAYS`.
    """

    question: Question
    parts: Sequence[OutOfFold]

    @property
    def options(self) -> ActionSection:
        return self.question.plan.decision or ActionSection()

    @property
    def binary(self) -> bool:
        return self.question.outcome.kind == "binary"

    @property
    def outcome(self) -> np.ndarray:
        return self.question.design.response

    @property
    def units(self) -> np.ndarray:
        return self.question.design.units

    @cached_property
    def declared(self) -> tuple[float, ...]:
        """The capacities, or of a binary outcome the thresholds."""
        if not self.binary:
            return self.options.capacity
        return self.options.thresholds or thresholds_around(float(self.outcome.mean()))

    @property
    def points(self) -> tuple[float, ...]:
        """Those of them at which enough rows are chosen to say what they bring."""
        least = 0.0 if self.binary else FEWEST_PICKS / len(self.outcome)
        return tuple(point for point in self.declared if point >= least)

    def at(self, point: float) -> Point:
        """Return what choosing comes to at a capacity or a threshold."""
        return (_beyond if self.binary else _at_capacity)(self, point)

    def curves(self, thresholds: np.ndarray) -> dict[str, np.ndarray]:
        """Return decision curves, the mean over partitions; of a binary outcome alone."""
        mean = self.question.family.mean
        each = [
            decision_curve(
                self.outcome,
                {way: mean(at) for way, at in zip(WAYS, part.predictors, strict=True)},
                thresholds,
            )
            for part in self.parts
        ]
        return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}

    def averaged(self, way: int, choose: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return what is chosen by a predictor, the mean over partitions."""
        return np.mean([choose(part.predictors[way]) for part in self.parts], axis=0)


@dataclass(frozen=True, eq=False)
class Point:
    """What choosing comes to at one capacity or threshold.

    Attributes
    ----------
    variant : str
        As in an id.
    chosen : dict of str to ndarray, shape (n,)
        How much of each row is chosen, by the way.
    payoff : ndarray, shape (n,)
        What a row brings where it is chosen.
    edge, spread : float
        Mean and standard deviation of the payoff near the edge.
    share : float
        Of the rows that are chosen; 1 for thresholds, where gains are per account.
    worse : float
        -1 where less of the outcome is better, else 1.
    """

    variant: str
    chosen: dict[str, np.ndarray]
    payoff: np.ndarray
    edge: float
    spread: float
    share: float
    worse: float = 1.0

    def gain(self, over: str, units: np.ndarray) -> Change:
        """Return what the choice with the score gains over another one, a row on average."""
        one, other = self.chosen["with_score"], self.chosen[over]
        found = change(
            self.payoff * self.worse,
            one,
            other,
            units,
            edge=self.edge * self.worse,
            spread=self.spread,
        )
        return found


def _at_capacity(acting: Acting, share: float) -> Point:
    """Return what choosing the best share of the rows comes to."""
    worse = -1.0 if acting.options.lower_is_better else 1.0
    y, near = acting.outcome, np.zeros(len(acting.outcome), dtype=bool)
    chosen = {
        way: acting.averaged(at, lambda ranking: picks(worse * ranking, share))
        for at, way in enumerate(WAYS)
    }
    for at in range(2):
        middle = np.mean([part.predictors[at] for part in acting.parts], axis=0)
        near |= near_edge(worse * middle, share)
    chosen["random"] = np.full(len(y), share)
    variant = f"capacity-{share_text(share)}"
    return Point(variant, chosen, y, y[near].mean(), y[near].std(), share, worse)


def _beyond(acting: Acting, threshold: float) -> Point:
    """Return what acting on the rows whose chance reaches the threshold comes to."""
    mean = acting.question.family.mean
    chosen = {
        way: acting.averaged(at, lambda at: acted_on(mean(at), threshold))
        for at, way in enumerate(WAYS)
    }
    n = len(acting.outcome)
    chosen |= {"all": np.ones(n), "none": np.zeros(n)}
    spread = np.sqrt(threshold / (1 - threshold))  # of the payoff where the chance is the threshold
    variant = f"threshold-{share_text(threshold)}"
    return Point(variant, chosen, payoff(acting.outcome, threshold), 0.0, float(spread), 1.0)


def study_decision(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return what choosing with the score gains at each capacity or threshold, or why not.

    Under `quick` only where the plan writes `[decision]`.
    """
    plan = question.plan
    if plan.quick and plan.decision is None:
        reason = "The plan says quick = true and has no [decision], so no choice was tried."
        return question.only("decision", None, reason)
    try:
        acting = predicted(question)
    except DesignError as error:
        reason = f"What choosing by the score gains cannot be worked out: {error.found}."
        return question.only("decision", None, reason)
    checks = _too_few(acting)
    points = [acting.at(point) for point in acting.points]
    if not points:
        return StudyResult(checks=checks)
    gains = [point.gain("without_score", acting.units) for point in points]
    level = simultaneous_level(
        np.array([gain.influence for gain in gains]), question.level, question.generator()
    )
    rows: list[Estimate] = []
    for point, gain in zip(points, gains, strict=True):
        rows += _rows(acting, point, gain, level)
    if acting.options.price is not None:
        rows += _at_sesoi(question, points)
    return StudyResult(tuple(rows), checks)


def _at_sesoi(question: Question, points: Sequence[Point]) -> list[Estimate]:
    """Return what a score of exactly the smallest effect of interest would be worth per row."""
    worth = Supposed(question).worth(question.outcome.sesoi)
    note = "by the model: what a score whose effect is the SESOI would be worth per row"
    return [
        question.row(
            "decision",
            question.mean_model,
            AT_SESOI,
            variant=point.variant,
            estimate=worth[point.variant],
            unit="outcome",
            note=note,
        )
        for point in points
    ]


def _too_few(acting: Acting) -> tuple[Check, ...]:
    """Return a check where a capacity is so small that few rows would be chosen."""
    small = [share for share in acting.declared if share not in acting.points]
    if not small:
        return ()
    shares = listing([f"{100 * share:g} %" for share in small])
    reason = (
        f"Choosing {shares} of {acting.question.design.n:,} rows takes fewer than {FEWEST_PICKS}"
        " picks: too few to say what they bring."
    )
    return (acting.question.check("decision", None, reason, assessed=False),)


def predicted(question: Question) -> Acting:
    """Return the outcome predicted out of fold with the score, without it, and by it alone.

    Raises
    ------
    DesignError
        When a model has no estimate without one of the folds.
    """
    return Acting(question, question.out_of_fold)


def _rows(acting: Acting, point: Point, gain: Change, level: float) -> list[Estimate]:
    """Return every number at one capacity or threshold."""
    question, options = acting.question, acting.options
    blank = question.row(
        "decision",
        question.mean_model,
        "",
        variant=point.variant,
        clusters=question.design.n_clusters,
        unit="outcome",
        note=_note(acting),
    )

    def row(term: str, found: Change, by: float, what: str) -> Estimate:
        return replace(
            blank,
            term=term,
            estimate=found.estimate * by,
            std_error=found.std_error * by,
            df=found.df,
            note=f"{what}; {blank.note}",
        )

    each = 1 / point.share
    rows = [
        row(way, _value(point, way, acting.units), each, _told(acting, way))
        for way in point.chosen
        if way != "none"
    ]
    changed = gain.rows / (point.share * len(point.payoff))
    if acting.binary:
        changed = gain.rows / max(float(point.chosen["with_score"].sum()), 1.0)
    rows.append(
        replace(
            blank,
            term="picks_changed",
            estimate=changed,
            unit="share",
            note=f"{said_count(round(gain.rows))} of the rows chosen with the score are not chosen"
            f" without it; {blank.note}",
        )
    )
    what = "net benefit per account" if acting.binary else "per pick"
    rows.append(row("gain", gain, each, f"with the score less without it, {what}"))
    over = [way for way in point.chosen if way not in ("with_score", "without_score")]
    for way in over:
        found = point.gain(way, acting.units)
        rows.append(row(f"gain_over_{way}", found, each, f"with the score less {way}, {what}"))
    if not acting.binary:
        rows.append(row("gain_per_account", gain, 1.0, "per account scored"))
    value = options.value or 1.0
    money = "break-even price of the score per account scored"
    rows.append(row(WORTH, gain, value, money))
    half = critical_value(level, gain.df) * gain.std_error
    bounds = ((gain.estimate - half) * value, (gain.estimate + half) * value)
    together = replace(rows[-1], term=TOGETHER, std_error=None, df=None, bounds=bounds)
    rows.append(replace(together, note=f"{money}, bounds that hold at all {len(acting.points)}"))
    return rows


def _value(point: Point, way: str, units: np.ndarray) -> Change:
    """Return what is earned by one way of choosing, a row on average."""
    nothing = np.zeros(len(point.payoff))
    return change(point.payoff, point.chosen[way], nothing, units, edge=point.edge)


def _told(acting: Acting, way: str) -> str:
    what = "net benefit per account" if acting.binary else "mean outcome per pick"
    return f"{what}, {way.replace('_', ' ')}"


def _note(acting: Acting) -> str:
    parts, clusters = acting.parts, acting.question.design.n_clusters
    whole = "" if clusters is None else " of whole clusters"
    times = f", {len(parts)} partitions" if len(parts) > 1 else ""
    return f"predicted out of {parts[0].number} folds{whole}{times}"
