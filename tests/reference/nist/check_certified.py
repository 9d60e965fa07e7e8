"""Derive the certified values of every NIST set in this folder again, from the data, and compare.

Coefficients and their covariance come from exact rational arithmetic (fractions), the square roots
from 200-digit decimals; nothing is floating point. Usage, from any folder: python
check_certified.py
"""

import json
import sys
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

getcontext().prec = 200


def design(record):
    rows = [row if isinstance(row, list) else [row] for row in record["x"]]
    if record["degree"]:
        rows = [[row[0] ** power for power in range(1, record["degree"] + 1)] for row in rows]
    return [[Fraction(1)] * record["intercept"] + row for row in rows]


def inverse(matrix):
    size = len(matrix)
    work = [
        list(row) + [Fraction(int(i == j)) for j in range(size)] for i, row in enumerate(matrix)
    ]
    for i in range(size):
        pivot = next(j for j in range(i, size) if work[j][i] != 0)
        work[i], work[pivot] = work[pivot], work[i]
        work[i] = [value / work[i][i] for value in work[i]]
        for j in range(size):
            if j != i:
                work[j] = [a - work[j][i] * b for a, b in zip(work[j], work[i], strict=True)]
    return [row[size:] for row in work]


def decimal(value):
    return Decimal(value.numerator) / Decimal(value.denominator)


def solve(record):
    """Coefficients, standard errors, residual sd and R2 (about zero without an intercept), as
    decimals.
    """
    x, y = design(record), record["y"]
    n, k = len(x), len(x[0])
    bread = inverse([[sum(row[i] * row[j] for row in x) for j in range(k)] for i in range(k)])
    moment = [sum(row[i] * value for row, value in zip(x, y, strict=True)) for i in range(k)]
    coef = [sum(a * b for a, b in zip(row, moment, strict=True)) for row in bread]
    fitted = [sum(a * b for a, b in zip(row, coef, strict=True)) for row in x]
    rss = sum((value - mean) ** 2 for value, mean in zip(y, fitted, strict=True))
    center = sum(y) / n if record["intercept"] else 0
    sigma2 = rss / (n - k)
    return {
        "coef": [decimal(value) for value in coef],
        "se": [decimal(sigma2 * bread[i][i]).sqrt() for i in range(k)],
        "residual_sd": decimal(sigma2).sqrt(),
        "r2": decimal(1 - rss / sum((value - center) ** 2 for value in y)),
    }


def off(value, text):
    """Distance in units of the last certified digit; a correctly rounded string is at most half
    off.
    """
    certified = Decimal(text)
    return abs(value - certified) / Decimal(1).scaleb(certified.as_tuple().exponent)


def check(path):
    record = json.loads(path.read_text(), parse_float=Fraction, parse_int=Fraction)
    record["degree"] = int(record["degree"]) if record["degree"] else None
    record["intercept"] = int(record["intercept"])
    found, certified = solve(record), record["certified"]
    distances = [
        off(a, b) for key in ("coef", "se") for a, b in zip(found[key], certified[key], strict=True)
    ]
    distances += [off(found[key], certified[key]) for key in ("residual_sd", "r2")]
    return record["name"], max(distances), len(distances)


if __name__ == "__main__":
    bad = 0
    for path in sorted(Path(__file__).parent.glob("*.json")):
        name, worst, values = check(path)
        good = worst <= Decimal("0.5")
        bad += not good
        word = "ok" if good else "DIFFERS"
        print(
            f"{name:10s} {values:3d} values, worst {float(worst):.3f} units in the last digit "
            f" {word}"
        )
    sys.exit(bad > 0)
