"""Does the word on acting hold, and do its intervals: whole studies of the decision, drawn again.

    python benchmarks/decision.py [DRAWS] [CELLS...]    draw until each cell has DRAWS, and write the page
    python benchmarks/decision.py 0                     write docs/decision.md from decision.jsonl

A draw is one line of decision.jsonl; draws that are there are not drawn again. The truth of a draw
is what the two rules that were fitted to its rows bring in 100,000 other rows of the same world,
by their true means. A score that is worth nothing adds nothing to what the recorded columns say.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import beta

from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.models import fit_model
from analysis.plan import Plan, read_plan
from analysis.results.decision import decision_of
from analysis.results.question import Question
from analysis.studies.decision.net_benefit import acted_on, payoff
from analysis.studies.decision.picks import picks
from analysis.studies.decision.study import study_decision

RECORDS = Path(__file__).with_suffix(".jsonl")
PAGE = Path(__file__).parents[1] / "docs" / "decision.md"
POPULATION = 100_000
SIZES = (300, 1000, 5000)

Drawn = tuple[pd.DataFrame, np.ndarray]
"""Rows, and the true mean of each given what is recorded of it."""


@dataclass(frozen=True)
class World:
    """How rows come about; `draw` takes a generator, a number of rows and the score's effect."""

    name: str
    told: str
    kind: str
    draw: Callable[[np.random.Generator, int, float], Drawn]
    effects: tuple[float, float]
    """Of a score that is worth something, and of one that is worth much."""


def pair(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return engagement, and what of a score is not engagement."""
    return rng.standard_normal(n), rng.standard_normal(n)


def growth(rng: np.random.Generator, n: int, effect: float) -> Drawn:
    likes, own = pair(rng, n)
    score = 0.7 * likes + 0.71 * own
    mean = 10 + likes + effect * score
    frame = pd.DataFrame({"likes": likes, "klout": score, "y": mean + rng.standard_normal(n)})
    return frame, mean


def revenue(rng: np.random.Generator, n: int, effect: float, spread: float = 1.0) -> Drawn:
    likes, own = pair(rng, n)
    score = 0.7 * likes + 0.71 * own
    any_of_it, size = expit(0.3 + 0.8 * likes), np.exp(4 + 0.6 * likes + effect * score)
    noise = np.exp(spread * rng.standard_normal(n) - spread**2 / 2)
    y = (rng.random(n) < any_of_it) * size * noise
    return pd.DataFrame({"likes": likes, "klout": score, "y": y}), any_of_it * size


def heavy(rng: np.random.Generator, n: int, effect: float) -> Drawn:
    return revenue(rng, n, effect, 1.6)


def noisy(rng: np.random.Generator, n: int, effect: float) -> Drawn:
    """Engagement recorded with a reliability of .8, of which record the score is made."""
    likes, own = pair(rng, n)
    seen = likes + 0.5 * rng.standard_normal(n)
    score = 0.7 * seen / np.sqrt(1.25) + 0.71 * own
    y = np.exp(4 + 0.5 * likes + effect * score + rng.standard_normal(n) - 0.5)
    mean = np.exp(4 + 0.4 * seen + 0.125 * 0.2 + effect * score)
    return pd.DataFrame({"likes": seen, "klout": score, "y": y}), mean


def clusters(rng: np.random.Generator, n: int, effect: float) -> Drawn:
    """Twenty clusters or more of about ten rows, alike in everything."""
    number = max(20, n // 10)
    group = rng.integers(0, number, n)
    ours, mine = rng.standard_normal((3, number))[:, group], rng.standard_normal((3, n))
    likes, own, noise = np.sqrt(0.5) * (ours + mine)
    score = 0.7 * likes + 0.71 * own
    mean = 10 + likes + effect * score
    frame = pd.DataFrame({"likes": likes, "klout": score, "y": mean + noise, "group": group})
    return frame, mean


def default(rng: np.random.Generator, n: int, effect: float) -> Drawn:
    likes, own = pair(rng, n)
    score = 0.7 * likes + 0.71 * own
    mean = expit(-2.2 + 0.8 * likes + effect * score)
    y = (rng.random(n) < mean).astype(int)
    return pd.DataFrame({"likes": likes, "klout": score, "y": y}), mean


WORLDS = {
    world.name: world
    for world in (
        World("growth", "a continuous outcome, normal errors", "continuous", growth, (0.3, 1.0)),
        World(
            "revenue",
            "revenue with 43 % zeros, log-normal sizes (SD of the log 1)",
            "revenue",
            revenue,
            (0.3, 1.0),
        ),
        World(
            "noisy",
            "skewed revenue; engagement recorded with reliability .8, the score made of the record",
            "revenue",
            noisy,
            (0.3, 1.0),
        ),
        World(
            "clusters",
            "clusters of about ten rows, half of the variance of everything is theirs",
            "continuous",
            clusters,
            (0.3, 1.0),
        ),
        World("default", "a binary outcome, 14 % events", "binary", default, (0.3, 1.0)),
        World(
            "heavy",
            "revenue with zeros and much heavier sizes (SD of the log 1.6)",
            "revenue",
            heavy,
            (0.3, 1.0),
        ),
    )
}


@dataclass(frozen=True)
class Cell:
    world: str
    n: int
    effect: float

    @property
    def name(self) -> str:
        return f"{self.world}-{self.n}-{self.effect:g}"


CELLS = [
    Cell(world.name, n, effect)
    for n in SIZES
    for world in WORLDS.values()
    for effect in (0.0, *world.effects)
]


def plan_of(world: World) -> Plan:
    plan = {
        "name": "drawn",
        "question": "Does choosing by it pay?",
        "dataset": "drawn",
        "score": {"columns": ["klout"]},
        "engagement": {"columns": ["likes"]},
        "outcome": [{"column": "y", "kind": world.kind, "sesoi": 0.05}],
        "decision": {"price": 0.0},
    }
    if world.kind == "binary":
        plan["decision"]["thresholds"] = [0.1, 0.15, 0.3]
    if world.name == "clusters":
        plan["cluster"] = {"column": "group"}
    return read_plan(plan)


@cache
def population(world: str, effect: float) -> Drawn:
    return WORLDS[world].draw(np.random.default_rng(99), POPULATION, effect)


def truths(question: Question, cell: Cell) -> dict[str, float]:
    """Return what the two rules fitted to all rows bring in the population, by variant."""
    frame, mean = population(cell.world, cell.effect)
    design, found = question.design, {}
    columns = {"likes": frame.likes.to_numpy(), "klout": frame.klout.to_numpy()}
    rules = []
    for part in (design, design.without("score")):
        params = fit_model(part, question.mean_model, "HC1").params
        terms = dict(zip(part.terms, params, strict=True))
        at = sum(terms[name] * values for name, values in columns.items() if name in terms)
        rules.append(at + params[0])
    options = question.plan.decision
    if question.outcome.kind == "binary":
        for at in options.thresholds:
            one, other = (acted_on(expit(rule), at) for rule in rules)
            found[f"threshold-{at:.2f}"] = float(np.mean((one - other) * payoff(mean, at)))
        return found
    for share in options.capacity:
        one, other = (picks(rule, share) for rule in rules)
        found[f"capacity-{share:.2f}"] = float(np.mean((one - other) * mean)) / share
    return found


def draw(cell: Cell, number: int) -> dict[str, object]:
    """Return one study: its word, and of each gain the estimate, the interval and the truth."""
    world = WORLDS[cell.world]
    seed = [sum(map(ord, cell.world)), cell.n, int(1000 * cell.effect), number]
    frame, _ = world.draw(np.random.default_rng(seed), cell.n, cell.effect)
    plan = plan_of(world)
    question = Question(select_sample(plan, from_frame(frame)), plan.outcome[0], "klout")
    result, truth = study_decision(question), truths(question, cell)
    gains = {row.variant: row for row in result.rows if row.term == "gain"}
    return {
        "cell": cell.name,
        "draw": number,
        "word": decision_of(plan, result.rows).word,
        "gains": {at: [row.estimate, *row.interval(0.95), truth[at]] for at, row in gains.items()},
        "changed": {
            row.variant: row.estimate for row in result.rows if row.term == "picks_changed"
        },
    }


def read() -> list[dict[str, object]]:
    if not RECORDS.exists():
        return []
    return [json.loads(line) for line in RECORDS.read_text("utf-8").splitlines()]


def rounds(draws: int, cells: list[Cell], step: int = 10) -> Iterator[tuple[Cell, int]]:
    """Yield what is missing, some draws a cell at a time: a page can be written at any moment.

    Of scores that are worth something half as many are drawn.
    """
    known = {(record["cell"], record["draw"]) for record in read()}
    for begin in range(0, draws, step):
        for cell in cells:
            asked = draws if cell.effect == 0 else draws // 2
            for number in range(begin, min(begin + step, asked)):
                if (cell.name, number) not in known:
                    yield cell, number


# --- the page -------------------------------------------------------------------------------------

HEAD = """# Does choosing by the score pay: how far its word and its intervals can be trusted

<!-- Written by benchmarks/decision.py from benchmarks/decision.jsonl. Do not edit. -->

Simulated studies, each audited as a plan with `[decision]` and `price = 0` would be.
`python benchmarks/decision.py` repeats this (draws that are there are not drawn again). The truth of
a study is what the two rules fitted to its rows bring in 100,000 other rows of the same world. The
score of effect 0 adds nothing to what the recorded columns say. Capacities .05, .10 and .25 (binary:
thresholds .10, .15 and .30); `pays` needs the lower end of an interval that holds for all of them
together to lie above the price.

"""


def render(records: list[dict[str, object]]) -> str:
    """Return the page."""
    by_cell: dict[str, list[dict[str, object]]] = {}
    for record in records:
        by_cell.setdefault(str(record["cell"]), []).append(record)
    lines = [
        "## The word",
        "",
        "| world | rows | effect | draws | picks changed | pays | does not pay | undecided |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for cell in CELLS:
        if rows := by_cell.get(cell.name):
            words = [share(rows, word) for word in ("pays", "does not pay", "undecided")]
            changed = np.mean([np.mean(list(row["changed"].values())) for row in rows])
            lines.append(
                f"| {cell.world} | {cell.n:,} | {cell.effect:g} | {len(rows)} | {100 * changed:.0f} % | "
                + " | ".join(words)
                + " |"
            )
    lines += [
        "",
        "## Intervals",
        "",
        "Share of 95 % intervals of the gain that hold the truth, and the mean gain in standard deviations of its estimate.",
        "",
    ]
    lines += [
        "| world | rows | effect | " + "first | second | third | mean truth / SD |",
        "|---|---|---|---|---|---|---|",
    ]
    for cell in CELLS:
        if rows := by_cell.get(cell.name):
            lines.append(f"| {cell.world} | {cell.n:,} | {cell.effect:g} | {covered(rows)} |")
    worlds = [f"* **{world.name}**: {world.told}." for world in WORLDS.values()]
    return HEAD + "\n".join([*lines, "", "## The worlds", "", *worlds, "", *judged(by_cell)]) + "\n"


def share(rows: list[dict[str, object]], word: str) -> str:
    return f"{np.mean([row['word'] == word for row in rows]):.3f}".removeprefix("0")


def coverage(rows: list[dict[str, object]]) -> dict[str, tuple[int, int]]:
    """Return (held, drawn) by capacity or threshold."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        for at, (_, low, high, truth) in row["gains"].items():
            held, drawn = found.get(at, (0, 0))
            found[at] = held + (low <= truth <= high), drawn + 1
    return found


def covered(rows: list[dict[str, object]]) -> str:
    cells = [f"{held / drawn:.2f}".removeprefix("0") for held, drawn in coverage(rows).values()]
    clear = []
    for at in coverage(rows):
        known = [row["gains"][at] for row in rows if at in row["gains"]]
        estimates, _, _, truth = np.transpose(known)
        clear.append(f"{truth.mean() / estimates.std():.1f}" if len(known) > 5 else "-")
    return " | ".join([*cells, ", ".join(clear)])


def held_in(by_cell: dict[str, list[dict[str, object]]], world: str, n: int) -> tuple[int, int]:
    """Return (held, drawn) of all intervals of a world at a size, every effect and capacity."""
    named = [cell.name for cell in CELLS if (cell.world, cell.n) == (world, n)]
    pairs = [pair for name in named for pair in coverage(by_cell.get(name, [])).values()]
    return sum(held for held, _ in pairs), sum(drawn for _, drawn in pairs)


def judged(by_cell: dict[str, list[dict[str, object]]]) -> list[str]:
    """Return whether the demands are met: `pays` at most 5 %, coverage at least .93."""
    worthless = [rows for cell in CELLS if cell.effect == 0 and (rows := by_cell.get(cell.name))]
    paid = [sum(row["word"] == "pays" for row in rows) for rows in worthless]
    worst = max(np.array(paid) / [len(rows) for rows in worthless])
    drawn = sum(map(len, worthless))
    upper = beta.isf(0.025, sum(paid) + 1, drawn - sum(paid))
    lines = [
        "## What was demanded",
        "",
        f"* A worthless score is called `pays` at most 5 % of the time: {sum(paid)} of {drawn:,} studies of all worlds and"
        f" sizes (at most {100 * upper:.2f} %, 95 % exact), and at most {100 * worst:.1f} % of the draws of any one cell.",
        "* Intervals of the gain cover at least .93 in four worlds, clusters among them. All effects and capacities of"
        " a world together (studies of one draw are related):",
        "",
        "| world | " + " | ".join(f"{n:,} rows" for n in SIZES) + " |",
        "|---|" + "---|" * len(SIZES),
    ]
    for world in WORLDS:
        pairs = [held_in(by_cell, world, n) for n in SIZES]
        cells = [f"{h / d:.3f} of {d:,}".removeprefix("0") if d else "-" for h, d in pairs]
        lines.append(f"| {world} | {' | '.join(cells)} |")
    total = sum(map(len, by_cell.values()))
    normal = sum(row.get("reference") == "normal" for rows in by_cell.values() for row in rows)
    return [
        *lines,
        "",
        f"{total:,} studies in all. {normal:,} of them were drawn when the reference was normal and not t: their intervals"
        " are narrower than those of today, so that what they cover today's cover, too. What is missed lies above: payoffs are skewed, so that a gain may be larger than the"
        " interval says, and hardly ever smaller; under a tail index below 2 (**heavy**) an upper end is therefore no"
        " ground for `does not pay`, and the word is `undecided`. Intervals of scores that are worth nothing are wide on"
        " purpose: an error is never taken to be less than what rows with the spread of those near the last pick would"
        " give, since the few rows that change places say little about their own spread; and the reference is t with as"
        " many degrees of freedom as rows change places in effect. Without these two (an influence function's error, a"
        " normal reference) intervals covered as little as .85 in trials with 300 rows.",
    ]


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    cells = [
        cell
        for cell in CELLS
        if not sys.argv[2:] or any(cell.name.startswith(a) for a in sys.argv[2:])
    ]
    begun = time.time()
    with RECORDS.open("a", encoding="utf-8") as out:
        for cell, number in rounds(draws, cells):
            out.write(json.dumps(draw(cell, number)) + "\n")
            out.flush()
    PAGE.write_text(render(read()), encoding="utf-8")
    print(f"{len(read()):,} draws, {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
