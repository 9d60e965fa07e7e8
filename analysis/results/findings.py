"""Everything one run found: the record that is published, and the sections that tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.data.dataset import Dataset
from analysis.data.sample import Sample
from analysis.errors import known_name
from analysis.plan import Plan
from analysis.results.estimates import Check, Estimates, StudyResult
from analysis.results.tipping_point import TippingPoint
from analysis.results.verdict import Verdict

if TYPE_CHECKING:
    from analysis.measurement_error.reliability_curve import ReliabilityCurve
    from analysis.multiverse.run import Multiverse
    from analysis.tipping.what_if import WhatIf


@dataclass(frozen=True, eq=False)
class Findings:
    """The result of the straight line from plan and data to verdicts.

    Attributes
    ----------
    sample : Sample
        With its plan and dataset.
    estimates : Estimates
    checks : tuple of Check
    decided : tuple of Verdict
        One per outcome and score, in the plan's order.
    multiverse : Multiverse or None
        Every reasonable analysis, where the plan declares them.
    studies : dict of str to StudyResult
        The same estimates and checks by the name of their study, all outcomes and scores together.
    curves : dict of (outcome, score) to ReliabilityCurve
        The effect at each reliability of engagement, where noise in it was studied.
    tipping : dict of (outcome, score) to tuple of TippingPoint
        The smallest change of each kind that turns a verdict; none of one that is refused.
    what_if : dict of (outcome, score) to WhatIf
        What the rule says at other smallest effects of interest, levels and reliabilities.
    """

    sample: Sample
    estimates: Estimates
    checks: tuple[Check, ...]
    decided: tuple[Verdict, ...]
    multiverse: Multiverse | None = None
    studies: dict[str, StudyResult] = field(default_factory=dict)
    curves: dict[tuple[str, str], ReliabilityCurve] = field(default_factory=dict)
    tipping: dict[tuple[str, str], tuple[TippingPoint, ...]] = field(default_factory=dict)
    what_if: dict[tuple[str, str], WhatIf] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        return self.sample.plan

    @property
    def dataset(self) -> Dataset:
        return self.sample.dataset

    @property
    def level(self) -> float:
        """The plan's confidence level."""
        return self.plan.inference.level

    def label(self, column: str) -> str:
        """Return what sentences and figures call a column."""
        return self.dataset.label(column)

    def failed_on(self, outcome: str, score: str) -> list[Check]:
        """Return the failed checks that bear on one verdict, not the mere notes among them."""
        return [
            check
            for check in self.checks
            if check.status == "failed"
            and check.weight != "note"
            and check.outcome in ("", outcome)
            and check.score in ("", score)
        ]

    def verdicts_on(self, outcome: str) -> list[Verdict]:
        """Return the verdicts on an outcome, one a score."""
        return [verdict for verdict in self.decided if verdict.outcome == outcome]

    def verdict_on(self, outcome: str | None = None, score: str | None = None) -> Verdict:
        """Return the verdict on an outcome and a score; the first of the plan where none is named.

        Raises
        ------
        UnknownNameError
            When the plan has no such outcome or score.
        """
        outcome = known_name("outcome", outcome or self.plan.outcome[0].column, self.plan.outcomes)
        score = known_name("score", score or self.plan.score.columns[0], self.plan.score.columns)
        return next(v for v in self.verdicts_on(outcome) if v.score == score)

    def mean(self, column: str) -> float:
        """Return a column's mean in the sample."""
        return self.sample.mean(column)


SIMULATED = "Simulated data."


def told(dataset: Dataset, sentence: str) -> str:
    """Return a sentence that begins with "In simulated data: " where the data are."""
    return f"In simulated data: {sentence}" if dataset.simulated else sentence


def captioned(dataset: Dataset, caption: str) -> str:
    """Return a caption or alt text that begins with "Simulated data." where the data are."""
    return f"{SIMULATED} {caption}" if dataset.simulated else caption


CHECK_QUESTIONS = {
    "reading": "Could the file be read?",
    "last_period": "Do the data have the outcome of the period before?",
    "duplicates": "Is any row there twice?",
    "left_out_beside": "Is the verdict about all rows that have what it needs?",
    "long_file": "Could the halves of engagement be built?",
    "reconstructability": "Is the score more than engagement under another name?",
    "outcome_from": "Is the outcome something else than a copy of the score or of engagement?",
    "effective_clusters": "Do the clusters count in full for this score?",
    "reset": "Is the mean as straight as the model has it?",
    "calibration": "Do observed means follow the predicted ones?",
    "uneven_noise": "Is the noise in engagement of one size over all levels?",
    "shared_noise": "Is the noise of the two halves each its own?",
    "skewed_record": "Is engagement recorded on a scale on which its noise may be even?",
    "curved_score": "Is engagement as straight in the score as its correction takes it?",
    "variance": "Does the variance grow as the deciding model supposes?",
    "dispersion": "Do the counts vary no more than Poisson ones?",
    "zeros": "Are there as many zeros as a count model expects?",
    "panel": "Are units known in enough rows?",
    "neighbours": "Are units and periods known in enough rows?",
    "versions": "Are both versions of the score known in enough rows?",
    "panel_ols": "How much of the panel counts, by least squares?",
    "panel_poisson": "How much of the panel counts, by Poisson?",
    "panel_reliability": "Are changes of engagement within a unit recorded well enough?",
    "bootstrap_t": "Does a bootstrap interval say the same?",
    "companion_nb2": "Could a negative binomial model be fitted beside?",
    "companion_hurdle": "Could a model of two parts be fitted beside?",
    "segments": "Does every segment have an effect of its own?",
    "score_shift": "Has the distribution of the score stayed where it was?",
    "invariance": "Does a point of the score mean the same before and after the change?",
    "instrument": "Can the displayed number be told from behaviour?",
    "interruption": "Is the series long enough?",
    "placebo_score_jump": "Does the score jump at other dates, too?",
    "placebo_outcome_jump": "Does the outcome jump at other dates, too?",
    "threshold": "Are there rows near the threshold?",
    "bunching": "Do people stay where they are, just below the threshold?",
    "gaming": "Can gamed rows be told from others?",
    "decoupling": "Does a point of the score mean the same while it is gamed?",
    "gaming_noise": "Can noise in engagement be taken out within units?",
    "gaming_signature": "When gaming lifts the score, does the outcome rise with it?",
    "pretrend_score": "Did the score go the same way before gaming began?",
    "pretrend_outcome": "Did the outcome go the same way before gaming began?",
    "misalignment": "Does the score reward the parts of engagement that the outcome rests on?",
    "ratio": "Is there a ratio to what was put in?",
    "few_segments": "Are there enough segments?",
    "transport": "Is the effect expected to hold in a segment nobody has looked at?",
    "decision": "Could choosing by the score be tried?",
    "information": "Can it be said what is new with engagement as recorded?",
    "calibration_curves": "Do predictions of rows that were left out come true?",
    "scores": "Can the scores be told apart?",
    "own_noise": "Can the score's own noise be taken out?",
    "prediction": "Are rows that were left out predicted better with the score?",
    "flexible": "Does the effect hold when controls may act in any form?",
    "clusters": "Are there enough clusters, and none that dominates?",
    "re_expression": "Can the score be rebuilt from engagement on rows that were left out?",
    "bad_control": "Is engagement something else than the outcome, and measured before it?",
    "part_whole": "Is no engagement column a part of the score?",
    "derived": "Is no engagement column derived from the others?",
    "timing": "Did the score come before the outcome?",
    "selection": "Are outcome and score known as often for little engagement as for much?",
    "heaping": "Are the columns free of ceilings, classes and round numbers?",
    "positive": "Are there few zeros where a logarithm or root is taken?",
    "structural_zeros": "Could the outcome of every row be more than zero?",
    "isolated": "Do no few values stand far apart from all others?",
    "absorbed_levels": "Is every study made beside the controls?",
    "default_score": "Does every score rest on something?",
    "total_rows": "Is every row an observation, and none a total of others?",
    "codes": "Do the whole numbers among the controls measure something?",
    "without_odd_rows": "Is the word the same without rows that stand apart or are totals?",
    "within_clusters": "Does the score vary within clusters?",
    "entity": "Does each row speak for itself?",
    "folds": "Is nothing on both sides of a fold?",
    "influence": "Does the word of the plain fit rest on more than a few rows?",
    "unseen_clusters": "Does every row speak for itself, by the values of the other columns?",
    "future_score": "Does the score to come stay silent about what was before it?",
    "lagged_score": "Does the score of the period before give the same word?",
    "one_segment": "Is the word the same without any one large segment?",
    "without_repeats": "Is the word the same without repeated rows?",
    "entities_kept": "Is the word the same when the rows of one entity are kept together?",
    "placebos": "Does this audit leave worthless scores alone on these rows?",
    "planted": "Does this audit see real effects on these rows?",
    "assay": "What does this audit do with known answers?",
}


def check_question(check: Check) -> str:
    """Return what a check asks, as report and terminal print it."""
    return CHECK_QUESTIONS.get(check.check, check.check.replace("_", " ").capitalize() + ".")
