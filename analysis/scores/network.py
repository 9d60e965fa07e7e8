"""The influence of those who react: a fixed point, since theirs rests on who reacts to them.

An account's influence is what flows to it from those who react to it, each of whom gives their own
influence in proportion to their reactions; a share (1 - damping) is everybody's alike, as is that
of accounts which react to nobody:

    x = (1 - d) / n + d (W' x + s / n)

with W[i, j] the share of i's reactions that go to j, and s the influence of those who react to
nobody.

It is the stationary distribution of Page, Brin, Motwani & Winograd's (1999) random walk, to which
the vendor's word "PeopleRank" of October 2011 alludes; that the vendor solved this equation is not
published. The iteration contracts by at least d in the sum of absolute differences, so its error is
at most d / (1 - d) times the last change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DataError, Fault, did_you_mean, listing, printable

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

DAMPING, TOLERANCE, MOST = 0.85, 1e-10, 1000
WHERE, ENDS = "the list of ties", ("reactor", "author")


@dataclass(frozen=True, eq=False)
class Influence:
    """The solution on a list of ties.

    Attributes
    ----------
    accounts : ndarray, shape (n,)
        Identifiers, in order of first appearance (of size, where they are whole numbers).
    values : ndarray, shape (n,)
        Influence; sums to 1.
    iterations : int
    error : float
        Bound of the sum of absolute differences from the exact solution.
    """

    accounts: np.ndarray
    values: np.ndarray
    iterations: int
    error: float

    def series(self) -> pd.Series:
        """Return influence by account."""
        import pandas as pd

        return pd.Series(
            self.values, index=pd.Index(self.accounts, name="account"), name="influence"
        )

    def ranks(self) -> np.ndarray:
        """Return influence as a percentile of 0-100; equal influence has equal rank."""
        from scipy.stats import rankdata

        return 100 * (rankdata(self.values) - 0.5) / len(self.values)


def influence(
    ties: pd.DataFrame, *, damping: float = DAMPING, tolerance: float = TOLERANCE
) -> Influence:
    """Solve for the influence of every account in a list of ties.

    Parameters
    ----------
    ties : DataFrame
        `reactor` reacted to `author`, `reactions` times (once, without that column); a pair that is
        listed twice counts twice.
    damping : float
        Share of influence that flows along ties, in [0, 1).
    tolerance : float
        Bound of the error, as a sum over all accounts.

    Raises
    ------
    DataError
        When the list is empty, lacks a column, an end of a tie or a usable number of reactions, or
        ties an account to itself; or when the fixed point is not reached.

    Examples
    --------
    >>> import pandas as pd
    >>> found = influence(pd.DataFrame({"reactor": ["a", "b"], "author": ["c", "c"]}))
    >>> found.series().round(3).to_dict()
    {'a': 0.213, 'b': 0.213, 'c': 0.574}
    """
    if not 0 <= damping < 1:
        raise DataError(WHERE, "damping", printable(damping), "a number of at least 0 and below 1")
    reactor, author, weight, accounts = read_ties(ties)
    reactions, total = flows(reactor, author, weight, len(accounts))
    return solve(reactions, total, accounts, damping, tolerance)


def read_ties(ties: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return positions of reactors and authors, reactions, and accounts; refuse a faulty list."""
    import pandas as pd

    if not isinstance(ties, pd.DataFrame):
        raise DataError(WHERE, "ties", type(ties).__name__, "a pandas DataFrame")
    faults = [
        Fault(
            name,
            "no such column",
            "who reacted, and to whom: reactor, author",
            did_you_mean(name, ties.columns),
        )
        for name in ENDS
        if name not in ties
    ]
    if not faults and not len(ties):
        faults.append(Fault("the whole list", "no ties", "at least one"))
    if faults:
        raise DataError(WHERE, faults)
    weight = None
    both = "an account at both ends of every tie"
    wrong = [(name, ties[name].isna(), "no account", both) for name in ENDS]
    if "reactions" in ties:
        weight = pd.to_numeric(ties["reactions"], errors="coerce").to_numpy(float)
        bad, allowed = ~(np.isfinite(weight) & (weight > 0)), "a positive number in every row"
        wrong.append(("reactions", bad, "no number above 0", allowed))
    (reactor, author), accounts = _codes(ties)
    if not any(np.any(bad) for _, bad, _, _ in wrong):
        found, allowed = "an account tied to itself", "two different accounts"
        wrong.append(("reactor and author", reactor == author, found, allowed))
    for place, bad, found, allowed in wrong:
        at = ties.index[np.flatnonzero(np.asarray(bad))]
        if len(at):
            rows = f"{len(at):,} row{'s' if len(at) > 1 else ''}: {listing(list(at[:9]))}"
            faults.append(Fault(place, f"{found} in {rows}", allowed))
    if faults:
        raise DataError(WHERE, faults)
    return reactor, author, weight, accounts


def _codes(ties: pd.DataFrame) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return the positions of reactors and authors among the accounts, and the accounts."""
    import pandas as pd

    ends = [ties[name] for name in ENDS]
    whole = all(pd.api.types.is_integer_dtype(end.dtype) and not end.isna().any() for end in ends)
    if whole:
        reactor, author = (end.to_numpy() for end in ends)
        low, high = min(reactor.min(), author.min()), max(reactor.max(), author.max())
        if high - low < 4 * len(ties) + 1000:  # a table of all numbers between is small: no sorting
            there = np.zeros(high - low + 1, bool)
            there[reactor - low] = there[author - low] = True
            place = np.cumsum(there, dtype=np.int32) - 1
            return (place[reactor - low], place[author - low]), np.flatnonzero(there) + low
    codes, accounts = pd.factorize(pd.concat(ends, ignore_index=True))
    codes = codes.astype(np.int32) if len(accounts) < 2**31 else codes
    return (codes[: len(ties)], codes[len(ties) :]), np.asarray(accounts)


def flows(
    reactor: np.ndarray, author: np.ndarray, weight: np.ndarray | None, n: int
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return reactions by author (rows) and reactor, shape (n, n), and each reactor's sum."""
    from scipy import sparse

    counts = np.ones(len(reactor)) if weight is None else weight
    return sparse.csr_matrix((counts, (author, reactor)), shape=(n, n)), np.bincount(
        reactor, weight, n
    )


def solve(
    reactions: sparse.csr_matrix,
    total: np.ndarray,
    accounts: np.ndarray,
    damping: float = DAMPING,
    tolerance: float = TOLERANCE,
    jump: np.ndarray | None = None,
) -> Influence:
    """Iterate to the fixed point, from where the walk jumps to: `jump` sums to 1, alike if None."""
    n = len(accounts)
    lone = np.flatnonzero(total == 0)
    per_reaction = damping / np.where(total == 0, np.inf, total)
    x = landing = np.full(n, 1 / n) if jump is None else jump
    for step in range(1, MOST + 1):
        new = reactions @ (x * per_reaction)
        new += (1 - damping) * landing + damping * x[lone].sum() / n
        error = float(np.abs(new - x).sum()) * damping / (1 - damping)
        x = new
        if error <= tolerance:
            return Influence(accounts, x / x.sum(), step, error)
    raise DataError(
        WHERE,
        "tolerance",
        f"an error of {error:.2g} after {MOST} steps",
        f"a damping below {damping:g}, or a tolerance above it",
    )


def reactor_scores(ties: pd.DataFrame, *, damping: float = DAMPING) -> pd.Series:
    """Return `reactor_score` by author: the mean influence (percentile) of those who react.

    Raises
    ------
    DataError
        As `influence`.
    """
    import pandas as pd

    reactor, author, weight, accounts = read_ties(ties)
    reactions, total = flows(reactor, author, weight, len(accounts))
    rank = solve(reactions, total, accounts, damping).ranks()
    got = np.bincount(author, weight, len(accounts))
    received = np.bincount(
        author, rank[reactor] * (1.0 if weight is None else weight), len(accounts)
    )
    has = got > 0
    return pd.Series(
        received[has] / got[has],
        index=pd.Index(accounts[has], name="account"),
        name="reactor_score",
    )
