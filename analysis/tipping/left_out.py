"""What turns the word if some of the rows were not there: the fewest, a cluster, a segment."""

from __future__ import annotations

import numpy as np

from analysis.data.disclosure import count_or_none, said_count
from analysis.results.rule import Fragility, Phrase
from analysis.results.tipping_point import TippingPoint, said
from analysis.studies.influence.few_rows import MOST_LEFT_OUT
from analysis.studies.influence.study import fewest_rows
from analysis.tipping.search import MOST_OF_IT
from analysis.tipping.standing import Standing

WHAT = {"rows": "Share of the rows", "cluster": "One cluster", "segment": "One segment"}
"""How the table calls each."""


def of_rows(standing: Standing, found: Fragility) -> TippingPoint:
    """Return the smallest share of the rows that was found to turn the word."""
    question, change, n = standing.question, "rows", standing.question.design.n
    fragile = found.word is not None
    if fragile:
        return _point(standing, change, np.flatnonzero(~found.stays), fragile)
    if question.family.resampled_as:
        why = "no more than a few rows were left out of this model, which changed nothing"
        return standing.not_assessed(change, WHAT[change], why, fragile=fragile)
    word = question.word_of_fit(question.fit)
    left = fewest_rows(question, word, int(MOST_LEFT_OUT * n))
    if left is None:
        why = "leaving out up to half of the rows, the most influential first, does not turn it"
        return standing.nothing(change, WHAT[change], why, fragile=fragile)
    several = _fewest(standing, left.rows)
    if several is None:
        why = (
            f"leaving out the {len(left.rows):,} of {n:,} rows without which the plain fit says"
            " another word does not turn it"
        )
        return standing.nothing(change, WHAT[change], why, fragile=fragile)
    count, phrase = several
    return _point(standing, change, left.rows[:count], fragile, phrase)


def _fewest(standing: Standing, order: np.ndarray) -> tuple[int, Phrase] | None:
    """Return how many rows of an order have to go before the whole rule says another word."""

    def turned(count: int, *, whole: bool = False) -> Phrase | None:
        gone = np.zeros(standing.question.design.n, dtype=bool)
        gone[order[:count]] = True
        return standing.turned(standing.without(gone), whole=whole)

    low, high = 0, len(order)
    phrase = turned(high)
    if phrase is None:
        return None
    while high - low > max(1, high // 20):
        middle = (low + high) // 2
        found = turned(middle)
        if found is None:
            low = middle
        else:
            high, phrase = middle, found
    while (sooner := turned(int(MOST_OF_IT * high), whole=True)) is not None:
        high, phrase = int(MOST_OF_IT * high), sooner
    return high, phrase


def of_part(standing: Standing, change: str, found: Fragility | None) -> TippingPoint:
    """Return whether leaving out one cluster, or one segment, turns the word."""
    if found is None:
        why = f"the plan names no [{change}]" if getattr(standing.plan, change) is None else "none"
        return standing.not_assessed(change, WHAT[change], why, fragile=False)
    if found.word is None:
        which = {
            "cluster": "leaving out either of the two clusters that move the effect most",
            "segment": "leaving out any one segment of at least 5 % of the rows",
        }[change]
        return standing.nothing(change, WHAT[change], f"{which} does not turn it")
    return _point(standing, change, np.flatnonzero(~found.stays), fragile=True)


def _point(
    standing: Standing,
    change: str,
    gone: np.ndarray,
    fragile: bool,
    phrase: Phrase | None = None,
) -> TippingPoint:
    """Return the record of rows whose absence turns the word."""
    n, count = standing.question.design.n, len(gone)
    if phrase is None:
        phrase = standing.phrase(standing.without(np.isin(np.arange(n), gone)))
    which = {
        "rows": f"{count:,} of {n:,} rows, those that move the effect most",
        "cluster": f"one cluster ({said_count(count)} rows)",
        "segment": f"one segment ({said_count(count)} rows)",
    }[change]
    becomes = phrase or ("inconclusive", None)
    start, stated = standing.rule.start, standing.plan.engagement.assumed
    more = start is not None and start > stated
    kept = f" and a reliability of {start:.3g} still assumed" if more else ""
    sentence = f"Without {which}{kept}, the word would be {said(becomes)}."
    labels = tuple(standing.question.sample.frame.index[gone])
    return standing.turns(
        change,
        WHAT[change],
        sentence,
        (None if count_or_none(count) is None and change != "rows" else count / n, becomes),
        unit="share",
        fragile=fragile,
        left_out=labels,
    )
