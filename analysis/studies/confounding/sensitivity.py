"""Sensitivity to a confounder: robustness value, benchmarks, Oster's delta, E-value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.models.design import Design, orthonormal_basis
from analysis.models.fit import critical_value


def robustness_value(
    statistic: float, df: float, *, share: float = 1.0, level: float | None = None
) -> float:
    """Return the partial R2 that a confounder needs with both score and outcome.

    Parameters
    ----------
    statistic : float
        t of the score in least squares.
    df : float
        Residual degrees of freedom, n - k.
    share : float
        Of the effect that is to be explained away; 1 for all of it.
    level : float, optional
        Where given, the confounder has only to make the interval of this level include the value.

    Notes
    -----
    With ``f = share |t| / sqrt(df)`` less, with a level, ``t* / sqrt(df - 1)``: ``(sqrt(f^4 + 4
    f^2) - f^2) / 2``. Where a confounder that explains all of the outcome's residual is not needed
    to reach it, the constraint does not bind and the value is ``(f^2 - f*^2) / (1 + f^2)``. Cinelli
    & Hazlett (2020), doi:10.1111/rssb.12348.

    Examples
    --------
    >>> t, df = 4.18445, 783
    >>> round(robustness_value(t, df), 4), round(robustness_value(t, df, level=0.95), 4)
    (0.1388, 0.0763)
    """
    strength = share * abs(statistic) / math.sqrt(df)
    critical = 0.0 if level is None else critical_value(level, df - 1) / math.sqrt(df - 1)
    left = strength - critical
    if left <= 0:
        return 0.0
    if critical and strength > 1 / critical:
        return (strength**2 - critical**2) / (1 + strength**2)
    return (math.sqrt(left**4 + 4 * left**2) - left**2) / 2


def partial_r2(statistic: float, df: float) -> float:
    """Return the score's partial R2 with the outcome: ``t^2 / (t^2 + df)``."""
    return statistic**2 / (statistic**2 + df)


@dataclass(frozen=True)
class Confounder:
    """What is left out, by the shares of residual variance it explains.

    Attributes
    ----------
    with_score : float
        Partial R2 with the score, given engagement and controls; below 1.
    with_outcome : float
        Partial R2 with the outcome, given the score, engagement and controls; at most 1.
    """

    with_score: float
    with_outcome: float

    def bias(self, std_error: float, df: float) -> float:
        """Return the largest bias of the score's slope; `std_error` is the classical one.

        Notes
        -----
        ``se sqrt(df) sqrt(R2_YZ R2_SZ / (1 - R2_SZ))``: Cinelli & Hazlett (2020), an identity for
        least squares.
        """
        return std_error * math.sqrt(
            df * self.with_outcome * self.with_score / (1 - self.with_score)
        )

    def error(self, std_error: float, df: float) -> float:
        """Return the standard error the slope would have with the confounder in the equation."""
        return std_error * math.sqrt(
            (1 - self.with_outcome) / (1 - self.with_score) * df / (df - 1)
        )


def as_strong_as(design: Design, columns: list[int], *, times: float = 1.0) -> Confounder | None:
    """Return a confounder `times` as strong as some columns of a least-squares design are.

    Parameters
    ----------
    design : Design
        With one score, its last column.
    columns : list of int
        Positions: one column, or those of a spline.
    times : float
        k, the same for score and outcome.

    Returns
    -------
    Confounder or None
        None where no such confounder can exist: k r / (1 - r) is 1 or more, with r what the columns
        explain of the score.

    Notes
    -----
    Cinelli & Hazlett (2020), section 4.4. The share of the outcome is capped at 1.
    """
    held = [i for i in range(design.k - 1) if i not in columns]
    score, block = design.matrix[:, -1], design.matrix[:, columns]
    of_score = _explained(score, block, design.matrix[:, held])
    of_outcome = _explained(design.response, block, design.matrix[:, [*held, design.k - 1]])
    with_score = times * of_score / (1 - of_score)
    if with_score >= 1:
        return None
    overlap = times * of_score**2 / ((1 - times * of_score) * (1 - of_score))
    if not 0 <= overlap < 1:
        return None
    lever = (math.sqrt(times) + math.sqrt(overlap)) / math.sqrt(1 - overlap)
    left = 1 - of_outcome  # nothing at all where the outcome is computed from these columns
    return Confounder(with_score, min(lever**2 * of_outcome / left, 1.0) if left > 0 else 1.0)


def _explained(target: np.ndarray, columns: np.ndarray, held: np.ndarray) -> float:
    """Return the share of a variable that columns explain, given those held."""
    basis = orthonormal_basis(held)[0]

    def outside(values: np.ndarray) -> np.ndarray:
        return values - basis @ (basis.T @ values) / len(values)

    left, added = outside(target), outside(columns)
    size = np.linalg.norm(added, axis=0)
    added = np.linalg.qr(added / np.where(size > 0, size, 1.0))[0]
    return float(((added.T @ left) ** 2).sum() / (left @ left))


@dataclass(frozen=True)
class Movement:
    """What a slope and R2 do when engagement enters, in the terms of Oster (2019).

    Attributes
    ----------
    raw, full : float
        Slope of the score without and with engagement, controls held in both.
    raw_r2, full_r2 : float
    var_outcome : float
    var_score : float
        Variance of the score outside the controls.
    var_left : float
        Variance of the score outside controls and engagement.
    """

    raw: float
    full: float
    raw_r2: float
    full_r2: float
    var_outcome: float
    var_score: float
    var_left: float

    def delta(self, largest_r2: float | None = None) -> float:
        """Return Oster's delta: selection on what is left out, relative to engagement, for 0.

        Parameters
        ----------
        largest_r2 : float, optional
            R2 if everything were observed; 1.3 times the full model's, at most 1, where none is
            given.

        Notes
        -----
        The exact solution, not the approximation: Oster (2019), doi:10.1080/07350015.2016.1227711,
        proposition 3. What is left out is taken to be uncorrelated with engagement.
        """
        most = min(1.0, 1.3 * self.full_r2) if largest_r2 is None else largest_r2
        moved, gained = self.raw - self.full, (self.full_r2 - self.raw_r2) * self.var_outcome
        room, slope = (most - self.full_r2) * self.var_outcome, self.full
        left, whole = self.var_left, self.var_score
        common = slope**2 * left * moved * whole
        cubic = slope**3 * (left * whole - left**2)
        above = slope * gained * left + slope * whole * left * moved**2 + 2 * common + cubic
        below = room * moved * whole + slope * room * (whole - left) + common + cubic
        return above / below if below else math.inf


def movement(design: Design) -> Movement:
    """Return what the slope of a design's last column and R2 do when engagement enters."""
    y = design.response - design.response.mean()
    total = float(y @ y)
    controls = design.without("engagement", "score").matrix
    ends = []
    for held in (controls, design.matrix[:, :-1]):
        basis = orthonormal_basis(held)[0]
        left, s = (v - basis @ (basis.T @ v) / design.n for v in (y, design.matrix[:, -1]))
        slope, spread = float(s @ left / (s @ s)), float(s @ s / design.n)
        ends.append((slope, 1 - float(left @ left - slope * (s @ left)) / total, spread))
    (raw, raw_r2, whole), (full, full_r2, rest) = ends
    return Movement(raw, full, raw_r2, full_r2, total / design.n, whole, rest)


def e_value(ratio: float) -> float:
    """Return the E-value: the ratio a confounder needs with score and outcome alike.

    Notes
    -----
    ``RR + sqrt(RR (RR - 1))``, of the inverse below 1: VanderWeele & Ding (2017),
    doi:10.7326/M16-2607.

    Examples
    --------
    >>> round(e_value(3.9), 2), e_value(1.0)
    (7.26, 1.0)
    """
    ratio = max(ratio, 1 / ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))
