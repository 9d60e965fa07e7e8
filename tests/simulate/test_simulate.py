"""Simulated creators: the same for the same parameters, with the truth that is declared, and
labelled as simulated.
"""

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis import simulate
from analysis.audit import analyse
from analysis.data.dataset import from_frame, read_dataset
from analysis.errors import DataError
from analysis.report.views import Audit
from analysis.simulate.columns import COLUMNS
from analysis.simulate.parameters import Parameters

PROMISED = {
    *(
        "creator",
        "month",
        "industry",
        "klout",
        "klout_old",
        "klout_new",
        "kred",
        "perk",
        "algorithm",
        "gaming",
    ),
    *(
        "likes",
        "likes_odd",
        "likes_even",
        "peer_engagement",
        "customer_engagement",
        "bot_engagement",
    ),
    *(
        "posts",
        "replies_up",
        "replies_down",
        "followers",
        "bought_followers",
        "hours",
        "cost",
        "referrals",
        "revenue",
    ),
}


@pytest.fixture(scope="module")
def panel():
    return simulate.panel(seed=3, n=400, months=12, change=7)


@pytest.fixture(scope="module")
def fitted():
    """Return Poisson PML coefficients and cluster-robust standard errors, by statsmodels."""
    import statsmodels.api as sm

    def fit(frame, outcome, columns):
        matrix = sm.add_constant(pd.DataFrame(columns))
        model = sm.GLM(
            frame[outcome].to_numpy(), matrix.to_numpy(float), family=sm.families.Poisson()
        )
        found = model.fit(
            cov_type="cluster", cov_kwds={"groups": pd.factorize(frame["creator"])[0]}
        )
        return dict(zip(matrix, found.params, strict=True)), dict(
            zip(matrix, found.bse, strict=True)
        )

    return fit


def test_one_row_per_creator_and_month(panel):
    assert len(panel) == 400 * 12
    assert not panel.duplicated(["creator", "month"]).any()
    assert set(panel) >= PROMISED
    assert not panel.isna().any().any()


def test_one_row_per_creator():
    frame = simulate.creators(n=100)
    assert len(frame) == frame["creator"].nunique() == 100
    assert PROMISED - {"month"} <= set(frame)


@pytest.mark.parametrize("table", ["creators", "panel"])
def test_every_column_is_in_the_codebook_and_the_other_way_round(table):
    dataset = read_dataset(f"simulated:{table}?n=30&months=3")
    assert list(dataset.codebook.columns) == [name for name in COLUMNS if name in dataset.frame]
    assert set(dataset.codebook.columns) == set(dataset.frame)
    assert all(entry.meaning for entry in dataset.codebook.columns.values())


def test_the_same_parameters_give_the_same_bytes():
    address = "simulated:creators?seed=11&effect=0.1&n=50"
    first = read_dataset(address).sha256
    simulate._world.cache_clear()
    assert read_dataset(address).sha256 == first
    assert read_dataset("simulated:creators?n=50&effect=0.1&seed=11").sha256 == first
    assert read_dataset("simulated:creators?seed=12&effect=0.1&n=50").sha256 != first


def test_the_hash_is_that_of_these_columns():
    """Changes only with the simulation itself; the value is what this version draws."""
    frame = simulate.creators(seed=7, n=30)
    assert frame["creator"].tolist()[:2] == ["c01", "c02"]
    assert from_frame(frame).sha256 == read_dataset("simulated:creators?seed=7&n=30").sha256


def test_a_frame_cannot_be_changed_for_the_next_reader():
    frame = simulate.creators(seed=7, n=30)
    frame["klout"] = 0.0
    assert simulate.creators(seed=7, n=30)["klout"].std() > 0


def test_simulated_data_say_so(panel):
    assert read_dataset("simulated:creators?n=30").simulated
    assert from_frame(panel).simulated
    assert from_frame(panel[panel["month"] > 3]).simulated
    assert not from_frame(pd.DataFrame(panel.to_dict("list"))).simulated


def test_the_truth_of_an_address_is_that_of_its_frame(panel):
    by_address = simulate.truths(panel.attrs["simulated"])
    by_name = simulate.truths("panel", seed=3, n=400, months=12, change=7)
    pd.testing.assert_frame_equal(by_address, by_name)
    named = set(by_address["parameter"])
    effects = {
        "effect",
        "validity",
        "perk_effect",
        "relationships",
        "posting",
        "gaming_effect",
        "decoupling",
        "tau",
        "social_media",
        "anticipation",
        "engagement",
        "default_effect",
        "peers",
        "customers",
        "bots",
    }
    assert effects <= named


def test_every_effect_is_null_unless_a_figure_is_cited():
    null = {
        "effect",
        "validity",
        "tau",
        "social_media",
        "perk_effect",
        "relationships",
        "posting",
        "gaming_effect",
        "anticipation",
        "default_effect",
        "bots",
    }
    assert all(Parameters.model_fields[name].default == 0 for name in null)
    assert Parameters.model_fields["engagement"].default == 0.236  # You et al. 2015
    assert Parameters.model_fields["decoupling"].default == 1


@pytest.mark.parametrize(
    ("address", "complaints"),
    [
        ("simulated:creatorz", ["creators, panel", 'Did you mean "creators"?']),
        (
            "simulated:creators?effct=1&n=2",
            ['Did you mean "effect"?', "greater than or equal to 30"],
        ),
        ("simulated:panel?seed=x", ["a valid integer"]),
        ("simulated:panel?effect=nan", ["effect", "nan"]),
        ("simulated:panel?seed", ["name=value"]),
        ("simulated:panel?seed=1&seed=2", ["seed, twice"]),
        ("simulate:creators", ['Did you mean "simulated"?']),
    ],
)
def test_what_is_wrong_with_an_address_is_said(address, complaints):
    with pytest.raises(DataError) as caught:
        read_dataset(address)
    assert all(complaint in str(caught.value) for complaint in complaints), str(caught.value)


def test_parameters_are_checked_in_python_too():
    with pytest.raises(DataError, match="no such parameter"):
        simulate.panel(efect=1)


# --- the truth ------------------------------------------------------------------------------------


def test_halves_have_the_declared_reliability():
    frame = simulate.creators(seed=1, n=20_000, reliability=0.7)
    r = np.corrcoef(np.log1p(frame["likes_odd"]), np.log1p(frame["likes_even"]))[0, 1]
    assert 2 * r / (1 + r) == pytest.approx(0.7, abs=0.02)


def test_parts_sum_to_the_whole(panel):
    assert (panel["likes"] == panel["likes_odd"] + panel["likes_even"]).all()
    assert (panel["likes"] == panel["peer_engagement"] + panel["customer_engagement"]).all()
    assert (panel["likes"] == panel["engagement_up"] + panel["engagement_down"]).all()


def test_the_displayed_score_is_the_old_version_and_then_the_new(panel):
    after = panel["month"] >= 7
    assert (panel["algorithm"] == after).all()
    assert (panel["klout"] == panel["klout_new"].where(after, panel["klout_old"])).all()
    assert (panel["perk"] == (panel["klout"] >= 40)).all()


def test_the_score_can_see_the_recorded_engagement_or_another_record():
    own, same = (simulate.creators(n=1000, shared=shared) for shared in (0, 1))
    assert (same["reactions"] == same["likes"] + same["bot_engagement"]).all()
    error = np.log1p(own["likes"]) - np.log(own["true_engagement"])
    seen = np.log1p(own["reactions"]) - np.log(own["true_engagement"])
    assert abs(np.corrcoef(error, seen)[0, 1]) < 0.1


def test_gaming_moves_the_score_and_not_the_outcome():
    frame = simulate.panel(n=1000)
    columns = ["klout_old", "referrals", "gaming"]
    within = frame[columns] - frame.groupby("creator")[columns].transform("mean")
    slope = (
        within[["klout_old", "referrals"]].mul(within["gaming"], axis=0).sum()
        / (within["gaming"] ** 2).sum()
    )
    assert slope["klout_old"] > 3
    assert abs(slope["referrals"]) < 0.3


TRUE = {
    "effect": 0.2,
    "relationships": 0.15,
    "posting": -0.1,
    "validity": 0.1,
    "gaming_effect": -0.3,
    "perk_effect": 0.2,
    "customers": 3.0,
}


@pytest.mark.parametrize("outcome", ["referrals", "revenue"])
def test_a_fit_that_sees_the_truth_finds_the_truth(fitted, tolerance, outcome):
    frame = simulate.panel(seed=5, n=1500, months=8, change=5, **TRUE)
    truths = simulate.truths(frame.attrs["simulated"])
    exact = truths[truths["exact"]].drop_duplicates("term").set_index("term")["truth"]
    spread = frame["klout"].std(ddof=1)
    estimate, error = fitted(
        frame,
        outcome,
        {
            "klout": frame["klout"] / spread,
            "log(paying_engagement)": np.log(frame["paying_engagement"]),
            "log1p(replies_down)": np.log1p(frame["replies_down"]),
            "log1p(posts)": np.log1p(frame["posts"]),
            "authority": frame["authority"],
            "gaming": frame["gaming"],
            "perk": frame["perk"],
        },
    )
    for term in set(estimate) - {"const"}:
        assert abs(estimate[term] - exact[term]) < tolerance.standard_errors * error[term], term


def test_nothing_is_found_where_nothing_is_declared(fitted, tolerance):
    frame = simulate.panel(seed=6, n=1500, months=8)
    estimate, error = fitted(
        frame,
        "referrals",
        {
            "klout": frame["klout"] / frame["klout"].std(ddof=1),
            "engagement": np.log(frame["true_engagement"]),
            "down": np.log1p(frame["replies_down"]),
            "gaming": frame["gaming"],
            "perk": frame["perk"],
        },
    )
    for term in ("klout", "down", "gaming", "perk"):
        assert abs(estimate[term]) < tolerance.standard_errors * error[term], term


def test_industries_differ_as_declared(fitted, tolerance):
    frame = simulate.creators(seed=8, n=20_000, effect=0.1, tau=0.1, social_media=0.3)
    truths = simulate.truths(frame.attrs["simulated"]).set_index("term")["truth"]
    spread = frame["klout"].std(ddof=1)
    for industry in ("social media", "restaurants"):
        part = frame[frame["industry"] == industry]
        estimate, error = fitted(
            part,
            "referrals",
            {"klout": part["klout"] / spread, "engagement": np.log(part["true_engagement"])},
        )
        assert (
            abs(estimate["klout"] - truths[f"klout in {industry}"])
            < tolerance.standard_errors * error["klout"]
        )
    others = [
        truths[f"klout in {name}"] for name in frame["industry"].unique() if name != "social media"
    ]
    assert np.std([*others, truths["klout in social media"] - 0.3], ddof=1) == pytest.approx(0.1)


def test_bunching_lifts_those_just_below_the_perk():
    plain, bunched = (simulate.creators(n=3000, bunching=share)["klout"] for share in (0, 0.5))
    below = ((plain >= 38) & (plain < 40)).sum()
    assert ((bunched >= 38) & (bunched < 40)).sum() == pytest.approx(below / 2, rel=0.2)


def test_late_payments_foretell_default():
    frame = simulate.creators(n=5000)
    assert frame.groupby("default")["late_payments"].mean().diff().iloc[1] > 0.5
    assert abs(np.corrcoef(frame["default"], frame["klout"])[0, 1]) < 0.05


def test_a_full_panel_is_drawn_within_a_second():
    """Half a second on a quiet machine; the limit leaves room for others."""
    import time

    simulate._world.cache_clear()
    start = time.process_time()
    simulate.panel(seed=99)
    assert time.process_time() - start < 1.5


# --- in an audit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan():
    return {
        "name": "drawn",
        "question": "Does it?",
        "dataset": "simulated:creators?seed=7&effect=0.5&engagement=0.5&n=800",
        "row": "creator",
        "score": {"columns": ["klout"], "shares_error": "none"},
        "engagement": {
            "columns": ["likes"],
            "transform": "log1p",
            "halves": {"likes": ["likes_odd", "likes_even"]},
        },
        "outcome": [{"column": "referrals", "kind": "count", "sesoi": 0.05}],
    }


def test_a_plan_may_name_a_simulated_table(plan):
    found = analyse(plan)
    assert found.verdict_on().verdict == "adds"
    assert found.dataset.simulated


@pytest.fixture(scope="module")
def exported(plan, tmp_path_factory):
    found = analyse(plan)
    return found, Audit(found).export(tmp_path_factory.mktemp("results") / "drawn")


def test_every_sentence_figure_and_table_says_that_the_data_are_simulated(exported):
    found, folder = exported
    assert (
        Audit(found)
        .sentence()
        .startswith("In simulated data, with recorded engagement held constant")
    )
    assert all(
        figure.alt.startswith("Simulated data.")
        for figure in (Audit(found).plot(), Audit(found).plot("data"))
    )
    assert all(
        figure.caption.startswith("Simulated data.")
        for figure in (Audit(found).plot(), Audit(found).plot("data"))
    )
    assert "simulated data" in Audit(found).table().caption.lower()
    assert "(simulated data)" in repr(Audit(found))
    assert (folder / "tables" / "rows.html").read_text().count("Simulated data.") == 1
    report = (folder / "report.html").read_text()
    assert "<strong>Simulated data.</strong>" in report
    assert "<title>Simulated data:" in report
    assert "Simulated data" in str(sa.check(found.plan))


def test_the_ledger_and_what_is_cited_from_it_say_so_too(exported):
    found, folder = exported
    import json

    record = json.loads((folder / "ledger.json").read_text())
    assert record["dataset"]["simulated"] is True
    assert all("simulated data" in row["note"] for row in record["estimates"])
    assert all(row["sentence"].startswith("In simulated data") for row in record["verdicts"])
    assert "simulated data" in Audit(found).cite().bibtex
    assert (
        Audit(found).cite(record["estimates"][0]["id"]).sentence.startswith("In simulated data: ")
    )
    assert "Simulated data" in (folder / "numbers.tex").read_text()
    assert "simulated data" in (folder / "citation.json").read_text()


def test_real_data_do_not_say_so(make_frame, plan_of):
    found = analyse(plan_of(), make_frame())
    assert "imulated" not in Audit(found).sentence() + Audit(found).plot().alt + repr(Audit(found))
