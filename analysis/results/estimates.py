"""The one result record: every method ends in it, and everything after it knows nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

import pandas as pd

from analysis.models.fit import critical_value
from analysis.results.ids import PLAIN, Slugs, result_id
from analysis.results.weights import Status, Weight, weighed

Unit = Literal["percent", "share", "points", "outcome", "log odds", "log", "number", "p"]

COLUMNS = (
    "id",
    "outcome",
    "score",
    "method",
    "model",
    "term",
    "scale",
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "conf_low",
    "conf_high",
    "level",
    "n",
    "clusters",
    "covariance",
    "displayed",
    "note",
)
"""The columns of `estimates.csv` and the keys of an estimate in `ledger.json`, in this order."""

CHECK_COLUMNS = (
    "id",
    "check",
    "outcome",
    "score",
    "passed",
    "status",
    "weight",
    "statistic",
    "reason",
)
"""The columns of `checks.csv` and the keys of a check in `ledger.json`, in this order."""


@dataclass(frozen=True)
class Estimate:
    """One number, with what is needed to judge, find and cite it.

    Attributes
    ----------
    plan, outcome, score, method, model, term, variant : str
        The parts of its id; empty where a part does not apply.
    scale : str
        "sd" or "raw" for coefficients, empty otherwise.
    estimate, std_error, statistic, df, p_value : float or None
        On the model's own scale (log for revenue and counts). `df` None means the normal reference.
    n : int
    clusters : int or None
    covariance : str
    unit : str
        How `displayed` shows it.
    note : str
    bounds : (float, float) or None
        An interval that is not made of a standard error: a bootstrap's, or a declared range.
    intervals : tuple of (float, (float, float))
        Intervals of several levels that are not made of a standard error.
    region : str
        In words the values that are not ruled out, where they are no interval.
    slugs : Slugs
        Of the plan's columns, for the id.
    number : int
        Which of the terms that share a slug.
    """

    plan: str
    outcome: str
    score: str
    method: str
    model: str
    term: str
    n: int
    variant: str = ""
    scale: str = ""
    estimate: float | None = None
    std_error: float | None = None
    statistic: float | None = None
    df: float | None = None
    p_value: float | None = None
    clusters: int | None = None
    covariance: str = ""
    unit: Unit = "number"
    note: str = ""
    bounds: tuple[float, float] | None = None
    intervals: tuple[tuple[float, tuple[float, float]], ...] = ()
    region: str = ""
    slugs: Slugs = field(default=PLAIN, repr=False, compare=False)
    number: int = 1

    @property
    def id(self) -> str:
        about = self.plan, self.outcome, self.score, self.method, self.model, self.term
        return result_id(*about, self.variant, slugs=self.slugs, number=self.number)

    def noted(self, note: str) -> Estimate:
        """Return the same with a note added, where there is one."""
        return replace(self, note="; ".join(filter(None, [self.note, note])))

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the two-sided interval of this level, or its own bounds, or None for a number
        without either.

        An interval that is not made of a standard error, a bootstrap's say, exists at the level of
        the plan alone (that of a test that decides at two levels also at the other one): `level_of`
        says which one this is.
        """
        for of, edges in self.intervals:
            if math.isclose(of, level):
                return edges
        if self.intervals:
            return self.intervals[0][1]
        if self.bounds is not None:
            return self.bounds
        if self.estimate is None or self.std_error is None:
            return None
        half = critical_value(level, self.df) * self.std_error
        return self.estimate - half, self.estimate + half

    def span(self, level: float) -> str:
        """Return the interval of this level as a reader sees it; nothing where there is none."""
        edges = self.interval(level)
        if edges is not None and self.carried_by_one:
            return "none: a row or two carry it"
        return "" if edges is None else span_text(*edges, self.unit)

    @property
    def carried_by_one(self) -> bool:
        """Whether a row (or cluster) or two carry the coefficient: no interval says anything."""
        return self.df is not None and self.df < LEAST_DF and not self.intervals

    @property
    def reference_df(self) -> float | None:
        """Degrees of freedom of the standard error: those of CRV1 where the interval is a wild
        bootstrap's.
        """
        if self.covariance == "wild" and self.clusters:
            return float(self.clusters - 1)
        return self.df

    @property
    def displayed(self) -> str:
        """What a reader sees: percent, percentage points, outcome units, a plain number or a
        p-value.
        """
        if self.estimate is not None:
            return display(self.estimate, self.unit)
        return display(self.p_value, "p") if self.p_value is not None else "-"

    def level_of(self, level: float, declared: float) -> float:
        """Return the level of what `interval(level)` gives; bounds have the declared one."""
        if self.intervals:
            known = [one for one, _ in self.intervals]
            return level if any(math.isclose(one, level) for one in known) else known[0]
        return level if self.bounds is None else declared

    def record(self, level: float, declared: float | None = None) -> dict[str, object]:
        """Return the row under the keys of `COLUMNS`; NaN and infinity become None, with a note.

        Parameters
        ----------
        level : float
            Of the interval, where it is made of a standard error.
        declared : float, optional
            The plan's level, at which bounds of another making were worked out; the same unless
            given.
        """
        low, high = self.interval(level) or (None, None)
        made = self.level_of(level, level if declared is None else declared)
        row = {
            **{name: getattr(self, name) for name in COLUMNS if hasattr(self, name)},
            **{name: getattr(self, name) or None for name in ("covariance", "scale", "model")},
            "conf_low": low,
            "conf_high": high,
            "level": made if low is not None else None,
        }
        unusable = [
            key
            for key, value in row.items()
            if isinstance(value, float) and not math.isfinite(value)
        ]
        if unusable:
            row |= dict.fromkeys(unusable)
            row["note"] = "; ".join(filter(None, [self.note, f"not finite: {', '.join(unusable)}"]))
        return {name: row[name] for name in COLUMNS}


LEAST_DF = 1.0
"""With fewer degrees of freedom an interval reaches from nearly nothing to beyond everything."""


def display(value: float, unit: str) -> str:
    """Return a number as a reader sees it.

    >>> display(-0.0613, "percent"), display(0.0381, "points"), display(0.00004, "p")
    ('-5.9 %', '+3.8 points', '< .001')
    """
    if value is None or not math.isfinite(value):
        return "-"
    if unit == "percent" and value > 20:
        # nobody reads ten digits of a percentage, and expm1 overflows at 710
        return f"x e^{value:.3g}"
    if unit in ("percent", "share", "points"):
        value = math.expm1(value) if unit == "percent" else value
        return _percent(100 * value) + (" points" if unit == "points" else " %")
    if unit == "p":
        return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
    if unit == "number":
        return f"{value:.3g}" if abs(value) < 1e5 else f"{value:,.0f}"
    decimals = max(0, 3 - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return _signed(value, min(decimals, 12))


def p_text(value: float) -> str:
    """Return a p-value as a sentence has it: "p = .012" or "p < .001"."""
    shown = display(value, "p")
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def _percent(value: float) -> str:
    """Return a signed number with one decimal, or with two digits where one decimal would show
    zero.
    """
    small = 1e-6 < abs(value) < 0.05
    return _signed(value, 1 - math.floor(math.log10(abs(value))) if small else 1)


def span_text(low: float, high: float, unit: str) -> str:
    """Return "-10.1 % to -1.6 %"; the word "points" is said once."""
    return f"{display(low, unit).removesuffix(' points')} to {display(high, unit)}"


def _signed(value: float, decimals: int) -> str:
    text = f"{value:+,.{decimals}f}"
    return text[1:] if float(text.replace(",", "")) == 0 else text


@dataclass(frozen=True, eq=False)
class Estimates:
    """All numbers of a run, in order; a view picks the confidence level.

    Examples
    --------
    >>> parts = ("demo", "sales", "klout", "increment", "poisson", "klout")
    >>> row = Estimate(*parts, n=100, estimate=0.1, std_error=0.02)
    >>> Estimates((row,)).tidy(0.95)[["term", "estimate", "conf_low"]].round(3).values.tolist()
    [['klout', 0.1, 0.061]]
    """

    rows: tuple[Estimate, ...]
    level: float = 0.95

    def __iter__(self) -> Iterator[Estimate]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, **parts: str) -> Estimates:
        """Return the rows whose attributes equal the given ones."""
        return replace(
            self,
            rows=tuple(r for r in self.rows if all(getattr(r, k) == v for k, v in parts.items())),
        )

    def one(self, **parts: str) -> Estimate:
        """Return the single row with these attributes.

        Raises
        ------
        LookupError
            When there is none, or more than one.
        """
        rows = self.select(**parts).rows
        if len(rows) != 1:
            raise LookupError(f"{len(rows)} estimates with {parts}, expected one")
        return rows[0]

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Return one row a number, with `COLUMNS`; the plan's confidence level unless another is
        given.

        Bounds of a bootstrap, an inverted test or a declared range stay at the level at which they
        were worked out, and the column `level` says so.
        """
        records = [
            row.record(self.level if level is None else level, self.level) for row in self.rows
        ]
        return pd.DataFrame(records, columns=list(COLUMNS))

    def printed(self, level: float | None = None) -> pd.DataFrame:
        """Return `tidy` with `interval` and `p` as a reader sees them: text, in the unit of
        `displayed`.
        """
        level = self.level if level is None else level
        tests = ["" if row.p_value is None else display(row.p_value, "p") for row in self.rows]
        return self.tidy(level).assign(interval=[row.span(level) for row in self.rows], p=tests)


@dataclass(frozen=True)
class Check:
    """One diagnostic: what was looked at, what was found, and a sentence.

    Attributes
    ----------
    passed : bool or None
        None when it does not apply or was not assessed.
    statistic : float or None
    reason : str
        A sentence.
    refuses : bool
        True when a failure means that the question has no answer in these data.
    assessed : bool
        False when it did not look.
    undecides : bool
        True when a failure gives another word, so that the verdict is not decided.
    """

    plan: str
    check: str
    passed: bool | None
    reason: str
    statistic: float | None = None
    outcome: str = ""
    score: str = ""
    refuses: bool = False
    assessed: bool = True
    undecides: bool = False
    slugs: Slugs = field(default=PLAIN, repr=False, compare=False)

    @property
    def id(self) -> str:
        about = self.plan, self.outcome, self.score, "check", "", self.check
        return result_id(*about, slugs=self.slugs)

    @property
    def status(self) -> Status:
        """What came of it, in two words at most."""
        if self.passed is None:
            return "not applicable" if self.assessed else "not assessed"
        return "passed" if self.passed else "failed"

    @property
    def weight(self) -> Weight:
        """What a failure does to the verdict."""
        if self.refuses:
            return "refuses"
        table = weighed(self.check)
        harmless = self.passed is False and not self.undecides and table.otherwise
        return table.otherwise if harmless else table.weight

    @property
    def refused(self) -> bool:
        return self.refuses and self.passed is False

    @property
    def undecided(self) -> bool:
        return self.undecides and self.passed is False

    def record(self) -> dict[str, object]:
        statistic = (
            self.statistic if self.statistic is None or math.isfinite(self.statistic) else None
        )
        return {
            "id": self.id,
            "check": self.check,
            "outcome": self.outcome or None,
            "score": self.score or None,
            "passed": self.passed,
            "status": self.status,
            "weight": self.weight,
            "statistic": statistic,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class StudyResult:
    """The estimates and checks of one study."""

    rows: tuple[Estimate, ...] = ()
    checks: tuple[Check, ...] = ()

    def noted(self, note: str) -> StudyResult:
        """Return the same with a note added to every estimate."""
        return replace(self, rows=tuple(row.noted(note) for row in self.rows))


def joined(results: Iterable[StudyResult]) -> StudyResult:
    """Return the estimates and checks of several results in one, in their order."""
    results = list(results)
    return StudyResult(
        tuple(row for result in results for row in result.rows),
        tuple(check for result in results for check in result.checks),
    )


def told_apart(results: Iterable[StudyResult]) -> list[StudyResult]:
    """Return the same results, numbered where terms share a slug, so that no two have one id.

    A term that is its own slug keeps it (`pooled` beside a segment of that name), else the first.
    """
    results = list(results)
    rows = [row for result in results for row in result.rows]
    counts = Counter(row.id for row in rows)
    if len(counts) == len(rows):
        return results
    taken, numbers = set(counts), {}
    for name in [name for name, times in counts.items() if times > 1]:
        alike = [at for at, row in enumerate(rows) if row.id == name]
        own = [at for at in alike if rows[at].term == rows[at].slugs.of_term(rows[at].term)]
        for at in alike:
            if at != (own[-1] if own else alike[0]):
                numbers[at] = _free(rows[at], taken)
                taken.add(replace(rows[at], number=numbers[at]).id)
    every = iter(replace(row, number=numbers.get(at, 1)) for at, row in enumerate(rows))
    return [
        replace(result, rows=tuple(row for _, row in zip(result.rows, every, strict=False)))
        for result in results
    ]


def _free(row: Estimate, taken: set[str]) -> int:
    """Return the next number that makes a row's id one of its own."""
    return next(at for at in count(2) if replace(row, number=at).id not in taken)


def tidy_checks(checks: Iterable[Check]) -> pd.DataFrame:
    """Return one row a check."""
    return pd.DataFrame([check.record() for check in checks], columns=list(CHECK_COLUMNS))
