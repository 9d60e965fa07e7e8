"""How many rows would have to go for another word, and the word again without repeated rows or with
entities kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.data.disclosure import shown_name
from analysis.data.sample import Sample
from analysis.errors import DesignError, listing, printable
from analysis.models import fit_model
from analysis.models.design import Design, build_design
from analysis.models.fit import Fit
from analysis.models.planned import fit_as_planned
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.base import entity_column
from analysis.studies.influence.fragility import LARGE, influence_on, large_segments, word_without

MOST_LEFT_OUT = 0.5
"""Beyond this share of the rows nobody would call it leaving out."""

TRIALS = 8


def study_influence(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the check of the fewest rows whose removal changes the word, and the reruns that the
    rows call for.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan = sample.plan
    if plan.quick or sample.note or outcome.deciding_model == "hurdle":
        return StudyResult()
    design = build_design(sample, outcome.column, (score,))
    fit = fit_as_planned(plan, outcome.deciding_model, design, counts=outcome.kind == "count")
    own = Question(sample, outcome, score).word_of_fit(fit)
    checks = [
        _fewest(sample, outcome, score, fit, own, fit.covariance),
        *_segments(sample, outcome, score, fit, own),
    ]
    checks += _reruns(sample, outcome, score, fit, own)
    return StudyResult((), tuple(checks))


def _fitted(design: Design, outcome: OutcomeSection, kind: str) -> Fit:
    return fit_model(design, outcome.deciding_model, kind, counts=outcome.kind == "count")


def _fewest(
    sample: Sample, outcome: OutcomeSection, score: str, fit: Fit, own: str, kind: str
) -> Check:
    """Rows are left out by their influence on the coefficient, in either direction; the number is
    found by halving.
    """
    n, found = fit.design.n, []
    influence = influence_on(fit, score)
    for order in (np.argsort(influence), np.argsort(-influence)):
        low, high, other = 0, int(MOST_LEFT_OUT * n), None
        reach = 1
        while reach < high:  # the first doubling at which the word differs
            word = _word_without(sample, outcome, score, fit, order[:reach], kind)
            if word is not None and word != own:
                high, other = reach, word
                break
            low, reach = reach, 2 * reach
        if other is None:
            continue
        for _ in range(TRIALS):
            if high - low <= 1:
                break
            middle = (low + high) // 2
            word = _word_without(sample, outcome, score, fit, order[:middle], kind)
            low, high, other = (
                (low, middle, word) if word is not None and word != own else (middle, high, other)
            )
        found.append((high, other))
    plan = sample.plan
    if not found:
        reason = (
            f"No {100 * MOST_LEFT_OUT:g} % of the rows, the most influential first, change the word"
            f" {own}."
        )
        return Check(plan.name, "influence", True, reason, None, outcome.column, score)
    count, other = min(found)
    share = count / n
    few = max(2, -(-n // 1000))
    reason = (
        f"Leaving out {count:,} of {n:,} rows ({100 * share:.2g} %), the most influential first,"
        f" changes the word of the plain fit from {own} to {other}."
    )
    return Check(plan.name, "influence", count > few, reason, share, outcome.column, score)


def _word_without(
    sample: Sample, outcome: OutcomeSection, score: str, fit: Fit, gone: np.ndarray, kind: str
) -> str | None:
    keep = np.ones(fit.design.n, dtype=bool)
    keep[gone] = False
    return word_without(sample, outcome, score, fit, keep, "CRV1" if kind == "CRV3" else kind)


def _segments(
    sample: Sample, outcome: OutcomeSection, score: str, fit: Fit, own: str
) -> Iterator[Check]:
    """Yield whether the word is the same without any one segment of at least 5 % of the rows."""
    large = list(large_segments(sample))
    if not large:
        return
    words = {
        name: _word_without(sample, outcome, score, fit, np.flatnonzero(rows), fit.covariance)
        for name, rows in large
    }
    said = [
        f'without "{shown_name(name, int(rows.sum()))}" ({100 * rows.mean():.0f} % of the rows) it'
        f" is {words[name]}"
        for name, rows in large
        if words[name] not in (None, own)
    ]
    known = sum(word is not None for word in words.values())
    reason = (
        f"The word {own} stands without any one of {known} segments of at least {100 * LARGE:g} %"
        " of the rows."
    )
    if said:
        reason = f"The word of the plain fit is {own}; {listing(said)}."
    yield Check(
        sample.plan.name,
        "one_segment",
        None if not known else not said,
        reason,
        float(len(said)),
        outcome.column,
        score,
    )


def _reruns(sample: Sample, outcome: OutcomeSection, score: str, fit: Fit, own: str) -> list[Check]:
    """Return the word without repeated rows, and with the rows of one entity kept together."""
    plan, raw, checks = sample.plan, sample.raw, []
    if raw is None:
        return checks
    repeated = (
        raw[plan.row].duplicated().to_numpy()
        if plan.row
        else (
            raw.duplicated().to_numpy() if sample.identical_rows else np.zeros(len(raw), dtype=bool)
        )
    )
    if repeated.any():
        word = _word_without(sample, outcome, score, fit, np.flatnonzero(repeated), fit.covariance)
        reason = (
            f"Without {int(repeated.sum()):,} repeated rows the word of the plain fit is"
            f" {word or 'not known'}; "
        )
        reason += f"with them it is {own}."
        checks.append(
            Check(
                plan.name,
                "without_repeats",
                None if word is None else word == own,
                reason,
                float(repeated.sum()),
                outcome.column,
                score,
            )
        )
    column = entity_column(sample)
    if column is not None:
        values = (
            raw[column]
            .astype(object)
            .where(raw[column].notna(), pd.Series(raw.index.astype(str), raw.index))
        )
        clustered = replace(fit.design, clusters=pd.factorize(values)[0])
        try:
            word = Question(sample, outcome, score).word_of_fit(_fitted(clustered, outcome, "CRV1"))
        except DesignError:
            word = None
        reason = (
            f'With the rows of one "{printable(column)}" kept together the word of the plain'
            " fit is "
        )
        reason += f"{word or 'not known'}; without, it is {own}."
        checks.append(
            Check(
                plan.name,
                "entities_kept",
                None if word is None else word == own,
                reason,
                None,
                outcome.column,
                score,
            )
        )
    return checks
