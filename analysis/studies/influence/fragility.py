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
from analysis.models.design import build_design
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.glm import WITHOUT_ROWS, average_marginal_effect, coefficient_without
from analysis.models.planned import fit_as_planned
from analysis.models.solver import MANY_ROWS
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.answer import Answer, answer_of, open_columns
from analysis.results.evidence import Fragility, Noise
from analysis.results.question import Question
from analysis.results.rule import Word, sesoi_band

LARGE = 0.05
"""Share of the rows from which on a segment counts as one that the word may rest on."""


def study_fragility(sample: Sample, outcome: OutcomeSection, score: str, noise: Noise) -> Fragility:
    """Leave out the rows, the cluster with most influence on the score's coefficient, a segment;
    look at the word.

    The word is that of the rule: where a correction decides, of all the effects that have to agree,
    made again of the rows that are left. What a heavy tail does to it is not looked at.

    Notes
    -----
    At most max(2, ceil(n / 1000)) rows: leaving out the worst 1 % would overturn most true findings
    in large samples. Rows are ranked by their influence on the coefficient, both ways and in size,
    and by their leverage, for a row that draws the fit to itself has little influence left; each
    candidate set is refitted. Of segments, every one of at least 5 % of the rows is left out.
    """
    if noise.made is not None:
        return _of_correction(sample, score, noise)
    design = build_design(sample, outcome.column, (score,))
    fit = fit_as_planned(
        sample.plan, outcome.deciding_model, design, counts=outcome.kind == "count"
    )
    sets = (*_candidates(influence_on(fit, score), fit), *_segments_left_out(sample))
    found = (
        (left, keep, word_without(sample, outcome, score, fit, keep, fit.covariance))
        for left, keep in sets
    )
    return _first_other(Question(sample, outcome, score).word_of_fit(fit), found)


def _of_correction(sample: Sample, score: str, noise: Noise) -> Fragility:
    """Of the rule's whole answer, with the corrections made again of the rows that are left."""
    made, whole = noise.made, noise.decided.decides["value"]
    influence = whole.influence[:, whole.terms.index(score)]
    sets = (*_candidates(influence, made.fit), *_segments_left_out(sample))
    return _first_other(
        _ruled(made, noise),
        ((left, keep, _ruled_without(made, noise, keep)) for left, keep in sets),
    )


def _ruled(made: Corrections, noise: Noise) -> Word:
    """Return the word of the rule for corrections, and for the plain fit behind them where it has a
    say.
    """
    sample, outcome = made.sample, made.outcome
    band = sesoi_band(outcome, outcome.deciding_model, sample.mean(outcome.column))
    own = Answer.of(noise.effects[0], band, sample.plan.inference.level)
    plain = _plain_answer(made, own) if open_columns(sample.plan, made.score) else own
    return answer_of(sample.plan, made.score, plain, noise, band)[0].word


def _plain_answer(made: Corrections, corrected: Answer) -> Answer:
    fit, score = made.fit, made.score
    word = Question(made.sample, made.outcome, score).word_of_fit(fit)
    logit = FAMILIES[fit.model].margin
    effect = (
        average_marginal_effect(fit, score)[0] if logit else float(fit.params[fit.position(score)])
    )
    sign = ("positive" if effect > 0 else "negative") if word in ("adds", "trivial") else None
    return Answer(word, sign, corrected.estimate)


def _ruled_without(made: Corrections, noise: Noise, keep: np.ndarray) -> Word | None:
    try:
        rest = made.of_rows(keep)
        found = rest.deciding()
    except (DesignError, np.linalg.LinAlgError):
        return None
    if found.refusal:
        return "refused"
    return _ruled(
        rest, replace(noise, effects=found.effects, doubt=found.doubt, supposed=found.supposed)
    )


def _first_other(own: Word, found: Iterable[tuple[str, np.ndarray, Word | None]]) -> Fragility:
    """Return the first set of rows, (name, mask of those that stay, word), without which the word
    is another.
    """
    for left, keep, other in found:
        if other not in (None, own):
            share = f"{100 * (1 - keep.mean()):.2g} %"
            reason = (
                f"Leaving out {left} of {len(keep):,} rows ({share}) changes the word from {own} to"
                f" {other}."
            )
            return Fragility(own, other, reason)
    return Fragility(own)


def influence_on(fit: Fit, term: str) -> np.ndarray:
    """Return each row's influence on one coefficient, shape (n,), in the units of the
    coefficient.
    """
    if fit.influence is not None:
        return fit.influence[:, fit.position(term)]
    basis, triangle = fit.design.basis
    weights = np.linalg.solve(fit.information, np.linalg.inv(triangle)[fit.position(term)])
    return (basis @ weights) * fit.residuals


def _candidates(influence: np.ndarray, fit: Fit) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (what is left out, mask of the rows that stay), by influence on the coefficient and by
    leverage.

    Of many rows the largest sets alone: they hold the smaller ones.
    """
    n = len(influence)
    most = max(2, -(-n // 1000))
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    orders = [np.argsort(one) for one in (influence, -influence, -np.abs(influence), -leverage)]
    for count in dict.fromkeys([1, 2, most] if n <= MANY_ROWS else [most]):
        seen = []
        for order in orders:
            gone = np.sort(order[:count]).tolist()
            if gone in seen:
                continue
            seen.append(gone)
            keep = np.ones(n, dtype=bool)
            keep[order[:count]] = False
            yield f"{count}", keep
    if fit.covariance in CLUSTERED:
        clusters = fit.design.clusters
        sums = cluster_sums(influence[:, None], clusters)[:, 0]
        for group in dict.fromkeys([int(sums.argmin()), int(sums.argmax())]):
            keep = clusters != group
            yield f"one cluster with {int((~keep).sum()):,}", keep


def large_segments(sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, mask of its rows) of the segments that hold at least 5 % of the rows, in order
    of their names.
    """
    names = sample.segments
    for name in () if names is None else sorted(set(names) - {None}):
        rows = names == name
        if LARGE * len(rows) <= rows.sum() < len(rows):
            yield name, rows


def _segments_left_out(sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    for name, rows in large_segments(sample):
        count = int(rows.sum())
        yield f'the segment "{shown_name(name, count)}" with {shown_count(count)}', ~rows


def word_without(
    sample: Sample, outcome: OutcomeSection, score: str, fit: Fit, keep: np.ndarray, kind: str
) -> Word | None:
    """Return the word of the rows that stay, a mask; None where they hold no estimate.

    Of many rows the coefficient alone is fitted, by steps from the fit of all of them.
    """
    wild = sample.plan.inference.covariance == "wild"
    if fit.design.n > MANY_ROWS and FAMILIES[fit.model].ratio and kind in WITHOUT_ROWS and not wild:
        try:
            found = coefficient_without(fit, score, keep, kind)
            return Question(sample, outcome, score).word(
                fit.model, found.estimate, found.std_error, found.df
            )
        except DesignError:  # the steps from there do not converge, or a control has no level left
            pass
    try:
        with np.errstate(all="ignore"):
            rest = fit_model(fit.design.rest(keep), fit.model, kind, counts=outcome.kind == "count")
            return Question(sample, outcome, score).word_of_fit(rest)
    except (DesignError, np.linalg.LinAlgError):
        return None
