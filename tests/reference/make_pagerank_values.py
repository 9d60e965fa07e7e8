"""PageRank that jumps to a prior mass, by networkx: pagerank_values.json.

Ties are drawn once and stand in the file. What flows to accounts that react to nobody is spread
evenly (`dangling`), as in the published rule.
Usage, from any folder: python make_pagerank_values.py
"""

import json
from pathlib import Path

import networkx
import numpy as np

JUMP, ACCOUNTS, TIES = 0.1, 40, 160


def main():
    rng = np.random.default_rng(20230331)
    reactor = rng.integers(5, ACCOUNTS, TIES)  # five react to nobody
    author = (reactor + 1 + rng.integers(0, ACCOUNTS - 1, TIES)) % ACCOUNTS
    reactions = rng.integers(1, 6, TIES)
    mass = np.round(rng.uniform(0, 100, ACCOUNTS) * (rng.random(ACCOUNTS) < 0.8), 2)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(ACCOUNTS))
    for one, other, count in zip(
        reactor.tolist(), author.tolist(), reactions.tolist(), strict=True
    ):
        before = graph.get_edge_data(one, other, {"weight": 0})["weight"]
        graph.add_edge(one, other, weight=before + count)
    found = networkx.pagerank(
        graph,
        alpha=1 - JUMP,
        personalization=dict(enumerate(mass.tolist())),
        dangling=dict.fromkeys(range(ACCOUNTS), 1.0),
        tol=1e-16,
        max_iter=10_000,
    )
    content = {
        "networkx": networkx.__version__,
        "jump": JUMP,
        "reactor": reactor.tolist(),
        "author": author.tolist(),
        "reactions": reactions.tolist(),
        "mass": mass.tolist(),
        "pagerank": [found[account] for account in range(ACCOUNTS)],
    }
    path = Path(__file__).parent / "pagerank_values.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
