"""Whether a few rows, a cluster, a segment or an entity make the word: the rule without them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.data.disclosure import count_or_none, said_count, shown_count, shown_name
from analysis.data.sample import Sample
from analysis.errors import DesignError, listing, printable
from analysis.measurement_error.asked import AskedRule
from analysis.models import fit_model
from analysis.models.covariance import CLUSTERED, cluster_sums, hat_diagonal
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.glm import WITHOUT_ROWS, coefficient_without
from analysis.models.solver import MANY_ROWS
from analysis.models.wild import effective_clusters
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.results.rule import Fragility, Noise, Word
from analysis.studies.base import entity_column
from analysis.studies.influence.few_rows import (
    MOST_LEFT_OUT,
    RARE,
    Rows,
    best_pairs,
    few_rows,
    share_as_large,
)
from analysis.studies.influence.few_rows import LeftOut as Gone
from analysis.studies.influence.unseen_clusters import check_unseen_clusters, span_of
from analysis.studies.odd_rows import odd_rows, rows_text
from analysis.studies.repeats import repeated_rows

LARGE = 0.05
"""Share of the rows from which on a segment counts as one that the word may rest on."""

FEW_CLUSTERS = 6.0
"""Below this the number of clusters says too much about how sure one is."""

LeftOut = Iterable[tuple[str, np.ndarray]]
"""Sets of rows: what is left out, and the mask of the rows that stay."""


def study_fragility(question: Question, noise: Noise) -> Fragility:
    """Return the word, and the other one without a few rows, one cluster or a segment: the first of
    these that changes it.
    """
    return first_of(fragilities(question, noise))


def first_of(found: dict[str, Fragility] | None) -> Fragility | None:
    """Return the first of rows, cluster and segment that changes the word, or that none does."""
    if found is None:
        return None
    return next((one for one in found.values() if one.word), found["rows"])


def fragilities(question: Question, noise: Noise) -> dict[str, Fragility]:
    """Return what leaving out rows, a cluster and a segment do to the word: by `rows`, `cluster`
    and `segment`, the last two where there are any.

    The word is that of the rule: all members of the deciding set, made again of the rows that are
    left. What a heavy tail does to it is not looked at.

    Notes
    -----
    At most max(2, ceil(n / 1000)) rows: leaving out the worst 1 % would overturn most true findings
    in large samples. Rows are ranked by their influence on the coefficient, both ways and in size,
    and by their leverage, for a row that draws the fit to itself has little influence left; each
    candidate set is refitted. Of segments, every one of at least 5 % of the rows is left out.
    """
    rule, fit = noise.rule, question.fit
    influence = fit.row_influence(question.score) if rule is None else rule.influence
    word = rule.at()[0] if rule is not None else question.word_of_fit(fit)
    kinds = {
        "rows": _few_rows(influence, fit),
        "cluster": _clusters_left_out(influence, fit),
        "segment": _segments_left_out(question.sample),
    }
    found = {}
    for kind, sets in kinds.items():
        for left, keep in sets:
            if kind in found and found[kind].word:
                break
            found[kind] = _fragility(question, rule, word, left, keep)
    return {"rows": Fragility(word), **found}


def _fragility(
    question: Question, rule: AskedRule | None, word: Word, left: str, keep: np.ndarray
) -> Fragility:
    """Return what leaving out the rows that a mask does not keep does to the word."""
    if rule is not None:
        other = _word_of_rule_without(rule, keep)
    else:
        other = word_without(question, question.fit, keep, question.fit.covariance)
    if other in (None, word):
        return Fragility(word)
    share = f"{100 * (1 - keep.mean()):.2g} %"
    reason = (
        f"Leaving out {left} of {len(keep):,} rows ({share}) changes the word from {word} to"
        f" {other}."
    )
    return Fragility(word, other, reason, keep)


def _word_of_rule_without(rule: AskedRule, keep: np.ndarray) -> Word | None:
    """Return the word of the whole rule for the rows that stay; None where they hold none."""
    try:
        return rule.of_rows(keep).at(rule.least)[0]
    except (DesignError, np.linalg.LinAlgError):
        return None


def _candidates(influence: np.ndarray, fit: Fit) -> LeftOut:
    """Yield sets of rows by influence on the coefficient and by leverage, then clusters."""
    yield from _few_rows(influence, fit)
    yield from _clusters_left_out(influence, fit)


def _few_rows(influence: np.ndarray, fit: Fit) -> LeftOut:
    """Yield sets of rows by influence on the coefficient and by leverage.

    Of many rows the largest sets alone: they hold the smaller ones.
    """
    n = len(influence)
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    orders = [np.argsort(one) for one in (influence, -influence, -np.abs(influence), -leverage)]
    pairs = best_pairs(fit, fit.design.terms[-1], leverage) if fit.influence is None else []
    for count in dict.fromkeys([1, 2, few_rows(n)] if n <= MANY_ROWS else [few_rows(n)]):
        together = pairs if count == 2 else []
        for gone in {tuple(np.sort(one[:count])): None for one in (*orders, *together)}:
            keep = np.ones(n, dtype=bool)
            keep[list(gone)] = False
            yield f"{count}", keep


def _clusters_left_out(influence: np.ndarray, fit: Fit) -> LeftOut:
    """Yield the clusters that together push the coefficient most, either way."""
    if fit.covariance in CLUSTERED:
        clusters = fit.design.clusters
        sums = cluster_sums(influence[:, None], clusters)[:, 0]
        for group in dict.fromkeys([int(sums.argmin()), int(sums.argmax())]):
            keep = clusters != group
            yield f"one cluster with {said_count(int((~keep).sum()))}", keep


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


# --- the checks of the plain fit ------------------------------------------------------------------


def study_influence(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the fewest rows that change the word, reruns without rows, effective clusters.

    What can make the word undecided is looked at in a quick plan, too.
    """
    checks = list(_effective_clusters(question))
    if why := _not_looked_at(question):
        checks += [
            question.check(name, None, f"Not looked at: {why}.", assessed=False) for name in RERUNS
        ]
        return StudyResult((), tuple(checks))
    word = question.word_of_fit(question.fit)
    checks += doubts(question, word, few=question.plan.quick)
    if question.plan.quick:
        reason = "Not looked at: the plan says quick = true."
        asked = {
            "one_segment": next(large_segments(question.sample), None) is not None,
            "entities_kept": entity_column(question.sample) is not None,
        }
        names = [name for name, arises in asked.items() if arises]
        checks += [question.check(name, None, reason, assessed=False) for name in names]
    else:
        checks += [*_segments(question, word), *_entities_kept(question, word)]
    return StudyResult((), tuple(checks))


RERUNS = ("influence", "unseen_clusters", "without_repeats")
"""The checks that can make a word undecided."""


def _not_looked_at(question: Question) -> str:
    """Return why the word without some of the rows is not looked at; empty where it is."""
    if question.family.resampled_as:
        return f"the model, {question.family.printed}, is not fitted again and again"
    return "these rows are a part of the file" if question.sample.note else ""


def doubts(
    question: Question, word: Word, *, few: bool, first: Iterable[str] = ()
) -> Iterator[Check]:
    """Yield the checks that can leave a word undecided, one after the other; none where they are
    not looked at.

    Parameters
    ----------
    question : Question
    word : str
        Of the plain fit.
    few : bool
        Whether no more rows are looked for than could leave the word undecided.
    first : iterable of str
        Names of the checks that are asked before the others.
    """
    if _not_looked_at(question):
        return
    names = dict.fromkeys([*(name for name in first if name in DOUBTS), *DOUBTS])
    for name in names:
        yield from DOUBTS[name](question, word, few)


DOUBTS: dict[str, Callable[[Question, Word, bool], Iterable[Check]]] = {
    "influence": lambda question, word, few: [_fewest(question, word, only_few=few)],
    "unseen_clusters": lambda question, word, few: [check_unseen_clusters(question, word)],
    "without_repeats": lambda question, word, few: _without_repeats(question, word),
    "without_odd_rows": lambda question, word, few: _without_odd_rows(question, word),
}
"""Checks that can leave a word undecided and depend on it, and who asks them: of a question, the
word of its plain fit, and whether no more rows are looked for than could do so."""


def _effective_clusters(question: Question) -> Iterator[Check]:
    """Yield the check of the effective number of clusters for the score's coefficient."""
    if question.plan.cluster is None:
        return
    try:
        fit = fit_model(question.design, question.family.resampled, "HC0")
        apart, together = effective_clusters(fit, question.score)
    except DesignError as error:
        reason = f"It could not be looked at: {error.found}."
        yield question.check("effective_clusters", None, reason, assessed=False)
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


def fewest_rows(question: Question, word: Word, most: int) -> Gone | None:
    """Return the fewest rows found, at most so many, without which the plain fit's word is another;
    what was found is kept.
    """
    known = "fewest", question.outcome.column, question.score, word, most
    kept = question.sample.kept
    if known not in kept:
        kept[known] = Rows(question, word).fewest(most)
    return kept[known]


def _fewest(question: Question, word: Word, *, only_few: bool) -> Check:
    """Return the check of the fewest rows without which the word is another.

    A quick plan looks for few rows alone: those that could leave the word undecided.
    """
    n = question.design.n
    few, most = few_rows(n), int(MOST_LEFT_OUT * n)
    rows = Rows(question, word)
    left = fewest_rows(question, word, few if only_few else most)
    if left is None:
        tried = f"{few:,} of {n:,}" if only_few else f"half of the {n:,}"
        reason = (
            f"Leaving out up to {tried} rows, the most influential first, was not seen to change"
            f" the word {word} of the plain fit."
        )
        return question.check("influence", True, reason)
    count = len(left.rows)
    reason = (
        f"Leaving out {count:,} of {n:,} rows ({100 * count / n:.2g} %), the most influential"
        f" first, changes the word of the plain fit from {word} to {left.word}."
    )
    if count > few:
        return question.check("influence", True, reason, count / n)
    filled = rows.filled(left)
    share = share_as_large(question, filled)
    apart = share <= RARE
    reason += (
        f" In {100 * share:.2g} % of samples drawn from the fitted model {len(filled.rows):,} rows"
        " move the effect as far as the farthest do here: "
    )
    reason += "their influence stands apart." if apart else "their influence is nothing unusual."
    check = question.check("influence", False, reason, count / n)
    return replace(check, undecides=apart)


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
    looked = passed is not None
    yield question.check("one_segment", passed, reason, float(len(others)), assessed=looked)


def _without_repeats(question: Question, word: Word) -> Iterator[Check]:
    """Yield whether the word is the same without repeated rows."""
    sample, plan = question.sample, question.plan
    if sample.raw is None:
        return
    repeated, same = repeated_rows(sample), True
    if not repeated.any() and plan.row is not None:
        repeated, same = sample.raw[plan.row].duplicated().to_numpy(), False
    if not repeated.any():
        return
    count, without = int(repeated.sum()), _word_without(question, np.flatnonzero(repeated))
    what = "" if same else f' of the same "{printable(plan.row)}"'
    reason = (
        f"Without the repeated rows{what} ({said_count(count)}) the word of the plain fit is"
        f" {without or 'not known'}; with them it is {word}."
    )
    passed = None if without is None else without == word
    check = question.check(
        "without_repeats", passed, reason, count_or_none(count), assessed=passed is not None
    )
    yield replace(check, undecides=same and passed is False)


def _without_odd_rows(question: Question, word: Word) -> Iterator[Check]:
    """Yield whether the word is the same without rows that stand apart or are totals."""
    odd = odd_rows(question)
    if not odd.any():
        return
    sample, name = question.sample, "without_odd_rows"
    rest = question.of(replace(sample, frame=sample.frame[~odd]))
    where = rows_text(sample, np.flatnonzero(odd))
    try:
        without = rest.word_of_fit(rest.fit)
        span = span_of(rest, rest.fit)
    except (DesignError, np.linalg.LinAlgError):
        reason = f"Without {where} the equation cannot be estimated."
        yield question.check(name, None, reason, assessed=False)
        return
    reason = (
        f"Without {where}, which stand apart from all others or hold a total, the word of the plain"
        f" fit is {without} ({100 * question.level:g} % CI {span}, n = {rest.sample.rows:,}); with"
        f" them it is {word}."
    )
    check = question.check(name, without == word, reason, count_or_none(odd.sum()))
    yield replace(check, undecides=without != word)


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
    passed = None if kept is None else kept == word
    yield question.check("entities_kept", passed, reason, assessed=kept is not None)
