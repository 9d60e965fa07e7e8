"""A large plain file is read in the same way as any other."""

import pytest

from analysis.data.reading import delimited, plain_text
from analysis.data.reading.cells import TableError
from analysis.data.reading.delimited import read_delimited
from analysis.plan.codebook import ReadingSection

PLAIN = "account,likes,note\na1,10,x\na2,,  y \na3,NA,é\n"
OTHERS = {
    "quoted": PLAIN + 'a4,1,"a, b"\n',
    "a blank row at the end": PLAIN + ",,\n\n",
    "an old line end": PLAIN.replace("\na2", "\ra2"),
    "one column": "likes\n1\n2\n",
    "a name that stands twice": PLAIN.replace("note", "likes"),
    "no name": PLAIN.replace("note", " "),
    "a short row": PLAIN + "a4,1\n",
    "a blank line": PLAIN.replace("a2", "\na2"),
    "a zero byte": PLAIN.replace("x", "\0"),
}


@pytest.fixture(params=[PLAIN, PLAIN.replace("\n", "\r\n"), PLAIN + "\n\n"])
def plain(request, monkeypatch):
    monkeypatch.setattr(plain_text, "LARGE", 0)
    return request.param


def slowly(text, monkeypatch):
    monkeypatch.setattr(delimited, "plain_table", lambda *arguments: None)
    frame = read_delimited(text.encode(), ReadingSection(), ",").frame
    return frame.reset_index(drop=True)


def test_a_plain_file_is_the_same_table(plain, monkeypatch):
    pytest.importorskip("pyarrow")
    found = plain_text.plain_table(plain, ",")
    wanted = slowly(plain, monkeypatch)
    assert found.equals(wanted)
    assert found.dtypes.equals(wanted.dtypes)
    assert list(found) == list(wanted)


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_what_could_be_read_otherwise_is_left_to_the_usual_way(text, monkeypatch):
    monkeypatch.setattr(plain_text, "LARGE", 0)
    assert plain_text.plain_table(text, ",") is None


def test_a_large_file_says_of_a_short_row_where_it_is(monkeypatch):
    monkeypatch.setattr(plain_text, "LARGE", 0)
    with pytest.raises(TableError, match="row"):
        read_delimited(OTHERS["a short row"].encode(), ReadingSection(), ",")


def test_rows_have_the_numbers_of_a_spreadsheet_below_lines_left_out(monkeypatch):
    monkeypatch.setattr(plain_text, "LARGE", 0)
    text = "# Visits\n\nshop,likes\n,count\n" + "".join(f"s{n},{n}\n" for n in range(9))
    read = read_delimited(text.encode(), ReadingSection(), ",")
    assert list(read.frame.index) == list(range(5, 14))
    assert "row 4 left out: it has units" in read.notes[-1]
