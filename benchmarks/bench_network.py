"""The influence of 1,000,000 accounts from 10,000,000 ties, beside networkx and beside scipy as one
would write it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from harness import Bench
from scipy import sparse
from scipy.sparse.linalg import bicgstab

from analysis.scores.network import DAMPING, influence

NOTE = "the rows are ties; the difference is the sum of absolute ones, of values that sum to one"


def drawn(accounts: int, ties: int) -> pd.DataFrame:
    """Draw ties: authors by a power law, reactors alike, nobody to themselves."""
    rng = np.random.default_rng(0)
    author = (accounts * rng.random(ties) ** 2).astype(np.int64)
    reactor = (author + 1 + rng.integers(0, accounts - 1, ties)) % accounts
    return pd.DataFrame({"reactor": reactor, "author": author})


def by_power(ties: pd.DataFrame, accounts: int) -> np.ndarray:
    """Iterate with a row-stochastic matrix that is transposed in every step, until nothing moves by
    1e-12.
    """
    matrix = sparse.coo_matrix(
        (np.ones(len(ties)), (ties["reactor"], ties["author"])), shape=(accounts, accounts)
    )
    matrix = matrix.tocsr()
    total = np.asarray(matrix.sum(axis=1)).ravel()
    share = sparse.diags(np.divide(1.0, total, out=np.zeros(accounts), where=total > 0)) @ matrix
    x = np.full(accounts, 1 / accounts)
    for _ in range(1000):
        new = DAMPING * (share.T @ x + x[total == 0].sum() / accounts) + (1 - DAMPING) / accounts
        if np.abs(new - x).sum() < 1e-12:
            return new
        x = new
    raise SystemExit("the power iteration did not converge")


def by_solver(ties: pd.DataFrame, accounts: int) -> np.ndarray:
    """Solve the linear equation by bicgstab; accounts that react to nobody only scale the
    solution.
    """
    matrix = sparse.csr_matrix(
        (np.ones(len(ties)), (ties["author"], ties["reactor"])), shape=(accounts, accounts)
    )
    total = np.asarray(matrix.sum(axis=0)).ravel()
    flow = matrix @ sparse.diags(np.divide(DAMPING, total, out=np.zeros(accounts), where=total > 0))
    x, failed = bicgstab(
        sparse.identity(accounts, format="csr") - flow, np.full(accounts, 1 / accounts), rtol=1e-9
    )
    if failed:
        raise SystemExit("bicgstab did not converge")
    return x / x.sum()


def by_networkx(ties: pd.DataFrame, accounts: int) -> np.ndarray:
    import networkx

    summed = ties.groupby(["reactor", "author"]).size()
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(accounts))
    graph.add_weighted_edges_from((r, a, w) for (r, a), w in summed.items())
    found = networkx.pagerank(graph, alpha=DAMPING, tol=1e-12 / accounts, max_iter=1000)
    return np.fromiter((found[at] for at in range(accounts)), float, accounts)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the sum of absolute differences: both sum to 1."""
    return float(np.abs(ours - theirs).sum())


def tied(accounts: int, count: int) -> pd.DataFrame:
    """Return ties in which every account is there, and none reacts to itself."""
    ties = drawn(accounts, count)
    ties.loc[: accounts - 1, "reactor"] = np.arange(accounts)
    return ties[ties["reactor"] != ties["author"]]


def run(bench: Bench) -> None:
    accounts, count = (20_000, 200_000) if bench.quick else (1_000_000, 10_000_000)
    few = accounts // 10
    for size, peer, solve in (
        (accounts, "scipy, power iteration", by_power),
        (few, "scipy, power iteration", by_power),
        (few, "scipy, bicgstab", by_solver),
        (few, "networkx", by_networkx),
    ):
        work, ties = f"influence of {size:,} accounts", tied(size, count * size // accounts)
        if peer == "networkx" and not bench.has(work, peer, "networkx", in_quick=True):
            continue
        bench.compare(
            work,
            peer,
            lambda ties=ties: influence(ties, tolerance=1e-11).values,
            lambda ties=ties, size=size, solve=solve: solve(ties, size),
            difference,
            n=len(ties),
            goal=None,
            note=NOTE,
        )
