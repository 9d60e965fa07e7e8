"""What would change a verdict: the smallest change of each kind that turns its word."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.multiverse.run import Multiverse
from analysis.results.estimates import Check, Estimate
from analysis.results.findings import check_question
from analysis.results.question import Question
from analysis.results.rule import Fragility, Noise
from analysis.results.sentence import listed
from analysis.results.tipping_point import TippingPoint
from analysis.results.verdict import Verdict
from analysis.studies.influence.few_rows import keep_refits
from analysis.tipping.analyses import WHAT as DECISION
from analysis.tipping.analyses import of_decisions
from analysis.tipping.assumptions import (
    RELIABILITY,
    of_break_even,
    of_correlated_noise,
    of_covariance,
    of_form,
    of_model,
    of_reliability,
)
from analysis.tipping.confounder import named, of_confounders
from analysis.tipping.criteria import of_level, of_sesoi
from analysis.tipping.left_out import WHAT, of_part, of_rows
from analysis.tipping.standing import MANY_ROWS, MANY_ROWS_OF_SEVERAL, Standing
from analysis.tipping.what_if import WhatIf, what_if

CHOICES = {
    "form": ("Form of engagement", of_form),
    "model": ("Model", of_model),
    "covariance": ("Standard errors", of_covariance),
}
"""Changes of one choice for another: how the table calls them, and who asks."""

REFUSED = "the verdict is refused"
QUICK = "the plan says quick = true"
MANY = "with more than {rows:,} rows{columns} nothing is fitted again and again"
TAIL = "the outcome's heavy tail changes the word"


def tipping_points(
    question: Question,
    verdict: Verdict,
    noise: Noise,
    estimates: Iterable[Estimate],
    checks: Iterable[Check],
    left_out: dict[str, Fragility] | None,
    multiverse: Multiverse | None,
) -> tuple[tuple[TippingPoint, ...], WhatIf]:
    """Return the smallest change of each kind that turns the word of one verdict, and what the
    rule says at each point of the grid of the what-if.

    Parameters
    ----------
    question : Question
    verdict : Verdict
    noise : Noise
        With the rule that was asked for the verdict.
    estimates : iterable of Estimate
        What was found on this question.
    checks : iterable of Check
        Those of this question and of the whole run.
    left_out : dict of str to Fragility, or None
        What leaving out rows, a cluster and a segment do; None where it was not looked at.
    multiverse : Multiverse or None

    Returns
    -------
    points : tuple of TippingPoint
        Empty for a verdict that is refused: no change of this kind gives it an answer.
    grid : WhatIf
        Without a point where the rule is not asked again.

    Notes
    -----
    A tipping-point analysis: each change is put to the rule of the verdict itself, with every
    member of the deciding set and every check that can leave a word undecided.
    """
    if verdict.refused or noise.rule is None:
        return (), WhatIf(why=REFUSED)
    mine = tuple(
        row
        for row in estimates
        if row.outcome == question.outcome.column and row.score == question.score
    )
    failed = tuple(check.check for check in checks if check.undecided)
    standing = Standing(question, noise.rule, verdict, mine, failed)
    held = _held_by(standing, checks)
    if question.plan.quick:
        return _not_asked(standing, noise, QUICK, None), WhatIf(why=QUICK)
    if many := _too_many(question, noise):
        return _not_asked(standing, noise, many, left_out), WhatIf(why=many)
    keep_refits(question)
    grid = what_if(standing)
    if held:  # what fewer rows would do to a tail was not looked at
        return _not_asked(standing, noise, held, None if held == TAIL else left_out), grid
    parts = left_out or {}
    points = (
        of_sesoi(standing),
        of_level(standing),
        of_reliability(standing),
        of_break_even(standing, noise),
        *of_correlated_noise(standing),
        *(ask(standing) for _, ask in CHOICES.values()),
        *of_confounders(standing),
        of_rows(standing, parts["rows"]),
        of_part(standing, "cluster", parts.get("cluster")),
        of_part(standing, "segment", parts.get("segment")),
        of_decisions(standing, multiverse),
    )
    return points, grid


def _too_many(question: Question, noise: Noise) -> str:
    """Return that there are too many rows to ask the rule again and again; empty where there are
    not. With several noisy columns each asking takes long.
    """
    several = noise.rule is not None and len(noise.rule.deciding.noisy) > 1
    most = MANY_ROWS_OF_SEVERAL if several else MANY_ROWS
    if question.design.n <= most:
        return ""
    return MANY.format(rows=most, columns=" and several noisy columns" if several else "")


def _not_asked(
    standing: Standing,
    noise: Noise,
    why: str,
    left_out: dict[str, Fragility] | None,
) -> tuple[TippingPoint, ...]:
    """Return the changes that cost nothing, and that the others were not put to the rule."""
    parts, confounded = left_out or {}, standing.verdict.confounded
    flags = {kind: None if left_out is None else _met(parts.get(kind)) for kind in WHAT}
    others = {change: what for change, (what, _) in CHOICES.items()}
    return (
        of_sesoi(standing),
        of_level(standing),
        standing.not_assessed("reliability", RELIABILITY, why),
        of_break_even(standing, noise),
        *(standing.not_assessed(change, what, why) for change, what in others.items()),
        *(
            standing.not_assessed(*named(standing, column), why, fragile=confounded)
            for column in standing.plan.engagement.columns
        ),
        *(standing.not_assessed(kind, WHAT[kind], why, fragile=flags[kind]) for kind in WHAT),
        standing.not_assessed("decision", DECISION, why),
    )


def _met(found: Fragility | None) -> bool:
    return found is not None and found.word is not None


def _held_by(standing: Standing, checks: Iterable[Check]) -> str:
    """Return what leaves a word undecided that the members of the deciding set give together; empty
    where nothing does.
    """
    together = standing.rule.at()
    if standing.present == together:
        return ""
    failed = [check for check in checks if check.undecided]
    if failed:
        asked = [f'"{check_question(check)}"' for check in failed]
        several = "checks leave" if len(asked) > 1 else "a check leaves"
        return f"{several} the word undecided before anything is changed ({listed(asked)})"
    if standing.heavy_tail:
        return TAIL
    return "the errors that the plan asks for, or the few clusters, leave the word undecided"
