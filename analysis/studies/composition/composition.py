"""What the score and the outcome are made of: each other, engagement, or something else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.data.sample import Sample
from analysis.models.design import Design
from analysis.plan import Plan
from analysis.results.estimates import Check
from analysis.studies.composition.relation import (
    foretold,
    forms,
    share_without_extremes,
    squared_correlation,
)

SAME_SUM = 0.9999
"""Above this squared correlation the outcome counts as computed from the score and all engagement
columns together, which may honestly explain more of it than one of them."""


def check_composition(sample: Sample, design: Design, outcome: str, score: str) -> list[Check]:
    """Return the checks of one score against engagement and one outcome, those that can refuse
    among them.
    """
    relations = dict(_relations(sample, outcome, score))
    return [
        _reconstructability(sample, design, outcome, score),
        _outcome_from(sample, relations, outcome, score),
        _bad_control(sample, relations, outcome, score),
    ]


# --- the score and engagement ---------------------------------------------------------------------


def _reconstructability(sample: Sample, design: Design, outcome: str, score: str) -> Check:
    """How much of the score engagement and the controls explain."""
    target = design.block("score")[:, 0]
    alone = squared_correlation(target, design.block("engagement"))
    held = squared_correlation(target, design.block("engagement", "control"))
    return reconstructability(sample.plan, outcome, score, design.n, alone, held)


def reconstructability(
    plan: Plan, outcome: str, score: str, rows: int, alone: float, held: float
) -> Check:
    """Return the check of the two shares of a score that engagement, and engagement and controls,
    explain.
    """
    left = rows * (1 - held)
    reason = (
        f"Engagement explains {100 * alone:.1f} % of {score}, engagement and controls"
        f" {100 * held:.1f} %: what is left of it is worth {left:,.0f} of {rows:,} rows."
    )
    passed = held <= plan.overlap.score_explained and left >= plan.overlap.rows_left
    if not passed:
        whole = (
            "engagement"
            if alone > plan.overlap.score_explained or not plan.controls.columns
            else ("engagement and controls")
        )
        reason += f" The score is all but {whole}, so these rows cannot tell the two apart."
    return Check(
        plan.name, "reconstructability", passed, reason, held, outcome, score, refuses=True
    )


# --- the outcome and its predictors ---------------------------------------------------------------

Relation = tuple[float, str]
"""A share of variance, and how it was found."""


def _relations(sample: Sample, outcome: str, score: str) -> Iterator[tuple[str, Relation]]:
    """Yield for the score and each engagement column how closely it and the outcome determine one
    another.
    """
    binary = sample.plan.outcomes[outcome].kind == "binary"
    values = sample.numbers(outcome)
    responses = {"as it is": values} if binary else dict(forms(values))
    for column in (score, *sample.plan.engagement.columns):
        own = sample.numbers(column)
        sources = dict(forms(own))
        found = [
            (share_without_extremes(response, source[:, None]), f"{outcome} {how}")
            for source in sources.values()
            for how, response in responses.items()
        ]
        if sources and not binary:
            found += [
                (foretold(own, response), f"{outcome} {how}, read off {column} level by level")
                for how, response in responses.items()
            ]
            found.append((foretold(values, own), f"{column}, read off {outcome} level by level"))
        yield column, max(found, default=(0.0, ""))


def _outcome_from(
    sample: Sample, relations: dict[str, Relation], outcome: str, score: str
) -> Check:
    """Whether the outcome is (nearly) a function of the score, of one engagement column, or of all
    of them.
    """
    binary = sample.plan.outcomes[outcome].kind == "binary"
    responses = (
        {"as it is": sample.numbers(outcome)} if binary else dict(forms(sample.numbers(outcome)))
    )
    everything = [values for column in relations for _, values in forms(sample.numbers(column))]
    together = max(
        (share_without_extremes(response, np.column_stack(everything)), f"{outcome} {how}")
        for how, response in responses.items()
    )
    largest = max((share, column, how) for column, (share, how) in relations.items())
    return outcome_from(sample.plan, outcome, score, largest, together)


def outcome_from_rows(sample: Sample, outcome: str, score: str) -> Check:
    """Return the check whether the outcome is (nearly) a function of the score or of engagement."""
    return _outcome_from(sample, dict(_relations(sample, outcome, score)), outcome, score)


def outcome_from(
    plan: Plan,
    outcome: str,
    score: str,
    alone: tuple[float, str, str],
    together: Relation = (0.0, ""),
) -> Check:
    """Return the check of how much of the outcome one column explains, and how much all of them
    do.
    """
    largest, source, form = alone
    same = plan.overlap.outcome_explained
    passed = largest <= same and together[0] <= SAME_SUM
    if largest <= same < SAME_SUM < together[0]:
        largest, form, source = *together, "the score and engagement together"
    reason = (
        f"The closest, {source}, shares {100 * largest:.1f} % of its variance with {outcome}"
        f" ({form})."
    )
    if not passed:
        reason += (
            f" {outcome} looks computed from {source}, or {source} from it, so finding one in the"
            " other says"
        )
        reason += " nothing."
    return Check(plan.name, "outcome_from", passed, reason, largest, outcome, score, refuses=True)


def _bad_control(sample: Sample, relations: dict[str, Relation], outcome: str, score: str) -> Check:
    """Whether holding engagement constant holds (almost) the outcome itself constant."""
    plan = sample.plan
    share, column = max((relations[column][0], column) for column in plan.engagement.columns)
    passed = share <= plan.overlap.almost_outcome
    reason = (
        f"No engagement column comes closer to {outcome} than {column}, with {100 * share:.1f} % of"
        " the variance."
    )
    late = (
        plan.timing is not None
        and plan.timing.window("engagement")[1] > plan.timing.window("outcome")[0]
    )
    if not passed:
        reason += (
            f" That is almost {outcome} itself: holding it constant leaves the score nothing to"
            " say."
        )
    if late:
        last, first = plan.timing.window("engagement")[1], plan.timing.window("outcome")[0]
        reason += (
            f" The plan measures engagement until {last}, after the outcome began on {first}: what"
            " the outcome brought about is held constant."
        )
    return Check(plan.name, "bad_control", passed and not late, reason, share, outcome, score)
