"""More noise added on purpose, and the trend followed back to none (SIMEX): rows for a picture,
never for a verdict.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.measurement_error.corrected import Refusal
from analysis.measurement_error.measurement import Measurement
from analysis.measurement_error.simex import simex
from analysis.models.fit import Fit
from analysis.results.estimates import Estimate

TERM, BACK = "simex", "extrapolated"
MOST_ROWS = 20_000
"""Rows up to which the picture is made: it refits the model some eighty times and decides nothing.
"""
REPLICATES, FEWER = 20, 5
"""Samples with added noise a point; of a likelihood of more than the mean, fewer."""


def extrapolation_rows(
    blank: Estimate, fit: Fit, errors: Measurement, by: float, seed: int
) -> list[Estimate]:
    """Return the score's coefficient with more and more noise in engagement, and where a parabola
    ends without any.

    Parameters
    ----------
    blank : Estimate
        Carries names, unit, scale and rows; its score is the term.
    fit : Fit
        The plain fit.
    errors : Measurement
    by : float
        Size of one step of the score in its own unit.
    seed : int

    Returns
    -------
    list of Estimate
        One row per amount of noise, in units of the estimated error variance (`@0.0` is the record
        as it is), and `@extrapolated`. None has an interval. Empty where there are more than
        `MOST_ROWS` rows, or the score shares the noise.
    """
    if fit.design.n > MOST_ROWS:
        return []
    replicates = FEWER if fit.model == "nb2" else REPLICATES
    found = simex(fit, errors, blank.score, replicates=replicates, rng=np.random.default_rng(seed))
    if isinstance(found, Refusal):
        return []
    rows = [
        replace(
            blank,
            variant=f"{amount:.1f}",
            estimate=by * float(estimate),
            note=f"with {amount:g} times the error variance added to engagement; a picture",
        )
        for amount, estimate in zip(found.added, found.estimates, strict=True)
    ]
    note = "of a parabola, where no error would be left; a picture that keeps a part of the bias"
    return [*rows, replace(blank, variant=BACK, estimate=by * found.extrapolated, note=note)]
