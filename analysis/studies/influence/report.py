"""The passage on what predictions gain, what a confounder could do, and what these rows could show
at all.
"""

from __future__ import annotations

from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, display
from analysis.results.findings import Findings
from analysis.results.passage import Passage, about
from analysis.results.sentence import interval_text, listed, unsigned
from analysis.results.verdict import BOUND, Verdict


def doubts_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where nothing of this was studied."""
    told = [
        text
        for verdict in findings.decided
        if verdict.verdict != "refused"
        for text in _paragraphs(findings, verdict)
    ]
    if not told:
        return None
    return Passage("Out of sample, left out, and out of reach", tuple(told))


def _paragraphs(findings: Findings, verdict: Verdict) -> list[str]:
    """Return a paragraph each on predictions, form, confounders and power; of several verdicts,
    each says which.
    """
    which = about(findings, verdict.outcome, verdict.score)
    told = (gain_sentence, flexible_sentence, confounder_sentence, power_sentence)
    return [which + text for text in (tell(findings, verdict) for tell in told) if text]


def _found(findings: Findings, verdict: Verdict, **parts: str) -> Estimate | None:
    rows = findings.estimates.select(
        outcome=verdict.outcome, score=verdict.score, **({"variant": ""} | parts)
    ).rows
    return rows[0] if rows else None


def gain_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return how much better rows that were left out are predicted with the score."""
    row = _found(findings, verdict, method="prediction", term="gain")
    if row is None or row.unit != "share":
        return ""
    level = findings.plan.inference.level
    better = "worse" if row.estimate < 0 else "better"
    says = "so a gain was seen" if row.interval(level)[0] > 0 else "so no gain was seen"
    return (
        f"Rows that were left out of the fit are predicted {_share(row.estimate)} {better} with the"
        f" score than without it ({interval_text(row, level)} of the outcome's deviance), {says};"
        " an interval for predictions misses most small effects, and decides nothing."
    )


def _share(value: float) -> str:
    return display(value, "share").lstrip("+-")


def flexible_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return the effect with everything else held constant in any form, where the plan asked for
    it.
    """
    rows = findings.estimates.select(
        outcome=verdict.outcome, score=verdict.score, method="flexible"
    ).rows
    if not rows:
        return ""
    level = findings.plan.inference.level
    names = {"dml-linear": "by a straight line", "dml-boosting": "by gradient boosting"}
    effects = [
        f"{row.displayed} learned {names[row.model]} ({interval_text(row, level)})" for row in rows
    ]
    return (
        "With what is held constant left free to act as the data say, the effect is"
        f" {listed(effects)}. This guards against a wrong form, and not at all against noise in"
        " engagement."
    )


def confounder_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return how strong something left out of the plan would have to be."""
    model = verdict.deciding.model
    family = FAMILIES[findings.plan.outcomes[verdict.outcome].deciding_model]
    if family.linear:
        return _robustness(findings, verdict)
    row = _found(findings, verdict, method="sensitivity", model=model, term="e_value")
    if row is None or row.estimate is None or not family.ratio:
        return ""
    limit = _found(
        findings, verdict, method="sensitivity", model=model, term="e_value", variant="limit"
    )
    least = "" if limit is None or limit.estimate is None else _least(limit.estimate)
    return (
        "Something left out of the plan would have to go with both the score and the outcome by a"
        f" ratio of {row.estimate:.2f} each, beyond what is held constant, to explain the whole"
        f" effect away (its E-value){least}."
    )


def _least(limit: float) -> str:
    if limit == 1:
        return "; the interval holds zero as it is"
    return f", and by {limit:.2f} to bring the interval to zero"


def _robustness(findings: Findings, verdict: Verdict) -> str:
    terms = ("rv", "rv_alpha")
    value, least = (
        _found(findings, verdict, method="sensitivity", model="ols", term=term) for term in terms
    )
    if value is None or least is None:
        return ""
    reach = f"{_share(least.estimate)} is enough to bring the interval to zero"
    if least.estimate == 0:
        reach = "the interval holds zero as it is"
    said = [
        f"Something left out of the plan would have to explain {_share(value.estimate)} of what is"
        f" left of both the score and the outcome to explain the whole effect away; {reach}."
    ]
    rows = findings.estimates.select(
        outcome=verdict.outcome, score=verdict.score, method="sensitivity", model="ols"
    )
    said += [_benchmark(findings, verdict, row) for row in rows if row.term.startswith(BOUND)]
    return " ".join([*said, "This speaks of confounders, not of noise in engagement."])


def _benchmark(findings: Findings, verdict: Verdict, row: Estimate) -> str:
    column = findings.dataset.label(row.term.removeprefix(BOUND))
    if row.estimate is None:
        return (
            f"A confounder as strong as {column} cannot exist: {column} explains too much of the"
            " score."
        )
    interval = f" ({interval_text(row, findings.plan.inference.level)})" if row.std_error else ""
    return (
        f"A confounder as strong as {column} would leave an effect of {row.displayed}{interval}, at"
        " worst."
    )


def power_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return what these rows could show, and how likely the word nothing was to begin with."""
    model = verdict.deciding.model
    mde = _found(findings, verdict, method="power", model=model, term="mde")
    chance = _found(findings, verdict, method="power", model=model, term="power_nothing")
    if mde is None or chance is None:
        return ""
    share = 100 * chance.estimate
    likely = "less than 1" if share < 1 else "more than 99" if share > 99 else f"{share:.0f}"
    return (
        f"With these rows an effect of {unsigned(findings, verdict, mde.estimate)} would be seen"
        " with a chance of 80 %; if there were no effect at all, the word nothing (or trivial)"
        f" would have a chance of {likely} %."
    )
