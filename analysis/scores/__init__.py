"""Scores in the vendors' style, from activity: what is published, and free choices that say so.

Nothing here is the vendors' code: a computed score is "Klout-style", never "the Klout score".

>>> from analysis import scores, simulate
>>> frame = simulate.creators(n=100)
>>> scores.score("klout", frame).name
'klout_style'
>>> print(str(scores.card("klout"))[:11])
Klout-style
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from analysis.errors import DataError, printable, unknown
from analysis.scores.inputs import Card, Scores

if TYPE_CHECKING:
    import pandas as pd


def collect() -> Scores:
    """Return the scores of all modules in this folder that have a table `SCORES` of their own."""
    tables = [
        getattr(import_module(module.name), "SCORES", {})
        for module in iter_modules(__path__, f"{__name__}.")
    ]
    return {name: pair for table in tables for name, pair in table.items()}


SCORES = collect()

RECORD: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "gaming": (
        (
            "Turner, blog, 2011-12",
            "a dormant account fed by two bots, no human",
            "Klout from 1 to 35, followers from 27 to 141, in 30 days",
            "jeffturner.info/game-klout",
        ),
        (
            "blog, December 2010",
            "four bots tweeting random quotations every 1, 5, 15, 30 minutes for 80 days",
            "followers grow with tweets; the faster the bot, the higher the score",
            "wewillraakyou.com/2010/12/klout-is-broken/",
        ),
        (
            "The Register, September 2011",
            "a spam bot answering strangers with one phrase; 104 followers",
            "a score above ordinary active accounts; the vendor's chief executive agreed that this"
            " is how it works",
            "theregister.com/2011/09/23/klout_influence_app_rewards_the_noisy_how_a_spam_bot_can_game_it/",
        ),
        (
            "Messias, Schmidt, Oliveira & Benevenuto 2013",
            "bots following and posting",
            "simple strategies suffice to become influential on Klout and Twitalyzer",
            "firstmonday.org/ojs/index.php/fm/article/view/4217/3700",
        ),
        (
            "Ignite Social Media, 2012",
            "bought 10,000 fake followers",
            "Klout 65-67 throughout: no change",
            "ignitesocialmedia.com/social-media-stats/bought-fake-twitter-followers-klout-kred-review/",
        ),
    ),
    "algorithm": (
        (
            "vendor and press, 2011",
            "Klout changed its formula on 26 October 2011",
            "users report 73 to 53, 75 to 68; the vendor said that most scores stayed or rose",
            "kurtzdigitalstrategy.com/2011/10/25/klout-changes-formula-for-influence-scores/",
        ),
        (
            "USA Today, October 2011",
            "the same change",
            "told by people whose score fell",
            "content.usatoday.com/communities/sciencefair/post/2011/10/klout-clouted-by-twitter-fans-/1",
        ),
        (
            "a user, 2011",
            "the window became 90 days in place of 30",
            "past activity counts for longer",
            "freshviewconcepts.com/blog/tag/klout-score/",
        ),
        (
            "press",
            "from 100 signals to over 400, Wikipedia among them",
            "another number for the same behaviour",
            "crm-daily.com/story.xhtml?story_id=0120014AXNM0",
        ),
    ),
}
"""The public record, both sides, in our words, by topic: who reported it and when, what was done,
what happened, and the address at which it was read (only the first part of each page was)."""


def on_record(topic: str) -> pd.DataFrame:
    """Return what is on record about a topic: "gaming" or "algorithm".

    Raises
    ------
    DataError
        When there is no such topic.
    """
    import pandas as pd

    if topic not in RECORD:
        fault = unknown("topic", printable(topic), topic, sorted(RECORD))
        raise DataError("the public record", fault)
    return pd.DataFrame(RECORD[topic], columns=["who", "done", "happened", "where"])


def score(name: str, frame: pd.DataFrame) -> pd.Series:
    """Return a score for the rows of an activity table, with the defaults of its module.

    NaN for the half of the accounts that a credit card was fitted to.

    Parameters
    ----------
    name : str
        One of `SCORES`.
    frame : DataFrame
        With the columns that the score's card names; see `inputs.COLUMNS`.

    Raises
    ------
    DataError
        When there is no such score, or a column is missing or not what it should be.
    """
    return _named(name)[0](frame)


def card(name: str) -> Card:
    """Return the description of a score: inputs, weights, window, and what it cannot see."""
    return _named(name)[1]()


def _named(name: str) -> tuple[Callable[..., pd.Series], Callable[..., Card]]:
    if name not in SCORES:
        raise DataError("score", unknown("NAME", printable(name), name, SCORES))
    return SCORES[name]
