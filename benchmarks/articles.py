"""Are the numbers of an article judged right? Articles drawn from real ledgers, right and wrong.

    python benchmarks/articles.py                  2,000 right ones and 2,000 with one wrong number
    python benchmarks/articles.py --draws 100      fewer
    python benchmarks/articles.py --show           print those that are judged wrongly

Each article cites one result of a shipped study. Its number, interval, p-value and n are written as
people write them: rounded, in words, with a decimal comma, a true minus, "less" in place of a sign,
in a sentence, a table row, a footnote or a parenthesis, in Markdown, HTML, LaTeX, Word and a
notebook. In a wrong one a single number or word is another than the ledger's, beyond what rounding
to the printed digits explains.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from analysis.report.article.check import find_in_text
from analysis.report.article.text import read_text

RESULTS = Path(__file__).with_suffix(".jsonl")
PLANS = ("movies", "lending", "ebay", "lawschools", "publications")
DRAWS, SEED = 2000, 20
KINDS = ("value", "low", "high", "p", "n", "sign", "unit", "verdict")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
VERDICTS = ("adds", "trivial", "nothing", "inconclusive", "refused")

Row = dict[str, Any]


def ledgers(plans: tuple[str, ...] = PLANS) -> list[Row]:
    """Return the ledgers of shipped studies, quickly made."""
    from analysis.audit import analyse
    from analysis.plan.keywords import changed_plan
    from analysis.report.ledger import ledger

    return [ledger(analyse(changed_plan(plan, {("", "quick"): True}))) for plan in plans]


def citable(record: Row) -> list[Row]:
    """Return the estimates with a value in per cent or points, an interval and a p-value."""
    keys = ("estimate", "conf_low", "conf_high", "p_value")
    rows = [row for row in record["estimates"] if all(row[key] is not None for key in keys)]
    return [
        row
        for row in rows
        if row["scale"]
        and re.search(r"(%|points)$", row["displayed"])
        and max(map(abs, _shown(row).values())) < 500
        and abs(_shown(row)["value"]) >= 0.06
    ]


def _shown(row: Row) -> dict[str, float]:
    """Return value and interval in per cent or points."""
    keys = {"value": "estimate", "low": "conf_low", "high": "conf_high"}
    points = row["displayed"].endswith("points")
    change = (lambda x: 100 * x) if points else (lambda x: 100 * math.expm1(min(x, 20)))
    return {name: change(row[key]) for name, key in keys.items()}


# --- how people write -----------------------------------------------------------------------------


class Writer:
    """Writes numbers as one author does."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.decimals = int(rng.integers(0, 2))
        self.comma = rng.random() < 0.15
        self.minus = str(rng.choice(["-", "\N{MINUS SIGN}", "minus "]))
        self.percent = str(rng.choice([" %", "%", " per cent", " percent", "\N{NO-BREAK SPACE}%"]))
        self.signed = bool(rng.random() < 0.5)

    def number(self, value: float, *, decimals: int | None = None) -> str:
        text = f"{abs(value):.{self.decimals if decimals is None else decimals}f}"
        return text.replace(".", ",") if self.comma else text

    def unit(self, points: bool) -> str:
        if not points:
            return self.percent
        return str(self.rng.choice([" percentage points", " points", " pp"]))

    def sign(self, value: float) -> str:
        return self.minus if value < 0 else str(self.rng.choice(["", "+"]))

    def size(self, value: float, points: bool) -> str:
        """Return a size without its sign, perhaps in words and about."""
        whole = round(abs(value))
        if self.decimals == 0 and 1 <= whole <= 10 and self.rng.random() < 0.4:
            unit = self.unit(points)
            shown = WORDS[whole] + (" per cent" if unit in ("%", "\N{NO-BREAK SPACE}%") else unit)
        else:
            shown = self.number(value) + self.unit(points)
        hedge = self.rng.choice(["", "", "about ", "nearly ", "roughly ", "some "])
        return (str(hedge) if self.decimals == 0 else "") + shown

    def effect(self, value: float, points: bool) -> str:
        """Return a value with its sign, in figures or in a word."""
        if self.signed:
            return f"changes by {self.sign(value)}{self.number(value)}{self.unit(points)}"
        size = self.size(value, points)
        down = [f"is {size} lower", f"falls by {size}", f"comes out {size} less"]
        up = [f"is {size} higher", f"rises by {size}", f"comes out {size} more"]
        return str(self.rng.choice(down if value < 0 else up))

    def interval(self, low: float, high: float, points: bool, level: float) -> str:
        unit = self.unit(points)
        decimals = max(1, self.decimals)
        one, other = (self.sign(v) + self.number(v, decimals=decimals) for v in (low, high))
        texts = [f"{one}{unit} to {other}{unit}", f"{one} to {other}{unit}"]
        if not self.comma:
            texts.append(f"[{one}, {other}]")
        joined = str(self.rng.choice(texts))
        return f"{100 * level:g} % CI {joined}"

    def p(self, value: float) -> str:
        if value < 0.001:
            return str(self.rng.choice(["p < .001", "p < 0.001", "P<.001"]))
        text = f"{value:.3f}"
        shown = text if self.rng.random() < 0.5 else text.lstrip("0")
        return f"p = {shown.replace('.', ',') if self.comma and shown[0] == '0' else shown}"

    def n(self, value: int) -> str:
        return f"n = {value:,}" if self.rng.random() < 0.6 else f"n = {value}"


def article(rng: np.random.Generator, record: Row, wrong: str = "") -> str:
    """Return a Markdown article with one cited result; `wrong` names what is not the ledger's."""
    row = citable(record)[int(rng.integers(len(citable(record))))]
    writer, points = Writer(rng), row["displayed"].endswith("points")
    writer.decimals = max(writer.decimals, int(abs(_shown(row)["value"]) < 1))
    shown, p, n = _shown(row), row["p_value"], row["n"]
    if wrong in shown:
        shown[wrong] = _other(rng, shown[wrong], 0 if wrong == "value" else 1)
    if wrong == "sign":
        shown["value"] = -shown["value"]
    if wrong == "p":
        p = float(
            rng.choice(
                [
                    other
                    for other in (0.0004, 0.012, 0.034, 0.21, 0.43, 0.77)
                    if not 0.5 < other / max(p, 1e-9) < 2 and (other > 0.001 or p > 0.001)
                ]
            )
        )
    if wrong == "n":
        n = int(n * rng.choice([0.5, 0.9, 1.1, 3])) + 1
    unit = points != (wrong == "unit")
    parts = [writer.effect(shown["value"], unit)]
    beside = []
    if wrong in ("low", "high") or rng.random() < 0.6:
        beside.append(writer.interval(shown["low"], shown["high"], unit, row["level"]))
    if wrong == "p" or rng.random() < 0.5:
        beside.append(writer.p(p))
    if wrong == "n" or rng.random() < 0.5:
        beside.append(writer.n(n))
    rng.shuffle(beside)
    told = parts[0] + (f" ({', '.join(beside)})" if beside else "")
    if wrong == "verdict" or (not wrong and rng.random() < 0.1):
        return _with_verdict(rng, record, wrong == "verdict")
    sentence = f"Per standard deviation of the score, the outcome {told}"
    before = str(rng.choice(["", "We looked at 3 studies in 2013. ", "Nobody had asked before. "]))
    return before + _placed(rng, sentence, row["id"])


def _placed(rng: np.random.Generator, sentence: str, name: str) -> str:
    forms: list[Callable[[], str]] = [
        lambda: f"{sentence} ({name}).",
        lambda: f"{sentence} [`{name}`].",
        lambda: f"{sentence}.\n\nSource: score-audit, {name}",
        lambda: f"{sentence}.[^1] And so on.\n\n[^1]: {name}",
        lambda: f"| score | {sentence} | {name} |",
    ]
    return forms[int(rng.integers(len(forms)))]()


def _with_verdict(rng: np.random.Generator, record: Row, wrong: bool) -> str:
    rows = record["verdicts"]
    row = rows[int(rng.integers(len(rows)))]
    allowed = {row["verdict"], row.get("as_recorded")}
    word = row["verdict"]
    if wrong:
        word = str(rng.choice([other for other in VERDICTS if other not in allowed]))
    forms = [f"The verdict is {word}", f"Verdict: {word}", f'The audit says "{word}"']
    return f"{rng.choice(forms)} ({row['id']})."


def _other(rng: np.random.Generator, value: float, decimals: int) -> float:
    """Return another number of the same sign that rounds to another one."""
    while True:
        other = value * float(rng.choice([0.3, 0.5, 0.7, 1.4, 2.0, 3.1]))
        other += math.copysign(float(rng.choice([0.0, 1.0, 2.0])), value)
        if abs(other - value) > 10.0**-decimals * 1.01:
            return other


# --- what they write in ---------------------------------------------------------------------------

WORD_NS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def _html(text: str) -> str:
    blocks = [html.escape(block) for block in text.split("\n\n")]
    return "<html><body>" + "\n\n".join(f"<p>{block}</p>" for block in blocks) + "</body></html>"


def _tex(text: str) -> str:
    return text.replace("%", r"\%").replace("\N{MINUS SIGN}", "$-$").replace("#", r"\#")


def _docx(text: str, path: Path) -> None:
    blocks = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{html.escape(block)}</w:t></w:r></w:p>'
        for block in text.split("\n\n")
    )
    document = f'<w:document xmlns:w="{WORD_NS}"><w:body>{blocks}</w:body></w:document>'
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("word/document.xml", document)


def written(text: str, kind: str, folder: Path) -> Path:
    """Write an article in one format and return its path."""
    path = folder / f"article.{kind}"
    if kind == "docx":
        _docx(text, path)
    elif kind == "ipynb":
        cell = {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}
        path.write_text(json.dumps({"cells": [cell]}), "utf-8")
    else:
        made = {"html": _html, "tex": _tex}.get(kind, str)(text)
        path.write_text(made, "utf-8")
    return path


FORMATS = ("md", "txt", "html", "tex", "docx", "ipynb")


def draw(number: int, records: list[Row], *, wrong: bool, folder: Path) -> tuple[str, str, str]:
    """Return what is wrong in one article, its status, and its text."""
    rng = np.random.default_rng((SEED, number, wrong))
    record = records[number % len(records)]
    what = str(rng.choice(KINDS)) if wrong else ""
    text = article(rng, record, what)
    path = written(text, FORMATS[int(rng.integers(len(FORMATS)))], folder)
    (line, *rest) = find_in_text(read_text(path), record).lines
    return what, line.status if not rest else f"{len(rest)} lines too many", text


def run(draws: int, records: list[Row], *, show: bool = False) -> dict[str, Any]:
    """Return how many articles were judged how."""
    right, wrong = Counter(), Counter()
    with tempfile.TemporaryDirectory() as name:
        for number in range(draws):
            _, status, text = draw(number, records, wrong=False, folder=Path(name))
            right[status] += 1
            if show and not status.startswith("holds"):
                print(f"right, {status}: {text}\n")
            what, status, text = draw(number, records, wrong=True, folder=Path(name))
            wrong[f"{what}: {status}"] += 1
            if show and status not in ("differs", "unknown"):
                print(f"wrong {what}, {status}: {text}\n")
    return {
        "draws": draws,
        "right": dict(sorted(right.items())),
        "wrong": dict(sorted(wrong.items())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--show", action="store_true", help="print those judged wrongly")
    options = parser.parse_args()
    record = run(options.draws, ledgers(), show=options.show)
    print(json.dumps(record, indent=1))
    if options.draws >= DRAWS:
        RESULTS.write_text(json.dumps(record) + "\n", "utf-8")


if __name__ == "__main__":
    main()
