"""The worlds of interval_coverage.py: studies whose printed intervals have a true value that is
known.

A world draws a table, and the package's own functions say of it what an audit would print. The
truth of a row is a declared parameter, or, where it is none (`LARGE`), what the same functions say
of a sample so large that its own error does not matter. True engagement E and the score are
standard normal and correlate .7; effects are per point of the score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.data.dataset import from_frame
from analysis.data.sample import Sample, select_sample
from analysis.measurement_error.reliability import estimate_reliability
from analysis.measurement_error.study import study_noise
from analysis.plan import Plan, read_plan
from analysis.results.estimates import Estimate
from analysis.results.question import Question
from analysis.studies.algorithm.before_after import interruption
from analysis.studies.algorithm.study import study_algorithm
from analysis.studies.confounding.study import study_confounding
from analysis.studies.engagement_mix.study import study_parts
from analysis.studies.equivalence.study import study_size
from analysis.studies.gaming.study import study_gaming
from analysis.studies.heavy_tails.study import study_bootstrap
from analysis.studies.increment.study import study_increment, study_returns
from analysis.studies.panel.study import study_panel
from analysis.studies.placebo.study import share_of
from analysis.studies.prediction.flexible import study_flexible
from analysis.studies.ranking.study import study_ranking
from analysis.studies.segments.meta_analysis import pool
from analysis.studies.segments.study import study_segments

LARGE = "large"
ONE_SIDED = "equivalence/ols/delta_r2_bound"
Study = Callable[..., Any]
Held = dict[str, tuple[tuple[float, float] | None, float]]
"""By row: its interval (None where there is none), and the truth."""


@dataclass(frozen=True, eq=False)
class World:
    """A study with a known truth, drawn again and again.

    Attributes
    ----------
    name, says : str
        What it is, for the page.
    frame : callable
        Takes a generator and a number of rows (units, in a panel) and returns a table.
    plan : dict
    truth : dict
        By row (method/model/term@variant): its true value, or `LARGE`.
    studies : tuple of callable
        Of the package, in the order of an audit.
    n, draws : int
    large : int
        Rows (units) of the sample that stands for the truth.
    fair : bool
        False for a world in which the method is known to fail.
    """

    name: str
    says: str
    frame: Callable[[np.random.Generator, int], pd.DataFrame]
    plan: dict[str, Any]
    truth: dict[str, float | str]
    studies: tuple[Study, ...]
    n: int = 500
    draws: int = 500
    large: int = 200_000
    fair: bool = True

    def read(self, **changes: Any) -> Plan:
        return read_plan(
            {
                "name": self.name,
                "question": "Does the interval hold the truth?",
                "dataset": "drawn",
                **self.plan,
                **changes,
            }
        )

    def plan_of_draws(self) -> Plan:
        """Return the plan; without the picture of SIMEX, which has no interval, where noise alone
        is studied.
        """
        return self.read(quick=True) if self.studies == (study_noise,) else self.read()

    def truths(self, rng: np.random.Generator) -> dict[str, float]:
        """Return every truth as a number."""
        wanted = [key for key, value in self.truth.items() if value == LARGE]
        found = {key: float(value) for key, value in self.truth.items() if value != LARGE}
        if wanted:
            studies = tuple(study for study in self.studies if study is not study_bootstrap)
            few = {**self.plan.get("inference", {}), "bootstrap": 99}
            if few.get("covariance") == "CRV3":
                few["covariance"] = "CRV1"
            rows = rows_of(self.sample(rng, self.large, self.read(inference=few)), studies)
            found |= {key: _truth(rows, key) for key in wanted}
        return found

    def sample(self, rng: np.random.Generator, n: int, plan: Plan) -> Sample:
        return select_sample(plan, from_frame(self.frame(rng, n)))

    def draw(self, rng: np.random.Generator, plan: Plan, truths: dict[str, float]) -> Held:
        """Draw one sample, and return the interval of each row beside its truth."""
        rows = rows_of(self.sample(rng, self.n, plan), self.studies)
        return {key: (_interval(rows.get(key), key), truth) for key, truth in truths.items()}


@dataclass(frozen=True, eq=False)
class Direct:
    """A world in which one function of the package is asked, without a study around it.

    Attributes
    ----------
    name, says : str
    of : callable
        Takes a generator; returns the interval and the truth by row.
    draws : int
    """

    name: str
    says: str
    of: Callable[[np.random.Generator], Held]
    rows: tuple[str, ...]
    draws: int = 2000
    plan: dict[str, Any] = field(default_factory=dict)

    def plan_of_draws(self) -> None:
        return None

    def truths(self, rng: np.random.Generator) -> dict[str, float]:
        return dict.fromkeys(self.rows, float("nan"))

    def draw(self, rng: np.random.Generator, plan: Plan | None, truths: dict[str, float]) -> Held:
        return self.of(rng)


def rows_of(sample: Sample, studies: Iterable[Study]) -> dict[str, Estimate]:
    """Return what the studies print about the first outcome and score, by
    method/model/term@variant.
    """
    outcome, score = sample.plan.outcome[0], sample.plan.score.columns[0]
    rows: list[Estimate] = []
    for study in studies:
        if study is study_noise:
            rows += study_noise(Question(sample, outcome, score)).rows
        else:
            rows += study(Question(sample, outcome, score), tuple(rows)).rows
    return {key_of(row): row for row in rows}


def key_of(row: Estimate) -> str:
    return f"{row.method}/{row.model}/{row.term}" + (f"@{row.variant}" if row.variant else "")


def _interval(row: Estimate | None, key: str) -> tuple[float, float] | None:
    if row is None or row.estimate is None:
        return None
    return (-np.inf, row.estimate) if key == ONE_SIDED else row.interval(0.95)


def _truth(rows: dict[str, Estimate], key: str) -> float:
    row = rows["increment/ols/delta_r2" if key == ONE_SIDED else key]
    return float(row.estimate)


# --- tables ---------------------------------------------------------------------------------------


def accounts(rng: np.random.Generator, n: int, reliability: float = 0.8) -> dict[str, np.ndarray]:
    """Return true engagement, its record in halves (`likes`), a score that saw other records, and a
    second score.
    """
    truth, own, error, spread, other = rng.normal(size=(5, n))
    size = np.sqrt((1 - reliability) / reliability)
    likes, half = truth + size * error, size * spread
    klout = 0.7 * truth + np.sqrt(0.51) * own
    return {
        "truth": truth,
        "likes": likes,
        "likes_odd": likes + half,
        "likes_even": likes - half,
        "klout": klout,
        "kred": 0.6 * klout + 0.8 * other,
    }


def grouped(rng: np.random.Generator, n: int, size: int) -> dict[str, np.ndarray]:
    """Return accounts of teams of a size; a third of the score's variance lies between teams."""
    table, team = accounts(rng, n), np.arange(n) // size
    lift = rng.normal(size=(2, team.max() + 1))[:, team]
    return table | {
        "klout": table["klout"] + np.sqrt(0.5) * lift[0],
        "team": team,
        "shared": lift[1],
    }


def _money(spread: str) -> Callable[[np.random.Generator, int], pd.DataFrame]:
    def frame(rng: np.random.Generator, n: int) -> pd.DataFrame:
        table = accounts(rng, n)
        noise = (
            rng.gamma(1.5, 1 / 1.5, n) if spread == "light" else np.exp(rng.normal(-0.72, 1.2, n))
        )
        sales = np.exp(1 + 0.5 * table["truth"] + 0.1 * table["klout"]) * noise
        return pd.DataFrame(table | {"sales": sales})

    return frame


def _zeros(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = accounts(rng, n)
    buys = rng.random(n) < expit(0.5 + 0.4 * table["truth"] + 0.2 * table["klout"])
    mean = np.exp(1 + 0.3 * table["truth"] + 0.1 * table["klout"])
    return pd.DataFrame(table | {"sales": buys * mean * rng.gamma(1.5, 1 / 1.5, n)})


def _counts(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = accounts(rng, n)
    mean = np.exp(0.5 + 0.4 * table["truth"] + 0.15 * table["klout"])
    return pd.DataFrame(table | {"referrals": rng.poisson(mean * rng.gamma(2.0, 0.5, n))})


def _hurdle_counts(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return counts of a hurdle: a logit, then NB2 given that it is not zero."""
    table = accounts(rng, n)
    some = rng.random(n) < expit(0.3 + 0.4 * table["truth"] + 0.2 * table["klout"])
    mean, counts = np.exp(1 + 0.3 * table["truth"] + 0.1 * table["klout"]), np.zeros(n)
    while (counts == 0).any():
        at = np.flatnonzero(counts == 0)
        counts[at] = rng.poisson(mean[at] * rng.gamma(2.0, 0.5, len(at)))
    return pd.DataFrame(table | {"referrals": some * counts})


def _renewals(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = accounts(rng, n)
    chance = expit(-0.5 + 0.8 * table["truth"] + 0.4 * table["klout"])
    return pd.DataFrame(table | {"renewed": (rng.random(n) < chance).astype(int)})


def _growth(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = accounts(rng, n)
    noise = rng.normal(size=n) * (0.6 + 0.4 * np.abs(table["truth"]))
    return pd.DataFrame(table | {"growth": 0.5 * table["truth"] + 0.15 * table["klout"] + noise})


def _growth_of_two(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return the same with comments, which go weakly with score and outcome."""
    table = _growth(rng, n)
    comments = 0.2 * table["klout"] + rng.normal(size=n)
    return table.assign(
        comments=comments, growth=table["growth"] - 0.2 * 0.2 * table["klout"] + 0.2 * comments
    )


def _worthless(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = accounts(rng, n)
    return pd.DataFrame(
        table | {"growth": 0.5 * table["truth"] + np.sqrt(0.75) * rng.normal(size=n)}
    )


def _strong(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = accounts(rng, n)
    return pd.DataFrame(
        table | {"growth": 0.5 * table["truth"] + 0.6 * table["klout"] + 0.5 * rng.normal(size=n)}
    )


def _teams(size: int) -> Callable[[np.random.Generator, int], pd.DataFrame]:
    def frame(rng: np.random.Generator, n: int) -> pd.DataFrame:
        table = grouped(rng, n, size)
        growth = (
            0.5 * table["truth"]
            + 0.15 * table["klout"]
            + 0.7 * table["shared"]
            + rng.normal(size=n)
        )
        mean = np.exp(0.5 + 0.4 * table["truth"] + 0.15 * table["klout"] + 0.4 * table["shared"])
        return pd.DataFrame(table | {"growth": growth, "referrals": rng.poisson(mean)}).drop(
            columns="shared"
        )

    return frame


def _reliable_teams(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return accounts whose true engagement is partly the team's, with halves."""
    table, team = accounts(rng, n), np.arange(n) // 10
    lift = (
        np.sqrt(0.5) * rng.normal(size=team.max() + 1)[team] - (1 - np.sqrt(0.5)) * table["truth"]
    )
    moved = {name: table[name] + lift for name in ("truth", "likes", "likes_odd", "likes_even")}
    growth = 0.5 * moved["truth"] + 0.15 * table["klout"] + rng.normal(size=n)
    return pd.DataFrame(table | moved | {"team": team, "growth": growth})


def _segments(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return eight trades; their effects are .15 on average, with a standard deviation of .1."""
    table, trade = accounts(rng, n), np.arange(n) % 8
    effect = (0.15 + 0.1 * rng.normal(size=8))[trade]
    effect[trade == 0] = 0.15
    mean = np.exp(0.5 + 0.4 * table["truth"] + effect * table["klout"])
    return pd.DataFrame(
        table | {"trade": [f"trade {at}" for at in trade], "referrals": rng.poisson(mean)}
    )


def _months(rng: np.random.Generator, units: int, months: int) -> dict[str, np.ndarray]:
    """Return a panel: a lasting and a passing part of engagement, recorded in halves of reliability
    .8.
    """
    who, when = np.repeat(np.arange(units), months), np.tile(np.arange(months), units)
    lasting, rows = rng.normal(size=(2, units))[:, who], units * months
    truth = np.sqrt(0.5) * (lasting[0] + rng.normal(size=rows))
    error, half = 0.5 * rng.normal(size=(2, rows))
    likes = truth + error
    return {
        "creator": who,
        "month": when,
        "truth": truth,
        "likes": likes,
        "likes_odd": likes + half,
        "likes_even": likes - half,
        "lasting": lasting[1],
        "klout": 0.7 * truth + np.sqrt(0.51) * rng.normal(size=rows),
    }


def _panel(rng: np.random.Generator, units: int) -> pd.DataFrame:
    table = _months(rng, units, 8)
    slope = 0.4 * table["truth"] + 0.15 * table["klout"] + 0.4 * table["lasting"]
    table |= {
        "growth": slope + rng.normal(size=len(slope)),
        "referrals": rng.poisson(np.exp(0.5 + slope)),
    }
    return pd.DataFrame(table).drop(columns=["lasting", "truth"])


JUMP, EXTRA = 1.0, 0.3
"""What gaming adds to a score, and to the outcome besides."""


def _episodes(rng: np.random.Generator, units: int, decoupling: float) -> pd.DataFrame:
    """Return a panel of 14 months; a third of the creators game for five months. Slopes are .3 and
    .3 x the ratio.

    The score moves on its own and with engagement; nobody games more when the outcome is about to
    rise.
    """
    table = _months(rng, units, 14)
    begins = rng.integers(4, 8, units)
    ever = rng.random(units) < 1 / 3
    who, when = table["creator"], table["month"]
    gamed = ever[who] & (when >= begins[who]) & (when < begins[who] + 5)
    klout = table["klout"] + JUMP * gamed
    slope = 0.3 * table["truth"] + 0.4 * table["lasting"] + 0.02 * when + EXTRA * gamed
    slope += 0.3 * np.where(gamed, decoupling, 1.0) * klout
    table |= {
        "klout": klout,
        "gaming": gamed.astype(int),
        "growth": slope + rng.normal(size=len(slope)),
        "referrals": rng.poisson(np.exp(0.2 + slope)),
    }
    return pd.DataFrame(table).drop(columns=["lasting", "truth"])


def _ratio(decoupling: float) -> Callable[[np.random.Generator, int], pd.DataFrame]:
    return lambda rng, units: _episodes(rng, units, decoupling)


def _change(rng: np.random.Generator, units: int) -> pd.DataFrame:
    """Return 24 months; after twelve a new version is displayed: 50 + 10 S, and 52 + 9 S +
    something else.
    """
    table = _months(rng, units, 24)
    table["likes"] = table["truth"]
    old = 50 + 10 * table["klout"]
    new = 52 + 9 * table["klout"] + 3 * rng.normal(size=len(old))
    after = table["month"] >= 12
    shown = np.where(after, new, old)
    growth = (
        0.5 * table["truth"] + 0.02 * shown + 0.4 * table["lasting"] + rng.normal(size=len(old))
    )
    table |= {
        "klout": shown,
        "klout_old": old,
        "klout_new": new,
        "algorithm": after.astype(int),
        "growth": growth,
    }
    return pd.DataFrame(table).drop(columns=["lasting", "truth", "likes_odd", "likes_even"])


def _perk(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return scores about a threshold at 40 with a perk worth 1, on a curve."""
    klout = rng.normal(42, 12, n)
    likes = 0.05 * klout + rng.normal(size=n)
    x = (klout - 40) / 12
    growth = 2 * x - x**2 + 0.5 * x**3 + 1.0 * (klout >= 40) + 1.5 * rng.normal(size=n)
    return pd.DataFrame({"klout": klout, "likes": likes, "growth": growth})


def _parts(rng: np.random.Generator, n: int) -> pd.DataFrame:
    peer, customer = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], size=n).T
    klout = 0.8 * peer + 0.2 * customer + 0.6 * rng.normal(size=n)
    referrals = rng.poisson(np.exp(0.5 + 0.1 * peer + 0.3 * customer))
    return pd.DataFrame(
        {
            "likes": peer + customer + 0.5 * rng.normal(size=n),
            "peer": peer,
            "customer": customer,
            "klout": klout,
            "referrals": referrals,
        }
    )


def _returns(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = accounts(rng, n)
    cost = np.exp(rng.normal(0, 0.5, n))
    revenue = (
        cost
        * np.exp(0.3 + 0.3 * table["truth"] + 0.1 * table["klout"])
        * rng.gamma(1.5, 1 / 1.5, n)
    )
    return pd.DataFrame(table | {"cost": cost, "revenue": revenue})


# --- functions asked directly ---------------------------------------------------------------------


def _windows(rng: np.random.Generator) -> Held:
    truth, noise = rng.normal(size=300), rng.normal(size=(300, 2))
    found = estimate_reliability(
        truth[:, None] + np.sqrt(0.5) * noise, "test-retest", replicates=499, rng=rng
    )
    return {"reliability/test-retest/reliability:likes": ((found.low, found.high), 0.8)}


def _pooled(k: int, tau: float) -> Callable[[np.random.Generator], Held]:
    def of(rng: np.random.Generator) -> Held:
        errors = np.sqrt(rng.uniform(0.5, 1.5, k)) * 0.1
        effects = 0.2 + tau * rng.normal(size=k) + errors * rng.normal(size=k)
        seen = errors * np.sqrt(rng.chisquare(150, k) / 150)
        found, start = pool(effects, seen), "transport/hartung-knapp/"
        return {
            f"{start}pooled": (found.interval(), 0.2),
            f"{start}tau2": (found.tau2_bounds, tau**2),
            f"{start}prediction_interval": (found.prediction_interval(), 0.2 + tau * rng.normal()),
        }

    return of


POOL = ("pooled", "prediction_interval", "tau2")


def _series(correlation: float) -> Callable[[np.random.Generator], Held]:
    def of(rng: np.random.Generator) -> Held:
        noise = rng.normal(size=24)
        noise[0] /= np.sqrt(1 - correlation**2)
        for at in range(1, 24):
            noise[at] += correlation * noise[at - 1]
        found = interruption(noise + 0.1 * np.arange(24) + 2.0 * (np.arange(24) >= 12), 12, rng)
        return {"algorithm/its/outcome_jump": (found.interval, 2.0)}

    return of


def _shares(rng: np.random.Generator) -> Held:
    drawn = rng.random((2, 200)) < np.array([[0.05], [0.9]])
    small, large = (share_of(called, 0.95) for called in drawn)
    return {
        "placebo/poisson/placebo_adds": ((small.low, small.high), 0.05),
        "placebo/poisson/planted_adds": ((large.low, large.high), 0.9),
    }


# --- plans ----------------------------------------------------------------------------------------

SCORE = {"columns": ["klout"], "scale": "raw", "shares_error": "none"}
BOTH = {**SCORE, "columns": ["klout", "kred"]}
TRUE = {"columns": ["truth"]}
HALVES = {"columns": ["likes"], "halves": {"likes": ["likes_odd", "likes_even"]}}
FEWER = {"bootstrap": 499}
PERSON = {"cluster": {"column": "creator"}, "panel": {"unit": "creator", "time": "month"}}
SALES = [{"column": "sales", "kind": "revenue", "sesoi": 0.05}]
COUNT = [{"column": "referrals", "kind": "count", "sesoi": 0.05}]
BINARY = [{"column": "renewed", "kind": "binary", "sesoi": 0.02}]
LEVEL = [{"column": "growth", "kind": "continuous", "sesoi": 0.1}]
CHANGED = {"changed": "algorithm", "old": "klout_old", "new": "klout_new", "time": "month"}
PLAIN = (study_increment,)
SIZED = (study_increment, study_size, study_confounding)


def _plan(
    outcome: list[dict[str, Any]], engagement: dict[str, Any] = TRUE, **more: Any
) -> dict[str, Any]:
    said = {"score": SCORE, "engagement": engagement, "outcome": outcome, "inference": FEWER}
    return said | {"ranking": {}} | more


def _named(names: Iterable[str], value: float | str) -> dict[str, float | str]:
    return dict.fromkeys(names, value)


ROWS = "increment/{}/klout"
PML = ("poisson", "gamma", "tweedie")
LEADS = ("onset.-1", "onset.-3", "onset.-4")
BEGUN = ("onset.0", "onset.1", "onset.2", "onset.3")
ENDED = ("offset.0", "offset.1")


def _events(jump: float, name: str) -> dict[str, float | str]:
    return {
        f"gaming/did-m/{name}_jump": jump,
        f"gaming/did-m/{name}_jump@onset": jump,
        f"gaming/did-m/{name}_jump@offset": jump,
        **_named((f"gaming/did-m/{name}_event@{at}" for at in LEADS), 0.0),
        **_named((f"gaming/did-m/{name}_event@{at}" for at in BEGUN), jump),
        **_named((f"gaming/did-m/{name}_event@{at}" for at in ENDED), -jump),
    }


def _slopes(models: Iterable[str], ratio: float) -> dict[str, float | str]:
    return {
        key: value
        for model in models
        for key, value in (
            (f"gaming/{model}/klout@organic", 0.3),
            (f"gaming/{model}/klout@gamed", 0.3 * ratio),
            (f"gaming/{model}/decoupling", ratio),
        )
    }


WORLDS: tuple[World | Direct, ...] = (
    World(
        "money",
        "revenue with Gamma noise",
        _money("light"),
        _plan([{**SALES[0], "variants": ["log1p"]}], score=BOTH),
        {
            **_named((ROWS.format(model) for model in PML), 0.1),
            ROWS.format("ols"): LARGE,
            ROWS.format("ols") + "@log1p": LARGE,
            ROWS.format("poisson") + "@bootstrap-t": 0.1,
            **_named((f"raw/{model}/klout" for model in PML), 0.45),
            "raw/ols/klout": LARGE,
            ONE_SIDED: LARGE,
            "decomposition/gelbach/truth": LARGE,
            "scorecard//gini": LARGE,
            "scorecard//lift_top_decile": LARGE,
            "scorecard//gini_difference:kred": LARGE,
        },
        (*SIZED, study_bootstrap, study_ranking),
    ),
    World(
        "money-heavy",
        "revenue with log-normal noise of a standard deviation of 1.2 on the log scale",
        _money("heavy"),
        _plan(SALES),
        {
            **_named((ROWS.format(model) for model in PML), 0.1),
            ROWS.format("poisson") + "@bootstrap-t": 0.1,
            "scorecard//gini": LARGE,
            "scorecard//lift_top_decile": LARGE,
        },
        (study_increment, study_bootstrap, study_ranking),
    ),
    World(
        "growth",
        "a continuous outcome whose noise varies, and a weak second engagement column",
        _growth_of_two,
        _plan(LEVEL, {"columns": ["truth", "comments"]}),
        {
            ROWS.format("ols"): 0.11,
            "raw/ols/klout": 0.5,
            ONE_SIDED: LARGE,
            "decomposition/gelbach/truth": 0.35,
            "decomposition/gelbach/comments": 0.04,
            "sensitivity/ols/bound:comments": LARGE,
        },
        SIZED,
        draws=1000,
    ),
    World(
        "growth-sd",
        "a strong effect (.6) per standard deviation of the score, as estimated",
        _strong,
        _plan(LEVEL, score={**SCORE, "scale": "sd"}),
        {ROWS.format("ols"): 0.6},
        PLAIN,
        n=200,
    ),
    World(
        "zeros",
        "revenue of which a third is zero",
        _zeros,
        _plan(SALES),
        {
            ROWS.format("hurdle"): LARGE,
            ROWS.format("hurdle") + "@zero": 0.2,
            ROWS.format("hurdle") + "@positive": 0.1,
        },
        PLAIN,
    ),
    World(
        "counts",
        "NB2 counts",
        _counts,
        _plan(COUNT),
        {
            ROWS.format("poisson"): 0.15,
            ROWS.format("nb2"): 0.15,
        },
        PLAIN,
    ),
    World(
        "hurdle-counts",
        "counts of a hurdle and a truncated NB2",
        _hurdle_counts,
        _plan(COUNT),
        {
            ROWS.format("hurdle"): LARGE,
            ROWS.format("hurdle") + "@zero": 0.2,
            ROWS.format("hurdle") + "@positive": 0.1,
        },
        PLAIN,
        draws=300,
        large=100_000,
    ),
    World(
        "renewals",
        "a binary outcome",
        _renewals,
        _plan(BINARY, score=BOTH),
        {
            ROWS.format("logit"): 0.4,
            ROWS.format("logit") + "@margin": LARGE,
            "raw/logit/klout@margin": LARGE,
            ROWS.format("ols"): LARGE,
            "scorecard//auc": LARGE,
            "scorecard//auc_difference:kred": LARGE,
            "scorecard//calibration_slope": 1.0,
            "scorecard//calibration_intercept": 0.0,
            "scorecard//gini": LARGE,
            "decomposition/gelbach/truth": LARGE,
        },
        (study_increment, study_size, study_ranking),
        draws=1000,
    ),
    World(
        "teams-60",
        "60 teams of ten (CRV1)",
        _teams(10),
        _plan(LEVEL, cluster={"column": "team"}),
        {
            ROWS.format("ols"): 0.15,
            ONE_SIDED: LARGE,
            "decomposition/gelbach/truth": 0.35 / 1.5,
        },
        (study_increment, study_size),
        n=600,
        draws=1000,
        large=100_000,
    ),
    World(
        "teams-20",
        "20 teams of twenty (CRV3)",
        _teams(20),
        _plan(LEVEL, cluster={"column": "team"}),
        {
            ROWS.format("ols"): 0.15,
            ONE_SIDED: LARGE,
            "decomposition/gelbach/truth": 0.35 / 1.5,
        },
        (study_increment, study_size),
        n=400,
        draws=1000,
        large=100_000,
    ),
    World(
        "teams-20-counts",
        "counts in 20 teams of twenty (CRV3; the bootstrap draws teams)",
        _teams(20),
        _plan(COUNT, cluster={"column": "team"}),
        {
            ROWS.format("poisson"): 0.15,
            ROWS.format("poisson") + "@bootstrap-t": 0.15,
            ROWS.format("nb2"): LARGE,
        },
        (study_increment, study_bootstrap),
        n=400,
        draws=300,
        large=40_000,
    ),
    World(
        "teams-10-wild",
        "ten teams of twenty, restricted wild cluster bootstrap",
        _teams(20),
        _plan(
            LEVEL, cluster={"column": "team"}, inference={"covariance": "wild", "bootstrap": 399}
        ),
        {
            ROWS.format("ols"): 0.15,
        },
        PLAIN,
        n=200,
    ),
    World(
        "halves-growth",
        "least squares, engagement in two halves of reliability .8",
        _growth,
        _plan(LEVEL, HALVES),
        {
            "corrected/eiv/klout": 0.15,
            "corrected/oriv/klout": 0.15,
            "reliability/halves/reliability:likes": 0.8,
        },
        (study_noise,),
        draws=1000,
    ),
    World(
        "halves-teams",
        "the same in 30 teams of ten",
        _reliable_teams,
        _plan(LEVEL, HALVES, cluster={"column": "team"}),
        {
            "corrected/eiv/klout": 0.15,
            "corrected/oriv/klout": 0.15,
            "reliability/halves/reliability:likes": 0.8,
        },
        (study_noise,),
        n=300,
    ),
    World(
        "halves-counts",
        "counts, engagement in two halves of reliability .8",
        _counts,
        _plan(COUNT, HALVES),
        {
            "corrected/calibration/klout": 0.15,
            "corrected/corrected-score/klout": 0.15,
            "reliability/halves/reliability:likes": 0.8,
        },
        (study_noise,),
    ),
    World(
        "halves-nb2",
        "the same by NB2",
        _counts,
        _plan([{**COUNT[0], "model": "nb2"}], HALVES),
        {
            "corrected/calibration/klout": 0.15,
        },
        (study_noise,),
        draws=200,
    ),
    World(
        "halves-renewals",
        "a binary outcome, engagement in two halves of reliability .8",
        _renewals,
        _plan(BINARY, HALVES),
        {
            "corrected/calibration/klout@margin": LARGE,
            "corrected/calibration/klout": 0.4,
            "corrected/conditional-score/klout": 0.4,
        },
        (study_noise,),
    ),
    World(
        "declared",
        "counts, a reliability of .8 declared, which is right",
        _counts,
        _plan(COUNT, {"columns": ["likes"], "reliability": {"likes": 0.8}}),
        {"corrected/calibration/klout": 0.15},
        (study_noise,),
    ),
    Direct(
        "windows",
        "two windows of 300 people",
        _windows,
        ("reliability/test-retest/reliability:likes",),
        1000,
    ),
    World(
        "trades",
        "eight trades of 120 rows with effects of their own; that of trade 0 is .15",
        _segments,
        _plan(COUNT, HALVES, segment={"column": "trade"}),
        {
            "transport/poisson/trade 0": 0.15,
            "transport/hartung-knapp/pooled": 0.15,
            "transport/hartung-knapp/tau2": 0.01 * 7 / 8,
        },
        (study_segments,),
        n=960,
        draws=400,
    ),
    *(
        Direct(
            f"pool-{k}-{name}",
            f"{k} segments, their true spread {said} their standard errors",
            _pooled(k, tau),
            tuple(f"transport/hartung-knapp/{term}" for term in POOL),
        )
        for k in (5, 10, 20)
        for name, said, tau in (
            ("alike", "half of", 0.05),
            ("equal", "equal to", 0.1),
            ("apart", "twice", 0.2),
        )
    ),
    World(
        "panel-growth",
        "80 creators in eight months, least squares",
        _panel,
        _plan(LEVEL, HALVES, **PERSON),
        {
            "panel/eiv/klout": 0.15,
            "timing/ols/future_score": LARGE,
            "timing/ols/lagged_score": LARGE,
            "panel/ols/klout": LARGE,
        },
        (study_noise, study_panel),
        n=80,
        large=8_000,
    ),
    World(
        "panel-counts",
        "80 creators in eight months, counts, engagement as recorded",
        _panel,
        _plan(COUNT, {"columns": ["likes"]}, **PERSON),
        {
            "panel/poisson/klout": LARGE,
            "panel/ols/klout": LARGE,
            "timing/poisson/future_score": LARGE,
            "timing/poisson/lagged_score": LARGE,
        },
        (study_panel,),
        n=80,
        large=8_000,
    ),
    World(
        "gaming-growth",
        "60 creators in 14 months, a third of them gaming; a point means the same throughout",
        _ratio(1.0),
        _plan(LEVEL, HALVES, **PERSON, gaming={"episode": "gaming"}),
        {
            **_slopes(("eiv",), 1.0),
            **_events(JUMP, "score"),
            **_events(EXTRA + 0.3 * JUMP, "outcome"),
            "gaming/ols/r_squared@organic": LARGE,
            "gaming/ols/r_squared@gamed": LARGE,
            "gaming/ols/information_loss": LARGE,
            "gaming/ranks/displaced": LARGE,
        },
        (study_gaming,),
        n=60,
        large=6_000,
        draws=400,
    ),
    World(
        "gaming-counts",
        "150 creators in 14 months; a gamed point means half of another",
        _ratio(0.5),
        _plan(COUNT, HALVES, **PERSON, gaming={"episode": "gaming"}),
        {**_slopes(("calibrated",), 0.5)},
        (study_gaming,),
        n=150,
        draws=300,
    ),
    World(
        "change",
        "60 creators in 24 months, another version displayed after twelve",
        _change,
        _plan(LEVEL, {"columns": ["likes"]}, cluster={"column": "creator"}, algorithm=CHANGED),
        {
            "algorithm/two-versions/score_jump": 2.0,
            "algorithm/ols/klout_old": LARGE,
            "algorithm/ols/klout_new": LARGE,
            "algorithm/ols/invariance": 0.0,
            "algorithm/ols/instrument": 0.02,
            "algorithm/its/score_jump": 2.0,
            "algorithm/its/outcome_jump": 0.04,
        },
        (study_algorithm,),
        n=60,
        large=6_000,
        draws=400,
    ),
    World(
        "perk",
        "a threshold with a perk worth 1, on a curve",
        _perk,
        _plan(LEVEL, {"columns": ["likes"]}, algorithm={"perk": 40}),
        {
            "algorithm/rd/perk": 1.0,
            "algorithm/mccrary/bunching": 0.0,
        },
        (study_algorithm,),
        n=2000,
        draws=1000,
    ),
    Direct(
        "series",
        "24 months, the change after twelve, independent months",
        _series(0.0),
        ("algorithm/its/outcome_jump",),
        1000,
    ),
    Direct(
        "series-lasting",
        "24 months, neighbours correlate .5",
        _series(0.5),
        ("algorithm/its/outcome_jump",),
        1000,
    ),
    World(
        "parts",
        "engagement of peers and customers",
        _parts,
        _plan(
            COUNT,
            {"columns": ["likes"]},
            parts={"columns": ["peer", "customer"], "transform": "identity"},
        ),
        {
            "parts/ols/weight_score:peer": LARGE,
            "parts/ols/weight_score:customer": LARGE,
            "parts/poisson/weight_outcome:peer": 0.1,
            "parts/poisson/weight_outcome:customer": 0.3,
        },
        (study_parts,),
    ),
    World(
        "returns",
        "net return and the ratio of revenue to cost",
        _returns,
        _plan([{"column": "revenue", "kind": "roi", "sesoi": 0.2, "cost": "cost"}]),
        {
            ROWS.format("ols"): LARGE,
            ROWS.format("poisson") + "@ratio": 0.1,
        },
        (study_increment, study_returns),
    ),
    World(
        "flexible",
        "least squares, controls learned (linear, two splits)",
        _growth,
        _plan(LEVEL, flexible={"learners": ["linear"], "repeats": 2}),
        {"flexible/dml-linear/klout": 0.15},
        (study_flexible,),
        draws=300,
    ),
    World(
        "flexible-boosting",
        "the same, learned by boosted trees (one split)",
        _growth,
        _plan(LEVEL, flexible={"learners": ["boosting"], "repeats": 1}),
        {"flexible/dml-boosting/klout": 0.15},
        (study_flexible,),
        draws=50,
    ),
    World(
        "flexible-noisy",
        "engagement recorded with a reliability of .8, and a score that adds nothing",
        _worthless,
        _plan(LEVEL, {"columns": ["likes"]}, flexible={"learners": ["linear"], "repeats": 1}),
        {
            "flexible/dml-linear/klout": 0.0,
        },
        (study_flexible,),
        n=1000,
        draws=300,
        fair=False,
    ),
    World(
        "flexible-noisy-boosting",
        "the same, learned by boosted trees",
        _worthless,
        _plan(LEVEL, {"columns": ["likes"]}, flexible={"learners": ["boosting"], "repeats": 1}),
        {
            "flexible/dml-boosting/klout": 0.0,
        },
        (study_flexible,),
        n=1000,
        draws=50,
        fair=False,
    ),
    Direct(
        "shares",
        "200 draws of a placebo simulation",
        _shares,
        ("placebo/poisson/placebo_adds", "placebo/poisson/planted_adds"),
    ),
)
BY_NAME = {world.name: world for world in WORLDS}
