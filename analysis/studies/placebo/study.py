"""Would this audit, on these rows, pass a worthless score, and see a real effect?"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analysis.errors import DesignError
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.placebo.draws import Share, share_of
from analysis.studies.placebo.simulation import PILOTS, Draw, Simulation


def study_placebo(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the shares of placebos and of planted effects that the plan's own rule calls `adds`.

    Notes
    -----
    A placebo is what engagement says of the score plus the score's own remainder with random signs
    (by cluster). With halves it is made of one half and audited with the other as control; which is
    which is drawn for every row (or cluster). With a declared reliability the truth behind the
    record is drawn, and the outcome moved as the fitted null says. Made of recorded engagement it
    would pass any audit, so without either no placebo is drawn. An effect is planted on the
    remainder, of max(2 SESOI, the effect seen with a power of .95).
    """
    reason = _not_run(question)
    if reason:
        return question.only("assay", None, reason)
    many = question.plan.overlap.draws
    try:
        simulation = Simulation.of(question)
        why_not = _no_placebo(simulation)
        nothing = [simulation.draw(0.0) for _ in range(PILOTS if why_not else many)]
        effect = simulation.effect_to_plant(nothing)
        planted = _adds(question, [simulation.draw(effect) for _ in range(many)])
    except DesignError as error:
        reason = f"No draw could be audited: {error.faults[0].found}."
        return question.only("assay", None, reason)
    amount = f"{effect:,.0f}" if effect >= 1000 else f"{effect:.3g}"
    rows = [_row(simulation, "planted_adds", planted, f"effect of {amount} planted")]
    checks = [_planted_check(simulation, planted)]
    if why_not:
        checks.insert(0, question.check("placebos", None, why_not))
    else:
        false = _adds(question, nothing)
        made_of = (
            "one half of engagement, the other half held"
            if simulation.halves
            else "truth drawn from the declared reliability"
        )
        rows.insert(0, _row(simulation, "placebo_adds", false, f"placebos of {made_of}"))
        checks.insert(0, _placebo_check(simulation, false))
    return StudyResult(tuple(rows), tuple(checks))


def _not_run(question: Question) -> str:
    """Return why there is no simulation, or nothing."""
    if question.plan.quick:
        return "The plan says quick = true, so no placebos were drawn and no effects planted."
    if question.sample.note:
        return "Beyond memory no placebos were drawn and no effects planted."
    if not question.family.glm:
        return (
            f"No placebos were drawn and no effects planted: the model {question.model} is too slow"
            " for it."
        )
    return ""


def _no_placebo(simulation: Simulation) -> str:
    """Return why a placebo would prove nothing here, or nothing."""
    if simulation.question.plan.score.shares_error == "full":
        return (
            "The plan says that the score is computed from the engagement columns, noise included."
            " A placebo made in this way passes any audit and proves nothing, so none was drawn."
        )
    if not simulation.halves and not simulation.declared:
        return (
            "Nothing is known of the noise in engagement. A placebo made of recorded engagement"
            " passes any audit and proves nothing, so none was drawn; halves or a declared"
            " reliability would make one possible."
        )
    return ""


def _adds(question: Question, draws: list[Draw]) -> Share:
    return share_of(np.array([one.adds for one in draws]), question.level)


def _how(simulation: Simulation) -> str:
    """Return what a reader has to know of how the draws were judged."""
    question, design = simulation.question, simulation.design
    total = question.design.n
    drawn = "" if design.n == total else f"; in a seeded draw of {design.n:,} of {total:,} rows"
    if question.plan.inference.covariance == "wild":
        drawn += f"; by {simulation.covariance}, not by the wild bootstrap, which decides"
    return drawn


def _row(simulation: Simulation, term: str, share: Share, note: str) -> Estimate:
    return simulation.question.row(
        "placebo",
        simulation.null.model,
        term,
        n=simulation.design.n,
        estimate=share.value,
        bounds=(share.low, share.high),
        clusters=simulation.design.n_clusters,
        covariance=simulation.covariance,
        note=f"{share.draws:,} draws; {note}{_how(simulation)}",
    )


def _called(simulation: Simulation, share: Share, what: str, limit: str) -> str:
    """Return the beginning of a check's sentence: how many draws were called `adds`."""
    edges = f"{100 * share.low:.1f} % to {100 * share.high:.1f} %"
    return (
        f"Of {share.draws:,} {what} {100 * share.value:.1f} % were called adds"
        f" ({100 * simulation.question.level:g} % CI {edges}; {limit} should be)"
    )


def _placebo_check(simulation: Simulation, share: Share) -> Check:
    most = simulation.question.plan.overlap.placebo
    passed, what = share.low <= most, "placebos, which say nothing that engagement does not,"
    reason = _called(simulation, share, what, f"at most {100 * most:g} %")
    reason += "" if passed else ": this audit passes worthless scores on these rows"
    text = f"{reason}{_how(simulation)}."
    return simulation.question.check("placebos", passed, text, share.value)


def _planted_check(simulation: Simulation, share: Share) -> Check:
    least = simulation.question.plan.overlap.planted
    passed = share.value >= least
    reason = _called(simulation, share, "planted effects", f"at least {100 * least:g} %")
    reason += "" if passed else ": this audit misses real effects on these rows"
    text = f"{reason}{_how(simulation)}."
    return simulation.question.check("planted", passed, text, share.value)
