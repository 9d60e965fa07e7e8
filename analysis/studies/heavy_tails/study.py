"""The rule for revenue whose tail is too heavy for an ordinary interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.design import build_design, score_scale
from analysis.models.family import FAMILIES
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.evidence import Tail
from analysis.results.question import Question
from analysis.results.rule import sesoi_band, word_of
from analysis.studies.heavy_tails.tail import LIGHT, bootstrap_t, hill_index, top_share

MOST_WORK = 12_000_000
"""Rows times replicates; beyond it the bootstrap is run only where a heavy tail makes the verdict
ask for it.
"""

FEWEST_DRAWS = 0.9
"""Share of the draws without which the rest is no sample of what could have been drawn."""

VERY_LARGE, FEWER_REPLICATES = 100_000, 399
"""Beyond so many rows so many draws at most where each is fitted to the rows; a row's note says how
many there were.
"""

VARIANT = "bootstrap-t"


def study_bootstrap(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the deciding pseudo-maximum likelihood effect with a percentile-t interval, or why
    there is none.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan, model = sample.plan, outcome.deciding_model
    if not FAMILIES[model].ratio:
        return StudyResult()
    work = sample.rows * plan.inference.bootstrap
    index = _index(sample, outcome)
    heavy = index is not None and index < LIGHT
    if plan.quick or (work > MOST_WORK and not heavy):
        why = (
            "The plan says quick = true"
            if plan.quick
            else f"{sample.rows:,} rows are many, and their tail is light"
        )
        reason = f"{why}, so the percentile-t bootstrap was not run."
        if heavy:
            reason += (
                f" With a tail as heavy as that of {outcome.column} nothing is then called adds:"
                " leave quick out."
            )
        return StudyResult(
            checks=(Check(plan.name, "bootstrap_t", None, reason, None, outcome.column, score),)
        )
    design = build_design(sample, outcome.column, (score,))
    try:
        fit = fit_model(design, model, design.plain_covariance)
    except DesignError:
        return StudyResult()
    options = plan.inference
    fewer = FEWER_REPLICATES if sample.rows > VERY_LARGE else None
    found = bootstrap_t(fit, score, replicates=options.bootstrap, seed=options.seed, by_rows=fewer)
    if len(found.values) < FEWEST_DRAWS * found.drawn:
        reason = (
            f"Of {found.drawn:,} draws only {len(found.values):,} had an estimate, so there is no"
            " bootstrap "
        )
        reason += "interval."
        return StudyResult(
            checks=(Check(plan.name, "bootstrap_t", None, reason, None, outcome.column, score),)
        )
    levels = (options.level, 1 - 2 * (1 - options.level))
    rows = []
    for scale in ("sd", "raw"):
        by = score_scale(sample, score) if scale == "sd" else 1.0
        edges = [tuple(by * edge for edge in found.interval(level)) for level in levels]
        drawn = "clusters" if design.clusters is not None else "rows"
        note = f"percentile-t interval and p-value, {len(found.values):,} draws of {drawn}"
        rows.append(
            replace(
                Question(sample, outcome, score).row_of_fit("increment", fit),
                term=score,
                scale=scale,
                unit="percent",
                variant=VARIANT if scale == plan.score.scale else f"{VARIANT}-{scale}",
                estimate=by * found.estimate,
                std_error=by * found.std_error,
                statistic=found.statistic,
                p_value=found.p_value,
                df=fit.df,
                intervals=tuple(zip(levels, edges, strict=True)),
                note=note,
            )
        )
    return StudyResult(tuple(rows))


def _index(sample: Sample, outcome: OutcomeSection) -> float | None:
    """Return the tail index of revenue, or None."""
    if outcome.kind != "revenue" or outcome.negative == "net":
        return None
    return hill_index(sample.numbers(outcome.column))


def study_tail(
    sample: Sample, outcome: OutcomeSection, score: str, estimates: Iterable[Estimate] = ()
) -> Tail | None:
    """Return the tail of a revenue outcome, and under a heavy one the word of the bootstrap
    interval in `estimates`.
    """
    values = sample.numbers(outcome.column)
    if outcome.kind != "revenue" or outcome.negative == "net":
        return None
    index, held = _index(sample, outcome), top_share(values)
    heavy = index is not None and index < LIGHT
    known = (
        f"tail index {index:.1f} (below {LIGHT:g} is heavy)"
        if index is not None
        else "too few values for a tail index"
    )
    reason = f"The largest 1 % of the rows hold {100 * held:.0f} % of {outcome.column}; {known}."
    check = Check(
        sample.plan.name,
        "tail",
        None if index is None else not heavy,
        reason,
        index,
        outcome.column,
        score,
    )
    row = next(
        (
            r
            for r in estimates
            if (r.outcome, r.score, r.variant) == (outcome.column, score, VARIANT)
        ),
        None,
    )
    if not heavy or row is None:
        return Tail(check, heavy)
    level = sample.plan.inference.level
    wide, narrow = row.interval(level), row.interval(1 - 2 * (1 - level))
    word = word_of(wide, narrow, sesoi_band(outcome, row.model, float(values.mean())))
    return Tail(check, heavy, word, wide[0] > 0)
