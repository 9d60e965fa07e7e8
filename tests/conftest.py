"""What the tests of more than one module share: tolerances, reference values, and a small study
with a known truth.
"""

import functools
import json
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.models.design import Design
from analysis.plan import read_plan
from analysis.report.folder import write_results

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "tests" / "reference"

# The same examples in every run: a test that fails today and passes tomorrow tells nobody anything.
hypothesis.settings.register_profile(
    "fixed", derandomize=True, deadline=None, max_examples=30, database=None
)
hypothesis.settings.load_profile("fixed")


def pytest_collection_modifyitems(items):
    """Begin with what takes long, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("browser", "slow"))))


@dataclass(frozen=True)
class Tolerances:
    """Relative distances, each with its reason."""

    exact: float = 1e-12  # the same arithmetic in another order: some thousand roundings of 1e-16
    route: float = 1e-10  # two direct algorithms on well-conditioned columns (condition below 1e4)
    reference: float = (
        1e-8  # issue 2's demand on agreement with R; iterations there and here stop near 1e-12
    )
    # a general root finder or a numerical derivative, which stops at about half of the digits
    root: float = 1e-6
    standard_errors: float = (
        4.5  # an estimate from its known truth: once in 150,000 draws, and the seeds are fixed
    )


@pytest.fixture(scope="session")
def tolerance():
    return Tolerances()


# --- paths and reference values -------------------------------------------------------------------


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def r_values():
    """What R 4.2.2 (sandwich, lmtest, clubSandwich, statmod) says about `creators`."""
    return json.loads((REFERENCE / "r_values.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def statsmodels_values():
    return json.loads((REFERENCE / "statsmodels_values.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def creators():
    """300 drawn rows in 28 unbalanced clusters."""
    return pd.read_csv(REFERENCE / "cases" / "creators.csv")


BLOCKS = {"(Intercept)": "intercept", "score": "score", "e1": "engagement", "e2": "engagement"}


@pytest.fixture(scope="session")
def design_of():
    """Make a design straight from columns of a frame, in the order in which R has them."""

    def make(
        frame,
        response,
        names=("(Intercept)", "score", "e1", "e2", "x1"),
        *,
        cluster=None,
        offset=None,
    ):
        columns = [
            np.ones(len(frame)) if name == "(Intercept)" else frame[name].to_numpy(float)
            for name in names
        ]
        return Design(
            response=frame[response].to_numpy(float),
            matrix=np.column_stack(columns),
            terms=tuple(names),
            blocks=tuple(BLOCKS.get(name, "control") for name in names),
            clusters=None if cluster is None else pd.factorize(frame[cluster])[0],
            offset=None if offset is None else np.log(frame[offset].to_numpy(float)),
        )

    return make


@pytest.fixture(scope="session")
def case(r_values, creators, design_of):
    """Return (R's record, our design) for a model and "full" or "reduced"."""
    responses = {
        "ols": "y_cont",
        "poisson_rev": "y_rev",
        "poisson_count": "y_count",
        "logit": "y_bin",
        "gamma": "y_rev",
    }

    def make(model, which):
        record = r_values[model][which]
        frame = creators[creators.y_rev > 0] if model == "gamma" else creators
        return record, design_of(frame, responses[model], record["names"], cluster="cluster")

    return make


# --- the shipped studies, each audited once -------------------------------------------------------


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Return a folder of this run that all workers share."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture(scope="session")
def once(shared):
    """Return the bytes of a name, made by the first worker that asks for them."""
    fcntl = pytest.importorskip("fcntl")

    def made(name, make):
        path = shared / name
        with Path(f"{path}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a worker that dies lets go
            if not path.exists():
                content = make()
                path.write_bytes(content)
        return path.read_bytes()

    return made


@pytest.fixture(scope="session")
def audited(once):
    """Return the findings of a shipped plan, which no test may change; each is found once a run."""
    return functools.cache(
        lambda name: pickle.loads(once(f"{name}.pickle", lambda: pickle.dumps(analyse(name))))
    )


@pytest.fixture(scope="session")
def exported(once, shared, audited):
    """Return the result folder of a shipped plan, which no test may change."""

    def folder(name):
        place = shared / "results" / name
        once(f"{name}.written", lambda: str(write_results(audited(name), place)).encode())
        return place

    return folder


# --- a small study with a known truth -------------------------------------------------------------

TRUTH = {"likes": 0.5, "klout": 0.02, "north": 0.2, "west": -0.1}
"""Per log1p(like), per point of klout, and against the region "east": on the log, the logit or the
plain scale.
"""


@pytest.fixture(scope="session")
def truth():
    return TRUTH


@pytest.fixture(scope="session")
def make_frame():
    """Draw accounts whose outcomes follow `truth`; `klout` and `likes` share a cause, so that
    leaving one out shows.
    """

    def make(n=400, seed=20121105, *, klout=TRUTH["klout"], agencies=60):
        rng = np.random.default_rng(seed)
        talent = rng.normal(size=n)
        likes = np.floor(np.exp(4 + 0.7 * talent + 0.5 * rng.normal(size=n)))
        score = 50 + 6 * talent + 8 * rng.normal(size=n)
        region = rng.choice(["west", "east", "north"], size=n)
        months = rng.integers(1, 37, size=n).astype(float)
        agency = rng.permutation(np.arange(n) % agencies)
        effect = TRUTH["likes"] * np.log1p(likes) + klout * score
        effect = effect + TRUTH["north"] * (region == "north") + TRUTH["west"] * (region == "west")
        mean = np.exp(1 + effect)
        return pd.DataFrame(
            {
                "account": [f"a{i}" for i in range(n)],
                "klout": score,
                "klout2": score + 4 * rng.normal(size=n),
                "likes": likes,
                "region": region,
                "months": months,
                "agency": [f"agency {a}" for a in agency],
                "sales": mean * rng.gamma(1.5, 1 / 1.5, size=n) * (rng.random(n) < 0.8) / 0.8,
                "referrals": rng.poisson(mean / 20),
                "leads": rng.poisson(months * mean / 400),
                "renewed": (rng.random(n) < 1 / (1 + np.exp(-(effect - 3)))).astype(int),
                "growth": 2 + effect + rng.normal(size=n) * (0.5 + np.abs(talent)),
            }
        )

    return make


@pytest.fixture(scope="session")
def plan_of():
    """Return a plan of the small study; keyword arguments replace whole keys, and None leaves a key
    out.
    """

    def make(kind="revenue", column=None, *, outcome=None, **changes):
        columns = {
            "revenue": "sales",
            "count": "referrals",
            "binary": "renewed",
            "continuous": "growth",
        }
        plan = {
            "name": "demo",
            "question": "Does klout say more about sales than likes do?",
            "dataset": "demo",
            "score": {"columns": ["klout"]},
            "engagement": {"columns": ["likes"], "transform": "log1p"},
            "controls": {"columns": ["region"]},
            "outcome": [
                {"column": column or columns[kind], "kind": kind, "sesoi": 0.05, **(outcome or {})}
            ],
        } | changes
        return read_plan({key: value for key, value in plan.items() if value is not None})

    return make


@pytest.fixture(scope="session")
def sample_of():
    def make(plan, frame):
        return select_sample(plan, from_frame(frame))

    return make


# --- simulations ----------------------------------------------------------------------------------

NOMINAL = (0.04, 0.065)
"""Where the true size of a nominal 5 % test at n = 300 may lie: sandwich covariances err a little
upwards.
"""


@pytest.fixture(scope="session")
def rejection_interval():
    """Return the exact 99 % interval of a rejection rate, from p-values."""

    def interval(p_values, level=0.05):
        p_values = np.asarray(p_values)
        rejected = int((p_values < level).sum())
        found = stats.binomtest(rejected, len(p_values)).proportion_ci(0.99, method="exact")
        return found.low, found.high

    return interval


@pytest.fixture(scope="session")
def is_nominal(rejection_interval):
    """Whether the 99 % interval of the rejection rate meets `NOMINAL`."""

    def judge(p_values):
        low, high = rejection_interval(p_values)
        return low <= NOMINAL[1] and high >= NOMINAL[0]

    return judge
