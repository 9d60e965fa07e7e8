"""A credit scorecard: bins, weight of evidence, logistic regression, points that double the odds.

The manner of consumer credit (Siddiqi, Credit Risk Scorecards, 2006): each column is cut into bins;
a bin's weight of evidence is the log of its share of good over its share of bad payers; a logistic
regression weighs the columns; the log odds become points, so many of which double the odds of
paying. FICO publishes weights of what it looks at (payment history 35 %, amounts owed 30 %, length
15 %, new credit 10 %, mix 10 %) and a range of 300-850; the scorecard itself is not public, so this
one is fitted to the data at hand.

These hundred lines stand in for optbinning: its bins are solved by an optimiser that the package
would have to carry for this one use, where quantiles merged until they are monotone give the same
kind of table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from analysis.errors import DataError, listing, printable
from analysis.scores.inputs import Card, as_score, read_columns

if TYPE_CHECKING:
    import pandas as pd

BASE_POINTS, BASE_ODDS, DOUBLE = 600.0, 20.0, 50.0
"""At 600 points, 20 pay for one who does not; 50 points more double the odds. LOW and HIGH: the
published range.
"""
LOW, HIGH = 300.0, 850.0
MOST_BINS, SMOOTHING, RIDGE = 5, 0.5, 1e-6
FEWEST_OF_A_KIND = 20
NEEDS = ("late_payments",)
WHERE = "the credit scorecard"


@dataclass(frozen=True, eq=False)
class Binned:
    """One column of a scorecard.

    Attributes
    ----------
    column : str
    edges : ndarray, shape (bins - 1,)
        A value belongs to the first bin whose edge is at least the value, else to the last.
    evidence : ndarray, shape (bins,)
        Weight of evidence: positive where more pay than elsewhere.
    information : float
        Sum over bins of (share of good - share of bad) times the weight of evidence.
    """

    column: str
    edges: np.ndarray
    evidence: np.ndarray
    information: float

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the weight of evidence of each value."""
        return self.evidence[np.searchsorted(self.edges, values, side="left")]


@dataclass(frozen=True, eq=False)
class Scorecard:
    """A fitted scorecard: more points mean less default.

    Attributes
    ----------
    bins : tuple of Binned
    weights : ndarray, shape (columns + 1,)
        Logistic regression of paying on the weights of evidence; the constant comes first.
    """

    bins: tuple[Binned, ...]
    weights: np.ndarray

    def points(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Return points of 300-850 from the raw values of the columns."""
        odds = self.weights[0] + sum(
            w * b.of(columns[b.column]) for w, b in zip(self.weights[1:], self.bins, strict=True)
        )
        return np.clip(BASE_POINTS + DOUBLE / np.log(2) * (odds - np.log(BASE_ODDS)), LOW, HIGH)

    def table(self) -> pd.DataFrame:
        """Return one row a bin: column, upper edge, weight of evidence, points against average."""
        import pandas as pd

        rows = [
            (b.column, float(edge), float(e), float(DOUBLE / np.log(2) * w * e))
            for w, b in zip(self.weights[1:], self.bins, strict=True)
            for edge, e in zip([*b.edges, np.inf], b.evidence, strict=True)
        ]
        return pd.DataFrame(rows, columns=["column", "up to", "weight of evidence", "points"])


def fit_scorecard(columns: dict[str, np.ndarray], bad: np.ndarray) -> Scorecard:
    """Fit a scorecard.

    Parameters
    ----------
    columns : dict of str to ndarray, shape (n,)
    bad : ndarray, shape (n,)
        1 for default, 0 for paid.

    Raises
    ------
    DataError
        When fewer than 20 defaulted, or fewer than 20 paid.
    """
    bad = np.asarray(bad, float)
    if not np.isin(bad, (0, 1)).all():
        raise DataError(WHERE, "the target", "values other than 0 and 1", "0 and 1")
    if min(bad.sum(), len(bad) - bad.sum()) < FEWEST_OF_A_KIND:
        among = f"among the {len(bad)} rows that the card is fitted to"
        raise DataError(
            WHERE,
            "the target",
            f"{int(bad.sum())} who defaulted {among}",
            f"at least {FEWEST_OF_A_KIND} who did, and as many who did not",
        )
    bins = tuple(bin_column(name, values, bad) for name, values in columns.items())
    design = np.column_stack([np.ones(len(bad)), *(b.of(columns[b.column]) for b in bins)])
    return Scorecard(bins, _logistic(design, 1 - bad))


def bin_column(name: str, values: np.ndarray, bad: np.ndarray, most: int = MOST_BINS) -> Binned:
    """Cut a column at quantiles, merge bins until the share of bad is monotone, and weigh each."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, most + 1)[1:-1]))
    edges = edges[edges < values.max()]
    rises = np.corrcoef(values, bad)[0, 1] >= 0 if values.std() > 0 else True
    while True:
        at = np.searchsorted(edges, values, side="left")
        bads, all_ = (np.bincount(at, w, len(edges) + 1) for w in (bad, np.ones(len(bad))))
        steps = np.diff((bads + SMOOTHING) / (all_ + 2 * SMOOTHING)) * (1 if rises else -1)
        if not len(edges) or steps.min() >= 0:
            break
        edges = np.delete(edges, steps.argmin())
    goods = all_ - bads
    good, poor = (
        (count + SMOOTHING) / (count.sum() + SMOOTHING * len(count)) for count in (goods, bads)
    )
    evidence = np.log(good / poor)
    return Binned(name, edges, evidence, float(((good - poor) * evidence).sum()))


def _logistic(design: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return logistic coefficients by Newton's steps; a ridge keeps a constant column finite."""
    weights = np.zeros(design.shape[1])
    weights[0] = np.log(good.mean() / (1 - good.mean()))
    for _ in range(50):
        chance = expit(design @ weights)
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + RIDGE * np.eye(
            len(weights)
        )
        step = np.linalg.solve(curve, design.T @ (good - chance) - RIDGE * weights)
        weights = weights + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            break
    return weights


def credit(
    frame: pd.DataFrame,
    *,
    target: str = "default",
    columns: Sequence[str] = NEEDS,
    unit: str = "creator",
    seed: int = 0,
) -> pd.Series:
    """Return credit points of 300-850 for half of the accounts, by a card fitted to the *others*.

    Rows of one account are in one half: no row's score has seen its own outcome, or that of the
    same account. Those that the card was fitted to have no points (NaN), and so no part in a test
    of the score against this very outcome.

    Parameters
    ----------
    frame : DataFrame
    target : str
        1 for default, 0 for paid.
    columns : sequence of str
        What is known before: numbers of at least 0.
    unit : str
        Column of the accounts; without it each row is one. Where accounts of a group share what
        befalls them (a team, a region: the plan's cluster), the column of the group: else the card
        has seen the outcomes of neighbours.
    seed : int
        For the halves. With a column of accounts they do not depend on the order of the rows.

    Raises
    ------
    DataError
        When a column is missing or not what it should be, there are fewer than two accounts, or too
        few defaulted.

    Notes
    -----
    There are ways to give everybody points, each half or fold by the card of the others, and none
    is fit for a test: what chance teaches one part it unlearns in the others. An audit at 5 % found
    worthless columns to add in 33 % of samples of 1,000 with five folds, in 13 % with two halves,
    and in 8 % with two halves on one scale; with one half scored, in 5 % (simulated; the first two
    of 150 and 400 samples, the others of 1,000).
    """
    if isinstance(columns, str) or not columns or target in columns:
        found = listing([columns] if isinstance(columns, str) else columns) or "none"
        allowed = f"a list of columns that were known before, {printable(target)} not among them"
        raise DataError(WHERE, "columns", found, allowed)
    values = read_columns(frame, (*columns, target), "credit")
    bad, codes = values.pop(target), _accounts(frame, unit)
    held = (np.random.default_rng(seed).permutation(int(codes.max()) + 1)[codes] % 2) == 1
    fitted = fit_scorecard({name: column[~held] for name, column in values.items()}, bad[~held])
    points = np.full(len(frame), np.nan)
    points[held] = fitted.points({name: column[held] for name, column in values.items()})
    return as_score(points, frame, "credit", 1)


def _accounts(frame: pd.DataFrame, unit: str) -> np.ndarray:
    """Return the account of each row as a code, in the order of their names."""
    import pandas as pd

    codes = pd.factorize(frame[unit], sort=True)[0] if unit in frame else np.arange(len(frame))
    known = len(np.unique(codes[codes >= 0]))
    if known < 2 or codes.min() < 0:
        found = f"{known:,} accounts, and {int((codes < 0).sum()):,} rows without one"
        raise DataError(WHERE, printable(unit), found, "at least two, and one in every row")
    return codes


def card(columns: Sequence[str] = NEEDS) -> Card:
    """Return the description of the score."""
    return Card(
        name="credit",
        says="What somebody paid before, weighed by how it went with others.",
        inputs=(
            *(
                (name, "fitted", "weight of evidence of its bin, in a logistic regression")
                for name in columns
            ),
            (
                "default",
                "fitted to",
                "1 where an account of the other half defaulted, 0 where it paid",
            ),
        ),
        window="everything paid before",
        scale=(
            f"{LOW:.0f}-{HIGH:.0f}; {BASE_POINTS:.0f} is odds of {BASE_ODDS:.0f} to 1, {DOUBLE:.0f}"
            " more double them"
        ),
        cannot_see=(
            "who was refused: nobody knows what they would have paid",
            "engagement, followers, and reputation",
        ),
        free=(
            "at most five bins at quantiles, merged until monotone",
            "600 points, 20 to 1, 50 points",
            (
                "one half of the accounts is fitted, the other scored: no score has seen its own"
                " outcome"
            ),
        ),
    )


SCORES = {"credit": (credit, card)}
