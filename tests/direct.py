"""The slow way: every quantity of `analysis.moments` from the rows, one regression at a time."""

import numpy as np


def design(table, chosen, term):
    """[1, others, term] of some columns of a table."""
    return np.column_stack(
        [np.ones(len(table)), table[:, [i for i in chosen if i != term]], table[:, term]]
    )


def fit(x, y, weights=None):
    """Coefficients, residuals and inverse cross product, by QR of the weighted rows."""
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    q, r = np.linalg.qr(x * root[:, None])
    inverse = np.linalg.inv(r)
    beta = inverse @ (q.T @ (y * root))
    return beta, y - x @ beta, inverse @ inverse.T


def errors(x, y, codes, weights=None):
    """Standard errors of the last coefficient by kind."""
    n, k = x.shape
    beta, residual, bread = fit(x, y, weights)
    weights = np.ones(n) if weights is None else weights
    influence = (x @ bread[:, -1]) * weights
    scores = influence * residual
    leverage = np.einsum("ij,jk,ik->i", x, bread, x) * weights
    sums = np.bincount(codes, weights=scores)
    g = len(sums)
    without = [fit(x[codes != c], y[codes != c], weights[codes != c])[0][-1] for c in range(g)]
    variance = {
        "classical": np.sum(weights * residual**2) / (n - k) * bread[-1, -1],
        "HC0": np.sum(scores**2),
        "HC1": np.sum(scores**2) * n / (n - k),
        "HC2": np.sum(scores**2 / (1 - leverage)),
        "HC3": np.sum(scores**2 / (1 - leverage) ** 2),
        "CRV1": np.sum(sums**2) * g / (g - 1) * (n - 1) / (n - k),
        "CRV3": np.sum((np.array(without) - beta[-1]) ** 2) * (g - 1) / g,
    }
    return {kind: np.sqrt(value) for kind, value in variance.items()}
