"""What the results answer of the checklist: the abstract, and items 20 to 27."""

from __future__ import annotations

from collections.abc import Callable

from analysis.data.disclosure import few, said_count
from analysis.report.replication.answers import Answer, Evidence, Point, not_applicable, reported
from analysis.results.sentence import listed
from analysis.results.weights import weighed


def _abstract(known: Evidence) -> Answer:
    told = [verdict["headline"] for verdict in known.record["verdicts"]]
    return reported(
        Point("result in a sentence", ". ".join(told), known.verdicts()),
        Point("a structured summary"),
    )


def _flow(known: Evidence) -> Answer:
    sample = known.findings.sample
    flow = f"{known.findings.dataset.rows:,} rows in the data, {sample.rows:,} analysed"
    return reported(Point("flow", f"{flow}; tables/rows.md has each step"), *_events(known))


def _events(known: Evidence) -> tuple[Point, ...]:
    """Return how many rows have a binary outcome; a few are not counted, nor what would tell."""
    rows, points = known.findings.sample.rows, []
    for outcome in known.plan.outcome:
        if outcome.kind == "binary":
            count = round(known.findings.mean(outcome.column) * rows)
            hidden = few(count) or few(rows - count)
            said = "one answer is too rare to be counted here" if hidden else said_count(count)
            level = "1" if outcome.level is None else outcome.level
            points.append(Point(f"rows with {outcome.column} = {level}", said))
    return tuple(points)


def _characteristics(known: Evidence) -> Answer:
    excluded = known.findings.sample.exclusions
    missing = "; ".join(f"{reason}: {said_count(count)}" for reason, count in excluded.items())
    return reported(
        Point("outcome, score and engagement", "figures/data.svg draws their distributions"),
        Point("left out", missing or "none"),
        Point("demographic groups"),
    )


def _compared(known: Evidence) -> Answer:
    shifted = known.rows("scorecard", terms=["psi"])
    if shifted:
        return reported(Point("shift of the score", "", shifted))
    return not_applicable("no second data set serves for evaluation")


def _rows_of_each(known: Evidence) -> Answer:
    numbers = {row["id"]: row["n"] for row in known.record["estimates"]}
    told = {numbers[name] for name in known.deciding()}
    said = (
        f"{listed([f'{n:,}' for n in sorted(told)])} rows in the deciding estimates" if told else ""
    )
    return reported(Point("rows", said, known.deciding("#n")), *_events(known))


def _whole_model(known: Evidence) -> Answer:
    return reported(
        Point("effect of the score", "", known.deciding()),
        Point("every other coefficient"),
        Point("how others may use the score"),
    )


def _performance(known: Evidence) -> Answer:
    judged = known.rows("prediction", "calibration")
    acted = known.rows("decision", terms=["gain"])
    return reported(
        Point("effect of the score with its interval", "", known.deciding()),
        Point("prediction of rows left out", "", judged),
        *((Point("choosing by the score", "", acted),) if acted else ()),
        Point("subgroups", "", known.rows("transport")),
    )


def _between_clusters(known: Evidence) -> Answer:
    vary = known.rows("transport", terms=["tau2", "prediction_interval"])
    return reported(Point("differences between clusters", "", vary))


def _updated(known: Evidence) -> Answer:
    return not_applicable("no model is updated after it was evaluated")


def _meaning(known: Evidence) -> Answer:
    words = [f"{verdict['verdict']} ({verdict['id']})" for verdict in known.record["verdicts"]]
    return reported(
        Point("verdict", "; ".join(words), known.verdicts()),
        Point("earlier studies"),
        Point("fairness"),
    )


def _limits(known: Evidence) -> Answer:
    failed = [check for check in known.record["checks"] if check["status"] == "failed"]
    kinds = list(dict.fromkeys(check["check"] for check in failed))
    said = " ".join(weighed(kind).sentence for kind in kinds) or "no check failed"
    return reported(
        Point("checks that failed", said, tuple(check["id"] for check in failed)),
        Point("what the data are not", known.stated("not_")),
        Point("what to be careful about", known.stated("caution")),
    )


def _poor_input(known: Evidence) -> Answer:
    noise = known.rows("reliability", "corrected")
    return reported(
        Point("what noise in engagement does", "", noise), Point("what to do without a value")
    )


def _users(known: Evidence) -> Answer:
    return reported(Point("what users have to do and know"))


def _next(known: Evidence) -> Answer:
    return reported(
        Point("what these rows could have shown", "", known.rows("power", terms=["mde"])),
        Point("what would change the verdict", "", known.rows("tipping-point")),
        Point("how far the result carries", "", known.rows("transport")),
        Point("next studies"),
    )


ANSWERS: dict[str, Callable[[Evidence], Answer]] = {
    "2": _abstract,
    "20a": _flow,
    "20b": _characteristics,
    "20c": _compared,
    "21": _rows_of_each,
    "22": _whole_model,
    "23a": _performance,
    "23b": _between_clusters,
    "24": _updated,
    "25": _meaning,
    "26": _limits,
    "27a": _poor_input,
    "27b": _users,
    "27c": _next,
}
"""By the number of the item."""
