"""A points score of AI agents: identity 30, activity 40, reputation 30, each point a yes or no.

The rubric is public: "agent-score", proposed in issue 1777 of the payment protocol x402 in July
2026. Every point rests on a public record, and an agent that is not registered has none. It is an
heir of TrustCloud with money behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.scores.inputs import Card, as_score, read_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

NEEDS = (
    "agent_registered",
    "agent_age",
    "agent_file",
    "agent_endpoint",
    "agent_senders",
    "agent_idle",
    "agent_clients",
    "agent_positive",
    "agent_validations",
)
TIERS = (20, 40, 60, 80)
"""Points at which a tier begins, above the lowest."""

RUBRIC = (
    ("identity", "agent_registered", ">=", 1, 15, "registered"),
    ("identity", "agent_age", ">", 7, 5, "registered for more than 7 days"),
    ("identity", "agent_file", ">=", 1, 5, "its file resolves"),
    ("identity", "agent_endpoint", ">=", 1, 5, "declares a payment endpoint"),
    ("activity", "agent_senders", ">=", 1, 10, "received a payment in 30 days"),
    ("activity", "agent_senders", ">=", 3, 10, "from 3 senders and more"),
    ("activity", "agent_senders", ">=", 10, 5, "from 10 senders and more"),
    ("activity", "agent_idle", "<=", 7, 10, "active in 7 days"),
    ("activity", "agent_idle", "<=", 1, 5, "active in 24 hours"),
    ("reputation", "agent_clients", ">=", 1, 10, "any feedback"),
    ("reputation", "agent_clients", ">=", 3, 10, "from 3 clients and more"),
    ("reputation", "agent_positive", ">=", 1, 5, "positive on average"),
    ("reputation", "agent_validations", ">=", 1, 5, "any validation"),
)
"""Part, column, comparison, threshold, points, and the question."""

COMPARE = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal}


def parts(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the points of identity (0-30), activity (0-40) and reputation (0-30).

    Raises
    ------
    DataError
        When a column is missing or not what it should be.
    """
    columns = read_columns(frame, NEEDS, "agent-style")
    registered = columns["agent_registered"] >= 1
    found = {part: np.zeros(len(frame)) for part in ("identity", "activity", "reputation")}
    for part, column, comparison, threshold, points, _ in RUBRIC:
        met = COMPARE[comparison](columns[column], threshold)
        if column == "agent_positive":  # of those who left feedback at all
            met &= columns["agent_clients"] >= 1
        found[part] += points * (met & registered)
    return found


def agent(frame: pd.DataFrame) -> pd.Series:
    """Return an agent-style score of 0-100 for every row.

    Raises
    ------
    DataError
        When a column is missing or not what it should be.

    Examples
    --------
    >>> import pandas as pd
    >>> fresh = pd.DataFrame(dict.fromkeys(NEEDS, [0.0])).assign(agent_registered=1.0)
    >>> agent(fresh).item(), agent(fresh.assign(agent_senders=10.0)).item()
    (30.0, 55.0)
    """
    return as_score(sum(parts(frame).values()), frame, "agent_style", 0)


def tier(score: ArrayLike) -> np.ndarray:
    """Return the tier of a score, from 0 (below 20) to 4 (80 and more).

    >>> tier([0, 19, 20, 79, 80, 100]).tolist()
    [0, 0, 1, 3, 4, 4]
    """
    return np.searchsorted(TIERS, np.asarray(score, float), side="right")


def card() -> Card:
    """Return the description of the score."""
    return Card(
        name="agent-style",
        says="Whether an AI agent is registered, was paid and used of late, and was rated well.",
        inputs=tuple(
            (column, f"{points} points", f"{part}: {question}")
            for part, column, _, _, points, question in RUBRIC
        ),
        window="payments of 30 days, activity of 7 days and of 24 hours, the rest so far",
        scale="0-100, tiers at 20, 40, 60 and 80; 0 where the agent is not registered",
        cannot_see=(
            "who is behind the accounts that pay and rate: they may all be the agent's own",
            "how much was paid, and for what",
            "whether the work was done, and what the client earned by it",
            "how many: each point is a yes or no",
        ),
        free=("positive on average counts where there is feedback",),
        sources=("x402, issue 1777 (agent-score, July 2026)",),
    )


SCORES = {"agent": (agent, card)}
