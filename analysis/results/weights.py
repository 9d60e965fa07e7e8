"""How much each check weighs in the verdict: one table, in code as in the docs."""

from __future__ import annotations

from typing import Literal, NamedTuple

Weight = Literal["refuses", "undecides", "cautions", "note"]
Status = Literal["passed", "failed", "not applicable", "not assessed"]


class Weighed(NamedTuple):
    """What a check looks at, and what its failure does to the verdict.

    Attributes
    ----------
    weight : {"refuses", "undecides", "cautions", "note"}
        There is no answer; the word is inconclusive where it would be another one; it stands in the
        sentence or right under it; it stands among the checks.
    looks_at : str
    sentence : str
        What a failure means.
    otherwise : str
        The weight of a failure that leaves the word as it is; empty where that makes no difference.
    brief : str
        The same as `sentence` for a headline, where that has to be shorter.
    """

    weight: Weight
    looks_at: str
    sentence: str
    otherwise: Weight | Literal[""] = ""
    brief: str = ""

    @property
    def shortest(self) -> str:
        """The fewest words for what a failure means."""
        return self.brief or self.sentence


NOT_LISTED = Weighed("note", "what its name says", "Read what it found.")
"""Of a check that the table does not name."""

WEIGHTS: dict[str, Weighed] = {
    # --- there is no answer ---
    "reconstructability": Weighed(
        "refuses",
        "the share of the score that engagement and controls explain",
        "The score is all but engagement under another name.",
    ),
    "outcome_from": Weighed(
        "refuses",
        "the outcome, rebuilt from the score or from engagement",
        "The outcome is computed from what it is compared with.",
    ),
    "small_counts": Weighed(
        "refuses",
        "the size of the counts whose noise is to be corrected",
        "Noise in counts as small as these is not of one size, as its correction takes it to be.",
    ),
    # --- the word is not decided ---
    "bad_control": Weighed(
        "undecides",
        "engagement and controls, rebuilt from the outcome",
        "What is held constant is the outcome, or was measured after it.",
    ),
    "reset": Weighed(
        "undecides",
        "the square of what the model predicts",
        "The mean bends where the model is straight.",
        "cautions",
    ),
    "without_repeats": Weighed(
        "undecides",
        "the word without rows that repeat others",
        "Repeated rows make the word.",
        "cautions",
    ),
    "without_odd_rows": Weighed(
        "undecides",
        "the word without values that stand apart, and without totals",
        "Rows that are no observation make the word.",
        "cautions",
    ),
    "unseen_clusters": Weighed(
        "undecides",
        "columns whose rows are alike in the score and in the outcome",
        "Rows that belong together count as independent.",
        "cautions",
        "Rows are not independent.",
    ),
    "influence": Weighed(
        "undecides",
        "how few rows have to go before the word changes, and whether their influence stands apart",
        "The word rests on a few rows.",
        "cautions",
    ),
    "uneven_noise": Weighed(
        "undecides",
        "the difference of two halves, by level",
        "The noise in engagement is not of one size, as its correction takes it to be.",
    ),
    "skewed_record": Weighed(
        "undecides",
        "the skewness of engagement whose noise is assumed or stated, and whether noise of one size"
        " can be in it",
        "The noise may be even on a scale on which no correction holds.",
        "cautions",
    ),
    "shared_noise": Weighed(
        "undecides",
        "the halves of a long file: odd with even rows, and earlier with later ones",
        "Halves share what rows next to each other have in common.",
    ),
    "curved_score": Weighed(
        "undecides",
        "the bend of the score in engagement",
        "The correction takes engagement as straight in the score, and it is not.",
        "note",
    ),
    "tail": Weighed(
        "undecides",
        "the tail of a revenue outcome",
        "The tail is so heavy that an ordinary interval covers too little.",
    ),
    # --- it stands by the sentence ---
    "re_expression": Weighed(
        "cautions",
        "the score of rows that were left out, rebuilt from engagement",
        "The score can be rebuilt from engagement.",
    ),
    "part_whole": Weighed(
        "cautions",
        "the score, as a sum with an engagement column in it",
        "An engagement column is a part of the score.",
    ),
    "clusters": Weighed(
        "cautions",
        "the number of clusters and the share of the largest",
        "The clusters are too few, or one of them dominates.",
    ),
    "effective_clusters": Weighed(
        "cautions",
        "how many clusters the error of this score rests on",
        "The clusters count for fewer than there are.",
    ),
    "duplicates": Weighed(
        "cautions",
        "rows that are there twice",
        "Rows repeat, and all of them count.",
    ),
    "isolated": Weighed(
        "cautions",
        "values far below or above all others",
        "A few values may be a code for a missing one, or an error.",
    ),
    "default_score": Weighed(
        "cautions",
        "the score where a column that counts is zero",
        "A score that rests on nothing may be a default.",
    ),
    "total_rows": Weighed(
        "cautions",
        "rows that are the sum or mean of others, by name or by their numbers",
        "A total counts as an observation.",
    ),
    "codes": Weighed(
        "cautions",
        "controls of whole numbers that may name things",
        "Numbers that name things are held constant as one straight line.",
    ),
    "entity": Weighed(
        "cautions",
        "a column that names what several rows are about",
        "Rows of one entity count as independent.",
    ),
    "entities_kept": Weighed(
        "cautions",
        "the word with the rows of one entity kept together",
        "The word is another one where rows of one entity are kept together.",
    ),
    "one_segment": Weighed(
        "cautions",
        "the word without any one large segment",
        "The word rests on one segment.",
    ),
    "placebos": Weighed(
        "cautions",
        "worthless scores, drawn on these rows",
        "This audit passes worthless scores on these rows.",
    ),
    "timing": Weighed(
        "cautions",
        "the windows of score, engagement and outcome",
        "What the outcome brought about can look like what foretold it.",
    ),
    "selection": Weighed(
        "cautions",
        "the rows without an outcome or a score",
        "What is known depends on engagement.",
    ),
    "left_out_beside": Weighed(
        "cautions",
        "rows that only another outcome or score leaves out",
        "The verdict is about fewer rows than have what it needs.",
    ),
    "future_score": Weighed(
        "cautions",
        "the score of the next period",
        "The score to come goes with what was before it.",
    ),
    "lagged_score": Weighed(
        "cautions",
        "the score of the period before",
        "The score of the period before gives another word.",
    ),
    "panel_reliability": Weighed(
        "cautions",
        "the reliability of changes within a unit",
        "Changes of engagement within a unit are mostly noise.",
    ),
    "calibration": Weighed(
        "cautions",
        "observed and predicted means, by tenth",
        "Observed means do not follow the predicted ones.",
    ),
    # --- among the checks ---
    "reading": Weighed("note", "how the file was read", "The file could be read in another way."),
    "long_file": Weighed("note", "a file of single records", "The halves could not be built."),
    "filled": Weighed("note", "missing values counted as zero", "Missing values count as zero."),
    "rows_drawn": Weighed("note", "where drawn rows come from", "Only some rows were drawn."),
    "folds": Weighed(
        "note",
        "what may be on both sides of a fold",
        "What is predicted out of sample has been seen in part.",
    ),
    "last_period": Weighed(
        "note",
        "columns that may be the outcome of the period before",
        "The outcome of the period before is not held constant.",
    ),
    "derived": Weighed(
        "note",
        "engagement columns, rebuilt from the others",
        "An engagement column is derived from the others.",
    ),
    "within_clusters": Weighed(
        "note",
        "how the score varies within clusters",
        "The score does not vary within clusters.",
    ),
    "absorbed_levels": Weighed(
        "note",
        "controls of so many levels that they are absorbed",
        "Some studies were not made.",
    ),
    "heaping": Weighed(
        "note",
        "ceilings, classes and round numbers",
        "Values are cut off or rounded.",
    ),
    "positive": Weighed(
        "note",
        "zeros where a logarithm or root is taken",
        "Zeros shape the scale.",
    ),
    "structural_zeros": Weighed(
        "note",
        "levels of other columns where the outcome is zero",
        "Some rows could not have had an outcome.",
    ),
    "variance": Weighed(
        "note",
        "how the variance grows with the mean",
        "The variance grows in another way than the model supposes.",
    ),
    "dispersion": Weighed(
        "note",
        "the spread of counts",
        "Counts vary more than Poisson ones.",
    ),
    "zeros": Weighed(
        "note",
        "the number of zeros",
        "There are more zeros than a count model expects.",
    ),
    "together": Weighed(
        "note",
        "all scores in one equation",
        "The scores cannot stand side by side.",
    ),
    "companion_*": Weighed(
        "note",
        "a companion model",
        "The companion model has no estimate.",
    ),
    "ratio": Weighed("note", "revenue per unit put in", "There is no such ratio."),
    "net": Weighed("note", "the net return", "There is no net return."),
    "bootstrap_t": Weighed("note", "the bootstrap interval", "It was not made."),
    "information": Weighed(
        "note",
        "what is new with engagement as recorded",
        "It cannot be said.",
    ),
    "calibration_curves": Weighed(
        "note", "calibration with and without the score", "It was not looked at."
    ),
    "scores": Weighed("note", "the scores beside each other", "They cannot be told apart."),
    "own_noise": Weighed(
        "note",
        "the effect that a score without noise of its own would have",
        "It cannot be worked out.",
    ),
    "decision": Weighed("note", "what choosing by the score brings", "No choice was tried."),
    "prediction": Weighed("note", "predictions of rows that were left out", "None were made."),
    "flexible": Weighed(
        "note",
        "the effect where controls may act in any form",
        "With controls in any form there is little score left.",
    ),
    "segments": Weighed("note", "the effect of each segment", "Some segments have none."),
    "few_segments": Weighed("note", "the number of segments", "There are too few to know."),
    "transport": Weighed(
        "note",
        "the effect in a segment nobody has looked at",
        "It is not expected to hold there.",
    ),
    "misalignment": Weighed(
        "note",
        "what score and outcome reward",
        "The score rewards other parts of engagement than the outcome rests on.",
    ),
    "planted": Weighed(
        "note",
        "real effects, planted on these rows",
        "This audit misses real effects on these rows.",
    ),
    "assay": Weighed("note", "known answers on these rows", "None were asked."),
    "panel": Weighed("note", "units in enough rows", "The panel was not studied."),
    "neighbours": Weighed("note", "the periods beside each one", "They were not compared."),
    "panel_*": Weighed("note", "how much of the panel counts", "The panel has no estimate."),
    "versions": Weighed("note", "both versions of the score", "They were not compared."),
    "score_shift": Weighed("note", "the score's distribution", "The score has moved."),
    "invariance": Weighed(
        "note",
        "a point of the score before and after the change",
        "A point of the score does not mean the same.",
    ),
    "instrument": Weighed("note", "the displayed number", "It cannot be told from behaviour."),
    "interruption": Weighed("note", "the length of the series", "It is too short."),
    "placebo_*": Weighed("note", "jumps at other dates", "There are jumps at other dates."),
    "threshold": Weighed("note", "rows near the threshold", "There are too few."),
    "bunching": Weighed(
        "note",
        "rows just below and above the threshold",
        "People stay where they are, or move across.",
    ),
    "gaming": Weighed("note", "gamed rows", "They cannot be told from others."),
    "gaming_noise": Weighed("note", "noise within units", "It could not be taken out."),
    "gaming_signature": Weighed(
        "note",
        "score and outcome when gaming begins",
        "The score rises, and the outcome does not.",
    ),
    "decoupling": Weighed(
        "note",
        "a point of the score while it is gamed",
        "A point of the score does not mean the same.",
    ),
    "pretrend_*": Weighed("note", "the time before gaming", "It moved before gaming began."),
    "multiverse": Weighed("note", "every reasonable analysis", "They were not run."),
    "beyond_memory": Weighed("note", "rows that do not fit", "Some studies were not made."),
}
"""By the name of the check; a name that ends in ``*`` stands for all that begin so."""


def weighed(check: str) -> Weighed:
    """Return what the table says of a check.

    >>> weighed("companion_nb2").weight, weighed("reset").weight, weighed("unheard of").weight
    ('note', 'undecides', 'note')
    """
    if check in WEIGHTS:
        return WEIGHTS[check]
    starts = (name for name in WEIGHTS if name.endswith("*") and check.startswith(name[:-1]))
    return WEIGHTS.get(max(starts, key=len, default=""), NOT_LISTED)


SAID = {
    "refuses": "The question has no answer in these data: the verdict is `refused`.",
    "undecides": (
        "A failure that would change the word leaves it undecided: the verdict is `inconclusive`."
    ),
    "cautions": "A failure stands in the sentence of the verdict or right under it.",
    "note": "A failure stands among the checks.",
}
"""What each weight means."""


def page() -> str:
    """Return the page of the docs that lists every check, as Markdown."""
    lines = [
        "# Checks and their weight",
        "",
        "Written from the table in `analysis/results/weights.py`: `python -m"
        " analysis.results.weights > docs/checks.md`.",
        "",
        "A check `passed`, `failed`, is `not applicable` where its question does not arise, or `not"
        " assessed` where it did not look: the reason says why. What a failure does is its weight.",
    ]
    for weight, meaning in SAID.items():
        lines += ["", f"## {weight.capitalize()}", "", meaning, ""]
        lines += ["| check | what it looks at | what a failure means |", "|---|---|---|"]
        for name, entry in WEIGHTS.items():
            if entry.weight == weight:
                means = entry.sentence
                if entry.otherwise:
                    means += f" Where the word stays the same it {entry.otherwise}."
                lines.append(f"| `{name}` | {entry.looks_at} | {means} |")
    lines += ["", "## How often they are wrong", ""]
    lines += ["Simulated: the true model, independent rows, nothing computed from anything.", ""]
    lines += ["| check | worlds | failed |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in MEASURED]
    return "\n".join([*lines, ""])


MEASURED = (
    (
        "`outcome_from`, `reconstructability`, `re_expression`",
        "200 honest tables: ties, up to 95 % zeros, copies, persons, odd rows",
        "none refused",
    ),
    (
        "`unseen_clusters`",
        "20 unused columns of 20 to n/2 levels; least squares, revenue, counts, logit",
        "at most .02 a study",
    ),
    (
        "`isolated`, `total_rows`, `codes`, `duplicates`",
        "100 tables of 20 columns: scales, counts, ages, amounts, binary ones",
        "none failed",
    ),
    (
        "`isolated`, a column",
        "29 shapes (normal to Cauchy, whole and not), 60 to 5,000 rows",
        "at most .0005",
    ),
    (
        "`calibration`",
        "normal, skewed and zero-inflated amounts, counts, logits; 100, 300 and 3,000 rows",
        ".00 to .07",
    ),
    ("`reset`", "the same", ".02 to .08"),
    (
        "`influence` that leaves a word undecided",
        "normal, Gamma and zero-inflated amounts, counts, logits; 300 and 1,000 rows",
        ".00 to .04",
    ),
)
"""Check, worlds in which nothing is wrong, and the share of them in which it failed (simulated)."""


if __name__ == "__main__":
    print(page(), end="")
