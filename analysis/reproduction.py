"""Does a result folder still hold? It is computed, written and compared again."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from analysis.audit import analyse
from analysis.errors import AnalysisError, DatasetNotFoundError
from analysis.plan import Plan, read_plan
from analysis.plan.keywords import changed_plan
from analysis.report.article.check import find_in_text
from analysis.report.article.text import read_text
from analysis.report.comparison import compare_files, compare_ledgers
from analysis.report.earlier import errors_of_before, is_earlier
from analysis.report.ledger import ledger, read_ledger, result_folder
from analysis.report.rewriting import compare_folder, compare_seals
from analysis.report.verification import Line, Verification


def verify(
    folder: str | Path,
    text: str | Path | None = None,
    *,
    plan: str | Path | None = None,
    strict: bool = False,
) -> Verification:
    """Recompute a result folder and compare everything in it; with `text`, also judge the numbers
    of an article.

    Parameters
    ----------
    folder : path
        A result folder with `ledger.json`.
    text : path, optional
        An article that cites results by id or by LaTeX macro.
    plan : str or path, optional
        The plan, where the ledger does not say where its file is.
    strict : bool
        Whether a number of the article that cannot be checked lowers its citation.

    Raises
    ------
    AnalysisError
        When the ledger, the plan, the data or the text cannot be read.
    """
    folder = result_folder(folder)
    old = read_ledger(folder / "ledger.json")
    said = read_plan(plan or _plan_of(old, folder))
    if old["environment"].get("quick"):
        said = said.as_quick()
    try:
        findings = analyse(said)
    except DatasetNotFoundError as error:
        return _verify_without_data(old, folder, text, strict, error)
    new = ledger(findings)
    if is_earlier(old):
        new["estimates"] = _with_errors_of(old, said, new)
    lines = compare_ledgers(old, new).lines
    if is_earlier(old):
        lines += tuple(compare_files(old, folder))
    else:
        lines += tuple(compare_folder(old, new, findings, folder))
    if text is not None:
        lines += find_in_text(read_text(Path(text)), new, strict=strict).lines
    return Verification(lines)


def _verify_without_data(
    old: dict[str, Any],
    folder: Path,
    text: str | Path | None,
    strict: bool,
    error: DatasetNotFoundError,
) -> Verification:
    """Return what can be said of a result folder whose data are not here: digest, seal and hashes,
    and whether an article has the ledger's numbers. That nothing was computed again is said, and
    is no agreement.
    """
    told = f"{error.found}: no number was computed again, what follows is compared with the ledger"
    lines = [Line("dataset", "not checked", told)]
    lines += compare_seals(old, folder) if not is_earlier(old) else ()
    lines += compare_files(old, folder)
    if text is not None:
        lines += find_in_text(read_text(Path(text)), old, strict=strict).lines
    return Verification(tuple(lines), recomputed=False)


def _with_errors_of(old: dict[str, Any], plan: Plan, new: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the estimates of today with the errors of an earlier ledger, where the plan names none
    and those by default were other ones.
    """
    then = {} if plan.inference.covariance else errors_of_before(old, new)
    made: dict[str, dict[str, Any]] = {}
    for name in {*then.values()} - {""}:
        with contextlib.suppress(AnalysisError):
            changed = changed_plan(plan, {("inference", "covariance"): name})
            made[name] = {row["id"]: row for row in ledger(analyse(changed))["estimates"]}
    deciding = {name: outcome.deciding_model for name, outcome in plan.outcomes.items()}

    def as_then(row: dict[str, Any]) -> dict[str, Any]:
        about = row["outcome"], row["score"], row["model"]
        name = then.get(about, then.get((*about[:2], deciding.get(about[0]))))
        return made.get(name, {}).get(row["id"], row)

    return [as_then(row) for row in new["estimates"]]


def _plan_of(old: dict[str, Any], folder: Path) -> str | Path:
    """Return where the plan of a ledger is: beside the results as it was, or a plan of this
    name.
    """
    beside = old["environment"].get("plan_file")
    if beside and (folder / beside).is_file():
        return (folder / beside).resolve()
    return old["plan"]["name"]
