"""How a file is read: what is stated wins, what is detected is reported, what could be two things
is refused.
"""

import gzip
import io
import json
import sqlite3
import zipfile
import zlib

import numpy as np
import pandas as pd
import pytest
import shop

from analysis.audit import check
from analysis.data.dataset import read_dataset
from analysis.data.reading import databases, limits, readers
from analysis.data.reading.cells import RawTable
from analysis.data.sample import select_sample
from analysis.errors import DataError, PlanError
from analysis.plan import read_plan
from analysis.plan.codebook import ReadingSection

CSV = shop.spoiled()
EUROPEAN = CSV.replace(",", ";").replace(".", ",")
COUNTRY = CSV.replace("NL", "Curaçao")


def read(folder, content, name="shops.csv", **said):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dataset(name, folder=folder, reading=ReadingSection(**said))


def refusal(folder, content, name="shops.csv", **said) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, name, **said)
    return str(caught.value)


def sample_from(dataset, **changes):
    return select_sample(read_plan(shop.plan(**changes)), dataset)


# --- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (COUNTRY.encode("utf-8"), ()),
        (COUNTRY.encode("utf-16"), ("text in UTF-16, by the mark at its start",)),
        (
            COUNTRY.encode("latin-1"),
            ("text in Windows-1252 (Western European), detected: it is not UTF-8",),
        ),
        (COUNTRY.replace(",", ";").encode(), ("semicolons between cells, detected",)),
        (COUNTRY.replace(",", "\t").encode(), ("tabs between cells, detected",)),
        (COUNTRY.replace(",", "|").encode(), ("vertical bars between cells, detected",)),
    ],
    ids=["utf-8", "utf-16", "latin-1", "semicolons", "tabs", "bars"],
)
def test_what_is_detected_is_reported_and_gives_the_same_table(tmp_path, content, notes):
    dataset = read(tmp_path, content)
    assert dataset.notes == notes
    assert dataset.frame.to_numpy().tolist() == [
        line.split(",") for line in COUNTRY.splitlines()[1:]
    ]


def test_a_decimal_comma_is_detected_reported_and_never_read_as_thousands(tmp_path):
    dataset = read(tmp_path, EUROPEAN)
    assert dataset.notes == ("semicolons between cells, detected", "commas for decimals, detected")
    expected = sample_from(read(tmp_path, CSV, "plain.csv"))
    pd.testing.assert_frame_equal(sample_from(dataset).frame, expected.frame, check_exact=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (COUNTRY.encode("cp1250"), {"encoding": "cp1250"}),
        (COUNTRY.encode("utf-16-le"), {"encoding": "utf-16-le"}),
        (COUNTRY.encode("utf-8-sig"), {"encoding": "UTF-8"}),
        (COUNTRY.replace(",", ";"), {"separator": ";"}),
    ],
)
def test_what_is_stated(tmp_path, content, said):
    dataset = read(tmp_path, content, **said)
    assert dataset.frame.to_numpy().tolist() == [
        line.split(",") for line in COUNTRY.splitlines()[1:]
    ]
    assert all("as stated" in note for note in dataset.notes)


TWO_WAYS = "klout;likes;revenue\n" + "".join(f"1,{i};2,{i};{i}\n" for i in range(100, 120))


@pytest.mark.parametrize(
    ("content", "said", "pieces"),
    [
        (
            "klout, all;likes\n1,5;2\n2,5;3\n",
            {},
            ["commas and semicolons that would both make a table", "separator ="],
        ),
        (COUNTRY.encode(), {"encoding": "ascii"}, ["line 3", "not ascii"]),
        (
            COUNTRY.encode("utf-16"),
            {"encoding": "latin-1"},
            ["mark of UTF-16", 'file in "iso8859-1"'],
        ),
        (
            COUNTRY.replace("Curaçao", "Москва").encode("cp1251"),
            {},
            ["line 3", "not UTF-8", "[reading] encoding"],
        ),
        (COUNTRY.encode()[:-3] + b"\xe7\xff", {}, ["not UTF-8"]),
        ("a;b\n1,5;2.5\n2,5;3.5\n", {}, ['decimal commas in "a", decimal points in "b"']),
        (CSV, {"sheet": "x"}, ["[reading] sheet", "it is about .xlsx"]),
        (CSV, {"query": "select 1"}, ["[reading] query", ".sqlite"]),
        ("a,b\n1," + "x" * 11_000_000 + "\n", {}, ["line 2", "in one line"]),
    ],
)
def test_what_could_be_two_things_is_refused(tmp_path, content, said, pieces):
    text = refusal(tmp_path, content, **said)
    for piece in pieces:
        assert piece in text


def test_commas_that_may_stand_between_thousands_are_no_decimals(tmp_path):
    """1,100 in every row could be 1.1 or 1100: the cells are quoted, and the plan has to say
    which.
    """
    dataset = read(tmp_path, TWO_WAYS)
    assert dataset.decimal == "."
    with pytest.raises(DataError) as caught:
        sample_from(dataset)
    assert '"1,100"' in str(caught.value)
    assert "A comma between thousands" in str(caught.value)
    stated = sample_from(read(tmp_path, TWO_WAYS, decimal=","))
    assert stated.numbers("klout")[:2].tolist() == [1.100, 1.101]


def test_with_decimal_commas_a_point_is_no_decimal(tmp_path):
    with pytest.raises(DataError, match="not so written"):
        sample_from(read(tmp_path, shop.spoiled(klout={5: "46.73"}).replace(",", ";"), decimal=","))


@pytest.mark.parametrize(
    ("reading", "piece"),
    [
        ({"encoding": "klingon"}, "the name of a text encoding"),
        ({"encoding": "rot13"}, "the name of a text encoding"),
        ({"encoding": "idna"}, "the name of a text encoding"),
        ({"separator": ":"}, '","'),
        ({"separator": ",", "decimal": ","}, "a comma either between cells or for decimals"),
        ({"table": "a", "query": "select 1"}, "a table or a query, not both"),
        ({"parameters": {"a": 1}}, "parameters belong to a query"),
        ({"enconding": "utf-8"}, 'Did you mean "encoding"?'),
    ],
)
def test_a_wrong_value_of_reading(reading, piece):
    with pytest.raises(PlanError) as caught:
        read_plan(shop.plan(reading=reading))
    assert piece in str(caught.value)
    assert "reading" in str(caught.value)


def test_the_codebook_may_say_how_and_the_plan_wins(tmp_path):
    (tmp_path / "shops.toml").write_text(
        'title = "t"\nsource = "s"\nlicence = "l"\n[reading]\nseparator = ";"\ndecimal = ","\n'
    )
    assert read(tmp_path, EUROPEAN).notes == (
        "semicolons between cells, as stated",
        "commas for decimals, as stated",
    )
    assert read(tmp_path, CSV, separator=",", decimal=".").notes == ()


def test_the_check_says_how_it_was_read(tmp_path):
    plan = shop.write(tmp_path, EUROPEAN)
    (first,) = [found for found in check(plan).checks if found.check == "reading"]
    assert first.passed
    assert "semicolons between cells, detected; commas for decimals, detected" in first.reason
    shop.write(tmp_path, CSV)
    assert not [found for found in check(plan).checks if found.check == "reading"]


# --- archives -------------------------------------------------------------------------------------


def zipped(files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("shops.csv.gz", gzip.compress(CSV.encode())),
        ("shops.zip", zipped({"a/shops.csv": CSV, "__MACOSX/x": "x"})),
    ],
)
def test_one_file_in_an_archive(tmp_path, name, content):
    dataset = read(tmp_path, content, name)
    assert dataset.notes == ("shops.csv inside an archive",)
    assert dataset.frame.to_numpy().tolist() == [line.split(",") for line in CSV.splitlines()[1:]]


@pytest.mark.parametrize(
    ("name", "content", "piece"),
    [
        ("a.zip", zipped({"a.csv": CSV, "b.csv": CSV}), "2 files in one archive"),
        ("a.zip", zipped({"a.exe": CSV}), 'a file ending in ".exe" inside'),
        ("a.zip", b"PK\x03\x04 cut short", "a sound .zip file"),
        ("a.csv.gz", gzip.compress(CSV.encode())[:-9], "a sound .gz file"),
        ("a.csv.gz", gzip.compress(shop.xlsx(shop.table())), "a zip archive or an Excel file"),
        ("a.gz", gzip.compress(CSV.encode()), "inside"),
    ],
)
def test_an_archive_that_is_refused(tmp_path, name, content, piece):
    assert piece in refusal(tmp_path, content, name)


def test_bombs_are_refused_before_they_go_off(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BOMB_SIZE", 10**6)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([packer.compress(b"0" * 10**6) for _ in range(50)]) + packer.flush()
    assert "that unpack to more than" in refusal(tmp_path, bomb, "a.csv.gz")
    assert "that unpack to more than" in refusal(
        tmp_path, zipped({"a.csv": b"0" * 5 * 10**7}), "a.zip"
    )
    assert "that unpack to more than" in refusal(
        tmp_path, zipped({"xl/workbook.xml": b"0" * 5 * 10**7}), "a.xlsx"
    )
    monkeypatch.setattr(readers, "MOST_BYTES", 1000)
    assert "a file of" in refusal(tmp_path, CSV.replace("\n", "\n") + "\n" * 1000, "a.tsv")


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "shops.csv"
    path.write_text(CSV)
    real = type(path).read_bytes

    def writing(self):
        content = real(self)
        with path.open("a") as file:
            file.write("late")
        return content

    monkeypatch.setattr(type(path), "read_bytes", writing)
    with pytest.raises(DataError, match="changed while it was being read"):
        read_dataset("shops.csv", folder=tmp_path)


# --- sheets and statistical formats ---------------------------------------------------------------


def test_a_sheet_is_chosen_by_name(tmp_path):
    pytest.importorskip("python_calamine")
    content = two_sheets()
    assert read(tmp_path, content, "a.xlsx").notes == ("sheet first, the first of 2",)
    second = read(tmp_path, content, "a.xlsx", sheet="second")
    assert second.notes == ("sheet second, as stated",)
    assert (
        second.frame["klout"].tolist() != read(tmp_path, content, "a.xlsx").frame["klout"].tolist()
    )
    assert 'Did you mean "second"?' in refusal(tmp_path, content, "a.xlsx", sheet="secnd")


def two_sheets() -> bytes:
    """Return a workbook of the small study with a second sheet."""
    old = zipfile.ZipFile(io.BytesIO(shop.xlsx(shop.table())))
    other = zipfile.ZipFile(io.BytesIO(shop.xlsx(shop.table().assign(klout=1.5))))
    files = {name: old.read(name).decode() for name in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    files["xl/worksheets/sheet2.xml"] = other.read(sheet).decode()
    files["xl/workbook.xml"] = (
        files["xl/workbook.xml"]
        .replace('name="s"', 'name="first"')
        .replace("</sheets>", '<sheet name="second" sheetId="2" r:id="r2"/></sheets>')
    )
    relation = files["xl/_rels/workbook.xml.rels"]
    start = relation.index("<Relationship ")
    second = (
        relation[start : relation.index("/>") + 2].replace("r1", "r2").replace("sheet1", "sheet2")
    )
    files["xl/_rels/workbook.xml.rels"] = relation.replace(
        "</Relationships>", second + "</Relationships>"
    )
    kind = files["[Content_Types].xml"]
    part = kind[kind.index('<Override PartName="/xl/worksheets') : kind.rindex("</Types>")]
    files["[Content_Types].xml"] = kind.replace(
        "</Types>", part.replace("sheet1", "sheet2") + "</Types>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_spss_gives_the_sample_of_the_csv(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    frame = shop.table()
    pyreadstat.write_sav(frame, str(tmp_path / "shops.sav"))
    found = sample_from(read_dataset("shops.sav", folder=tmp_path), controls__columns=["country"])
    expected = sample_from(read(tmp_path, CSV), controls__columns=["country"])
    pd.testing.assert_frame_equal(found.frame, expected.frame)


# --- databases ------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shops.sqlite"
    connection = sqlite3.connect(path)
    shop.table().to_sql("shops", connection, index=False)
    connection.execute("create table other (x)")
    connection.commit()
    connection.close()
    return path


def test_a_table_and_a_query_of_sqlite(tmp_path, database):
    expected = sample_from(read(tmp_path, CSV)).frame
    table = read_dataset("shops.sqlite", folder=tmp_path, reading=ReadingSection(table="shops"))
    assert table.notes == ("table shops",)
    assert table.frame["id"].tolist()[:2] == ["000", "001"]
    pd.testing.assert_frame_equal(sample_from(table).frame, expected)
    reading = ReadingSection(
        query="select * from shops where country = :which", parameters={"which": "BE"}
    )
    assert read_dataset("shops.sqlite", folder=tmp_path, reading=reading).rows == shop.ROWS // 3
    same = read_dataset(
        "sqlite:///shops.sqlite", folder=tmp_path, reading=ReadingSection(table="shops")
    )
    assert same.sha256 == table.sha256


@pytest.mark.parametrize(
    ("said", "piece"),
    [
        ({}, "2 tables"),
        ({"table": "shosp"}, 'Did you mean "shops"?'),
        ({"table": 'shops" where 1=1 --'}, "no table"),
        ({"query": "drop table shops"}, "one select that only reads"),
        ({"query": "select 1; drop table shops"}, "one select that only reads"),
        ({"query": "with a as (select 1) insert into other select * from a"}, "not authorized"),
        ({"query": "select load_extension('/tmp/x.so')"}, "not authorized"),
        (
            {"query": "select * from shops where country = :which"},
            "a table or a query that can be read",
        ),
        ({"query": "select * from nowhere"}, "no such table"),
        ({"query": "select 1 as a, 2 as a"}, "columns named twice"),
        (
            {
                "query": (
                    "with recursive t(x) as (select 1 union all select x+1 from t) select x from t"
                )
            },
            "seconds",
        ),
    ],
)
def test_a_query_only_reads(tmp_path, database, said, piece, monkeypatch):
    monkeypatch.setattr(databases, "PATIENCE", 0.2)
    before = database.read_bytes()
    with pytest.raises(DataError) as caught:
        read_dataset("shops.sqlite", folder=tmp_path, reading=ReadingSection(**said))
    assert piece in str(caught.value)
    assert database.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shops.sqlite"]


def test_a_file_that_is_no_database(tmp_path):
    assert "file is not a database" in refusal(tmp_path, CSV * 10, "a.db", table="x")


def test_a_duckdb_file_and_nothing_outside_it(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    connection = duckdb.connect(str(tmp_path / "a.duckdb"))
    connection.execute("create table shops as select range as x, range * 1.5 as y from range(20)")
    connection.close()
    said = ReadingSection(query="select x from shops where x > :low", parameters={"low": 14})
    dataset = read_dataset("a.duckdb", folder=tmp_path, reading=said)
    assert dataset.frame["x"].tolist() == [15, 16, 17, 18, 19]
    for query in (f"select * from '{tmp_path}/secret.csv'", "select * from read_csv('secret.csv')"):
        with pytest.raises(DataError):
            read_dataset("a.duckdb", folder=tmp_path, reading=ReadingSection(query=query))


def test_a_url_by_way_of_sqlalchemy(tmp_path, database, monkeypatch):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    real = sqlalchemy.create_engine
    monkeypatch.setattr(sqlalchemy, "create_engine", lambda url: real(f"sqlite:///{database}"))
    said = ReadingSection(
        query="select klout from shops where id < :top", parameters={"top": "010"}
    )
    dataset = read_dataset("postgresql://reader@localhost/shops", folder=tmp_path, reading=said)
    assert dataset.rows == 10
    assert dataset.notes == ("rows of the query in the plan",)
    with pytest.raises(DataError) as caught:
        read_dataset("postgresql://reader:secret@localhost/shops", folder=tmp_path, reading=said)
    assert "a password in the plan" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_there_is_a_clear_error(tmp_path):
    pytest.importorskip("sqlalchemy")
    with pytest.raises(DataError, match="database that can be reached"):
        read_dataset("nosuch://localhost/x", folder=tmp_path, reading=ReadingSection(table="a"))


# --- beyond memory --------------------------------------------------------------------------------


def test_reading_is_not_ignored_beyond_memory(tmp_path):
    plan = shop.write(tmp_path, dataset="*.parquet", reading={"decimal": ","})
    with pytest.raises(DataError, match="beyond memory"):
        check(plan)


def test_ids_keep_their_zeros(tmp_path):
    frame = shop.table()
    frame.to_csv(tmp_path / "shops.csv", index=False)
    kept = sample_from(
        read_dataset("shops.csv", folder=tmp_path), keep=[{"column": "id", "in": ["001", "010"]}]
    )
    assert np.array_equal(kept.frame.index, [3, 12])


def test_a_new_format_is_one_record(tmp_path, monkeypatch):
    """Lines of JSON: the reader, and how such a file is called, begins and ends."""

    def read_lines(content, reading):
        records = [json.loads(line) for line in content.decode().splitlines()]
        return RawTable(pd.DataFrame(records))

    kind = readers.Format((".jsonl",), read_lines, starts=(b"{",), name="lines of JSON")
    monkeypatch.setattr(readers, "FORMATS", (*readers.FORMATS, kind))
    monkeypatch.setattr(readers, "BY_SUFFIX", readers.BY_SUFFIX | {".jsonl": kind})
    (tmp_path / "shops.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    assert read_dataset("shops.jsonl", folder=tmp_path).frame["a"].tolist() == [1, 2]
    (tmp_path / "shops.csv").write_text('{"a": 1}\n')
    with pytest.raises(DataError, match="lines of JSON"):
        read_dataset("shops.csv", folder=tmp_path)
    with pytest.raises(PlanError, match="this is data"):
        read_plan(str(tmp_path / "shops.jsonl"))
