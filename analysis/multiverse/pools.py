"""The rows and columns that specifications draw on: each set of rows is selected once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.sample import Sample, select_sample
from analysis.models.design import recorded, restricted_cubic_spline, transform
from analysis.multiverse.specifications import Specification
from analysis.plan import Plan
from analysis.plan.sections.columns import ControlsSection, EngagementSection, ScoreSection

MOST_ROW_GROUPS = 2_000
"""Above this number of rows without clusters, resampling moves random blocks of rows: as valid, and
affordable.
"""


@dataclass(frozen=True, eq=False)
class Pool:
    """The rows that a group of specifications shares, and the columns they draw on.

    `main` is the analysis sample of the plan, `complete` the rows in which every column of every
    specification is known: a score has the spread it has in the first of them that holds it, in
    whatever rows it is then used.
    """

    sample: Sample
    main: Sample
    complete: Sample
    outcome: str
    outcome_transform: str
    made: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def response(self) -> np.ndarray:
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
            columns |= self._once(("control", name), lambda name=name: self._control(name))
        for name, how in spec.engagement:
            columns |= self._once(
                ("engagement", name, how), lambda name=name, how=how: self._engagement(name, how)
            )
        named = self.score_name(spec)
        return columns | {named: self._once(("score", named), lambda: self._score(spec))}

    @staticmethod
    def score_name(spec: Specification) -> str:
        return f"score {spec.score} {spec.score_transform}"

    def labels(self, column: str) -> np.ndarray:
        """Return the cluster of each row."""
        return self._once(
            ("labels", column), lambda: self.sample.frame[column].astype(str).to_numpy()
        )

    def sizes(self, column: str) -> np.ndarray:
        """Return the number of rows of each cluster."""
        return self._once(
            ("sizes", column), lambda: np.unique(self.labels(column), return_counts=True)[1]
        )

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Return what was made under this key before: hundreds of specifications share a few dozen
        columns.
        """
        if key not in self.made:
            self.made[key] = make()
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

    def _score(self, spec: Specification) -> np.ndarray:
        source = self.main if spec.score in self.main.frame else self.complete
        spread = float(np.std(transform(source.numbers(spec.score), spec.score_transform), ddof=1))
        return transform(self.sample.numbers(spec.score), spec.score_transform) / spread

    def _engagement(self, column: str, how: str) -> dict[str, np.ndarray]:
        values = self.sample.numbers(column)
        if how == "spline":
            return {
                f"{column} spline {i}": part
                for i, part in enumerate(restricted_cubic_spline(values, column).T)
            }
        return {f"{column} {how}": recorded(self.sample, column, how)}

    def _control(self, column: str) -> dict[str, np.ndarray]:
        values = self.sample.frame[column]
        if pd.api.types.is_float_dtype(values):
            return {column: values.to_numpy(dtype=float)}
        return {
            f"{column}[{level}]": (values == level).to_numpy(dtype=float)
            for level in sorted(set(values))[1:]
        }


def pools(
    main: Sample, specs: list[Specification]
) -> Iterator[tuple[Pool, list[tuple[int, Specification]]]]:
    """Yield each set of rows and outcome with the specifications that use it.

    Under ``rows = "common"`` all columns of all specifications must be known; under "own" only
    those that the specification uses, at the price of one factorisation for each pattern.
    """
    common = main.plan.multiverse.rows == "common"
    complete = select_sample(_wide(main.plan, specs, ()), main.dataset)
    samples: dict[object, Sample] = {((), ()): complete}
    groups: dict[object, list[tuple[int, Specification]]] = {}
    for position, spec in enumerate(specs):
        key = (() if common else spec.columns, spec.keep)
        if key not in samples:
            samples[key] = select_sample(
                _wide(main.plan, specs if common else [spec], spec.keep), main.dataset
            )
        groups.setdefault((key, spec.outcome, spec.outcome_transform), []).append((position, spec))
    for (key, outcome, how), group in groups.items():
        yield Pool(samples[key], main, complete, outcome, how), group


def _wide(plan: Plan, specs: list[Specification], keep: tuple) -> Plan:
    """Return the plan with every column that the specifications use, as they stand in the file."""

    def distinct(names: Iterator[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    held = distinct(column for spec in specs for column, _ in spec.engagement)
    halves = {column: pair for column, pair in plan.engagement.halves.items() if column in held}
    others = distinct(
        name for spec in specs for name in (*spec.controls, *filter(None, [spec.cluster]))
    )
    outcomes = distinct(spec.outcome for spec in specs)
    return plan.model_copy(
        update={
            "score": ScoreSection(columns=distinct(spec.score for spec in specs)),
            "engagement": EngagementSection(columns=held, halves=halves),
            "controls": ControlsSection(columns=others),
            "outcome": tuple(plan.outcomes[name] for name in outcomes),
            "keep": plan.keep + keep,
            "multiverse": None,
        }
    )
