"""The page that says in words which published anchors hold is that of its script."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import anchors


@pytest.fixture(scope="module")
def found():
    return anchors.anchors()


def test_the_page_that_is_there_is_that_of_the_script(found):
    assert anchors.PAGE.read_text("utf-8") == anchors.render(found)


def test_both_sides_are_said(found):
    words = {(one.source, one.word) for one in found}
    assert {
        ("Golliher 2011", "reproduced"),
        ("Golliher 2011", "contradicted"),
        ("-", "contradicted"),
    } <= words
    assert {one.word for one in found if "Kred" in one.reported} == {"reproduced"}


def test_the_readme_leads_there():
    assert "docs/anchors.md" in (anchors.PAGE.parents[1] / "README.md").read_text("utf-8")
