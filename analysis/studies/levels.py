"""Controls of many levels: which studies are made beside them, and what is said of the others."""

from __future__ import annotations

from analysis.errors import listing, printable
from analysis.results.estimates import Check
from analysis.results.question import Question

BESIDE_LEVELS = frozenset({"equivalence", "increment", "influence", "diagnostics"})
"""Studies that are the same with levels swept out as with indicators of them."""


def absorbed_levels(question: Question) -> Check | None:
    """Return the check that says what is not assessed where levels are absorbed; None without."""
    levels = question.design.levels
    if levels is None:
        return None
    many = [
        f"{int(codes.max()) + 1:,} levels of {printable(name)}"
        for name, codes in zip(levels.names, levels.codes, strict=True)
    ]
    reason = (
        f"{listing(many)} are absorbed as fixed effects: slopes and errors are those with an"
        " indicator of each level. Prediction, controls in any form, unobserved confounders,"
        " placebo scores, the other tables of the plan, and form and noise together are not"
        " worked out beside them: where noise in engagement decides, the word stays open."
    )
    return question.check("absorbed_levels", None, reason, assessed=False)
