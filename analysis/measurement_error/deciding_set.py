"""The fits that have to agree before a word is given: as recorded, in any form, less its noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from analysis.errors import DesignError
from analysis.measurement_error.calibrated import calibrated_effect, plain_effect
from analysis.measurement_error.correction import Effect, correct_term
from analysis.measurement_error.flexible_form import (
    MOST_PRODUCTS,
    flexible_columns,
    outcome_beyond,
    standardised,
)
from analysis.measurement_error.measurement import (
    Refusal,
    identification,
    measure,
)
from analysis.measurement_error.nonlinearity import largest_nonlinearity, without_linearity
from analysis.measurement_error.polynomial import (
    Polynomial,
    corrected_polynomial,
    degree_of,
    monomials,
)
from analysis.measurement_error.posterior import Posterior, posterior
from analysis.measurement_error.recordings import RecordedColumn
from analysis.models import fit_model
from analysis.models.design import independent_columns
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.glm import effect_of

FEW_RANGES = 3
"""With so many noisy columns every corner of their ranges is asked, with more all low, all high,
and one at a time."""

HALVINGS = 12
"""Steps by which the first reliability with an answer is looked for."""

CURVED = "corrected-score"
"""The correction that takes no straight line for granted, where there is one."""

MEMBERS = {
    "recorded": "as recorded",
    "form": "form",
    "noise": "noise",
    "cubic": "form and noise",
    "steps": "steps and noise",
}
"""The members by a short key, as a reader meets them."""


@dataclass(frozen=True, eq=False)
class Answered:
    """One member at one point of what is not known, and its effect.

    Attributes
    ----------
    member : str
        A key of `MEMBERS`.
    model, variant : str
        As the ledger names the estimate.
    effect : Effect or None
        On the scale of the verdict, per unit of the score; None where there is no answer.
    where : str
        The point in words.
    reliabilities : mapping of str to float
        Of the noisy columns, where noise is corrected.
    """

    member: str
    model: str
    variant: str
    effect: Effect | None
    where: str = ""
    reliabilities: Mapping[str, float] | None = None


@dataclass(frozen=True, eq=False)
class DecidingSet:
    """One equation, and the members of the set that decide about it.

    Attributes
    ----------
    fit : Fit
        The plain fit.
    linear : Fit
        The fit that c corrects: of the deciding model, or for a model of two parts of its mean; a
        rank or spline has one column of normal scores in it.
    score : str
    columns : tuple of RecordedColumn
    plain : Effect
        Of the plain fit, on the scale of the verdict, per unit of the score.
    shares_error : {"none", "full", "unknown"}
    halves : dict
        Halves of engagement and score as `measure` takes them, for `linear`.
    widening : float
        How much wider an error by CRV3 is than one by CRV1 in the plain fit; 1 without clusters.
    seed : int
    correlation : float
        Up to which the noises of two columns without halves may be correlated.
    """

    fit: Fit
    linear: Fit
    score: str
    columns: tuple[RecordedColumn, ...]
    plain: Effect
    shares_error: str = "unknown"
    halves: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None
    widening: float = 1.0
    seed: int = 0
    correlation: float = 0.0

    # --- which decide ---

    @cached_property
    def noisy(self) -> tuple[RecordedColumn, ...]:
        return tuple(column for column in self.columns if column.noisy)

    @property
    def assumed(self) -> tuple[RecordedColumn, ...]:
        return tuple(column for column in self.columns if column.assumed)

    @property
    def noise_decides(self) -> bool:
        """Whether any noise is corrected in the set."""
        return bool(self.noisy) and self.shares_error != "full"

    @property
    def record_decides(self) -> bool:
        """Whether the recorded columns, noise and all, have a say."""
        return not self.noise_decides or self.shares_error != "none" or bool(self.assumed)

    def members(self, assumed: float = 1.0) -> Iterator[Answered]:
        """Yield each member with its effect, the cheap ones first.

        Parameters
        ----------
        assumed : float
            Reliability of the assumed columns: the low end of what is thought possible.
        """
        yield from self.cheap(assumed)
        yield from self.dear(assumed)

    def cheap(self, assumed: float) -> Iterator[Answered]:
        """Yield the members without those that take longest."""
        low = self.reliabilities(assumed)
        noisy = self._any_noise(low)
        if self.record_decides or not noisy:
            yield Answered("recorded", self.fit.model, "", self.plain)
            yield Answered("form", self.fit.model, "form", self.in_any_form)
        if noisy:
            yield from self._less_noise(low)
        if noisy and self.fit.design.levels is not None:
            where = f"{self._in_words(low, ())}; not worked out with absorbed levels"
            yield Answered("cubic", "calibrated-cubic", "", None, where, low)
        elif noisy and FAMILIES[self.fit.model].linear:
            yield from self._cubics(low)

    def dear(self, assumed: float) -> Iterator[Answered]:
        """Yield the members that take longest: the last, and what is averaged over a posterior."""
        low = self.reliabilities(assumed)
        if self.fit.design.levels is not None or not self._any_noise(low):
            return
        if not FAMILIES[self.fit.model].linear:
            yield from self._cubics(low)
        yield self._steps(low)

    def _any_noise(self, low: Mapping[str, float]) -> bool:
        """Return whether noise is corrected at these reliabilities."""
        return self.noise_decides and any(
            column.halves is not None or low[column.name] < 1 for column in self.noisy
        )

    def reliabilities(self, assumed: float) -> dict[str, float]:
        """Return the low end of each noisy column's range."""
        return {c.name: assumed if c.assumed else c.low for c in self.noisy}

    # --- a and b ---

    @cached_property
    def in_any_form(self) -> Effect | None:
        """The effect beside engagement in a flexible form; None where no such form has one."""
        if self.fit.design.levels is not None:
            return self._in_any_form_within()
        columns = [column.declared for column in self.columns]
        base = np.column_stack([np.ones(self.fit.design.n), self.controls])
        target = outcome_beyond(self.fit.design, self.fit.model, base)
        score = self.score_values
        for held in flexible_columns(columns, self._leading, base, (target, score)):
            covariance = self.fit.covariance if self.fit.covariance != "CRV3" else "CRV1"
            effect = plain_effect(self.fit, self.score, np.column_stack([base, held]), covariance)
            if effect is not None:
                return self._widened(effect)
        return None

    def _in_any_form_within(self) -> Effect | None:
        """Return the same where levels of controls are absorbed: all is less its level means."""
        design, columns = self.fit.design, [column.declared for column in self.columns]
        swept = design.levels.swept
        at = [i for i, block in enumerate(design.blocks) if block in ("intercept", "control")]
        base, score = design.recorded[:, at], design.recorded[:, self.fit.position(self.score)]
        plain = design.levels.before
        target = outcome_beyond(plain, self.fit.model, base)
        covariance = self.fit.covariance if self.fit.covariance != "CRV3" else "CRV1"
        for held in flexible_columns(columns, self._leading, base, (target, score), swept):
            kept = design.columns([*at, self.fit.position(self.score)])
            every = np.column_stack([np.ones(design.n), swept(np.column_stack([score, held]))])
            stays = [
                k - 1
                for k in range(2, every.shape[1])
                if independent_columns(every[:, : k + 1]).shape[1]
                > independent_columns(every[:, :k]).shape[1]
            ]
            more = {f"held {k}": held[:, k - 1] for k in stays}
            try:
                refit = fit_model(kept.with_columns("control", more), self.fit.model, covariance)
            except (DesignError, np.linalg.LinAlgError):
                continue
            effect = Effect(*effect_of(refit, self.score), refit.df_of(self.score))
            if np.isfinite([effect.estimate, effect.std_error]).all() and effect.std_error > 0:
                return self._widened(effect)
        return None

    @cached_property
    def controls(self) -> np.ndarray:
        return self.fit.design.block("control")

    @cached_property
    def score_values(self) -> np.ndarray:
        return self.fit.design.matrix[:, self.fit.position(self.score)]

    @cached_property
    def _leading(self) -> tuple[int, ...]:
        """Positions of the columns of which products are taken: those with most partial R2."""
        if len(self.columns) <= MOST_PRODUCTS:
            return tuple(range(len(self.columns)))
        recorded = np.column_stack([column.declared for column in self.columns])
        base = np.column_stack([np.ones(len(recorded)), self.controls, recorded])
        target = outcome_beyond(self.fit.design, self.fit.model, base)
        inverse = np.linalg.pinv(base.T @ base)
        slopes = (inverse @ (base.T @ target))[-len(self.columns) :]
        sizes = np.abs(slopes) / np.sqrt(np.diag(inverse)[-len(self.columns) :])
        return tuple(sorted(np.argsort(-sizes)[:MOST_PRODUCTS].tolist()))

    # --- c ---

    def _less_noise(self, low: dict[str, float]) -> Iterator[Answered]:
        """Yield the linear correction at each corner of what is not known."""
        for variant, at, without in self._corners(low):
            model, effect = self.corrected(at, without)
            yield Answered("noise", model, variant, effect, self._in_words(at, without), at)
        if self.correlation:
            yield from self.with_correlated_noise(low, self.correlation)

    def with_correlated_noise(
        self, low: Mapping[str, float], correlation: float
    ) -> Iterator[Answered]:
        """Yield the linear correction with a correlation of the noises of columns without halves,
        at the low ends and at what is stated; nothing where there are not two such columns.
        """
        if sum(column.halves is None for column in self.noisy) < 2:
            return
        stated = {c.name: low[c.name] if c.assumed else c.value for c in self.noisy}
        points = {"correlated-low": dict(low), "correlated": stated}
        for variant, at in points.items():
            if variant == "correlated" and at == points["correlated-low"]:
                continue
            model, effect = self.corrected(at, correlation=correlation)
            where = f"{self._in_words(at, ())}; noise of two columns correlated {correlation:.2f}"
            yield Answered("noise", model, variant, effect, where, at)

    def corrected(
        self,
        at: Mapping[str, float],
        without: Iterable[str] = (),
        correlation: float = 0.0,
    ) -> tuple[str, Effect | None]:
        """Return the correction's name, and the effect with each column's noise at a reliability.

        Some columns' noise may be left, and that of columns without halves be correlated.
        """
        kept = vars(self).setdefault("_corrected", {})
        key = tuple(sorted(at.items())), tuple(without), correlation
        if key not in kept:
            kept[key] = self._correct(at, key[1], correlation)
        return kept[key]

    def _correct(
        self, at: Mapping[str, float], without: tuple[str, ...], correlation: float
    ) -> tuple[str, Effect | None]:
        family = FAMILIES[self.linear.model]
        halves = {name: pair for name, pair in (self.halves or {}).items() if name not in without}
        declared = {name: r for name, r in at.items() if name not in halves and name not in without}
        if not declared and not any(name != self.score for name in halves):
            return family.correction, self.plain
        design = self.linear.design
        errors = measure(design, halves=halves, declared=declared, correlation=correlation)
        if self.curved:
            other = without_linearity(self.linear, {"value": errors})
            if other is not None:
                return CURVED, other["value"].effect(self.score)
        effect = correct_term(self.linear, errors, self.score, margin=bool(family.margin))
        return family.correction, None if isinstance(effect, Refusal) else effect

    def _corners(
        self, low: dict[str, float]
    ) -> Iterator[tuple[str, dict[str, float], tuple[str, ...]]]:
        """Yield (variant, reliabilities, columns whose noise stays) for each corner, low first."""
        stated = {c.name: c.value for c in self.noisy if not c.assumed}
        high = {c.name: 1.0 if c.assumed else c.high for c in self.noisy}
        ranged = [name for name in low if low[name] < high[name]]
        seen = set()
        if stated and not self.assumed:
            yield "", stated, ()
            seen.add(tuple(stated.items()))
        for ends in corners(len(ranged)):
            at = {**high, **{n: (low, high)[e][n] for n, e in zip(ranged, ends, strict=True)}}
            variant = "low" if not any(ends) else "high" if all(ends) else _named(ends)
            if self.assumed:
                variant = "assumed" if variant == "low" else f"assumed-{variant}"
            key = tuple(at.items())
            recorded = all(r == 1 for r in at.values()) and not self.halves
            if key not in seen and not (recorded and self.record_decides):
                seen.add(key)
                yield variant, at, ()
        for shared in self._shared():
            yield "-".join(("shared", *shared)), low, shared

    def _shared(self) -> list[tuple[str, ...]]:
        """Return sets of stated columns whose noise the score may share, another corrected."""
        if self.shares_error != "unknown":
            return []
        known = self.score in (self.halves or {})
        unknown = [
            c.name for c in self.noisy if not c.assumed and not (known and c.halves is not None)
        ]
        return shared_sets(unknown, [c.name for c in self.noisy])

    def _in_words(self, at: Mapping[str, float], without: tuple[str, ...]) -> str:
        parts = [
            f"{c.name} {'from its halves' if c.halves is not None else f'{at[c.name]:.2f}'}"
            for c in self.noisy
            if c.name not in without
        ]
        where = f"reliability: {', '.join(parts)}"
        return f"{where}; the score shares the noise of {', '.join(without)}" if without else where

    @cached_property
    def curved(self) -> bool:
        """Whether recorded engagement is a curve of the score, which the linear one leaves out."""
        names = tuple(column.name for column in self.noisy)
        return largest_nonlinearity(self.linear, names).matters

    # --- d and e ---

    @cached_property
    def _known(self) -> np.ndarray:
        """Columns without noise in the equations for form and noise: the intercept first."""
        exact = [column.declared for column in self.columns if not column.noisy]
        six = {column.name for column in self._six}
        beyond = [column.declared for column in self.noisy if column.name not in six]
        base = np.column_stack([np.ones(self.fit.design.n), self.controls, *beyond])
        if exact:
            target = outcome_beyond(self.fit.design, self.fit.model, base)
            pairs = range(min(len(exact), MOST_PRODUCTS))
            flexible = flexible_columns(exact, pairs, base, (target, self.score_values))
            base = np.column_stack([base, flexible[0 if self.fit.design.n > 300 else 1]])
        base = independent_columns(base)
        rest = [standardised(column) for column in base[:, 1:].T]
        return np.column_stack([base[:, 0], *rest])

    @cached_property
    def _six(self) -> tuple[RecordedColumn, ...]:
        """The noisy columns whose form and noise are taken together."""
        if len(self.noisy) <= MOST_PRODUCTS:
            return self.noisy
        leading = [self.columns[at] for at in self._leading if self.columns[at].noisy]
        rest = [column for column in self.noisy if column not in leading]
        return tuple([*leading, *rest][:MOST_PRODUCTS])

    def _cubics(self, low: dict[str, float]) -> Iterator[Answered]:
        """Yield the cubic of true engagement, on normal scores and on the declared scale."""
        where = self._in_words(low, ())
        if not FAMILIES[self.fit.model].linear:
            effect = self._calibrated(low, cubic=True)
            yield Answered("cubic", "calibrated-cubic", "", effect, where, low)
            return
        normal, alike = self.cubic(low, normal=True), all(c.normal_alike for c in self._six)
        at = where if alike else f"{where}, on normal scores"
        yield Answered("cubic", "corrected-cubic", "", self._scaled(normal), at, low)
        if alike:
            return
        declared = self.cubic(low, normal=False)
        at = f"{where}, on the plan's scale"
        if declared.effect is not None or not self.assumed:
            yield Answered("cubic", "corrected-cubic", "declared", self._scaled(declared), at, low)
        if self.drawn_out(low):
            yield Answered("cubic", "corrected-cubic", "drawn-out", None, at, low)

    def drawn_out(self, low: Mapping[str, float]) -> tuple[str, ...]:
        """Return the columns drawn out to one side whose noise may be even on their own scale.

        No correction keeps a worthless score out there, so there is no word.
        """
        if not FAMILIES[self.fit.model].linear or not self.noise_decides:
            return ()
        return tuple(c.name for c in self._six if c.has_no_answer(low[c.name]))

    def cubic(self, low: Mapping[str, float], *, normal: bool) -> Polynomial:
        """Return the corrected cubic of least squares, per standard deviation of the score."""
        columns = [column.at(low[column.name], normal=normal) for column in self._six]
        degrees = [
            degree_of(noisy, 3) if normal and column.assumed else 3
            for column, noisy in zip(self._six, columns, strict=True)
        ]
        terms = monomials(degrees, range(len(columns)))
        known = np.column_stack([self._known, standardised(self.score_values)])
        return corrected_polynomial(
            self.fit.design.response, known, columns, terms, clusters=self.fit.design.clusters
        )

    def _scaled(self, found: Polynomial) -> Effect | None:
        if found.effect is None:
            return None
        return self._widened(found.effect.times(1 / self.score_values.std()))

    def _steps(self, low: dict[str, float]) -> Answered:
        effect = self._calibrated(low, cubic=False)
        where = self._in_words(low, ())
        return Answered("steps", "calibrated-steps", "", effect, where, low)

    def _calibrated(self, low: dict[str, float], *, cubic: bool) -> Effect | None:
        """Return the effect beside a function of true engagement, averaged over what it may be.

        None without one, and where halves differ so much that a record would be noise alone.
        """
        truth = self._truth(tuple(low.items()))
        if truth is None:
            return None
        effect = calibrated_effect(self.fit, self.score, self._known, truth, cubic=cubic)
        return None if effect is None else self._widened(effect)

    def _truth(self, low: tuple[tuple[str, float], ...]) -> Posterior | None:
        """Return the posterior at these reliabilities, None without a truth; the last is kept."""
        kept = vars(self).setdefault("_kept", {})
        if low not in kept:
            kept.clear()
            at = dict(low)
            columns = [column.at(at[column.name], normal=True) for column in self._six]
            if any(column.variance >= 1 for column in columns):
                return None
            noisy = [column for column in columns if column.variance > 0]
            exact = [column.values for column in columns if column.variance == 0]
            kept[low] = posterior(
                noisy,
                standardised(self.score_values),
                np.column_stack([self._known, *exact]),
                np.random.default_rng([self.seed, 1]),
                tuple(range(len(noisy))),
                outcome_beyond(self.fit.design, self.fit.model, self._known),
            )
        return kept[low]

    @cached_property
    def _few(self) -> float | None:
        return self.fit.few(self.score)

    def _widened(self, effect: Effect) -> Effect:
        """Return an effect with an error by CRV3 where the plain one has that, and with the plain
        one's reference where few rows carry it.
        """
        if self.fit.covariance != "CRV3":
            few = self._few
            fewer = few is not None and (effect.df is None or few < effect.df)
            return replace(effect, df=few) if fewer else effect
        error = effect.std_error * self.widening
        return replace(effect, std_error=error, df=self.fit.df_of(self.score))

    # --- what may be assumed ---

    def start(self, least: float) -> float:
        """Return the smallest common reliability of the assumed columns that has an answer.

        At least `least`. Below it the columns would hold less truth than noise of this size leaves:
        two columns correlated .8 cannot both be noisy by a fifth.
        """
        if not self.assumed or self.answers(least):
            return least
        low, high = least, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.answers(middle) else (middle, high)
        return min(1.0, float(np.ceil(high * 1000) / 1000))

    def answers(self, assumed: float) -> bool:
        """Return whether the assumed columns leave an answer at a reliability."""
        low = self.reliabilities(assumed)
        declared = {column.name: low[column.name] for column in self.noisy if column.halves is None}
        pairs = {n: pair for n, pair in (self.halves or {}).items() if n != self.score}
        design = self.linear.design
        errors = measure(design, halves=pairs, declared=declared)
        if not identification(design.opened, errors).usable:
            return False
        return (
            design.levels is not None
            or not FAMILIES[self.fit.model].linear
            or self.cubic(low, normal=True).effect is not None
        )


def corners(count: int) -> list[tuple[int, ...]]:
    """Return the ends at which ranges are asked: 0 for low, 1 for high; all low first.

    Examples
    --------
    >>> corners(2)
    [(0, 0), (1, 1), (0, 1), (1, 0)]
    >>> len(corners(5))
    12
    """
    if not count:
        return [()]
    if count <= FEW_RANGES:
        inside = list(product((0, 1), repeat=count))[1:-1]
    else:
        ones = np.eye(count, dtype=int)
        inside = [tuple(row) for row in (*(1 - ones).tolist(), *ones.tolist())]
    return list(dict.fromkeys([(0,) * count, (1,) * count, *inside]))


def shared_sets(unknown: Sequence[str], noisy: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of columns whose noise the score may share, another one left to correct.

    Parameters
    ----------
    unknown : sequence of str
        Columns of which it is not known, from `open_columns`.
    noisy : sequence of str
        All columns that can be corrected.

    Notes
    -----
    Let the score be ``c'(E + a u) + v``, with errors u, a share in [0, 1] of each, and an outcome
    that has nothing of the score given E. With error variances s, least squares that subtracts ``(1
    - a) s`` gives the score zero, and the numerator of its coefficient is linear in each column's
    subtracted part. So zero lies between the coefficients of the corners, where each part is 0
    (shared, uncorrected) or s, whatever the shares: a word that all of them give is none of the
    noise. A share outside of [0, 1] is not covered; of many columns all, all but one and one are
    asked.

    Examples
    --------
    >>> shared_sets(["likes", "views"], ["likes", "views"])
    [('likes',), ('views',)]
    >>> shared_sets(["likes"], ["likes", "views"])
    [('likes',)]
    """
    sets = [
        tuple(column for column, end in zip(unknown, ends, strict=True) if end)
        for ends in reversed(corners(len(unknown)))
    ]
    return [one for one in sets if one and len(one) < len(noisy)]


def _named(ends: Iterable[int]) -> str:
    return "-".join("high" if end else "low" for end in ends)


def widening_of(fit: Fit, plain: Fit, score: str) -> float:
    """Return how much wider one covariance is than another for the score's coefficient."""
    return fit.coefficient(score)[1] / plain.coefficient(score)[1]
