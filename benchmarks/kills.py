"""Kill a run at random moments: the folder is the old one or the new one, never a mixture.

python benchmarks/kills.py 50
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis.report.ledger import read_ledger, sha256_of

PLAN = """
name = "{name}"
question = "Does it hold when it is killed?"
dataset = "simulated:creators?seed={seed}&n=300"
quick = true
[score]
columns = ["klout"]
[engagement]
columns = ["likes"]
[[outcome]]
column = "revenue"
kind = "revenue"
sesoi = {sesoi}
"""


def is_whole(folder: Path) -> bool:
    """Return whether every file of a result folder is the one that its ledger names."""
    files = read_ledger(folder / "ledger.json")["files"]
    return all(sha256_of(folder / name) == known for name, known in files.items())


def main(kills: int) -> None:
    """Print how many runs were killed, how many had already written, and how many folders hold."""
    rng = random.Random(20261130)
    root = Path(tempfile.mkdtemp(prefix="score-audit-kills-"))
    command = [sys.executable, "-m", "analysis.cli", "run", "plan.toml"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": root}
    plan, folder = root / "plan.toml", root / "results" / "killed"
    plan.write_text(PLAN.format(name="killed", seed=1, sesoi=0.05))
    begin = time.monotonic()
    subprocess.run(command, check=True, **quiet)
    whole = time.monotonic() - begin
    new = 0
    for kill in range(kills):
        before = sha256_of(folder / "ledger.json")
        plan.write_text(PLAN.format(name="killed", seed=kill + 2, sesoi=0.05))
        run = subprocess.Popen(command, start_new_session=True, **quiet)
        # half of the kills at any moment, half where the folder is written
        time.sleep(rng.uniform(0, whole) if kill % 2 else rng.uniform(0.7, 1.05) * whole)
        run.kill()
        run.wait()
        new += sha256_of(folder / "ledger.json") != before
        if not is_whole(folder):
            sys.exit(f"kill {kill}: a mixture in {folder}")
    subprocess.run(command, check=True, **quiet)
    left = sorted(set(os.listdir(folder.parent)) - {"killed"})
    print(f"{kills} kills: {new} had written, {kills - new} had not, every folder whole")
    print(f"left beside the folder after one more run: {left or 'nothing'}")
    shutil.rmtree(root)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
