"""Is every edit of a result folder seen? Random ones, and ones whose author sealed the ledger again.

    python benchmarks/edits.py                 5,000 edits of the folders of three studies
    python benchmarks/edits.py --edits 200     fewer
    python benchmarks/edits.py --show          print those that went unseen

An edit changes one thing in one file: a character that one can read, a cell, a number, a key, a
row doubled, cut or moved, a pixel's byte. Half of the time its author then writes the file's new
hash into the ledger, and gives the ledger the digest and the seal of what it now says.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from analysis.report.comparison import compare_files, compare_ledgers
from analysis.report.folder import fill, history_entry, read_history, sealed_files, written_by_a_run
from analysis.report.ledger import (
    digest_of,
    ledger,
    read_ledger,
    seal_of,
    sha256_of,
    to_json,
)
from analysis.report.rewriting import compare_seals, compare_written
from analysis.report.verification import apart

RESULTS = Path(__file__).with_suffix(".jsonl")
PLANS = ("movies", "lending", "ebay")
EDITS, SEED = 5000, 16


def studies(plans: tuple[str, ...], base: Path) -> list[tuple[Path, Path, dict[str, Any]]]:
    """Return for each study its folder, the folder written again, and its ledger computed anew."""
    from analysis.audit import analyse
    from analysis.report.folder import write_results

    made = []
    for plan in plans:
        findings = analyse(plan)
        folder = write_results(findings, base / plan / "results")
        made.append((folder, *written_again(findings, folder, base / plan / "fresh")))
    return made


def written_again(findings: Any, folder: Path, fresh: Path) -> tuple[Path, dict[str, Any]]:
    """Write a study's folder again, as `verify` does, and return it and the ledger computed anew."""
    fresh.mkdir()
    old = read_ledger(folder / "ledger.json")
    record = ledger(findings) | {"environment": old["environment"]}
    fill(findings, fresh, record, read_history(folder))
    entry = history_entry(findings, record)
    (fresh / "entry.json").write_text(json.dumps(entry), "utf-8")
    return fresh, record


def seen(folder: Path, fresh: Path, record: dict[str, Any]) -> bool:
    """Return whether `verify` would find a difference: its comparisons, without computing again."""
    from analysis.errors import OutputError

    try:
        old = read_ledger(folder / "ledger.json")
    except OutputError:
        return True
    entry = json.loads((fresh / "entry.json").read_text("utf-8"))
    history = read_history(folder)
    if not history or any(apart(history[-1], entry)):
        return True
    lines = [*compare_ledgers(old, record).lines, *compare_seals(old, folder)]
    lines += [*compare_files(old, folder)]
    lines += [*compare_written(old["environment"], folder, fresh, exact=True)]
    return not all(line.ok for line in lines)


# --- edits ----------------------------------------------------------------------------------------


def edit(rng: np.random.Generator, folder: Path) -> str:
    """Change one thing in one file of a folder, and return what."""
    names = [path for path in written_by_a_run(folder) if path.as_posix() != "history.jsonl"]
    name = names[int(rng.integers(len(names)))]
    if rng.random() < 0.3:
        name = Path("ledger.json")
    if name.name == "ledger.json":
        what = _edit_ledger(rng, folder / name)
    elif name.suffix in (".png", ".docx"):
        what = _edit_bytes(rng, folder / name)
    elif name.suffix == ".csv" and rng.random() < 0.5:
        what = _edit_rows(rng, folder / name)
    else:
        what = _edit_text(rng, folder / name)
    if rng.random() < 0.5:
        _reseal(folder)
        what += ", sealed again"
    return f"{name.as_posix()}: {what}"


def _reseal(folder: Path) -> None:
    """Give the ledger the hashes, digest and seal of what now stands there."""
    path = folder / "ledger.json"
    try:
        record = json.loads(path.read_text("utf-8"))
        record["files"] = {name: sha256_of(folder / name) for name in sealed_files(folder)}
        record["digest"] = digest_of(record)
        record["seal"] = seal_of(record)
        path.write_text(to_json(record), "utf-8")
    except (ValueError, TypeError, KeyError, AttributeError):
        return


def _edit_bytes(rng: np.random.Generator, path: Path) -> str:
    content = bytearray(path.read_bytes())
    at = int(rng.integers(len(content)))
    content[at] ^= int(rng.integers(1, 256))
    path.write_bytes(bytes(content))
    return f"byte {at}"


def _edit_text(rng: np.random.Generator, path: Path) -> str:
    text = path.read_text("utf-8")
    places = [at for at, char in enumerate(text) if char.isalnum()]
    at = places[int(rng.integers(len(places)))]
    other = str(rng.choice([char for char in "0123456789abcXYZ" if char != text[at]]))
    way = int(rng.integers(3))
    new = (
        text[:at] + other + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + other + text[at:],
    )
    path.write_text(new[way], "utf-8")
    return ("a character changed", "a character cut", "a character put in")[way]


def _edit_rows(rng: np.random.Generator, path: Path) -> str:
    lines = path.read_text("utf-8").splitlines(keepends=True)
    at = int(rng.integers(1, len(lines))) if len(lines) > 1 else 0
    way = int(rng.integers(3))
    if way == 0:
        lines.insert(at, lines[at])
    elif way == 1 or len(lines) < 3:
        del lines[at]
    else:
        other = 1 + at % (len(lines) - 1)
        if lines[at] == lines[other]:
            lines.insert(at, lines[at])
        lines[at], lines[other] = lines[other], lines[at]
    path.write_text("".join(lines), "utf-8")
    return ("a row doubled", "a row cut", "two rows exchanged")[way]


def _edit_ledger(rng: np.random.Generator, path: Path) -> str:
    record = json.loads(path.read_text("utf-8"))
    kinds = ("estimates", "checks", "verdicts")
    way = int(rng.integers(5))
    kind = str(rng.choice(kinds))
    rows = record[kind]
    at = int(rng.integers(len(rows)))
    if way == 0:
        what = _edit_value(rng, rows[at])
    elif way == 1:
        rows.insert(0, dict(rows[at]))
        what = "a row doubled"
    elif way == 2:
        del rows[at]
        what = "a row cut"
    elif way == 3:
        part = record[str(rng.choice(["plan", "dataset"]))]
        what = _edit_value(rng, part)
    else:
        key = str(rng.choice([key for key in record if key not in ("files", "digest", "seal")]))
        del record[key]
        what = f"{key} cut"
    path.write_text(to_json(record), "utf-8")
    return what


def _edit_value(rng: np.random.Generator, row: dict[str, Any]) -> str:
    key = str(rng.choice([*row]))
    value = row[key]
    if rng.random() < 0.3:
        del row[key]
    elif isinstance(value, bool) or value is None:
        row[key] = "yes" if value is None else not value
    elif isinstance(value, (int, float)):
        row[key] = value * 1.5 + 1
    else:
        row[key] = f"{value}x" if isinstance(value, str) else []
    if row.get(key, ...) == value:
        row[key] = "another"
    return f"{key} changed"


def run(edits: int, made: list[tuple[Path, Path, dict[str, Any]]], *, show: bool) -> dict[str, Any]:
    """Return how many edits were seen, by file, and whether an untouched folder was flagged."""
    caught, missed = Counter(), []
    flagged = [folder.parent.name for folder, *again in made if seen(folder, *again)]
    with tempfile.TemporaryDirectory() as name:
        for number in range(edits):
            folder, fresh, record = made[number % len(made)]
            copy = Path(name) / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            what = edit(np.random.default_rng((SEED, number)), copy)
            if seen(copy, fresh, record):
                caught[what.partition(":")[0]] += 1
            else:
                missed.append(what)
                if show:
                    print(f"unseen: {folder.parent.name}/{what}")
    return {
        "edits": edits,
        "caught": sum(caught.values()),
        "missed": missed,
        "flagged": flagged,
        "files": dict(sorted(caught.items())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--edits", type=int, default=EDITS)
    parser.add_argument("--show", action="store_true", help="print those that went unseen")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        record = run(options.edits, studies(PLANS, Path(base)), show=options.show)
    print(json.dumps(record, indent=1))
    if options.edits >= EDITS:
        RESULTS.write_text(json.dumps(record) + "\n", "utf-8")


if __name__ == "__main__":
    main()
