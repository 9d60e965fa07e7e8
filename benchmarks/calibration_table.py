"""docs/calibration.md from calibration.jsonl: every figure in the text is read from there."""

from __future__ import annotations

from typing import Any

from calibration_records import GATE, RELIABILITIES, SHARINGS, SIZES, cells, faults, gate, rates
from noncentral import plain_rate
from scipy import stats
from worlds import EFFECT, MODELS

from analysis.measurement_error.calibrated_null import null_rates

NAMES = {
    "ols": "Least squares (HC3), corrected by moments",
    "poisson": "Poisson PML, regression calibration",
    "gamma": "Gamma PML, regression calibration",
    "logit": "Logit, margins, regression calibration",
    "nb2": "Counts drawn from NB2, fitted by Poisson QMLE, regression calibration",
    "nb2-ml": "Counts drawn from NB2, fitted by NB2, regression calibration",
}

HEAD = """# How often a worthless score passes

<!-- Written by benchmarks/calibration.py from benchmarks/calibration.jsonl. Do not edit. -->

`python benchmarks/calibration.py` repeats this (`--jobs N` for N processes; cells that are there are not run again).
True engagement E is standard normal and recorded in two parallel halves. The score is .7 (E + sharing x error of the
record) plus noise, so that it correlates .7 with E where it shares no error (*sharing* 0: it saw other records; 1: it
is computed from the record itself). For least squares the outcome correlates .5 with E. The score adds nothing in the
*size* columns, and in the *power* and *coverage* columns, from as many samples again,
{effects} per unit. An interval of 95 %
"passes" when it excludes zero; no band of smallest effects stands in the way, which makes the sizes the largest
possible. Everything is simulated on many samples at once, and compared in every cell with the package's own
functions before a number is recorded: the largest difference in the cells below is {compared:.0e} standard errors.

* **plain**: the ordinary test, engagement as recorded.
* **known**: the corrected test where the plan says what is shared (`shares_error = "none"`, or halves of the score).
* **declared**: the corrected test with the true reliability declared, which takes errors as unshared.
* **rule**: what decides where sharing is unknown: plain and corrected (as unshared) on the same side of zero.
* **refused**: samples in which the correction with known structure is refused; they pass nothing.
* **coverage**: of the corrected intervals (known; declared; *second*: corrected score for counts and conditional score
  for the logit, {second} samples, printed beside and never deciding), refused samples left out.

**The gate**, for n of 1,000 and more and light tails: the exact 99 % binomial interval of the size meets [.04, .06]
(the rule's: [0, .06]), its point lies in [{low:.3f}, {high:.3f}] (the rule's: at most {high:.3f}), and at least 93 %
of the intervals that decide cover. *known* and *rule* are gated everywhere, *declared* where nothing is shared; where a
correction is refused in some samples, only too many passes are a fault. The other cells are printed.
"""

COLUMNS = (
    "n",
    "reliability",
    "sharing",
    "samples",
    "size: plain",
    "known",
    "declared",
    "rule",
    "refused",
    "power: plain",
    "known",
    "rule",
    "coverage: known",
    "declared",
    "second",
    "gate",
)


HEAVY = """## Heavy tails

True engagement has a t distribution with 6 degrees of freedom; least squares have t(4) noise, revenue log-normal noise.
By the package's own functions, sample by sample, since they take HC3 where few rows weigh much. Printed, not gated.
"""


def render(records: dict[tuple, dict[str, Any]]) -> str:
    """Return the page."""
    light = {key: record for key, record in records.items() if record["tails"] == "light"}
    sized = {
        effect: [model for model in MODELS if EFFECT[model] == effect]
        for effect in sorted(set(EFFECT.values()))
    }
    effects = " and ".join(f"{effect:g} ({', '.join(models)})" for effect, models in sized.items())
    compared = max((record["compared"] for record in records.values()), default=0.0)
    seconds = {
        r["counts"]["second"]["samples"] for r in records.values() if "second" in r["counts"]
    }
    head = HEAD.format(
        effects=effects,
        compared=compared,
        low=GATE[0],
        high=GATE[1],
        second=f"{max(seconds, default=0):,}",
    )
    parts = [head, _state(light), _naive(light)]
    for model in MODELS:
        rows = _in_order([record for record in light.values() if record["model"] == model])
        parts += [f"## {NAMES[model]}\n", _table(rows)] if rows else []
    heavy = _in_order([record for record in records.values() if record["tails"] == "heavy"])
    if heavy:
        parts.append(HEAVY)
        for model in MODELS:
            rows = [record for record in heavy if record["model"] == model]
            parts += [f"### {NAMES[model]}\n", _table(rows)] if rows else []
    return "\n".join(parts)


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda record: (record["n"], record["reliability"], record["sharing"]))


def _state(light: dict[tuple, dict[str, Any]]) -> str:
    """Say which cells ran, with how many samples, and which failed."""
    wanted = cells()
    complete = sum(light.get(cell.key(), {"draws": 0})["draws"] >= cell.draws for cell in wanted)
    words = [gate(record) for record in light.values()]
    lines = [
        "## Where it stands\n",
        (
            f"{complete} of {len(wanted)} cells have their full number of samples (5,000 for least"
            f" squares and Poisson, 2,000 elsewhere), {len(light)} have any. Of the"
            f" {len(words) - words.count('printed')} gated cells among them {words.count('passed')}"
            f" pass and {words.count('FAILED')} fail.\n"
        ),
    ]
    for record in _in_order(list(light.values())):
        wrong = faults(record)
        if wrong:
            lines.append(
                f"* {record['model']}, n = {record['n']:,}, reliability {record['reliability']},"
                f" sharing {record['sharing']:g}: {'; '.join(wrong)}."
            )
    missing = [cell for cell in wanted if cell.key() not in light]
    if missing:
        named = [
            f"{model} at n = {n:,} ({count} of {len(RELIABILITIES) * len(SHARINGS)})"
            for model in MODELS
            for n in sorted(SIZES)
            if (count := sum((c.model, c.n) == (model, n) for c in missing))
        ]
        lines.append(f"* Not run yet: {', '.join(named)}.")
    return "\n".join(lines) + "\n"


def _naive(light: dict[tuple, dict[str, Any]]) -> str:
    """Compare the sizes of the wrong test with what theory says: the noncentral t, and large-sample
    normality.
    """
    lines = [
        "## What the wrong test does\n",
        (
            "Reliability .8, least squares. Plain where the score saw other records; corrected as"
            " if unshared where it was computed from the record. In brackets what theory says"
            " (noncentral t; large samples).\n"
        ),
        "| n | plain, sharing 0 | corrected as unshared, sharing 1 |",
        "|--:|--:|--:|",
    ]
    for n in sorted(SIZES):
        cellwise = [light.get(("ols", n, 0.8, sharing, "light")) for sharing in (0.0, 1.0)]
        if None in cellwise:
            continue
        theory = plain_rate(n, 0.7, 0.5, 0.8), null_rates(n, 0.7, 0.5, 0.8, sharing=1.0).corrected
        shown = rates(cellwise[0]).plain, rates(cellwise[1]).unshared
        pairs = " | ".join(
            f"{seen:.3f} ({told:.3f})" for seen, told in zip(shown, theory, strict=True)
        )
        lines.append(f"| {n:,} | {pairs} |")
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "--:|" * (len(COLUMNS) - 1) + "---|"]
    for record in rows:
        found, draws = rates(record), record["draws"]
        sized = [
            f"{found.plain:.3f}",
            _with_interval(found.known, draws),
            _shown(found.declared),
            _with_interval(found.rule, draws),
            _shown(found.refused),
        ]
        others = [
            found.power_plain,
            found.power_known,
            found.power_rule,
            found.coverage,
            found.coverage_declared,
            found.coverage_second,
        ]
        lines.append(
            f"| {record['n']:,} | {record['reliability']:g} | {record['sharing']:g} | {draws:,} | "
            f"{' | '.join([*sized, *map(_shown, others)])} | {gate(record)} |"
        )
    return "\n".join(lines) + "\n"


def _shown(share: float) -> str:
    return "-" if share != share else f"{share:.3f}"


def _with_interval(rate: float, draws: int) -> str:
    low, high = stats.binomtest(round(rate * draws), draws).proportion_ci(0.99)
    return f"{rate:.3f} [{low:.3f}, {high:.3f}]"
