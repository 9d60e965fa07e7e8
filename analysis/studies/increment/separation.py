"""Why an equation has no finite estimate: the column, and the level, that tells the outcome."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.data.disclosure import said_count
from analysis.errors import DesignError, Fault, column_place, printable, quoted
from analysis.plan import files
from analysis.results.estimates import display
from analysis.results.question import Question
from analysis.results.sentence import listed

MOST_NUMBERS = 2 * 10**6
"""Numbers of a design in which a separating combination is looked for."""


def separation(question: Question) -> DesignError | None:
    """Return what makes an estimate infinite, each column and level by name; None where none does.

    Of a binary outcome a column, level or combination that tells (almost) all ones from zeros; of
    one with an exponential mean those with which it is always zero.

    Notes
    -----
    Albert & Anderson (1984), doi:10.1093/biomet/71.1.1; of exponential means Correia, Guimaraes &
    Zylkin, arXiv:1903.01633. What is one column's doing is found by looking, a combination by a
    linear program.
    """
    return levels_and_columns(question) or _refusal(question, list(_combination(question)))


def levels_and_columns(question: Question) -> DesignError | None:
    """Return the columns and levels that tell the outcome alone; None where none does."""
    if question.family.linear:
        return None
    return _refusal(question, [*_levels(question), *_columns(question)])


def _refusal(question: Question, faults: list[Fault]) -> DesignError | None:
    where = question.sample.dataset.path or question.sample.dataset.address
    return DesignError(where, faults) if faults else None


def _states(question: Question) -> dict[str, np.ndarray]:
    """Return the masks of rows that tell too much where a level holds no others, in words."""
    outcome, ones = printable(question.outcome.column), question.design.response > 0
    if question.family.link == "logit":
        return {f"{outcome} is 1": ones, f"{outcome} is 0": ~ones}
    zero = {f"{outcome} is zero": ~ones}
    return zero | {f"{outcome} is above zero": ones} if question.family.two_parts else zero


def _two_sided(question: Question) -> bool:
    """Return whether ones alone are as bad as zeros alone: a logit, or a model with one in it."""
    return question.family.link == "logit" or question.family.two_parts


def _levels(question: Question) -> Iterator[Fault]:
    """Yield the levels of controls, and of columns of two values, with one outcome only."""
    frame, plan = question.sample.frame, question.plan
    for column, role in _roles(question):
        cells = frame[column]
        text = not pd.api.types.is_float_dtype(cells)
        if not text and cells.nunique() > 2:
            continue
        bad: dict[object, str] = {}
        for words, mask in _states(question).items():
            alone = pd.Series(mask, index=frame.index).groupby(cells, observed=True).all()
            bad |= {level: words for level in alone.index[alone]}
        if not bad:
            continue
        sizes, left = cells.value_counts(), [one for one in sorted(set(cells)) if one not in bad]
        found = "; ".join(
            f"{words} in every row with {quoted(column)} = {_cell(level)}"
            f" ({said_count(int(sizes[level]))} rows)"
            for level, words in bad.items()
        )
        yield Fault(
            column_place(column, role),
            f"{found}: no finite estimate exists",
            "levels with both outcomes among their rows"
            if _two_sided(question)
            else "levels with an outcome above zero among their rows",
            _way_out(column, left, text, role, plan.controls.columns),
        )


def _way_out(
    column: str, left: list[object], text: bool, role: str, controls: tuple[str, ...]
) -> str:
    """Return what to write: a filter that leaves the other levels, or a plan without the column."""
    out = f"take {quoted(column)} out of [{'controls' if column in controls else role}]"
    if not left or (not text and len(left) < 2 and column not in controls):
        return f"{out[0].upper()}{out[1:]}."
    cells = ", ".join(files.value(one) for one in left)
    also = "" if text else ", and the column, too"
    return (
        f"{out[0].upper()}{out[1:]}, join levels in the data, or leave these rows out{also}:\n"
        f"        [[keep]]\n        column = {files.text(column)}\n        in = [{cells}]"
    )


def _columns(question: Question) -> Iterator[Fault]:
    """Yield the numeric columns that tell the outcome from one value on."""
    design, two_sided = question.design, _two_sided(question)
    names = dict(_roles(question))
    for at, (term, block) in enumerate(zip(design.terms, design.blocks, strict=True)):
        values, ones = design.matrix[:, at], design.response > 0
        if block == "intercept" or term not in names or _two_valued(values):
            continue
        if two_sided:
            above, below = values[ones], values[~ones]
            apart = above.min() >= below.max() or below.min() >= above.max()
            found = "every row with an outcome lies on one side of every row without one"
            allowed = "values with both outcomes on either side"
        else:
            apart = np.ptp(values[ones]) == 0 and values[ones][0] in (values.min(), values.max())
            found = "it is one and the same value in every row with an outcome above zero"
            allowed = "several values among the rows with an outcome above zero"
        if apart:
            yield Fault(
                column_place(term, names[term]),
                f"{printable(question.outcome.column)} follows from it: {found}; no finite"
                " estimate exists",
                allowed,
                f"Take {quoted(term)} out of the plan, or ask whether it was measured after the"
                " outcome.",
            )


def _two_valued(values: np.ndarray) -> bool:
    """Return whether a column has two values at most; of many rows mostly the first ones tell."""
    return len(np.unique(values[:1000])) <= 2 and len(np.unique(values)) <= 2


def _combination(question: Question) -> Iterator[Fault]:
    """Yield the columns that tell the outcome together, as few as will do."""
    design = question.design
    if design.n * design.k > MOST_NUMBERS:
        return
    left, two_sided = list(range(1, design.k)), _two_sided(question)
    spread = np.maximum(np.std(design.matrix, axis=0), 1e-300)
    scaled = (design.matrix - design.matrix.mean(axis=0)) / spread
    scaled[:, 0] = 1.0
    if not _separates(scaled, design.response, two_sided):
        return
    for at in list(left):
        rest = [other for other in left if other != at]
        if rest and _separates(scaled[:, [0, *rest]], design.response, two_sided):
            left = rest
    terms = [printable(design.terms[at]) for at in left]
    outcome = printable(question.outcome.column)
    told = f"where {outcome} is 1 and where it is 0" if two_sided else f"where {outcome} is zero"
    several = len(terms) > 1
    who = f"{listed(terms)} together tell" if several else f"{terms[0]} tells"
    yield Fault(
        f"{'terms' if several else 'term'} {listed(list(map(quoted, terms)))}",
        f"{who} of some rows without any error {told}: no finite estimate exists",
        "columns with both outcomes wherever they lie",
        f"Take {'one of them' if several else 'it'} out of the plan, or join levels in the data.",
    )


def _separates(matrix: np.ndarray, response: np.ndarray, two_sided: bool) -> bool:
    """Return whether some direction never is on the wrong side, and is on the right one once."""
    from scipy.optimize import linprog

    if two_sided:
        signed, fixed = matrix * np.where(response > 0, 1.0, -1.0)[:, None], None
    else:
        signed, fixed = -matrix[response == 0], matrix[response > 0]
        if not len(signed):
            return False
    zero = {} if fixed is None else {"A_eq": fixed, "b_eq": np.zeros(len(fixed))}
    solved = linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), **zero
    )
    return solved.status == 0 and -solved.fun > 1e-6


def _roles(question: Question) -> list[tuple[str, str]]:
    """Return the columns of the equation that stand for themselves, with their roles."""
    plan, frame = question.plan, question.sample.frame
    columns = [(column, "control") for column in plan.controls.columns]
    columns += [(column, "engagement") for column in plan.engagement.columns]
    return [pair for pair in [*columns, (question.score, "score")] if pair[0] in frame]


def _cell(level: object) -> str:
    return display(level, "number") if isinstance(level, float) else quoted(level)
