"""The public record, both sides of it: what was done to scores, what happened, where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.errors import DataError, printable, unknown

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Entry:
    """One published observation, in our words.

    Attributes
    ----------
    who : str
        Who reported it, and when.
    done : str
    happened : str
    where : str
        The address at which it was read; only the first part of each page was.
    """

    who: str
    done: str
    happened: str
    where: str


RECORD: dict[str, tuple[Entry, ...]] = {
    "gaming": (
        Entry(
            "Turner, blog, 2011-12",
            "a dormant account fed by two bots, no human",
            "Klout from 1 to 35, followers from 27 to 141, in 30 days",
            "jeffturner.info/game-klout",
        ),
        Entry(
            "blog, December 2010",
            "four bots tweeting random quotations every 1, 5, 15, 30 minutes for 80 days",
            "followers grow with tweets; the faster the bot, the higher the score",
            "wewillraakyou.com/2010/12/klout-is-broken/",
        ),
        Entry(
            "The Register, September 2011",
            "a spam bot answering strangers with one phrase; 104 followers",
            "a score above ordinary active accounts; the vendor's chief executive agreed that this"
            " is how it works",
            "theregister.com/2011/09/23/klout_influence_app_rewards_the_noisy_how_a_spam_bot_can_game_it/",
        ),
        Entry(
            "Messias, Schmidt, Oliveira & Benevenuto 2013",
            "bots following and posting",
            "simple strategies suffice to become influential on Klout and Twitalyzer",
            "firstmonday.org/ojs/index.php/fm/article/view/4217/3700",
        ),
        Entry(
            "Ignite Social Media, 2012",
            "bought 10,000 fake followers",
            "Klout 65-67 throughout: no change",
            "ignitesocialmedia.com/social-media-stats/bought-fake-twitter-followers-klout-kred-review/",
        ),
    ),
    "algorithm": (
        Entry(
            "vendor and press, 2011",
            "Klout changed its formula on 26 October 2011",
            "users report 73 to 53, 75 to 68; the vendor said that most scores stayed or rose",
            "kurtzdigitalstrategy.com/2011/10/25/klout-changes-formula-for-influence-scores/",
        ),
        Entry(
            "USA Today, October 2011",
            "the same change",
            "told by people whose score fell",
            "content.usatoday.com/communities/sciencefair/post/2011/10/klout-clouted-by-twitter-fans-/1",
        ),
        Entry(
            "a user, 2011",
            "the window became 90 days in place of 30",
            "past activity counts for longer",
            "freshviewconcepts.com/blog/tag/klout-score/",
        ),
        Entry(
            "press",
            "from 100 signals to over 400, Wikipedia among them",
            "another number for the same behaviour",
            "crm-daily.com/story.xhtml?story_id=0120014AXNM0",
        ),
    ),
}
"""By topic."""


def record(topic: str) -> pd.DataFrame:
    """Return what is on record about a topic: "gaming" or "algorithm".

    Raises
    ------
    DataError
        When there is no such topic.
    """
    import pandas as pd

    if topic not in RECORD:
        raise DataError(
            "the public record", unknown("topic", printable(topic), topic, sorted(RECORD))
        )
    return pd.DataFrame([vars(entry) for entry in RECORD[topic]])
