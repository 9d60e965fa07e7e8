"""The multiverse: every specification is the audit of one plan, and the joint tests hold their
size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.errors import PlanError
from analysis.multiverse.run import run_multiverse
from analysis.multiverse.specifications import own_specification, specifications

AGREEMENT = 1e-8
"""Moments and direct fits are two routes to one number; the condition number of these designs is
below 1e3.
"""


def option(name, **sets):
    return {"name": name, "reason": "made for a test", **sets}


def plan_of(**changes):
    plan = {
        "name": "many",
        "question": "Does it matter how one looks?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"], "transform": "log1p"},
        "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}],
        "inference": {"seed": 5},
        "multiverse": {
            "resamples": 199,
            "decision": [
                {
                    "name": "score used",
                    "option": [
                        option("own"),
                        option("other", score="rival", score_transform="rank"),
                    ],
                },
                {
                    "name": "attention",
                    "option": [
                        option("log"),
                        option("spline", engagement={"likes": "spline"}),
                        option("both", engagement={"likes": "sqrt", "visits": "log1p"}),
                    ],
                },
                {"name": "held", "subsets": ["age", "town"], "reason": "either may confound"},
                {
                    "name": "fit",
                    "option": [
                        option("poisson"),
                        option("ols", model="ols"),
                        option("log", model="ols", outcome_transform="log1p"),
                    ],
                },
                {"name": "errors", "option": [option("rows"), option("by town", cluster="owner")]},
                {
                    "name": "who",
                    "option": [option("all"), option("old", keep=[{"column": "age", "min": 30}])],
                },
            ],
        },
    }
    return plan | changes


def frame_of(n=400, effect=0.0, seed=11):
    rng = np.random.default_rng(seed)
    liked = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "score": liked + rng.normal(size=n),
            "rival": liked + rng.normal(size=n),
            "likes": rng.poisson(np.exp(3 + 0.5 * liked)),
            "visits": rng.poisson(np.exp(4 + 0.3 * liked)),
            "age": rng.integers(20, 60, n),
            "town": rng.choice(["Ghent", "Liege", "Namur"], n),
            "owner": [f"owner {i}" for i in rng.integers(0, 70, n)],
        }
    )
    mean = np.exp(2 + 0.4 * liked + effect * frame["score"])
    frame["sales"] = rng.gamma(2, mean / 2) * (rng.random(n) > 0.1)
    return frame


def multiverse_of(plan, frame):
    """Return the multiverse of a plan; its sample is that of the plan without one."""
    alone = sa.read_plan({k: v for k, v in plan.items() if k != "multiverse"})
    sample = select_sample(alone, from_frame(frame))
    return run_multiverse(replace(sample, plan=sa.read_plan(plan)))


@pytest.fixture(scope="module")
def many():
    frame = frame_of(effect=0.1)
    return frame, multiverse_of(plan_of(), frame)


def variant_plan(spec):
    """The plan that one specification is."""
    plan = {k: v for k, v in plan_of().items() if k != "multiverse"} | {"quick": True}
    plan["score"] = {"columns": [spec.score], "transform": spec.score_transform, "scale": "raw"}
    plan["engagement"] = {
        "columns": [c for c, _ in spec.engagement],
        "transform": dict(spec.engagement),
    }
    plan["controls"] = {"columns": list(spec.controls)}
    plan["keep"] = [keep.model_dump(by_alias=True, exclude_unset=True) for keep in spec.keep]
    if spec.cluster:
        plan["cluster"] = {"column": spec.cluster}
    own = {"column": "sales", "kind": "revenue", "sesoi": 0.05, "model": spec.model}
    plan["outcome"] = [own | ({"variants": ["log1p"]} if spec.outcome_transform == "log1p" else {})]
    return plan


def test_every_specification_is_the_audit_of_one_plan(many):
    frame, found = many
    specs = specifications(sa.read_plan(plan_of()))
    assert len(specs) == len(found.table) == 2 * 3 * 4 * 3 * 2 * 2
    whole = analyse({**plan_of(), "quick": True}, frame).sample
    spread = {
        "score": np.std(frame["score"], ddof=1),
        "rival": np.std(frame["rival"].rank() / len(frame), ddof=1),
    }
    checked = np.random.default_rng(1).choice(len(specs), 30, replace=False)
    for position in checked:
        spec, row = specs[position], found.table.iloc[position]
        audit = analyse(variant_plan(spec), frame)
        parts = {"method": "increment", "model": spec.model, "term": spec.score, "scale": "raw"}
        direct = audit.estimates.one(
            **parts, variant="log1p" if spec.outcome_transform == "log1p" else ""
        )
        unit = 1.0
        if spec.model == "ols" and spec.outcome_transform == "identity":
            unit = whole.numbers("sales").mean()
        assert row["covariance"] == direct.covariance
        assert row["n"] == direct.n
        by = spread[spec.score] / unit
        assert row["estimate"] == pytest.approx(direct.estimate * by, rel=AGREEMENT), spec
        assert row["std_error"] == pytest.approx(direct.std_error * by, rel=AGREEMENT), spec
        assert row["p_value"] == pytest.approx(direct.p_value, rel=1e-6, abs=1e-12)


def test_the_plans_own_analysis_is_found(many):
    plan = sa.read_plan(plan_of())
    specs = specifications(plan)
    own = own_specification(plan, specs)
    assert own.choices == ("own", "log", "none", "poisson", "rows", "all")
    frame, found = many
    audit = analyse({k: v for k, v in plan_of().items() if k != "multiverse"}, frame)
    assert found.table.iloc[specs.index(own)]["verdict"] == audit.verdict_on().as_recorded


def test_forbidden_combinations_are_left_out():
    plan = plan_of()
    plan["multiverse"] = plan["multiverse"] | {
        "forbidden": [{"fit": "poisson", "errors": "by town"}]
    }
    specs = specifications(sa.read_plan(plan))
    assert len(specs) == 2 * 3 * 4 * 5 * 2
    assert not [spec for spec in specs if spec.model == "poisson" and spec.cluster]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"forbidden": [{"fit": "probit"}]}, "probit"),
        ({"decision": [{"name": "note", "option": [option("a")]}]}, "note"),
        ({"decision": [{"name": "x"}]}, "tables or subsets"),
        ({"decision": [{"name": "x", "option": [option("a"), option("a")]}]}, "same name"),
        ({"decision": [{"name": "x", "subsets": ["age"]}]}, "reason"),
        ({"decision": [{"name": "x", "option": [{"name": "a"}]}]}, "reason"),
    ],
)
def test_a_faulty_multiverse_is_refused(change, said):
    plan = plan_of()
    plan["multiverse"] = plan["multiverse"] | change
    with pytest.raises(PlanError, match=said):
        sa.read_plan(plan)


def test_an_option_with_an_unknown_outcome_is_refused():
    plan = plan_of()
    plan["multiverse"] = {"decision": [{"name": "x", "option": [option("a", outcome="sale")]}]}
    with pytest.raises(PlanError, match='Did you mean "sales"'):
        specifications(sa.read_plan(plan))


def test_own_rows_and_common_rows_differ_only_where_values_are_missing():
    frame = frame_of()
    frame["town"] = frame["town"].astype(object)
    frame.loc[frame.index[:40], "visits"] = np.nan
    common, own = plan_of(), plan_of()
    own["multiverse"] = own["multiverse"] | {"rows": "own"}
    fewer, all_rows = multiverse_of(common, frame).table, multiverse_of(own, frame).table
    uses = fewer["attention"] == "both"
    assert (fewer["n"] < len(frame)).all()
    everyone = all_rows["who"] == "all"
    assert (all_rows.loc[~uses & everyone, "n"] == len(frame)).all()
    pd.testing.assert_series_equal(
        fewer.loc[uses, "estimate"], all_rows.loc[uses, "estimate"], rtol=1e-9
    )


def test_specifications_without_an_estimate_say_why():
    frame = frame_of()
    frame["twin"] = 2 * frame["score"]
    plan = plan_of()
    plan["multiverse"] = {
        "decision": [{"name": "held", "subsets": ["twin", "age"], "reason": "test"}]
    }
    plan["outcome"] = [{"column": "sales", "kind": "revenue", "sesoi": 0.05, "model": "ols"}]
    table = multiverse_of(plan, frame).table.set_index("held")
    assert table.loc[["none", "age"], "estimate"].notna().all()
    assert table.loc[["twin", "twin+age"], "estimate"].isna().all()
    assert "combination" in table.loc["twin", "note"]


def reliable(**changes):
    plan = plan_of(**changes)
    plan["multiverse"] = {
        "resamples": 99,
        "decision": [
            {
                "name": "noise",
                "option": [
                    option("none"),
                    option("some", reliability={"likes": 0.8}),
                    option("much", reliability={"likes": 0.6}),
                ],
            },
            {
                "name": "attention",
                "option": [
                    option("log"),
                    option("spline", engagement={"likes": "spline"}),
                    option("visits", engagement={"visits": "log1p"}),
                ],
            },
            {"name": "fit", "option": [option("poisson"), option("ols", model="ols")]},
            {"name": "errors", "option": [option("rows"), option("by town", cluster="owner")]},
        ],
    }
    return plan


def test_a_reliability_is_the_corrected_fit_of_one_plan():
    """The second route is the audit of a plan that declares the reliability itself."""
    frame = frame_of(effect=0.1)
    found = multiverse_of(reliable(), frame)
    table = found.table
    mean = (
        analyse({k: v for k, v in plan_of().items() if k != "multiverse"}, frame)
        .sample.numbers("sales")
        .mean()
    )
    for name, value, model, how, errors in (
        ("some", 0.8, "poisson", "calibration", "rows"),
        ("much", 0.6, "poisson", "calibration", "by town"),
        ("much", 0.6, "ols", "eiv", "rows"),
        ("some", 0.8, "ols", "eiv", "by town"),
    ):
        plan = {k: v for k, v in plan_of().items() if k != "multiverse"} | {"quick": True}
        plan["engagement"] = plan["engagement"] | {"reliability": {"likes": value}}
        plan["outcome"] = [{"column": "sales", "kind": "revenue", "sesoi": 0.05, "model": model}]
        plan |= {"cluster": {"column": "owner"}} if errors == "by town" else {}
        parts = {"method": "corrected", "model": how, "term": "score", "scale": "sd", "variant": ""}
        direct = analyse(plan, frame).estimates.one(**parts)
        same = (table["noise"] == name) & (table["attention"] == "log")
        row = table[same & (table["fit"] == model) & (table["errors"] == errors)].iloc[0]
        unit = mean if model == "ols" else 1.0
        assert row["estimate"] == pytest.approx(direct.estimate / unit, rel=AGREEMENT)
        assert row["std_error"] == pytest.approx(direct.std_error / unit, rel=AGREEMENT)
        assert row["covariance"] == direct.covariance
        assert f"reliability of likes {value:g}" in row["note"]
    curve = table.query("attention == 'log' and fit == 'poisson' and errors == 'rows'")["estimate"]
    assert (
        curve.is_monotonic_decreasing
    )  # likes hold what the score shares with them: less noise, less of a score


def test_corrected_fits_are_on_the_curve_and_in_no_joint_test():
    found = multiverse_of(reliable(), frame_of(effect=0.1))
    table = found.table
    noisy = table["noise"] != "none"
    lost = noisy & (table["attention"] != "log")
    assert table.loc[lost, "estimate"].isna().all()
    assert set(table.loc[lost, "note"]) == {
        "the reliability of likes, which is in the form spline, which has no correction",
        "the reliability of likes, which is not held here",
    }
    assert table.loc[~lost, "estimate"].notna().all()
    assert table.loc[noisy, "p_adjusted"].isna().all()
    assert table.loc[~noisy, "p_adjusted"].notna().all()
    assert all("4 more, corrected for noise" in row.note for row in found.estimates)
    plain = reliable()
    plain["multiverse"]["decision"][0]["option"] = plain["multiverse"]["decision"][0]["option"][:1]
    alone = multiverse_of(plain, frame_of(effect=0.1))
    assert [row.p_value for row in found.estimates] == [row.p_value for row in alone.estimates]


def test_a_reliability_of_nearly_nothing_is_refused_and_one_of_one_is_the_plain_fit():
    plan = reliable()
    for at, value in ((1, 0.02), (2, 1.0)):
        plan["multiverse"]["decision"][0]["option"][at]["reliability"] = {"likes": value}
    table = (
        multiverse_of(plan, frame_of(effect=0.1))
        .table.query("attention == 'log'")
        .set_index("noise")
    )
    assert table.loc["some", "estimate"].isna().all()
    assert table.loc["some", "note"].str.contains("refused").all()
    assert table.loc["none", "estimate"].tolist() == table.loc["much", "estimate"].tolist()


def test_a_reliability_of_something_else_is_refused():
    plan = reliable()
    plan["multiverse"]["decision"][0]["option"][1]["reliability"] = {"like": 0.8}
    with pytest.raises(PlanError, match='Did you mean "likes"'):
        specifications(sa.read_plan(plan))
    plan["multiverse"]["decision"][0]["option"][1]["reliability"] = {"likes": 0.8}
    plan["engagement"] = {"columns": ["likes"], "halves": {"likes": ["odd", "even"]}}
    with pytest.raises(PlanError, match="not both"):
        specifications(sa.read_plan(plan))
    plan["multiverse"]["decision"][0]["option"][1]["reliability"] = {"likes": 1.8}
    with pytest.raises(PlanError, match="1"):
        sa.read_plan(plan)


def test_variance_shares_add_up_in_a_balanced_multiverse_of_one_decision():
    plan = plan_of()
    plan["multiverse"] = {
        "decision": [{"name": "held", "subsets": ["age", "town"], "reason": "test"}]
    }
    decisions = multiverse_of(plan, frame_of()).decisions
    assert decisions["variance_share"].tolist() == [pytest.approx(1.0)]


def test_the_same_seed_gives_the_same_digits(many):
    frame, found = many
    again = multiverse_of(plan_of(), frame)
    pd.testing.assert_frame_equal(found.table, again.table, check_exact=True)
    assert [e.p_value for e in found.estimates] == [e.p_value for e in again.estimates]


def test_joint_tests_hold_their_size_and_have_power():
    """Under the null, with all specifications correlated: a binomial bound on 120 draws."""
    plan = plan_of()
    plan["multiverse"] = {
        "resamples": 99,
        "decision": [
            {
                "name": "attention",
                "option": [option("log"), option("spline", engagement={"likes": "spline"})],
            },
            {"name": "held", "subsets": ["age", "town"], "reason": "test"},
            {
                "name": "fit",
                "option": [
                    option("log", model="ols", outcome_transform="log1p"),
                    option("poisson"),
                ],
            },
        ],
    }
    plan["engagement"] = {"columns": ["attention"], "transform": "identity"}
    for decision in plan["multiverse"]["decision"]:
        for choice in decision.get("option", ()):
            if "engagement" in choice:
                choice["engagement"] = {"attention": "spline"}
    rejected = {"ols": [], "poisson": []}
    for seed in range(120):
        frame = frame_of(n=200, seed=1000 + seed)
        rng = np.random.default_rng(seed)
        frame["attention"] = rng.normal(size=200)
        frame["score"] = frame["attention"] + rng.normal(size=200)
        frame["sales"] = rng.gamma(4, np.exp(1 + 0.4 * frame["attention"]) / 4)
        for estimate in multiverse_of(plan, frame).estimates:
            if estimate.term == "pima":
                rejected[estimate.model].append(estimate.p_value < 0.05)
    for model, draws in rejected.items():
        assert len(draws) == 120, model
        assert np.sum(draws) <= 13, (model, np.mean(draws))  # P(X > 13 | n = 120, p = .05) < .005
    strong = multiverse_of(plan_of(), frame_of(n=800, effect=0.5))
    assert all(e.p_value < 0.01 for e in strong.estimates if e.term == "pima")
