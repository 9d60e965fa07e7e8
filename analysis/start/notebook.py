"""A notebook for a study: the template, with the plan's name in its first cell."""

from __future__ import annotations

import json
import os
from pathlib import Path

from analysis.plan import read_plan
from analysis.plan.files import find_project, shipped_studies, write_together

TEMPLATE = Path(__file__).with_name("study.ipynb")
STUDY = 'study = "movies"'
"""The line of the template that says which plan is run."""


def new_notebook(plan: str | Path, out: str | Path | None = None, *, force: bool = False) -> Path:
    """Write a notebook that runs a plan: question, data, plan, estimates, figure, verdict.

    Parameters
    ----------
    plan : str or Path
        What `read_plan` takes.
    out : path, optional
        Where to; by default `notebooks/<plan's name>.ipynb` of its project, or beside a plan that
        has none.
    force : bool
        Replace a file that is there.

    Raises
    ------
    AnalysisError
        When the plan is wrong, or the file exists or cannot be written.
    """
    path = read_plan(plan).path
    if path is None:
        raise TypeError("new_notebook takes a plan's name or the path of its file, not its content")
    out = Path(os.path.abspath(out)) if out else notebook_place(path)
    write_together({out: notebook_text(path, out)}, replace=[out] if force else ())
    return out


def notebook_place(plan: Path) -> Path:
    """Return where a plan's notebook belongs; that of a shipped plan, in the folder one is in."""
    root, beside, shipped = plan_project(plan), plan.parent, shipped_studies()
    if shipped is not None and plan.is_relative_to(shipped):
        root, beside = find_project(), Path.cwd()
    return (root / "notebooks" if root else beside) / f"{plan.stem}.ipynb"


def plan_project(plan: Path) -> Path | None:
    """Return the project in which a plan is found by its name, even one this plan begins."""
    return plan.parent.parent if plan.parent.name == "plans" else None


def notebook_text(plan: Path, out: Path) -> str:
    """Return the notebook at `out` for a plan, which need not exist yet."""
    notebook = json.loads(TEMPLATE.read_text("utf-8"))
    line = f"study = {json.dumps(address_of(plan, out.parent), ensure_ascii=False)}"
    for cell in notebook["cells"]:
        cell["source"] = [piece.replace(STUDY, line) for piece in cell["source"]]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def address_of(plan: Path, folder: Path) -> str:
    """Return what somebody in `folder` calls a plan: its name where that is enough, else a path."""
    root = plan_project(plan)
    if root is not None:
        inside = folder.is_relative_to(root) and (
            find_project(folder) if folder.exists() else None
        ) in (None, root, *root.parents)
        if inside or root == shipped_studies():
            return plan.stem
    try:
        path = Path(os.path.relpath(plan, folder)).as_posix()
    except ValueError:  # another drive
        path = plan.as_posix()
    return path if "/" in path or path.endswith(".toml") else f"./{path}"
