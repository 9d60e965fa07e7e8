"""The reporting checklist: every item of TRIPOD+AI once, answered by what the audit has."""

import re
from html.parser import HTMLParser

import pytest
import shop

from analysis.audit import analyse
from analysis.report.ledger import ledger
from analysis.report.replication import after_the_data, before_the_data
from analysis.report.replication.answers import Answer, Point
from analysis.report.replication.checklist import answered, checklist_html, checklist_md
from analysis.report.replication.items import ITEMS, STATEMENT

LETTERS = {
    **{"3": "abc", "5": "ab", "6": "abc", "8": "abc", "9": "abc", "12": "abcdefg"},
    **{"18": "abcdef", "20": "abc", "23": "ab", "27": "abc"},
}
"""Parts of the 27 items, of those that have any (Collins et al. 2024)."""


def answers(findings):
    record = ledger(findings)
    return record, {item.number: answer for item, answer in answered(findings, record)}


@pytest.fixture(scope="module")
def bare():
    """A plan that states only what it has to, of data without a codebook."""
    return answers(analyse(shop.plan(quick=True), data=shop.table()))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The same with what a plan and a codebook may state."""
    folder = tmp_path_factory.mktemp("told")
    frame = shop.table()
    frame.to_csv(folder / "shops.csv", index=False)
    meanings = {"klout": "The score", "likes": "Likes of a year", "bought": "Whether it bought"}
    columns = "".join(
        f'[columns.{name}]\nmeaning = "{text}"\ntype = "number"\n'
        for name, text in meanings.items()
    )
    (folder / "shops.toml").write_text(
        'title = "Shops"\nsource = "A shop | keeper"\nlicence = "CC0-1.0"\nabout = "A shop a row"\n'
        f'not = "No persons"\ncaution = "Small"\n{columns}'
    )
    content = shop.plan(
        quick=True,
        title="Shops and scores",
        outcome__column="bought",
        outcome__kind="binary",
        timing={
            "score": "2014-06-30",
            "engagement": ["2014-01-01", "2014-06-30"],
            "outcome": ["2014-07-01", "2014-12-31"],
        },
        registered={"where": "osf.io/abcde", "when": "2014-01-01"},
        segment={"column": "country"},
    )
    (folder / "study.toml").write_text(shop.toml(content))
    return answers(analyse(folder / "study.toml"))


def test_every_item_stands_there_once_in_its_order():
    wanted = [f"{at}{letter}" for at in range(1, 28) for letter in LETTERS.get(str(at), [""])]
    assert [item.number for item in ITEMS] == wanted
    assert len(wanted) == 52
    assert {*before_the_data.ANSWERS, *after_the_data.ANSWERS} == {*wanted}
    assert not {*before_the_data.ANSWERS} & {*after_the_data.ANSWERS}


def test_the_statement_is_cited():
    assert "10.1136/bmj-2023-078378" in STATEMENT
    assert "e078378" in STATEMENT


def test_a_state_is_read_off_the_points():
    known, by_ids, lacks = Point("n", "3 rows"), Point("effect", ids=("a/b",)), Point("funding")
    assert Answer((known, by_ids)).state == "reported"
    assert Answer((known, lacks)).state == "reported in part"
    assert Answer((lacks,)).said == "not reported: funding."
    assert Answer(()).state == "not reported"
    assert Answer(because="it is simulated").said == "not applicable, because it is simulated."
    assert Answer((known, by_ids, lacks)).said == (
        "reported in part. N: 3 rows; effect: see the results beside. Not reported: funding."
    )


@pytest.mark.parametrize("which", ["bare", "told"])
def test_the_ids_are_the_ledgers(which, request):
    record, found = request.getfixturevalue(which)
    known = {row["id"] for kind in ("estimates", "checks", "verdicts") for row in record[kind]}
    named = {name.partition("#")[0] for answer in found.values() for name in answer.ids}
    assert named
    assert named <= known


def test_what_nobody_states_is_not_reported(bare):
    _, found = bare
    nowhere = ["3c", "5b", "8b", "8c", "9c", "14", "17", "18a", "18b", "18d", "19", "23b", "27b"]
    assert {number: found[number].state for number in nowhere} == dict.fromkeys(
        nowhere, "not reported"
    )
    for number, lacks in {
        "1": "a title of the study",
        "3a": "what the rows are",
        "5a": "source",
        "8a": "meaning of revenue",
        "12d": "differences between clusters",
        "18e": "licence",
    }.items():
        assert lacks in found[number].said.lower().split("not reported: ")[1]
    assert found["13"].said == "not applicable, because no outcome of the plan is binary."


def test_what_plan_and_codebook_state_is_reported(told):
    _, found = told
    said = {number: answer.said for number, answer in found.items()}
    assert found["1"].state == "reported"
    assert "Shops and scores" in said["1"]
    assert "outcome from 2014-07-01 to 2014-12-31" in said["5b"]
    assert "osf.io/abcde, 2014-01-01" in said["18d"]
    assert "licence: CC0-1.0" in said["18e"]
    assert "likes: Likes of a year" in said["9b"]
    assert "effects by country" in said["12d"]
    assert found["13"].said.startswith("not applicable, because no method against")
    bought = int(shop.table()["bought"].sum())
    assert f"rows with bought = 1: {bought}" in said["20a"].lower()


def test_a_few_events_are_not_counted():
    frame = shop.table().assign(bought=[1] * 3 + [0] * (shop.ROWS - 3))
    plan = shop.plan(quick=True, outcome__column="bought", outcome__kind="binary")
    _, found = answers(analyse(plan, data=frame))
    for number in ("20a", "21"):
        assert "too rare to be counted here" in found[number].said


def test_power_is_reported_where_it_was_worked_out(audited):
    _, found = answers(audited("movies"))
    assert found["10"].state == "reported"
    assert found["12a"].state == "reported"
    assert "movies/box_office/tomatometer/power/poisson/mde" in found["10"].ids
    assert found["26"].ids


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_both_formats_say_the_same(told, tmp_path):
    findings = analyse(
        shop.plan(quick=True, question="Is <script>alert(1)</script> | a score?"), data=shop.table()
    )
    lines = answered(findings, ledger(findings))
    text, page = checklist_md(findings, lines), checklist_html(findings, lines)
    read = Cells()
    read.feed(page)
    assert "script" not in read.tags
    assert len(read.rows) == 53
    assert {len(row) for row in read.rows} == {4}
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 53
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert "<script" not in text
    for row, (item, answer) in zip(read.rows[1:], lines, strict=True):
        assert row[0] == item.number
        assert row[2].startswith(answer.state)
    assert "Of 52 parts of the items:" in text


def test_simulated_data_are_called_so():
    plan = shop.plan(
        quick=True,
        dataset="simulated:creators?seed=7&n=200",
        outcome__column="referrals",
        outcome__kind="count",
    )
    findings = analyse(plan)
    lines = answered(findings, ledger(findings))
    assert "Simulated data. " in checklist_md(findings, lines)
    assert "Simulated data. " in checklist_html(findings, lines)
