"""An address opens its table and nothing else: no password, no other file, nothing written."""

import os
import sqlite3
import sys

import pytest
import shop

from analysis.audit import analyse, check
from analysis.cli import main
from analysis.errors import AnalysisError, shown_address, shown_place, without_secrets
from analysis.plan import read_plan
from analysis.report.folder import write_results

SECRET = "CANARYhush"

ADDRESSES = {
    "query": f"mysql+pymysql://me@host/shop?password={SECRET}",
    "another key": f"postgresql://host/shop?user=me&passwd={SECRET}&sslmode=require",
    "a token": f"snowflake://me@host/shop?token={SECRET}",
    "user part": f"postgresql://me:{SECRET}@host/shop",
    "user part, encoded": f"postgresql://me%3A{SECRET}@host/shop",
    "a file's address": f"https://me:{SECRET}@host/shop.csv",
    "a file's query": f"https://host/shop.csv?api_key={SECRET}",
    "a lake": f"spark:s3://key:{SECRET}@bucket/shop.parquet",
}


def run_command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["score-audit", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.mark.parametrize("name", list(ADDRESSES))
@pytest.mark.parametrize("command", [["check"], ["check", "--json"], ["run"]])
def test_no_password_is_printed(tmp_path, monkeypatch, capfd, name, command):
    path = shop.write(tmp_path, dataset=ADDRESSES[name])
    monkeypatch.chdir(tmp_path)
    code = run_command(monkeypatch, command[0], path, *command[1:])
    said = "".join(capfd.readouterr())
    assert code == 2
    assert "Traceback" not in said
    assert SECRET not in said


def test_a_password_in_a_query_is_refused_with_the_way_out():
    pytest.importorskip("sqlalchemy")
    from analysis.data.dataset import read_dataset

    with pytest.raises(AnalysisError, match="SCORE_AUDIT_DATABASE_PASSWORD"):
        read_dataset(ADDRESSES["query"])


def test_texts_without_secrets():
    assert without_secrets("a?x=1&PWD=b c") == "a?x=1&PWD=*** c"
    assert without_secrets("nothing=here, col=5") == "nothing=here, col=5"
    assert shown_address("duckdb:/srv/data/shop.duckdb/sales") == "duckdb:shop.duckdb/sales"
    assert shown_address("simulated:creators?seed=7") == "simulated:creators?seed=7"
    assert not os.path.isabs(shown_place("/srv/data/shop.csv"))


def test_no_full_path_is_in_any_output(tmp_path, monkeypatch, capfd):
    home = tmp_path / "CANARYhome"
    home.mkdir()
    shop.write(home)
    path = shop.write(home, dataset=str(home / "shops.csv"), quick=True)
    monkeypatch.chdir(home)
    assert run_command(monkeypatch, "check", path) == 0
    assert run_command(monkeypatch, "check", path, "--json") == 0
    assert run_command(monkeypatch, "run", path, "--out", tmp_path / "out") == 0
    assert run_command(monkeypatch, "verify", tmp_path / "out") == 0
    said = "".join(capfd.readouterr())
    assert str(tmp_path) not in said
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file():
            assert str(tmp_path).encode() not in file.read_bytes(), file


def test_no_full_path_is_in_a_refusal(tmp_path, monkeypatch, capfd):
    path = shop.write(tmp_path, shop.spoiled(revenue={3: "x"}))
    monkeypatch.chdir(tmp_path)
    for command in (["check"], ["check", "--json"], ["run"]):
        assert run_command(monkeypatch, command[0], path, *command[1:]) == 2
    (tmp_path / "place").write_text("mine")
    shop.write(tmp_path)
    assert run_command(monkeypatch, "run", path, "--out", tmp_path / "place") == 2
    assert str(tmp_path) not in "".join(capfd.readouterr())


# --- databases ------------------------------------------------------------------------------------


def in_sqlite(path, wal=False):
    connection = sqlite3.connect(path)
    if wal:
        connection.execute("pragma journal_mode = wal")
    shop.table().to_sql("shops", connection, index=False)
    connection.commit()
    return connection


@pytest.mark.parametrize("suffix", ["sqlite", "db", "sqlite3"])
@pytest.mark.parametrize("wal", [False, True])
def test_nothing_is_written_beside_an_sqlite_file(tmp_path, suffix, wal):
    place = tmp_path / "data"
    place.mkdir()
    in_sqlite(place / f"shops.{suffix}", wal).close()
    before = shop.hashes(place)
    plan = read_plan(shop.write(tmp_path, dataset=f"data/shops.{suffix}", quick=True))
    assert check(plan).sample.rows == shop.ROWS
    assert shop.hashes(place) == before


def test_what_another_program_has_not_written_back_is_read(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    writer = in_sqlite(place / "shops.sqlite", wal=True)
    writer.execute("pragma wal_autocheckpoint = 0")
    writer.execute("update shops set revenue = revenue + 1000")
    writer.commit()
    before = shop.hashes(place)
    plan = read_plan(shop.write(tmp_path, dataset="data/shops.sqlite", quick=True))
    assert check(plan).sample.numbers("revenue").min() > 1000
    assert shop.hashes(place) == before
    writer.close()


OPEN = {
    "a file": "select * from read_csv('{secret}')",
    "a text": "select content as klout from read_text('{secret}')",
    "the network": "select * from read_csv('http://127.0.0.1:9/x.csv')",
    "a folder": "select file as klout from glob('{folder}/*')",
}


@pytest.mark.parametrize("name", list(OPEN))
@pytest.mark.parametrize("address", ["duckdb:shops.duckdb/seen", "shops.duckdb"])
def test_a_view_reaches_nothing_outside_its_file(tmp_path, name, address):
    duckdb = pytest.importorskip("duckdb")
    if address.startswith("duckdb:"):
        pytest.importorskip("ibis")
    (tmp_path / "secret.csv").write_text(shop.spoiled())
    view = OPEN[name].format(secret=tmp_path / "secret.csv", folder=tmp_path)
    with duckdb.connect(str(tmp_path / "shops.duckdb")) as connection:
        try:
            connection.execute(f"create view seen as {view}")
        except duckdb.Error:
            pytest.skip("no such function here")
    reading = {} if address.startswith("duckdb:") else {"reading": {"table": "seen"}}
    with pytest.raises(AnalysisError) as caught:
        check(read_plan(shop.write(tmp_path, dataset=address, **reading)))
    assert "disabled" in str(caught.value)


def test_a_table_of_a_duckdb_file_is_still_read(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("ibis")
    (tmp_path / "shops.csv").write_text(shop.spoiled())
    with duckdb.connect(str(tmp_path / "shops.duckdb")) as connection:
        connection.execute(f"create table sales as from read_csv('{tmp_path / 'shops.csv'}')")
    plan = read_plan(shop.write(tmp_path, dataset="duckdb:shops.duckdb/sales"))
    folder = write_results(analyse(plan), tmp_path / "out")
    assert (folder / "ledger.json").is_file()
