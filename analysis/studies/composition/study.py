"""Composition: what score and outcome are made of, and whether these rows can answer at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from analysis.models import FEWEST_CLUSTERS
from analysis.models.covariance import CLUSTERED
from analysis.results.estimates import Check
from analysis.results.question import Question
from analysis.studies.composition.columns import (
    check_values,
    forms,
    predicted_by_level,
    r_squared,
    r_squared_without_extremes,
)
from analysis.studies.composition.rows import check_selection
from analysis.studies.composition.source import check_source

SAME_SUM = 0.9999
"""Above this squared correlation the outcome counts as computed from the score and all engagement
columns together, which may honestly explain more of it than one of them."""

Relation = tuple[float, str]
"""A share of variance, and how it was found."""


def check_overlap(question: Question) -> list[Check]:
    """Return the checks of one score against one outcome, those that can refuse among them.

    What the score is made of is the same for every outcome, and said with the first one.
    """
    relations = dict(_relations(question))
    target, block = question.design.block("score")[:, 0], question.design.block
    alone, held = (
        r_squared(target, block(*blocks)) for blocks in (["engagement"], ["engagement", "control"])
    )
    return [
        reconstructability(question, alone, held),
        _outcome_from(question, relations),
        _bad_control(question, relations),
        *(check_source(question, held) if question.outcome == question.plan.outcome[0] else ()),
        _timing(question),
        check_selection(question),
        *check_values(question),
        *_clusters(question),
    ]


# --- the score and engagement ---------------------------------------------------------------------


def reconstructability(question: Question, alone: float, held: float) -> Check:
    """Return the check of the score's R2 on engagement, and on engagement and controls."""
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
    return replace(question.check("reconstructability", passed, reason, held), refuses=True)


# --- the outcome and its predictors ---------------------------------------------------------------


def _responses(question: Question) -> dict[str, np.ndarray]:
    """Return the outcome as it is, and on the log scale where it can be."""
    values = question.sample.numbers(question.outcome.column)
    return {"as it is": values} if question.outcome.kind == "binary" else dict(forms(values))


def _relations(question: Question) -> Iterator[tuple[str, Relation]]:
    """Yield how closely the outcome and the score or an engagement column are related."""
    outcome, responses = question.outcome.column, _responses(question)
    for column in (question.score, *question.plan.engagement.columns):
        values = question.sample.numbers(column)
        sources = [source for _, source in forms(values)]
        shares = [
            (r_squared_without_extremes(response, source[:, None]), f"{outcome} {how}")
            for source in sources
            for how, response in responses.items()
        ]
        if sources and question.outcome.kind != "binary":
            shares += [
                (
                    predicted_by_level(values, response),
                    f"{outcome} {how}, read off {column} level by level",
                )
                for how, response in responses.items()
            ]
            back = predicted_by_level(question.sample.numbers(outcome), values)
            shares.append((back, f"{column}, read off {outcome} level by level"))
        yield column, max(shares, default=(0.0, ""))


def outcome_from_rows(question: Question) -> Check:
    """Return the check whether the outcome is (nearly) a function of the score or of engagement."""
    return _outcome_from(question, dict(_relations(question)))


def _outcome_from(question: Question, relations: dict[str, Relation]) -> Check:
    """Return the check that the outcome is no function of the score and engagement."""
    outcome, same = question.outcome.column, question.plan.overlap.outcome_explained
    everything = np.column_stack(
        [values for column in relations for _, values in forms(question.sample.numbers(column))]
    )
    together = max(
        (r_squared_without_extremes(response, everything), f"{outcome} {how}")
        for how, response in _responses(question).items()
    )
    largest, source, form = max((share, column, how) for column, (share, how) in relations.items())
    passed = largest <= same and together[0] <= SAME_SUM
    if largest <= same < SAME_SUM < together[0]:
        (largest, form), source = together, "the score and engagement together"
    reason = (
        f"The closest, {source}, shares {100 * largest:.1f} % of its variance with {outcome}"
        f" ({form})."
    )
    if not passed:
        reason += (
            f" {outcome} looks computed from {source}, or {source} from it, so finding one in the"
            " other says nothing."
        )
    return replace(question.check("outcome_from", passed, reason, largest), refuses=True)


def _bad_control(question: Question, relations: dict[str, Relation]) -> Check:
    """Whether holding engagement constant holds (almost) the outcome itself constant."""
    plan, outcome = question.plan, question.outcome.column
    share, column = max((relations[column][0], column) for column in plan.engagement.columns)
    passed = share <= plan.overlap.almost_outcome
    reason = (
        f"No engagement column comes closer to {outcome} than {column}, with {100 * share:.1f} % of"
        " the variance."
    )
    if not passed:
        reason += (
            f" That is almost {outcome} itself: holding it constant leaves the score nothing to"
            " say."
        )
    if plan.timing is not None:
        last, first = plan.timing.window("engagement")[1], plan.timing.window("outcome")[0]
        if last > first:
            passed = False
            reason += (
                f" The plan measures engagement until {last}, after the outcome began on {first}:"
                " what the outcome brought about is held constant."
            )
    return question.check("bad_control", passed, reason, share)


# --- what came first ------------------------------------------------------------------------------


def _timing(question: Question) -> Check:
    """Whether the score came before the outcome, and which windows overlap."""
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
        question, len(sizes), int(sizes.min()), int(sizes.max()), int((sizes == 1).sum())
    )
    values = design.block("score")[:, 0]
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
    question: Question, groups: int, smallest: int, largest: int, singletons: int = 0
) -> Check:
    """Return the check of the number of clusters and their sizes."""
    covariance, share = question.plan.inference.covariance, largest / question.sample.rows
    reason = (
        f"{groups:,} clusters of {smallest:,} to {largest:,} rows; the largest holds"
        f" {100 * share:.1f} %."
    )
    used = covariance in (None, "wild", *CLUSTERED)
    few = used and groups < FEWEST_CLUSTERS
    dominant = used and share > question.plan.overlap.dominant_cluster
    if singletons:
        reason += f" {singletons:,} of them have one row."
    if not used:
        reason += f" The plan asks for {covariance}, which does not use them."
    if few:
        reason += " Fewer than six clusters cannot carry an interval."
    elif dominant:
        reason += (
            " One cluster dominates: intervals that lean on the number of clusters are too narrow."
        )
    return replace(
        question.check("clusters", not (few or dominant), reason, float(groups)), refuses=few
    )
