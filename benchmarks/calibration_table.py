"""docs/calibration.md from calibration.jsonl: every figure in the text is read from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from calibration_audits import whole_records
from calibration_grid import MOST
from calibration_records import DRAWS, GOAL, MEMBERS, Share, Tally, tallies
from calibration_worlds import Cell
from hostile import WORLDS, World, hostile_records

Tallies = dict[str, dict[float, Tally]]

HEAD = """# How often a worthless score passes

<!-- Written by benchmarks/calibration.py from benchmarks/calibration.jsonl. Do not edit. -->

The verdict's rule on simulated studies: how often a score that adds nothing is called `adds` or
`trivial`, and how often one that adds something is found. `python benchmarks/calibration.py` repeats
it; each piece of a hundred samples has its own seed. No band of smallest effects stands in the way:
a score passes when every interval of 95 % that decides excludes zero on the same side, which makes
the sizes the largest possible. Checks that may leave a verdict undecided beyond that (repeated rows,
few influential rows, heavy tails, noise that the halves themselves show to be uneven) are not asked
here, so whole audits pass at most as often.

True engagement is normal, or lognormal where that is said; outcome and score depend on it in the same
form unless two are named, and the score on nothing else. For least squares engagement explains .49
of the outcome's variance, and correlates .7 with the score where both are linear. Noise is normal,
independent, and of one size, unless something else is said. A plan says of engagement that it is
*exact*, or *stated* (.8, which means .7 to .9), or gives *halves*, or is *silent*: then reliability
from .8 on is taken for possible. It does not know whether the score shares the noise, but for
*other records*.

The columns say how many samples pass

* **a**: the fit on engagement as recorded, which was once the whole rule,
* **+b**: and beside engagement in a flexible form,
* **+c**: and with the linear correction at each end of what is not known,
* **+d**: and with the corrected cubic,
* **rule**: and with calibrated steps, which is the whole rule, with an exact interval of 99 %.

A dash is a member that does not decide there; in brackets, the fit as recorded where it is printed
only. **power** is the whole rule's share of samples with an
effect of .30 standard deviations of the outcome per standard deviation of the score, or for other
models an effect that a plain fit sees with the same z, from fewer samples.
"""

COLUMNS = ("world", "n", "plan", "samples", "a", "+b", "+c", "+d", "rule", "power")

NUMBERS = {2: "two", 3: "three", 5: "five", 8: "eight"}
MODELS = {"ols": "least squares", "poisson": "Poisson", "gamma": "Gamma", "logit": "logit"}
NOISES = {
    "normal": "",
    "t5": "heavy-tailed noise",
    "skewed": "skewed noise",
    "growing": "noise that grows with the level",
    "additive": "additive noise",
    "correlated": "noise correlated .6 between columns",
    "halves-0.2": "noise correlated .2 between halves",
    "counts": "counts of the level",
    "none": "a count",
}

PROTOTYPE = {
    (0.7, 0.7, 0.3): (1.00, 1.00, 0.00, 0.01, 0.99),
    (0.7, 0.7, 0.6): (1.00, 1.00, 0.00, 1.00, 1.00),
    (0.3, 0.7, 0.15): (0.95, 1.00, 0.00, 0.02, 0.46),
    (0.3, 0.7, 0.3): (1.00, 1.00, 0.02, 0.68, 1.00),
    (0.3, 0.4, 0.15): (0.99, 1.00, 0.30, 0.73, 0.94),
    (0.3, 0.4, 0.3): (1.00, 1.00, 0.96, 1.00, 1.00),
}
"""Power in the prototype of the rule: exact, halves, silent from .7, .8 and .9 on; the silent plans
with all its members, run again for this table, 400 samples each."""

LOWER = 0.05


def render(cells: list[Cell], pieces: list[dict[str, Any]]) -> str:
    """Return the page."""
    found = tallies(cells, pieces)
    drawn = [cell for cell in cells if 0.0 in found.get(cell.name, {})]
    sized = [cell for cell in drawn if not cell.sesoi]
    holds = _sorted([cell for cell in sized if cell.heading == "holds"], found)
    misses = [cell for cell in holds if _null(cell, found).misses]
    rest = [cell for cell in holds if cell not in misses]
    parts = [HEAD, _state(cells, holds, found, pieces), "## Cells that miss the goal\n"]
    parts.append(_table(misses, found) if misses else "None.\n")
    parts.append("## The other cells whose assumption holds\n")
    parts += [
        f"### {MODELS[model][0].upper()}{MODELS[model][1:]}\n\n" + _table(rows, found)
        for model in MODELS
        if (rows := [cell for cell in rest if cell.model == model])
    ]
    parts.append(
        "## More noise than the plan says or assumes\n\n"
        + _table(_sorted([cell for cell in sized if cell.heading == "below"], found), found)
    )
    parts.append(
        "## Other worlds\n\nNoise that is not of one size, not normal on the declared or the"
        " normal-score scale, or not independent: no member allows for it.\n\n"
        + _table(_sorted([cell for cell in sized if cell.heading == "other"], found), found)
    )
    parts.append(_hostile(hostile_records()))
    parts += [_power(cells, found), _others(cells, found), _several(cells, found)]
    parts.append(_nothing(cells, found))
    parts.append(_whole(cells, whole_records()))
    return "\n".join(parts)


def _hostile(records: list[dict[str, Any]]) -> str:
    """Return the tables of worlds made to break the rule, and why some of them do."""
    inside = [world for world in WORLDS if not world.outside]
    outside = [world for world in WORLDS if world.outside]
    head = "| world | n | audits | a worthless score passes |"
    return "\n".join(
        [
            "## Worlds made to break the rule\n",
            "Whole audits of silent plans (`benchmarks/hostile.py`), true reliability at least .8,",
            "a score with no effect once true engagement is held. A band of next to nothing stands",
            "in no word's way; the highest share is first.\n",
            head,
            "|---|--:|--:|--:|",
            *_hostile_rows(inside, records),
            "\n## Worlds that the rule does not cover\n",
            "What passes here is no engagement in another form and no noise of one size: a verdict",
            "cannot know of it, and a study that looks like one of these has to say so itself.\n",
            f"{head} why |",
            "|---|--:|--:|--:|---|",
            *_hostile_rows(outside, records),
            "",
        ]
    )


def _hostile_rows(worlds: list[World], records: list[dict[str, Any]]) -> list[str]:
    rows = []
    for world in worlds:
        mine = [one for one in records if one["world"] == world.name]
        for n in sorted({one["n"] for one in mine}):
            draws, passed = (
                sum(one[key] for one in mine if one["n"] == n) for key in ("draws", "passed")
            )
            share = Share(passed, draws)
            why = f" {world.outside} |" if world.outside else ""
            text = f"| {world.name} | {n:,} | {draws} | {_with_interval(share)} |{why}"
            rows.append((-share.value, text))
    return [text for _, text in sorted(rows, key=lambda row: row[0])]


def _whole(cells: list[Cell], records: list[dict[str, Any]]) -> str:
    """Return the table of whole audits, checks and all."""
    lines = [
        "## Whole audits\n",
        "The same samples through `sa.audit`, with every check that may leave a verdict undecided.\n",
        "| world | n | plan | samples | the rule alone | whole audit |",
        "|---|--:|---|--:|--:|--:|",
    ]
    for cell in cells:
        mine = [one for one in records if one["cell"] == cell.name]
        if mine:
            draws, batch, passed = (
                sum(one[key] for one in mine) for key in ("draws", "batch", "passed")
            )
            shares = " | ".join(_with_interval(Share(n, draws)) for n in (batch, passed))
            lines.append(f"| {_world(cell)} | {cell.n:,} | {_plan(cell)} | {draws} | {shares} |")
    return "\n".join(lines) + "\n" if len(lines) > 4 else ""


def _null(cell: Cell, found: Tallies) -> Share:
    return found[cell.name][0.0].share


def _sorted(cells: Iterable[Cell], found: Tallies) -> list[Cell]:
    return sorted(cells, key=lambda cell: -_null(cell, found).value)


def _state(
    cells: list[Cell], holds: list[Cell], found: Tallies, pieces: list[dict[str, Any]]
) -> str:
    """Say how many cells were drawn how often, and how many meet the goal."""
    draws = [_null(cell, found).draws for cell in cells if 0.0 in found.get(cell.name, {})]
    total = sum(piece["draws"] for piece in pieces if piece["cell"] in found)
    misses = sum(_null(cell, found).misses for cell in holds)
    meets = sum(_null(cell, found).meets for cell in holds)
    often = _often(draws)
    lines = [
        "## Where it stands\n",
        (
            f"{len(draws)} of {len(cells)} cells (at most {MOST}, declared before they were drawn)"
            f" have {often} samples with a worthless score, {total:,} samples in all; the aim is"
            f" {DRAWS:,} in each, which {sum(one >= DRAWS for one in draws)} have. In"
            f" {len(holds)} of them what the plan says or assumes holds, and a worthless score is to"
            f" pass in at most {GOAL:g} of samples: {meets} are below that beyond what chance makes,"
            f" {misses} above it, and {len(holds) - meets - misses} are not told apart from it by"
            " so many samples."
        ),
    ]
    versions = Counter()
    for piece in pieces:
        versions[piece["members"]] += piece["draws"] if piece["cell"] in found else 0
    if len(versions) > 1:
        shown = ", ".join(f"{draws:,} of {name}" for name, draws in versions.most_common())
        lines.append(
            f"The members' code changed while they were drawn; samples by version: {shown}."
        )
    return "\n".join(lines) + "\n"


def _often(draws: list[int]) -> str:
    """Return how many samples: a number, or from the least to the most."""
    least, most = min(draws, default=0), max(draws, default=0)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _with_effect(cells: list[Cell], found: Tallies) -> list[int]:
    """Return the numbers of samples with an effect in the tables of power."""
    names = [cell.name for cell in cells if cell.reason == "power"]
    return [
        tally.share.draws
        for name in names
        for effect, tally in found.get(name, {}).items()
        if effect
    ]


def _table(cells: list[Cell], found: Tallies) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|--:|---|" + "--:|" * (len(COLUMNS) - 3)]
    for cell in cells:
        null = found[cell.name][0.0]
        steps = [_step(cell, null, member) for member in MEMBERS[:4]]
        parts = [_world(cell), f"{cell.n:,}", _plan(cell), f"{null.share.draws:,}", *steps]
        parts += [_with_interval(null.share), _found(cell, found)]
        lines.append(f"| {' | '.join(parts)} |")
    return "\n".join(lines) + "\n"


def _step(cell: Cell, null: Tally, member: str) -> str:
    """Return what passes up to a member; in brackets or a dash where it does not decide."""
    share = null.passed.get(member)
    if member in ("recorded", "form"):
        decides = cell.shares != "none" or cell.plan == "silent"
        if member == "recorded" and not decides:
            return f"({share.value:.3f})"
    else:
        decides = cell.plan != "exact"
    if not decides:
        return "-"
    return "0.000" if share is None else f"{share.value:.3f}"


def _world(cell: Cell) -> str:
    forms = cell.form if cell.form == cell.score_form else f"{cell.form} and {cell.score_form}"
    said = [MODELS[cell.model], forms.replace("-", " ")]
    if cell.columns > 1:
        said.append(f"{NUMBERS[cell.columns]} columns correlated {_dot(cell.alike)}")
    if cell.product:
        said.append("and their product")
    if cell.exact_columns:
        said.append("one of them exact")
    if cell.engagement == "lognormal":
        transform = "" if cell.transform == "identity" else f", {cell.transform}"
        said.append(f"lognormal engagement{transform}")
    if NOISES[cell.noise]:
        said.append(NOISES[cell.noise])
    if cell.noise not in ("counts", "none"):
        said.append(f"reliability {_dot(cell.reliability)}")
    if cell.sharing:
        how = "all" if cell.sharing == 1 else "half"
        said.append(f"the score shares {how} of the noise")
    if cell.tie != 0.7:
        said.append(f"score tied {_dot(cell.tie)}")
    if cell.slope not in (0.7, 0.4, 0.8) or (cell.model == "ols" and cell.slope != 0.7):
        said.append(f"engagement's slope {_dot(cell.slope)}")
    if cell.controls:
        said.append(f"{cell.controls} controls")
    if cell.clusters:
        said.append(f"{cell.clusters} clusters ({cell.covariance})")
    return ", ".join(said)


def _plan(cell: Cell) -> str:
    said = cell.plan if cell.assumed == 0.8 else f"{cell.plan} from {_dot(cell.assumed)}"
    return f"{said}, other records" if cell.shares == "none" else said


def _dot(value: float) -> str:
    """Return a number without its leading zero."""
    return f"{value:g}".removeprefix("0") or "0"


def _with_interval(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.3f} [{low:.3f}, {high:.3f}]"


def _found(cell: Cell, found: Tallies) -> str:
    """Return power at the effect of .30, or at the one that was drawn."""
    tally = found[cell.name].get(0.3)
    return "-" if tally is None else f"{tally.share.value:.2f}"


def _power(cells: list[Cell], found: Tallies) -> str:
    """Return the prototype's table of power beside today's."""
    lines = [
        "## Power where engagement is recorded without noise\n",
        (
            "Least squares, n = 1,000: today's whole rule, and in brackets the prototype that the"
            " rule was made from, with all its members."
            f" Lower by more than {_dot(LOWER)} beyond what chance makes is marked *lower*."
            f" From {_often(_with_effect(cells, found))} samples each.\n"
        ),
        "| engagement's slope, score's tie | effect | exact | halves | silent from .7 | from .8 | from .9 |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for (slope, tie, effect), before in PROTOTYPE.items():
        shown = []
        for (plan, assumed), then in zip(_plans(), before, strict=True):
            tally = _cell_with(cells, found, slope, tie, plan, assumed).get(effect)
            now = "-" if tally is None else f"{tally.share.value:.2f}"
            lower = tally is not None and tally.share.interval[1] < then - LOWER
            shown.append(f"{now} ({then:.2f}){' *lower*' if lower else ''}")
        lines.append(f"| {_dot(slope)}, {_dot(tie)} | {_dot(effect)} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _plans() -> Iterator[tuple[str, float]]:
    yield from (("exact", 0.8), ("halves", 0.8), ("silent", 0.7), ("silent", 0.8), ("silent", 0.9))


def _cell_with(
    cells: list[Cell],
    found: Tallies,
    slope: float,
    tie: float,
    plan: str,
    assumed: float = 0.8,
    model: str = "ols",
) -> dict[float, Tally]:
    world = model, slope, tie, plan, assumed
    for c in cells:
        if c.reason == "power" and (c.model, c.slope, c.tie, c.plan, c.assumed) == world:
            return found.get(c.name, {})
    return {}


def _others(cells: list[Cell], found: Tallies) -> str:
    """Return power of the other models beside that of least squares with the same z."""
    lines = [
        "## Power of other models, at the same z in the plain fit\n",
        (
            "Engagement recorded without noise, n = 1,000. The slopes are chosen so that engagement"
            " and the score have the z that they have for least squares with a slope of .3 and a"
            " tie of .4; in brackets the mean z of the score.\n"
        ),
        "| effect | plan | least squares | Poisson | Gamma | logit |",
        "|--:|---|--:|--:|--:|--:|",
    ]
    slopes = {c.model: c.slope for c in cells if c.reason == "power" and c.model != "ols"}
    for effect in (0.15, 0.3):
        for plan in ("exact", "halves", "silent"):
            shown = []
            for model, slope in (("ols", 0.3), *slopes.items()):
                tally = _cell_with(cells, found, slope, 0.4, plan, model=model).get(effect)
                shown.append("-" if tally is None else f"{tally.share.value:.2f} ({tally.z:.1f})")
            lines.append(f"| {_dot(effect)} | {plan} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _several(cells: list[Cell], found: Tallies) -> str:
    """Return size and power with several silent columns, and from where on they were taken."""
    lines = [
        "## Several silent columns\n",
        (
            "Least squares, linear, n = 1,000, true reliability .8. *From* is the mean of the smallest"
            " common reliability that the data leave possible, which the sentence prints: it is above"
            " .8 where columns are so alike that they cannot all be that noisy.\n"
        ),
        "| columns | correlated | from | a worthless score passes | an effect of .30 is found |",
        "|--:|--:|--:|--:|--:|",
    ]
    for cell in cells:
        if cell.reason == "several columns, all silent" and cell.form == "linear":
            both = found.get(cell.name, {})
            if cell.model == "ols" and 0.0 in both:
                power = _with_interval(both[0.3].share) if 0.3 in both else "-"
                lines.append(
                    f"| {cell.columns} | {_dot(cell.alike)} | {both[0.0].start:.2f} |"
                    f" {_with_interval(both[0.0].share)} | {power} |"
                )
    return "\n".join(lines) + "\n"


def _nothing(cells: list[Cell], found: Tallies) -> str:
    """Return how often a worthless score is called that by a silent plan."""
    lines = [
        "## Can a score be called worthless?\n",
        (
            "Share of samples in which the word is `nothing`, with a band of .10 standard deviations"
            " of the outcome, silent plan, engagement recorded without noise.\n"
        ),
        "| engagement's slope | score's tie | samples | `nothing` |",
        "|--:|--:|--:|--:|",
    ]
    for cell in cells:
        if cell.sesoi and cell.name in found:
            tally = found[cell.name][0.0]
            lines.append(
                f"| {_dot(cell.slope)} | {_dot(cell.tie)} | {tally.nothing.draws:,} |"
                f" {_with_interval(tally.nothing)} |"
            )
    return "\n".join(lines) + "\n"
