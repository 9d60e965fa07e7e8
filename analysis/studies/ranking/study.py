"""How well each score ranks the rows by what pays, side by side, as a credit score is judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DesignError
from analysis.models.columns import transformed_score
from analysis.models.covariance import standard_error
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question, tested
from analysis.studies.ranking.scorecard import (
    Ranking,
    auc,
    calibration,
    concentration,
    lift,
    relative,
    resampled_weights,
)

if TYPE_CHECKING:
    from analysis.results.findings import Findings
    from analysis.results.section import ReportSection
    from analysis.results.table import Table

REPLICATES = 499
LARGE, FEWER_REPLICATES = 20_000, 199
VERY_LARGE, FEWEST_REPLICATES = 100_000, 99
FOLDS = 5
NOTE = "engagement is ignored here: how well the score ranks, not what it adds"
COLUMNS = {
    "auc": "AUC",
    "gini": "Gini",
    "ks": "KS",
    "lift_top_decile": "Top-tenth lift",
    "calibration_slope": "Calibration slope",
}
EXPLAINED = (
    "Ranking is not adding: these figures forget engagement, and a score that only repeats it ranks"
    " as well as engagement does. Gini is 0 for a score that does not rank and 1 for one that"
    " orders the rows as the outcome itself would; the top-tenth lift is the mean outcome of the"
    " tenth of rows with the highest scores over that of all. A score of which less is better has a"
    " negative Gini."
)


def study_ranking(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return AUC, Gini, KS, lift and calibration of a score, and differences from other scores.

    Nothing where the plan does not ask for it with a table `[ranking]`.
    Gini and lift for outcomes that are nowhere negative; AUC, KS and calibration for binary ones.
    Where the outcome has an exposure, its rate is ranked, and a row counts as much as its exposure.
    """
    if question.plan.ranking is None:
        return StudyResult()
    values = question.sample.numbers(question.outcome.column)
    if values.min() < 0 or np.ptp(values) == 0:
        return StudyResult()
    rows = _resampled(question, values)
    if question.outcome.kind == "binary" and 1 < values.sum() < len(values) - 1:
        rows += _of_binary(question, values > 0)
    return StudyResult(tuple(rows))


def _row(question: Question, term: str) -> Estimate:
    clusters = question.design.n_clusters
    return question.row("scorecard", "", term, clusters=clusters, note=NOTE)


def _others(question: Question) -> list[str]:
    """Return the plan's other scores."""
    return [name for name in question.plan.score.columns if name != question.score]


def _resampled(question: Question, values: np.ndarray) -> list[Estimate]:
    """Return what has a bootstrap interval: Gini, lift, and differences of Gini."""
    sample, options = question.sample, question.plan.inference
    exposure = sample.exposure(question.outcome)
    note, weight = NOTE, np.ones(sample.rows)
    if exposure is not None:
        note = f"{NOTE}; of the outcome per unit of exposure, rows weighted by it"
        weight = exposure / exposure.mean()
    values = values / weight
    perfect = Ranking.of(values, values)
    rankings = {
        name: Ranking.of(transformed_score(sample, name), values)
        for name in question.plan.score.columns
    }

    def measured(weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return every measure under weights of the rows, shape (draws,); each curve made once."""
        most = concentration(*perfect.curves(weights))
        curves = {name: ranking.curves(weights) for name, ranking in rankings.items()}
        ginis = {name: relative(concentration(*curve), most) for name, curve in curves.items()}
        gini = ginis[question.score]
        measures = {"gini": gini, "lift_top_decile": lift(*curves[question.score])}
        return measures | {
            f"gini_difference:{name}": gini - ginis[name] for name in _others(question)
        }

    once = measured(weight[None, :].copy())
    most = REPLICATES if sample.rows <= LARGE else FEWER_REPLICATES
    most = FEWEST_REPLICATES if sample.rows > VERY_LARGE else most
    replicates = min(options.bootstrap, most)
    drawn = resampled_weights(
        sample.rows, replicates, question.generator(), question.design.clusters
    )
    blocks = [measured(weights * weight) for weights in drawn]
    tails = [(1 - options.level) / 2, (1 + options.level) / 2]
    rows = []
    for term, estimate in once.items():
        low, high = np.nanquantile(np.concatenate([block[term] for block in blocks]), tails)
        row = replace(_row(question, term), note=note, bounds=(float(low), float(high)))
        rows.append(replace(row, estimate=float(estimate[0])))
    return rows


def _of_binary(question: Question, happened: np.ndarray) -> list[Estimate]:
    """Return AUC, its paired differences from the other scores, and the calibration."""
    from scipy.stats import ks_2samp

    sample, clusters = question.sample, question.design.clusters
    values = transformed_score(sample, question.score)
    area = auc(values, happened, clusters)

    def row(term: str, estimate: float, error: float, null: float = 0.0) -> Estimate:
        blank = replace(_row(question, term), estimate=estimate - null, std_error=error)
        return replace(tested(blank) if error > 0 else blank, estimate=estimate)

    distance = ks_2samp(values[happened], values[~happened], method="asymp").statistic
    rows = [
        row("auc", area.value, area.std_error, 0.5),
        replace(
            _row(question, "ks"),
            estimate=float(distance),
            note=f"{NOTE}; no interval, since a bootstrap's lies above the truth",
        ),
    ]
    for name in _others(question):
        other = auc(transformed_score(sample, name), happened, clusters)
        error = standard_error(area.influence - other.influence, clusters)
        rows.append(row(f"auc_difference:{name}", area.value - other.value, error))
    units = question.design.units
    folds = question.generator().permutation(int(units.max()) + 1)[units] % FOLDS
    try:
        line = calibration(values, happened, folds)
    except DesignError:
        return rows
    return [
        *rows,
        row("calibration_intercept", line.intercept, line.std_errors[0]),
        row("calibration_slope", line.slope, line.std_errors[1], 1.0),
    ]


# --- the section of the report -------------------------------------------------------------------


def ranking_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where no score was ranked."""
    from analysis.results.section import ReportSection

    tables = [
        table for outcome in findings.plan.outcome if (table := _table(findings, outcome.column))
    ]
    if not tables:
        return None
    return ReportSection(
        "How well the score ranks",
        (EXPLAINED, *_compared(findings), *_directions(findings)),
        tables=tuple(tables),
    )


def _directions(findings: Findings) -> list[str]:
    """Return in words which way each score ranks a binary outcome: a sign is read both ways."""
    label, sentences = findings.dataset.label, []
    for outcome in findings.plan.outcome:
        for score in findings.plan.score.columns:
            row = _rows(findings, outcome.column, score).get("auc")
            if row is None:
                continue
            way, has = ("more", "higher") if row.estimate >= 0.5 else ("less", "lower")
            share = max(row.estimate, 1 - row.estimate)
            sentences.append(
                f"More {label(score)} goes with {way} {label(outcome.column)}: of two rows, one"
                f" with it and one without, the one with it has the {has} score in"
                f" {100 * share:.0f} % of pairs."
            )
    return sentences


def _rows(findings: Findings, outcome: str, score: str) -> dict[str, Estimate]:
    return {
        row.term: row
        for row in findings.estimates.select(outcome=outcome, score=score, method="scorecard")
    }


def _table(findings: Findings, outcome: str) -> Table | None:
    from analysis.results.table import Table

    scores = {score: _rows(findings, outcome, score) for score in findings.plan.score.columns}
    terms = [term for term in COLUMNS if any(term in rows for rows in scores.values())]
    if not terms:
        return None
    label, level = findings.dataset.label, findings.plan.inference.level
    rows = [
        (label(score), *(_cell(rows.get(term), level) for term in terms))
        for score, rows in scores.items()
    ]
    caption = (
        f"How well each score ranks the rows by {label(outcome)}, with {100 * level:g} % intervals"
    )
    return Table(caption, ("Score", *(COLUMNS[term] for term in terms)), tuple(rows))


def _cell(row: Estimate | None, level: float) -> str:
    if row is None or row.estimate is None:
        return "-"
    bounds = row.interval(level)
    if bounds is None:
        return f"{row.estimate:.3f}"
    low, high = bounds
    return f"{row.estimate:.3f} ({low:.3f} to {high:.3f})"


def _compared(findings: Findings) -> list[str]:
    """Return a sentence for each pair of scores that rank an outcome differently."""
    label, sentences = findings.dataset.label, []
    for outcome in findings.plan.outcome:
        for one, other in combinations(findings.plan.score.columns, 2):
            row = _rows(findings, outcome.column, one).get(f"gini_difference:{other}")
            low, high = row.interval(findings.plan.inference.level) if row else (0.0, 0.0)
            if low > 0 or high < 0:
                better, worse = (one, other) if row.estimate > 0 else (other, one)
                sentences.append(
                    f"By {label(outcome.column)}, {label(better)} ranks better than"
                    f" {label(worse)} (difference of Gini {abs(row.estimate):.3f})."
                )
    return sentences
