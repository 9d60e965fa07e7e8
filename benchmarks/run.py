"""Time the package beside its peers: ``make bench``, or ``python benchmarks/run.py [--only
PART,PART]``.

Every part runs in a process of its own. The rows go to benchmarks/results.json, and from there (and
from nowhere else) into docs/benchmarks.md and docs/growth.svg. With --only, the other parts keep
the rows they had.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PARTS = {
    "curve": "bench_curve",
    "multiverse": "bench_multiverse",
    "resampling": "bench_resampling",
    "poisson": "bench_poisson",
    "cold": "bench_cold",
    "audit": "bench_audit",
    "engine": "engine_rows",
    "network": "bench_network",
    "growth": "growth",
}
FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Where set, they choose another kernel than a user would get."""
REQUIRED = (
    "part",
    "work",
    "peer",
    "ours_s",
    "peer_s",
    "ratio",
    "goal",
    "max_rel_diff",
    "n",
    "runs",
    "kernel",
    "threads",
    "extrapolated",
    "load",
)
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "scikit-learn",
    "pyfixest",
    "wildboottest",
    "glum",
    "specification-curve",
    "duckdb",
    "ibis-framework",
    "networkx",
    "numba",
)


def run_part(name: str, *, quick: bool, out: Path) -> None:
    """Run one part in this process."""
    sys.path[:0] = [str(HERE), str(ROOT)]
    from harness import Bench

    bench = Bench(name, quick=quick, out=out)
    importlib.import_module(PARTS[name]).run(bench)
    bench.save()


def start_part(name: str, *, quick: bool, folder: Path) -> dict[str, Any]:
    """Run one part in a process of its own; where it fails, the rows before that stand."""
    out = folder / f"{name}.json"
    command = [
        sys.executable,
        str(HERE / "run.py"),
        "--part",
        name,
        *(["--quick"] if quick else []),
        "--out",
        str(out),
    ]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    clean = {key: value for key, value in os.environ.items() if key not in FOREIGN} | {
        "PYTHONPATH": path
    }
    run = subprocess.run(command, cwd=ROOT, env=clean, check=False)
    found = {"rows": [], "skipped": [], "growth": []}
    if out.exists():
        found = json.loads(out.read_text(encoding="utf-8"))
    return found | ({"failed": name} if run.returncode else {})


def machine() -> dict[str, Any]:
    """What the times depend on, without anything that names the machine."""
    cpu = platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu
        )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := version_of(name))},
    }


def version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def merge(old: dict[str, Any], new: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The old results with the parts that were run anew in place of their own."""
    order = list(PARTS)
    merged: dict[str, Any] = {}
    for key in ("rows", "skipped"):
        kept = [row for row in old.get(key, []) if row["part"] not in new]
        rows = kept + [row for found in new.values() for row in found[key]]
        merged[key] = sorted(rows, key=lambda row: order.index(row["part"]))
    merged["failed"] = sorted(
        {name for name in old.get("failed", []) if name not in new}
        | {found["failed"] for found in new.values() if "failed" in found}
    )
    merged["growth"] = new["growth"]["growth"] if "growth" in new else old.get("growth", [])
    merged |= {key: old[key] for key in ("profiles",) if key in old}  # of profiles.py
    days = old.get("days", {}) | dict.fromkeys(new, date.today().isoformat())
    merged["days"] = {name: days[name] for name in order if name in days}
    return merged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small data, to see that it runs: the times mean nothing",
    )
    parser.add_argument("--only", default="", help="parts, with commas: " + ", ".join(PARTS))
    parser.add_argument("--folder", type=Path, help="write results.json and the docs here")
    parser.add_argument(
        "--docs", action="store_true", help="time nothing, write the docs from the stored results"
    )
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        run_part(asked.part, quick=asked.quick, out=asked.out)
        return 0
    names = [name for name in asked.only.split(",") if name] or list(PARTS)
    if unknown := set(names) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if asked.docs:
        redraw()
        return 0
    if asked.quick and not asked.folder:
        parser.error("--quick needs --folder: its times are not for the docs")
    results, docs = (asked.folder, asked.folder) if asked.folder else (HERE, ROOT / "docs")
    return write(names, asked.quick, results / "results.json", docs)


def redraw() -> None:
    sys.path[:0] = [str(HERE), str(ROOT)]
    from report import write_docs

    write_docs(json.loads((HERE / "results.json").read_text(encoding="utf-8")), ROOT / "docs")


def write(names: list[str], quick: bool, results: Path, docs: Path) -> int:
    sys.path[:0] = [str(HERE), str(ROOT)]
    from report import write_docs

    old = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    with TemporaryDirectory() as folder:
        new = {name: start_part(name, quick=quick, folder=Path(folder)) for name in names}
    here = machine()
    here["packages"] = (
        old.get("machine", {}).get("packages", {}) | here["packages"]
    )  # of parts not run anew
    merged = {"quick": quick, "machine": here} | merge(old, new)
    for place in (results.parent, docs):
        place.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_docs(merged, docs)
    failed = [name for name, found in new.items() if "failed" in found]
    print(
        f"\n{results}\n{docs / 'benchmarks.md'}"
        + (f"\nfailed: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
