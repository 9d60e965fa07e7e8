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
from analysis.out_of_core.address import open_table, plain_words
from analysis.out_of_core.cells import (
    aggregate,
    combination,
    cross_products,
    gram_of,
    pair_sums,
    product_sums,
    symmetric,
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

EASY = 60.0
"""Up to this condition number sums of products keep twelve digits; beyond it an orthonormal basis
is summed.
"""

MOST_SCANS = 5

MOST_SUMS = 10_000_000
"""Numbers (groups x pairs of columns) that `groups` may bring into memory: 80 MB."""

FITS_A_SCAN = 64
"""Fits whose contributions one scan sums: an engine takes a query of a few thousand terms."""

DEPENDENT, IN_MEMORY = (
    "too nearly dependent for sums of products",
    "a table that fits into memory: sufficient_statistics",
)

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
    >>> engine = ibis.duckdb.connect()
    >>> table = {"x": [0, 1, 2, 3, 4, 5], "y": [1, 3, 5, 7, 9, 12]}
    >>> rows = engine.create_table("rows", ibis.memtable(table))
    >>> measure_table(rows, ["x", "y"]).sufficient.location.round(3).tolist()
    [2.5, 6.167]
    """
    raw = open_table(table, folder or Path()) if isinstance(table, str) else table
    _check_columns(raw, columns)
    others = tuple(name for name in raw.columns if name not in columns)
    centre = _head(raw, columns)
    for _ in range(MOST_SCANS):
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
    >>> engine = ibis.duckdb.connect()
    >>> table = {"x": [0, 1, 2, 3, 4, 5], "y": [1, 3, 5, 7, 9, 12]}
    >>> rows = engine.create_table("rows", ibis.memtable(table))
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
    n, free = scan.sufficient.n, scan.sufficient.n - fits.subsets.parameters
    for kinds in (("HC0", "HC1"), ("CRV1",)):
        asked = [kind for kind in kinds if kind in covariance]
        if not asked:
            continue
        label = scan.label(cluster) if kinds == ("CRV1",) else None
        squares, moved, clusters = _squares(scan, fits, label)
        factors = {"HC0": 1.0, "HC1": n / free}
        if clusters:
            factors["CRV1"] = clusters / (clusters - 1) * (n - 1) / free
        for kind in asked:
            std_error[kind] = np.abs(fits.unit) * np.sqrt(squares * factors[kind])
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
    n, means = gram[0, 0], gram[0, 1:] / gram[0, 0]
    location, spread = centre + means, np.sqrt(n) * _spread(gram)
    spread[spread <= CONSTANT_SPREAD * np.sqrt(n) * np.abs(location)] = 0.0
    kept = np.flatnonzero(spread)
    inner = _around_means(gram)[np.ix_(kept, kept)] / np.outer(spread[kept], spread[kept])
    triangle, last = _cholesky(inner), inner
    for _ in range(MOST_SCANS):
        size = np.sqrt(np.diag(last))
        if condition_number(_cholesky(last) / size) < EASY:
            break
        change = np.zeros((len(centre) + 1, len(kept)))
        change[kept + 1] = np.linalg.inv(triangle) / spread[kept, None]
        change[0] = -means @ change[1:]
        turned = {f"q{j}": combination(table, column) for j, column in enumerate(change.T)}
        last = _around_means(cross_products(table.select(**turned), list(turned)))
        triangle = _cholesky(last) @ triangle
    else:
        raise refusal("columns", DEPENDENT, IN_MEMORY)
    size = np.linalg.norm(triangle, axis=0)
    if (np.diag(triangle) <= RANK_TOLERANCE * size).any():
        raise refusal("columns", DEPENDENT, IN_MEMORY)
    spread[kept] *= size
    coordinates = np.zeros((len(kept) + 1, len(columns)))
    coordinates[1:, kept] = triangle / size
    condition = condition_number(coordinates[:, kept])
    return SufficientStatistics(
        tuple(columns), int(n), location, spread, coordinates, condition, None, {}
    )


def _around_means(gram: np.ndarray) -> np.ndarray:
    return gram[1:, 1:] - np.outer(gram[0, 1:], gram[0, 1:]) / gram[0, 0]


def _cholesky(inner: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(inner).T
    except np.linalg.LinAlgError:
        raise refusal("columns", DEPENDENT, IN_MEMORY) from None


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
            table = table.group_by("g").aggregate(**{name: table[name].sum() for name in products})
            sums = {"clusters": table.count(), "labels": table["g"].count()}
        for i in part:
            c = table[f"c{i}"]
            sums |= {f"t{i}": c.sum(), f"p{i}": (c * c).sum()}
        found = aggregate(table, sums)
        if label:
            clusters = found["clusters"]
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
    levels = table.group_by(label).aggregate(rows=table.count())
    found = aggregate(levels, {"groups": levels.count(), "labels": levels[label].count()})
    _check_labels(name, found["labels"], found["groups"], 2)
    if found["groups"] * len(first) > MOST_SUMS:
        seen = f"{found['groups']:,} groups of {len(first):,} pairs of columns"
        allowed = f"{MOST_SUMS:,} numbers; fit_table(cluster={name!r}) needs none of them"
        raise refusal(f"groups {name!r}", seen, allowed)
    columns = {f"q{j}": scan.combined(column) for j, column in enumerate(np.eye(k)[1:])}
    table = table.select(g=table[label], **columns)
    values = [table[column] for column in columns]
    sums = {f"s{j}": value.sum() for j, value in enumerate(values)} | pair_sums(values, "p")
    with plain_words("the engine"):
        frame = table.group_by("g").aggregate(size=table.count(), **sums).order_by("g").to_pandas()
    sizes, products = frame["size"].to_numpy(), np.empty((k, k, len(frame)))
    products[0, 0] = sizes / sufficient.n
    products[0, 1:] = frame[[f"s{j}" for j in range(k - 1)]].T / np.sqrt(sufficient.n)
    products[1:, 1:] = symmetric(frame, k - 1, "p")
    pairs = products[first, second].T
    groups = sufficient.groups | {name: GroupSums(frame["g"].to_numpy(), sizes, pairs)}
    return orthonormalise(replace(sufficient, groups=groups), unpack_pairs(pairs.sum(axis=0)))
