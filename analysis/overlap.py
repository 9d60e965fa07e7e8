"""What the score is made of, and whether these rows can answer the question at all."""

from __future__ import annotations

import numpy as np

from analysis.design import Design
from analysis.errors import printable
from analysis.estimates import Check
from analysis.sample import Sample

MOST_EXPLAINED = 0.99
"""Above this R2 of the score on engagement and controls, the score is all but engagement."""

LEAST_LEFT = 10.0
"""Below this n (1 - R2), too few rows' worth of the score is left."""

SAME_THING = 0.99
"""Above this squared correlation the outcome counts as computed from the score or from engagement."""


def check_rows(sample: Sample) -> list[Check]:
    """Checks that do not depend on a score: repeated rows."""
    plan = sample.plan
    if plan.row is not None:
        repeated = sum(count for reason, count in sample.exclusions.items() if reason.startswith("repeated "))
        how = {"refuse": "none was found", "first": f"{repeated} later rows were left out", "keep": "repeats were kept"}
        reason = f'Rows are identified by "{printable(plan.row)}"; {how[plan.duplicates]}.'
        passed = None if plan.duplicates == "keep" else True
        return [Check(plan.name, "duplicates", passed, reason, float(repeated))]
    count = sample.identical_rows
    found = (
        f"{count:,} rows repeat an earlier one in every column" if count else "no row repeats another in every column"
    )
    reason = f"The plan names no column that identifies a row; {found}, and all were kept."
    return [Check(plan.name, "duplicates", count == 0, reason, float(count))]


def check_overlap(sample: Sample, design: Design, outcome: str, score: str) -> list[Check]:
    """Checks of one score against one outcome, those that can refuse among them."""
    checks = [_reconstructability(sample, design, outcome, score), _outcome_from(sample, design, outcome, score)]
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
    left = design.n * (1 - held)
    reason = (
        f"Engagement explains {100 * alone:.1f} % of {score}, engagement and controls {100 * held:.1f} %: "
        f"what is left of it is worth {left:,.0f} of {design.n:,} rows."
    )
    passed = held <= MOST_EXPLAINED and left >= LEAST_LEFT
    if not passed:
        reason += " The score is all but engagement, so these rows cannot tell the two apart."
    return Check(sample.plan.name, "reconstructability", passed, reason, held, outcome, score, refuses=True)


def _outcome_from(sample: Sample, design: Design, outcome: str, score: str) -> Check:
    """Whether the outcome is (nearly) a function of the score or of one engagement column."""
    response = design.response
    forms = {"as it is": response} | ({"on the log scale": np.log1p(response)} if response.min() >= 0 else {})
    sources = {score: sample.numbers(score)} | {c: sample.numbers(c) for c in sample.plan.engagement.columns}
    largest, source, form = max(
        (squared_correlation(values, column[:, None]), name, how)
        for name, raw in sources.items()
        for column in ([raw, np.log1p(raw)] if raw.min() >= 0 else [raw])
        if np.ptp(column) > 0
        for how, values in forms.items()
    )
    reason = f"The closest of them, {source}, explains {100 * largest:.1f} % of {outcome} ({form})."
    passed = largest <= SAME_THING
    if not passed:
        reason += f" {outcome} looks computed from {source}, so finding one in the other says nothing."
    return Check(sample.plan.name, "outcome_from", passed, reason, largest, outcome, score, refuses=True)


def _clusters(sample: Sample, design: Design, outcome: str, score: str) -> Check:
    """How many clusters carry the inference, and whether one dominates."""
    sizes = np.bincount(design.clusters)
    largest = sizes.max() / sizes.sum()
    reason = (
        f"{len(sizes):,} clusters of {sizes.min():,} to {sizes.max():,} rows; the largest holds {100 * largest:.1f} %."
    )
    few = len(sizes) < 6
    if few:
        reason += " Fewer than six clusters cannot carry an interval."
    return Check(sample.plan.name, "clusters", not few, reason, float(len(sizes)), outcome, score, refuses=True)
