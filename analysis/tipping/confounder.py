"""What turns the word if something were left out of the plan: how many times as strong as each
engagement column it has to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.models.fit import critical_value
from analysis.models.glm import effect_of
from analysis.results.question import Question
from analysis.results.rule import Phrase, word_of
from analysis.results.tipping_point import TippingPoint, said
from analysis.studies.composition.shares import r_squared
from analysis.studies.confounding.sensitivity import Confounder, Explained, WorkingRegression
from analysis.studies.confounding.study import has_working_regression, positions_of
from analysis.tipping.search import CLOSE, settled
from analysis.tipping.standing import Standing, directed, of_the_same_rows

NAME = "left out"
"""What the column is called that is held beside the others."""

MOST_ROWS = 5_000
"""Of more rows the rule is not asked again with a column that is made for it."""

MOST_TIMES = 100.0
"""No confounder more times as strong as an engagement column is looked at."""

MOST_OF_OUTCOME = 0.9
"""Nor one that explains more than this of what is left of the outcome: it would be the outcome."""

STEPS, WIDER, NEARER, TRIES = 120, 1.25, 1.05, 14
"""Strengths at which the plain fit is asked; by how much one is changed until the rule has been
seen on both sides, from a first guess and from the bias that another column needs; and how often it
is asked."""


@dataclass(frozen=True, eq=False)
class Hidden:
    """Confounders of one question in units of its engagement columns."""

    standing: Standing

    @property
    def question(self) -> Question:
        return self.standing.question

    @cached_property
    def working(self) -> WorkingRegression:
        return WorkingRegression.of(self.question.fit, self.question.score)

    @cached_property
    def explained(self) -> dict[str, Explained]:
        """What each engagement column explains of score and outcome, given the others."""
        fit, score = self.question.fit, self.question.score
        return {
            column: self.working.explained(positions_of(fit, score, column))
            for column in self.question.plan.engagement.columns
        }

    def of(self, column: str, times: float) -> Confounder | None:
        """Return the confounder so many times as strong as a column; None beyond what can exist, or
        what would leave nothing of the score.
        """
        found = self.explained[column].times(times)
        if found is None or found.with_outcome > MOST_OF_OUTCOME:
            return None
        limits, left = self.question.plan.overlap, self._left * (1 - found.with_score)
        refused = left < 1 - limits.score_explained or (
            left * self.question.design.n < limits.rows_left
        )
        return None if refused else found

    @cached_property
    def _left(self) -> float:
        """The share of the score that engagement and controls leave: without any, no answer."""
        block = self.question.design.block
        return 1 - r_squared(block("score")[:, 0], block("engagement", "control"))

    # --- by the plain fit alone ---

    def plain(self, confounder: Confounder, sign: float) -> Phrase:
        """Return what the plain fit says with a confounder held, by the algebra of the bias."""
        question = self.question
        effect, error = effect_of(question.fit, question.score)
        scale = abs(effect / self.working.slope) if self.working.slope else 1.0
        moved = effect - sign * confounder.bias(self.working.std_error, self.working.df) * scale
        wider = confounder.error(error, self.working.df)
        df = question.fit.df_of(question.score)
        edges = []
        for level in question.levels:
            half = critical_value(level, df) * wider
            edges.append(((moved - half) * question.by, (moved + half) * question.by))
        return directed(word_of(*edges, question.band(question.model)), moved)

    def first(self, column: str, sign: float) -> float | None:
        """Return how many times as strong it has to be for the plain fit to say another word."""
        fit, score = self.question.fit, self.question.score
        own = directed(self.question.word_of_fit(fit), effect_of(fit, score)[0])
        for times in np.geomspace(0.01, MOST_TIMES, STEPS).tolist():
            confounder = self.of(column, times)
            if confounder is None:
                return None
            if self.plain(confounder, sign) != own:
                return times
        return None

    # --- by the whole rule ---

    def ask(self, column: str, times: float, sign: float, *, whole: bool = True) -> Phrase | None:
        """Return what the word turns into when a column of this strength is held; None where it
        stands.
        """
        confounder = self.of(column, times)
        if confounder is None:
            return None
        values = self.column(confounder, sign)
        return self.standing.turned(with_control(self.question, values), whole=whole)

    def column(self, confounder: Confounder, sign: float) -> np.ndarray:
        """Return a column with exactly these partial R2 with score and outcome.

        Made of the score and the outcome as engagement and controls leave them, and of noise. With
        `sign` 1 the coefficient of the score falls when it is held.
        """
        seed = self.question.plan.inference.seed
        return self.working.column(confounder, sign, np.random.default_rng([seed, 3]))

    def nearest(
        self, column: str, sign: float, start: float, wider: float = WIDER
    ) -> tuple[float, Phrase] | None:
        """Return the strength at which the rule's word turns, looked for from a first guess on, by
        growing or shrinking it by a factor.
        """
        low, high, phrase, at = 0.0, None, None, start
        for _ in range(TRIES):
            if self.of(column, at) is None:
                break
            found = self.ask(column, at, sign, whole=False)
            if found is None:
                low = at
            else:
                high, phrase = at, found
            if high is None:
                at *= wider
            elif high - low <= CLOSE * high:
                break
            else:
                at = (low + high) / 2 if low else high / wider
        if high is None:
            return None
        return settled(lambda times: self.ask(column, times, sign), high, phrase)

    def alike(self, column: str, confounder: Confounder) -> float | None:
        """Return how many times as strong as a column the confounder with the same bias is."""
        one, df = self.working.std_error, self.working.df
        bias, low = confounder.bias(one, df), 0.0
        for times in np.geomspace(0.001, MOST_TIMES, 8 * STEPS).tolist():
            other = self.of(column, times)
            if other is None:
                return None
            if other.bias(one, df) >= bias:
                return times if not low else float((low + times) / 2)
            low = times
        return None


def with_control(question: Question, values: np.ndarray) -> Question:
    """Return a question with one more column held."""
    sample, plan = question.sample, question.plan
    columns = (*plan.controls.columns, NAME)
    controls = plan.controls.model_copy(update={"columns": columns})
    plan = plan.model_copy(update={"controls": controls})
    sample = of_the_same_rows(sample, plan, frame=sample.frame.assign(**{NAME: values}))
    return replace(question, sample=sample)


def of_confounders(standing: Standing) -> Iterator[TippingPoint]:
    """Yield how strong a confounder has to be, in units of each engagement column.

    Notes
    -----
    A column of this strength is made and held, and the rule is asked again; the strength at which
    the plain fit turns is where the search begins, and for further columns the one with the bias
    that was enough for the first.
    """
    question, confounded = standing.question, standing.verdict.confounded
    family, columns = question.family, question.plan.engagement.columns
    if family.two_parts or not (family.linear or has_working_regression(question.model)):
        for column in columns:
            why = f"{family.printed} has no working regression to compare columns in"
            yield standing.not_assessed(*named(standing, column), why, fragile=None)
        return
    if question.design.n > MOST_ROWS:
        for column in columns:
            why = (
                f"with more than {MOST_ROWS:,} rows no column is made and held; what one as strong"
                f" as {standing.label(column)} does to the plain fit is in the ledger (bound)"
            )
            yield standing.not_assessed(*named(standing, column), why, fragile=confounded)
        return
    hidden, decided = Hidden(standing), standing.present[0] in ("adds", "trivial")
    tips = _tips(hidden)
    for column in columns:
        change, what = named(standing, column)
        found = tips.get(column)
        exists = hidden.explained[column].times(1.0) is not None
        near = exists and found is not None and found[0] <= 1
        by_bound = family.linear or not decided  # of other models the column that was made decides
        flag = None if confounded is None else confounded if by_bound else near
        label = standing.label(column)
        if found is None:
            why = f"no confounder that could exist turns it, in units of {label}"
            yield standing.nothing(change, what, why, fragile=flag)
            continue
        times, phrase, way = found
        sentence = (
            f"Something left out, {times:.2g} times as strong as {label} with score and outcome"
            f" alike{way}, would turn the word into {said(phrase)}."
        )
        yield standing.turns(change, what, sentence, (times, phrase), fragile=flag, choice=way)


def named(standing: Standing, column: str) -> tuple[str, str]:
    return f"confounder:{column}", f"Confounder, in units of {standing.label(column)}"


AGAINST = ", hiding the effect"
"""Where the confounder works against what is seen."""


def _tips(hidden: Hidden) -> dict[str, tuple[float, Phrase, str]]:
    """Return by column the smallest strength that turns the word, whether it makes the effect or
    hides it.
    """
    effect = effect_of(hidden.question.fit, hidden.question.score)[0]
    toward = 1.0 if effect > 0 else -1.0
    firsts = {
        (column, sign, way): first
        for column in hidden.explained
        for sign, way in ((toward, ""), (-toward, AGAINST))
        if (first := hidden.first(column, sign)) is not None
    }
    tips: dict[str, tuple[float, Phrase, str]] = {}
    for sign, way in ((toward, ""), (-toward, AGAINST)):
        mine = sorted((at, column) for (column, s, _), at in firsts.items() if s == sign)
        seen: Confounder | None = None
        for first, column in mine:
            start = first if seen is None else hidden.alike(column, seen)
            if start is None or (column in tips and tips[column][0] <= start / WIDER):
                continue
            found = hidden.nearest(column, sign, start, WIDER if seen is None else NEARER)
            if found is not None:
                seen = hidden.of(column, found[0])
                if column not in tips or found[0] < tips[column][0]:
                    tips[column] = *found, way
    return tips
