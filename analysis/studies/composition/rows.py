"""What the rows are: repeats, filled outcomes, entities with several rows, and what the folds keep
apart.
"""

from __future__ import annotations

from analysis.data.sample import Sample
from analysis.data.selection.columns import tables_beside
from analysis.errors import printable
from analysis.results.estimates import Check
from analysis.studies.base import entity_column


def check_rows(sample: Sample) -> list[Check]:
    """Return the checks that do not depend on a score: repeats, filled outcomes, entities,
    folds.
    """
    filled = [
        Check(
            sample.plan.name,
            "filled",
            None,
            f"{count:,} missing values of {column} were counted as zero.",
            float(count),
            column,
        )
        for column, count in sample.filled.items()
        if count
    ]
    filled += _lost_beside(sample)
    drawn = (
        [Check(sample.plan.name, "rows_drawn", None, f"From {sample.note}.")] if sample.note else []
    )
    more = [] if sample.raw is None else [_entity(sample), _folds(sample)]
    return [*_reading(sample), _duplicates(sample), *filled, *drawn, *more]


def _lost_beside(sample: Sample) -> list[Check]:
    """Rows that a table which only adds to the verdict does without, since they lack one of its
    columns.
    """
    said, most = [], 0
    for table, columns in tables_beside(sample.plan).items():
        lost = {column: sample.table.missing(column) for column in columns}
        if any(lost.values()):
            used = sample.known(columns).rows
            listed = ", ".join(
                f"{count:,} rows lack {printable(column)}"
                for column, count in lost.items()
                if count
            )
            said.append(
                f"[{table}] has all its columns in {used:,} of {sample.rows:,} rows ({listed})"
            )
            most = max(most, sample.rows - used)
    if not said:
        return []
    reason = (
        f"{'; '.join(said)}. What it adds rests on the rows that have what it needs, the verdict on"
        " all."
    )
    return [Check(sample.plan.name, "left_out_beside", True, reason, float(most))]


def _reading(sample: Sample) -> list[Check]:
    """How the file was read, where something had to be stated or detected, or cells were
    converted.
    """
    if not sample.dataset.notes:
        return []
    return [
        Check(sample.plan.name, "reading", True, f"Read as: {'; '.join(sample.dataset.notes)}.")
    ]


def _duplicates(sample: Sample) -> Check:
    """Whether rows repeat."""
    plan = sample.plan
    if plan.row is not None:
        repeated = sum(
            count for reason, count in sample.exclusions.items() if reason.startswith("repeated ")
        )
        if plan.duplicates == "keep" and sample.raw is not None:
            repeated = int(sample.raw[plan.row].duplicated().sum())
        how = {
            "refuse": "none was found",
            "first": f"{repeated} later rows were left out",
            "keep": f"{repeated} repeats were kept" if repeated else "repeats were kept",
        }
        reason = f'Rows are identified by "{printable(plan.row)}"; {how[plan.duplicates]}.'
        passed = None if plan.duplicates == "keep" else True
        return Check(plan.name, "duplicates", passed, reason, float(repeated))
    if sample.identical_rows is None:
        reason = (
            "The plan names no column that identifies a row; beyond memory, equal rows are not"
            " counted."
        )
        return Check(plan.name, "duplicates", None, reason)
    count = sample.identical_rows
    found = (
        f"{count:,} rows repeat an earlier one in every column"
        if count
        else "no row repeats another in every column"
    )
    reason = f"The plan names no column that identifies a row; {found}, and all were kept."
    return Check(plan.name, "duplicates", count == 0, reason, float(count))


def _entity(sample: Sample) -> Check:
    """Whether one entity has several rows that count as independent."""
    plan = sample.plan
    if plan.cluster is not None:
        reason = f'Rows of one "{printable(plan.cluster.column)}" are kept together by [cluster].'
        return Check(plan.name, "entity", True, reason)
    column = entity_column(sample)
    if column is None:
        known = (
            f'"{printable(plan.row)}" is different in every row'
            if plan.row
            else ("no column looks like the name of what a row is about and repeats")
        )
        return Check(
            plan.name, "entity", True if plan.row else None, f"{known[0].upper()}{known[1:]}."
        )
    values = sample.raw[column].dropna()
    count = int(values.nunique())
    reason = (
        f'"{printable(column)}" has {count:,} different values in {len(values):,} rows, and every'
        " row counts as independent. If it names what a row is about, the plan needs [cluster]"
        f' column = "{printable(column)}".'
    )
    return Check(plan.name, "entity", False, reason, len(values) / count)


def _folds(sample: Sample) -> Check:
    """Whether the same entity can stand on both sides of a fold."""
    plan, column = sample.plan, entity_column(sample)
    if plan.cluster is not None:
        reason = (
            f'Folds are made of whole "{printable(plan.cluster.column)}", so none is on both sides'
            " of one."
        )
        return Check(plan.name, "folds", True, reason, 0.0)
    if column is None:
        repeats = sample.identical_rows
        reason = "Folds are made of rows; "
        reason += (
            f"{repeats:,} rows have a twin that may be on the other side."
            if repeats
            else ("nothing is known to be on both sides of one.")
        )
        return Check(
            plan.name, "folds", not repeats if plan.row or repeats else None, reason, float(repeats)
        )
    values = sample.raw[column]
    share = float((values.duplicated(keep=False) & values.notna()).mean())
    reason = (
        f"Folds are made of rows, and {100 * share:.0f} % of the rows share their"
        f' "{printable(column)}" with another one: what is predicted out of sample has been seen in'
        " part."
    )
    return Check(plan.name, "folds", False, reason, share)
