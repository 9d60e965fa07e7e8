"""Alpha and omega of columns that measure one thing: second formulas, another package's factor, and no correction."""

import numpy as np
import pytest
from sklearn.decomposition import FactorAnalysis
from test_noise import frame, plan

import analysis as sa

GROUP = ["likes", "comments", "shares"]


@pytest.fixture(scope="module")
def audit():
    return sa.audit(plan(columns=[*GROUP, "visits"], indicators=[GROUP]), data())


def data():
    found = frame(n=2000)
    rng = np.random.default_rng(3)
    common = found["likes"].to_numpy()
    for name, noise in (("likes", 0.6), ("comments", 0.8), ("shares", 1.2)):
        found[name] = common + rng.normal(size=len(found)) * noise
    return found


def standardised():
    columns = data()[GROUP].to_numpy()
    return (columns - columns.mean(axis=0)) / columns.std(axis=0, ddof=1)


def row(audit, model):
    return audit.estimates.one(method="reliability", model=model, term="reliability:likes+comments+shares")


def test_alpha_by_a_second_formula(audit):
    """The variance of the sum, and that of the items: k / (k - 1) (1 - sum of variances / variance of the sum)."""
    z = standardised()
    expected = 3 / 2 * (1 - z.var(axis=0, ddof=1).sum() / z.sum(axis=1).var(ddof=1))
    assert row(audit, "alpha").estimate == pytest.approx(expected, rel=1e-10)
    r = (np.corrcoef(z.T).sum() - 3) / 6
    assert expected == pytest.approx(3 * r / (1 + 2 * r), rel=1e-10)  # Spearman-Brown of the mean correlation


def test_omega_by_the_one_factor_of_another_package(audit):
    """Three columns determine one factor, so that least squares and maximum likelihood agree."""
    loading = FactorAnalysis(1, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(standardised()).components_[0]
    common = loading.sum() ** 2
    expected = common / (common + (1 - loading**2).sum())
    assert row(audit, "omega").estimate == pytest.approx(expected, abs=2e-3)  # it divides by n, and stops early
    r = np.corrcoef(standardised().T)
    closed = np.sqrt([r[0, 1] * r[0, 2] / r[1, 2], r[0, 1] * r[1, 2] / r[0, 2], r[0, 2] * r[1, 2] / r[0, 1]])
    exact = closed.sum() ** 2 / (closed.sum() ** 2 + (1 - closed**2).sum())
    assert row(audit, "omega").estimate == pytest.approx(exact, rel=1e-6)


def test_they_have_an_interval_say_why_they_flatter_and_correct_nothing(audit):
    for model in ("alpha", "omega"):
        found = row(audit, model)
        low, high = found.interval(0.95)
        assert low < found.estimate < high
        assert "flatters" in found.note
        assert found.id == f"noisy/-/-/reliability/{model}/reliability%3Alikes%2Bcomments%2Bshares"
    assert audit.ruling().corrected == "no"
    assert not audit.estimates.select(method="corrected").rows
    without = sa.audit(plan(columns=[*GROUP, "visits"]), data())
    assert without.ruling().deciding.estimate == audit.ruling().deciding.estimate


def test_the_report_says_so(audit):
    from analysis.measurement_error.report import reliability_passage

    said = reliability_passage(audit).paragraphs[-1]
    assert f"omega of likes, comments and shares is {row(audit, 'omega').estimate:.2f}" in said
    assert "flatters" in said


def test_two_columns_have_an_alpha_and_no_omega():
    found = sa.audit(plan(columns=GROUP, indicators=[GROUP[:2]]), data()).estimates
    assert len(found.select(method="reliability", term="reliability:likes+comments").rows) == 1


def test_the_truth_of_a_shared_week_is_flattered():
    """Half of what the columns share is a viral week: omega says .9 where the reliability for our purpose is .45."""
    rng = np.random.default_rng(4)
    found = data()
    truth, viral = rng.normal(size=(2, 2000))
    for name in GROUP:
        found[name] = truth + viral + rng.normal(size=2000) * 0.7
    audit = sa.audit(plan(columns=GROUP, indicators=[GROUP]), found)
    means = found[GROUP].mean(axis=1)
    assert row(audit, "omega").estimate > 0.85
    assert np.corrcoef(truth, means)[0, 1] ** 2 < 0.55
