"""A Kred-style score: influence from what others do because of you, outreach from what you do.

Exact where the vendor published the rule (addresses: score.kred/rules, docs.score.kred/docs/scoring-influenc,
docs.score.kred/docs/scoring-outreach-1, blog.kred.com/category/features/):

* 10 points of influence for each reply, retweet or mention one receives; more when the sender has over 10,000 followers
  (how much more is not published: twice is a free choice);
* points become a number of 1-1,000 by a curve that grows steeper, so that somebody in every community has 1,000, and
  only 1 % of the social-media community had 400 or more: here a power of the share of the community's highest log
  points, its exponent chosen so that the community's best 1 % start at 400 (a free choice of the curve's form).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

POINTS = 10.0
"""For a reply, retweet or mention."""
FOLLOW_POINTS = 1.0
"""For a new follower; that they count is published, how much is a free choice."""
BEST, TOP_SHARE, TOP_SCORE = 1000.0, 0.01, 400.0
"""The highest score; the share of a community at or above the next number; that number."""


def influence_points(
    reactions: ArrayLike, *, from_large: ArrayLike = 0.0, new_followers: ArrayLike = 0.0, large: float = 2.0
) -> np.ndarray:
    """Return points of influence: 10 a reaction, `large` times as much from people with over 10,000 followers.

    >>> float(influence_points(7, from_large=1))
    80.0
    """
    reactions, from_large = np.asarray(reactions, float), np.asarray(from_large, float)
    return POINTS * (reactions + (large - 1) * from_large) + FOLLOW_POINTS * np.asarray(new_followers, float)


def normalised(points: ArrayLike) -> np.ndarray:
    """Return influence of 1-1,000 from the points of everybody in one community."""
    points = np.asarray(points, float)
    highest = np.log1p(points.max(initial=0.0))
    share = np.log1p(points) / highest if highest > 0 else np.zeros_like(points)
    return 1 + (BEST - 1) * share ** exponent(share)


def exponent(share: np.ndarray) -> float:
    """Return the curve's exponent (1-20), at which the community's best 1 % start at 400."""
    if share.size == 0:
        return 1.0
    edge = float(np.quantile(share, 1 - TOP_SHARE))
    if not 0 < edge < 1:
        return 1.0
    return float(np.clip(np.log((TOP_SCORE - 1) / (BEST - 1)) / np.log(edge), 1, 20))
