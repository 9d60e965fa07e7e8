"""The ledger and what is made of it: the contract's keys, strict JSON, stable ids, and nothing that
acts on its own.
"""

import csv
import hashlib
import io
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import shop
import yaml

import analysis as sa
from analysis.audit import analyse
from analysis.data.disclosure import inert
from analysis.errors import OutputError
from analysis.report.article.check import find_in_text
from analysis.report.citation.cite import FORMATS, _caution, cite, cite_from
from analysis.report.citation.numbers import latex, macro_name, numbers_of
from analysis.report.citation.references import bibtex, csl, items_of, ris, unstated
from analysis.report.ledger import _cell, ledger, read_ledger, result_folder, to_json
from analysis.report.views import Audit
from analysis.results.estimates import display
from analysis.results.rule import Member
from analysis.results.table import (
    latex_escape,
    to_docx,
    to_html,
    to_latex,
    to_markdown,
    to_typst,
    typeset,
)

KEYS = {
    None: [
        "schema",
        "rule",
        "files",
        "plan",
        "dataset",
        "environment",
        "estimates",
        "checks",
        "verdicts",
        "digest",
        "seal",
    ],
    "plan": ["name", "sha256"],
    "dataset": ["address", "sha256", "rows", "rows_used", "exclusions"],
    "environment": ["python", "packages", "commit", "created"],
}
ESTIMATE = [
    "id",
    "outcome",
    "score",
    "method",
    "model",
    "term",
    "scale",
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "conf_low",
    "conf_high",
    "level",
    "n",
    "clusters",
    "covariance",
    "displayed",
    "note",
]
CHECK = ["id", "check", "passed", "status", "weight", "statistic", "reason"]
VERDICT = [
    "id",
    "outcome",
    "score",
    "verdict",
    "direction",
    "beyond_sesoi",
    "corrected",
    "as_recorded",
    "holds_from",
    "holds_word",
    "deciding",
    "fragile",
    "deciding_set",
    "decision",
    "reasons",
    "sentence",
    "headline",
    "short",
]
PART = r"[\w.-]+"
ID = re.compile(rf"{PART}(/{PART}){{5}}(@{PART})?")

HOSTILE = {
    "html": "<script>alert(1)</script>",
    "attribute": '" onload="alert(1)',
    "entity": "&lt;b&gt;",
    "formula": "=cmd|' /C calc'!A0",
    "formula after a number": "-2+3+cmd|' /C calc'!A0",
    "path": "../../x",
    "newline": "a\nb\r\n\nc",
    "right to left": "a\u202eb",
    "escape": "a\x1b[31m\x01b",
    "long": "x" * 300,
    "keyword": "class",
    "latex": r"\input{/etc/passwd} $x_2^2$ 100% # ~ &",
    "brace": "{unbalanced",
    "other brace": "un}balanced",
    "markdown": "[x](javascript:alert(1)) | `y` \\| ![z](w)",
    "unicode": "é\U0001f600 Ünï",
    "template": "{{ 7 * 7 }}{% raw %}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A plan with two scores, a control, clusters and two outcomes; with rows left out."""
    place = tmp_path_factory.mktemp("ledger")
    content = shop.plan(
        score__columns=["klout", "orders"],
        controls__columns=["country"],
        outcome=[
            {"column": "revenue", "kind": "revenue", "sesoi": 0.05, "variants": ["log1p", "asinh"]},
            {"column": "bought", "kind": "binary", "sesoi": 0.1},
        ],
    )
    audit = analyse(
        content, data=shop.table().assign(likes=shop.table()["likes"].where(shop.table().index > 2))
    )
    return Audit(audit).export(place / "results" / "shops")


@pytest.fixture(scope="module")
def record(folder):
    return json.loads(
        (folder / "ledger.json").read_text("utf-8"), parse_constant=lambda name: pytest.fail(name)
    )


@pytest.fixture(scope="module", params=HOSTILE)
def hostile(request, tmp_path_factory):
    """Results of a study whose score, engagement and outcome columns have a hostile name; of the
    worst names, with all that an audit has to say.
    """
    name = HOSTILE[request.param]
    names = {"klout": name, "likes": name + " 2", "revenue": name + " 3"}
    content = shop.plan(
        question=name,
        score__columns=[names["klout"]],
        engagement__columns=[names["likes"]],
        outcome__column=names["revenue"],
        keep=[{"column": names["likes"], "min": 12}],
        quick=request.param not in ("html", "latex", "formula", "markdown", "template"),
    )
    audit = analyse(content, data=shop.table().rename(columns=names))
    return name, audit, Audit(audit).export(tmp_path_factory.mktemp("hostile") / "shops")


# --- the contract ---------------------------------------------------------------------------------


def test_the_keys_are_those_of_the_contract(record):
    for part, keys in KEYS.items():
        assert set(keys) <= set(record if part is None else record[part])
    assert list(record) == KEYS[None]
    assert (record["schema"], record["rule"]) == (2, 2)
    for row in record["estimates"]:
        assert list(row) == ESTIMATE
    for row in record["checks"]:
        assert set(CHECK) <= set(row)
    for row in record["verdicts"]:
        assert list(row) == VERDICT
    assert record["dataset"]["rows"] == record["dataset"]["rows_used"] + 3
    assert record["dataset"]["exclusions"] == {"missing likes": "< 5"}
    assert set(record["environment"]["packages"]) >= {
        "statsmodels",
        "numpy",
        "pandas",
        "score-audit",
    }


def test_values_have_the_types_of_the_contract(record):
    for row in record["estimates"]:
        assert isinstance(row["n"], int)
        for key in (
            "estimate",
            "std_error",
            "statistic",
            "df",
            "p_value",
            "conf_low",
            "conf_high",
            "level",
        ):
            assert row[key] is None or math.isfinite(row[key])
        for key in ("displayed", "note", "term", "method"):
            assert isinstance(row[key], str)
    for row in record["verdicts"]:
        assert row["verdict"] in {"adds", "trivial", "nothing", "inconclusive", "refused"}
        assert row["direction"] in (
            {"positive", "negative"} if row["verdict"] in ("adds", "trivial") else {None}
        )
        assert row["corrected"] == "assumed"
        assert row["as_recorded"] in {"adds", "trivial", "nothing", "inconclusive"}
        assert row["holds_from"] is None or 0 < row["holds_from"] <= 1
        assert (row["holds_word"] is None) == (row["holds_from"] is None)
        assert row["decision"] == {"word": None, "at": None}  # this plan names no price
        ids = {one["id"] for one in record["estimates"]}
        assert {member["id"] for member in row["deciding_set"]} <= ids
        assert [*row["deciding_set"][0]] == ["member", "where", "word", "direction", "id"]
        assert row["fragile"] in (None, True, False)
        assert isinstance(row["reasons"], list)
    for row in record["checks"]:
        assert row["passed"] in (True, False, None)


def test_ids_are_unique_and_of_the_stated_form(record):
    ids = [row["id"] for part in ("estimates", "checks") for row in record[part]]
    assert all(ID.fullmatch(result) for result in ids)
    assert len(set(ids)) == len(ids)
    assert [row["id"] for row in record["verdicts"]] == [
        f"shops/{outcome}/{score}"
        for outcome in ("revenue", "bought")
        for score in ("klout", "orders")
    ]
    assert "shops/revenue/klout/increment/poisson/klout" in ids
    assert "shops/bought/klout/increment/logit/klout@margin" in ids


def test_one_name_for_one_row(record):
    keys = [
        tuple(
            row[k] for k in ("outcome", "score", "method", "model", "term", "scale", "covariance")
        )
        for row in record["estimates"]
        if "@" not in row["id"]
    ]
    assert len(set(keys)) == len(keys)


def test_ids_do_not_depend_on_values(record):
    data = shop.table().assign(revenue=shop.table()["revenue"] * 3 + 1)
    content = shop.plan(
        score__columns=["klout", "orders"], controls__columns=["country"], quick=True
    )
    one, two = (ledger(analyse(content, data=frame)) for frame in (shop.table(), data))
    assert [row["id"] for row in one["estimates"]] == [row["id"] for row in two["estimates"]]
    assert [row["estimate"] for row in one["estimates"]] != [
        row["estimate"] for row in two["estimates"]
    ]


def test_numbers_have_all_their_digits(folder, record):
    text = (folder / "ledger.json").read_text("utf-8")
    assert to_json(json.loads(text)) == text
    for row in record["estimates"]:
        assert row["estimate"] is None or repr(row["estimate"]) in text


def test_json_refuses_what_is_no_number():
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            to_json({"x": value})


def test_csv_files_say_what_the_ledger_says(folder, record):
    for part, columns in (("estimates", ESTIMATE), ("verdicts", VERDICT)):
        with (folder / f"{part}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == columns
        assert [row["id"] for row in rows] == [row["id"] for row in record[part]]
    for row, entry in zip(
        pd.read_csv(folder / "estimates.csv").to_dict("records"), record["estimates"], strict=True
    ):
        for key in ("estimate", "std_error", "p_value", "n"):
            assert (
                row[key] == pytest.approx(entry[key], rel=1e-15, nan_ok=True)
                if entry[key] is not None
                else True
            )
    with (folder / "checks.csv").open(newline="", encoding="utf-8") as file:
        assert set(CHECK) <= set(next(csv.reader(file)))


# --- macros and citations -------------------------------------------------------------------------


def test_every_number_is_a_macro_by_its_id(folder, record):
    lines = (folder / "numbers.tex").read_text("utf-8").splitlines()
    found = dict(
        re.fullmatch(r"\\sa@set\{([^{}]*)\}\{(.*)\}", line).groups()
        for line in lines
        if line.startswith(r"\sa@set")
    )
    rows = [*record["verdicts"], *record["estimates"]]
    assert [name for name in found if "#" not in name] == [row["id"] for row in rows]
    for name, body in found.items():
        assert body.count("{") == body.count("}")
        result, _, field = name.partition("#")
        row = next(row for row in rows if row["id"] == result)
        if field in ("", "value") and "displayed" in row:
            shown = body.replace(r"\ensuremath{-}", "-").replace(r"\,\%", " %")
            assert shown == latex_escape(row["displayed"]).replace(r" \%", " %")
    assert f"{rows[-1]['id']}#n" in found


def test_macro_names_of_earlier_versions():
    digits = hashlib.sha256(b"a/b/c").hexdigest()[:8]
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in digits)
    assert macro_name("a/b/c") == f"sa{letters}"


def test_the_same_numbers_for_quarto_myst_and_typst(folder, record):
    numbers = dict(numbers_of(record))
    quarto = flat(yaml.safe_load((folder / "_variables.yml").read_text("utf-8")))
    myst = yaml.safe_load((folder / "numbers.myst.yml").read_text("utf-8"))
    typst = (folder / "numbers.typ").read_text("utf-8")
    assert {*quarto} == {*myst["substitutions"]["sa"]} == {*numbers}
    for name, text in numbers.items():
        shown = re.sub(r"^-(?=[\d.])", "\N{MINUS SIGN}", text).replace(" %", "\N{NO-BREAK SPACE}%")
        assert quarto[name] == myst["substitutions"]["sa"][name] == shown
        assert f"  {json.dumps(name)}: {json.dumps(shown, ensure_ascii=False)},\n" in typst


def flat(tree, above=""):
    """Return the entries of nested YAML by their path, as Quarto reads a dot."""
    found = {}
    for key, value in tree.items():
        inner = flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
        found |= inner
    return found


def test_typst_compiles_the_numbers(folder, record, tmp_path):
    typst = pytest.importorskip("typst")
    name = record["estimates"][0]["id"]
    shutil.copy(folder / "numbers.typ", tmp_path)
    text = f'#import "numbers.typ": sa\nIt is #sa.at("{name}#low").\n'
    (tmp_path / "a.typ").write_text(text, "utf-8")
    assert typst.compile(tmp_path / "a.typ").startswith(b"%PDF")
    assert find_in_text(text, record).ok


def entries_of(text: str) -> dict[str, dict[str, str]]:
    """Parse BibTeX as strictly as BibTeX itself does: every brace counts, an escaped one too."""
    entries, depth, start = {}, 0, 0
    for at, char in enumerate(text):
        if char == "{":
            start = at if depth == 0 else start
            depth += 1
        elif char == "}":
            depth -= 1
            assert depth >= 0
            if depth == 0:
                kind = re.search(r"@(\w+)$", text[:start]).group(1)
                assert kind == "misc"
                key, _, body = text[start + 1 : at].partition(",")
                entries[key] = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", body, re.MULTILINE))
    assert depth == 0
    return entries


def test_bibtex_csl_and_ris(folder, record):
    entries = entries_of((folder / "citation.bib").read_text("utf-8"))
    assert list(entries) == ["score-audit-shops", "shops-data", "score-audit"]
    assert record["plan"]["sha256"] in entries["score-audit-shops"]["note"]
    assert "doi" not in {field for fields in entries.values() for field in fields}
    items = json.loads((folder / "citation.json").read_text("utf-8"))
    assert [item["id"] for item in items] == list(entries)
    assert record["plan"]["sha256"] in items[0]["note"]
    ris = (folder / "citation.ris").read_text("utf-8")
    assert ris.count("TY  - ") == ris.count("ER  - ") == 3


def test_the_software_has_its_authors_and_the_study_its_own(record):
    stated = {"author": ["Doe, Jane", "Acme Research"], "date": "2026-11-30", "title": "Shops"}
    known = record | {
        "plan": record["plan"] | stated | {"doi": "10.1234/x", "url": "https://x.org"}
    }
    items = items_of(known)
    assert items["analysis"]["author"] == [
        {"family": "Doe", "given": "Jane"},
        {"literal": "Acme Research"},
    ]
    assert items["software"]["author"] == [{"literal": "The score-audit developers"}]
    assert (
        entries_of(bibtex(known))["score-audit-shops"]["author"] == "Doe, Jane and {Acme Research}"
    )
    assert unstated(known) == ""
    assert "author" not in items_of(record)["analysis"]
    assert "author, date, url and doi" in unstated(record)


def test_other_software_reads_the_bibliographies(record):
    pybtex = pytest.importorskip("pybtex.database")
    rispy = pytest.importorskip("rispy")
    citeproc = pytest.importorskip("citeproc.source.json")
    stated = {"author": ["Doe, Jane", "Acme & Sons"], "date": "2026-11-30", "title": "50 % of {it}"}
    known = record | {"plan": record["plan"] | stated}
    entries = pybtex.parse_string(bibtex(known), "bibtex").entries
    assert [str(person) for person in entries["score-audit-shops"].persons["author"]] == [
        "Doe, Jane",
        r"{Acme \& Sons}",
    ]
    (study, _, software) = rispy.loads(ris(known))
    assert study["authors"] == ["Doe, Jane", "Acme & Sons"]
    assert software["type_of_reference"] == "COMP"
    source = citeproc.CiteProcJSON(json.loads(csl(known)))
    assert {*source} == {"score-audit-shops", "shops-data", "score-audit"}


@pytest.mark.parametrize("kind", FORMATS)
def test_formats_of_a_citation(record, kind):
    verdict = record["verdicts"][0]
    found = cite_from(record, verdict["id"])
    text = found.printed(kind)
    if kind in ("apa", "footnote", "markdown", "html"):
        assert verdict["id"] in text
    if kind in ("sentence", "apa", "markdown", "html", "latex"):
        assert text
        assert "<script" not in text
    assert record["digest"][:12] in str(found)
    with pytest.raises(OutputError, match="sentence, apa"):
        found.printed("word")


def test_cite_finds_what_the_ledger_holds(folder, record):
    rows = [*record["verdicts"], *record["estimates"]]
    for results, some in ((folder, rows[::7]), (folder.parent, rows[:3]), (str(folder), rows[:3])):
        for row in some:
            found = cite(row["id"], results=results)
            assert found.id == row["id"]
            assert found.cell == row.get("displayed", row.get("verdict"))
            assert found.macro == rf"\saval{{{row['id']}}}"
            assert row["id"] in found.sentence
            entries_of(found.bibtex)
            assert row["id"] in str(found)
    assert sa.cite is cite


def test_cite_warns_of_numbers_that_the_verdict_does_not_rest_on(record):
    verdict = {"id": "shops/revenue/klout", "outcome": "revenue", "score": "klout"}
    row = {"id": "x", "outcome": "revenue", "score": "klout", "method": "increment"}
    for method, corrected, said in (
        ("raw", "no", "engagement is ignored"),
        ("increment", "no", ""),
        ("increment", "yes", "not corrected"),
        ("increment", "partial", "not corrected"),
        ("corrected", "yes", ""),
    ):
        told = _caution(
            row | {"method": method}, {"verdicts": [verdict | {"corrected": corrected}]}
        )
        assert bool(told) == bool(said)
        assert said in told
    raw = next(row["id"] for row in record["estimates"] if row["method"] == "raw")
    assert "Caution: engagement is ignored" in str(cite_from(record, raw))


@pytest.mark.parametrize(
    ("result", "hint"),
    [
        ("shops/revenue/klot", 'Did you mean "shops/revenue/klout"?'),
        ("shops", ""),
        ("", ""),
        ("../../etc/passwd", ""),
        ("\x1b[31m", ""),
    ],
)
def test_cite_does_not_find_what_is_not_there(folder, result, hint):
    with pytest.raises(OutputError) as caught:
        cite(result, results=folder)
    assert "RESULT_ID" in str(caught.value)
    assert hint in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_cite_takes_any_case_and_names_what_stands_nearest(folder):
    assert cite("Shops/Revenue/KLOUT", results=folder).id == "shops/revenue/klout"
    with pytest.raises(OutputError, match="shops/revenue/klout/increment/"):
        cite("shops/revenue/klout/increment", results=folder)


def test_cite_names_verdicts_first_and_where_it_looked(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    with pytest.raises(OutputError) as caught:
        cite("shops/x", results=folder.name)
    assert f"under {folder} (--results names another): shops/revenue/klout, " in str(caught.value)


def test_a_cited_interval_is_in_the_unit_of_what_is_displayed(record):
    for row in record["estimates"]:
        sentence = cite_from(record, row["id"]).sentence
        assert "own scale" not in sentence
        if row["conf_low"] is not None and row["displayed"].endswith("%") and row["scale"]:
            low, high = (display(row[key], "percent") for key in ("conf_low", "conf_high"))
            assert f"{row['displayed']}, 95 % CI {low} to {high}, n = " in sentence
        if "@margin" in row["id"]:
            assert sentence.count(" points") == 2


def test_the_folder_that_verify_is_given(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="run `score-audit run movies` first"):
        result_folder("nope")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "shops").symlink_to(folder)
    assert result_folder("shops") == Path("results/shops")
    assert result_folder(folder) == folder
    for given in ("results", "nope"):
        with pytest.raises(OutputError, match="of a run: results/shops"):
            result_folder(given)


def test_cite_before_any_run(tmp_path):
    for results in (tmp_path, tmp_path / "nowhere", "a\0b"):
        with pytest.raises(OutputError, match="once `run` has written one"):
            cite("shops/revenue/klout", results=results)


BROKEN = [
    "",
    "{",
    "[]",
    "3",
    '{"schema": 3}',
    "[" * 5000,
    '{"schema": 1, "plan": 1}',
    b"\xff",
    json.dumps({key: {} for key in KEYS[None]} | {"schema": 1, "estimates": [3], "verdicts": []}),
    json.dumps(
        {key: {} for key in KEYS[None]}
        | {"schema": 2, "rule": 3, "estimates": [], "verdicts": [], "checks": []}
    ),
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_ledger_that_is_none(folder, tmp_path, content):
    """It is refused where it is asked for, and does not stand in the way of another folder's
    results.
    """
    (tmp_path / "broken").mkdir()
    path = tmp_path / "broken" / "ledger.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(OutputError, match=r"a ledger\.json that `run` wrote"):
        read_ledger(path)
    (tmp_path / "shops").symlink_to(folder)
    assert cite("shops/revenue/klout", results=tmp_path).cell
    with pytest.raises(OutputError) as caught:
        cite("shops/revenue/klot", results=tmp_path)
    assert str(path) in str(caught.value)


def test_what_a_killed_run_left_is_not_cited(folder, tmp_path):
    (tmp_path / ".shops-staging-abcd1234").symlink_to(folder)
    with pytest.raises(OutputError):
        cite("shops/revenue/klout", results=tmp_path)


# --- hostile names --------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collect tags, and attributes by tag."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_hostile_names_in_the_ledger(hostile):
    name, _, folder = hostile
    record = json.loads((folder / "ledger.json").read_text("utf-8"))
    assert record["verdicts"][0]["score"] == name
    for row in [*record["estimates"], *record["checks"]]:
        assert ID.fullmatch(row["id"])
    assert len({row["id"] for row in record["estimates"]}) == len(record["estimates"])


def test_hostile_names_in_html(hostile):
    name, _, folder = hostile
    for path in (folder / "report.html", *(folder / "tables").glob("*.html")):
        page = Page(path.read_text("utf-8"))
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        if path.name == "report.html":  # ours: unfolds a part; the what-if, and its data
            assert len(scripts) in (1, 3)
            assert not any("src" in attributes for attributes in scripts)
        else:
            assert not scripts
        assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
        assert not any(
            "javascript:" in (value or "")
            for _, attributes in page.tags
            for key, value in attributes.items()
            if key in ("href", "src")
        )
    report = Page((folder / "report.html").read_text("utf-8"))
    plain = re.sub(r"\s", "", "".join(report.text))
    if name.isprintable():
        assert re.sub(r"\s", "", name) in plain
    assert "49" not in name and "{{7*7}}" in plain if name.startswith("{{") else True


def test_hostile_names_in_spreadsheets(hostile):
    _, _, folder = hostile
    for path in folder.glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text("utf-8"), newline="")):
            for cell in row:
                text = cell.strip()
                risky = text[:1] in ("=", "+", "-", "@") and not re.fullmatch(
                    r"-|[+-]?[\d.,e+-]+( (%|points))?", text
                )
                assert not risky, cell


def test_hostile_names_in_latex(hostile):
    _, _, folder = hostile
    for path in (folder / "numbers.tex", *(folder / "tables").glob("*.tex")):
        text = path.read_text("utf-8")
        assert r"\input" not in text.replace(r"\textbackslash{}input", "")
        code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
        assert code.count("{") == code.count("}")
        code = re.sub(r"(?<=#)(low|high|p|n|se|statistic|sesoi|value)\}", "}", code)
        code = re.sub(r"#(?=\}\{)|#[12]", "", code)
        assert not re.search(r"(?<!\\)[$#~^]", code)
        inside = code.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
        assert len({line.count(" & ") for line in inside.splitlines() if line.endswith(r"\\")}) <= 1
    entries_of((folder / "citation.bib").read_text("utf-8"))


def test_hostile_names_in_markdown(hostile):
    _, _, folder = hostile
    for path in (folder / "tables").glob("*.md"):
        lines = path.read_text("utf-8").splitlines()
        assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}) == 1, (
            "as many columns in every row"
        )
        text = "\n".join(lines)
        assert not re.search(r"<[a-z/!]", text)
        assert not re.search(r"(?<!\\)\[.*(?<!\\)\]\(", text)


def test_hostile_names_in_word(hostile):
    docx = pytest.importorskip("docx")
    _, audit, folder = hostile
    for path in (folder / "tables").glob("*.docx"):
        document = docx.Document(path)
        (table,) = document.tables
        assert len(table.rows) > 1
        assert document.paragraphs[0].text
    (score,) = audit.plan.score.columns
    grid = docx.Document(folder / "tables" / "effects-1.docx").tables[0]
    cells = [cell.text for row in grid.rows for cell in row.cells]
    effect = audit.estimates.one(method="increment", model="poisson", term=score, variant="")
    assert any(cell.startswith(f"{typeset(effect.displayed)} (") for cell in cells)


def test_hostile_names_in_figures(hostile):
    from xml.etree import ElementTree

    _, _, folder = hostile
    for path in (folder / "figures").glob("*.svg"):
        root = ElementTree.fromstring(path.read_bytes())
        assert not [tag for tag in root.iter() if tag.tag.endswith(("script", "foreignObject"))]
    for path in (folder / "figures").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_hostile_names_are_cited(hostile):
    _, audit, folder = hostile
    found = cite(audit.verdict_on().id, results=folder)
    assert found.cell == audit.verdict_on().verdict
    entries_of(found.bibtex)


# --- escapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("-", "-"),
        ("-5.9 %", "-5.9 %"),
        ("+3.8 points", "+3.8 points"),
        ("-1,234", "-1,234"),
        ("-1e-05", "-1e-05"),
        ("-1 %|cmd", "'-1 %|cmd"),
        ("+5 points and more", "'+5 points and more"),
        ("-x", "'-x"),
        ("plain", "plain"),
        (-1.5, -1.5),
        (None, None),
        ("", ""),
    ],
)
def test_cells_a_spreadsheet_would_run(cell, shown):
    assert inert(cell) == shown


def test_latex_escape():
    assert latex_escape(r"50 % of $5 & #1_a {b} ~ ^ \x <y>") == (
        r"50 \% of \$5 \& \#1\_a \textbraceleft{}b\textbraceright{} \textasciitilde{}"
        r" \textasciicircum{} "
        r"\textbackslash{}x \textless{}y\textgreater{}"
    )


def test_tables_are_the_same_each_time():
    table = pd.DataFrame({"a": ["x", "<b>"], "b": ["1", "2"]})
    assert to_docx(table, "c") == to_docx(table, "c")
    assert to_html(table, "c", table_id="t") == to_html(table, "c", table_id="t")
    assert "&lt;b&gt;" in to_html(table, "c", table_id="t")
    assert "&lt;b&gt;" in to_markdown(table)
    assert r"\textless{}b\textgreater{}" in to_latex(table, "c")
    assert "| < .001 | &amp;lt; & \\> |".replace("\\", "") in to_markdown(
        pd.DataFrame([["< .001", "&lt; & >"]])
    )


def test_a_source_that_begins_with_a_brace_does_not_break_the_bibliography(record):
    for source in ("{open", "}", "@misc{x,", "a\n\n b", "\\"):
        data = record["dataset"] | {"source": source, "title": source}
        assert len(entries_of(bibtex(record | {"dataset": data}))) == 3


def test_macros_of_hostile_values(record):
    row = record["estimates"][0] | {"displayed": "}\\input{x}%"}
    text = latex({"estimates": [row], "verdicts": [], "plan": {}, "dataset": {}})
    assert "\\input" not in text.replace("\\textbackslash{}input", "").replace("% \\input", "")
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\rx", "\n=x", " =x", "\uff1dx", "-x"]
)
def test_text_that_a_spreadsheet_would_run_isinert(text):
    assert inert(text) == "'" + text


@pytest.mark.parametrize(
    "cell", [-1.5, -3, None, "-5.9 %", "+3.8 points", "-1,234", "+2.1e-05", "-", "a=b", ""]
)
def test_numbers_and_plain_text_stay_as_they_are(cell):
    assert inert(cell) is cell


def test_hostile_names_of_levels_and_columns_are_inert_in_every_csv(tmp_path):
    rng = np.random.default_rng(4)
    n = 150
    frame = pd.DataFrame(
        {
            "=likes": rng.normal(size=n),
            "+klout": rng.normal(size=n),
            "@trade": rng.choice(["=cmd|' /C calc'!A0", "\t+1", "-2+3"], n),
        }
    )
    frame["-sales"] = -3 - 2 * frame["+klout"] + rng.normal(size=n)
    plan = {
        "name": "inert",
        "question": "Who runs this?",
        "dataset": "frame.csv",
        "score": {"columns": ["+klout"]},
        "engagement": {"columns": ["=likes"]},
        "segment": {"column": "@trade"},
        "quick": True,
        "outcome": [{"column": "-sales", "kind": "continuous", "sesoi": 0.1}],
    }
    folder = sa.audit(plan, data=frame).export(tmp_path / "out")
    negative = 0
    for path in folder.glob("*.csv"):
        for column, cells in pd.read_csv(path, dtype=str, keep_default_na=False).items():
            for cell in (column, *cells):
                negative += bool(re.fullmatch(r"-[\d.]+(e-?\d+)?", cell))
                assert not cell.lstrip().startswith(("=", "@")), (path.name, cell)
                assert not cell.startswith(("+", "-", "\t", "\r")) or re.fullmatch(
                    r"[+-][\d.,e-]+( %)?|-", cell
                ), cell
    assert negative > 5


def test_a_member_of_the_deciding_set_is_plain_data_in_json_and_csv():
    row = SimpleNamespace(id="shops/revenue/klout/form/poisson/klout")
    said = {"word": "adds", "direction": "positive"}
    members = [
        Member("form", "", "adds", "positive", row).record(),
        Member("noise", "at .8", "inconclusive", None, None).record(),
    ]
    assert members[0] == {"member": "form", "where": "", **said, "id": row.id}
    assert members[1]["id"] is None
    assert json.loads(_cell(members)) == members
    assert json.loads(_cell({"word": None, "at": None})) == {"word": None, "at": None}
    assert _cell("adds") == "adds"


def test_a_table_fits_a_page_and_breaks_no_word(exported):
    """Four columns; in Word each is at least as wide as its longest word."""
    docx = pytest.importorskip("docx")
    grid = docx.Document(exported("movies") / "tables" / "effects-1.docx").tables[0]
    heads = [cell.text for cell in grid.rows[0].cells]
    assert heads == ["model", "engagement ignored", "engagement held constant", "note"]
    widths = [cell.width.cm for cell in grid.rows[0].cells]
    assert sum(widths) == pytest.approx(15.2, abs=0.05)
    for column, width in zip(
        zip(*(row.cells for row in grid.rows), strict=True), widths, strict=True
    ):
        longest = max(len(word) for cell in column for word in re.split(r"[ (]", cell.text))
        assert width > 0.17 * longest, heads  # a letter of nine points is 0.17 cm wide


def test_tables_in_latex_and_typst_have_labels_and_true_minus_signs(exported, tmp_path):
    typst = pytest.importorskip("typst")
    folder = exported("movies") / "tables"
    latex = (folder / "effects-1.tex").read_text("utf-8")
    assert r"\label{tab:movies-effects-1}" in latex
    assert r"\toprule" in latex
    assert not re.search(r"(?<![\w$])-\d", latex)
    for name in ("effects-1", "rows"):
        typst.compile(folder / f"{name}.typ", output=tmp_path / f"{name}.pdf")
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    if shutil.which("pdflatex"):
        page = (
            r"\documentclass{article}\usepackage[utf8]{inputenc}\usepackage{booktabs,array}"
            r"\begin{document}" + latex + r"\end{document}"
        )
        (tmp_path / "page.tex").write_text(page, "utf-8")
        asked = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        run = subprocess.run(asked, cwd=tmp_path, capture_output=True, check=False)
        assert run.returncode == 0, run.stdout[-2000:]


def test_hostile_text_is_no_markup_in_typst(tmp_path):
    typst = pytest.importorskip("typst")
    table = pd.DataFrame({"a": ['"); #panic("x") //', "\\", "#let x = 1", "$ x $"]})
    (tmp_path / "t.typ").write_text(to_typst(table, 'c " #panic()'), "utf-8")
    typst.compile(tmp_path / "t.typ", output=tmp_path / "t.pdf")
