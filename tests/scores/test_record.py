"""The public record is a table with an address in every row, and holds both sides."""

import pytest

import analysis as sa
from analysis.scores import RECORD, on_record


@pytest.mark.parametrize("topic", RECORD)
def test_every_entry_says_where(topic):
    table = on_record(topic)
    assert list(table.columns) == ["who", "done", "happened", "where"]
    assert (table.map(len) > 3).all().all()
    assert table["where"].str.contains(".", regex=False).all()


def test_both_sides_are_shown():
    told = " ".join(on_record("gaming")["happened"])
    assert "no change" in told
    assert "the higher the score" in told


def test_an_unknown_topic_is_refused():
    with pytest.raises(sa.AnalysisError, match="gaming"):
        on_record("gamin")
