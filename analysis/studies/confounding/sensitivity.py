"""Sensitivity to a confounder: robustness value, benchmarks, Oster's delta, E-value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.models.design import Design, orthonormal_basis
from analysis.models.fit import Fit, critical_value


def robustness_value(
    statistic: float,
    df: float,
    *,
    share: float = 1.0,
    level: float | None = None,
    reference: float | None = None,
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
    reference : float, optional
        Degrees of freedom of that interval where they are not `df`: those of few clusters.

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
    of = df - 1 if reference is None else min(reference, df - 1)
    critical = 0.0 if level is None else critical_value(level, of) / math.sqrt(df - 1)
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
    return explained_by(design.response, design.matrix, columns).times(times)


@dataclass(frozen=True)
class Explained:
    """What some columns explain, given all others.

    Attributes
    ----------
    of_score, of_outcome : float
        Shares of residual variance; of the outcome given the score, too.
    """

    of_score: float
    of_outcome: float

    def times(self, times: float) -> Confounder | None:
        """Return a confounder so many times as strong; None where none can exist."""
        of_score = self.of_score
        if of_score >= 1 or (with_score := times * of_score / (1 - of_score)) >= 1:
            return None
        overlap = times * of_score**2 / ((1 - times * of_score) * (1 - of_score))
        if not 0 <= overlap < 1:
            return None
        lever = (math.sqrt(times) + math.sqrt(overlap)) / math.sqrt(1 - overlap)
        left = 1 - self.of_outcome  # nothing where the outcome is computed from these columns
        with_outcome = min(lever**2 * self.of_outcome / left, 1.0) if left > 0 else 1.0
        return Confounder(with_score, with_outcome)


def explained_by(
    response: np.ndarray, matrix: np.ndarray, columns: list[int], *, centre: bool = True
) -> Explained:
    """Return what columns of a least-squares regression explain of its last one and of the
    response.

    Parameters
    ----------
    response : ndarray, shape (n,)
    matrix : ndarray, shape (n, k)
        With `centre`, column 0 is constant.
    columns : list of int
    """
    last = matrix.shape[1] - 1
    held = [i for i in range(last) if i not in columns]
    block = matrix[:, columns]
    return Explained(
        _explained(matrix[:, -1], block, matrix[:, held], centre=centre),
        _explained(response, block, matrix[:, [*held, last]], centre=centre),
    )


def _explained(
    target: np.ndarray, columns: np.ndarray, held: np.ndarray, *, centre: bool = True
) -> float:
    """Return the share of a variable that columns explain, given those held."""
    basis = orthonormal_basis(held, centre=centre)[0]

    def outside(values: np.ndarray) -> np.ndarray:
        return values - basis @ (basis.T @ values) / len(values)

    left, added = outside(target), outside(columns)
    size = np.linalg.norm(added, axis=0)
    added = np.linalg.qr(added / np.where(size > 0, size, 1.0))[0]
    return float(((added.T @ left) ** 2).sum() / (left @ left))


# --- models that are no least squares -------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class WorkingRegression:
    """The weighted least squares that the last step of a fit is, each row times the root of its
    weight.

    Attributes
    ----------
    root : ndarray, shape (n,)
        Of the weights.
    response : ndarray, shape (n,)
        The linear predictor and what the outcome lacks from it, on the scale of the link.
    matrix : ndarray, shape (n, k)
        The score last.

    Notes
    -----
    At the estimate a Poisson, Gamma, Tweedie or logit fit is least squares of ``eta + residual /
    weight`` on its columns with these weights (McCullagh & Nelder 1989, section 2.5). With the
    weights held, what is left out biases its slope as in Cinelli & Hazlett (2020): for the fit
    itself that is an approximation, the better the smaller the confounder is.
    """

    root: np.ndarray
    response: np.ndarray
    matrix: np.ndarray

    @classmethod
    def of(cls, fit: Fit, score: str) -> WorkingRegression:
        """Return that of a fit of one equation, the score moved to the end."""
        root = np.sqrt(np.maximum(fit.weights, TINY * fit.weights.max()))
        at = fit.position(score)
        order = [*(i for i in range(fit.design.k) if i != at), at]
        matrix = fit.design.matrix * root[:, None]
        response = matrix @ fit.params + fit.residuals / root
        return cls(root, response, matrix[:, order])

    @cached_property
    def df(self) -> float:
        """Residual degrees of freedom, n - k."""
        return float(self.matrix.shape[0] - self.matrix.shape[1])

    @cached_property
    def score(self) -> np.ndarray:
        """The score outside all other columns, shape (n,)."""
        return _outside(self.matrix[:, :-1], self.matrix[:, -1])

    @cached_property
    def residual(self) -> np.ndarray:
        """The response outside all columns, shape (n,)."""
        return _outside(self.matrix, self.response)

    @cached_property
    def slope(self) -> float:
        return float(self.score @ self.response / (self.score @ self.score))

    @cached_property
    def std_error(self) -> float:
        """The classical error of the slope."""
        return math.sqrt(self.residual @ self.residual / self.df / (self.score @ self.score))

    def explained(self, columns: list[int]) -> Explained:
        """Return what columns at these positions explain of score and outcome."""
        return explained_by(self.response, self.matrix, columns, centre=False)

    def column(self, confounder: Confounder, sign: float, rng: np.random.Generator) -> np.ndarray:
        """Return a column with exactly these partial R2, which lowers the slope when it is held
        and `sign` is 1, and raises it when -1, shape (n,).
        """
        noise = rng.normal(size=len(self.root)) * self.root
        noise = _outside(np.column_stack([self.matrix, self.residual]), noise)
        score, residual, noise = (
            one / np.linalg.norm(one) for one in (self.score, self.residual, noise)
        )
        rest = 1 - confounder.with_score
        column = math.sqrt(confounder.with_score) * score
        column += sign * math.sqrt(rest * confounder.with_outcome) * residual
        column += math.sqrt(rest * (1 - confounder.with_outcome)) * noise
        return column / self.root * math.sqrt(len(column))


TINY = 1e-10
"""Weights below this share of the largest count as that."""


def _outside(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return what of some values lies outside the columns."""
    size = np.linalg.norm(columns, axis=0)
    basis = np.linalg.qr(columns / np.where(size > 0, size, 1.0))[0]
    left = values - basis @ (basis.T @ values)
    return left - basis @ (basis.T @ left)


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
