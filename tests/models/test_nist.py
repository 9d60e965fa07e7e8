"""The NIST StRD linear sets through our least squares: every digit that the data, as doubles,
determine.

Each set is measured in digits (the log relative error) against the certified values, and has a
floor. A floor alone says little where a problem is hard, so a second test computes, in exact
arithmetic, how much the solution moves when each number of the design moves by its last bit: no
route through doubles can promise more digits than that.
"""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import DesignError
from analysis.models.design import Design, check_estimable
from analysis.models.glm import fit_ols

FOLDER = Path(__file__).resolve().parents[1] / "reference" / "nist"

# Digits of the worst coefficient, standard error, residual standard deviation and R2. Certified to
# 15 digits; the floors lie about one digit below what is found, since another BLAS rounds in
# another order.
FLOORS = {
    "norris": (11.5, 12.5, 12.5, 14.0),  # a straight line
    "pontius": (
        11.0,
        12.0,
        12.0,
        14.0,
    ),  # a square whose raw columns have condition 1e13: centring saves it
    "noint1": (13.5, 13.5, 13.5, 14.0),  # through the origin: our route without centring
    "noint2": (14.0, 14.0, 14.0, 14.0),
    "longley": (11.5, 12.5, 12.5, 14.0),  # collinear, raw condition 5e9
    "wampler1": (
        8.0,
        8.0,
        8.0,
        14.0,
    ),  # an exact polynomial: the true standard errors are 0, so digits are absolute
    "wampler2": (11.0, 12.5, 12.5, 14.0),  # the same with small coefficients
    "wampler3": (8.0, 12.5, 12.5, 14.0),  # residuals as large as the data
    "wampler4": (7.0, 12.5, 12.5, 14.0),  # residuals 100 times that
    "wampler5": (
        5.0,
        12.5,
        12.5,
        12.5,
    ),  # and 10,000 times: the coefficients are in the noise, five digits are there
    "filip": (
        6.5,
        6.5,
        8.0,
        11.0,
    ),  # degree 10, raw condition 2e15; textbook routines refuse it or print nonsense
}


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def design_for(record):
    """Polynomial columns and the rest as doubles; a set without an intercept has no block of that
    name.
    """
    x = np.array(record["x"], dtype=float)
    if record["degree"]:
        x = np.column_stack([x**power for power in range(1, record["degree"] + 1)])
    terms, blocks = tuple(f"b{i + 1}" for i in range(x.shape[1])), ("control",) * x.shape[1]
    if record["intercept"]:
        x, terms, blocks = (
            np.column_stack([np.ones(len(x)), x]),
            ("b0", *terms),
            ("intercept", *blocks),
        )
    return Design(np.array(record["y"], dtype=float), x, terms, blocks)


def digits(found, certified):
    """The log relative error: how many leading digits agree; the log absolute error where the truth
    is zero.
    """
    found, certified = float(found), float(certified)
    gap = abs(found - certified) / (abs(certified) or 1.0)
    return min(16.0, -math.log10(gap)) if gap else 16.0


def classical_errors(fit):
    """Residual standard deviation and the textbook standard errors, from the same basis as the
    robust ones.
    """
    sd = math.sqrt(fit.deviance / (fit.design.n - fit.design.k))
    back = np.linalg.inv(fit.design.basis[1])
    return sd, sd * np.sqrt(np.diag(back @ back.T) / fit.design.n)


@pytest.mark.parametrize("name", FLOORS)
def test_certified_values(name):
    record = load(name)
    certified = record["certified"]
    fit = fit_ols(design_for(record), covariance="HC0")
    sd, errors = classical_errors(fit)
    found = (
        min(map(digits, fit.params, certified["coef"])),
        min(map(digits, errors, certified["se"])),
        digits(sd, certified["residual_sd"]),
        digits(fit.r_squared, certified["r2"]),
    )
    assert len(fit.params) == len(certified["coef"])
    assert all(got >= floor for got, floor in zip(found, FLOORS[name], strict=True)), (
        f"{name}: {', '.join(f'{got:.1f}' for got in found)} digits, of {FLOORS[name]}"
    )


def test_every_set_is_tested():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(FLOORS)


# --- what doubles can promise ---------------------------------------------------------------------


def exact_least_squares(matrix, response):
    """Solve the normal equations in rational arithmetic."""
    x = [[Fraction(value) for value in row] for row in matrix.tolist()]
    y = [Fraction(value) for value in response.tolist()]
    k = len(x[0])
    columns = list(zip(*x, strict=True))
    work = [
        [sum(map(Fraction.__mul__, a, b)) for b in columns] + [sum(map(Fraction.__mul__, a, y))]
        for a in columns
    ]
    for i in range(k):
        work[i] = [value / work[i][i] for value in work[i]]
        for j in range(k):
            if j != i:
                work[j] = [a - work[j][i] * b for a, b in zip(work[j], work[i], strict=True)]
    return np.array([float(row[-1]) for row in work])


@pytest.mark.parametrize("name", FLOORS)
def test_no_digit_is_lost_that_the_doubles_determine(name):
    """Our error is at most ten times what moving each number by its last bit does to the exact
    solution.
    """
    design = design_for(load(name))
    exact = exact_least_squares(design.matrix, design.response)
    rng = np.random.default_rng(15)

    def last_bit(values):
        return np.nextafter(values, rng.choice([-np.inf, np.inf], size=values.shape))

    solutions = [
        exact_least_squares(last_bit(design.matrix), last_bit(design.response)) for _ in range(3)
    ]
    determined = np.abs(np.array(solutions) / exact - 1).max()
    ours = np.abs(fit_ols(design, covariance="HC0").params / exact - 1).max()
    assert ours <= 10 * max(determined, np.finfo(float).eps)


@pytest.mark.parametrize("name", ["pontius", "filip"])
def test_the_normal_equations_do_lose_them(name):
    """The floors can fail: the same columns by the textbook formula."""
    record = load(name)
    design = design_for(record)
    x, y = design.matrix, design.response
    found = np.linalg.pinv(x.T @ x) @ (x.T @ y)
    assert min(map(digits, found, record["certified"]["coef"])) < FLOORS[name][0] - 4


# --- through the gate -----------------------------------------------------------------------------


def test_filip_is_refused_or_right():
    """Never silent garbage: either the rank check names the columns, or the fit has its digits."""
    record = load("filip")
    design = design_for(record)
    refusal = ""
    try:
        check_estimable(design, "filip")
    except DesignError as error:
        refusal = str(error)
    right = (
        min(map(digits, fit_ols(design).params, record["certified"]["coef"])) >= FLOORS["filip"][0]
    )
    assert right or "linear combination" in refusal


@pytest.mark.parametrize("name", ["norris", "pontius", "wampler1", "wampler5"])
def test_well_posed_sets_pass_the_gate(name):
    check_estimable(design_for(load(name)), name)


def test_longley_has_too_few_rows_for_a_plan():
    """Sixteen rows for seven coefficients: the fit has its digits, and a plan is refused all the
    same.
    """
    with pytest.raises(DesignError, match="16 rows for 7 coefficients"):
        check_estimable(design_for(load("longley")), "longley")
