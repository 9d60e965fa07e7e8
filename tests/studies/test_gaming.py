"""Gaming in simulated creators, whose truth is declared: each claim is found where it is true, and
only there.
"""

import numpy as np
import pytest
from scipy import stats

import analysis as sa
from analysis import simulate
from analysis.audit import analyse
from analysis.data.dataset import from_frame, read_dataset
from analysis.data.sample import select_sample
from analysis.errors import DesignError
from analysis.measurement_error.other_corrections import corrected_within
from analysis.models.covariance import around, corrected_without, without_clusters
from analysis.models.fixed_effects import sweep
from analysis.plan import read_plan
from analysis.report.html import sections_of
from analysis.results.question import Question
from analysis.studies.gaming.episodes import (
    displaced,
    episodes_of,
    inferred_states,
    information,
)
from analysis.studies.gaming.event_study import Change
from analysis.studies.gaming.jump_detection import find_jumps
from analysis.studies.gaming.study import EventStudy, study_gaming

FLAGGED = {"episode": "gaming"}


def plan(
    gaming=FLAGGED,
    seed=3,
    n=300,
    months=18,
    *,
    outcome="referrals",
    halves=True,
    panel=True,
    **truth,
):
    query = "&".join(
        f"{k}={v}"
        for k, v in {"seed": seed, "n": n, "months": months, "change": 0, **truth}.items()
    )
    engagement = {"columns": ["likes"], "transform": "log1p"}
    if halves:
        engagement["halves"] = {"likes": ["likes_odd", "likes_even"]}
    kind = {"referrals": "count", "revenue": "revenue"}[outcome]
    said = {
        "name": "gamed",
        "question": "Can it be gamed?",
        "dataset": f"simulated:panel?{query}",
        "score": {"columns": ["klout"], "shares_error": "none"},
        "engagement": engagement,
        "outcome": [{"column": outcome, "kind": kind, "sesoi": 0.05}],
        "cluster": {"column": "creator"},
        "gaming": gaming,
        "quick": True,
    }
    return read_plan(said | ({"panel": {"unit": "creator", "time": "month"}} if panel else {}))


def found(**given):
    said = plan(**given)
    seen = study_gaming(
        Question(select_sample(said, read_dataset(said.dataset)), said.outcome[0], "klout")
    )
    return (
        {(row.model, row.term, row.variant): row for row in seen.rows},
        {check.check: check for check in seen.checks},
    )


@pytest.fixture(scope="module")
def idle():
    """A score without any effect, which bots lift."""
    return found(n=600)


def test_the_signature_of_gaming(idle):
    rows, checks = idle
    assert rows["did-m", "score_jump", ""].interval(0.95)[0] > 0
    low, high = rows["did-m", "outcome_jump", ""].interval(0.95)
    assert low < 0 < high
    assert checks["gaming_signature"].passed is False
    assert "leaves" in checks["gaming_signature"].reason
    assert checks["gaming"].passed


def test_gaming_that_pays_has_no_signature():
    rows, checks = found(n=600, gaming_effect=0.6)
    assert rows["did-m", "outcome_jump", ""].interval(0.95)[0] > 0
    assert checks["gaming_signature"].passed is True


def test_a_worthless_score_has_no_slope_once_noise_is_taken_out(idle):
    rows, _ = idle
    plain, corrected = (rows[model, "klout", "organic"] for model in ("poisson", "calibrated"))
    assert plain.estimate > 2 * plain.std_error, "noise in engagement makes the score look valid"
    assert abs(corrected.estimate) < 2.6 * corrected.std_error
    assert 0 < rows["halves", "reliability_within:likes", ""].estimate < 0.8
    assert rows["calibrated", "decoupling", ""].bounds is None, (
        "an unbounded set has no ends to print"
    )
    assert "not told from zero" in rows["calibrated", "decoupling", ""].note


@pytest.mark.slow
def test_decoupling_is_found_where_it_is():
    rows, checks = found(n=800, effect=0.4, decoupling=0.0)
    assert checks["decoupling"].passed is False
    low, high = rows["calibrated", "decoupling", ""].bounds
    assert low < 0.5
    assert high < 1
    rows, checks = found(n=800, effect=0.4, decoupling=1.0)
    assert checks["decoupling"].passed is True
    low, high = rows["calibrated", "decoupling", ""].bounds
    assert low < 1 < high


def test_anticipation_shows_before_the_onset():
    rows, _ = found(n=800, anticipation=0.8)
    early = rows["did-m", "outcome_event", "onset.-1"]
    assert early.estimate > 2 * early.std_error
    careful = rows["did-m", "outcome_jump", "onset"]
    assert abs(careful.estimate) < 3 * careful.std_error


def test_honest_people_are_displaced(idle):
    rows, _ = idle
    row = rows["ranks", "displaced", ""]
    assert 0 < row.bounds[0] <= row.estimate <= row.bounds[1] < 0.5


# --- episodes that nobody flagged -----------------------------------------------------------------


FAR = {"gaming": {"infer": True}, "n": 300, "intensity": 300}
"""Gaming lifts the score by some seven standard deviations of its ordinary changes."""


def test_episodes_are_inferred():
    rows, checks = found(**FAR)
    assert "inferred" in checks["gaming"].reason
    assert rows["did-m", "score_jump", "onset"].estimate > 0
    frame = read_dataset(plan(**FAR).dataset).frame
    score, likes = (frame[c].to_numpy(float).reshape(300, 18) for c in ("klout", "likes"))
    truly = frame["gaming"].to_numpy().reshape(300, 18)
    states = find_jumps(score, np.log1p(likes)[None]).states
    assert truly[states == 1].mean() > 0.98
    assert states[truly == 1].mean() > 0.9


def test_what_no_jump_shows_is_not_inferred():
    """Gaming lifts the score by as much as it moves by itself: a rule that takes some months takes
    the wrong ones.
    """
    rows, checks = found(gaming={"infer": True}, n=300)
    assert not rows
    assert checks["gaming"].passed is None
    assert "no jump of the score without engagement that stands apart" in checks["gaming"].reason
    _, checks = found(**FAR | {"intensity": 40})
    assert "hard to tell from chance" in checks["gaming"].reason


def laid_out(table, *columns, periods=24):
    return (table[column].to_numpy(float).reshape(-1, periods) for column in columns)


@pytest.mark.parametrize("world", [{"gamers": 0}, {}])
def test_a_steep_score_is_no_gaming(world):
    """Kred-style points move in proportion to themselves: one spread for all took half of the
    people for gamers.
    """
    for seed in range(5):
        table = simulate.panel(seed=seed, n=200, months=24, change=0, **world)
        score, likes = laid_out(table, "kred", "likes")
        with pytest.raises(DesignError):
            find_jumps(score, np.log1p(likes)[None])


def refused(score, engagement):
    with pytest.raises(DesignError) as caught:
        find_jumps(score, engagement)
    return caught.value.faults[0].found


def test_a_score_whose_manner_is_to_jump_is_no_gaming():
    """One that is updated now and then, one that adds up, and one that is a curve of engagement."""
    rng = np.random.default_rng(2)
    level = rng.normal(size=(300, 1)) + 3
    truth = level + 0.3 * rng.normal(size=(300, 24))
    recorded = truth + 0.3 * rng.normal(size=truth.shape)
    last = np.maximum.accumulate(np.where(rng.random(truth.shape) < 0.45, np.arange(24), 0), axis=1)
    assert "in most periods" in refused(np.take_along_axis(truth, last, 1), recorded[None])
    assert refused(np.cumsum(rng.poisson(np.exp(truth)), axis=1).astype(float), recorded[None])
    assert refused(
        4 * np.sqrt(np.exp(recorded)) + 0.1 * rng.normal(size=truth.shape), recorded[None]
    )
    assert refused(np.exp(truth + 0.15 * rng.normal(size=truth.shape)), recorded[None])


def test_each_column_of_engagement_explains_for_itself():
    """A score that follows the first of two, with months in which it soars: their sum would explain
    half.
    """
    rng = np.random.default_rng(3)
    likes = (
        rng.normal(size=(300, 1))
        + 0.3 * rng.normal(size=(300, 24))
        + 2.5 * (rng.random((300, 24)) < 0.03)
    )
    posts, score = rng.normal(size=(300, 24)), likes + 0.1 * rng.normal(size=(300, 24))
    assert "no jump" in refused(score, np.stack([likes, posts]))


def test_jumps_that_come_and_go_both_ways_are_refused():
    score, engagement, _ = bumps()
    score[10:20, 8:11] -= 12
    assert "up and back" in refused(score, engagement[None])


def test_episodes_with_which_recorded_engagement_moves_are_refused():
    score, engagement, lifted = bumps(units=200)
    np.testing.assert_array_equal(inferred_states(score, engagement[None]) == 1, lifted)
    for record, how in ((engagement + 2 * lifted, "rises"), (engagement - 2 * lifted, "falls")):
        with pytest.raises(DesignError, match=f"recorded engagement {how}"):
            inferred_states(score, record[None])


def test_a_missing_period_is_bridged_and_half_gamed_units_are_seen():
    score, engagement, lifted = bumps()
    score[:10] += 12 * (np.arange(20) >= 11)
    lifted[:10, 11:] = True
    score[3, 14] = np.nan
    states = find_jumps(score, engagement[None]).states
    np.testing.assert_array_equal(states == 1, lifted & np.isfinite(score))


def test_an_outcome_that_rises_in_inferred_episodes_says_nothing():
    _, checks = found(**FAR, gaming_effect=0.6)
    assert checks["gaming_signature"].passed is None
    assert "cannot tell which" in checks["gaming_signature"].reason
    _, checks = found(**FAR | {"n": 600})
    assert checks["gaming_signature"].passed is False


def bumps(seed=5, units=60, periods=20, height=12.0):
    """Scores with a noise of one, three periods of which are lifted in the first ten units, and
    engagement.
    """
    rng = np.random.default_rng(seed)
    engagement = rng.normal(size=(units, periods))
    lifted = np.zeros((units, periods), bool)
    lifted[:10, 8:11] = True
    return engagement + rng.normal(size=(units, periods)) / 2 + height * lifted, engagement, lifted


def test_bumps_are_found_to_the_period():
    score, engagement, lifted = bumps()
    found = find_jumps(score, engagement[None])
    np.testing.assert_array_equal(found.states == 1, lifted)
    assert len(found.heights) == 20, "each begins and ends"
    assert found.spread == pytest.approx(np.sqrt(0.5), rel=0.1), "what engagement says is taken out"


def test_an_episode_under_way_at_the_start_is_known_by_its_end():
    score, engagement, lifted = bumps()
    np.testing.assert_array_equal(
        find_jumps(score[:, 9:], engagement[:, 9:][None]).states == 1, lifted[:, 9:]
    )


def test_what_all_share_and_what_engagement_explains_is_no_jump():
    score, engagement, lifted = bumps()
    found = find_jumps(score + np.where(np.arange(20) > 13, 30.0, 0.0), engagement[None])
    np.testing.assert_array_equal(found.states == 1, lifted)
    busy = engagement.copy()
    busy[20, 5:7] += 12
    np.testing.assert_array_equal(
        find_jumps(score + busy - engagement, busy[None]).states == 1, lifted
    )
    quiet = engagement.copy()
    quiet[20, 5] -= 12
    np.testing.assert_array_equal(find_jumps(score, quiet[None]).states == 1, lifted)


def test_a_dip_is_no_episode_and_gaps_stay_unknown():
    score, engagement, lifted = bumps()
    score[30, 12] -= 12
    score[5, 2], score[40, 9] = np.nan, np.nan
    states = find_jumps(score, engagement[None]).states
    np.testing.assert_array_equal(np.isnan(states), np.isnan(score))
    np.testing.assert_array_equal(states == 1, lifted)


@pytest.mark.parametrize("name", ["steady", "engagement itself"])
def test_a_score_without_ordinary_changes_has_none_that_stand_apart(name):
    _, engagement, lifted = bumps()
    score = {"steady": 40 + 12.0 * lifted, "engagement itself": engagement + 12 * lifted}[name]
    with pytest.raises(DesignError, match="in most periods is what it was"):
        find_jumps(score, engagement[None])


def test_chance_alone_stands_apart_in_no_panel():
    rng = np.random.default_rng(8)
    for _ in range(20):
        with pytest.raises(DesignError, match=r"stands apart|hard to tell from chance"):
            find_jumps(rng.normal(size=(300, 24)), rng.normal(size=(1, 300, 24)))


@pytest.mark.slow
def test_size_of_the_decoupling_test():
    """Twenty-four panels in which the slopes are equal."""
    t = [
        found(seed=seed, n=150, months=14, effect=0.2)[0]["calibrated", "decoupling", ""].statistic
        for seed in range(24)
    ]
    assert np.mean(np.abs(t) > 1.98) <= 0.21
    assert abs(np.mean(t)) < 3.5 / np.sqrt(24)


# --- the correction within units ------------------------------------------------------------------


def test_correction_is_errors_in_variables_for_least_squares():
    """Truth known: two noisy halves of an engagement that moves within units, and a score that
    follows it.
    """
    rng = np.random.default_rng(11)
    unit, time = np.repeat(np.arange(500), 8), np.tile(np.arange(8), 500)
    truth = rng.normal(size=500)[unit] + 0.7 * rng.normal(size=4000)
    first, second = (truth + 0.7 * rng.normal(size=4000) for _ in range(2))
    score = truth + 0.5 * rng.normal(size=4000)
    outcome = truth + 0.2 * score + rng.normal(size=4000)
    columns = sweep(np.column_stack([(first + second) / 2, score]), [unit, time])
    differences = sweep(np.column_stack([(first - second) / 2, np.zeros(4000)]), [unit, time])
    y = sweep(outcome[:, None], [unit, time])[:, 0]
    bread = np.linalg.inv(columns.T @ columns)
    params = bread @ columns.T @ y
    influence = columns * (y - columns @ params)[:, None] @ bread
    found, cov = corrected_within(params, influence, columns, differences, unit)
    by_hand = np.linalg.solve(columns.T @ columns - differences.T @ differences, columns.T @ y)
    assert found == pytest.approx(by_hand)
    assert np.abs(found - [1.0, 0.2]) == pytest.approx(
        [0, 0], abs=4 * np.sqrt(cov.diagonal().max())
    )
    assert params[1] > 0.2 + 5 * np.sqrt(cov[1, 1]), (
        "the plain fit credits the score with engagement"
    )
    left_out = [
        np.linalg.solve(
            columns[m].T @ columns[m] - differences[m].T @ differences[m], columns[m].T @ y[m]
        )
        for m in (unit != u for u in range(0, 500))
    ]
    jackknife = np.cov(np.array(left_out).T) * 499**2 / 500
    assert cov.diagonal() == pytest.approx(jackknife.diagonal(), rel=0.05)


def test_information_is_the_squared_correlation():
    rng = np.random.default_rng(12)
    score, gamed = rng.normal(size=2000), np.arange(2000) % 4 == 0
    outcome = np.where(gamed, 0.0, score) + rng.normal(size=2000)
    organic, _, lost = information(score, outcome, gamed, np.arange(2000) // 4, rng)
    assert organic[0] == pytest.approx(np.corrcoef(score[~gamed], outcome[~gamed])[0, 1] ** 2)
    assert lost[1][0] > 0.3


@pytest.mark.parametrize(("share", "passed"), [(0.245, False), (0.255, None)])
def test_flat_means_that_a_jump_of_a_quarter_would_have_been_seen(share, passed):
    """Of a mean of 100 the smallest jump seen with a power of .80 is (t + .842) standard errors."""
    asked = plan(n=60, months=8)
    question = Question(
        select_sample(asked, read_dataset(asked.dataset)), asked.outcome[0], "klout"
    )
    study = EventStudy(question.sample, question.outcome, question.score, episodes_of(question))
    ups, units = np.tile([1.0, -1.0], 25), 50
    error = 100 * share / (stats.t.isf(0.025, units - 1) + 0.842)
    scale = error / np.sqrt((ups**2).sum() * units / (units - 1))
    score = Change(10.0, 0.01 * ups, 20, 30, 50.0)
    outcome = Change(0.0, scale * ups, 20, 30, 100.0)
    assert outcome.std_error == pytest.approx(error)
    assert study._signature(score, outcome).passed is passed


def test_displacement_by_hand():
    score = np.array([[10.0], [9.0], [8.0], *([1.0],) * 17])
    states = np.zeros_like(score)
    states[0] = 1
    assert displaced(score, states, 5.0)[0] == 0.5, (
        "without the push the third belongs into the top two"
    )
    assert displaced(score, states, 0.0)[0] == 0.0


# --- plan and report ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gaming", "panel", "said"),
    [
        ({}, True, "one of: episode"),
        ({"episode": "gaming", "infer": True}, True, "one of: episode"),
        ({"episode": "gaming"}, False, "unit"),
        ({"episode": "klout"}, True, "flags gamed rows"),
        ({"episode": "gaming", "window": 0}, True, "window"),
    ],
)
def test_what_a_plan_may_not_say(gaming, panel, said):
    with pytest.raises(sa.AnalysisError, match=said):
        plan(gaming, panel=panel)


def test_unit_and_time_may_stand_in_the_table_itself():
    rows, _ = found(
        gaming={"episode": "gaming", "unit": "creator", "time": "month"}, n=100, panel=False
    )
    assert ("did-m", "score_jump", "") in rows


def test_a_table_of_ones_own(tmp_path):
    """Names of people with points in them, which are no thousands, and a file in place of a
    simulation.
    """
    frame = read_dataset(plan(n=60).dataset).frame[
        ["creator", "month", "klout", "likes", "referrals", "gaming"]
    ]
    frame = frame.assign(creator=frame.creator.str.replace("c", "1."))
    frame.to_csv(tmp_path / "own.csv", index=False)
    said = plan(n=60, halves=False).content() | {"dataset": str(tmp_path / "own.csv")}
    del said["cluster"]
    said = read_plan(said)
    sample = select_sample(said, read_dataset(said.dataset))
    seen = study_gaming(Question(sample, said.outcome[0], "klout"))
    assert {row.model for row in seen.rows} >= {"poisson", "did-m"}
    units = next(row.clusters for row in seen.rows if row.term == "decoupling")
    assert 30 < units <= 60


def test_a_flag_that_is_none_is_said():
    _, checks = found(gaming={"episode": "posts"}, n=60)
    assert checks["gaming"].passed is None
    assert "other than 0 and 1" in checks["gaming"].reason


def test_the_report_tells_what_gaming_does():
    audit = analyse(plan(n=150))
    section = sections_of(audit)["gaming"]
    assert "Gaming lifts" in section.paragraphs[1]
    assert "from the onset of gaming" in section.figures[0].alt
    names = [row[0] for row in section.tables[0].rows]
    assert "Slope in gamed over slope in other rows, noise taken out" in names
    assert "Share of the honest top tenth pushed out" in names


def test_no_section_without_the_table():
    said = plan(n=60).content()
    del said["gaming"]
    assert "gaming" not in sections_of(analyse(said))


@pytest.mark.parametrize("gaming", [FLAGGED, {"infer": True}])
def test_a_single_period_has_no_episodes_to_follow(gaming):
    _, checks = found(gaming=gaming, n=100, months=1)
    assert checks.get("gaming_signature", checks["gaming"]).passed is None


# --- clusters left out ----------------------------------------------------------------------------


def within_units(seed=11, units=40, gamers=6):
    """Rows within units: engagement in two halves, the score in organic and in gamed rows."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), 8)
    truth = rng.normal(size=len(unit))
    first, second = (truth + 0.7 * rng.normal(size=len(unit)) for _ in range(2))
    score, gamed = (
        truth + 0.5 * rng.normal(size=len(unit)),
        (unit < gamers) & (np.arange(len(unit)) % 2 == 0),
    )
    columns = sweep(np.column_stack([(first + second) / 2, score * ~gamed, score * gamed]), [unit])
    differences = sweep(np.column_stack([(first - second) / 2, *np.zeros((2, len(unit)))]), [unit])
    y = sweep((truth + 0.2 * score + rng.normal(size=len(unit)))[:, None], [unit])[:, 0]
    return unit, columns, differences, y, np.linalg.solve(columns.T @ columns, columns.T @ y)


def test_slopes_without_a_cluster_are_those_of_a_refit():
    unit, columns, differences, y, params = within_units()
    found = without_clusters(params, columns, np.ones(len(y)), y - columns @ params, unit)
    kept = [unit != u for u in range(40)]
    refits = [np.linalg.solve(columns[m].T @ columns[m], columns[m].T @ y[m]) for m in kept]
    np.testing.assert_allclose(found.slopes, refits, rtol=1e-9)
    corrected = [
        np.linalg.solve(
            columns[m].T @ columns[m] - differences[m].T @ differences[m], columns[m].T @ y[m]
        )
        for m in kept
    ]
    np.testing.assert_allclose(
        corrected_without(found, columns, differences, unit), corrected, rtol=1e-9
    )
    moves = np.array(refits) - params
    np.testing.assert_allclose(around(params, found.slopes), moves.T @ moves * 39 / 40)


def test_a_slope_in_gamed_rows_rests_on_those_who_gamed():
    unit, columns, _, y, params = within_units()
    found = without_clusters(params, columns, np.ones(len(y)), y - columns @ params, unit)
    organic, gamed = (
        found.effective(np.array([0.0, 1.0, 0.0])),
        found.effective(np.array([0.0, 0.0, 1.0])),
    )
    assert gamed < 8 < 25 < organic <= 40
    even = without_clusters(
        np.zeros(1), np.tile([[1.0], [-1.0]], (9, 1)), np.ones(18), np.ones(18), np.arange(18) // 2
    )
    assert even.effective(np.ones(1)) == pytest.approx(9)


def test_a_slope_that_one_unit_carries_is_not_looked_at_without_it():
    unit, columns, _, y, params = within_units(gamers=1)
    with pytest.raises(DesignError, match="one cluster carries alone"):
        without_clusters(params, columns, np.ones(len(y)), y - columns @ params, unit)


def test_the_rows_say_how_many_gamed_in_effect(idle):
    rows, _ = idle
    gamed, organic = (rows["calibrated", "klout", kind] for kind in ("gamed", "organic"))
    assert gamed.covariance == organic.covariance == "CRV3"
    assert 1 <= gamed.df < organic.df <= organic.clusters - 1
    assert rows["calibrated", "decoupling", ""].df < organic.df


@pytest.mark.parametrize("gaming", [FLAGGED, {"infer": True}])
def test_a_place_in_a_list_is_lifted_by_falling(gaming):
    """Places are 100 less the score: every sign of the score turns, and nothing that is concluded
    does.
    """
    said = plan(gaming=gaming, n=150, halves=False, intensity=300)
    frame = read_dataset(said.dataset).frame
    content = said.content()
    turned = read_plan(content | {"score": content["score"] | {"lower_is_better": ["klout"]}})
    (rows, checks), (places, said_of_places) = (
        (
            {(row.term, row.variant): row for row in seen.rows},
            {check.check: check for check in seen.checks},
        )
        for seen in (
            study_gaming(Question(select_sample(own, from_frame(data)), own.outcome[0], "klout"))
            for own, data in ((said, frame), (turned, frame.assign(klout=100 - frame["klout"])))
        )
    )
    for key, row in rows.items():
        sign = -1 if key[0] in ("klout", "score_jump", "score_event") else 1
        assert places[key].estimate == (
            None if row.estimate is None else pytest.approx(sign * row.estimate, rel=1e-6)
        )
    for name, check in checks.items():
        assert said_of_places[name].passed == check.passed, name
    assert "less is better" in places["score_jump", ""].note
    if gaming is FLAGGED:
        assert (
            "lowers klout, of which less is better, by" in said_of_places["gaming_signature"].reason
        )


def test_only_columns_of_the_score_can_be_turned():
    content = plan().content()
    with pytest.raises(sa.AnalysisError, match="lower_is_better"):
        read_plan(content | {"score": content["score"] | {"lower_is_better": ["likes"]}})
