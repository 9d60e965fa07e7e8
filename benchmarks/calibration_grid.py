"""The grid of the calibration, declared before it was run: at most 150 cells, each with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from calibration_worlds import Cell

MOST = 150

SLOPES = {"ols": 0.7, "poisson": 0.4, "gamma": 0.4, "logit": 0.8}
"""Of the outcome per standard deviation of engagement, on the scale of the model."""

SAME_Z = {"poisson": 0.19, "gamma": 0.222, "logit": 0.66}
"""Slopes of engagement with the z that it has in least squares with a slope of .3."""

ALL_BUT_EXACT = 0.999
"""Reliability of halves where engagement is recorded without noise: the package refuses two halves
that are the same number in every row."""

STRENGTHS = ((0.7, 0.7, (0.3, 0.6)), (0.3, 0.7, (0.15, 0.3)), (0.3, 0.4, (0.15, 0.3)))
"""Engagement's slope, the score's tie to it, and the score's effects: the power table."""


def alike(form: str, reason: str, heading: str = "holds", model: str = "ols", **world: Any) -> Cell:
    """Return a cell in which outcome and score depend on engagement in the same form."""
    world = {"form": form, "score_form": form, "slope": SLOPES[model], **world}
    return Cell(heading, reason, model, **world)


def grid() -> list[Cell]:
    """Return all cells, in the order in which they are drawn and printed."""
    found = [
        *_misses(),
        *_silent(),
        *_known(),
        *_several(),
        *_clusters_and_controls(),
        *_other_models(),
        *_other_worlds(),
        *_below(),
        *_power(),
    ]
    names = [cell.name for cell in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice or len(found) > MOST:
        raise RuntimeError(f"{len(found)} cells, twice: {sorted(twice)}")
    return found


def _misses() -> Iterator[Cell]:
    """Yield what the prototype of the rule missed, or nearly."""
    shared = "the prototype's miss: a threshold that outcome and score share"
    yield alike("threshold", shared)
    yield alike("threshold-2", shared)
    yield alike("threshold-2", shared, tie=0.4)
    yield alike("threshold-2", shared, slope=0.9, tie=0.85)
    yield alike("threshold-2", shared, n=300)
    yield alike("threshold-2", shared, n=5000)
    yield alike("threshold-3", shared, reliability=0.9)
    yield alike("u", "the prototype's miss: a pure U")
    yield alike("threshold", "the prototype's miss: two columns with a threshold", columns=2)
    yield alike("quadratic", "the prototype's miss: three quadratic columns", columns=3)
    raw = {"engagement": "lognormal", "noise": "additive"}
    miss = "the prototype's miss: lognormal engagement with additive noise"
    yield alike("exponential", miss, **raw)
    yield alike("linear", miss, **raw)
    yield alike("exponential", miss, "other", transform="log1p", **raw)
    yield alike("linear", miss, "other", transform="log1p", **raw)
    for noise in ("growing", "skewed"):
        miss = f"the prototype's miss: {noise} noise where both are quadratic"
        yield alike("quadratic", miss, "other", noise=noise)
    yield alike("u", "the prototype's miss: a pure U for counts", model="poisson")
    yield alike("quadratic", "nearly missed by the prototype: counts", model="poisson")


def _silent() -> Iterator[Cell]:
    """Yield plans that say nothing, for least squares."""
    form = "a form that the plan does not know"
    for n in (300, 1000, 5000):
        yield alike("linear", "the plainest case", n=n)
    yield alike("quadratic", form, n=5000)
    yield alike("quadratic", form)
    yield alike("saturating", form)
    yield alike("saturating", form, n=5000)
    yield Cell("holds", form, form="linear", score_form="quadratic")
    yield Cell("holds", form, form="saturating", score_form="threshold")
    yield alike("quadratic", "no noise at all", reliability=1.0)
    yield alike("threshold-2", "no noise at all", reliability=1.0)
    yield alike("linear", "less noise than is assumed", reliability=0.9)
    for sharing in (0.5, 1.0):
        yield alike("linear", "the score shares the noise", sharing=sharing)
    yield alike("quadratic", "the score shares the noise", sharing=1.0)
    yield alike("threshold-2", "the score shares the noise", sharing=0.5)
    yield alike("linear", "heavy tails of the noise", "other", noise="t5")
    multiplied = {"engagement": "lognormal"}
    yield alike("linear", "multiplicative noise, log1p", transform="log1p", **multiplied)
    yield alike("exponential", "multiplicative noise, log1p", transform="log1p", **multiplied)
    yield alike("linear", "multiplicative noise, identity", **multiplied)
    exact = {"engagement": "lognormal", "noise": "none", "reliability": 1.0}
    yield alike("linear", "a count that is engagement itself, skewed", **exact)
    nothing = {"reliability": 1.0, "sesoi": 0.1, "effects": ()}
    yield alike("linear", "can a score be called worthless?", slope=0.0, tie=0.0, **nothing)
    yield alike("linear", "can a score be called worthless?", slope=0.3, tie=0.4, **nothing)


def _known() -> Iterator[Cell]:
    """Yield plans that say something, for least squares."""
    for form in ("quadratic", "u", "threshold-2"):
        yield alike(
            form, "exact, in a form that the plan does not know", plan="exact", reliability=1.0
        )
    yield alike("linear", "exact", plan="exact", reliability=1.0, n=300)
    yield alike("linear", "said to be exact, and is not", "below", plan="exact", reliability=0.9)
    for form in ("linear", "quadratic"):
        yield alike(form, "stated", plan="stated")
    yield alike("linear", "stated, and the score shares the noise", plan="stated", sharing=1.0)
    yield alike("linear", "stated, other records", plan="stated", shares="none")
    yield alike("quadratic", "stated, other records", plan="stated", shares="none")
    for form in ("linear", "quadratic", "threshold-2"):
        yield alike(form, "halves", plan="halves")
    yield alike("linear", "halves, and the score shares the noise", plan="halves", sharing=1.0)
    for form in ("quadratic", "threshold-2"):
        yield alike(form, "halves, other records", plan="halves", shares="none")
    yield alike("linear", "halves of a small sample", plan="halves", n=300)
    yield alike("quadratic", "halves of a large sample", plan="halves", n=5000)


def _several() -> Iterator[Cell]:
    """Yield several columns, for least squares."""
    for columns, likeness in (
        (2, 0.5),
        (2, 0.8),
        (2, 0.9),
        (3, 0.5),
        (3, 0.8),
        (5, 0.5),
        (5, 0.8),
        (5, 0.9),
        (8, 0.5),
        (8, 0.8),
    ):
        yield alike("linear", "several columns, all silent", columns=columns, alike=likeness)
    yield alike("quadratic", "several columns, all silent", columns=2)
    yield alike("linear", "a product of two columns", columns=2, product=True)
    yield alike("linear", "one silent, one exact", columns=2, exact_columns=1)
    yield alike("quadratic", "several columns with halves", columns=2, plan="halves")
    yield alike("linear", "several stated columns", columns=3, plan="stated")


def _clusters_and_controls() -> Iterator[Cell]:
    for clusters in (40, 100):
        yield alike("linear", "clusters", clusters=clusters)
    yield alike("quadratic", "clusters", clusters=40)
    yield alike("quadratic", "clusters with halves", clusters=100, plan="halves")
    yield alike("linear", "controls", controls=3)
    yield alike("quadratic", "controls", controls=3)
    yield alike("threshold-2", "controls and clusters", controls=3, clusters=100)
    yield alike("linear", "controls and clusters, counts", model="poisson", controls=3, clusters=40)
    yield alike(
        "linear", "controls and clusters, yes or no", model="logit", controls=3, clusters=40
    )


def _other_models() -> Iterator[Cell]:
    for model in ("poisson", "gamma", "logit"):
        made = {"model": model}
        yield alike("linear", "silent", sharing=1.0, **made)
        if model != "poisson":
            yield alike("quadratic", "silent", **made)
            yield alike(
                "u", "silent, a pure U", **made, **({"slope": 0.25} if model == "gamma" else {})
            )
        else:
            yield alike("u", "a pure U, with a variance", **made, slope=0.2)
        yield alike("saturating", "silent", **made)
        yield alike("threshold-2", "silent", **made)
        yield alike("linear", "size of the sample", n=300, **made)
        yield alike("quadratic", "size of the sample", n=5000, **made)
        yield alike("quadratic", "exact", plan="exact", reliability=1.0, **made)
        yield alike("quadratic", "halves", plan="halves", **made)
        if model != "gamma":
            yield alike("linear", "stated", plan="stated", **made)
            yield alike(
                "threshold-2", "halves, other records", plan="halves", shares="none", **made
            )
        yield alike("linear", "several columns, all silent", columns=2, **made)
    yield alike("linear", "several columns, all silent", model="poisson", columns=5, alike=0.8)


def _other_worlds() -> Iterator[Cell]:
    """Yield noise that no member allows for."""
    made = {"model": "poisson", "plan": "halves"}
    counted = {"engagement": "lognormal", "noise": "counts", "transform": "log1p", "n": 3000}
    yield alike("linear", "halves that are counts", "other", **made, **counted)
    yield alike("linear", "noise grows with the level", "other", **made, noise="growing")
    yield alike(
        "linear",
        "multiplicative noise, identity",
        "other",
        model="poisson",
        plan="stated",
        engagement="lognormal",
    )
    both = {"columns": 2, "noise": "correlated", "plan": "stated"}
    yield alike(
        "linear", "two columns whose noise is correlated .6", "other", model="poisson", **both
    )
    yield alike("linear", "two columns whose noise is correlated .6", "other", **both)
    yield alike(
        "linear", "halves whose noise is correlated .2", "other", noise="halves-0.2", **made
    )


def _below() -> Iterator[Cell]:
    for form in ("linear", "quadratic"):
        yield alike(form, "more noise than is assumed", "below", reliability=0.7)
    yield alike("linear", "more noise than is assumed", "below", reliability=0.7, model="poisson")


def _power() -> Iterator[Cell]:
    """Yield the prototype's table of power: engagement recorded without noise."""
    plans = (("exact", 0.8), ("halves", 0.8), ("silent", 0.7), ("silent", 0.8), ("silent", 0.9))
    for slope, tie, effects in STRENGTHS:
        for plan, assumed in plans:
            reliability = ALL_BUT_EXACT if plan == "halves" else 1.0
            world = {"slope": slope, "tie": tie, "effects": effects, "reliability": reliability}
            yield alike("linear", "power", plan=plan, assumed=assumed, **world)
    for model, slope in SAME_Z.items():
        for plan in ("exact", "halves", "silent"):
            reliability = ALL_BUT_EXACT if plan == "halves" else 1.0
            world = {"slope": slope, "effects": (0.15, 0.3), "reliability": reliability}
            yield alike("linear", "power", model=model, plan=plan, tie=0.4, **world)
