"""Whether a few rows, one cluster or one segment make the verdict: the word again without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.covariance import CLUSTERED, cluster_sums
from analysis.design import Design, build_design, score_scale
from analysis.disclosure import shown_count, shown_name
from analysis.errors import DesignError
from analysis.fit import Fit, critical_value
from analysis.left_out import COVARIANCES, coefficient_without
from analysis.methods.increment import FEWEST_CLUSTERS, fit_as_planned
from analysis.models import fit_model
from analysis.models.binary import average_marginal_effect
from analysis.models.pml import VARIANCE_POWER
from analysis.rule import Word, sesoi_band, word_of
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection
from analysis.steps import MANY_ROWS
from analysis.wild import wild_test

LARGE = 0.05
"""Share of the rows from which on a segment counts as one that the word may rest on."""


CHANGES = "changes the word"


@dataclass(frozen=True)
class Fragility:
    """What leaving out rows, a cluster or a segment does to the word of the plain fit.

    Attributes
    ----------
    word : str or None
        The other word that was found; None when none was.
    reason : str
        A sentence; empty when the word stands.
    """

    word: Word | None
    reason: str

    def of_plain_fit(self) -> Fragility:
        """Return it with a sentence that names the plain fit, for a verdict that rests on another one."""
        return replace(self, reason=self.reason.replace(CHANGES, f"{CHANGES} of the plain fit", 1))


def study_fragility(sample: Sample, outcome: OutcomeSection, score: str) -> Fragility:
    """Leave out the rows, the cluster with most influence on the score's coefficient, a segment; look at the word.

    Notes
    -----
    At most max(2, ceil(n / 1000)) rows: leaving out the worst 1 % would overturn most true findings in large samples.
    Rows are ranked by their influence on the coefficient, both ways and in size; each candidate set is refitted. Of
    segments, every one of at least 5 % of the rows is left out.
    """
    design = build_design(sample, outcome.column, (score,))
    fit = fit_as_planned(sample.plan, outcome.deciding_model, design, counts=outcome.kind == "count")
    own = word_of_fit(sample, outcome, score, fit)
    for what, keep in (*_candidates(fit, score), *_segments_left_out(sample)):
        other = word_without(sample, outcome, score, fit, keep, fit.covariance)
        if other not in (None, own):
            share = f"{100 * (1 - keep.mean()):.2g} %"
            left = f"Leaving out {what} of {design.n:,} rows ({share})"
            return Fragility(other, f"{left} {CHANGES} from {own} to {other}.")
    return Fragility(None, "")


def influence_on(fit: Fit, term: str) -> np.ndarray:
    """Return each row's influence on one coefficient, shape (n,), in the units of the coefficient."""
    if fit.influence is not None:
        return fit.influence[:, fit.position(term)]
    basis, triangle = fit.design.basis
    weights = np.linalg.solve(fit.information, np.linalg.inv(triangle)[fit.position(term)])
    return (basis @ weights) * fit.residuals


def _candidates(fit: Fit, score: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (what is left out, mask of the rows that stay)."""
    influence = influence_on(fit, score)
    most = max(2, -(-fit.design.n // 1000))
    orders = [np.argsort(influence), np.argsort(-influence), np.argsort(-np.abs(influence))]
    for count in dict.fromkeys([1, 2, most]):
        seen = []
        for order in orders:
            gone = np.sort(order[:count]).tolist()
            if gone in seen:
                continue
            seen.append(gone)
            keep = np.ones(fit.design.n, dtype=bool)
            keep[order[:count]] = False
            yield f"{count}", keep
    if fit.covariance in CLUSTERED:
        sums = cluster_sums(influence[:, None], fit.design.clusters)[:, 0]
        for group in dict.fromkeys([int(sums.argmin()), int(sums.argmax())]):
            keep = fit.design.clusters != group
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
            rest = fit_model(_without(fit.design, keep), fit.model, kind, counts=outcome.kind == "count")
            return word_of_fit(sample, outcome, score, rest)
    except (DesignError, np.linalg.LinAlgError):
        return None


def _without(design: Design, keep: np.ndarray) -> Design:
    """Return the design of some rows: clusters numbered anew, without controls that do not vary any more."""
    rest = design.take(keep)
    still = [at for at, block in enumerate(rest.blocks) if block == "control" and np.ptp(rest.matrix[:, at]) == 0]
    if still:
        left = [at for at in range(rest.k) if at not in still]
        rest = replace(rest, matrix=rest.matrix[:, left], terms=tuple(rest.terms[at] for at in left),
                       blocks=tuple(rest.blocks[at] for at in left))  # fmt: skip
    if rest.clusters is None:
        return rest
    return replace(rest, clusters=np.unique(rest.clusters, return_inverse=True)[1])


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
