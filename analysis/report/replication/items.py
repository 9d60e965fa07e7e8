"""The items of the TRIPOD+AI reporting checklist, by number, in words of our own."""

from __future__ import annotations

from dataclasses import dataclass

STATEMENT = (
    "Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for reporting"
    " clinical prediction models that use regression or machine learning methods. BMJ"
    " 2024;385:e078378. https://doi.org/10.1136/bmj-2023-078378"
)
"""Where the items are from, and in full."""


@dataclass(frozen=True)
class Item:
    """One line of the checklist.

    Attributes
    ----------
    number : str
        Of TRIPOD+AI, such as "12c".
    topic : str
    asks : str
        What is to be reported, in short and in other words than the statement's.
    """

    number: str
    topic: str
    asks: str


def _items(topic: str, **asked: str) -> tuple[Item, ...]:
    return tuple(Item(number.removeprefix("n"), topic, asks) for number, asks in asked.items())


ITEMS: tuple[Item, ...] = (
    *_items("Title", n1="what is developed or evaluated, for whom, and what it predicts"),
    *_items("Abstract", n2="a structured summary, which has a checklist of its own"),
    *_items(
        "Background",
        n3a="context, reason for the study, earlier models",
        n3b="who it is about, what it is for, who would use it",
        n3c="inequalities between groups that are known already",
    ),
    *_items("Objectives", n4="the aims, and whether a model is developed, evaluated or both"),
    *_items(
        "Data",
        n5a="sources, why these, and how well they represent the target",
        n5b="from when to when the data were collected",
    ),
    *_items(
        "Participants",
        n6a="setting, and number and place of the centres",
        n6b="what could enter, and what not",
        n6c="treatments, and how they were dealt with",
    ),
    *_items("Data preparation", n7="how the data were prepared and their quality was checked"),
    *_items(
        "Outcome",
        n8a="its meaning, its time, how it was assessed, and why this one",
        n8b="who judged it, where that took judgement",
        n8c="whether those who assessed it were kept from knowing the predictors",
    ),
    *_items(
        "Predictors",
        n9a="how the first ones were chosen",
        n9b="the meaning of each, how and when it was measured",
        n9c="who judged them, where that took judgement",
    ),
    *_items("Sample size", n10="how it came about, and whether it is enough"),
    *_items("Missing data", n11="how they were handled, and why rows were left out"),
    *_items(
        "Analysis",
        n12a="which rows served to develop, and which to evaluate",
        n12b="form, scale and transformation of the predictors",
        n12c="kind of model, how it was built and validated internally",
        n12d="differences between clusters: how handled, how measured",
        n12e="measures and plots of performance, and how models are compared",
        n12f="updating of the model after its evaluation",
        n12g="how predictions were computed",
    ),
    *_items("Class imbalance", n13="methods against it, and recalibration after them"),
    *_items("Fairness", n14="what was done about it, and why"),
    *_items("Model output", n15="what the model gives out, and thresholds with their reason"),
    *_items("Training versus evaluation", n16="how their data differ"),
    *_items("Ethical approval", n17="the committee, and consent or its waiver"),
    *_items(
        "Open science",
        n18a="who paid, and their part in the study",
        n18b="conflicts of interest",
        n18c="where the protocol is, or that there is none",
        n18d="registration, or that there is none",
        n18e="whether and where the data can be had",
        n18f="whether and where the code can be had",
    ),
    *_items(
        "Public involvement", n19="how patients and the public took part, or that they did not"
    ),
    *_items(
        "Participants (results)",
        n20a="the flow of rows, and how many had the outcome",
        n20b="characteristics, dates and missing values, also by group",
        n20c="the evaluation data beside the development data",
    ),
    *_items("Model development", n21="rows and outcome events in each analysis"),
    *_items("Model specification", n22="the whole model, and any limit to its use by others"),
    *_items(
        "Model performance",
        n23a="performance with intervals, also in subgroups",
        n23b="differences in performance between clusters",
    ),
    *_items("Model updating (results)", n24="the updated model and how it performs"),
    *_items("Interpretation", n25="what the results mean, beside the aims and earlier studies"),
    *_items("Limitations", n26="what limits the study, and what that does to its results"),
    *_items(
        "Usability",
        n27a="what to do with poor or missing input when the model is used",
        n27b="what users have to do and know",
        n27c="what should be studied next, and how far the results carry",
    ),
)
"""All 27 items, those of several parts by their letters."""
