"""The passage on all the reasonable analyses."""

from __future__ import annotations

from analysis.multiverse.curve import curve_figure
from analysis.results.findings import Findings
from analysis.results.passage import Passage, PassageTable
from analysis.results.sentence import multiverse_sentence


def multiverse_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where the plan has no multiverse."""
    if findings.multiverse is None:
        return None
    rows = tuple(
        (row["decision"], str(row["options"]), display_share(row["variance_share"]), row["words"])
        for row in findings.multiverse.decisions.to_dict("records")
    )
    caption = (
        "What each decision matters: its share of the variance of the effects, and the words one"
        " gets by changing it alone"
    )
    table = PassageTable(
        caption, ("Decision", "Options", "Variance", "Words"), rows, numbers=(1, 2)
    )
    sentence = multiverse_sentence(findings)
    return Passage("All the reasonable analyses", (sentence,), (curve_figure(findings),), (table,))


def display_share(share: float | None) -> str:
    """Return a share in percent, or a dash where there is none."""
    return "-" if share is None or share != share else f"{100 * share:.0f} %"
