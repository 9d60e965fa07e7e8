"""The command `score-audit`. Heavy libraries are imported inside the commands: `--help` does not
wait for them.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import math
import shutil
import signal
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click import UsageError, argument, echo, option

from analysis import __version__
from analysis.errors import AnalysisError, printable, shown_place

if TYPE_CHECKING:
    from analysis.audit import Inspection
    from analysis.results.findings import Findings
    from analysis.results.verdict import Verdict

DONE, DIFFERENCE, WRONG, INTERRUPTED = 0, 1, 2, 3
"""Exit codes: done whatever the verdict; `verify` found a difference; plan or data are wrong;
interrupted.
"""


PATH = click.Path(path_type=Path)


class _InOrder(click.Group):
    """Commands are listed in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="score-audit")
def cli() -> None:
    """Does a score tell you anything about money that the engagement you can already see does not?

    A plan is the name of a file in plans/ (try "movies") or the path of a TOML file.

    \b
    The shipped study:     score-audit run movies
    A study of your own:   score-audit init shops.csv
                           score-audit check shops
                           score-audit run shops
    """


@cli.command(short_help="Draft a plan and a codebook for your data.")
@argument("data")
@option(
    "--score",
    multiple=True,
    metavar="COLUMN",
    help="What is audited; repeat it for several columns.",
)
@option(
    "--engagement",
    multiple=True,
    metavar="COLUMN",
    help="What anyone can see people do; may be repeated.",
)
@option(
    "--exact",
    multiple=True,
    metavar="COLUMN",
    help="Engagement that is an exact count over the outcome's window; may be repeated.",
)
@option(
    "--reliability",
    multiple=True,
    metavar="COLUMN=SHARE",
    help="Known share of truth in engagement, such as likes=0.8; may be repeated.",
)
@option(
    "--halves",
    multiple=True,
    metavar="COLUMN=ONE,TWO",
    help="Two recordings of engagement, such as likes=odd,even; may be repeated.",
)
@option(
    "--control",
    multiple=True,
    metavar="COLUMN",
    help="What else is held constant; may be repeated.",
)
@option("--outcome", metavar="COLUMN", help="What pays. It is never guessed.")
@option(
    "--kind",
    type=click.Choice(["revenue", "count", "binary", "continuous"]),
    help="What the outcome is.",
)
@option(
    "--sesoi", type=float, help="The smallest effect that would matter to you. It is never guessed."
)
@option("--row", metavar="COLUMN", help="What identifies a row.")
@option("--cluster", metavar="COLUMN", help="What rows belong to together.")
@option(
    "--encoding",
    multiple=True,
    help="Of a text file; of several, each line has the first that fits. [default: detected]",
)
@option("--separator", help='Between cells: "," ";" "|" tab or blank. [default: detected]')
@option("--decimal", type=click.Choice([".", ","]), help="In numbers. [default: detected]")
@option("--header", type=int, help="The line with the names; 0: there are none. [default: found]")
@option(
    "--repeated-names",
    type=click.Choice(["number"]),
    help="Names of columns that come again get a number. [default: refused]",
)
@option("--sheet", help="Of a workbook. [default: the first with a table]")
@option("--table", help="Of a database. [default: the only one]")
@option(
    "--missing",
    multiple=True,
    metavar="WORD",
    help="A word or number for no value, or COLUMN=WORD; may be repeated.",
)
@option(
    "--duplicates",
    type=click.Choice(["refuse", "first", "keep"]),
    help="What to do with repeats of the row's identifier.",
)
@option("--name", help="Of the study. [default: the file's]")
@option("--out", type=PATH, help="The plan. [default: plans/<name>.toml]")
@option("--notebook", is_flag=True, help="Write a notebook for the study, too.")
@option("--force", is_flag=True, help="Replace a plan or notebook that is there.")
def init(data: str, **given: Any) -> None:
    """Look at a file of data, and write a plan and a codebook for it.

    On a terminal it asks which column is what; otherwise it takes options, proposes what it can
    from names and types, and says which lines of the plan are left to edit.

    \b
    score-audit init shops.csv
    score-audit init shops.csv --score klout --engagement likes --outcome sales --kind revenue
    --sesoi 0.05
    """
    from analysis.start.roles import ask
    from analysis.start.study import init as start

    asked = ask if sys.stdin.isatty() and sys.stdout.isatty() else None
    for line in str(start(data, **given, ask=asked)).splitlines():
        _tell(line)


@cli.command(short_help="Say what would be analysed, what is wrong.")
@argument("plan")
@option(
    "--price",
    type=float,
    help="What the score costs per account, in money: says which SESOI that asks for.",
)
@option(
    "--share",
    type=float,
    help="Share of accounts for which the score changes what you do. [default: as [decision] says]",
)
@option(
    "--mean-revenue",
    type=float,
    help="Mean revenue per account. [default: the mean of the revenue outcome]",
)
@option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; of faults, too (exit code 2)."
)
@option("--schema", is_flag=True, help="Also write a Frictionless Table Schema beside the data.")
@option(
    "--accept-data",
    is_flag=True,
    help="Take data that changed after their codebook was written, once it is said what changed.",
)
def check(
    plan: str,
    price: float | None,
    share: float | None,
    mean_revenue: float | None,
    as_json: bool,
    schema: bool,
    accept_data: bool,
) -> None:
    """Look at plan and data only: what would be analysed, what is wrong, what the SESOI means in
    money.
    """
    if price is None and share is not None:
        raise UsageError("--share goes with --price: what the score costs per account")
    if price is not None and share is None and not 0 < price < math.inf:
        raise UsageError("--price is money per account that is scored: more than 0")
    from analysis.audit import check as inspect
    from analysis.audit import sesoi_of
    from analysis.studies.power.assumptions import sesoi_from_price

    if accept_data:
        _accept(plan)
    if schema:
        _write_schema(plan)
    if as_json:
        from analysis.report.inspection import error_record

        try:
            with _progress_of_long_work() as progress:
                inspection = inspect(plan, progress=progress)
        except AnalysisError as error:
            echo(_json(error_record(error)))
            raise
        echo(_json(inspection.record()))
        return
    with _progress_of_long_work() as progress:
        inspection = inspect(plan, progress=progress)
    for line in inspection.lines():
        _tell(line)
    if price is not None and share is not None:
        mean = mean_revenue if mean_revenue is not None else _mean_revenue(inspection)
        click.echo(f"SESOI from a price: {sesoi_from_price(price, mean, share)[1]}")
    elif price is not None:
        for line in sesoi_of(inspection, price):
            _tell(line)


@cli.command(short_help="Say what a plan could show, before any data.")
@argument("plan")
@option(
    "--n",
    type=int,
    multiple=True,
    help="Rows; may be repeated. [default: the data's; else 300, 1000, 5000]",
)
@option("--r2-score", type=float, help="Share of the score that engagement and controls explain.")
@option(
    "--r2-outcome", type=float, help="Share of the outcome that engagement and controls explain."
)
@option("--reliability", type=float, help="Share of truth in recorded engagement.")
@option("--mean", type=float, help="Mean of the outcome.")
@option("--sd", type=float, help="Standard deviation of the outcome.")
@option(
    "--sd-score",
    type=float,
    help="Standard deviation of the score, where effects are per unit of it.",
)
@option("--json", "as_json", is_flag=True, help="Print JSON.")
def power(plan: str, n: tuple[int, ...], as_json: bool, **assumed: float | None) -> None:
    """Say what a plan could show, before any data exist: detectable effects, and the rows
    needed.
    """
    from analysis.studies.power.study import power as prospect

    outlook = prospect(plan, n=n, **assumed)
    if as_json:
        echo(json.dumps(outlook.record(), ensure_ascii=False, indent=2))
        return
    for line in outlook.lines():
        _tell(line)


@cli.command(short_help="Run the whole audit and write its report.")
@argument("plan")
@option("--out", type=PATH, help="Result folder. [default: results/<plan's name>]")
@option("--quick", is_flag=True, help="Leave out what only informs, as quick = true in the plan.")
@option("--crate", is_flag=True, help="Describe the result folder as an RO-Crate, too.")
@option("--profile", is_flag=True, help="Say at the end where the processor time went.")
def run(plan: str, out: Path | None, quick: bool, crate: bool, profile: bool) -> None:
    """Run the whole audit and write the ledger, tables, figures and report.

    The verdict is printed as soon as it is known, and the report's place at the end.

    \b
    score-audit run movies
    score-audit run study.toml --out results/second-try
    """
    from analysis.timing import ProcessorTime

    if not profile:
        _run(plan, out, quick, crate)
        return
    with ProcessorTime() as spent:
        _run(plan, out, quick, crate)
    for line in spent.lines():
        echo(line, err=True)


def _run(plan: str, out: Path | None, quick: bool, crate: bool) -> None:
    """Run the audit: first the verdicts, then all that informs, then the result folder."""
    progress = _progress()
    progress("Loading")
    from analysis.audit import analyse
    from analysis.plan import read_plan
    from analysis.report.earlier import words_before
    from analysis.report.folder import read_history, write_or_rescue
    from analysis.report.html import changed_keys
    from analysis.report.place import require_place
    from analysis.results.weights import weighed

    if crate:
        from analysis.report.replication.crate import require_library

        require_library()
    said = read_plan(plan)
    said = said.as_quick() if quick else said
    folder = require_place(out or Path("results") / said.name)
    told: list[list[str]] = []

    def decided(findings: Findings) -> None:
        progress("")
        if said.quick:
            how = "This run is quick" if quick else "The plan says quick = true"
            _tell(
                f"{how}: the same word, but without the studies that only inform and without"
                " boosted trees."
            )
        told.extend(_verdict_lines(findings, verdict) for verdict in findings.decided)
        for lines in told:
            for line in lines:
                _tell(line)
        sys.stdout.flush()

    findings = analyse(said, progress=progress, decided=decided)
    before = words_before(findings, folder)
    folder, error = write_or_rescue(findings, folder, crate=crate, progress=progress)
    progress("")
    for verdict, first in zip(findings.decided, told, strict=True):
        about = f"{printable(verdict.outcome)} | {printable(verdict.score)}"
        last = _verdict_lines(findings, verdict)
        if last != first:
            for line in ("With everything looked at:", *last):
                _tell(line)
        elif len(told) > 1:
            echo(f"{about}:")
        if verdict.fragile and verdict.verdict != "inconclusive":
            echo("Fragile: the report begins with what would change this word.")
        if verdict.id in before:
            echo(f"By the rule of an earlier version of score-audit: {before[verdict.id]}")
        echo(f"Result id: {verdict.id}")
        if not verdict.refused:
            echo(f"Its number: {verdict.deciding.id}")
        for check in findings.failed_on(verdict.outcome, verdict.score):
            _tell(f"Failed check {check.check} ({check.weight}): {weighed(check.check).sentence}")
    for key, then, now in changed_keys(read_history(folder)):
        _tell(
            f"{_key_name(key)} has changed since the first run on these data: {_value(then)} then,"
            f" {_value(now)} now"
        )
    echo(f"Report: {_short(folder / 'report.html')}")
    if error is not None:
        raise error


def _verdict_lines(findings: Findings, verdict: Verdict) -> list[str]:
    """Return a verdict's word, its headline and its sentence."""
    from analysis.results.headline import headline
    from analysis.results.sentence import verdict_sentence

    direction = f" ({verdict.direction})" if verdict.direction else ""
    about = f"{printable(verdict.outcome)} | {printable(verdict.score)}"
    return [
        f"{about}: {verdict.verdict}{direction}",
        f"{headline(findings, verdict)}.",
        verdict_sentence(findings, verdict),
    ]


@cli.command(short_help="Print a result so that it can be cited.")
@argument("result_id", required=False)
@option(
    "--results",
    type=PATH,
    default=Path("results"),
    show_default=True,
    help="A result folder, or the folder that holds them.",
)
@option(
    "--format",
    "kind",
    help="sentence, apa, footnote, markdown, html, latex, bibtex, csl or ris: that alone.",
)
@option(
    "--of",
    "part",
    type=click.Choice(["all", "analysis", "data", "software"]),
    default="all",
    show_default=True,
    help="What bibtex, csl and ris list.",
)
@option(
    "--update",
    "document",
    type=PATH,
    metavar="DOCX",
    help="A Word document: give its fields the numbers of today, and list what changed.",
)
def cite(
    result_id: str | None, results: Path, kind: str | None, part: str, document: Path | None
) -> None:
    """Print a result's sentence, table cell, LaTeX macro and bibliography.

    RESULT_ID is an id of a ledger, or one of its fields, as in ID#low. With --update, the fields
    of a Word document that were copied from numbers.docx get the numbers of the last run instead.

    \b
    score-audit cite movies/box_office/tomatometer
    score-audit cite movies/box_office/tomatometer --format footnote
    score-audit cite --update article.docx
    """
    if document is not None:
        if result_id or kind or part != "all":
            raise UsageError("--update takes a Word document alone (and --results)")
        from analysis.report.citation.update import update

        echo(str(update(document, results=results)))
        return
    if result_id is None:
        raise UsageError("Missing argument 'RESULT_ID' (or --update article.docx).")
    from analysis.report.citation.cite import cite as citation
    from analysis.report.citation.references import PARTS

    found = citation(result_id, results=results)
    parts = [one for one in PARTS if part in ("all", one)]
    echo(found.printed(kind, parts) if kind else str(found))


@cli.command(short_help="Recompute results; say what still holds.")
@argument("folder", metavar="DIR", type=PATH)
@option(
    "--text",
    type=PATH,
    help="An article that cites results: md, html, tex, txt, ipynb or docx.",
)
@option("--plan", help="The plan, where its file has moved since the run.")
@option("--strict", is_flag=True, help="Numbers that cannot be checked count as wrong, too.")
@option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
def verify(folder: Path, text: Path | None, plan: str | None, strict: bool, as_json: bool) -> int:
    """Recompute the ledger of a result folder (or of results/DIR); say what still holds.

    With --text, judge every number that an article prints beside a result id or prints by a LaTeX
    macro: it holds, holds rounded, differs, or is not checked. Exit code 1 when something differs
    or is not checked, or when the article cites nothing.

    \b
    score-audit verify results/movies --text article.md
    """
    from analysis.report.ledger import result_folder
    from analysis.reproduction import verify as compare

    verification = compare(result_folder(folder), text, plan=plan, strict=strict)
    echo(_json(verification.record()) if as_json else verification.told(printable(text)))
    return DONE if verification.ok else DIFFERENCE


@cli.command(short_help="List the numbers that two runs print differently.")
@argument("before", type=PATH)
@argument("after", type=PATH)
@option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
def changes(before: Path, after: Path, as_json: bool) -> None:
    """List exactly the numbers that changed between two runs of a study.

    BEFORE and AFTER are result folders (or names in results/). Nothing is computed again.

    \b
    score-audit run shops --out results/shops-corrected
    score-audit changes results/shops results/shops-corrected
    """
    from analysis.report.citation.numbers import changed_numbers
    from analysis.report.ledger import read_ledger, result_folder

    folders = [
        result_folder(before, asked=("changes", "BEFORE")),
        result_folder(after, asked=("changes", "AFTER")),
    ]
    read = [read_ledger(folder / "ledger.json", whole=True) for folder in folders]
    found = changed_numbers(*read)
    if as_json:
        listed = [{"id": one.name, "then": one.then, "now": one.now} for one in found]
        echo(_json({"changes": listed}))
        return
    for one in found:
        echo(str(one))
    echo(
        f"{len(found)} number{'s' if len(found) > 1 else ''} changed."
        if found
        else "No number changed."
    )


@cli.command("new-notebook")
@argument("plan")
@option(
    "--out",
    type=PATH,
    help="The notebook. [default: notebooks/<plan's name>.ipynb]",
)
@option("--force", is_flag=True, help="Replace a notebook that is there.")
def new_notebook(plan: str, out: Path | None, force: bool) -> None:
    """Write a notebook that runs a plan from top to bottom."""
    from analysis.start.notebook import new_notebook as write

    echo(f"Wrote {_short(write(plan, out, force=force))}")
    echo("Open it: score-audit lab")


@cli.command()
@argument("name")
@argument("data", required=False)
@option("--out", type=PATH, help="Write the whole table with the score, as CSV.")
@option("--card", is_flag=True, help="Say what the score is made of, and what it cannot see.")
def score(name: str, data: str | None, out: Path | None, card: bool) -> None:
    """Compute a score in a vendor's style.

    One of klout, klout_old, kred, trustcloud, tweepcred, agent, credit, history, placebo.

    DATA is an activity table: a name in data/raw, a path, or an address such as
    simulated:creators?seed=7.
    """
    from analysis.data.dataset import read_dataset
    from analysis.data.disclosure import inert_table
    from analysis.data.export import score_only, with_score, write_scored
    from analysis.scores import card as card_of

    described = card_of(name)
    if card:
        echo(str(described))
    if data is None:
        if not card:
            raise UsageError("DATA is missing: the table to score (or ask for --card)")
        return
    dataset = read_dataset(data)
    if dataset.simulated:
        echo("Simulated data.", err=True)
    if out is None:
        shown = inert_table(score_only(with_score(name, dataset)))
        echo(shown.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        echo(f"Written: {_short(write_scored(name, dataset, out).resolve())}")


@cli.command(context_settings={"ignore_unknown_options": True})
@argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks."""
    import subprocess

    from analysis.plan.files import find_project, shipped_studies

    root = next(
        r
        for r in (find_project(), shipped_studies(), Path.cwd())
        if (r and (r / "notebooks").is_dir()) or r == Path.cwd()
    )
    folder = root / "notebooks" if (root / "notebooks").is_dir() else root
    options = ["--KernelManager.transport_encryption=auto", "--LabApp.news_url="]
    raise SystemExit(
        subprocess.call([sys.executable, "-m", "jupyter", "lab", *options, *arguments, str(folder)])
    )


def _accept(plan: str) -> None:
    """Say what changed in a plan's data since their codebook was written, and take them so."""
    from analysis.start.acceptance import accept, changed_data

    change = changed_data(plan)
    if change is None:
        echo("Nothing to accept: the data are those of the codebook", err=True)
        return
    for line in (*change.lines(), accept(change)):
        echo(printable(line, limit=2000), err=True)


def _write_schema(plan: str) -> None:
    """Write the Table Schema of a plan's data before anything in them is judged."""
    from analysis.data.dataset import read_dataset
    from analysis.data.export import write_schema
    from analysis.plan import read_plan

    read = read_plan(plan)
    written = write_schema(
        read_dataset(read.dataset, folder=read.folder, reading=read.reading), read
    )
    echo(f"Table Schema: {_short(written)}", err=True)


def _json(record: dict[str, object]) -> str:
    """Return a record on one line, every character that a terminal might act on escaped."""
    return json.dumps(record, ensure_ascii=True, allow_nan=False)


def _mean_revenue(inspection: Inspection) -> float:
    """Return the mean of the plan's first revenue outcome."""
    columns = [
        outcome.column for outcome in inspection.sample.plan.outcome if outcome.kind == "revenue"
    ]
    if not columns:
        raise UsageError("--price needs --mean-revenue: the plan has no outcome of kind revenue")
    return inspection.sample.mean(columns[0])


def _tell(text: str) -> None:
    """Print a sentence; on a terminal, in lines of its width."""
    text = printable(text, limit=2000)
    if sys.stdout.isatty():
        width = max(40, shutil.get_terminal_size().columns)
        text = textwrap.fill(
            text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    echo(text)


def _key_name(key: str) -> str:
    """Return how the plan calls a key: "level in [inference]", "sesoi in [[outcome]] no. 2"; for
    the first, "sesoi".
    """
    table, _, name = key.rpartition(".")
    table, _, number = table.partition(" ")
    if not table or (table, number) == ("outcome", "1"):
        return name
    return f"{name} in [[{table}]] no. {number}" if number else f"{name} in [{table}]"


def _value(value: object) -> str:
    return "nothing" if value is None else printable(json.dumps(value, ensure_ascii=False))


def _short(path: Path) -> str:
    """Return a path from the current folder, fit for a terminal."""
    return printable(shown_place(path), limit=300)


def _progress() -> Callable[[str], None]:
    """Return a reporter: one line that is overwritten on a terminal, one line per step otherwise;
    to stderr.
    """
    if not sys.stderr.isatty():
        return lambda step: echo(printable(step), err=True) if step else None
    began: list[float] = []

    def progress(step: str) -> None:
        bar = _bar(getattr(step, "done", None), began)
        echo(f"\r\033[K{bar}{printable(step)}{' ...' if step else ''}", err=True, nl=False)

    return progress


BAR = 20
"""Characters of a progress bar."""


def _bar(done: float | None, began: list[float]) -> str:
    """Return a progress bar with the time left; empty where it is not known how much is done.

    Parameters
    ----------
    done : float or None
        The share of the work that is done.
    began : list of float
        When the first share was told; filled here.
    """
    if done is None:
        return ""
    began[:] = began or [time.monotonic()]
    spent, full = time.monotonic() - began[0], round(BAR * done)
    left = f" {spent * (1 - done) / done:.0f} s left" if done >= 0.05 and spent >= 1 else ""
    return f"[{'#' * full}{' ' * (BAR - full)}]{left} "


QUIET = 2.0
"""Seconds that nothing is said about work that is mostly short."""


@contextlib.contextmanager
def _progress_of_long_work() -> Iterator[Callable[[str], None]]:
    """Give a reporter that is silent at first, and then says what is being done, too."""
    report, said = _progress(), {"step": "", "late": ""}

    def late() -> None:
        said["late"] = "yes"
        report(said["step"])

    def progress(step: str) -> None:
        said["step"] = step
        if said["late"]:
            report(step)

    timer = threading.Timer(QUIET, late)
    timer.daemon = True
    timer.start()
    try:
        yield progress
    finally:
        timer.cancel()
        progress("")


LOOKS = 20_000, 20, 20
"""How seldom Python looks for objects that hold each other: with its own numbers, every twentieth
second of a run goes into that.
"""


def main() -> NoReturn:
    """Run the command; what a user can put right is shown as one block, never as a traceback."""
    gc.set_threshold(*LOOKS)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal that cannot show a character shows its code
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of the libraries; ours are checks
    try:
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, _interrupt)
        code = cli.main(standalone_mode=False, prog_name="score-audit")
        sys.exit(code if isinstance(code, int) else DONE)
    except AnalysisError as error:
        _say(error.told())
        sys.exit(WRONG)
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message())
        sys.exit(WRONG)
    except click.ClickException as error:
        error.show()
        sys.exit(WRONG)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _say("Interrupted: nothing was changed; a result folder holds its last completed run.")
        sys.exit(INTERRUPTED)
    except SystemExit as left:
        if type(sys.stdout).__name__.endswith(
            "PacifyFlushWrapper"
        ):  # a closed pipe: its reader has seen enough
            sys.exit(DONE)
        raise left
    except Exception as error:
        _say(_own_fault(error))
        sys.exit(WRONG)


def _interrupt(number: int, frame: object) -> NoReturn:
    """Treat a request to terminate as Ctrl-C, so that what is half written is cleared away."""
    raise KeyboardInterrupt


def _say(text: str) -> None:
    echo(("\n" if sys.stderr.isatty() else "") + text, err=True)


def _own_fault(error: Exception) -> str:
    """Return a block about a fault that is not the user's; the traceback goes to a file."""
    import tempfile
    import traceback

    what = f"{type(error).__name__}: {printable(error, limit=300)}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="score-audit-fault-", suffix=".txt", delete=False
        ) as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        return f"score-audit failed, which is its own fault: {what}"
    return (
        f"score-audit failed, which is its own fault: {what}\nThe details are in {file.name}:"
        " please report them."
    )


if __name__ == "__main__":
    main()
