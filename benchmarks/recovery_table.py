"""docs/recovery.md from recovery.jsonl: every figure in the text is read from there."""

from __future__ import annotations

from typing import Any

from claims import CLAIMS, Claim
from recovery_records import (
    COVERAGE,
    DRAWS,
    MANY,
    RESULTS,
    SIZE,
    exact_interval,
    faults,
    gate,
    read,
)

Records = dict[tuple[str, bool], dict[str, Any]]
BEFORE = RESULTS.with_name("recovery_before.jsonl")
"""Draws of the cells that a change of the method touched, before it."""

HEAD = """# Does the verdict say so?

<!-- Written by benchmarks/recovery.py from benchmarks/recovery.jsonl. Do not edit. -->

Simulated data: these figures say what the method finds when the truth is known, and nothing about real scores.

**Drawn before the deciding set.** Words of these draws are those of the plain and the corrected fit together; the rule
asks more now, so its sizes are no larger and its power is no higher. To be drawn again.

`python benchmarks/recovery.py` repeats this (`--jobs N` for N processes; draws that are there are not drawn again).
Each claim is made false and made true on simulated creators (`simulated:creators`, or `simulated:panel` for the
instrument), and the plan's rule answers. Recorded engagement has a reliability of .8 and comes in two halves. What
cannot change a word is not computed; the answer is compared with that of a whole audit (`sa.audit`) on the first draw
of every cell before a number is recorded: the largest difference in the cells below is {compared:.0e} half-widths of an
interval. The smallest effect of interest is that of the plans in `benchmarks/claims.py` (5 % of the
mean for referrals and revenue, one point for default).

* **found**: the share of draws whose answer takes the claim as true, in whatever direction: `adds` where the plan's
  verdict answers; elsewhere a prediction interval for a new industry, or an interval of 95 % of the instrument or of
  the jump at the perk's threshold, that excludes zero, or a test at 5 % that gamed points mean what others do. Where
  the claim is false this is the size, with its exact 99 % binomial interval; where it is true, the power (and beside it
  the share found with the right sign).
* **mean estimate**: the mean of the middles of the intervals; its distance from the effect is bias.
* **coverage**: the share of the intervals that decide (refused draws left out) which hold the truth. That is the
  declared parameter; where the effect is no parameter of the simulation (marked *), it is read from one fit that sees
  true engagement in {many:,} creators, or for the perk from the mean near the threshold; in money or referrals, as a
  share of the draw's mean, which what all creators have in common moves from draw to draw. For the ratio of slopes in
  gamed and other months, whose truth is 1 or 0, it is Fieller's set where that is an interval.

**The gate**: the exact 99 % interval of the size meets [0, {size:g}], and that of the coverage meets [{coverage:g}, 1].
With few draws both intervals are wide, and a cell passes easily: what counts are cells with {draws:,} draws.
"""

CHANGED = """## What was wrong, and was changed

Some cells failed before or were liberal. Their old draws are kept in `benchmarks/recovery_before.jsonl`; what still
exists was drawn again.

* `validity`, false: the worthless score was found in {kred_before} of the draws, now in {kred}. Kred-style points are
  so steep a curve of what they are made from that a few creators hold most of their variance. Two things were wrong.
  The correction for counts, regression calibration, takes true engagement as a straight line of recorded engagement
  and score; where it is a curve of the score, a bias remains that more rows do not remove. And HC1 is too narrow
  where few rows weigh so much. The package now measures how much of recorded engagement a curve of the score explains
  beyond the straight line (the check `curved_score`). From 3 % on, the corrected score, which asks for no line,
  decides where the model is Poisson, with errors of the kind HC3 (CRV1 with clusters); where there is no such
  correction, nothing is decided. In 12,200 draws of the other claims, drawn with the old method and the new, it
  changed none; their draws are those of the old.
* `gamed-points`, false: equal slopes were found different in {gamed_before} of the draws, now in {gamed}. The slope
  in gamed months rests on those who gamed, and among them on the few with long episodes and many referrals: of 300
  creators on some 28 in effect. The test now leaves each creator out in turn (CRV3), and has as many degrees of
  freedom as there are such creators, less one.
* `gaming-pays-inferred`, false: where nobody flags gamed months, the package took the largest twentieth of the score's
  changes for the beginning of episodes. That found a jump of the outcome in {guessed_before} of the draws: where
  gaming lifts the score by as much as it moves by itself, the months that were taken were not gamed, but had more
  engagement than was recorded. Where gaming did pay, one interval in {missed} held by how much. Now an episode begins
  with a jump that stands apart from ordinary changes of the score and is not explained by engagement, or none is
  inferred: {guessed} where gaming lifts the score far, and in the world
  of before (`gaming-pays-hidden`) no answer in {silent:.0f} % of the draws. That is so of the Klout-style score. A
  burst of engagement that nobody recorded looks like gaming, and the outcome rises with it: a verdict that gaming pays
  is never drawn from inferred episodes (the check `gaming_signature` is then neither true nor false), and what is
  found here is the interval that is printed.
* `scorecard-halves`, false: `score-audit score credit` gave everybody points, each half of the accounts by the card of
  the other. Where the columns say nothing, what chance teaches one half it unlearns in the other, and such a score was
  found in {halves_before} of the draws (with five folds, as it was still earlier, in a third of 150 samples). Now those
  that the card was fitted to have no points: `scorecard` is what is left, found in {halves}. (Where payment tells, its
  truth is that of a card fitted to 100,000 creators; one fitted to 1,000 is worth a little less, which takes from
  coverage.)
"""

COLUMNS = (
    "claim",
    "truth",
    "creators",
    "draws",
    "effect",
    "mean estimate",
    "found",
    "99 % interval",
    "right sign",
    "coverage",
    "answers",
    "gate",
)


def render(records: Records) -> str:
    """Return the page."""
    compared = max(
        (r["compared"] for r in records.values() if r["compared"] is not None), default=0.0
    )
    head = HEAD.format(compared=compared, many=MANY, size=SIZE, coverage=COVERAGE, draws=DRAWS)
    gated = [claim for claim in CLAIMS if claim.gated]
    printed = [claim for claim in CLAIMS if not claim.gated]
    parts = [
        head,
        _state(records),
        *_changed(records),
        "## Claims, truths and answers\n",
        _said(CLAIMS),
        _table(gated, records),
    ]
    if printed:
        parts += [
            "## Not gated\n",
            (
                "In `referrals-mislabelled` the plan's statement about shared errors does not"
                ' hold, and the mean estimate shows what that costs. `shares_error = "full"` is'
                " right where engagement as the plan holds it is all that the score knows of"
                " engagement; where the score also saw posts and bots, they belong into the plan.\n"
            ),
            _table(printed, records),
        ]
    return "\n".join(parts)


def _state(records: Records) -> str:
    """Say which cells ran, with how many draws, and which failed."""
    cells = [(claim.name, real) for claim in CLAIMS for real in (False, True)]
    complete = sum(records.get(cell, {"draws": 0})["draws"] >= DRAWS for cell in cells)
    words = [gate(record) for record in records.values()]
    lines = [
        "## Where it stands\n",
        (
            f"{complete} of {len(cells)} cells have {DRAWS:,} draws, {len(records)} have any. Of"
            f" the {len(words) - words.count('printed')} gated cells among them"
            f" {words.count('passed')} pass and {words.count('FAILED')} fail.\n"
        ),
    ]
    for (name, real), record in records.items():
        if gate(record) == "FAILED":
            lines.append(f"* `{name}`, {_truth(real)}: {'; '.join(faults(record))}.")
    missing = [f"`{name}`, {_truth(real)}" for name, real in cells if (name, real) not in records]
    if missing:
        lines.append(f"* Not run yet: {'; '.join(missing)}.")
    short = [
        f"`{name}`, {_truth(real)} ({records[name, real]['draws']:,})"
        for name, real in cells
        if 0 < records.get((name, real), {"draws": 0})["draws"] < DRAWS
    ]
    if short:
        lines.append(f"* With fewer draws so far: {'; '.join(short)}.")
    return "\n".join(lines) + "\n"


def _changed(records: Records) -> list[str]:
    """Say what failed before and was changed, where both draws are there."""
    before = read(BEFORE)
    cells = {
        "kred": ("validity", False),
        "gamed": ("gamed-points", False),
        "guessed": ("gaming-pays-inferred", False),
    }
    halves, hidden, paid = (
        ("scorecard-halves", False),
        ("gaming-pays-hidden", False),
        ("gaming-pays-inferred", True),
    )
    now = [*cells.values(), ("scorecard", False), hidden]
    if not all(cell in records for cell in now) or not all(
        cell in before for cell in (*cells.values(), halves, paid)
    ):
        return []
    said = {name: _found(records[cell]) for name, cell in cells.items()}
    said |= {f"{name}_before": _found(before[cell]) for name, cell in cells.items()}
    said |= {"halves": _found(records["scorecard", False]), "halves_before": _found(before[halves])}
    silent = 100 * (1 - records[hidden]["answered"] / records[hidden]["draws"])
    return [
        CHANGED.format(
            **said, silent=silent, missed=f"{before[paid]['answered'] // before[paid]['covered']:,}"
        )
    ]


def _found(record: dict[str, Any]) -> str:
    """Return how often a claim was found, with its interval and the coverage."""
    low, high = exact_interval(record["found"], record["draws"])
    covered = record["covered"] / record["answered"]
    return (
        f"{record['found'] / record['draws']:.3f} [{low:.3f}, {high:.3f}] (coverage {covered:.3f})"
    )


def _truth(real: bool) -> str:
    return "true" if real else "false"


def _said(claims: tuple[Claim, ...]) -> str:
    lines = []
    for claim in claims:
        worlds = [
            ", ".join(f"{name}={value:g}" for name, value in given.items())
            for given in (claim.false, claim.true, claim.world)
        ]
        false, true = (
            claim.scores
            if claim.scores[0] != claim.scores[1]
            else (worlds[0] or "every effect null", worlds[1])
        )
        both = f" In both: {worlds[2]}." if worlds[2] else ""
        lines.append(f"* `{claim.name}`: {claim.says} False: {false}. True: {true}.{both}")
    return "\n".join(lines) + "\n"


def _table(claims: list[Claim], records: Records) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|" + "--:|" * (len(COLUMNS) - 4) + "---|---|"]
    for claim in claims:
        for real in (False, True):
            if (claim.name, real) in records:
                lines.append(f"| {' | '.join(_cells(claim, records[claim.name, real]))} |")
    return "\n".join(lines) + "\n"


def _cells(claim: Claim, record: dict[str, Any]) -> list[str]:
    draws, real = record["draws"], record["real"]
    low, high = exact_interval(record["found"], draws)
    said = ", ".join(f"{word} {count / draws:.3f}" for word, count in record["words"].items())
    covered = f"{record['covered'] / record['answered']:.3f}" if record["answered"] else "-"
    middle = "-" if record["middle"] is None else f"{record['middle']:.3g}"
    return [
        f"`{claim.name}`",
        _truth(real),
        f"{claim.n:,}",
        f"{draws:,}",
        f"{record['truth']:.3g}{'' if claim.exact or not real else ' *'}",
        middle,
        f"{record['found'] / draws:.3f}",
        f"[{low:.3f}, {high:.3f}]",
        f"{record['right'] / draws:.3f}" if real else "-",
        covered,
        said,
        gate(record),
    ]
