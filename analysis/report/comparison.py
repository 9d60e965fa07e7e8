"""Does a ledger still hold? It is compared with one computed anew, its folder with its hashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analysis.report.earlier import PARTS, compare_earlier, is_earlier
from analysis.report.folder import sealed_files
from analysis.report.ledger import sha256_of
from analysis.report.verification import Line, Record, Verification, apart, line_of, twice

KINDS = ("estimates", "checks", "verdicts")


def compare_ledgers(old: Record, new: Record) -> Verification:
    """Compare a ledger with one computed anew: plan and data, then every estimate, check and
    verdict.
    """
    if is_earlier(old):
        return compare_earlier(old, new)
    lines = [line_of(part, *apart(old[part], new[part])) for part in PARTS]
    lines += [
        Line(f"the part {key}", "gone", "no ledger has it")
        for key in old
        if key not in new and key != "seal"
    ]
    lines += [
        Line(f"the part {key}", "differs", "it is not there") for key in new if key not in old
    ]
    for kind in KINDS:
        then, now = old.get(kind, []), {row["id"]: row for row in new[kind]}
        lines += [_compared(row, now.get(row["id"])) for row in then]
        lines += twice(then)
        known = {row["id"] for row in then}
        lines += [Line(name, "new") for name in now if name not in known]
    return Verification(tuple(lines))


def _compared(then: Record, now: Record | None) -> Line:
    return Line(then["id"], "gone") if now is None else line_of(then["id"], *apart(then, now))


def compare_files(old: Record, folder: Path) -> Iterator[Line]:
    """Yield how the files of a result folder compare with the hashes in its ledger.

    Parameters
    ----------
    old : mapping
        The ledger; one of schema 1 has no hashes.
    folder : Path

    Notes
    -----
    A ledger that is alone has nothing to compare.
    """
    known, there = old.get("files", {}), sealed_files(folder)
    if old["schema"] == 1 or not there:
        return
    for name in sorted({*known, *there}):
        if name not in there:
            yield Line(name, "gone")
        elif name not in known:
            yield Line(name, "differs", "the ledger has no hash of it")
        else:
            today = sha256_of(folder / name)
            changed = f"SHA-256 {known[name][:12]} then, {today[:12]} now"
            yield Line(name, *(("same",) if known[name] == today else ("differs", changed)))
