"""What is written as TOML reads back as the same text, whatever a column is called."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.start import toml

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
HOSTILE = [
    'a"b',
    "a\\b",
    "a\nb",
    "a\r\nb",
    "\x00",
    "\x7f",
    "a # EDIT: b",
    "[x]",
    "a.b",
    "",
    " ",
    "'",
    "‮evil",
    "\ufeff",
    "\U000e0001",
    "x" * 300,
    '"""',
    "=cmd|' /C calc'!A0",
    "<script>",
    "\u2028",
]


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_it_reads_back(name, value, values, entries):
    written = (
        f"{toml.key(name)} = [{toml.text(value)}, {toml.texts(values)}, {toml.table(entries)}]\n"
    )
    assert tomllib.loads(written) == {name: [value, values, entries]}


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_reads_back_from_one_printable_line(value):
    written = f"{toml.key(value)} = {toml.text(value)}  # {toml.remark(value)}"
    assert written.isprintable()
    assert tomllib.loads(written) == {value: value}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(value):
    assert tomllib.loads(f"x = {toml.number(value)}") == {"x": value}


def test_half_a_surrogate_pair_is_no_text():
    with pytest.raises(ValueError, match="half a surrogate"):
        toml.text("a\ud800")
