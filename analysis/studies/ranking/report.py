"""The section on ranking: every score of the plan in one table, judged as a credit score is."""

from __future__ import annotations

from itertools import combinations

from analysis.results.estimates import Estimate
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, Table

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


def ranking_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where no score was ranked."""
    tables = [
        table for outcome in findings.plan.outcome if (table := _table(findings, outcome.column))
    ]
    if not tables:
        return None
    return ReportSection(
        "How well the score ranks", (EXPLAINED, *_compared(findings)), tables=tuple(tables)
    )


def _rows(findings: Findings, outcome: str, score: str) -> dict[str, Estimate]:
    return {
        row.term: row
        for row in findings.estimates.select(outcome=outcome, score=score, method="scorecard")
    }


def _table(findings: Findings, outcome: str) -> Table | None:
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
