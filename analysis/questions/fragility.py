"""Whether a few rows, one cluster or one segment make the verdict: the word again without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.covariance import CLUSTERED, cluster_sums
from analysis.design import build_design, score_scale
from analysis.disclosure import shown_count, shown_name
from analysis.errors import DesignError
from analysis.estimates import Estimate
from analysis.fit import Fit, critical_value
from analysis.left_out import COVARIANCES, coefficient_without
from analysis.methods.increment import FEWEST_CLUSTERS, fit_as_planned
from analysis.models import fit_model
from analysis.models.binary import average_marginal_effect
from analysis.models.pml import VARIANCE_POWER
from analysis.questions.corrections import LeftOut
from analysis.questions.noise import Noise
from analysis.questions.sharing import open_columns
from analysis.rule import Word, sesoi_band, word_of
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection
from analysis.steps import MANY_ROWS
from analysis.wild import wild_test

LARGE = 0.05
"""Share of the rows from which on a segment counts as one that the word may rest on."""


MARGIN = 0.05
"""Share by which a foretold standard error may be wrong: within it the correction is made again."""


@dataclass(frozen=True)
class Fragility:
    """What leaving out rows, a cluster or a segment does to the word of one fit.

    Attributes
    ----------
    own : str
        Its word with all rows.
    word : str or None
        The other word that was found; None when none was.
    reason : str
        A sentence; empty when the word stands.
    """

    own: Word
    word: Word | None = None
    reason: str = ""


def study_fragility(sample: Sample, outcome: OutcomeSection, score: str, noise: Noise) -> tuple[Fragility, ...]:
    """Leave out the rows, the cluster with most influence on the score's coefficient, a segment; look at the word.

    Of the fits that the verdict rests on: the plain one, the correction at the reliability that is stated, or both
    where it is not known whether the score shares the noise.

    Notes
    -----
    At most max(2, ceil(n / 1000)) rows: leaving out the worst 1 % would overturn most true findings in large samples.
    Rows are ranked by their influence on the coefficient, both ways and in size; each candidate set is refitted. Of
    segments, every one of at least 5 % of the rows is left out.
    """
    corrected = [] if noise.left_out is None else [_of_correction(sample, outcome, noise.left_out, noise.effects[0])]
    if corrected and not open_columns(sample.plan, score):
        return tuple(corrected)
    return (_of_plain_fit(sample, outcome, score, "word of the plain fit" if corrected else "word"), *corrected)


def _of_plain_fit(sample: Sample, outcome: OutcomeSection, score: str, what: str) -> Fragility:
    design = build_design(sample, outcome.column, (score,))
    fit = fit_as_planned(sample.plan, outcome.deciding_model, design, counts=outcome.kind == "count")
    clusters = fit.design.clusters if fit.covariance in CLUSTERED else None
    sets = (*_candidates(influence_on(fit, score), clusters), *_segments_left_out(sample))
    found = ((left, keep, word_without(sample, outcome, score, fit, keep, fit.covariance)) for left, keep in sets)
    return _first_other(word_of_fit(sample, outcome, score, fit), found, what)


def _of_correction(sample: Sample, outcome: OutcomeSection, found: LeftOut, effect: Estimate) -> Fragility:
    """Of many rows, those are left out whose influence on coefficient and error foretells another word."""
    level = sample.plan.inference.level
    band = sesoi_band(outcome, outcome.deciding_model, sample.mean(outcome.column))

    def word(row: Estimate | None) -> Word | None:
        return row and word_of(row.interval(level), row.interval(1 - 2 * (1 - level)), band)

    own, many = word(effect), len(found.influence) > MANY_ROWS
    sets = (*_candidates(found.influence, found.clusters), *_segments_left_out(sample))
    looked = ((left, keep) for left, keep in sets
              if not many or {word(row) for row in _foretold(effect, found, keep)} != {own})  # fmt: skip
    return _first_other(own, ((left, keep, word(found.effect(keep))) for left, keep in looked), "corrected word")


def _first_other(own: Word, found: Iterable[tuple[str, np.ndarray, Word | None]], what: str) -> Fragility:
    """Return the first set of rows, (name, mask of those that stay, word), without which the word is another."""
    for left, keep, other in found:
        if other not in (None, own):
            share = f"{100 * (1 - keep.mean()):.2g} %"
            reason = f"Leaving out {left} of {len(keep):,} rows ({share}) changes the {what} from {own} to {other}."
            return Fragility(own, other, reason)
    return Fragility(own)


def _foretold(effect: Estimate, found: LeftOut, keep: np.ndarray) -> list[Estimate]:
    """Return the effect without some rows as influence has it, one step from all of them, with a little more error and
    a little less."""
    parts, rest = found.influence, np.where(keep, found.influence, 0.0)
    if found.clusters is not None:
        parts, rest = (cluster_sums(one[:, None], found.clusters)[:, 0] for one in (parts, rest))
    unit = effect.std_error / float(np.sqrt(parts @ parts))
    estimate, error = effect.estimate + unit * float(rest.sum() - parts.sum()), unit * float(np.sqrt(rest @ rest))
    return [replace(effect, estimate=estimate, std_error=error * by) for by in (1 - MARGIN, 1 + MARGIN)]


def influence_on(fit: Fit, term: str) -> np.ndarray:
    """Return each row's influence on one coefficient, shape (n,), in the units of the coefficient."""
    if fit.influence is not None:
        return fit.influence[:, fit.position(term)]
    basis, triangle = fit.design.basis
    weights = np.linalg.solve(fit.information, np.linalg.inv(triangle)[fit.position(term)])
    return (basis @ weights) * fit.residuals


def _candidates(influence: np.ndarray, clusters: np.ndarray | None) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (what is left out, mask of the rows that stay), by each row's influence on the coefficient."""
    most = max(2, -(-len(influence) // 1000))
    orders = [np.argsort(influence), np.argsort(-influence), np.argsort(-np.abs(influence))]
    for count in dict.fromkeys([1, 2, most]):
        seen = []
        for order in orders:
            gone = np.sort(order[:count]).tolist()
            if gone in seen:
                continue
            seen.append(gone)
            keep = np.ones(len(influence), dtype=bool)
            keep[order[:count]] = False
            yield f"{count}", keep
    if clusters is not None:
        sums = cluster_sums(influence[:, None], clusters)[:, 0]
        for group in dict.fromkeys([int(sums.argmin()), int(sums.argmax())]):
            keep = clusters != group
            yield f"one cluster with {int((~keep).sum()):,}", keep


def large_segments(sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, mask of its rows) of the segments that hold at least 5 % of the rows, in order of their names."""
    names = sample.segments
    for name in () if names is None else sorted(set(names) - {None}):
        rows = names == name
        if LARGE * len(rows) <= rows.sum() < len(rows):
            yield name, rows


def _segments_left_out(sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    for name, rows in large_segments(sample):
        count = int(rows.sum())
        yield f'the segment "{shown_name(name, count)}" with {shown_count(count)}', ~rows


def word_without(
    sample: Sample, outcome: OutcomeSection, score: str, fit: Fit, keep: np.ndarray, kind: str
) -> Word | None:
    """Return the word of the rows that stay, a mask; None where they hold no estimate.

    Of many rows the coefficient alone is fitted, by steps from the fit of all of them.
    """
    wild = sample.plan.inference.covariance == "wild"
    if fit.design.n > MANY_ROWS and fit.model in VARIANCE_POWER and kind in COVARIANCES and not wild:
        try:
            found = coefficient_without(fit, score, keep, kind)
            return _word(sample, outcome, score, fit.model, (found.estimate, found.std_error), found.df)
        except DesignError:  # the steps from there do not converge, or a control has no level left
            pass
    try:
        with np.errstate(all="ignore"):
            rest = fit_model(fit.design.rest(keep), fit.model, kind, counts=outcome.kind == "count")
            return word_of_fit(sample, outcome, score, rest)
    except (DesignError, np.linalg.LinAlgError):
        return None


def word_of_fit(sample: Sample, outcome: OutcomeSection, score: str, fit: Fit) -> Word:
    """Return the word of a plain fit by the plan's rule, the wild bootstrap included where the plan asks for it."""
    at = fit.position(score)
    estimate, error = float(fit.params[at]), float(fit.std_errors()[at])
    if fit.model == "logit":
        estimate, error = average_marginal_effect(fit, score)
    if sample.plan.inference.covariance == "wild" and (fit.design.n_clusters or 0) >= FEWEST_CLUSTERS:
        options = sample.plan.inference
        found = wild_test(fit.design, score, replicates=options.bootstrap, seed=options.seed)
        by, level, band = _scale_level_band(sample, outcome, score, fit.model)
        edges = (found.interval(part) for part in (level, 1 - 2 * (1 - level)))
        return word_of(*((by * low, by * high) for low, high in edges), band)
    return _word(sample, outcome, score, fit.model, (estimate, error), fit.df)


def _scale_level_band(
    sample: Sample, outcome: OutcomeSection, score: str, model: str
) -> tuple[float, float, tuple[float, float]]:
    by = score_scale(sample, score) if sample.plan.score.scale == "sd" else 1.0
    return by, sample.plan.inference.level, sesoi_band(outcome, model, sample.mean(outcome.column))


def _word(
    sample: Sample, outcome: OutcomeSection, score: str, model: str, found: tuple[float, float], df: float | None
) -> Word:
    """Return the word of an estimate with its error, per unit of the score."""
    by, level, band = _scale_level_band(sample, outcome, score, model)
    wide, narrow = (critical_value(part, df) * found[1] * by for part in (level, 1 - 2 * (1 - level)))
    middle = found[0] * by
    return word_of((middle - wide, middle + wide), (middle - narrow, middle + narrow), band)
