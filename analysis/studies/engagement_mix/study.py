"""The mix of engagement: which part carries the outcome, and which part the score rewards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_as_planned
from analysis.models.columns import recorded
from analysis.models.covariance import influence_covariance
from analysis.models.design import Design, check_estimable
from analysis.models.fit import Fit
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.studies.base import where_known

if TYPE_CHECKING:
    from analysis.results.figure import Figure
    from analysis.results.section import Part, ReportSection
    from analysis.results.verdict import Verdict

EXPLAINED = (
    "Engagement is split by who engages, or from where. The weight of a part in the score is what a"
    " standard deviation more of it moves the score by, in standard deviations; its weight in the"
    " outcome is what it goes with there, the score left out. A score that rewards what does not"
    " pay teaches people to do what does not pay. Parts are taken as they are recorded: a noisy one"
    " looks lighter than it is, and lends its weight to others that follow it."
)
CAPTION = (
    "Filled circles: the weight of each part in the score; open squares: its weight in the outcome."
    " Each set is divided by its largest weight, so that only the pattern counts. Bars are"
    " intervals."
)
HEAD = ("Part", "Weight in the score (SD)", "Interval", "Weight in the outcome", "Interval")


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
    note = "per standard deviation of the part, the others held"
    rows = (
        question.coefficient("parts", fit, part, term=f"{term}:{part}", note=note)
        for part in question.plan.parts.columns
    )
    return [replace(row, clusters=fit.design.n_clusters, unit=unit) for row in rows]


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


# --- the section of the report -------------------------------------------------------------------


Weights = dict[str, dict[str, Estimate]]
"""Weights in the "score" and in the "outcome", by part."""


def parts_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where the plan names no parts or they could not be weighed."""
    from analysis.results.section import section_of

    parts = (
        _part(findings, verdict, weights)
        for verdict in findings.decided
        if (weights := _weights(findings, verdict))
    )
    return section_of("What the score rewards", parts, first=(EXPLAINED,))


def _part(findings: Findings, verdict: Verdict, weights: Weights) -> Part:
    from analysis.results.table import Table

    label, cells = findings.dataset.label, _cells(findings, weights)
    caption = f"The parts of engagement in {label(verdict.score)} and in {label(verdict.outcome)}"
    sentence = _sentence(findings, verdict)
    figure = _figure(findings, weights, cells, sentence)
    return sentence, figure, Table(caption, HEAD, tuple(cells))


def _weights(findings: Findings, verdict: Verdict) -> Weights:
    """Return the weights that were estimated; nothing where there are none."""
    from analysis.results.section import rows_on

    weights: Weights = {}
    for row in rows_on(findings, verdict, "parts"):
        kind, _, part = row.term.partition(":")
        if part:
            weights.setdefault(kind.removeprefix("weight_"), {})[part] = row
    return weights


def _sentence(findings: Findings, verdict: Verdict) -> str:
    from analysis.results.section import reasons_on, rows_on

    (likeness,) = [row for row in rows_on(findings, verdict, "parts") if row.term == "likeness"]
    label = findings.dataset.label
    return (
        f"{reasons_on(findings, verdict, 'misalignment')[0]} The weights of"
        f" {label(verdict.score)} and of {label(verdict.outcome)} have a likeness of"
        f" {likeness.estimate:.2f}, where 1 is the same pattern and 0 nothing in common."
    )


def _cells(findings: Findings, weights: Weights) -> list[tuple[str, ...]]:
    """Return for each part its name, and both weights with their intervals."""

    level = findings.plan.inference.level
    return [
        (
            findings.dataset.label(part),
            *(
                cell
                for row in (weights["score"][part], weights["outcome"][part])
                for cell in (row.displayed, row.span(level))
            ),
        )
        for part in weights["score"]
    ]


def _title(findings: Findings, weights: Weights) -> str:
    """Return which part weighs most in the score, and which in what pays."""
    label = findings.dataset.label
    most = {
        which: label(max(parts, key=lambda part: abs(parts[part].estimate)))
        for which, parts in weights.items()
    }
    rewarded = most["score"][:1].upper() + most["score"][1:]
    if most["score"] == most["outcome"]:
        return f"{rewarded}: most weight in the score and in what pays"
    return f"{rewarded}: most weight in the score; in what pays, {most['outcome']}"


def _figure(
    findings: Findings, weights: Weights, cells: list[tuple[str, ...]], sentence: str
) -> Figure:
    """Draw both weights of each part, each set relative to its largest."""
    from analysis.results.figure import ACCENT, INK, interval_figure, shortened

    level, marks = findings.plan.inference.level, []
    styles = ({"fmt": "o", "color": ACCENT}, {"fmt": "s", "color": INK, "markerfacecolor": "white"})
    for which, shift, style in zip(("score", "outcome"), (-0.14, 0.14), styles, strict=True):
        rows = weights[which].values()
        edges = np.array([(row.estimate, *row.interval(level)) for row in rows])
        edges = edges / (np.abs(edges[:, 0]).max() or 1.0)
        edges[:, 1:] = np.clip(edges[:, 1:], -3, 3)
        more = {"label": f"in the {which}", "markersize": 7}
        marks.append((np.arange(len(cells)) + shift, edges, style | more))
    told = [
        f"{name}: {weight} in the score ({span}), {pays} in the outcome ({reach})"
        for name, weight, span, pays, reach in cells
    ]
    return interval_figure(
        {at: shortened(name, 24) for at, (name, *_) in enumerate(cells)},
        marks,
        "weight, relative to the largest",
        height=1.5 + 0.65 * len(cells),
        title=_title(findings, weights),
        alt=f"Weights of the parts of engagement: {'; '.join(told)}. {sentence}",
        caption=CAPTION,
        findings=findings,
        lines={0: "-"},
    )
