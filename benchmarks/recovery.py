"""Whether the verdict says so when a claim is true, and when it is false: recovery on simulated
creators.

    python benchmarks/recovery.py                      the draws that recovery.jsonl does not have
    yet python benchmarks/recovery.py --claims perk        one claim python benchmarks/recovery.py
    --table              only write docs/recovery.md again

The claims stand in claims.py. A cell is a claim and its truth; its draws are recorded in blocks,
and each draw's seed comes from the claim, its truth and the number of the draw, so that a later run
adds to what is there. Only what can change a word is computed (the deciding fit, its correction,
the tail); on the first draw of every cell the answer is compared with that of `sa.audit`, and
nothing is recorded where they differ.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from claims import THRESHOLD, Claim
from recovery_records import BY_NAME, DRAWS, MANY, RESULTS, gate, read
from recovery_table import render

from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import Sample, select_sample
from analysis.data.selection.columns import columns_of
from analysis.errors import DesignError
from analysis.measurement_error.study import study_noise
from analysis.models import fit_model
from analysis.models.columns import transform
from analysis.models.design import Design
from analysis.models.glm import average_marginal_effect
from analysis.results.estimates import Estimate, Estimates
from analysis.results.question import Question
from analysis.results.verdict import decide
from analysis.simulate import truths_of
from analysis.simulate.draw import World, draw
from analysis.studies.algorithm.regression_discontinuity import study_threshold
from analysis.studies.algorithm.study import AlgorithmChange
from analysis.studies.gaming.episodes import episodes_of
from analysis.studies.gaming.slopes import Slopes
from analysis.studies.gaming.study import EventStudy
from analysis.studies.heavy_tails.study import study_tail
from analysis.studies.segments.study import Segments

TABLE = Path(__file__).resolve().parents[1] / "docs" / "recovery.md"
BLOCK = 100
AGREEMENT = 1e-6
"""Largest difference from `sa.audit`, in half-widths of the interval."""
WORLDS = 8
LEVEL = 0.95


@dataclass(frozen=True)
class Answer:
    """What one draw says: a word, and the interval that decides; no interval where there is
    none.
    """

    word: str
    interval: tuple[float, float] | None

    @property
    def found(self) -> bool:
        """Whether the claim is taken as true, in whatever direction."""
        return self.word.startswith(("adds", "differs", "travels", "decoupled"))


NO_SCORE = Answer("no score", None)

# --- answers --------------------------------------------------------------------------------------


def by_shortcut(claim: Claim, real: bool, sample: Sample) -> Answer:
    """Return the answer from what can change it only."""
    outcome, score = sample.plan.outcome[0], claim.score(real)
    question = Question(sample, outcome, score)
    if claim.question == "transport":
        study = Segments(sample, outcome, score)
        return _travels(study.pool_of(study.segments()[0]).prediction_interval(LEVEL))
    if claim.question in ("instrument", "threshold"):
        if claim.question == "instrument":
            found = AlgorithmChange(sample, outcome, score).instrument()
        else:
            found = study_threshold(question)
        return _differs(_row_of(claim, found.rows))
    if claim.question in ("gaming", "jump"):
        try:
            episodes = episodes_of(question)
        except DesignError:
            return _differs(None)
        if claim.question == "gaming":
            return _decoupled(Slopes(sample, outcome, score, episodes, {}).result().rows)
        study = EventStudy(sample, outcome, score, episodes)
        changes = {term: study.changes(term) for term in ("score", "outcome")}
        return _differs(_row_of(claim, study.jumps(changes).rows))
    verdict = decide(
        sample.plan,
        outcome,
        score,
        sample.mean(outcome.column),
        Estimates(tuple(question.coefficients("increment", question.fit)), LEVEL),
        (),
        study_noise(question),
        tail=study_tail(question),
    )
    return _ruled(verdict)


def by_audit(claim: Claim, real: bool, frame: pd.DataFrame) -> Answer:
    """Return the answer of a whole audit."""
    audit = analyse(claim.plan(real), frame)
    if claim.question == "verdict":
        return _ruled(audit.verdict_on())
    rows = audit.estimates.rows
    if claim.question == "transport":
        row = next(row for row in rows if (row.term, row.variant) == ("prediction_interval", ""))
        return _travels(row.bounds)
    return _decoupled(rows) if claim.question == "gaming" else _differs(_row_of(claim, rows))


def _row_of(claim: Claim, rows: Iterable[Estimate]) -> Estimate | None:
    """Return the row that answers; there is none where the study has no estimate."""
    wanted = {
        "threshold": ("algorithm", "perk"),
        "instrument": ("algorithm", "instrument"),
        "jump": ("gaming", "outcome_jump"),
    }[claim.question]
    return next((row for row in rows if (row.method, row.term, row.variant) == (*wanted, "")), None)


def _ruled(verdict: Any) -> Answer:
    word = (
        f"{verdict.verdict} ({verdict.direction})" if verdict.verdict == "adds" else verdict.verdict
    )
    return Answer(word, None if verdict.verdict == "refused" else verdict.deciding.interval(LEVEL))


def _travels(bounds: tuple[float, float] | None) -> Answer:
    return Answer(
        "none"
        if bounds is None
        else "travels"
        if bounds[0] > 0 or bounds[1] < 0
        else "either sign",
        bounds,
    )


def _differs(row: Estimate | None) -> Answer:
    if row is None:
        return Answer("none", None)
    low, high = row.interval(LEVEL)
    return Answer(
        "differs (positive)" if low > 0 else "differs (negative)" if high < 0 else "no difference",
        (low, high),
    )


def _decoupled(rows: Iterable[Estimate]) -> Answer:
    """Return the answer of the ratio of slopes, corrected for noise where it is; no interval where
    the set is none.
    """
    found = {row.model: row for row in rows if (row.method, row.term) == ("gaming", "decoupling")}
    row = found.get("calibrated", found.get("poisson"))
    if row is None:
        return Answer("none", None)
    return Answer("decoupled" if row.p_value < 1 - LEVEL else "the same", row.bounds)


def disagreement(one: Answer, other: Answer) -> float:
    """Return how far two intervals lie apart, in half-widths; infinite where the words differ."""
    if one.word != other.word or (one.interval is None) != (other.interval is None):
        return float("inf")
    if one.interval is None:
        return 0.0
    half = (one.interval[1] - one.interval[0]) / 2
    return float(max(abs(a - b) for a, b in zip(one.interval, other.interval, strict=True)) / half)


# --- samples and truths ---------------------------------------------------------------------------


def selected(claim: Claim, real: bool, frame: pd.DataFrame, like: Sample | None) -> Sample:
    """Return the analysis set of a drawn frame: by the package, or in the form of another
    draw's.
    """
    if like is None or claim.outcome["kind"] == "roi":
        plan = claim.plan(real)
        return select_sample(plan, from_frame(frame[used(claim, real)]))
    texts = {name: str if like.frame[name].dtype == object else float for name in like.frame}
    columns = {name: frame[name].to_numpy().astype(kind) for name, kind in texts.items()}
    return replace(like, frame=pd.DataFrame(columns, index=like.frame.index), candidates=None)


def used(claim: Claim, real: bool) -> list[str]:
    """Return the columns that the plan names."""
    plan = claim.plan(real)
    named = [*columns_of(plan), *plan.engagement.columns, *([plan.row] if plan.row else [])]
    return list(dict.fromkeys(named))


@cache
def truth(claim: Claim, real: bool) -> float:
    """Return what the deciding interval should hold: a declared parameter, or a fit that sees true
    engagement.

    As a share of the mean outcome where the effect is in the outcome's unit.
    """
    if claim.question == "gaming":
        return float((claim.true if real else claim.false)["decoupling"])
    if not real:
        return 0.0
    if claim.exact:
        term = truths_of(claim.drawn(True, 0)).query("term == 'klout' and parameter == 'effect'")
        return float(term["truth"].iloc[0])
    if claim.question == "threshold":
        return _jump(claim)
    if claim.question == "jump":
        return _paid(claim)
    parameters = claim.parameters(True, DRAWS * 1000).model_copy(update={"n": MANY})
    return _seen(claim, claim.world_of(parameters))


def _jump(claim: Claim) -> float:
    """Return the mean outcome at the threshold without a perk, times what the perk multiplies it
    by, less one.

    As a share of the mean of all, with the perk; averaged over worlds, since a period that moves
    everybody's engagement moves the scores past the threshold.
    """
    column, shares = claim.outcome["column"], []
    for world in range(WORLDS):
        parameters = claim.parameters(False, DRAWS * 1000 + world).model_copy(
            update={"n": MANY // WORLDS}
        )
        without, perked = (
            draw(parameters.model_copy(update=change), panel=False).frame
            for change in ({}, claim.true)
        )
        near = (without["klout"] - THRESHOLD).abs() < 2
        shares.append(without.loc[near, column].mean() / perked[column].mean())
    return float(np.mean(shares) * np.expm1(claim.true["perk_effect"]))


def _paid(claim: Claim) -> float:
    """Return the mean outcome of gamed rows, less what it would be without the effect: the noise is
    the same.
    """
    parameters = claim.parameters(True, DRAWS * 1000).model_copy(update={"n": MANY // 20})
    paid = draw(parameters, panel=True).frame
    without = draw(parameters.model_copy(update={"gaming_effect": 0.0}), panel=True).frame
    gamed, column = paid["gaming"] == 1, claim.outcome["column"]
    return float((paid.loc[gamed, column] - without.loc[gamed, column]).mean())


def _seen(claim: Claim, world: World) -> float:
    """Return the effect per standard deviation of the score with true engagement held."""
    frame, outcome = world.frame, claim.plan(True).outcome[0]
    response = frame[outcome.column].to_numpy(dtype=float)
    if outcome.kind == "roi":
        response = response - frame[outcome.cost].to_numpy()
    values = transform(frame[claim.score(True)].to_numpy(dtype=float), claim.transform)
    matrix = np.column_stack(
        [np.ones(len(values)), np.log(frame["true_engagement"]), values / values.std(ddof=1)]
    )
    design = Design(
        response, matrix, ("const", "engagement", "score"), ("intercept", "engagement", "score")
    )
    fit = fit_model(design, outcome.deciding_model, "HC1")
    effect = float(
        average_marginal_effect(fit, "score")[0] if fit.model == "logit" else fit.params[2]
    )
    return effect / float(frame[outcome.column].mean()) if claim.relative else effect


# --- a block of draws -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """Some draws of one cell."""

    claim: str
    real: bool
    first: int
    draws: int


def _varies(claim: Claim, real: bool, frame: pd.DataFrame) -> bool:
    """Return whether there is a score to audit: a scorecard of columns that say nothing may have a
    single bin.
    """
    return frame[claim.score(real)].nunique() > 1


def simulate(block: Block) -> dict[str, Any]:
    """Return the record of a block: how often each word was said, and how many intervals held the
    truth.

    Raises
    ------
    RuntimeError
        Where the shortcut and `sa.audit` differ on the first draw of a cell.
    """
    started, claim, real = time.process_time(), BY_NAME[block.claim], block.real
    share, worst = truth(claim, real), None
    frames = (claim.drawn(real, at).frame for at in count(block.first + block.draws))
    like = selected(
        claim, real, next(frame for frame in frames if _varies(claim, real, frame)), None
    )
    answers, aims = [], []
    for at in range(block.first, block.first + block.draws):
        frame = claim.drawn(real, at).frame
        varies = _varies(claim, real, frame)
        answers.append(
            by_shortcut(claim, real, selected(claim, real, frame, like)) if varies else NO_SCORE
        )
        aims.append(
            share * float(frame[claim.outcome["column"]].mean()) if claim.relative else share
        )
        if at == 0:
            worst = disagreement(answers[0], by_audit(claim, real, frame[used(claim, real)]))
            if not worst < AGREEMENT:
                raise RuntimeError(
                    f"{block}: the shortcut and sa.audit differ by {worst:.1g} half-widths"
                )
    held = [
        (answer.interval, aim)
        for answer, aim in zip(answers, aims, strict=True)
        if answer.interval is not None
    ]
    return {
        "claim": claim.name,
        "real": real,
        "n": claim.n,
        "first": block.first,
        "draws": block.draws,
        "truth": float(np.mean(aims)),
        "words": dict(sorted(Counter(answer.word for answer in answers).items())),
        "found": sum(answer.found for answer in answers),
        "answered": len(held),
        "right": sum(
            ("negative" in answer.word) == (share < 0) for answer in answers if answer.found
        ),
        "covered": sum(bool(low <= aim <= high) for (low, high), aim in held),
        "middle": float(np.mean([sum(interval) / 2 for interval, _ in held])) if held else None,
        "compared": worst,
        "seconds": round(time.process_time() - started, 2),
    }


# --- cells and gates ------------------------------------------------------------------------------


def blocks(
    names: Iterable[str], draws: int, size: int, there: dict[tuple[str, bool], dict[str, Any]]
) -> list[Block]:
    """Return the blocks that are lacking: a first one of every cell, then the second ones."""
    todo = []
    for name in names:
        for real in (False, True):
            have = there.get((name, real), {"draws": 0})["draws"]
            todo += [
                Block(name, real, first, min(size, draws - first))
                for first in range(have, draws, size)
            ]
    return sorted(todo, key=lambda block: block.first // size)


def run(todo: list[Block], path: Path, jobs: int) -> None:
    """Simulate blocks and append each one's record as soon as it is there."""
    with ProcessPoolExecutor(jobs) as pool:
        for record in pool.map(simulate, todo):
            with path.open("a", encoding="utf-8") as sink:
                sink.write(json.dumps(record) + "\n")
            print(
                *(
                    f"{name} {record[name]}"
                    for name in (
                        "claim",
                        "real",
                        "first",
                        "truth",
                        "middle",
                        "words",
                        "covered",
                        "seconds",
                    )
                ),
                flush=True,
            )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", default=",".join(BY_NAME))
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws a cell")
    parser.add_argument("--block", type=int, default=BLOCK, help="draws that are recorded at once")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS,
        help="where records are added; draws it has are skipped",
    )
    parser.add_argument("--table", action="store_true", help="run nothing, write docs/recovery.md")
    args = parser.parse_args()
    if not args.table:
        run(
            blocks(args.claims.split(","), args.draws, args.block, read(args.out)),
            args.out,
            args.jobs,
        )
    if args.out == RESULTS:
        TABLE.write_text(render(read()), encoding="utf-8")
    return int(any(gate(record) == "FAILED" for record in read(args.out).values()))


if __name__ == "__main__":
    raise SystemExit(main())
