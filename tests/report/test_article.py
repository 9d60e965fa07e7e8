"""The numbers of an article: the ledger's, rounded, another one, or none that can be told."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from analysis.errors import OutputError
from analysis.report.article.check import find_in_text
from analysis.report.article.printed import printed_numbers
from analysis.report.article.statistics import statistics_in
from analysis.report.article.text import read_text

V = "films/box-office/rating"
E = V + "/increment/poisson/rating"
W = V + "/increment/poisson/wald"
ABOUT = {"outcome": "box office", "score": "rating", "method": "increment", "model": "poisson"}
ROW = {
    "id": E,
    **ABOUT,
    "term": "rating",
    "scale": "sd",
    "estimate": -0.0608,
    "std_error": 0.0228,
    "statistic": -2.667,
    "df": None,
    "p_value": 0.00766,
    "conf_low": -0.1065,
    "conf_high": -0.0161,
    "level": 0.95,
    "n": 2757,
    "clusters": None,
    "displayed": "-5.9 %",
}
TEST = {"id": W, **ABOUT, "term": "wald", "scale": None, "estimate": None, "std_error": None}
TEST |= {"statistic": 7.1, "p_value": 0.0077, "conf_low": None, "conf_high": None, "level": None}
TEST |= {"displayed": ".008", "df": 1, "n": 2757, "clusters": None}
MONEY = ROW | {"id": V + "/increment/ols/rating", "model": "ols", "estimate": -5018193.2}
MONEY |= {"displayed": "-5,018,193", "conf_low": -10614900.0, "conf_high": 578500.0}
LEDGER = {
    "plan": {"name": "films", "sesoi": {}},
    "dataset": {"rows": 17472, "rows_used": 2757},
    "estimates": [ROW, TEST, MONEY],
    "verdicts": [
        ABOUT
        | {
            "id": V,
            "verdict": "inconclusive",
            "as_recorded": "adds",
            "direction": None,
            "deciding": E,
            "holds_from": 0.94,
            "sentence": "With reviews held constant, one standard deviation more (25.9 percentage"
            " points) goes with 5.9 % less (-5.9 %; 95 % CI -10.1 % to -1.6 %; z = -2.67, p = .008;"
            " n = 2,757). These rows would show 6.6 % more with a power of .80.",
        }
    ],
}


def judged(text, **options):
    (line,) = find_in_text(text, LEDGER, **options).lines
    return line


MINUS = "\N{MINUS SIGN}"
RIGHT = {
    "holds": [
        f"5.9 % less (95 % CI {MINUS}10.1 % to {MINUS}1.6 %, p = .008, n = 2,757) ({E})",
        f"The interval runs from 10.1 to 1.6 per cent less, 5.9 per cent in the middle ({E}).",
        f"| rating | -5.9 % | [-10.1, -1.6] | .008 | 2,757 | {E} |",
        f"5,9 % less, n = 2 757, z = -2.67 ({E})",
        f"It falls by 5.9 %, between 1.6 % and 10.1 % ({E}).",
        f"Takings fall by 5.9 % per 25.9 percentage points ({V}).",
        f"At the lower end it is 10.1 % less ({E}#low).",
        f"p = .008 ({W})",
        f"The test gave .008 in 2013 ({W}).",
        f"See \\saval{{{E}#high}}.",
        f"See {{{{< var {E} >}}}}.",
    ],
    "holds, rounded": [
        f"about 6 per cent less ({E})",
        f"roughly six percent fewer dollars ({E})",
        f"a fall of nearly 6 %, p < .01 ({E})",
        f"more than 5 % less ({E})",
        f"$5 million less ({MONEY['id']})",
        f"about 5.0 million dollars less ({MONEY['id']})",
        f"5.9 % less for 26 points more ({V})",
    ],
}
WRONG = [
    f"5.9 % less (95 % CI -3.1 % to -0.6 %, p = .0001, n = 9,999) ({E})",
    f"10.1 % less (95 % CI -10.1 % to -1.6 %) ({E})",
    f"5.9 % less (95 % CI -10.1 % to -10.1 %) ({E})",
    f"5.9 % less (95 % CI -10.1 % to 1.6 %) ({E})",
    f"5.9 % less (90 % CI -10.1 % to -1.6 %) ({E})",
    f"5.9 percentage points less ({E})",
    f"5.9 % ({E})",
    f"5.9 % more ({E})",
    f"about 7 % less ({E})",
    f"more than 7 % less ({E})",
    f"5.9 % less, n = 2,760 ({E})",
    f"$6 million less ({MONEY['id']})",
    f"six in ten ({E})",
    f"p = .08 ({W})",
    f"The test gave .08 ({W}).",
    f"The rating adds something ({V}).",
    f"The verdict is not inconclusive ({V}).",
    f"The rating adds nothing ({V}).",
    f"The rating does not add anything ({V}).",
]


@pytest.mark.parametrize(
    ("status", "text"), [(status, text) for status, texts in RIGHT.items() for text in texts]
)
def test_a_right_number_is_never_called_wrong(status, text):
    line = judged(text)
    assert line.status == status, line


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_number_is_seen(text):
    line = judged(text)
    assert line.status == "differs", line


def test_every_number_is_told_with_its_field():
    line = judged(f"5.9 % less (95 % CI -10.1 % to -1.7 %, p = .008) in 2013 ({E})")
    assert [(one["text"], one["field"], one["status"]) for one in line.numbers] == [
        ("5.9 %", "value", "holds"),
        ("95 %", "level", "holds"),
        ("-10.1 %", "low", "holds"),
        ("-1.7 %", None, "differs"),
        (".008", "p", "holds"),
        ("2013", None, "not checked"),
    ]


def test_bare_numbers_lower_a_citation_only_when_strict():
    text = f"In 2013 it was 5.9 % less ({E})."
    assert judged(text).status == "holds"
    assert judged(text, strict=True).status == "not checked"
    assert judged(f"In 2013 it fell ({E}).").status == "not checked"


def test_what_would_add_is_no_claim():
    text = f"Inconclusive: the rating adds something only if reviews are exact ({V})."
    assert judged(text).status == "holds"
    assert judged(f"It is inconclusive, and as recorded it adds ({V}).").status == "holds"


def test_statistics_are_held_against_their_own_p():
    right = "t(23) = 2.50, p = .020; z = -2.67, p = .008; F(1, 40) = 5.00, p = .031"
    right += ", r(30) = .36, p < .05"
    assert list(statistics_in(right)) == []
    wrong = "t(23) = 2.50, p = .002.\n\nchi-square(1) = 3.84, p < .001"
    assert [(line.status, line.line) for line in statistics_in(wrong)] == [
        ("differs", 1),
        ("differs", 3),
    ]
    assert list(statistics_in("t(23) = 2.50, p = .010, one-tailed")) == []
    record = find_in_text(f"z = 1.00, p = .010. And 5.9 % less ({E}).", LEDGER).record()
    assert not record["ok"]
    assert [one["status"] for one in record["statistics"]] == ["differs"]
    assert [one["status"] for one in record["citations"]] == ["holds"]


def test_articles_of_all_formats(tmp_path):
    text = f"A higher rating goes with 5.9 % less.[^1]\n\nAnother paragraph.\n\n[^1]: {E}"
    cell = {"cell_type": "markdown", "source": text.splitlines(keepends=True)}
    page = f"<head><style>p {{width: 7 %}}</style></head><p>It is 7 % less (<code>{E}</code>).</p>"
    (tmp_path / "a.md").write_text(text, "utf-8")
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell]}), "utf-8")
    (tmp_path / "a.html").write_text(page, "utf-8")
    _docx(tmp_path / "a.docx")
    found = {
        kind: find_in_text(read_text(tmp_path / f"a.{kind}"), LEDGER).lines[0].status
        for kind in ("md", "ipynb", "html", "docx")
    }
    assert found == {"md": "holds", "ipynb": "holds", "html": "differs", "docx": "holds"}


def _docx(path):
    ns = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    run = "<w:r><w:t>A higher rating goes with 5.9 % less.</w:t></w:r>"
    body = f"<w:p>{run}<w:r><w:footnoteReference w:id='2'/></w:r></w:p><w:p/>"
    note = f"<w:footnote w:id='2'><w:p><w:r><w:t>{E}</w:t></w:r></w:p></w:footnote>"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("word/document.xml", f"<w:document {ns}><w:body>{body}</w:body></w:document>")
        file.writestr("word/footnotes.xml", f"<w:footnotes {ns}>{note}</w:footnotes>")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.docx", b"no zip"), ("a.ipynb", b"{}"), ("a.md", b"\xff\xfe\x00"), ("a.ipynb", b"nothing")],
)
def test_what_is_no_article_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputError, match=re.escape("a text in UTF-8")):
        read_text(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234 and 1 234 and 2.757", [[1234], [1234], [2.757, 2757]]),
        ("$1.2 million, 3k, .05", [[1.2e6], [3000], [0.05]]),
        ("version 1.2.3 of 2013-05-06, Figure 2, K2, https://x.org/5", []),
        ("twenty-six per cent; half a per cent; one in ten", [[26], [0.5], [10]]),
    ],
)
def test_numbers_as_they_are_written(text, numbers):
    assert [[value for value, _ in one.readings] for one in printed_numbers(text)] == numbers


# --- in an article's own repository ---------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("right", [True, False])
def test_the_hook_and_the_action_judge_an_article(exported, tmp_path, right):
    """As a shell runs them: the hook on a right number, the action on a wrong one."""
    pages = (ROOT / ".pre-commit-hooks.yaml", ROOT / "docs" / "citing.md")
    if not all(page.exists() for page in pages):
        pytest.skip("no repository here: an installed copy")
    hook = yaml.safe_load(pages[0].read_text("utf-8"))[0]
    action, used = (
        yaml.safe_load(block)
        for block in re.findall(r"^```yaml\n(.*?)^```", pages[1].read_text("utf-8"), re.M | re.S)
    )
    assert used[0]["id"] == hook["id"]
    runs = [step["run"] for step in action["jobs"]["verify"]["steps"] if "run" in step]
    study, command = "publications", Path(sys.executable).with_name("score-audit")
    shutil.copytree(exported(study), tmp_path / "results" / study)
    ledger = json.loads((exported(study) / "ledger.json").read_text("utf-8"))
    row = next(row for row in ledger["estimates"] if row["method"] == "increment")
    shown = row["displayed"] if right else "+77.7 %"
    (tmp_path / "article.md").write_text(f"It is {shown} ({row['id']}).\n", "utf-8")
    asked = hook["entry"].split() + used[0]["args"] if right else runs[-1].split()
    words = [word.replace("results/movies", f"results/{study}") for word in asked[1:]]
    run = subprocess.run(
        [command, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == (0 if right else 1), run.stdout + run.stderr
