"""What is said when a plan or the data cannot be used: one readable block, never a traceback."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def printable(value: object, *, limit: int = 120) -> str:
    """Return `value` as text with control and bidirectional characters escaped, cut at `limit`
    characters.
    """
    try:
        text = str(value)[: 2 * limit]
    except ValueError:  # Python writes no integer of more than 4,300 digits
        text = f"a number of type {type(value).__name__} with thousands of digits"
    text = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
    return text if len(text) <= limit else text[: limit - 1] + "…"


SECRETS = re.compile(
    r"""([?&;\s"']|^)((?:\w*pass(?:word|wd|phrase)?|pwd|\w*secret|\w*token|api_?key|access_?key)=)"""
    r"""[^&;\s"'}]+""",
    re.IGNORECASE,
)
"""A key of an address that names a password, and what it is."""

USER = re.compile(r"""(:/{1,2}[^/\s:@"']*(?::|%3A))[^/\s"']+(?=@)""", re.IGNORECASE)
"""A password in the part of an address that names the user."""


def without_secrets(text: str) -> str:
    """Return a text without the passwords of addresses in it.

    >>> without_secrets("mysql://me:hush@host/shop?password=hush&charset=utf8")
    'mysql://me:***@host/shop?password=***&charset=utf8'
    """
    return USER.sub(r"\1***", SECRETS.sub(r"\1\2***", text))


def shown_address(address: object) -> str:
    """Return an address as it may be shown to others: no password, of a full path the name alone.

    >>> shown_address("/srv/data/shops.csv"), shown_address("data/shops.csv")
    ('shops.csv', 'data/shops.csv')
    """
    text = str(address)
    scheme, separator, rest = text.rpartition(":") if "://" not in text else ("", "", text)
    if separator and len(scheme) > 1 and os.path.isabs(rest):  # duckdb:/srv/data/shops.duckdb/sales
        held = rest.split("/")[-2:] if scheme == "duckdb" else [os.path.basename(rest)]
        return f"{scheme}:{'/'.join(held)}"
    return os.path.basename(text) if os.path.isabs(text) else without_secrets(text)


def shown_place(place: object) -> str:
    """Return a path as it is shown to the one who runs it: from the current folder on.

    Any other text stays as it is, without passwords.
    """
    text = str(place)
    if os.path.isabs(text):
        with contextlib.suppress(ValueError, OSError):  # another drive; a folder that is gone
            return os.path.relpath(text)
    return without_secrets(text)


def without_folders(text: str) -> str:
    """Return a text in which paths start at the current folder, or at the home folder as ``~``."""
    here = ""
    with contextlib.suppress(OSError):  # a folder that is gone
        here = os.getcwd()
    for folder, short in ((here, ""), (os.path.expanduser("~"), "~/")):
        if len(folder) > 1:
            text = text.replace(folder + os.sep, short)
            text = re.sub(re.escape(folder) + r"(?![\w.-])", short.rstrip("/") or ".", text)
    return text


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``Did you mean "x"?`` for the candidate closest to `name`, or an empty string."""
    by_folded = {str(candidate).casefold(): str(candidate) for candidate in candidates}
    close = difflib.get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=0.6)
    return f'Did you mean "{printable(by_folded[close[0]])}"?' if close else ""


def quoted(name: object, *, limit: int = 120) -> str:
    """Return a name between quotation marks, printable."""
    return f'"{printable(name, limit=limit)}"'


def column_place(name: object, role: str = "") -> str:
    """Return how a fault calls a column: ``column "likes" (engagement)``."""
    return f"column {quoted(name)}" + (f" ({role})" if role else "")


def listing(values: Sequence[object], *, limit: int = 8) -> str:
    """Return the first `limit` values separated by commas, and how many were left out."""
    shown = ", ".join(printable(value) for value in values[:limit])
    rest = len(values) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where it stands, what was found there, what is allowed."""

    place: str
    found: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"  {self.place}", f"    found:   {self.found}", f"    allowed: {self.allowed}"]
        text = "\n".join([*lines, f"    {self.hint}"] if self.hint else lines)
        return without_secrets(text)


def unknown(
    place: str, found: str, name: str, known: Iterable[str], *, limit: int = 8, more: str = ""
) -> Fault:
    """Return the fault of a name that is none of the known ones: which there are, and the nearest.

    `more` is what else is allowed.
    """
    known = list(known)
    allowed = f"one of: {listing(known, limit=limit)}{more}"
    return Fault(place, found, allowed, did_you_mean(name, known))


class AnalysisError(Exception):
    """Anything a user can put right. `str(error)` is the block that is shown to them.

    Parameters
    ----------
    where : str
        The file, address or step in which the faults were found.
    faults : Fault, sequence of Fault, or str
        All of them, not just the first; or the place of the only one.
    *rest : str
        What was found at that place, what is allowed there, and a hint.
    """

    def __init__(self, where: object, faults: Fault | Sequence[Fault] | str, *rest: str):
        self.where = str(where)
        faults = Fault(faults, *rest) if isinstance(faults, str) else faults
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__(self.where, self.faults)

    @property
    def found(self) -> str:
        """What was found first."""
        return self.faults[0].found

    def __str__(self) -> str:
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        where = printable(without_secrets(self.where), limit=300)
        return "\n".join([f"{where}: {count}", *map(str, self.faults)])

    def told(self) -> str:
        """Return the block as a terminal shows it: paths from the current folder on."""
        return without_folders(str(AnalysisError(shown_place(self.where), self.faults)))


class PlanError(AnalysisError):
    """The plan cannot be read, or says something that is not allowed."""


class DataError(AnalysisError):
    """The dataset cannot be read, or holds values that the plan does not allow."""


class DatasetNotFoundError(DataError):
    """There is no dataset of this name or at this address."""


class DesignError(AnalysisError):
    """The model asked for cannot be fitted to these rows."""


class OutputError(AnalysisError):
    """The results cannot be written or read."""


class UnknownNameError(AnalysisError, LookupError):
    """A name was asked for that there is not: of an outcome, a score, a study, a kind of figure."""


def known_name(what: str, name: object, known: Iterable[str]) -> str:
    """Return a name that is known.

    Raises
    ------
    UnknownNameError
        Saying which names there are, and which one may have been meant.

    Examples
    --------
    >>> known_name("outcome", "sales", ["sales", "referrals"])
    'sales'
    """
    known = list(known)
    if name in known:
        return str(name)
    fault = unknown(what, printable(name), str(name), known, limit=30)
    raise UnknownNameError(f"no such {what}", fault)
