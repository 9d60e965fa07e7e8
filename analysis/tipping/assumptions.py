"""What turns the word if engagement were recorded otherwise, or the equation were another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from analysis.measurement_error.asked import AskedRule
from analysis.measurement_error.recordings import Recording
from analysis.models.family import FAMILIES
from analysis.plan.sections.outcome import models_of
from analysis.results.question import Question
from analysis.results.rule import Noise, Phrase, agreed
from analysis.results.sentence import listed
from analysis.results.tipping_point import TippingPoint, said
from analysis.tipping.search import smaller, smallest
from analysis.tipping.standing import NOT_FITTED, Standing

RELIABILITY = "Reliability of engagement"

LEAST = 0.3
"""A reliability below it is not looked at: the record would be noise above all."""

STEP = 0.02
"""Step in which a reliability, or a correlation of noise, is asked first."""

MOST_CORRELATED = 0.9
"""Noises of two columns that are more alike than this are one."""

TRANSFORMS = {
    "identity": "as it was counted",
    "log1p": "in logs",
    "sqrt": "in square roots",
    "rank": "in ranks",
    "spline": "as a spline",
}
"""How engagement can enter, in the order in which it is asked, and in words."""

COVARIANCES = ("HC3", "HC2", "HC1", "HC0", "CRV1", "CRV3")
"""In the order in which they are asked."""


# --- reliability ----------------------------------------------------------------------------------


def of_reliability(standing: Standing) -> TippingPoint:
    """Return the nearest other reliability of engagement with which the word is another one."""
    change, what = "reliability", RELIABILITY
    plan, rule = standing.plan, standing.rule
    if plan.score.shares_error == "full":
        why = "the plan says that the score shares the noise of engagement, whatever its size"
        return standing.nothing(change, what, why)
    at, ask, floor, ceiling = _line_of(standing)
    if not at > 0:
        why = "the halves have nothing in common, so there is no reliability to start from"
        return standing.not_assessed(change, what, why)
    if standing.turned(standing.question, *ask(0.0)) is not None:
        why = (
            "the noise comes from halves, and a reliability of the same size that is stated in"
            " their place already gives another word"
        )
        return standing.not_assessed(change, what, why)
    found = []
    for sign, room in ((1.0, ceiling - at), (-1.0, at - floor)):
        sizes = [*np.arange(STEP, room, STEP).tolist(), room] if room > 1e-9 else []

        def turned(size: float, sign: float = sign) -> Phrase | None:
            return standing.turned(standing.question, *ask(sign * size))

        one = smallest(turned, sizes)
        found.append(one and (sign * one[0], one[1]))
    found = smaller(*found)
    columns = listed([standing.label(c) for c in _unsure(rule)])
    if found is None:
        span = f"from {floor:.2f} to {ceiling:.2f}"
        return standing.nothing(
            change, what, f"the word is the same with every reliability of {columns} {span}"
        )
    size, phrase = found
    sentence = (
        f"If {columns} {'were' if len(_unsure(rule)) > 1 else 'was'} recorded with a reliability of"
        f" {at + size:.3g} in place of {at:.3g}, the word would be {said(phrase)}."
    )
    return standing.turns(change, what, sentence, found, choice=repr(at + size))


def _unsure(rule: AskedRule) -> tuple[str, ...]:
    """Return the columns whose reliability is looked at: those of which nothing is said, else those
    with a stated one, else all.
    """
    recordings = rule.recordings
    assumed = tuple(one.name for one in recordings if one.assumed)
    stated = tuple(one.name for one in recordings if one.low < 1 or one.halves is not None)
    return assumed or stated or tuple(one.name for one in recordings)


Line = Callable[[float], tuple[AskedRule, Phrase]]


def _line_of(standing: Standing) -> tuple[float, Line, float, float]:
    """Return the reliability as it stands, the rule at a step from there, and the ends of what is
    looked at.
    """
    rule = standing.rule
    if rule.start is not None:
        floor = rule.deciding.start(LEAST)
        return rule.start, lambda step: (rule, rule.at(rule.start + step)), floor, 1.0
    named, recordings = _unsure(rule), rule.recordings
    by_halves = {
        row.term.partition(":")[2]: row.estimate
        for row in standing.estimates
        if row.method == "reliability" and row.term.startswith("reliability:")
    }
    values = {o.name: o.value if o.halves is None else by_halves[o.name] for o in recordings}
    at = min(values[name] for name in named)

    def changed(step: float) -> tuple[AskedRule, Phrase]:
        parts = (_moved(o, step, values) if o.name in named else o for o in recordings)
        moved = replace(rule, recordings=tuple(parts))
        return moved, moved.at()

    most = max(values[name] for name in named)
    return at, changed, min(at, LEAST), at + 1 - most


def _moved(one: Recording, step: float, values: dict[str, float]) -> Recording:
    """Return a recording whose stated range lies a step higher; a column with halves has that
    reliability in their place.
    """
    if one.halves is not None:
        at = values[one.name] + step
        return replace(one, halves=None, low=at, value=at, high=at)
    low, value, high = (min(max(end + step, 0.01), 1.0) for end in (one.low, one.value, one.high))
    return replace(one, low=low, value=value, high=high)


def of_correlated_noise(standing: Standing) -> Iterator[TippingPoint]:
    """Yield the least correlation of two columns' noise that takes the word away; nothing where
    no two columns have noise that is stated or assumed.
    """
    rule, now = standing.rule, standing.plan.engagement.noise_correlation
    deciding = rule.deciding
    columns = [column for column in deciding.noisy if column.halves is None]
    if not deciding.noise_decides or len(columns) < 2:
        return
    change, what = "noise_correlation", "Correlation of the noise of two columns"
    names = listed([standing.label(column.name) for column in columns])
    low = {c.name: rule.least if c.assumed else c.low for c in deciding.noisy}
    so_far = [phrase for _, phrase in rule.answers]

    def ask(step: float) -> Phrase | None:
        added = deciding.with_correlated_noise(low, now + step)
        together = agreed([*so_far, *(rule.phrase(one) for one in added)])
        if together == standing.present:
            return None
        question = standing.with_section("engagement", same_fit=True, noise_correlation=now + step)
        return standing.turned(question, replace(rule, question=question), together)

    found = smallest(ask, np.arange(STEP, MOST_CORRELATED - now + STEP / 2, STEP).tolist())
    if found is None:
        why = f"the word is the same with noise of {names} correlated up to {MOST_CORRELATED:g}"
        yield standing.nothing(change, what, why)
        return
    size, phrase = found
    sentence = (
        f"If the noise of {names} were correlated by {now + size:.2g}, where {now:g} is taken for"
        f" possible, the word would be {said(phrase)}."
    )
    yield standing.turns(change, what, sentence, found, choice=repr(now + size))


def of_break_even(standing: Standing, noise: Noise) -> TippingPoint:
    """Return the reliability at which the effect itself is gone: a condition of `fragile`."""
    change, what = "break_even", "Reliability at which the effect is gone"
    at, fragile = noise.break_even, noise.fragile is True
    decides = standing.present[0] in ("adds", "trivial")
    if at is None:
        reasons = [row.note for row in noise.rows if row.term == "break_even" and row.note]
        why = reasons[0].rstrip(".") if reasons else "noise in engagement is not corrected"
        return standing.nothing(change, what, why[0].lower() + why[1:])
    low, high = noise.believed
    inside = "inside" if fragile else "outside"
    sentence = (
        f"With a reliability of {at:.2f} the effect is gone; that is {inside} the range that is"
        f" thought possible, {low:.2g} to {high:.2g}."
    )
    turns = "turns" if decides and fragile else "nothing within reach"
    return standing.point(
        change, what, turns, sentence, at, fragile=decides and fragile, choice=repr(at)
    )


# --- one choice for another -----------------------------------------------------------------------


def first_choice(
    standing: Standing,
    change: str,
    what: str,
    choices: Iterable[tuple[str, str, Callable[[], Question]]],
    sentence: str,
) -> TippingPoint:
    """Return the first of several choices that turns the word.

    Parameters
    ----------
    standing : Standing
    change, what : str
    choices : iterable of (str, str, callable)
        The option as a plan names it, in words, and what makes the question with it.
    sentence : str
        With places for the `choice` in words and the `word`.
    """
    looked, without = [], []
    for name, words, make in choices:
        try:
            question = make()
        except NOT_FITTED:
            without.append(words)
            continue
        found = standing.phrase(question)
        if found not in (None, standing.present):
            told = sentence.format(choice=words, word=said(found))
            told = told[0].upper() + told[1:]
            return standing.turns(change, what, told, (1.0, found), choice=name)
        (without if found is None else looked).append(words)
    also = f"; there is no estimate {listed(without)}" if without else ""
    if not looked:
        return standing.not_assessed(change, what, f"there is nothing else to choose{also}")
    return standing.nothing(change, what, f"the word is the same {listed(looked)}{also}")


def of_form(standing: Standing) -> TippingPoint:
    """Return the first other form of engagement with which the word is another one."""
    engagement = standing.plan.engagement
    now = {engagement.transform_of(column) for column in engagement.columns}
    least = min(standing.question.sample.numbers(c).min() for c in engagement.columns)
    noisy = bool(engagement.halves) or bool(engagement.reliability)

    def make(how: str) -> Callable[[], Question]:
        return lambda: standing.with_section("engagement", transform=how)

    choices = [
        (how, words, make(how))
        for how, words in TRANSFORMS.items()
        if now != {how}
        and (least >= 0 or how not in ("log1p", "sqrt"))
        and not (noisy and how in ("rank", "spline"))
    ]
    sentence = "With engagement taken {choice} the word would be {word}."
    return first_choice(standing, "form", "Form of engagement", choices, sentence)


def of_model(standing: Standing) -> TippingPoint:
    """Return the first other model with which the word is another one."""
    outcome = standing.question.outcome

    def make(model: str) -> Callable[[], Question]:
        return lambda: standing.with_outcome(model=model)

    choices = [
        (model, f"with {FAMILIES[model].printed}", make(model))
        for model in models_of(outcome.kind)
        if model != standing.question.model
    ]
    sentence = "{choice} the word would be {word}."
    return first_choice(standing, "model", "Model", choices, sentence)


def of_covariance(standing: Standing) -> TippingPoint:
    """Return the first other standard errors with which the word is another one."""
    own, grouped = standing.question.fit.covariance, standing.plan.cluster is not None

    def make(name: str) -> Callable[[], Question]:
        return lambda: standing.with_section("inference", covariance=name)

    choices = [
        (name, f"with {name} errors", make(name))
        for name in COVARIANCES
        if name not in (own, standing.plan.inference.covariance)
        and (grouped or not name.startswith("CRV"))
    ]
    sentence = "{choice} the word would be {word}."
    return first_choice(standing, "covariance", "Standard errors", choices, sentence)
