"""What a user is told: one block, every fault, nothing that a terminal would act on."""

import pickle

import pytest

from analysis.errors import AnalysisError, DataError, Fault, did_you_mean, listing, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é €", "plain é €"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("abc\u202etxt", "abc\\u202etxt"),
        ("\x00", "\\x00"),
        ("\ud800", "\\ud800"),
        (None, "None"),
    ],
)
def test_printable_escapes_what_a_terminal_would_act_on(text, shown):
    assert printable(text) == shown


def test_printable_is_cut_and_says_so():
    assert printable("x" * 500) == "x" * 119 + "…"
    assert printable("x" * 120) == "x" * 120
    assert len(printable("\x1b" * 500)) == 120


def test_printable_survives_a_number_python_will_not_write():
    assert "thousands of digits" in printable(10**5000)


@pytest.mark.parametrize(
    ("name", "candidates", "hint"),
    [
        ("klot", ["klout", "likes"], 'Did you mean "klout"?'),
        ("KLOUT", ["klout"], 'Did you mean "klout"?'),
        ("klout", ["Klout"], 'Did you mean "Klout"?'),
        ("zebra", ["klout", "likes"], ""),
        ("klout", [], ""),
        ("a", ["\u202ea"], 'Did you mean "\\u202ea"?'),
    ],
)
def test_did_you_mean(name, candidates, hint):
    assert did_you_mean(name, candidates) == hint


def test_listing_counts_the_rest():
    assert listing(["a", "b"]) == "a, b"
    assert listing(range(10), limit=3) == "0, 1, 2 and 7 more"


def test_an_error_is_one_block_with_every_fault():
    faults = [
        Fault('column "a"', "x", "numbers"),
        Fault("[score] scale", '"st"', "sd or raw", 'Did you mean "sd"?'),
    ]
    assert str(DataError("shops.csv", faults)) == (
        "shops.csv: 2 faults\n"
        '  column "a"\n    found:   x\n    allowed: numbers\n'
        '  [score] scale\n    found:   "st"\n    allowed: sd or raw\n    Did you mean "sd"?'
    )
    assert str(AnalysisError("x", faults[:1])).startswith("x: 1 fault\n")


def test_an_error_survives_pickling():
    error = DataError("shops.csv", [Fault("a", "b", "c")])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert type(again) is DataError
