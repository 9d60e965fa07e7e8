"""Lead and lag test: the score to come must not predict, the one before should say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.fit import Fit
from analysis.results.estimates import Check, Estimate, StudyResult, display, joined
from analysis.results.question import Question
from analysis.studies.base import codes_of, periods_of, where_known

FEWEST_UNITS = 10
"""Seen in neighbouring periods; with fewer there is no test."""


def lead_lag(question: Question) -> StudyResult:
    """Return the test of the score's lead and the effect of its lag, where a panel allows them.

    Notes
    -----
    The lead is the score of the unit's next period, added to the plan's equation. It cannot have
    caused the outcome, so with the score and engagement of the same period held it has no slope,
    unless something that lasts (a unit's talent, engagement recorded with noise) or the outcome
    itself moves the score. Only rows of which the unit's neighbouring period is in the sample
    count; errors are clustered by unit where the plan names no clusters.
    """
    panel = question.plan.panel
    if panel is None or panel.time is None or question.sample.note:
        return StudyResult()
    return where_known(question, (panel.unit, panel.time), "neighbours", _lead_and_lag)


def _lead_and_lag(question: Question) -> StudyResult:
    panel, sample = question.plan.panel, question.sample
    unit, time = codes_of(sample, panel.unit), periods_of(sample, panel.time)
    design = question.design
    design = replace(design, clusters=unit if design.clusters is None else design.clusters)
    results = []
    for term, step, test in (("future_score", 1, _lead), ("lagged_score", -1, _lag)):
        here, there = matched(unit, time, step)
        if len(np.unique(unit[here])) < FEWEST_UNITS:
            reason = f"Fewer than {FEWEST_UNITS} units are seen in neighbouring periods."
            results.append(question.only(term, None, reason))
            continue
        some = design.take(here).renumbered()
        try:
            row, check = test(question, some, design.block("score")[there, 0])
            results.append(StudyResult((row,), (check,)))
        except DesignError as error:
            reason = f"With the score of a neighbouring period there is no estimate: {error.found}."
            results.append(question.only(term, None, reason))
    return joined(results)


def matched(unit: np.ndarray, time: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of rows, and of the same unit's row `step` periods later.

    Units with two rows in one period are left out of it.

    Parameters
    ----------
    unit, time : ndarray of int, shape (n,)
        Codes; those of periods in order.

    Examples
    --------
    >>> here, there = matched(np.array([0, 0, 0, 1]), np.array([0, 1, 3, 1]), 1)
    >>> here.tolist(), there.tolist()
    ([0], [1])
    """
    width = int(time.max()) + 3
    keys = unit.astype(np.int64) * width + time + 1
    once, first, counts = np.unique(keys, return_index=True, return_counts=True)
    once, first = once[counts == 1], first[counts == 1]
    _, at, later = np.intersect1d(once, once - step, assume_unique=True, return_indices=True)
    order = np.argsort(first[at])
    return first[at][order], first[later][order]


def _lead(question: Question, design: Design, other: np.ndarray) -> tuple[Estimate, Check]:
    more = design.with_columns("score", {"future score": other})
    note = "score of the unit's next period, that of this one held"
    row = _last_column(question, _fitted(question, more), "future_score", note)
    passed = row.p_value >= question.size
    reason = (
        "With the score of the same period held, that of the next one has an effect of"
        f" {row.displayed} (p {display(row.p_value, 'p')})"
    )
    reason += (
        ": it does not predict what came before it."
        if passed
        else (
            ", though it cannot have caused what came before it: something that lasts, or the"
            " outcome itself, moves the score, and the effect found may be of the same kind."
        )
    )
    return row, question.check("future_score", passed, reason, row.p_value)


def _lag(question: Question, design: Design, other: np.ndarray) -> tuple[Estimate, Check]:
    earlier = replace(design, matrix=np.column_stack([design.matrix[:, :-1], other]))
    fit = _fitted(question, earlier)
    same_period = question.word_of_fit(_fitted(question, design))
    word = question.word_of_fit(fit)
    note = "score of the period before instead of the same period's"
    row = _last_column(question, fit, "lagged_score", note)
    reason = (
        f"With the {note} the effect is {row.displayed} (p {display(row.p_value, 'p')}), and the"
        f" word {word}; on these rows the same period's gives {same_period}."
    )
    return row, question.check("lagged_score", word == same_period, reason, row.estimate)


def _fitted(question: Question, design: Design) -> Fit:
    """Fit the mean of the deciding model, clustered."""
    return fit_model(design, question.mean_model, "CRV1", counts=question.counts)


def _last_column(question: Question, fit: Fit, term: str, note: str) -> Estimate:
    """Return the row of the last column, on the plan's scale."""
    row = question.coefficient("timing", fit, fit.design.terms[-1], term=term, note=note)
    return question.on_scale(row, question.plan.score.scale)
