"""The verdict over reliability: each effect is the corrected fit's, and all that prints says so."""

from html import escape
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from test_noise import HALVES, OUTCOMES, frame, plan

from analysis.audit import analyse
from analysis.measurement_error.correction import correct_fit, corrected_margin
from analysis.measurement_error.measurement import measure
from analysis.measurement_error.reliability_curve import GRID, Stretch
from analysis.measurement_error.report import (
    reliability_figure,
    reliability_section,
    reliability_sentences,
)
from analysis.models import fit_model
from analysis.models.columns import build_design, score_scale
from analysis.report.views import Audit
from analysis.results.rule import word_of


@pytest.fixture(scope="module")
def halves():
    return analyse(plan(**HALVES), frame())


@pytest.fixture(scope="module")
def unstated():
    return analyse(plan(), frame())


def curve_of(audit):
    (curve,) = audit.curves.values()
    return curve


@pytest.mark.parametrize("kind", list(OUTCOMES))
def test_every_effect_is_the_corrected_fit_at_that_reliability(kind):
    audit = analyse(plan(kind), frame())
    design = build_design(audit.sample, OUTCOMES[kind]["column"], ("score",))
    fit = fit_model(design, audit.plan.outcome[0].deciding_model, "HC3")
    curve = curve_of(audit)
    assert curve.reliability.tolist() == list(GRID)
    for at, swept in curve.known[::5]:
        found = correct_fit(fit, measure(design, declared={"likes": at}))
        effect = (found.estimate("score"), found.std_error("score"))
        if kind == "binary":
            margin = corrected_margin(fit, found, "score")
            effect = margin.estimate, margin.std_error
        by = score_scale(audit.sample, "score")
        assert (swept.estimate, swept.std_error) == pytest.approx(
            (effect[0] * by, effect[1] * by), rel=1e-9
        )
    deciding = audit.verdict_on().deciding
    # at 1 it is the plain fit
    assert curve.effects[-1].estimate == pytest.approx(deciding.estimate, rel=1e-9)
    assert curve.unit == deciding.unit
    assert curve.band == audit.verdict_on().band


def test_the_sweep_crosses_zero_at_the_break_even(unstated):
    gone = unstated.estimates.one(method="reliability", term="break_even").estimate
    at, estimates = np.array([(at, one.estimate) for at, one in curve_of(unstated).known]).T
    assert np.interp(0.0, estimates, at) == pytest.approx(gone, abs=0.005)


def test_neighbours_with_one_word_are_one_stretch(unstated):
    verdict, found = unstated.verdict_on(), curve_of(unstated).stretches
    assert (found[0].low, found[-1].high) == (0.5, 1.0)
    assert all(one.high < two.low and str(one) != str(two) for one, two in pairwise(found))
    assert (verdict.verdict, verdict.assumed_from) == ("inconclusive", 0.8)
    assert [one.word for one in found if one.low <= 0.8 <= one.high] == ["inconclusive"]
    assert (found[-1].word, found[-1].positive) == (verdict.as_recorded, True)
    assert found[-1].low - 0.025 < verdict.holds_from <= found[-1].low
    assert str(Stretch("adds", False, 0.5, 0.6)) == "adds (negative)"


def test_where_hardly_any_truth_is_left_nothing_is_decided():
    data = frame(n=300)
    data["score"] = data["likes"] + 0.3 * data["score"]
    audit = analyse(plan(), data)
    curve = curve_of(audit)
    assert curve.effects[0] is None
    assert curve.stretches[0].word == "inconclusive"
    assert curve.table().word[0] == "inconclusive"
    assert reliability_figure(audit, "y").png


def test_a_score_that_shares_the_noise_has_no_sweep():
    audit = analyse(plan(shares="full", **HALVES), frame(sharing=True))
    assert not audit.curves
    (said,) = reliability_sentences(audit, audit.verdict_on())
    assert "ordinary fit is right" in said
    assert reliability_section(audit).figures == ()
    with pytest.raises(LookupError):
        Audit(audit).plot("reliability")


# --- what is printed ------------------------------------------------------------------------------


def test_the_three_sentences_with_halves(halves):
    null, gone, over = reliability_sentences(halves, halves.verdict_on())
    rows = {row.term: row for row in halves.estimates.select(method="reliability")}
    assert f"ordinary test {100 * rows['false_positive_naive'].estimate:.0f} %" in null
    assert f"corrected test {100 * rows['false_positive_corrected'].estimate:.0f} %" in null
    assert f"likes {rows['reliability:likes'].estimate:.2f}" in null
    assert f"reliability of {rows['break_even'].estimate:.2f}" in gone
    assert f"at {rows['break_even_sesoi'].estimate:.2f}" in gone
    assert over.startswith("Swept over reliabilities from 0.5 to 1, the rule says ")
    assert all(str(one) in over for one in curve_of(halves).stretches)


def test_without_a_reliability_the_reader_is_told_what_to_measure(unstated):
    said = reliability_sentences(unstated, unstated.verdict_on())
    assert "if recorded engagement had a reliability of 0.8" in said[0]
    assert "odd and in even weeks" in said[-1]
    gone = unstated.estimates.one(method="reliability", term="break_even").estimate
    assert f"Below {gone:.2f} nothing is left of the effect" in said[-1]
    assert unstated.verdict_on().corrected == "assumed"


def test_the_figure_is_described_and_always_the_same(halves):
    one, two = Audit(halves).plot("reliability"), reliability_figure(halves, "y")
    assert one.svg == two.svg
    assert "over the reliability of engagement" in one.alt
    assert "rule says" in one.alt
    assert "diamond" in one.caption
    assert "diamond" not in reliability_figure(analyse(plan(), frame()), "y").caption


def test_report_and_ledger_carry_them(halves, tmp_path):
    folder = Audit(halves).export(tmp_path / "noisy")
    page = (folder / "report.html").read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "Is engagement really controlled?" in page
    for sentence in reliability_sentences(halves, halves.verdict_on()):
        assert escape(sentence).replace("&#x27;", "&#39;") in page
    assert (folder / "figures" / "reliability.svg").exists()
    ledger = (folder / "ledger.json").read_text("utf-8")
    for term in (
        "false_positive_naive",
        "false_positive_corrected",
        "break_even",
        "break_even_sesoi",
    ):
        assert f'{term}"' in ledger
    assert "sweep" not in ledger


def test_the_curve_is_written_beside_its_figure(halves, tmp_path):
    folder = Audit(halves).export(tmp_path / "noisy")
    table = pd.read_csv(folder / "figures" / "reliability.csv")
    curve, verdict = curve_of(halves), halves.verdict_on()
    assert list(table.columns[:4]) == ["outcome", "score", "reliability", "estimate"]
    assert set(zip(table.outcome, table.score, strict=True)) == {("y", "score")}
    assert table.reliability.tolist() == list(GRID)
    for row, (at, effect) in zip(table.itertuples(), curve.known, strict=True):
        low, high = effect.interval(0.95)
        assert (row.reliability, row.estimate, row.std_error, row.conf_low, row.conf_high) == (
            pytest.approx((at, effect.estimate, effect.std_error, low, high), rel=1e-12)
        )
        inner = effect.interval(0.9)
        alone = word_of((low, high), inner, verdict.band)
        assert row.word in (alone, "nothing" if alone == "trivial" else "inconclusive")
    assert not halves.estimates.select(method="reliability", term="sweep").rows


def test_several_scores_and_outcomes_have_a_sentence_each_and_a_figure_an_outcome():
    data = frame()
    data["other"] = data["score"] + np.random.default_rng(1).normal(size=len(data))
    wide = plan(**HALVES) | {"outcome": [OUTCOMES["continuous"], OUTCOMES["revenue"]]}
    wide["score"] = {"columns": ["score", "other"], "shares_error": "none"}
    section = reliability_section(analyse(wide, data))
    assert len(section.figures) == 2
    assert len(section.paragraphs) == 4
    assert section.paragraphs[0].startswith("Score and y. ")
