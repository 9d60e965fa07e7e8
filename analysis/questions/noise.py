"""What noise in engagement does to one audit: corrected effects, reliability, and what noise alone could do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.corrected import Correction, Refusal
from analysis.design import build_design, score_scale, transform
from analysis.errors import DesignError
from analysis.estimates import Check, Estimate, Unit
from analysis.fit import Fit, critical_value, p_value
from analysis.halves import counts_behind
from analysis.measurement import Measurement, measure
from analysis.methods.break_even import break_even, sesoi_break_even
from analysis.methods.calibrated_null import rate_of_fit
from analysis.methods.corrected_score import conditional_score, corrected_score
from analysis.methods.correction import correct_fit, correct_term, corrected_margin
from analysis.methods.curvature import Curvature
from analysis.methods.increment import fit_as_planned
from analysis.methods.oriv import oriv
from analysis.methods.reliability import Reliability, declared_reliability, repeated_windows, split_half
from analysis.methods.small_counts import check_small_counts
from analysis.models import fit_model
from analysis.questions.extrapolation import TERM as SIMEX
from analysis.questions.extrapolation import extrapolation_rows
from analysis.questions.sharing import Supposed, ends_of, mixed_corners, open_columns, to_suppose, too_many
from analysis.questions.straightness import bend_check, bend_of, bend_reason, straightened
from analysis.questions.sweep import sweep_rows
from analysis.rule import sesoi_band
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection

SUPPOSED = 0.8
"""Reliability for which the rate of a worthless score is printed when the plan states none."""

BELIEVABLE = (0.5, 1.0)
"""Range of reliability in which a break-even makes a verdict fragile when the plan states none."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """The deciding correction, to be made again without some rows.

    Attributes
    ----------
    influence : ndarray, shape (n,)
        Of each row on the score's corrected coefficient.
    clusters : ndarray or None, shape (n,)
    effect : callable
        From a mask of the rows that stay to the corrected effect; None where they have none.
    """

    influence: np.ndarray
    clusters: np.ndarray | None
    effect: Callable[[np.ndarray], Estimate | None]


@dataclass(frozen=True, eq=False)
class Noise:
    """What the audit of one score and outcome knows about noise in engagement.

    Attributes
    ----------
    status : {"no", "yes", "partial"}
        Whether a correction was made: "partial" when some engagement column had neither halves nor a reliability.
    rows : tuple of Estimate
        Corrected effects, reliabilities, break-even reliabilities and rates of a worthless score.
    checks : tuple of Check
    effects : tuple of Estimate
        The corrected effect on the scale of the verdict: at the stated reliability, at each end of its range, then at
        the mixed corners of several ranges.
    refusal : str or None
        Why there is no corrected effect although the plan asks for one.
    reasons : tuple of str
        Sentences for the reader.
    break_even : float or None
    believed : (float, float)
        The range of reliability that is thought possible.
    error_free : tuple of str
        Engagement columns that were taken as free of error beside corrected ones.
    doubt : str or None
        Why the corrected effect, which is printed, decides nothing.
    supposed : tuple of Supposed
        The effects if the score shares the noise of some columns only, where that is not known.
    left_out : LeftOut or None
        None where no correction was made.
    """

    status: Literal["no", "yes", "partial"]
    rows: tuple[Estimate, ...]
    checks: tuple[Check, ...]
    effects: tuple[Estimate, ...]
    refusal: str | None
    reasons: tuple[str, ...]
    break_even: float | None
    believed: tuple[float, float]
    error_free: tuple[str, ...] = ()
    doubt: str | None = None
    supposed: tuple[Supposed, ...] = ()
    left_out: LeftOut | None = None

    @property
    def fragile(self) -> bool | None:
        """True when the break-even reliability lies in the range that is believed; else not settled by this alone."""
        inside = self.break_even is not None and self.believed[0] <= self.break_even <= self.believed[1]
        return True if inside and self.break_even < 1 else None


NOTHING_KNOWN = Noise("no", (), (), (), None, (), None, BELIEVABLE)
"""The noise of engagement of which the plan says nothing, before anything is computed."""


@dataclass(frozen=True, eq=False)
class Deciding:
    """The corrections of one fit, by the point of the declared range, and what decides.

    Attributes
    ----------
    linear : dict of Correction or Refusal
        By moments for least squares, else by regression calibration.
    decides : dict of Correction or Refusal
        The same, unless recorded engagement is a curve of the score.
    effects : tuple of Estimate
    refusal : str or None
    bend : Curvature
    doubt : str or None
        Why the effects decide nothing.
    reasons : tuple of str
    supposed : tuple of Supposed
        The effects if the score shares the noise of some columns only, where that is not known.
    """

    linear: dict[str, Correction | Refusal]
    decides: dict[str, Correction | Refusal]
    effects: tuple[Estimate, ...]
    refusal: str | None
    bend: Curvature
    doubt: str | None = None
    reasons: tuple[str, ...] = ()
    supposed: tuple[Supposed, ...] = ()


def study_noise(sample: Sample, outcome: OutcomeSection, score: str) -> Noise:
    """Correct the deciding model for noise in engagement, and say what noise alone could do.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted.
    """
    if outcome.deciding_model == "hurdle":
        reason = "No correction for noise in engagement exists for a model of two parts; noise in it was not corrected."
        return replace(NOTHING_KNOWN, reasons=(reason,))
    return _Study.of(sample, outcome, score).noise()


@dataclass(frozen=True, eq=False)
class _Study:
    """One deciding fit, and what the plan says about the errors in its engagement columns."""

    sample: Sample
    outcome: OutcomeSection
    score: str
    fit: Fit
    halves: dict[str, tuple[np.ndarray, np.ndarray]]
    declared: dict[str, tuple[float, float, float]]

    @classmethod
    def of(cls, sample: Sample, outcome: OutcomeSection, score: str) -> _Study:
        plan = sample.plan
        design = build_design(sample, outcome.column, (score,))
        fit = fit_as_planned(plan, outcome.deciding_model, design, counts=outcome.kind == "count")
        how = plan.engagement.transform_of
        halves = {
            column: tuple(transform(sample.numbers(half), how(column)) for half in pair)
            for column, pair in plan.engagement.halves.items() if how(column) not in ("rank", "spline")
        }  # fmt: skip
        if score in plan.score.halves:
            how_score = plan.score.transform_of(score)
            halves[score] = tuple(transform(sample.numbers(half), how_score) for half in plan.score.halves[score])
        stated = [column for column in plan.engagement.columns if column in plan.engagement.reliability]
        declared = {column: plan.engagement.range_of(column) for column in stated}
        return cls(sample, outcome, score, fit, halves, declared)

    @property
    def noisy(self) -> tuple[str, ...]:
        """Engagement columns whose noise can be corrected."""
        return tuple(column for column in (*self.halves, *self.declared) if column != self.score)

    def noise(self) -> Noise:
        plan = self.sample.plan
        bent = [c for c in (*plan.engagement.halves, *plan.engagement.reliability)
                if plan.engagement.transform_of(c) in ("rank", "spline")]  # fmt: skip
        if bent or not self.noisy:
            return self._uncorrected(bent)
        whole = set(self.noisy) == set(plan.engagement.columns)
        status: Literal["yes", "partial"] = "yes" if whole else "partial"
        found = self.deciding()
        rows, full = [], plan.score.shares_error == "full"
        if not found.refusal:
            kinds = [found.linear] if found.decides is found.linear else [found.linear, found.decides]
            rows = [self._variant(row, at) for kind in kinds for at, one in kind.items() for row in self._rows(one, at)]
            rows += [one.effect for one in found.supposed]
            rows += [*self._beside(skip=found.decides["value"].model), *self._picture()]
        reliable = self.reliabilities()
        rows += [self._reliability_row(column, seen) for column, seen in reliable.items()]
        more, said, gone = self._what_noise_could_do(found.linear["value"], reliable, found.bend)
        believed = (min(r.low for r in reliable.values()), max(r.high for r in reliable.values()))
        free = tuple(column for column in plan.engagement.columns if column not in self.noisy)
        checks = () if full else (*self._small_counts(), *self._straight(found.bend))
        if full:  # the score shares the noise, so the plain fit is right and nothing vanishes with it
            said, gone = [], None
        return Noise("no" if full else status, (*rows, *more), checks, found.effects, None if full else found.refusal,
                     (*found.reasons, *said), gone, believed, free, found.doubt, found.supposed,
                     None if full else self._left_out(found))  # fmt: skip

    def deciding(self) -> Deciding:
        """Return the corrections, and which of them decides: what of the noise can change a word."""
        errors = {at: self.errors(at) for at in self._points()}
        linear = {at: correct_fit(self.fit, one) for at, one in errors.items()}
        refusal = next((found.reason for found in linear.values() if isinstance(found, Refusal)), None)
        bend = bend_of(self.fit, self.noisy)
        if refusal:
            return Deciding(linear, linear, (), refusal, bend)
        decides, doubt, reasons = linear, None, ()
        if bend.curved and self.sample.plan.score.shares_error != "full":
            found = straightened(self.fit, errors)
            said = bend_reason(self.sample.dataset.label(self.score), bend, decided=found is not None)
            decides, doubt, reasons = (linear, said, ()) if found is None else (found, None, (said,))
        effects = tuple(self._variant(self.effect(found), at) for at, found in decides.items())
        supposed, failed = self._supposed(straight=decides is linear)
        doubt = doubt or failed or too_many(self.sample.plan, self.score, tuple(self.declared))
        return Deciding(linear, decides, effects, None, bend, doubt, reasons, supposed)

    def _left_out(self, deciding: Deciding) -> LeftOut | None:
        if deciding.refusal:
            return None
        whole = deciding.decides["value"]

        def effect(keep: np.ndarray) -> Estimate | None:
            try:
                rest = self._of_rows(keep)
                errors = {"value": rest.errors()}
                straight = deciding.decides is deciding.linear
                found = correct_fit(rest.fit, errors["value"]) if straight else straightened(rest.fit, errors)
            except (DesignError, np.linalg.LinAlgError):
                return None
            found = found["value"] if isinstance(found, dict) else found
            return None if found is None or isinstance(found, Refusal) else rest.effect(found)

        return LeftOut(whole.influence[:, whole.terms.index(self.score)], self.fit.design.clusters, effect)

    def _of_rows(self, keep: np.ndarray) -> _Study:
        """Return the study of some rows, a mask, with the scales of all."""
        with np.errstate(all="ignore"):
            fit = fit_model(self.fit.design.rest(keep), self.fit.model, self.fit.covariance,
                            counts=self.outcome.kind == "count")  # fmt: skip
        halves = {column: (first[keep], second[keep]) for column, (first, second) in self.halves.items()}
        return replace(self, fit=fit, halves=halves)

    def _supposed(self, *, straight: bool) -> tuple[tuple[Supposed, ...], str | None]:
        """Return the effect for each set of columns whose noise the score may share, and why one cannot be made.

        A declared reliability is taken at its low end: what is subtracted then lies between nothing and the most.
        """
        unknown = open_columns(self.sample.plan, self.score)
        errors = {shared: self.errors("low", without=shared) for shared in to_suppose(unknown, self.noisy)}
        found = {shared: correct_fit(self.fit, one) for shared, one in errors.items()} if straight else (
            straightened(self.fit, errors) if errors else {})  # fmt: skip
        refused = found is None or any(isinstance(one, Refusal) for one in found.values())
        if refused:
            return (), ("It is not known whose noise the score shares, and the correction of some of the noisy columns "
                        "alone is refused, so the correction decides nothing.")  # fmt: skip
        return tuple(self._if_shared(self.effect(one), shared) for shared, one in found.items()), None

    def _if_shared(self, row: Estimate, shared: tuple[str, ...]) -> Supposed:
        apart = tuple(column for column in self.noisy if column not in shared)
        ends = " at the low end of the declared range" if self.declared else ""
        note = f"if the score shares the noise of {', '.join(shared)}: {', '.join(apart)} alone corrected{ends}"
        variant = "-".join(filter(None, [row.variant, "shared", *shared]))
        return Supposed(shared, replace(row, variant=variant, note=note))

    def _straight(self, bend: Curvature) -> list[Check]:
        """Return the check that engagement is straight in the score, where a correction takes it so."""
        blank = Check(self.sample.plan.name, "", None, "", None, self.outcome.column, self.score)
        return [] if self.fit.model == "ols" else [bend_check(blank, bend)]

    def _points(self) -> tuple[str, ...]:
        return ("value", "low", "high", *mixed_corners(tuple(self.declared))) if self.declared else ("value",)

    def errors(self, at: str = "value", without: tuple[str, ...] = ()) -> Measurement:
        """Return the errors with declared reliabilities at one point of their ranges, but for some columns."""
        return measure(
            self.fit.design, halves={column: pair for column, pair in self.halves.items() if column not in without},
            declared={column: value for column, value in self._values(at).items() if column not in without},
        )  # fmt: skip

    def _values(self, at: str) -> dict[str, float]:
        point = {"low": 0, "value": 1, "high": 2}
        return {column: self.declared[column][point[end]] for column, end in ends_of(at, tuple(self.declared)).items()}

    # --- rows ---

    def blank(self, method: str, model: str, term: str) -> Estimate:
        return Estimate(
            self.sample.plan.name, self.outcome.column, self.score, method, model, term, n=self.fit.design.n
        )

    def effect(self, found: Correction) -> Estimate:
        """Return the corrected effect on the scale of the verdict."""
        rows = self._rows(found, "value")
        wanted = "margin" if self.fit.model == "logit" else ""
        return next(row for row in rows if row.variant == wanted)

    def _rows(self, found: Correction, at: str) -> list[Estimate]:
        """Return the corrected coefficient on both scales; for a logit its margin too."""
        unit = "log odds" if self.fit.model == "logit" else self._unit
        quantities = [("", found.estimate(self.score), found.std_error(self.score), unit)]
        if self.fit.model == "logit" and found.model == "calibration":
            margin = corrected_margin(self.fit, found, self.score)
            quantities.append(("margin", margin.estimate, margin.std_error, "points"))
        rows = []
        for variant, estimate, error, shown in quantities:
            for scale in ("sd", "raw"):
                by = score_scale(self.sample, self.score) if scale == "sd" else 1.0
                other = "" if scale == self.sample.plan.score.scale else scale
                rows.append(replace(
                    self.blank("corrected", found.model, self.score), scale=scale, unit=shown,
                    variant="-".join(filter(None, [variant, other])), estimate=estimate * by, std_error=error * by,
                    statistic=estimate / error, p_value=p_value(estimate / error, found.df), df=found.df,
                    clusters=found.clusters, covariance=found.covariance,
                ))  # fmt: skip
        return rows

    def _beside(self, *, skip: str) -> list[Estimate]:
        """Return other corrections of the same effect than the one that decides: printed beside it."""
        other = {"poisson": corrected_score, "logit": conditional_score}.get(self.fit.model)
        found = [other(self.fit, self.errors())] if other else []
        if self.fit.model == "ols" and not self.declared and self.score not in self.halves:
            found.append(oriv(self.fit.design, self.halves))
        return [row for correction in found if not isinstance(correction, Refusal) and correction.model != skip
                for row in self._rows(correction, "value") if not row.variant.startswith("margin")]  # fmt: skip

    def _picture(self) -> list[Estimate]:
        """Return the effect with more noise in engagement, to be drawn beside the sweep."""
        plan = self.sample.plan
        if plan.quick or plan.score.shares_error == "full":
            return []
        scale, unit = plan.score.scale, "log odds" if self.fit.model == "logit" else self._unit
        by = score_scale(self.sample, self.score) if scale == "sd" else 1.0
        blank = replace(self.blank("reliability", SIMEX, SIMEX), scale=scale, unit=unit)
        return extrapolation_rows(blank, self.fit, self.errors(), by, plan.inference.seed)

    def _variant(self, row: Estimate, at: str) -> Estimate:
        """Name the ends of a declared range, and the corners of several."""
        if at == "value":
            return row
        corner = ", ".join(f"{column} {value:.2f}" for column, value in self._values(at).items())
        note = (
            f"at the corner {corner} of the declared ranges" if "-" in at else f"at the {at} end of the declared range"
        )
        return replace(row, variant="-".join(filter(None, [row.variant, at])), note=note)

    def reliabilities(self) -> dict[str, Reliability]:
        """Return the reliability of each noisy engagement column."""
        plan, found = self.sample.plan, {}
        for column in self.noisy:
            if column in self.declared:
                low, value, high = self.declared[column]
                found[column] = declared_reliability(value, low, high)
            else:
                rng = np.random.default_rng(plan.inference.seed)
                drawn = {"clusters": self.fit.design.clusters, "level": plan.inference.level,
                         "replicates": plan.inference.bootstrap, "rng": rng}  # fmt: skip
                long = plan.engagement.long
                windows = long is not None and long.split == "windows" and column in long.columns
                pair = self.halves[column]
                found[column] = (repeated_windows(np.column_stack(pair), **drawn) if windows
                                 else split_half(*pair, **drawn))  # fmt: skip
        return found

    def _reliability_row(self, column: str, found: Reliability) -> Estimate:
        how = "halves" if found.how == "split-half" else found.how
        note = {"declared": "declared range", "halves": "Spearman-Brown of two halves, bootstrap interval"}.get(
            how, f"intraclass correlation of the mean of two windows, bootstrap interval. {found.note}"
        )
        return replace(self.blank("reliability", how, f"reliability:{column}"), estimate=found.value,
                       bounds=(found.low, found.high), note=note)  # fmt: skip

    # --- what noise could do ---

    def _what_noise_could_do(
        self, found: Correction | Refusal, reliable: dict[str, Reliability], bend: Curvature
    ) -> tuple[list[Estimate], list[str], float | None]:
        """Return rows, sentences and the break-even reliability where the plan says how noisy engagement is."""
        how = "declared" if self.declared else "halves"
        rows, said, gone = self._break_even(how, self.noisy)
        rates = {"naive": rate_of_fit(self.fit, self.errors(), self.score, level=self.sample.plan.inference.level)}
        if isinstance(found, Correction):
            rates["corrected"] = rate_of_fit(self.fit, self.errors(), self.score, correction=found,
                                             assumed=self.errors(), level=self.sample.plan.inference.level)  # fmt: skip
        known = {name: rate for name, rate in rates.items() if not isinstance(rate, Refusal)}
        notes = {"corrected": "of regression calibration, were engagement straight in the score" if bend.curved else ""}
        rows += [replace(self.blank("reliability", how, f"false_positive_{name}"), estimate=rate,
                         note=notes.get(name, "")) for name, rate in known.items()]  # fmt: skip
        if "naive" in known:
            stated = ", ".join(f"{column} {r.value:.2f}" for column, r in reliable.items())
            also = f", and the corrected test {100 * known['corrected']:.0f} %" if "corrected" in known else ""
            if also and open_columns(self.sample.plan, self.score):
                none = "where the score shares none of this noise"
                also = f"{also} {none}" if not self.sample.plan.score.halves else (
                    f"; the corrected test holds its level only {none}")  # fmt: skip
            if bend.curved:
                also = ", and the corrected test in a share that is not known: engagement is a curve of the score"
            said.append(
                f"With these rows, these correlations and this reliability ({stated}), a score that adds nothing would "
                f"pass the ordinary test {100 * known['naive']:.0f} % of the time{also}."
            )
        return rows, said, gone

    def _break_even(self, how: str, noisy: tuple[str, ...]) -> tuple[list[Estimate], list[str], float | None]:
        """Return the reliability at which the effect is gone, and at which it is inside the band."""
        found = break_even(self.fit, self.score, noisy)
        row = replace(self.blank("reliability", how, "break_even"), estimate=found.reliability, note=found.reason)
        inside = sesoi_break_even(self._inner_interval(noisy), self._band())
        small = replace(
            self.blank("reliability", how, "break_even_sesoi"), estimate=inside.reliability, note=inside.reason
        )
        said = []
        if found.reliability is not None:
            said.append(
                f"The score's effect vanishes if recorded engagement has a reliability of {found.reliability:.2f}: "
                "below that, the score takes over what engagement lost to noise."
            )
        return [row, small, *self._sweep(how, noisy)], said, found.reliability

    def _sweep(self, how: str, noisy: tuple[str, ...]) -> list[Estimate]:
        """Return the effect over reliabilities; none for a score that is said to share the noise in full."""
        if self.sample.plan.score.shares_error == "full":
            return []
        scale, unit = self.sample.plan.score.scale, self._unit
        by = score_scale(self.sample, self.score) if scale == "sd" else 1.0
        blank = replace(self.blank("reliability", how, ""), scale=scale, unit=unit)
        return sweep_rows(blank, self.fit, noisy, by)

    @property
    def _unit(self) -> Unit:
        """How the effect on the scale of the verdict is shown."""
        if self.fit.model == "logit" or (self.fit.model == "ols" and self.outcome.kind == "binary"):
            return "points"
        return "outcome" if self.fit.model == "ols" else "percent"

    def _band(self) -> tuple[float, float]:
        mean = float(self.sample.numbers(self.outcome.column).mean())
        return sesoi_band(self.outcome, self.outcome.deciding_model, mean)

    def _inner_interval(self, noisy: tuple[str, ...]):
        """Return the equivalence test's interval as a function of a common reliability."""
        level = 1 - 2 * (1 - self.sample.plan.inference.level)
        by = score_scale(self.sample, self.score) if self.sample.plan.score.scale == "sd" else 1.0

        def at(reliability: float) -> tuple[float, float]:
            errors = measure(self.fit.design, declared=dict.fromkeys(noisy, float(reliability)))
            found = correct_term(self.fit, errors, self.score, margin=self.fit.model == "logit")
            if isinstance(found, Refusal):
                return np.nan, np.nan
            half = critical_value(level, found.df) * found.std_error
            return (found.estimate - half) * by, (found.estimate + half) * by

        return at

    # --- without a correction ---

    def _uncorrected(self, bent: list[str]) -> Noise:
        """Return what can be said where nothing is known of the noise, or where no correction exists."""
        plan = self.sample.plan
        reasons, rows, gone = [], [], None
        if bent:
            reasons.append(
                f"No correction exists for engagement under a rank or spline transform ({', '.join(bent)}), so noise "
                "in it was not corrected although the plan states its reliability."
            )
        plain = tuple(c for c in plan.engagement.columns if plan.engagement.transform_of(c) not in ("rank", "spline"))
        if plain and not bent:
            rows, said, gone = self._break_even("none", plain)
            reasons += said
            rate = rate_of_fit(self.fit, measure(self.fit.design, declared=dict.fromkeys(plain, SUPPOSED)), self.score,
                               level=plan.inference.level)  # fmt: skip
            if not isinstance(rate, Refusal):
                note = f"if recorded engagement had a reliability of {SUPPOSED}"
                rows.append(
                    replace(self.blank("reliability", "none", "false_positive_naive"), estimate=rate, note=note)
                )
                reasons.append(
                    f"If recorded engagement had a reliability of {SUPPOSED}, a score that adds nothing would pass "
                    f"this test {100 * rate:.0f} % of the time with these rows and correlations; record engagement in "
                    "two halves (odd and even weeks) to find out."
                )
        return Noise("no", tuple(rows), (), (), None, tuple(reasons), gone, BELIEVABLE)

    def _small_counts(self) -> list[Check]:
        """Whether halves of counts are large enough for the error of their logarithm to be plain noise."""
        plan, checks = self.sample.plan, []
        unnamed = plan.row is None or self.sample.raw is None
        behind = {} if unnamed else counts_behind(plan, self.sample.raw[plan.row])
        for column, pair in plan.engagement.halves.items():
            first, second = behind.get(column) or (self.sample.numbers(half) for half in pair)
            counts = all(np.array_equal(half, np.floor(half)) for half in (first, second))
            if plan.engagement.transform_of(column) == "log1p" and counts:
                found = check_small_counts(first, second)
                checks.append(Check(plan.name, "small_counts", found.passed, f"{column}: {found.reason}",
                                    max(found.shares), self.outcome.column, self.score, refuses=True))  # fmt: skip
        return checks
