"""SIMEX as a picture: its rows start at the plain fit, point towards the correction, and are
drawn.
"""

import pytest
from test_noise import HALVES, OUTCOMES, frame, plan

from analysis.audit import analyse
from analysis.measurement_error import simex
from analysis.measurement_error.simex import simex_figure, simex_section
from analysis.report.views import Audit


@pytest.fixture(scope="module", params=["revenue", "binary"])
def noisy(request):
    return analyse(plan(request.param, quick=False, **HALVES), frame())  # quick leaves it out


def rows_of(audit):
    return {row.variant: row for row in audit.estimates.select(method="reliability", term="simex")}


def test_the_points_start_at_the_plain_effect_and_end_between_it_and_the_correction(noisy):
    rows, model = rows_of(noisy), noisy.plan.outcome[0].deciding_model
    plain = noisy.estimates.one(method="increment", model=model, term="score", variant="")
    exact = noisy.estimates.one(method="corrected", model="calibration", term="score", variant="")
    assert rows["0.0"].estimate == pytest.approx(plain.estimate, rel=1e-9)
    assert exact.estimate < rows["extrapolated"].estimate < plain.estimate < rows["2.0"].estimate
    assert list(rows) == ["0.0", "0.5", "1.0", "1.5", "2.0", "extrapolated"]


def test_no_row_has_an_interval_or_decides(noisy):
    assert all(row.interval(0.95) is None for row in rows_of(noisy).values())
    assert noisy.verdict_on().deciding.method != "reliability"


def test_the_figure_is_described_and_always_the_same(noisy):
    (outcome,) = (o.column for o in noisy.plan.outcome)
    one, two = (simex_figure(noisy, outcome) for _ in range(2))
    assert one.svg == two.svg
    assert rows_of(noisy)["extrapolated"].displayed in one.alt
    assert "nothing here decides" in one.caption
    section = simex_section(noisy)
    assert ("log odds" in section.paragraphs[0]) == (noisy.plan.outcome[0].kind == "binary")


def test_it_stands_in_the_report(noisy, tmp_path):
    folder = Audit(noisy).export(tmp_path / "noisy")
    page = (folder / "report.html").read_text("utf-8")
    assert "More noise on purpose" in page
    assert page.index("Is engagement really controlled?") < page.index("More noise on purpose")
    assert (folder / "figures" / "simex.svg").exists()


@pytest.mark.parametrize(
    "content",
    [
        plan("count"),
        plan("count", shares="full", **HALVES),
        {**plan("count", **HALVES), "quick": True},
    ],
    ids=["no reliability", "shared", "quick"],
)
def test_there_is_none_where_nothing_can_be_added(content):
    audit = analyse(content, frame())
    assert not rows_of(audit)
    assert simex_section(audit) is None
    with pytest.raises(LookupError):
        simex_figure(audit, OUTCOMES["count"]["column"])


def test_many_rows_have_no_picture(monkeypatch):
    monkeypatch.setattr(simex, "MOST_ROWS", 100)
    assert not rows_of(analyse(plan("count", **HALVES), frame()))
