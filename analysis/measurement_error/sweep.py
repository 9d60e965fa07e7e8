"""The score's effect swept over the reliability of engagement: what the figure draws, and the word
at each point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from analysis.measurement_error.correction import sweep
from analysis.models.fit import Fit, p_value
from analysis.results.estimates import Estimate
from analysis.results.rule import Interval, Word, word_of

GRID = np.round(np.linspace(0.5, 1.0, 21), 3)
"""Reliabilities of the sweep: below one half, a record is more noise than truth."""

TERM = "sweep"


def sweep_rows(blank: Estimate, fit: Fit, noisy: tuple[str, ...], by: float) -> list[Estimate]:
    """Return the effect on the scale of the verdict at each reliability of `GRID`.

    Parameters
    ----------
    blank : Estimate
        Carries names, unit, scale and rows; its score is the term that is swept.
    fit : Fit
        The plain fit.
    noisy : tuple of str
        Columns that share the reliability; all others, and the score, count as free of shared
        error.
    by : float
        Size of one step of the score in its own unit.
    """
    margin = fit.model == "logit"
    found = sweep(fit, blank.score, noisy, grid=GRID, margin=margin)
    covariance = "HC1" if fit.design.clusters is None else "CRV1" if found.df is None else "CRV3"
    rows = []
    for at, estimate, error in zip(found.reliability, found.estimate, found.std_error, strict=True):
        row = replace(
            blank,
            term=TERM,
            variant=f"{at:.3f}",
            covariance=covariance,
            clusters=fit.design.n_clusters,
        )
        if np.isfinite(estimate):
            note = f"if recorded engagement had a reliability of {at:g}"
            row = replace(
                row,
                estimate=float(estimate * by),
                std_error=float(error * by),
                note=note,
                statistic=float(estimate / error),
                p_value=p_value(estimate / error, found.df),
                df=found.df,
            )
        else:
            row = replace(
                row,
                note=(
                    f"refused: at a reliability of {at:g} hardly any truth is left, given the"
                    " others"
                ),
            )
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Stretch:
    """Neighbouring reliabilities at which the rule gives one word and direction.

    Attributes
    ----------
    word : {"adds", "trivial", "nothing", "inconclusive", "refused"}
    positive : bool or None
        None unless the word has a direction.
    low, high : float
        The first and the last reliability of the sweep with this word.
    """

    word: Word
    positive: bool | None
    low: float
    high: float

    @property
    def said(self) -> str:
        return (
            self.word
            if self.positive is None
            else f"{self.word} ({'positive' if self.positive else 'negative'})"
        )


def stretches(rows: Iterable[Estimate], band: Interval, level: float) -> tuple[Stretch, ...]:
    """Return the words along a sweep, from the lowest reliability to 1."""
    found: list[Stretch] = []
    for row in sorted(rows, key=lambda row: float(row.variant)):
        at = float(row.variant)
        word: Word = "refused"
        if row.estimate is not None:
            word = word_of(row.interval(level), row.interval(1 - 2 * (1 - level)), band)
        positive = row.estimate > 0 if word in ("adds", "trivial") else None
        if found and (found[-1].word, found[-1].positive) == (word, positive):
            found[-1] = replace(found[-1], high=at)
        else:
            found.append(Stretch(word, positive, at, at))
    return tuple(found)
