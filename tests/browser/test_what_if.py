"""A reader moves the sliders of the what-if by keyboard alone: in the report, and in JupyterLab."""

import json
from pathlib import Path

import pytest

from analysis.audit import analyse
from analysis.report.views import Audit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
DESK, PHONE = 1200, 390


@pytest.fixture(scope="module")
def audit():
    return Audit(analyse("publications"))


@pytest.fixture(scope="module")
def report(audit, tmp_path_factory):
    return audit.export(tmp_path_factory.mktemp("what-if") / "out") / "report.html"


def opened(watched, report, width):
    page = watched(width)
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    return page


def moved_by_keys(page, inside):
    """Move every slider by the keyboard; return what is said and what the stored grid has."""
    stored = json.loads(inside.locator(".what-if script").text_content())
    ranges, at, seen = inside.locator(".what-if input"), stored["start"][:], []
    ranges.first.focus()
    for slider, key, steps in ((0, "ArrowRight", 5), (1, "ArrowLeft", 2), (2, "ArrowRight", 3)):
        for _ in range(slider and 1):
            page.keyboard.press("Tab")
        for _ in range(steps):
            page.keyboard.press(key)
            last = len(stored[("sizes", "levels", "noises")[slider]]) - 1
            at[slider] += 1 if key == "ArrowRight" else -1
            at[slider] = min(max(at[slider], 0), last)
            row = at[2] * len(stored["levels"]) + at[1]
            word = stored["words"][stored["grid"][row * len(stored["sizes"]) + at[0]]]
            said = inside.locator(".what-if .says strong").text_content()
            seen.append((said, word))
            assert inside.locator(".what-if .says span").text_content() == stored["spans"][row]
    return seen


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_keyboard_moves_the_word_to_the_stored_one(report, watched, width):
    page = opened(watched, report, width)
    line = page.locator(".what-if .dashes").get_attribute("d")
    seen = moved_by_keys(page, page)
    assert [said for said, _ in seen] == [word for _, word in seen]
    assert len({said for said, _ in seen}) > 1
    assert page.locator(".what-if .dashes").get_attribute("d") != line
    assert page.complaints == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # back to the plan
    assert page.locator(".what-if .dashes").get_attribute("d") == line


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_what_if_has_no_serious_accessibility_finding(report, watched, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    page = opened(watched, report, width)
    assert page.locator(".what-if").is_visible()
    found = axe.Axe().run(page).response["violations"]
    grave = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_frame_of_a_notebook_moves_by_keyboard(audit, watched, tmp_path):
    path = Path(tmp_path / "cell.html")
    path.write_text(f"<!doctype html><body>{audit.what_if()._repr_html_()}", encoding="utf-8")
    page = watched(DESK)
    page.goto(path.as_uri())
    seen = moved_by_keys(page, page.frame_locator("iframe"))
    assert [said for said, _ in seen] == [word for _, word in seen]
    assert len({said for said, _ in seen}) > 1
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith(("file:", "about:"))] == []
