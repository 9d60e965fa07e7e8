"""Gaming: what it does to the score, to the outcome, and to what the one says of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.data.selection.columns import gaming_columns
from analysis.errors import DesignError
from analysis.models.columns import transformed_score
from analysis.models.fit import critical_value
from analysis.results.estimates import Check, Estimate, StudyResult, display, p_text
from analysis.results.question import Question, tested
from analysis.studies.base import where_known
from analysis.studies.gaming.episodes import Episodes, displaced, episodes_of, information
from analysis.studies.gaming.event_study import (
    Change,
    Changes,
    changes_about,
    mean_effect,
    pre_trend,
)
from analysis.studies.gaming.slopes import Slopes

VISIBLE = 0.25
"""An outcome counts as flat only where a jump of this share of its mean would have been seen (power
.80).
"""
POWER = 0.842
"""The normal quantile of a power of .80."""


def study_gaming(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return slopes in gamed and organic rows, jumps at onset and offset, and information lost.

    Reliabilities of engagement are looked up in the estimates.
    """
    if question.plan.gaming is None:
        return StudyResult()
    reliabilities = {
        row.term.removeprefix("reliability:"): row.estimate
        for row in reversed(tuple(estimates))
        if row.term.startswith("reliability:") and row.estimate
    }
    return where_known(
        question,
        gaming_columns(question.plan),
        "gaming",
        lambda some: _studied(some, reliabilities),
    )


def _studied(question: Question, reliabilities: dict[str, float]) -> StudyResult:
    asked = (question.sample, question.outcome, question.score)
    try:
        episodes = episodes_of(question)
    except DesignError as error:
        reason = f"Not studied: {error.found}."
        return question.only("gaming", None, reason)
    study = EventStudy(*asked, episodes)
    slopes = Slopes(*asked, episodes, reliabilities).result()
    changes = {term: study.changes(term) for term in ("score", "outcome")}
    jumps = study.jumps(changes)
    counted = question.check(
        "gaming", True, episodes.describe(question), float(episodes.gamed.sum())
    )
    return StudyResult(
        (*slopes.rows, *jumps.rows, *study.information(changes["score"])),
        (counted, *slopes.checks, *jumps.checks),
    )


@dataclass(frozen=True, eq=False)
class EventStudy(Question):
    """What score and outcome do when episodes of gaming begin and end, and what is lost."""

    episodes: Episodes

    @property
    def sign(self) -> int:
        """What turns a change of the score for the better into one of the score as it is."""
        return self.plan.score.sign_of(self.score)

    # --- jumps at onset and offset ---

    @property
    def base(self) -> int:
        """How many periods before the onset lies the one with which all others are compared."""
        return 1 + self.plan.gaming.anticipation

    def changes(self, term: str) -> Changes:
        """Return the changes of score or outcome by period about onset and offset."""
        panel = self.episodes.score if term == "score" else self.episodes.outcome
        return changes_about(panel, self.episodes.clusters, self.plan.gaming.window, self.base)

    def jumps(self, changes: dict[str, Changes]) -> StudyResult:
        """Return the jumps of score and outcome at onset and offset, with their pre-trends."""
        rows, checks, joint = [], [], {}
        for term, moves in changes.items():
            joint[term] = mean_effect(moves.get(("onset", 0)), moves.get(("offset", 0)))
            if joint[term] is None:
                reason = "Too few units begin or end an episode beside others that do not."
                return self.only("gaming_signature", None, reason)
            rows.append(self._row(term, f"{term}_jump", "", joint[term]))
            for (kind, at), moved in moves.items():
                if at == 0:
                    effect = moved if kind == "onset" else moved.turned
                    rows.append(self._row(term, f"{term}_jump", kind, effect))
                rows.append(self._row(term, f"{term}_event", f"{kind}.{at}", moved))
            trend = self._trend(term, moves)
            rows, checks = [*rows, *trend.rows], [*checks, *trend.checks]
        checks.append(self._signature(joint["score"], joint["outcome"]))
        return StudyResult(tuple(rows), tuple(checks))

    def _row(self, term: str, name: str, variant: str, moved: Change) -> Estimate:
        error, estimate = moved.std_error, moved.estimate
        note = f"{moved.switchers:,} switches, {moved.stayers:,} stays"
        if term == "score" and self.sign < 0:
            estimate, note = -estimate, f"{note}; less is better"
        if name == "outcome_jump" and moved.before > 0:
            note += f"; {100 * estimate / moved.before:+.1f} % of its mean before"
        blank = self.row("gaming", "did-m", name, variant=variant, estimate=estimate)
        if not error > 0:
            return replace(blank, note=f"{note}; no spread")
        return tested(
            replace(
                blank,
                n=moved.switchers + moved.stayers,
                clusters=moved.units,
                df=moved.df,
                std_error=error,
                covariance="CRV1",
                unit="number" if term == "score" else self.unit("ols"),
                note=note,
            )
        )

    def _trend(self, term: str, changes: Changes) -> StudyResult:
        """Return the test of the periods before the onset, and the drift that it would find."""
        leads = {
            at: moved
            for (kind, at), moved in changes.items()
            if kind == "onset" and at < -self.base
        }
        trend = pre_trend(leads, self.base, size=self.size)
        if trend is None:
            return StudyResult()
        name = self.sample.dataset.label(self.score if term == "score" else self.outcome.column)
        drift = display(trend.detectable, "number")
        parallel = trend.p_value >= self.size
        reason = (
            f"Before an onset, the path of {name} is {'' if parallel else 'not '}the same in those"
            f" who will game and in those who will not ({p_text(trend.p_value)});"
            f" a steady drift of {drift} a period would have been found with a power of .80."
        )
        row = self.row(
            "gaming",
            "did-m",
            f"pretrend_{term}",
            n=sum(moved.switchers for moved in leads.values()),
            statistic=trend.statistic,
            p_value=trend.p_value,
            note=f"{trend.leads} periods before; detectable drift {trend.detectable:.4g} a period",
        )
        check = self.check(f"pretrend_{term}", parallel, reason, trend.p_value)
        return StudyResult((row,), (check,))

    def _signature(self, score: Change, outcome: Change) -> Check:
        """Return the check of gaming's signature: the score jumps, the outcome does not."""
        name, paid = map(self.sample.dataset.label, (self.score, self.outcome.column))
        critical = critical_value(self.level, score.df)

        def check(passed: bool | None, reason: str, statistic: float = outcome.estimate) -> Check:
            return self.check(
                "gaming_signature", passed, reason, statistic, assessed=passed is not None
            )

        if score.estimate - critical * score.std_error <= 0:
            lift = "lift" if self.sign > 0 else "improve"
            reason = (
                f"Gaming does not {lift} {name}, as far as these rows can tell: there is nothing"
                " to set against it."
            )
            return check(None, reason, score.estimate)
        rises = (
            f"Gaming lifts {name} by {score.estimate:.3g}"
            if self.sign > 0
            else f"Gaming lowers {name}, of which less is better, by {score.estimate:.3g}"
        )
        moved = display(outcome.estimate, self.unit("ols"))
        low, high = (outcome.estimate + sign * critical * outcome.std_error for sign in (-1, 1))
        if low > 0 and self.episodes.inferred:
            return check(
                None,
                f"{rises}, and {paid} with it ({moved}): gaming that pays, or engagement that"
                " nobody recorded. Inferred episodes cannot tell which.",
            )
        if low > 0:
            return check(True, f"{rises}, and {paid} with it ({moved}).")
        if high < 0:
            return check(False, f"{rises} while the mean of {paid} falls ({moved}).")
        reach = (critical + POWER) * outcome.std_error
        share = reach / abs(outcome.before) if outcome.before else np.inf
        seen = "would have been seen with a power of .80"
        if share > VISIBLE:
            return check(
                None,
                f"{rises}; the mean of {paid} shows no jump, but only a jump of {100 * share:.0f} %"
                f" or more {seen}.",
            )
        return check(
            False,
            f"{rises} and leaves the mean of {paid} where it was: a jump of {100 * share:.0f} %"
            f" {seen}.",
        )

    # --- what is lost ---

    def information(self, changes: Changes) -> list[Estimate]:
        """Return the R2 in organic and gamed rows, and the share of honest rows displaced."""
        episodes = self.episodes
        parts = information(
            transformed_score(self.sample, self.score),
            self.sample.numbers(self.outcome.column),
            episodes.gamed,
            episodes.clusters[episodes.unit],
            self.generator(),
            self.level,
        )
        note = "R2 of the outcome on the score alone; clusters drawn again"
        terms = (("r_squared", "organic"), ("r_squared", "gamed"), ("information_loss", ""))
        rows = [
            self.row(
                "gaming", "ols", term, variant=variant, estimate=value, bounds=bounds, note=note
            )
            for (term, variant), (value, bounds) in zip(terms, parts, strict=True)
        ]
        jump = changes.get(("onset", 0))
        if jump is not None and jump.std_error > 0 and jump.estimate > 0:
            rows += self._displaced(jump)
        return rows

    def _displaced(self, jump: Change) -> Iterator[Estimate]:
        """Yield the share of honest rows displaced from the top tenth by the jump at onset."""
        episodes, error = self.episodes, jump.std_error
        (share, influence), (low, _), (high, _) = (
            displaced(
                episodes.score.values, episodes.score.states, max(jump.estimate + step * error, 0.0)
            )
            for step in (0, -1, 1)
        )
        if not np.isfinite([share, low, high]).all():
            return
        slope = (high - low) / (2 * error)
        pooled = np.bincount(episodes.clusters, influence) + slope * jump.influence
        units = int((pooled != 0).sum())
        half = critical_value(self.level, float(max(units - 1, 1))) * np.sqrt(pooled @ pooled)
        yield self.row(
            "gaming",
            "ranks",
            "displaced",
            estimate=share,
            clusters=units,
            bounds=(max(share - half, 0.0), min(share + half, 1.0)),
            note="of honest rows that belong into their period's top tenth, by the jump at onset",
        )
