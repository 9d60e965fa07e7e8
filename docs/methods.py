"""Write docs/methods.md: every method with a reference, from the docstrings of the package.

python docs/methods.py > docs/methods.md
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = {
    "data": "Data",
    "models": "Equations, errors and sums",
    "measurement_error": "Noise in engagement",
    "results": "Estimates and the rule",
    "studies": "Studies",
    "multiverse": "All reasonable analyses",
    "tipping": "What would change a verdict",
    "out_of_core": "Beyond memory",
    "scores": "Scores",
    "report": "Report, citations and articles",
    "simulate": "Simulated data",
}
DOI = re.compile(r"doi:\s?(10\.\d{4,}/[^\s,;\]]*[^\s,;\].:)])(\))?")
AUTHORS = r"(?:[A-Z][\w'\u2019-]+(?:, & | & | and |, )?)+(?: et al\.)?"
DATED, NAMED = re.compile(rf"{AUTHORS},? ?\(?\d{{4}}[a-z]?\)?"), re.compile(AUTHORS)


def described(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (first paragraph, text) of every docstring of a module, constants' among them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = str(node.value.value)
            yield " ".join(text.split("\n\n")[0].split()), " ".join(text.split())


def references(text: str) -> list[str]:
    """Return the references of a docstring, each with its DOI as a link."""
    found = []
    start = 0
    for match in DOI.finditer(text):
        before = text[start : match.start()].rstrip(" ,;(")
        named = DATED.findall(before) or NAMED.findall(before)
        name = re.sub(r"[()]", "", named[-1]).strip(" ,;")
        found.append(f"{name}, [doi:{match[1]}](https://doi.org/{match[1]})")
        start = match.end()
    return found


def page() -> str:
    lines = [
        "# Methods and their sources",
        "",
        "Written from the docstrings of the package: `python docs/methods.py > docs/methods.md`.",
        "",
        "Formulas, assumptions and limits stand in the docstring of each function, in the module"
        " named here. How well each method holds is simulated: [calibration](calibration.md),"
        " [coverage](coverage.md), [recovery](recovery.md), [decision](decision.md).",
    ]
    for room, title in ROOMS.items():
        rows = []
        for path in sorted((ROOT / "analysis" / room).rglob("*.py")):
            module = path.relative_to(ROOT).with_suffix("").as_posix()
            for told, text in described(path):
                first = told.removeprefix("Return ")
                first = first[0].upper() + first[1:]
                if cited := references(text):
                    rows.append(f"| {first.replace('|', '/')} | {'; '.join(cited)} | `{module}` |")
        if rows:
            lines += ["", f"## {title}", "", "| what | source | where |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
