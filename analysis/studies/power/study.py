"""What a plan could show, before any data exist: detectable effects, rows needed, and how a
worthless score fares.
"""

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
from analysis.errors import AnalysisError, Fault, PlanError
from analysis.measurement_error.calibrated_null import NullRates, null_rates
from analysis.models import fit_model, fit_ols
from analysis.models.design import build_design, score_scale
from analysis.models.power import (
    detectable_effect,
    power_nothing,
    power_to_detect,
    rows_needed,
    score_error,
)
from analysis.plan import Plan, read_plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Unit, display
from analysis.results.rule import sesoi_band

USUAL = {"r2_score": 0.49, "r2_outcome": 0.25, "reliability": 0.8}
"""Taken where neither the call nor the data say otherwise: correlations of .7 and .5 with
engagement.
"""

USUAL_ROWS = (300, 1000, 5000)

POWER = 0.80

REDUCED = {"nb2": "poisson", "hurdle": "poisson"}
"""Companion whose mean model is fitted in place of the deciding one, to see what engagement
explains.
"""


@dataclass(frozen=True)
class Assumptions:
    """What is supposed of one outcome and one score; None where it is not needed.

    Attributes
    ----------
    r2_score, r2_outcome : float
        Shares of the variance of score and outcome that engagement and controls explain.
    reliability : float
        Share of truth in recorded engagement; its errors are taken as not shared with the score.
    mean, sd : float or None
        Of the outcome, in its own unit.
    sd_score : float or None
        Needed where the plan measures effects per unit of the score.
    taken_from : dict
        By name: "given", "the plan", "the data" or "assumed".
    """

    r2_score: float
    r2_outcome: float
    reliability: float
    mean: float | None
    sd: float | None
    sd_score: float | None
    taken_from: dict[str, str]


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
        supposed = [
            {"outcome": o, "score": s, **asdict(found)}
            for (o, s), found in self.assumptions.items()
        ]
        return {
            "plan": self.plan.name,
            "level": self.plan.inference.level,
            "data": self.without or "used",
            "assumptions": supposed,
            "results": [asdict(outlook) for outlook in self.outlooks],
        }

    def lines(self) -> list[str]:
        """Return what `score-audit power` prints."""
        said = [f"{self.plan.name}: what could this plan show?"]
        said.append(
            f"Data: not used. {self.without}"
            if self.without
            else (
                "Data: used for rows, spreads and what "
                "engagement explains; whether the score goes with the outcome was not looked at."
            )
        )
        if self.plan.cluster:
            said.append(
                f"Rows are taken as independent: with clusters ({self.plan.cluster.column}) more"
                " are needed."
            )
        step = (
            "per standard deviation of the score"
            if self.plan.score.scale == "sd"
            else "per unit of the score"
        )
        for (outcome, score), found in self.assumptions.items():
            said += ["", f"{outcome} | {score}", "  " + _supposed(found)]
            here = [one for one in self.outlooks if (one.outcome, one.score) == (outcome, score)]
            said += [f"  {outlook_sentence(one, step)}" for one in here]
            said.append("  " + _needed(here[0], self.plan.outcomes[outcome]))
        return said

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
    _refuse_impossible(plan, given, rows)
    sample, without = _sample_if_any(plan)
    rows = rows or ((sample.rows,) if sample else USUAL_ROWS)
    assumptions, outlooks = {}, []
    for outcome in plan.outcome:
        for score in plan.score.columns:
            seen = _seen(sample, outcome, score) if sample else {}
            found = _assume(plan, outcome, given, seen)
            assumptions[outcome.column, score] = found
            outlooks += [_outlook(plan, outcome, score, found, count) for count in rows]
    return Prospect(plan, tuple(outlooks), assumptions, without)


def _refuse_impossible(plan: Plan, given: dict[str, float | None], rows: tuple[int, ...]) -> None:
    rules = {
        "r2_score": (lambda v: 0 <= v < 1, "0 or more, below 1"),
        "r2_outcome": (lambda v: 0 <= v < 1, "0 or more, below 1"),
        "reliability": (lambda v: 0 < v <= 1, "above 0, at most 1"),
        "mean": (lambda v: v > 0, "more than 0"),
        "sd": (lambda v: v > 0, "more than 0"),
        "sd_score": (lambda v: v > 0, "more than 0"),
    }
    faults = [
        Fault(name, f"{value:g}", rules[name][1])
        for name, value in given.items()
        if value is not None and not rules[name][0](value)
    ]
    faults += [Fault("n", str(count), "20 rows or more") for count in rows if count < 20]
    if faults:
        raise PlanError(f"the power of {plan.name}", faults)


def _sample_if_any(plan: Plan) -> tuple[Sample | None, str]:
    """Return the analysis set, or None and why there is none."""
    try:
        return select_sample(plan, read_dataset(plan.dataset, folder=plan.folder)), ""
    except AnalysisError as error:
        fault = error.faults[0]
        return None, f"They could not be read: {fault.place}, {fault.found}."


def _seen(sample: Sample, outcome: OutcomeSection, score: str) -> dict[str, float]:
    """Return what the data say, the link of score and outcome left out."""
    design = build_design(sample, outcome.column, (score,))
    rest, values = design.without("score"), design.block("score")[:, 0]
    model = REDUCED.get(outcome.deciding_model, outcome.deciding_model)
    reduced = fit_model(rest, model, "HC1")
    spread = float(design.response.std(ddof=1))
    left = float(((design.response - reduced.fitted) ** 2).mean())
    link = fit_ols(rest.with_response(values), covariance="HC1")
    return {
        "r2_score": link.r_squared,
        "r2_outcome": max(0.0, 1 - left / spread**2),
        "sd": spread,
        "mean": float(design.response.mean()),
        "sd_score": score_scale(sample, score),
    }


def _assume(
    plan: Plan, outcome: OutcomeSection, given: dict[str, float | None], seen: dict[str, float]
) -> Assumptions:
    """Return the assumptions: what is given, else what the plan or the data say, else what is
    usual.
    """
    declared = [plan.engagement.range_of(column)[1] for column in plan.engagement.reliability]
    stated = {"reliability": float(np.mean(declared))} if declared else {}
    values: dict[str, float | None] = {}
    origin: dict[str, str] = {}
    for name in ("r2_score", "r2_outcome", "reliability", "mean", "sd", "sd_score"):
        sources = (("given", given), ("the plan", stated), ("the data", seen), ("assumed", USUAL))
        found = next(
            ((where, told[name]) for where, told in sources if told.get(name) is not None), None
        )
        values[name] = found[1] if found else None
        if found:
            origin[name] = found[0]
    if outcome.kind == "binary" and values["mean"] is not None and origin.get("sd") != "given":
        values["sd"] = (
            math.sqrt(values["mean"] * (1 - values["mean"])) if values["mean"] < 1 else None
        )
    if outcome.kind == "count" and values["mean"] is not None and values["sd"] is None:
        values["sd"] = math.sqrt(values["mean"] / (1 - values["r2_outcome"]))
        origin["sd"] = "assumed"
    needed = [name for name in _needs(plan, outcome) if values[name] is None]
    if needed:
        faults = [
            Fault(
                name, "not given, and no data to take it from", f"--{name.replace('_', '-')} NUMBER"
            )
            for name in needed
        ]
        raise PlanError(f"the power of {plan.name} for {outcome.column}", faults)
    return Assumptions(**values, taken_from=origin)


def _needs(plan: Plan, outcome: OutcomeSection) -> list[str]:
    needs = {"revenue": ["mean", "sd"], "count": ["mean"], "binary": ["mean", "sd"]}.get(
        outcome.kind, ["sd"]
    )
    return needs + (["sd_score"] if plan.score.scale == "raw" else [])


def _outlook(
    plan: Plan, outcome: OutcomeSection, score: str, found: Assumptions, n: int
) -> Outlook:
    level, relative = plan.inference.level, _on_the_log_scale(outcome)
    spread = found.sd / (found.mean if relative else 1.0)
    per = found.sd_score if plan.score.scale == "raw" else 1.0
    unit = (
        score_error(1, r2_full=found.r2_outcome, r2_score=found.r2_score, sd_outcome=spread) / per
    )
    error, band = (
        unit / math.sqrt(n),
        sesoi_band(outcome, "poisson" if relative else "ols", found.mean or 1.0),
    )
    if outcome.kind == "binary":
        band = (-outcome.sesoi, outcome.sesoi)
    mde = detectable_effect(error, level=level, power=POWER)
    rates = _null_rates(found, n, level)
    tested = rates is not None and rates.corrected > 0
    return Outlook(
        outcome.column,
        score,
        n,
        error,
        mde,
        display(mde, _unit(outcome)),
        power_sesoi=power_to_detect(band[1], error, level=level),
        power_nothing=power_nothing(error, band, level=level),
        rows_sesoi=_rows_for_sesoi(plan, outcome, found, unit, band[1]),
        rows_nothing=_rows_for_nothing(unit, band, level),
        worthless_plain=rates.plain if rates else None,
        worthless_corrected=rates.corrected if rates else None,
        worthless_both=rates.both if rates else None,
        mde_corrected=mde * rates.corrected_error / rates.plain_error if tested else None,
    )


def _null_rates(found: Assumptions, n: int, level: float) -> NullRates | None:
    """Return how a worthless score fares, or None where recorded engagement could not explain so
    much.
    """
    links = [share / found.reliability for share in (found.r2_score, found.r2_outcome)]
    if max(links) >= 1:
        return None
    return null_rates(n, *np.sqrt(links), found.reliability, assumed=found.reliability, level=level)


def _rows_for_sesoi(
    plan: Plan, outcome: OutcomeSection, found: Assumptions, unit: float, size: float
) -> int:
    """Return the rows with which an effect as large as the SESOI is seen with a chance of .80."""
    level = plan.inference.level
    if outcome.deciding_model != "ols":
        return math.ceil((detectable_effect(1.0, level=level, power=POWER) * unit / size) ** 2)
    gain = (size / unit) ** 2 * (1 - found.r2_outcome)
    predictors = len(plan.engagement.columns) + len(plan.controls.columns) + 1
    return rows_needed(
        gain, found.r2_outcome, level=level, power=POWER, predictors=predictors
    ).detect


def _on_the_log_scale(outcome: OutcomeSection) -> bool:
    return outcome.kind in ("revenue", "count") and outcome.deciding_model != "ols"


def _unit(outcome: OutcomeSection) -> Unit:
    if outcome.kind == "binary":
        return "points"
    return "percent" if _on_the_log_scale(outcome) else "outcome"


def _rows_for_nothing(unit: float, band: tuple[float, float], level: float) -> int:
    """Return the rows with which the chance to conclude `nothing`, if there is no effect, is
    .80.
    """

    def gap(log_rows: float) -> float:
        return power_nothing(unit / math.exp(log_rows / 2), band, level=level) - POWER

    start = 2 * math.log(unit / min(-band[0], band[1]))
    return math.ceil(math.exp(scipy.optimize.brentq(gap, start - 10, start + 10)))


def _supposed(found: Assumptions) -> str:
    said = {name: f" ({origin})" for name, origin in found.taken_from.items()}
    shares = [f"{100 * share:.0f} %" for share in (found.r2_score, found.r2_outcome)]
    text = (
        f"Supposed: engagement explains {shares[0]} of the score{said['r2_score']} and {shares[1]}"
        f" of the outcome{said['r2_outcome']}, and is recorded with reliability"
        f" {found.reliability:.2f}{said['reliability']}"
    )
    for name, what in {"mean": "the outcome's mean", "sd": "its standard deviation"}.items():
        if getattr(found, name) is not None:
            text += f"; {what} is {getattr(found, name):,.4g}{said.get(name, '')}"
    return f"{text}."


def percent_text(share: float) -> str:
    """Return a chance as one reads it: "under 1 %", "41 %", "over 99 %"."""
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def outlook_sentence(one: Outlook, step: str) -> str:
    """Return what one number of rows can show, in sentences; `step` is what effects are per."""
    mde = one.displayed.lstrip("+").replace(" points", " percentage points")
    if one.worthless_plain is None:
        passes = (
            "Engagement of this reliability could not explain so much: the score must share its"
            " errors."
        )
    else:
        passes = (
            f"A worthless score would pass the ordinary test {percent_text(one.worthless_plain)} of"
            " the time, the rule that also asks the corrected test"
            f" {percent_text(one.worthless_both)}."
        )
    return (
        f"{one.n:,} rows: an effect of {mde} {step} is seen with a chance of 80 %, one as large as"
        f" the SESOI with {percent_text(one.power_sesoi)}; with no effect at all, the word is"
        f" nothing with {percent_text(one.power_nothing)}. {passes}"
    )


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
