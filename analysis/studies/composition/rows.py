"""What the rows are: repeats, filled outcomes, entities with several rows, and those left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.disclosure import count_or_none, said_count
from analysis.data.halves import source_of
from analysis.data.sample import Sample
from analysis.data.selection.columns import tables_beside
from analysis.data.selection.exclusions import repeated_reason
from analysis.errors import printable
from analysis.models.distributions import chi2_sf
from analysis.results.estimates import Check
from analysis.results.ids import slugs_of
from analysis.results.question import Question
from analysis.studies.base import entity_column
from analysis.studies.composition.codes import check_codes
from analysis.studies.odd_rows import check_totals, rows_text
from analysis.studies.repeats import repeated_rows

GROUPS = 10
ROWS_A_GROUP = 30
SURE = 0.01
"""Level at which a gap between groups of engagement counts as more than chance."""


def check_rows(sample: Sample) -> list[Check]:
    """Return the checks that need no score: repeats, filled outcomes, entities, folds."""
    name, notes = sample.plan.name, sample.dataset.notes
    checks = [_duplicates(sample)]
    if notes:
        checks.insert(0, Check(name, "reading", True, f"Read as: {'; '.join(notes)}."))
    if sample.plan.engagement.long is not None:
        checks.append(Check(name, "long_file", True, f"They are {source_of(sample.plan)}."))
    for column, count in sample.filled.items():
        if count:
            reason = f"{said_count(count)} missing values of {column} were counted as zero."
            reason = f"{reason[0].upper()}{reason[1:]}"
            known = slugs_of(sample.plan)
            checks.append(
                Check(name, "filled", None, reason, count_or_none(count), column, slugs=known)
            )
    checks += _left_out_beside(sample)
    if sample.note:
        checks.append(Check(name, "rows_drawn", None, f"From {sample.note}."))
    checks += [check_totals(sample), check_codes(sample)]
    return checks if sample.raw is None else [*checks, _entity(sample), _folds(sample)]


def _left_out_beside(sample: Sample) -> list[Check]:
    """Return the check of rows without a column of a table that only adds to the verdict."""
    parts, most = [], 0
    for table, columns in tables_beside(sample.plan).items():
        lost = {column: sample.table.missing(column) for column in columns}
        lacking = [
            f"{said_count(count)} rows lack {printable(name)}"
            for name, count in lost.items()
            if count
        ]
        if lacking:
            used = sample.known(columns).rows
            parts.append(
                f"[{table}] has all its columns in {used:,} of {sample.rows:,} rows"
                f" ({', '.join(lacking)})"
            )
            most = max(most, sample.rows - used)
    reason = (
        f"{'; '.join(parts)}. What it adds rests on the rows that have what it needs, the verdict"
        " on all."
    )
    return (
        [Check(sample.plan.name, "left_out_beside", True, reason, count_or_none(most))]
        if parts
        else []
    )


def _duplicates(sample: Sample) -> Check:
    """Whether rows repeat."""
    plan, passed = sample.plan, None
    if plan.row is not None:
        repeated = sample.exclusions.get(repeated_reason(plan), 0)
        if plan.duplicates == "keep" and sample.raw is not None:
            repeated = int(sample.raw[plan.row].duplicated().sum())
        how = {
            "refuse": "none was found",
            "first": f"{said_count(repeated)} later rows were left out",
            "keep": f"{said_count(repeated)} repeats were kept"
            if repeated
            else "repeats were kept",
        }
        reason = f'Rows are identified by "{printable(plan.row)}"; {how[plan.duplicates]}.'
        passed = None if plan.duplicates == "keep" else True
        if passed and (copies := _copies(sample)):
            return Check(
                plan.name, "duplicates", False, f"{reason} {copies}", count_or_none(repeated)
            )
    elif sample.identical_rows is None:
        reason = (
            "The plan names no column that identifies a row; beyond memory, equal rows are not"
            " counted."
        )
        return Check(plan.name, "duplicates", None, reason, assessed=False)
    else:
        repeated = sample.identical_rows
        passed = repeated == 0
        how = (
            f"{said_count(repeated)} rows repeat an earlier one in every column"
            if repeated
            else "no row repeats another in every column"
        )
        reason = f"The plan names no column that identifies a row; {how}, and all were kept."
        if passed and (copies := _copies(sample)):
            passed, reason = False, f"{reason} {copies}"
    return Check(plan.name, "duplicates", passed, reason, count_or_none(repeated))


def _copies(sample: Sample) -> str:
    """Return which rows repeat an earlier one in everything but what identifies a row, if any."""
    copies = np.flatnonzero(repeated_rows(sample))
    if not len(copies):
        return ""
    rows = rows_text(sample, copies)
    verb = "repeats" if len(copies) == 1 else "repeat"
    return f"But {rows} {verb} an earlier one in everything but what tells rows apart: copies?"


def _entity(sample: Sample) -> Check:
    """Whether one entity has several rows that count as independent."""
    plan, column = sample.plan, entity_column(sample)
    passed, statistic = True if plan.row or plan.cluster else None, None
    if plan.cluster is not None:
        reason = f'Rows of one "{printable(plan.cluster.column)}" are kept together by [cluster].'
    elif column is not None:
        values = sample.raw[column].dropna()
        count = int(values.nunique())
        passed, statistic = False, len(values) / count
        reason = (
            f'"{printable(column)}" has {count:,} different values in {len(values):,} rows, and'
            " every row counts as independent. If it names what a row is about, the plan needs"
            f' [cluster] column = "{printable(column)}".'
        )
    elif plan.row:
        reason = f'"{printable(plan.row)}" is different in every row.'
    else:
        reason = (
            "No column has the name of what a row is about and repeats; the plan names none, so"
            " names alone could tell."
        )
    return Check(plan.name, "entity", passed, reason, statistic, assessed=passed is not None)


def _folds(sample: Sample) -> Check:
    """Whether the same entity can stand on both sides of a fold."""
    plan, column = sample.plan, entity_column(sample)
    if plan.cluster is not None:
        passed, share = True, 0.0
        reason = (
            f'Folds are made of whole "{printable(plan.cluster.column)}", so none is on both sides'
            " of one."
        )
    elif column is None:
        share = float(sample.identical_rows)
        passed = not share if plan.row or share else None
        without = "no row is there twice" if plan.row else "nothing is known to be on both sides"
        reason = "Folds are made of rows; " + (
            f"{said_count(sample.identical_rows)} rows have a twin that may be on the other side."
            if share
            else f"{without}."
        )
    else:
        values = sample.raw[column]
        passed, share = False, float((values.duplicated(keep=False) & values.notna()).mean())
        reason = (
            f"Folds are made of rows, and {100 * share:.0f} % of the rows share their"
            f' "{printable(column)}" with another one: what is predicted out of sample has been'
            " seen in part."
        )
    shown = count_or_none(share) if column is None else share
    return Check(plan.name, "folds", passed, reason, shown, assessed=passed is not None)


# --- rows without an outcome or a score -----------------------------------------------------------


def check_selection(question: Question) -> Check:
    """Return the check whether what is known of outcome and score depends on engagement.

    Notes
    -----
    Rows are grouped by tenths of each engagement column (fewer where rows are few) and the share
    with outcome and score known is compared; chance is judged by a chi-square test. The bounds put
    every unknown outcome at the smallest or the largest known one, whichever moves the
    least-squares slope further.
    """
    plan, rows = question.plan, question.sample.candidates

    def skipped(reason: str, *, looked: bool = False) -> Check:
        return question.check("selection", None, reason, assessed=looked)

    if plan.missing == "zero":
        return skipped(
            "The plan counts missing outcomes as zero, so no row is left out for lacking one.",
            looked=True,
        )
    if rows is None or len(rows) == 0:
        return skipped("Rows that were left out are not at hand.")
    known = rows[[question.outcome.column, question.score]].notna().all(axis=1).to_numpy()
    if known.all():
        reason = "Outcome and score are known for every row."
        return question.check("selection", True, reason, 0.0)
    share = known.mean()
    reason = f"Outcome and score are known for {100 * share:.0f} % of {len(rows):,} rows"
    gaps = [
        (column, *gap)
        for column in plan.engagement.columns
        if (gap := _known_by_group(rows, column, known)) is not None
    ]
    if not gaps:
        return skipped(
            f"{reason}; engagement is not known for enough of the others to compare them."
        )
    column, low, high, chance = max(gaps, key=lambda gap: abs(gap[2] - gap[1]))
    selected = abs(high - low) > plan.overlap.missing_gap and chance < SURE
    ends = next(
        (
            pair
            for pair in ([f"{100 * one:.{d}f} %" for one in (low, high)] for d in (0, 1, 2))
            if pair[0] != pair[1]
        ),
        None,
    )
    reason += (
        f", {'rising' if high > low else 'falling'} from {ends[0]} to {ends[1]} between the least"
        f" and the most {column}."
        if ends
        else f", and as often for the least {column} as for the most."
    )
    if selected:
        reason += (
            " The rows analysed are not like the others, and the verdict is about them alone. If"
            f" the score's effect among the rows left out were {share / (1 - share):.2g} times the"
            " one found, with the other sign, it would be gone among all rows."
        )
    reason += _bounds(question, known)
    return question.check("selection", not selected, reason, high - low)


def _known_by_group(
    rows: pd.DataFrame, column: str, known: np.ndarray
) -> tuple[float, float, float] | None:
    """Return (share known in the lowest group, in the highest, p of a chi-square test)."""
    if column not in rows:
        return None
    values = rows[column].to_numpy(dtype=float)
    there = np.isfinite(values)
    if there.sum() < 2 * ROWS_A_GROUP or known[there].all() or not known[there].any():
        return None
    groups = min(GROUPS, there.sum() // ROWS_A_GROUP)
    codes = pd.qcut(values[there], groups, labels=False, duplicates="drop")
    table = pd.crosstab(codes, known[there]).reindex(range(codes.max() + 1), fill_value=0)
    sizes = table.sum(axis=1)
    if len(table) < 2 or (sizes == 0).any():
        return None
    rates = (table[True] / sizes).to_numpy()
    return float(rates[0]), float(rates[-1]), _independence(table.to_numpy(dtype=float))


def _independence(table: np.ndarray) -> float:
    """Return the p-value of a chi-square test that rows and columns of counts are independent."""
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    return float(chi2_sf(statistic, (table.shape[0] - 1) * (table.shape[1] - 1)))


def _bounds(question: Question, known: np.ndarray) -> str:
    """Return what the effect among all rows could be, whatever the missing outcomes."""
    ends = worst_case(question, known)
    if ends is None:
        return ""
    return (
        " Were the unknown outcomes anywhere between the smallest and the largest known one, the"
        f" least-squares effect among all rows could {_reach(*ends)}."
    )


def worst_case(question: Question, known: np.ndarray) -> tuple[float, float] | None:
    """Return the bounds of the least-squares slope over outcomes missing in rows with score and
    engagement, per standard deviation of the score; None where no outcome is missing.

    Parameters
    ----------
    question : Question
    known : ndarray of bool, shape (rows,)
        Which of the candidate rows are analysed.
    """
    rows, outcome = question.sample.candidates, question.outcome.column
    columns = [*question.plan.engagement.columns, question.score]
    if not set(columns) <= set(rows):
        return None
    complete = rows[columns].notna().all(axis=1) & (rows[outcome].isna() | known)
    if complete.sum() <= known.sum():
        return None
    table = rows.loc[complete, columns].to_numpy(dtype=float)
    values = rows.loc[complete, outcome].to_numpy(dtype=float)
    others, score = np.column_stack([np.ones(len(table)), table[:, :-1]]), table[:, -1]
    rest = score - others @ np.linalg.lstsq(others, score, rcond=None)[0]
    weight = rest / (rest @ rest) * score.std(ddof=1)
    there = np.isfinite(values)
    low, high = values[there].min(), values[there].max()
    fixed = float(weight[there] @ values[there])
    ends = np.sort([weight[~there] * low, weight[~there] * high], axis=0).sum(axis=1) + fixed
    return float(ends[0]), float(ends[1])


def _reach(low: float, high: float) -> str:
    """Say what an effect between two ends may be."""
    if low < 0 < high:
        return "have either sign"
    return f"only be {'negative' if high <= 0 else 'positive'}"
