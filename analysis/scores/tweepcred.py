"""Twitter's reputation score, "tweepcred": who reacts, on a log scale, less a price for following.

Its rules were published to the last constant in 2023 (github.com/twitter/the-algorithm, package
graph/batch/job/tweepcred) and are written anew here from what they say:

* a walk along interactions jumps with probability .1 to an account in proportion to its prior mass;
  what flows to accounts that react to nobody is spread evenly;
* the prior mass is 0 for a suspended account, 100 for a verified one, and otherwise rests on a
  confirmed device and the age of the account; following more than 500 costs mass;
* the score is the rounded logarithm of PageRank, moved to 0-100; following more than 2,500 costs
  PageRank first.

Free choices: a month of age counts as 30 days; a table of accounts stands for a network of
`NETWORK` accounts like them, since PageRank sums to 1 over all of them; and where neither ties nor
a column `pagerank` say who reacted to whom, everybody's attention is spread over authors in
proportion to how many people react to each and how influential these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DataError, printable
from analysis.scores.inputs import MONTH, Card, as_score, read_columns
from analysis.scores.network import TOLERANCE, Influence, flows, read_ties, solve

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

JUMP = 0.1
"""Probability that the walk jumps to the prior mass."""
BASE, DEVICE, RAMP, LEAST, RESTRICTED, FULL = 0.05, 0.5, 15.0, 0.01, 0.1, 100.0
"""Prior mass, as shares of `FULL`: of anybody, more with a device; days of the logarithm of age;
the least; and what a restriction leaves."""
MANY, FREE_RATIO, STEEP = 500, 0.6, 5.0
"""Followings from which mass is lost, the ratio to followers that is free, and how steeply."""
INTERCEPT, SLOPE, NOTHING, HIGHEST = 130.0, 5.21, 1e-20, 100.0
"""Of the score in the natural logarithm of PageRank; below which PageRank it is 0; its ceiling."""
VERY_MANY, RATIO, STEEPNESS, MOST_LOST = 2500, 1.0, 3.0, 50.0
"""The same of the penalty on PageRank, and the most that it divides by. The release of March 2023
has a ratio of .6 here, a later version of the file 1: the penalty starts later and ends as it did.
"""
NETWORK = 1e8
"""Accounts for which a table stands: our choice, one of its accounts on average has 34 points."""

MASS = ("followers", "followings", "longevity", "device", "verified", "suspended", "restricted")
NEEDS = (*MASS, "reactors", "reactor_score")
RANKED = ("pagerank", "followers", "followings")
"""What the prior mass reads; the score without ties or `pagerank`; the score with `pagerank`."""


def prior_mass(columns: dict[str, ArrayLike], *, days: ArrayLike | None = None) -> np.ndarray:
    """Return the prior mass of 0-100 of each account.

    Parameters
    ----------
    columns : dict of str to array
        `MASS`.
    days : array, optional
        Age of the accounts; `longevity`, months of 30 days, if None.

    Examples
    --------
    >>> old = dict.fromkeys(MASS, [0.0]) | {"longevity": [12.0]}
    >>> prior_mass(old).tolist(), prior_mass(old | {"device": [1.0]}).round(6).tolist()
    ([5.0], [55.0])
    """
    given = {name: np.asarray(columns[name], float) for name in MASS}
    age = MONTH * given["longevity"] if days is None else np.asarray(days, float)
    grown = np.minimum(1, np.log1p(age / RAMP))
    share = np.maximum(LEAST, (BASE + DEVICE * (given["device"] > 0)) * grown)
    share = np.clip(np.where(given["restricted"] > 0, RESTRICTED * share, share), 0, 1)
    mass = np.where(given["verified"] > 0, FULL, FULL * share)
    mass = np.where(given["suspended"] > 0, 0.0, mass)
    ratio = follow_ratio(given["followers"], given["followings"])
    pays = (given["followings"] > MANY) & (ratio > FREE_RATIO)
    return mass * np.exp(np.where(pays, -STEEP * (ratio - FREE_RATIO), 0.0))


def follow_ratio(followers: ArrayLike, followings: ArrayLike) -> np.ndarray:
    """Return followings over followers, one added to each."""
    return (1 + np.asarray(followings, float)) / (1 + np.asarray(followers, float))


def penalty(followers: ArrayLike, followings: ArrayLike) -> np.ndarray:
    """Return what PageRank is divided by for following many: 1 up to 2,500, at most 50.

    >>> penalty([10_000, 10_000, 2600, 100], [2500, 9000, 5201, 5201]).round(2).tolist()
    [1.0, 1.0, 50.0, 50.0]
    """
    many = np.asarray(followings, float)
    steep = STEEPNESS * np.log(np.log(np.maximum(many, VERY_MANY)))
    power = np.minimum(steep * (follow_ratio(followers, many) - RATIO), np.log(MOST_LOST))
    return np.where(many > VERY_MANY, np.exp(np.maximum(power, 0)), 1.0)


def reputation(pagerank: ArrayLike) -> np.ndarray:
    """Return the score of 0-100 of a PageRank before it is rounded.

    >>> np.rint(reputation([0, 1e-21, 2.6e-10, 1e-8, 1.2e-3, 1])).tolist()
    [0.0, 0.0, 15.0, 34.0, 95.0, 100.0]
    """
    rank = np.asarray(pagerank, float)
    points = INTERCEPT + SLOPE * np.log(np.maximum(rank, NOTHING))
    return np.where(rank < NOTHING, 0.0, np.clip(points, 0, HIGHEST))


def pagerank(ties: pd.DataFrame, mass: pd.Series, *, jump: float = JUMP) -> Influence:
    """Solve for the PageRank of every account that has a prior mass.

    Parameters
    ----------
    ties : DataFrame
        As in `network.influence`; ties with an account that has no mass are left out.
    mass : Series
        Prior mass by account: see `prior_mass`.
    jump : float
        Probability of a jump, in (0, 1].

    Raises
    ------
    DataError
        When the list of ties is faulty, or the mass is negative, missing, or nowhere positive.
    """
    if not 0 < jump <= 1:
        raise DataError("PageRank", "jump", printable(jump), "a probability above 0, at most 1")
    prior = mass.to_numpy(float)
    if mass.index.has_duplicates or not (np.isfinite(prior).all() and (prior >= 0).all()):
        raise DataError("PageRank", "mass", "no such mass", "a number of at least 0 per account")
    if not prior.sum() > 0:
        raise DataError("PageRank", "mass", "no mass at all", "an account that is not suspended")
    reactor, author, weight, named = read_ties(ties)
    place = mass.index.get_indexer(named)
    ends, known = (place[reactor], place[author]), (place[reactor] >= 0) & (place[author] >= 0)
    weight = None if weight is None else weight[known]
    reactions, total = flows(ends[0][known], ends[1][known], weight, len(mass))
    accounts = mass.index.to_numpy()
    return solve(reactions, total, accounts, 1 - jump, TOLERANCE, prior / prior.sum())


def expected_pagerank(
    columns: dict[str, np.ndarray],
    among: dict[str, np.ndarray] | None = None,
    *,
    network: float = NETWORK,
) -> np.ndarray:
    """Return PageRank where attention is spread over authors in proportion to those who react.

    It is the exact solution for a network in which every account reacts to an author in proportion
    to the author's `reactors` times their `reactor_score`.

    Parameters
    ----------
    columns : dict of str to ndarray
        `NEEDS`.
    among : dict of str to ndarray, optional
        The accounts that stand for the network, where it is not these.
    network : float
        How many accounts it has.
    """
    among = columns if among is None else among
    flow = _over_mean(*(read["reactors"] * read["reactor_score"] for read in (columns, among)))
    prior = _over_mean(prior_mass(columns), prior_mass(among))
    return (JUMP * prior + (1 - JUMP) * flow) / network


def _over_mean(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return values relative to the mean of others; 1 where that is nothing."""
    return values / among.mean() if len(among) and among.mean() > 0 else np.ones_like(values)


def tweepcred(
    frame: pd.DataFrame, ties: pd.DataFrame | None = None, *, network: float | None = NETWORK
) -> pd.Series:
    """Return a tweepcred-style score of 0-100, in whole points, for every row.

    Parameters
    ----------
    frame : DataFrame
        `MASS` with `pagerank` or, without it, `reactors` and `reactor_score`.
    ties : DataFrame, optional
        Who reacted to whom, by the column `creator`: PageRank is then solved for on them.
    network : float, optional
        Accounts for which the table stands; None: it is the whole network. A column `pagerank` is
        taken as it is.

    Raises
    ------
    DataError
        When a column is missing or not what it should be.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame(dict.fromkeys(NEEDS, [0.0, 0.0]))
    >>> people = people.assign(longevity=12, reactors=[0, 200], reactor_score=20)
    >>> tweepcred(people).tolist()
    [22.0, 37.0]
    """
    style = "tweepcred-style"
    given = ties is None and "pagerank" in getattr(frame, "columns", ())
    names = (
        ("pagerank", "followers", "followings") if given else MASS if ties is not None else NEEDS
    )
    columns = read_columns(frame, names, style)
    size = len(frame) if network is None else network
    if not (np.isfinite(size) and size > 0):
        raise DataError(f"the {style} score", "network", printable(size), "a number of accounts")
    if given:
        rank = columns["pagerank"]
    elif ties is not None:
        rank = _solved(frame, ties, columns) * len(frame) / size
    else:
        rank = expected_pagerank(columns, network=size)
    rank = rank / penalty(columns["followers"], columns["followings"])
    return as_score(np.rint(reputation(rank)), frame, "tweepcred_style", 0)


def _solved(frame: pd.DataFrame, ties: pd.DataFrame, columns: dict[str, np.ndarray]) -> np.ndarray:
    import pandas as pd

    if "creator" not in frame or frame["creator"].duplicated().any():
        found, allowed = "not one row per account", "a column with a different account in each row"
        raise DataError("the inputs of the tweepcred-style score", "creator", found, allowed)
    return pagerank(ties, pd.Series(prior_mass(columns), frame["creator"])).values


def card() -> Card:
    """Return the description of the score."""
    return Card(
        name="tweepcred-style",
        says="How much attention flows to somebody along interactions, on a logarithmic scale.",
        inputs=(
            (
                "pagerank; or reactors, reactor_score",
                f"{1 - JUMP:.0%}",
                "what flows from those who react, and from those who react to them",
            ),
            (
                "longevity, device",
                f"{JUMP:.0%}",
                "prior mass: 5 of 100, 55 with a confirmed device, less in the first 30 days",
            ),
            ("verified", "the same share", "prior mass of 100"),
            ("suspended, restricted", "the same share", "prior mass of 0, or a tenth of it"),
            (
                "followings, followers",
                "divides",
                "prior mass above 500 followings, PageRank above 2,500 (by 50 at most)",
            ),
        ),
        window="what is recorded of interactions; the published code names none",
        scale="0-100, whole points: 130 + 5.21 times the natural logarithm of PageRank",
        cannot_see=(
            "what anybody bought, paid or referred",
            "what was said: a complaint is an interaction like any other",
            "who is behind an account: ten by one person are ten accounts with mass",
            "whether a badge or a telephone number was bought",
            "small differences: a point is 21 % of PageRank",
        ),
        free=(
            f"a table stands for a network of {NETWORK:,.0f} accounts",
            "without ties, attention goes to authors in proportion to reactors and their influence",
            "a month of age is 30 days",
        ),
        sources=("github.com/twitter/the-algorithm (graph/batch/job/tweepcred)",),
    )


SCORES = {"tweepcred": (tweepcred, card)}
