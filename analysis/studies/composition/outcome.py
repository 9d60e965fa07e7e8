"""What the outcome is made of: the score, a column held constant, or two columns together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.errors import printable
from analysis.results.estimates import Check
from analysis.results.question import Question
from analysis.studies.composition.shares import (
    MOST_ROWS,
    forms,
    predicted_by_level,
    robust_share,
)

SAME_SUM = 0.9999
"""Above this squared correlation the outcome counts as computed from the score and all engagement
columns together, which may honestly explain more of it than one of them."""

PAIR_ROWS = 2_000
"""Rows, a seeded draw, by which it is seen which pairs of columns are worth a look at all rows."""

MOST_COLUMNS = 12
"""Columns of which pairs are made: the score, engagement and controls, in this order."""

ALIKE = 0.9
"""Ranks of two columns, one of them computed from the other, mostly correlate at least so."""

SOME = 0.2
"""And at least so where the outcome is cut off, or turns."""

PARTS = {
    "the product of {} and {}": lambda a, b: a * b,
    "the ratio of {} to {}": lambda a, b: a / b,
    "the sum of {} and {}": lambda a, b: a + b,
    "the difference of {} and {}": lambda a, b: a - b,
}
"""What an outcome may be of two columns."""


@dataclass(frozen=True, eq=False)
class Relations:
    """How closely an outcome goes with the score and what is held constant."""

    question: Question

    @cached_property
    def responses(self) -> dict[str, np.ndarray]:
        """The outcome as it is, and on the log scale where it can be."""
        values = self.question.sample.numbers(self.question.outcome.column)
        if self.question.outcome.kind == "binary":
            return {"as it is": values}
        return dict(forms(values))

    @cached_property
    def named(self) -> dict[str, np.ndarray]:
        """The score and engagement columns."""
        columns = (self.question.score, *self.question.plan.engagement.columns)
        return {column: self.question.sample.numbers(column) for column in columns}

    @cached_property
    def distinct(self) -> np.ndarray:
        """Rows that do not repeat an earlier one in score, outcome and all that is held constant:
        a row and its copy would foretell one another.
        """
        frame = pd.DataFrame(self.named | {"": self.responses["as it is"]})
        for column in self.question.plan.controls.columns:
            if column in self.question.sample.frame:
                frame[f"control {column}"] = self.question.sample.frame[column].to_numpy()
        return np.flatnonzero(~frame.duplicated().to_numpy())

    @cached_property
    def of_one(self) -> dict[str, tuple[float, str]]:
        """By column, the share of variance that it and the outcome have in common, and how that was
        found.
        """
        return {name: max(self._shares(name), default=(0.0, "")) for name in self.named}

    @cached_property
    def held(self) -> dict[str, np.ndarray]:
        """Engagement columns and numeric controls."""
        sample, score = self.question.sample, self.question.score
        numeric = pd.api.types.is_numeric_dtype
        controls = self.question.plan.controls.columns
        named = {column: values for column, values in self.named.items() if column != score}
        return named | {
            column: sample.numbers(column)
            for column in controls
            if column in sample.frame and numeric(sample.frame[column])
        }

    def _shares(self, column: str) -> Iterator[tuple[float, str]]:
        outcome, rows = self.question.outcome.column, self.distinct
        values = self.named[column] if column in self.named else self.held[column]
        for _, source in forms(values):
            for how, response in self.responses.items():
                yield robust_share(response, source[:, None]), f"{outcome} {how}"
        if self.question.outcome.kind == "binary" or np.ptp(values) == 0:
            return
        for how, response in self.responses.items():
            share = predicted_by_level(values[rows], response[rows])
            yield share, f"{outcome} {how}, read off {column} level by level"
        back = predicted_by_level(self.responses["as it is"][rows], values[rows])
        yield back, f"{column}, read off {outcome} level by level"

    @cached_property
    def together(self) -> tuple[float, str]:
        """The share that all of them explain by a weighted sum."""
        outcome = self.question.outcome.column
        everything = np.column_stack(
            [values for column in self.named.values() for _, values in forms(column)]
        )
        return max(
            (robust_share(response, everything), f"{outcome} {how}")
            for how, response in self.responses.items()
        )

    # --- two columns ---

    @cached_property
    def of_two(self) -> tuple[float, str, str]:
        """The largest share that a product, ratio, sum or difference of two columns and the outcome
        have in common, what it is of which columns, and how it was found.
        """
        found = [(0.0, "", "")]
        if self.question.outcome.kind != "binary":
            rows = self.distinct
            if len(rows) > PAIR_ROWS:
                rows = np.random.default_rng(len(rows)).choice(rows, PAIR_ROWS, replace=False)
            ranks = _ranks(self.responses["as it is"][rows])
            for name, values in self._pairs():
                if _worth_a_look(values[rows], ranks):
                    found += self._shares_of_pair(name, values)
        return max(found)

    def _pairs(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield what an outcome may be of two columns, one of them the score or engagement."""
        pool = list((self.named | self.held).items())[:MOST_COLUMNS]
        for (one, first), (other, second) in combinations(pool, 2):
            if one not in self.named and other not in self.named:
                continue
            for how, made in PARTS.items():
                with np.errstate(all="ignore"):
                    yield how.format(printable(one), printable(other)), made(first, second)

    def _shares_of_pair(self, name: str, values: np.ndarray) -> Iterator[tuple[float, str, str]]:
        rows, outcome = self.distinct, self.question.outcome.column
        rows = rows[np.isfinite(values[rows])]
        if len(rows) > MOST_ROWS:
            rows = np.random.default_rng(len(rows)).choice(rows, MOST_ROWS, replace=False)
        for how, response in self.responses.items():
            for _, source in forms(values[rows]):
                share = robust_share(response[rows], source[:, None])
                yield share, name, f"{outcome} {how}"
            share = predicted_by_level(values[rows], response[rows])
            yield share, name, f"{outcome} {how}, read off it level by level"

    # --- checks ---

    def outcome_from(self) -> Check:
        """Return the check that the outcome is no function of the score and engagement."""
        question, outcome = self.question, self.question.outcome.column
        same = question.plan.overlap.outcome_explained
        largest, source, form = max(
            (share, column, how) for column, (share, how) in self.of_one.items()
        )
        passed = largest <= same
        if passed and self.of_two[0] > same:
            passed, (largest, source, form) = False, self.of_two
        elif passed and self.together[0] > SAME_SUM:
            passed, (largest, form) = False, self.together
            source = "the score and engagement together"
        reason = (
            f"The closest, {source}, shares {100 * largest:.1f} % of its variance with {outcome}"
            f" ({form}; a few odd rows set aside)."
        )
        if not passed:
            reason += (
                f" {outcome} looks computed from {source}, or {source} from it, so finding one in"
                " the other says nothing."
            )
        return replace(question.check("outcome_from", passed, reason, largest), refuses=True)

    def bad_control(self) -> Check:
        """Return the check that nothing held constant is (almost) the outcome itself, or was
        measured after it.
        """
        plan, outcome = self.question.plan, self.question.outcome.column
        shares = {
            name: self.of_one[name][0]
            if name in self.of_one
            else max(self._shares(name), default=(0.0, ""))[0]
            for name in self.held
        }
        share, column = max((share, name) for name, share in shares.items())
        passed = share <= plan.overlap.almost_outcome
        reason = (
            f"Nothing that is held constant comes closer to {outcome} than {column}, with"
            f" {100 * share:.1f} % of the variance."
        )
        if not passed:
            reason += (
                f" That is almost {outcome} itself: holding it constant leaves the score nothing to"
                " say."
            )
        if plan.timing is not None:
            last, first = plan.timing.window("engagement")[1], plan.timing.window("outcome")[0]
            if last > first:
                passed = False
                reason += (
                    f" The plan measures engagement until {last}, after the outcome began on"
                    f" {first}: what the outcome brought about is held constant."
                )
        return replace(self.question.check("bad_control", passed, reason, share), undecides=True)


def _worth_a_look(values: np.ndarray, ranks: np.ndarray) -> bool:
    """Return whether a column goes with another one's ranks so closely that one may make the
    other.
    """
    there = np.isfinite(values)
    if there.mean() < ALIKE:
        return False
    values, ranks = values[there], ranks[there]
    near = abs(_alike(values, ranks))
    return near > ALIKE or (near > SOME and predicted_by_level(values, ranks) > ALIKE)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return mean ranks, centred."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[codes]
    return ranks - ranks.mean()


def _alike(values: np.ndarray, ranks: np.ndarray) -> float:
    """Return the correlation of the ranks of values with ranks."""
    mine, ranks = _ranks(values), ranks - ranks.mean()
    size = np.sqrt((mine @ mine) * (ranks @ ranks))
    return float(mine @ ranks / size) if size > 0 else 0.0
