"""What the score is made of, and whether these rows can answer the question at all."""

from __future__ import annotations

from analysis.data.sample import Sample
from analysis.models.design import Design
from analysis.results.estimates import Check
from analysis.studies.composition.composition import (
    check_composition,
    outcome_from_rows,
    reconstructability,
)
from analysis.studies.composition.groups import check_clusters, clusters_check
from analysis.studies.composition.makeup import check_makeup
from analysis.studies.composition.order import check_timing
from analysis.studies.composition.rows import check_rows
from analysis.studies.composition.selection import check_selection
from analysis.studies.composition.values import check_values


def check_overlap(sample: Sample, design: Design, outcome: str, score: str) -> list[Check]:
    """Return the checks of one score against one outcome, those that can refuse among them.

    What the score is made of is the same for every outcome, and said with the first one.
    """
    first = outcome == sample.plan.outcome[0].column
    return [
        *check_composition(sample, design, outcome, score),
        *(check_makeup(sample, design, score) if first else ()),
        check_timing(sample.plan, outcome, score),
        check_selection(sample, design, outcome, score),
        *check_values(sample, outcome, score),
        *check_clusters(sample, design, outcome, score),
    ]


__all__ = [
    "check_overlap",
    "check_rows",
    "clusters_check",
    "outcome_from_rows",
    "reconstructability",
]
