"""The report: one file, nothing from a network, and everything a reader needs to judge and to
cite.
"""

import html
import json
import re
from html.parser import HTMLParser

import matplotlib
import pytest
import shop

import analysis as sa
from analysis.audit import analyse
from analysis.data.disclosure import few, shown_count
from analysis.report.html import sections_of
from analysis.report.views import Audit
from analysis.results.effect_figure import effect_figure, effect_lines
from analysis.results.figure import STYLE
from analysis.results.table import effects_table


class Page(HTMLParser):
    """Collects addresses, headings, images, tables and the text in its order."""

    def __init__(self, markup):
        super().__init__()
        self.addresses, self.images, self.heads, self.levels, self.words = [], [], [], [], []
        self.counts, self.styles, self.inside = {}, [], ""
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.inside = tag
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.addresses += [
            attrs[name] for name in ("src", "href", "srcset", "action", "data") if name in attrs
        ]
        if tag == "img":
            self.images.append(attrs)
        if tag == "th":
            self.heads.append(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_data(self, data):
        (self.styles if self.inside == "style" else self.words).append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def written(audited, exported):
    audit, folder = audited("movies"), exported("movies")
    return audit, folder, (folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def page(written):
    return Page(written[2])


def test_it_loads_nothing(page, written):
    assert all(
        address.startswith(("data:image/svg+xml;base64,", "#")) for address in page.addresses
    )
    styles = "".join(page.styles)
    assert "url(" not in styles
    assert "@import" not in styles
    assert not {"link", "iframe", "object"} & set(page.counts)
    assert "src=" not in "".join(re.findall("<script[^>]*>", written[2]))
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(", written[2])
    assert len(written[2]) < 800_000


def test_it_says_what_it_must(written, page):
    audit, folder, _ = written
    record = json.loads((folder / "ledger.json").read_text("utf-8"))
    assert audit.plan.question in page.text
    assert Audit(audit).sentence() in page.text
    assert f"Verdict: {audit.verdict_on().verdict}" in page.text
    assert "What the verdict rests on" in page.text
    for member in audit.verdict_on().deciding_set:
        assert (member.row.displayed if member.row else "no answer") in page.text
    for reason, count in audit.sample.exclusions.items():
        assert f"{reason} {shown_count(count) if few(count) else f'-{count:,}'}" in page.text
    for check in audit.checks:
        assert check.reason in page.text
    for fact in (
        audit.plan.sha256,
        audit.dataset.sha256,
        record["environment"]["created"],
        "CC0-1.0",
        audit.verdict_on().id,
        audit.verdict_on().deciding.id,
        "@misc{score-audit-movies",
        "Colophon",
    ):
        assert fact in page.text
    for name, version in record["environment"]["packages"].items():
        assert f"{name} {version}" in page.text


def test_the_caution_comes_before_any_result(written, page):
    audit, _, _ = written
    text = page.text
    caution = text.index(audit.dataset.codebook.caution)
    assert text.index(audit.plan.question) < caution < text.index(Audit(audit).sentence())
    assert "<header>" in written[2]
    header = written[2].split("<header>")[1].split("</header>")[0]
    assert "Read this first." in header
    assert Audit(audit).headline() in header
    assert html.escape(Audit(audit).sentence(length="short"), quote=False) in header
    assert len(Audit(audit).headline().split()) <= 20


def test_every_model_is_in_the_table_with_and_without_engagement(written, page):
    audit, _, _ = written
    for row in [r for r in audit.estimates.select(scale="sd") if r.method in ("raw", "increment")]:
        assert row.displayed in page.text
        low, high = row.interval(0.95)
        assert f"{sa_display(low, row.unit)} to {sa_display(high, row.unit)}" in page.text


def sa_display(value, unit):
    from analysis.results.estimates import display

    return display(value, unit)


def test_its_structure_serves_a_screen_reader(page):
    assert (
        page.counts["h1"]
        == page.counts["main"]
        == page.counts["header"]
        == page.counts["footer"]
        == 1
    )
    assert all(
        later - earlier <= 1 for earlier, later in zip(page.levels, page.levels[1:], strict=False)
    )
    assert all(len(image["alt"]) > 40 for image in page.images)
    assert page.counts["table"] == page.counts["caption"]
    assert all(head.get("scope") in ("col", "row", "rowgroup") for head in page.heads)
    assert page.counts["figure"] == page.counts["figcaption"] == len(page.images)


def test_several_scores_and_outcomes_each_have_their_place(plan_of, make_frame, tmp_path):
    outcomes = [
        {"column": "sales", "kind": "revenue", "sesoi": 0.05},
        {"column": "renewed", "kind": "binary", "sesoi": 0.02},
    ]
    plan = {**plan_of().content(), "score": {"columns": ["klout", "klout2"]}, "outcome": outcomes}
    audit = analyse(plan, data=make_frame())
    page = Page((Audit(audit).export(tmp_path / "out") / "report.html").read_text("utf-8"))
    for verdict in audit.decided:
        assert Audit(audit).sentence(verdict.outcome, verdict.score) in page.text
        assert verdict.id in page.text
    folded = len(outcomes) + len(sections_of(audit)) + len(["data", "checks", "cite"])
    assert page.counts["h2"] == folded + len(["changes", "contents", "colophon"])
    for verdict in audit.decided:
        assert Audit(audit).headline(verdict.outcome, verdict.score) in page.text
    shared = 'The plan does not say how well "likes" is recorded'
    assert page.text.count(shared) == len(outcomes), (
        "what holds for each score is told once an outcome"
    )
    assert {"scope": "rowgroup", "colspan": "3"} in page.heads


def test_names_from_the_data_cannot_become_markup(plan_of, make_frame, tmp_path):
    name = "<script>alert('sales')</script>"
    audit = analyse(plan_of(column=name), data=make_frame().rename(columns={"sales": name}))
    markup = (Audit(audit).export(tmp_path / "out") / "report.html").read_text("utf-8")
    assert markup.count("<script") in (1, 3)  # unfolds a part; the what-if, and its data
    assert "alert(" in html.unescape(markup)
    assert "<script>alert" not in markup
    assert html.escape(name, quote=True)[:14] in markup


def test_a_rerun_changes_only_time_and_runs(written, tmp_path):
    audit, _, first = written
    again = (Audit(audit).export(tmp_path / "movies") / "report.html").read_text("utf-8")
    stamp = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+\+00:00")
    assert stamp.sub("", again) == stamp.sub("", first)


def test_a_changed_plan_is_owned_up_to(tmp_path):
    plan = {**sa.read_plan("movies").content(), "quick": True}
    sa.audit(plan).export(tmp_path / "movies")
    changed = {**plan, "outcome": [{**plan["outcome"][0], "sesoi": 0.01}]}
    report = sa.audit(changed).export(tmp_path / "movies") / "report.html"
    text = Page(report.read_text("utf-8")).text
    assert "2 into this folder" in text
    assert "outcome 1.sesoi : 0.05 then, 0.01 now" in text


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """A score that is engagement but for a thousandth: absurd intervals, and a refusal."""
    frame = shop.table()
    frame["klout"] = frame["likes"] + frame.index % 2 * 1e-3
    audit = analyse({**shop.plan()}, data=frame)
    return audit, Audit(audit).export(tmp_path_factory.mktemp("refused") / "out")


def test_a_refused_study_highlights_no_effect(refused):
    audit, folder = refused
    markup = (folder / "report.html").read_text("utf-8")
    page = Page(markup)
    assert "Estimates are shown for completeness; the verdict is refused." in page.text
    assert 'class="decides"' not in markup
    assert "No row decides." in page.text
    assert page.text.count(audit.verdict_on().reasons[0]) == 1
    assert "*" not in effects_table(audit, "revenue")["model"].str.cat()


def test_a_refused_study_is_drawn_within_bounds(refused):
    audit, _ = refused
    with matplotlib.rc_context(STYLE):
        canvas = effect_figure(audit, "revenue").figure
        canvas.draw_without_rendering()
        boxes = [text.get_window_extent() for text in canvas.axes[0].texts if text.get_text()]
    assert max(map(abs, canvas.axes[0].get_xlim())) <= 1200
    assert not any(box.overlaps(other) for at, box in enumerate(boxes) for other in boxes[at + 1 :])
    assert not any(line.decides for line in effect_lines(audit, audit.verdict_on()))
    assert "filled diamond" not in Audit(audit).plot().caption
    assert len(repr(Audit(audit).plot())) < 150


def test_no_line_ends_between_a_number_and_its_percent_sign(written):
    assert "\N{NO-BREAK SPACE}%" in written[2]
    assert not re.search(r"\d %", written[2])
