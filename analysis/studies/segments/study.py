"""Who the score works for: its effect in every segment, pooled, and what to expect in a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.data.disclosure import FEWEST, few
from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import Refusal, measure
from analysis.models import fit_model
from analysis.models.covariance import CLUSTERED
from analysis.models.design import (
    Design,
    build_design,
    check_estimable,
    dependent_terms,
    score_scale,
    transform,
)
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit, p_value
from analysis.models.glm import average_marginal_effect, marginal_gradient
from analysis.models.planned import fit_as_planned
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.question import Question
from analysis.studies.base import where_known
from analysis.studies.segments.meta_analysis import FEWEST_SEGMENTS, Pool, pool

FEWEST_CLUSTERS = 6
"""A segment with fewer clusters has no standard error worth pooling."""


@dataclass(frozen=True, eq=False)
class Segment:
    """The score's effect in one segment, on the scale of the verdict; `sums` has each cluster's
    influence on it.
    """

    name: str
    n: int
    clusters: int | None
    covariance: str
    estimate: float
    std_error: float
    df: float | None
    spread: float
    sums: np.ndarray | None = None


def study_segments(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return one effect per segment of the plan, their pool, the gain in segments left out, and
    checks.

    Engagement is corrected for noise in each segment where the plan has halves of it, since noise
    may differ between segments; with a declared reliability, which is about all rows, the effects
    are plain.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan = sample.plan
    if plan.segment is None:
        return StudyResult()
    columns = (plan.segment.column,)
    return where_known(
        question, columns, "segments", lambda some: _studied(some.sample, outcome, score)
    )


def _studied(sample: Sample, outcome: OutcomeSection, score: str) -> StudyResult:
    plan, study = sample.plan, _Study.of(sample, outcome, score)
    segments, absent = study.segments()
    rows = [study.row(segment) for segment in segments]
    checks = [study.check("segments", not absent, study.counted(segments, absent), len(segments))]
    if len(segments) < 2:
        return StudyResult(
            tuple(rows),
            (*checks, study.check("transport", None, "An effect in fewer than two segments.")),
        )
    rows += study.pooled(segments)
    if plan.segment.without is not None:
        rest = [segment for segment in segments if segment.name != plan.segment.without]
        if len(rest) >= 2:
            rows += study.pooled(rest, f"without-{plan.segment.without}")
    if plan.score.scale == "sd":
        own = [_per_own_sd(segment, study.by) for segment in segments]
        rows += study.pooled(
            own, "own-sd", note="per standard deviation of the score within each segment"
        )
    rows += study.gains([segment.name for segment in segments])
    return StudyResult(tuple(rows), (*checks, *study.judged(segments)))


def _per_own_sd(segment: Segment, by: float) -> Segment:
    """Return the effect per standard deviation of the score within the segment."""
    factor = segment.spread / by
    return replace(
        segment, estimate=segment.estimate * factor, std_error=segment.std_error * factor
    )


@dataclass(frozen=True, eq=False)
class _Study:
    """One outcome and score, and the segment of every row."""

    sample: Sample
    outcome: OutcomeSection
    score: str
    design: Design
    names: np.ndarray
    by: float

    @classmethod
    def of(cls, sample: Sample, outcome: OutcomeSection, score: str) -> _Study:
        design = build_design(sample, outcome.column, (score,))
        by = score_scale(sample, score) if sample.plan.score.scale == "sd" else 1.0
        return cls(sample, outcome, score, design, sample.segments, by)

    @property
    def model(self) -> str:
        """The deciding model; the Poisson mean where a likelihood of more than the mean decides."""
        return FAMILIES[self.outcome.deciding_model].reduced

    @property
    def unit(self) -> Unit:
        if self.model == "logit" or self.outcome.kind == "binary":
            return "points"
        return "outcome" if self.model == "ols" else "percent"

    # --- one segment ---

    def segments(self) -> tuple[list[Segment], dict[str, str]]:
        """Return the segments with an effect, in order of their names, and why the others have
        none.
        """
        found, absent = [], {}
        for name in sorted(set(self.names)):
            try:
                found.append(self.segment(name))
            except DesignError as error:
                absent[name] = error.faults[0].found
        return found, absent

    def segment(self, name: str) -> Segment:
        """Return the effect in one segment.

        Raises
        ------
        DesignError
            When its rows do not hold one.
        """
        rows = self.names == name
        fit = self._fit(without_constants(self.design.take(rows)))
        estimate, error, influence = self._effect(fit, rows)
        sums = None
        if self.shared:
            sums = np.bincount(self.design.clusters[rows], influence, self.design.n_clusters)
        spread = float(np.std(fit.design.block("score")[:, 0], ddof=1))
        clusters = fit.design.n_clusters if fit.covariance in CLUSTERED else None
        df = None if self._halves(rows) else fit.df
        return Segment(
            name,
            fit.design.n,
            clusters,
            fit.covariance,
            estimate * self.by,
            error * self.by,
            df,
            spread,
            sums,
        )

    def _fit(self, design: Design) -> Fit:
        if design.n_clusters is not None and design.n_clusters < FEWEST_CLUSTERS:
            allowed = f"at least {FEWEST_CLUSTERS}"
            raise DesignError(
                "the segment", [Fault("clusters", f"{design.n_clusters} clusters", allowed)]
            )
        return fit_as_planned(self.sample.plan, self.model, design)

    def _effect(self, fit: Fit, rows: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Return the effect, its standard error and each row's influence on it."""
        halves = self._halves(rows)
        if halves:
            found = correct_fit(fit, measure(fit.design, halves=halves))
            if isinstance(found, Refusal):
                raise DesignError(
                    "the model", [Fault("correction", found.reason, "a correction that exists")]
                )
            influence = found.influence[:, found.terms.index(self.score)]
            return found.estimate(self.score), found.std_error(self.score), influence
        at = np.eye(fit.design.k)[fit.position(self.score)]
        if fit.model == "logit":
            return *average_marginal_effect(fit, self.score), influence_along(
                fit, marginal_gradient(fit, self.score)
            )
        return float(at @ fit.params), float(at @ fit.std_errors()), influence_along(fit, at)

    def _halves(self, rows: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the transformed halves of engagement in some rows; none where they cannot correct
        the model.
        """
        plan = self.sample.plan
        how = plan.engagement.transform_of
        usable = [c for c in plan.engagement.halves if how(c) not in ("rank", "spline")]
        if self.model == "logit" or plan.score.shares_error == "full":
            return {}
        return {
            c: tuple(
                transform(self.sample.numbers(half), how(c))[rows]
                for half in plan.engagement.halves[c]
            )
            for c in usable
        }

    # --- rows ---

    def blank(self, model: str, term: str, variant: str = "") -> Estimate:
        plan = self.sample.plan
        return Estimate(
            plan.name,
            self.outcome.column,
            self.score,
            "transport",
            model,
            term,
            n=self.design.n,
            variant=variant,
            unit=self.unit,
            scale=plan.score.scale,
        )

    def row(self, segment: Segment) -> Estimate:
        corrected = (
            "corrected for noise in engagement" if self._halves(self.names == segment.name) else ""
        )
        statistic = segment.estimate / segment.std_error
        return replace(
            self.blank(self.model, segment.name),
            n=segment.n,
            clusters=segment.clusters,
            covariance=segment.covariance,
            estimate=segment.estimate,
            std_error=segment.std_error,
            statistic=statistic,
            df=segment.df,
            p_value=p_value(statistic, segment.df),
            note=corrected,
        )

    @cached_property
    def shared(self) -> bool:
        """Whether a cluster has rows in more than one segment, so that the segments' effects err
        together.
        """
        if self.design.clusters is None:
            return False
        pairs = np.unique(
            np.column_stack([np.unique(self.names, return_inverse=True)[1], self.design.clusters]),
            axis=0,
        )
        return len(pairs) > len(np.unique(pairs[:, 1]))

    def pool_of(self, segments: list[Segment]) -> Pool:
        effects = np.array([segment.estimate for segment in segments])
        errors = np.array([segment.std_error for segment in segments])
        level = self.sample.plan.inference.level
        if not self.shared:
            return pool(effects, errors, level=level)
        sums = np.column_stack([segment.sums for segment in segments])
        size = np.sqrt((sums**2).sum(axis=0))
        return pool(
            effects,
            errors,
            sums.T @ sums / np.outer(size, size),
            level=level,
            clusters=int((sums != 0).any(axis=1).sum()),
        )

    def pooled(self, segments: list[Segment], variant: str = "", note: str = "") -> list[Estimate]:
        """Return the pooled effect, the prediction interval and the variance between segments."""
        found = self.pool_of(segments)
        apart = "whose effects err together, by the clusters that they share" if self.shared else ""
        note = "; ".join(
            filter(None, [f"random effects over {found.k} segments {apart}".rstrip(), note])
        )
        n = sum(segment.n for segment in segments)

        def blank(term: str) -> Estimate:
            return replace(self.blank("hartung-knapp", term, variant), n=n, clusters=found.k)

        bounds = found.prediction_interval(self.sample.plan.inference.level)
        why = note if bounds else f"{note}; two segments have no prediction interval"
        return [
            replace(
                blank("pooled"),
                estimate=found.estimate,
                std_error=found.std_error,
                df=found.df,
                statistic=found.estimate / found.std_error,
                p_value=found.p_value,
                note=note,
            ),
            replace(
                blank("prediction_interval"),
                estimate=found.estimate if bounds else None,
                bounds=bounds,
                note=why,
            ),
            replace(
                blank("tau2"),
                estimate=found.tau2,
                bounds=found.tau2_bounds,
                unit="number",
                scale="",
                note=f"{note}; {100 * found.i2:.0f} % of the spread is not sampling",
            ),
        ]

    # --- segments left out ---

    def gains(self, names: list[str]) -> list[Estimate]:
        """Return the share of deviance that the score saves in each segment when it is fitted on
        the others.
        """
        parts = {}
        for name in () if self.model == "gamma" else names:
            try:
                parts[name] = self._left_out(self.names == name)
            except DesignError:
                continue
        if not parts:
            return []
        whole = np.sum(list(parts.values()), axis=0)
        note = (
            "share of the null deviance saved by the score in segments on which it was not fitted"
        )
        rows = {f"gain:{name}": values for name, values in parts.items()} | {"gain": whole}
        return [
            replace(
                self.blank("left-out", term),
                scale="",
                unit="share",
                estimate=float(saved / null),
                note=note,
            )
            for term, (saved, null) in rows.items()
            if null > 0
        ]

    def _left_out(self, test: np.ndarray) -> np.ndarray:
        """Return (deviance saved, null deviance) in the rows of a mask, fitted on the others."""
        train = without_constants(self.design.take(~test))
        columns = [self.design.terms.index(term) for term in train.terms]
        deviances = []
        for design in (train, train.without("score")):
            fit = fit_model(design, self.model, "HC1")
            at = [columns[train.terms.index(term)] for term in design.terms]
            index = self.design.matrix[test][:, at] @ fit.params
            index = index if self.design.offset is None else index + self.design.offset[test]
            deviances.append(FAMILIES[self.model].deviance(self.design.response[test], index))
        null = self._null(train, test)
        return np.array([deviances[1] - deviances[0], null])

    def _null(self, train: Design, test: np.ndarray) -> float:
        """Return the deviance of a constant (times exposure) that is known from the other
        segments.
        """
        mean, of = train.response.mean(), FAMILIES[self.model].deviance
        if self.model == "ols":
            return of(self.design.response[test], np.full(test.sum(), mean))
        if self.model == "logit":
            return of(self.design.response[test], np.full(test.sum(), np.log(mean / (1 - mean))))
        offset = np.zeros(test.sum()) if self.design.offset is None else self.design.offset[test]
        base = 1.0 if train.offset is None else np.exp(train.offset).mean()
        return of(self.design.response[test], np.log(mean / base) + offset)

    # --- checks ---

    def check(
        self, name: str, passed: bool | None, reason: str, statistic: float | None = None
    ) -> Check:
        return Check(
            self.sample.plan.name, name, passed, reason, statistic, self.outcome.column, self.score
        )

    def counted(self, segments: list[Segment], absent: dict[str, str]) -> str:
        column = self.sample.plan.segment.column
        said = f"{len(segments)} segments of {column} have an effect of their own."
        if absent:
            hidden = {name for name in absent if few(int((self.names == name).sum()))}
            why = [f"{name} ({reason})" for name, reason in absent.items() if name not in hidden][
                :6
            ]
            why += (
                [f"{len(hidden)} with fewer than {FEWEST} rows, which are not named"]
                if hidden
                else []
            )
            rest = " and others" if len(absent) - len(hidden) > 6 else ""
            said += f" {len(absent)} have none: {'; '.join(why)}{rest}."
        return said

    def judged(self, segments: list[Segment]) -> Iterator[Check]:
        """Yield whether the effect travels, and whether there are enough segments to know."""
        found = self.pool_of(segments)
        if found.k < FEWEST_SEGMENTS:
            reason = (
                f"{found.k} segments say little about a new one: the variance between them is"
                " hardly known."
            )
            yield self.check("few_segments", False, reason, found.k)
        bounds = found.prediction_interval(self.sample.plan.inference.level)
        if bounds is None:
            return
        if bounds[0] > 0 or bounds[1] < 0:
            yield self.check(
                "transport", True, "The sign of the effect is expected to hold in a new segment."
            )
        else:
            reason = (
                "The effect in a new segment may have either sign: what holds here proves nothing"
                " for another one."
            )
            yield self.check("transport", False, reason)


def influence_along(fit: Fit, direction: np.ndarray) -> np.ndarray:
    """Return each row's influence on a weighted sum of the coefficients, shape (n,)."""
    basis, triangle = fit.design.basis
    information = basis.T @ (basis * fit.weights[:, None])
    return (
        basis @ np.linalg.solve(information, np.linalg.solve(triangle.T, direction))
    ) * fit.residuals


def without_constants(design: Design) -> Design:
    """Return the design of some rows without controls and engagement that do not vary in them,
    clusters renumbered.

    Raises
    ------
    DesignError
        When the score or the outcome does not vary, or there are too few rows.
    """
    dependent = {term for term, _ in dependent_terms(design.matrix, design.terms)} - set(
        term for term, block in zip(design.terms, design.blocks, strict=True) if block == "score"
    )
    keep = [at for at, term in enumerate(design.terms) if term not in dependent]
    clusters = (
        None if design.clusters is None else np.unique(design.clusters, return_inverse=True)[1]
    )
    rest = replace(
        design,
        matrix=design.matrix[:, keep],
        terms=tuple(design.terms[at] for at in keep),
        blocks=tuple(design.blocks[at] for at in keep),
        clusters=clusters,
    )
    if np.ptp(rest.response) == 0:
        raise DesignError(
            "the segment", [Fault("outcome", "one value in every row", "at least two")]
        )
    check_estimable(rest, "the segment")
    return rest
