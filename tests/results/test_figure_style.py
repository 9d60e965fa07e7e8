"""Every figure states its finding and its source, can be seen, and is there as numbers, too."""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from analysis.audit import analyse
from analysis.data.disclosure import FEWEST
from analysis.report.html import sections_of
from analysis.results.data_figure import data_figure
from analysis.results.effect_figure import comparison_figure, effect_figure
from analysis.results.figure import (
    BAND,
    BAND_EDGE,
    FAINT,
    Figure,
    interval_figure,
    reach,
)
from analysis.results.headline import several_scores
from analysis.results.relation_figure import relation_figure

PAGES = ("#ffffff", "#fffdf8")
"""What a figure stands on: its own white, and the paper of the report."""


def luminance(colour):
    parts = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """Return the ratio of WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.fixture(scope="module")
def figures(audited, plan_of, make_frame):
    """Every figure of a whole audit, of one with several scores, and of simulated data."""
    movies = audited("movies")
    plan = {**plan_of().content(), "score": {"columns": ["klout", "klout2"]}}
    several = analyse(plan, data=make_frame())
    drawn = {
        "data": data_figure(movies),
        "effect": effect_figure(movies, "box_office"),
        "relation": relation_figure(movies, "box_office", "tomatometer"),
        "effects": effect_figure(several, "sales"),
        "comparison": comparison_figure({"films": movies, "shops": several}),
    }
    for name, findings in (("movies", movies), ("several", several)):
        for key, section in sections_of(findings).items():
            drawn |= {f"{name} {k}": one for k, one in section.named_figures(key).items()}
    assert len(drawn) > 12
    return drawn


def words_on(figure):
    return " ".join(" ".join(text.get_text().split()) for text in figure.figure.texts)


def test_every_figure_has_its_finding_and_its_source(figures):
    for name, figure in figures.items():
        assert len(figure.title.split()) > 3, name
        words = words_on(figure).replace("\\$", "$")
        assert figure.title[:60] in words, name
        assert "score-audit, plan" in words, name
    assert "Films with critics' scores and box office; 2,757 rows" in words_on(figures["data"])


def test_no_title_or_credit_leaves_the_page_or_meets_the_axes(figures):
    for name, figure in figures.items():
        canvas = figure.figure
        canvas.draw_without_rendering()
        boxes = [text.get_window_extent() for text in canvas.texts if text.get_text()]
        for box in boxes:
            assert canvas.bbox.x0 <= box.x0 <= box.x1 <= canvas.bbox.x1, name
            assert canvas.bbox.y0 <= box.y0 <= box.y1 <= canvas.bbox.y1, name
        legends = [legend.get_window_extent() for legend in canvas.legends]
        for axes in canvas.axes:
            inner = axes.get_window_extent()
            assert not any(box.overlaps(inner) for box in [*boxes, *legends]), name


def test_bands_can_be_seen(figures):
    for page in PAGES:
        assert contrast(BAND_EDGE, page) >= 3
        assert contrast(FAINT, page) >= 3
    assert contrast(BAND_EDGE, BAND) >= 3
    seen = 0
    for name, figure in figures.items():
        for axes in figure.axes:
            for patch in axes.patches:
                if matplotlib.colors.to_hex(patch.get_facecolor()) == BAND:
                    seen += 1
                    assert contrast(patch.get_edgecolor()[:3], "#ffffff") >= 3, name
                    assert patch.get_linewidth() >= 0.8, name
    assert seen >= 3


def test_what_is_shaded_has_edges_that_can_be_seen(figures):
    shaded = 0
    for name, figure in figures.items():
        for axes in figure.axes:
            lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
            for area in axes.collections:
                if not isinstance(area, PolyCollection) or not area.get_alpha():
                    continue
                shaded += 1
                path = area.get_paths()[0].vertices[:, 1]
                edged = [y for y in lines if len(y) > 2 and np.isin(y, path).all()]
                assert len(edged) >= 2, name
    assert shaded >= 2


# --- numbers --------------------------------------------------------------------------------------


def test_every_figure_is_there_as_numbers(figures):
    for name, figure in figures.items():
        assert figure.values is not None, name
        assert figure.values.rows, name
        assert all(len(row) == len(figure.values.head) for row in figure.values.rows), name
        assert all(isinstance(cell, str) for row in figure.values.rows for cell in row), name


def test_no_count_of_a_few_rows_is_among_the_numbers(figures):
    counted = 0
    for name, figure in figures.items():
        for column in ("Rows", "Seen", "Left", "Left out"):
            if column not in figure.values.head:
                continue
            at = figure.values.head.index(column)
            for row in figure.values.rows:
                if re.fullmatch(r"[\d,]+", row[at]):
                    counted += 1
                    assert int(row[at].replace(",", "")) >= FEWEST, (name, row)
    assert counted > 20


def test_the_report_has_them_folded_beside_each_figure(audited, tmp_path):
    from analysis.report.folder import write_results

    page = (write_results(audited("movies"), tmp_path / "out") / "report.html").read_text("utf-8")
    assert page.count("<figure") == page.count('<details class="values">')
    assert page.count("</figure>") == page.count("<summary>The numbers in this figure</summary>")
    first = page[page.index("<figure") :]
    assert "engagement held constant" in first[: first.index("</figure>")]


# --- axes -----------------------------------------------------------------------------------------


def shown(findings, intervals):
    names = {at: f"segment {at}" for at in range(len(intervals))}
    marks = [(range(len(intervals)), intervals, {"fmt": "o", "color": "#222222"})]
    more = {"title": "One is far out", "alt": "", "caption": "Intervals.", "lines": {0: "-"}}
    return interval_figure(names, marks, "effect", height=3, findings=findings, **more)


def test_one_extreme_interval_does_not_stretch_the_axis(audited):
    near = [(at, at - 2.0, at + 2.0) for at in (-1.0, 0.0, 1.0, 2.0)]
    plain = shown(audited("movies"), near)
    left, right = plain.axes[0].get_xlim()
    assert "arrow" not in plain.caption
    wide = shown(audited("movies"), [*near, (1.0, -3.0, 8121.0)])
    assert wide.axes[0].get_xlim() == pytest.approx((left, right), abs=2)
    assert [text.get_text() for text in wide.axes[0].texts] == ["1 (\N{MINUS SIGN}3 to 8,121)"]
    arrows = [line for line in wide.axes[0].lines if line.get_marker() == ">"]
    assert len(arrows) == 1
    assert "arrow" in wide.caption
    assert ("segment 4", "1", "\N{MINUS SIGN}3", "8,121") in wide.values.rows


def test_an_estimate_beyond_the_axis_is_an_arrow_and_no_point(audited):
    near = [(at, at - 2.0, at + 2.0) for at in (-1.0, 0.0, 1.0, 2.0)]
    figure = shown(audited("movies"), [*near, (-900.0, -950.0, -850.0)])
    axes = figure.axes[0]
    assert axes.get_xlim()[0] > -20
    assert [line.get_marker() for line in axes.lines].count("<") == 1
    points = np.concatenate([np.asarray(line.get_xdata(), float) for line in axes.lines])
    assert points.min() > -20
    assert "\N{MINUS SIGN}900 (\N{MINUS SIGN}950 to \N{MINUS SIGN}850)" in axes.texts[0].get_text()


def test_where_nothing_stands_apart_the_axis_holds_all():
    rng = np.random.default_rng(1)
    ends = rng.normal(size=60)
    assert reach(ends) == (ends.min(), ends.max())
    assert reach([2.0, 2.0]) == (1.0, 3.0)
    assert reach([-1, 1, np.inf, np.nan], [0.0]) == (-1.0, 1.0)


# --- pixels ---------------------------------------------------------------------------------------


def test_a_picture_is_2000_pixels_wide_and_small(figures):
    import io

    from PIL import Image

    for name in ("effect", "relation"):
        with Image.open(io.BytesIO(figures[name].png)) as image:
            assert image.width == 2000
        assert len(figures[name].png) < 120_000
        assert 'width="640"' in figures[name]._repr_html_()


def test_the_title_of_several_scores_counts_their_words(plan_of, make_frame):
    plan = {**plan_of().content(), "score": {"columns": ["klout", "klout2"]}}
    several = analyse({**plan, "quick": True}, data=make_frame())
    title = several_scores(several, several.verdicts_on("sales"))
    assert title.startswith("Beyond what engagement says about sales, of 2 scores ")


def test_a_figure_of_ones_own_has_no_title_to_state():
    assert Figure(matplotlib.figure.Figure(), "nothing").title == ""
