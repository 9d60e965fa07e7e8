"""What engagement is made of: which part carries the outcome, and which part the score rewards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.models.covariance import cluster_sums
from analysis.models.design import Design, build_design, check_estimable, recorded, score_scale
from analysis.models.fit import Fit, p_value
from analysis.models.planned import fit_as_planned
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.question import Question
from analysis.studies.base import where_known
from analysis.studies.engagement_mix.proportion import proportional


def study_parts(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the weight of each part in the score and in the outcome, and the test that they are
    proportional.

    Weights are per standard deviation of a part, the other parts and the controls held: in standard
    deviations of the score by least squares, and in the outcome by the deciding model without the
    score.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    if sample.plan.parts is None:
        return StudyResult()
    columns = sample.plan.parts.columns
    return where_known(
        question, columns, "misalignment", lambda some: _studied(some.sample, outcome, score)
    )


def _studied(sample: Sample, outcome: OutcomeSection, score: str) -> StudyResult:
    study = _Study(sample, outcome, score)
    try:
        return study.found()
    except DesignError as error:
        fault = error.faults[0]
        reason = f"The parts cannot be weighed: {fault.place}, {fault.found}."
        return StudyResult((), (study.check(None, reason),))


@dataclass(frozen=True, eq=False)
class _Study:
    """One outcome and score, and the parts of engagement."""

    sample: Sample
    outcome: OutcomeSection
    score: str

    @property
    def parts(self) -> tuple[str, ...]:
        return self.sample.plan.parts.columns

    @property
    def model(self) -> str:
        """The deciding model; the Poisson mean where a likelihood of more than the mean decides."""
        return (
            "poisson"
            if self.outcome.deciding_model in ("nb2", "hurdle")
            else self.outcome.deciding_model
        )

    @property
    def unit(self) -> Unit:
        if self.model == "ols":
            return "points" if self.outcome.kind == "binary" else "outcome"
        return "log odds" if self.model == "logit" else "percent"

    def check(self, passed: bool | None, reason: str, statistic: float | None = None) -> Check:
        return Check(
            self.sample.plan.name,
            "misalignment",
            passed,
            reason,
            statistic,
            self.outcome.column,
            self.score,
        )

    def design(self) -> Design:
        """Return intercept, controls and standardised parts; the outcome as it is.

        Raises
        ------
        DesignError
            When a part does not vary or follows from the others.
        """
        whole = build_design(self.sample, self.outcome.column, (self.score,))
        rest, how = whole.without("engagement", "score"), self.sample.plan.parts.transform
        columns = []
        for part in self.parts:
            values = recorded(self.sample, part, how)
            columns.append((values - values.mean()) / max(np.std(values, ddof=1), 1e-300))
        made = replace(
            rest,
            matrix=np.column_stack([rest.matrix, *columns]),
            terms=(*rest.terms, *self.parts),
            blocks=(*rest.blocks, *("engagement",) * len(columns)),
        )
        check_estimable(made, "[parts]")
        return made

    def found(self) -> StudyResult:
        design = self.design()
        whole = build_design(self.sample, self.outcome.column, (self.score,))
        shown = whole.block("score")[:, 0] / score_scale(self.sample, self.score)
        about_score = replace(design, response=shown, offset=None)
        rewards = self._fit(about_score, "ols")
        carries = self._fit(design, self.model)
        rows = [
            *self._rows(rewards, "weight_score", "number"),
            *self._rows(carries, "weight_outcome", self.unit),
        ]
        test = proportional(
            self._weights(rewards), self._weights(carries), self._covariance(rewards, carries)
        )
        blank = self._blank("", "misalignment", design.n)
        note = f"least distance from proportional weights, {len(self.parts) - 1} degrees of freedom"
        rows += [
            replace(blank, statistic=test.statistic, p_value=test.p_value, note=note, model="wald"),
            replace(
                blank,
                term="likeness",
                estimate=test.likeness,
                model="wald",
                note="cosine between the weights in the score and in the outcome",
            ),
        ]
        return StudyResult(tuple(rows), (self._judged(rewards, carries, test.p_value),))

    def _fit(self, design: Design, model: str) -> Fit:
        return fit_as_planned(self.sample.plan, model, design)

    def _blank(self, model: str, term: str, n: int) -> Estimate:
        return Estimate(
            self.sample.plan.name, self.outcome.column, self.score, "parts", model, term, n=n
        )

    def _rows(self, fit: Fit, term: str, unit: Unit) -> list[Estimate]:
        rows, errors = [], fit.std_errors()
        for part in self.parts:
            at = fit.position(part)
            t = float(fit.params[at] / errors[at])
            rows.append(
                replace(
                    self._blank(fit.model, f"{term}:{part}", fit.design.n),
                    clusters=fit.design.n_clusters,
                    df=fit.df,
                    covariance=fit.covariance,
                    estimate=float(fit.params[at]),
                    std_error=float(errors[at]),
                    statistic=t,
                    p_value=p_value(t, fit.df),
                    unit=unit,
                    note="per standard deviation of the part, the others held",
                )
            )
        return rows

    def _weights(self, fit: Fit) -> np.ndarray:
        return fit.params[[fit.position(part) for part in self.parts]]

    def _covariance(self, *fits: Fit) -> np.ndarray:
        """Return the joint covariance of the parts' weights in several fits of the same rows."""
        pieces = []
        for fit in fits:
            x = fit.design.matrix
            influence = x * fit.residuals[:, None] @ np.linalg.inv(x.T @ (x * fit.weights[:, None]))
            pieces.append(influence[:, [fit.position(part) for part in self.parts]])
        influence, clusters = np.hstack(pieces), fits[0].design.clusters
        n, k = fits[0].design.n, fits[0].design.k
        if clusters is None:
            return influence.T @ influence * (n / (n - k))
        sums = cluster_sums(influence, clusters)
        return sums.T @ sums * (len(sums) / (len(sums) - 1))

    def _judged(self, rewards: Fit, carries: Fit, p: float) -> Check:
        """Return the check that the score rewards what the outcome rests on."""
        label = self.sample.dataset.label
        first = label(self.parts[int(np.argmax(self._weights(rewards)))])
        second = label(self.parts[int(np.argmax(self._weights(carries)))])
        aligned = p >= 1 - self.sample.plan.inference.level
        if aligned:
            reason = (
                "The score weighs the parts of engagement as the outcome does, as far as these rows"
                " can tell."
            )
        elif first == second:
            reason = (
                f"Score and outcome both go most with {first}, but the score does not weigh the"
                " parts as the outcome does."
            )
        else:
            reason = f"The score rewards {first} most, while what pays goes most with {second}."
        return self.check(aligned, reason, p)
