"""Who and what is cited: the analysis by its author, the data by their source, the software."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from analysis import __version__
from analysis.data.disclosure import plain_text
from analysis.errors import printable
from analysis.results.sentence import listed
from analysis.results.table import latex_escape

Part = Literal["analysis", "data", "software"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a result is made of, each cited for itself."""

SOFTWARE = "score-audit: does a score tell anything about money that engagement does not?"
DEVELOPERS, RELEASED = "The score-audit developers", "2026-11-23"
STATED = ("author", "date", "url", "doi")
"""What a plan may state of its study. What it does not state is left out, and said."""

Item = dict[str, Any]
Ledger = Mapping[str, Any]


def items_of(ledger: Ledger) -> dict[Part, Item]:
    """Return analysis, data and software as CSL-JSON items, in this order.

    Parameters
    ----------
    ledger : mapping
        Author, title, date, URL and DOI of the analysis are the plan's, title and source of the
        data the codebook's; none is made up.
    """
    plan, data = ledger["plan"], ledger["dataset"]
    drawn = "simulated data; " if data.get("simulated") else ""
    hashes = f"plan {plan['sha256']}; data {data['sha256']}"
    rows = f"{data['rows_used']} rows used" if "rows_used" in data else ""
    analysis = {
        "id": f"score-audit-{plan['name']}",
        "type": "report",
        "title": plan.get("title") or plan["question"],
        **_names(plan.get("author")),
        **_issued(plan.get("date")),
        **({"URL": plan["url"]} if plan.get("url") else {}),
        **({"DOI": plan["doi"]} if plan.get("doi") else {}),
        "note": "; ".join(filter(None, [f"{drawn}{hashes}", rows, _digest(ledger)])),
    }
    source = [data.get("source", ""), data.get("licence", ""), f"address {data.get('address')}"]
    of_data = {
        "id": f"{plan['name']}-data",
        "type": "dataset",
        "title": data.get("title") or str(data.get("address")),
        "note": "; ".join(filter(None, [drawn.rstrip("; "), *source, f"SHA-256 {data['sha256']}"])),
    }
    software = {
        "id": "score-audit",
        "type": "software",
        "title": SOFTWARE,
        "author": [{"literal": DEVELOPERS}],
        "version": __version__,
        **_issued(RELEASED),
    }
    return {"analysis": analysis, "data": of_data, "software": software}


def unstated(ledger: Ledger) -> str:
    """Return a sentence on what the plan does not state of its study; "" where it states all."""
    left_out = [key for key in STATED if not ledger["plan"].get(key)]
    if not left_out:
        return ""
    return f"The plan does not state {listed(left_out)}: left out, and nothing put in its place."


def _digest(ledger: Ledger) -> str:
    return f"ledger {ledger['digest'][:12]}" if ledger.get("digest") else ""


def _names(author: str | Sequence[str] | None) -> Item:
    """Return the authors; a name with a comma is a person's, family name first, any other is kept
    whole.
    """
    names = [author] if isinstance(author, str) else list(author or ())
    people: list[dict[str, str]] = []
    for name in names:
        family, comma, given = name.partition(",")
        known = comma and family.strip() and given.strip()
        people.append(
            {"family": family.strip(), "given": given.strip()} if known else {"literal": name}
        )
    return {"author": people} if people else {}


def _issued(date: object) -> Item:
    if not date:
        return {}
    try:
        day = datetime.date.fromisoformat(str(date))
    except ValueError:
        return {"issued": {"literal": str(date)}}
    return {"issued": {"date-parts": [[day.year, day.month, day.day]]}}


# --- formats --------------------------------------------------------------------------------------


def csl(ledger: Ledger, parts: Sequence[Part] = PARTS) -> str:
    """Return CSL-JSON, a list of items; Zotero and pandoc read it."""
    items = [items_of(ledger)[part] for part in parts]
    return plain_text(json.dumps(items, indent=1, ensure_ascii=False)) + "\n"


def bibtex(ledger: Ledger, parts: Sequence[Part] = PARTS) -> str:
    """Return BibTeX entries; nothing of a title or a source acts as LaTeX."""
    return "\n".join(_bibtex_entry(items_of(ledger)[part]) for part in parts)


def _bibtex_entry(item: Item) -> str:
    fields = {
        "title": _bib_escape(item["title"]),
        "author": " and ".join(map(_bibtex_name, item.get("author", ()))),
        "year": _year(item),
        "date": _date(item),
        "version": item.get("version", ""),
        "url": _bib_escape(item.get("URL", "")),
        "doi": _bib_escape(item.get("DOI", "")),
        "note": _bib_escape(item.get("note", "")),
    }
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{item['id']},\n{body}\n}}\n"


def _bibtex_name(name: Mapping[str, str]) -> str:
    if "literal" in name:  # braces keep it one name
        return f"{{{_bib_escape(name['literal'])}}}"
    return f"{_bib_escape(name['family'])}, {_bib_escape(name['given'])}"


def _bib_escape(value: str) -> str:
    return latex_escape(printable(" ".join(str(value).split()), limit=2000))


def _date(item: Item) -> str:
    parts = item.get("issued", {}).get("date-parts")
    return "-".join(f"{number:02d}" for number in parts[0]) if parts else ""


def _year(item: Item) -> str:
    return _date(item)[:4] or item.get("issued", {}).get("literal", "")


RIS_TYPES = {"report": "RPRT", "dataset": "DATA", "software": "COMP"}


def ris(ledger: Ledger, parts: Sequence[Part] = PARTS) -> str:
    """Return RIS records, for reference managers."""
    return "\n".join(_ris_record(items_of(ledger)[part]) for part in parts)


def _ris_record(item: Item) -> str:
    names = [
        name.get("literal") or f"{name['family']}, {name['given']}"
        for name in item.get("author", ())
    ]
    tags = [
        ("TY", RIS_TYPES[item["type"]]),
        ("ID", item["id"]),
        ("TI", item["title"]),
        *(("AU", name) for name in names),
        ("PY", _year(item)),
        ("DA", _date(item).replace("-", "/")),
        ("ET", item.get("version", "")),
        ("UR", item.get("URL", "")),
        ("DO", item.get("DOI", "")),
        ("N1", item.get("note", "")),
    ]
    lines = [
        f"{tag}  - {printable(' '.join(str(value).split()), limit=2000)}"
        for tag, value in tags
        if value
    ]
    return "\n".join([*lines, "ER  - "]) + "\n"
