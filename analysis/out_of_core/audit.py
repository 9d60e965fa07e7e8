"""The nested comparison out of core: the estimates of the increment from sums over a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault, printable
from analysis.models.covariance import CLUSTERED, FEW_CLUSTERS
from analysis.models.distributions import chi2_sf
from analysis.models.fit import Fit
from analysis.out_of_core.basis import Basis, build_basis
from analysis.out_of_core.fits import (
    Contribution,
    Solved,
    Summed,
    contribute,
    fitted,
    jackknifed,
    solve_ols,
)
from analysis.out_of_core.poisson import solve_poisson
from analysis.out_of_core.sums import aggregate
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate
from analysis.results.question import Question
from analysis.studies.composition.study import clusters_check, outcome_from_rows, reconstructability
from analysis.studies.increment.study import tests, together_rows

MODELS = ("ols", "poisson")


def audit_table(
    sample: Sample, outcome: OutcomeSection, score: str
) -> tuple[list[Estimate], list[Check]]:
    """Return the estimates and the checks of one score for one outcome, from sums over the table.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted, or needs the rows.
    """
    name = outcome.deciding_model
    if name not in MODELS:
        found = f'the model "{name}" for "{printable(outcome.column)}", beyond memory'
        raise DesignError(
            "the plan", [Fault("[[outcome]] model", found, 'model = "ols" or "poisson"')]
        )
    basis = build_basis(sample, outcome.column, (score,))
    groups = _groups(sample, basis)
    rows, counted = _one_model(sample, outcome, score, basis, name, groups)
    groups, checks = groups or counted, []
    for other in (*outcome.companion_models, *outcome.variants):
        if other not in MODELS:
            reason = f"The companion {other} was not run beyond memory."
            checks.append(
                Check(
                    sample.plan.name,
                    f"companion_{other}",
                    None,
                    reason,
                    None,
                    outcome.column,
                    score,
                )
            )
            continue
        try:
            rows += _one_model(sample, outcome, score, basis, other, groups)[0]
        except DesignError as error:
            reason = f"The companion model {other} has no estimate here: {error.faults[0].found}."
            checks.append(
                Check(
                    sample.plan.name,
                    f"companion_{other}",
                    None,
                    reason,
                    None,
                    outcome.column,
                    score,
                )
            )
    return rows, checks + _overlap(sample, outcome, score, basis, groups)


def audit_table_together(
    sample: Sample, outcome: OutcomeSection
) -> tuple[list[Estimate], list[Check]]:
    """Return the scores side by side in one equation, as `audit_together` does."""
    plan = sample.plan
    try:
        basis = build_basis(sample, outcome.column, plan.score.columns)
        groups = _groups(sample, basis)
        targets = tuple(i for i, block in enumerate(basis.blocks) if block == "score")
        model = outcome.deciding_model
        full = _solve(sample, outcome, basis, model, [(list(range(basis.k)), basis.k)], targets)
        kind, note = covariance_of(sample, model, groups, deciding=True)
        fit = _fits(
            basis, full, [targets], kind, _null(sample, outcome, basis, model, full[0].unit), groups
        )[0][0]
    except DesignError as error:
        fault = error.faults[0]
        reason = (
            f"The scores cannot stand side by side in one equation: {fault.place}, {fault.found}."
        )
        return [], [Check(plan.name, "together", None, reason, None, outcome.column)]
    return _noted(together_rows(sample, outcome, fit), note), []


def inspect_table(
    sample: Sample, outcome: OutcomeSection, score: str
) -> tuple[tuple[str, ...], list[Check]]:
    """Return the terms of an equation and its checks, without a fit."""
    basis = build_basis(sample, outcome.column, (score,))
    return basis.terms, _overlap(sample, outcome, score, basis, count_groups(basis))


def covariance_of(
    sample: Sample, model: str, groups: tuple[int, int, int] | None, *, deciding: bool
) -> tuple[str, str]:
    """Return the plan's covariance or the default for this model and number of clusters, and what
    to note.
    """
    kind = sample.plan.inference.covariance
    if kind == "wild":
        if deciding:
            found = "the wild cluster bootstrap, beyond memory"
            raise DesignError("the model", [Fault("[inference] covariance", found, "CRV1 or CRV3")])
        return "CRV1", "CRV1, since wild needs the rows"
    if kind is None:
        alone = "HC3" if model == "ols" else "HC1"
        kind = alone if groups is None else "CRV3" if groups[0] < FEW_CLUSTERS else "CRV1"
        if kind == "CRV3" and model == "poisson":
            return (
                "CRV1",
                f"CRV1 with {groups[0]} clusters, since CRV3 would fit again without each of them",
            )
    if kind == "CRV3" and model == "poisson":
        if deciding:
            found = "CRV3 of a Poisson model, beyond memory"
            raise DesignError(
                "the model", [Fault("[inference] covariance", found, 'CRV1, or model = "ols"')]
            )
        return "CRV1", "CRV1, since CRV3 does not exist for this model"
    return kind, ""


def _one_model(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    basis: Basis,
    model: str,
    groups: tuple[int, int, int] | None,
) -> tuple[list[Estimate], tuple[int, int, int] | None]:
    """Return every row of one model (increment, raw, tests, what the score adds to the fit), and
    its clusters.
    """
    kind, note = covariance_of(sample, model, groups, deciding=model == outcome.deciding_model)
    last = basis.k - 1
    everything, raw = list(range(basis.k)), basis.columns("engagement")
    wanted = [(everything, basis.k), (raw, len(raw)), (everything, last)]
    models = _solve(sample, outcome, basis, model, wanted, (last,))
    null = _null(sample, outcome, basis, model, models[0].unit)
    try:
        fits, summed = _fits(basis, models, [(last,), (last,)], kind, null, groups)
    except DesignError:
        plain = "CRV1" if kind in CLUSTERED else "HC1"
        if model == outcome.deciding_model or kind == plain:
            raise
        note = f"{plain}, since {kind} does not exist for this model"
        fits, summed = _fits(basis, models, [(last,), (last,)], plain, null, groups)
    statistic = float(summed.total[2] ** 2 / summed.products[2, 2])
    question = Question(sample, outcome, score)
    rows = question.coefficients("increment", fits[0]) + question.coefficients("raw", fits[1])
    lagrange = (statistic, float(chi2_sf(statistic, 1)))
    rows += tests(question, fits[0], summed.deviance[2], lagrange)
    return _noted(rows, note), summed.groups


def _noted(rows: list[Estimate], note: str) -> list[Estimate]:
    return (
        [replace(row, note="; ".join(filter(None, [row.note, note]))) for row in rows]
        if note
        else rows
    )


def _solve(
    sample: Sample,
    outcome: OutcomeSection,
    basis: Basis,
    model: str,
    wanted: list[tuple[list[int], int]],
    targets: tuple[int, ...],
) -> list[Solved]:
    """Return the solution of each model; a model of fewer free columns keeps the others at zero."""
    if model == "poisson":
        return solve_poisson(basis, wanted, sample.mean(outcome.column), targets)
    models = []
    for columns, free in wanted:
        solved = solve_ols(basis, columns[:free], ())
        whole = solve_ols(basis, columns, targets)
        beta = np.concatenate([solved.beta, np.zeros(len(columns) - free)])
        models.append(replace(whole, beta=beta, free=free))
    return models


def _fits(
    basis: Basis,
    models: list[Solved],
    targets: list[tuple[int, ...]],
    kind: str,
    null: float,
    groups: tuple[int, int, int] | None,
) -> tuple[list[Fit], Summed]:
    """Return a Fit for each of the models that have targets, and the sums; the last model is the
    score test's.
    """
    contributions = [
        [Contribution(s.spread(s.influence(t), basis.k), m, leverage=True) for t in wanted]
        for m, (s, wanted) in enumerate(zip(models, targets, strict=False))
    ]
    if len(models) > len(targets):
        last = len(models) - 1
        solved = models[last]
        contributions.append(
            [Contribution(solved.spread(solved.influence(basis.k - 1), basis.k), last)]
        )
    summed = contribute(basis, models, contributions, "CRV1" if kind == "CRV3" else kind)
    fits, at = [], 0
    groups = groups or summed.groups
    clusters = groups[0] if groups else None
    for m, wanted in enumerate(targets):
        places = list(range(at, at + len(wanted)))
        shown = "CRV1" if kind == "CRV3" else kind
        fit = fitted(basis, models[m], summed, places, shown, summed.deviance[m], null, clusters)
        fits.append(jackknifed(basis, models[m], fit) if kind == "CRV3" else fit)
        at += len(wanted)
    return fits, summed


def _null(sample: Sample, outcome: OutcomeSection, basis: Basis, model: str, unit: float) -> float:
    """Return the deviance of the model without columns (with the same offset)."""
    if model == "ols":
        return basis.total
    import ibis

    table = basis.table.mutate(y=basis.table["y"] / unit)
    y = table["y"]
    sums = {"y": y.sum(), "yly": ibis.cases((y > 0, y * y.ln()), else_=0.0).sum()}
    if "o" in table.columns:
        sums |= {"yo": (y * table["o"]).sum(), "eo": table["o"].exp().sum()}
    found = {"yo": 0.0, "eo": float(basis.n)} | aggregate(table, sums)
    return float(2 * (found["yly"] - found["yo"] - found["y"] * np.log(found["y"] / found["eo"])))


# --- checks ---------------------------------------------------------------------------------------


def _groups(sample: Sample, basis: Basis) -> tuple[int, int, int] | None:
    """Return what `count_groups` does, where it is not known anyway once the sums by cluster are
    taken.
    """
    return None if sample.plan.inference.covariance == "CRV1" else count_groups(basis)


def count_groups(basis: Basis) -> tuple[int, int, int] | None:
    """Return the number of clusters and the sizes of the smallest and the largest."""
    if "g" not in basis.table.columns:
        return None
    table = basis.table.group_by("g").aggregate(size=basis.table.count())
    found = aggregate(
        table, {"n": table.count(), "low": table["size"].min(), "high": table["size"].max()}
    )
    return int(found["n"]), int(found["low"]), int(found["high"])


def _overlap(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    basis: Basis,
    groups: tuple[int, int, int] | None,
) -> list[Check]:
    """Return the checks of `check_overlap`."""
    question, last = Question(sample, outcome, score), basis.k - 1
    alone, held = (
        basis.explained(last, blocks) for blocks in (("engagement",), ("engagement", "control"))
    )
    checks = [
        reconstructability(question, alone, held),
        _outcome_from(question, basis),
    ]
    return checks + ([clusters_check(question, *groups)] if groups else [])


def _outcome_from(question: Question, basis: Basis) -> Check:
    """Return the check of a computed outcome on the seeded sample: what a few extreme rows make is
    no sum.
    """
    check = outcome_from_rows(question)
    drawn = len(question.sample.frame)
    return (
        check
        if drawn == basis.n
        else replace(check, reason=f"{check.reason} (In a seeded sample of {drawn:,} rows.)")
    )
