"""A verdict as it stands, and the whole rule behind it, to be asked again after a change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import AnalysisError
from analysis.measurement_error.asked import UNDECIDED, AskedRule
from analysis.models import fit_as_planned
from analysis.models.glm import effect_of
from analysis.plan import Plan
from analysis.results.answer import FEW_CORRECTED, Answer
from analysis.results.estimates import Estimate, Unit
from analysis.results.question import Question
from analysis.results.rule import INSIDE, Phrase, Word
from analysis.results.tipping_point import METHOD, Status, TippingPoint, said
from analysis.results.verdict import Verdict
from analysis.studies.heavy_tails.study import study_bootstrap, study_tail
from analysis.studies.influence.study import DOUBTS, doubts

MANY_ROWS, MANY_ROWS_OF_SEVERAL = 20_000, 5_000
"""Beyond so many rows nothing is fitted again and again; of several noisy columns, beyond fewer."""

NOT_FITTED = (AnalysisError, np.linalg.LinAlgError, FloatingPointError)
"""What a change raises that leaves no estimate."""


COVARIANCE = "covariance"
"""What leaves a word undecided where the default covariance gives another one than the plan's."""

OF_THE_FILE = ("totals", "cluster candidates", "measured")
"""What is kept of a sample and does not depend on what the plan says of its rows."""


def of_the_same_rows(sample: Sample, plan: Plan, **changes: Any) -> Sample:
    """Return the sample of another plan, with what is known of the file's columns."""
    same = replace(sample, plan=plan, **changes)
    for key, value in sample.kept.items():
        if (key[0] if isinstance(key, tuple) else key) in OF_THE_FILE:
            same.kept[key] = value
    return same


@dataclass(frozen=True, eq=False)
class Standing:
    """A verdict, its question and its rule.

    Attributes
    ----------
    question : Question
    rule : AskedRule
        Of the question, with what it was asked already.
    verdict : Verdict
    estimates : tuple of Estimate
        All that the audit found on this question.
    undecided_by : tuple of str
        Names of the checks that leave the word undecided.
    """

    question: Question
    rule: AskedRule
    verdict: Verdict
    estimates: tuple[Estimate, ...]
    undecided_by: tuple[str, ...] = ()

    @property
    def present(self) -> Phrase:
        """The word and its direction as they stand."""
        return self.verdict.phrase

    @property
    def plan(self) -> Plan:
        return self.question.plan

    @property
    def heavy_tail(self) -> bool:
        """Whether the outcome's tail is so heavy that a bootstrap has to confirm the word."""
        tail = study_tail(self.question)
        return tail is not None and tail.heavy

    def label(self, column: str) -> str:
        """Return what sentences call a column."""
        return self.question.sample.dataset.label(column)

    # --- the question after a change ---

    def with_plan(self, plan: Plan, *, same_fit: bool = False) -> Question:
        """Return the question of another plan on the same rows.

        Parameters
        ----------
        plan : Plan
        same_fit : bool
            Whether nothing that is fitted changes: what was made of the rows is kept.
        """
        sample = of_the_same_rows(self.question.sample, plan)
        question = Question(
            sample, plan.outcomes[self.question.outcome.column], self.question.score
        )
        if same_fit:
            sample.kept.update(self.question.sample.kept)
            vars(question).update(design=self.question.design, fit=self.question.fit)
        return question

    def with_outcome(self, *, same_fit: bool = False, **changes: Any) -> Question:
        """Return the question with something else said of the outcome."""
        own = self.question.outcome
        outcomes = tuple(
            one.model_copy(update=changes) if one.column == own.column else one
            for one in self.plan.outcome
        )
        return self.with_plan(self.plan.model_copy(update={"outcome": outcomes}), same_fit=same_fit)

    def with_section(self, name: str, *, same_fit: bool = False, **changes: Any) -> Question:
        """Return the question with something else said in a table of the plan."""
        section = getattr(self.plan, name).model_copy(update=changes)
        return self.with_plan(self.plan.model_copy(update={name: section}), same_fit=same_fit)

    def without(self, gone: np.ndarray) -> Question:
        """Return the question of the rows that a mask does not leave out, at the reliability that
        is assumed with all of them.
        """
        sample, plan = self.question.sample, self.plan
        if self.rule.start is not None:
            held = plan.engagement.model_copy(update={"assumed": self.rule.start})
            plan = plan.model_copy(update={"engagement": held})
        return self.question.of(replace(sample, plan=plan, frame=sample.frame[~gone]))

    # --- what the rule says of it ---

    def phrase(
        self, question: Question, rule: AskedRule | None = None, together: Phrase | None = None
    ) -> Phrase | None:
        """Return what the whole rule says of a changed question; None where it has no estimate.

        Parameters
        ----------
        question : Question
        rule : AskedRule, optional
            Of the changed question; made of its rows unless given.
        together : (word, bool or None), optional
            What the members of the deciding set say together; they are fitted unless it is given.

        Notes
        -----
        What is cheap comes first: the members, whose word nothing makes less undecided, then the
        checks that can leave it undecided, then the tail.
        """
        try:
            with np.errstate(all="ignore"):
                rule = AskedRule.of(question) if rule is None else rule
                together = rule.at() if together is None else together
                if together[0] == "inconclusive" or self._against(question, rule):
                    return UNDECIDED
                return self._under_its_tail(question, together)
        except NOT_FITTED:
            return None

    def turned(
        self,
        question: Question,
        rule: AskedRule | None = None,
        together: Phrase | None = None,
        *,
        whole: bool = True,
    ) -> Phrase | None:
        """Return what the rule says of a changed question where that is another word or direction;
        else None.

        Parameters
        ----------
        question, rule, together
            As `phrase` takes them.
        whole : bool
            Whether the checks are asked, too, where the members of the set say what stands.
        """
        if not whole:
            try:
                with np.errstate(all="ignore"):
                    rule = AskedRule.of(question) if rule is None else rule
                    together = rule.at() if together is None else together
            except NOT_FITTED:
                return None
            if together == self.present:
                return None
        found = self.phrase(question, rule, together)
        return None if found == self.present else found

    def _against(self, question: Question, rule: AskedRule) -> bool:
        """Return whether anything leaves a word of the deciding set undecided."""
        return few_clusters(rule) or bool(self.against(question))

    def against(self, question: Question) -> str:
        """Return what leaves a word undecided whatever the noise is: the name of a check, or
        `COVARIANCE`; empty where nothing does.

        Raises
        ------
        AnalysisError
            When there is no estimate.
        """
        for name in self.undecided_by:
            if name not in DOUBTS:  # it looks at no word, so that no change of a word heals it
                return name
        fit, score = question.fit, question.score
        plain = question.word_of_fit(fit)
        other = question.effect_by_default()
        if other is not None:
            answer = Answer.of(other, question.band(question.model), question.level)
            if answer.phrase != said(directed(plain, effect_of(fit, score)[0])):
                return COVARIANCE
        asked = doubts(question, plain, few=True, first=self.undecided_by)
        return next((check.check for check in asked if check.undecided), "")

    def _under_its_tail(self, question: Question, word: Phrase) -> Phrase:
        """Return the word, or what a heavy tail leaves of it."""
        known = self.estimates if question.fit is self.question.fit else ()
        tail = study_tail(question, known)
        if tail is None or not tail.heavy:
            return word
        if not known:
            tail = study_tail(question, study_bootstrap(question).rows)
        gamma = fit_as_planned(question.plan, "gamma", question.design)
        effect = effect_of(gamma, question.score)
        second = question.word("gamma", *effect, gamma.df_of(question.score))
        drawn = None if tail.word is None else directed(tail.word, 1 if tail.positive else -1)
        phrases = {word, directed(second, effect[0]), drawn}
        if phrases == {word}:
            return word
        inside = all(one is not None and one[0] in INSIDE for one in phrases)
        return ("nothing", None) if inside else UNDECIDED

    # --- what is told of it ---

    def point(
        self,
        change: str,
        what: str,
        status: Status,
        sentence: str,
        size: float | None = None,
        unit: Unit = "number",
        **more: Any,
    ) -> TippingPoint:
        """Return the record of one change, with its row of the ledger."""
        row = self.question.row(
            METHOD, self.question.model, change, estimate=size, unit=unit, note=sentence
        )
        return TippingPoint(row, what, status, sentence, **more)

    def turns(
        self,
        change: str,
        what: str,
        sentence: str,
        found: tuple[float, Phrase],
        *,
        unit: Unit = "number",
        **more: Any,
    ) -> TippingPoint:
        """Return the record of a change that turns the word at this size."""
        size, phrase = found
        return self.point(change, what, "turns", sentence, size, unit, becomes=phrase, **more)

    def not_assessed(self, change: str, what: str, why: str, **more: Any) -> TippingPoint:
        return self.point(change, what, "not assessed", f"Not assessed: {why}.", **more)

    def nothing(self, change: str, what: str, sentence: str, **more: Any) -> TippingPoint:
        return self.point(
            change, what, "nothing within reach", f"Nothing within reach: {sentence}.", **more
        )


def few_clusters(rule: AskedRule) -> bool:
    """Return whether a correction decides alone, with an interval that is too narrow for it."""
    groups = rule.fit.design.n_clusters
    few = groups is not None and groups < FEW_CORRECTED and rule.fit.covariance != "CRV3"
    return few and not rule.deciding.record_decides


def directed(word: Word, effect: float) -> Phrase:
    """Return a word with its direction, where it has one."""
    return word, effect > 0 if word in ("adds", "trivial") else None
