"""What a plan could show before any data exist: detectable effects, rows needed, placebos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

from analysis.data.dataset import read_dataset
from analysis.data.sample import Sample, select_sample
from analysis.errors import AnalysisError
from analysis.measurement_error.calibrated_null import NullRates, null_rates
from analysis.models.distributions import (
    detectable_effect,
    power_nothing,
    power_to_detect,
    rows_needed,
    score_error,
)
from analysis.models.family import FAMILIES
from analysis.plan import Plan, read_plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import display
from analysis.results.question import Question
from analysis.results.rule import sesoi_band
from analysis.studies.power.assumptions import (
    Assumptions,
    assume,
    facts_of,
    refuse_impossible,
)

USUAL_ROWS = (300, 1000, 5000)

POWER = 0.80


@dataclass(frozen=True)
class Outlook:
    """What one number of rows can show of one score and one outcome.

    Attributes
    ----------
    std_error, mde : float
        Of the effect, on the model's own scale, and the effect shown with power .80.
    displayed : str
        The detectable effect as a reader sees it.
    power_sesoi, power_nothing : float
        Chance to see an effect as large as the SESOI, and to conclude `nothing` where there is no
        effect.
    rows_sesoi, rows_nothing : int
        Rows with which each would be .80.
    worthless_plain, worthless_corrected, worthless_both : float or None
        Chance that a score without worth passes the ordinary test, the one corrected for noise in
        engagement, and the rule that asks both. None where engagement of the supposed reliability
        could not explain so much.
    mde_corrected : float or None
        Detectable effect of the corrected test; None where the correction would be refused.
    """

    outcome: str
    score: str
    n: int
    std_error: float
    mde: float
    displayed: str
    power_sesoi: float
    power_nothing: float
    rows_sesoi: int
    rows_nothing: int
    worthless_plain: float | None
    worthless_corrected: float | None
    worthless_both: float | None
    mde_corrected: float | None

    def sentence(self, step: str) -> str:
        """Return what this number of rows can show; `step` is what effects are per."""
        mde = self.displayed.lstrip("+").replace(" points", " percentage points")
        passes = (
            "Engagement of this reliability could not explain so much: the score must share its"
            " errors."
        )
        if self.worthless_plain is not None:
            passes = (
                "A worthless score would pass the ordinary test"
                f" {percent_text(self.worthless_plain)} of the time, the rule that also asks the"
                f" corrected test {percent_text(self.worthless_both)}."
            )
        return (
            f"{self.n:,} rows: an effect of {mde} {step} is seen with a chance of 80 %, one as"
            f" large as the SESOI with {percent_text(self.power_sesoi)}; with no effect at all, the"
            f" word is nothing with {percent_text(self.power_nothing)}. {passes}"
        )


@dataclass(frozen=True, eq=False)
class Prospect:
    """What a plan could show.

    Attributes
    ----------
    plan : Plan
    outlooks : tuple of Outlook
    assumptions : dict
        By (outcome, score).
    without : str
        Why the data were not used; empty where they were.
    """

    plan: Plan
    outlooks: tuple[Outlook, ...]
    assumptions: dict[tuple[str, str], Assumptions]
    without: str

    @property
    def table(self) -> pd.DataFrame:
        """One row per outcome, score and number of rows."""
        return pd.DataFrame([asdict(outlook) for outlook in self.outlooks])

    def record(self) -> dict[str, object]:
        """Return everything as JSON takes it."""
        return {
            "plan": self.plan.name,
            "level": self.plan.inference.level,
            "data": self.without or "used",
            "assumptions": [
                {"outcome": outcome, "score": score, **asdict(assumed)}
                for (outcome, score), assumed in self.assumptions.items()
            ],
            "results": [asdict(outlook) for outlook in self.outlooks],
        }

    def lines(self) -> list[str]:
        """Return what `score-audit power` prints."""
        plan = self.plan
        used = (
            "used for rows, spreads and what engagement explains; whether the score goes with the"
            " outcome was not looked at."
        )
        without = self.without and f"not used. {self.without}"
        lines = [f"{plan.name}: what could this plan show?", f"Data: {without or used}"]
        if plan.cluster:
            lines.append(
                f"Rows are taken as independent: with clusters ({plan.cluster.column}) more are"
                " needed."
            )
        unit = "standard deviation" if plan.score.scale == "sd" else "unit"
        for pair, assumed in self.assumptions.items():
            here = [one for one in self.outlooks if (one.outcome, one.score) == pair]
            needed = _needed(here[0], plan.outcomes[pair[0]])
            texts = [one.sentence(f"per {unit} of the score") for one in here]
            lines += ["", " | ".join(pair)]
            lines += [f"  {text}" for text in (assumed.sentence(), *texts, needed)]
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, float_format="{:.3g}".format, border=0)


def power(
    plan: Plan | str | Path | dict,
    *,
    n: int | Sequence[int] | None = None,
    r2_score: float | None = None,
    r2_outcome: float | None = None,
    reliability: float | None = None,
    mean: float | None = None,
    sd: float | None = None,
    sd_score: float | None = None,
) -> Prospect:
    """Return what a plan could show; the dataset is used where it exists, and need not.

    Parameters
    ----------
    plan : Plan, str, Path or dict
    n : int or sequence of int, optional
        Rows. The data's where none are given; 300, 1,000 and 5,000 without data.
    r2_score, r2_outcome : float, optional
        Shares of variance that engagement and controls explain, in [0, 1).
    reliability : float, optional
        Of recorded engagement, in (0, 1].
    mean, sd, sd_score : float, optional
        Of the outcome and the score.

    Raises
    ------
    PlanError
        When a number is out of its range, or one that has to be known is neither given nor in the
        data.

    Notes
    -----
    The standard error per standard deviation of the score is ``s / sqrt(n (1 - R2_score))``, with s
    the residual standard deviation of the outcome: in its unit, relative to its mean for revenue
    and counts, and ``sqrt(p (1 - p) (1 - R2))`` for binary outcomes.

    Examples
    --------
    >>> import analysis as sa
    >>> sa.power("movies", n=1000, r2_score=0.5).outlooks[0].rows_sesoi > 1000
    True
    """
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    given = {
        "r2_score": r2_score,
        "r2_outcome": r2_outcome,
        "reliability": reliability,
        "mean": mean,
        "sd": sd,
        "sd_score": sd_score,
    }
    rows = (n,) if isinstance(n, (int, np.integer)) else tuple(n or ())
    refuse_impossible(f"the power of {plan.name}", given, rows)
    sample, without = _sample_if_any(plan)
    rows = rows or ((sample.rows,) if sample else USUAL_ROWS)
    assumptions, outlooks = {}, []
    for outcome in plan.outcome:
        for score in plan.score.columns:
            facts = facts_of(Question(sample, outcome, score)) if sample else {}
            assumed = assume(plan, outcome, given, facts)
            assumptions[outcome.column, score] = assumed
            outlooks += [_outlook(plan, outcome, score, assumed, count) for count in rows]
    return Prospect(plan, tuple(outlooks), assumptions, without)


def _sample_if_any(plan: Plan) -> tuple[Sample | None, str]:
    """Return the analysis set, or None and why there is none."""
    try:
        return select_sample(plan, read_dataset(plan.dataset, folder=plan.folder)), ""
    except AnalysisError as error:
        return None, f"They could not be read: {error.faults[0].place}, {error.found}."


def _outlook(
    plan: Plan, outcome: OutcomeSection, score: str, assumed: Assumptions, n: int
) -> Outlook:
    """Return what n rows can show."""
    level, family = plan.inference.level, FAMILIES[outcome.deciding_model]
    relative = outcome.kind in ("revenue", "count") and not family.linear
    model = FAMILIES["poisson" if relative else "ols"]  # the scale of the verdict
    spread = assumed.sd / (assumed.mean if relative else 1.0)
    unit = score_error(
        1, r2_full=assumed.r2_outcome, r2_score=assumed.r2_score, sd_outcome=spread
    ) / (assumed.sd_score if plan.score.scale == "raw" else 1.0)
    error = unit / math.sqrt(n)
    band = sesoi_band(outcome, model.name, assumed.mean or 1.0)
    mde = detectable_effect(error, level=level, power=POWER)
    if family.linear:
        gain = (band[1] / unit) ** 2 * (1 - assumed.r2_outcome)
        columns = len(plan.engagement.columns) + len(plan.controls.columns) + 1
        rows_sesoi = rows_needed(
            gain, assumed.r2_outcome, level=level, power=POWER, predictors=columns
        ).detect
    else:
        detectable = detectable_effect(1.0, level=level, power=POWER)
        rows_sesoi = math.ceil((detectable * unit / band[1]) ** 2)
    rates = _null_rates(assumed, n, level)
    worthless = (rates.plain, rates.corrected, rates.both) if rates else (None, None, None)
    ratio = rates.corrected_error / rates.plain_error if worthless[1] else None
    return Outlook(
        outcome.column,
        score,
        n,
        error,
        mde,
        display(mde, model.unit(outcome.kind)),
        power_to_detect(band[1], error, level=level),
        power_nothing(error, band, level=level),
        rows_sesoi,
        _rows_for_nothing(unit, band, level),
        *worthless,
        mde_corrected=mde * ratio if ratio else None,
    )


def _null_rates(assumed: Assumptions, n: int, level: float) -> NullRates | None:
    """Return how a worthless score fares, or None where engagement cannot explain so much."""
    links = [share / assumed.reliability for share in (assumed.r2_score, assumed.r2_outcome)]
    if max(links) >= 1:
        return None
    return null_rates(
        n, *np.sqrt(links), assumed.reliability, assumed=assumed.reliability, level=level
    )


def _rows_for_nothing(unit: float, band: tuple[float, float], level: float) -> int:
    """Return the rows with which `nothing` is concluded with a chance of .80."""

    def gap(log_rows: float) -> float:
        return power_nothing(unit / math.exp(log_rows / 2), band, level=level) - POWER

    start = 2 * math.log(unit / min(-band[0], band[1]))
    return math.ceil(math.exp(scipy.optimize.brentq(gap, start - 10, start + 10)))


def percent_text(share: float) -> str:
    """Return a chance as one reads it: "under 1 %", "41 %", "over 99 %"."""
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def _needed(one: Outlook, outcome: OutcomeSection) -> str:
    size = f"{outcome.sesoi:g}"
    if outcome.kind != "continuous":
        size = f"{100 * outcome.sesoi:g} " + (
            "percentage points" if outcome.kind == "binary" else "% of the mean"
        )
    return (
        f"For a chance of 80 %: {one.rows_sesoi:,} rows to see an effect as large as the SESOI"
        f" ({size}), {one.rows_nothing:,} to conclude nothing."
    )
