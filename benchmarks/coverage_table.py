"""docs/coverage.md from coverage.jsonl: every figure in the text is read from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coverage_worlds import BY_NAME, LARGE, ONE_SIDED, World
from intervals import kind_of
from intervals import read as kinds_by_study
from noncentral import plain_rate
from scipy import stats

DEMANDED, POOR = 0.93, 0.90
DECIDES = {
    "increment": ("ols", "poisson", "gamma", "tweedie", "logit", "nb2", "hurdle"),
    "corrected": ("eiv", "calibration", "corrected-score"),
}
"""Models of the rows that decide a verdict: the plan's own model without a variant (for a logit its
margin).
"""
BOUND = ("equivalence", "delta_r2_bound")
LEFT = {
    (
        "prediction",
        "gain",
    ): "simulated in [prediction.md](prediction.md) (a refit of 100 folds a draw): .90 to .94",
    **{
        ("information", term): "simulated in [new_information.md](new_information.md)"
        for term in ("adequacy", "new_information")
    },
    **{
        ("scores", term): "coefficients of ordinary fits, as those of `increment` are"
        for term in ("SCORE", "common_factor")
    },
    **{
        ("calibration", term): "ordinary coefficients; the predictions are taken as they are"
        for term in ("intercept", "slope")
    },
    **{
        ("decision", term): "made as `gain` is, which is simulated in [decision.md](decision.md)"
        for term in (
            "gain",
            "gain_per_account",
            "gain_over_score_alone",
            "gain_over_random",
            "gain_over_all",
            "gain_over_none",
            "worth",
            "worth_simultaneous",
            "with_score",
            "without_score",
            "score_alone",
            "random",
            "all",
        )
    },
}
"""Rows with an interval that are not in the table, and why."""

HEAD = """# Do the printed intervals hold what they are about?

<!-- Written by benchmarks/interval_coverage.py from benchmarks/coverage.jsonl. Do not edit. -->

Simulated data; most draws were made when HC1 was the default for models other than least squares, and have those errors.
`python benchmarks/interval_coverage.py` repeats this (draws that are there are not drawn again). Which rows of a
ledger carry an interval was read off audits of every shipped plan and of {studies} simulated studies
(`benchmarks/intervals.py`); each such kind of row is in the table below, or in the list at its end. A world
draws a table whose truth is known, and the package's own functions say what an audit would print. The truth is a
declared parameter, or (marked *) what the same function says of a very large sample. All intervals are of 95 %.

* **coverage**: share of the intervals that hold the truth, with its exact 99 % binomial interval; samples without an
  interval are left out and counted (**none**). **below** and **above**: share of the intervals that lie wholly below or
  wholly above the truth. A fair interval has .025 in each.
* **decides**: whether a row of this kind can decide a verdict (the bootstrap-t interval only has a say under heavy tails,
  the corrected score where engagement is a curve of the score). Such intervals are asked for {demanded:.2f}. How often
  the whole rule passes a worthless score stands in [calibration.md](calibration.md), whole verdicts in
  [recovery.md](recovery.md), the out-of-sample gain in [prediction.md](prediction.md).
"""


@dataclass(frozen=True)
class Row:
    """One kind of interval in one world."""

    world: str
    key: str
    method: str
    term: str
    model: str
    variant: str
    held: int
    below: int
    above: int
    none: int
    large: bool

    @property
    def answered(self) -> int:
        return self.held + self.below + self.above

    @property
    def coverage(self) -> float:
        return self.held / self.answered if self.answered else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Exact binomial interval of 99 % of the coverage."""
        found = stats.binomtest(self.held, self.answered).proportion_ci(0.99)
        return float(found.low), float(found.high)

    @property
    def decides(self) -> bool:
        wanted = (
            "margin"
            if self.model in ("logit", "calibration") and self.world.endswith("renewals")
            else ""
        )
        return (
            self.model in DECIDES.get(self.method, ())
            and self.variant == wanted
            and self.term == "SCORE"
        )

    @property
    def name(self) -> str:
        return self.key + (" *" if self.large else "")


def rows_of(records: dict[str, dict[str, Any]]) -> Iterator[Row]:
    """Yield the rows in the order of the worlds."""
    for name, world in BY_NAME.items():
        for key, counts in records.get(name, {"counts": {}})["counts"].items():
            method, model, rest = key.split("/", 2)
            term, _, variant = rest.partition("@")
            if isinstance(world, World):
                segments = {term} if term.startswith("trade") else set()
                term, large = kind_of(world.read(), term, segments), world.truth.get(key) == LARGE
            else:
                term, large = term.replace(":likes", ":ENGAGEMENT"), False
            yield Row(
                name,
                key,
                method,
                term,
                model,
                variant,
                counts["held"],
                counts["below"],
                counts["above"],
                counts["none"],
                large,
            )


def render(records: dict[str, dict[str, Any]]) -> str:
    """Return the page."""
    everything = [row for row in rows_of(records) if row.answered]
    rows = [row for row in everything if _fair(row)]
    unfair = [row for row in everything if not _fair(row)]
    studies = sum(isinstance(world, World) for world in BY_NAME.values())
    parts = [HEAD.format(demanded=DEMANDED, studies=studies), _state(rows, records)]
    titles = dict.fromkeys(row.method for row in rows)
    for method in titles:
        parts += [
            f"## `{method}`\n",
            _table([row for row in rows if row.method == method], records),
        ]
    if unfair:
        parts += ["## Where a method cannot help\n", _unfair(unfair)]
    parts += ["## The worlds\n", _worlds(records), "## Not in the table\n", _left()]
    return "\n".join(parts)


def _fair(row: Row) -> bool:
    world = BY_NAME[row.world]
    return world.fair if isinstance(world, World) else True


def _unfair(rows: list[Row]) -> str:
    """Say how often flexible controls take a worthless score for one that adds."""
    passed = [
        f"`{row.model}` in {row.below + row.above} of {row.answered} samples"
        f" ({1 - row.coverage:.2f})"
        for row in rows
    ]
    return (
        "Flexible controls do not rescue noisy ones. With a reliability of .8, n = 1,000 and a"
        f" worthless score, an interval of 95 % excludes zero by {' and by '.join(passed)}. The"
        f" plain fit does so in {plain_rate(1000, 0.7, 0.5, 0.8):.2f} by theory. A test repeats"
        " this in small (`tests/test_flexible.py`).\n"
    )


def _state(rows: list[Row], records: dict[str, dict[str, Any]]) -> str:
    short = sorted(
        (row for row in rows if row.interval[1] < DEMANDED), key=lambda row: row.coverage
    )
    deciding = [row for row in rows if row.decides]
    fail = [row for row in deciding if row.interval[1] < DEMANDED]
    near = sum(row.coverage < DEMANDED for row in deciding) - len(fail)
    missing = [
        world.name
        for world in BY_NAME.values()
        if records.get(world.name, {"draws": 0})["draws"] < world.draws
    ]
    lines = [
        "## Where it stands\n",
        (
            f"{len(rows)} intervals in {len(records)} worlds. Of the {len(deciding)} that can"
            f" decide a verdict, {len(fail)} cover less than {DEMANDED} beyond chance; {near} more"
            " have a share below it that so few samples cannot tell from it."
            f" {sum(row.coverage < POOR for row in rows)} of all cover less than {POOR:.2f}. Short"
            f" of {DEMANDED} beyond chance (their 99 % interval lies below it), the worst first:\n"
        ),
        *[
            f"* `{row.key}` in `{row.world}`: **{row.coverage:.3f}** [{row.interval[0]:.3f},"
            f" {row.interval[1]:.3f}]{', can decide' if row.decides else ''}."
            for row in short
        ],
    ]
    if any(row.term == "prediction_interval" for row in short):
        lines.append(
            "\nThe range for a new segment rests on an estimate of the variance between segments"
            " that is often zero; the report says that it holds less often than its level says"
            " where segments hardly differ."
        )
    if missing:
        none = ", ".join(name for name in missing if name not in records)
        undrawn = f" Of these not drawn at all: {none}." if none else ""
        lines.append(f"\nNot at their full number of draws yet: {len(missing)} worlds.{undrawn}")
    return "\n".join(lines) + "\n"


def _table(rows: list[Row], records: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| row | world | samples | none | coverage | below | above | decides |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        low, high = row.interval
        below, above = row.below / row.answered, row.above / row.answered
        lines.append(
            f"| `{row.key}`{' *' if row.large else ''} | {row.world} |"
            f" {records[row.world]['draws']:,} | {row.none:,} | {row.coverage:.3f} [{low:.3f},"
            f" {high:.3f}] | {below:.3f} | {above:.3f} | {'yes' if row.decides else 'no'} |"
        )
    note = (
        f"\n`{ONE_SIDED}` is an upper bound: it holds what lies below it.\n"
        if rows[0].method == "equivalence"
        else ""
    )
    return "\n".join(lines) + "\n" + note


def _worlds(records: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, world in BY_NAME.items():
        if name in records:
            rows = f"; {world.n:,} rows or units" if isinstance(world, World) else ""
            lines.append(f"* **{name}**: {world.says}{rows}; {records[name]['draws']:,} draws.")
    return "\n".join(lines) + "\n"


def _left() -> str:
    """Name the rows with an interval that are not simulated, and the rows without one."""
    studies = kinds_by_study().values()
    have = {tuple(kind) for study in studies for kind in study["interval"]}
    lack = sorted({tuple(kind) for study in studies for kind in study["none"]} - have - {BOUND})
    by_method: dict[str, list[str]] = {}
    for method, term in lack:
        by_method.setdefault(method, []).append(f"`{term}`")
    return (
        "\n".join(
            [
                *[f"* `{method}`, `{term}`: {why}." for (method, term), why in LEFT.items()],
                (
                    "* A declared reliability (`reliability/declared`) is printed with the range"
                    " that the plan declares; that is no estimate."
                ),
                (
                    "* The specifications of a multiverse have the intervals of `increment` and"
                    " `corrected`."
                ),
                (
                    "\nPrinted without an interval, so that there is nothing to simulate here"
                    " (tests, bounds, and numbers that are translations of others):\n"
                ),
                *[f"* `{method}`: {', '.join(terms)}." for method, terms in by_method.items()],
            ]
        )
        + "\n"
    )
