"""What a column looks like: what its name may mean, its type, range, gaps, and who may see it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass, replace

import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import holds_numbers, texts_of
from analysis.data.reading.written import Form, form_of
from analysis.errors import quoted

# --- names: whole words and their likes, never parts of a word by chance --------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


SCORE = _words("""
    score scores scoring rank ranking klout kred trustcloud peerindex rating ratings rated grade
    stars tomatometer metacritic reputation influence prestige trust trustscore influencer bewertung
    punktzahl punktestand influencia influenza einfluss note cijfer waardering puntuacion
    calificacion valoracion punteggio voto pontuacao betyg
""")
"""Composites that somebody hands out."""

ENGAGEMENT = _words("""
    engagement likes like comments comment replies reply shares retweets reposts mentions followers
    follower following subscribers fans views view visits visit clicks click impressions reach
    reviews posts tweets downloads bids votes upvotes favorites favourites bookmarks reactions
    sessions pageviews plays kommentare beitraege besuche aufrufe klicks abonnenten reaktionen vues
    visites commentaires abonnes avis clics partages visitas comentarios seguidores megusta jaime
    gefaelltmir reacties volgers bezoeken weergaven visualizzazioni commenti
""")
"""What anyone can see people do."""

OUTCOME = _words("""
    revenue revenues sales sale turnover takings income earnings profit profits price paid spend
    spending orders order purchases purchase purchased bought referrals referral referred
    conversions conversion converted leads default defaulted churn churned renewed renewal salary
    wage bookings donations tips gross umsatz erloes gewinn einnahmen bestellungen verkaeufe
    empfehlungen preis gehalt chiffre recettes ventes commandes prix salaire ingresos ventas pedidos
    precio omzet verkopen bestellingen prijs fatturato ricavi vendite ordini
""")
"""What pays: never proposed as anything else, and never chosen for anybody."""

IDENTIFIER = _words("""
    id ids key uuid guid code sku nr rowid index identifier kundennummer konto kontonummer account
    accountid customerid userid shopid
""")
"""What names a row."""

GROUP = _words("""
    agency team company firm brand store branch region country city district school director seller
    author owner cluster group panel household agentur firma filiale land stadt gruppe verkaeufer
    agence societe pays ville magasin pais ciudad tienda bedrijf winkel
""")
"""What rows may belong to together."""

COUNTS = _words("count counts number anzahl nombre aantal num n")
"""What says that a name is that of a count, such as "number of ratings"."""

PERSONAL = _words("""
    name names firstname lastname surname forename fullname username nickname user handle mail email
    emails phone telephone tel mobile cell fax address street postcode zip zipcode plz birthday
    birthdate dob birth ssn iban passport ip contact person owner author customer client patient
    vorname nachname kunde kundin telefon adresse strasse geburtstag geburtsdatum nom prenom
    courriel rue nombre apellido correo direccion naam achternaam voornaam adres title titel notes
    note comment_text bio url website twitter instagram
""")
"""What may name or reach a person."""


SPELT = str.maketrans(
    dict(zip("ßäöüÄÖÜØø", ("ss", "ae", "oe", "ue", "Ae", "Oe", "Ue", "O", "o"), strict=True))
)


def parts(name: str) -> list[str]:
    """Return the words of a name: split at signs and capitals, folded, without accents.

    >>> parts("Klout-Score (Ø 2014)"), parts("avgRating")
    (['klout', 'score', 'o', '2014'], ['avg', 'rating'])
    """
    name = name.translate(SPELT)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", plain[:200])
    return re.findall(r"[a-z]+|\d+", split.casefold())


def match(name: str, words: frozenset[str]) -> str:
    """Return the word that a name has, exactly or nearly so; an empty string where it has none."""
    spelt = parts(name)
    exact = (part for part in [*spelt, "".join(spelt)] if part in words)
    long = (part for part in spelt if len(part) >= 6)
    near = (difflib.get_close_matches(part, words, n=1, cutoff=0.9) for part in long)
    return next(exact, "") or next((close[0] for close in near if close), "")


# --- cells ----------------------------------------------------------------------------------------

LOOKED_AT = 20_000
"""Cells of a text column that are looked at for addresses of people, evenly spaced."""

MOST = 0.9
"""Share of the known cells that are numbers in a column of numbers; the others are told as odd."""

FEW_LEVELS = 30
"""A text column of at most so many different values is a category."""

YES = frozenset({"yes", "y", "true", "ja", "oui", "si", "sí", "sim"})
PAIRS = (
    {"no", "yes"},
    {"n", "y"},
    {"false", "true"},
    {"nein", "ja"},
    {"nee", "ja"},
    {"non", "oui"},
    {"no", "si"},
    {"no", "sí"},
    {"nej", "ja"},
    {"não", "sim"},
)
"""Words of which everybody knows which is 0 and which is 1."""

CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|https?://.*|www\..*|@\w+|\+?\d[\d ()/-]{8,}\d")
"""Addresses of people: e-mail, web, handles, telephone numbers."""


@dataclass(frozen=True)
class Profile:
    """What is seen of one column.

    Attributes
    ----------
    name : str
    type : str
        As a codebook has it: text, category, integer, number, date or binary.
    form : str
        How the cells are written, where they need a conversion, such as ``amounts of money``; empty
        otherwise.
    conversion : str
        What `[columns]` says to have them converted; empty where nothing is needed or the cells do
        not tell.
    known, missing : int
        Cells with and without a value.
    odd : int
        Known cells that are no numbers, in a column of numbers.
    distinct : int
        Different values.
    low, high, median : float or None
        Of the numbers.
    levels : tuple of str
        Of a binary text column: what counts as 0, what counts as 1.
    personal : str
        Why values are not shown, such as ``the name has "mail"``; empty where they may be.
    examples : tuple of str
        At most three values; none of a personal or free text column.
    """

    name: str
    type: str
    form: str
    conversion: str
    known: int
    missing: int
    odd: int
    distinct: int
    low: float | None
    high: float | None
    median: float | None
    levels: tuple[str, ...]
    personal: str
    examples: tuple[str, ...]

    @property
    def numeric(self) -> bool:
        """Whether a model can take the column, as it stands or converted."""
        known = self.known > 0 and not self.odd and (self.conversion or not self.form)
        return self.type in ("integer", "number", "binary") and bool(known)

    @property
    def constant(self) -> bool:
        return self.distinct < 2

    @property
    def unique(self) -> bool:
        """Whether every row has a value, and no two rows the same."""
        return self.missing == 0 and self.distinct == self.known > 1

    def evidence(self, *, examples: bool = True) -> str:
        """Return what was seen: type, range, gaps and, where they may be shown, three values."""
        if self.known == 0:
            return "no value in any row"
        parts = [WHAT.get(self.type, f"{self.type} of {self.distinct:,} different values")]
        if self.form:
            parts = [f"text: {self.form}"]
        if self.low is not None and self.high is not None:
            parts.append(f"{self.low:,.6g} to {self.high:,.6g}")
        share = self.missing / (self.known + self.missing)
        percent = f"{100 * share:.0f}" if 0.01 <= share < 0.995 else f"{100 * share:.3g}"
        parts.append(f"{percent} % missing" if self.missing else "none missing")
        if self.odd:
            are = "is no number" if self.odd == 1 else "are no numbers"
            parts.append(f"{self.odd:,} of the cells {are}")
        if self.personal:
            parts.append(f"values not shown ({self.personal})")
        elif self.examples and examples:
            parts.append("such as " + ", ".join(self.examples))
        return "; ".join(parts)


WHAT = {
    "integer": "whole numbers",
    "number": "numbers",
    "binary": "two values",
    "date": "dates",
}
"""How evidence calls the types."""

Profiles = dict[str, Profile]


def profiles(dataset: Dataset) -> Profiles:
    """Return what is seen of every column, in their order."""
    frame = dataset.frame
    return {name: _profile(str(name), frame[name], dataset.decimal) for name in frame}


def _profile(name: str, raw: pd.Series, decimal: str) -> Profile:
    cells = raw.dropna() if holds_numbers(raw) else texts_of(raw).dropna()
    plain = cells if holds_numbers(cells) else cells.astype(object)  # read in half the time
    numbers = pd.to_numeric(plain, errors="coerce").astype(float)
    kind, form, levels = _kind(name, cells, numbers[numbers.abs() < float("inf")], decimal)
    numbers = form.numbers
    counted = kind in ("integer", "number", "binary") and not levels and len(numbers) > 0
    personal = _why_personal(name, kind, cells)
    hidden = personal or kind == "text" or (kind == "date" and not form.words)
    if counted and not form.words:
        shown = [f"{value:,.6g}" for value in numbers.drop_duplicates().iloc[:3]]
    else:
        values = cells.drop_duplicates().iloc[:3]
        shown = [quoted(value, limit=24) for value in values]
    return Profile(
        name,
        kind,
        form.words,
        form.conversion,
        known=len(cells),
        missing=len(raw) - len(cells),
        odd=len(cells) - len(numbers) if counted else 0,
        distinct=int(cells.nunique()),
        low=float(numbers.min()) if counted else None,
        high=float(numbers.max()) if counted else None,
        median=float(numbers.median()) if counted else None,
        levels=levels,
        personal=personal,
        examples=() if hidden else tuple(shown),
    )


def _kind(
    name: str, cells: pd.Series, numbers: pd.Series, decimal: str
) -> tuple[str, Form, tuple[str, ...]]:
    """Return the type of a column, the form of its cells with the numbers in them, and levels."""
    as_read = Form("text", numbers=numbers)
    text = not holds_numbers(cells) and len(cells) > 0
    zeros = text and cells.str.fullmatch(r"0\d+").any()  # 007 is a name and no number
    coded = text and cells.str.fullmatch(r"[A-Za-z]+[ _-]?\d+").any()  # as is EUR12 of an id
    named = zeros or (coded and bool(match(name, IDENTIFIER)))
    pointed = text and decimal == "," and cells.str.contains(".", regex=False).any()
    form = form_of(cells, decimal) if text and (len(numbers) < len(cells) or pointed) else None
    if form is not None and form.type == "date":
        return "date", replace(form, numbers=numbers), ()
    if form is not None and not named:
        form = form if form.numbers is not None else replace(form, numbers=numbers[:0])
        return "number" if form.words else _number_type(form.numbers, len(cells)), form, ()
    if len(cells) and len(numbers) >= MOST * len(cells) and not named:
        return _number_type(numbers, len(cells)), as_read, ()
    values = cells.map(str).unique()
    if len(values) == 2 and {value.casefold() for value in values} in PAIRS:
        levels = sorted(sorted(values), key=lambda value: value.casefold() in YES)
        return "binary", as_read, tuple(levels)
    few = len(values) <= FEW_LEVELS and 2 * len(values) <= len(cells)
    return "category" if few and len(cells) else "text", as_read, ()


def _number_type(numbers: pd.Series, cells: int) -> str:
    if len(numbers) == cells and set(numbers.unique()) == {0.0, 1.0}:
        return "binary"
    return "integer" if bool((numbers % 1 == 0).all()) else "number"


def _why_personal(name: str, kind: str, cells: pd.Series) -> str:
    """Return why a column may be about a person; numbers are so by name only."""
    word = match(name, PERSONAL)
    if word:
        return f'the name has "{word}"'
    if kind in ("text", "category") and len(cells):
        texts = cells.iloc[:: len(cells) // LOOKED_AT + 1].map(str)
        if texts.str.fullmatch(CONTACT).mean() > 0.05:
            return "cells look like addresses of people"
    return ""
