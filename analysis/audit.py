"""The straight line from a plan to its verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.data.dataset import from_frame, read_dataset
from analysis.data.halves import with_halves
from analysis.data.sample import Sample, select_sample
from analysis.measurement_error.study_noise import study_noise
from analysis.models.design import shown_terms
from analysis.multiverse.run import Multiverse, run_multiverse
from analysis.out_of_core.address import is_beyond_memory
from analysis.out_of_core.audit import audit_table, audit_table_together, inspect_table
from analysis.out_of_core.rows import refuse_reading, select_rows
from analysis.plan import Plan, read_plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.report.citation import read_ledger, result_folder
from analysis.report.ledger import ledger, verdict_record
from analysis.report.verify import Verification, compare, find_in_text, read_text
from analysis.results.estimates import Check, Estimate, Estimates, StudyResult, tidy_checks
from analysis.results.evidence import NOTHING_KNOWN, Noise
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.results.sentence import verdict_sentence
from analysis.results.simulated import captioned
from analysis.results.verdict import COLUMNS, Verdict, decide
from analysis.studies.composition.rows import check_rows
from analysis.studies.composition.study import check_overlap
from analysis.studies.heavy_tails.study import study_tail
from analysis.studies.increment.study import audit_score, audit_together
from analysis.studies.influence.fragility import study_fragility
from analysis.studies.influence.last_period import check_last_period
from analysis.studies.registry import STUDIES

if TYPE_CHECKING:
    from analysis.report.citation import Citation
    from analysis.results.figure import Figure
    from analysis.results.table import Shown

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Audit(Findings):
    """What a run found, with the views one wants in a notebook."""

    def __repr__(self) -> str:
        words = "; ".join(
            f"{verdict.outcome} | {verdict.score}: {verdict.verdict}" for verdict in self.decided
        )
        return (
            f"<Audit of {self.plan.name}{' (simulated data)' if self.dataset.simulated else ''}:"
            f" {words}>"
        )

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row per outcome and score, with the ledger's keys as columns."""
        return pd.DataFrame(
            [verdict_record(self, verdict) for verdict in self.decided], columns=list(COLUMNS)
        )

    def tidy_checks(self) -> pd.DataFrame:
        """One row per check."""
        return tidy_checks(self.checks)

    def sentence(self, outcome: str | None = None, score: str | None = None) -> str:
        """Return the verdict in a sentence; the plan's first outcome and score where none is
        named.
        """
        return verdict_sentence(self, self.verdict_on(outcome, score))

    def plot(self, outcome: str | None = None) -> Figure:
        """Return the figure of one outcome: the effect with and without engagement, and the SESOI
        band.
        """
        from analysis.results.figure import effect_figure

        return effect_figure(self, outcome or self.plan.outcome[0].column)

    def plot_data(self) -> Figure:
        """Return the distributions of the outcome, the score and engagement in the analysis set."""
        from analysis.results.figure import data_figure

        return data_figure(self)

    def plot_multiverse(self) -> Figure:
        """Return the specification curve of a plan with a `[multiverse]`."""
        from analysis.multiverse.report import curve_figure

        return curve_figure(self)

    def plot_segments(self, outcome: str | None = None, score: str | None = None) -> Figure:
        """Return the effects in the plan's segments, their pool, and what to expect in a new one.

        Raises
        ------
        LookupError
            When fewer than two segments have an effect.
        """

        from analysis.studies.segments.report import segments_figure, travelling

        verdict = self.verdict_on(outcome, score)
        seen = travelling(self, verdict)
        if seen is None:
            raise LookupError(
                "no effects by segment: the plan names no segments, or fewer than two have one"
            )
        return segments_figure(self, verdict, seen)

    def plot_reliability(self, outcome: str | None = None) -> Figure:
        """Return the figure of one outcome's verdicts over the reliability of engagement, from one
        half to 1.
        """
        from analysis.measurement_error.report import reliability_figure

        return reliability_figure(self, outcome or self.plan.outcome[0].column)

    def reliability_sentences(
        self, outcome: str | None = None, score: str | None = None
    ) -> tuple[str, ...]:
        """Return what noise in engagement could do: the calibrated null, the break-even
        reliability, the sweep.
        """
        from analysis.measurement_error.report import reliability_sentences

        return reliability_sentences(self, self.verdict_on(outcome, score))

    def table(self, outcome: str | None = None) -> pd.DataFrame:
        """Return the printed table of one outcome."""
        from analysis.results.table import effects_table

        return effects_table(self, outcome or self.plan.outcome[0].column)

    def show(self, outcome: str | None = None) -> Shown:
        """Return the printed table of one outcome as a notebook shows it, caption first."""
        from analysis.results.table import show

        outcome = outcome or self.plan.outcome[0].column
        caption = f"Effects on {self.dataset.label(outcome)} (* marks the row that decides)"
        return show(self.table(outcome), captioned(self.dataset, caption))

    def show_rows(self) -> Shown:
        """Return the flow of rows: all of them, each reason for leaving some out, those
        analysed.
        """
        from analysis.results.table import exclusions_table, show

        return show(
            exclusions_table(self), captioned(self.dataset, "Rows in, left out and analysed")
        )

    def cite(self, result_id: str | None = None) -> Citation:
        """Return the citation of a result of this run; of the first verdict where no id is
        given.
        """
        from analysis.report.citation import cite_from
        from analysis.report.ledger import ledger

        return cite_from(ledger(self), result_id or self.decided[0].id)

    def colophon(self) -> Shown:
        """Return what this result was made from and with: hashes, versions, commit. It differs
        between machines.
        """
        from analysis.report.ledger import environment
        from analysis.results.table import show

        made = environment()
        facts = {
            "plan": f"{self.plan.name}, SHA-256 {self.plan.sha256}",
            "data": f"{self.dataset.address}, SHA-256 {self.dataset.sha256}",
            "Python": made["python"],
            **made["packages"],
            "commit": made["commit"],
        }
        return show(facts, "Colophon")

    def export(self, folder: str | Path) -> Path:
        """Write the ledger, tables, figures and the report; the old results stay whole until the
        new ones are.
        """
        from analysis.report.folder import write_results

        return write_results(self, Path(folder))


def audit(
    plan: Plan | str | Path | dict,
    data: pd.DataFrame | None = None,
    *,
    progress: Progress = lambda step: None,
) -> Audit:
    """Run a plan: read, select, fit, check, decide. Writes no files.

    Parameters
    ----------
    plan : Plan, str, Path or dict
        What `read_plan` returns or takes.
    data : DataFrame, optional
        Analysed instead of the plan's dataset.
    progress : callable, optional
        Told one line per step.

    Raises
    ------
    AnalysisError
        PlanError, DataError or DesignError: what is wrong, where, and what is allowed.

    Examples
    --------
    >>> import analysis as sa
    >>> sa.audit("movies").verdict_on().verdict
    'adds'
    """
    sample = _sample(plan, data, progress)
    studied, noise = _fit_all(sample, progress)
    multiverse, why_not = _multiverse(sample, progress)
    studied.append(("multiverse", StudyResult(multiverse.estimates if multiverse else (), why_not)))
    progress("Deciding")
    note = "; ".join(
        filter(None, [sample.note, "simulated data" if sample.dataset.simulated else ""])
    )
    studied = [(name, result.noted(note)) for name, result in studied]
    rows = tuple(row for _, result in studied for row in result.rows)
    checks = [check for _, result in studied for check in result.checks]
    estimates = Estimates(rows, sample.plan.inference.level)
    verdicts, tails = _rule(sample, estimates, checks, noise)
    sample.kept.clear()  # what the studies shared is large
    return Audit(sample, estimates, (*checks, *tails), verdicts, multiverse, _by_study(studied))


Key = tuple[str, str]


def _fit_all(
    sample: Sample, progress: Progress
) -> tuple[list[tuple[str, StudyResult]], dict[Key, Noise]]:
    """Return what each study says of every outcome and score, with the study's name, in order; and
    what is known of noise in engagement.
    """
    plan, noise, comparison = sample.plan, {}, _comparison(sample)
    studied = [("composition", StudyResult(checks=tuple(check_rows(sample))))]
    for outcome in plan.outcome:
        for score in plan.score.columns:
            progress(f"Fitting {outcome.column} on {score}")
            studied += comparison.one(sample, outcome, score)
            if sample.out_of_core:  # what follows needs the rows
                continue
            known = noise[outcome.column, score] = study_noise(sample, outcome, score)
            studied.append(("noise", StudyResult(tuple(known.rows), tuple(known.checks))))
            question = Question(sample, outcome, score)
            for study in STUDIES:
                so_far = tuple(row for _, result in studied for row in result.rows)
                studied.append((study.name, study.run(question, so_far)))
        if len(plan.score.columns) > 1:
            rows, checks = comparison.together(sample, outcome)
            studied.append(("increment", StudyResult(tuple(rows), tuple(checks))))
    return studied, noise


def _by_study(studied: list[tuple[str, StudyResult]]) -> dict[str, StudyResult]:
    """Return the rows and checks of all outcomes and scores by the name of their study."""
    joined: dict[str, StudyResult] = {}
    for name, result in studied:
        before = joined.get(name, StudyResult())
        joined[name] = StudyResult(before.rows + result.rows, before.checks + result.checks)
    return joined


def _multiverse(sample: Sample, progress: Progress) -> tuple[Multiverse | None, tuple[Check, ...]]:
    """Return the multiverse, or a check that says why the one the plan declares was not run."""
    plan = sample.plan
    if plan.multiverse is None:
        return None, ()
    if plan.quick or sample.raw is None:
        why = "The plan says quick = true, so its multiverse" if plan.quick else "The multiverse"
        beyond = "" if plan.quick else " beyond memory"
        return None, (Check(plan.name, "multiverse", None, f"{why} was not run{beyond}."),)
    progress("Running the multiverse")
    return run_multiverse(sample), ()


def _rule(
    sample: Sample, estimates: Estimates, checks: list[Check], noise: dict[Key, Noise]
) -> tuple[tuple[Verdict, ...], list[Check]]:
    """Return the verdicts, and the checks of the tails that they took into account."""
    plan = sample.plan
    tails = {key: study_tail(sample, plan.outcomes[key[0]], key[1], estimates) for key in noise}
    more = [tail.check for tail in tails.values() if tail is not None]
    fragile = (
        {}
        if plan.quick
        else {
            key: study_fragility(sample, plan.outcomes[key[0]], key[1], known)
            for key, known in noise.items()
        }
    )
    verdicts = []
    for outcome in plan.outcome:
        mean = sample.mean(outcome.column)
        for score in plan.score.columns:
            key = outcome.column, score
            known = noise.get(key, NOTHING_KNOWN)
            verdicts.append(
                decide(
                    plan,
                    outcome,
                    score,
                    mean,
                    estimates,
                    [*checks, *more],
                    known,
                    fragile.get(key),
                    tails.get(key),
                )
            )
    return tuple(verdicts), more


def verify(
    folder: str | Path, text: str | Path | None = None, *, plan: str | Path | None = None
) -> Verification:
    """Recompute a result folder's ledger and compare; with `text`, also find its results in an
    article.

    Parameters
    ----------
    folder : path
        A result folder with `ledger.json`.
    text : path, optional
        An article that cites results by id or by LaTeX macro.
    plan : str or path, optional
        The plan, where the ledger does not say where its file is.

    Raises
    ------
    AnalysisError
        When the ledger, the plan, the data or the text cannot be read.
    """
    folder = result_folder(folder)
    old = read_ledger(folder / "ledger.json")
    new = ledger(audit(plan or _plan_of(old, folder)))
    lines = compare(old, new).lines
    if text is not None:
        lines += find_in_text(read_text(Path(text)), new).lines
    return Verification(lines)


def _plan_of(old: dict[str, Any], folder: Path) -> str | Path:
    """Return where the plan of a ledger is: beside the results as it was, or a plan of this
    name.
    """
    beside = old["environment"].get("plan_file")
    if beside and (folder / beside).is_file():
        return (folder / beside).resolve()
    return old["plan"]["name"]


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a plan would analyse, before any model is fitted."""

    sample: Sample
    terms: dict[str, tuple[str, ...]]
    checks: tuple[Check, ...] = field(default=())

    def __str__(self) -> str:
        from analysis.results.sentence import inspection_lines

        return "\n".join(inspection_lines(self.sample, self.terms, self.checks))


def check(plan: Plan | str | Path | dict, data: pd.DataFrame | None = None) -> Inspection:
    """Read and check plan and data: what would be analysed, what is wrong. Fits nothing, writes
    nothing.

    Raises
    ------
    AnalysisError
        As `audit` does.
    """
    sample = _sample(plan, data, lambda step: None)
    checks = [*check_rows(sample), *check_last_period(sample)]
    terms = {}
    for outcome in sample.plan.outcome:
        for score in sample.plan.score.columns:
            terms[outcome.column], doubts = _comparison(sample).inspect(sample, outcome, score)
            checks += doubts
    return Inspection(sample, terms, tuple(checks))


Found = tuple[list[Estimate], list[Check]]


@dataclass(frozen=True)
class Comparison:
    """The functions that compare the equations with and without engagement.

    Attributes
    ----------
    one : callable
        The estimates and checks of one score for one outcome, by the name of their study.
    together : callable
        The estimates and checks of all scores of an outcome in one equation.
    inspect : callable
        The terms of an equation and its checks, without a fit.
    """

    one: Callable[[Sample, OutcomeSection, str], list[tuple[str, StudyResult]]]
    together: Callable[[Sample, OutcomeSection], Found]
    inspect: Callable[[Sample, OutcomeSection, str], tuple[tuple[str, ...], list[Check]]]


def _from_sums(
    sample: Sample, outcome: OutcomeSection, score: str
) -> list[tuple[str, StudyResult]]:
    rows, checks = audit_table(sample, outcome, score)
    reason = (
        "Noise in engagement, fragility, tails, power and segments were not studied beyond memory."
    )
    left = Question(sample, outcome, score).check("beyond_memory", None, reason)
    return [("increment", StudyResult(tuple(rows), (*checks, left)))]


def _from_rows(
    sample: Sample, outcome: OutcomeSection, score: str
) -> list[tuple[str, StudyResult]]:
    rows, checks = audit_score(sample, outcome, score)
    overlap = check_overlap(Question(sample, outcome, score))
    return [
        ("increment", StudyResult(tuple(rows), tuple(checks))),
        ("composition", StudyResult(checks=tuple(overlap))),
    ]


def _inspected(
    sample: Sample, outcome: OutcomeSection, score: str
) -> tuple[tuple[str, ...], list[Check]]:
    question = Question(sample, outcome, score)
    return shown_terms(question.design, sample.plan.controls.columns), check_overlap(question)


IN_MEMORY = Comparison(_from_rows, audit_together, _inspected)
OUT_OF_CORE = Comparison(_from_sums, audit_table_together, inspect_table)


def _comparison(sample: Sample) -> Comparison:
    """Return the comparison from the rows, or out of core from sums over them."""
    return OUT_OF_CORE if sample.out_of_core else IN_MEMORY


def _sample(
    plan: Plan | str | Path | dict, data: pd.DataFrame | None, progress: Progress
) -> Sample:
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    progress(f"Reading {plan.dataset if data is None else 'the data frame'}")
    if data is None and is_beyond_memory(plan.dataset, plan.folder):
        refuse_reading(plan)
        return select_rows(plan, plan.folder)
    if data is not None:
        return select_sample(plan, with_halves(plan, from_frame(data)))
    dataset = read_dataset(plan.dataset, folder=plan.folder, reading=plan.reading)
    return select_sample(plan, with_halves(plan, dataset))
