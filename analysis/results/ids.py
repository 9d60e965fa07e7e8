"""Ids: what a result is called for good, and how it is found by what people write."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any
from urllib.parse import unquote

from analysis.plan import Plan

FIELDS = ("value", "low", "high", "p", "n", "se", "statistic", "sesoi")
"""What can be asked of a result, as in ``ID#low``; the value where nothing is asked."""


def slug(name: str) -> str:
    """Return a name as a part of an id: letters, digits, ``_`` and ``.`` of any script, and one
    hyphen for whatever stands between them.

    >>> slug("Revenue (USD)"), slug("Größe"), slug("!?")
    ('revenue-usd', 'grosse', 'x8faf83')
    """
    spelt = unicodedata.normalize("NFKD", name.casefold())
    letters = (char for char in spelt if not unicodedata.category(char).startswith("M"))
    kept = "".join(char if char.isalnum() or char in "_." else "-" for char in letters)
    text = re.sub("-+", "-", kept).strip("-")
    return text or "x" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def slugs_apart(names: Iterable[str]) -> dict[str, str]:
    """Return a slug for each name, in their order; those that share one get the next free number.

    >>> slugs_apart(["Likes!", "likes", "likes 2"])
    {'Likes!': 'likes', 'likes': 'likes-3', 'likes 2': 'likes-2'}
    """
    found = {name: slug(name) for name in names}
    taken, first = set(found.values()), set()
    for name, text in found.items():
        if text in first:
            found[name] = next(free for at in count(2) if (free := f"{text}-{at}") not in taken)
        first.add(text)
        taken.add(found[name])
    return found


@dataclass(frozen=True)
class Slugs:
    """The slugs of a plan's columns, and of anything else.

    Attributes
    ----------
    columns : mapping of str to str
        By the column's name.
    """

    columns: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Return the part of an id that stands for a name; ``-`` where there is none."""
        return self.columns.get(name) or (slug(name) if name else "-")

    def of_term(self, term: str) -> str:
        """Return the part that stands for a term: a column, ``kind:column``, or anything else."""
        kind, colon, column = term.partition(":")
        if term not in self.columns and colon and column in self.columns:
            return f"{slug(kind)}-{self.columns[column]}"
        return self.of(term)


PLAIN = Slugs()
"""Of names that no plan has told apart."""


def slugs_of(plan: Plan) -> Slugs:
    """Return the slugs of a plan's columns."""
    parts = plan.parts.columns if plan.parts is not None else ()
    named = (*plan.score.columns, *plan.engagement.columns, *plan.controls.columns, *plan.outcomes)
    return _slugs((*named, *(column for column, _ in plan.roles()), *parts))


@lru_cache(maxsize=64)
def _slugs(columns: tuple[str, ...]) -> Slugs:
    return Slugs(slugs_apart(columns))


def result_id(
    plan: str,
    outcome: str,
    score: str,
    method: str,
    model: str,
    term: str,
    variant: str = "",
    *,
    slugs: Slugs = PLAIN,
    number: int = 1,
) -> str:
    """Return the permanent id ``plan/outcome/score/method/model/term[@variant]``.

    Parameters
    ----------
    plan, outcome, score, method, model, term, variant : str
    slugs : Slugs
        Of the plan's columns.
    number : int
        Which of the terms that share a slug.
    """
    last = slugs.of_term(term) + (f"-{number}" if number > 1 else "")
    path = [slug(plan), slugs.of(outcome), slugs.of(score), *map(PLAIN.of, (method, model)), last]
    return "/".join(path) + (f"@{slug(variant)}" if variant else "")


def verdict_id(plan: str, outcome: str, score: str, slugs: Slugs = PLAIN) -> str:
    """Return the id of a verdict, ``plan/outcome/score``."""
    return "/".join([slug(plan), slugs.of(outcome), slugs.of(score)])


# --- what people write ----------------------------------------------------------------------------

ENCODED = re.compile(rb"[^a-z0-9_.-]")
"""Bytes that an id of schema 1 has percent-encoded."""


def encoded(text: str) -> str:
    """Return a part of an id as schema 1 wrote it.

    >>> encoded("Revenue 2013"), encoded("-"), encoded("")
    ('%52evenue%202013', '%2D', '-')
    """
    if text in ("", "-"):
        return "%2D" if text else "-"
    return ENCODED.sub(lambda byte: b"%%%02X" % ord(byte[0]), text.encode()).decode()


def split_field(text: str) -> tuple[str, str]:
    """Return an id and the field that is asked of it; "" where none is.

    >>> split_field("shops/revenue/klout#low"), split_field("shops/a#1/klout")
    (('shops/revenue/klout', 'low'), ('shops/a#1/klout', ''))
    """
    name, _, asked = text.rpartition("#")
    return (name, asked) if name and asked in FIELDS else (text, "")


def plain_path(row: Mapping[str, Any], plan: str) -> list[str]:
    """Return the parts of a ledger row's id as names; the last one is the variant, if any."""
    names = [plan, row.get("outcome") or "", row.get("score") or ""]
    if "verdict" in row:
        return [*names, ""]
    variant = unquote(str(row["id"]).rpartition("@")[2]) if "@" in str(row["id"]) else ""
    if "check" in row:
        return [*names, "check", "", row["check"], ""]
    return [*names, *(row.get(key) or "" for key in ("method", "model", "term")), variant]


def schema_1_id(row: Mapping[str, Any], plan: str) -> str:
    """Return the id that schema 1 gave to a row of a ledger."""
    *parts, variant = plain_path(row, plan)
    return "/".join(map(encoded, parts)) + (f"@{encoded(variant)}" if variant else "")


def plain_name(row: Mapping[str, Any], plan: str) -> str:
    """Return a row's id with the names of the study as they are."""
    *parts, variant = plain_path(row, plan)
    return "/".join(part or "-" for part in parts) + (f"@{variant}" if variant else "")


class Known:
    """The results of ledgers, and every way to write their ids.

    Parameters
    ----------
    ledgers : iterable of dict
        Of results that share an id, the one of the first ledger is known.
    """

    def __init__(self, ledgers: Iterable[Mapping[str, Any]]) -> None:
        self.rows: dict[str, Mapping[str, Any]] = {}
        self.ledger_of: dict[str, Mapping[str, Any]] = {}
        spelt: list[dict[str, set[str]]] = [{}, {}, {}, {}]
        for ledger in ledgers:
            plan = str(ledger["plan"]["name"])
            for row in [*ledger["verdicts"], *ledger["estimates"]]:
                name = row["id"]
                if name in self.rows:
                    continue
                self.rows[name], self.ledger_of[name] = row, ledger
                written = [name, schema_1_id(row, plan), plain_name(row, plan)]
                for text in written:
                    ways = (text, text.casefold(), loose(text))
                    for at, way in enumerate(ways, 1):
                        spelt[at].setdefault(way, set()).add(name)
        self._spelt = spelt

    def find(self, text: str) -> str:
        """Return the one id that a text means: itself, as schema 1 wrote it, with plain names, in
        whatever case; else "".
        """
        text = text.strip()
        if text in self.rows:
            return text
        ways = (text, text.casefold(), loose(text), loose(unquote(text)))
        for at, way in enumerate(ways):
            means = self._spelt[min(at + 1, 3)].get(way, set())
            if len(means) == 1:
                return next(iter(means))
        return ""

    def asked(self, text: str) -> tuple[str, str]:
        """Return the id and the field that a text means; ("", "") where it means none."""
        name, field = split_field(text.strip())
        exact = text in self.rows or len(self._spelt[1].get(text.strip(), ())) == 1
        if field and not exact and (found := self.find(name)):
            return found, field
        return self.find(text), ""

    def near(self, text: str, *, n: int = 4) -> list[str]:
        """Return the ids that a misspelt one may stand for, the nearest first."""
        text = unquote(split_field(text)[0])
        written = "/".join(slug(part) if part.strip("-") else "-" for part in text.split("/"))
        if text.count("/") == 2:  # a verdict: an estimate's id would be three parts longer
            verdicts = [name for name in self.rows if name.count("/") == 2]
            if found := difflib.get_close_matches(written, verdicts, n=n, cutoff=0.6):
                return found
        return difflib.get_close_matches(written, list(self.rows), n=n, cutoff=0.6)


def loose(text: str) -> str:
    """Return an id without what people write in different ways."""
    return slug(re.sub(r"[/@#]", " ", text))
