"""The mix of engagement: which part carries the outcome, and which part the score rewards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_as_planned
from analysis.models.covariance import influence_covariance
from analysis.models.design import Design, check_estimable, recorded
from analysis.models.fit import Fit
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.question import Question, tested
from analysis.studies.base import where_known


@dataclass(frozen=True)
class Proportion:
    """The test that one vector of weights is a multiple of another.

    Attributes
    ----------
    statistic, p_value : float
        The least Wald distance over all multiples, chi-square with one degree of freedom less than
        there are weights.
    likeness : float
        Cosine of the angle between both: 1 where they are proportional, 0 where they have nothing
        in common.
    """

    statistic: float
    p_value: float
    likeness: float


def proportional(weights: np.ndarray, others: np.ndarray, cov: np.ndarray) -> Proportion:
    """Test whether ``cos(a) weights = sin(a) others`` for some angle a.

    Parameters
    ----------
    weights, others : ndarray, shape (k,)
    cov : ndarray, shape (2k, 2k)
        Of both, one after the other.

    Notes
    -----
    The distance is minimised over the multiple with the covariance at that multiple (a minimum
    distance of the kind of Anderson & Rubin 1949), so that it is well behaved where one of the two
    is hardly told from zero.
    """
    from scipy.optimize import minimize_scalar
    from scipy.stats import chi2

    k = len(weights)
    scales = np.sqrt(np.diag(cov)).reshape(2, k)
    scale = np.repeat(1 / np.median(scales, axis=1), k)
    both, joint = np.concatenate([weights, others]) * scale, cov * np.outer(scale, scale)

    def distance(angle: float) -> float:
        mix = np.hstack([np.cos(angle) * np.eye(k), -np.sin(angle) * np.eye(k)])
        gap = mix @ both
        return float(gap @ np.linalg.solve(mix @ joint @ mix.T, gap))

    grid = np.linspace(0, np.pi, 181)
    best = grid[int(np.argmin([distance(angle) for angle in grid]))]
    least = minimize_scalar(
        distance, bounds=(best - 0.02, best + 0.02), method="bounded", options={"xatol": 1e-10}
    ).fun
    length = np.linalg.norm(weights) * np.linalg.norm(others)
    likeness = float(weights @ others / length) if length > 0 else float("nan")
    return Proportion(float(least), float(chi2.sf(least, k - 1)), likeness)


# --- the study ------------------------------------------------------------------------------------


def study_parts(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the weights of the parts in score and outcome, and the test of proportionality.

    Weights are per standard deviation of a part, the other parts and the controls held: in standard
    deviations of the score by least squares, and in the outcome by the deciding model without the
    score.
    """
    parts = question.plan.parts
    if parts is None:
        return StudyResult()
    return where_known(question, parts.columns, "misalignment", _studied)


def _studied(question: Question) -> StudyResult:
    plan = question.plan
    parts = plan.parts.columns
    try:
        design = _design(question)
        score = question.design.block("score")[:, 0] / question.factor("sd")
        rewards = fit_as_planned(plan, "ols", replace(design, response=score, offset=None))
        carries = fit_as_planned(plan, question.mean_model, design)
    except DesignError as error:
        fault = error.faults[0]
        reason = f"The parts cannot be weighed: {fault.place}, {fault.found}."
        return question.only("misalignment", None, reason)
    weights = [fit.params[[fit.position(part) for part in parts]] for fit in (rewards, carries)]
    test = proportional(*weights, _joint_covariance((rewards, carries), parts))
    note = f"least distance from proportional weights, {len(parts) - 1} degrees of freedom"
    rows = (
        *_rows(question, rewards, "weight_score", "number"),
        *_rows(question, carries, "weight_outcome", question.unit(question.mean_model)),
        question.row(
            "parts",
            "wald",
            "misalignment",
            statistic=test.statistic,
            p_value=test.p_value,
            note=note,
        ),
        question.row(
            "parts",
            "wald",
            "likeness",
            estimate=test.likeness,
            note="cosine between the weights in the score and in the outcome",
        ),
    )
    heaviest = [parts[int(np.argmax(weight))] for weight in weights]
    return StudyResult(rows, (_judged(question, heaviest, test.p_value),))


def _design(question: Question) -> Design:
    """Return intercept, controls and standardised parts; the outcome as it is.

    Raises
    ------
    DesignError
        When a part does not vary or follows from the others.
    """
    parts, columns = question.plan.parts, {}
    for part in parts.columns:
        values = recorded(question.sample, part, parts.transform)
        columns[part] = (values - values.mean()) / max(np.std(values, ddof=1), 1e-300)
    design = question.design.without("engagement", "score").with_columns("engagement", columns)
    check_estimable(design, "[parts]")
    return design


def _rows(question: Question, fit: Fit, term: str, unit: Unit) -> list[Estimate]:
    """Return the weight of each part in one equation."""
    errors, rows = fit.std_errors(), []
    for part in question.plan.parts.columns:
        at = fit.position(part)
        row = question.row(
            "parts",
            fit.model,
            f"{term}:{part}",
            n=fit.design.n,
            clusters=fit.design.n_clusters,
            df=fit.df,
            covariance=fit.covariance,
            estimate=float(fit.params[at]),
            std_error=float(errors[at]),
            unit=unit,
            note="per standard deviation of the part, the others held",
        )
        rows.append(tested(row))
    return rows


def _joint_covariance(fits: tuple[Fit, ...], parts: tuple[str, ...]) -> np.ndarray:
    """Return the joint covariance of the parts' weights in several fits of the same rows."""
    design = fits[0].design
    at = [design.terms.index(part) for part in parts]
    influence = np.hstack([fit.row_influence()[:, at] for fit in fits])
    cov = influence_covariance(influence, design.clusters)
    return cov * (design.n / (design.n - design.k)) if design.clusters is None else cov


def _judged(question: Question, heaviest: list[str], p: float) -> Check:
    """Return the check that the score rewards what the outcome rests on."""
    first, second = map(question.sample.dataset.label, heaviest)
    aligned = p >= question.size
    if aligned:
        reason = (
            "The score weighs the parts of engagement as the outcome does, as far as these rows"
            " can tell."
        )
    elif first == second:
        reason = (
            f"Score and outcome both go most with {first}, but the score does not weigh the"
            " parts as the outcome does."
        )
    else:
        reason = f"The score rewards {first} most, while what pays goes most with {second}."
    return question.check("misalignment", aligned, reason, p)
