"""Studies of what only adds to the verdict: each on the rows that have what its table names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from analysis.design import build_design
from analysis.errors import DesignError, Fault
from analysis.estimates import Check, Found
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection


def where_known(
    sample: Sample, columns: Iterable[str | None], outcome: OutcomeSection, score: str, name: str,
    study: Callable[[Sample], Found],
) -> Found:  # fmt: skip
    """Run a study on the rows that have a value in each of its columns.

    Parameters
    ----------
    sample : Sample
    columns : iterable of str or None
        What the study reads beside the equation; None is passed over.
    outcome, score : OutcomeSection, str
    name : str
        Of the check that says why there is no study: the rows that are left do not hold the equation.
    study : callable
        Takes the sample of those rows, whose score has the unit of the whole analysis set.
    """
    some = sample.known([column for column in columns if column is not None])
    if some is sample:
        return study(sample)
    try:
        design = build_design(some, outcome.column, (score,))
        if np.ptp(design.response) == 0:
            raise DesignError("the rows", [Fault("outcome", "one value of the outcome", "at least two")])
        return study(some)
    except DesignError as error:
        fault = error.faults[0]
        reason = f"Not studied: {some.rows:,} of {sample.rows:,} rows have its columns, and they hold {fault.found}."
        return Found((), (Check(sample.plan.name, name, None, reason, None, outcome.column, score),))


def periods_of(sample: Sample, column: str) -> np.ndarray:
    """Return the place of each row's period among all periods of the analysis set, shape (rows,)."""
    return places(sample.frame[column].to_numpy(), (sample.of or sample).frame[column].dropna().to_numpy())


def codes_of(sample: Sample, column: str | None) -> np.ndarray | None:
    """Return codes of a column in its order: that of numbers where all its labels are numbers."""
    if column is None:
        return None
    labels = sample.frame[column].to_numpy()
    return places(labels, labels)


def places(labels: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where labels stand in the sorted, distinct labels of `among`: as numbers where all of those are.

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
