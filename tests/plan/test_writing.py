"""What is written as TOML reads back as the same text, whatever a column is called."""

import datetime
import tomllib

import pytest
import shop
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import OutputError
from analysis.plan import read_plan, writing
from analysis.plan.project import shipped_studies
from analysis.plan.writing import document, write_together

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_it_reads_back(name, value, values, entries):
    items = ", ".join((writing.text(value), writing.texts(values), writing.table(entries)))
    written = f"{writing.key(name)} = [{items}]\n"
    assert tomllib.loads(written) == {name: [value, values, entries]}


@pytest.mark.parametrize("value", shop.HOSTILE)
def test_hostile_text_reads_back_from_one_printable_line(value):
    written = f"{writing.key(value)} = {writing.text(value)}  # {writing.remark(value)}"
    assert written.isprintable()
    assert tomllib.loads(written) == {value: value}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(value):
    assert tomllib.loads(f"x = {writing.number(value)}") == {"x": value}


def test_half_a_surrogate_pair_is_no_text():
    with pytest.raises(ValueError, match="half a surrogate"):
        writing.text("a\ud800")


@pytest.mark.parametrize("path", sorted((shipped_studies() / "plans").glob("*.toml")), ids=str)
def test_a_plan_written_as_a_document_reads_back(path):
    plan = read_plan(path)
    again = read_plan(tomllib.loads(document(plan.content())))
    assert again.model_dump() == plan.model_dump()


JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_any_document_reads_back(content):
    assert tomllib.loads(document(content)) == content


def test_tables_in_lists_of_tables(tmp_path):
    content = {
        "decision": [{"name": "a", "option": [{"name": "b"}, {"name": "c", "keep": [{"is": 1}]}]}],
        "when": datetime.date(2014, 1, 1).isoformat(),
    }
    assert tomllib.loads(document({"multiverse": content})) == {"multiverse": content}


def test_files_are_written_together_or_not_at_all(tmp_path):
    first, second = tmp_path / "new" / "a.toml", tmp_path / "b.toml"
    second.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_together({first: "x", second: "y"})
    assert not first.parent.exists()
    with pytest.raises(OutputError, match="nothing was changed"):
        write_together({first: "x"}, folders=False)
    write_together({first: "x", second: "y"}, replace=[second])
    assert (first.read_text(), second.read_text()) == ("x", "y")
    assert [path.name for path in tmp_path.rglob(".*")] == []
