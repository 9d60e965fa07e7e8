"""An audit as a reader meets it in a notebook: it shows itself, one study, or several audits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.sample import Sample
from analysis.errors import AnalysisError, UnknownNameError, known_name, shown_address
from analysis.models.family import FAMILIES
from analysis.plan import Plan
from analysis.report.ledger import verdicts_frame
from analysis.results.estimates import Estimates, StudyResult, display, tidy_checks
from analysis.results.findings import Findings, captioned, told
from analysis.results.headline import headline, short_sentence
from analysis.results.section import ReportSection
from analysis.results.sentence import verdict_sentence
from analysis.results.table import Table, effects_table, exclusions_table, table_of
from analysis.results.tipping_point import tidy_tipping_points
from analysis.results.verdict import Verdict
from analysis.tipping.report import nearest_changes
from analysis.tipping.sliders import grid_frame, summary
from analysis.tipping.what_if import WhatIf

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.report.citation.cite import Citation
    from analysis.results.figure import Figure

BOX = "border-left:.4em solid #005a8f;padding:.1em 1em;margin:.6em 0;max-width:46em"
"""The style of the box with an answer."""

FRAME = "width:100%;max-width:46em;height:36em;border:1px solid #d9d3c3;background:#fff"
"""The style of the frame with sliders."""

PLACEABLE = ("effect", "relation")
"""Kinds of figures that can be drawn into axes of one's own."""

DRAWN_IN = {
    "confounding": "confounding",
    "decision": "decision",
    "curve": "multiverse",
    "simex": "simex",
    "segments": "segments",
    "gaming": "gaming",
    "algorithm": "algorithm",
    "placebo": "placebo",
    "parts": "engagement_mix",
    "diagnostics": "diagnostics",
    "calibration": "calibration",
    "scores": "scores",
    "rows": "rows",
}
"""Kinds of figures that are a section's first one, and the section's key."""

NOISE = ("reliability", "simex")
"""Sections of the report on noise in engagement."""

KINDS = ("effect", "data", "relation", "reliability", *DRAWN_IN)


@dataclass(frozen=True, eq=False, repr=False)
class StudyView:
    """What one study found: its rows and checks, and what the report says of it.

    Attributes
    ----------
    name : str
    rows, checks : DataFrame
        With the ledger's columns; of rows, `interval` and `p` as they are printed, too.
    sentences : tuple of str
    figures : tuple of Figure
    tables : tuple of Table
    """

    name: str
    rows: pd.DataFrame
    checks: pd.DataFrame
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]

    @property
    def figure(self) -> Figure | None:
        """The first figure, where there is one."""
        return next(iter(self.figures), None)

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.rows)} rows, {len(self.checks)} checks>"

    def _repr_html_(self) -> str:
        tables = self.tables
        if not tables and len(self.rows):
            columns = ["outcome", "score", "model", "term", "displayed", "interval", "p", "n"]
            tables = (table_of(self.rows[columns], f"{self.name}: estimates"),)
        shown = (*self.figures, *tables)
        told = self.sentences or tuple(self.checks["reason"])
        return "\n".join([*map(_paragraph, told), *(one._repr_html_() for one in shown)])


@dataclass(frozen=True, eq=False, repr=False)
class WhatIfView:
    """The what-if of one verdict: sliders in a notebook, the grid behind them as data.

    Attributes
    ----------
    sentence : str
        How often each word is said over the grid, or why no slider moves the word.
    frame : DataFrame
        A row a point: smallest effect, level, reliability (missing where noise is as the plan
        says), word, intervals; empty where the rule was not asked again.
    page : str
        The sliders as an HTML page of their own; empty where none moves the word.
    """

    sentence: str
    frame: pd.DataFrame
    page: str

    def __repr__(self) -> str:
        return f"<What if? {self.sentence}>"

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, which reaches neither notebook nor network."""
        if not self.page:
            return _paragraph(self.sentence)
        return (
            f'{_paragraph(self.sentence)}<iframe title="What if?" sandbox="allow-scripts"'
            f' srcdoc="{escape(self.page)}" style="{FRAME}"></iframe>'
        )


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What an audit found. It shows itself in a notebook; made by `analysis.audit`.

    Attributes
    ----------
    findings : Findings
        Everything as records: estimates, checks, verdicts, the sample.
    """

    findings: Findings

    def __repr__(self) -> str:
        words = "; ".join(f"{v.outcome} | {v.score}: {v.verdict}" for v in self.findings.decided)
        drawn = " (simulated data)" if self.dataset.simulated else ""
        return f"<Audit of {self.plan.name}{drawn}: {words}>"

    def _repr_html_(self) -> str:
        """Return the answers in a box, what failed, and the figure and table of each outcome."""
        from analysis.report.html import what_failed

        parts = [self._answer(verdict) for verdict in self.findings.decided]
        book = self.dataset.codebook
        if self.dataset.simulated:
            parts.append(_paragraph("These data are simulated: every effect in them was chosen."))
        elif book and book.caution:
            parts.append(_paragraph(f"Read this first. {book.caution}"))
        failed = [f"{does}: {what}" for does, what in what_failed(self.findings)]
        parts.append(_listed("What failed", failed or ["Nothing that bears on the answer."]))
        reasons = [check.reason for check in self.findings.checks if check.passed is False]
        if reasons:
            parts.append(f"<details>{_listed('In full', reasons, summary=True)}</details>")
        for outcome in self.plan.outcomes:
            table = self.table(outcome)._repr_html_()
            folded = f"<details><summary>Every model</summary>{table}</details>"
            parts += [self.plot(outcome=outcome)._repr_html_(), folded]
        return "\n".join(parts)

    def _answer(self, verdict: Verdict) -> str:
        """Return the box of one verdict: headline, word, a sentence, what would change it."""
        findings = self.findings
        word = f"{verdict.verdict}, {verdict.direction}" if verdict.direction else verdict.verdict
        short, whole = short_sentence(findings, verdict), verdict_sentence(findings, verdict)
        return (
            f'<div style="{BOX}"><p style="font-size:1.25em;margin:.2em 0">'
            f"<strong>{escape(headline(findings, verdict))}</strong></p>"
            f"<p><strong>{escape(word)}.</strong> {escape(short)}</p>"
            f"{_listed('What would change the answer', nearest_changes(findings, verdict))}"
            f"<details><summary>With every statistic</summary>{_paragraph(whole)}</details></div>"
        )

    def __getitem__(self, study: str) -> StudyView:
        """Return what one study found, such as `audit["gaming"]`.

        Raises
        ------
        UnknownNameError
            Saying which studies there are.
        """
        from analysis.report.html import SECTIONS

        ran = self.findings.studies
        name = known_name("study", study, [*dict.fromkeys([*ran, *SECTIONS, "manipulability"])])
        if name == "manipulability":
            return self._manipulability()
        keys = NOISE if name == "noise" else [key for key in SECTIONS if key == name]
        result = ran.get("noise" if name in NOISE else name, StudyResult())
        sections = [section for section in map(self._section, keys) if section is not None]
        rows = Estimates(result.rows, self.plan.inference.level)
        return StudyView(
            name,
            rows.printed(),
            tidy_checks(result.checks),
            tuple(text for section in sections for text in section.paragraphs),
            tuple(figure for section in sections for figure in section.figures),
            tuple(table for section in sections for table in section.tables),
        )

    def _manipulability(self) -> StudyView:
        """Return what each way of gaming gains on vendors' scores, and what it costs."""
        from analysis.studies.manipulability.figure import manipulability_figure
        from analysis.studies.manipulability.study import manipulability

        gains = manipulability(self.dataset.frame)
        figure = manipulability_figure(gains)
        caption = captioned(self.dataset, "Points that each action gains; prices are assumptions")
        columns = ["range_share", "range_per_100"]
        tables = (table_of(gains.table.drop(columns=columns), caption),)
        return StudyView("manipulability", gains.table, tidy_checks(()), (), (figure,), tables)

    def _section(self, key: str, findings: Findings | None = None) -> ReportSection | None:
        from analysis.report.html import SECTIONS, section_told

        section = SECTIONS[key](findings or self.findings)
        return section and section_told(self.dataset, section)

    # --- what it is about -------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """What was decided before the data were seen; `audit.plan.save(path)` writes it."""
        return self.findings.plan

    @property
    def sample(self) -> Sample:
        """The rows that were analysed."""
        return self.findings.sample

    @property
    def dataset(self) -> Dataset:
        """The data as they came in, with their codebook."""
        return self.findings.dataset

    # --- results as data frames -------------------------------------------------------------------

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row per outcome and score, with the ledger's keys as columns."""
        return verdicts_frame(self.findings)

    @property
    def estimates(self) -> pd.DataFrame:
        """One row per number, with the ledger's keys as columns."""
        return self.findings.estimates.tidy()

    @property
    def checks(self) -> pd.DataFrame:
        """One row per check, with the ledger's keys as columns."""
        return tidy_checks(self.findings.checks)

    @property
    def tipping_points(self) -> StudyView:
        """What would change each verdict: the smallest change of each kind that turns its word.

        It shows itself as the report's first section; `rows` is a DataFrame with a row per change.
        """
        points = tuple(point for of in self.findings.tipping.values() for point in of)
        return replace(self["tipping"], rows=tidy_tipping_points(points))

    def what_if(self, outcome: str | None = None, score: str | None = None) -> WhatIfView:
        """Return what the rule says at other smallest effects, levels and reliabilities of
        engagement: sliders in a notebook, and the grid behind them as `frame`.

        Parameters
        ----------
        outcome, score : str, optional
            The plan's first ones unless given.

        Raises
        ------
        UnknownNameError
            When the plan has no such outcome or score.
        """
        from analysis.report.html import what_if_page

        verdict = self.verdict_on(outcome, score)
        grid = self.findings.what_if.get((verdict.outcome, verdict.score), WhatIf())
        page = what_if_page(self.findings, verdict) if grid.moves else ""
        sentence = told(self.dataset, summary(grid))
        return WhatIfView(sentence, grid_frame(self.findings, [verdict]), page)

    def verdict_on(self, outcome: str | None = None, score: str | None = None) -> Verdict:
        """Return the verdict on an outcome and a score; the first of the plan where none is named.

        Raises
        ------
        UnknownNameError
            When the plan has no such outcome or score.
        """
        return self.findings.verdict_on(outcome, score)

    def headline(self, outcome: str | None = None, score: str | None = None) -> str:
        """Return a verdict in at most twenty words; the plan's first one where none is named."""
        return headline(self.findings, self.verdict_on(outcome, score))

    def sentence(
        self,
        outcome: str | None = None,
        score: str | None = None,
        *,
        length: Literal["full", "short", "headline"] = "full",
    ) -> str:
        """Return a verdict in words; the plan's first one where none is named.

        Parameters
        ----------
        outcome, score : str, optional
        length : {"full", "short", "headline"}
            A paragraph with every statistic; one sentence of at most forty words with a number
            and how sure it is; or a headline of at most twenty words.

        Raises
        ------
        UnknownNameError
            When the plan has no such outcome or score, or there is no such length.
        """
        lengths = {"full": verdict_sentence, "short": short_sentence, "headline": headline}
        write = lengths[known_name("length", length, lengths)]
        return write(self.findings, self.verdict_on(outcome, score))

    def table(self, outcome: str | None = None) -> Table:
        """Return the score's effect on one outcome in every model; `frame` has it as data."""
        outcome = self.verdict_on(outcome).outcome
        caption = f"Effects on {self.dataset.label(outcome)} (* marks the row that decides)"
        return table_of(effects_table(self.findings, outcome), captioned(self.dataset, caption))

    @property
    def rows(self) -> Table:
        """The flow of rows: all of them, each reason for leaving some out, those analysed."""
        caption = captioned(self.dataset, "Rows in, left out and analysed")
        return table_of(exclusions_table(self.findings), caption)

    # --- the regression ---------------------------------------------------------------------------

    def fit(
        self, outcome: str | None = None, score: str | None = None, model: str | None = None
    ) -> Any:
        """Return the statsmodels results of the outcome's equation, with the plan's covariance.

        The score is in its own unit: its coefficient and error are the row of the ledger with
        `method` "increment" and `scale` "raw".

        Parameters
        ----------
        outcome, score : str, optional
            The plan's first ones unless given.
        model : str, optional
            The deciding model unless given; companion models can be asked for, too.

        Returns
        -------
        statsmodels results
            Of a GLM (Poisson, Gamma, Tweedie), OLS, Logit or NegativeBinomial. For a hurdle model a
            record with `zero` and `positive`. A wild bootstrap has no covariance matrix: the
            results carry CRV1, and `note` says so.

        Raises
        ------
        AnalysisError
            When the plan has no such outcome, score or model, the model has no estimate, or the
            rows do not fit into memory.
        """
        from analysis.models import FEWEST_CLUSTERS, fit_as_planned, fit_model
        from analysis.models.columns import build_design
        from analysis.models.statsmodels_results import WILD, statsmodels_results

        verdict = self.verdict_on(outcome, score)
        section, score = self.plan.outcomes[verdict.outcome], verdict.score
        models = (section.deciding_model, *section.companion_models)
        model = known_name("model", model or models[0], models)
        if self.sample.raw is None:
            allowed = "data whose rows fit into memory, for which a fit has residuals"
            raise AnalysisError("fit", "data", "rows beyond memory", allowed)
        counts = section.kind == "count"
        design = build_design(self.sample, section.column, (score,))
        wild = self.plan.inference.covariance == "wild" and FAMILIES[model].linear
        if wild and design.n_clusters >= FEWEST_CLUSTERS:
            return statsmodels_results(fit_model(design, model, "CRV1", counts=counts), note=WILD)
        return statsmodels_results(fit_as_planned(self.plan, model, design, counts=counts))

    # --- figures ----------------------------------------------------------------------------------

    def plot(
        self,
        kind: str = "effect",
        outcome: str | None = None,
        score: str | None = None,
        ax: Axes | None = None,
    ) -> Figure:
        """Return a matplotlib figure with its description; `figure` and `axes` are there to go on.

        Parameters
        ----------
        kind : str
            "effect": the score's effect, with and without engagement. "data": how columns are
            distributed. "relation": the outcome by the score, at equal engagement and without.
            "reliability": the effect by the reliability of engagement. "curve": every analysis
            that the plan calls reasonable. "decision": what choosing by the score gains.
            "calibration": whether predictions come true, without the score and with it.
            "scores": several scores side by side. "segments", "gaming", "algorithm", "placebo",
            "parts", "simex", "diagnostics", "rows" and "confounding": the figure of that study.
        outcome, score : str, optional
            The plan's first ones unless given; for "effect", all scores.
        ax : matplotlib Axes, optional
            Where to draw "effect" or "relation".

        Raises
        ------
        UnknownNameError
            For a kind, an outcome or a score that there is not, or of which nothing was found.
        """
        from analysis.measurement_error.report import reliability_figure
        from analysis.results.data_figure import data_figure
        from analysis.results.effect_figure import effect_figure
        from analysis.results.relation_figure import relation_figure

        known_name("kind of figure", kind, KINDS)
        verdict = self.verdict_on(outcome, score)
        if ax is not None and kind not in PLACEABLE:
            allowed = f"axes for {' and '.join(PLACEABLE)} alone: this kind makes its own"
            raise AnalysisError("plot", "ax", f'axes for "{kind}"', allowed)
        if kind == "effect":
            return effect_figure(self.findings, verdict.outcome, score, ax)
        if kind == "relation":
            return relation_figure(self.findings, verdict.outcome, verdict.score, ax)
        if kind == "data":
            return data_figure(self.findings)
        alone = replace(self.findings, decided=(verdict,))
        if kind == "reliability":
            return reliability_figure(self.findings if score is None else alone, verdict.outcome)
        if kind == "scores":
            alone = replace(alone, decided=tuple(self.findings.verdicts_on(verdict.outcome)))
        section = self._section(DRAWN_IN[kind], alone)
        if section is None or not section.figures:
            allowed = "a kind that the plan asks for, and that these data have rows for"
            found = f'"{kind}", of which nothing was found'
            raise UnknownNameError("plot", "kind", found, allowed)
        return section.figures[0]

    # --- to others --------------------------------------------------------------------------------

    def cite(self, result_id: str | None = None) -> Citation:
        """Return how a result of this audit is cited; the first verdict where no id is given."""
        from analysis.report.citation.cite import cite_from
        from analysis.report.ledger import ledger

        record = ledger(self.findings)
        del record["digest"]  # that of a ledger which is nowhere helps nobody
        return cite_from(record, result_id or self.findings.decided[0].id)

    def colophon(self) -> Table:
        """Return what this result was made from and with: hashes, versions, commit. It differs
        between machines.
        """
        from analysis.report.ledger import made_in

        made = made_in()
        facts = {
            "plan": f"{self.plan.name}, SHA-256 {self.plan.sha256}",
            "data": f"{shown_address(self.dataset.address)}, SHA-256 {self.dataset.sha256}",
            "Python": made["python"],
            **made["packages"],
            "commit": made["commit"],
        }
        return table_of(facts, "Colophon")

    def export(self, folder: str | Path, *, crate: bool = False) -> Path:
        """Write report, ledger, tables and figures; old results stay whole until the new ones are.

        Parameters
        ----------
        folder : path
        crate : bool
            Whether the folder is described as an RO-Crate, too (the extra `crate`).

        Raises
        ------
        OutputError
            When the folder holds something else, or cannot be written.
        """
        from analysis.report.folder import write_results

        return write_results(self.findings, Path(folder), crate=crate)


# --- several audits side by side ------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Several audits side by side, as a table and a figure.

    Attributes
    ----------
    table : DataFrame
        One row per audit, outcome and score; or of one study, a row per number and a column per
        audit.
    checks : DataFrame
        Of one study: a row per check, and what each audit says of it; else empty.
    figure : Figure
    caption : str
    """

    table: pd.DataFrame
    checks: pd.DataFrame
    figure: Figure
    caption: str

    def __repr__(self) -> str:
        return repr(table_of(self.table, self.caption))

    def _repr_html_(self) -> str:
        shown = [(self.table, self.caption), (self.checks, f"{self.caption}: what is said of it")]
        tables = [table_of(*of)._repr_html_() for of in shown if len(of[0])]
        return "\n".join([*tables, self.figure._repr_html_()])


def compare(audits: Mapping[str, Audit], *, study: str | None = None) -> Comparison:
    """Return several audits side by side: verdicts and effects, or what one study found in each.

    Parameters
    ----------
    audits : dict of str to Audit
        By the name under which each is shown.
    study : str, optional
        Such as "gaming": its numbers and checks are compared, and not the verdicts.

    Raises
    ------
    AnalysisError
        When there is no audit, or no such study.

    Examples
    --------
    >>> import analysis as sa
    >>> world = "simulated:creators?seed=7&n=400"
    >>> plan = {"name": "shops", "question": "Does it pay?", "dataset": world, "quick": True,
    ...         "score": {"columns": ["klout"]}, "engagement": {"columns": ["likes"]},
    ...         "outcome": [{"column": "referrals", "kind": "count", "sesoi": 0.05}]}
    >>> both = {how: sa.audit(plan, transform=how) for how in ("identity", "log1p")}
    >>> sa.compare(both).table["audit"].tolist()
    ['identity', 'log1p']
    """
    from analysis.results.effect_figure import comparison_figure

    if not audits:
        raise AnalysisError("compare", "audits", "none", "one audit or more, by name")
    findings = {name: one.findings for name, one in audits.items()}
    simulated = any(one.dataset.simulated for one in audits.values())
    caption = "Simulated data. " if simulated else ""
    figure = comparison_figure(findings)
    if study is None:
        rows = [row for name, one in audits.items() for row in _verdict_rows(name, one)]
        return Comparison(pd.DataFrame(rows), pd.DataFrame(), figure, f"{caption}Verdicts")
    studies = {name: one[study] for name, one in audits.items()}
    parts = ["outcome", "score", "model", "term"]
    numbers = {
        name: one.rows.assign(term=one.rows["id"].str.rpartition("/")[2])
        .drop_duplicates(parts)
        .set_index(parts)["displayed"]
        for name, one in studies.items()
    }
    reasons = {
        name: one.checks.drop_duplicates("check").set_index("check")["reason"]
        for name, one in studies.items()
    }
    table, checks = (
        pd.DataFrame({name: of[name].reindex(_union(of.values())) for name in of}).reset_index()
        for of in (numbers, reasons)
    )
    return Comparison(table, checks, figure, f"{caption}What each audit says of {study}")


def _union(columns: Iterable[pd.Series]) -> pd.Index:
    """Return every label in the order in which it first comes."""
    return pd.concat(list(columns)).index.drop_duplicates()


def _verdict_rows(name: str, audit: Audit) -> list[dict[str, str]]:
    return [
        {
            "audit": name,
            "outcome": verdict.outcome,
            "score": verdict.score,
            "verdict": verdict.verdict,
            "direction": verdict.direction or "",
            "effect": row.displayed,
            "interval": row.span(audit.findings.level),
            "p": "" if row.p_value is None else display(row.p_value, "p"),
            "rows": f"{row.n:,}",
        }
        for verdict in audit.findings.decided
        for row in (verdict.deciding,)
    ]


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _listed(title: str, texts: Iterable[str], *, summary: bool = False) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    head = f"<summary>{escape(title)}</summary>" if summary else _paragraph(title)
    return f"{head}<ul>{items}</ul>"
