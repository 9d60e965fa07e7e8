"""A model is registered in one place: a Poisson under another name goes through the whole audit."""

from dataclasses import replace

import numpy as np
import pytest

import analysis as sa
from analysis.models.family import FAMILIES, register
from analysis.plan.sections.outcome import MODELS

NAME = "poisson-copy"

PLAN = """
name = "toy"
question = "Does a registered model go through everything?"
dataset = "simulated:panel?seed=21&n=80&months=6&change=0&effect=0.3"
[score]
columns = ["klout"]
shares_error = "none"
[engagement]
columns = ["likes"]
transform = "log1p"
halves = {likes = ["likes_odd", "likes_even"]}
[[outcome]]
column = "revenue"
kind = "revenue"
sesoi = 0.1
model = "MODEL"
[panel]
unit = "creator"
time = "month"
[segment]
column = "industry"
[inference]
covariance = "HC1"
bootstrap = 99
[multiverse]
resamples = 99
[[multiverse.decision]]
name = "attention"
[[multiverse.decision.option]]
name = "log"
reason = "each doubling"
[[multiverse.decision.option]]
name = "rank"
reason = "no unit"
engagement = {likes = "rank"}
"""


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """Return the audit by the copy, that by the Poisson, and the folder of the results."""
    register(replace(FAMILIES["poisson"], name=NAME, printed="a copy of the Poisson", short="copy"))
    root = tmp_path_factory.mktemp("toy")
    (root / "pyproject.toml").write_text("")
    (root / "plans").mkdir()
    audits = []
    for model in (NAME, "poisson"):
        path = root / "plans" / f"{model}.toml"
        path.write_text(PLAN.replace("MODEL", model), encoding="utf-8")
        audits.append(sa.audit(path))
    audits[0].export(root / "results")
    yield *audits, root
    del FAMILIES[NAME], MODELS[NAME]


def rows(audit, model):
    """Return {(method, term, variant): numbers} of the rows of a model."""
    return {
        (row.method, row.term, row.variant, row.scale): [
            np.nan if value is None else value
            for value in (row.estimate, row.std_error, row.statistic, row.p_value)
        ]
        for row in audit.findings.estimates
        if row.model == model
    }


def test_every_study_has_the_same_rows_for_the_copy(audits):
    copy, original, _ = audits
    by_copy, by_poisson = rows(copy, NAME), rows(original, "poisson")
    methods = {method for method, *_ in by_copy}
    assert {"increment", "raw", "prediction", "transport", "placebo", "sensitivity"} <= methods
    # fixed effects and the multiverse are by the Poisson itself, whatever decides
    own = {key for key in by_poisson if key[0] not in ("panel", "multiverse")}
    assert set(by_copy) == own
    for key in own:
        assert by_copy[key] == pytest.approx(by_poisson[key], rel=1e-9, nan_ok=True), key


def test_panel_multiverse_and_corrections_are_those_of_the_poisson(audits):
    copy, original, _ = audits
    for model in ("poisson", "ols", "calibration", "corrected-score", "eiv", "-"):
        one, other = rows(copy, model), rows(original, model)
        for key in other.keys() & one.keys():
            assert one[key] == pytest.approx(other[key], rel=1e-9, nan_ok=True), key
        assert {key for key in other if key[0] in ("panel", "multiverse", "corrected")} <= set(one)


def test_verdict_and_checks_are_the_same(audits):
    copy, original, _ = audits
    for one, other in zip(copy.findings.decided, original.findings.decided, strict=True):
        assert (one.verdict, one.direction) == (other.verdict, other.direction)
    found, expected = (
        {(c.check, c.passed): c.statistic for c in a.findings.checks} for a in (copy, original)
    )
    assert found.keys() == expected.keys()


def test_its_results_are_written_and_verified(audits):
    root = audits[2]
    assert "a copy of the Poisson" in (root / "results" / "report.html").read_text("utf-8")
    assert sa.verify(root / "results", plan=root / "plans" / f"{NAME}.toml").ok
