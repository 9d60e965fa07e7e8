"""Is a result folder what its plan and data give? It is written again and compared by file."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from analysis.errors import OutputError
from analysis.report.article.text import read_text
from analysis.report.comparison import compare_files
from analysis.report.folder import fill, history_entry, read_history, sealed_files
from analysis.report.ledger import (
    digest_of,
    made_in,
    seal_of,
    sha256_of,
    to_json,
)
from analysis.report.replication.crate import CRATE
from analysis.report.verification import MOVED, Line, Record, apart, line_of
from analysis.results.findings import Findings

PICTURES = (".png", ".svg")
MADE_IN = {"python": str, "packages": dict, "created": str}
"""What a ledger has to say of its environment so that the folder can be written again."""


def compare_folder(old: Record, new: Record, findings: Findings, folder: Path) -> Iterator[Line]:
    """Yield how a result folder compares with what its plan and data give today.

    Parameters
    ----------
    old : mapping
        The folder's ledger, as it was read.
    new : mapping
        The one computed anew.
    findings : Findings
        Of its plan and data.
    folder : Path

    Notes
    -----
    The ledger's digest and seal are worked out anew, files are compared with the hashes in the
    ledger, and the whole folder is written again with the environment and the history that it
    names. Where package versions, Python and platform are the same, every file has to be the same
    byte for byte (digits that nobody sees apart, where another processor made them); where they are
    not, the visible text is compared, and pictures by their hashes alone.
    """
    yield from compare_seals(old, folder)
    hashed = [*compare_files(old, folder)]
    wrong = {line.what for line in hashed if not line.ok}
    alone = not sealed_files(folder)
    environment = old["environment"]
    if alone or any(not isinstance(environment.get(key), kind) for key, kind in MADE_IN.items()):
        yield from hashed
        if not alone:
            yield Line("environment", "differs", "it does not say what the run was made in")
        return
    with tempfile.TemporaryDirectory(prefix="score-audit-") as name:
        fresh = Path(name)
        record = dict(new) | {"environment": environment}
        history = read_history(folder)
        yield from _compare_history(history, history_entry(findings, record))
        history = history or [history_entry(findings, record)]
        fill(findings, fresh, record, history, described=folder)
        exact = digest_of(old) == record["digest"]
        yield from compare_written(environment, folder, fresh, exact=exact, skip=wrong)
        yield from (line for line in hashed if line.what in wrong)


def compare_seals(old: Record, folder: Path) -> Iterator[Line]:
    """Yield whether a ledger has its own digest and seal, and is written as a run writes it."""
    for key, made in (("digest", digest_of), ("seal", seal_of)):
        told = "" if old.get(key) == made(old) else "the ledger was changed after it was written"
        yield Line(f"the ledger's {key}", "differs" if told else "same", told)
    if (folder / "ledger.json").read_text("utf-8") != to_json(dict(old)):
        yield Line("ledger.json", "differs", "its text is not as a run writes it")


def _compare_history(history: list[dict], today: dict) -> Iterator[Line]:
    """Yield whether the last run that is listed is the one that the ledger is of."""
    if not history:
        yield Line("history.jsonl", "differs", "the run is not in it")
        return
    yield line_of("history.jsonl", *apart(history[-1], today))


def compare_written(
    environment: Record, folder: Path, fresh: Path, *, exact: bool, skip: set[str] = frozenset()
) -> Iterator[Line]:
    """Yield how the files of a folder compare with those written again.

    Parameters
    ----------
    environment : mapping
        Of the ledger: where versions and platform are not the present ones, only visible text is
        compared.
    folder, fresh : Path
        The result folder, and one that was just written.
    exact : bool
        Whether the ledger's results are the same to the last digit: then a file may not differ in
        the last digit either.
    skip : set of str
        Files whose difference is told already.
    """
    today = made_in()
    other = [
        key for key in ("python", "platform", "packages") if environment.get(key) != today[key]
    ]
    untold = 0
    there, made = sealed_files(folder), sealed_files(fresh)
    for name in sorted((there | made) - skip):
        if name == CRATE and name not in made and environment.get("crate"):
            told = "compared by its hash alone: another version of rocrate, or none"
            yield Line(name, "not rewritten", told)
        elif name not in made:
            yield Line(name, "differs", "a run of this plan does not write it")
        elif name not in there and "packages" in other:
            yield Line(name, "not rewritten", "the version that made the folder did not write it")
        elif name not in there:
            yield Line(name, "gone")
        elif sha256_of(folder / name) == sha256_of(fresh / name):
            yield Line(name, "same")
        elif other and name.endswith(PICTURES):
            untold += 1
        else:
            yield _text_line(name, folder / name, fresh / name, other=bool(other), exact=exact)
    if untold:
        told = f"{untold} pictures are compared by their hashes alone: other {', '.join(other)}"
        yield Line("not rewritten", "not rewritten", told)


def _text_line(name: str, old: Path, new: Path, *, other: bool, exact: bool) -> Line:
    """Return how two files that are not the same differ in what one reads in them."""
    if not other and (exact or name.endswith((*PICTURES, ".docx"))):
        return Line(name, "differs", "written again it is another file")
    try:
        texts = [_visible(path) for path in (old, new)]
    except OutputError:
        return Line(name, "differs", "it cannot be read")
    for then, now in zip_longest(*(re.split(NUMBER, text) for text in texts)):
        if not _alike(then, now):
            shown = " then, ".join(f"{_cut(one)!r}" for one in (then, now))
            return Line(name, "differs", f"{shown} now")
    return Line(name, "same" if other else "moved", "" if other else "digits that nobody sees")


NUMBER = re.compile(r"(\d+\.\d{6,}(?:e[-+]\d+)?)")
"""A number with so many digits that the last ones may be another machine's."""


def _visible(path: Path) -> str:
    """Return what one reads in a file."""
    text = read_text(path)
    if path.suffix == ".html":
        text = re.sub(r"<svg\b.*?</svg\s*>", " ", text, flags=re.DOTALL)
        alt = re.sub(r"<img\b[^>]*?\balt=\"([^\"]*)\"[^>]*>", r" \1 ", text)
        text = re.sub(r"<[^>]*>", " ", alt)
    return text


def _alike(then: str | None, now: str | None) -> bool:
    if then is None or now is None or then == now:
        return then == now
    if NUMBER.fullmatch(then) and NUMBER.fullmatch(now):
        return math.isclose(float(then), float(now), rel_tol=MOVED, abs_tol=1e-12)
    return False


def _cut(text: str | None) -> str:
    return "" if text is None else " ".join(text.split())[:60]
