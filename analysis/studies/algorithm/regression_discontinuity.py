"""Regression discontinuity at a threshold: the outcome's jump, and bunching just above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.covariance import standard_error
from analysis.models.fit import p_value
from analysis.results.estimates import StudyResult
from analysis.results.question import Question, tested

FEWEST = 30
"""Rows within the bandwidth on each side without which nothing is estimated."""

UNTIED = 0.9
"""Above this share of different values near the threshold a score is as good as continuous."""

FEWEST_CLUSTERS = 10
"""Clusters with rows within the bandwidth without which the density's jump has no error to go by.
"""

FEWEST_BINS = 4
"""Steps of a score within the bandwidth without which its density has no slope to go by."""


@dataclass(frozen=True)
class Jump:
    """A jump at a threshold.

    Attributes
    ----------
    estimate : float
        Of the outcome, by local quadratic fits: just above less just below. Of the density: the log
        of that just above less that just below.
    std_error : float
    clusters : int or None
        That have rows within the bandwidth, where rows of a cluster were summed; the reference is
        then t.
    bandwidth : float
        In units of the running variable.
    n : int or None
        Rows within it.
    """

    estimate: float
    std_error: float
    clusters: int | None
    bandwidth: float
    n: int | None = None

    @property
    def df(self) -> float | None:
        return None if self.clusters is None else float(self.clusters - 1)

    @property
    def p_value(self) -> float:
        return p_value(self.estimate / self.std_error, self.df)


def jump_at(
    running: np.ndarray,
    response: np.ndarray,
    threshold: float,
    *,
    clusters: np.ndarray | None = None,
    bandwidth: float | None = None,
) -> Jump | None:
    """Return the jump of the mean response at a threshold, or None where too few rows are near it.

    Parameters
    ----------
    running, response : ndarray, shape (n,)
    threshold : float
        Rows at it count as above.
    clusters : ndarray of int, shape (n,), optional
    bandwidth : float, optional
        By default that of Imbens and Kalyanaraman for a local line.

    Notes
    -----
    A local quadratic with triangular weights at the bandwidth that is best for a local line: this
    is the robust bias-corrected estimate of Calonico, Cattaneo & Titiunik (2014),
    doi:10.3982/ECTA11757, with equal bandwidths for effect and bias. Bandwidth: Imbens &
    Kalyanaraman (2012), doi:10.1093/restud/rdr043.
    """
    x = running - threshold
    h = imbens_kalyanaraman(x, response) if bandwidth is None else bandwidth
    if h is None:
        return None
    sides = [(x < 0) & (x > -h), (x >= 0) & (x < h)]
    if min(side.sum() for side in sides) < FEWEST or any(
        len(np.unique(x[side])) < 4 for side in sides
    ):
        return None
    (below, left), (above, right) = (_edge(x[side], response[side], h) for side in sides)
    influence = np.zeros(len(x))
    influence[sides[0]], influence[sides[1]] = -left, right
    error, groups = _clustered(influence, sides[0] | sides[1], clusters)
    return Jump(above - below, error, groups, float(h), int(np.sum(sides)))


def _clustered(
    influence: np.ndarray, near: np.ndarray, clusters: np.ndarray | None
) -> tuple[float, int | None]:
    """Return the standard error from the influence of rows near a threshold, and their clusters."""
    if clusters is None:
        return standard_error(influence[near], None), None
    codes = np.unique(clusters[near], return_inverse=True)[1]
    return standard_error(influence[near], codes), int(codes.max()) + 1


def _edge(x: np.ndarray, y: np.ndarray, h: float) -> tuple[float, np.ndarray]:
    """Return the local quadratic's value at 0, and each row's influence on it (HC3-like)."""
    root = np.sqrt(1 - np.abs(x) / h)
    design = np.column_stack([np.ones(len(x)), x / h, (x / h) ** 2]) * root[:, None]
    q, r = np.linalg.qr(design)
    params = np.linalg.solve(r, q.T @ (y * root))
    residuals = (y * root - design @ params) / np.clip(1 - (q**2).sum(axis=1), 0.05, None)
    return float(params[0]), (q @ np.linalg.inv(r)[0]) * residuals


def imbens_kalyanaraman(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return Imbens and Kalyanaraman's bandwidth at 0; None where a side has too few rows."""
    n, unit, above = len(x), float(np.std(x, ddof=1)), x >= 0
    if unit == 0:
        return None
    x = x / unit
    pilot = 1.84 * np.std(x, ddof=1) * n**-0.2
    near = np.abs(x) < pilot
    sides = (~above, above)
    if min((near & side).sum() for side in sides) < 10:
        return None
    density = near.sum() / (2 * n * pilot)
    cubic = np.column_stack([np.ones(n), above, x, x**2, x**3])
    third = max((6 * np.linalg.lstsq(cubic, y, rcond=None)[0][-1]) ** 2, 1e-12 * np.var(y))
    variances, curvatures, regular = [], [], 0.0
    for side in sides:
        variance = float(np.var(y[near & side], ddof=1))
        wide = 3.56 * (variance / (density * third)) ** (1 / 7) * int(side.sum()) ** (-1 / 7)
        wide = max(wide, pilot)
        inside = side & (np.abs(x) <= wide)
        curvatures.append(2 * np.polyfit(x[inside], y[inside], 2)[0])
        variances.append(variance)
        regular += 2160 * variance / (inside.sum() * wide**4)
    bend = (curvatures[1] - curvatures[0]) ** 2 + regular
    return float(unit * 3.4375 * (sum(variances) / (density * bend)) ** 0.2 * n**-0.2)


def step_near(x: np.ndarray, h: float) -> float | None:
    """Return the step of values within h of 0: 0.0 where few are tied, None where there is none.

    Examples
    --------
    >>> coarse, fine = np.repeat([-2.0, -1.0, 0.0, 1.0], 5), np.array([-0.3, 0.1, 0.17])
    >>> step_near(coarse, 3.0), step_near(fine, 1.0)
    (1.0, 0.0)
    """
    near = x[np.abs(x) < h]
    levels = np.unique(near)
    if len(levels) > UNTIED * len(near) or len(levels) < 2:
        return 0.0 if len(levels) > UNTIED * len(near) else None
    gaps = np.diff(levels)
    gaps = gaps[gaps > 1e-9 * h]
    step = float(gaps.min())
    steps = (levels - levels[0]) / step
    return step if np.abs(steps - np.round(steps)).max() < 1e-3 else None


def density_jump(
    running: np.ndarray, threshold: float, *, clusters: np.ndarray | None = None
) -> Jump | None:
    """Return the jump of the density at a threshold, or None where too few rows are near it.

    Parameters
    ----------
    running : ndarray, shape (n,)
    threshold : float
        Rows at it count as above.
    clusters : ndarray of int, shape (n,), optional
        Codes.

    Notes
    -----
    McCrary (2008), doi:10.1016/j.jeconom.2007.05.005: counts in narrow bins, smoothed by a local
    line with triangular weights on either side; standard error ``sqrt(24/5 (1/f+ + 1/f-) / (n
    h))``. That takes rows as independent. A density is a weighted sum of counts, so with clusters
    each row's weights over the densities are summed by cluster and squared, with the factor G/(G -
    1) and t(G - 1) of the clusters within the bandwidth: in 400 draws of 400 clusters of 5 rows
    that are alike, the test of nominal size .05 rejected in .03, and in .17 without the clusters.
    Where scores come in steps (whole points, say), bins are whole steps and end half-way between
    the last step below and the first one above; narrower bins would be empty just below the
    threshold and full just above it.
    """
    x, n = running - threshold, len(running)
    spread = np.std(x, ddof=1)
    width, h = 2 * spread * n**-0.5, 1.84 * spread * n**-0.2
    step = step_near(x, h)
    if step is None or h < FEWEST_BINS * step:
        return None
    if step > 0:
        width = step * np.ceil(width / step)
        lowest = float(x[np.abs(x) < h].min())
        x = x - (lowest + step * np.ceil(-lowest / step - 1e-6)) + step / 2
    edges = np.arange(0, int(np.ceil(h / width)) + 1) * width
    middles = edges[:-1] + width / 2
    root = np.sqrt(np.clip(1 - middles / h, 0, None))
    line = np.column_stack([np.ones(len(middles)), middles]) * root[:, None]
    weights = np.linalg.pinv(line)[0] * root
    densities, influence = [], np.zeros(n)
    for side in (-1, 1):
        here = (x < 0) if side < 0 else (x >= 0)
        distance = side * x[here]
        if (distance < h).sum() < FEWEST:
            return None
        heights = np.histogram(distance, bins=edges)[0] / (n * width)
        densities.append(float(weights @ heights))
        bins = np.digitize(distance, edges) - 1
        inside = np.append(weights, 0.0)[np.minimum(bins, len(weights))]
        influence[here] = side * inside / (n * width * densities[-1])
    below, above = densities
    if min(below, above) <= 0:
        return None
    error, groups = _clustered(influence, influence != 0, clusters)
    if groups is None:
        error = float(np.sqrt(24 / 5 * (1 / above + 1 / below) / (n * h)))
    elif groups < FEWEST_CLUSTERS:
        return None
    return Jump(float(np.log(above / below)), error, groups, float(h))


# --- the study ------------------------------------------------------------------------------------


def study_threshold(question: Question) -> StudyResult:
    """Return the jump of the outcome at the perk's threshold, and of the density there."""
    sign, perk = question.plan.score.sign_of(question.score), question.plan.algorithm.perk
    running, at = sign * question.sample.numbers(question.score), f"{perk:g}"
    clusters, response = question.design.clusters, question.sample.numbers(question.outcome.column)
    jump = jump_at(running, response, sign * perk, clusters=clusters)
    if jump is None:
        return question.only("threshold", None, f"Too few rows near the threshold of {at}.")
    row = question.row(
        "algorithm",
        "rd",
        "perk",
        n=jump.n,
        estimate=jump.estimate,
        std_error=jump.std_error,
        df=jump.df,
        clusters=jump.clusters,
        unit="outcome",
        note=f"at {at}; local quadratic within {jump.bandwidth:.3g}; the effect of a displayed"
        " number",
    )
    bunching = _bunching(question, running, sign * perk, at, ("above", "below")[::sign])
    return StudyResult((tested(row), *bunching.rows), bunching.checks)


def _bunching(
    question: Question, running: np.ndarray, perk: float, at: str, sides: tuple[str, str]
) -> StudyResult:
    """Return the jump of the density at the threshold, and the check that there is none."""
    (beyond, short), clusters = sides, question.design.clusters
    density = density_jump(running, perk, clusters=clusters)
    if density is None:
        few = "" if clusters is None else " or clusters"
        return question.only(
            "bunching",
            None,
            f"Whether scores bunch just {beyond} {at} is not known: too few rows, steps{few}"
            " near it.",
        )
    row = question.row(
        "algorithm",
        "mccrary",
        "bunching",
        estimate=density.estimate,
        std_error=density.std_error,
        df=density.df,
        clusters=density.clusters,
        note=f"log of the density just {beyond} less just {short}",
    )
    bunched = density.p_value < question.size and density.estimate > 0
    reason = (
        f"More scores lie just {beyond} {at} than just {short}: people place themselves, which"
        " measures gaming and spoils the comparison."
        if bunched
        else f"Scores do not bunch just {beyond} {at}."
    )
    check = question.check("bunching", not bunched, reason, density.p_value)
    return StudyResult((tested(row),), (check,))
