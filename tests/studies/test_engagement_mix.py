"""Parts of engagement: what pays and what is rewarded, in simulated creators whose truth is
declared.
"""

import numpy as np
import pytest
from scipy import stats

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import read_dataset
from analysis.data.sample import select_sample
from analysis.plan import read_plan
from analysis.report.html import sections_of
from analysis.results.question import Question
from analysis.studies.engagement_mix.study import proportional, study_parts

BY_WHOM = ("peer_engagement", "customer_engagement", "bot_engagement")


def plan(columns=BY_WHOM, seed=3, n=3000, parts=None, **truth):
    query = "&".join(f"{key}={value}" for key, value in {"seed": seed, "n": n, **truth}.items())
    return read_plan(
        {
            "name": "made-of",
            "question": "What does the score reward?",
            "dataset": f"simulated:creators?{query}",
            "score": {"columns": ["klout"]},
            "engagement": {"columns": ["likes"], "transform": "log1p"},
            "outcome": [{"column": "referrals", "kind": "count", "sesoi": 0.05}],
            "parts": parts or {"columns": list(columns)},
            "quick": True,
        }
    )


def found(**given):
    said = plan(**given)
    seen = study_parts(
        Question(select_sample(said, read_dataset(said.dataset)), said.outcome[0], "klout")
    )
    return {row.term: row for row in seen.rows}, {check.check: check for check in seen.checks}


def test_customers_pay_and_the_score_rewards_bots_too():
    rows, checks = found(customers=1.0, peers=0.0, robots=1.0)
    assert checks["misalignment"].passed is False
    assert "goes most with engagement of customers" in checks["misalignment"].reason
    assert rows["weight_score:bot_engagement"].interval(0.95)[0] > 0
    bots, customers = (rows[f"weight_outcome:{who}_engagement"] for who in ("bot", "customer"))
    assert customers.estimate > bots.estimate
    peers = rows["weight_outcome:peer_engagement"]
    assert abs(peers.estimate) < customers.estimate / 2


def test_peers_pay_where_only_they_do():
    rows, checks = found(customers=0.0, peers=1.0)
    assert (
        "goes most with engagement of peers" in checks["misalignment"].reason
        or checks["misalignment"].passed
    )
    assert rows["weight_outcome:peer_engagement"].interval(0.95)[0] > 0
    assert (
        rows["weight_outcome:customer_engagement"].estimate
        < rows["weight_outcome:peer_engagement"].estimate
    )


def test_up_and_down_the_ladder():
    rows, _ = found(columns=("engagement_up", "engagement_down"), up=0.0)
    up, down = (rows[f"weight_outcome:engagement_{way}"].estimate for way in ("up", "down"))
    assert down > up


def test_proportional_weights():
    """With independent weights of one variance the distance is an eigenvalue, and the size is
    kept.
    """
    rng, truth = np.random.default_rng(1), np.array([10.0, 5.0, 2.0])
    pairs = np.stack(
        [truth + rng.normal(size=(20_000, 3)), truth + rng.normal(size=(20_000, 3))], axis=2
    )
    least = np.linalg.eigvalsh(np.swapaxes(pairs, 1, 2) @ pairs)[:, 0]
    for pair, distance in zip(pairs[:10], least[:10], strict=True):
        found = proportional(pair[:, 0] / 10, pair[:, 1] / 5, np.diag([0.01] * 3 + [0.04] * 3))
        assert found.statistic == pytest.approx(distance)
        assert found.p_value == pytest.approx(stats.chi2.sf(distance, 2))
    assert np.mean(stats.chi2.sf(least, 2) < 0.05) == pytest.approx(0.05, abs=0.005)
    apart = proportional(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.eye(4) / 100)
    assert apart.p_value < 1e-6
    assert apart.likeness == 0.0


def test_the_distance_does_not_depend_on_units():
    weights, others, cov = (
        np.array([1.0, 0.3, 0.1]),
        np.array([0.2, 0.5, 0.1]),
        np.diag([0.01, 0.02, 0.03] * 2),
    )
    scale = np.array([1.0] * 3 + [1000.0] * 3)
    one = proportional(weights, others, cov)
    other = proportional(weights, 1000 * others, cov * np.outer(scale, scale))
    assert one.statistic == pytest.approx(other.statistic)


def test_the_report_shows_the_misalignment():
    section = sections_of(analyse(plan(n=500)))["engagement_mix"]
    assert "likeness" in section.paragraphs[1]
    assert "engagement of bots" in section.figures[0].alt
    assert section.tables[0].rows[0][0] == "engagement of peers"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"columns": ["likes"]}, "parts"),
        ({"columns": ["likes", "likes"]}, "each part once"),
        ({"columns": ["likes", "klout"]}, "a score or an outcome"),
        ({"columns": ["likes", "posts"], "transform": "spline"}, "one weight"),
    ],
)
def test_what_a_plan_may_not_say(parts, said):
    with pytest.raises(sa.AnalysisError, match=said):
        plan(parts=parts)


def test_parts_that_follow_from_each_other_are_not_weighed():
    said = {"columns": ["likes", "peer_engagement", "customer_engagement"], "transform": "identity"}
    rows, checks = found(n=200, parts=said)
    assert rows == {}
    assert "linear combination" in checks["misalignment"].reason
