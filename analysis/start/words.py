"""Names of columns and what they are likely to mean: whole words and their likes, never parts of a
word by chance.
"""

from __future__ import annotations

import difflib
import re
import unicodedata


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

PERSONAL = _words("""
    name names firstname lastname surname forename fullname username nickname user handle mail email
    emails phone telephone tel mobile cell fax address street postcode zip zipcode plz birthday
    birthdate dob birth ssn iban passport ip contact person owner author customer client patient
    vorname nachname kunde kundin telefon adresse strasse geburtstag geburtsdatum nom prenom
    courriel rue nombre apellido correo direccion naam achternaam voornaam adres title titel notes
    note comment_text bio url website twitter instagram
""")
"""What may name or reach a person."""


def parts(name: str) -> list[str]:
    """Return the words of a column's name: split at signs and at capitals, folded, without accents.

    >>> parts("Klout-Score (Ø 2014)"), parts("avgRating")
    (['klout', 'score', 'o', '2014'], ['avg', 'rating'])
    """
    name = name.replace("ß", "ss").replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    name = (
        name.replace("Ä", "Ae")
        .replace("Ö", "Oe")
        .replace("Ü", "Ue")
        .replace("Ø", "O")
        .replace("ø", "o")
    )
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", plain[:200])
    return re.findall(r"[a-z]+|\d+", split.casefold())


def match(name: str, words: frozenset[str]) -> str:
    """Return the word that a name has, exactly or spelt nearly so; an empty string where it has
    none.
    """
    own = parts(name)
    for part in [*own, "".join(own)]:
        if part in words:
            return part
    for part in own:
        if len(part) >= 6:
            close = difflib.get_close_matches(part, words, n=1, cutoff=0.9)
            if close:
                return close[0]
    return ""
