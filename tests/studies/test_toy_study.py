"""A study is a function and a line of the registry: the ledger, the report and citation follow."""

from importlib import import_module

import numpy as np
import pytest

from analysis.audit import analyse
from analysis.errors import PlanError
from analysis.models import fit_as_planned
from analysis.report.html import SECTIONS, sections_of
from analysis.report.ledger import ledger
from analysis.report.views import Audit
from analysis.results.estimates import StudyResult
from analysis.results.findings import check_question
from analysis.results.section import estimates_table, rows_on, section_of
from analysis.studies.registry import STUDIES, Study

ID = "demo/sales/klout/median_split/poisson/above_median"


def study_median_split(question, estimates=()):
    """Return how much more the outcome is above the score's median, engagement held constant."""
    if question.plan.ranking is None:  # a toy has no table of its own
        return StudyResult()
    values = question.sample.numbers(question.score)
    above = (values > np.median(values)).astype(float)
    design = question.design.without("score").with_columns("score", {"above_median": above})
    fit = fit_as_planned(question.plan, question.model, design, counts=question.counts)
    return StudyResult(
        (question.coefficient("median_split", fit, "above_median"),),
        (question.check("median_split", False, "It is a toy."),),
    )


def median_split_section(findings):
    def part(verdict):
        rows = rows_on(findings, verdict, "median_split")
        table = estimates_table(findings, "Split", [(row.term, row) for row in rows])
        return " ".join(f"Above the median {row.displayed}." for row in rows), None, table

    return section_of("A toy", map(part, findings.decided))


@pytest.fixture
def registered(monkeypatch):
    """Register the toy last."""
    toy = Study("median_split", "A toy", study_median_split, "study.median_split_section")
    monkeypatch.setattr(import_module("analysis.audit"), "STUDIES", (*STUDIES, toy))
    monkeypatch.setitem(SECTIONS, "median_split", median_split_section)


def test_ledger_report_and_citation_follow(registered, plan_of, make_frame):
    audit = Audit(analyse(plan_of(quick=True, ranking={}), data=make_frame()))
    result = audit.findings.studies["median_split"]
    (row,), (check,) = result.rows, result.checks
    assert audit["median_split"].sentences == (f"Above the median {row.displayed}.",)
    assert row.id == ID
    assert row.displayed in str(audit.cite(ID))
    assert (check.weight, check_question(check)) == ("note", "Median split.")
    assert ID in {one["id"] for one in ledger(audit.findings)["estimates"]}
    assert sections_of(audit.findings)["median_split"].tables


def test_a_plan_that_does_not_ask_has_the_rows_it_had(registered, plan_of, make_frame):
    findings = analyse(plan_of(quick=True), data=make_frame())
    assert findings.studies["median_split"] == StudyResult()
    assert median_split_section(findings) is None


def test_an_empty_table_asks_and_nothing_stands_in_it(plan_of):
    assert plan_of().ranking is None
    assert plan_of(ranking={}).ranking is not None
    with pytest.raises(PlanError, match="measure") as raised:
        plan_of(ranking={"measure": "auc"})
    assert "nothing: that this table is there is all it says" in str(raised.value)
