"""Who the score works for: its effect in every segment, pooled, and what to expect in a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.data.disclosure import FEWEST, few
from analysis.errors import DesignError, Fault
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import Refusal, measure
from analysis.models import FEWEST_CLUSTERS, fit_as_planned, fit_model
from analysis.models.covariance import CLUSTERED
from analysis.models.family import FAMILIES, Family
from analysis.models.fit import Fit
from analysis.models.glm import effect_of, marginal_gradient
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question, tested
from analysis.studies.base import where_known, without_constants
from analysis.studies.segments.meta_analysis import FEWEST_SEGMENTS, Pool, pool


@dataclass(frozen=True, eq=False)
class Segment:
    """The score's effect in one segment, on the scale of the verdict.

    Attributes
    ----------
    effect : Estimate
    spread : float
        Standard deviation of the score in the segment.
    sums : ndarray, shape (clusters,), or None
        Each cluster's influence on the effect, where clusters span segments.
    """

    effect: Estimate
    spread: float
    sums: np.ndarray | None = None

    @property
    def name(self) -> str:
        return self.effect.term


def study_segments(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the effect in each segment, their pool, the gain in segments left out, and checks.

    Engagement is corrected for noise in each segment where the plan has halves of it, since noise
    may differ between segments; with a declared reliability, which is about all rows, the effects
    are plain.
    """
    section = question.plan.segment
    if section is None:
        return StudyResult()
    return where_known(
        question,
        (section.column,),
        "segments",
        lambda some: Segments(some.sample, some.outcome, some.score).result(),
    )


class Segments(Question):
    """One outcome and score, and the segment of every row."""

    @cached_property
    def names(self) -> np.ndarray:
        """The segment of each row, shape (n,)."""
        return self.sample.segments

    @cached_property
    def mean_family(self) -> Family:
        """The deciding model, or the one of its mean."""
        return FAMILIES[self.mean_model]

    @cached_property
    def shared(self) -> bool:
        """Whether clusters span segments, so that the segments' effects err together."""
        clusters = self.design.clusters
        if clusters is None:
            return False
        pairs = {*zip(self.names, clusters.tolist(), strict=True)}
        return len(pairs) > len(np.unique(clusters))

    def result(self) -> StudyResult:
        """Return the effects, their pools, the gains and the checks."""
        plan, (segments, absent) = self.plan, self.segments()
        rows = [segment.effect for segment in segments]
        checks = [self.counted(len(segments), absent)]
        if len(segments) < 2:
            reason = "An effect in fewer than two segments."
            return StudyResult(
                tuple(rows), (*checks, self.check("transport", None, reason, assessed=False))
            )
        rows += self.pooled(segments)
        dropped = plan.segment.without
        rest = [segment for segment in segments if segment.name != dropped]
        if dropped is not None and len(rest) >= 2:
            rows += self.pooled(rest, f"without-{dropped}")
        if plan.score.scale == "sd":
            note = "per standard deviation of the score within each segment"
            rows += self.pooled([*map(self._per_own_sd, segments)], "own-sd", note)
        rows += self.gains([segment.name for segment in segments])
        return StudyResult(tuple(rows), (*checks, *self.judged(self.pool_of(segments))))

    # --- one segment ---

    def segments(self) -> tuple[list[Segment], dict[str, str]]:
        """Return the segments with an effect, by name, and why the others have none."""
        segments, absent = [], {}
        for name in sorted(set(self.names)):
            try:
                segments.append(self.segment(name))
            except DesignError as error:
                absent[name] = error.found
        return segments, absent

    def segment(self, name: str) -> Segment:
        """Return the effect in one segment.

        Raises
        ------
        DesignError
            When its rows do not hold one.
        """
        rows = self.names == name
        design = without_constants(self.design.take(rows))
        groups = design.n_clusters
        if groups is not None and groups < FEWEST_CLUSTERS:
            fault = Fault("clusters", f"{groups} clusters", f"at least {FEWEST_CLUSTERS}")
            raise DesignError("the segment", fault)
        fit = fit_as_planned(self.plan, self.mean_model, design)
        halves = {}
        if not self.mean_family.margin and self.plan.score.shares_error != "full":
            halves = {name: (one[rows], two[rows]) for name, (one, two) in self.halves.items()}
        estimate, error, influence = self._effect(fit, halves)
        clusters = self.design.n_clusters
        sums = np.bincount(self.design.clusters[rows], influence, clusters) if self.shared else None
        effect = self._row(
            self.mean_model,
            name,
            n=design.n,
            clusters=groups if fit.covariance in CLUSTERED else None,
            covariance=fit.covariance,
            estimate=estimate * self.by,
            std_error=error * self.by,
            df=None if halves else fit.df_of(self.score),
            note="corrected for noise in engagement" if halves else "",
        )
        return Segment(tested(effect), float(np.std(design.block("score")[:, 0], ddof=1)), sums)

    def _effect(
        self, fit: Fit, halves: dict[str, tuple[np.ndarray, ...]]
    ) -> tuple[float, float, np.ndarray]:
        """Return the effect, its standard error and each row's influence on it."""
        score = self.score
        if halves:
            corrected = correct_fit(fit, measure(fit.design, halves=halves))
            if isinstance(corrected, Refusal):
                fault = Fault("correction", corrected.reason, "a correction that exists")
                raise DesignError("the model", fault)
            influence = corrected.influence[:, corrected.terms.index(score)]
            return corrected.estimate(score), corrected.std_error(score), influence
        if self.mean_family.margin:
            influence = fit.row_influence() @ marginal_gradient(fit, score)
        else:
            influence = fit.row_influence(score)
        return *effect_of(fit, score), influence

    def _per_own_sd(self, segment: Segment) -> Segment:
        """Return the effect per standard deviation of the score within the segment."""
        by, row = segment.spread / self.by, segment.effect
        row = replace(row, estimate=row.estimate * by, std_error=row.std_error * by)
        return replace(segment, effect=row)

    # --- all segments ---

    def _row(self, model: str, term: str, variant: str = "", **facts: object) -> Estimate:
        row = self.row("transport", model, term, variant=variant)
        shown = {"scale": self.plan.score.scale, "unit": self.effect_unit(self.mean_model)}
        return replace(row, **(shown | facts))

    def pool_of(self, segments: list[Segment]) -> Pool:
        """Return the segments' effects pooled by random effects."""
        effects = np.array([segment.effect.estimate for segment in segments])
        errors = np.array([segment.effect.std_error for segment in segments])
        if not self.shared:
            return pool(effects, errors, level=self.level)
        sums = np.column_stack([segment.sums for segment in segments])
        size = np.sqrt((sums**2).sum(axis=0))
        correlation, clusters = sums.T @ sums / np.outer(size, size), (sums != 0).any(axis=1).sum()
        return pool(effects, errors, correlation, level=self.level, clusters=int(clusters))

    def pooled(self, segments: list[Segment], variant: str = "", note: str = "") -> list[Estimate]:
        """Return the pooled effect, the prediction interval and the variance between segments."""
        pooled = self.pool_of(segments)
        apart = "whose effects err together, by the clusters that they share" if self.shared else ""
        note = "; ".join(
            filter(None, [f"random effects over {pooled.k} segments {apart}".rstrip(), note])
        )
        n = sum(segment.effect.n for segment in segments)
        blank = self._row("hartung-knapp", "pooled", variant, n=n, clusters=pooled.k, note=note)
        bounds = pooled.prediction_interval(self.level)
        effect = replace(blank, estimate=pooled.estimate)
        new = replace(effect, term="prediction_interval", bounds=bounds)
        if bounds is None:
            new = replace(new, estimate=None).noted("two segments have no prediction interval")
        spread = replace(
            blank,
            term="tau2",
            estimate=pooled.tau2,
            bounds=pooled.tau2_bounds,
            unit="number",
            scale="",
        )
        return [
            tested(replace(effect, std_error=pooled.std_error, df=pooled.df)),
            new,
            spread.noted(f"{100 * pooled.i2:.0f} % of the spread is not sampling"),
        ]

    def gains(self, names: list[str]) -> list[Estimate]:
        """Return the share of deviance that the score saves in segments left out of the fit."""
        from sklearn.model_selection import LeaveOneGroupOut

        if self.mean_family.infinite_at_zero:
            return []
        saved = {}
        for train, test in LeaveOneGroupOut().split(self.names, groups=self.names):
            if self.names[test[0]] in names:
                try:
                    saved[f"gain:{self.names[test[0]]}"] = self._deviances(train, test)
                except DesignError:
                    continue
        if not saved:
            return []
        note = (
            "share of the null deviance saved by the score in segments on which it was not fitted"
        )
        saved["gain"] = np.sum(list(saved.values()), axis=0)
        return [
            self._row(
                "left-out", term, scale="", unit="share", estimate=float(gain / null), note=note
            )
            for term, (gain, null) in saved.items()
            if null > 0
        ]

    def _deviances(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Return (deviance saved by the score, null deviance) of some rows, fitted on others."""
        full, new = without_constants(self.design.take(train)), self.design.take(test)
        offset = 0.0 if new.offset is None else new.offset
        at = [new.terms.index(term) for term in full.terms]
        with_score, without = (
            self.mean_family.deviance(
                new.response,
                new.matrix[:, at[: design.k]]
                @ fit_model(design, self.mean_family.name, "HC1").params
                + offset,
            )
            for design in (full, full.without("score"))
        )
        # a constant (times exposure) that is known from the other rows
        base = 1.0 if full.offset is None else np.exp(full.offset).mean()
        constant = self.mean_family.predictor(full.response.mean() / base)
        null = self.mean_family.deviance(new.response, np.full(new.n, constant) + offset)
        return np.array([without - with_score, null])

    # --- checks ---

    def counted(self, number: int, absent: dict[str, str]) -> Check:
        """Return the check that every segment has an effect of its own."""
        reason = f"{number} segments of {self.plan.segment.column} have an effect of their own."
        if absent:
            hidden = {name for name in absent if few(int((self.names == name).sum()))}
            named = [f"{name} ({why})" for name, why in absent.items() if name not in hidden]
            parts = named[:6]
            if hidden:
                parts.append(f"{len(hidden)} with fewer than {FEWEST} rows, which are not named")
            rest = " and others" if len(named) > 6 else ""
            reason += f" {len(absent)} have none: {'; '.join(parts)}{rest}."
        return self.check("segments", not absent, reason, number)

    def judged(self, pooled: Pool) -> Iterator[Check]:
        """Yield whether the effect travels, and whether there are enough segments to know."""
        if pooled.k < FEWEST_SEGMENTS:
            reason = (
                f"{pooled.k} segments say little about a new one: the variance between them is"
                " hardly known."
            )
            yield self.check("few_segments", False, reason, pooled.k)
        if (bounds := pooled.prediction_interval(self.level)) is not None:
            travels = bounds[0] > 0 or bounds[1] < 0
            reason = (
                "The sign of the effect is expected to hold in a new segment."
                if travels
                else "The effect in a new segment may have either sign: what holds here proves"
                " nothing for another one."
            )
            yield self.check("transport", travels, reason)
