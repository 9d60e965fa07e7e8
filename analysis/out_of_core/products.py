"""Sums of products of all numeric columns of a plan, in one scan: what every equation of it is
factored from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.out_of_core.cells import EXPRESSIBLE, FUNCTIONS, transformed
from analysis.out_of_core.sums import cross_products
from analysis.plan import Plan

if TYPE_CHECKING:
    import ibis.expr.types as ir

Name = tuple[str, str]
"""A column of the plan and its transform."""


@dataclass(frozen=True, eq=False)
class Products:
    """Cross products of columns z = (x - centre) / scale, where centre and scale are those of the
    seeded sample.

    Attributes
    ----------
    names : tuple of (column, transform), length p
    centre, scale : ndarray, shape (p,)
    gram : ndarray, shape (p + 1, p + 1)
        Of [1, z]; its first element is the number of rows.
    """

    names: tuple[Name, ...]
    centre: np.ndarray
    scale: np.ndarray
    gram: np.ndarray

    @property
    def is_finite(self) -> bool:
        """False where one of the columns holds a NaN or an infinity."""
        return bool(np.isfinite(self.gram).all())

    def part(self, names: Sequence[Name | None]) -> Products | None:
        """Return the products of some of the columns, or None where one of them is not among
        these.
        """
        if any(name not in self.names for name in names):
            return None
        at = [self.names.index(name) for name in names]
        inside = [0, *(i + 1 for i in at)]
        return Products(
            tuple(names), self.centre[at], self.scale[at], self.gram[np.ix_(inside, inside)]
        )

    def mean(self, name: Name) -> float:
        one = self.part([name])
        return float(one.centre[0] + one.scale[0] * one.gram[0, 1] / one.gram[0, 0])

    def spread(self, name: Name) -> float:
        """Return the standard deviation (ddof = 1)."""
        one = self.part([name])
        rows, total, squares = one.gram[0, 0], one.gram[0, 1], one.gram[1, 1]
        return float(
            one.scale[0] * np.sqrt(max(0.0, squares - total**2 / rows) / max(1.0, rows - 1))
        )


def products_of(
    plan: Plan, table: ir.Table, keys: Mapping[str, str], frame: pd.DataFrame
) -> Products:
    """Sum the products of the plan's numeric columns over all rows, centred at the means of the
    sample.
    """
    names = _names(plan, table, keys)
    values = [FUNCTIONS[how](frame[column].to_numpy(float)) for column, how in names]
    centre = np.array([value.mean() for value in values])
    scale = np.array([value.std() for value in values])
    scale[scale == 0] = 1.0
    size = len(names) + 1
    if not (np.isfinite(centre).all() and np.isfinite(scale).all()):
        return Products(names, centre, scale, np.full((size, size), np.nan))
    columns = {
        f"x{i}": transformed(table[keys[column]], how) - float(centre[i - 1])
        for i, (column, how) in enumerate(names, 1)
    }
    gram = cross_products(table.select(**columns), list(columns))
    weights = np.concatenate([[1.0], 1 / scale])
    return Products(names, centre, scale, gram * np.outer(weights, weights))


def _names(plan: Plan, table: ir.Table, keys: Mapping[str, str]) -> tuple[Name, ...]:
    """Return the numeric columns in the forms in which equations use them, each once."""
    found = [
        (c, "identity") for c in plan.controls.columns if not table[keys[c]].type().is_string()
    ]
    for section in (plan.engagement, plan.score):
        found += [
            (c, how) for c in section.columns if (how := section.transform_of(c)) in EXPRESSIBLE
        ]
    found += [
        (c, "identity") for o in plan.outcome for c in (o.exposure, o.column) if c is not None
    ]
    return tuple(dict.fromkeys(found))
