"""Columns: how their values lie, heaped, far off or zero."""

from __future__ import annotations

import numpy as np

from analysis.data.disclosure import few
from analysis.data.names import COUNTS, ENGAGEMENT, match
from analysis.errors import listing, printable
from analysis.results.estimates import Check
from analysis.results.question import Question
from analysis.studies.odd_rows import check_isolated

FEW_VALUES = 20
"""An outcome of so few different values in this many times as many rows was put into classes."""

ROUND = (1000, 100, 10)
FEWEST_ZEROS = 10
"""Fewer zeros say nothing about where they come from."""

NEARLY_ALL = 0.9
"""Share of the rows without any count that have one score, from which on it may be a default."""

COARSE = 0.05
"""Rounding to less than this share of the median is of no consequence."""


def check_values(question: Question) -> list[Check]:
    """Return the checks of how values lie."""
    return [
        _heaping(question),
        _positive(question),
        _structural_zeros(question),
        check_isolated(question),
        *_default_score(question),
    ]


def _heaping(question: Question) -> Check:
    """Return the check of values that many rows share, and of rounded or binned numbers."""
    limits, score, outcome = question.plan.overlap, question.score, question.outcome
    heaps: dict[str, float] = {}
    engagement = question.plan.engagement.columns
    for column in (score, outcome.column, *engagement):
        kind = outcome.kind if column == outcome.column else "count" * (column in engagement)
        values = question.sample.numbers(column)
        if kind == "binary" or (column in engagement and len(np.unique(values)) < 3):
            continue
        levels, counts = np.unique(values, return_counts=True)
        at, share = float(levels[counts.argmax()]), float(counts.max() / len(values))
        usual = (kind and at == 0) or (
            kind == "count" and at < levels[-1]
        )  # small counts are shared by many rows
        if share > limits.common_value and not usual:
            ends = {levels[0]: ", its lowest value", levels[-1]: ", its highest value: a ceiling"}
            heaps[f"{100 * share:.0f} % of the rows have {column} = {at:g}{ends.get(at, '')}"] = (
                share
            )
        if not kind:
            continue
        base, rounded = _round_numbers(values)
        if rounded > limits.heaped:
            heaps[
                f"{100 * rounded:.0f} % of the values of {column} from {base:g} on are multiples of"
                f" {base:g}"
            ] = rounded
        if len(levels) <= FEW_VALUES and len(values) >= 10 * FEW_VALUES and _is_binned(levels):
            heaps[
                f"{column} has {len(levels)} different values only, so it was put into classes"
            ] = 1.0
    reason = "; ".join(heaps) or (
        f"None of {listing([score, outcome.column, *engagement])} is heaped on a value or on"
        " round ones"
    )
    return question.check(
        "heaping", not heaps, f"{reason[0].upper()}{reason[1:]}.", max(heaps.values(), default=0.0)
    )


def _round_numbers(values: np.ndarray) -> tuple[float, float]:
    """Return the round base most in use among large whole numbers, and its multiples' share."""
    best = (10.0, 0.0)
    for base in ROUND:
        large = values[values >= base]
        if (
            len(large) < 50
            or (large == np.floor(large)).mean() < 0.9
            or base < COARSE * np.median(large)
            or np.ptp(large) < 10 * base
        ):
            continue
        share = float((large % base == 0).mean())
        if share > 0.5:
            return float(base), share
        if share > best[1]:
            best = (float(base), share)
    return best


def _is_binned(levels: np.ndarray) -> bool:
    """Return whether the few values span orders of magnitude or leave gaps, unlike small counts."""
    positive = levels[levels > 0]
    return len(positive) > 2 and positive.max() / positive.min() > 10 * len(positive)


def _default_score(question: Question) -> list[Check]:
    """Return the check that a score is no default where what it rests on was never counted; none
    where no column counts, or none is zero.

    A failure is a value that nearly all rows have in which a count is zero, and few others.
    """
    sample, score = question.sample, question.sample.numbers(question.score)
    counts = {name: sample.numbers(name) for name in question.plan.engagement.columns}
    for name in () if sample.raw is None else map(str, sample.raw.columns):
        if name not in counts and match(name, COUNTS | ENGAGEMENT):
            values = sample.measured(name)
            counts |= {} if values is None else {name: values}
    counts.pop(question.score, None)
    looked = []
    for name, values in counts.items():
        none = values == 0
        if min(none.sum(), (~none).sum()) < FEWEST_ZEROS or np.nanmin(values) < 0:
            continue
        looked.append(name)
        levels, times = np.unique(score[none], return_counts=True)
        value, share = levels[times.argmax()], float(times.max() / none.sum())
        others = float((score[~none] == value).mean())
        if share >= NEARLY_ALL and others < share / 2:
            column = printable(name)
            reason = (
                f"{100 * share:.0f} % of the rows with {column} = 0 have {question.score} ="
                f" {value:g}, and {100 * others:.0f} % of the others: a default where there was"
                " nothing to score? If so, leave such rows out: [[keep]] with"
                f' column = "{column}" and min = 1.'
            )
            return [question.check("default_score", False, reason, share)]
    if not looked:
        return []
    reason = f"{question.score} has no value of its own where {listing(looked)} is zero."
    return [question.check("default_score", True, reason)]


def _positive(question: Question) -> Check:
    """Return the check of zeros where a logarithm or a root is taken."""
    plan, numbers = question.plan, question.sample.numbers
    transforms = {question.score: plan.score.transform_of(question.score)}
    transforms |= {
        column: plan.engagement.transform_of(column) for column in plan.engagement.columns
    }
    if question.outcome.variants:
        transforms[question.outcome.column] = "log1p"
    shares = {
        column: float((numbers(column) == 0).mean())
        for column, how in transforms.items()
        if how in ("log1p", "sqrt")
    }
    if not shares:
        return question.check("positive", None, "No logarithm or root is taken of a column.")
    small = [name for name in shares if transforms[name] == "log1p" and 0 < numbers(name).max() < 1]
    worst = max(shares, key=shares.get)
    many = shares[worst] > plan.overlap.zeros
    zero = int((numbers(worst) == 0).sum())
    how_many = "fewer than 5 values" if few(zero) else f"{100 * shares[worst]:.1f} %"
    reason = (
        f"No value is negative where a logarithm or root is taken; {how_many} of {worst} are zero."
    )
    if many:
        reason += " So many zeros make its transform one of being there at all."
    if small:
        reason += (
            f" {printable(small[0])} lies below 1 throughout, where log(1 + x) is hardly a"
            " logarithm."
        )
    return question.check(
        "positive", not many and not small, reason, None if few(zero) else shares[worst]
    )


def _structural_zeros(question: Question) -> Check:
    """Return the check of levels of other columns in which the outcome is always zero."""
    outcome, raw = question.outcome.column, question.sample.raw
    zero, binary = question.sample.numbers(outcome) == 0, question.outcome.kind == "binary"
    if binary or not zero.any():
        reason = f"{outcome} has no zeros that another column could explain."
        return question.check("structural_zeros", None if binary else True, reason)
    if raw is None or zero.sum() < FEWEST_ZEROS:
        why = "other columns are not at hand" if raw is None else "too few zeros to tell"
        return question.check("structural_zeros", None, f"Not looked at: {why}.", assessed=False)
    for name in raw.columns:
        values = raw[name]
        if str(name) == outcome or not 2 <= values.nunique(dropna=True) <= 10:
            continue
        for level, rows in values.groupby(values, observed=True).indices.items():
            rate = np.delete(zero, rows).mean()
            if len(rows) >= 20 and zero[rows].all() and rate ** len(rows) < 1e-6:
                reason = (
                    f"{outcome} is zero in all {len(rows):,} rows with {printable(name)} ="
                    f" {printable(level)}, and in {100 * rate:.0f} % of the others: there it could"
                    " not be anything else. Such rows belong into a [[keep]], or the question is"
                    " another one."
                )
                return question.check("structural_zeros", False, reason, float(len(rows)))
    reason = f"No level of another column makes {outcome} zero in all its rows."
    return question.check("structural_zeros", True, reason, 0.0)
