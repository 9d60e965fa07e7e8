"""An audit as a reader meets it: frames, figures, studies, the regression, several side by side."""

import html
import json
import tomllib

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.models.family import FAMILIES
from analysis.report.ledger import ledger

SHIPPED = (
    "movies",
    "ebay",
    "mariokart",
    "professors",
    "lawschools",
    "tournament",
    "publications",
    "lending",
    "genres",
)
FRAME = {
    "score": "klout",
    "engagement": "likes",
    "outcome": "referrals",
    "kind": "count",
    "sesoi": 0.05,
    "transform": "log1p",
    "quick": True,
}


@pytest.fixture(scope="module")
def people():
    return sa.simulate.creators(seed=7, n=600, effect=0.3)


@pytest.fixture(scope="module")
def audit(people):
    return sa.audit(people, **FRAME)


@pytest.fixture(scope="module")
def movies():
    return sa.audit("movies", quick=True)


# --- frames ---------------------------------------------------------------------------------------


def test_the_frames_are_the_ledger(audit):
    record = json.loads(json.dumps(ledger(audit.findings)))
    for name in ("estimates", "checks", "verdicts"):
        frame, rows = getattr(audit, name), record[name]
        assert isinstance(frame, pd.DataFrame)
        assert list(frame.columns) == list(rows[0])
        assert frame["id"].tolist() == [row["id"] for row in rows]
    assert audit.estimates["estimate"].tolist() == pytest.approx(
        [np.nan if row["estimate"] is None else row["estimate"] for row in record["estimates"]],
        nan_ok=True,
        rel=1e-15,
    )


def test_it_shows_itself_with_what_failed_always_the_same(audit):
    shown = audit._repr_html_()
    assert shown == audit._repr_html_()
    assert html.escape(audit.headline()) in shown
    assert html.escape(audit.sentence(length="short")) in shown
    assert html.escape(audit.sentence()) in shown
    assert "In simulated data, " in audit.headline()
    with pytest.raises(sa.AnalysisError, match="no such length"):
        audit.sentence(length="long")
    assert "<figcaption>Simulated data." in shown
    assert "<caption" in shown
    for reason in audit.checks.query("passed == False")["reason"]:
        assert pd.Series([shown]).str.contains(reason[:30], regex=False).all()


# --- a plan in keywords ---------------------------------------------------------------------------


def test_a_saved_plan_gives_the_same_ledger(audit, people, tmp_path):
    path = audit.plan.save(tmp_path / "people.toml")
    assert tomllib.loads(path.read_text("utf-8")) == audit.plan.content()
    again = sa.audit(path, data=people)
    pd.testing.assert_frame_equal(again.estimates, audit.estimates, check_exact=True)
    pd.testing.assert_frame_equal(again.checks, audit.checks)
    with pytest.raises(sa.AnalysisError, match="new file"):
        audit.plan.save(path)
    with pytest.raises(sa.AnalysisError, match="toml"):
        audit.plan.save(tmp_path / "people.csv")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_plan_reads_back_from_what_save_writes(name, tmp_path):
    plan = sa.read_plan(name)
    assert sa.read_plan(plan.save(tmp_path / "plan.toml")).content() == plan.content()


def test_keywords_change_a_plan_and_nothing_else(movies):
    changed = sa.audit("movies", score="metacritic", quick=True).plan
    assert changed.content() == {
        **movies.plan.content(),
        "score": {**movies.plan.content()["score"], "columns": ["metacritic"]},
    }


def test_one_reliability_is_meant_for_each_column(people):
    plan = sa.audit(people, **FRAME | {"engagement": ["likes", "posts"], "reliability": 0.9}).plan
    assert set(plan.engagement.reliability) == {"likes", "posts"}


def test_what_is_missing_is_said_in_the_words_of_a_plan(people):
    with pytest.raises(sa.AnalysisError, match="sesoi"):
        sa.audit(people, **FRAME | {"sesoi": None})
    with pytest.raises(sa.AnalysisError, match="second data frame"):
        sa.audit(people, data=people, **FRAME)


# --- the regression -------------------------------------------------------------------------------


def pairs(audit, outcome, score, model):
    """Yield (coefficient, error) of the results and of the ledger, for each part of the model."""
    results = audit.fit(outcome, score, model)
    parts = {"": results}
    if FAMILIES[model].two_parts:
        parts = {"zero": results.zero, "positive": results.positive}
    for part, of in parts.items():
        variant = "-".join(filter(None, [part, "" if audit.plan.score.scale == "raw" else "raw"]))
        row = audit.findings.estimates.one(
            outcome=outcome,
            score=score,
            method="increment",
            model=model,
            term=score,
            scale="raw",
            variant=variant,
        )
        yield of.params[score], of.bse[score], row


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SHIPPED)
def test_the_fit_is_the_ledgers_on_every_shipped_plan(name):
    audit = sa.audit(name, quick=True)
    fitted = audit.findings.estimates.select(method="increment", scale="raw")
    for outcome in audit.plan.outcome:
        for score in audit.plan.score.columns:
            known = {row.model for row in fitted.select(outcome=outcome.column, score=score)}
            for model in known & {outcome.deciding_model, *outcome.companion_models}:
                for params, bse, row in pairs(audit, outcome.column, score, model):
                    np.testing.assert_allclose(params, row.estimate, rtol=1e-8)
                    np.testing.assert_allclose(bse, row.std_error, rtol=1e-8)


def test_the_fit_goes_on_in_statsmodels(audit):
    results = audit.fit()
    assert "klout" in str(results.summary())
    assert len(results.resid_response) == audit.sample.rows
    assert results.params.index.tolist()[-1] == "klout"


def test_an_unknown_model_says_which_there_are(audit):
    with pytest.raises(sa.AnalysisError, match="poisson"):
        audit.fit(model="poison")


# --- figures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["effect", "data", "relation", "reliability"])
def test_a_figure_is_one_of_matplotlib_with_its_description(audit, kind):
    figure = audit.plot(kind)
    figure.axes[0].set_title("mine")
    assert b"mine" not in figure.png
    assert figure.figure.axes[0].get_title() == "mine"
    assert figure.alt.startswith("Simulated data.")
    assert figure.caption.startswith("Simulated data.")
    markup = figure._repr_mimebundle_()["text/html"]
    assert "<img alt=" in markup
    assert "<figcaption>" in markup


@pytest.mark.parametrize("kind", ["effect", "relation"])
def test_a_figure_is_drawn_into_axes_of_ones_own(movies, kind):
    figure, axes = plt.subplots(1, 2)
    shown = movies.plot(kind, ax=axes[1])
    assert shown.figure is figure
    assert axes[1].has_data()
    assert not axes[0].has_data()
    plt.close(figure)


def test_a_relation_shows_means_of_groups_and_no_extremes(movies):
    x, y = (movies.sample.numbers(column) for column in ("tomatometer", "box_office"))
    axes = movies.plot("relation").axes[0]
    group = pd.qcut(x, 10, labels=False, duplicates="drop")
    means = pd.DataFrame({"x": x, "y": y}).groupby(group).mean()
    ignored = axes.containers[0].lines[0]
    np.testing.assert_allclose(ignored.get_xdata(), means["x"])
    np.testing.assert_allclose(ignored.get_ydata(), means["y"])


def test_unknown_names_say_which_there_are(audit):
    for ask, words in [
        (lambda: audit.plot("efect"), 'Did you mean "effect"'),
        (lambda: audit.plot(outcome="referals"), 'Did you mean "referrals"'),
        (lambda: audit.sentence(score="clout"), 'Did you mean "klout"'),
        (lambda: audit["gamin"], 'Did you mean "gaming"'),
        (lambda: audit.plot("segments"), "of which nothing was found"),
        (lambda: audit.plot("data", ax=plt.Figure().subplots()), "makes its own"),
    ]:
        with pytest.raises(sa.AnalysisError, match=words):
            ask()


# --- one study, and several audits ----------------------------------------------------------------


def test_a_study_is_its_rows_checks_sentences_and_figure(audit):
    study = audit["noise"]
    assert set(study.rows["method"]) <= {"reliability", "corrected", "increment"}
    assert study.sentences
    assert study.figure.alt
    assert study._repr_html_() == audit["noise"]._repr_html_()
    shown = [set(audit[name].rows["id"]) for name in audit.findings.studies]
    assert set(audit.estimates["id"]) == set.union(*shown)


def test_audits_stand_side_by_side(audit, movies):
    both = sa.compare({"people": audit, "films": movies})
    assert both.table["audit"].tolist() == ["people", "films"]
    assert both.table["verdict"].tolist() == [
        audit.verdict_on().verdict,
        movies.verdict_on().verdict,
    ]
    assert "people: " in both.figure.alt
    assert both._repr_html_() == both._repr_html_()
    one = sa.compare({"people": audit, "films": movies}, study="noise")
    assert {"people", "films"} <= set(one.table.columns)
    with pytest.raises(sa.AnalysisError, match="none"):
        sa.compare({})
