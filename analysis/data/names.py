"""What the name of a column may mean: whole words and their likes, never parts of a word by
chance.
"""

from __future__ import annotations

import difflib
import re
import unicodedata

import pandas as pd


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


SCORE = _words("""
    score scores scoring rank ranking klout kred trustcloud tweepcred peerindex rating ratings rated
    grade stars tomatometer metacritic reputation influence prestige trust trustscore influencer
    bewertung punktzahl punktestand influencia influenza einfluss note cijfer waardering puntuacion
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

DAYS = _words("""
    date day datum dates timestamp created updated opened closed joined founded registered signup
    fecha data jour tag
""")
"""What says that numbers may be days that are counted."""

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


# --- whole numbers that name things ---------------------------------------------------------------

CODE = _words("""
    code codes district districts village villages county counties state states region regions zip
    zipcode postcode postal plz municipality parish ward precinct tract block fips sic naics isic
    nace nuts sector industry branch category class type segment zone territory province canton
    department commune bezirk gemeinde kreis dorf bundesland kanton postleitzahl branche kategorie
    filialnummer village_id district_id quartier secteur provincia municipio distrito comune
    provincie gemeente wijk occupation job ethnicity race religion language nationality school
    hospital ward clinic sex sexe gender geschlecht marriage marital familienstand categoria
""")
"""What says of whole numbers that they name things."""

MEASURE = _words("""
    size sizes age ages year years month months day days week weeks hour hours minute minutes
    second seconds time date duration distance km miles area sqm population income amount amounts
    cost costs budget share rate ratio percent pct mean average avg median min max sum total totals
    level levels length width height weight temperature experience exper tenure kids children
    household members employees staff rooms floors pages words items units quantity qty volume
    density growth change diff lag index alter jahr jahre monat tag groesse anzahl menge dauer
    wheels cylinders points
""")
"""What says of whole numbers that they measure or count."""

FEWEST_CODES = 8
"""Whole numbers from 0 or 1 on without a gap, so many or more, may be the numbers of things."""

ROWS_A_CODE = 5
"""Numbers of things come back in at least so many rows on average."""

EVEN = -0.4
"""Numbers of things are not rarer the farther they lie from the most frequent one: a rank
correlation above this."""


def why_code(name: str, numbers: pd.Series) -> str:
    """Return why the numbers of a column may name things; empty where they seem to measure.

    Parameters
    ----------
    name : str
    numbers : Series of float
        The known cells.

    Examples
    --------
    >>> why_code("district", pd.Series([4.0, 7.0, 4.0, 9.0]))
    'the name has "district"'
    """
    numbers = numbers.dropna()
    different = numbers.value_counts()
    whole = len(different) > 2 and bool((numbers % 1 == 0).all()) and numbers.min() >= 0
    if not whole or _measures(name):
        return ""
    word = next((part for part in parts(name) if part in CODE | GROUP | IDENTIFIER), "")
    if word:
        return f'the name has "{word}"'
    codes, counts = different.index.to_numpy(dtype=float), different.to_numpy()
    low, high = codes.min(), codes.max()
    in_a_row = low in (0.0, 1.0) and high - low + 1 == len(codes) >= FEWEST_CODES
    if not in_a_row or len(numbers) < ROWS_A_CODE * len(codes):
        return ""
    apart = pd.Series(abs(codes - codes[counts.argmax()]))
    if apart.corr(pd.Series(counts, dtype=float), method="spearman") <= EVEN:
        return ""
    return (
        f"{len(codes):,} whole numbers from {low:g} to {high:g} without a gap, spread as those of"
        " things are"
    )


def _measures(name: str) -> bool:
    """Return whether a name says that its numbers measure or count."""
    words = parts(name)
    counted = len(words) > 1 and (words[0] in COUNTS or "of" in words)
    return counted or bool(match(name, MEASURE | ENGAGEMENT | OUTCOME | SCORE))
