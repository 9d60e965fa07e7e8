"""Whole numbers among the controls that name things, and are held constant as a straight line."""

from __future__ import annotations

import pandas as pd

from analysis.data.names import why_code
from analysis.data.sample import Sample
from analysis.errors import printable, quoted
from analysis.plan.files import texts
from analysis.results.estimates import Check


def check_codes(sample: Sample) -> Check:
    """Return the check that no control of whole numbers may name things."""
    plan, frame = sample.plan, sample.frame
    straight = [
        column
        for column in plan.controls.columns
        if column in frame and pd.api.types.is_float_dtype(frame[column])
    ]
    if not straight:
        reason = "No control is held constant as a number."
        return Check(plan.name, "codes", None, reason)
    found = {column: why_code(column, frame[column]) for column in straight}
    found = {column: why for column, why in found.items() if why}
    if not found:
        reason = "No control looks like whole numbers that name things, by name or values."
        return Check(plan.name, "codes", True, reason, 0.0)
    said = "; ".join(
        f"{quoted(column)} has {frame[column].nunique():,} different whole numbers in"
        f" {sample.rows:,} rows ({why})"
        for column, why in found.items()
    )
    names = list(found)
    reason = (
        f"{said}, and enters as one straight line. If these numbers name things, the plan needs"
        f" [controls] categories = {printable(texts(names))}"
    )
    if plan.cluster is None:
        reason += (
            f"; and where rows of one belong together, [cluster] column = {quoted(names[0])}, which"
            " may be the same column"
        )
    return Check(plan.name, "codes", False, f"{reason}.", float(len(found)))
