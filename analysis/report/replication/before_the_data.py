"""What plan and codebook answer of the checklist: items 1 to 19, but for the abstract."""

from __future__ import annotations

from collections.abc import Callable

from analysis.data.disclosure import said_count
from analysis.plan.sections.outcome import MODELS, OutcomeSection
from analysis.report.replication.answers import Answer, Evidence, Point, not_applicable, reported
from analysis.results.sentence import listed

FITTED = ("raw", "increment", "corrected")
"""Methods that estimate the effect of the score."""

LEFT_OUT = {
    "prediction": "deviance gained on rows that were left out",
    "calibration": "calibration of predictions of rows that were left out",
    "decision": "what choosing by the score gains",
    "scorecard": "how well the score ranks (AUC, Gini, KS, lift)",
    "information": "share of what is explained that the score adds",
    "increment": "the effect of the score with its interval, and the variance it adds",
}
"""Measures of performance, by the method that has them in the ledger."""

QUALITY = (
    "reading",
    "duplicates",
    "total_rows",
    "codes",
    "heaping",
    "positive",
    "structural_zeros",
    "isolated",
    "default_score",
    "long_file",
)
"""Checks of the data's quality."""


def _title(known: Evidence) -> Answer:
    return reported(
        Point("a title of the study", known.plan.title or ""),
        Point("its question", known.plan.question),
        Point("the outcome", listed([_outcome(o) for o in known.plan.outcome])),
    )


def _outcome(outcome: OutcomeSection) -> str:
    return f"{outcome.column} ({outcome.kind})"


def _context(known: Evidence) -> Answer:
    return reported(
        Point("reason for the study", known.plan.question),
        Point("what the rows are", known.stated("about")),
        Point("earlier models"),
    )


def _target(known: Evidence) -> Answer:
    return reported(
        Point("who it is about", known.stated("about")),
        Point("whom it is not about", known.stated("not_")),
        Point("what the score is for, and who would use it"),
    )


def _inequalities(known: Evidence) -> Answer:
    return reported(Point("inequalities between groups"))


def _aims(known: Evidence) -> Answer:
    scores = listed([*known.plan.score.columns])
    aim = (
        f"to evaluate what {scores} adds to engagement and controls, by an equation that is"
        " developed on the same rows"
    )
    return reported(Point("aim", aim, known.verdicts()))


def _sources(known: Evidence) -> Answer:
    return reported(
        Point("source", known.stated("source")),
        Point("why these data"),
        Point("what limits them", known.stated("caution"), known.checks("selection")),
    )


def _dates(known: Evidence) -> Answer:
    timing = known.plan.timing
    names = ("score", "engagement", "outcome")
    windows = {name: timing.window(name) for name in names} if timing else {}
    said = "; ".join(f"{name} from {first} to {last}" for name, (first, last) in windows.items())
    return reported(Point("dates of collection", said, known.checks("timing") if said else ()))


def _setting(known: Evidence) -> Answer:
    cluster = known.plan.cluster
    centres = f"rows belong together by {cluster.column}" if cluster else ""
    return reported(
        Point("setting", known.stated("about")),
        Point("centres", centres, known.checks("clusters") if cluster else ()),
    )


def _eligibility(known: Evidence) -> Answer:
    plan = known.plan
    filters = [
        f"{keep.column} {' '.join(f'{key} {value}' for key, value in given.items())}"
        for keep in plan.keep
        for given in [_filter(keep)]
    ]
    rule = listed(filters) if filters else "every row of the file"
    missing = {
        "exclude": "those with a missing value are left out",
        "zero": "a missing outcome counts as zero",
    }[plan.missing]
    return reported(Point("what entered", f"{rule}; {missing}"))


def _filter(keep: object) -> dict[str, object]:
    given = keep.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in given.items() if key != "column"}


def _treatments(known: Evidence) -> Answer:
    plan = known.plan
    if plan.algorithm is None and plan.gaming is None:
        return not_applicable("the plan names no treatment: no change of the algorithm, no gaming")
    return reported(
        Point("gaming", "the plan's [gaming]" if plan.gaming else "none", known.rows("gaming")),
        Point(
            "change of the algorithm",
            "the plan's [algorithm]" if plan.algorithm else "none",
            known.rows("algorithm"),
        ),
    )


def _preparation(known: Evidence) -> Answer:
    return reported(
        Point("how columns enter", _transforms(known)),
        Point("how the file was read", "; ".join(known.findings.dataset.notes) or "as it stands"),
        Point("checks of quality", "", known.checks(*QUALITY)),
        Point("whether that was alike in groups"),
    )


def _transforms(known: Evidence) -> str:
    plan = known.plan
    how = {name: plan.score.transform_of(name) for name in plan.score.columns}
    how |= {name: plan.engagement.transform_of(name) for name in plan.engagement.columns}
    return ", ".join(
        f"{name} ({'as it is' if way == 'identity' else way})" for name, way in how.items()
    )


def _defined(known: Evidence, asks: str, names: list[str]) -> tuple[Point, ...]:
    """Return a point of what the codebook says that columns mean, and one of those it does not."""
    told, lacks = known.columns(names)
    points = (Point(asks, told),) if told else ()
    return (*points, *((Point(f"{asks} of {listed(lacks)}"),) if lacks else ()))


def _outcomes(known: Evidence) -> Answer:
    plan = known.plan
    timing = plan.timing and "from {} to {}".format(*plan.timing.window("outcome"))
    return reported(
        *_defined(known, "meaning", [outcome.column for outcome in plan.outcome]),
        Point("time", timing or ""),
        Point("why this outcome"),
    )


def _judged_outcome(known: Evidence) -> Answer:
    return reported(Point("who assessed the outcome"))


def _blinded(known: Evidence) -> Answer:
    return reported(Point("whether the outcome was assessed without knowing the predictors"))


def _choice(known: Evidence) -> Answer:
    plan = known.plan
    columns = [*plan.score.columns, *plan.engagement.columns, *plan.controls.columns]
    fixed = (
        f"{listed(columns)}, by the plan with SHA-256 {plan.sha256[:12]}; none is selected by a fit"
    )
    others = known.rows("multiverse")
    return reported(
        Point("predictors", fixed),
        *((Point("other choices that were tried", "", others),) if others else ()),
        Point("why these"),
    )


def _predictors(known: Evidence) -> Answer:
    plan = known.plan
    names = [*plan.score.columns, *plan.engagement.columns, *plan.controls.columns]
    timing = plan.timing
    windows = timing and "; ".join(
        "{} from {} to {}".format(name, *timing.window(name)) for name in ("score", "engagement")
    )
    told = {
        **dict.fromkeys(plan.engagement.exact, "recorded exactly"),
        **dict.fromkeys(plan.engagement.reliability, "with a stated reliability"),
        **dict.fromkeys(plan.engagement.halves, "recorded twice"),
    }
    well = ", ".join(f"{name} {how}" for name, how in told.items())
    return reported(
        *_defined(known, "meaning", names),
        Point("time", windows or ""),
        Point("how well engagement is recorded", well, known.rows("reliability") if well else ()),
    )


def _judged_predictors(known: Evidence) -> Answer:
    return reported(Point("who assessed the predictors"))


def _size(known: Evidence) -> Answer:
    rows = known.findings.sample.rows
    return reported(
        Point("how many", f"all {rows:,} rows that can be analysed"),
        Point("whether that is enough", "", known.rows("power")),
    )


def _missing(known: Evidence) -> Answer:
    excluded = known.findings.sample.exclusions
    why = "; ".join(f"{reason}: {said_count(count)}" for reason, count in excluded.items())
    filled = {name: count for name, count in known.findings.sample.filled.items() if count}
    zero = "; ".join(
        f"{name}: {said_count(count)} counted as zero" for name, count in filled.items()
    )
    return reported(
        Point("rows left out", "; ".join(filter(None, [why or "none", zero]))),
        Point("what that does", "", known.checks("selection")),
    )


def _use_of_rows(known: Evidence) -> Answer:
    said = f"effects are estimated on all {known.findings.sample.rows:,} rows analysed"
    left_out = known.rows("prediction", "calibration")
    return reported(Point("development", said), Point("evaluation on rows left out", "", left_out))


def _forms(known: Evidence) -> Answer:
    step = {"sd": "per standard deviation of the score", "raw": "per unit of the score"}
    return reported(
        Point("form", _transforms(known)),
        Point("scale", step[known.plan.score.scale]),
        Point("whether the form fits", "", known.checks("reset", "calibration")),
    )


def _models(known: Evidence) -> Answer:
    models = [
        f"{outcome.column} by {MODELS[outcome.deciding_model].printed}"
        for outcome in known.plan.outcome
    ]
    members = [
        member["id"]
        for verdict in known.record["verdicts"]
        for member in verdict["deciding_set"]
        if member["id"]
    ]
    return reported(
        Point("model", "; ".join(models), known.deciding()),
        Point("other fits that have to agree", "", tuple(members)),
        Point("validation on rows left out", "", known.rows("prediction")),
    )


def _clusters(known: Evidence) -> Answer:
    plan = known.plan
    if plan.cluster is None and plan.segment is None:
        return reported(Point("differences between clusters"))
    together = plan.cluster and f"errors hold rows of one {plan.cluster.column} together"
    between = plan.segment and f"effects by {plan.segment.column}, and how they vary"
    points = [Point("clusters", together)] if together else []
    points += [Point("segments", between, known.rows("transport"))] if between else []
    return reported(*points)


def _measures(known: Evidence) -> Answer:
    made = {row["method"] for row in known.record["estimates"]}
    said = [name for method, name in LEFT_OUT.items() if method in made]
    first = [name for method in LEFT_OUT for name in known.rows(method)[:1]]
    return reported(Point("measures", "; ".join(said), tuple(first)), Point("why these measures"))


def _updating(known: Evidence) -> Answer:
    return not_applicable("no model is updated after it was evaluated")


def _predictions(known: Evidence) -> Answer:
    left_out = known.rows("prediction", "calibration")
    return reported(
        Point("equation", _equations(known)),
        Point(
            "predictions", "of each row by a fit that had not seen it" if left_out else "", left_out
        ),
    )


def _equations(known: Evidence) -> str:
    plan = known.plan
    terms = listed([*plan.score.columns, *plan.engagement.columns, *plan.controls.columns])
    return "; ".join(
        f"{MODELS[outcome.deciding_model].link} of the mean of {outcome.column} on {terms}"
        for outcome in plan.outcome
    )


def _imbalance(known: Evidence) -> Answer:
    if all(outcome.kind != "binary" for outcome in known.plan.outcome):
        return not_applicable("no outcome of the plan is binary")
    return not_applicable("no method against class imbalance is used")


def _fairness(known: Evidence) -> Answer:
    return reported(Point("fairness"))


def _output(known: Evidence) -> Answer:
    entries = {
        outcome.column: known.findings.dataset.column(outcome.column)
        for outcome in known.plan.outcome
    }
    units = {name: entry.unit if entry else "" for name, entry in entries.items()}
    given = listed([f"{name} in {unit}" if unit else name for name, unit in units.items()])
    points = [Point("output", f"the expected {given}")]
    if known.plan.decision is not None:
        where = known.rows("decision", terms=["gain"])
        points += [Point("where one acts", _acting(known), where), Point("why there")]
    return reported(*points)


def _acting(known: Evidence) -> str:
    """Return the thresholds of binary outcomes and the shares that can be chosen of the others."""
    chosen = known.plan.decision
    kinds = {"binary" if outcome.kind == "binary" else "other" for outcome in known.plan.outcome}
    stated = chosen.thresholds and ", ".join(f"{chance:g}" for chance in chosen.thresholds)
    told = {
        "binary": f"chances of {stated or 'about the share of the outcome'}",
        "other": f"shares of {', '.join(f'{share:g}' for share in chosen.capacity)}",
    }
    return listed([text for kind, text in told.items() if kind in kinds])


def _apart(known: Evidence) -> Answer:
    return not_applicable("no second data set serves for evaluation")


def _ethics(known: Evidence) -> Answer:
    return reported(Point("ethical approval"), Point("consent"))


def _funding(known: Evidence) -> Answer:
    return reported(Point("funding"))


def _interests(known: Evidence) -> Answer:
    return reported(Point("conflicts of interest"))


def _protocol(known: Evidence) -> Answer:
    return reported(Point("plan", f"{known.plan.name}, SHA-256 {known.plan.sha256}"))


def _registration(known: Evidence) -> Answer:
    deposited = known.plan.registered
    said = f"{deposited.where}, {deposited.when}" if deposited else ""
    return reported(Point("registration", said))


def _data_sharing(known: Evidence) -> Answer:
    data = known.record["dataset"]
    return reported(
        Point("data", f"{data['address']}, SHA-256 {data['sha256']}"),
        Point("source", known.stated("source")),
        Point("licence", known.stated("licence")),
    )


def _code_sharing(known: Evidence) -> Answer:
    said = "score-audit, in the version that ledger.json has under environment"
    return reported(
        Point("code", said), Point("where the study's own code is", known.plan.url or "")
    )


def _public(known: Evidence) -> Answer:
    return reported(Point("whether the public took part"))


ANSWERS: dict[str, Callable[[Evidence], Answer]] = {
    "1": _title,
    "3a": _context,
    "3b": _target,
    "3c": _inequalities,
    "4": _aims,
    "5a": _sources,
    "5b": _dates,
    "6a": _setting,
    "6b": _eligibility,
    "6c": _treatments,
    "7": _preparation,
    "8a": _outcomes,
    "8b": _judged_outcome,
    "8c": _blinded,
    "9a": _choice,
    "9b": _predictors,
    "9c": _judged_predictors,
    "10": _size,
    "11": _missing,
    "12a": _use_of_rows,
    "12b": _forms,
    "12c": _models,
    "12d": _clusters,
    "12e": _measures,
    "12f": _updating,
    "12g": _predictions,
    "13": _imbalance,
    "14": _fairness,
    "15": _output,
    "16": _apart,
    "17": _ethics,
    "18a": _funding,
    "18b": _interests,
    "18c": _protocol,
    "18d": _registration,
    "18e": _data_sharing,
    "18f": _code_sharing,
    "19": _public,
}
"""By the number of the item."""
