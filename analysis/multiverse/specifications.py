"""The reasonable analyses that a plan declares, and the rows and columns that they draw on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, combinations, product
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.sample import Sample, select_sample
from analysis.errors import Fault, PlanError, did_you_mean, listing
from analysis.models.columns import recorded, restricted_cubic_spline, transform
from analysis.models.family import FAMILIES
from analysis.plan import Plan
from analysis.plan.sections.columns import (
    ControlsSection,
    EngagementSection,
    KeepSection,
    ScoreSection,
)
from analysis.plan.sections.studies import DecisionSection, OptionSection

MOST_ROW_GROUPS = 2_000
"""With more rows and no clusters, resampling moves random blocks of rows: as valid, and faster."""


@dataclass(frozen=True)
class Specification:
    """One reasonable analysis: what each decision came to, and the equation that follows.

    Attributes
    ----------
    choices : tuple of str
        The option of each decision, in the plan's order.
    outcome, score, cluster, model : str
        `cluster` is empty for none.
    outcome_transform, score_transform : str
    engagement : tuple of (column, transform)
    controls : tuple of str
    keep : tuple of KeepSection
        Filters on top of the plan's.
    reliability : tuple of (column, share)
        Engagement columns whose noise the fit is corrected for; empty for the plain fit.
    """

    choices: tuple[str, ...]
    outcome: str
    outcome_transform: str
    score: str
    score_transform: str
    engagement: tuple[tuple[str, str], ...]
    controls: tuple[str, ...]
    keep: tuple[KeepSection, ...]
    cluster: str
    model: str
    reliability: tuple[tuple[str, float], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns it needs."""
        held = (column for column, _ in self.engagement)
        cluster = [self.cluster] if self.cluster else []
        return distinct(chain([self.outcome, self.score], held, self.controls, cluster))

    @property
    def estimand(self) -> tuple[str, str]:
        """The model, and the outcome with its transform: those of one estimand share a median."""
        how = "" if self.outcome_transform == "identity" else f"-{self.outcome_transform}"
        return self.model, self.outcome + how


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return each name once, in order."""
    return tuple(dict.fromkeys(names))


def specifications(plan: Plan) -> list[Specification]:
    """Return every combination of the plan's options that is not forbidden.

    Raises
    ------
    PlanError
        An option names an outcome that the plan does not have, or a reliability of a column that no
        specification can be corrected for.
    """
    decisions = plan.multiverse.decision
    faults = list(_faults(plan))
    if faults:
        raise PlanError(str(plan.path or "the plan"), faults)
    specs = []
    for options in product(*(options_of(decision) for decision in decisions)):
        chosen = {(d.name, option.name) for d, option in zip(decisions, options, strict=True)}
        if not any(chosen >= forbidden.items() for forbidden in plan.multiverse.forbidden):
            specs.append(_resolve(plan, options))
    return specs


def _faults(plan: Plan) -> Iterator[Fault]:
    """Yield outcomes that the plan lacks, and reliabilities that cannot be corrected for."""
    options = [(d.name, option) for d in plan.multiverse.decision for option in d.option]
    mixes = (option.engagement or () for _, option in options)
    held = distinct(chain(plan.engagement.columns, *mixes))
    for name, option in options:
        place = f'[multiverse] decision "{name}", option "{option.name}", '
        for column in option.reliability or ():
            if column not in held:
                allowed, hint = "an engagement column: " + listing(held), did_you_mean(column, held)
                yield Fault(f"{place}reliability", column, allowed, hint)
            elif column in plan.engagement.halves:
                allowed = "halves or a reliability, not both"
                yield Fault(f"{place}reliability", f"{column}, which has halves", allowed)
        if option.outcome is not None and option.outcome not in plan.outcomes:
            allowed = "an [[outcome]] of the plan: " + listing(list(plan.outcomes))
            hint = did_you_mean(option.outcome, plan.outcomes)
            yield Fault(f"{place}outcome", option.outcome, allowed, hint)


def options_of(decision: DecisionSection) -> tuple[OptionSection, ...]:
    """Return a decision's options; `subsets` stands for every subset of its columns."""
    if decision.option:
        return decision.option
    columns, why = decision.subsets, decision.reason
    subsets = chain.from_iterable(combinations(columns, size) for size in range(len(columns) + 1))
    return tuple(
        OptionSection(name="+".join(subset) or "none", reason=why, controls=subset)
        for subset in subsets
    )


def _resolve(plan: Plan, options: tuple[OptionSection, ...]) -> Specification:
    """Return the plan's own analysis with what the options set; controls, filters and
    reliabilities of several add up.
    """
    chosen = {name: value for option in options for name, value in option if value is not None}
    controls = [option.controls for option in options if option.controls is not None]
    shares = dict(chain.from_iterable((option.reliability or {}).items() for option in options))
    columns = plan.engagement.columns
    engagement = chosen.get("engagement") or {c: plan.engagement.transform_of(c) for c in columns}
    first = plan.outcome[0]
    outcome = chosen.get("outcome", first.column)
    score = chosen.get("score", plan.score.columns[0])
    model = plan.outcomes.get(outcome, first).deciding_model
    return Specification(
        choices=tuple(option.name for option in options),
        outcome=outcome,
        outcome_transform=chosen.get("outcome_transform", "identity"),
        score=score,
        score_transform=chosen.get("score_transform", plan.score.transform_of(score)),
        engagement=tuple(engagement.items()),
        controls=distinct(chain(*controls)) if controls else plan.controls.columns,
        keep=tuple(chain.from_iterable(option.keep or () for option in options)),
        cluster=chosen.get("cluster", plan.cluster.column if plan.cluster else ""),
        model=chosen.get("model", FAMILIES[model].sums or "ols"),
        reliability=tuple((column, share) for column, share in shares.items() if share < 1),
    )


def own_specification(plan: Plan, specs: list[Specification]) -> Specification:
    """Return the specification that is the plan's own analysis, or the first where none is."""
    own = _resolve(plan, ())
    return next((spec for spec in specs if replace(spec, choices=()) == own), specs[0])


# --- rows and columns -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Pool:
    """The rows that a group of specifications shares, and the columns they draw on.

    Attributes
    ----------
    sample : Sample
        The rows.
    main : Sample
        The analysis sample of the plan.
    complete : Sample
        The rows in which every column of every specification is known: a score has the spread it
        has in the first of `main` and `complete` that holds it, in whatever rows it is then used.
    outcome, outcome_transform : str
    made : dict
        Columns, each made once: hundreds of specifications share a few dozen.
    """

    sample: Sample
    main: Sample
    complete: Sample
    outcome: str
    outcome_transform: str
    made: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def response(self) -> np.ndarray:
        """Return the outcome transformed, money and counts as a share of their mean."""
        values = self.sample.numbers(self.outcome)
        if self.outcome_transform != "identity":
            return {"log1p": np.log1p, "asinh": np.arcsinh}[self.outcome_transform](values)
        if self.main.plan.outcomes[self.outcome].kind in ("revenue", "count"):
            return values / abs(float(self.main.numbers(self.outcome).mean()))
        return values

    def regressors(self, spec: Specification) -> dict[str, np.ndarray]:
        """Return the named columns of one equation, the score last."""
        columns: dict[str, np.ndarray] = {}
        for name in spec.controls:
            columns |= self._once(self._control, name)
        for name, how in spec.engagement:
            columns |= self._once(self._engagement, name, how)
        name = self.score_name(spec)
        return columns | {name: self._once(self._score, spec.score, spec.score_transform)}

    @staticmethod
    def score_name(spec: Specification) -> str:
        return f"score {spec.score} {spec.score_transform}"

    def labels(self, column: str) -> np.ndarray:
        """Return the cluster of each row."""
        return self._once(self._labels, column)

    def codes(self, column: str) -> np.ndarray:
        """Return the cluster of each row as a number."""
        return self._once(self._codes, column)

    def sizes(self, column: str) -> np.ndarray:
        """Return the number of rows of each cluster."""
        return self._once(self._sizes, column)

    def _once(self, make: Callable[..., Any], *names: str) -> Any:
        key = (make.__name__, *names)
        if key not in self.made:
            self.made[key] = make(*names)
        return self.made[key]

    def units(self) -> np.ndarray:
        """Return what resampling moves: the plan's clusters, rows, or random blocks of rows."""
        plan, dataset = self.main.plan, self.main.dataset
        if plan.cluster:
            return self.labels(plan.cluster.column)
        rows = self.sample.frame.index.to_numpy()
        if self.main.rows <= MOST_ROW_GROUPS:
            return rows
        order = np.random.default_rng(plan.inference.seed).permutation(dataset.rows)
        return order[rows - dataset.frame.index[0]] % (MOST_ROW_GROUPS // 2)

    def _labels(self, column: str) -> np.ndarray:
        return self.sample.frame[column].astype(str).to_numpy()

    def _codes(self, column: str) -> np.ndarray:
        return pd.factorize(self.labels(column))[0]

    def _sizes(self, column: str) -> np.ndarray:
        return np.unique(self.labels(column), return_counts=True)[1]

    def _score(self, column: str, how: str) -> np.ndarray:
        source = self.main if column in self.main.frame else self.complete
        spread = float(np.std(transform(source.numbers(column), how), ddof=1))
        return transform(self.sample.numbers(column), how) / spread

    def _engagement(self, column: str, how: str) -> dict[str, np.ndarray]:
        if how == "spline":
            parts = restricted_cubic_spline(self.sample.numbers(column), column).T
            return {f"{column} spline {i}": part for i, part in enumerate(parts)}
        return {f"{column} {how}": recorded(self.sample, column, how)}

    def _control(self, column: str) -> dict[str, np.ndarray]:
        values = self.sample.frame[column]
        if pd.api.types.is_float_dtype(values):
            return {column: values.to_numpy(dtype=float)}
        levels = sorted(set(values))[1:]
        return {f"{column}[{level}]": (values == level).to_numpy(dtype=float) for level in levels}


Group = list[tuple[int, Specification]]
"""Specifications with their positions among all."""


def pools(main: Sample, specs: list[Specification]) -> Iterator[tuple[Pool, Group]]:
    """Yield each set of rows and outcome with the specifications that use it.

    Under ``rows = "common"`` all columns of all specifications must be known; under "own" only
    those that the specification uses, at the price of one factorisation for each pattern.
    """
    plan, dataset = main.plan, main.dataset
    common = plan.multiverse.rows == "common"
    complete = select_sample(_wide(plan, specs, ()), dataset)
    samples: dict[object, Sample] = {((), ()): complete}
    groups: dict[object, Group] = {}
    for position, spec in enumerate(specs):
        key = (() if common else spec.columns, spec.keep)
        if key not in samples:
            wide = _wide(plan, specs if common else [spec], spec.keep)
            samples[key] = select_sample(wide, dataset)
        groups.setdefault((key, spec.outcome, spec.outcome_transform), []).append((position, spec))
    for (key, outcome, how), group in groups.items():
        yield Pool(samples[key], main, complete, outcome, how), group


def _wide(plan: Plan, specs: list[Specification], keep: tuple[KeepSection, ...]) -> Plan:
    """Return the plan with every column that the specifications use, as they stand in the file."""
    held = distinct(column for spec in specs for column, _ in spec.engagement)
    halves = {column: pair for column, pair in plan.engagement.halves.items() if column in held}
    others = (n for spec in specs for n in (*spec.controls, spec.cluster) if n)
    outcomes = distinct(spec.outcome for spec in specs)
    changes = {
        "score": ScoreSection(columns=distinct(spec.score for spec in specs)),
        "engagement": EngagementSection(columns=held, halves=halves),
        "controls": ControlsSection(columns=distinct(others)),
        "outcome": tuple(plan.outcomes[name] for name in outcomes),
        "keep": plan.keep + keep,
        "multiverse": None,
    }
    return plan.model_copy(update=changes)
