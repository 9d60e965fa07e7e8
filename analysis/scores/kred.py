"""A Kred-style score: influence from what others do because of you, outreach from what you do.

Exact where the vendor published the rule (addresses: score.kred/rules,
docs.score.kred/docs/scoring-influenc, docs.score.kred/docs/scoring-outreach-1,
blog.kred.com/category/features/):

* 10 points of influence for each reply, retweet or mention one receives; more when the sender has
  over 10,000 followers
  (how much more is not published: twice is a free choice);
* points become a number of 1-1,000 by a curve that grows steeper, so that somebody in every
  community has 1,000, and
  only 1 % of the social-media community had 400 or more: here a power of the share of the
  community's highest log points, its exponent chosen so that the community's best 1 % start at 400
  (a free choice of the curve's form).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.scores.inputs import Card, as_score, months_of, read_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

POINTS = 10.0
"""For a reply, retweet or mention."""
FOLLOW_POINTS = 1.0
"""For a new follower; that they count is published, how much is a free choice."""
BEST, TOP_SHARE, TOP_SCORE = 1000.0, 0.01, 400.0
"""The highest score; the share of a community at or above the next number; that number."""


def influence_points(
    reactions: ArrayLike,
    *,
    from_large: ArrayLike = 0.0,
    new_followers: ArrayLike = 0.0,
    large: float = 2.0,
) -> np.ndarray:
    """Return points of influence: 10 a reaction, `large` times that from over 10,000 followers.

    >>> float(influence_points(7, from_large=1))
    80.0
    """
    reactions, from_large = np.asarray(reactions, float), np.asarray(from_large, float)
    return POINTS * (reactions + (large - 1) * from_large) + FOLLOW_POINTS * np.asarray(
        new_followers, float
    )


def normalised(points: ArrayLike, community: ArrayLike | None = None) -> np.ndarray:
    """Return influence of 1-1,000 by the curve of a community (default: of these very points)."""
    points = np.asarray(points, float)
    others = points if community is None else np.asarray(community, float)
    highest = np.log1p(others.max(initial=0.0))
    if highest == 0:
        return np.ones_like(points)
    share = np.minimum(np.log1p(points) / highest, 1)
    return 1 + (BEST - 1) * share ** exponent(np.log1p(others) / highest)


def exponent(share: np.ndarray) -> float:
    """Return the curve's exponent (1-20), at which the community's best 1 % start at 400."""
    if share.size == 0:
        return 1.0
    edge = float(np.quantile(share, 1 - TOP_SHARE))
    if not 0 < edge < 1:
        return 1.0
    return float(np.clip(np.log((TOP_SCORE - 1) / (BEST - 1)) / np.log(edge), 1, 20))


# --- outreach and gifts ---------------------------------------------------------------------------

OUTREACH_POINTS = 10.0
"""For replying to, mentioning or retweeting somebody."""
FIRST_LEVEL, STEP = 100.0, 1.7
"""Points of the first outreach level; how much more each further level takes: 170 for the second is
published, and "progressively more" from there is this ratio again, a free choice."""
GIFT_TO_RECEIVER, GIFT_TO_GIVER = 70.0, 30.0
"""+Kred: influence points to whom it is given, outreach points to the giver."""


def outreach_points(actions: ArrayLike, *, gifts_given: ArrayLike = 0.0) -> np.ndarray:
    """Return points of outreach, which never fall: 10 for each action, 30 for each gift."""
    return OUTREACH_POINTS * np.asarray(actions, float) + GIFT_TO_GIVER * np.asarray(
        gifts_given, float
    )


def outreach_level(points: ArrayLike) -> np.ndarray:
    """Return the outreach level: 1 at 100 points, 2 at 270, progressively more for the next ones.

    >>> outreach_level([99, 100, 269, 270]).tolist()
    [0, 1, 1, 2]
    """
    points = np.asarray(points, float)
    level = np.log1p(points * (STEP - 1) / FIRST_LEVEL) / np.log(STEP)
    return np.floor(level + 1e-9).astype(int)


def points_of_level(level: ArrayLike) -> np.ndarray:
    """Return the points at which a level begins.

    >>> points_of_level([1, 2]).round(6).tolist()
    [100.0, 270.0]
    """
    return FIRST_LEVEL * (STEP ** np.asarray(level, float) - 1) / (STEP - 1)


# --- from a table ---------------------------------------------------------------------------------

NEEDS = ("reactions",)


def kred(frame: pd.DataFrame, *, gifts: str | None = None) -> pd.Series:
    """Return Kred-style influence of 1-1,000 for every row, the table being the community.

    Parameters
    ----------
    frame : DataFrame
        `reactions`; with `followers`, `creator` and `month`, followers gained count too.
    gifts : str, optional
        Column with the number of +Kred gifts received: 70 points each.

    Raises
    ------
    DataError
        When a column is missing or not what it should be.
    """
    followed = all(name in frame for name in ("followers", "creator", "month"))
    names = [*NEEDS, *(["followers"] if followed else []), *([gifts] if gifts else [])]
    columns = read_columns(frame, names, "Kred-style")
    fresh = _new_followers(frame, columns["followers"]) if followed else 0.0
    points = influence_points(columns["reactions"], new_followers=fresh)
    if gifts:
        points = points + GIFT_TO_RECEIVER * columns[gifts]
    return as_score(normalised(points), frame, "kred_style", 1)


def _new_followers(frame: pd.DataFrame, followers: np.ndarray) -> np.ndarray:
    """Return followers gained since the month before; 0 in the first, and where they fell."""
    import pandas as pd

    ordered = pd.Series(followers, frame.index).iloc[np.argsort(months_of(frame), kind="stable")]
    accounts = frame["creator"].reindex(ordered.index)
    gained = ordered.groupby(accounts, sort=False).diff().fillna(0).clip(lower=0)
    return gained.reindex(frame.index).to_numpy()


def card() -> Card:
    """Return the description of Kred-style influence."""
    return Card(
        name="Kred-style influence",
        says=(
            "Points for what others do because of you, on a curve that grows steeper, within one"
            " community."
        ),
        inputs=(
            ("reactions", "10 points each", "replies, retweets and mentions received"),
            ("followers", "1 point each", "followers gained since the month before"),
            ("gifts received", "70 points each", "+Kred; the giver gets 30 outreach points"),
        ),
        window="the row's period",
        scale="1-1,000; somebody in every community has 1,000, and its best 1 % start at 400",
        cannot_see=(
            "whether a reaction is that of a bot",
            "whether a gift was paid for",
            "revenue and referrals",
            "people outside the table: the same activity has another score in another community",
        ),
        free=(
            "the curve: a power of the share of the community's highest log points",
            "1 point for a new follower",
            "points twice as many from accounts with over 10,000 followers (`influence_points`)",
        ),
        sources=(
            "score.kred/rules",
            "docs.score.kred/docs/scoring-influenc",
            "docs.score.kred/docs/scoring-outreach-1",
            "blog.kred.com/category/features/",
        ),
    )


SCORES = {"kred": (kred, card)}
