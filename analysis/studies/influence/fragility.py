"""Whether a few rows, one cluster or one segment make the verdict: the word again without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from analysis.data.disclosure import shown_count, shown_name
from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.measurement_error.corrections import Corrections
from analysis.models import fit_model
from analysis.models.covariance import CLUSTERED, cluster_sums, hat_diagonal
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.glm import WITHOUT_ROWS, average_marginal_effect, coefficient_without
from analysis.models.solver import MANY_ROWS
from analysis.results.answer import Answer, answer_of, open_columns
from analysis.results.evidence import Fragility, Noise
from analysis.results.question import Question
from analysis.results.rule import Word
from analysis.studies.base import influence_on

LARGE = 0.05
"""Share of the rows from which on a segment counts as one that the word may rest on."""

FEW_SHARE = 1000
"""Leaving out one row in so many, or two, must not change the word."""

LeftOut = Iterable[tuple[str, np.ndarray]]
"""Sets of rows: what is left out, and the mask of the rows that stay."""


def few_rows(n: int) -> int:
    """Return how many of n rows are few: at most max(2, ceil(n / 1000))."""
    return max(2, -(-n // FEW_SHARE))


def study_fragility(question: Question, noise: Noise) -> Fragility:
    """Return the word, and the other one without a few rows, one cluster or a segment.

    The word is that of the rule: where a correction decides, of all the effects that have to agree,
    made again of the rows that are left. What a heavy tail does to it is not looked at.

    Notes
    -----
    At most max(2, ceil(n / 1000)) rows: leaving out the worst 1 % would overturn most true findings
    in large samples. Rows are ranked by their influence on the coefficient, both ways and in size,
    and by their leverage, for a row that draws the fit to itself has little influence left; each
    candidate set is refitted. Of segments, every one of at least 5 % of the rows is left out.
    """
    if noise.corrections is not None:
        corrections, whole = noise.corrections, noise.corrected.deciding["value"]
        fit = corrections.fit
        influence = whole.influence[:, whole.terms.index(question.score)]
        word = _word_of_corrections(question, corrections, noise)
    else:
        fit = question.fit
        influence, word = influence_on(fit, question.score), question.word_of_fit(fit)
    for left, keep in (*_candidates(influence, fit), *_segments_left_out(question.sample)):
        if noise.corrections is not None:
            other = _word_of_corrections_without(question, noise, keep)
        else:
            other = word_without(question, fit, keep, fit.covariance)
        if other not in (None, word):
            share = f"{100 * (1 - keep.mean()):.2g} %"
            reason = (
                f"Leaving out {left} of {len(keep):,} rows ({share}) changes the word from {word}"
                f" to {other}."
            )
            return Fragility(word, other, reason)
    return Fragility(word)


def _word_of_corrections(question: Question, corrections: Corrections, noise: Noise) -> Word:
    """Return the word of the rule for corrections, with the plain fit where it has a say."""
    plan, score, band = question.plan, question.score, question.band(question.model)
    answer = Answer.of(noise.effects[0].estimate, band, question.level)
    if open_columns(plan, score):
        answer = _plain_answer(question, corrections.fit, answer)
    return answer_of(plan, score, answer, noise, band)[0].word


def _plain_answer(question: Question, fit: Fit, corrected: Answer) -> Answer:
    word, score = question.word_of_fit(fit), question.score
    effect = float(fit.params[fit.position(score)])
    if FAMILIES[fit.model].margin:
        effect = average_marginal_effect(fit, score)[0]
    sign = ("positive" if effect > 0 else "negative") if word in ("adds", "trivial") else None
    return Answer(word, sign, corrected.estimate)


def _word_of_corrections_without(question: Question, noise: Noise, keep: np.ndarray) -> Word | None:
    try:
        rest = noise.corrections.of_rows(keep)
        corrected = rest.corrected_effects()
    except (DesignError, np.linalg.LinAlgError):
        return None
    if corrected.refusal:
        return "refused"
    again = replace(noise, effects=corrected.effects, doubt=corrected.doubt)
    return _word_of_corrections(question, rest, again)


def _candidates(influence: np.ndarray, fit: Fit) -> LeftOut:
    """Yield sets of rows by influence on the coefficient and by leverage.

    Of many rows the largest sets alone: they hold the smaller ones.
    """
    n = len(influence)
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    orders = [np.argsort(one) for one in (influence, -influence, -np.abs(influence), -leverage)]
    for count in dict.fromkeys([1, 2, few_rows(n)] if n <= MANY_ROWS else [few_rows(n)]):
        for gone in {tuple(np.sort(order[:count])): None for order in orders}:
            keep = np.ones(n, dtype=bool)
            keep[list(gone)] = False
            yield f"{count}", keep
    if fit.covariance in CLUSTERED:
        clusters = fit.design.clusters
        sums = cluster_sums(influence[:, None], clusters)[:, 0]
        for group in dict.fromkeys([int(sums.argmin()), int(sums.argmax())]):
            keep = clusters != group
            yield f"one cluster with {int((~keep).sum()):,}", keep


def large_segments(sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, mask of its rows) of the segments with at least 5 % of the rows."""
    names = sample.segments
    for name in () if names is None else sorted(set(names) - {None}):
        rows = names == name
        if LARGE * len(rows) <= rows.sum() < len(rows):
            yield name, rows


def _segments_left_out(sample: Sample) -> LeftOut:
    for name, rows in large_segments(sample):
        count = int(rows.sum())
        yield f'the segment "{shown_name(name, count)}" with {shown_count(count)}', ~rows


def word_without(question: Question, fit: Fit, keep: np.ndarray, kind: str) -> Word | None:
    """Return the word of the rows that stay, a mask; None where they hold no estimate.

    Of many rows the coefficient alone is fitted, by steps from the fit of all of them.
    """
    steps = fit.design.n > MANY_ROWS and FAMILIES[fit.model].ratio and kind in WITHOUT_ROWS
    if steps and question.plan.inference.covariance != "wild":
        try:
            effect = coefficient_without(fit, question.score, keep, kind)
            return question.word(fit.model, effect.estimate, effect.std_error, effect.df)
        except DesignError:  # the steps from there do not converge, or a control has no level left
            pass
    try:
        with np.errstate(all="ignore"):
            rest = fit_model(fit.design.rest(keep), fit.model, kind, counts=question.counts)
            return question.word_of_fit(rest)
    except (DesignError, np.linalg.LinAlgError):
        return None
