"""What the score is made of, and whether these rows can answer the question at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.design import Design
from analysis.errors import printable
from analysis.estimates import Check
from analysis.plan import Plan
from analysis.sample import Sample

MOST_EXPLAINED = 0.99
"""Above this R2 of the score on engagement and controls, the score is all but engagement."""

LEAST_LEFT = 10.0
"""Below this n (1 - R2), too few rows' worth of the score is left."""

SAME_THING = 0.99
"""Above this squared correlation the outcome counts as computed from the score or from one engagement column."""

SAME_SUM = 0.9999
"""The same for all of them together, which may honestly explain more."""


def check_rows(sample: Sample) -> list[Check]:
    """Checks that do not depend on a score: repeated rows, and outcomes that were filled in."""
    filled = [
        Check(sample.plan.name, "filled", None, f"{count:,} missing values of {column} were counted as zero.",
              float(count), column)
        for column, count in sample.filled.items() if count
    ]  # fmt: skip
    drawn = [Check(sample.plan.name, "rows_drawn", None, f"From {sample.note}.")] if sample.note else []
    return [*_reading(sample), _duplicates(sample), *filled, *drawn]


def _reading(sample: Sample) -> list[Check]:
    """How the file was read, where something had to be stated or detected, or cells were converted."""
    if not sample.dataset.notes:
        return []
    return [Check(sample.plan.name, "reading", True, f"Read as: {'; '.join(sample.dataset.notes)}.")]


def _duplicates(sample: Sample) -> Check:
    """Whether rows repeat."""
    plan = sample.plan
    if plan.row is not None:
        repeated = sum(count for reason, count in sample.exclusions.items() if reason.startswith("repeated "))
        how = {"refuse": "none was found", "first": f"{repeated} later rows were left out", "keep": "repeats were kept"}
        reason = f'Rows are identified by "{printable(plan.row)}"; {how[plan.duplicates]}.'
        passed = None if plan.duplicates == "keep" else True
        return Check(plan.name, "duplicates", passed, reason, float(repeated))
    if sample.whole:
        reason = "The plan names no column that identifies a row; beyond memory, equal rows are not counted."
        return Check(plan.name, "duplicates", None, reason)
    count = sample.identical_rows
    found = (
        f"{count:,} rows repeat an earlier one in every column" if count else "no row repeats another in every column"
    )
    reason = f"The plan names no column that identifies a row; {found}, and all were kept."
    return Check(plan.name, "duplicates", count == 0, reason, float(count))


def check_overlap(sample: Sample, design: Design, outcome: str, score: str) -> list[Check]:
    """Checks of one score against one outcome, those that can refuse among them."""
    checks = [_reconstructability(sample, design, outcome, score), outcome_from_rows(sample, design, outcome, score)]
    return [*checks, _clusters(sample, design, outcome, score)] if design.clusters is not None else checks


def squared_correlation(target: np.ndarray, columns: np.ndarray) -> float:
    """Return the R2 of `target`, shape (n,), on an intercept and `columns`, shape (n, q)."""
    centred = target - target.mean()
    if not centred.any():
        return 0.0
    centred /= np.abs(centred).max()
    x = columns - columns.mean(axis=0)
    scale = np.sqrt((x**2).sum(axis=0))
    x = x[:, scale > 0] / scale[scale > 0]
    residual = centred - x @ np.linalg.lstsq(x, centred, rcond=None)[0]
    return float(1 - residual @ residual / (centred @ centred))


def _reconstructability(sample: Sample, design: Design, outcome: str, score: str) -> Check:
    """How much of the score engagement and the controls explain."""
    target = design.block("score")[:, 0]
    alone = squared_correlation(target, design.block("engagement"))
    held = squared_correlation(target, design.block("engagement", "control"))
    return reconstructability(sample.plan, outcome, score, design.n, alone, held)


def reconstructability(plan: Plan, outcome: str, score: str, rows: int, alone: float, held: float) -> Check:
    """Return the check of the two shares of a score that engagement, and engagement and controls, explain."""
    left = rows * (1 - held)
    reason = (
        f"Engagement explains {100 * alone:.1f} % of {score}, engagement and controls {100 * held:.1f} %: "
        f"what is left of it is worth {left:,.0f} of {rows:,} rows."
    )
    passed = held <= MOST_EXPLAINED and left >= LEAST_LEFT
    if not passed:
        whole = "engagement" if alone > MOST_EXPLAINED or not plan.controls.columns else "engagement and controls"
        reason += f" The score is all but {whole}, so these rows cannot tell the two apart."
    return Check(plan.name, "reconstructability", passed, reason, held, outcome, score, refuses=True)


def outcome_from_rows(sample: Sample, design: Design, outcome: str, score: str) -> Check:
    """Whether the outcome is (nearly) a function of the score, of one engagement column, or of all of them."""
    binary = sample.plan.outcomes[outcome].kind == "binary"
    forms = {"as it is": design.response} if binary else dict(_forms(design.response))
    sources = {column: dict(_forms(sample.numbers(column))) for column in (score, *sample.plan.engagement.columns)}
    alone = [
        (_without_extremes(response, column[:, None]), source, how)
        for source, columns in sources.items() for column in columns.values() for how, response in forms.items()
    ]  # fmt: skip
    everything = np.column_stack([column for columns in sources.values() for column in columns.values()])
    together = max((_without_extremes(response, everything), how) for how, response in forms.items())
    return outcome_from(sample.plan, outcome, score, max(alone), together)


def outcome_from(
    plan: Plan, outcome: str, score: str, alone: tuple[float, str, str], together: tuple[float, str] = (0.0, "")
) -> Check:
    """Return the check of how much of the outcome one column explains, and how much all of them do."""
    largest, source, form = alone
    passed = largest <= SAME_THING and together[0] <= SAME_SUM
    if largest <= SAME_THING < SAME_SUM < together[0]:
        largest, form, source = *together, "the score and engagement together"
    reason = f"The closest, {source}, explains {100 * largest:.1f} % of {outcome} ({form})."
    if not passed:
        reason += f" {outcome} looks computed from {source}, so finding one in the other says nothing."
    return Check(plan.name, "outcome_from", passed, reason, largest, outcome, score, refuses=True)


def _forms(values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a column as it is and, where it can be, on the log scale; nothing for a constant."""
    if np.ptp(values) > 0:
        yield "as it is", values
        if values.min() >= 0:
            yield "on the log scale", np.log(values) if values.min() > 0 else np.log1p(values)


def _without_extremes(response: np.ndarray, columns: np.ndarray) -> float:
    """Return the R2 that a few extreme rows cannot make: the smaller of those with and without them."""
    count = max(2, -(-len(response) // 1000))
    table = np.column_stack([response, columns])
    distance = np.abs(table - np.median(table, axis=0))
    extreme = np.unique(np.argsort(distance, axis=0)[-count:])
    rest = np.delete(np.arange(len(response)), extreme)
    if np.ptp(response[rest]) == 0:
        return 0.0
    return min(squared_correlation(response, columns), squared_correlation(response[rest], columns[rest]))


def _clusters(sample: Sample, design: Design, outcome: str, score: str) -> Check:
    """How many clusters carry the inference, and whether one dominates."""
    sizes = np.bincount(design.clusters)
    return clusters_check(sample.plan, outcome, score, len(sizes), int(sizes.min()), int(sizes.max()), design.n)


def clusters_check(plan: Plan, outcome: str, score: str, groups: int, smallest: int, largest: int, rows: int) -> Check:
    """Return the check of the number of clusters and their sizes."""
    reason = f"{groups:,} clusters of {smallest:,} to {largest:,} rows; the largest holds {100 * largest / rows:.1f} %."
    used = plan.inference.covariance in (None, "CRV1", "CRV3")
    few = used and groups < 6
    if not used:
        reason += f" The plan asks for {plan.inference.covariance}, which does not use them."
    if few:
        reason += " Fewer than six clusters cannot carry an interval."
    return Check(plan.name, "clusters", not few, reason, float(groups), outcome, score, refuses=True)
