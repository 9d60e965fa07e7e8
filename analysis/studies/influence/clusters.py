"""How many clusters there are in effect: a few large ones, or a few in which the score varies,
count for less.
"""

from __future__ import annotations

from collections.abc import Iterable

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.design import build_design
from analysis.models.wild import effective_clusters
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question

FEW = 6.0
"""Below this the number of clusters says too much about how sure one is."""


def study_clusters(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the check of the effective number of clusters for the score's coefficient; nothing
    without clusters.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    if sample.plan.cluster is None:
        return StudyResult()
    design = build_design(sample, outcome.column, (score,))
    model = "ols" if outcome.deciding_model == "hurdle" else outcome.deciding_model
    try:
        apart, together = effective_clusters(fit_model(design, model, "HC0"), score)
    except DesignError:
        return StudyResult()
    reason = (
        f"{design.n_clusters:,} clusters carry {score} like {apart:.1f} of equal weight if the"
        f" errors within a cluster are independent, and like {together:.1f} if they are one common"
        " shock."
    )
    passed = min(apart, together) >= FEW
    if not passed:
        reason += (
            " So few in effect make CRV1 too sure of itself: CRV3 or the wild bootstrap are safer."
        )
    return StudyResult(
        checks=(
            Check(
                sample.plan.name,
                "effective_clusters",
                passed,
                reason,
                together,
                outcome.column,
                score,
            ),
        )
    )
