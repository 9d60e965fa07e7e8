"""Numbers and dates as people write them, and how the cells of a column are recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from analysis.data.reading import dates
from analysis.data.reading.spans import duration, middle, open_amount
from analysis.plan.codebook import APOSTROPHES, SPACES
from analysis.plan.files import table

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
KINDS = {
    "plain": "numbers",
    "money": "amounts of money",
    "percent": "percentages",
    "suffix": "numbers with k, m or b for thousands, millions, billions",
    "duration": "durations (0:11:31 is 691 seconds)",
    "mm:ss": "minutes and seconds (11:31 is 691 seconds)",
    "hh:mm": "hours and minutes (1:30 is 5,400 seconds)",
    "range": "ranges (10 .. 20 is 15, the middle; 50+ is 50)",
    "open": "amounts open on one side (10,000+ is 10,000)",
}
"""What the cells of a column are, by how its numbers are written."""


TIMES = ("duration", "mm:ss", "hh:mm")
"""Kinds that are no amounts, and have no marks between thousands."""

WIDE = {" ": SPACES, "'": APOSTROPHES}
"""Marks between thousands that are written in several ways."""


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    decimal, thousands : str
        `thousands` may be empty: then no mark stands between thousands.
    """

    kind: str = "plain"
    decimal: str = "."
    thousands: str = ""

    def __str__(self) -> str:
        """Return how numbers are written, in words.

        >>> print(Written("money", ",", "."))
        amounts of money with "," for decimals and "." between thousands
        """
        if self.kind in TIMES:
            return self.what
        what = self.what + (" (1.5% is 1.5)" if self.kind == "percent" else "")
        between = f' and "{self.thousands}" between thousands' if self.thousands else ""
        return f'{what} with "{self.decimal}" for decimals{between}'

    @property
    def what(self) -> str:
        """What the cells are, such as ``amounts of money``."""
        return KINDS[self.kind]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a cell looks like: groups `open`, `sign`, `before`, `number`, `suffix`, `after`."""
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        first, sign = r"\d{1,3}", "[+-]?"
        if self.thousands in (" ", "'"):
            mark, first = f"[{re.escape(self.thousands)}{WIDE[self.thousands]}]", r"[1-9]\d{0,2}"
            sign = "-?"  # +49 123 456 is a telephone
        whole = rf"(?:{first}(?:{mark}\d{{3}})+|\d+)" if self.thousands else r"\d+"
        number = rf"(?P<number>{whole}(?:{point}\d*)?|{point}\d+)"
        suffix = rf"(?:\s?(?P<suffix>{SUFFIX}|{SUFFIX.upper()}))?"
        pattern = {
            "plain": rf"(?P<sign>{sign}){number}(?P<power>[eE][+-]?\d{{1,3}})?",
            "percent": rf"(?P<sign>{sign}){number}\s*%",
            "suffix": rf"(?P<sign>{sign}){number}{suffix}",
            "money": rf"(?P<open>\()?(?P<sign>{sign})(?P<before>{CURRENCY})?\s?(?P<sign2>{sign})"
            rf"{number}{suffix}\s?(?P<after>{CURRENCY})?(?(open)\))",
        }[self.kind]
        return re.compile(pattern, re.ASCII)

    def number(self, text: str) -> float | None:
        """Return the number a cell holds, or None; "475.8m" is 475,800,000, and "($5)" is -5."""
        if self.kind in TIMES:
            return duration(text, self.kind)
        if self.kind in ("range", "open"):
            amount = replace(self, kind="money").number
            return middle(text, amount) if self.kind == "range" else open_amount(text, amount)
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        parts = dict.fromkeys(("open", "sign2", "before", "after", "suffix", "power"), "")
        parts |= match.groupdict(default="")
        signs = [parts["open"], parts["sign"] == "-", parts["sign2"] == "-"]
        if sum(map(bool, signs)) > 1 or (parts["before"] and parts["after"]):
            return None
        if parts["before"].isalpha() and re.match(r"0\d", parts["number"]):
            return None  # TOP0001 counts things, and no money
        digits = re.sub(rf"[\s'{APOSTROPHES}]", "", parts["number"])
        digits = digits.replace(self.thousands, "") if self.thousands.strip() else digits
        value = float(digits.replace(self.decimal, ".") + parts["power"])
        value *= SUFFIXES.get(parts["suffix"].lower(), 1.0)
        return -value if any(signs) else value

    def numbers(self, texts: pd.Series) -> pd.Series | None:
        """Return the numbers that all cells hold, or None; few cells decide quickly against it."""
        if not self.fits(texts.iloc[:20]):
            return None
        unique = {text: self.number(text) for text in texts.unique()}
        return None if None in unique.values() else texts.map(unique).astype(float)

    def fits(self, texts: Iterable[str]) -> bool:
        """Return whether every cell is such a number."""
        return all(self.number(text) is not None for text in texts)

    def currency(self, text: str) -> str:
        match = self.pattern.fullmatch(text) if self.kind == "money" else None
        return (match["before"] or match["after"] or "") if match else ""

    def conversion(self, decimal: str = ".") -> str:
        """Return what `[columns]` says, in a file with this decimal mark."""
        if self.kind in TIMES:
            return table({"number": self.kind})
        plain, other = self.kind == "plain", self.decimal != decimal
        keys = {
            "number": "" if plain else self.kind,
            "decimal": self.decimal if other else "",
            "thousands": self.thousands if plain or self.thousands in WIDE else "",
        }
        return table({key: value for key, value in keys.items() if value})


PLAIN = (Written(thousands=","), Written(decimal=",", thousands="."))
MARKED = ((".", ","), (",", "."))
SPACED = ((",", " "), (".", "'"), (".", " "), (",", "'"))
AMOUNTS = ("percent", "suffix", "money")
FORMS = (
    *PLAIN,
    *(Written(k, *m) for k in AMOUNTS for m in MARKED),
    *(Written(k, *m) for k in ("plain", *AMOUNTS) for m in SPACED),
    Written("duration"),
    *(Written(k, *m) for k in ("open", "range") for m in MARKED),
)
"""How numbers are written that a model cannot take as they stand, the plainest first."""

MOST_RANGES = 100
"""A column with more different texts than this is none of ranges."""

EITHER = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
"""A comma with three digits behind it: between thousands or for decimals, no cell can tell."""

MOST_WORDS, FEW_WORDS = 6, 0.1
"""So many different texts without a digit, in such a share of cells, may mean "no value"."""

MARKS = "numbers with marks for thousands or decimals"
WORDED = "numbers, and a few words or dashes that stand for a missing value"
UNSURE = 'numbers with a comma between thousands or for decimals: "thousands" or "decimal" tells'


@dataclass(frozen=True)
class Form:
    """How the cells of a text column are written.

    Attributes
    ----------
    type : {"number", "date", "text"}
    words : str
        What the cells are, such as ``amounts of money``; empty where they can stay as they are.
    conversion : str
        What `[columns]` says of the column; empty where nothing is needed, or where the cells do
        not tell.
    numbers : Series of float or None
    missing : tuple of str
        Words among numbers that say that there is none.
    """

    type: str
    words: str = ""
    conversion: str = ""
    numbers: pd.Series | None = None
    missing: tuple[str, ...] = ()


NO_VALUE = re.compile(
    r"n\W?[ad]\W?|n\W?v\W?|[-‐–—]+|\.+|\?+|\*+|nan\s?%?|nil|none|null|missing|unknown|unbekannt"
    r"|k\W?\s?a\W?|keine angabe|inconnu|desconocido|sin dato|sconosciuto|onbekend|tb[ad]"
    r"|not? (?:available|applicable|known|reported|provided|data|answer|value)|[-—]?\s?%|#",
    re.IGNORECASE,
)
"""Words that say that there is no value, and nothing else."""


def form_of(texts: pd.Series, decimal: str) -> Form | None:
    """Return how the cells are written as numbers or dates, or None where they are neither.

    A few cells with words that say there is no value, such as ``n/d``, are left out: the numbers
    lack them.

    Parameters
    ----------
    texts : Series of str
        The known cells; not all of them plain numbers.
    decimal : {".", ","}
        The file's decimal mark: numbers with it need no conversion.
    """
    worded, words = ~texts.str.contains(r"\d"), ()
    if 0 < worded.mean() <= FEW_WORDS and texts[worded].nunique() <= MOST_WORDS:
        words, texts = tuple(texts[worded].unique()), texts[~worded]
    form = _number(texts, decimal, WORDED if words else MARKS) or _date(texts)
    if form is None or not all(map(NO_VALUE.fullmatch, words)):
        return form
    return replace(form, missing=words)


def _number(texts: pd.Series, decimal: str, beside: str) -> Form | None:
    """Return how the cells are written as numbers."""
    if decimal == ",":
        numbers = Written(decimal=",").numbers(texts)
        if numbers is not None:
            return Form("number", numbers=numbers)
    elif all_match(texts, EITHER.pattern):
        return Form("number", UNSURE)
    if all_match(texts, r"\d{1,3}:[0-5]\d"):
        return Form("number", 'times with two parts: number = "mm:ss" or "hh:mm" tells')
    for form in FORMS:
        if form.kind == "range" and texts.nunique() > MOST_RANGES:
            continue
        numbers = form.numbers(texts)
        if numbers is not None:
            marks = WIDE.get(form.thousands, "") + form.thousands
            marked = bool(marks) and texts.str.contains(f"[{re.escape(marks)}]").any()
            words = (MARKS if marked else beside) if form.kind == "plain" else form.what
            needed = marked or form.kind != "plain" or form.decimal != decimal
            return Form("number", words, form.conversion(decimal) if needed else "", numbers)
    return None


def all_match(texts: pd.Series, pattern: str) -> bool:
    """Return whether all texts have a pattern; few of them decide quickly against it."""
    return all(bool(some.str.fullmatch(pattern).all()) for some in (texts.iloc[:20], texts))


MOST_DATES = 2_000
"""Different texts that are looked at for days, evenly spaced."""


def _date(texts: pd.Series) -> Form | None:
    if all_match(texts, dates.STANDARD):
        return Form("date")
    unique = texts.drop_duplicates()
    if not unique.iloc[:20].str.contains(r"\d{2}").all():
        return None
    words, conversion = dates.conversion_of(unique.iloc[:: len(unique) // MOST_DATES + 1])
    return Form("date", words, conversion) if words else None
