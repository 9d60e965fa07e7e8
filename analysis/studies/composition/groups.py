"""Whether the clusters can carry the inference: their number, their sizes, and what varies within
them.
"""

from __future__ import annotations

import numpy as np

from analysis.data.sample import Sample
from analysis.models.covariance import CLUSTERED
from analysis.models.design import Design
from analysis.plan import Plan
from analysis.results.estimates import Check

LEAST_CLUSTERS = 6


def check_clusters(sample: Sample, design: Design, outcome: str, score: str) -> list[Check]:
    """Return the checks of a plan's clusters; none without them."""
    if design.clusters is None:
        return []
    sizes = np.bincount(design.clusters)
    found = clusters_check(
        sample.plan,
        outcome,
        score,
        len(sizes),
        int(sizes.min()),
        int(sizes.max()),
        design.n,
        int((sizes == 1).sum()),
    )
    return [found, _within(sample, design, outcome, score, sizes)]


def clusters_check(
    plan: Plan,
    outcome: str,
    score: str,
    groups: int,
    smallest: int,
    largest: int,
    rows: int,
    singletons: int = 0,
) -> Check:
    """Return the check of the number of clusters and their sizes."""
    reason = (
        f"{groups:,} clusters of {smallest:,} to {largest:,} rows; the largest holds"
        f" {100 * largest / rows:.1f} %."
    )
    used = plan.inference.covariance in (None, "wild", *CLUSTERED)
    few = used and groups < LEAST_CLUSTERS
    if singletons:
        reason += f" {singletons:,} of them have one row."
    if not used:
        reason += f" The plan asks for {plan.inference.covariance}, which does not use them."
    if few:
        reason += " Fewer than six clusters cannot carry an interval."
        return Check(
            plan.name, "clusters", False, reason, float(groups), outcome, score, refuses=True
        )
    dominant = used and largest / rows > plan.overlap.dominant_cluster
    if dominant:
        reason += (
            " One cluster dominates: intervals that lean on the number of clusters are too narrow."
        )
    return Check(plan.name, "clusters", not dominant, reason, float(groups), outcome, score)


def _within(sample: Sample, design: Design, outcome: str, score: str, sizes: np.ndarray) -> Check:
    """Whether the score varies within clusters, or only between them."""
    values = design.block("score")[:, 0]
    mean = np.bincount(design.clusters, values) / sizes
    within = float(
        ((values - mean[design.clusters]) ** 2).sum() / ((values - values.mean()) ** 2).sum()
    )
    constant = within < 1e-12
    reason = f"{100 * within:.1f} % of the variance of {score} lies within clusters."
    if constant:
        reason = (
            f"{score} is the same in all rows of a cluster: {len(sizes):,} clusters, and not"
            f" {design.n:,} rows, say what it is worth."
        )
    return Check(
        sample.plan.name,
        "within_clusters",
        None if constant else True,
        reason,
        within,
        outcome,
        score,
    )
