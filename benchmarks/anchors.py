"""Whether what was published of the scores holds for those computed here, in words:
docs/anchors.md.

    python benchmarks/anchors.py

The sources stand in `analysis.scores.RECORD` and on each score's card; the tests hold the same
figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import simulate
from analysis.scores import klout, kred
from analysis.studies.manipulability.study import manipulability

PAGE = Path(__file__).resolve().parents[1] / "docs" / "anchors.md"
WORLD = {"seed": 7, "n": 2000}
GOLLIHER, ACCOUNTS = 0.94, 99
"""R2 of Klout on log retweets or log followers, and on how many accounts (Golliher 2011)."""
NEAR = 0.05
LITTLE, MUCH = 1.0, 10.0
"""Points of a Klout-style score that count as little and as a lot."""

HEAD = """# What was published, and what the computed scores do

<!-- Written by benchmarks/anchors.py. Do not edit. -->

The vendors' code was never public. What was reported of their scores is held against the scores that this package
computes in their style, and called reproduced or contradicted. Accounts are made up or simulated (`{world}`):
this says whether the computed scores behave as the real ones were seen to, and nothing about the real ones. Sources:
notebook 04, `sa.scores.on_record("gaming")` and `score-audit score NAME --card`.

| reported | by whom | here | |
|---|---|---|---|
"""

TAIL = """
Where both words stand, the report is about one kind of account and does not hold for another. An account with an
audience earns reactions with each post; a bot's posts earn few, and a component of the score is reactions *per* post.
And followers or reactions stand in for the score as far as they vary more than what else it is made of: over several
powers of ten they are nearly all of it, among accounts of like size they are not.
"""


@dataclass(frozen=True)
class Anchor:
    """One published figure: what was reported, by whom, what is found here, and the word for it."""

    reported: str
    source: str
    found: str
    word: str


def said(holds: bool) -> str:
    """Return the word."""
    return "reproduced" if holds else "contradicted"


def anchors() -> list[Anchor]:
    """Return every anchor with what is found here."""
    creators = simulate.creators(**WORLD)
    table = manipulability(creators).table.set_index(["score", "action"])
    return [*_rebuilt(creators), _bought(table), _bot(), _bot_on(table), *_kred()]


def like_golliher(rng: np.random.Generator) -> pd.DataFrame:
    """Draw accounts as his were: followers over several powers of ten, reactions that do not stray
    far from them.
    """
    followers = np.exp(rng.uniform(np.log(50), np.log(1e6), ACCOUNTS))
    reactions = rng.poisson(followers * 0.1 * np.exp(0.5 * rng.normal(size=ACCOUNTS)))
    return pd.DataFrame(
        {
            "posts": rng.poisson(60, ACCOUNTS) + 1,
            "followers": followers,
            "reactions": reactions,
            "reactors": rng.binomial(reactions, 0.6),
            "reactor_score": rng.normal(30, 8, ACCOUNTS).clip(0),
            "replies_up": rng.poisson(15, ACCOUNTS),
            "replies_down": rng.poisson(15, ACCOUNTS),
        }
    )


def r_squared(frame: pd.DataFrame, known: str) -> float:
    """Return the R2 of the Klout-style score on the logarithm of one column."""
    return float(np.corrcoef(np.log1p(frame[known]), klout.klout(frame, days=30))[0, 1] ** 2)


def _rebuilt(creators: pd.DataFrame) -> list[Anchor]:
    rng = np.random.default_rng(2)
    drawn = [like_golliher(rng) for _ in range(50)]
    reported = (
        f"R2 {GOLLIHER:g} of Klout on log retweets, or log followers, alone ({ACCOUNTS} accounts)"
    )
    rows = [
        (
            f"{ACCOUNTS} made-up accounts from 50 to 1,000,000 followers, 50 times: mean R2",
            *(
                float(np.mean([r_squared(frame, known) for frame in drawn]))
                for known in ("reactions", "followers")
            ),
        ),
        (
            f"{len(creators):,} simulated creators, of like size: R2",
            *(r_squared(creators, known) for known in ("reactions", "followers")),
        ),
    ]
    return [
        Anchor(
            reported,
            "Golliher 2011",
            f"{who} {one:.2f} on log reactions, {two:.2f} on log followers",
            said(min(one, two) > GOLLIHER - NEAR),
        )
        for who, one, two in rows
    ]


def _bought(table: pd.DataFrame) -> Anchor:
    gained = float(table.loc[("Klout-style", "bought followers"), "points"])
    return Anchor(
        "10,000 bought followers: Klout stays at 65-67",
        "Ignite Social Media 2012",
        f"10,000 followers who do not react move a Klout-style score by {gained:.1f} points (it"
        " counts who reacts, as the vendor said)",
        said(abs(gained) < LITTLE),
    )


def _bot() -> Anchor:
    minutes = np.array([1, 5, 15, 30])
    posts = 30 * 24 * 60 / minutes
    bots = pd.DataFrame(
        {
            "posts": posts,
            "reactions": 0.01 * posts,
            "reactors": 0.006 * posts,
            "reactor_score": 10.0,
            "replies_up": 0,
            "replies_down": 0,
        }
    )
    values = klout.klout(bots, days=30).to_numpy()
    shown = ", ".join(f"{value:.0f}" for value in values)
    holds = bool((np.diff(values) < 0).all()) and values[0] - values[-1] > MUCH
    return Anchor(
        "A dormant account whose bot posts every 1, 5, 15, 30 minutes: the faster, the higher",
        '"Klout is broken", December 2010',
        f"{shown} points, from 10",
        said(holds),
    )


def _bot_on(table: pd.DataFrame) -> Anchor:
    row = table.loc[("Klout-style", "posting bot")]
    return Anchor(
        "The same, taken to hold for accounts with an audience too",
        "-",
        f"{row.points:+.1f} points for 1,000 posts by a script, {row.idle_points:+.1f} on a dormant"
        " account",
        said(row.points > 0),
    )


def _kred() -> list[Anchor]:
    starts = kred.points_of_level([1, 2])
    gift = (kred.GIFT_TO_RECEIVER, float(kred.outreach_points(0, gifts_given=1)))
    return [
        Anchor(
            "Kred outreach level 1 at 100 points, level 2 at 270",
            "docs.score.kred",
            f"levels begin at {starts[0]:.0f} and {starts[1]:.0f}",
            said(bool(np.allclose(starts, [100, 270]))),
        ),
        Anchor(
            "+Kred: 70 points to the receiver, 30 to the giver",
            "blog.kred.com",
            f"{gift[0]:.0f} of influence and {gift[1]:.0f} of outreach",
            said(gift == (70, 30)),
        ),
    ]


def render(found: list[Anchor]) -> str:
    """Return the page."""
    rows = "".join(
        f"| {one.reported} | {one.source} | {one.found} | **{one.word}** |\n" for one in found
    )
    return HEAD.format(world=simulate.address("creators", **WORLD)) + rows + TAIL


if __name__ == "__main__":
    PAGE.write_text(render(anchors()), encoding="utf-8")
