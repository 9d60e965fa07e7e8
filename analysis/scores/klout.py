"""A Klout-style score of 1-100: true reach, amplification and network impact in one number.

The vendor's code was never published and the service closed on 25 May 2018. What is public, and
used here (where it was read, in brackets):

* three components, 2010-2012: how many people act on one's content, how likely content is to be
  acted on, and how
  influential those are who react
  (kurtzdigitalstrategy.com/2011/10/25/klout-changes-formula-for-influence-scores/);
* a window of 30 days, of 90 since 26 October 2011, on a user's account
  (freshviewconcepts.com/blog/tag/klout-score/);
* an idle account has about 10; the average was "in the high teens" in 2011
  (retailwire.com/discussion/15423/marketers-seek-klout-from-social-media-stars).

Free choices, each an argument: the logarithms, the weights, the reach and the reactions per post at
which a component is full, and the share of network impact that falls with replies to people of less
influence (the complaint of users; 0 switches it off). Two accounts with the same activity have the
same score: nothing else enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DataError, listing, printable
from analysis.scores.inputs import Card, Window, as_score, read_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

IDLE, FULL = 10.0, 100.0
"""The score of an account nobody reacts to, and the highest."""


@dataclass(frozen=True)
class KloutVersion:
    """The free choices of one version of the algorithm.

    Attributes
    ----------
    name : str
    window : int
        Days of activity that count.
    reach, amplification, network : float
        Weights of the three components; they sum to 1.
    full_reach : float
        People who react within 30 days at which true reach is full.
    full_amplification : float
        Reactions per post at which amplification is full.
    ladder : float
        Share of network impact that is the share of one's replies that go up the ladder.
    """

    name: str
    window: int
    reach: float
    amplification: float
    network: float
    full_reach: float = 1e6
    full_amplification: float = 1e4
    ladder: float = 0.25


OLD = KloutVersion(
    "before October 2011", 30, reach=0.70, amplification=0.20, network=0.10, ladder=0.0
)
NEW = KloutVersion("since October 2011", 90, reach=0.55, amplification=0.15, network=0.30)
VERSIONS = {"old": OLD, "new": NEW}


def true_reach(
    reactors: ArrayLike, version: KloutVersion = NEW, *, days: float | None = None
) -> np.ndarray:
    """Return true reach in [0, 1] from how many people reacted within `days` (default: a window).

    >>> float(true_reach([1_000_000], days=30)[0])
    1.0
    """
    monthly = np.asarray(reactors, float) * 30 / (version.window if days is None else days)
    return np.clip(np.log1p(monthly) / np.log1p(version.full_reach), 0, 1)


def amplification(
    reactions: ArrayLike, posts: ArrayLike, version: KloutVersion = NEW
) -> np.ndarray:
    """Return amplification in [0, 1] from reactions per post; 0 without posts."""
    reactions, posts = np.asarray(reactions, float), np.asarray(posts, float)
    per_post = np.divide(
        reactions, posts, out=np.zeros(np.broadcast(reactions, posts).shape), where=posts > 0
    )
    return np.clip(np.log1p(per_post) / np.log1p(version.full_amplification), 0, 1)


def network_impact(
    reactor_score: ArrayLike,
    replies_up: ArrayLike,
    replies_down: ArrayLike,
    version: KloutVersion = NEW,
) -> np.ndarray:
    """Return network impact in [0, 1]: the influence of those who react and are talked to.

    Parameters
    ----------
    reactor_score : array, shape (n,)
        Mean influence of those who react, 0-100.
    replies_up, replies_down : array, shape (n,)
        Replies to people of more and of less influence than one's own. Without any, half count as
        going up.
    """
    up, down = np.asarray(replies_up, float), np.asarray(replies_down, float)
    share_up = (up + 1) / (up + down + 2)
    return (1 - version.ladder) * np.asarray(reactor_score, float) / 100 + version.ladder * share_up


NEEDS = ("posts", "reactions", "reactors", "reactor_score", "replies_up", "replies_down")
SUMMED = tuple(name for name in NEEDS if name != "reactor_score")
"""Columns that are summed over the window."""


def from_sums(
    sums: dict[str, np.ndarray],
    reactor_score: np.ndarray,
    days: ArrayLike,
    version: KloutVersion = NEW,
) -> np.ndarray:
    """Return the score of 10-100 to two digits; whom nobody reaches has `IDLE`.

    Parameters
    ----------
    sums : dict of str to ndarray
        The `SUMMED` columns over the window.
    reactor_score : ndarray
        As in `network_impact`.
    days : array
        That the sums cover.
    """
    reach = true_reach(sums["reactors"], version, days=days)
    network = network_impact(reactor_score, sums["replies_up"], sums["replies_down"], version)
    index = (
        version.reach * reach
        + version.amplification * amplification(sums["reactions"], sums["posts"], version)
        + version.network * network * (reach > 0)
    )
    return np.round(IDLE + (FULL - IDLE) * np.clip(index, 0, 1), 2)


def klout(frame: pd.DataFrame, *, version: str = "new", days: float | None = None) -> pd.Series:
    """Return a Klout-style score for every row of an activity table.

    Parameters
    ----------
    frame : DataFrame
        `NEEDS`, and `creator` and `month` where an account has several rows: then the window
        reaches back over them.
    version : {"new", "old"}
        Since or before the change of October 2011.
    days : float, optional
        Days that a row covers; 30 with months, else 90.

    Raises
    ------
    DataError
        When a column is missing or not what it should be.

    Examples
    --------
    >>> import pandas as pd
    >>> idle = dict.fromkeys(NEEDS, [0.0])
    >>> klout(pd.DataFrame(idle)).tolist()
    [10.0]
    """
    chosen = _version(version)
    columns = read_columns(frame, NEEDS, "Klout-style")
    window = Window(frame, chosen.window, days=days)
    sums = {name: window.sum(columns[name]) for name in SUMMED}
    values = from_sums(sums, columns["reactor_score"], window.days, chosen)
    return as_score(values, frame, "klout_style")


def _version(version: str) -> KloutVersion:
    if version not in VERSIONS:
        raise DataError(
            "the Klout-style score",
            "version",
            printable(version),
            f"one of: {listing(sorted(VERSIONS))}",
        )
    return VERSIONS[version]


def card(version: str = "new") -> Card:
    """Return the description of a version."""
    chosen = _version(version)
    return Card(
        name=f"Klout-style ({chosen.name})",
        says="How many people act on what one posts, how readily, and how influential they are.",
        inputs=(
            (
                "reactors",
                f"{chosen.reach:.0%}",
                "true reach: log of different people who reacted, per 30 days",
            ),
            (
                "reactions, posts",
                f"{chosen.amplification:.0%}",
                "amplification: log of reactions per post",
            ),
            (
                "reactor_score",
                f"{chosen.network * (1 - chosen.ladder):.1%}",
                "network impact: mean influence of those who react",
            ),
            (
                "replies_up, replies_down",
                f"{chosen.network * chosen.ladder:.1%}",
                "network impact: share of one's replies that go up the ladder",
            ),
        ),
        window=f"{chosen.window} days",
        scale="1-100; 10 without any reaction",
        cannot_see=(
            "whether a reaction is that of a bot",
            "who pays: customers and peers count alike",
            "revenue, referrals, and everything that happens off the networks",
            "bought followers",
        ),
        free=(
            "logarithms, weights, and where a component is full",
            (
                f"full reach at {chosen.full_reach:,.0f} people, full amplification at"
                f" {chosen.full_amplification:,.0f} reactions per post"
            ),
            f"replies down the ladder cost {chosen.ladder:.0%} of network impact at most",
        ),
        sources=(
            "kurtzdigitalstrategy.com/2011/10/25/klout-changes-formula-for-influence-scores/",
            "freshviewconcepts.com/blog/tag/klout-score/",
            "retailwire.com/discussion/15423/marketers-seek-klout-from-social-media-stars",
        ),
    )


SCORES = {
    "klout": (klout, card),
    "klout_old": (
        lambda frame: klout(frame, version="old").rename("klout_old_style"),
        lambda: card("old"),
    ),
}
