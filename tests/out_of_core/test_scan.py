"""Sufficient statistics of tables beyond memory: the fits of the rows in memory, to their digits,
or the same refusals.
"""

import importlib.util
import shutil

import numpy as np
import pandas as pd
import pytest
from direct import collinear, creators, exact_errors

pytest.importorskip("ibis", reason="the extra `engine` is not installed")
pytest.importorskip("duckdb", reason="the extra `engine` is not installed")

from analysis.errors import AnalysisError
from analysis.models.sufficient_statistics.draws import cross_validate
from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.resampling import bootstrap_clusters
from analysis.out_of_core import scan as scanning
from analysis.out_of_core.cells import aggregate
from analysis.out_of_core.scan import fit_table, measure_table

SAME = 1e-10  # two double precision routes where the condition number is below 1e3
KINDS = ("classical", "HC0", "HC1", "CRV1")
SUBSETS = [(), ("e1",), ("e2", "e3"), ("e1", "e2", "e3")]


@pytest.fixture
def stored(tmp_path):
    """Write a table as Parquet files; return the address."""

    def write(table, names, codes, files=3, **more):
        frame = pd.DataFrame(table, columns=names).assign(owner=codes, **more)
        for number, part in enumerate(np.array_split(np.arange(len(frame)), files)):
            frame.iloc[part].to_parquet(tmp_path / f"part{number}.parquet")
        return str(tmp_path / "*.parquet")

    return write


def in_memory(table, names, codes, subsets=SUBSETS, kinds=KINDS):
    sufficient = sufficient_statistics(table, names, groups={"owner": codes})
    return fit_subsets(
        sufficient, subsets, outcome="y", term="s", covariance=kinds, cluster="owner"
    )


def beyond(address, names, subsets=SUBSETS, kinds=KINDS):
    return fit_table(
        measure_table(address, names),
        subsets,
        outcome="y",
        term="s",
        covariance=kinds,
        cluster="owner",
    )


def assert_same(found, wanted, near=SAME, kinds=KINDS):
    for name in ("estimate", "sse", "r2", "delta_r2"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(wanted, name), rtol=near, err_msg=name
        )
    for kind in kinds:
        np.testing.assert_allclose(
            found.std_error[kind], wanted.std_error[kind], rtol=near, err_msg=kind
        )
        np.testing.assert_array_equal(found.df[kind], wanted.df[kind])
    assert found.clusters == wanted.clusters


@pytest.mark.parametrize("files", [1, 4])
def test_every_error_of_every_subset_is_that_of_the_rows(stored, files):
    table, names, codes = creators()
    assert_same(beyond(stored(table, names, codes, files), names), in_memory(table, names, codes))


def test_fits_without_errors_look_at_the_rows_once(stored, monkeypatch):
    table, names, codes = creators()
    asked = []
    monkeypatch.setattr(
        scanning, "aggregate", lambda rows, sums: asked.append(len(sums)) or aggregate(rows, sums)
    )
    scan = measure_table(stored(table, names, codes), names)
    assert len(asked) == 2  # the means at the head of the table, and the products
    fit_table(scan, SUBSETS, outcome="y", term="s")
    assert len(asked) == 2
    fit_table(scan, SUBSETS, outcome="y", term="s", covariance=["CRV1"], cluster="owner")
    assert len(asked) == 3


@pytest.mark.parametrize("change", ["offset", "scale", "sorted"])
def test_offsets_scales_and_order_lose_nothing(stored, monkeypatch, change):
    table, names, codes = creators()
    if change == "offset":
        table = table + 1e6 * table.std(axis=0)
    elif change == "scale":
        table = table * [1e12, 1e-12, 1, 1e6, 1e9]
    else:  # the head of the table is nothing like the rest of it
        monkeypatch.setattr(scanning, "HEAD_ROWS", 20)
        table[:, 0] += np.where(np.arange(len(table)) < 20, 1e7, 0)
        order = np.argsort(table[:, 3])
        table, codes = table[order], codes[order]
    found, wanted = beyond(stored(table, names, codes), names), in_memory(table, names, codes)
    assert_same(found, wanted, near=1e-9)


def test_a_head_a_billion_deviations_away_is_left_for_the_means_of_all_rows(stored, monkeypatch):
    monkeypatch.setattr(scanning, "HEAD_ROWS", 1)
    table, names, codes = creators(n=4000)
    table[0, 0] = 1e9
    first = beyond(stored(table, names, codes), names)
    assert_same(first, in_memory(table, names, codes), near=1e-9)


@pytest.mark.parametrize("kappa", [1e1, 1e3, 1e5])
def test_sixty_digits_agree(stored, kappa):
    table, names, codes = collinear(kappa)
    estimate, errors = exact_errors(table, codes)
    fits = beyond(stored(table, names, codes), names, [("e1", "e2", "e3")])
    assert fits.condition > kappa / 4
    assert fits.estimate[0] == pytest.approx(estimate, rel=1e-10)
    for kind in ("classical", "HC1", "CRV1"):
        assert fits.std_error[kind][0] == pytest.approx(errors[kind], rel=1e-10), kind


def test_r2_next_to_one_keeps_its_digits(stored):
    rng = np.random.default_rng(2)
    x, s, e = rng.normal(size=(3, 300))
    table, names, codes = (
        np.column_stack([x, s, 1 + x + s + 1e-6 * e]),
        ["e1", "s", "y"],
        np.arange(300) % 20,
    )
    found = beyond(stored(table, names, codes), names, [("e1",)])
    assert_same(found, in_memory(table, names, codes, [("e1",)]), near=1e-8)


def test_sums_by_group_serve_whatever_sufficient_statistics_serve(stored):
    table, names, codes = creators()
    folds = np.arange(len(table)) % 5
    address = stored(table, names, codes, fold=folds)
    ours = measure_table(address, names, groups=("owner", "fold")).sufficient
    theirs = sufficient_statistics(table, names, groups={"owner": codes, "fold": folds})
    a, b = (
        fit_subsets(m, SUBSETS, outcome="y", term="s", covariance=["CRV1", "CRV3"], cluster="owner")
        for m in (ours, theirs)
    )
    assert_same(a, b, kinds=("CRV1", "CRV3"))
    np.testing.assert_array_equal(ours.group("owner").sizes, theirs.group("owner").sizes)
    one, two = (bootstrap_clusters(fits, "owner", replicates=99, seed=3) for fits in (a, b))
    np.testing.assert_allclose(one.estimate, two.estimate, rtol=1e-9)
    one, two = (cross_validate(fits, "fold") for fits in (a, b))
    np.testing.assert_allclose(one.with_term, two.with_term, rtol=1e-9)


def test_whole_numbers_truth_values_and_constants(stored):
    table, names, codes = creators()
    table[:, 1], table[:, 2] = np.round(table[:, 1] * 10), 7.1
    plain = in_memory(table, names, codes, [("e1", "e2")])
    frame = pd.DataFrame(table, columns=names).astype({"e2": "int64"})
    address = stored(frame, names, codes)
    assert_same(beyond(address, names, [("e1", "e2")]), plain)
    with pytest.raises(AnalysisError, match="'e3' is constant"):
        beyond(address, names, [("e1", "e3")])


def test_many_fits_take_scans_of_a_few(stored, monkeypatch):
    monkeypatch.setattr(scanning, "FITS_A_SCAN", 3)
    table, names, codes = creators()
    assert_same(beyond(stored(table, names, codes), names), in_memory(table, names, codes))


def spoiled(value, column="e1"):
    table, names, codes = creators()
    table[7, names.index(column)] = value
    return table, names, codes


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "missing values in e1 \\(1 rows\\)|NaN or infinite values in e1"),
        (np.inf, "NaN or infinite values in e1"),
    ],
)
def test_rows_that_are_not_complete_are_refused(stored, value, words):
    table, names, codes = spoiled(value)
    with pytest.raises(AnalysisError, match=words):
        measure_table(stored(table, names, codes), names)


def test_a_nan_that_is_no_null_is_refused(tmp_path):
    import duckdb

    rows = (
        "select case when i = 3 then 'nan'::double else i * 0.1 end as x, sin(i) as y from"
        " range(50) t(i)"
    )
    duckdb.sql(f"copy ({rows}) to '{tmp_path}/a.parquet'")
    with pytest.raises(AnalysisError, match="NaN or infinite values in x"):
        measure_table(str(tmp_path / "*.parquet"), ["x", "y"])


def test_what_sums_cannot_answer_is_refused(stored, monkeypatch):
    table, names, codes = creators()
    twin = np.column_stack([table, table[:, 0] - table[:, 1]])
    with pytest.raises(AnalysisError, match="too nearly dependent"):
        measure_table(stored(twin, [*names, "twin"], codes), [*names, "twin"])
    address = stored(
        table,
        names,
        codes,
        word=[f"word {code}" for code in codes],
        gap=np.where(codes == 3, np.nan, codes),
        one=1,
    )
    scan = measure_table(address, names)

    def fit(kind, cluster=None, scan=scan):
        return fit_table(scan, SUBSETS, outcome="y", term="s", covariance=[kind], cluster=cluster)

    np.testing.assert_allclose(
        fit("CRV1", "word").std_error["CRV1"], fit("CRV1", "owner").std_error["CRV1"]
    )
    for words, ask in {
        "'HC3'|HC3": lambda: fit("HC3"),
        "no cluster=": lambda: fit("CRV1"),
        "'nobody'": lambda: fit("CRV1", "nobody"),
        "rows without a label": lambda: fit("CRV1", "gap"),
        "at least two": lambda: fit("CRV1", "one"),
        "no numbers in word": lambda: measure_table(address, [*names, "word"]),
        "absent": lambda: measure_table(address, [*names, "absent"]),
        "each name once": lambda: measure_table(address, [*names, "y"]),
    }.items():
        with pytest.raises(AnalysisError, match=words):
            ask()
    monkeypatch.setattr(scanning, "MOST_SUMS", 100)
    with pytest.raises(AnalysisError, match="25 groups of 21 pairs of columns"):
        measure_table(address, names, groups=("owner",))


@pytest.mark.slow
def test_spark_gives_the_same_numbers(stored, monkeypatch):
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("pyspark or Java is not installed")
    monkeypatch.setenv("SCORE_AUDIT_THREADS", "2")
    table, names, codes = creators()
    assert_same(
        beyond("spark:" + stored(table, names, codes), names), in_memory(table, names, codes)
    )
