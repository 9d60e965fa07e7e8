"""Delimited text: what the fuzzer found."""

import pytest

import analysis as sa


def test_names_that_stand_twice_beside_decimal_commas_are_refused_in_words(tmp_path):
    (tmp_path / "twice.csv").write_text("a;b;b\n1,5;2;3\n", "utf-8")
    with pytest.raises(sa.AnalysisError, match="columns named twice: b"):
        sa.read_dataset(str(tmp_path / "twice.csv"))
