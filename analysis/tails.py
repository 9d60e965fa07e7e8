"""The rule for revenue whose tail is too heavy for an ordinary interval."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.design import build_design, score_scale
from analysis.estimates import Check
from analysis.methods.increment import covariance_of
from analysis.methods.tail import LIGHT, hill_index, percentile_t_interval, top_share
from analysis.models import fit_model
from analysis.rule import Word, sesoi_band, word_of
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection


@dataclass(frozen=True)
class Tail:
    """How heavy the tail of a revenue outcome is, and what stands under it.

    Attributes
    ----------
    check : Check
    heavy : bool
        Whether the tail index is below 2.
    word : str or None
        The word of the percentile-t bootstrap interval with its direction; None where it was not asked.
    positive : bool or None
        Whether that interval lies above zero.
    """

    check: Check
    heavy: bool
    word: Word | None = None
    positive: bool | None = None


def study_tail(sample: Sample, outcome: OutcomeSection, score: str) -> Tail | None:
    """Return the tail of a revenue outcome, and under a heavy one the word of a bootstrap interval."""
    values = sample.numbers(outcome.column)
    if outcome.kind != "revenue" or outcome.negative == "net":
        return None
    index, held = hill_index(values), top_share(values)
    heavy = index is not None and index < LIGHT
    known = (
        f"tail index {index:.1f} (below {LIGHT:g} is heavy)" if index is not None else "too few values for a tail index"
    )
    reason = f"The largest 1 % of the rows hold {100 * held:.0f} % of {outcome.column}; {known}."
    check = Check(sample.plan.name, "tail", None if index is None else not heavy, reason, index, outcome.column, score)
    if not heavy or outcome.deciding_model != "poisson" or sample.plan.quick:
        return Tail(check, heavy)
    plan = sample.plan
    design = build_design(sample, outcome.column, (score,))
    fit = fit_model(design, "poisson", covariance_of(plan, "poisson", design))
    levels = (plan.inference.level, 1 - 2 * (1 - plan.inference.level))
    by = score_scale(sample, score) if plan.score.scale == "sd" else 1.0
    outer, inner = percentile_t_interval(
        fit, score, levels, replicates=plan.inference.bootstrap, seed=plan.inference.seed
    )
    wide, narrow = (outer[0] * by, outer[1] * by), (inner[0] * by, inner[1] * by)
    word = word_of(wide, narrow, sesoi_band(outcome, "poisson", float(values.mean())))
    return Tail(check, heavy, word, wide[0] > 0)
