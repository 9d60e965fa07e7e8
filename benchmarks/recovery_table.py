"""docs/recovery.md from recovery.jsonl: every figure in the text is read from there."""

from __future__ import annotations

from typing import Any

from claims import CLAIMS, Claim
from recovery import COVERAGE, DRAWS, MANY, SIZE, exact_interval, faults, gate

Records = dict[tuple[str, bool], dict[str, Any]]

HEAD = """# Does the verdict say so?

<!-- Written by benchmarks/recovery.py from benchmarks/recovery.jsonl. Do not edit. -->

Simulated data: these figures say what the method finds when the truth is known, and nothing about real scores.

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
* **mean estimate**: the mean of the middles of the intervals; its distance from the effect is bias. The correction
  takes true engagement as linear in what is recorded of it and in the score. A score that is a steep curve of
  engagement (Kred-style points are, the Klout-style score is hardly) leaves a small bias that more rows do not remove.
* **coverage**: the share of the intervals that decide (refused draws left out) which hold the truth. That is the
  declared parameter; where the effect is no parameter of the simulation (marked *), it is read from one fit that sees
  true engagement in {many:,} creators, or for the perk from the mean near the threshold; in money or referrals, as a
  share of the draw's mean, which what all creators have in common moves from draw to draw. For the ratio of slopes in
  gamed and other months, whose truth is 1 or 0, it is Fieller's set where that is an interval.

**The gate**: the exact 99 % interval of the size meets [0, {size:g}], and that of the coverage meets [{coverage:g}, 1].
With few draws both intervals are wide, and a cell passes easily: what counts are cells with {draws:,} draws.
"""

WHY_KRED = """
Why `validity` fails where it is false: Kred-style points are so steep a curve that a few creators hold most of their
variance. The correction, which is linear, keeps a bias, and HC1 understates the spread where few rows weigh so much.
With the logarithm of the points (`validity-log`) both are smaller. The verdict on such a score in its raw points passes
a worthless one more often than the level says.
"""

COLUMNS = ("claim", "truth", "creators", "draws", "effect", "mean estimate", "found", "99 % interval", "right sign",
           "coverage", "answers", "gate")  # fmt: skip


def render(records: Records) -> str:
    """Return the page."""
    compared = max((r["compared"] for r in records.values() if r["compared"] is not None), default=0.0)
    head = HEAD.format(compared=compared, many=MANY, size=SIZE, coverage=COVERAGE, draws=DRAWS)
    gated = [claim for claim in CLAIMS if claim.gated]
    printed = [claim for claim in CLAIMS if not claim.gated]
    parts = [head, _state(records), "## Claims, truths and answers\n", _said(CLAIMS), _table(gated, records)]
    if printed:
        parts += [
            "## Where the plan is wrong\n",
            "Not gated: here the plan's statement about shared errors does not hold, and the mean estimate shows "
            "what that costs. `shares_error = \"full\"` is right where engagement as the plan holds it is all that "
            "the score knows of engagement; where the score also saw posts and bots, they belong into the plan.\n",
            _table(printed, records),
        ]  # fmt: skip
    return "\n".join(parts)


def _state(records: Records) -> str:
    """Say which cells ran, with how many draws, and which failed."""
    cells = [(claim.name, real) for claim in CLAIMS for real in (False, True)]
    complete = sum(records.get(cell, {"draws": 0})["draws"] >= DRAWS for cell in cells)
    words = [gate(record) for record in records.values()]
    lines = [
        "## Where it stands\n",
        f"{complete} of {len(cells)} cells have {DRAWS:,} draws, {len(records)} have any. Of the "
        f"{len(words) - words.count('printed')} gated cells among them {words.count('passed')} pass and "
        f"{words.count('FAILED')} fail.\n",
    ]
    for (name, real), record in records.items():
        if gate(record) == "FAILED":
            lines.append(f"* `{name}`, {_truth(real)}: {'; '.join(faults(record))}.")
    if ("validity", False) in records and gate(records["validity", False]) == "FAILED":
        lines.append(WHY_KRED)
    missing = [f"`{name}`, {_truth(real)}" for name, real in cells if (name, real) not in records]
    if missing:
        lines.append(f"* Not run yet: {'; '.join(missing)}.")
    short = [f"`{name}`, {_truth(real)} ({records[name, real]['draws']:,})" for name, real in cells
             if 0 < records.get((name, real), {"draws": 0})["draws"] < DRAWS]  # fmt: skip
    if short:
        lines.append(f"* With fewer draws so far: {'; '.join(short)}.")
    return "\n".join(lines) + "\n"


def _truth(real: bool) -> str:
    return "true" if real else "false"


def _said(claims: tuple[Claim, ...]) -> str:
    lines = []
    for claim in claims:
        worlds = [", ".join(f"{name}={value:g}" for name, value in given.items())
                  for given in (claim.false, claim.true, claim.world)]  # fmt: skip
        false, true = (claim.scores if claim.scores[0] != claim.scores[1] else
                       (worlds[0] or "every effect null", worlds[1]))  # fmt: skip
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
    return [f"`{claim.name}`", _truth(real), f"{claim.n:,}", f"{draws:,}",
            f"{record['truth']:.3g}{'' if claim.exact or not real else ' *'}", middle, f"{record['found'] / draws:.3f}",
            f"[{low:.3f}, {high:.3f}]", f"{record['right'] / draws:.3f}" if real else "-", covered, said,
            gate(record)]  # fmt: skip
