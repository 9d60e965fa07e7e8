"""The nested comparison out of core: the estimates of the increment from sums over a table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault, printable
from analysis.models.covariance import CLUSTERED, FEW_CLUSTERS, ROBUST
from analysis.models.distributions import chi2_sf
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.out_of_core.basis import Basis, build_basis
from analysis.out_of_core.cells import aggregate, sums_by_group
from analysis.out_of_core.fits import (
    Groups,
    Summed,
    contribute,
    fitted,
    groups_of,
    jackknifed,
)
from analysis.out_of_core.solve import Solved, solve_ols, solve_poisson
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate
from analysis.results.question import Question
from analysis.studies.composition.outcome import Relations
from analysis.studies.composition.study import (
    clusters_check,
    reconstructability,
    timing_check,
)
from analysis.studies.increment.separation import separation
from analysis.studies.increment.study import tests, together_rows

NEED_ROWS = ("re_expression", "part_whole", "selection")
"""Checks that weigh in a verdict, and that sums do not answer."""


def audit_table(
    sample: Sample, outcome: OutcomeSection, score: str
) -> tuple[list[Estimate], list[Check]]:
    """Return the estimates and the checks of one score for one outcome, from sums over the table.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted, or needs the rows.
    """
    question, checks = Question(sample, outcome, score), []
    _require_sums(question)
    equation = _Equation.of(question, (score,))
    rows, groups = _deciding(equation)
    equation = replace(equation, groups=equation.groups or groups)
    for other in (*outcome.companion_models, *outcome.variants):
        reason = f"The companion {other} was not run beyond memory."
        if other in FAMILIES and FAMILIES[other].sums:
            try:
                rows += _one_model(equation, other)[0]
                continue
            except DesignError as error:
                found = error.found
                reason = f"The companion model {other} has no estimate here: {found}."
        checks.append(question.check(f"companion_{other}", None, reason, assessed=False))
    return rows, checks + equation.overlap()


def together_table(sample: Sample, outcome: OutcomeSection) -> list[Estimate]:
    """Return the coefficients of all scores in one equation, and their joint Wald test."""
    question = Question(sample, outcome, "")
    equation = _Equation.of(question, sample.plan.score.columns)
    basis = equation.basis
    targets = tuple(i for i, block in enumerate(basis.blocks) if block == "score")
    solved = equation.solve(question.model, [(list(range(basis.k)), basis.k)], targets)
    kind, note = equation.covariance(question.model)
    fits, _, _ = equation.fits(solved, kind)
    return [row.noted(note) for row in together_rows(sample, outcome, fits[0])]


def inspect_table(
    sample: Sample, outcome: OutcomeSection, score: str
) -> tuple[tuple[str, ...], list[Check]]:
    """Return the terms of an equation and its checks; fitted only as far as it may be refused."""
    question = Question(sample, outcome, score)
    _require_sums(question)
    basis = build_basis(sample, outcome.column, (score,))
    equation = _Equation(question, basis, count_groups(basis))
    if not question.family.linear or question.plan.inference.covariance:
        _deciding(equation)
    return basis.terms, equation.overlap()


def _deciding(equation: _Equation) -> tuple[list[Estimate], Groups | None]:
    """Return the rows of the deciding model; where it has none, name the column at fault."""
    question = equation.question
    try:
        return _one_model(equation, question.model)
    except DesignError:
        sample = question.sample
        if len(sample.frame) == sample.rows:  # else a level may be other than in the rows drawn
            rows = Question(replace(sample, out_of_core=None), question.outcome, question.score)
            if found := separation(rows):
                raise found from None
        raise


def _require_sums(question: Question) -> None:
    """Refuse a model that needs the rows."""
    if not question.family.sums:
        column = printable(question.outcome.column)
        found = f'the model "{question.model}" for "{column}", beyond memory'
        fault = Fault("[[outcome]] model", found, 'model = "ols" or "poisson"')
        raise DesignError("the plan", fault)


@dataclass(frozen=True, eq=False)
class _Equation:
    """The equation of a question, factored, and its clusters as far as they are counted."""

    question: Question
    basis: Basis
    groups: Groups | None

    @classmethod
    def of(cls, question: Question, scores: tuple[str, ...]) -> _Equation:
        basis = build_basis(question.sample, question.outcome.column, scores)
        known_later = question.plan.inference.covariance == "CRV1"  # from the sums by cluster
        return cls(question, basis, None if known_later else count_groups(basis))

    def covariance(self, model: str) -> tuple[str, str]:
        """Return the plan's covariance or the default for this model and number of clusters, and
        what to note.
        """
        kind, linear = self.question.plan.inference.covariance, FAMILIES[model].linear
        if kind is None and self.groups is None:
            return ROBUST, ""
        if kind is None:
            count = self.groups[0]
            if count >= FEW_CLUSTERS or linear:
                return "CRV1" if count >= FEW_CLUSTERS else "CRV3", ""
            why = "since CRV3 would fit again without each of them"
            return "CRV1", f"CRV1 with {count} clusters, {why}"
        found, allowed, why = {
            "wild": ("the wild cluster bootstrap", "CRV1 or CRV3", "wild needs the rows"),
            "CRV3": (
                "CRV3 of a Poisson model",
                'CRV1, or model = "ols"',
                "CRV3 does not exist for this model",
            ),
        }.get(kind, ("", "", ""))
        if not found or (kind == "CRV3" and linear):
            return kind, ""
        if model == self.question.model:
            fault = Fault("[inference] covariance", f"{found}, beyond memory", allowed)
            raise DesignError("the model", fault)
        return "CRV1", f"CRV1, since {why}"

    def solve(
        self, model: str, wanted: list[tuple[list[int], int]], targets: tuple[int, ...]
    ) -> list[Solved]:
        """Return the solution of each model; one of fewer free columns keeps the others at zero."""
        if FAMILIES[model].linear:
            return [solve_ols(self.basis, columns, targets, free) for columns, free in wanted]
        mean = self.question.sample.mean(self.question.outcome.column)
        return solve_poisson(self.basis, wanted, mean, targets)

    def fits(
        self, models: list[Solved], kind: str
    ) -> tuple[list[Fit], list[Summed], Groups | None]:
        """Return a Fit for each of the models without columns kept at zero; all sums; clusters."""
        by_sums = "CRV1" if kind == "CRV3" else kind
        summed, groups = contribute(self.basis, models, by_sums)
        groups = self.groups or groups
        clusters, null = groups[0] if groups else None, self.null_deviance(models[0])
        fits = [
            fitted(self.basis, solved, sums, by_sums, null, clusters)
            for solved, sums in zip(models, summed, strict=True)
            if solved.free == len(solved.columns)
        ]
        if kind == "CRV3":
            fits = [jackknifed(self.basis, models[m], fit) for m, fit in enumerate(fits)]
        return fits, summed, groups

    def null_deviance(self, solved: Solved) -> float:
        """Return the deviance of the model without columns (with the same offset)."""
        if solved.linear:
            return self.basis.total
        import ibis

        table = self.basis.table.mutate(y=solved.response(self.basis.table))
        y = table["y"]
        sums = {"y": y.sum(), "yly": ibis.cases((y > 0, y * y.ln()), else_=0.0).sum()}
        if "o" in table.columns:
            sums |= {"yo": (y * table["o"]).sum(), "eo": table["o"].exp().sum()}
        found = {"yo": 0.0, "eo": float(self.basis.n)} | aggregate(table, sums)
        total = found["y"]
        return float(2 * (found["yly"] - found["yo"] - total * np.log(total / found["eo"])))

    def overlap(self) -> list[Check]:
        """Return the checks of what the score is made of that sums can answer."""
        last, question = self.basis.k - 1, self.question
        alone = self.basis.explained(last, ("engagement",))
        held = self.basis.explained(last, ("engagement", "control"))
        relations = Relations(question)
        made = relations.outcome_from()  # what a few extreme rows make is no sum
        drawn = len(question.sample.frame)
        if drawn != self.basis.n:
            made = replace(made, reason=f"{made.reason} (In a seeded sample of {drawn:,} rows.)")
        clusters = [clusters_check(question, *self.groups)] if self.groups else []
        checks = [reconstructability(question, alone, held), made, relations.bad_control()]
        why = "Not looked at beyond memory: it needs the rows."
        names = (*NEED_ROWS, "without_repeats") if drawn == self.basis.n else NEED_ROWS
        left = [question.check(name, None, why, assessed=False) for name in names]
        return [*checks, timing_check(question), *clusters, *left]


def _one_model(equation: _Equation, model: str) -> tuple[list[Estimate], Groups | None]:
    """Return every row of one model (increment, raw, tests, what the score adds to the fit), and
    its clusters.
    """
    question, basis = equation.question, equation.basis
    kind, note = equation.covariance(model)
    last, everything, raw = basis.k - 1, list(range(basis.k)), basis.columns("engagement")
    wanted = [(everything, basis.k), (raw, len(raw)), (everything, last)]
    models = equation.solve(model, wanted, (last,))
    try:
        fits, summed, groups = equation.fits(models, kind)
    except DesignError:
        plain = "CRV1" if kind in CLUSTERED else "HC1"
        bound = model == question.model and question.plan.inference.covariance
        if bound or kind == plain:
            raise
        note = f"{plain}, since {kind} does not exist for this model"
        fits, summed, groups = equation.fits(models, plain)
    reduced = summed[2]
    statistic = float(reduced.total[0] ** 2 / reduced.products[0, 0])
    rows = question.coefficients("increment", fits[0]) + question.coefficients("raw", fits[1])
    lagrange = (statistic, float(chi2_sf(statistic, 1)))
    rows += tests(question, fits[0], reduced.deviance, lagrange)
    return [row.noted(note) for row in rows], groups


def count_groups(basis: Basis) -> Groups | None:
    """Return the number of clusters and the sizes of the smallest and the largest."""
    if "g" not in basis.table.columns:
        return None
    return groups_of(aggregate(*sums_by_group(basis.table)))
