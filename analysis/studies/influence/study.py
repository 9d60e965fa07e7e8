"""What the word rests on: influential rows, segments, repeats, entities, effective clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.data.disclosure import shown_name
from analysis.errors import DesignError, listing, printable
from analysis.models import fit_model
from analysis.models.wild import effective_clusters
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.results.rule import Word
from analysis.studies.base import entity_column, influence_on
from analysis.studies.influence.fragility import LARGE, few_rows, large_segments, word_without

MOST_LEFT_OUT = 0.5
"""Beyond this share of the rows nobody would call it leaving out."""

TRIALS = 8
"""Halvings of the number of rows left out."""

FEW_CLUSTERS = 6.0
"""Below this the number of clusters says too much about how sure one is."""


def study_influence(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the fewest rows that change the word, reruns without rows, effective clusters."""
    checks, partial = list(_effective_clusters(question)), bool(question.sample.note)
    if not (question.plan.quick or partial or question.family.resampled_as):
        word = question.word_of_fit(question.fit)
        checks += [
            _fewest(question, word),
            *_segments(question, word),
            *_without_repeats(question, word),
            *_entities_kept(question, word),
        ]
    return StudyResult((), tuple(checks))


def _effective_clusters(question: Question) -> Iterator[Check]:
    """Yield the check of the effective number of clusters for the score's coefficient."""
    if question.plan.cluster is None:
        return
    try:
        fit = fit_model(question.design, question.family.resampled, "HC0")
        apart, together = effective_clusters(fit, question.score)
    except DesignError:
        return
    passed = min(apart, together) >= FEW_CLUSTERS
    reason = (
        f"{question.design.n_clusters:,} clusters carry {question.score} like {apart:.1f} of equal"
        " weight if the errors within a cluster are independent, and like"
        f" {together:.1f} if they are one common shock."
    )
    if not passed:
        reason += (
            " So few in effect make CRV1 too sure of itself: CRV3 or the wild bootstrap are safer."
        )
    yield question.check("effective_clusters", passed, reason, together)


def _word_without(question: Question, gone: np.ndarray) -> Word | None:
    """Return the word of the deciding fit without rows at these positions."""
    keep = np.ones(question.design.n, dtype=bool)
    keep[gone] = False
    kind = question.fit.covariance
    return word_without(question, question.fit, keep, "CRV1" if kind == "CRV3" else kind)


def _fewest(question: Question, word: Word) -> Check:
    """Return the check of the fewest rows without which the word is another.

    Rows are left out by their influence on the coefficient, in either direction; the number is
    found by halving.
    """
    n, counts = question.design.n, []
    influence = influence_on(question.fit, question.score)
    for order in (np.argsort(influence), np.argsort(-influence)):
        low, high, other = 0, 1, word
        while other in (None, word) and high < int(MOST_LEFT_OUT * n):
            other = _word_without(question, order[:high])
            if other in (None, word):
                low, high = high, 2 * high
        if other in (None, word):
            continue
        for _ in range(TRIALS):
            middle = (low + high) // 2
            without = _word_without(question, order[:middle]) if low < middle else None
            if without in (None, word):
                low = middle
            else:
                high, other = middle, without
        counts.append((high, other))
    if not counts:
        reason = (
            f"No {100 * MOST_LEFT_OUT:g} % of the rows, the most influential first, change the word"
            f" {word}."
        )
        return question.check("influence", True, reason)
    count, other = min(counts)
    reason = (
        f"Leaving out {count:,} of {n:,} rows ({100 * count / n:.2g} %), the most influential"
        f" first, changes the word of the plain fit from {word} to {other}."
    )
    return question.check("influence", count > few_rows(n), reason, count / n)


def _segments(question: Question, word: Word) -> Iterator[Check]:
    """Yield whether the word is the same without any one segment of at least 5 % of the rows."""
    large = list(large_segments(question.sample))
    if not large:
        return
    words = [_word_without(question, np.flatnonzero(rows)) for _, rows in large]
    others = [
        f'without "{shown_name(name, int(rows.sum()))}" ({100 * rows.mean():.0f} % of the rows) it'
        f" is {without}"
        for (name, rows), without in zip(large, words, strict=True)
        if without not in (None, word)
    ]
    known = sum(without is not None for without in words)
    reason = (
        f"The word {word} stands without any one of {known} segments of at least {100 * LARGE:g} %"
        " of the rows."
    )
    if others:
        reason = f"The word of the plain fit is {word}; {listing(others)}."
    passed = not others if known else None
    yield question.check("one_segment", passed, reason, float(len(others)))


def _without_repeats(question: Question, word: Word) -> Iterator[Check]:
    """Yield whether the word is the same without repeated rows."""
    raw, row = question.sample.raw, question.plan.row
    if raw is None or not (row or question.sample.identical_rows):
        return
    repeated = (raw[row] if row else raw).duplicated().to_numpy()
    if repeated.any():
        count, without = int(repeated.sum()), _word_without(question, np.flatnonzero(repeated))
        reason = (
            f"Without {count:,} repeated rows the word of the plain fit is"
            f" {without or 'not known'}; with them it is {word}."
        )
        passed = None if without is None else without == word
        yield question.check("without_repeats", passed, reason, float(count))


def _entities_kept(question: Question, word: Word) -> Iterator[Check]:
    """Yield whether the word is the same with the rows of one entity kept together."""
    raw, column = question.sample.raw, entity_column(question.sample)
    if column is None:
        return
    names = raw[column].astype(object)
    names = names.where(raw[column].notna(), pd.Series(raw.index.astype(str), raw.index))
    clustered = replace(question.fit.design, clusters=pd.factorize(names)[0])
    try:
        fit = fit_model(clustered, question.model, "CRV1", counts=question.counts)
        kept = question.word_of_fit(fit)
    except DesignError:
        kept = None
    reason = (
        f'With the rows of one "{printable(column)}" kept together the word of the plain fit is'
        f" {kept or 'not known'}; without, it is {word}."
    )
    yield question.check("entities_kept", None if kept is None else kept == word, reason)
