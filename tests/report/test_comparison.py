"""A ledger is held against one computed anew: of this rule in every key, of an earlier one in every
number; and its folder against its hashes.
"""

import copy
import functools
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import shop

from analysis import reproduction
from analysis.audit import analyse
from analysis.errors import OutputError
from analysis.report import rewriting
from analysis.report.citation.cite import cite
from analysis.report.comparison import compare_ledgers
from analysis.report.earlier import _word_of_rule_1, words_before
from analysis.report.ledger import RULE, ledger, made_in
from analysis.report.views import Audit
from analysis.reproduction import verify
from analysis.results.ids import schema_1_id

SCHEMA_1 = ["shops", "clients", "words"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A project with a plan, its data and the results of a run."""
    root = tmp_path_factory.mktemp("project")
    (root / "plans").mkdir()
    shop.table().to_csv(root / "shops.csv", index=False)
    plan = shop.plan(quick=True, dataset="../shops.csv")
    from analysis.plan import read_plan

    path = read_plan(plan, folder=root / "plans").save(root / "plans" / "shops.toml")
    Audit(analyse(path)).export(root / "results" / "shops")
    return root


@pytest.fixture
def folder(place, tmp_path):
    """A copy of the project's results that a test may forge."""
    shutil.copytree(place, tmp_path / "project")
    return tmp_path / "project" / "results" / "shops"


def forged(folder, change):
    path = folder / "ledger.json"
    record = json.loads(path.read_text("utf-8"))
    change(record)
    path.write_text(json.dumps(record), "utf-8")


def told(folder):
    found = verify(folder)
    return {line.what: line.status for line in found.lines if not line.ok}, found


def test_results_as_they_were_written(folder):
    wrong, found = told(folder)
    assert wrong == {}
    assert {"report.html", "verdicts.csv", "plan", "shops/revenue/klout"} <= {
        line.what for line in found.lines
    }


def second_row(record):
    row = record["verdicts"][0]
    other = "nothing" if row["verdict"] == "adds" else "adds"
    record["verdicts"].insert(0, row | {"verdict": other})


def second_estimate(record):
    record["estimates"].append(dict(record["estimates"][0]))


def reduced(record):
    record["verdicts"] = [{"id": row["id"]} for row in record["verdicts"]]


FORGED = {
    "a second verdict": (second_row, "shops/revenue/klout"),
    "a second estimate": (second_estimate, "shops/revenue/klout/increment/poisson/klout"),
    "a verdict that is only an id": (reduced, "shops/revenue/klout"),
    "the question": (lambda r: r["plan"].update(question="Another?"), "plan"),
    "the registration": (lambda r: r["plan"].update(registered={"where": "osf.io"}), "plan"),
    "the rows": (lambda r: r["dataset"].update(rows=9), "dataset"),
    "the exclusions": (lambda r: r["dataset"].update(exclusions={"none": 1}), "dataset"),
    "a digit": (lambda r: r["estimates"][0].update(estimate=0.5), "shops/revenue/klout/increment/"),
    "a label": (lambda r: r["estimates"][0].update(term="likes"), "shops/revenue/klout/increment/"),
    "a check": (lambda r: r["checks"][0].update(status="passed", passed=True, reason="Fine."), ""),
    "a row less": (lambda r: r["estimates"].pop(0), "shops/revenue/klout/increment/poisson/klout"),
    "a hash less": (lambda r: r["files"].pop("report.html"), "report.html"),
}


SEALS = {"the ledger's digest", "the ledger's seal", "ledger.json"}
"""What any change of a ledger breaks, beside what was changed."""


found_once = functools.cache(analyse)


@pytest.fixture
def made_once(place, monkeypatch):
    """Take what was found and written once for what a test would compute and write again."""
    findings = found_once(place / "plans" / "shops.toml")
    monkeypatch.setattr(reproduction, "analyse", lambda plan: findings)
    written = place / "results" / "shops"

    def fill(findings, staging, record, history, *, described):
        shutil.copytree(written, staging, dirs_exist_ok=True)

    monkeypatch.setattr(rewriting, "fill", fill)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_ledger_is_named(folder, made_once, name):
    change, what = FORGED[name]
    forged(folder, change)
    wrong, found = told(folder)
    assert any(key.startswith(what) for key in wrong), str(found)
    assert len({*wrong} - SEALS) == 1
    assert {*wrong} & SEALS


def test_files_that_were_edited_or_are_gone_are_named(folder):
    for name in ("report.html", "verdicts.csv", "history.jsonl"):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\n")
    (folder / "numbers.tex").unlink()
    (folder / "notes.txt").write_text("mine", "utf-8")
    wrong, _ = told(folder)
    assert wrong == {"report.html": "differs", "verdicts.csv": "differs", "numbers.tex": "gone"}


def test_a_ledger_alone_has_no_files_to_compare(folder):
    for path in [*folder.iterdir()]:
        if path.name != "ledger.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert told(folder)[0] == {}


# --- an earlier rule ------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=SCHEMA_1)
def first(request):
    """A ledger of schema 1, and what `verify` makes of it."""
    folder = Path(__file__).parents[1] / "reference" / "schema_1" / request.param
    return json.loads((folder / "ledger.json").read_text("utf-8")), verify(folder)


def test_a_ledger_of_schema_1_holds_in_every_number(first):
    old, found = first
    assert old["schema"] == 1
    assert found.ok, str(found)
    named = {line.what for line in found.lines}
    assert {row["id"] for row in [*old["estimates"], *old["verdicts"]]} <= named
    assert not any(line.status == "new" for line in found.lines)


def test_a_word_of_an_earlier_rule_is_told_and_no_difference(first):
    old, found = first
    for row in old["verdicts"]:
        line = next(line for line in found.lines if line.what == row["id"])
        assert line.status in ("same", "earlier")
        if line.status == "earlier":
            assert f"made by an earlier rule: then {row['verdict']}" in line.detail


@pytest.fixture(scope="module")
def pair():
    """A ledger of this rule, and the same as an earlier rule would have it."""
    new = ledger(analyse(shop.plan(quick=True), data=shop.table()))
    return copy.deepcopy(new) | {"rule": RULE - 1}, new


def changed(pair, kind, **values):
    old = copy.deepcopy(pair[0])
    old[kind][0] |= values
    return compare_ledgers(old, pair[1])


def test_words_of_an_earlier_rule_are_told(pair):
    word = pair[1]["verdicts"][0]["verdict"]
    found = changed(pair, "verdicts", verdict="inconclusive", direction=None)
    if word != "inconclusive":
        assert f"made by an earlier rule: then inconclusive, today {word}" in str(found)
    assert found.ok


def test_numbers_of_an_earlier_rule_have_to_hold(pair):
    assert compare_ledgers(*pair).ok
    assert not changed(pair, "estimates", estimate=1.0).ok
    assert not changed(pair, "estimates", std_error=1.0).ok
    other = changed(pair, "estimates", std_error=1.0, covariance="HC1")
    assert other.ok
    assert "errors: HC1 then, HC3 now" in str(other)
    df = changed(pair, "estimates", df=3.0, p_value=0.5)
    assert df.ok
    assert "other degrees of freedom" in str(df)


def test_a_second_row_is_a_fault_in_an_earlier_ledger_too(pair):
    old = copy.deepcopy(pair[0])
    second_row(old)
    assert "the ledger has this id twice" in str(compare_ledgers(old, pair[1]))


# --- what the rule of before would have said ------------------------------------------------------


def test_a_word_that_an_earlier_ledger_gave_is_told(folder):
    findings = analyse(folder.parents[1] / "plans" / "shops.toml")
    (verdict,) = findings.decided
    alone = {verdict.id: "adds (positive)"}  # what the plain fit says, and was the word
    assert words_before(findings, folder) == alone

    def earlier(record):
        record.update(schema=1)
        del record["rule"]
        record["verdicts"][0] |= {"verdict": "trivial", "direction": "negative"}

    forged(folder, earlier)
    assert words_before(findings, folder) == {verdict.id: "trivial (negative)"}
    forged(folder, lambda record: record["dataset"].update(sha256="0" * 64))
    assert words_before(findings, folder) == alone
    (folder / "ledger.json").write_text("{", "utf-8")
    assert words_before(findings, folder) == alone


def member(name, phrase):
    return SimpleNamespace(name=name, phrase=phrase)


@pytest.mark.parametrize(
    ("corrected", "shared", "noise", "word"),
    [
        ("assumed", "unknown", ["nothing"], "adds"),
        ("no", "full", [], "adds"),
        ("yes", "unknown", ["adds", "adds"], "adds"),
        ("yes", "unknown", ["nothing"], "inconclusive"),
        ("yes", "none", ["nothing"], "nothing"),
        ("partial", "unknown", ["nothing"], ""),
    ],
)
def test_what_rule_1_asked_for(corrected, shared, noise, word):
    members = [member("as recorded", "adds"), *(member("noise", said) for said in noise)]
    verdict = SimpleNamespace(
        refused=False,
        corrected=corrected,
        deciding_set=[*members, member("form", "trivial")],
    )
    plan = SimpleNamespace(score=SimpleNamespace(shares_error=shared))
    assert _word_of_rule_1(SimpleNamespace(plan=plan), verdict) == word


@pytest.mark.parametrize(
    ("change", "found"), [(second_row, "shops/revenue/klout twice"), (reduced, "without outcome")]
)
def test_a_forged_ledger_is_not_cited(folder, change, found):
    assert cite("shops/revenue/klout", results=folder).cell
    forged(folder, change)
    with pytest.raises(OutputError, match=found):
        cite("shops/revenue/klout", results=folder)


def test_a_reduced_ledger_of_an_earlier_rule_differs(pair):
    old = copy.deepcopy(pair[0])
    old["estimates"] = [{"id": row["id"]} for row in old["estimates"]]
    old["verdicts"] = [{"id": row["id"]} for row in old["verdicts"]]
    assert not compare_ledgers(old, pair[1]).ok


def test_a_variant_that_schema_1_encoded_is_found(pair):
    old, new = copy.deepcopy(pair)
    new["estimates"][0]["id"] += "@without-social-media"
    old["schema"] = 1
    for row, today in zip(old["estimates"], new["estimates"], strict=True):
        row["id"] = schema_1_id(today, "shops")
    assert old["estimates"][0]["id"].endswith("@without-social-media")
    old["estimates"][0]["id"] = old["estimates"][0]["id"].replace("social-", "%53ocial%20")
    assert compare_ledgers(old, new).ok


def test_a_file_that_an_earlier_version_did_not_write_is_no_difference(tmp_path):
    folders = []
    for name in ("then", "now"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "verdicts.csv").write_text("id\n", "utf-8")
        folders.append(folder)
    (folders[1] / "numbers.docx").write_bytes(b"PK")
    today = made_in()
    earlier = today | {"packages": today["packages"] | {"score-audit": "0.0.1"}}
    for environment, status in ((today, "gone"), (earlier, "not rewritten")):
        lines = {
            line.what: line.status
            for line in rewriting.compare_written(environment, *folders, exact=True)
        }
        assert lines["numbers.docx"] == status
