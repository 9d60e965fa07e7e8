"""The slow way: what sufficient statistics give, from the rows, one regression at a time."""

import mpmath
import numpy as np

SAME = 1e-9  # two double precision routes where the condition number is below 1e3


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


def creators(n=400, g=25, seed=0):
    """Three engagement columns, a score made of them, and an outcome; cluster effects in score and
    outcome.
    """
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(g), rng.integers(0, g, n - g)])
    e = rng.normal(size=(n, 3)) + rng.normal(size=(g, 3))[codes]
    s = e @ [0.5, 0.3, 0.0] + rng.normal(size=n) + rng.normal(size=g)[codes]
    y = (
        2
        + e @ [1.0, -0.5, 0.2]
        + 0.3 * s
        + rng.normal(size=n) * (1 + 0.4 * np.abs(s))
        + rng.normal(size=g)[codes]
    )
    return np.column_stack([e, s, y]), ["e1", "e2", "e3", "s", "y"], codes


def collinear(kappa, n=60, seed=0):
    """A design whose condition number is about kappa, with offsets, and an outcome."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 6
    x = rng.normal(size=(n, 3))
    s = x @ [0.6, 0.3, 0.2] + 2 * rng.normal(size=n) / kappa
    y = 1 + x @ [1.0, 0.5, -0.5] + 0.5 * s + rng.normal(size=n)
    return (
        np.column_stack([x, s, y]) + np.array([5, 0, -40, 3, 100]),
        ["e1", "e2", "e3", "s", "y"],
        codes,
    )


def exact_errors(table, codes):
    """Estimate and errors of the last regressor in 60 digits."""
    mpmath.mp.dps = 60
    n, k = len(table), table.shape[1]
    x = mpmath.matrix([[1, *map(mpmath.mpf, map(float, row[:-1]))] for row in table])
    y = mpmath.matrix([mpmath.mpf(float(v)) for v in table[:, -1]])

    def solve(rows):
        xs = mpmath.matrix([[x[i, j] for j in range(k)] for i in rows])
        ys = mpmath.matrix([y[i] for i in rows])
        bread = (xs.T * xs) ** -1
        return bread, bread * (xs.T * ys)

    bread, beta = solve(range(n))
    residual = y - x * beta
    score = [residual[i] * sum(bread[k - 1, j] * x[i, j] for j in range(k)) for i in range(n)]
    groups = [[i for i in range(n) if codes[i] == c] for c in range(max(codes) + 1)]
    g = len(groups)
    without = [solve([i for i in range(n) if i not in set(group)])[1][k - 1] for group in groups]
    variance = {
        "classical": sum(r * r for r in residual) / (n - k) * bread[k - 1, k - 1],
        "HC1": sum(v * v for v in score) * mpmath.mpf(n) / (n - k),
        "CRV1": sum(sum(score[i] for i in group) ** 2 for group in groups)
        * mpmath.mpf(g * (n - 1))
        / ((g - 1) * (n - k)),
        "CRV3": sum((b - beta[k - 1]) ** 2 for b in without) * mpmath.mpf(g - 1) / g,
    }
    return float(beta[k - 1]), {kind: float(mpmath.sqrt(value)) for kind, value in variance.items()}
