"""Several engagement columns that measure one thing: alpha and omega, printed with the reason why they flatter.

They correct nothing. Agreement within one period says how well the *mean of the standardised columns* measures what
the columns share in that period. In the model each column stays as declared, and were each one's own part taken as
error, what is left would be one and the same column several times: no correction could tell them apart. To correct,
put the mean into the data as one column and state a range for its reliability, of which omega is the upper end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from analysis.design import recorded
from analysis.estimates import Check, Estimate, Found
from analysis.halves import source_of
from analysis.methods.reliability import internal_consistency
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection


def study_indicators(sample: Sample, outcome: OutcomeSection, score: str, estimates: Iterable[Estimate]) -> Found:
    """Return alpha, and from three columns on omega, of each group of indicators, and which file gave the halves.

    Both are about the whole plan, and returned once.

    Parameters
    ----------
    sample : Sample
    outcome : OutcomeSection
    score : str
        Nothing here is about either; rows come with the plan's first ones.
    estimates : iterable of Estimate
        Not used.
    """
    plan = sample.plan
    first = outcome.column == plan.outcome[0].column and score == plan.score.columns[0]
    groups = plan.engagement.indicators if first else ()
    rows = []
    for group in groups:
        rows.append(_row(sample, group, "alpha"))
        if len(group) >= 3:
            rows.append(_row(sample, group, "omega"))
    return Found(tuple(rows), _long_file(sample) if first else ())


def _long_file(sample: Sample) -> tuple[Check, ...]:
    """Return a check that says which bytes the halves were built from, or none."""
    plan = sample.plan
    if plan.engagement.long is None:
        return ()
    return (Check(plan.name, "long_file", True, f"They are {source_of(plan)}."),)


def _row(sample: Sample, group: tuple[str, ...], how: Literal["alpha", "omega"]) -> Estimate:
    plan = sample.plan
    clusters = pd.factorize(sample.frame[plan.cluster.column])[0] if plan.cluster else None
    columns = np.column_stack([_column(sample, name) for name in group])
    found = internal_consistency(
        columns, how=how, clusters=clusters, level=plan.inference.level, replicates=plan.inference.bootstrap,
        rng=np.random.default_rng(plan.inference.seed),
    )  # fmt: skip
    return Estimate(
        plan.name, "", "", "reliability", how, f"reliability:{'+'.join(group)}", n=sample.rows,
        clusters=None if clusters is None else int(clusters.max()) + 1, estimate=found.value,
        bounds=(found.low, found.high), note=f"Of the mean of the standardised columns. {found.note}",
    )  # fmt: skip


def _column(sample: Sample, name: str) -> np.ndarray:
    how = sample.plan.engagement.transform_of(name)
    return recorded(sample, name, "identity" if how == "spline" else how)
