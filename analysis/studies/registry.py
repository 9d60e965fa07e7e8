"""The questions that an audit asks beside the increment and its correction for noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.algorithm.study import study_algorithm
from analysis.studies.calibration.study import study_calibration
from analysis.studies.confounding.study import study_confounding
from analysis.studies.decision.study import study_decision
from analysis.studies.diagnostics.study import study_diagnostics
from analysis.studies.engagement_mix.study import study_parts
from analysis.studies.equivalence.study import study_size
from analysis.studies.gaming.study import study_gaming
from analysis.studies.heavy_tails.study import study_bootstrap
from analysis.studies.increment.study import study_returns
from analysis.studies.influence.study import study_influence
from analysis.studies.information.study import study_information
from analysis.studies.panel.study import study_panel
from analysis.studies.placebo.study import study_placebo
from analysis.studies.prediction.flexible import study_flexible
from analysis.studies.prediction.prediction import study_prediction
from analysis.studies.ranking.study import study_ranking
from analysis.studies.scores.study import study_scores
from analysis.studies.segments.study import study_segments

if TYPE_CHECKING:
    from analysis.results.findings import Findings
    from analysis.results.section import ReportSection


@dataclass(frozen=True)
class Study:
    """One study of every outcome and score, and its section of the report.

    Attributes
    ----------
    name : str
        The name of its folder, by which `audit[name]` shows it; figures are saved under it.
    title : str
    run : callable
        Takes the question (a sample, an outcome and a score) and the estimates so far, those of
        earlier outcomes and scores among them; returns the estimates and checks that it adds, none
        where the question does not arise.
    report : str, optional
        ``module.function`` of its folder that takes the findings of the whole audit and returns the
        section on it, or None. It is imported when a report is written, and matplotlib with it.
    decides : bool
        Whether the plan's rule reads its estimates or checks: such a study runs before the others,
        so that the verdict is known first. None of these sees what the others estimate.
    """

    name: str
    title: str
    run: Callable[[Question, tuple[Estimate, ...]], StudyResult]
    report: str = ""
    decides: bool = False

    def section(self, findings: Findings) -> ReportSection | None:
        """Return the section of the report, or None where there is nothing to say."""
        module, _, name = f"analysis.studies.{self.name}.{self.report}".rpartition(".")
        return getattr(import_module(module), name)(findings)


STUDIES = (
    Study("decision", "The value of a decision", study_decision, "report.decision_section"),
    Study(
        "information",
        "What is new with engagement as recorded",
        study_information,
        "study.information_section",
    ),
    Study("equivalence", "Size of the effect and power", study_size),
    Study(
        "confounding",
        "Unobserved confounders",
        study_confounding,
        "report.confounding_section",
    ),
    Study("prediction", "Prediction of rows left out", study_prediction),
    Study(
        "calibration",
        "Calibration with and without the score",
        study_calibration,
        "study.calibration_section",
    ),
    Study("flexible", "Controls in any form", study_flexible),
    Study("increment", "Return on what was put in", study_returns),
    Study("engagement_mix", "Kinds of engagement", study_parts, "study.parts_section"),
    Study("gaming", "Gaming of the score", study_gaming, "report.gaming_section"),
    Study("algorithm", "Changes of the algorithm", study_algorithm, "report.algorithm_section"),
    Study("heavy_tails", "Heavy tails", study_bootstrap, decides=True),
    Study(
        "influence",
        "Influential rows",
        study_influence,
        "report.robustness_section",
        decides=True,
    ),
    Study("segments", "Segments", study_segments, "report.segments_section"),
    Study("scores", "Several scores, many outcomes", study_scores, "report.scores_section"),
    Study("ranking", "Ranking", study_ranking, "study.ranking_section"),
    Study("panel", "Fixed effects", study_panel, "study.panel_section"),
    Study(
        "diagnostics",
        "Fit of the model",
        study_diagnostics,
        "study.diagnostics_section",
        decides=True,
    ),
    Study("placebo", "Placebo and power simulation", study_placebo, "study.placebo_section"),
)
"""In the order in which they are reported; those that decide run first. A new study is a folder
with `study.py` and, if the report has a section on it, a function there or in `report.py`; and one
line here."""
