"""Engagement columns as they were recorded, with what is known of the noise in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.measurement_error.flexible_form import standardised
from analysis.measurement_error.nonlinearity import normal_scores
from analysis.measurement_error.polynomial import NoisyColumn
from analysis.models.columns import recorded, transform
from analysis.models.design import Design
from analysis.models.distributions import normal_sf
from analysis.results.question import Question

BENT = ("rank", "spline")
"""Transforms of engagement whose reliability is that of its normal scores."""

MOST_SKEWED = 1.5
"""Skewness of a recorded column beyond which no correction was seen to keep a worthless score out
where noise is of one size on the column's own scale. Exponential values have 2; of lognormal ones
with such noise a sample of 1,000 hardly ever shows less than 1.5."""

LENGTHS = (0.25, 0.5, 1.0, 2.0, 3.0)
"""Lengths of the intervals in which values are counted, in standard deviations of the noise."""

SURE = 4.0
"""By how many binomial standard errors a share has to exceed its bound."""

Halves = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class RecordedColumn:
    """An engagement column, and what is known of the noise in it.

    Attributes
    ----------
    name : str
    declared, normal : ndarray, shape (n,)
        As the plan transforms it, and its normal scores; both standardised. The same for a rank or
        a spline.
    low, value, high : float
        Its reliability; 1, 1, 1 where it is exact. Of an assumed column the low end is what is
        asked about.
    assumed : bool
        Whether nothing is stated.
    halves, normal_halves : pair of ndarray, or None
        Two recordings, on either scale and in its unit.
    shared, normal_shared : float
        Covariance of its noise with the score's, where both have halves, in units of both standard
        deviations.
    """

    name: str
    declared: np.ndarray
    normal: np.ndarray
    low: float = 1.0
    value: float = 1.0
    high: float = 1.0
    assumed: bool = False
    halves: tuple[np.ndarray, np.ndarray] | None = None
    normal_halves: tuple[np.ndarray, np.ndarray] | None = None
    shared: float = 0.0
    normal_shared: float = 0.0

    @property
    def noisy(self) -> bool:
        return self.assumed or self.halves is not None or self.low < 1

    @property
    def normal_alike(self) -> bool:
        """Whether both scales are one."""
        return self.declared is self.normal

    @property
    def skewness(self) -> float:
        """Of the record on the declared scale."""
        return float((self.declared**3).mean())

    def has_no_answer(self, reliability: float) -> bool:
        """Return whether no member holds at this reliability: a record drawn out to one side whose
        noise may well be of one size on its own scale.
        """
        if self.halves is not None or self.normal_alike or abs(self.skewness) <= MOST_SKEWED:
            return False
        return reliability < 1 and may_hold(self.declared, float(np.sqrt(1 - reliability)))

    def at(self, reliability: float, *, normal: bool) -> NoisyColumn:
        """Return the column with its noise; a column with halves has that of their differences."""
        values = self.normal if normal else self.declared
        halves = self.normal_halves if normal else self.halves
        if halves is None:
            return NoisyColumn(self.name, values, 1 - reliability)
        apart = (halves[0] - halves[1]) / 2
        squares = (apart - apart.mean()) ** 2
        shared = self.normal_shared if normal else self.shared
        return NoisyColumn(self.name, values, float(squares.mean()), squares, shared)


@dataclass(frozen=True, eq=False)
class Recording:
    """One engagement column as it was recorded, for any of the rows.

    Attributes
    ----------
    name : str
    values : ndarray, shape (n,)
        As the plan transforms it; normal scores under a rank or a spline.
    bent : bool
        Whether it is one of these.
    halves : pair of ndarray, or None
        On the scale of `values`, which are their mean.
    low, value, high : float
    assumed : bool
    """

    name: str
    values: np.ndarray
    bent: bool
    halves: Halves | None
    low: float
    value: float
    high: float
    assumed: bool

    @classmethod
    def of(cls, question: Question, name: str) -> Recording:
        engagement, sample = question.plan.engagement, question.sample
        how, pair = engagement.transform_of(name), engagement.halves.get(name)
        bent = how in BENT
        scale = "identity" if bent else how
        halves = tuple(transform(sample.numbers(h), scale) for h in pair) if pair else None
        values = recorded(sample, name, scale)
        if bent:
            halves, values = on_normal_scores(values, halves)
        low, value, high = (
            engagement.range_of(name) if name in engagement.reliability else (1.0, 1.0, 1.0)
        )
        assumed = name in engagement.assumed_columns
        return cls(name, values, bent, halves, low, value, high, assumed)

    def of_rows(self, keep: np.ndarray) -> Recording:
        halves = None if self.halves is None else tuple(half[keep] for half in self.halves)
        return replace(self, values=self.values[keep], halves=halves)

    def column(self, score_halves: Halves | None) -> RecordedColumn:
        """Return it standardised, on the declared scale and on that of its normal scores."""
        declared, halves = self._in_units(self.values, self.halves)
        if self.bent:
            normal, normal_halves = declared, halves
        else:
            pair, values = on_normal_scores(self.values, self.halves)
            normal, normal_halves = self._in_units(values, pair)
        return RecordedColumn(
            self.name,
            declared,
            normal,
            self.low,
            self.value,
            self.high,
            self.assumed,
            halves,
            normal_halves,
            _shared_noise(halves, score_halves),
            _shared_noise(normal_halves, score_halves),
        )

    @staticmethod
    def _in_units(values: np.ndarray, halves: Halves | None) -> tuple[np.ndarray, Halves | None]:
        spread = values.std()
        pair = None if halves is None else tuple(half / spread for half in halves)
        return standardised(values), pair


def may_hold(values: np.ndarray, deviation: float) -> bool:
    """Return whether values may be a truth and independent normal noise of this deviation.

    Notes
    -----
    Whatever the truth, an interval of length l holds a share of at most 2 Phi(l / 2s) - 1 of such
    values, since it holds no more of the noise about any one truth (Levy's concentration function).
    Rounded values are as close as their smallest distance, which widens the interval.

    Examples
    --------
    >>> spread = np.random.default_rng(1).normal(size=1000)
    >>> may_hold(spread, 0.4), may_hold(np.exp(1.2 * spread), 1.4)
    (True, False)
    """
    inner = np.sort(values)
    n, distances = len(inner), np.diff(np.unique(inner))
    unit = float(distances.min()) if len(distances) else 0.0
    for length in LENGTHS:
        ends = np.searchsorted(inner, inner + length * deviation, side="right")
        share = float((ends - np.arange(n)).max()) / n
        most = 1 - 2 * float(normal_sf((length + unit / deviation) / 2))
        if share > most + SURE * np.sqrt(most * (1 - most) / n):
            return False
    return True


def on_normal_scores(values: np.ndarray, halves: Halves | None) -> tuple[Halves | None, np.ndarray]:
    """Return halves and their mean on the scale of normal scores: both halves are ranked as one."""
    if halves is None:
        return None, normal_scores(values)
    both = normal_scores(np.concatenate(halves))
    first, second = both[: len(values)], both[len(values) :]
    return (first, second), (first + second) / 2


def _shared_noise(halves: Halves | None, of_score: Halves | None) -> float:
    """Return the covariance of two noises from half-differences, in the halves' units."""
    if halves is None or of_score is None:
        return 0.0
    one, other = ((first - second) / 2 for first, second in (halves, of_score))
    return float(((one - one.mean()) * (other - other.mean())).mean())


def normal_scores_design(design: Design, columns: Mapping[str, np.ndarray]) -> Design:
    """Return a design in which some engagement columns are replaced by one column each.

    Parameters
    ----------
    columns : mapping of str to ndarray
        New values by the plan's column; its terms are the name itself or ``name[i]``.
    """
    pieces: dict[str, tuple[str, np.ndarray]] = {}
    for at, (term, block) in enumerate(zip(design.terms, design.blocks, strict=True)):
        name = next((c for c in columns if term == c or term.startswith(f"{c}[")), None)
        if block == "engagement" and name is not None:
            pieces[name] = (block, columns[name])
        else:
            pieces[term] = (block, design.matrix[:, at])
    return replace(
        design,
        matrix=np.column_stack([values for _, values in pieces.values()]),
        terms=tuple(pieces),
        blocks=tuple(block for block, _ in pieces.values()),
    )
