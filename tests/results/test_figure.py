"""What is drawn is what was estimated, and what is described is what is drawn."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from analysis.audit import analyse
from analysis.report.views import Audit
from analysis.results.data_figure import data_figure, data_panels, short_number
from analysis.results.effect_figure import effect_figure, effect_lines
from analysis.results.figure import BAND, STYLE, on_axis


@pytest.fixture(scope="module")
def movies(audited):
    return audited("movies")


@pytest.fixture(scope="module")
def small(plan_of, make_frame):
    """Two scores and four outcomes, one of each kind."""
    outcomes = [
        ("sales", "revenue", 0.05),
        ("referrals", "count", 0.05),
        ("renewed", "binary", 0.02),
        ("growth", "continuous", 0.1),
    ]
    listed = [{"column": column, "kind": kind, "sesoi": sesoi} for column, kind, sesoi in outcomes]
    plan = {**plan_of().content(), "score": {"columns": ["klout", "klout2"]}, "outcome": listed}
    return analyse(plan, data=make_frame())


def drawn(audit, outcome):
    """Return (intervals, points) in the axes' unit, from top to bottom."""
    with matplotlib.rc_context(STYLE):
        axes = effect_figure(audit, outcome).figure.axes[0]
    lines = [
        line
        for line in axes.lines
        if len(set(line.get_ydata())) == 1 and line.get_transform() == axes.transData
    ]
    intervals = [tuple(line.get_xdata()) for line in lines if len(line.get_xdata()) == 2]
    points = [float(line.get_xdata()[0]) for line in lines if len(line.get_xdata()) == 1]
    return intervals, points


@pytest.mark.parametrize("outcome", ["sales", "referrals", "renewed", "growth"])
def test_the_drawn_lines_are_the_estimates(small, outcome):
    intervals, points = drawn(small, outcome)
    lines = [line for r in small.decided if r.outcome == outcome for line in effect_lines(small, r)]
    assert intervals == [(line.low, line.high) for line in lines]
    assert points == [line.middle for line in lines]
    for verdict in (r for r in small.decided if r.outcome == outcome):
        row = verdict.deciding
        assert on_axis(row.estimate, row.unit) in points
        assert tuple(on_axis(edge, row.unit) for edge in row.interval(0.95)) in intervals


def test_the_movies_figure_has_the_numbers_of_the_ledger(movies):
    intervals, points = drawn(movies, "box_office")
    rows = movies.estimates.select(term="tomatometer", scale="sd", variant="")
    raw, held = (
        rows.one(method="raw", model="poisson"),
        rows.one(method="increment", model="poisson"),
    )
    np.testing.assert_allclose(
        points[:2], [100 * np.expm1(raw.estimate), 100 * np.expm1(held.estimate)], rtol=1e-12
    )
    low, high = held.interval(0.95)
    np.testing.assert_allclose(
        intervals[1], [100 * np.expm1(low), 100 * np.expm1(high)], rtol=1e-12
    )
    mean = movies.sample.numbers("box_office").mean()
    assert points[-1] == pytest.approx(
        100 * rows.one(method="increment", model="ols").estimate / mean
    )


def test_the_band_is_the_sesoi(movies):
    with matplotlib.rc_context(STYLE):
        axes = effect_figure(movies, "box_office").figure.axes[0]
    (band,) = [
        patch for patch in axes.patches if matplotlib.colors.to_hex(patch.get_facecolor()) == BAND
    ]
    np.testing.assert_allclose(
        [band.get_x(), band.get_x() + band.get_width()], [-5.0, 5.0], rtol=1e-12
    )


def test_the_alt_text_has_every_number(movies, small):
    for audit in (movies, small):
        for outcome in audit.plan.outcomes:
            alt = effect_figure(audit, outcome).alt
            for verdict in (r for r in audit.decided if r.outcome == outcome):
                for line in effect_lines(audit, verdict):
                    assert f"{line.label}: {line.text}".replace("\N{MINUS SIGN}", "-") in alt
                assert verdict.deciding.displayed in alt
    assert "Too small to matter: -5.0 % to +5.0 %" in Audit(movies).plot().alt


def test_labels_do_not_overlap(movies, small):
    """Labels and numbers stand above each line; none meets another or leaves the picture."""
    for audit, outcome in [
        (movies, "box_office"),
        *((small, name) for name in small.plan.outcomes),
    ]:
        with matplotlib.rc_context(STYLE):
            canvas = effect_figure(audit, outcome).figure
            canvas.draw_without_rendering()
            texts = [*canvas.axes[0].texts, *canvas.texts, canvas.axes[0].xaxis.label]
            boxes = [
                (text.get_text(), text.get_window_extent()) for text in texts if text.get_text()
            ]
        page = canvas.bbox
        for at, (text, box) in enumerate(boxes):
            assert page.x0 <= box.x0 <= box.x1 <= page.x1, text
            assert page.y0 <= box.y0 <= box.y1 <= page.y1, text
            for other, its in boxes[at + 1 :]:
                assert not box.overlaps(its), f"{text} meets {other}"


def test_what_decides_is_told_by_shape_and_weight_too(movies):
    lines = effect_lines(movies, movies.verdict_on())
    assert [line.marker for line in lines if line.decides] == ["D"]
    assert "D" not in [line.marker for line in lines if not line.decides]


@pytest.mark.parametrize("draw", [lambda audit: effect_figure(audit, "box_office"), data_figure])
def test_the_same_findings_give_the_same_bytes(movies, draw):
    one, other = draw(movies), draw(movies)
    assert one.svg == other.svg
    assert one.png == other.png
    assert one.png.startswith(b"\x89PNG")
    root = ElementTree.fromstring(one.svg)
    assert root.tag.endswith("svg")
    assert not re.search(rb"\d{4}-\d{2}-\d{2}T", one.svg), "a time of drawing"
    assert one.alt.encode()[:40] in one.svg.replace(b"&#39;", b"'")


def test_a_figure_shows_itself_with_alt_text_and_caption(movies):
    bundle = Audit(movies).plot()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert "<figcaption>Points are estimates, lines 95 % intervals." in bundle["text/html"]
    assert 'alt="Dot plot of effects on box office' in bundle["text/html"]


# --- the data -------------------------------------------------------------------------------------


def test_the_distributions_are_those_of_the_analysis_set(movies):
    panels = {panel.label: panel for panel in data_panels(movies)}
    assert list(panels) == [
        "box office, US dollars",
        "the Tomatometer, percent",
        "the number of reviews",
    ]
    for panel, column in zip(
        panels.values(), ("box_office", "tomatometer", "reviews"), strict=True
    ):
        np.testing.assert_array_equal(panel.values, movies.sample.numbers(column))
    assert [panel.logged for panel in panels.values()] == [True, False, True]
    median = np.median(movies.sample.numbers("tomatometer"))
    assert f"the Tomatometer, percent: median {median:.0f}" in Audit(movies).plot("data").alt


def test_a_yes_or_no_is_described_by_its_share(small):
    share = 100 * small.sample.numbers("renewed").mean()
    plan = {
        **small.plan.content(),
        "outcome": [{"column": "renewed", "kind": "binary", "sesoi": 0.02}],
    }
    panel = data_panels(analyse(plan, data=small.dataset.frame))[0]
    assert panel.describe() == f"renewed: {share:.3g} % are 1"


@pytest.mark.parametrize(
    "name", ["a_name_that_goes_on_and_on_" * 5, "price in $ and $", "été & <b>", "mean_{x}"]
)
def test_strange_names_are_drawn_as_they_are(plan_of, make_frame, name):
    frame = make_frame().rename(columns={"sales": name})
    audit = analyse(plan_of(column=name), data=frame)
    assert Audit(audit).plot().png.startswith(b"\x89PNG")
    assert Audit(audit).plot("data").png.startswith(b"\x89PNG")
    assert name in Audit(audit).plot().alt
    html = Audit(audit).plot()._repr_mimebundle_()["text/html"]
    assert "<b>" not in html


def test_numbers_on_a_log_axis_are_short():
    assert [short_number(10.0**k) for k in (0, 3, 4, 6, 9, 12)] == [
        "1",
        "1 k",
        "10 k",
        "1 m",
        "1 bn",
        "1 tn",
    ]
