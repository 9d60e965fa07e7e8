"""What turns the word if one decision of the multiverse were taken otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.data.sample import select_sample
from analysis.multiverse.run import Multiverse
from analysis.multiverse.specifications import options_of
from analysis.plan import Plan
from analysis.plan.sections.studies import ClusterSection, OptionSection
from analysis.results.question import Question
from analysis.results.tipping_point import TippingPoint, said
from analysis.tipping.standing import NOT_FITTED, Standing

WHAT = "One decision of the multiverse"

MOST_ASKED = 4
"""So many options, those that turned the multiverse's own word, are put to the whole rule."""


def of_decisions(standing: Standing, multiverse: Multiverse | None) -> TippingPoint:
    """Return the first single decision of the multiverse that turns the word of the whole rule."""
    change = "decision"
    if multiverse is None:
        declared = standing.plan.multiverse is not None
        why = (
            "the multiverse was not run"
            if declared
            else "the plan declares no other reasonable analyses ([multiverse])"
        )
        return standing.not_assessed(change, WHAT, why)
    turning, asked = list(_turning(standing.plan, multiverse)), 0
    for decision, option in turning[:MOST_ASKED]:
        question = _question(standing, option)
        if question is None:
            continue
        asked += 1
        found = standing.turned(question)
        if found is not None:
            sentence = (
                f'With "{option.name}" as the choice for "{decision}", and everything else as'
                f" planned, the word would be {said(found)}."
            )
            choice = f"{decision}: {option.name}"
            return standing.turns(change, WHAT, sentence, (1.0, found), choice=choice)
    if turning and not asked:
        why = "the options that change the plain fit's word cannot be put to the whole rule"
        return standing.not_assessed(change, WHAT, why)
    why = (
        "no single decision, the others as planned, turns both the multiverse's word and the rule's"
    )
    return standing.nothing(change, WHAT, why)


def _turning(plan: Plan, multiverse: Multiverse) -> Iterator[tuple[str, OptionSection]]:
    """Yield the options that alone change the word of the multiverse's own analysis."""
    table, own = multiverse.table, multiverse.own
    names = [decision.name for decision in plan.multiverse.decision]
    choices = table[names].astype(str)
    mine = choices.eq(list(own.choices)).all(axis=1)
    word = table.loc[mine, "verdict"].iloc[0] if mine.any() else None
    for decision in plan.multiverse.decision:
        rest = (
            choices.drop(columns=decision.name)
            .eq([c for n, c in zip(names, own.choices, strict=True) if n != decision.name])
            .all(axis=1)
        )
        others = table[rest & ~mine]
        for option in options_of(decision):
            said = others.loc[others[decision.name] == option.name, "verdict"].dropna()
            if len(said) and word is not None and said.iloc[0] != word:
                yield decision.name, option


def _question(standing: Standing, option: OptionSection) -> Question | None:
    """Return the question with an option of the multiverse in the plan; None where a plan cannot
    say it.
    """
    changed = plan_with(standing.plan, option, standing.question.outcome.column)
    if changed is None:
        return None
    try:
        sample = select_sample(changed, standing.question.sample.dataset)
    except NOT_FITTED:
        return None
    own = standing.question
    score = option.score or own.score
    return Question(sample, changed.outcomes[own.outcome.column], score)


def plan_with(plan: Plan, option: OptionSection, outcome: str) -> Plan | None:
    """Return a plan in which an option's choice is the plan's own; None where a plan has no words
    for it.
    """
    if option.outcome_transform not in (None, "identity") or option.outcome not in (None, outcome):
        return None
    changes: dict[str, object] = {}
    if option.score is not None or option.score_transform is not None:
        said = {}
        if option.score is not None:
            said["columns"] = (option.score,)
        if option.score_transform is not None:
            said["transform"] = option.score_transform
        changes["score"] = plan.score.model_copy(update=said)
    if option.engagement is not None:
        said = {"columns": tuple(option.engagement), "transform": dict(option.engagement)}
        changes["engagement"] = plan.engagement.model_copy(update=said)
    if option.controls is not None:
        said = {"columns": tuple(option.controls)}
        changes["controls"] = plan.controls.model_copy(update=said)
    if option.keep:
        changes["keep"] = (*plan.keep, *option.keep)
    if option.cluster is not None:
        changes["cluster"] = ClusterSection(column=option.cluster) if option.cluster else None
    if option.model is not None:
        changes["outcome"] = tuple(
            one.model_copy(update={"model": option.model}) if one.column == outcome else one
            for one in plan.outcome
        )
    if option.reliability:
        said = {"reliability": {**plan.engagement.reliability, **option.reliability}}
        changes["engagement"] = changes.get("engagement", plan.engagement).model_copy(update=said)
    return plan.model_copy(update={**changes, "multiverse": None}) if changes else None
