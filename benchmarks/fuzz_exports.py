"""Files as other programs export them, by the thousand: told of, or read as they are.

    python benchmarks/fuzz_exports.py --count 10000 --seed 1

Each input is a table of 200 shops on which one thing was done that real exports do: a line before
the header, a total below, a code for a missing value, labels of codes, rows pasted twice, and so
on. What adds rows or values that are no observation has to be refused, be left out, or be a failed
check; whatever is read has to be the table's own numbers; nothing may end in a traceback. The n-th
input depends on the seed and n alone.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fuzz import commit

from analysis.audit import Inspection, check
from analysis.errors import AnalysisError

ROWS = 200
RECORD = Path(__file__).resolve().with_suffix(".jsonl")
NUMBERS = ("klout", "likes", "revenue")
CODES = (999, 9999, 99999, -9, -99, -999)
TOTALS = ("Total", "TOTAL", "Gesamt", "Summe", "Sum", "Grand total", "Subtotal", "All")
UNITS = {"klout": "points", "likes": "count", "revenue": "USD"}
ERRORS = ("#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!")
SPACES = ("\u202f", "\u00a0", "'", "’", " ")


@dataclass(frozen=True, eq=False)
class Export:
    """One file: what it holds, what of it is true, and whether something has to be told.

    Attributes
    ----------
    cells : list of list of str
        Header first.
    told : bool
        Whether something in it is no observation.
    lines : str
        What a plan says beside.
    before : str
        Text in front of the header.
    separator : str
    suffix : str
    labels : dict
        Of codes of the country, for Stata and SPSS.
    levels : tuple of str
        Terms that the equation has to have.
    rounded : bool
        Whether numbers are other ones on purpose; nothing may be refused then.
    """

    cells: list[list[str]]
    told: bool = False
    lines: str = ""
    before: str = ""
    separator: str = ","
    suffix: str = "csv"
    labels: dict[int, str] | None = None
    levels: tuple[str, ...] = ()
    rounded: bool = False


def table(rng: np.random.Generator) -> pd.DataFrame:
    """Return shops whose sales follow likes and score."""
    talent = rng.normal(size=ROWS)
    likes = np.floor(np.exp(3.5 + 0.6 * talent + 0.5 * rng.normal(size=ROWS))).astype(int)
    klout = (50 + 6 * talent + 8 * rng.normal(size=ROWS)).round(2)
    revenue = np.exp(4 + 0.5 * talent + 0.7 * rng.normal(size=ROWS)).round(2)
    country = rng.choice([1, 2, 3, 4], ROWS)
    return pd.DataFrame(
        {
            "id": [f"s{i:04d}" for i in range(ROWS)],
            "klout": klout,
            "likes": likes,
            "revenue": revenue,
            "country": country,
        }
    )


def plain(frame: pd.DataFrame) -> Export:
    """Return the table as it is, its country as a word."""
    words = frame.assign(country=[f"land {code}" for code in frame["country"]])
    return Export([list(words), *([str(cell) for cell in row] for row in words.to_numpy())])


# --- what exports do ------------------------------------------------------------------------------


def preamble(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    titles = ["Report of shops", "Exported 2026-11-30", "", "Account: demo", "All regions"]
    lines = [titles[at] for at in sorted(rng.choice(5, rng.integers(1, 4), replace=False))]
    return replace(one, before="\n".join(lines) + "\n")


def sep_line(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    mark = (";", ",", "\t")[rng.integers(3)]
    return replace(one, before=f"sep={mark}\n", separator=mark)


def index_column(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    head, *rows = one.cells
    return replace(one, cells=[["", *head], *([str(at), *row] for at, row in enumerate(rows))])


def last_column(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    return replace(one, cells=[[*row, ""] for row in one.cells])


def unit_row(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    head, *rows = one.cells
    return replace(one, cells=[head, [UNITS.get(name, "") for name in head], *rows], told=True)


def total_row(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    total = frame[list(NUMBERS)].sum() if rng.random() < 0.7 else frame[list(NUMBERS)].mean()
    row = [TOTALS[rng.integers(len(TOTALS))], *(f"{total[name]:.2f}" for name in NUMBERS), ""]
    at = len(one.cells) if rng.random() < 0.7 else 1
    return replace(one, cells=[*one.cells[:at], row, *one.cells[at:]], told=True)


def subtotal(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    """Below or above a block of up to 160 rows stands its sum, with and without a name for it."""
    first, many = int(rng.integers(0, 40)), int(rng.integers(10, 160))
    block = frame[list(NUMBERS)].iloc[first : first + many].sum()
    name = TOTALS[rng.integers(len(TOTALS))] if rng.random() < 0.5 else "s9999"
    row = [name, *(f"{block[number]:.2f}" for number in NUMBERS), ""]
    at = 1 + first + (many if rng.random() < 0.7 else 0)
    return replace(one, cells=[*one.cells[:at], row, *one.cells[at:]], told=True)


def ties(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    """Scores and likes of few levels, many of them the same: nothing is wrong with that."""
    head, *rows = one.cells
    at = [head.index(name) for name in ("klout", "likes")]
    cells = [list(row) for row in rows]
    for column, step in zip(at, (rng.integers(2, 12), rng.integers(2, 40)), strict=True):
        for row in cells:
            row[column] = str(int(step * round(float(row[column]) / step)))
    return replace(one, cells=[head, *cells], rounded=True)


def missing_code(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    """A code below zero or above three times the largest value, in two to nine rows."""
    name = NUMBERS[rng.integers(3)]
    far = [code for code in CODES if code < 0 or code > 3 * frame[name].max()]
    at, code = one.cells[0].index(name), far[rng.integers(len(far))]
    cells = [list(row) for row in one.cells]
    for row in rng.choice(ROWS, rng.integers(2, 10), replace=False):
        cells[row + 1][at] = str(code)
    return replace(one, cells=cells, told=True)


def error_cell(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    at = one.cells[0].index(NUMBERS[rng.integers(3)])
    cells = [list(row) for row in one.cells]
    cells[rng.integers(1, ROWS + 1)][at] = ERRORS[rng.integers(len(ERRORS))]
    return replace(one, cells=cells, told=True)


def copies(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    head, *rows = one.cells
    start, many = int(rng.integers(0, ROWS // 2)), int(rng.integers(10, 60))
    pasted = [[f"c{at:04d}", *row[1:]] for at, row in enumerate(rows[start : start + many])]
    return replace(one, cells=[head, *rows, *pasted], told=True)


def thousands(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    at, mark = one.cells[0].index("likes"), SPACES[rng.integers(len(SPACES))]
    cells = [list(row) for row in one.cells]
    for row in cells[1:]:
        row[at] = f"{int(row[at]) * 1000:,}".replace(",", mark)
    return replace(one, cells=cells)


def labelled(one: Export, frame: pd.DataFrame, rng: np.random.Generator) -> Export:
    """Codes with labels, in a file that says so: one indicator for each but one."""
    labels = {1: "north", 2: "east", 3: "south", 4: "west"}
    suffix = ("dta", "parquet")[rng.integers(2)]
    control = '[controls]\ncolumns = ["country"]\n'
    levels = ("country[north]", "country[south]", "country[west]")
    return replace(one, suffix=suffix, labels=labels, lines=control, levels=levels)


KINDS: dict[str, Callable[[Export, pd.DataFrame, np.random.Generator], Export]] = {
    "preamble": preamble,
    "sep line": sep_line,
    "index column": index_column,
    "empty last column": last_column,
    "unit row": unit_row,
    "total row": total_row,
    "subtotal": subtotal,
    "ties": ties,
    "code for a missing value": missing_code,
    "error cell": error_cell,
    "pasted copies": copies,
    "thousands": thousands,
    "labels": labelled,
}


# --- files ----------------------------------------------------------------------------------------


def write(one: Export, frame: pd.DataFrame, folder: Path, rng: np.random.Generator) -> Path:
    """Write the file and its plan; return the plan's path."""
    path = folder / f"shops.{one.suffix}"
    if one.labels:
        _with_labels(one.labels, frame, path)
    else:
        lines = "\n".join(one.separator.join(row) for row in one.cells)
        path.write_text(one.before + lines + "\n", encoding="utf-8")
    row = 'row = "id"\n' if rng.random() < 0.5 else ""
    kind = ("revenue", "continuous")[rng.integers(2)]
    plan = folder / "study.toml"
    plan.write_text(
        f'name = "fuzz"\nquestion = "?"\ndataset = "{path.name}"\nquick = true\n{row}'
        f'[score]\ncolumns = ["klout"]\n[engagement]\ncolumns = ["likes"]\n{one.lines}'
        f'[[outcome]]\ncolumn = "revenue"\nkind = "{kind}"\nsesoi = 0.05\n',
        encoding="utf-8",
    )
    return plan


def _with_labels(labels: dict[int, str], frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".dta":
        frame.to_stata(path, write_index=False, value_labels={"country": labels})
    else:
        words = pd.Categorical([labels[code] for code in frame["country"]])
        frame.assign(country=words).to_parquet(path)


# --- what has to hold -----------------------------------------------------------------------------


def judged(one: Export, frame: pd.DataFrame, found: Inspection) -> str:
    """Return what is wrong with an inspection that was not refused; empty where nothing is."""
    failed = any(item.passed is False for item in found.checks)
    terms = [term for listed in found.terms.values() for term in listed]
    lacking = [level for level in one.levels if level not in terms]
    if lacking:
        return f"no term {lacking[0]}: {terms}"
    if one.rounded:
        return f"refused: {found.refusals[0].check}" if found.refusals else ""
    for name in NUMBERS:
        values = pd.Series(np.asarray(found.sample.frame[name], dtype=float))
        by = 1000 if one.told is False and values.median() > 500 * frame[name].median() else 1
        foreign = values[~values.isin(by * frame[name].astype(float))]
        if len(foreign) and not (one.told and failed):
            return f"{name} holds {foreign.iloc[0]!r}, and nothing is said"
    if len(found.sample.frame) > ROWS and not failed:
        return f"{len(found.sample.frame)} rows, and nothing is said"
    return ""


def attempt(seed: int, number: int, folder: Path) -> tuple[str, str]:
    """Return the kind of the n-th input, and how it ended."""
    rng = np.random.default_rng([seed, number])
    name = list(KINDS)[rng.integers(len(KINDS))]
    frame = table(rng)
    one = KINDS[name](plain(frame), frame, rng)
    plan = write(one, frame, folder, rng)
    try:
        found = check(plan)
    except AnalysisError as error:
        return name, "error" if str(error).strip() else "wrong: an empty message"
    except Exception:
        return name, "traceback: " + traceback.format_exc()
    wrong = judged(one, frame, found)
    failed = any(item.passed is False for item in found.checks)
    return name, f"wrong: {wrong}" if wrong else "failed check" if failed else "result"


def run(count: int, seed: int, start: int = 1) -> dict[str, Any]:
    """Try the inputs `start` to `count`; return how many of which kind ended how."""
    kinds: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    failures, began = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(start, count + 1):
            name, end = attempt(seed, number, Path(folder))
            kinds[name][end.partition(":")[0]] += 1
            if ":" in end:
                failures.append(f"seed {seed}, no. {number}, {name}: {end}")
                print(failures[-1], file=sys.stderr, flush=True)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "seed": seed,
        "first": start,
        "inputs": count - start + 1,
        "by_kind": {kind: dict(sorted(kinds[kind].items())) for kind in sorted(kinds)},
        "failures": [one.partition(": ")[0] for one in failures],
        "seconds": round(time.perf_counter() - began),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--part", type=int, default=500, help="inputs a line of the record")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", type=int, default=1, dest="start")
    parser.add_argument("--record", type=Path, default=RECORD)
    said = parser.parse_args()
    failures = 0
    for first in range(said.start, said.count + 1, said.part):
        found = run(min(first + said.part - 1, said.count), said.seed, first)
        failures += len(found["failures"])
        with said.record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        for kind, ends in found["by_kind"].items():
            print(f"{kind}: {ends}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
