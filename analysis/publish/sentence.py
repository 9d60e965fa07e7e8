"""The verdict in a sentence that can be printed as it stands."""

from __future__ import annotations

from analysis.design import score_scale
from analysis.estimates import Check, Estimate, display
from analysis.findings import Findings
from analysis.fit import critical_value
from analysis.plan import OutcomeSection, Plan
from analysis.sample import Sample
from analysis.verdict import Verdict

MODEL_NAMES = {
    "poisson": "Poisson pseudo-maximum likelihood", "gamma": "Gamma pseudo-maximum likelihood",
    "tweedie": "Tweedie pseudo-maximum likelihood", "logit": "logit, average marginal effect",
    "ols": "least squares",
}  # fmt: skip


def verdict_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return the verdict as one paragraph: what was held, what was found, how sure, what was not corrected."""
    head = f"With {held_constant(findings.plan)} held constant, {verdict.score}"
    about = f"about {verdict.outcome}"
    if verdict.verdict == "refused":
        return f"These data cannot say whether {verdict.score} tells anything {about}: {verdict.reasons[0]}"
    tells = {
        "adds": f"tells something more {about}",
        "trivial": f"tells something more {about}, but too little to matter",
        "nothing": f"tells practically nothing more {about}",
        "inconclusive": f"may or may not tell something more {about}: the data do not decide",
    }[verdict.verdict]
    sentences = [f"{head} {tells}: {effect_clause(findings, verdict)}.", size_clause(findings, verdict)]
    if verdict.verdict in ("nothing", "inconclusive"):
        sentences.append(f"The smallest effect these rows would show with power .80 is {detectable(verdict)}.")
    if verdict.corrected == "no":
        sentences.append("Engagement is taken as recorded; noise in it is not corrected.")
    return " ".join(sentences)


def held_constant(plan: Plan) -> str:
    """Return the names of engagement and controls; controls are only counted where they are many."""
    controls = list(plan.controls.columns)
    if len(controls) > 3:
        controls = [f"{len(controls)} controls"]
    return listed([*plan.engagement.columns, *controls])


def effect_clause(findings: Findings, verdict: Verdict) -> str:
    """Return "one standard deviation more (27.2) goes with -5.9 % (95 % CI ...; z = -2.67, p = .008; n = ...)"."""
    estimate = verdict.deciding
    step = "one unit more"
    if estimate.scale == "sd":
        step = f"one standard deviation more ({display(score_scale(findings.sample, verdict.score), 'number')})"
    change = f"{estimate.displayed}{_of(findings, verdict)}"
    return (
        f"{step} goes with {change} ({interval_text(estimate, findings.plan.inference.level)}; {test_text(estimate)}; "
        f"{MODEL_NAMES[estimate.model]}, n = {estimate.n:,})"
    )


def _of(findings: Findings, verdict: Verdict) -> str:
    if verdict.deciding.unit == "percent":
        return f" of {verdict.outcome}"
    entry = findings.dataset.column(verdict.outcome)
    if verdict.deciding.unit == "outcome" and entry and entry.unit:
        return f" {entry.unit}"
    return " of probability" if verdict.deciding.unit == "points" else ""


def interval_text(estimate: Estimate, level: float) -> str:
    """Return "95 % CI -10.1 % to -1.6 %" in the units of `displayed`."""
    low, high = estimate.interval(level)
    return f"{100 * level:g} % CI {display(low, estimate.unit)} to {display(high, estimate.unit)}"


def test_text(estimate: Estimate) -> str:
    """Return "t(612) = 2.31, p = .021", from which the p-value can be computed again."""
    name = "z" if estimate.df is None else f"t({estimate.df:.0f})"
    shown = display(estimate.p_value, "p")
    return (
        f"{name} = {estimate.statistic:.2f}, p {shown}"
        if shown.startswith("<")
        else f"{name} = {estimate.statistic:.2f}, p = {shown}"
    )


def size_clause(findings: Findings, verdict: Verdict) -> str:
    """Return how the interval lies to the smallest effect size of interest."""
    low, high = (display(edge, verdict.deciding.unit) for edge in verdict.band)
    band = f"the smallest effect of interest ({low} to {high})"
    if verdict.verdict in ("nothing", "trivial"):
        level = 1 - 2 * (1 - findings.plan.inference.level)
        return f"The {interval_text(verdict.deciding, level)} lies inside {band}."
    return {
        "yes": f"The whole interval lies beyond {band}.",
        "no": f"The interval lies inside {band}.",
        "unclear": f"The interval reaches into {band}, so it is unclear whether the effect would matter.",
    }[verdict.beyond_sesoi]


def detectable(verdict: Verdict, *, power: float = 0.80, level: float = 0.95) -> str:
    """Return the minimal detectable effect of a two-sided test, displayed with its sign left out."""
    estimate = verdict.deciding
    size = (critical_value(level, estimate.df) + critical_value(2 * power - 1, None)) * estimate.std_error
    return display(size, estimate.unit).lstrip("+")


def listed(names: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# --- before a run ----------------------------------------------------------------------------------------


def inspection_lines(sample: Sample, terms: dict[str, tuple[str, ...]], checks: tuple[Check, ...]) -> list[str]:
    """Return what `check` prints: rows, equations, what the SESOI means in the outcome's unit, and the checks."""
    plan, dataset = sample.plan, sample.dataset
    lines = [
        f"{plan.name}: {plan.question}",
        f"Data: {dataset.address}, {dataset.rows:,} rows, SHA-256 {dataset.sha256}",
    ]
    lines += [f"  left out, {reason}: {count:,}" for reason, count in sample.exclusions.items()]
    lines.append(f"  analysed: {sample.rows:,} rows")
    for outcome in plan.outcome:
        columns = ", ".join(terms[outcome.column][1:])
        lines.append(f"Model: {outcome.column} ({outcome.kind}, {outcome.deciding_model}) on {columns}")
        lines += [sesoi_line(sample, outcome, score) for score in plan.score.columns]
    marks = {True: "passed", False: "FAILED", None: "not assessed"}
    lines += [f"Check {check.check}: {marks[check.passed]}. {check.reason}" for check in checks]
    return [*lines, "Plan and data are in order."]


def sesoi_line(sample: Sample, outcome: OutcomeSection, score: str) -> str:
    """Return what the declared SESOI is, in the outcome's own unit."""
    entry = sample.dataset.column(outcome.column)
    unit = f" {entry.unit}" if entry and entry.unit else ""
    step = "1 unit"
    if sample.plan.score.scale == "sd":
        step = f"one standard deviation ({display(score_scale(sample, score), 'number')})"
    mean = float(sample.numbers(outcome.column).mean())
    if outcome.kind in ("revenue", "count"):
        size = outcome.sesoi * abs(mean)
        amount = f"{100 * outcome.sesoi:g} % of the mean {amount_text(mean)}{unit} = {amount_text(size)}{unit}"
    elif outcome.kind == "binary":
        amount = f"{100 * outcome.sesoi:g} percentage points on a share of {100 * mean:.1f} %"
    else:
        amount = f"{amount_text(outcome.sesoi)}{unit} on a mean of {amount_text(mean)}{unit}"
    return f"SESOI: {amount}, per {step} of {score}"


def amount_text(value: float) -> str:
    """Return an amount in the outcome's unit: whole above a thousand, four digits below."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
