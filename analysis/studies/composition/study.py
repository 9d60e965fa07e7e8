"""Composition: what score and outcome are made of, and whether these rows can answer at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.data.disclosure import FEWEST, few, said_count
from analysis.models import FEWEST_CLUSTERS
from analysis.models.covariance import CLUSTERED
from analysis.results.estimates import Check
from analysis.results.question import Question
from analysis.studies.composition.columns import check_values
from analysis.studies.composition.outcome import Relations
from analysis.studies.composition.rows import check_selection
from analysis.studies.composition.shares import HIDDEN, r_squared, robust_share
from analysis.studies.composition.source import check_source


def check_overlap(question: Question) -> list[Check]:
    """Return the checks of one score against one outcome, those that can refuse among them.

    What the score is made of is the same for every outcome, and said with the first one.
    """
    relations = Relations(question)
    design = question.design
    target, block = design.block("score")[:, 0], design.block
    alone, held = (
        r_squared(target, block(*blocks)) for blocks in (["engagement"], ["engagement", "control"])
    )
    if design.levels is not None:  # the share with the levels themselves
        plain = design.levels.before
        score = plain.block("score")[:, 0]
        alone = r_squared(score, plain.block("engagement"))
        held = 1 - (1 - held) * float(target.var() / score.var())
    all_but_few = robust_share(target, block("engagement", "control"))
    return [
        reconstructability(question, alone, held, all_but_few),
        relations.outcome_from(),
        relations.bad_control(),
        *(check_source(question, held) if question.outcome == question.plan.outcome[0] else ()),
        timing_check(question),
        check_selection(question),
        *check_values(question),
        *_clusters(question),
    ]


# --- the score and engagement ---------------------------------------------------------------------


def reconstructability(
    question: Question, alone: float, held: float, all_but_few: float = 0.0
) -> Check:
    """Return the check of the score's R2 on engagement, and on engagement and controls.

    Parameters
    ----------
    question : Question
    alone, held : float
        Its R2 on engagement, and on engagement and controls.
    all_but_few : float
        The latter in all rows but a few odd ones, which could hide that the score is engagement.
    """
    limits, rows, score = question.plan.overlap, question.sample.rows, question.score
    left = rows * (1 - held)
    reason = (
        f"Engagement explains {100 * alone:.1f} % of {score}, engagement and controls"
        f" {100 * held:.1f} %: what is left of it is worth {left:,.0f} of {rows:,} rows."
    )
    passed = held <= limits.score_explained and left >= limits.rows_left
    if not passed:
        by_engagement = alone > limits.score_explained or not question.plan.controls.columns
        names = "engagement" if by_engagement else "engagement and controls"
        reason += f" The score is all but {names}, so these rows cannot tell the two apart."
    elif all_but_few > HIDDEN:
        passed = False
        reason += (
            f" Without a few odd rows it is {100 * all_but_few:.2f} %: the score is all but"
            " engagement and controls, and those rows alone would decide."
        )
    return replace(question.check("reconstructability", passed, reason, held), refuses=True)


# --- what came first ------------------------------------------------------------------------------


def timing_check(question: Question) -> Check:
    """Return the check whether the score came before the outcome, and which windows overlap."""
    timing = question.plan.timing
    if timing is None:
        return question.check(
            "timing",
            None,
            "The plan states no windows ([timing]), so what came first is not known.",
            assessed=False,
        )
    score, engagement, outcome = map(timing.window, ("score", "engagement", "outcome"))
    start = outcome[0]
    gap = (start - score[1]).days
    wrong = []
    if gap <= 0:
        wrong.append(f"the score was read on {score[1]}, when the outcome had begun ({start})")
    if engagement[1] >= start:
        wrong.append(
            f"engagement was counted until {engagement[1]}, into the outcome's window from {start}"
        )
    reason = (
        f"{'; '.join(wrong)}: what the outcome brought about can look like what foretold it."
        if wrong
        else f"The score was read {gap:,} days before the outcome began, and engagement was counted"
        " before it."
    )
    shared = max((min(score[1], engagement[1]) - max(score[0], engagement[0])).days + 1, 0)
    if score[0] != score[1] and shared:
        denied = question.plan.score.shares_error == "none"
        reason += (
            f" Score and engagement share {shared:,} days, so that noise of those days is in both"
            + ("; the plan says that it is not (shares_error)." if denied else ".")
        )
    elif score[0] != score[1]:
        reason += " Score and engagement share no day."
    return question.check("timing", not wrong, reason[0].upper() + reason[1:], float(gap))


# --- clusters -------------------------------------------------------------------------------------


def _clusters(question: Question) -> list[Check]:
    """Return the checks of a plan's clusters; none without them."""
    design = question.design
    if design.clusters is None:
        return []
    sizes = np.bincount(design.clusters)
    number = clusters_check(
        question, len(sizes), int(sizes.min()), int(sizes.max()), int((sizes < FEWEST).sum())
    )
    values = design.recorded[:, design.position(question.score)]
    mean = np.bincount(design.clusters, values) / sizes
    within = float(
        ((values - mean[design.clusters]) ** 2).sum() / ((values - values.mean()) ** 2).sum()
    )
    constant = within < 1e-12
    reason = f"{100 * within:.1f} % of the variance of {question.score} lies within clusters."
    if constant:
        reason = (
            f"{question.score} is the same in all rows of a cluster: {len(sizes):,} clusters, and"
            f" not {design.n:,} rows, say what it is worth."
        )
    return [number, question.check("within_clusters", None if constant else True, reason, within)]


def clusters_check(
    question: Question, groups: int, smallest: int, largest: int, small: int = 0
) -> Check:
    """Return the check of the number of clusters and their sizes."""
    covariance, share = question.plan.inference.covariance, largest / question.sample.rows
    sizes = f"{said_count(smallest)} to {largest:,} rows; the largest holds {100 * share:.1f} %."
    if few(largest):
        sizes = f"fewer than {FEWEST} rows each."
    reason = f"{groups:,} {'cluster' if groups == 1 else 'clusters'} of {sizes}"
    used = covariance in (None, "wild", *CLUSTERED)
    too_few = used and groups < FEWEST_CLUSTERS
    dominant = used and share > question.plan.overlap.dominant_cluster
    if small and not few(largest):
        some = "Some" if few(small) else f"{small:,}"
        reason += f" {some} of them have fewer than {FEWEST} rows."
    if not used:
        reason += f" The plan asks for {covariance}, which does not use them."
    if too_few:
        reason += " Fewer than six clusters cannot carry an interval."
    elif dominant:
        reason += (
            " One cluster dominates: intervals that lean on the number of clusters are too narrow."
        )
    return replace(
        question.check("clusters", not (too_few or dominant), reason, float(groups)),
        refuses=too_few,
    )
