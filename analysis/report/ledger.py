"""The machine-readable record of every number a run produced."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import __version__
from analysis.data.disclosure import count_or_text, inert_table, plain_text
from analysis.errors import OutputError, listing, printable, shown_address
from analysis.plan import Plan
from analysis.plan.files import find_project, is_file, shipped_studies
from analysis.results.estimates import display, tidy_checks
from analysis.results.findings import Findings
from analysis.results.headline import headline, short_sentence
from analysis.results.sentence import verdict_sentence
from analysis.results.verdict import COLUMNS, Verdict

SCHEMA, RULE = 2, 2
"""Of the ledger's keys, and of the rule that made its words. Schema 1 had percent-encoded ids, and
rule 1 no deciding set."""
PACKAGES = (
    "score-audit",
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "scikit-learn",
    "matplotlib",
    "seaborn",
)


def verdict_record(findings: Findings, verdict: Verdict) -> dict[str, Any]:
    """Return one verdict under the ledger's keys, as plain data."""
    made = {
        "deciding": None if verdict.refused else verdict.deciding.id,
        "deciding_set": [member.record() for member in verdict.deciding_set],
        "reasons": list(verdict.reasons),
        "headline": headline(findings, verdict),
        "short": short_sentence(findings, verdict),
        "sentence": verdict_sentence(findings, verdict),
    }
    return {name: made[name] if name in made else getattr(verdict, name) for name in COLUMNS}


def _sesoi(findings: Findings, verdict: Verdict) -> dict[str, object]:
    """Return the smallest effect of interest of a verdict, as its sentence has it."""
    effect, high = verdict.deciding, verdict.band[1]
    shown = display(high, effect.unit).lstrip("+-")
    return {"unit": effect.unit, "scale": findings.plan.score.scale, "displayed": shown}


def verdicts_frame(findings: Findings) -> pd.DataFrame:
    """Return one row a verdict, with the ledger's keys as columns."""
    records = [verdict_record(findings, verdict) for verdict in findings.decided]
    return pd.DataFrame(records, columns=list(COLUMNS))


def ledger(findings: Findings, folder: Path | None = None) -> dict[str, Any]:
    """Return the whole ledger as plain data, ready for JSON.

    Only `environment` may differ between two runs of the same plan on the same data (and in
    `files` and `seal`, which `sealed` fills, what depends on it). With the result `folder`, it says
    where the plan lies from there, so that `verify` finds it.
    """
    plan, dataset = findings.plan, findings.dataset
    level = plan.inference.level
    drawn = {"simulated": True} if dataset.simulated else {}
    asked = {"quick": True} if plan.quick else {}
    record = {
        "schema": SCHEMA,
        "rule": RULE,
        "files": {},
        "plan": {
            "name": plan.name,
            "sha256": plan.sha256,
            "question": plan.question,
            **_stated(plan),
            "registered": plan.registered.model_dump(mode="json") if plan.registered else None,
            "sesoi": {verdict.id: _sesoi(findings, verdict) for verdict in findings.decided},
        },
        "dataset": {
            "address": shown_address(dataset.address),
            "sha256": dataset.sha256,
            "rows": dataset.rows,
            "rows_used": findings.sample.rows,
            "exclusions": {
                reason: count_or_text(count) for reason, count in findings.sample.exclusions.items()
            },
            **_described(findings),
            **drawn,
        },
        "environment": made_in() | asked | {"plan_file": _plan_file(findings, folder)},
        "estimates": [row.record(level) for row in findings.estimates],
        "checks": [check.record() for check in findings.checks],
        "verdicts": [verdict_record(findings, verdict) for verdict in findings.decided],
    }
    return record | {"digest": digest_of(record)}


def _stated(plan: Plan) -> dict[str, Any]:
    """Return what the plan states of its study: title, author, date, URL, DOI."""
    keys = ("title", "author", "date", "url", "doi")
    return {key: value for key in keys if (value := plan.model_dump(mode="json")[key])}


def _described(findings: Findings) -> dict[str, str]:
    """Return what the codebook says of the data: title, source, licence."""
    codebook = findings.dataset.codebook
    known = {key: getattr(codebook, key, "") for key in ("title", "source", "licence")}
    return {key: value for key, value in known.items() if value}


DIGESTED = ("schema", "rule", "plan", "dataset", "estimates", "checks", "verdicts")
"""The parts of a ledger that are results: two runs of a plan on the same data have the same."""


def digest_of(record: dict[str, Any]) -> str:
    """Return the SHA-256 of a ledger's results, whatever the order of its keys."""
    return _digest({key: record.get(key) for key in DIGESTED})


def seal_of(record: dict[str, Any]) -> str:
    """Return the SHA-256 of a whole ledger, of its environment and the hashes of files, too."""
    return _digest({key: value for key, value in record.items() if key != "seal"})


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


UNSEALED = ("ledger.json", "history.jsonl")
"""Files whose hash the ledger lacks: itself, and the list of runs, which every run lengthens."""


def sealed(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a ledger with the SHA-256 of every other file that a run has written into `folder`."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    written = [path for path in paths if path not in UNSEALED and (folder / path).is_file()]
    whole = record | {"files": {path: sha256_of(folder / path) for path in written}}
    return whole | {"seal": seal_of(whole)}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_json(record: dict[str, Any]) -> str:
    """Return JSON with numbers at `repr` precision; NaN and infinity are refused."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    return plain_text(text) + "\n"


def _plan_file(findings: Findings, folder: Path | None) -> str | None:
    """Return the plan's path from the result folder, or None for a plan that is not a file."""
    if findings.plan.path is None or folder is None:
        return None
    return Path(os.path.relpath(findings.plan.path, folder)).as_posix()


def made_in() -> dict[str, Any]:
    """Return what the run ran in: the only part of a ledger that may differ between two runs."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    versions["score-audit"] = __version__  # an environment may still call it as it was installed
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": versions,
        "commit": _commit(),
        "created": now.isoformat(),
    }


def _commit() -> str | None:
    """Return the checkout's commit, or None for an installed package."""
    root = shipped_studies()
    if root is None or not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def write_csv(findings: Findings, folder: Path) -> None:
    """Write verdicts, estimates, checks and the multiverse as CSV; cells that a spreadsheet would
    run become text.
    """
    verdicts = verdicts_frame(findings)
    frames = {
        "verdicts": verdicts.assign(reasons=verdicts["reasons"].map(" ".join)).map(_cell),
        "estimates": findings.estimates.tidy(),
        "checks": tidy_checks(findings.checks),
    }
    if findings.multiverse:
        frames |= {
            "specifications": findings.multiverse.table,
            "decisions": findings.multiverse.decisions,
        }
    for name, frame in frames.items():
        inert_table(frame).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


def _cell(value: object) -> object:
    """Return what a cell holds; lists and dicts as JSON."""
    nested = isinstance(value, (list, dict))
    return json.dumps(value, ensure_ascii=False) if nested else value


KEYS = {
    "schema": int,
    "plan": dict,
    "dataset": dict,
    "environment": dict,
    "estimates": list,
    "verdicts": list,
}
"""What a ledger has to hold, and of what type."""


def ledgers(results: Path) -> list[Path]:
    """Return the ledgers of a result folder, or of the folders in it."""
    ledger = results / "ledger.json"
    if ledger.is_file():
        return [ledger]
    if not os.path.isdir(results):  # nor a name no folder can have: glob fails from Python 3.13
        return []
    return sorted(
        path for path in results.glob("*/ledger.json") if not path.parent.name.startswith(".")
    )


def result_folder(
    folder: str | Path,
    *,
    results: str | Path = "results",
    asked: tuple[str, str] = ("verify", "DIR"),
) -> Path:
    """Return the folder with the ledger of a run: itself, or the one in `results` that has this
    name.

    Parameters
    ----------
    folder, results : path
    asked : tuple of str
        The command and its argument, for the refusal.

    Raises
    ------
    OutputError
        When neither has a ledger.
    """
    given = Path(folder)
    named = [Path(results) / given.name] if given.name == str(folder) else []
    for path in (given, *named):
        if is_file(path / "ledger.json"):
            return path
    written = sorted(
        {str(path.parent) for root in (given, Path(results)) for path in ledgers(root)}
    )
    study = given.name if named and _is_plan(given.name) else "movies"
    first = f"run `score-audit run {study}` first"
    allowed = "a folder with the ledger.json of a run" + (
        f": {listing(written)}" if written else f"; {first}"
    )
    hint = first[0].upper() + first[1:] + "." if written and named and study == given.name else ""
    raise OutputError(*asked, f"no ledger.json in {printable(given)}", allowed, hint)


def _is_plan(name: str) -> bool:
    roots = (find_project(), shipped_studies())
    return any(is_file(root / "plans" / f"{name}.toml") for root in roots if root is not None)


def read_ledger(path: Path, *, whole: bool = False) -> dict[str, Any]:
    """Return a ledger that was written before.

    Parameters
    ----------
    path : Path
    whole : bool
        Whether every row has to have what a citation needs, and an id of its own.

    Raises
    ------
    OutputError
        When the file is not a ledger.
    """
    try:
        ledger = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        found = f"{type(error).__name__}: {printable(error)}"
        raise OutputError(
            str(path), "the whole file", found, "a ledger.json that `run` wrote"
        ) from None
    found = _damage(ledger) or (_damaged_row(ledger) if whole else "")
    if not found and isinstance(ledger["dataset"].get("address"), str):
        ledger["dataset"]["address"] = shown_address(ledger["dataset"]["address"])  # it was whole
    if found:
        allowed = f"a ledger.json that `run` wrote, of schema 1 or {SCHEMA}"
        raise OutputError(str(path), "the whole file", found, allowed)
    return ledger


def _damage(ledger: Any) -> str:
    """Return what makes a file no ledger; "" where it is one."""
    if not isinstance(ledger, dict):
        return f"no usable {listing(list(KEYS))}"
    later = {"rule": int, "files": dict, "checks": list} if ledger.get("schema") == SCHEMA else {}
    kinds = {**KEYS, **later}
    lacks = [key for key, kind in kinds.items() if not isinstance(ledger.get(key), kind)]
    if lacks:
        return f"no usable {listing(lacks)}"
    if ledger["schema"] not in (1, SCHEMA) or ledger.get("rule", RULE) != RULE:
        return "another schema or rule"
    rows = [row for kind in ("estimates", "checks", "verdicts") for row in ledger.get(kind, [])]
    named = all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows)
    hashed = isinstance(ledger["plan"].get("name"), str) and "sha256" in ledger["dataset"]
    return "" if named and hashed else "rows without an id, or a plan without a name"


CITED = {
    "estimates": ("term", "method", "model", "scale", "estimate", "displayed", "n", "conf_low"),
    "verdicts": ("outcome", "score", "verdict", "corrected", "sentence"),
}
"""What a citation needs of a row."""


def _damaged_row(ledger: dict[str, Any]) -> str:
    """Return which row cannot be cited; "" where all can."""
    seen = set()
    for kind, keys in CITED.items():
        for row in ledger[kind]:
            if row["id"] in seen:
                return f"{printable(row['id'])} twice"
            if lacks := [key for key in keys if key not in row]:
                return f"{printable(row['id'])} without {listing(lacks)}"
            seen.add(row["id"])
    return ""
