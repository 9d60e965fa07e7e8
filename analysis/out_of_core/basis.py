"""The columns of an equation as expressions, and their orthonormal basis from sums of products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault, listing, printable
from analysis.models.design import Design, dependent_terms
from analysis.models.sufficient_statistics import condition_number
from analysis.out_of_core.cells import (
    EXPRESSIBLE,
    FUNCTIONS,
    combination,
    cross_products,
    transformed,
    turned_products,
)
from analysis.plan import Plan

if TYPE_CHECKING:
    import ibis.expr.types as ir

Name = tuple[str, str]
"""A column of the plan and its transform."""

EASY = 30.0
"""Up to this condition number of the sample's columns, scaling alone keeps thirteen digits in their
products.
"""

LEAST_PIVOT = 1e-12
"""A column whose squared part outside the others is a smaller share of it cannot be told from their
combination.
"""

LEAST_SHARE = 1e-2
"""The squares that the sample's fit leaves are a difference of known sums while they are a larger
share of all.
"""

MOST_LEVELS = 200
MOST_PASSES = 5

DEPENDENT = "too nearly dependent for sums of products"


@dataclass(frozen=True, eq=False)
class Basis:
    """The columns of one equation, centred and scaled, with their coordinates in an orthonormal
    basis.

    Attributes
    ----------
    table : ibis Table
        ``z1 .. zp``, the columns less `mean` over `scale`; ``y``, the response; ``g``, the cluster;
        ``o``, the offset.
    terms, blocks : tuple of str, length p + 1
        The intercept first, the scores last.
    mean, scale : ndarray, shape (p + 1,)
        0 and 1 for the intercept.
    coordinates : ndarray, shape (p + 1, p + 1)
        Upper triangle C with ``[1, z] = Q C`` and ``Q'Q = n I``.
    response : ndarray, shape (p + 1,)
        ``Q'(y - shift) / n``.
    shift : float
        The response's mean in the seeded sample.
    total, unexplained : float
        Sum of squares of the response around its mean, and around all columns' least-squares fit.
    pilot : Design
        The same equation on the seeded sample.
    """

    table: ir.Table
    terms: tuple[str, ...]
    blocks: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    coordinates: np.ndarray
    response: np.ndarray
    shift: float
    total: float
    unexplained: float
    pilot: Design
    n: int

    @property
    def k(self) -> int:
        return len(self.terms)

    def columns(self, *without: str) -> list[int]:
        """Return the positions of the columns outside these blocks."""
        return [i for i, block in enumerate(self.blocks) if block not in without]

    def residual_squares(self, columns: Sequence[int]) -> float:
        """Return the sum of squares of the response around the least-squares fit of some columns.

        What all columns leave, and what these lose of what all explain: squares are added, so none
        of the digits of a small remainder go.
        """
        left = np.linalg.qr(self.coordinates[:, list(columns)])[0]
        lost = self.response - left @ (left.T @ self.response)
        lost = lost - left @ (left.T @ lost)
        return self.unexplained + self.n * float(lost @ lost)

    def explained(self, target: int, blocks: Sequence[str]) -> float:
        """Return the R2 of one column on an intercept and the columns of some blocks."""
        left = self.coordinates[1:, target]
        right = self.coordinates[1:, [i for i, block in enumerate(self.blocks) if block in blocks]]
        outside = left - right @ np.linalg.lstsq(right, left, rcond=None)[0]
        return float(1 - outside @ outside / (left @ left))


def build_basis(sample: Sample, outcome: str, scores: tuple[str, ...]) -> Basis:
    """Factor the full equation by sums of products.

    Notes
    -----
    CholeskyQR2 with the seeded sample as its first step: the sample's triangle makes the columns of
    all rows nearly orthonormal, so that one scan of products loses no digits to their condition
    number. Where the sample cannot be factored, the first scan takes its place; where its columns
    are far from dependent, the products of the plan's columns as they are lose no digits either,
    and are known without a scan. In place of the response stands what the sample's own fit leaves
    of it: the sum of squares of residuals is then no small difference of large numbers, however
    good the fit. Yamamoto et al. (2015); Fukaya et al. (2020), doi:10.1137/18M1218212.

    Raises
    ------
    DesignError
        When there are too few rows, or a column is a linear combination of the others.
    """
    columns, n = _columns(sample, scores), sample.rows
    pilot = _pilot(sample, outcome, columns)
    where = str(sample.dataset.path or sample.dataset.address)
    if n < pilot.k + 10:
        found = f"{n} rows for {pilot.k} coefficients"
        raise DesignError(where, Fault("rows", found, "at least ten rows more than coefficients"))
    mean = pilot.matrix.mean(axis=0) * (np.arange(pilot.k) > 0)
    scale = np.sqrt(((pilot.matrix - mean) ** 2).mean(axis=0))
    scale[scale == 0] = 1.0
    shift = float(pilot.response.mean())
    names = [*(column.name for column in columns), (outcome, "identity")]
    known = sample.out_of_core.products.part(names)
    if known is not None:
        mean[1:], scale[1:], shift = known.centre[:-1], known.scale[:-1], float(known.centre[-1])
    table = _scaled(sample, outcome, columns, mean, scale)
    unit = (pilot.matrix - mean) / scale
    guess = np.linalg.lstsq(unit, pilot.response - shift, rcond=1e-12)[0]
    coordinates, error, unexplained = _factored(table, unit, pilot, shift, guess, known, where)
    response = error + coordinates @ guess
    total = unexplained + n * float(response[1:] @ response[1:])
    return Basis(
        table,
        pilot.terms,
        pilot.blocks,
        mean,
        scale,
        coordinates,
        response,
        shift,
        total,
        unexplained,
        pilot,
        n,
    )


def _scaled(
    sample: Sample, outcome: str, columns: list[Column], mean: np.ndarray, scale: np.ndarray
) -> ir.Table:
    """Return the table of ``z1 .. zp``, the response, the cluster and the offset."""
    plan, table, keys = sample.plan, sample.out_of_core.cells, sample.out_of_core.keys
    exposure = plan.outcomes[outcome].exposure
    others = {"y": table[keys[outcome]]}
    others |= {"g": table[keys[plan.cluster.column]]} if plan.cluster else {}
    others |= {"o": table[keys[exposure]].ln()} if exposure else {}
    scaled = {
        f"z{i}": (c.expression - float(mean[i])) * float(1 / scale[i])
        for i, c in enumerate(columns, 1)
    }
    return table.select(**scaled, **others)


# --- columns --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Column:
    """One column of the equation: an expression over all rows, its values in the seeded sample,
    what it is made of.
    """

    block: str
    term: str
    expression: ir.Value
    values: np.ndarray
    name: tuple[str, str] | None = None


def _columns(sample: Sample, scores: tuple[str, ...]) -> list[Column]:
    """Return the columns but the intercept: controls, engagement as the plan transforms it, then
    the scores.
    """
    plan, table, keys = sample.plan, sample.out_of_core.cells, sample.out_of_core.keys
    columns = [piece for column in plan.controls.columns for piece in _control(sample, column)]
    named = [("engagement", c, plan.engagement.transform_of(c)) for c in plan.engagement.columns]
    named += [("score", c, plan.score.transform_of(c)) for c in scores]
    for block, c, how in named:
        values = FUNCTIONS[how](sample.frame[c].to_numpy(float))
        columns.append(Column(block, c, transformed(table[keys[c]], how), values, (c, how)))
    return columns


def _control(sample: Sample, column: str) -> list[Column]:
    """A numeric control as it is; text as one indicator per level but the first in sorted order."""
    cells, drawn = sample.out_of_core.cells[sample.out_of_core.keys[column]], sample.frame[column]
    if not cells.type().is_string():
        return [Column("control", column, cells, drawn.to_numpy(float), (column, "identity"))]
    names = cells.name("level").as_table().distinct().limit(MOST_LEVELS + 1).to_pandas()["level"]
    if len(names) > MOST_LEVELS:
        place, found = f'column "{printable(column)}" (control)', f"more than {MOST_LEVELS} levels"
        fault = Fault(place, found, f"at most {MOST_LEVELS} levels beyond memory")
        raise DesignError(sample.dataset.path or sample.dataset.address, fault)
    levels = ((level, cells == level, drawn == level) for level in sorted(names)[1:])
    return [
        Column("control", f"{column}[{level}]", one.cast("float64"), values.to_numpy(float))
        for level, one, values in levels
    ]


def _pilot(sample: Sample, outcome: str, columns: list[Column]) -> Design:
    """Return the equation on the seeded sample, with a column for each term, also for levels that
    it lacks.
    """
    frame, exposure = sample.frame, sample.plan.outcomes[outcome].exposure
    return Design(
        response=frame[outcome].to_numpy(float),
        matrix=np.column_stack([np.ones(len(frame)), *(column.values for column in columns)]),
        terms=("intercept", *(column.term for column in columns)),
        blocks=("intercept", *(column.block for column in columns)),
        offset=np.log(frame[exposure].to_numpy(float)) if exposure else None,
    )


# --- the factorisation ----------------------------------------------------------------------------


def orthonormal(
    products: Callable[[np.ndarray, bool], np.ndarray], factor: np.ndarray, too_near: DesignError
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the triangle C of ``[1, z] = Q C`` with ``Q'Q = n I``, its last step, and the products
    before that.

    Parameters
    ----------
    products : callable
        Takes a change of columns, and whether it is the first. Returns the cross products of
        ``[1, z] change`` and of any further columns, which stand last.
    factor : ndarray, shape (k, k)
        A guess of C.
    too_near : DesignError
        Raised where the columns are too nearly dependent.
    """
    k = len(factor)
    for number in range(MOST_PASSES):
        gram = products(np.linalg.inv(factor), number == 0)
        inner = gram[:k, :k] / gram[0, 0]
        try:
            triangle = np.linalg.cholesky(inner).T
        except np.linalg.LinAlgError:
            raise too_near from None
        factor = triangle @ factor
        if condition_number(triangle / np.sqrt(np.diag(inner))) < 2 * EASY:
            return factor, triangle, gram
    raise too_near


def _factored(
    table: ir.Table,
    unit: np.ndarray,
    pilot: Design,
    shift: float,
    guess: np.ndarray,
    known: Products | None,
    where: str,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the triangle of [1, z], the coordinates of the guess's error, and what all columns
    leave of its square.
    """
    easy = _is_easy(unit[:, 1:])
    suspects = [] if easy else dependent_terms(pilot.matrix, pilot.terms)
    factor = np.eye(unit.shape[1])
    if not suspects and not easy:
        factor = np.linalg.qr(unit, mode="r") / np.sqrt(len(unit))
        factor *= np.sign(np.diag(factor))[:, None]
    is_plain = np.array_equal(factor, np.eye(len(factor)))
    y = table["y"] - combination(table, guess + shift * (np.arange(len(guess)) == 0))

    def products(change: np.ndarray, first: bool) -> np.ndarray:
        gram = _known_products(known, guess) if first and is_plain and known else None
        gram = turned_products(table, change, {"y": y}) if gram is None else gram
        _refuse_dependent(gram[:-1, :-1] / gram[0, 0], suspects, pilot.terms, where)
        return gram

    fault = Fault("the columns", DEPENDENT, "a table that fits into memory")
    factor, triangle, gram = orthonormal(products, factor, DesignError(where, fault))
    n, gram = gram[0, 0], gram / gram[0, 0]
    error = np.linalg.solve(triangle.T, gram[:-1, -1])
    return factor, error, n * max(0.0, float(gram[-1, -1] - error @ error))


def _is_easy(unit: np.ndarray) -> bool:
    """Return whether the condition number of columns of about one size is at most `EASY`; their
    products tell.
    """
    values = np.linalg.eigvalsh(unit.T @ unit)
    return bool(values[-1] <= EASY**2 * values[0])


def _known_products(known: Products, guess: np.ndarray) -> np.ndarray | None:
    """Return the same of z itself from the products at hand; None where they keep too few digits of
    the residuals.
    """
    change, k = np.eye(len(known.gram)), len(guess)
    change[k, k], change[:k, k] = known.scale[-1], -guess
    gram = change.T @ known.gram @ change
    return gram if gram[k, k] > LEAST_SHARE * known.gram[k, k] * known.scale[-1] ** 2 else None


def _refuse_dependent(
    gram: np.ndarray, suspects: list[tuple[str, list[str]]], terms: tuple[str, ...], where: str
) -> None:
    """Refuse columns that the sample calls dependent and the products of all rows do too."""
    makers, bad, kept = dict(suspects), [], [0]
    for j in range(1, len(gram)):
        inside = np.linalg.lstsq(gram[np.ix_(kept, kept)], gram[kept, j], rcond=None)[0]
        own = gram[j, j] - gram[0, j] ** 2 / gram[0, 0]
        if own <= 0 or gram[j, j] - gram[kept, j] @ inside <= LEAST_PIVOT * max(own, 0.0):
            bad.append(terms[j])
        else:
            kept.append(j)
    others, allowed = (
        ["the other columns, to twelve digits"],
        ("columns none of which follows from the others: leave one out of the plan"),
    )
    faults = [
        Fault(f'term "{printable(term)}"', f"an exact linear combination of {of}", allowed)
        for term in bad
        for of in [listing(makers.get(term, others))]
    ]
    if faults:
        raise DesignError(where, faults)


# --- all numeric columns of a plan ----------------------------------------------------------------


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
        """Return the products of some of the columns, or None where one is not among these."""
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
        variance = max(0.0, squares - total**2 / rows) / max(1.0, rows - 1)
        return float(one.scale[0] * np.sqrt(variance))


def products_of(
    plan: Plan, table: ir.Table, keys: Mapping[str, str], frame: pd.DataFrame
) -> Products:
    """Sum products of the plan's numeric columns over all rows, centred at the sample's means."""
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
    plain = [c for c in plan.controls.columns if not table[keys[c]].type().is_string()]
    plain += [c for o in plan.outcome for c in (o.exposure, o.column) if c is not None]
    names = [(c, s.transform_of(c)) for s in (plan.engagement, plan.score) for c in s.columns]
    names = [name for name in names if name[1] in EXPRESSIBLE]
    return tuple(dict.fromkeys([*((column, "identity") for column in plain), *names]))
