"""A reader opens report.html from the disk, on a desk and on a phone, with eyes or with a screen
reader.
"""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
DESK, PHONE = 1200, 390


@pytest.fixture(scope="module")
def report(exported):
    return exported("movies") / "report.html"


@pytest.fixture
def opened(report, watched):
    def open_report(width):
        page = watched(width, 844 if width == PHONE else 900)
        page.goto(report.as_uri())
        return page

    return open_report


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_it_asks_nothing_of_a_network(opened, report, width):
    page = opened(width)
    page.wait_for_load_state("networkidle")
    assert [
        url for url in page.asked if not url.startswith("data:") and url != report.as_uri()
    ] == []
    assert page.complaints == []


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_no_serious_accessibility_finding(opened, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    found = axe.Axe().run(opened(width)).response["violations"]
    serious = [
        (entry["id"], [node["html"] for node in entry["nodes"]])
        for entry in found
        if entry["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_phone_does_not_scroll_sideways(opened):
    page = opened(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    wide = (
        "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right >"
        " innerWidth + 1)"
    )
    assert page.evaluate(f"{wide}.map(e => e.tagName)") == []


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_first_screen_has_question_answer_and_caution(opened, width):
    page = opened(width)
    for what in ("h1", ".answer", ".caution strong"):
        box = page.locator(what).bounding_box()
        assert 0 <= box["y"] <= page.viewport_size["height"] - box["height"], what


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_images_are_drawn_and_described(opened, width):
    page = opened(width)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    images = page.evaluate(
        "[...document.images].map(i => [i.alt.length, i.naturalWidth, i.clientWidth])"
    )
    assert (
        len(images) == 9
    )  # the effect, the multiverse, the data, and what three other sections draw
    assert all(alt > 40 and natural > 0 and shown > 250 for alt, natural, shown in images)
