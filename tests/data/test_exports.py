"""Files as programs export them: lines above the names, index columns, empty sheets, units."""

import io
import re
import sqlite3
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import shop

from analysis.audit import check
from analysis.data.dataset import read_dataset
from analysis.data.reading import databases, headers, readers
from analysis.errors import DataError
from analysis.plan.codebook import ReadingSection

CASES = Path(__file__).parents[1] / "cases"
CSV = shop.spoiled()
LINES = CSV.splitlines()
EUROPEAN = shop.table().to_csv(index=False, sep=";", decimal=",")


def read(folder, content, name="shops.csv", **said):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dataset(name, folder=folder, reading=ReadingSection(**said))


def same_rows(dataset, first: int) -> None:
    """Hold the shops, with their numbers in a spreadsheet."""
    assert list(dataset.frame) == list(shop.table())
    assert list(dataset.frame.index) == list(range(first, first + shop.ROWS))
    assert dataset.frame["revenue"].astype(float).tolist() == shop.table()["revenue"].tolist()


def sheet(*records) -> bytes:
    """Return a workbook of these rows, filled up with gaps."""
    width = max(map(len, records))
    rows = [[*record, *[None] * (width - len(record))] for record in records]
    return shop.xlsx(pd.DataFrame(rows[1:], columns=rows[0]))


# --- above the names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "name"),
    [
        ("# Visits\n# 2014\n\n", "shops.csv"),
        ("Report of 2014\nAccount,X\n\n", "shops.csv"),
        ("Report,,,,,,,\nAccount,X,,,,,,\n,,,,,,,\n", "shops.csv"),
        ('"A title, with a comma"\n\n\n', "shops.csv"),
        ("\n\n\n", "shops.csv"),
    ],
)
def test_lines_above_the_names_are_left_out_and_said(tmp_path, above, name):
    dataset = read(tmp_path, above + CSV, name)
    same_rows(dataset, above.count("\n") + 2)
    assert f"names in line {above.count(chr(10)) + 1}" in "; ".join(dataset.notes)


def test_above_a_table_with_semicolons_and_decimal_commas(tmp_path):
    dataset = read(tmp_path, "# Export, all shops\n# 2014; X\n\n" + EUROPEAN)
    assert dataset.decimal == ","
    assert list(dataset.frame) == list(shop.table())
    assert dataset.frame.index[0] == 5


def test_above_the_names_of_a_sheet(tmp_path):
    frame = shop.table()
    rows = frame.astype(object).to_numpy().tolist()
    dataset = read(tmp_path, sheet(["Sales"], [], [], list(frame), *rows), "shops.xlsx")
    assert "names in row 4" in dataset.notes[-1]
    same_rows(dataset, 5)


def test_the_line_may_be_stated_and_the_codebook_may_state_it(tmp_path):
    same_rows(read(tmp_path, "a,b,c,d,e,f,g,h\n" + CSV, header=2), 3)
    (tmp_path / "shops.toml").write_text("[reading]\nheader = 2\n", "utf-8")
    same_rows(read(tmp_path, "a,b,c,d,e,f,g,h\n" + CSV), 3)
    with pytest.raises(DataError, match="line 90 of a file with fewer lines"):
        read(tmp_path, CSV, header=90)


def test_a_table_of_words_alone_keeps_its_first_row_as_names(tmp_path):
    text = "#name,of\n" + "".join(f"{a},{b}\n" for a, b in zip("abcdef", "ghijkl", strict=True))
    assert list(read(tmp_path, text).frame) == ["#name", "of"]


def test_uneven_rows_say_how_to_state_the_line(tmp_path):
    with pytest.raises(DataError, match=r"\[reading\] header = 3"):
        read(tmp_path, "a,b\n" + "".join(f"{n},{n},{n},{n}\n" for n in range(9)))


# --- the mark that a first line says --------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "text"),
    [
        ("sep=;\n", CSV.replace(",", ";")),
        ('"sep=;"\r\n', CSV.replace(",", ";").replace("\n", "\r\n")),
        ("SEP=|\n", CSV.replace(",", "|")),
        ("sep=\t\n", CSV.replace(",", "\t")),
        ("\ufeffsep=,\n", CSV),
    ],
)
def test_a_first_line_that_says_the_mark_is_obeyed_and_said(tmp_path, first, text):
    dataset = read(tmp_path, first + text)
    same_rows(dataset, 3)
    assert "line 1 says" in dataset.notes[0]


def test_a_mark_that_no_table_has_is_refused(tmp_path):
    with pytest.raises(DataError, match="sep=x"):
        read(tmp_path, "sep=x\n" + CSV)


# --- columns without a name -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shops.csv", "shops.tsv", "shops.xlsx"])
def test_an_index_without_a_name_gets_one(tmp_path, name):
    frame = shop.table()
    mark = "\t" if name.endswith("tsv") else ","
    content = frame.to_csv(sep=mark).encode()
    if name.endswith("xlsx"):
        content = shop.xlsx(frame.reset_index().rename(columns={"index": ""}))
    dataset = read(tmp_path, content, name)
    assert list(dataset.frame) == ["index", *frame]
    assert 'the first column, which has no name, as "index"' in dataset.notes


def test_names_of_rows_as_r_writes_them(tmp_path):
    text = "\n".join([LINES[0], *(f'"{n}",{line}' for n, line in enumerate(LINES[1:], 1))])
    dataset = read(tmp_path, text + "\n")
    assert list(dataset.frame) == ["index", *shop.table()]
    assert dataset.frame["revenue"].astype(float).tolist() == shop.table()["revenue"].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{line},\n" for line in LINES),
        "".join(f"{line},,\n" for line in LINES),
        "\n".join([LINES[0], *(f"{line}," for line in LINES[1:])]),
        "\n".join([f"{LINES[0]},", *LINES[1:]]),
    ],
    ids=["one", "two", "rows only", "names only"],
)
def test_marks_behind_the_last_column_are_no_column(tmp_path, text):
    same_rows(read(tmp_path, text), 2)


def test_a_column_inside_without_a_name_is_called_by_its_place(tmp_path):
    dataset = read(tmp_path, CSV.replace("country", " ", 1))
    assert list(dataset.frame)[6] == "column 7"
    assert 'column 7, which has no name, as "column 7"' in dataset.notes


def test_blank_lines_inside_are_left_out_and_rows_keep_their_numbers(tmp_path):
    dataset = read(tmp_path, "\n".join([*LINES[:3], "", *LINES[3:]]) + "\n")
    assert dataset.rows == shop.ROWS
    assert list(dataset.frame.index[:4]) == [2, 3, 5, 6]
    assert "blank line 4 left out" in dataset.notes


@pytest.mark.parametrize(
    "below",
    [
        "\n# End of report\n",
        "Source: nobody\n",
        "\nDay,Visits\n1,2\n2,3\n",
        "\n\nSource: nobody\nPrinted 2014\n",
    ],
)
def test_what_stands_below_the_table_is_left_out_and_said(tmp_path, below):
    dataset = read(tmp_path, CSV + below)
    same_rows(dataset, 2)
    assert "left out: they stand below the table" in "; ".join(dataset.notes)


def test_a_short_last_row_is_no_remark(tmp_path):
    with pytest.raises(DataError, match="2 cells in 1 row: 62"):
        read(tmp_path, CSV + "060,50.1\n")


# --- units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "units",
    [
        ",(points),count,EUR,count,0/1,,",
        ",points,count,EUR,,,,",
        "text,float,integer,float,integer,bool,text,date",
        "[id],[0-100],[n],[€],[n],[0/1],[iso],[date]",
    ],
)
def test_a_row_of_units_is_no_observation(tmp_path, units):
    dataset = read(tmp_path, "\n".join([LINES[0], units, *LINES[1:]]))
    same_rows(dataset, 3)
    assert "row 2 left out: it has units and no observation" in dataset.notes[-1]


def test_a_row_of_units_in_a_sheet(tmp_path):
    frame = shop.table()
    units = [None, "points", "count", "EUR", "count", "0/1", None, None]
    rows = frame.astype(object).to_numpy().tolist()
    same_rows(read(tmp_path, sheet(list(frame), units, *rows), "shops.xlsx"), 3)


@pytest.mark.parametrize("word", ["n/d", "-", "?", "NA"])
def test_words_for_no_value_in_the_first_row_are_no_units(tmp_path, word):
    row = f"x,{word},{word},{word},{word},{word},BE,2014-01-01"
    assert read(tmp_path, "\n".join([LINES[0], row, *LINES[1:]])).rows == shop.ROWS + 1


# --- which sheet ----------------------------------------------------------------------------------


def book(*sheets: tuple[str, str, bytes]) -> bytes:
    """Return a workbook of (name, state, workbook of one sheet)."""
    parts, listed, related = {}, "", ""
    for number, (name, state, one) in enumerate(sheets, 1):
        with zipfile.ZipFile(io.BytesIO(one)) as archive:
            parts |= {part: archive.read(part) for part in archive.namelist()} if not parts else {}
            parts[f"xl/worksheets/sheet{number}.xml"] = archive.read("xl/worksheets/sheet1.xml")
        listed += f'<sheet name="{name}" sheetId="{number}" state="{state}" r:id="r{number}"/>'
        kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
        target = f"worksheets/sheet{number}.xml"
        related += f'<Relationship Id="r{number}" Type="{kind}" Target="{target}"/>'
    whole = {
        "xl/workbook.xml": (rb"<sheets>.*</sheets>", f"<sheets>{listed}</sheets>"),
        "xl/_rels/workbook.xml.rels": (rb"<Relationship .*/>", related),
    }
    for part, (pattern, new) in whole.items():
        parts[part] = re.sub(pattern, new.encode(), parts[part])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return buffer.getvalue()


DATA, EMPTY = shop.xlsx(shop.table()), sheet(["x"])


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ([("A", "hidden", EMPTY), ("B", "visible", DATA)], "sheet B, the only one with a table"),
        ([("A", "visible", EMPTY), ("B", "visible", DATA)], "sheet B, the only one with a table"),
        ([("A", "visible", EMPTY), ("B", "hidden", DATA)], "though hidden"),
        ([("A", "hidden", DATA), ("B", "visible", DATA)], "that is not hidden"),
        ([("A", "visible", DATA), ("B", "visible", DATA)], "sheet A, the first of 2"),
    ],
)
def test_the_sheet_with_the_table_is_read_and_said(tmp_path, sheets, said):
    dataset = read(tmp_path, book(*sheets), "shops.xlsx")
    same_rows(dataset, 2)
    assert said in dataset.notes[0]


def test_several_sheets_behind_an_empty_one_are_listed(tmp_path):
    content = book(("A", "hidden", EMPTY), ("B", "visible", DATA), ("C", "visible", DATA))
    with pytest.raises(DataError, match="2 sheets with a table") as error:
        read(tmp_path, content, "shops.xlsx")
    assert '"A" (hidden), "B", "C"' in str(error.value)
    assert "--sheet of init" in str(error.value)
    same_rows(read(tmp_path, content, "shops.xlsx", sheet="C"), 2)


# --- errors of a spreadsheet, and formulas without values -----------------------------------------


def spoiled_sheet(cell: str, column: str = "revenue", rows=(3, 8), end: str = "") -> bytes:
    """Return the shops as a workbook in which some cells of a column are this XML."""
    at = list(shop.table()).index(column)
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    lines = parts["xl/worksheets/sheet1.xml"].split("<row>")
    for row in rows:
        cells = re.findall(r"<c.*?</c>|<c/>", lines[row])
        lines[row] = "".join([*cells[:at], cell, *cells[at + 1 :], "</row>"])
    lines[-1] = lines[-1].replace("</sheetData>", f"{end}</sheetData>")
    if len(shop.table()) + 1 in rows:
        lines[-1] += "</sheetData></worksheet>"
    parts["xl/worksheets/sheet1.xml"] = "<row>".join(lines)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def refusal(folder, content, name="shops.xlsx", **changes) -> str:
    with pytest.raises(DataError) as error:
        check(shop.write(folder, content, name=name, **changes))
    return str(error.value)


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#DIV/0!", "#VALUE!", "#NAME?", "#SPILL!"])
@pytest.mark.parametrize("missing", ["exclude", "zero"])
def test_an_error_in_a_sheet_is_no_gap_and_no_zero(tmp_path, error, missing):
    said = refusal(tmp_path, spoiled_sheet(f'<c t="e"><v>{error}</v></c>'), missing=missing)
    assert f'2 cells are not numeric: row 3 "{error}", row 8 "{error}"' in said
    assert f'missing_values = ["{error}"]' in said


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#WERT!", "#¡DIV/0!", "Err:502", "######"])
def test_an_error_as_text_of_a_csv(tmp_path, error):
    text = shop.spoiled(klout={5: error})
    said = refusal(tmp_path, text.encode(), "shops.csv")
    assert f'row 5 "{error}"' in said
    assert "neither gaps nor zeros" in said


@pytest.mark.parametrize(
    "changes",
    [
        {"controls": {"columns": ["country"]}},
        {"cluster": {"column": "country"}},
        {"row": "country", "duplicates": "first"},
        {"keep": [{"column": "country", "is": "BE"}]},
    ],
)
def test_an_error_is_no_name_either(tmp_path, changes):
    content = spoiled_sheet('<c t="e"><v>#N/A</v></c>', "country")
    assert "an error of a spreadsheet" in refusal(tmp_path, content, **changes)
    text = shop.spoiled(country={5: "#DIV/0!"}).encode()
    assert "an error of a spreadsheet" in refusal(tmp_path, text, "shops.csv", **changes)


def test_errors_that_are_declared_are_gaps(tmp_path):
    content = spoiled_sheet('<c t="e"><v>#N/A</v></c>')
    said = {"missing_values": {"revenue": ["#N/A"]}}
    plan = shop.write(tmp_path, content, name="shops.xlsx", reading=said)
    assert check(plan).sample.exclusions == {"missing revenue": 2}


@pytest.mark.parametrize(
    "cell",
    [
        "<c><f>A1*2</f></c>",
        "<c><f>A1*2</f><v></v></c>",
        "<c><f>A1*2</f><v/></c>",
        '<c><f t="shared" si="0"/></c>',
    ],
)
def test_a_formula_without_a_stored_value_is_named(tmp_path, cell):
    for column in ("revenue", "klout"):
        said = refusal(tmp_path, spoiled_sheet(cell, column))
        assert "(never calculated)" in said
        assert "open the file in a spreadsheet" in said


def test_formulas_with_values_are_values_and_an_empty_text_is_a_gap(tmp_path):
    content = spoiled_sheet("<c><f>1+1</f><v>2</v></c>")
    plan = shop.write(tmp_path, content, name="shops.xlsx")
    assert check(plan).sample.frame.loc[3, "revenue"] == 2
    content = spoiled_sheet('<c t="str"><f>""</f><v></v></c>')
    plan = shop.write(tmp_path, content, name="shops.xlsx")
    assert check(plan).sample.exclusions == {"missing revenue": 2}


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", ["XFD1048576", "xfd1048576", "XFD60000", "A1048576"])
def test_a_cell_far_away_is_refused(tmp_path, ref):
    row = re.sub(r"\D", "", ref)
    content = spoiled_sheet("<c/>", rows=(), end=f'<row r="{row}"><c r="{ref}"><v>1</v></c></row>')
    with pytest.raises(DataError, match=f"spread over {int(row):,} rows"):
        read(tmp_path, content, "shops.xlsx")


def test_a_cell_not_too_far_away_is_read(tmp_path):
    end = '<row r="62"><c r="CC62"><v>1</v></c></row>'
    dataset = read(tmp_path, spoiled_sheet("<c/>", rows=(), end=end), "shops.xlsx")
    assert list(dataset.frame) == [*shop.table(), "column 81"]


def test_marks_without_content_far_away_are_nothing(tmp_path):
    end = '<row r="1048576"><c r="XFD1048576" s="1"/></row>'
    same_rows(read(tmp_path, spoiled_sheet("<c/>", rows=(), end=end), "shops.xlsx"), 2)


@pytest.mark.parametrize("name", ["shops.csv", "shops.parquet", "shops.xlsx"])
def test_more_columns_than_a_table_has_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(headers, "MOST_COLUMNS", 7)
    content = {"csv": CSV.encode(), "xlsx": DATA, "parquet": shop.table().to_parquet()}
    with pytest.raises(DataError, match="8 columns"):
        read(tmp_path, content[name.rpartition(".")[2]], name)


# --- the cases ------------------------------------------------------------------------------------


def test_the_cases_of_files_as_exported():
    preamble = read_dataset(str(CASES / "preamble" / "export.csv"))
    said = read_dataset(str(CASES / "sep-line" / "export.csv"))
    hidden = read_dataset(str(CASES / "first-sheet-empty" / "export.xlsx"))
    unnamed = read_dataset(str(CASES / "unnamed-index-column" / "shops.csv"))
    revenue = [
        dataset.frame["revenue"].astype(float).mean() for dataset in (preamble, said, hidden)
    ]
    assert revenue == pytest.approx([unnamed.frame["revenue"].astype(float).mean()] * 3)
    assert preamble.frame.index[0] == 7
    assert "sheet Report" in hidden.notes[0]
    assert unnamed.frame["index"].tolist() == list(map(str, range(160)))


def test_the_cases_of_sheets_that_are_refused():
    for case, piece in (
        ("excel-error-cells", '18 cells are not numeric: row 3 "#REF!"'),
        ("formulas-without-values", '160 cells are not numeric: row 2 "=D2*2 (never calculated)"'),
    ):
        with pytest.raises(DataError) as error:
            check(CASES / case / "plan.toml")
        assert piece in str(error.value)
    with pytest.raises(DataError, match="spread over 1,048,576 rows and 16,384 columns"):
        read_dataset(str(CASES / "far-cell-xlsx" / "farcell.xlsx"))


# --- databases that do not end --------------------------------------------------------------------

ENDLESS = "with recursive r(klout, likes) as (select 1, 1 union all select klout + 1, 2 from r)"


def database(folder, ending: str, *statements: str) -> str:
    """Make a database with a view or table `shops`, and return its name."""
    name = f"shops.{ending}"
    if ending == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        connection = duckdb.connect(str(folder / name))
    else:
        connection = sqlite3.connect(folder / name)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return name


@pytest.mark.parametrize(
    ("ending", "view"),
    [
        ("sqlite", f"create view shops as {ENDLESS} select * from r"),
        (
            "duckdb",
            "create view shops as select i as klout, i as likes from range(1000000000000) r(i)",
        ),
    ],
)
def test_a_view_that_does_not_end_is_refused_before_the_memory_is_gone(
    tmp_path, monkeypatch, ending, view
):
    monkeypatch.setattr(databases, "MOST_WEIGHT", 10**6)
    name = database(tmp_path, ending, view)
    with pytest.raises(DataError, match=r"which take 0\.0 GB of memory") as error:
        read_dataset(name, folder=tmp_path)
    assert "query in [reading]" in str(error.value)


def test_a_view_that_counts_without_end_takes_no_longer_than_patience(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "PATIENCE", 0.5)
    counted = f"create view shops as {ENDLESS} select count(*) as klout, 1 as likes from r"
    for ending in ("sqlite", "duckdb"):
        name = database(tmp_path, ending, counted)
        with pytest.raises(DataError, match=r"more than 0.5 seconds|Out of|takes more than"):
            read_dataset(name, folder=tmp_path)


def test_a_blob_in_every_row_is_refused_and_a_query_reads_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "PORTION", 10**4)
    made = "create table shops (klout real, photo blob)"
    rows = f"insert into shops values (1, zeroblob({2 * databases.LONGEST_CELL}))"
    name = database(tmp_path, "sqlite", made, rows)
    with pytest.raises(DataError, match="a cell of more than 1,000,000 bytes"):
        read_dataset(name, folder=tmp_path)
    kept = ReadingSection(query="select klout from shops")
    assert read_dataset(name, folder=tmp_path, reading=kept).rows == 1
    name = database(tmp_path, "duckdb", "create view shops as select 1 as a, repeat('x', 20000) b")
    with pytest.raises(DataError, match="rows of 20,000 bytes"):
        read_dataset(name, folder=tmp_path)


def test_texts_that_fill_the_memory_are_refused_in_parquet(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MOST_BYTES", 10**5)
    content = pd.DataFrame({"a": range(60), "b": ["x" * 10**4] * 60}).to_parquet()
    with pytest.raises(DataError, match="60 rows of about 10,0"):
        read(tmp_path, content, "shops.parquet")
