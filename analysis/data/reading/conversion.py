"""Numbers and dates as people write them: turned into values where the plan says so, recognised
where not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.data.reading.cells import holds_numbers, not_numbers, texts_of
from analysis.errors import Fault, listing, printable

if TYPE_CHECKING:
    from analysis.data.dataset import Dataset
    from analysis.plan import Plan
    from analysis.plan.codebook import ConversionSection

CODES = re.findall(
    r"[A-Z]{3}",
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
    GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD
    KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND
    VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG ATS BEF DEM ESP FIM FRF GRD HRK IEP ITL LUF NLG PTE
""",
)
"""Codes of currencies (ISO 4217), and those that the euro replaced. Other letters are a name:
ACC0001, BER 001.
"""

CURRENCY = rf"(?:[A-Z]{{0,3}}[$€£¥₹₩₽₺₴₪₫₱฿]|{'|'.join(CODES)})"
SUFFIXES = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9}
SUFFIX = r"k|mn?|bn?"


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written.

    Attributes
    ----------
    kind : {"plain", "money", "percent", "suffix"}
    decimal, thousands : str
        `thousands` may be empty: then no mark stands between thousands.
    """

    kind: str = "plain"
    decimal: str = "."
    thousands: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a cell looks like: groups `open`, `sign`, `before`, `number`, `suffix`, `after`."""
        point = re.escape(self.decimal)
        mark = (
            "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]"
            if self.thousands == " "
            else re.escape(self.thousands)
        )
        whole = rf"(?:\d{{1,3}}(?:{mark}\d{{3}})+|\d+)" if self.thousands else r"\d+"
        number = rf"(?P<number>{whole}(?:{point}\d*)?|{point}\d+)"
        if self.kind == "plain":
            return re.compile(rf"(?P<sign>[+-]?){number}(?P<power>[eE][+-]?\d{{1,3}})?", re.ASCII)
        if self.kind == "percent":
            return re.compile(rf"(?P<sign>[+-]?){number}\s*%", re.ASCII)
        suffix = rf"(?:\s?(?P<suffix>{SUFFIX}|{SUFFIX.upper()}))?"
        if self.kind == "suffix":
            return re.compile(rf"(?P<sign>[+-]?){number}{suffix}", re.ASCII)
        return re.compile(
            rf"(?P<open>\()?(?P<sign>[+-]?)(?P<before>{CURRENCY})?\s?(?P<sign2>[+-]?){number}{suffix}"
            rf"\s?(?P<after>{CURRENCY})?(?(open)\))",
            re.ASCII,
        )

    def number(self, text: str) -> float | None:
        """Return the number a cell holds, or None; "1.39%" is 1.39, "475.8m" 475,800,000, "($5)"
        -5.
        """
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        parts = found.groupdict(default="")
        signs = [bool(parts.get("open")), parts["sign"] == "-", parts.get("sign2") == "-"]
        if sum(signs) > 1 or (parts.get("before") and parts.get("after")):
            return None
        if parts.get("before", "").isalpha() and re.match(r"0\d", parts["number"]):
            return None  # TOP0001 counts things, and no money
        digits = re.sub(r"\s", "", parts["number"])
        digits = digits.replace(self.thousands, "") if self.thousands.strip() else digits
        value = float(digits.replace(self.decimal, ".") + parts.get("power", ""))
        value *= SUFFIXES.get(parts.get("suffix", "").lower(), 1.0)
        return -value if any(signs) else value

    def currency(self, text: str) -> str:
        found = self.pattern.fullmatch(text) if self.kind == "money" else None
        return (found["before"] or found["after"] or "") if found else ""


def written(section: ConversionSection, decimal: str) -> Written:
    """Return how a column is written: what the plan says of it, and the file's decimal mark.

    Thousands are marked in amounts, percentages and abbreviated numbers where their three digits
    leave no doubt; in plain numbers only where the plan names the mark.
    """
    point = section.decimal or (
        ("," if section.thousands == "." else ".") if section.thousands in (".", ",") else decimal
    )
    thousands = section.thousands
    if thousands is None:
        thousands = "" if section.number in (None, "plain") else "." if point == "," else ","
    return Written(section.number or "plain", point, thousands)


def convert(plan: Plan, dataset: Dataset, numeric: dict[str, bool], faults: list[Fault]) -> Dataset:
    """Return the dataset with numbers and dates where the plan or the file's decimal comma says how
    they are written.

    Parameters
    ----------
    plan : Plan
    dataset : Dataset
    numeric : dict of str to bool
        Columns that the plan uses as numbers; False where they may as well be text.
    faults : list of Fault
        Takes what cannot be converted, cell by cell.
    """
    columns: dict[str, pd.Series] = {}
    notes = []
    for name in [name for name in plan.columns if name not in dataset.converted]:
        raw, section = dataset.frame[name], plan.columns[name]
        if section.date is not None:
            columns[name] = _dates(raw, section.date, name, faults)
            notes.append(f"{printable(name)} as dates written {section.date}")
        else:
            form = written(section, dataset.decimal)
            columns[name] = _converted(raw, form, name, faults)
            notes.append(f"{printable(name)} as {describe(form)}")
    if dataset.decimal == ",":
        for name, always in numeric.items():
            raw = dataset.frame[name]
            if name not in columns and name not in dataset.converted and _has_marks(raw, always):
                columns[name] = _converted(raw, Written(decimal=","), name, faults)
    if not columns:
        return dataset
    converted = dataset.converted | set(columns)
    frame = dataset.frame.assign(**columns)
    return replace(dataset, frame=frame, notes=(*dataset.notes, *notes), converted=converted)


def _has_marks(raw: pd.Series, always: bool) -> bool:
    """Return whether cells of text have a point or comma; where they may be text, whether most are
    numbers at that.
    """
    if holds_numbers(raw):
        return False
    texts = texts_of(raw).dropna().astype(str)
    if not texts.str.contains("[.,]").any():
        return False
    return always or bool(texts.str.fullmatch(Written(decimal=",").pattern.pattern).mean() >= 0.5)


def describe(form: Written) -> str:
    """Return how numbers are written, in words.

    >>> describe(Written("money", ",", "."))
    'amounts of money with "," for decimals and "." between thousands'
    """
    kind = {
        "plain": "numbers",
        "money": "amounts of money",
        "percent": "percentages (1.5% is 1.5)",
        "suffix": "numbers with k, m or b for thousands, millions, billions",
    }[form.kind]
    marks = f' with "{form.decimal}" for decimals'
    return kind + marks + (f' and "{form.thousands}" between thousands' if form.thousands else "")


def _converted(raw: pd.Series, form: Written, name: str, faults: list[Fault]) -> pd.Series:
    """Return a column as float64; a cell that is not written that way is a fault."""
    place = f'column "{printable(name)}" ([columns])'
    if holds_numbers(raw):
        if form.kind == "percent":
            found, allowed = (
                "numbers without a % sign",
                "leave the column out of [columns]: it is numbers already",
            )
            faults.append(Fault(place, found, allowed))
        return raw
    texts = texts_of(raw)
    known = texts.notna()
    plain = pd.Series([isinstance(cell, (int, float, np.number)) for cell in raw], index=raw.index)
    if form.kind == "percent":
        plain[:] = False  # a spreadsheet's .0139 beside a text "1.39%"
    unique = {text: form.number(text) for text in texts[known & ~plain].unique()}
    values = pd.to_numeric(raw.where(plain & known), errors="coerce").astype(float)
    values = values.where(plain | ~known, texts.map(unique).astype(float))
    bad = values.isna() & known
    hint = (
        _hint(texts[bad].unique().tolist(), float(bad.sum() / max(known.sum(), 1)), name)
        if bad.any()
        else ""
    )
    not_numbers(raw, bad, place, faults, what="not so written", allowed=describe(form), hint=hint)
    if form.kind == "money":
        _one_currency(raw, texts, known & ~plain, form, place, faults)
    return values


def _hint(bad: list[str], share: float, name: str) -> str:
    """Return what could be done about cells that are not written as they should be; empty where
    nobody knows.
    """
    if (
        share < FEW_WORDS
        and len(bad) <= MOST_WORDS
        and not any(char.isdigit() for text in bad for char in text)
    ):
        return _is_no_value(bad)
    return recognised(bad, name)


def _is_no_value(words: list[str]) -> str:
    return (
        f"{listing([repr(printable(word, limit=20)) for word in words])} is no value: leave such"
        " cells empty"
    )


def _one_currency(
    raw: pd.Series,
    texts: pd.Series,
    known: pd.Series,
    form: Written,
    place: str,
    faults: list[Fault],
) -> None:
    """Refuse amounts in more than one currency: adding them up says nothing."""
    named = sorted({form.currency(text) for text in texts[known].unique()} - {""})
    if len(named) > 1:
        faults.append(
            Fault(place, f"{len(named)} currencies: {listing(named)}", "amounts in one currency")
        )


def _dates(raw: pd.Series, layout: str, name: str, faults: list[Fault]) -> pd.Series:
    """Return dates as "YYYY-MM-DD" (with the time of day where the layout has one), None where
    there is none.
    """
    texts = texts_of(raw)
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return texts
    parsed = pd.to_datetime(texts.astype(object), format=layout, errors="coerce", exact=True)
    bad = parsed.isna() & texts.notna()
    not_numbers(
        raw,
        bad,
        f'column "{printable(name)}" ([columns])',
        faults,
        what="no such date",
        allowed=f'dates written "{layout}"',
    )
    timed = any(code in layout for code in ("%H", "%I", "%S", "%T", "%X", "%c"))
    days = parsed.dt.strftime("%Y-%m-%dT%H:%M:%S" if timed else "%Y-%m-%d")
    return days.astype(object).where(parsed.notna(), None)


# --- cells that are recognised, and not converted -------------------------------------------------

RECOGNISED: tuple[tuple[str, Callable[[str], bool], str], ...]


def _is(kind: str, **marks: str) -> Callable[[str], bool]:
    form = Written(kind, **marks)
    return lambda text: form.number(text) is not None


RECOGNISED = (
    ("percentages", _is("percent", thousands=","), '{number = "percent"}'),
    (
        "percentages",
        _is("percent", decimal=",", thousands="."),
        '{number = "percent", decimal = ","}',
    ),
    (
        "numbers with k, m or b for thousands, millions, billions",
        _is("suffix", thousands=","),
        '{number = "suffix"}',
    ),
    ("amounts of money", _is("money", thousands=","), '{number = "money"}'),
    (
        "amounts of money",
        _is("money", decimal=",", thousands="."),
        '{number = "money", decimal = ","}',
    ),
)


MOST_WORDS, FEW_WORDS = 3, 0.1
"""So many different texts without a digit, in such a share of the cells, may stand for "no value"
among numbers.
"""


def split_words(texts: list[str]) -> tuple[list[str], list[str]]:
    """Return different cells with a digit, and the few without any, which seem to say that there is
    no value.

    >>> split_words(["1,5", "2,5", "n/d"]), split_words(["red", "blue"])
    ((['1,5', '2,5'], ['n/d']), (['red', 'blue'], []))
    """
    words = [text for text in texts if not any(char.isdigit() for char in text)]
    rest = [text for text in texts if any(char.isdigit() for char in text)]
    return (rest, words) if len(words) <= MOST_WORDS and len(words) < len(rest) else (texts, [])


def recognised(texts: list[Any], name: str) -> str:
    """Return what cells that are not numbers look like, and what the plan would say of them; empty
    if nothing known.

    >>> recognised(["$1,200", "$80"], "price")
    'They look like amounts of money: [columns] "price" = {number = "money"}'
    """
    cells, words = split_words([str(text) for text in texts])
    if words:
        known = recognised(cells, name)
        return f"{known}. And {_is_no_value(words)}" if known else _is_no_value(words)
    key = f'[columns] "{printable(name, limit=60)}" = '
    comma = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
    if cells and all(comma.fullmatch(cell) for cell in cells):
        return (
            f'A comma between thousands ({key}{{thousands = ","}}) or for decimals ({key}{{decimal'
            ' = ","})?'
        )
    if cells and all(Written(thousands=",").number(cell) is not None for cell in cells):
        return f'They have a comma between thousands: {key}{{thousands = ","}}'
    if cells and all(
        Written(decimal=",", thousands=".").number(cell) is not None for cell in cells
    ):
        return (
            f'They have a comma for decimals: {key}{{decimal = ","}}, or decimal = "," in [reading]'
            " for all"
        )
    for what, fits, said in RECOGNISED:
        if cells and all(fits(cell) for cell in cells):
            return f"They look like {what}: {key}{said}"
    return ""
