"""What is new with engagement as recorded: rows, sentences, and the lowest reliability."""

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse

RELIABILITY = 0.7


def frame(n, kind, seed=3):
    """Return people whose likes are recorded with a reliability of .7."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    score = 0.6 * truth + 0.8 * rng.normal(size=n)
    noise = np.sqrt((1 - RELIABILITY) / RELIABILITY) * rng.normal(size=n)
    at = 0.5 * truth + 0.2 * score
    outcome = {
        "continuous": at + rng.normal(size=n),
        "binary": (rng.random(n) < 1 / (1 + np.exp(-at))).astype(float),
        "count": rng.poisson(np.exp(at)).astype(float),
    }[kind]
    return pd.DataFrame({"klout": score, "truth": truth, "likes": truth + noise, "y": outcome})


def plan(kind, **engagement):
    return {
        "name": "demo",
        "question": "What is new?",
        "dataset": "frame",
        "quick": True,
        "score": {"columns": ["klout"], "shares_error": "none"},
        "engagement": {"columns": ["likes"], **engagement},
        "outcome": [{"column": "y", "kind": kind, "sesoi": 0.05}],
    }


def shares(found):
    rows = found.estimates.select(method="information")
    return {(row.term, row.variant): row for row in rows}


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_at_the_true_reliability_it_is_the_share_beside_the_truth(kind):
    data = frame(4_000, kind)
    said = shares(
        analyse(plan(kind, reliability={"likes": {"value": 0.7, "low": 0.7, "high": 0.7}}), data)
    )
    exact = plan(kind, exact=["truth"])
    exact["engagement"]["columns"] = ["truth"]
    true = shares(analyse(exact, data))["new_information", ""].estimate
    recorded, corrected = said["new_information", ""], said["new_information", "lower-reliability"]
    assert recorded.estimate > true + 0.1
    assert corrected.bounds[0] < true < corrected.bounds[1]
    assert corrected.estimate == pytest.approx(true, abs=0.08)
    assert corrected.estimate == pytest.approx(1 - said["adequacy", "lower-reliability"].estimate)
    assert "likes 0.70" in corrected.note


def test_ids_and_sentences():
    audit = sa.audit(plan("continuous"), data=frame(500, "continuous"))
    rows = shares(audit.findings)
    assert rows["adequacy", ""].id == "demo/y/klout/information/ols/adequacy"
    assert rows["new_information", ""].id == "demo/y/klout/information/ols/new_information"
    view = audit["information"]
    text = " ".join(view.sentences)
    assert "with engagement as recorded" in text
    assert rows["new_information", ""].displayed.removeprefix("+") in text
    assert "recorded with a reliability of only 0.80" in text
    assert len(view.tables[0].rows) == 4


def test_exact_engagement_has_no_lower_reliability():
    found = shares(analyse(plan("continuous", exact=["likes"]), frame(500, "continuous")))
    assert set(found) == {("adequacy", ""), ("new_information", "")}


def test_a_score_made_of_the_records_has_none_either():
    said = plan("continuous")
    said["score"]["shares_error"] = "full"
    found = shares(analyse(said, frame(500, "continuous")))
    assert set(found) == {("adequacy", ""), ("new_information", "")}


def test_halves_give_the_lower_end_of_their_interval():
    rng = np.random.default_rng(8)
    data = frame(800, "continuous")
    for half in ("odd", "even"):
        data[half] = data["truth"] + 0.9 * rng.normal(size=800)
    data["likes"] = data[["odd", "even"]].mean(axis=1)
    found = analyse(plan("continuous", halves={"likes": ["odd", "even"]}), data)
    low = found.estimates.one(term="reliability:likes").bounds[0]
    note = shares(found)["new_information", "lower-reliability"].note
    assert f"likes {low:.2f}" in note


def test_a_worthless_score_is_said_to_be_unproven():
    rng = np.random.default_rng(1)
    data = frame(400, "continuous").assign(klout=rng.normal(size=400))
    audit = sa.audit(plan("continuous", exact=["likes"]), data=data)
    row = shares(audit.findings)["new_information", ""]
    assert row.bounds[0] == 0
    assert "do not show that any of it does" in audit["information"].sentences[0]
