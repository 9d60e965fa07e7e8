"""Sufficient statistics of a table out of core, and fits from them: no row comes into Python.

One scan of sums of products gives every least-squares fit of every subset of the columns. Errors
that are robust to heteroskedasticity or clusters take one more scan, for all the fits together: a
row gives one number to each fit, which the engine adds up (or squares) by itself, whatever the
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
from analysis.out_of_core.cells import aggregate, combination, gram_of, product_sums

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


def measure_table(
    table: str | ir.Table,
    columns: Sequence[str],
    *,
    groups: Sequence[str] = (),
    folder: Path | None = None,
) -> Scan:
    """Measure a table beyond memory, so that any subset of its columns can be fitted without the
    rows.

    Parameters
    ----------
    table : str or ibis Table
        An address as in a plan (``rows/*.parquet``, ``duckdb:FILE/TABLE``, ``spark:PATH``), or an
        Ibis table that an engine holds.
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
    raise refusal(
        "columns",
        "means that cannot be subtracted from the cells",
        "columns that vary about their means",
    )


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
    """Fit many regressions as `fit_subsets` does; for HC0, HC1 and CRV1 the engine looks at each
    row once more.

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
        raise refusal(
            "covariance",
            listing(wrong),
            listing(get_args(Scanned)) + "; others take fit_subsets, on groups",
        )
    if "CRV1" in covariance and cluster is None:
        raise refusal("covariance 'CRV1'", "no cluster=", "a column of the table")
    plain = [kind for kind in covariance if kind == "classical"]
    fits = fit_subsets(
        scan.sufficient, subsets, outcome=outcome, term=term, covariance=plain, singular=singular
    )
    std_error, df, clusters, moved = dict(fits.std_error), dict(fits.df), None, 0.0
    free = scan.sufficient.n - fits.subsets.parameters
    if {"HC0", "HC1"} & set(covariance):
        squares, moved, _ = _squares(scan, fits, None)
        for kind in (kind for kind in ("HC0", "HC1") if kind in covariance):
            factor = scan.sufficient.n / free if kind == "HC1" else 1.0
            std_error[kind], df[kind] = (
                np.abs(fits.unit) * np.sqrt(squares * factor),
                degrees(fits, kind, None),
            )
    if "CRV1" in covariance:
        squares, moved, clusters = _squares(scan, fits, scan.label(cluster))
        factor = clusters / (clusters - 1) * (scan.sufficient.n - 1) / free
        std_error["CRV1"] = np.abs(fits.unit) * np.sqrt(squares * factor)
        df["CRV1"] = degrees(fits, "CRV1", clusters)
    return replace(
        fits,
        estimate=fits.estimate + fits.unit * moved,
        std_error=std_error,
        df=df,
        clusters=clusters,
    )


# --- the table ------------------------------------------------------------------------------------


def _check_columns(raw: ir.Table, columns: Sequence[str]) -> None:
    if len(set(columns)) != len(columns) or not columns:
        raise refusal("names", listing(sorted(columns)) or "none", "each name once")
    absent = [name for name in columns if name not in raw.columns]
    if absent:
        raise refusal("columns", listing(absent), listing(raw.columns))
    text = [
        name
        for name in columns
        if not (raw[name].type().is_numeric() or raw[name].type().is_boolean())
    ]
    if text:
        raise refusal("columns", f"no numbers in {listing(text)}", "columns of numbers")


def _cells(raw: ir.Table, name: str) -> ir.Value:
    return raw[name] if raw[name].type().is_float64() else raw[name].cast("float64")


def _head(raw: ir.Table, columns: Sequence[str]) -> np.ndarray:
    """Return the means at the head of the table: near enough to leave the products their digits, as
    a rule.
    """
    head = raw.select(**{f"z{i}": _cells(raw, name) for i, name in enumerate(columns, 1)}).limit(
        HEAD_ROWS
    )
    found = aggregate(head, {name: head[name].mean() for name in head.columns})
    centre = np.array([float(found[name]) for name in head.columns])
    return np.where(np.isfinite(centre), centre, 0.0)


def _centred(
    raw: ir.Table, columns: Sequence[str], others: Sequence[str], centre: np.ndarray
) -> ir.Table:
    """Return the columns less the centre, and the other columns: an engine reads those that are
    asked for.
    """
    scaled = {
        f"z{i}": _cells(raw, name) - float(centre[i - 1]) for i, name in enumerate(columns, 1)
    }
    return raw.select(**scaled, **{f"g{i}": raw[name] for i, name in enumerate(others)})


# --- the factorisation ----------------------------------------------------------------------------


def _summed(table: ir.Table, columns: Sequence[str]) -> np.ndarray:
    """Return the cross products of [1, z], or refuse rows that are not complete."""
    names = [f"z{i}" for i in range(1, len(columns) + 1)]
    found = aggregate(
        table, product_sums(table, names) | {f"n{name}": table[name].count() for name in names}
    )
    if found["n"] < 2:
        raise refusal("table", f"{found['n']} rows", "at least two")
    bad = {name: found["n"] - found[f"nz{i}"] for i, name in enumerate(columns, 1)}
    gram = gram_of(found, len(columns))
    strange = [
        name
        for name, square in zip(columns, np.diag(gram)[1:], strict=True)
        if not np.isfinite(square)
    ]
    if any(bad.values()):
        said = listing([f"{name} ({count:,} rows)" for name, count in bad.items() if count])
        raise refusal(
            "columns", f"missing values in {said}", "complete columns: filter the table first"
        )
    if strange:
        raise refusal(
            "columns",
            f"NaN or infinite values in {listing(strange)}",
            "finite numbers: filter first",
        )
    return gram


def _spread(gram: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column, as far as its mean leaves it digits."""
    return np.sqrt(
        np.maximum(np.diag(gram)[1:] / gram[0, 0] - (gram[0, 1:] / gram[0, 0]) ** 2, 0.0)
    )


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
        rotated = table.select(
            **{f"q{j}": combination(table, column) for j, column in enumerate(change.T)}
        )
        last = _around_means(
            gram_of(aggregate(rotated, product_sums(rotated, rotated.columns)), len(kept))
        )
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


def _weights(scan: Scan, vector: np.ndarray) -> np.ndarray:
    """Return a combination of the orthonormal columns as a combination of [1, z]."""
    sufficient = scan.sufficient
    kept = np.flatnonzero(sufficient.spread)
    weights = np.zeros(len(sufficient.names) + 1)
    weights[kept + 1] = (
        np.linalg.solve(sufficient.coordinates[1:, kept], vector[1:]) / sufficient.spread[kept]
    )
    weights[0] = vector[0] / np.sqrt(sufficient.n) - weights[1:] @ (
        sufficient.location - scan.centre
    )
    return weights


def _squares(scan: Scan, fits: SubsetFits, label: str | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return sums of squared contributions (of their sums by cluster), their sums, and the number
    of clusters.
    """
    squares, total, clusters = np.zeros(len(fits)), np.zeros(len(fits)), 0
    for start in range(0, len(fits), FITS_A_SCAN):
        part = range(start, min(start + FITS_A_SCAN, len(fits)))
        table = scan.table
        factors = {f"f{i}": combination(table, _weights(scan, fits.influence[i])) for i in part}
        factors |= {f"e{i}": combination(table, _weights(scan, fits.residual[i])) for i in part}
        table = table.select(**factors, **({"g": table[label]} if label else {}))
        table = table.select(
            **{f"c{i}": table[f"f{i}"] * table[f"e{i}"] for i in part},
            **({"g": table["g"]} if label else {}),
        )
        sums = {}
        if label:
            table = table.group_by("g").aggregate(**{f"c{i}": table[f"c{i}"].sum() for i in part})
            sums = {"clusters": table.count(), "labels": table["g"].count()}
        sums |= {f"t{i}": table[f"c{i}"].sum() for i in part}
        sums |= {f"p{i}": (table[f"c{i}"] * table[f"c{i}"]).sum() for i in part}
        found = aggregate(table, sums)
        clusters = found.get("clusters", 0)
        _check_labels(scan, label, clusters, found.get("labels", 0))
        squares[part], total[part] = [found[f"p{i}"] for i in part], [found[f"t{i}"] for i in part]
    return squares, total, clusters


def _check_labels(scan: Scan, label: str | None, clusters: int, labels: int) -> None:
    if label is None:
        return
    name = scan.others[int(label[1:])]
    if labels < clusters:
        raise refusal(f"labels of {name!r}", "rows without a label", "a label for each row")
    if clusters < 2:
        raise refusal(f"clusters {name!r}", str(clusters), "at least two")


def _grouped(scan: Scan, name: str) -> SufficientStatistics:
    """Return the statistics with sums by a column's values, their basis made orthonormal."""
    sufficient, label, table = scan.sufficient, scan.label(name), scan.table
    k = len(sufficient.coordinates)
    first, second = np.triu_indices(k)
    levels = table.group_by(label).aggregate(rows=table.count())
    found = aggregate(levels, {"groups": levels.count(), "labels": levels[label].count()})
    _check_labels(scan, label, found["groups"] + 1, found["labels"] + 1)
    if found["groups"] * len(first) > MOST_SUMS:
        seen = f"{found['groups']:,} groups of {len(first):,} pairs of columns"
        raise refusal(
            f"groups {name!r}",
            seen,
            f"{MOST_SUMS:,} numbers; fit_table(cluster={name!r}) needs none of them",
        )
    columns = {
        f"q{j}": combination(table, _weights(scan, column))
        for j, column in enumerate(np.eye(k)[1:], 1)
    }
    table = table.select(g=table[label], **columns)
    sums = {f"s{j}": table[f"q{j}"].sum() for j in range(1, k)}
    sums |= {
        f"p{a}_{b}": (table[f"q{a}"] * table[f"q{b}"]).sum()
        for a, b in zip(first, second, strict=True)
        if a
    }
    with plain_words("the engine"):
        frame = table.group_by("g").aggregate(size=table.count(), **sums).order_by("g").to_pandas()
    sizes, pairs = frame["size"].to_numpy(), np.empty((len(frame), len(first)))
    for place, (a, b) in enumerate(zip(first, second, strict=True)):
        pairs[:, place] = (
            frame[f"p{a}_{b}"]
            if a
            else frame[f"s{b}"] / np.sqrt(sufficient.n)
            if b
            else sizes / sufficient.n
        )
    found = GroupSums(frame["g"].to_numpy(), sizes, pairs)
    grouped = replace(sufficient, groups={**sufficient.groups, name: found})
    return orthonormalise(grouped, unpack_pairs(pairs.sum(axis=0)))
