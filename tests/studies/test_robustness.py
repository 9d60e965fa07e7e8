"""What the report says on predictions, confounders and power: read as it stands, and from the
ledger.
"""

from __future__ import annotations

import numpy as np
import pytest

from analysis.audit import analyse
from analysis.results.estimates import display
from analysis.studies.influence.report import robustness_section


@pytest.fixture(scope="module")
def audits(make_frame, plan_of):
    frame = make_frame()
    return {kind: analyse(plan_of(kind), frame) for kind in ("revenue", "binary", "continuous")}


def text_of(audit):
    return " ".join(robustness_section(audit).paragraphs)


def test_every_kind_says_what_is_gained_and_what_could_be_shown(audits):
    for audit in audits.values():
        gain = audit.estimates.one(method="prediction", term="gain")
        assert f"predicted {display(abs(gain.estimate), 'share').lstrip('+-')} " in text_of(audit)
        assert "would be seen with a chance of 80 %" in text_of(audit)


def test_least_squares_names_the_robustness_value_and_the_benchmark(audits):
    text = text_of(audits["continuous"])
    value = audits["continuous"].estimates.one(method="sensitivity", term="rv")
    assert (
        f"would have to explain {display(value.estimate, 'share').lstrip('+')} of what is left"
        in text
    )
    assert "as strong as likes" in text
    assert "not of noise in engagement" in text


def test_a_ratio_has_its_e_value(audits):
    value = audits["revenue"].estimates.one(
        method="sensitivity", term="e_value", model="poisson", variant=""
    )
    assert f"by a ratio of {value.estimate:.2f} each" in text_of(audits["revenue"])
    assert "E-value" not in text_of(audits["binary"])


def test_no_nan_and_no_double_sign(audits):
    for audit in audits.values():
        text = text_of(audit)
        assert [piece for piece in ("nan", "None", "+-", "--", "  ") if piece in text] == []


def test_flexible_controls_are_told_where_they_ran(make_frame, plan_of):
    audit = analyse(plan_of("continuous", flexible={"learners": ["linear"]}), make_frame())
    row = audit.estimates.one(method="flexible", model="dml-linear")
    assert f"{row.displayed} learned by a straight line" in text_of(audit)


def test_a_refused_question_has_nothing_of_it(make_frame, plan_of):
    frame = make_frame()
    copied = np.log1p(frame.likes) + 1e-3 * frame.klout
    audit = analyse(plan_of("continuous"), frame.assign(klout=copied))
    assert audit.verdict_on().verdict == "refused"
    assert robustness_section(audit) is None
