"""The verdict in a sentence that can be printed as it stands."""

from __future__ import annotations

from dataclasses import replace

from analysis.models.columns import score_scale
from analysis.models.distributions import detectable_effect
from analysis.models.family import FAMILIES
from analysis.plan.sections.decision import place_text
from analysis.results.answer import SAYS, first_apart, word_for
from analysis.results.estimates import Estimate, display, p_text
from analysis.results.findings import Findings
from analysis.results.verdict import Verdict

CORRECTION_NAMES = {
    "eiv": "least squares corrected for noise in engagement",
    "calibration": "regression calibration for noise in engagement",
    "corrected-score": "the corrected score for noise in engagement",
}


def model_name(model: str, *, short: bool = False) -> str:
    """Return how a sentence calls the model, or the correction, of an estimate."""
    if model in CORRECTION_NAMES:
        return CORRECTION_NAMES[model]
    return FAMILIES[model].short if short else FAMILIES[model].printed


NOISE = {
    "no": "Noise in engagement is not corrected.",
    "yes": "Noise in recorded engagement is corrected.",
    "partial": (
        "Noise in recorded engagement is corrected where the plan says how large it is, and nowhere"
        " else."
    ),
}


def noise_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return what of noise in engagement the verdict rests on, and its condition."""
    silent = [findings.label(column) for column in findings.plan.engagement.assumed_columns]
    if verdict.corrected != "assumed":
        return NOISE[verdict.corrected]
    columns, plural = listed(silent), "are" if len(silent) > 1 else "is"
    unsaid = f"the plan does not say how well {'they are' if len(silent) > 1 else 'it is'}"
    if verdict.verdict != "inconclusive":
        least = f"a reliability of {verdict.assumed_from:.2g} or more"
        return f"This holds if {columns} {plural} recorded with {least}; {unsaid}."
    if verdict.holds_from is None:
        return "It would be undecided with engagement recorded without any noise, too."
    says = HOLDS[verdict.holds_word].format(score=findings.label(verdict.score))
    how = (
        "without any noise"
        if verdict.holds_from == 1
        else f"with a reliability of {verdict.holds_from:.2f} or more"
    )
    return (
        f"{says[0].upper()}{says[1:]} only if {columns} {plural} recorded {how}; {unsaid}: state"
        " reliability or exact, or give two halves."
    )


HOLDS = {
    "adds": "{score} adds",
    "trivial": "{score} adds something too small to matter",
    "nothing": "{score} adds practically nothing",
}
"""What the rule would say where a word holds."""


def verdict_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return the verdict as one paragraph: what was held, what was found, how sure, what was not
    corrected.
    """
    score, outcome = (findings.label(name) for name in (verdict.score, verdict.outcome))
    simulated = findings.dataset.simulated
    if verdict.refused:
        these = "In simulated data, these" if simulated else "These"
        return (
            f"{these} data cannot say whether {score} tells anything about {outcome}:"
            f" {verdict.reasons[0]}"
        )
    tells = {
        "adds": f"{score} tells something more about {outcome}",
        "trivial": f"{score} tells something more about {outcome}, but too little to matter",
        "nothing": f"{score} tells practically nothing more about {outcome}",
        "inconclusive": (
            f"these data do not decide whether {score} tells anything more about {outcome}"
        ),
    }[verdict.verdict]
    held = f"{'In simulated data, with' if simulated else 'With'} {held_constant(findings)} held"
    sentences = [
        f"{held} constant, {tells}: {effect_clause(findings, verdict)}.",
        size_clause(findings, verdict),
        too_long_a_step(findings, verdict),
    ]
    if verdict.verdict in ("nothing", "inconclusive"):
        sentences.append(
            "The smallest effect that these rows would show with a power of .80 is "
            f"{detectable(findings, verdict)}."
        )
    sentences += [
        noise_sentence(findings, verdict),
        drawn_sentence(findings),
        acting_sentence(findings, verdict),
    ]
    return " ".join(filter(None, sentences))


def drawn_sentence(findings: Findings) -> str:
    """Return of which rows the form of engagement and its noise were asked, where not of all."""
    drawn, rows = len(findings.sample.frame), findings.sample.rows
    if drawn == rows:
        return ""
    return (
        f"The form of engagement and noise in it were asked of a seeded sample of {drawn:,} of"
        f" {rows:,} rows."
    )


def acting_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return whether choosing by the score pays; nothing where the plan names no price."""
    acting = verdict.acting
    if acting.word is None:
        return ""
    price = f"at a price of {display(findings.plan.decision.price, 'outcome').lstrip('+')} per row"
    if acting.word == "undecided":
        return f"Whether choosing by it pays {price} is not decided."
    where = f", at {place_text(acting.at)}" if acting.at else ""
    return f"Choosing by it {acting.word} {price}{where}."


def held_constant(findings: Findings) -> str:
    """Return what engagement and controls are called; many of them are only counted."""
    plan, label = findings.plan, findings.label
    engagement = [label(column) for column in plan.engagement.columns]
    controls = [label(column) for column in plan.controls.columns]
    if len(engagement) > 4:
        engagement = [f"{len(engagement)} measures of engagement"]
    if len(controls) > 3:
        controls = [f"{len(controls)} controls"]
    return listed([*engagement, *controls])


def effect_clause(findings: Findings, verdict: Verdict) -> str:
    """Return "one standard deviation more (25.9) goes with 5.9 % less (-5.9 %; 95 % CI ...; z =
    ..., p = ...; ...)".
    """
    estimate = verdict.deciding
    rows = f"n = {estimate.n:,}" + (
        f" in {estimate.clusters:,} clusters" if estimate.clusters else ""
    )
    if estimate.carried_by_one:
        what = "cluster" if estimate.clusters else "row"
        return (
            f"{step_text(findings, verdict.score)} goes with {change_text(findings, verdict)}"
            f" ({estimate.displayed}; no interval can be given, since a {what} or two carry the"
            f" score; {model_name(estimate.model)}, {rows})"
        )
    interval = range_of_set(verdict, findings.level) or interval_text(estimate, findings.level)
    return (
        f"{step_text(findings, verdict.score)} goes with {change_text(findings, verdict)}"
        f" ({estimate.displayed}; {interval};"
        f" {test_text(estimate)}; {model_name(estimate.model)}, {rows})"
    )


def range_of_set(verdict: Verdict, level: float) -> str:
    """Return the range over the fits that have to agree, where one lies outside the interval.

    Empty where the interval of the deciding estimate holds all of them, or nothing is decided.
    """
    if verdict.verdict in ("inconclusive", "refused"):
        return ""
    low, high = verdict.deciding.interval(level)
    rows = [member.row for member in verdict.deciding_set if member.row is not None]
    if all(low <= row.estimate <= high for row in rows):
        return ""
    ends = [pick(rows, key=lambda row: row.estimate) for pick in (min, max)]
    ends = [replace(verdict.deciding, estimate=row.estimate).displayed for row in ends]
    return f"{ends[0]} to {ends[1]} over the fits that have to agree"


def step_text(findings: Findings, score: str) -> str:
    """Return what the effect is per: "one standard deviation more (25.9 percentage points)", or one
    unit.
    """
    transform, unit = findings.plan.score.transform_of(score), findings.dataset.unit(score)
    named = {
        "identity": f" {unit}" if unit else "",
        "log1p": " on the log scale",
        "rank": " on the scale of ranks",
    }
    if findings.plan.score.scale == "sd":
        size = display(score_scale(findings.sample, score), "number")
        return f"one standard deviation more ({size}{named[transform]})"
    return "one unit more" + ("" if transform == "identity" else named[transform])


def change_text(findings: Findings, verdict: Verdict) -> str:
    """Return the effect as one reads it aloud: "5.9 % less", "a probability 3.8 percentage points
    higher".
    """
    estimate = verdict.deciding
    size = unsigned(findings, verdict, estimate.estimate)
    down = estimate.estimate < 0
    if estimate.unit == "points":
        return f"a probability {size} {'lower' if down else 'higher'}"
    exposure = findings.plan.outcomes[verdict.outcome].exposure
    per = f" per unit of {findings.label(exposure)}" if exposure else ""
    return f"{size} {'less' if down else 'more'}{per}"


def too_long_a_step(findings: Findings, verdict: Verdict) -> str:
    """Return a warning where the average slope times the step is more than a probability can
    change, else nothing.
    """
    estimate = verdict.deciding
    if estimate.unit != "points":
        return ""
    share = findings.mean(verdict.outcome)
    reach = max(abs(edge) for edge in estimate.interval(findings.level))
    if reach <= max(share, 1 - share):
        return ""
    return (
        "These are average slopes; over a step this long they come to more than a probability can"
        " change, so read the sign, and take a shorter step or a transform of the score for the"
        " size."
    )


def _unit(findings: Findings, verdict: Verdict) -> str:
    """Return the outcome's unit with a space before it, for effects in outcome units."""
    unit = findings.dataset.unit(verdict.outcome) if verdict.deciding.unit == "outcome" else ""
    return f" {unit}" if unit else ""


def interval_text(estimate: Estimate, level: float) -> str:
    """Return "95 % CI -10.1 % to -1.6 %" in the units of `displayed`."""
    if estimate.carried_by_one:
        return "no interval, since a row or two carry it"
    return f"{100 * level:g} % CI {estimate.span(level)}"


def test_text(estimate: Estimate) -> str:
    """Return "t(612) = 2.31, p = .021", from which the p-value can be computed again.

    A wild bootstrap's p comes from its own draws, and is said to.
    """
    wild = estimate.covariance == "wild"
    name = "t" if wild else "z" if estimate.df is None else f"t({estimate.df:.0f})"
    p = p_text(estimate.p_value)
    return (
        f"{name} = {estimate.statistic:.2f}, {p}{' by the wild cluster bootstrap' if wild else ''}"
    )


def size_clause(findings: Findings, verdict: Verdict) -> str:
    """Return how the interval lies to the smallest effect size of interest."""
    size = unsigned(findings, verdict, verdict.band[1])
    per = "" if findings.plan.score.scale == "sd" else " for one unit of the score"
    band = f"the plan's smallest effect of interest ({size} either way{per})"
    if verdict.verdict in ("nothing", "trivial"):
        level = 1 - 2 * (1 - findings.level)
        return f"The {interval_text(verdict.deciding, level)} lies within {band}."
    if verdict.verdict == "inconclusive":
        return _undecided(findings, verdict, band)
    if range_of_set(verdict, findings.level):
        whole, part = "The intervals of all these fits lie", "An interval of these fits reaches"
    else:
        whole, part = "The whole interval lies", "The interval reaches"
    return {
        "yes": f"{whole} beyond {band}.",
        "no": f"{whole.replace('whole ', '')} within {band}.",
        "unclear": (
            f"{part} into {band}, so it is unclear whether the effect is large enough to matter."
        ),
    }[verdict.beyond_sesoi]


def _undecided(findings: Findings, verdict: Verdict, band: str) -> str:
    """Return why nothing is decided: the interval's own reach, or another analysis that the rule
    asks for.
    """
    if verdict.deciding.carried_by_one:
        return "Without an interval nothing can be said of the size of the effect."
    alone = word_for(verdict.deciding, verdict.band, findings.level)
    if alone == "inconclusive":
        return f"The interval holds zero as well as effects beyond {band}."
    it = {
        "adds": "excludes zero",
        "trivial": f"excludes zero and lies within {band}",
        "nothing": f"lies within {band}",
    }[alone]
    pair = first_apart(verdict.deciding_set) if verdict.deciding_set else None
    if pair is None:  # all members say the word: something else is known against it
        return f"Alone this interval {it}, but a failed check leaves the word undecided."
    return f"Alone this interval {it}, but {SAYS[pair[1].name]} does not confirm it."


def detectable(findings: Findings, verdict: Verdict, *, power: float = 0.80) -> str:
    """Return the minimal detectable effect of the plan's two-sided test, without a sign."""
    estimate = verdict.deciding
    level = findings.level
    size = detectable_effect(estimate.std_error, level=level, power=power, df=estimate.reference_df)
    if estimate.unit == "percent":
        return (
            f"{unsigned(findings, verdict, size)} more or {unsigned(findings, verdict, -size)} less"
        )
    return unsigned(findings, verdict, size)


def unsigned(findings: Findings, verdict: Verdict, size: float) -> str:
    """Return the size of an effect in the deciding estimate's unit, in full words and without a
    sign.
    """
    shown = display(size, verdict.deciding.unit).lstrip("+-")
    return shown.replace(" points", " percentage points") + _unit(findings, verdict)


def listed(names: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def multiverse_sentence(findings: Findings) -> str:
    """Return what all the reasonable analyses say together, and which single decision changes the
    word.
    """
    table = findings.multiverse.table
    words = table["verdict"].dropna().value_counts()
    phrases = {
        "adds": "say that the score adds something",
        "trivial": "that it adds too little to matter",
        "nothing": "that it adds practically nothing",
        "inconclusive": "do not decide",
    }
    shares = [f"{count:,} {phrases[word]}" for word, count in words.items()]
    sentences = [f"Of {len(table):,} analyses that the plan calls reasonable, {listed(shares)}."]
    lost = int(table["verdict"].isna().sum())
    if lost:
        sentences.append(f"{lost:,} could not be estimated.")
    corrected = int((table["estimate"].notna() & table["p_adjusted"].isna()).sum())
    if corrected:
        sentences.append(
            f"{corrected:,} of them are corrected for noise in engagement; the joint test is of the"
            " others."
        )
    joint = [row for row in findings.multiverse.estimates if row.term == "pima"]
    if joint:
        found = [
            f"{p_text(row.p_value)} ({model_name(row.model)}"
            f"{f', {row.variant} of the outcome' if row.variant else ''})"
            for row in joint
        ]
        test = "Joint sign-flip tests" if len(joint) > 1 else "The joint sign-flip test"
        sentences.append(f"{test} that the score adds nothing in any of them: {listed(found)}.")
    flips = findings.multiverse.decisions.query("flips")["decision"].tolist()
    planned = "the plan's planned analysis"
    changed = (
        f"alone change the word of {planned}: {listed(flips)}"
        if flips
        else f"alone changes the word of {planned}: none"
    )
    return " ".join([*sentences, f"Decisions that {changed}."])
