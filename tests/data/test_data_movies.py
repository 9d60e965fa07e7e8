"""The films: the file is what the command writes, and its known figures hold."""

import importlib.metadata
import importlib.util
import tomllib
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

ROOT = Path(__file__).resolve().parents[2]
CSV = ROOT / "data" / "raw" / "movies.csv"
CODEBOOK = ROOT / "data" / "raw" / "movies.toml"
SCRIPT = ROOT / "data" / "extract_movies.py"
# The reference values are given to four decimals.
FOUR_DECIMALS = 5e-5


def load_script():
    spec = importlib.util.spec_from_file_location("extract_movies", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def films():
    return pd.read_csv(CSV)


@pytest.fixture(scope="module")
def known(films):
    """Films whose box office, reviews and tomatometer are all known, with the tomatometer in
    SDs.
    """
    known = films.dropna(subset=["box_office", "reviews", "tomatometer"]).copy()
    known["score"] = known["tomatometer"] / known["tomatometer"].std(ddof=1)
    return known


def fit(known, terms, **covariance):
    design = known.assign(reviews=np.log1p(known["reviews"]))[terms]
    return sm.OLS(np.log1p(known["box_office"]), sm.add_constant(design)).fit(
        use_t=True, **covariance
    )


def test_csv_is_what_the_command_writes():
    script = load_script()
    try:
        installed = importlib.metadata.version(script.PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("bokeh-sampledata is not installed (extra: datasets)")
    if installed != script.VERSION:
        pytest.skip(
            f"bokeh-sampledata {installed} is installed; the films come from {script.VERSION}"
        )
    assert script.extract() == CSV.read_bytes()


def test_another_version_is_refused(monkeypatch, tmp_path, capsys):
    script = load_script()
    monkeypatch.setattr(script.importlib.metadata, "version", lambda name: "2025.0")
    out = tmp_path / "movies.csv"
    monkeypatch.setattr("sys.argv", ["extract_movies.py", "--out", str(out)])
    assert script.main() == 2
    assert "2025.0 is installed, but the films come from 2026.1" in capsys.readouterr().err
    assert not out.exists()


def test_file_is_plain(films):
    content = CSV.read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert len(films) == 17_472
    assert list(films) == list(load_script().COLUMNS)
    assert films["id"].is_unique
    assert not films["genre"].dropna().str.contains(",").any()
    order = list(zip(films["imdb_id"], films["id"], strict=True))
    assert order == sorted(order)


def test_codebook_describes_the_file(films):
    codebook = tomllib.loads(CODEBOOK.read_text(encoding="utf-8"))
    assert codebook["sha256"] == sha256(CSV.read_bytes()).hexdigest()
    assert codebook["rows"] == len(films)
    assert list(codebook["columns"]) == list(films)
    for name, column in codebook["columns"].items():
        if "min" in column:
            assert films[name].min() >= column["min"], name
        if "max" in column:
            assert films[name].max() <= column["max"], name


def test_figures_in_the_codebook_hold(films):
    """The sentences of the codebook and of the plan that carry a number."""
    has_box_office = films["box_office"].notna()
    assert round(100 * has_box_office.mean()) == 16
    assert round(100 * has_box_office[films["reviews"] <= 10].mean()) == 4
    assert round(100 * has_box_office[films["reviews"] > 200].mean()) == 78
    in_fractions = films["box_office"].dropna().loc[lambda money: money % 1 != 0]
    assert len(in_fractions) == 6
    assert in_fractions.max() < 800
    twice = films[films["imdb_id"].duplicated(keep=False)]
    assert twice["imdb_id"].nunique() == 2
    assert len(twice) == 4
    assert twice.loc[twice["imdb_id"].duplicated(), "box_office"].isna().all()


def test_attention_explains_box_office(known):
    assert len(known) == 2_757
    assert fit(known, ["reviews"]).rsquared == pytest.approx(0.3104, abs=FOUR_DECIMALS)
    assert fit(known, ["reviews", "score"]).rsquared == pytest.approx(0.3228, abs=FOUR_DECIMALS)


def test_increment_of_the_tomatometer(known):
    robust = fit(known, ["reviews", "score"], cov_type="HC3")
    assert robust.params["score"] == pytest.approx(-0.2436, abs=FOUR_DECIMALS)
    assert robust.conf_int().loc["score"].tolist() == pytest.approx(
        [-0.3088, -0.1784], abs=FOUR_DECIMALS
    )


def test_increment_with_films_of_one_director_together(known):
    director = pd.factorize(known["director"].fillna(""))[0]
    assert len(np.unique(director)) == 1_434
    clustered = fit(known, ["reviews", "score"], cov_type="cluster", cov_kwds={"groups": director})
    assert clustered.conf_int().loc["score"].tolist() == pytest.approx(
        [-0.3164, -0.1708], abs=FOUR_DECIMALS
    )
