"""Numbers as fields of a Word document: written, copied into an article, given new numbers, judged,
and nothing else touched.
"""

import copy
import json
import os
import random
import re
import shutil
import stat
import subprocess
import zipfile
from xml.etree import ElementTree

import pytest
import shop
import yaml
from click.testing import CliRunner

from analysis.audit import analyse
from analysis.cli import cli
from analysis.errors import OutputError
from analysis.report.article.check import find_in_text
from analysis.report.article.text import read_text
from analysis.report.citation import package
from analysis.report.citation.numbers import (
    changed_numbers,
    latex,
    myst,
    numbers_of,
    quarto,
    typeset_number,
    typst,
)
from analysis.report.citation.package import custom_part, read_parts
from analysis.report.citation.update import update
from analysis.report.citation.word import word
from analysis.report.citation.word_fields import fields_by_part, fields_of, with_texts
from analysis.report.folder import write_results
from analysis.report.ledger import ledger

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
NAMESPACE = f'xmlns:w="{W}"'
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{MAIN}"/></Types>'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rIdSA1" Type="{OFFICE}" Target="word/document.xml"/></Relationships>'
)
V = "shops/revenue/klout"
E = f"{V}/increment/poisson/klout"


def run(text, name="t"):
    return f"<w:r><w:rPr><w:b/></w:rPr><w:{name}>{text}</w:{name}></w:r>"


def mark(kind):
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def simple(name, text="1", more=""):
    return f"<w:fldSimple w:instr=' DOCPROPERTY \"{name}\" '{more}>{run(text)}</w:fldSimple>"


def long(name, *texts, code=' DOCPROPERTY "{}"  \\* MERGEFORMAT '):
    """Return a field as Word saves it: its code in two pieces, its text in several."""
    whole = code.format(name)
    pieces = [run(piece, "instrText") for piece in (whole[:14], whole[14:])]
    shown = mark("separate") + "".join(map(run, texts)) if texts else ""
    return mark("begin") + "".join(pieces) + shown + mark("end")


def paragraph(*content):
    return f"<w:p>{''.join(content)}</w:p>"


def document(*paragraphs):
    body = "".join(paragraphs)
    return f'<?xml version="1.0"?>\n<w:document {NAMESPACE}><w:body>{body}</w:body></w:document>'


def write(path, main, **more):
    """Write a Word file with a main part and others, by their names with __ for /."""
    parts = {"[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS, "word/document.xml": main}
    parts |= {name.replace("__", "/") + ".xml": part for name, part in more.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return path


def shown(path):
    """Return what the fields of a Word file show, by their names."""
    return {one.name: one.printed for _, one in fields_by_part(read_parts(path))}


def properties(path):
    found = custom_part(read_parts(path)).properties()
    return {one.attributes["name"]: text for one, text in found}


@pytest.fixture(scope="module")
def before():
    return analyse(shop.plan(quick=True), data=shop.table())


@pytest.fixture(scope="module")
def after():
    """The same study with one datum corrected."""
    data = shop.table()
    data.loc[7, "revenue"] *= 3
    return analyse(shop.plan(quick=True), data=data)


@pytest.fixture(scope="module")
def record(before):
    return ledger(before)


@pytest.fixture(scope="module")
def made(before, after, tmp_path_factory):
    base = tmp_path_factory.mktemp("word")
    return [
        write_results(findings, base / name / "shops")
        for name, findings in (("before", before), ("after", after))
    ]


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "results" / "shops")
    return tmp_path / "results"


def printed(record):
    return {name: typeset_number(text) for name, text in numbers_of(record)}


# --- the document of a result folder --------------------------------------------------------------


def test_every_number_is_a_field_and_a_property_of_its_id(made, record):
    fields, held = shown(made[0] / "numbers.docx"), properties(made[0] / "numbers.docx")
    numbers = printed(record)
    assert fields == held
    estimates = {row["id"] for row in record["estimates"]}
    twice = {f"{name}#value" for name in estimates}  # stands in the table as the id alone
    assert fields == {name: text for name, text in numbers.items() if name not in twice}
    assert "numbers.docx" in json.loads((made[0] / "ledger.json").read_text("utf-8"))["files"]


def test_the_document_is_read_by_python_docx_and_always_the_same(record, tmp_path):
    docx = pytest.importorskip("docx")
    assert word(record) == word(copy.deepcopy(record))
    (tmp_path / "a.docx").write_bytes(word(record))
    read = docx.Document(tmp_path / "a.docx")
    assert [len(table.rows) - 1 for table in read.tables] == [
        len(record["verdicts"]),
        len(record["estimates"]),
    ]
    assert [cell.text for cell in read.tables[1].column_cells(0)][1:] == [
        row["id"] for row in record["estimates"]
    ]


def test_simulated_data_are_said_and_an_id_too_long_for_word_is_plain_text(record, tmp_path):
    changed = copy.deepcopy(record)
    changed["dataset"]["simulated"] = True
    name = E + "x" * 300
    changed["estimates"] = [changed["estimates"][0] | {"id": name}]
    (tmp_path / "a.docx").write_bytes(word(changed))
    assert "Simulated data" in read_text(tmp_path / "a.docx")
    assert "Simulated data" not in read_text_of(record, tmp_path)
    assert not any(one.startswith(name) for one in shown(tmp_path / "a.docx"))
    assert name in read_text(tmp_path / "a.docx")


def read_text_of(record, tmp_path):
    (tmp_path / "plain.docx").write_bytes(word(record))
    return read_text(tmp_path / "plain.docx")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="no LibreOffice")
def test_libreoffice_shows_an_updated_article_and_keeps_its_fields(folder, record, tmp_path):
    main = document(paragraph(run("It is "), long(E, "1"), run(".")))
    path = write(tmp_path / "a.docx", main.replace("<w:t>It", '<w:t xml:space="preserve">It'))
    update(path, results=folder)
    for kind in ("txt:Text", "docx"):
        command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"]
        command += ["--convert-to", kind, "--outdir", str(tmp_path / "out"), str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=240)
    text = (tmp_path / "out" / "a.txt").read_text("utf-8-sig")
    assert text.strip() == f"It is {printed(record)[E]}."
    assert shown(tmp_path / "out" / "a.docx") == {E: printed(record)[E]}
    assert update(tmp_path / "out" / "a.docx", results=folder).changes == ()


# --- an update ------------------------------------------------------------------------------------

ARTICLE = document(
    paragraph(run("Shops took "), simple(E, "-9.9 %"), run(" more ("), long(f"{E}#low", "1", ".5")),
    paragraph(run("to "), long(f"{E}#high"), run("), "), long(V, "Error! Unknown property name.")),
    paragraph(
        run("By "), simple("Author", "Jo"), run(" &amp; Co, page "), long("PAGE", code=" {} ")
    ),
)


def test_fields_get_the_numbers_of_the_ledger(folder, record, tmp_path):
    footer = f"<w:ftr {NAMESPACE}>{paragraph(simple(E + '#n', '0'))}</w:ftr>"
    path = write(tmp_path / "a.docx", ARTICLE, word__footer1=footer)
    told = update(path, results=folder)
    numbers = printed(record)
    ours = {name: numbers[name] for name in (E, f"{E}#low", f"{E}#high", V, f"{E}#n")}
    assert shown(path) == ours | {"Author": "Jo"}
    assert properties(path) == ours
    assert [(one.name, one.then, one.now) for one in told.changes] == [
        (E, "-9.9 %", ours[E]),
        (f"{E}#low", "1.5", ours[f"{E}#low"]),
        (f"{E}#high", "", ours[f"{E}#high"]),
        (V, "Error! Unknown property name.", ours[V]),
        (f"{E}#n", "0", ours[f"{E}#n"]),
    ]
    assert str(told).endswith("a.docx: 5 fields print results; 5 of their numbers changed.")
    assert "\xa0" not in str(told)
    ElementTree.fromstring(read_parts(path)["word/document.xml"])


def test_a_second_update_writes_nothing(folder, tmp_path):
    path = write(tmp_path / "a.docx", ARTICLE)
    update(path, results=folder)
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino
    told = update(path, results=folder)
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert str(told).endswith("a.docx: 4 fields print results; none of their numbers changed.")


def test_every_other_byte_stays(folder, tmp_path):
    odd = "<!-- a note --><w:p w:x='1>2'><w:r><w:t/></w:r><w:r><w:t>/></w:t></w:r></w:p><?pi x?>"
    main = ARTICLE.replace("<w:body>", f"<w:body>\n\t{odd}")
    styles, picture = "<styles  a = 'b' />", "PNG\r\n"
    path = write(tmp_path / "a.docx", main, word__styles=styles, word__media=picture)
    with zipfile.ZipFile(path) as file:
        listed = file.namelist()
    update(path, results=folder)
    parts = read_parts(path)
    assert [*parts][: len(listed)] == listed
    assert parts["word/styles.xml"].decode(), parts["word/media.xml"] == (styles, picture.encode())
    assert without_fields(parts["word/document.xml"].decode()) == without_fields(main)


def without_fields(text):
    """Return a part with a sign in place of the text of each run that is bold and of what a field
    inserts.
    """
    text = re.sub(r'<w:fldChar w:fldCharType="separate"/>(<w:t [^>]*>[^<]*</w:t>)', "", text)
    fields = re.compile(
        r"(<w:fldSimple.*?</w:fldSimple>|(?<=\"separate\"/></w:r>).*?(?=<w:r><w:fldChar))"
    )
    blank = re.compile(r"<w:t(?: xml:space=\"preserve\")?>[^<]*</w:t>")
    assert fields.search(text)
    return fields.sub(
        lambda field: field[0] if "Author" in field[0] else blank.sub("T", field[0]), text
    )


@pytest.mark.parametrize("seed", range(4))
def test_in_drawn_documents_only_the_fields_that_are_ours_change(seed):
    draw = random.Random(seed)
    words = ["", " ", "no", "5.9 %", "a &lt; b", "&#233;\u2212", "]]&gt;"]
    ours, others = [E, f"{V}#low"], ["Author", "Client/Name"]

    def piece(depth=0):
        name = draw.choice(ours + others)
        texts = [draw.choice(words) for _ in range(draw.randrange(4))]
        made = [
            lambda: run(draw.choice(words)),
            lambda: simple(name, draw.choice(words)),
            lambda: long(name, *texts),
            lambda: long("PAGE", *texts, code=" {} "),
            lambda: f"<w:ins w:id='1'>{long(name, *texts)}</w:ins>",
            lambda: mark("begin") + run(" REF x ", "instrText") + mark("separate") + piece(1),
        ]
        kind = draw.randrange(6 if depth == 0 else 5)
        return made[kind]() + (mark("end") if kind == 5 else "")

    for _ in range(50):
        pieces = [[piece() for _ in range(draw.randrange(6))] for _ in range(4)]
        cell = f"<w:tbl><w:tr><w:tc>{paragraph(*pieces[0])}</w:tc></w:tr></w:tbl>"
        part = document(cell, *(paragraph(*some) for some in pieces[1:])).encode()
        new = with_texts(part, lambda one: "NEW" if one.name in ours else None)
        then, now = fields_of(part), fields_of(new)
        assert [one.name for one in now] == [one.name for one in then]
        expected = ["NEW" if one.name in ours else one.printed for one in then]
        assert [one.printed for one in now] == expected
        assert text_without(new, ours) == text_without(part, ours)


def text_without(part, names):
    """Return the text of a part with the fields of these names showing nothing."""
    emptied = with_texts(part, lambda one: "" if one.name in names else None)
    root = ElementTree.fromstring(emptied)
    return [(node.tag, node.text or "", sorted(node.attrib.items())) for node in root.iter()]


def test_properties_of_the_author_stay_and_ours_are_updated(folder, record, tmp_path):
    custom = (
        f'<p:Properties xmlns:p="{package.CUSTOM_SPACE}" xmlns:vt="{package.VALUE_SPACE}">'
        '<p:property fmtid="{X}" pid="2" name="Client"><vt:i4>7</vt:i4></p:property>'
        f'<p:property fmtid="{{X}}" pid="9" name="{E}"><vt:lpwstr>old</vt:lpwstr></p:property>'
        f'<p:property fmtid="{{X}}" pid="4" name="{V}"><vt:i4>3</vt:i4></p:property>'
        "</p:Properties>"
    )
    relation = f'<Relationship Id="r" Type="{package.CUSTOM_RELATION}" Target="/docProps/my.xml"/>'
    path = write(
        tmp_path / "a.docx", document(paragraph(simple(f"{E}#p", "1"))), docProps__my=custom
    )
    with_rels(path, RELATIONS.replace("</", f"{relation}</"))
    update(path, results=folder)
    numbers = printed(record)
    assert properties(path) == {"Client": None} | {n: numbers[n] for n in (E, V, f"{E}#p")}
    part = read_parts(path)["docProps/my.xml"].decode()
    assert custom[: custom.index('<p:property fmtid="{X}" pid="9"')] in part
    assert sorted(re.findall(r'pid="(\d+)"', part), key=int) == ["2", "4", "9", "10"]
    ElementTree.fromstring(part)


def with_rels(path, relations):
    parts = {name: part for name, part in read_parts(path).items()}
    parts["_rels/.rels"] = relations.encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)


def test_python_docx_opens_an_updated_document_with_its_properties(folder, tmp_path):
    docx = pytest.importorskip("docx")
    path = tmp_path / "a.docx"
    written = docx.Document()
    written.add_paragraph("Mine. ")._p.append(docx.oxml.parse_xml(fragment(simple(E))))
    written.save(path)
    update(path, results=folder)
    again = docx.Document(path)
    assert again.paragraphs[-1].text.startswith("Mine.")
    related = {one.reltype.rpartition("/")[2] for one in again.part.package.rels.values()}
    assert "custom-properties" in related


def fragment(field):
    return field.replace("<w:fldSimple", f"<w:fldSimple {NAMESPACE}")


def test_a_field_within_the_code_of_another_and_one_in_strict_xml(record):
    outer = mark("begin") + run(" IF ", "instrText") + mark("begin")
    outer += run(f' DOCPROPERTY "{E}#n" ', "instrText") + mark("separate") + run("1", "instrText")
    outer += mark("end") + run(' > 5 "many" "few" ', "instrText") + mark("separate") + run("few")
    part = document(paragraph(outer, mark("end"))).encode()
    new = with_texts(part, lambda one: "60").decode()
    assert "few</w:t>" in new
    assert '<w:instrText xml:space="preserve">60</w:instrText>' in new
    strict = part.replace(W.encode(), b"http://purl.oclc.org/ooxml/wordprocessingml/main")
    assert [(one.name, one.printed) for one in fields_of(strict)] == [(f"{E}#n", "1")]


@pytest.mark.parametrize(
    "empty",
    [
        f"<w:fldSimple w:instr='DOCPROPERTY {E}'/>",
        f"<w:fldSimple w:instr='DOCPROPERTY {E}'></w:fldSimple>",
        long(E),
        mark("begin") + run(f"docproperty {E} ", "instrText") + mark("separate") + mark("end"),
        long(E, code=" DOCPROPERTY \u201c{}\u201d "),
    ],
)
def test_a_field_that_shows_nothing_yet(empty, folder, record, tmp_path):
    path = write(tmp_path / "a.docx", document(paragraph(run("It is "), empty, run(" now"))))
    update(path, results=folder)
    assert shown(path) == {E: printed(record)[E]}
    texts = find_in_text(read_text(path), record)
    assert texts.ok
    root = ElementTree.fromstring(read_parts(path)["word/document.xml"])
    assert (
        "".join(node.text for node in root.iter(f"{{{W}}}t")) == f"It is {printed(record)[E]} now"
    )


def test_a_locked_field_stays_and_is_told(folder, tmp_path):
    path = write(tmp_path / "a.docx", document(paragraph(simple(E, "old", " w:fldLock='true'"))))
    told = update(path, results=folder)
    assert shown(path) == {E: "old"}
    assert (told.changes, told.locked) == ((), (E,))
    assert "its field is left as it is" in str(told)


# --- refusals: the document is as it was ----------------------------------------------------------


def refused(path, results):
    before = path.read_bytes()
    with pytest.raises(OutputError) as raised:
        update(path, results=results)
    assert path.read_bytes() == before
    assert [one for one in path.parent.iterdir() if one.name.endswith(".part")] == []
    return str(raised.value)


def test_unknown_ids_are_all_told_with_the_nearest(folder, tmp_path):
    article = document(
        paragraph(simple(E), simple(f"{V}/increment/poison/klout"), simple("a/b/c/d/e/f")),
        paragraph(simple(f"{V}#lo"), simple(f"{E}#lwo")),
    )
    told = refused(write(tmp_path / "a.docx", article), folder)
    assert "4 faults" in told
    assert f'Did you mean "{E}"?' in told
    assert f"no lo of {V}" in told
    assert 'Did you mean "low"?' in told
    assert "field a/b/c/d/e/f" in told


@pytest.mark.parametrize(
    "text", ["-5.9 % less", "-5.9 %, and", "5.9 % to 7.1 %", "(-5.9 %)", "Error rate 5 %", "about"]
)
def test_words_that_somebody_typed_into_a_field_are_not_lost(text, folder, tmp_path):
    told = refused(write(tmp_path / "a.docx", document(paragraph(simple(E, text)))), folder)
    assert f"'{text}', which is more than a number of a ledger" in told


def test_spaces_typed_into_a_field_stay(folder, record, tmp_path):
    path = write(tmp_path / "a.docx", document(paragraph(simple(E, " -5.9 %  "))))
    update(path, results=folder)
    assert shown(path) == {E: f" {printed(record)[E]}  "}


def test_an_id_with_other_numbers_in_another_folder_needs_a_folder(folder, made, tmp_path):
    shutil.copytree(made[1], folder / "second")
    path = write(tmp_path / "a.docx", document(paragraph(simple(E), simple(f"{E}#n", "1"))))
    told = refused(path, folder)
    assert "several numbers of this id" in told
    assert "--results" in told
    assert "1 fault" in told  # n is the same in both
    assert update(path, results=folder / "second").changes


def test_a_damaged_ledger_beside_is_not_in_the_way(folder, tmp_path):
    (folder / "broken").mkdir()
    (folder / "broken" / "ledger.json").write_text("{")
    path = write(tmp_path / "a.docx", document(paragraph(simple(E))))
    assert update(path, results=folder).changes
    told = refused(write(tmp_path / "b.docx", document(paragraph(simple(f"{E}x")))), folder)
    assert "a ledger.json that `run` wrote" in told


def test_a_document_that_is_open_elsewhere(folder, tmp_path):
    path = write(tmp_path / "article.docx", document(paragraph(simple(E))))
    for name in ("~$rticle.docx", ".~lock.article.docx#"):
        (tmp_path / name).write_text("Jo")
        assert "close it there first" in refused(path, folder)
        (tmp_path / name).unlink()
    assert update(path, results=folder).changes


def test_what_is_no_document_to_update(folder, tmp_path):
    (tmp_path / "a.docx").write_bytes(b"no zip")
    assert "a Word file (docx)" in refused(tmp_path / "a.docx", folder)
    signed = write(tmp_path / "b.docx", document(paragraph(simple(E))), _xmlsignatures__sig1="<a/>")
    assert "digital signature" in refused(signed, folder)
    bare = write(tmp_path / "c.docx", document(paragraph(simple("Author"))))
    assert "no field that prints a result" in refused(bare, folder)
    bomb = "<!DOCTYPE w [<!ENTITY a 'b'>]>" + document(paragraph(simple(E))).split("\n")[1]
    assert "not the document of a Word file" in refused(write(tmp_path / "d.docx", bomb), folder)
    broken = write(tmp_path / "e.docx", document(paragraph(simple(E)))[:-9])
    assert "a Word file (docx)" in refused(broken, folder)
    other = document(paragraph(simple(E))).replace("?>", " encoding='latin-1'?>", 1)
    assert "not in UTF-8" in refused(write(tmp_path / "f.docx", other), folder)
    with pytest.raises(OutputError, match="a Word file"):
        update(tmp_path / "none.docx", results=folder)


def test_a_write_that_fails_leaves_the_old_document(folder, tmp_path, monkeypatch):
    path = write(tmp_path / "a.docx", document(paragraph(simple(E))))

    def full(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package.os, "replace", full)
    assert "No space left on device" in refused(path, folder)


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_a_link_stays_a_link_and_permissions_stay(folder, tmp_path):
    path = write(tmp_path / "a.docx", document(paragraph(simple(E))))
    path.chmod(0o640)
    (tmp_path / "link.docx").symlink_to(path.name)
    assert update(tmp_path / "link.docx", results=folder).changes
    assert (tmp_path / "link.docx").is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert shown(path)[E] != "1"


# --- what an article's fields show is judged ------------------------------------------------------


def test_fields_are_citations(folder, record, tmp_path):
    path = write(tmp_path / "a.docx", ARTICLE)
    stale = find_in_text(read_text(path), record)
    assert [line.status for line in stale.lines] == ["differs"] * 4
    detail = next(line.detail for line in stale.lines if line.what == E)
    assert detail.startswith("the field shows -9.9 % (the ledger: ")
    update(path, results=folder)
    fresh = find_in_text(read_text(path), record)
    assert fresh.ok
    assert {line.what for line in fresh.lines} == {E, f"{E}#low", f"{E}#high", V}
    assert fresh.record()["citations"][0]["numbers"] == [
        {
            "text": printed(record)[E].replace("\N{NO-BREAK SPACE}", " "),
            "field": "value",
            "status": "holds",
            "ledger": dict(numbers_of(record))[E],
        }
    ]


def test_a_misspelt_field_and_the_text_around_one(record, tmp_path):
    text = printed(record)[E]
    path = write(
        tmp_path / "a.docx", document(paragraph(simple(f"{V}/increment/poison/klout", text)))
    )
    (line,) = find_in_text(read_text(path), record).lines
    assert line.status == "unknown"
    assert f'Did you mean "{E}"?' in line.detail
    beside = document(paragraph(run("It is "), simple(E, text), run(f" and 77 % ({E}).")))
    lines = find_in_text(read_text(write(tmp_path / "b.docx", beside)), record).lines
    assert sorted(line.status for line in lines) == ["differs", "holds"]  # the typed id, the field


# --- a round trip: one datum changes --------------------------------------------------------------

FORMATS = {"tex": latex, "qmd": quarto, "md": myst, "typ": typst}


def lines_of(form, text):
    """Return the lines of a file of numbers by the id in them; Quarto's by their path."""
    if form == "qmd":
        return flat(yaml.safe_load(text))
    pattern = {"tex": r"\\sa@set\{([^{}]*)\}", "md": r'    "([^"]*)": ', "typ": r'  "([^"]*)": '}
    found = (re.match(pattern[form], line) for line in text.splitlines())
    return {match[1]: match.string for match in found if match}


def flat(tree, above=""):
    found = {}
    for key, value in tree.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
    return found


def apart(then, now):
    return {name for name in {*then, *now} if then.get(name) != now.get(name)}


def test_one_datum_changes_and_exactly_the_numbers_that_changed_are_listed(before, after, made):
    records = [ledger(before), ledger(after)]
    changes = changed_numbers(*records)
    listed = {one.name for one in changes}
    then, now = (dict(numbers_of(record)) for record in records)
    truly = apart(then, now)
    assert 5 < len(truly) < len(now)  # some changed, not all did
    both = truly - {name for name in truly if name.endswith("#value") and name[:-6] in truly}
    assert listed == both
    assert all((one.then, one.now) == (then[one.name], now[one.name]) for one in changes)
    for form, write_numbers in FORMATS.items():
        texts = [write_numbers(record) for record in records]
        assert apart(*(lines_of(form, text) for text in texts)) == truly
        differ = [one for one in zip(*(text.splitlines() for text in texts), strict=True)]
        assert sum(one != other for one, other in differ) == len(truly)
    fields = [shown(folder / "numbers.docx") for folder in made]
    held = [properties(folder / "numbers.docx") for folder in made]
    in_word = {name for name in truly if name in fields[0]}
    assert apart(*fields) == apart(*held) == in_word >= listed


def test_one_number_of_a_ledger(record):
    changed = copy.deepcopy(record)
    row = next(row for row in changed["estimates"] if row["id"] == E)
    row["n"] += 1
    (one, *others) = changed_numbers(record, changed)
    assert {change.name for change in (one, *others)} == {f"{V}#n", f"{E}#n"}
    assert str(one) == f"changed        {V}#n: 60 then, 61 now"
    changed["estimates"].remove(row)
    gone = {change.name for change in changed_numbers(record, changed) if change.now is None}
    new = {change.name for change in changed_numbers(changed, record) if change.then is None}
    assert gone == new
    assert {E, f"{E}#low"} <= gone
    assert f"{E}#value" not in gone
    assert changed_numbers(record, record) == []


def test_an_article_follows_a_rerun_and_lists_what_it_prints(folder, made, before, after, tmp_path):
    path = write(tmp_path / "a.docx", ARTICLE)
    update(path, results=folder)
    shutil.rmtree(folder / "shops")
    shutil.copytree(made[1], folder / "shops")
    then, now = printed(ledger(before)), printed(ledger(after))
    told = update(path, results=folder)
    changed = {n for n in (E, f"{E}#low", f"{E}#high", V) if then[n] != now[n]}
    assert changed
    assert {(one.name, one.then, one.now) for one in told.changes} == {
        (name, then[name], now[name]) for name in changed
    }
    assert shown(path) == {n: now[n] for n in (E, f"{E}#low", f"{E}#high", V)} | {"Author": "Jo"}


@pytest.mark.parametrize("order", [1, -1])
def test_ids_that_go_on_with_a_dot_lose_no_other_number_in_quarto(record, order):
    row = next(row for row in record["estimates"] if row["id"] == E)
    changed = {**record, "verdicts": []}
    changed["estimates"] = [row, row | {"id": f"{E}.2"}, row | {"id": "a.b/c/d"}][::order]
    text, numbers = quarto(changed), dict(numbers_of(changed))
    assert {*flat(yaml.safe_load(text))} == {*numbers} - {E}
    assert f"# Left out, since other ids go on from it with a dot: {E}\n" in text


# --- on the command line --------------------------------------------------------------------------


def asked(*arguments):
    return CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)


def test_the_commands(folder, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.docx", ARTICLE)
    assert "4 of their numbers changed." in asked("cite", "--update", path).output
    told = asked("changes", "shops", made[1]).output
    assert f"changed        {E}: " in told
    assert re.search(r"^\d+ numbers changed\.$", told, re.MULTILINE)
    listed = json.loads(asked("changes", "shops", made[1], "--json").output)["changes"]
    assert told.count("\n") == len(listed) + 1
    assert {"id", "then", "now"} == {*listed[0]}
    assert asked("changes", "shops", "shops").output == "No number changed.\n"
    wrong = asked("changes", "shops", "nowhere").exception
    assert "AFTER" in str(wrong)
    assert "no ledger.json in nowhere" in str(wrong)
    for arguments in (
        ["cite"],
        ["cite", E, "--update", path],
        ["cite", "--update", path, "--of", "data"],
    ):
        assert type(asked(*arguments).exception).__name__ == "UsageError"
