"""Where plans and data are: the project one works in, or the studies that came with the package."""

from __future__ import annotations

from pathlib import Path

from analysis.errors import DataError, Fault, printable, quoted


def is_file(path: Path) -> bool:
    """Return whether `path` is a file; False for what cannot be one, or may not be looked at."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def neighbours(path: Path, pattern: str = "*") -> list[Path]:
    """Return the files beside `path` that match, for a suggestion; none in an unreadable folder."""
    try:
        return sorted(path.parent.glob(pattern))
    except (OSError, ValueError):
        return []


def find_project(start: Path | None = None) -> Path | None:
    """Return the nearest folder with `plans/` or `pyproject.toml` from `start` (here) upwards."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "plans").is_dir() or (folder / "pyproject.toml").is_file():
            return folder
    return None


def shipped_studies() -> Path | None:
    """Return the folder with `plans/`, `data/raw/` and `notebooks/` that came with the package.

    In an installed wheel it lies inside the package; in a checkout it is the checkout itself.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "shipped", package.parent):
        if (folder / "plans").is_dir() and (folder / "data" / "raw").is_dir():
            return folder
    return None


def inside(path: Path, allowed: list[Path], address: str) -> Path:
    """Refuse a relative path that leaves the project and the plan's folder."""
    resolved = path.resolve()
    if not any(resolved.is_relative_to(folder.resolve()) for folder in allowed):
        full = f'The full path would work: dataset = "{printable(resolved, limit=300)}"'
        raise DataError(
            address,
            Fault(
                "dataset",
                f"{quoted(address)} leaves the project",
                "a path inside the project or the plan's folder, or an absolute one",
                full if is_file(resolved) else "",
            ),
        )
    return resolved
