"""Sufficient statistics of a table out of core, and fits from them: no row comes into Python.

One scan of sums of products gives every least-squares fit of every subset of the columns. Errors
that are robust to heteroskedasticity or clusters take one more scan, for all the fits together: a
row gives one number to each fit, which is added up (or squared) where the rows are, whatever the
number of clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from analysis.errors import listing
from analysis.models.covariance import small_sample
from analysis.models.sufficient_statistics import (
    GroupSums,
    SufficientStatistics,
    condition_number,
    refusal,
    unpack_pairs,
)
from analysis.models.sufficient_statistics.fits import degrees, fit_subsets
from analysis.models.sufficient_statistics.measure import CONSTANT_SPREAD, orthonormalise
from analysis.models.sufficient_statistics.regressions import RANK_TOLERANCE
from analysis.out_of_core.address import open_table
from analysis.out_of_core.basis import DEPENDENT, MOST_PASSES, orthonormal
from analysis.out_of_core.cells import (
    aggregate,
    combination,
    gram_of,
    product_sums,
    products_by_group,
    sums_by_group,
    turned_products,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.models.sufficient_statistics.regressions import SubsetFits

HEAD_ROWS = 10_000
"""Rows at the head of the table whose means are subtracted from every cell before it is multiplied.
"""

FAR = 10.0
"""A mean of so many standard deviations after that: the table is summed again around the means it
has.
"""

MOST_SUMS = 10_000_000
"""Numbers (groups x pairs of columns) that `groups` may bring into memory: 80 MB."""

FITS_A_SCAN = 64
"""Fits whose contributions one scan sums: a database takes a query of a few thousand terms."""

IN_MEMORY = "a table that fits into memory: sufficient_statistics"

Scanned = Literal["classical", "HC0", "HC1", "CRV1"]


@dataclass(frozen=True, eq=False)
class Scan:
    """A table out of core, and its sufficient statistics.

    Attributes
    ----------
    sufficient : SufficientStatistics
        As in memory, without fourth moments: all that asks no row (bootstrap and cross-validation
        by group, CRV3, joint tests) takes them as they are.
    table : ibis Table
        ``z1 .. zp``, the columns less `centre`; ``g0``, ``g1`` ..., the other columns by the order
        of `others`.
    centre : ndarray, shape (p,)
    others : tuple of str
    """

    sufficient: SufficientStatistics
    table: ir.Table
    centre: np.ndarray
    others: tuple[str, ...]

    def label(self, name: str) -> str:
        """Return what a column that groups rows is called in `table`."""
        if name not in self.others:
            raise refusal("groupings", repr(name), listing(self.others))
        return f"g{self.others.index(name)}"

    def combined(self, vector: np.ndarray) -> ir.Value:
        """Return a combination of the orthonormal columns as an expression."""
        known = self.sufficient
        kept = np.flatnonzero(known.spread)
        weights = np.zeros(len(known.names) + 1)
        own = np.linalg.solve(known.coordinates[1:, kept], vector[1:])
        weights[kept + 1] = own / known.spread[kept]
        weights[0] = vector[0] / np.sqrt(known.n) - weights[1:] @ (known.location - self.centre)
        return combination(self.table, weights)


def measure_table(
    table: str | ir.Table,
    columns: Sequence[str],
    *,
    groups: Sequence[str] = (),
    folder: Path | None = None,
) -> Scan:
    """Measure a table out of core, so that any subset of its columns can be fitted without rows.

    Parameters
    ----------
    table : str or ibis Table
        An address as in a plan (``rows/*.parquet``, ``duckdb:FILE/TABLE``, ``spark:PATH``), or an
        Ibis table that DuckDB or Spark holds.
    columns : sequence of str, length p
        Regressors and outcomes: numbers, complete; no constant.
    groups : sequence of str
        Columns by which pair sums are taken and brought into memory, one more scan each: needed for
        CRV3, for the bootstrap and for cross-validation, not for CRV1.
    folder : Path, optional
        Where relative paths start: the current folder.

    Raises
    ------
    DataError
        When there is no such table.
    DesignError
        A column that is absent, text, constant, incomplete, or (to the digits that sums of products
        keep) a combination of the others; too many groups.

    Notes
    -----
    Cells are centred before they are multiplied, and the condition number of the centred, scaled
    columns is looked at after the scan: beyond `EASY` the columns are summed again in the basis
    that the last sums make orthonormal, until that is one (CholeskyQR2; Yamamoto et al. 2015;
    Fukaya et al. 2020, doi:10.1137/18M1218212).

    Examples
    --------
    >>> import ibis
    >>> database = ibis.duckdb.connect()
    >>> table = {"x": [0, 1, 2, 3, 4, 5], "y": [1, 3, 5, 7, 9, 12]}
    >>> rows = database.create_table("rows", ibis.memtable(table))
    >>> measure_table(rows, ["x", "y"]).sufficient.location.round(3).tolist()
    [2.5, 6.167]
    """
    raw = open_table(table, folder or Path()) if isinstance(table, str) else table
    _check_columns(raw, columns)
    others = tuple(name for name in raw.columns if name not in columns)
    centre = _head(raw, columns)
    for _ in range(MOST_PASSES):
        centred = _centred(raw, columns, others, centre)
        gram = _summed(centred, columns)
        means, spread = gram[0, 1:] / gram[0, 0], _spread(gram)
        if (np.abs(means) <= FAR * spread + CONSTANT_SPREAD * np.abs(centre)).all():
            scan = Scan(_factored(centred, centre, gram, columns), centred, centre, others)
            for name in groups:
                scan = replace(scan, sufficient=_grouped(scan, name))
            return scan
        centre = centre + means
    found = "means that cannot be subtracted from the cells"
    raise refusal("columns", found, "columns that vary about their means")


def fit_table(
    scan: Scan,
    subsets: Sequence[Sequence[str]] | np.ndarray,
    *,
    outcome: str | Sequence[str],
    term: str | Sequence[str],
    covariance: Sequence[Scanned] = ("classical",),
    cluster: str | None = None,
    singular: Literal["raise", "drop"] = "raise",
) -> SubsetFits:
    """Fit many regressions as `fit_subsets` does; for HC0, HC1 and CRV1 each row is looked at once
    more.

    Parameters
    ----------
    scan : Scan
    cluster : str, optional
        A column of the table, for CRV1.
    subsets, outcome, term, covariance, singular
        As for `fit_subsets`.

    Raises
    ------
    DesignError
        As `fit_subsets` does; a kind of errors that needs the rows.

    Notes
    -----
    With h the influence and u the residual of a regression, row i adds c_i = (h'q_i)(u'q_i): HC0 is
    the sum of c_i^2, CRV1 that of the squares of their sums by cluster. The c_i sum to zero but for
    the rounding of the basis, which moves the estimate by exactly that sum: it is added.

    Examples
    --------
    >>> import ibis
    >>> database = ibis.duckdb.connect()
    >>> table = {"x": [0, 1, 2, 3, 4, 5], "y": [1, 3, 5, 7, 9, 12]}
    >>> rows = database.create_table("rows", ibis.memtable(table))
    >>> sums = measure_table(rows, ["x", "y"])
    >>> fits = fit_table(sums, [[]], outcome="y", term="x", covariance=["HC1"])
    >>> fits.estimate.round(3).tolist()
    [2.143]
    """
    wrong = [kind for kind in covariance if kind not in get_args(Scanned)]
    if wrong:
        allowed = listing(get_args(Scanned)) + "; others take fit_subsets, on groups"
        raise refusal("covariance", listing(wrong), allowed)
    if "CRV1" in covariance and cluster is None:
        raise refusal("covariance 'CRV1'", "no cluster=", "a column of the table")
    plain = [kind for kind in covariance if kind == "classical"]
    fits = fit_subsets(
        scan.sufficient, subsets, outcome=outcome, term=term, covariance=plain, singular=singular
    )
    std_error, df, clusters, moved = dict(fits.std_error), dict(fits.df), None, 0.0
    for kinds in (("HC0", "HC1"), ("CRV1",)):
        asked = [kind for kind in kinds if kind in covariance]
        if not asked:
            continue
        label = scan.label(cluster) if kinds == ("CRV1",) else None
        squares, moved, clusters = _squares(scan, fits, label)
        for kind in asked:
            factor = small_sample(kind, scan.sufficient.n, fits.subsets.parameters, clusters)
            std_error[kind] = np.abs(fits.unit) * np.sqrt(squares * factor)
            df[kind] = degrees(fits, kind, clusters)
    estimate = fits.estimate + fits.unit * moved
    return replace(fits, estimate=estimate, std_error=std_error, df=df, clusters=clusters)


# --- the table ------------------------------------------------------------------------------------


def _check_columns(raw: ir.Table, columns: Sequence[str]) -> None:
    if len(set(columns)) != len(columns) or not columns:
        raise refusal("names", listing(sorted(columns)) or "none", "each name once")
    absent = [name for name in columns if name not in raw.columns]
    if absent:
        raise refusal("columns", listing(absent), listing(raw.columns))
    types = ((name, raw[name].type()) for name in columns)
    text = [name for name, type_ in types if not (type_.is_numeric() or type_.is_boolean())]
    if text:
        raise refusal("columns", f"no numbers in {listing(text)}", "columns of numbers")


def _centred(
    raw: ir.Table, columns: Sequence[str], others: Sequence[str], centre: np.ndarray
) -> ir.Table:
    """Return the columns less the centre, and the others; only what is asked for is read."""
    cells = (raw[name].cast("float64") for name in columns)
    scaled = {f"z{i}": cell - float(centre[i - 1]) for i, cell in enumerate(cells, 1)}
    return raw.select(**scaled, **{f"g{i}": raw[name] for i, name in enumerate(others)})


def _head(raw: ir.Table, columns: Sequence[str]) -> np.ndarray:
    """Return the means at the head of the table: near enough to leave the products their digits, as
    a rule.
    """
    head = _centred(raw, columns, (), np.zeros(len(columns))).limit(HEAD_ROWS)
    found = aggregate(head, {name: head[name].mean() for name in head.columns})
    centre = np.array(list(found.values()), dtype=float)
    return np.where(np.isfinite(centre), centre, 0.0)


# --- the factorisation ----------------------------------------------------------------------------


def _summed(table: ir.Table, columns: Sequence[str]) -> np.ndarray:
    """Return the cross products of [1, z], or refuse rows that are not complete."""
    names = [f"z{i}" for i in range(1, len(columns) + 1)]
    counts = {f"n{name}": table[name].count() for name in names}
    found = aggregate(table, product_sums(table, names) | counts)
    if found["n"] < 2:
        raise refusal("table", f"{found['n']} rows", "at least two")
    absent = [found["n"] - found[name] for name in counts]
    if any(absent):
        pairs = zip(columns, absent, strict=True)
        said = listing([f"{name} ({count:,} rows)" for name, count in pairs if count])
        allowed = "complete columns: filter the table first"
        raise refusal("columns", f"missing values in {said}", allowed)
    gram = gram_of(found, len(columns))
    strange = [columns[i] for i in np.flatnonzero(~np.isfinite(np.diag(gram)[1:]))]
    if strange:
        found = f"NaN or infinite values in {listing(strange)}"
        raise refusal("columns", found, "finite numbers: filter first")
    return gram


def _spread(gram: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column, as far as its mean leaves it digits."""
    squares, means = np.diag(gram)[1:] / gram[0, 0], gram[0, 1:] / gram[0, 0]
    return np.sqrt(np.maximum(squares - means**2, 0.0))


def _factored(
    table: ir.Table, centre: np.ndarray, gram: np.ndarray, columns: Sequence[str]
) -> SufficientStatistics:
    """Factor centred columns from their cross products; from more of them where needed."""
    n, means, spread = gram[0, 0], gram[0, 1:] / gram[0, 0], _spread(gram)
    spread[spread <= CONSTANT_SPREAD * np.abs(centre + means)] = 0.0
    kept = np.flatnonzero(spread)
    unit = np.zeros((len(centre) + 1, len(kept) + 1))
    unit[0, 0] = unit[kept + 1, np.arange(len(kept)) + 1] = 1.0
    unit[kept + 1] /= spread[kept, None]

    def products(change: np.ndarray, first: bool) -> np.ndarray:
        return unit.T @ gram @ unit if first else turned_products(table, unit @ change)

    too_near = refusal("columns", DEPENDENT, IN_MEMORY)
    triangle, _, _ = orthonormal(products, np.eye(len(kept) + 1), too_near)
    size = np.linalg.norm(triangle[1:, 1:], axis=0)
    if (np.diag(triangle)[1:] <= RANK_TOLERANCE * size).any():
        raise too_near
    spread[kept] *= np.sqrt(n) * size
    coordinates = np.zeros((len(kept) + 1, len(columns)))
    coordinates[1:, kept] = triangle[1:, 1:] / size
    condition = condition_number(coordinates[:, kept])
    return SufficientStatistics(
        tuple(columns), int(n), centre + means, spread, coordinates, condition, None, {}
    )


# --- what the rows contribute ---------------------------------------------------------------------


def _squares(scan: Scan, fits: SubsetFits, label: str | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return sums of squared contributions (of their sums by cluster), their sums, and the number
    of clusters.
    """
    squares, total, clusters = np.zeros(len(fits)), np.zeros(len(fits)), 0
    group = {"g": scan.table[label]} if label else {}
    for start in range(0, len(fits), FITS_A_SCAN):
        part = range(start, min(start + FITS_A_SCAN, len(fits)))
        factors = {f"f{i}": scan.combined(fits.influence[i]) for i in part}
        factors |= {f"e{i}": scan.combined(fits.residual[i]) for i in part}
        table = scan.table.select(**factors, **group)
        products, sums = {f"c{i}": table[f"f{i}"] * table[f"e{i}"] for i in part}, {}
        table = table.select(**products, **({"g": table["g"]} if label else {}))
        if label:
            table, sums = sums_by_group(table, list(products))
        for i in part:
            c = table[f"c{i}"]
            sums |= {f"t{i}": c.sum(), f"p{i}": (c * c).sum()}
        found = aggregate(table, sums)
        if label:
            clusters = found["groups"]
            _check_labels(scan.others[int(label[1:])], found["labels"], clusters, clusters)
        squares[part], total[part] = [found[f"p{i}"] for i in part], [found[f"t{i}"] for i in part]
    return squares, total, clusters


def _check_labels(name: str, labels: int, groups: int, at_least_two: int) -> None:
    if labels < groups:
        raise refusal(f"labels of {name!r}", "rows without a label", "a label for each row")
    if at_least_two < 2:
        raise refusal(f"clusters {name!r}", str(at_least_two), "at least two")


def _grouped(scan: Scan, name: str) -> SufficientStatistics:
    """Return the statistics with sums by a column's values, their basis made orthonormal."""
    sufficient, label, table = scan.sufficient, scan.label(name), scan.table
    k = len(sufficient.coordinates)
    first, second = np.triu_indices(k)
    found = aggregate(*sums_by_group(table.select(g=table[label])))
    _check_labels(name, found["labels"], found["groups"], 2)
    if found["groups"] * len(first) > MOST_SUMS:
        numbers = f"{found['groups']:,} groups of {len(first):,} pairs of columns"
        allowed = f"{MOST_SUMS:,} numbers; fit_table(cluster={name!r}) needs none of them"
        raise refusal(f"groups {name!r}", numbers, allowed)
    columns = {f"q{j}": scan.combined(column) for j, column in enumerate(np.eye(k)[1:])}
    labels, products = products_by_group(table.select(g=table[label], **columns), list(columns))
    unit = np.where(np.arange(k) > 0, 1.0, sufficient.n**-0.5)  # of the constant
    pairs = (products[first, second] * (unit[first] * unit[second])[:, None]).T
    groups = sufficient.groups | {name: GroupSums(labels, products[0, 0].astype(int), pairs)}
    return orthonormalise(replace(sufficient, groups=groups), unpack_pairs(pairs.sum(axis=0)))
