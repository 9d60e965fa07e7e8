"""What an engine is asked for: sums over all rows, in one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.out_of_core.address import plain_words

if TYPE_CHECKING:
    import ibis.expr.types as ir


def aggregate(table: ir.Table, expressions: Mapping[str, ir.Scalar]) -> dict[str, Any]:
    """Return sums over a table, by name, in one scan; the sum of no values is NaN.

    One row comes back. DuckDB hands it over as it is; elsewhere it passes through pandas, which
    takes longer to import than a scan of a million rows.
    """
    if not expressions:
        return {}
    asked, engine = table.aggregate(**expressions), table.get_backend()
    with plain_words("the engine"):
        if engine.name != "duckdb":
            return asked.to_pandas().iloc[0].to_dict()
        (row,) = engine.raw_sql(engine.compile(asked)).fetchall()
    return {name: _number(value) for name, value in zip(expressions, row, strict=True)}


def _number(value: Any) -> Any:
    """A float of numpy's, whose division by zero is no exception; None as NaN."""
    return (
        np.float64("nan" if value is None else value)
        if value is None or isinstance(value, float)
        else value
    )


def count_of(value: Any) -> int:
    """Return a count; the sum of no rows is null."""
    return 0 if value is None or value != value else int(value)


def cross_products(table: ir.Table, names: Sequence[str]) -> np.ndarray:
    """Return the cross products of a constant and some columns, in one scan."""
    return gram_of(aggregate(table, product_sums(table, names)), len(names))


def product_sums(table: ir.Table, names: Sequence[str]) -> dict[str, ir.Scalar]:
    """Return the expressions whose values `gram_of` puts together."""
    sums = {"n": table.count()} | {f"s{i}": table[a].sum() for i, a in enumerate(names)}
    pairs = ((i, j) for i in range(len(names)) for j in range(i + 1))
    return sums | {f"p{i}_{j}": (table[names[i]] * table[names[j]]).sum() for i, j in pairs}


def gram_of(found: Mapping[str, Any], size: int) -> np.ndarray:
    """Return the cross products, shape (size + 1, size + 1), the constant first."""
    gram = np.empty((size + 1, size + 1))
    gram[0, 0] = found["n"]
    for i in range(size):
        gram[0, i + 1] = gram[i + 1, 0] = found[f"s{i}"]
        for j in range(i + 1):
            gram[i + 1, j + 1] = gram[j + 1, i + 1] = found[f"p{i}_{j}"]
    return gram


def combination(
    table: ir.Table, weights: np.ndarray, names: Sequence[str] | None = None
) -> ir.Value:
    """Return ``weights[0] + sum of weights[i] z_i`` as an expression; columns of weight zero are
    not read.
    """
    import ibis

    names = names or [f"z{i}" for i in range(len(weights))]
    found = [
        table[name] * float(w) for name, w in zip(names[1:], weights[1:], strict=True) if w != 0
    ]
    constant = float(weights[0])
    if not found:
        return ibis.literal(constant)
    total = found[0]
    for term in found[1:]:
        total = total + term
    return total + constant if constant else total
