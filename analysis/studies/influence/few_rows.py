"""The fewest rows without which the word changes, and whether their influence stands apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.covariance import hat_diagonal
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.solver import MANY_ROWS, information_of
from analysis.results.question import Question
from analysis.results.rule import Word

FEW_SHARE = 1000
"""Leaving out one row in so many, or two, must not change the word."""

MOST_LEFT_OUT = 0.5
"""Beyond this share of the rows nobody would call it leaving out."""

ONE_BY_ONE = 10
"""So many rows are left out one after the other, and more of them in growing steps."""

PAIRS = 60
"""Rows of which every two are left out together: one can hide the other."""

DRAWS, DRAWS_OF_MANY, RARE = 499, 199, 0.01
"""Samples of the fitted model, and of how few of them an influence that stands apart is seen in."""

MOST_CELLS = 4_000_000
"""Numbers that are drawn at once."""

Made = TypeVar("Made")


def few_rows(n: int) -> int:
    """Return how many of n rows are few: at most max(2, ceil(n / 1000))."""
    return max(2, -(-n // FEW_SHARE))


def keep_refits(question: Question) -> None:
    """Keep what is fitted without rows, for the same rows asked again at another band or level."""
    question.sample.kept.setdefault(_refits_of(question), {})


def kept_refit(
    question: Question, gone: np.ndarray, make: Callable[[], Made], of: str = ""
) -> Made:
    """Return what is made of a fit without rows, made once where refits are kept."""
    kept = question.sample.kept.get(_refits_of(question))
    if kept is None:
        return make()
    key = of, np.sort(gone).tobytes()
    if key not in kept:
        kept[key] = make()
    return kept[key]


def _refits_of(question: Question) -> tuple[str, str, str]:
    return "refits", question.outcome.column, question.score


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Rows that are left out, in this order, and the fit and the word of the others."""

    rows: np.ndarray
    word: Word
    fit: Fit


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one question's deciding fit, as far as they make its word.

    Attributes
    ----------
    question : Question
    word : str
        Of the fit of all rows.
    """

    question: Question
    word: Word

    @property
    def n(self) -> int:
        return self.question.design.n

    def without(self, gone: np.ndarray) -> LeftOut | None:
        """Return the fit without rows at these positions; None where it does not exist."""
        try:
            with np.errstate(all="ignore"):
                rest = kept_refit(self.question, gone, lambda: self._fit_without(gone))
                return LeftOut(gone, self.question.word_of_fit(rest), rest)
        except (DesignError, np.linalg.LinAlgError):
            return None

    def _fit_without(self, gone: np.ndarray) -> Fit:
        keep, fit = np.ones(self.n, dtype=bool), self.question.fit
        keep[gone] = False
        kind = "CRV1" if fit.covariance == "CRV3" else fit.covariance
        return fit_model(fit.design.rest(keep), fit.model, kind, counts=self.question.counts)

    def fewest(self, most: int) -> LeftOut | None:
        """Return the smallest set found, of at most so many rows, without which the word is another
        one; None where none was found.

        Notes
        -----
        Rows go one after the other by their influence on the coefficient, either way, which is
        worked out again after each (Broderick, Giordano & Meager 2020, arXiv:2011.14999, work it
        out once; rows can hide one another). Beside them, rows of the largest leverage and the best
        pairs. Every set is refitted.
        """
        found = [one for one in self._small(min(most, few_rows(self.n))) if self._turns(one)]
        for side in (1.0, -1.0):
            found += self._along(side, min([most, *(len(one.rows) for one in found)]))
        return min(found, key=lambda one: len(one.rows), default=None)

    def _turns(self, left: LeftOut | None) -> bool:
        return left is not None and left.word != self.word

    def _small(self, most: int) -> Iterator[LeftOut | None]:
        """Yield the fits without the rows of the largest leverage, and without the best pairs."""
        fit = self.question.fit
        leverage = hat_diagonal(fit.design.basis[0], fit.weights)
        for count in dict.fromkeys([1, 2, most]):
            yield self.without(np.argsort(-leverage, kind="stable")[:count])
        if fit.influence is None:
            for pair in best_pairs(fit, self.question.score, leverage):
                yield self.without(pair)

    def _along(self, side: float, most: int) -> list[LeftOut]:
        """Return the smallest set along one order of rows that changes the word, if any does."""
        gone, last, fit = np.arange(0), 0, self.question.fit
        step = 1 if self.n <= MANY_ROWS else max(1, few_rows(self.n) // ONE_BY_ONE)
        while len(gone) < most:
            add = step if len(gone) < ONE_BY_ONE * step else max(step, len(gone) // 2)
            stay = np.setdiff1d(np.arange(self.n), gone)
            pushes = side * pushed(fit, self.question.score)
            order = np.argsort(-pushes, kind="stable")[: min(add, most - len(gone))]
            last, gone = len(gone), np.concatenate([gone, stay[order]])
            left = self.without(gone)
            if left is None:
                return []
            if self._turns(left):
                return [self._shortest(left, last)]
            fit = left.fit
        return []

    def _shortest(self, left: LeftOut, low: int) -> LeftOut:
        """Return the shortest beginning of an order, longer than `low`, that changes the word."""
        while len(left.rows) - low > 1:
            middle = (low + len(left.rows)) // 2
            shorter = self.without(left.rows[:middle])
            if self._turns(shorter):
                left = shorter
            else:
                low = middle
        return left

    def filled(self, left: LeftOut) -> LeftOut:
        """Return the rows, and those that push on the same way, up to a few of them."""
        score, fit, few = self.question.score, self.question.fit, few_rows(self.n)
        side = np.sign(fit.coefficient(score)[0] - left.fit.coefficient(score)[0])
        while len(left.rows) < few:
            stay = np.setdiff1d(np.arange(self.n), left.rows)
            order = np.argsort(-side * pushed(left.fit, score), kind="stable")
            add = max(1, (few - len(left.rows)) // ONE_BY_ONE)
            more = self.without(np.concatenate([left.rows, stay[order[:add]]]))
            if more is None:
                break
            left = more
        return left


def pushed(fit: Fit, term: str) -> np.ndarray:
    """Return how far each row moves a coefficient, its own draw on the fit taken away, shape
    (n,).
    """
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    return fit.row_influence(term) / np.maximum(1 - leverage, 1e-8)


def best_pairs(fit: Fit, term: str, leverage: np.ndarray) -> list[np.ndarray]:
    """Return the two rows that together raise, and that lower a coefficient most.

    Parameters
    ----------
    fit : Fit
    term : str
    leverage : ndarray, shape (n,)

    Notes
    -----
    Of the rows with the largest influence and leverage, by one step from the fit, which is exact
    for least squares: two rows far out at the same place have little influence each while the other
    one is there.
    """
    alone = pushed(fit, term)
    third = PAIRS // 3
    some = np.unique(
        np.concatenate([np.argsort(one)[:third] for one in (alone, -alone, -leverage)])
    )
    basis, triangle = fit.design.basis
    back = np.linalg.solve(fit.information, np.linalg.inv(triangle)[fit.position(term)])
    q, r, w = basis[some], fit.residuals[some], fit.weights[some]
    gram, own = q @ np.linalg.solve(fit.information, q.T), q @ back
    i, j = np.triu_indices(len(some), 1)
    left_i, left_j = 1 - w[i] * gram[i, i], 1 - w[j] * gram[j, j]
    whole = left_i * left_j - w[i] * w[j] * gram[i, j] ** 2
    moved = own[i] * (left_j * r[i] + w[i] * gram[i, j] * r[j])
    moved += own[j] * (left_i * r[j] + w[j] * gram[i, j] * r[i])
    moved = np.where(whole > 1e-8, moved / np.where(whole > 1e-8, whole, 1.0), 0.0)
    ends = (int(moved.argmax()), int(moved.argmin())) if len(moved) else ()
    return [some[[i[at], j[at]]] for at in ends]


# --- whether their influence stands apart ---------------------------------------------------------


def share_as_large(question: Question, left: LeftOut) -> float:
    """Return the share of samples, drawn from the fitted model, in which as many rows move the
    coefficient as far.

    Parameters
    ----------
    question : Question
    left : LeftOut
        The rows, and the fit of the others.

    Notes
    -----
    Every sample has the same columns and an outcome of the model's distribution: normal for least
    squares; 0 and 1 for a logit; negative binomial counts; a Gamma for other outcomes above zero,
    Tweedie's compound where some are zero. Mean and dispersion are those of the rows that stay: the
    others do not speak for themselves. The coefficient of each sample, and what its most
    influential rows move, are one step from there.
    """
    return kept_refit(question, left.rows, lambda: _share_as_large(question, left), "share")


def _share_as_large(question: Question, left: LeftOut) -> float:
    fit, count = question.fit, len(left.rows)
    term = fit.position(question.score)
    far = abs(fit.params[term] - left.fit.params[left.fit.position(question.score)])
    mean, weights, factor = _as_the_others_have_it(fit, left.fit)
    keep = np.ones(fit.design.n, dtype=bool)
    keep[left.rows] = False
    (basis, triangle), rng = fit.design.basis, question.generator()
    information = information_of(basis, weights)
    back = np.linalg.solve(information, np.linalg.inv(triangle)[term])
    own = basis @ back / np.maximum(1 - hat_diagonal(basis, weights), 1e-8)
    solved, reached, done = np.linalg.solve(information, basis.T), 0, 0
    every = DRAWS if fit.design.n <= MANY_ROWS else DRAWS_OF_MANY
    while done < every:
        draws = min(every - done, max(1, MOST_CELLS // fit.design.n))
        outcomes = drawn(question, mean, keep, rng, draws)
        residuals = (outcomes - mean[:, None]) * factor[:, None]
        residuals -= weights[:, None] * (basis @ (solved @ residuals))
        pushes = own[:, None] * residuals
        ends = np.partition(pushes, (count - 1, -count), axis=0)
        most = np.maximum(ends[-count:].sum(axis=0), -ends[:count].sum(axis=0))
        reached, done = reached + int((most >= far).sum()), done + draws
    return (1 + reached) / (every + 1)


def _as_the_others_have_it(fit: Fit, rest: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means, weights, and by what residuals are multiplied in the estimating equations, of
    all rows at the coefficients of some, each shape (n,).
    """
    family, design = FAMILIES[fit.model], fit.design
    params = fit.params.copy()
    for at, name in enumerate(rest.design.terms):
        params[design.position(name)] = rest.params[at]
    offset = 0.0 if design.offset is None else design.offset
    at = design.matrix @ params + offset
    ones = np.ones(design.n)
    if family.linear:
        return at, ones, ones
    mean = family.mean(np.clip(at, -700, 700))
    if family.link == "logit":
        return mean, np.maximum(mean * (1 - mean), 1e-12), ones
    mean, power = np.maximum(mean, 1e-12), family.power or 1.0
    return mean, mean ** (2 - power), mean ** (1 - power)


def drawn(
    question: Question, mean: np.ndarray, keep: np.ndarray, rng: np.random.Generator, draws: int
) -> np.ndarray:
    """Return outcomes of the deciding model with these means, shape (n, draws).

    Parameters
    ----------
    question : Question
    mean : ndarray, shape (n,)
    keep : ndarray of bool, shape (n,)
        The rows whose dispersion counts.
    rng : Generator
    draws : int
    """
    fit, family = question.fit, FAMILIES[question.fit.model]
    y, n = fit.design.response, fit.design.n
    shape, share = (n, draws), keep.sum() / max(keep.sum() - fit.design.k, 1)
    off = (y - mean)[keep]
    if family.linear:
        return mean[:, None] + np.sqrt(share * np.mean(off**2)) * rng.normal(size=shape)
    if family.link == "logit":
        return (rng.random(shape) < mean[:, None]).astype(float)
    if question.counts:
        alpha = max(float((off**2 - mean[keep]).sum() / (mean[keep] ** 2).sum()), 0.0)
        at = mean[:, None] if alpha < 1e-6 else mean[:, None] * rng.gamma(1 / alpha, alpha, shape)
        return rng.poisson(np.minimum(at, 1e15), shape).astype(float)
    if y.min() > 0:
        spread = share * float(np.mean((off / mean[keep]) ** 2))
        return mean[:, None] * rng.gamma(1 / spread, spread, shape)
    spread = share * float(np.mean(off**2 / mean[keep] ** 1.5))
    number = rng.poisson(np.minimum(2 * np.sqrt(mean) / spread, 1e15)[:, None], shape)
    return (
        rng.gamma(np.maximum(number, 1e-300), 1.0)
        * (number > 0)
        * (spread * np.sqrt(mean) / 2)[:, None]
    )
