"""The smallest size of a change that turns a word: along a line, or among a few choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from analysis.results.rule import Phrase

CLOSE = 0.05
"""The last size that was seen to leave the word lies so near the first that turns it, as a share of
that: nine tenths of a change leave the word."""

MOST_OF_IT = 0.9
"""Of a change that turns the word, which must leave it."""

MOST_HALVINGS = 25

Ask = Callable[[float], Phrase | None]
"""What the word turns into at a size; None where it stands."""


def smallest(
    ask: Ask, sizes: Iterable[float], close: Callable[[float, float], bool] | None = None
) -> tuple[float, Phrase] | None:
    """Return the smallest size at which a word turns, and what it turns into; None where it does at
    none.

    Parameters
    ----------
    ask : callable
    sizes : iterable of float
        Where it is asked first, in growing order from the smallest; between the last that leaves
        the word and the first that turns it, it is halved.
    close : callable, optional
        Whether the last size that leaves the word and the first that turns it are near enough.

    Examples
    --------
    >>> turns = lambda size: ("inconclusive", None) if size > 0.3 else None
    >>> size, phrase = smallest(turns, [0.1, 0.2, 0.5])
    >>> 0.3 < size < 0.3 / (1 - CLOSE), phrase
    (True, ('inconclusive', None))
    """
    low = 0.0
    for size in sizes:
        found = ask(size)
        if found is not None:
            return settled(ask, *_between(ask, low, size, found, close or near))
        low = size
    return None


def near(low: float, high: float) -> bool:
    """Return whether nine tenths of a change, and more, leave the word."""
    return high - low <= CLOSE * high


def _between(
    ask: Ask, low: float, high: float, phrase: Phrase, close: Callable[[float, float], bool]
) -> tuple[float, Phrase]:
    for _ in range(MOST_HALVINGS):
        if close(low, high):
            break
        middle = (low + high) / 2
        found = ask(middle)
        if found is None:
            low = middle
        else:
            high, phrase = middle, found
    return high, phrase


def settled(ask: Ask, size: float, phrase: Phrase) -> tuple[float, Phrase]:
    """Return a size that turns the word, and of which nine tenths leave it, from one that may not.

    A word need not turn once for all: a member of many steps can say one thing, another, and the
    first again.
    """
    for _ in range(MOST_HALVINGS):
        sooner = ask(MOST_OF_IT * size)
        if sooner is None:
            break
        size, phrase = MOST_OF_IT * size, sooner
    return size, phrase


def smaller(*found: tuple[float, Phrase] | None) -> tuple[float, Phrase] | None:
    """Return the change of the smallest size, whatever its direction; None where there is none."""
    return min(filter(None, found), key=lambda one: abs(one[0]), default=None)
