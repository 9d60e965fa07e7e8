"""The worlds of the calibration: samples of studies in which a score is worthless, or adds a known
effect."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

SEED = 20121105

CUTS = {"threshold": 0.5, "threshold-2": 0.385, "threshold-3": 1.44}
"""Where a step lies, in standard deviations of true engagement: .385 is off the deciles, 1.44 leaves
the top 7.5 %."""

CORRELATED_NOISE = 0.6
UNIT = 50.0
"""Recorded engagement of a median account where it is lognormal: log1p is nearly the logarithm."""


@dataclass(frozen=True)
class Cell:
    """One world and the plan that it is audited by; what is not said is the plainest.

    Attributes
    ----------
    heading : {"holds", "other", "below"}
        Whether what the plan says or assumes of the noise holds: true reliability at least the
        assumed one, and noise of one size and normal on the declared or the normal-score scale.
        "below": it is only smaller than assumed.
    reason : str
        Why the cell is on the grid.
    model : {"ols", "poisson", "gamma", "logit"}
    n : int
    plan : {"silent", "exact", "stated", "halves"}
        What it says of each engagement column; "stated" is .8, which means .7 to .9.
    shares : {"unknown", "none"}
        What it says of noise that the score shares.
    assumed : float
        What a silent plan takes for possible.
    reliability : float
        The true one of each recorded column.
    sharing : float
        Share of the record's noise that the score sees.
    form, score_form : str
        How the outcome and the score depend on true engagement.
    slope, tie : float
        Of the outcome, and of the score, per standard deviation of that.
    noise : str
        normal; t5; skewed; growing (with the level); additive (on lognormal engagement);
        correlated (.6 between two columns); halves-0.2, halves-0.5 (between the halves); counts
        (the record is a Poisson count of the level, and so is each half); none (a count is what
        engagement is).
    engagement : {"normal", "lognormal"}
    transform : {"identity", "log1p"}
        In the plan.
    columns : int
    alike : float
        Their correlation.
    exact_columns : int
        How many of them, the last ones, have no noise and are declared exact.
    product : bool
        Whether the product of the first two counts, too.
    controls, clusters : int
    sesoi : float
        Half the band, per standard deviation of the score; 0 where none is to stand in the way.
    effects : tuple of float
        Of the score in the worlds with an effect, in standard deviations for least squares, for
        other models with the same z in the plain fit.
    """

    heading: str
    reason: str
    model: str = "ols"
    n: int = 1000
    plan: str = "silent"
    shares: str = "unknown"
    assumed: float = 0.8
    reliability: float = 0.8
    sharing: float = 0.0
    form: str = "linear"
    score_form: str = "linear"
    slope: float = 0.7
    tie: float = 0.7
    noise: str = "normal"
    engagement: str = "normal"
    transform: str = "identity"
    columns: int = 1
    alike: float = 0.5
    exact_columns: int = 0
    product: bool = False
    controls: int = 0
    clusters: int = 0
    sesoi: float = 0.0
    effects: tuple[float, ...] = (0.3,)

    @property
    def name(self) -> str:
        """What differs from the plainest world, as a name."""
        parts = [self.model, str(self.n), self.plan]
        for one in fields(self)[5:]:
            value = getattr(self, one.name)
            if value != one.default and one.name != "effects":
                parts.append(f"{one.name}={value}")
        return " ".join(parts)

    @property
    def covariance(self) -> str:
        return "HC3" if not self.clusters else "CRV3" if self.clusters < 50 else "CRV1"

    @property
    def kind(self) -> str:
        """The outcome's kind in a plan; the Poisson's is a count, which may come from any mean."""
        kinds = {"ols": "continuous", "poisson": "count", "gamma": "revenue", "logit": "binary"}
        return kinds[self.model]

    def rng(self, effect: float, piece: int) -> np.random.Generator:
        """Return the generator of one piece: any can be drawn again alone."""
        name = zlib.crc32(self.name.encode())
        return np.random.default_rng([SEED, name, round(1000 * effect), piece])


@dataclass(frozen=True, eq=False)
class Sample:
    """One draw: what a dataset would hold.

    Attributes
    ----------
    records : tuple of ndarray
        Each recorded engagement column, before the plan's transform; the mean of its halves after
        it where there are halves.
    halves : tuple of (ndarray, ndarray), or empty
        Before the transform.
    score, outcome : ndarray, shape (n,)
    controls : ndarray, shape (n, c)
    clusters : ndarray of int, or None
    """

    records: tuple[np.ndarray, ...]
    halves: tuple[tuple[np.ndarray, np.ndarray], ...]
    score: np.ndarray
    outcome: np.ndarray
    controls: np.ndarray
    clusters: np.ndarray | None

    def frame(self) -> pd.DataFrame:
        """Return the sample as a dataset."""
        columns: dict[str, np.ndarray] = {"id": np.arange(len(self.score)), "score": self.score}
        for at, record in enumerate(self.records):
            columns[f"e{at}"] = record
            if self.halves:
                columns[f"e{at}_a"], columns[f"e{at}_b"] = self.halves[at]
        for at, control in enumerate(self.controls.T):
            columns[f"x{at}"] = control
        if self.clusters is not None:
            columns["owner"] = self.clusters
        return pd.DataFrame({**columns, "outcome": self.outcome})


def draw(cell: Cell, effect: float, rng: np.random.Generator) -> Sample:
    """Return one sample of a world, with an effect of the score or none."""
    n = cell.n
    controls = _controls(cell, rng)
    groups = None if not cell.clusters else np.arange(n) * cell.clusters // n
    truth = _truth(cell, rng, controls, groups)
    noises, halves = _noise(cell, rng, truth)
    mean_score = _score_mean(cell, truth, noises)
    score = mean_score + np.sqrt(1 - cell.tie**2) * _within(rng, groups, n)
    if cell.controls:
        score = score + 0.3 * controls[:, 0]
    outcome = _outcome(cell, effect, rng, (truth, score, mean_score, controls, groups))
    recorded, halves = _recorded(cell, rng, truth, noises, halves)
    return Sample(recorded, halves, score, outcome, controls, groups)


def _controls(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """Return a normal control, a flag and more normal ones, the first two tied to engagement."""
    if not cell.controls:
        return np.empty((cell.n, 0))
    flag = (rng.random(cell.n) < 0.5).astype(float)
    return np.column_stack(
        [rng.standard_normal(cell.n), flag, rng.standard_normal((cell.n, cell.controls - 2))]
    )


def _within(rng: np.random.Generator, groups: np.ndarray | None, n: int) -> np.ndarray:
    """Return standard normal values, a fifth of whose variance is between clusters if any."""
    own = rng.standard_normal(n)
    if groups is None:
        return own
    return np.sqrt(0.2) * rng.standard_normal(groups.max() + 1)[groups] + np.sqrt(0.8) * own


def _truth(
    cell: Cell, rng: np.random.Generator, controls: np.ndarray, groups: np.ndarray | None
) -> list[np.ndarray]:
    n = cell.n
    if cell.columns == 1:
        own = _within(rng, groups, n)
        if not cell.controls:
            return [own]
        made = (controls[:, 0] + 2 * controls[:, 1] - 1) / np.sqrt(2)
        return [0.6 * made + 0.8 * own]
    common = _within(rng, groups, n)
    share = np.sqrt(cell.alike)
    return [
        share * common + np.sqrt(1 - cell.alike) * rng.standard_normal(n)
        for _ in range(cell.columns)
    ]


def _noise(
    cell: Cell, rng: np.random.Generator, truth: list[np.ndarray]
) -> tuple[list[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Return each record's noise, and that of its halves where the plan has them."""
    spread = np.sqrt(1 / cell.reliability - 1)
    common = rng.standard_normal(cell.n)
    noises, halves = [], []
    for at, true in enumerate(truth):
        if at >= cell.columns - cell.exact_columns:
            noises.append(np.zeros(cell.n))
        elif cell.plan == "halves":
            rho = float(cell.noise.removeprefix("halves-")) if "halves-" in cell.noise else 0.0
            shared = rng.standard_normal(cell.n)
            pair = tuple(
                np.sqrt(2 / (1 + rho))
                * spread
                * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * _shaped(cell.noise, rng, true))
                for _ in range(2)
            )
            halves.append(pair)
            noises.append((pair[0] + pair[1]) / 2)
        elif cell.noise == "correlated":
            own = rng.standard_normal(cell.n)
            mixed = np.sqrt(CORRELATED_NOISE) * common + np.sqrt(1 - CORRELATED_NOISE) * own
            noises.append(spread * mixed)
        else:
            noises.append(spread * _shaped(cell.noise, rng, true))
    return noises, halves


def _shaped(noise: str, rng: np.random.Generator, true: np.ndarray) -> np.ndarray:
    """Return noise of mean zero and variance one in the shape that a world has."""
    n = len(true)
    if noise == "t5":
        return rng.standard_t(5, n) / np.sqrt(5 / 3)
    if noise == "skewed":
        return rng.exponential(1, n) - 1
    if noise == "growing":
        return rng.standard_normal(n) * np.exp(0.5 * true - 0.25)
    return rng.standard_normal(n)


def _score_mean(cell: Cell, truth: list[np.ndarray], noises: list[np.ndarray]) -> np.ndarray:
    """Return what the score takes from engagement, and from its noise where it shares that."""
    spread = np.sqrt(1 + cell.sharing**2 * (1 / cell.reliability - 1))
    seen = [e + cell.sharing * u for e, u in zip(truth, noises, strict=True)]
    if cell.noise == "additive":
        seen = truth
    return cell.tie * _made(cell, cell.score_form, seen, spread, score=True)


def _made(
    cell: Cell, form: str, values: list[np.ndarray], spread: float, *, score: bool
) -> np.ndarray:
    """Return what all columns together make, of variance one."""
    if cell.columns == 1:
        return shape(form, values[0], spread)
    weights = np.linspace(0.8, 0.2, cell.columns)
    weights = weights[::-1] if score else weights
    out = sum(w * shape(form, e, spread) for w, e in zip(weights, values, strict=True))
    if cell.product:
        out = out + 0.5 * values[0] * values[1]
    return (out - out.mean()) / out.std()


def shape(form: str, values: np.ndarray, spread: float = 1.0) -> np.ndarray:
    """Return a function of normal values of this standard deviation, standardised."""
    mean, deviation = _moments(form, round(float(spread), 6))
    return (_raw(form, values) - mean) / deviation


@cache
def _moments(form: str, spread: float) -> tuple[float, float]:
    values = _raw(form, spread * special.ndtri((np.arange(200_000) + 0.5) / 200_000))
    return float(values.mean()), float(values.std())


def _raw(form: str, e: np.ndarray) -> np.ndarray:
    if form in CUTS:
        return (e > CUTS[form]).astype(float)
    if form == "quadratic":
        return e + 0.5 * (e**2 - 1)
    if form == "saturating":
        return -np.log1p(np.exp(-2 * e))
    if form == "u":
        return e**2
    return np.exp(e) if form == "exponential" else e


def _outcome(
    cell: Cell, effect: float, rng: np.random.Generator, made: tuple[Any, ...]
) -> np.ndarray:
    truth, score, mean_score, controls, groups = made
    line = cell.slope * _made(cell, cell.form, truth, 1.0, score=False)
    if cell.controls:
        line = line + 0.3 * cell.slope * (controls[:, 0] - 2 * controls[:, 1] + 1)
    if cell.model == "ols":
        return line + effect * score + np.sqrt(1 - cell.slope**2) * _within(rng, groups, cell.n)
    line = line + effect_of_same_z(cell, effect) * (score - mean_score)
    if groups is not None:
        line = line + 0.3 * rng.standard_normal(groups.max() + 1)[groups]
    if cell.model == "logit":
        return (rng.random(cell.n) < special.expit(line)).astype(float)
    mean = np.exp(1 + line - line.var() / 2)
    return (
        rng.poisson(mean).astype(float)
        if cell.model == "poisson"
        else mean * rng.gamma(2, 0.5, cell.n)
    )


def effect_of_same_z(cell: Cell, effect: float) -> float:
    """Return the slope of the score that a plain fit sees with the z that least squares has.

    Notes
    -----
    Least squares here has engagement with the same z, too: slope b and residual variance
    1 - b ** 2, where b ** 2 / (1 - b ** 2) is the squared slope times the information of a row about
    it. That is the mean of the count (e), the Gamma's shape (2), the mean of p (1 - p).
    """
    if cell.model == "logit":
        p = special.expit(cell.slope * special.ndtri((np.arange(2000) + 0.5) / 2000))
        information = float((p * (1 - p)).mean())
    else:
        information = {"poisson": np.e, "gamma": 2.0}[cell.model]
    return effect * np.sqrt(1 / information + cell.slope**2)


def _recorded(
    cell: Cell,
    rng: np.random.Generator,
    truth: list[np.ndarray],
    noises: list[np.ndarray],
    halves: list[tuple[np.ndarray, np.ndarray]],
) -> tuple[tuple[np.ndarray, ...], tuple[tuple[np.ndarray, np.ndarray], ...]]:
    """Return what the dataset holds of engagement, before the plan's transform, and its halves."""
    if cell.noise == "counts":
        rates = [0.5 * UNIT * np.exp(0.5 * e - 0.125) for e in truth]
        pairs = [tuple(rng.poisson(rate).astype(float) for _ in range(2)) for rate in rates]
        if cell.plan == "halves":
            return _means(cell, pairs), tuple(pairs)
        return tuple(first + second for first, second in pairs), ()
    if cell.noise == "none":
        return tuple(rng.poisson(np.exp(5 + 0.9 * e)).astype(float) for e in truth), ()
    if cell.engagement == "lognormal":
        if cell.noise == "additive":
            unit = np.sqrt((np.e - 1) * np.e)
            raw = [np.exp(e) + unit * u for e, u in zip(truth, noises, strict=True)]
            if cell.transform == "log1p":
                raw = [np.maximum(one, 0.0) for one in raw]
            return tuple(raw), ()
        raw = [UNIT * np.exp(e + u) for e, u in zip(truth, noises, strict=True)]
        return tuple(raw), ()
    if cell.plan == "halves":
        pairs = [(e + a, e + b) for e, (a, b) in zip(truth, halves, strict=True)]
        return _means(cell, pairs), tuple(pairs)
    return tuple(e + u for e, u in zip(truth, noises, strict=True)), ()


def _means(cell: Cell, pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
    """Return the raw record whose transform is the mean of the transformed halves."""
    if cell.transform == "identity":
        return tuple((a + b) / 2 for a, b in pairs)
    return tuple(np.expm1((np.log1p(a) + np.log1p(b)) / 2) for a, b in pairs)
