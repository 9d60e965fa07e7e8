"""The plan's rule, asked of a question: all that has to agree, at any reliability, of any rows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, islice
from typing import Protocol

import numpy as np

from analysis.errors import AnalysisError
from analysis.measurement_error.correction import Correction, Effect, correct_fit
from analysis.measurement_error.deciding_set import (
    MEMBERS,
    Answered,
    DecidingSet,
    widening_of,
)
from analysis.measurement_error.measurement import measure
from analysis.measurement_error.recordings import Halves, Recording, normal_scores_design
from analysis.models import fit_model
from analysis.models.columns import transform
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.glm import effect_of
from analysis.results.answer import word_for
from analysis.results.estimates import Estimate
from analysis.results.question import Question
from analysis.results.rule import INSIDE, Member, Phrase, agreed, word_of

AS_RECORDED = ("recorded", "form")
"""Members that take the record for the truth."""

GRID = tuple(np.round(np.linspace(0.5, 1.0, 21), 3).tolist())
"""Reliabilities at which the rule is asked: below one half, a record is more noise than truth."""

FINEST = 0.01
"""Step in which it is told from where on a word holds."""


class Lazily:
    """Members that are fitted when they are asked for, and kept; so is an error on the way."""

    def __init__(self, source: Iterator[Answered]) -> None:
        self._source, self._kept = source, []
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[Answered]:
        for at in count():
            if at == len(self._kept) and not self._more():
                return
            yield self._kept[at]

    def _more(self) -> bool:
        """Return whether another one was fitted."""
        if self._error is not None:
            raise self._error
        before = len(self._kept)
        try:
            self._kept += islice(self._source, 1)
        except (AnalysisError, ArithmeticError, np.linalg.LinAlgError) as error:
            self._error = error
            raise
        return len(self._kept) > before


@dataclass(frozen=True, eq=False)
class AskedRule:
    """The rule of one question, with some or all of its rows.

    Attributes
    ----------
    question : Question
    fit : Fit
        The plain fit of the rows.
    recordings : tuple of Recording
    score_halves : pair of ndarray, or None
        As the score is transformed.
    whole : Estimate, optional
        The plain fit of all rows, where these are drawn from more: it is the member *as recorded*.
    """

    question: Question
    fit: Fit
    recordings: tuple[Recording, ...]
    score_halves: Halves | None
    whole: Estimate | None = None

    @classmethod
    def of(cls, question: Question, whole: Estimate | None = None) -> AskedRule:
        """Return the rule of all rows.

        Parameters
        ----------
        question : Question
        whole : Estimate, optional
            Where the rows are drawn from more.

        Raises
        ------
        DesignError
            When the deciding model cannot be fitted.
        """
        plan, score = question.plan, question.score
        pair, how = plan.score.halves.get(score), plan.score.transform_of(score)
        halves = pair and tuple(transform(question.sample.numbers(h), how) for h in pair)
        recordings = tuple(Recording.of(question, name) for name in plan.engagement.columns)
        return cls(question, question.fit, recordings, halves, whole)

    def of_rows(self, keep: np.ndarray) -> AskedRule:
        """Return the rule of a mask's rows.

        Raises
        ------
        DesignError
            Where they hold no estimate.
        """
        design = self.fit.design.rest(keep)
        with np.errstate(all="ignore"):
            covariance = self.fit.covariance
            fit = fit_model(design, self.fit.model, covariance, counts=self.question.counts)
        halves = self.score_halves and tuple(half[keep] for half in self.score_halves)
        parts = tuple(one.of_rows(keep) for one in self.recordings)
        return replace(self, fit=fit, recordings=parts, score_halves=halves)

    def with_reliability(self, reliability: float) -> AskedRule:
        """Return the rule as if this reliability were stated of all columns that are not exact."""
        key = round(reliability, 6)
        if key in self._stated:
            return self._stated[key]
        stated = {"low": reliability, "value": reliability, "high": reliability, "halves": None}
        changed = tuple(
            replace(one, **stated)
            if not one.assumed and (one.low < 1 or one.halves is not None)
            else one
            for one in self.recordings
        )
        same = all(one is other for one, other in zip(changed, self.recordings, strict=True))
        self._stated[key] = self if same else replace(self, recordings=changed)
        return self._stated[key]

    @cached_property
    def _stated(self) -> dict[float, AskedRule]:
        """The rules with a reliability that were asked for before."""
        return {}

    @cached_property
    def deciding(self) -> DecidingSet:
        """The members of the set."""
        score, fit, linear = self.question.score, self.fit, self.linear
        own = self.score_halves
        spread = float(fit.design.matrix[:, fit.position(score)].std())
        of_score = own and tuple(half / spread for half in own)
        halves = {one.name: one.halves for one in self.recordings if one.halves is not None}
        halves |= {score: own} if own else {}
        widening = 1.0
        if fit.covariance == "CRV3":
            plain = fit_model(fit.design, fit.model, "CRV1", counts=self.question.counts)
            widening = widening_of(fit, plain, score)
        estimate, error = effect_of(fit, score)
        return DecidingSet(
            fit,
            linear,
            score,
            tuple(one.column(of_score) for one in self.recordings),
            Effect(estimate, error, fit.df_of(score)),
            self.question.plan.score.shares_error,
            halves,
            widening,
            self.question.plan.inference.seed,
            self.question.plan.engagement.noise_correlation,
        )

    @cached_property
    def linear(self) -> Fit:
        """The fit that the linear correction corrects."""
        bent = {one.name: one.values for one in self.recordings if one.bent}
        fit, family = self.fit, FAMILIES[self.fit.model]
        if not bent and not family.two_parts:
            return fit
        design = normal_scores_design(fit.design, bent) if bent else fit.design
        model = family.reduced if family.two_parts else fit.model
        return fit_model(design, model, fit.covariance, counts=self.question.counts)

    @cached_property
    def influence(self) -> np.ndarray:
        """Each row's part of the coefficient that is the verdict's number, shape (n,)."""
        deciding, score = self.deciding, self.question.score
        if not deciding.record_decides:
            stated = {c.name: c.value for c in deciding.noisy if c.halves is None}
            errors = measure(self.linear.design, halves=deciding.halves, declared=stated)
            found = correct_fit(self.linear, errors)
            if isinstance(found, Correction):
                return found.influence[:, found.terms.index(score)]
        return self.fit.row_influence(score)

    # --- words ---

    @cached_property
    def start(self) -> float | None:
        """The least reliability that is assumed; None where nothing is, or no noise decides."""
        if not self.deciding.assumed or not self.deciding.noise_decides:
            return None
        return self.deciding.start(self.question.plan.engagement.assumed)

    @property
    def least(self) -> float:
        """The reliability of the assumed columns at which the rule is asked."""
        return 1.0 if self.start is None else self.start

    def phrase(self, answered: Answered) -> Phrase:
        """Return a member's word and direction; no answer is `inconclusive`."""
        question, effect = self.question, answered.effect
        if effect is None or not np.isfinite([effect.estimate, effect.std_error]).all():
            return UNDECIDED
        if answered.member == "recorded" and self.whole is not None:
            band = question.band(question.model)
            word = word_for(self.whole, band, question.plan.inference.level)
            return word, self.whole.estimate > 0 if word in ("adds", "trivial") else None
        if answered.member == "recorded":
            word = question.word_of_fit(self.fit)
        else:
            one = effect.times(question.by)
            edges = (one.interval(level) for level in question.levels)
            word = word_of(*edges, question.band(question.model))
        return word, effect.estimate > 0 if word in ("adds", "trivial") else None

    def at(self, assumed: float | None = None, *, cheap: bool = False) -> Phrase:
        """Return what the rule says with a reliability of the assumed columns from here on.

        Parameters
        ----------
        assumed : float, optional
            `start` unless given.
        cheap : bool
            Whether the member that takes longest is not asked.
        """
        least = self.least if assumed is None else assumed
        key = round(least, 6), cheap
        if key not in self._said:
            asked = self.fitted(least, cheap=cheap)
            self._said[key] = agreed(self.phrase(one) for one in asked)
        return self._said[key]

    def fitted(self, assumed: float, *, cheap: bool = False) -> Iterator[Answered]:
        """Yield the members at a reliability of the assumed columns; each is fitted once.

        Parameters
        ----------
        assumed : float
        cheap : bool
            Whether the members that take longest are left out.
        """
        key = round(assumed, 6)
        if key not in self._fits:
            deciding = self.deciding
            self._fits[key] = Lazily(deciding.cheap(assumed)), Lazily(deciding.dear(assumed))
        first, last = self._fits[key]
        yield from first
        if not cheap:
            yield from last

    @cached_property
    def _fits(self) -> dict[float, tuple[Lazily, Lazily]]:
        """The members that were fitted before."""
        return {}

    @cached_property
    def _said(self) -> dict[tuple[float, bool], Phrase]:
        """What was said before."""
        return {}

    @cached_property
    def holds_from(self) -> tuple[float | None, Phrase | None]:
        """The least common reliability of assumed columns from which a word holds, and the word.

        (None, None) where nothing is assumed, or no word holds even for exact columns.
        """
        if self.start is None or not _decided(self.at(1.0)):
            return None, None
        words = _words(self.at, GRID, self.many)
        low = self._refined(words)
        while not _decided(self.at(low)):  # a point of the grid lies between two hundredths
            low = round(low + FINEST, 2)
        start = round(float(np.ceil(self.start / FINEST - 1e-9)) * FINEST, 2)
        if start < low and _decided(self.at(self.start)):  # the word that is given
            return start, self.at(self.start)
        return low, self.at(low)

    def _refined(self, words: Sequence[Phrase]) -> float:
        """Return the least reliability, in steps of one hundredth, from which a word holds up to 1.

        Parameters
        ----------
        words : sequence of (str, bool or None)
            What the rule says at the points of `GRID`.
        """
        high = len(GRID) - 1
        while high > 0 and _decided(words[high - 1]):
            high -= 1
        if high == 0:
            return GRID[0]
        above = int(np.ceil(GRID[high] / FINEST - 1e-9))
        for step in range(int(GRID[high - 1] / FINEST) + 1, above):
            at = round(step * FINEST, 2)
            if _decided(self.at(at)):
                return at
        return round(above * FINEST, 2)

    @property
    def many(self) -> bool:
        """Whether the dearest member is asked as seldom as can be."""
        return self.fit.design.n >= MANY

    # --- what a reader sees ---

    @cached_property
    def answers(self) -> tuple[tuple[Answered, Phrase], ...]:
        """Every member of the set at its least reliability, and what it says."""
        return tuple((one, self.phrase(one)) for one in self.fitted(self.least))

    def members(self) -> Iterator[Member]:
        """Yield the members with the rows that they are in the ledger."""
        margin = FAMILIES[self.question.model].margin
        for answered, (word, positive) in self.answers:
            variant = "-".join(filter(None, [margin, answered.variant]))
            rows = [row for row in self.rows(answered) if row.variant == variant]
            direction = None if positive is None else "positive" if positive else "negative"
            name, row = MEMBERS[answered.member], rows[0] if rows else None
            if answered.member == "recorded" and self.whole is not None:
                row = self.whole
            yield Member(name, answered.where, word, direction, row)

    def rows(self, answered: Answered) -> list[Estimate]:
        """Return a member's estimate on the plan's scale and on the other one."""
        question, effect = self.question, answered.effect
        if effect is None:
            return []
        row = question.row(
            "increment" if answered.member in AS_RECORDED else "corrected",
            answered.model,
            question.score,
            n=self.fit.design.n,
            variant=FAMILIES[question.model].margin,
            estimate=effect.estimate,
            std_error=effect.std_error,
            df=effect.df,
            clusters=self.fit.design.n_clusters,
            covariance=self._covariance(answered),
            unit=question.effect_unit(question.model),
            note=answered.where,
        )
        more = answered.variant
        return [
            replace(one, variant="-".join(filter(None, [one.variant, more])))
            for one in question.on_both_scales(row)
        ]

    def _covariance(self, answered: Answered) -> str:
        if answered.member in AS_RECORDED:
            return self.fit.covariance
        if self.fit.design.clusters is not None:
            return "CRV3" if self.fit.covariance == "CRV3" else "CRV1"
        return "HC3"


def _decided(phrase: Phrase) -> bool:
    return phrase[0] != "inconclusive"


MANY = 3_000
"""From so many rows on it is found by halving where the dearest member begins to agree."""

UNDECIDED: Phrase = ("inconclusive", None)


class _Ask(Protocol):
    def __call__(self, at: float, *, cheap: bool = False) -> Phrase: ...


def sweep(rule: AskedRule, grid: Sequence[float] = GRID) -> tuple[Phrase, ...]:
    """Return what the rule says at each reliability, in rising order."""

    def ask(at: float, *, cheap: bool = False) -> Phrase:
        return rule.with_reliability(at).at(at, cheap=cheap)

    return _words(ask, grid, rule.many)


def _words(ask: _Ask, grid: Sequence[float], many: bool) -> tuple[Phrase, ...]:
    """Return what is said at each point.

    The member that takes longest is asked only where the others agree; of many rows at the upper
    end of each stretch with one word, and by halving where within it the word begins to hold.
    """
    words = [ask(at, cheap=True) for at in grid]
    for stretch in _stretches(words):
        halved = many and ask(grid[stretch[-1]]) == words[stretch[-1]]
        held = 0
        if halved:
            held = bisect_left(stretch, x=True, key=lambda at: ask(grid[at]) == words[at])
        for at in stretch[:held] if halved else stretch:
            words[at] = UNDECIDED if halved and words[at][0] not in INSIDE else ask(grid[at])
    return tuple(words)


def _stretches(words: Sequence[Phrase]) -> list[range]:
    """Return the neighbouring points with one word that decides."""
    edges = [at for at in range(len(words)) if at == 0 or words[at] != words[at - 1]]
    ends = [*edges[1:], len(words)]
    runs = [range(low, high) for low, high in zip(edges, ends, strict=True)]
    return [run for run in runs if _decided(words[run[0]])]
