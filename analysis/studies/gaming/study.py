"""Can the score be gamed, and what does gaming do: to score, to outcome, and to what one says of
the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.data.sample import Sample
from analysis.data.selection.columns import gaming_columns
from analysis.errors import DesignError
from analysis.measurement_error.reliability import within_person
from analysis.measurement_error.within_noise import corrected_within, reliability_of_changes
from analysis.models.cluster_jackknife import WithoutClusters, corrected_without, without_clusters
from analysis.models.covariance import around
from analysis.models.design import (
    Design,
    build_design,
    recorded,
    score_scale,
    transform,
    transformed_score,
)
from analysis.models.fit import critical_value, p_value
from analysis.models.fixed_effects import WithinFit, autocorrelation, fit_within, sweep
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit, display
from analysis.results.question import Question
from analysis.studies.base import where_known
from analysis.studies.gaming.episodes import Episodes, episodes_of
from analysis.studies.gaming.event_study import Change, change, pre_trend, together
from analysis.studies.gaming.information import displaced, information
from analysis.studies.gaming.ratio import SET, fieller, set_in

SLOPES = {"organic": "score in organic rows", "gamed": "score in gamed rows"}
VISIBLE = 0.25
"""An outcome counts as flat only where a jump of this share of its mean would have been seen (power
.80).
"""
POWER = 0.842
"""The normal quantile of a power of .80."""


def study_gaming(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return slopes in gamed and organic rows, jumps of score and outcome at onset and offset, and
    what is lost.

    Reliabilities of engagement are looked up in the estimates.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan = sample.plan
    if plan.gaming is None:
        return StudyResult()
    return where_known(
        question,
        gaming_columns(plan),
        "gaming",
        lambda some: _studied(some.sample, outcome, score, tuple(estimates)),
    )


def _studied(
    sample: Sample, outcome: OutcomeSection, score: str, estimates: tuple[Estimate, ...]
) -> StudyResult:
    blank = _Study(sample, outcome, score, None, estimates)
    try:
        study = replace(blank, episodes=episodes_of(sample, outcome.column, score))
    except DesignError as error:
        return StudyResult(
            (), (blank.check("gaming", None, f"Not studied: {error.faults[0].found}."),)
        )
    parts = [study.counted(), study.slopes(), study.jumps(), study.information()]
    return StudyResult(
        tuple(row for part in parts for row in part.rows),
        tuple(c for part in parts for c in part.checks),
    )


@dataclass(frozen=True, eq=False)
class _Spread:
    """The covariance of slopes with fixed effects, and its degrees of freedom.

    Attributes
    ----------
    kind : {"CRV3", "CRV1"}
        CRV1 where one unit alone carries a slope, and its absence cannot be looked at.
    cov : ndarray, shape (k, k)
    clusters : int
    without : WithoutClusters or None
    back : ndarray, shape (k, k)
        What slopes are multiplied by to correct them for noise.

    Notes
    -----
    A slope in gamed rows rests on those who gamed: with CRV1 and t(G - 1), G counting everybody,
    the test of equal slopes rejects true ones in 8 % of panels of 300 creators of whom 84 gamed, 28
    in effect; with CRV3 and as many degrees of freedom as there are effective clusters, less one,
    in 5 to 6 % (simulated).
    """

    kind: str
    cov: np.ndarray
    clusters: int
    without: WithoutClusters | None
    back: np.ndarray

    @classmethod
    def of(cls, fit: WithinFit) -> _Spread:
        eye, groups = np.eye(len(fit.params)), fit.design.n_clusters
        try:
            without = without_clusters(
                fit.params, fit.design.matrix, fit.weights, fit.residuals, fit.design.clusters
            )
        except DesignError:
            return cls("CRV1", fit.cov, groups, None, eye)
        return cls("CRV3", around(fit.params, without.slopes), groups, without, eye)

    def corrected(
        self,
        found: np.ndarray,
        cov: np.ndarray,
        columns: np.ndarray,
        differences: np.ndarray,
        clusters: np.ndarray,
    ) -> _Spread:
        """Return that of slopes corrected for noise, whose CRV1 is `cov`."""
        if self.without is None:
            return replace(self, cov=cov)
        moments = columns.T @ columns
        back = np.linalg.solve(moments - differences.T @ differences, moments)
        try:
            slopes = corrected_without(self.without, columns, differences, clusters)
        except DesignError:
            return replace(self, kind="CRV1", cov=cov, back=back)
        return replace(self, cov=around(found, slopes), back=back)

    def df(self, weights: dict[int, float]) -> float:
        """Return the degrees of freedom of a sum of slopes, by position."""
        most = float(self.clusters - 1)
        if self.without is None:
            return most
        direction = np.zeros(len(self.cov))
        direction[list(weights)] = list(weights.values())
        return min(max(self.without.effective(self.back.T @ direction) - 1, 1.0), most)


@dataclass(frozen=True, eq=False)
class _Study:
    """One outcome and score, and the episodes in which the score was gamed."""

    sample: Sample
    outcome: OutcomeSection
    score: str
    episodes: Episodes | None
    estimates: tuple[Estimate, ...]

    @property
    def model(self) -> str:
        """An exponential mean where the deciding model has one, else least squares."""
        exponential = (
            self.outcome.deciding_model not in ("ols", "logit") and self.outcome.negative != "net"
        )
        return "poisson" if exponential else "ols"

    @property
    def unit(self) -> Unit:
        if self.model == "poisson":
            return "percent"
        return "points" if self.outcome.kind == "binary" else "outcome"

    @property
    def level(self) -> float:
        return self.sample.plan.inference.level

    @property
    def sign(self) -> int:
        """What turns a change of the score for the better into one of the score as it is."""
        return self.sample.plan.score.sign_of(self.score)

    def blank(self, model: str, term: str, variant: str = "") -> Estimate:
        return Estimate(
            self.sample.plan.name,
            self.outcome.column,
            self.score,
            "gaming",
            model,
            term,
            n=self.sample.rows,
            variant=variant,
        )

    def check(
        self, name: str, passed: bool | None, reason: str, statistic: float | None = None
    ) -> Check:
        return Check(
            self.sample.plan.name, name, passed, reason, statistic, self.outcome.column, self.score
        )

    def counted(self) -> StudyResult:
        """Return how many rows and units were gamed."""
        seen, said = self.episodes, self.sample.plan.gaming
        units = len(np.unique(seen.unit[seen.gamed]))
        how = (
            "inferred from jumps of the score without engagement"
            if seen.inferred
            else f"flagged by {said.episode}"
        )
        reason = (
            f"{int(seen.gamed.sum()):,} of {len(seen.gamed):,} rows lie in episodes of gaming"
            f" ({how}), of {units:,} of {len(seen.clusters):,} units, with {seen.onsets:,} onsets."
        )
        if seen.inferred:
            reason += (
                " A jump of the score is what they were chosen by, so that jump is no finding."
                " Weaker gaming is missed, and a burst of engagement that nobody recorded looks the"
                " same."
            )
        return StudyResult((), (self.check("gaming", True, reason, float(seen.gamed.sum())),))

    # --- slopes in gamed and organic rows ---

    def slopes(self) -> StudyResult:
        """Return the score's slope within units in organic and gamed rows, their ratio, and the
        test of equality.
        """
        if self.model == "ols" and self.outcome.exposure:
            return StudyResult(
                (),
                (self.check("decoupling", None, "No slopes by least squares with an exposure."),),
            )
        design, keep = self._design(), ~self.episodes.near
        design, unit, time = design.take(keep), self.episodes.unit[keep], self.episodes.time[keep]
        try:
            fit = fit_within(design, unit, time, model=self.model, terms=tuple(SLOPES.values()))
        except DesignError as error:
            return StudyResult(
                (),
                (
                    self.check(
                        "decoupling", None, f"No slopes within units: {error.faults[0].found}."
                    ),
                ),
            )
        spread = _Spread.of(fit)
        rows, checks = self._slope_rows(fit, self.model, fit.params, spread), []
        noise = self._noise(fit, design, unit, time)
        deciding = self.model
        if noise is not None:
            columns, differences, halved = noise
            rows += self._reliabilities(fit, columns, differences, halved)
            try:
                influence = (fit.design.matrix * fit.residuals[:, None]) @ np.linalg.inv(
                    fit.design.matrix.T @ (fit.design.matrix * fit.weights[:, None])
                )
                found, cov = corrected_within(
                    fit.params, influence, columns, differences, fit.design.clusters
                )
                deciding = "eiv" if self.model == "ols" else "calibrated"
                spread = spread.corrected(found, cov, columns, differences, fit.design.clusters)
                rows += self._slope_rows(fit, deciding, found, spread)
            except DesignError as error:
                checks.append(
                    self.check("gaming_noise", None, f"Not corrected: {error.faults[0].found}.")
                )
        return StudyResult(tuple(rows), (*checks, self._decoupled(rows, deciding)))

    def _design(self) -> Design:
        """Return the design with the score once for organic and once for gamed rows, and the
        episode itself.
        """
        design = build_design(self.sample, self.outcome.column, (self.score,))
        gamed, rest = self.episodes.gamed.astype(float), design.without("score")
        shown = design.block("score")[:, 0]
        shown = shown - shown.mean()
        matrix = np.column_stack([rest.matrix, gamed, shown * (1 - gamed), shown * gamed])
        return replace(
            rest,
            matrix=matrix,
            terms=(*rest.terms, "episode", *SLOPES.values()),
            blocks=(*rest.blocks, "control", "score", "score"),
        )

    def _slope_rows(
        self, fit: WithinFit, model: str, params: np.ndarray, spread: _Spread
    ) -> list[Estimate]:
        plan, groups, cov = self.sample.plan, fit.design.n_clusters, spread.cov
        by = score_scale(self.sample, self.score) if plan.score.scale == "sd" else 1.0
        note = f"unit and period fixed effects, {fit.units:,} units"
        if model != self.model:
            note += "; corrected for noise in engagement within units"

        def filled(row: Estimate, estimate: float, error: float, df: float) -> Estimate:
            t = estimate / error
            return replace(
                row,
                n=fit.design.n,
                clusters=groups,
                covariance=spread.kind,
                df=df,
                estimate=estimate,
                std_error=error,
                statistic=t,
                p_value=p_value(t, df),
                note=note,
            )

        at = [fit.position(SLOPES[kind]) for kind in ("gamed", "organic")]
        df = spread.df({at[0]: 1.0, at[1]: -1.0})
        (over, under), block = params[at], cov[np.ix_(at, at)]
        rows = [
            replace(
                filled(
                    self.blank(model, self.score, kind),
                    by * params[i],
                    by * np.sqrt(cov[i, i]),
                    spread.df({i: 1.0}),
                ),
                unit=self.unit,
                scale=plan.score.scale,
            )
            for kind, i in zip(("gamed", "organic"), at, strict=True)
        ]
        ratio = fieller(
            over, under, (block[0, 0], block[1, 1]), block[0, 1], critical_value(self.level, df)
        )
        test = (over - under) / np.sqrt(block[0, 0] + block[1, 1] - 2 * block[0, 1])
        bounds = (ratio.low, ratio.high) if ratio.shape == "interval" else None
        return [
            *rows,
            replace(
                self.blank(model, "decoupling"),
                n=fit.design.n,
                clusters=groups,
                covariance=spread.kind,
                df=df,
                estimate=ratio.estimate,
                bounds=bounds,
                statistic=test,
                p_value=p_value(test, df),
                note=(
                    f"slope in gamed over slope in organic rows, {SET}{ratio.describe()}; the test"
                    " is that both slopes are equal"
                ),
            ),
        ]

    def _noise(
        self, fit: WithinFit, design: Design, unit: np.ndarray, time: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, list[str]] | None:
        """Return the fit's columns and half-differences of engagement, both swept, and the columns
        with halves.
        """
        plan = self.sample.plan
        how = plan.engagement.transform_of
        halved = [
            column
            for column in plan.engagement.halves
            if how(column) not in ("rank", "spline") and column in fit.design.terms
        ]
        if not halved or plan.score.shares_error == "full":
            return None
        used = np.isin(design.rows, fit.design.rows)
        groups = [np.unique(codes[used], return_inverse=True)[1] for codes in (unit, time)]
        rows = np.isin(self.sample.frame.index.to_numpy(), fit.design.rows)
        columns = design.matrix[used][:, [design.terms.index(term) for term in fit.design.terms]]
        differences = np.zeros_like(columns)
        for column in halved:
            first, second = (
                transform(self.sample.numbers(half), how(column))[rows]
                for half in plan.engagement.halves[column]
            )
            differences[:, fit.position(column)] = (first - second) / 2
        return sweep(columns, groups), sweep(differences, groups), halved

    def _reliabilities(
        self, fit: WithinFit, columns: np.ndarray, differences: np.ndarray, halved: list[str]
    ) -> list[Estimate]:
        """Return how reliable changes of engagement within a unit are: from halves, and by the
        formula for both.
        """
        from_halves = reliability_of_changes(columns, differences)
        rows = []
        for column in halved:
            rho = autocorrelation(
                recorded(self.sample, column, self.sample.plan.engagement.transform_of(column)),
                self.episodes.unit,
                self.episodes.time,
            )
            known = [
                row.estimate
                for row in self.estimates
                if row.term == f"reliability:{column}" and row.estimate
            ]
            note = "share of changes within units that two halves agree on"
            if known:
                note += (
                    f"; the formula for engagement that hardly changes, ({known[0]:.2f} -"
                    f" {rho:.2f}) / (1 - {rho:.2f}), says {within_person(known[0], rho):.2f}"
                )
            rows.append(
                replace(
                    self.blank("halves", f"reliability_within:{column}"),
                    n=fit.design.n,
                    note=note,
                    estimate=float(from_halves[fit.position(column)]),
                )
            )
        return rows

    def _decoupled(self, rows: list[Estimate], model: str) -> Check:
        """Return the check that a point of the score means the same in gamed and in other rows."""
        row = next(row for row in rows if row.model == model and row.term == "decoupling")
        plain = next(row for row in rows if row.model == self.model and row.term == "decoupling")
        same = row.p_value >= 1 - self.level
        shown = display(row.p_value, "p")
        p = f"p {shown}" if shown.startswith("<") else f"p = {shown}"
        reason = (
            "A point of the score goes with the same difference of the outcome in gamed and in"
            f" other rows, as far as these rows can tell ({p})."
            if same
            else (
                f"A point of the score does not mean the same while it is gamed ({p}; ratio of the"
                f" slopes {row.estimate:.2f})."
            )
        )
        if (
            plain.p_value >= 1 - self.level
        ) != same and self.sample.plan.score.shares_error == "unknown":
            return self.check(
                "decoupling", None, f"{reason} The uncorrected fit says otherwise.", row.p_value
            )
        if same and row.bounds is None:
            reason += f" That is little (ratio of the slopes: {set_in(row.note)})."
            return self.check("decoupling", None, reason, row.p_value)
        return self.check("decoupling", same, reason, row.p_value)

    # --- jumps at onset and offset ---

    def jumps(self) -> StudyResult:
        """Return what score and outcome do when episodes begin and end, against units that stay as
        they are.
        """
        rows, checks, joint = [], [], {}
        for term in ("score", "outcome"):
            found = dict(self._changes(term))
            joint[term] = whole = together(found.get(("onset", 0)), found.get(("offset", 0)))
            if whole is None:
                reason = "Too few units begin or end an episode beside others that do not."
                return StudyResult((), (self.check("gaming_signature", None, reason),))
            rows.append(self._jump_row(term, f"{term}_jump", "", whole))
            for (kind, at), seen in found.items():
                if at == 0:
                    effect = seen if kind == "onset" else replace(seen, estimate=-seen.estimate)
                    rows.append(self._jump_row(term, f"{term}_jump", kind, effect))
                rows.append(self._jump_row(term, f"{term}_event", f"{kind}.{at}", seen))
            trend = self._trend(term, found)
            rows, checks = [*rows, *trend.rows], [*checks, *trend.checks]
        return StudyResult(
            tuple(rows), (*checks, self._signature(joint["score"], joint["outcome"]))
        )

    @property
    def base(self) -> int:
        return 1 + self.sample.plan.gaming.anticipation

    def _changes(self, term: str) -> Iterator[tuple[tuple[str, int], Change]]:
        """Yield the change at each period about the onset and from the offset on, its influence
        summed by cluster.
        """
        panel = self.episodes.score if term == "score" else self.episodes.outcome
        window, base = self.sample.plan.gaming.window, self.base
        leads = range(-base - max(window - 1, 1), 0)
        wanted = [("onset", at) for at in (*leads, *range(window + 1)) if at != -base]
        wanted += [("offset", at) for at in range(window + 1)]
        for kind, at in wanted:
            if kind == "onset":
                found = change(panel, 0, at, base=base, history=max(window, base), free=base - 1)
            else:
                found = change(panel, 1, at)
            if found is not None:
                pooled = np.bincount(self.episodes.clusters, found.influence)
                yield (kind, at), replace(found, influence=pooled)

    def _jump_row(self, term: str, name: str, variant: str, seen: Change) -> Estimate:
        error, df = seen.std_error, float(max(seen.units - 1, 1))
        note, unit = f"{seen.switchers:,} switches, {seen.stayers:,} stays", self._level_unit
        if term == "score" and self.sign < 0:
            seen, note = replace(seen, estimate=-seen.estimate), f"{note}; less is better"
        if term == "outcome" and name == "outcome_jump" and seen.before > 0:
            note += f"; {100 * seen.estimate / seen.before:+.1f} % of its mean before"
        if not error > 0:
            return replace(
                self.blank("did-m", name, variant),
                estimate=seen.estimate,
                note=f"{note}; no spread",
            )
        t = seen.estimate / error
        return replace(
            self.blank("did-m", name, variant),
            n=seen.switchers + seen.stayers,
            clusters=seen.units,
            df=df,
            estimate=seen.estimate,
            std_error=error,
            statistic=t,
            p_value=p_value(t, df),
            covariance="CRV1",
            unit="number" if term == "score" else unit,
            note=note,
        )

    @property
    def _level_unit(self) -> Unit:
        return "points" if self.outcome.kind == "binary" else "outcome"

    def _trend(self, term: str, found: dict[tuple[str, int], Change]) -> StudyResult:
        """Return the test of the periods before the onset, and the drift that it would find."""
        leads = {
            at: seen for (kind, at), seen in found.items() if kind == "onset" and at < -self.base
        }
        trend = pre_trend(leads, self.base, size=1 - self.level)
        if trend is None:
            return StudyResult()
        name = self.sample.dataset.label(self.score if term == "score" else self.outcome.column)
        p = display(trend.p_value, "p")
        parallel = trend.p_value >= 1 - self.level
        drift = display(trend.detectable, "number")
        reason = (
            f"Before an onset, the path of {name} is {'' if parallel else 'not '}the same in those"
            f" who will game and in those who will not (p {p if p.startswith('<') else '= ' + p});"
            f" a steady drift of {drift} a period would have been found with a power of .80."
        )
        note = f"{trend.leads} periods before; detectable drift {trend.detectable:.4g} a period"
        row = replace(
            self.blank("did-m", f"pretrend_{term}"),
            statistic=trend.statistic,
            p_value=trend.p_value,
            n=sum(seen.switchers for seen in leads.values()),
            note=note,
        )
        return StudyResult(
            (row,), (self.check(f"pretrend_{term}", parallel, reason, trend.p_value),)
        )

    def _signature(self, score: Change, outcome: Change) -> Check:
        """Return the check of gaming's signature: the score jumps, the outcome does not."""
        label = self.sample.dataset.label
        shown, paid = label(self.score), label(self.outcome.column)
        critical = critical_value(self.level, float(max(score.units - 1, 1)))
        if score.estimate - critical * score.std_error <= 0:
            lift = "lift" if self.sign > 0 else "improve"
            reason = (
                f"Gaming does not {lift} {shown}, as far as these rows can tell: there is nothing"
                " to set against it."
            )
            return self.check("gaming_signature", None, reason, score.estimate)
        low, high = (outcome.estimate + sign * critical * outcome.std_error for sign in (-1, 1))
        rises = f"Gaming lifts {shown} by {score.estimate:.3g}"
        if self.sign < 0:
            rises = f"Gaming lowers {shown}, of which less is better, by {score.estimate:.3g}"
        if low > 0:
            reason = f"{rises}, and {paid} with it ({display(outcome.estimate, self._level_unit)})"
            if not self.episodes.inferred:
                return self.check("gaming_signature", True, f"{reason}.", outcome.estimate)
            reason += (
                ": gaming that pays, or engagement that nobody recorded. Inferred episodes cannot"
                " tell which."
            )
            return self.check("gaming_signature", None, reason, outcome.estimate)
        reach = (critical + POWER) * outcome.std_error
        share = reach / abs(outcome.before) if outcome.before else np.inf
        if high < 0:
            reason = (
                f"{rises} while the mean of {paid} falls"
                f" ({display(outcome.estimate, self._level_unit)})."
            )
            return self.check("gaming_signature", False, reason, outcome.estimate)
        seen = f"a jump of {100 * share:.0f} % would have been seen with a power of .80"
        if share > VISIBLE:
            more = seen.replace(" would", " or more would")
            return self.check(
                "gaming_signature",
                None,
                f"{rises}; the mean of {paid} shows no jump, but only {more}.",
                outcome.estimate,
            )
        return self.check(
            "gaming_signature",
            False,
            f"{rises} and leaves the mean of {paid} where it was: {seen}.",
            outcome.estimate,
        )

    # --- what is lost ---

    def information(self) -> StudyResult:
        """Return what the score says of the outcome in organic and gamed rows, and whom gaming puts
        out of the top.
        """
        seen, rng = self.episodes, np.random.default_rng(self.sample.plan.inference.seed)
        shown = transformed_score(self.sample, self.score)
        found = information(
            shown,
            self.sample.numbers(self.outcome.column),
            seen.gamed,
            seen.clusters[seen.unit],
            rng,
            self.level,
        )
        note = "R2 of the outcome on the score alone; clusters drawn again"
        rows = [
            replace(
                self.blank("ols", term, variant),
                estimate=value,
                bounds=bounds,
                unit="number",
                note=note,
            )
            for term, variant, (value, bounds) in (
                ("r_squared", "organic", found.organic),
                ("r_squared", "gamed", found.gamed),
                ("information_loss", "", found.lost),
            )
        ]
        jump = together(dict(self._changes("score")).get(("onset", 0)), None)
        if jump is not None and jump.std_error > 0 and jump.estimate > 0:
            rows += self._displaced(jump)
        return StudyResult(tuple(rows))

    def _displaced(self, jump: Change) -> list[Estimate]:
        """Return the share of honest rows that gaming puts out of the top tenth, for what the jump
        at onset adds.
        """
        seen, error = self.episodes, jump.std_error
        (share, influence), *ends = (
            displaced(seen.score.values, seen.score.states, max(jump.estimate + step * error, 0.0))
            for step in (0, -1, 1)
        )
        if not np.isfinite([share, ends[0][0], ends[1][0]]).all():
            return []
        steep = (ends[1][0] - ends[0][0]) / (2 * error)
        pooled = np.bincount(seen.clusters, influence) + steep * jump.influence
        units = int((pooled != 0).sum())
        half = critical_value(self.level, float(max(units - 1, 1))) * float(
            np.sqrt(pooled @ pooled)
        )
        note = "of honest rows that belong into their period's top tenth, by the jump at onset"
        return [
            replace(
                self.blank("ranks", "displaced"),
                estimate=share,
                unit="number",
                note=note,
                clusters=units,
                bounds=(max(share - half, 0.0), min(share + half, 1.0)),
            )
        ]
