"""What studies have in common: rows that have a study's columns, codes and entities."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault
from analysis.models.design import Design, check_estimable, dependent_terms
from analysis.results.estimates import StudyResult
from analysis.results.question import Question


def where_known(
    question: Question,
    columns: Iterable[str | None],
    name: str,
    study: Callable[[Question], StudyResult],
) -> StudyResult:
    """Return what a study says of the rows that have a value in each of its columns.

    Parameters
    ----------
    question : Question
    columns : iterable of str or None
        What the study reads beside the equation; None is passed over.
    name : str
        Of the check that says why there is no study: the rows that are left do not hold the
        equation.
    study : callable
        Takes the question of those rows, whose score has the unit of the whole analysis set.
    """
    sample = question.sample
    some = question.of(sample.known([column for column in columns if column is not None]))
    if some is question:
        return study(question)
    try:
        if np.ptp(some.design.response) == 0:
            raise DesignError(
                "the rows", Fault("outcome", "one value of the outcome", "at least two")
            )
        return study(some)
    except DesignError as error:
        reason = (
            f"Not studied: {some.sample.rows:,} of {sample.rows:,} rows have its columns, and they"
            f" hold {error.found}."
        )
        return question.only(name, None, reason)


def periods_of(sample: Sample, column: str) -> np.ndarray:
    """Return the place of each row's period among all periods of the analysis set, shape
    (rows,).
    """
    return places(
        sample.frame[column].to_numpy(), (sample.of or sample).frame[column].dropna().to_numpy()
    )


def codes_of(sample: Sample, column: str | None) -> np.ndarray | None:
    """Return codes of a column in its order: that of numbers where all its labels are numbers."""
    if column is None:
        return None
    labels = sample.frame[column].to_numpy()
    return places(labels, labels)


def places(labels: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where labels stand in the sorted, distinct labels of `among`: as numbers where all of
    those are.

    Examples
    --------
    >>> places(np.array(["10", "9"]), np.array(["9", "10", "8"])).tolist()
    [2, 1]
    """
    try:
        ordered, wanted = np.unique(among.astype(float)), labels.astype(float)
    except ValueError:
        ordered, wanted = np.unique(among.astype(str)), labels.astype(str)
    return np.searchsorted(ordered, wanted)


ENTITY = re.compile(
    r"(^|_)(id|ids|name|user|username|handle|account|person|team|author|seller|shop|firm|company)$"
)
"""Names of columns that say whose row it is."""


ROWS_AN_ENTITY = 1.25
"""With this many rows an entity or more, an identifying column names entities and not rows."""


def entity_column(sample: Sample) -> str | None:
    """Return the column that names the entities, where several rows share one and the plan clusters
    nothing.

    The plan's own units come first, then a column that identifies rows by the plan's word; then
    names that say so.
    """
    plan, raw = sample.plan, sample.raw
    if plan.cluster is not None or raw is None:
        return None
    units = [
        section.unit
        for section in (plan.panel, plan.gaming)
        if section is not None and section.unit
    ]
    if units and units[0] in raw and raw[units[0]].dropna().duplicated().any():
        return units[0]
    if plan.row is not None:
        return plan.row if raw[plan.row].duplicated().any() else None
    used = {column for column, _ in plan.roles()}
    for name in map(str, raw.columns):
        if name not in used and ENTITY.search(name.casefold()):
            values = raw[name].dropna()
            if 1 < values.nunique() <= len(values) / ROWS_AN_ENTITY and len(values) > len(raw) / 2:
                return name
    return None


def without_constants(design: Design) -> Design:
    """Return the design without controls and engagement that do not vary, clusters renumbered.

    Raises
    ------
    DesignError
        When the score or the outcome does not vary, or there are too few rows.
    """
    dependent = {term for term, _ in dependent_terms(design.matrix, design.terms)}
    keep = [
        at
        for at, (term, block) in enumerate(zip(design.terms, design.blocks, strict=True))
        if block == "score" or term not in dependent
    ]
    rest = design.columns(keep).renumbered()
    if np.ptp(rest.response) == 0:
        raise DesignError("the segment", Fault("outcome", "one value in every row", "at least two"))
    check_estimable(rest, "the segment")
    return rest
