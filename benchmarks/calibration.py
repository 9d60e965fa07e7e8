"""How often a worthless score passes: the plain test, the corrections, and the verdict's rule, by
simulation.

    python benchmarks/calibration.py                        the cells that calibration.jsonl does
    not have yet python benchmarks/calibration.py --models ols --n 1000  some of them python
    benchmarks/calibration.py --tails heavy          another world, printed and never gated python
    benchmarks/calibration.py --tails heavy --n 1000 --reliability 0.8 --draws 1000    what of it is
    committed python benchmarks/calibration.py --table                only write docs/calibration.md
    again

The worlds stand in worlds.py. Samples are analysed many at a time by batch.py; on the first samples
of every cell, with and without an effect, its numbers are compared with those of the package's own
functions, and a cell in which they differ is not recorded. 5,000 samples a cell for least squares
and Poisson, 2,000 elsewhere, as many again with an effect. `adds` means that an interval of 95 %
excludes zero: no band of smallest effects of interest stands in the way, which makes the sizes the
largest possible.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import batch
import numpy as np
from calibration_records import RELIABILITIES, RESULTS, SIZES, cells, gate, rates, read
from calibration_table import render
from scipy import stats
from worlds import EFFECT, MODELS, Cell, Draws, draw, target

from analysis.measurement_error.correction import Correction, correct_fit, corrected_margin
from analysis.measurement_error.measurement import Measurement, measure
from analysis.measurement_error.other_corrections import conditional_score, corrected_score
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.fit import Fit
from analysis.models.glm import average_marginal_effect

TABLE = Path(__file__).resolve().parents[1] / "docs" / "calibration.md"
TERMS, BLOCKS = ("const", "likes", "klout"), ("intercept", "engagement", "score")
ROWS = 30_000
"""Rows in one batch: what fits into a processor's cache."""
COMPARED = 3
"""Samples of each batch kind on which the package's own functions are asked, too."""
AGREEMENT = 1e-6
"""Largest relative difference between the two: statsmodels stops its iterations at about 1e-9."""
SECOND = 1000
"""Samples on which the corrected or conditional score is tried; it decides nothing."""

Pairs = dict[str, tuple[np.ndarray, np.ndarray]]


# --- estimates ------------------------------------------------------------------------------------


def by_batch(draws: Draws, cell: Cell, with_second: bool) -> Pairs:
    """Return {estimator: (estimates, standard errors)} of the score's effect; NaN where a
    correction is refused.
    """
    sums = batch.Sums.of(draws)
    plain = batch.fit(draws, sums, cell.fitted)
    unshared = batch.Errors.of(draws, sums)
    found = {"plain": plain.decides, "unshared": batch.correct(sums, plain, unshared, cell.fitted)}
    found["known"] = found["unshared"]
    if cell.sharing:
        found["known"] = batch.correct(
            sums, plain, batch.Errors.of(draws, sums, shared=True), cell.fitted
        )
    stated = batch.Errors.of(draws, sums, reliability=cell.reliability)
    found["declared"] = batch.correct(sums, plain, stated, cell.fitted)
    if with_second and has_second(cell):
        found["second"] = batch.second(draws, sums, plain, unshared, cell.fitted)
    return found


def has_second(cell: Cell) -> bool:
    """Whether a second correction exists beside calibration: not where the score shares errors."""
    return cell.fitted in ("poisson", "logit") and not cell.sharing


def by_package(draws: Draws, cell: Cell, with_second: bool) -> Pairs:
    """Return the same by the package's own functions, sample by sample."""
    found: dict[str, list[tuple[float, float]]] = {}
    for at in range(len(draws.response)):
        for name, pair in _one_sample(draws, at, cell, with_second).items():
            found.setdefault(name, []).append(pair)
    return {name: tuple(np.array(pairs, dtype=float).T) for name, pairs in found.items()}


def _one_sample(
    draws: Draws, at: int, cell: Cell, with_second: bool
) -> dict[str, tuple[float, float]]:
    matrix = np.column_stack([np.ones(cell.n), draws.likes[at], draws.klout[at]])
    design = Design(draws.response[at], matrix, TERMS, BLOCKS)
    fit = fit_model(design, cell.fitted, "HC3" if cell.model == "ols" else "HC1")
    halves = draws.halves(at)
    unshared = measure(design, halves={"likes": halves["likes"]})
    plain = (float(fit.params[2]), float(fit.std_errors()[2]))
    found = {"plain": average_marginal_effect(fit, "klout") if cell.model == "logit" else plain}
    fit = fit_model(design, cell.fitted, "HC1")  # with which the batch corrects
    found["unshared"] = _corrected(fit, unshared)
    found["known"] = (
        _corrected(fit, measure(design, halves=halves)) if cell.sharing else found["unshared"]
    )
    found["declared"] = _corrected(fit, measure(design, declared={"likes": cell.reliability}))
    if with_second and has_second(cell):
        found["second"] = _pair(
            (conditional_score if cell.model == "logit" else corrected_score)(fit, unshared)
        )
    return found


def _corrected(fit: Fit, errors: Measurement) -> tuple[float, float]:
    """Return what decides: the coefficient, or for a logit the margin."""
    result = correct_fit(fit, errors)
    if fit.model != "logit" or not isinstance(result, Correction):
        return _pair(result)
    margin = corrected_margin(fit, result, "klout")
    return margin.estimate, margin.std_error


def _pair(result: object) -> tuple[float, float]:
    if not isinstance(result, Correction):
        return np.nan, np.nan
    return result.estimate("klout"), result.std_error("klout")


def disagreement(draws: Draws, cell: Cell, found: Pairs) -> float:
    """Return the largest relative difference between batch and package in the first samples, in
    standard errors.
    """
    first = Draws(**{f.name: getattr(draws, f.name)[:COMPARED] for f in fields(draws)})
    largest = 0.0
    for name, (estimate, error) in by_package(first, cell, "second" in found).items():
        one, other = (
            np.array([estimate, error]),
            np.array([values[:COMPARED] for values in found[name]]),
        )
        if (np.isnan(one) != np.isnan(other)).any():
            return np.inf
        distance = np.abs(one - other) / error
        largest = max(largest, float(np.nanmax(distance)) if np.isfinite(distance).any() else 0.0)
    return largest


# --- one cell -------------------------------------------------------------------------------------


def simulate(cell: Cell, *, package: bool = False) -> dict[str, Any]:
    """Return one cell's record: how many samples passed, were refused, and covered the effect.

    Parameters
    ----------
    cell : Cell
    package : bool
        Analyse every sample by the package's own functions: slow, what the tests do, and needed
        with heavy tails, where the package takes HC3 if few rows weigh much.

    Raises
    ------
    RuntimeError
        Where batch and package disagree.
    """
    started = time.process_time()
    package = package or cell.tails == "heavy"
    worst, sides, covered = 0.0, {}, {}
    for real in (False, True):
        blocks = []
        for at, draws in _blocks(cell, real):
            found = (by_package if package else by_batch)(draws, cell, at < SECOND)
            if at == 0 and not package:
                worst = max(worst, disagreement(draws, cell, found))
            blocks.append(found)
        pairs = {
            name: np.concatenate([block[name] for block in blocks if name in block], axis=1)
            for name in blocks[0]
        }
        sides[real] = {name: _sides(*pair) for name, pair in pairs.items()}
        if real:
            covered = {name: _covers(*pair, _aim(cell, name)) for name, pair in pairs.items()}
    if not worst < AGREEMENT:
        raise RuntimeError(f"{cell}: batch and package differ by {worst:.1g} standard errors")
    return {
        **asdict(cell),
        "compared": worst,
        "seconds": round(time.process_time() - started, 1),
        "counts": {name: _counts(sides, covered, name) for name in sides[False]},
        "rule": [int(_rule(sides[real]).sum()) for real in (False, True)],
    }


def _blocks(cell: Cell, real: bool) -> Iterator[tuple[int, Draws]]:
    rng, count = cell.rng(real), max(COMPARED, ROWS // cell.n)
    for at in range(0, cell.draws, count):
        yield at, draw(rng, cell, EFFECT[cell.model] if real else 0.0, min(count, cell.draws - at))


def _aim(cell: Cell, name: str) -> float:
    """Return what an interval is to cover; the conditional score's is on the scale of log odds."""
    return EFFECT[cell.model] if name == "second" else target(cell)


def _sides(estimate: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return the side of zero on which each interval lies, 0 where it holds zero, NaN where it was
    refused.
    """
    side = np.where(np.abs(estimate) > stats.norm.isf(0.025) * error, np.sign(estimate), 0.0)
    return np.where(np.isnan(estimate), np.nan, side)


def _covers(estimate: np.ndarray, error: np.ndarray, aim: float) -> int:
    return int((np.abs(estimate - aim) <= stats.norm.isf(0.025) * error).sum())


def _rule(sides: dict[str, np.ndarray]) -> np.ndarray:
    """Return where the plain and the corrected interval exclude zero on the same side: sharing is
    unknown.
    """
    return (sides["plain"] != 0) & (sides["plain"] == sides["unshared"])


def _counts(
    sides: dict[bool, dict[str, np.ndarray]], covered: dict[str, int], name: str
) -> dict[str, int]:
    null, real = sides[False][name], sides[True][name]
    return {
        "samples": len(null),
        "passed": int((np.abs(null) == 1).sum()),
        "refused": int(np.isnan(null).sum()),
        "found": int((np.abs(real) == 1).sum()),
        "unanswered": int(np.isnan(real).sum()),
        "covered": covered[name],
    }


# --- rates and gates ------------------------------------------------------------------------------


# --- the whole table ------------------------------------------------------------------------------


def run(todo: list[Cell], path: Path, jobs: int) -> int:
    """Simulate cells and append each one's record as soon as it is there; return how many failed
    their gate.
    """
    failed = 0
    with ProcessPoolExecutor(jobs) as pool:
        for record in pool.map(simulate, todo):
            with path.open("a", encoding="utf-8") as sink:
                sink.write(json.dumps(record) + "\n")
            failed += gate(record) == "FAILED"
            values = " ".join(
                f"{name} {value:.3f}" for name, value in asdict(rates(record)).items()
            )
            world = (
                f"{record['model']} n {record['n']} r {record['reliability']} sharing"
                f" {record['sharing']}"
            )
            print(f"{world} {values} {gate(record)} {record['seconds']} s", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--n", default=",".join(map(str, SIZES)))
    parser.add_argument("--reliability", default=",".join(map(str, RELIABILITIES)))
    parser.add_argument("--draws", type=int, help="samples a cell, instead of the full number")
    parser.add_argument("--tails", choices=("light", "heavy"), default="light")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS,
        help="where records are added; cells it has are skipped",
    )
    parser.add_argument(
        "--table", action="store_true", help="run nothing, write docs/calibration.md"
    )
    args = parser.parse_args()
    failed = 0
    if not args.table:
        wanted = cells(args.models.split(","), map(int, args.n.split(",")), args.draws, args.tails)
        wanted = [
            cell
            for cell in wanted
            if cell.reliability in set(map(float, args.reliability.split(",")))
        ]
        there = read(args.out)
        todo = [
            cell for cell in wanted if there.get(cell.key(), {"draws": 0})["draws"] < cell.draws
        ]
        failed = run(todo, args.out, args.jobs)
    if args.out == RESULTS:
        TABLE.write_text(render(read()), encoding="utf-8")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
