"""The plan's rule: the table of DESIGN section 6 over a grid of intervals, its edges, refusals and
reasons.
"""

import math

import numpy as np
import pytest
from click.testing import CliRunner

import analysis as sa
from analysis.audit import analyse
from analysis.cli import cli
from analysis.models.fit import critical_value
from analysis.results.answer import word_for
from analysis.results.estimates import Check, Estimate, Estimates
from analysis.results.rule import Tail, sesoi_band
from analysis.results.verdict import beyond, decide

BAND = (-0.05, 0.05)
Z95, Z90 = critical_value(0.95, None), critical_value(1 - 2 * (1 - 0.95), None)


def between(low, high, **changes):
    """An estimate whose 95 % interval runs from low to high; its 90 % interval is .839 as wide."""
    parts = {
        "plan": "demo",
        "outcome": "sales",
        "score": "klout",
        "method": "increment",
        "model": "poisson",
        "term": "klout",
        "n": 400,
        "estimate": (low + high) / 2,
        "std_error": (high - low) / 2 / Z95,
    }
    return Estimate(**(parts | changes))


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "word", "size"),
    [
        (-0.01, 0.03, "nothing", "no"),
        (-0.03, 0.01, "nothing", "no"),
        (
            -0.055,
            0.02,
            "nothing",
            "unclear",
        ),  # the 90 % interval, -.049 to .014, is inside; the 95 % one is not
        (0.01, 0.03, "trivial", "no"),
        (-0.03, -0.01, "trivial", "no"),
        (0.005, 0.053, "trivial", "unclear"),  # 90 %: .009 to .049
        (0.01, 0.20, "adds", "unclear"),
        (-0.20, -0.01, "adds", "unclear"),
        (0.06, 0.20, "adds", "yes"),
        (-0.20, -0.06, "adds", "yes"),
        (0.005, 0.058, "adds", "unclear"),  # 90 %: .009 to .054
        (-0.01, 0.20, "inconclusive", "unclear"),
        (-0.20, 0.20, "inconclusive", "unclear"),
        (-0.065, 0.02, "inconclusive", "unclear"),  # 90 %: -.058 to .013
        (-0.001, 0.0001, "nothing", "no"),
    ],
)
def test_the_table(low, high, word, size):
    assert word_for(between(low, high), BAND, 0.95) == word
    assert beyond([between(low, high)], BAND, 0.95) == size


@pytest.mark.parametrize("low", np.linspace(-0.2, 0.2, 9))
@pytest.mark.parametrize("width", [0.01, 0.04, 0.09, 0.3])
def test_the_table_is_symmetric(low, width):
    """The same interval on the other side of zero gets the same word."""
    one, other = between(low, low + width), between(-low - width, -low)
    assert word_for(one, BAND, 0.95) == word_for(other, BAND, 0.95)
    assert beyond([one], BAND, 0.95) == beyond([other], BAND, 0.95)


def test_an_interval_that_touches_zero_includes_it():
    touching = between(0, 0, estimate=Z95, std_error=1.0)
    assert touching.interval(0.95)[0] == 0.0
    assert word_for(touching, BAND, 0.95) == "inconclusive"
    assert word_for(touching, (-9, 9), 0.95) == "nothing"
    above = between(0, 0, estimate=math.nextafter(Z95, 9), std_error=1.0)
    assert word_for(above, BAND, 0.95) == "adds"
    assert word_for(above, (-9, 9), 0.95) == "trivial"


def test_an_interval_that_touches_the_band_is_not_inside_it():
    around_zero = between(0, 0, estimate=0.0, std_error=1.0)
    assert word_for(around_zero, (-Z90, Z90), 0.95) == "inconclusive"
    wider = (-math.nextafter(Z90, 9), math.nextafter(Z90, 9))
    assert word_for(around_zero, wider, 0.95) == "nothing"
    assert beyond([around_zero], (-Z95, Z95), 0.95) == "unclear"
    touching = between(0, 0, estimate=Z95 + 1, std_error=1.0)
    low = touching.interval(0.95)[0]
    assert beyond([touching], (-low, low), 0.95) == "unclear"
    assert beyond([touching], (-low, math.nextafter(low, 0)), 0.95) == "yes"


def test_the_level_of_the_plan_sets_both_intervals():
    """At level .99 the equivalence interval has level .98, which is wider than the 95 % one of the
    table.
    """
    row = between(0.01, 0.045)
    assert word_for(row, BAND, 0.95) == "trivial"
    assert word_for(row, BAND, 0.99) == "trivial"
    assert (
        word_for(row, BAND, 0.999) == "nothing" if row.interval(0.998)[1] < 0.05 else "inconclusive"
    )
    assert word_for(between(0.001, 0.09), BAND, 0.95) == "adds"
    assert word_for(between(0.001, 0.09), BAND, 0.99) == "inconclusive"


def test_few_degrees_of_freedom_widen_the_interval():
    """Five clusters: the same estimate and standard error no longer exclude zero."""
    assert word_for(between(0.01, 0.20), BAND, 0.95) == "adds"
    assert word_for(between(0.01, 0.20, df=4.0), BAND, 0.95) == "inconclusive"


# --- the band -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "outcome", "model", "mean", "expected"),
    [
        ("revenue", {}, "poisson", 200.0, (math.log(0.95), math.log(1.05))),
        ("revenue", {}, "gamma", 200.0, (math.log(0.95), math.log(1.05))),
        ("revenue", {}, "ols", 200.0, (-10.0, 10.0)),  # a fraction of the mean, in money
        ("count", {}, "poisson", 7.0, (math.log(0.95), math.log(1.05))),
        ("count", {"sesoi": 0.5}, "ols", 8.0, (-4.0, 4.0)),
        ("binary", {}, "logit", 0.3, (-0.05, 0.05)),
        ("binary", {}, "ols", 0.3, (-0.05, 0.05)),
        ("continuous", {"sesoi": 3.0}, "ols", 200.0, (-3.0, 3.0)),
    ],
)
def test_the_band(plan_of, kind, outcome, model, mean, expected, tolerance):
    section = plan_of(kind, outcome=outcome).outcome[0]
    assert sesoi_band(section, model, mean) == pytest.approx(expected, rel=tolerance.exact)


# --- from an estimate to a verdict ----------------------------------------------------------------


def verdict(plan, *rows, checks=()):
    return decide(plan, plan.outcome[0], "klout", 100.0, Estimates(rows), checks)


@pytest.mark.parametrize(
    ("low", "high", "word", "direction"),
    [
        (0.01, 0.03, "trivial", "positive"),
        (-0.03, -0.01, "trivial", "negative"),
        (0.06, 0.2, "adds", "positive"),
        (-0.2, -0.06, "adds", "negative"),
        (-0.01, 0.03, "nothing", None),
        (-0.2, 0.3, "inconclusive", None),
    ],
)
def test_direction_only_where_zero_is_excluded(plan_of, low, high, word, direction):
    found = verdict(plan_of(), between(low, high))
    assert (found.verdict, found.direction) == (word, direction)
    assert found.id == "demo/sales/klout"


def test_nothing_is_corrected_or_assessed_yet_and_it_says_so(plan_of):
    found = verdict(plan_of(), between(0.06, 0.2))
    assert found.corrected == "no"
    assert found.fragile is None  # not assessed is null, never false
    assert "not corrected" in found.reasons[0]
    assert "likes" in found.reasons[0]


def test_a_companion_that_disagrees_is_a_reason_and_not_a_switch(plan_of):
    main, agrees = between(0.06, 0.2), between(0.07, 0.3, model="tweedie")
    other_word = between(-0.2, 0.3, model="gamma")
    found = verdict(plan_of(), main, agrees, other_word)
    assert (found.verdict, found.direction) == ("adds", "positive")
    assert found.deciding == main
    disagreeing = [reason for reason in found.reasons if "companion" in reason]
    assert len(disagreeing) == 1
    assert "Gamma pseudo-maximum likelihood, says inconclusive" in disagreeing[0]


def test_a_companion_with_the_other_sign_is_a_reason(plan_of):
    found = verdict(plan_of(), between(0.06, 0.2), between(-0.2, -0.06, model="gamma"))
    assert (found.verdict, found.direction) == ("adds", "positive")
    assert any(
        "Gamma pseudo-maximum likelihood, says adds (negative)" in reason
        for reason in found.reasons
    )


# --- under a heavy tail ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edges", "gamma", "drawn", "word", "direction"),
    [
        ((0.06, 0.2), (0.06, 0.3), ("adds", True), "adds", "positive"),
        ((0.06, 0.2), (-0.06, 0.3), ("adds", True), "inconclusive", None),
        ((0.06, 0.2), (0.06, 0.3), ("adds", False), "inconclusive", None),
        ((0.06, 0.2), (0.06, 0.3), (None, None), "inconclusive", None),
        ((-0.01, 0.03), (-0.02, 0.03), ("nothing", True), "nothing", None),
        ((-0.01, 0.03), (-0.2, 0.3), ("nothing", True), "inconclusive", None),
        ((-0.01, 0.03), (-0.02, 0.03), ("inconclusive", True), "inconclusive", None),
        ((-0.01, 0.03), (-0.02, 0.03), (None, None), "inconclusive", None),
        ((0.01, 0.03), (0.01, 0.03), ("trivial", True), "trivial", "positive"),
        ((0.01, 0.03), (-0.01, 0.03), ("trivial", True), "nothing", None),
        ((0.01, 0.03), (0.01, 0.03), ("trivial", False), "nothing", None),
        ((0.01, 0.03), (0.01, 0.3), ("trivial", True), "inconclusive", None),
    ],
)
def test_under_a_heavy_tail_every_word_needs_gamma_and_the_bootstrap(
    plan_of, edges, gamma, drawn, word, direction
):
    plan = plan_of()
    rows = Estimates([between(*edges), between(*gamma, model="gamma")])
    check = Check("demo", "tail", False, "A heavy tail.", 1.4, "sales", "klout")
    parts = (plan, plan.outcome[0], "klout", 100.0, rows, [])
    found = decide(*parts, tail=Tail(check, True, *drawn))
    assert (found.verdict, found.direction) == (word, direction)
    assert any("tail" in reason for reason in found.reasons)
    light = decide(*parts, tail=Tail(check, False, *drawn))
    assert light.verdict == word_for(rows.rows[0], BAND, 0.95)


def test_without_a_word_a_heavy_tail_has_nothing_to_take(plan_of):
    plan, wide = plan_of(), between(-0.2, 0.3)
    check = Check("demo", "tail", False, "A heavy tail.", 1.4, "sales", "klout")
    tail = Tail(check, True, "adds", True)
    found = decide(plan, plan.outcome[0], "klout", 100.0, Estimates([wide]), [], tail=tail)
    assert found.verdict == "inconclusive"
    assert not any("heavy" in reason for reason in found.reasons)


def test_the_plans_model_decides(plan_of):
    rows = (between(0.06, 0.2), between(-0.2, 0.3, model="gamma"))
    found = verdict(plan_of(outcome={"model": "gamma"}), *rows)
    assert found.verdict == "inconclusive"
    assert any("Poisson pseudo-maximum likelihood, says adds" in reason for reason in found.reasons)


def test_the_margin_decides_for_a_binary_outcome(plan_of):
    odds = between(1.0, 2.0, outcome="renewed", model="logit")
    margin = between(0.01, 0.03, outcome="renewed", model="logit", variant="margin")
    found = verdict(plan_of("binary"), odds, margin)
    assert found.deciding == margin
    assert found.verdict == "trivial"


# --- refusals -------------------------------------------------------------------------------------


def test_a_refusing_check_wins_over_any_interval(plan_of):
    refusing = Check(
        "demo",
        "reconstructability",
        False,
        "The score is all but likes.",
        0.999,
        "sales",
        "klout",
        refuses=True,
    )
    found = verdict(plan_of(), between(0.06, 0.2), checks=[refusing])
    assert found.verdict == "refused"
    assert (found.direction, found.beyond_sesoi) == (None, None)
    assert found.reasons == ("The score is all but likes.",)
    assert found.deciding is not None


@pytest.mark.parametrize(
    "harmless",
    [
        {"refuses": False},  # a failed check that is only a warning
        {"passed": True},
        {"passed": None},
        {"outcome": "referrals"},  # another outcome's
        {"score": "kred"},  # another score's
    ],
)
def test_other_checks_do_not_refuse(plan_of, harmless):
    parts = {
        "plan": "demo",
        "check": "x",
        "passed": False,
        "reason": "r",
        "outcome": "sales",
        "score": "klout",
        "refuses": True,
    } | harmless
    assert verdict(plan_of(), between(0.06, 0.2), checks=[Check(**parts)]).verdict == "adds"


def test_a_check_of_the_whole_run_refuses_every_score(plan_of):
    refusing = Check("demo", "rows", False, "No.", refuses=True)
    assert verdict(plan_of(), between(0.06, 0.2), checks=[refusing]).verdict == "refused"


def refused_by(audit):
    return {check.check for check in audit.checks if check.refused}


@pytest.mark.parametrize(("noise", "expected"), [(0.01, "refused"), (0.5, None)])
def test_a_score_that_is_all_but_engagement(plan_of, make_frame, noise, expected):
    """Full rank, so it is no error: the question has no answer, and the estimates are still
    there.
    """
    rng = np.random.default_rng(16)
    frame = make_frame().assign(klout=lambda f: np.log1p(f.likes) + noise * rng.normal(size=len(f)))
    audit = analyse(plan_of(quick=True), data=frame)
    assert refused_by(audit) == ({"reconstructability"} if expected else set())
    assert (audit.decided[0].verdict == "refused") is bool(expected)
    assert audit.decided[0].deciding.std_error > 0
    assert len(audit.estimates) > 10


@pytest.mark.parametrize(
    ("n", "left", "refused"),
    [(100, 9.9, True), (100, 10.1, False), (2000, 19.9, True), (2000, 20.1, False)],
    ids=["fewer than ten rows' worth", "ten", "R2 above .99", "R2 below .99"],
)
def test_how_much_of_the_score_must_be_left(plan_of, make_frame, n, left, refused):
    """Noise outside engagement and controls, scaled so that n (1 - R2) is exactly what the case
    says.
    """
    rng = np.random.default_rng(17)
    frame = make_frame(n)
    engagement = np.log1p(frame.likes).to_numpy()
    held = np.column_stack(
        [np.ones(n), engagement, frame.region == "north", frame.region == "west"]
    )
    noise = rng.normal(size=n)
    noise = noise - held @ np.linalg.lstsq(held, noise, rcond=None)[0]
    share = left / n
    score = engagement + noise * engagement.std() / noise.std() * np.sqrt(share / (1 - share))
    audit = analyse(plan_of(quick=True), data=frame.assign(klout=score))
    check = next(check for check in audit.checks if check.check == "reconstructability")
    assert n * (1 - check.statistic) == pytest.approx(left, rel=1e-6)
    assert (audit.decided[0].verdict == "refused") is refused


@pytest.mark.parametrize(
    "compute",
    [lambda f: 3 * f.klout + 5, lambda f: np.exp(f.klout / 10), lambda f: 7.0 * f.likes + 2],
    ids=["a line of the score", "an exponential of the score", "a line of engagement"],
)
def test_an_outcome_computed_from_what_it_is_compared_with(plan_of, make_frame, compute):
    audit = analyse(plan_of(quick=True), data=make_frame().assign(sales=compute))
    assert "outcome_from" in refused_by(audit)
    assert audit.decided[0].verdict == "refused"
    assert "computed from" in " ".join(audit.decided[0].reasons)
    assert len(audit.estimates) > 10


def test_too_few_clusters(plan_of, make_frame):
    frame = make_frame(agencies=5)
    audit = analyse(plan_of(quick=True, cluster={"column": "agency"}), data=frame)
    assert refused_by(audit) == {"clusters"}
    assert audit.decided[0].verdict == "refused"
    enough = analyse(plan_of(quick=True, cluster={"column": "agency"}), data=make_frame(agencies=6))
    assert refused_by(enough) == set()


def test_a_refusal_exits_with_zero_and_a_rank_fault_with_two(make_frame, tmp_path, monkeypatch):
    """The command's side of it: `check` says FAILED and ends well; an exact combination is a fault
    of the plan.
    """
    rng = np.random.default_rng(16)
    frame = make_frame()
    frame.assign(klout=np.log1p(frame.likes) + 0.01 * rng.normal(size=400)).to_csv(
        tmp_path / "near.csv", index=False
    )
    frame.assign(klout=2 * np.log1p(frame.likes)).to_csv(tmp_path / "exact.csv", index=False)
    monkeypatch.chdir(tmp_path)
    for name in ("near", "exact"):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\nquestion = "?"\nquick = true\ndataset = "{name}.csv"\n'
            '[score]\ncolumns = ["klout"]\n'
            '[engagement]\ncolumns = ["likes"]\ntransform = "log1p"\n'
            '[[outcome]]\ncolumn = "sales"\nkind = "revenue"\nsesoi = 0.05\n',
            encoding="utf-8",
        )
    near = CliRunner().invoke(cli, ["run", "near.toml"])
    assert near.exit_code == 0, near.output
    assert "refused" in near.output
    assert (tmp_path / "results" / "near" / "ledger.json").exists()
    looked = CliRunner().invoke(cli, ["check", "near.toml"])
    lines = looked.output.splitlines()
    assert looked.exit_code == 0
    assert "FAILED" in lines[0]
    assert lines[-1].startswith(
        "The plan can be run, but these data cannot answer: the verdict would be refused"
    )
    exact = CliRunner().invoke(cli, ["run", "exact.toml"])
    assert isinstance(exact.exception, sa.AnalysisError) or exact.exit_code == 2
    assert not (tmp_path / "results" / "exact").exists()


def test_an_effect_is_large_enough_only_where_every_fit_says_so():
    far, near = between(0.06, 0.2), between(0.04, 0.2)
    assert beyond([far, far], BAND, 0.95) == "yes"
    assert beyond([far, near], BAND, 0.95) == "unclear"
    assert beyond([between(-0.01, 0.03), between(0.01, 0.04)], BAND, 0.95) == "no"
