"""What a plan could show before any data exist: against published sizes, a simulation, and the
audit itself.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import analysis as sa
from analysis.audit import analyse
from analysis.cli import cli
from analysis.errors import PlanError


def plan(kind="continuous", sesoi=0.1, *, dataset="not-there.csv", **changes):
    return {
        "name": "ahead",
        "question": "What could it show?",
        "dataset": dataset,
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"]},
        "outcome": [{"column": "y", "kind": kind, "sesoi": sesoi}],
    } | changes


GRID = [
    (0.2, 0.002, 3145, 3426),
    (0.2, 0.005, 1260, 1371),
    (0.2, 0.01, 630, 686),
    (0.2, 0.02, 316, 343),
    (0.5, 0.002, 1965, 2141),
    (0.5, 0.005, 790, 857),
    (0.5, 0.01, 395, 429),
    (0.5, 0.02, 199, 215),
]
"""R2, gain in R2 of interest, rows to detect it, rows to conclude that it is not there; 5 %, 80 %.
"""


@pytest.mark.parametrize(("r2", "gain", "detect", "nothing"), GRID)
@pytest.mark.parametrize("r2_score", [0.0, 0.49])
def test_rows_needed_are_the_known_ones(r2, gain, detect, nothing, r2_score):
    """A gain in R2 as a slope per standard deviation: what engagement explains of the score costs
    no rows in R2.
    """
    sesoi = math.sqrt(gain / (1 - r2_score))
    one = sa.power(plan(sesoi=sesoi), n=500, sd=1.0, r2_outcome=r2, r2_score=r2_score).outlooks[0]
    assert one.rows_sesoi == pytest.approx(detect, rel=0.005)
    assert one.rows_nothing == pytest.approx(nothing, abs=1)


def test_what_engagement_explains_of_the_score_costs_power():
    """At R2 = .94 the standard error is 4.1 times as large."""
    errors = [
        sa.power(plan(), n=500, sd=1.0, r2_score=r2).outlooks[0].std_error for r2 in (0.94, 0.0)
    ]
    assert errors[0] / errors[1] == pytest.approx(4.1, abs=0.05)


def test_the_detectable_effect_is_2_8_standard_errors():
    one = sa.power(plan(), n=1000, sd=2.0).outlooks[0]
    assert one.mde / one.std_error == pytest.approx(2.80, abs=0.005)


def test_power_agrees_with_simulated_regressions():
    """r2 .49 of the score, .25 of the outcome: share of 2,000 samples whose interval excludes 0."""
    rng, n, sesoi = np.random.default_rng(3), 300, 0.1
    one = sa.power(plan(sesoi=sesoi), n=n, sd=1.0, r2_score=0.49, r2_outcome=0.25).outlooks[0]
    e, noise, left = rng.normal(size=(3, 2000, n))
    s = 0.7 * e + math.sqrt(0.51) * noise
    y = sesoi * s + 0.3 * e + math.sqrt(0.75) * left
    x = np.stack([np.ones_like(e), e, s], axis=-1)
    gram = np.linalg.inv(np.einsum("rni,rnj->rij", x, x))
    slopes = np.einsum("rij,rnj,rn->ri", gram, x, y)
    rest = y - np.einsum("rni,ri->rn", x, slopes)
    t = slopes[:, 2] / np.sqrt((rest**2).sum(axis=1) / (n - 3) * gram[:, 2, 2])
    seen = (np.abs(t) > stats.t.isf(0.025, n - 3)).mean()
    assert seen == pytest.approx(one.power_sesoi, abs=4.5 * math.sqrt(0.25 / 2000))


def test_the_worthless_score_of_the_issue():
    """Reliability .8, correlations .7 and .5 with true engagement: passes 41 %, 89 % and always."""
    found = sa.power(
        plan(),
        n=[300, 1000, 5000],
        sd=1.0,
        r2_score=0.49 * 0.8,
        r2_outcome=0.25 * 0.8,
        reliability=0.8,
    )
    assert [one.worthless_plain for one in found.outlooks] == pytest.approx(
        [0.41, 0.89, 1.0], abs=0.02
    )
    assert all(one.worthless_both < 0.05 for one in found.outlooks)
    assert all(one.mde_corrected > one.mde for one in found.outlooks)


def test_impossible_reliability_is_said_and_not_computed():
    one = sa.power(plan(), n=300, sd=1.0, r2_score=0.95, reliability=0.8)
    assert one.outlooks[0].worthless_plain is None
    assert "must share its errors" in str(one)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("revenue", {"mean": 100, "sd": 120}),
        ("count", {"mean": 2.5}),
        ("binary", {"mean": 0.3}),
        ("continuous", {"sd": 12}),
    ],
)
def test_every_kind_without_data(kind, given):
    found = sa.power(plan(kind, 0.05 if kind != "continuous" else 1.0), **given)
    assert [one.n for one in found.outlooks] == [300, 1000, 5000]
    errors = [one.std_error for one in found.outlooks]
    assert errors[0] / errors[2] == pytest.approx(math.sqrt(5000 / 300))
    json.dumps(found.record(), allow_nan=False)


def test_a_binary_outcome_is_in_points_of_probability():
    one = sa.power(plan("binary", 0.05), n=1000, mean=0.3, r2_score=0.0, r2_outcome=0.0).outlooks[0]
    assert one.std_error == pytest.approx(math.sqrt(0.3 * 0.7 / 1000))
    assert one.displayed.endswith("points")


def test_counts_without_a_spread_are_poisson():
    one = sa.power(plan("count", 0.05), n=1000, mean=2.5, r2_score=0.0).outlooks[0]
    assert one.std_error == pytest.approx(1 / math.sqrt(2.5 * 1000))


@pytest.mark.parametrize("kind", ["revenue", "count", "binary", "continuous"])
def test_with_data_the_standard_error_is_near_the_audits(kind, make_frame, plan_of, tmp_path):
    frame = make_frame(1500)
    frame.to_csv(tmp_path / "demo.csv", index=False)
    own = plan_of(kind).content() | {"dataset": str(tmp_path / "demo.csv")}
    one = sa.power(own).outlooks[0]
    deciding = analyse(own | {"quick": True}).verdict_on().deciding
    assert one.n == deciding.n
    assert one.std_error == pytest.approx(deciding.std_error, rel=0.2)


def test_the_link_of_score_and_outcome_is_not_looked_at(make_frame, plan_of, tmp_path):
    """Shuffling the outcome's part that the score alone explains must not matter: the full model is
    never fitted.
    """
    frame = make_frame(600, klout=0.0)
    path = tmp_path / "demo.csv"
    own = plan_of("continuous").content() | {"dataset": str(path)}
    found = []
    for effect in (0.0, 0.1):
        design_part = frame.klout - frame.klout.mean()
        clean = pd.DataFrame({"one": 1.0, "likes": np.log1p(frame.likes)})
        left = design_part - clean @ np.linalg.lstsq(clean, design_part, rcond=None)[0]
        frame.assign(growth=frame.growth + effect * left).to_csv(path, index=False)
        found.append(sa.power(own, sd=1.0, r2_outcome=0.2).outlooks[0])
    assert found[0] == found[1]


def test_raw_scale_is_per_unit():
    raw = sa.power(
        plan(score={"columns": ["score"], "scale": "raw"}), n=500, sd=1.0, sd_score=4.0
    ).outlooks[0]
    assert raw.std_error == pytest.approx(sa.power(plan(), n=500, sd=1.0).outlooks[0].std_error / 4)


def test_what_is_missing_and_what_is_impossible_is_said_all_at_once():
    with pytest.raises(PlanError) as error:
        sa.power(plan("revenue", 0.05))
    assert [fault.place for fault in error.value.faults] == ["mean", "sd"]
    with pytest.raises(PlanError) as error:
        sa.power(plan(), n=3, r2_score=1.0, reliability=0.0, sd=-1)
    assert {fault.place for fault in error.value.faults} == {"n", "r2_score", "reliability", "sd"}


def test_the_command_speaks_and_gives_json(tmp_path, root):
    path = tmp_path / "ahead.toml"
    path.write_text(
        'name = "ahead"\nquestion = "?"\ndataset = "later.csv"\n[score]\ncolumns = ["s"]\n'
        '[engagement]\ncolumns = ["e"]\n[[outcome]]\ncolumn = "y"\nkind = "revenue"\nsesoi = 0.05\n'
        '[cluster]\ncolumn = "team"\n'
    )
    told = CliRunner().invoke(
        cli, ["power", str(path), "--mean", "100", "--sd", "120", "--n", "2000"]
    )
    assert told.exit_code == 0
    assert "2,000 rows" in told.output
    assert "clusters (team)" in told.output
    given = CliRunner().invoke(
        cli, ["power", str(path), "--mean", "100", "--sd", "120", "--n", "2000", "--json"]
    )
    record = json.loads(given.output)
    assert record["results"][0]["n"] == 2000
    assert record["assumptions"][0]["taken_from"]["mean"] == "given"


def test_a_level_of_less_needs_fewer_rows():
    strict = sa.power(plan(), n=500, sd=1.0).outlooks[0]
    loose = sa.power(plan(inference={"level": 0.9}), n=500, sd=1.0).outlooks[0]
    assert loose.rows_sesoi < strict.rows_sesoi
    assert loose.power_sesoi > strict.power_sesoi


def test_the_table_has_a_row_per_number_of_rows():
    table = sa.power(plan(), n=[100, 200], sd=1.0).table
    assert table["n"].tolist() == [100, 200]
