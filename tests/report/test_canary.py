"""Nothing of one person leaves: canaries are looked for in every byte of the results."""

import base64
import io
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shop

from analysis.audit import analyse, check
from analysis.data.disclosure import FEWEST, joined_cells
from analysis.plan import read_plan
from analysis.report.folder import write_results
from analysis.results.data_figure import data_figure, data_panels
from analysis.results.relation_figure import relation_figure

CASE = Path(__file__).parents[1] / "cases" / "extremes-in-the-figure"
EMBEDDED = re.compile(rb"data:[a-z/+]+;base64,([A-Za-z0-9+/=]+)")


def decoded(folder):
    """Yield every file of a folder by its name, and what is packed in it: figures of a page, parts
    of a document.
    """
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path.name, data
        for packed in EMBEDDED.findall(data):
            yield f"{path.name}: figure", base64.b64decode(packed)
        if path.suffix == ".docx":
            with zipfile.ZipFile(io.BytesIO(data)) as parts:
                for name in parts.namelist():
                    yield f"{path.name}: {name}", parts.read(name)


def spellings(value):
    """Return how a number might be written, from four digits on."""
    exact = f"{value:.10g}"
    return {
        exact,
        f"{value:,.2f}",
        f"{float(f'{value:.4g}'):,.15g}",
        f"{float(f'{value:.4g}'):.15g}",
    }


def person(count=200, seed=3):
    """Return shops of which one has every extreme."""
    rng = np.random.default_rng(seed)
    klout, likes = rng.normal(50, 8, count).round(2), rng.poisson(20, count)
    revenue = np.exp(3 + 0.03 * likes + rng.normal(0, 0.4, count)).round(2)
    frame = pd.DataFrame({"shop": range(count), "klout": klout, "likes": likes, "revenue": revenue})
    frame["shop"] = [f"CANARY-{number}" for number in frame["shop"]]
    frame.loc[7, ["klout", "revenue"]] = [913.57, 77123.45]
    frame.loc[8, "likes"] = 1877
    frame.loc[9, "klout"] = -431.27
    return frame


EXTREMES = (913.57, 77123.45, 1877.0, -431.27)

WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "dta": lambda frame, path: frame.to_stata(path, write_index=False),
    "parquet": lambda frame, path: frame.to_parquet(path),
}


def study(tmp_path, frame, suffix="csv", **changes):
    path = shop.write(tmp_path, "", dataset=f"shops.{suffix}", **changes)
    WRITERS[suffix](frame, tmp_path / f"shops.{suffix}")
    return read_plan(path)


def test_the_case(tmp_path):
    shutil.copytree(CASE, tmp_path / "case")
    findings = analyse(tmp_path / "case" / "p.toml")
    folder = write_results(findings, tmp_path / "out")
    told = "\n".join(check(tmp_path / "case" / "p.toml").lines())
    spoken = {*spellings(77123.45), *spellings(913.57), "77,120", "canaryrow", "CANARY"}
    for text in spoken:
        assert text not in told, text
        for name, data in decoded(folder):
            assert text.encode() not in data, (text, name)
    ledger = (folder / "ledger.json").read_text("utf-8")
    assert '"missing revenue": "< 5"' in ledger
    assert "of fewer than 5 to 15 rows" in told
    smallest_counts(findings)


def smallest_counts(findings):
    """Assert that no histogram shows a bar of one to four rows, nor reaches to an extreme."""
    panels, axes = data_panels(findings), data_figure(findings).axes
    for panel, one in zip(panels, axes, strict=True):
        drawn = panel.drawn
        low, high = drawn.min(), drawn.max()
        bars = [bar for bar in one.patches if bar.get_height() > 0]
        shown = panel.on_axis(panel.shown)
        for bar in bars:
            left, right = bar.get_x(), bar.get_x() + bar.get_width()
            assert ((shown >= left - 1e-9) & (shown <= right + 1e-9)).sum() >= FEWEST
            if len(np.unique(panel.values)) > 12:
                for edge in (left, right):
                    assert not np.isclose([low, high], edge, rtol=1e-6, atol=0).any()
        for edge in (*one.get_xlim(), *one.get_xticks()):
            assert not np.isclose([low, high], edge, rtol=1e-6, atol=0).any() or not edge % 1


HASH = re.compile(rb"\b[0-9a-f]{40,64}\b")
"""Hashes of files and commits, in which any four digits stand now and then."""


@pytest.mark.parametrize("suffix", list(WRITERS))
@pytest.mark.parametrize("kind", ["revenue", "continuous"])
def test_no_extreme_of_a_person_is_in_the_results(tmp_path, suffix, kind):
    frame = person()
    frame.loc[11, "revenue"] = np.nan
    plan = study(
        tmp_path, frame, suffix, row="shop", quick=True, outcome__kind=kind, outcome__sesoi=0.05
    )
    findings = analyse(plan)
    smallest_counts(findings)
    told = "\n".join(check(plan).lines()).encode()
    files = [("check", told), *decoded(write_results(findings, tmp_path / "out"))]
    files = [(name, HASH.sub(b"", data)) for name, data in files]
    for value in EXTREMES:
        for text in spellings(value):
            for name, data in files:
                found = re.search(rb"(?<![\d.,])" + re.escape(text.encode()) + rb"(?!\d)", data)
                assert found is None, (text, name)
    for name, data in files:
        assert b"CANARY" not in data, name


def test_the_relation_shows_no_group_of_few_rows(tmp_path):
    frame = person(101)
    frame["klout"], frame["revenue"] = [0.0] * 99 + [2.53, 2.71], frame["revenue"].clip(upper=99)
    figure = relation_figure(analyse(study(tmp_path, frame, quick=True)), "revenue", "klout")
    for axes in figure.axes:
        for line in axes.lines:
            x = np.asarray(line.get_xdata(), dtype=float)
            assert not np.isin(x, [2.53, 2.71]).any()


@pytest.mark.parametrize("values", [[0.0] * 96 + [1.0] * 4, [1.0, 2.0, 3.0] + [7.0] * 97])
def test_values_that_few_rows_have_are_drawn_with_their_neighbours(tmp_path, values):
    frame = person(100).assign(klout=np.random.default_rng(1).permutation(values))
    findings = analyse(study(tmp_path, frame, quick=True))
    (panel,) = [panel for panel in data_panels(findings) if panel.label == "klout"]
    assert len(np.unique(panel.shown)) == 1
    assert "4" not in panel.describe().replace("96", "")


@pytest.mark.parametrize(
    "counts", [[1], [4, 0], [0, 1, 9], [5, 1, 1, 1, 1, 1], [1, 0, 0, 3, 0, 0, 8, 2]]
)
def test_joined_cells_hold_all_and_never_few(counts):
    parts = joined_cells(counts)
    assert [at for part in parts for at in range(part.start, part.stop)] == [*range(len(counts))]
    held = [sum(counts[part]) for part in parts]
    assert all(total == 0 or total >= FEWEST for total in held) or sum(counts) < FEWEST


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([1] * 20 + [4] * 20, "40 clusters of fewer than 5 rows each."),
        ([3] + [7] * 13, "14 clusters of fewer than 5 to 7 rows"),
        ([5] * 20, "20 clusters of 5 to 5 rows"),
    ],
)
def test_cluster_sizes_under_five_are_not_told(tmp_path, sizes, said):
    frame = person(sum(sizes)).assign(owner=np.repeat([f"o{n}" for n in range(len(sizes))], sizes))
    (told,) = [
        one.reason
        for one in check(study(tmp_path, frame, cluster={"column": "owner"})).checks
        if one.check == "clusters"
    ]
    assert told.startswith(said)
    assert "one row" not in told


ESCAPE, TURN, OLD = chr(27) + "[31m", chr(0x202E), chr(0x9B) + "31m"
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("where", ["score", "control", "segment", "question"])
def test_no_raw_control_character_is_in_any_output(tmp_path, where):
    frame = person().rename(columns={"likes": f"likes{ESCAPE}"} if where == "score" else {})
    frame["tier"] = [f"a{ESCAPE}{OLD}" if at % 3 else f"b{chr(7)}{TURN}" for at in range(200)]
    score = f"klout{ESCAPE}{TURN}" if where == "score" else "klout"
    frame = frame.rename(columns={"klout": score, f"likes{ESCAPE}": "likes"})
    changes = {"score__columns": [score], "quick": True}
    if where == "control":
        changes |= {"controls": {"columns": ["tier"]}}
    if where == "segment":
        changes |= {"segment": {"column": "tier"}}
    if where == "question":
        changes |= {"question": f"Does it{ESCAPE}{TURN}{chr(127)} pay?"}
    plan = study(tmp_path, frame, "parquet", **changes)
    findings = analyse(plan)
    for name, data in decoded(write_results(findings, tmp_path / "out")):
        if not name.endswith((".png", ".docx", ".jpeg")):
            found = RAW.search(data.decode("utf-8", "ignore"))
            assert found is None, (name, data[max(0, found.start() - 40) :][:80])
