"""How the values of outcome, score and engagement lie: heaped, at a ceiling, far off, or zero by
construction.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.disclosure import few, shown_count
from analysis.data.sample import Sample
from analysis.errors import printable
from analysis.results.estimates import Check

FEW_VALUES = 20
"""An outcome of so few different values in this many times as many rows was put into classes."""

ROUND = (1000, 100, 10)
COARSE = 0.05
"""Rounding to less than this share of the median is of no consequence."""

FAR = 0.25
"""A gap of this share of the middle 98 % sets the rows beyond it apart."""


def check_values(sample: Sample, outcome: str, score: str) -> list[Check]:
    """Return the checks of how values lie."""
    return [
        _heaping(sample, outcome, score),
        _positive(sample, outcome, score),
        _structure(sample, outcome, score),
        _isolated(sample, outcome, score),
    ]


def _heaping(sample: Sample, outcome: str, score: str) -> Check:
    """Whether many rows share one value or one end of the scale, and whether numbers were rounded
    or put in classes.
    """
    plan = sample.plan
    found: list[str] = []
    largest = 0.0
    for column in (score, outcome):
        values = sample.numbers(column)
        kind = plan.outcomes[outcome].kind if column == outcome else ""
        if kind == "binary":
            continue
        levels, counts = np.unique(values, return_counts=True)
        at, share = float(levels[counts.argmax()]), float(counts.max() / len(values))
        usual = (kind and at == 0) or (
            kind == "count" and at < levels[-1]
        )  # small counts are shared by many rows
        if share > plan.overlap.common_value and not usual:
            end = {
                levels[0]: ", its lowest value",
                levels[-1]: ", its highest value: a ceiling",
            }.get(at, "")
            found.append(f"{100 * share:.0f} % of the rows have {column} = {at:g}{end}")
            largest = max(largest, share)
        if column == outcome:
            base, rounded = _heaped(values)
            if rounded > plan.overlap.heaped:
                found.append(
                    f"{100 * rounded:.0f} % of the values of {column} from {base:g} on are"
                    f" multiples of {base:g}"
                )
                largest = max(largest, rounded)
            if len(levels) <= FEW_VALUES and len(values) >= 10 * FEW_VALUES and _is_binned(levels):
                found.append(
                    f"{column} has {len(levels)} different values only, so it was put into classes"
                )
                largest = max(largest, 1.0)
    reason = (
        f"{'; '.join(found)}."
        if found
        else f"Neither {score} nor {outcome} is heaped on a value or on round ones."
    )
    return Check(
        plan.name, "heaping", not found, reason[0].upper() + reason[1:], largest, outcome, score
    )


def _heaped(values: np.ndarray) -> tuple[float, float]:
    """Return the round base that most exceeds chance among whole numbers from it on, and the share
    of its multiples.
    """
    positive = values[values > 0]
    best = (10.0, 0.0)
    for base in ROUND:
        large = positive[positive >= base]
        whole = large == np.floor(large)
        if (
            len(large) < 50
            or whole.mean() < 0.9
            or base < COARSE * np.median(large)
            or np.ptp(large) < 10 * base
        ):
            continue
        share = float((large % base == 0).mean())
        if share > best[1] or (share > 0.5 and base > best[0]):
            best = (float(base), share)
            if share > 0.5:
                break
    return best


def _is_binned(levels: np.ndarray) -> bool:
    """Return whether the few values span orders of magnitude or leave gaps, unlike small counts."""
    positive = levels[levels > 0]
    return len(positive) > 2 and positive.max() / positive.min() > 10 * len(positive)


def _positive(sample: Sample, outcome: str, score: str) -> Check:
    """How many zeros stand where a logarithm or a root is taken; negative values there are refused
    in the data.
    """
    plan = sample.plan
    bent = {score: plan.score.transform_of(score)}
    bent |= {column: plan.engagement.transform_of(column) for column in plan.engagement.columns}
    bent = {column: how for column, how in bent.items() if how in ("log1p", "sqrt")}
    shares = {column: float((sample.numbers(column) == 0).mean()) for column in bent}
    if plan.outcomes[outcome].variants:
        bent[outcome], shares[outcome] = "log1p", float((sample.numbers(outcome) == 0).mean())
    small = [
        column
        for column, how in bent.items()
        if how == "log1p" and 0 < sample.numbers(column).max() < 1
    ]
    if not bent:
        reason = "No logarithm or root is taken of a column."
        return Check(plan.name, "positive", None, reason, None, outcome, score)
    worst = max(shares, key=lambda column: shares[column])
    many = shares[worst] > plan.overlap.zeros
    reason = (
        f"No value is negative where a logarithm or root is taken; {100 * shares[worst]:.1f} % of"
        f" {worst} are zero."
    )
    if many:
        reason += " So many zeros make its transform one of being there at all."
    if small:
        reason += (
            f" {printable(small[0])} lies below 1 throughout, where log(1 + x) is hardly a"
            " logarithm."
        )
    return Check(
        plan.name, "positive", not many and not small, reason, shares[worst], outcome, score
    )


def _structure(sample: Sample, outcome: str, score: str) -> Check:
    """Whether the outcome is zero in all rows of some level of another column: it could not be
    anything else there.
    """
    plan, raw = sample.plan, sample.raw
    zero = sample.numbers(outcome) == 0
    kind = plan.outcomes[outcome].kind
    if kind == "binary" or zero.sum() < 10:
        reason = f"{outcome} has no zeros that another column could explain."
        return Check(
            plan.name,
            "structural_zeros",
            None if kind == "binary" else True,
            reason,
            None,
            outcome,
            score,
        )
    for name in () if raw is None else raw.columns:
        values = raw[name]
        if str(name) == outcome or not 2 <= values.nunique(dropna=True) <= 10:
            continue
        for level, rows in values.groupby(values, observed=True).indices.items():
            others = np.delete(zero, rows)
            if len(rows) >= 20 and zero[rows].all() and others.mean() ** len(rows) < 1e-6:
                reason = (
                    f"{outcome} is zero in all {len(rows):,} rows with {printable(name)} ="
                    f" {printable(level)}, and in {100 * others.mean():.0f} % of the others: there"
                    " it could not be anything else. Such rows belong into a [[keep]], or the"
                    " question is another one."
                )
                return Check(
                    plan.name, "structural_zeros", False, reason, float(len(rows)), outcome, score
                )
    reason = f"No level of another column makes {outcome} zero in all its rows."
    return Check(plan.name, "structural_zeros", True, reason, 0.0, outcome, score)


def _isolated(sample: Sample, outcome: str, score: str) -> Check:
    """Whether a few low values stand apart from all others, as typing errors and other units do."""
    plan = sample.plan
    columns = [score, *plan.engagement.columns, *plan.controls.columns, outcome]
    found = []
    for column in columns:
        if column in sample.frame and not pd.api.types.is_float_dtype(sample.frame[column]):
            continue
        values = np.sort(sample.numbers(column))
        most = max(2, len(values) // 100)
        if len(values) < 200 or len(np.unique(values)) < 50:
            continue
        middle = np.quantile(values, 0.99) - np.quantile(values, 0.01)
        steps = np.diff(values[: most + 1])
        at = int(steps.argmax())
        if middle > 0 and steps[at] > FAR * middle and values[at] != 0:
            far = f"up to {values[at]:g}; the next one is {values[at + 1]:g}"
            far = (
                "far below all others" if few(at + 1) else far
            )  # a value of so few could be a person's
            found.append(f"{shown_count(at + 1)} rows with {printable(column)} {far}")
    reason = (
        f"{'; '.join(found)}: errors or another unit?"
        if found
        else "No few low values stand apart from the rest."
    )
    return Check(plan.name, "isolated", not found, reason, float(len(found)), outcome, score)
