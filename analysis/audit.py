"""The straight line from a plan to its verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.data.dataset import from_frame, read_dataset, with_gaps
from analysis.data.halves import with_halves
from analysis.data.sample import Sample, select_sample
from analysis.errors import (
    DesignError,
    Fault,
    PlanError,
    printable,
    shown_address,
)
from analysis.measurement_error.study import study_noise
from analysis.models.columns import shown_terms
from analysis.multiverse.run import Multiverse, run_multiverse
from analysis.out_of_core.address import is_beyond_memory
from analysis.out_of_core.audit import audit_table, inspect_table, together_table
from analysis.out_of_core.drawn import drawn_rows, in_place_of, noise_of_drawn, of_drawn
from analysis.out_of_core.rows import refuse_reading, select_rows
from analysis.plan import Plan, read_plan
from analysis.plan.keywords import changed_plan, plan_of_keywords
from analysis.plan.sections.outcome import OutcomeSection
from analysis.report.inspection import Inspection
from analysis.results.estimates import (
    Check,
    Estimate,
    Estimates,
    StudyResult,
    joined,
    told_apart,
)
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.results.rule import Fragility, Noise
from analysis.results.tipping_point import TippingPoint, fragile_of
from analysis.results.verdict import Verdict, decide
from analysis.studies.composition.rows import check_rows
from analysis.studies.composition.study import check_overlap
from analysis.studies.confounding.study import check_last_period
from analysis.studies.decision.price import sesoi_from_price
from analysis.studies.heavy_tails.study import study_tail
from analysis.studies.increment.study import (
    audit_together,
    require_estimate,
    study_increment,
    together_from_rows,
)
from analysis.studies.influence.study import first_of, fragilities
from analysis.studies.levels import BESIDE_LEVELS, absorbed_levels
from analysis.studies.registry import STUDIES, Study
from analysis.studies.scores.family import study_family
from analysis.timing import Step
from analysis.tipping.study import tipping_points
from analysis.tipping.what_if import WhatIf

if TYPE_CHECKING:
    from analysis.report.views import Audit

Progress = Callable[[str], None]


def audit(
    plan: Plan | str | Path | dict[str, Any] | pd.DataFrame,
    *,
    data: pd.DataFrame | None = None,
    score: str | Iterable[str] | None = None,
    engagement: str | Iterable[str] | None = None,
    outcome: str | None = None,
    kind: str | None = None,
    sesoi: float | None = None,
    controls: str | Iterable[str] | None = None,
    categories: str | Iterable[str] | None = None,
    level: str | float | bool | None = None,
    cluster: str | None = None,
    row: str | None = None,
    transform: str | None = None,
    reliability: float | None = None,
    halves: dict[str, list[str]] | None = None,
    exact: str | Iterable[str] | None = None,
    assumed: float | None = None,
    shares_error: str | None = None,
    model: str | None = None,
    covariance: str | None = None,
    quick: bool | None = None,
    name: str | None = None,
    question: str | None = None,
    progress: Progress = lambda step: None,
) -> Audit:
    """Return the audit of a plan: the data are read, models fitted, checks made, verdicts given.

    No file is written; `Audit.export` writes the report.

    Parameters
    ----------
    plan : Plan, str, Path, dict or DataFrame
        A plan, its name in `plans/`, the path of its TOML file, or its content. Or the data
        themselves: the keywords below are then the plan.
    data : DataFrame, optional
        Analysed instead of the plan's dataset.
    score, engagement, controls : str or list of str, optional
        Columns: what is audited, what anybody can see people do, what else is held constant.
    outcome : str, optional
        The column that pays.
    kind : {"revenue", "count", "binary", "continuous"}, optional
        What the outcome is; it decides the model.
    sesoi : float, optional
        The smallest effect that would matter: a fraction of the mean for revenue and counts, a
        difference in probability for a binary outcome, outcome units otherwise.
    categories : str or list of str, optional
        Controls whose numbers name things: held constant one by one.
    level : str, float or bool, optional
        What counts as 1 in a binary outcome.
    cluster, row : str, optional
        Columns: what rows belong to together, and what identifies a row.
    transform : {"identity", "log1p", "sqrt", "rank", "spline"}, optional
        Of every engagement column.
    reliability : float, optional
        Share of the variance of recorded engagement that is no noise, for every engagement column.
    halves : dict, optional
        Two columns for an engagement column, each recorded in one half of the time.
    exact : str or list of str, optional
        Engagement columns that are recorded without noise.
    assumed : float, optional
        The least reliability thought possible of columns of which nothing is said; 0.8 unless
        given.
    shares_error : {"none", "full", "unknown"}, optional
        Whether the score was computed from the very records of engagement.
    model : {"poisson", "gamma", "tweedie", "nb2", "hurdle", "logit", "ols"}, optional
        The deciding model, where it is not the one that goes with the kind.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3", "wild"}, optional
    quick : bool, optional
        Leave out what only informs: the multiverse, fragility.
    name, question : str, optional
        Of the study.
    progress : callable, optional
        Told one line per step.

    Returns
    -------
    Audit
        Its `plan` can be saved as a file and run again: `audit.plan.save("shops.toml")`.

    Raises
    ------
    AnalysisError
        PlanError, DataError or DesignError: what is wrong, where, and what is allowed.

    Examples
    --------
    >>> import analysis as sa
    >>> shops = sa.simulate.creators(seed=7, n=400)
    >>> sa.audit(shops, score="klout", engagement="likes", outcome="referrals", kind="count",
    ...          sesoi=0.05, quick=True).plan.score.columns
    ('klout',)
    """
    changes = {
        ("score", "columns"): score,
        ("score", "shares_error"): shares_error,
        ("engagement", "columns"): engagement,
        ("engagement", "transform"): transform,
        ("engagement", "reliability"): reliability,
        ("engagement", "halves"): halves,
        ("engagement", "exact"): exact,
        ("engagement", "assumed"): assumed,
        ("outcome", "column"): outcome,
        ("outcome", "kind"): kind,
        ("outcome", "sesoi"): sesoi,
        ("outcome", "model"): model,
        ("outcome", "level"): level,
        ("controls", "columns"): controls,
        ("controls", "categories"): categories,
        ("inference", "covariance"): covariance,
        ("cluster", "column"): cluster,
        ("", "row"): row,
        ("", "quick"): quick,
        ("", "name"): name,
        ("", "question"): question,
    }
    if isinstance(plan, pd.DataFrame):
        if data is not None:
            fault = Fault("data", "a second data frame", "the data once, as the first argument")
            raise PlanError("audit", fault)
        plan, data = plan_of_keywords(changes), plan
    else:
        plan = changed_plan(plan, changes)
    from analysis.report.views import Audit

    return Audit(analyse(plan, data, progress=progress))


def analyse(
    plan: Plan | str | Path | dict[str, Any],
    data: pd.DataFrame | None = None,
    *,
    progress: Progress = lambda step: None,
    decided: Callable[[Findings], None] = lambda findings: None,
) -> Findings:
    """Return everything that a plan's analysis found, as records; `audit` shows them to a reader.

    Parameters
    ----------
    plan : Plan, path, name or dict
    data : pandas.DataFrame, optional
    progress : callable, optional
        Told one line per step.
    decided : callable, optional
        Told the verdicts as soon as the rule's own analyses are done, before all that only
        informs: findings with the words, and without what would change them.

    Raises
    ------
    AnalysisError
        As `audit` does.
    """
    sample = _sample(plan, data, progress)
    asked, noise = _fit_rule(sample, progress)
    decided(_first_verdicts(sample, asked, noise))
    studied = _fit_rest(asked, progress)
    multiverse, why_not = _multiverse(sample, progress)
    studied.append(("multiverse", StudyResult(multiverse.estimates if multiverse else (), why_not)))
    progress(Step("Deciding", 0.6))
    note = "; ".join(
        filter(None, [sample.note, "simulated data" if sample.dataset.simulated else ""])
    )
    results = told_apart(result.noted(note) for _, result in studied)
    studied = [(name, one) for (name, _), one in zip(studied, results, strict=True)]
    everything = joined(result for _, result in studied)
    estimates = Estimates(everything.rows, sample.plan.inference.level)
    left_out = _left_out(sample, noise)
    verdicts, tails = _rule(sample, estimates, list(everything.checks), noise, left_out)
    progress(Step("Looking at all claims together", 0.65))
    together = study_family(sample, verdicts).noted(note)
    studied.append(("family", together))
    estimates = Estimates((*estimates.rows, *together.rows), sample.plan.inference.level)
    checks = (*everything.checks, *tails)
    progress(Step("Asking what would change the verdict", 0.65))
    asked_again = _tipping(sample, estimates, checks, verdicts, noise, left_out, multiverse)
    points = {key: told for key, (told, _) in asked_again.items()}
    sample.kept.clear()  # what the studies shared is large
    rows = tuple(point.row for of in points.values() for point in of)
    told = StudyResult(rows).noted(note)
    studied.append(("tipping", told))
    estimates = Estimates((*estimates.rows, *told.rows), sample.plan.inference.level)
    curves = {key: known.curve for key, known in noise.items() if known.curve is not None}
    return Findings(
        sample,
        estimates,
        checks,
        tuple(_read_off(verdict, points) for verdict in verdicts),
        multiverse,
        _by_study(studied),
        curves,
        points,
        {key: grid for key, (_, grid) in asked_again.items()},
    )


Key = tuple[str, str]

LeftOut = dict[str, Fragility]
"""What leaving out rows, a cluster or a segment does to a word."""


@dataclass(frozen=True, eq=False)
class _Later:
    """A study that only informs: it runs after those that decide, and is reported in its place."""

    study: Study
    question: Question

    def run(self, estimates: tuple[Estimate, ...]) -> StudyResult:
        """Return what the study says; of rows drawn from more it says so."""
        found, sample = self.study.run(self.question, estimates), self.question.sample
        if sample.of is None:
            return found
        return replace(found.noted(sample.note), checks=tuple(of_drawn(found.checks, sample.note)))


Asked = list[tuple[str, StudyResult | _Later]]
"""What each study says, or that it is still to be asked, with the study's name, in order."""

STUDIED = 0.35
"""Share of the work after the verdict that is done with the last study."""


def _fit_rule(sample: Sample, progress: Progress) -> tuple[Asked, dict[Key, Noise]]:
    """Return what the rule's own studies say of every outcome and score, with the places of the
    others between them; and what is known of noise in engagement.
    """
    plan, noise, seen = sample.plan, {}, rows_of(sample)
    together = together_table if sample.out_of_core else together_from_rows
    asked: Asked = [("composition", StudyResult(checks=tuple(check_rows(sample))))]
    for outcome in plan.outcome:
        for score in plan.score.columns:
            progress(f"Fitting {outcome.column} on {score}")
            asked += _compared(sample, outcome, score)
            question = Question(seen, outcome, score)
            if sample.out_of_core:
                known = noise_of_drawn(question, asked[-1][1].rows)
            else:
                known = study_noise(question)
            noise[outcome.column, score] = known
            seen.kept["start", outcome.column, score] = known.start
            asked.append(("noise", StudyResult(known.rows, known.checks)))
            if (left_out := absorbed_levels(question)) is not None:
                asked.append(("increment", StudyResult(checks=(left_out,))))
            for study in STUDIES:
                if left_out is not None and study.name not in BESIDE_LEVELS:
                    continue
                later = _Later(study, question)
                first = study.decides or (study.name == "decision" and _has_price(plan))
                found = later.run(()) if first else later
                asked.append((study.name, found))
        if len(plan.score.columns) > 1:
            rows, checks = audit_together(sample, outcome, together)
            asked.append(("increment", StudyResult(tuple(rows), tuple(checks))))
    return asked, noise


def _has_price(plan: Plan) -> bool:
    """Return whether the sentence of a verdict says if acting by the score pays."""
    return plan.decision is not None and plan.decision.price is not None


def _fit_rest(asked: Asked, progress: Progress) -> list[tuple[str, StudyResult]]:
    """Return the same with every study asked; each is told the estimates of those before it."""
    studied: list[tuple[str, StudyResult]] = []
    for name, one in asked:
        if isinstance(one, _Later):
            progress(Step(one.study.title, STUDIED * len(studied) / len(asked)))
            so_far = joined(result for _, result in studied).rows
            one = one.run(so_far)
        studied.append((name, one))
    return studied


def _first_verdicts(sample: Sample, asked: Asked, noise: dict[Key, Noise]) -> Findings:
    """Return the verdicts by what the rule reads: the words are the last ones, and nothing is said
    of what would change them.
    """
    told = joined(one for _, one in asked if isinstance(one, StudyResult))
    estimates = Estimates(told.rows, sample.plan.inference.level)
    verdicts, tails = _rule(sample, estimates, list(told.checks), noise, {})
    return Findings(sample, estimates, (*told.checks, *tails), verdicts)


def _by_study(studied: list[tuple[str, StudyResult]]) -> dict[str, StudyResult]:
    """Return the rows and checks of all outcomes and scores by the name of their study."""
    names = dict.fromkeys(name for name, _ in studied)
    return {name: joined(one for other, one in studied if other == name) for name in names}


def _multiverse(sample: Sample, progress: Progress) -> tuple[Multiverse | None, tuple[Check, ...]]:
    """Return the multiverse, or a check that says why the one the plan declares was not run."""
    plan = sample.plan
    if plan.multiverse is None:
        return None, ()
    if plan.quick or sample.raw is None:
        why = "The plan says quick = true, so its multiverse" if plan.quick else "The multiverse"
        beyond = "" if plan.quick else " beyond memory"
        reason = f"{why} was not run{beyond}."
        return None, (Check(plan.name, "multiverse", None, reason, assessed=False),)
    progress(Step("Running the multiverse", STUDIED))
    return run_multiverse(sample), ()


def _left_out(sample: Sample, noise: dict[Key, Noise]) -> dict[Key, LeftOut]:
    """Return what leaving out rows, a cluster or a segment does to each word; nothing if quick."""
    if sample.plan.quick or sample.out_of_core:
        return {}
    outcomes = sample.plan.outcomes
    return {
        key: fragilities(Question(sample, outcomes[key[0]], key[1]), known)
        for key, known in noise.items()
    }


def _rule(
    sample: Sample,
    estimates: Estimates,
    checks: list[Check],
    noise: dict[Key, Noise],
    left_out: dict[Key, LeftOut],
) -> tuple[tuple[Verdict, ...], list[Check]]:
    """Return the verdicts, and the checks of the tails that they took into account."""
    plan = sample.plan
    rows = rows_of(sample)
    asked = {key: Question(rows, plan.outcomes[key[0]], key[1]) for key in noise}
    tails = {key: study_tail(question, estimates) for key, question in asked.items()}
    more = [tail.check for tail in tails.values() if tail is not None]
    verdicts = [
        decide(
            plan,
            outcome,
            score,
            sample.mean(outcome.column),
            estimates,
            [*checks, *more],
            noise[outcome.column, score],
            first_of(left_out.get((outcome.column, score))),
            tails.get((outcome.column, score)),
            _by_default(asked[outcome.column, score]),
        )
        for outcome in plan.outcome
        for score in plan.score.columns
    ]
    return tuple(verdicts), more


def _tipping(
    sample: Sample,
    estimates: Estimates,
    checks: Iterable[Check],
    verdicts: Iterable[Verdict],
    noise: dict[Key, Noise],
    left_out: dict[Key, LeftOut],
    multiverse: Multiverse | None,
) -> dict[Key, tuple[tuple[TippingPoint, ...], WhatIf]]:
    """Return what would change each verdict, and its what-if, where the rows are in memory."""
    found = {}
    if sample.out_of_core:
        return found
    for verdict in verdicts:
        key = verdict.outcome, verdict.score
        question = Question(sample, sample.plan.outcomes[verdict.outcome], verdict.score)
        about = [c for c in checks if c.outcome in ("", key[0]) and c.score in ("", key[1])]
        found[key] = tipping_points(
            question, verdict, noise[key], estimates, about, left_out.get(key), multiverse
        )
    return found


def _read_off(verdict: Verdict, points: dict[Key, tuple[TippingPoint, ...]]) -> Verdict:
    """Return a verdict that is fragile where the table of what would change it says so."""
    mine = points.get((verdict.outcome, verdict.score))
    return replace(verdict, fragile=fragile_of(mine)) if mine else verdict


def _by_default(question: Question) -> Estimate | None:
    """Return the effect with the default covariance where the plan names another one."""
    try:
        return question.effect_by_default()
    except DesignError:  # it does not exist for these rows
        return None


def check(
    plan: Plan | str | Path | dict,
    data: pd.DataFrame | None = None,
    *,
    progress: Progress = lambda step: None,
) -> Inspection:
    """Read and check plan and data: what would be analysed, what is wrong. Fits no more than a
    refusal takes, writes nothing.

    Parameters
    ----------
    plan : Plan, path, name or dict
    data : pandas.DataFrame, optional
    progress : callable, optional
        Called with what is being done.

    Raises
    ------
    AnalysisError
        As `audit` does.
    """
    sample = _sample(plan, data, progress)
    progress("Looking at the rows")
    checks = [*check_rows(sample), *check_last_period(sample)]
    terms = {}
    for outcome in sample.plan.outcome:
        for score in sample.plan.score.columns:
            progress(f"Looking at {outcome.column} and {score}")
            terms[outcome.column], doubts = _inspected(sample, outcome, score)
            checks += doubts
    return Inspection(sample, terms, tuple(checks))


def sesoi_of(inspection: Inspection, price: float) -> list[str]:
    """Return which smallest effect of interest a price asks for, a line an outcome and score.

    Parameters
    ----------
    inspection : Inspection
    price : float
        Of the score, in money per row scored.

    Raises
    ------
    AnalysisError
        When an outcome is no money and the plan does not say what it is worth, or the rows do not
        fit into memory.
    """
    sample, plan = inspection.sample, inspection.sample.plan
    if sample.out_of_core:
        raise DesignError("--price", Fault("data", "rows beyond memory", "--price with --share"))
    worthless = [o for o in plan.outcome if o.kind not in ("revenue", "roi")]
    if worthless and (plan.decision is None or plan.decision.value is None):
        allowed = "[decision] value = the money that one unit of it is worth (1 where it is money)"
        found = f"{printable(worthless[0].column)}, which is no money"
        raise PlanError("--price", Fault("outcome", found, allowed))
    questions = (Question(sample, o, score) for o in plan.outcome for score in plan.score.columns)
    return [sesoi_from_price(question, price) for question in questions]


def _compared(sample: Sample, outcome: OutcomeSection, score: str) -> list[tuple[str, StudyResult]]:
    """Return what the equations with and without engagement say, with the names of the studies."""
    question = Question(sample, outcome, score)
    if not sample.out_of_core:
        overlap = StudyResult(checks=tuple(check_overlap(question)))
        return [("increment", study_increment(question)), ("composition", overlap)]
    rows, checks = audit_table(sample, outcome, score)
    drawn = Question(rows_of(sample), outcome, score)
    checks = in_place_of(checks, of_drawn(check_overlap(drawn), drawn.sample.note))
    reason = "Fragility and the multiverse were not studied beyond memory."
    left = question.check("beyond_memory", None, reason, assessed=False)
    return [("increment", StudyResult(tuple(rows), (*checks, left)))]


def rows_of(sample: Sample) -> Sample:
    """Return the rows that a study sees: all that are in memory, else those drawn."""
    if not sample.out_of_core:
        return sample
    if "drawn" not in sample.kept:
        sample.kept["drawn"] = drawn_rows(sample)
    return sample.kept["drawn"]


def _inspected(
    sample: Sample, outcome: OutcomeSection, score: str
) -> tuple[tuple[str, ...], list[Check]]:
    """Return the terms of an equation and its checks; no more is fitted than a refusal takes."""
    if sample.out_of_core:
        return inspect_table(sample, outcome, score)
    question = Question(sample, outcome, score)
    terms = shown_terms(question.design, sample.plan.controls.columns)
    require_estimate(question)
    return terms, check_overlap(question)


def _sample(
    plan: Plan | str | Path | dict, data: pd.DataFrame | None, progress: Progress
) -> Sample:
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    progress(f"Reading {shown_address(plan.dataset) if data is None else 'the data frame'}")
    if data is None and is_beyond_memory(plan.dataset, plan.folder):
        refuse_reading(plan)
        return select_rows(plan, plan.folder)
    if data is not None:
        given = with_gaps(from_frame(data), plan.reading)
        return select_sample(plan, with_halves(plan, given))
    dataset = read_dataset(plan.dataset, folder=plan.folder, reading=plan.reading)
    return select_sample(plan, with_halves(plan, dataset))
