"""Write data/raw/movies.csv from the films that come with bokeh-sampledata 2026.1.

    python data/extract_movies.py [--out data/raw/movies.csv]

The package carries a SQLite file, ``movies.db``, with one row per film in each of two tables,
``omdb`` and ``tomatoes``. This command joins them on ``ID`` and writes every film and a fixed
choice of columns, so that the same input gives the same bytes on any machine. Nothing is filtered,
repaired or filled in: which films enter an analysis is for a plan to say, where each exclusion is
counted. The codebook is ``data/raw/movies.toml``.

Only version 2026.1 will do. Its films come from Wikidata under CC0-1.0. The file of the same name
in earlier versions is another dataset, under a licence that forbids commercial use (CC-BY-NC-4.0).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.metadata
import importlib.util
import io
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

PACKAGE = "bokeh-sampledata"
VERSION = "2026.1"
# As the package records it for movies.db in its own licenses/datasets.json.
DATABASE_SHA256 = "1d9c6a02e488d0354b2309e16130c58820a91ac2ce417e814c5964f9579a65ac"
FILMS = 17_472
OUT = Path(__file__).resolve().parent / "raw" / "movies.csv"

COLUMNS = {
    "id": "omdb.ID",
    "imdb_id": "omdb.imdbID",
    "title": "omdb.Title",
    "year": "omdb.Year",
    "released": "omdb.Released",
    "director": "omdb.Director",
    "genre": "omdb.Genre",
    "runtime": "omdb.Runtime",
    "oscars": "omdb.Oscars",
    "tomatometer": "tomatoes.Meter",
    "critic_average": "tomatoes.Rating",
    "metacritic": "omdb.Metacritic",
    "reviews": "tomatoes.Reviews",
    "box_office": "tomatoes.BoxOffice",
}


class ExtractionError(RuntimeError):
    """The installed package is not the one that this file describes."""


def find_database() -> Path:
    """Return the path of movies.db, after checking the package's version and the file's SHA-256.

    Raises
    ------
    ExtractionError
        If the package is missing, of another version, or its file is not the published one.
    """
    how = f"Install it with: pip install {PACKAGE}=={VERSION}"
    try:
        installed = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise ExtractionError(f"{PACKAGE} is not installed. {how}") from None
    if installed != VERSION:
        raise ExtractionError(
            f"{PACKAGE} {installed} is installed, but the films come from {VERSION}. "
            f"Earlier versions hold a different dataset under a non-free licence. {how}"
        )
    spec = importlib.util.find_spec("bokeh_sampledata")
    if spec is None or spec.origin is None:
        raise ExtractionError(
            f"{PACKAGE} {installed} is listed as installed but cannot be found. {how}"
        )
    database = Path(spec.origin).parent / "_data" / "movies.db"
    if not database.is_file():
        raise ExtractionError(f"{PACKAGE} {installed} has no movies.db. {how}")
    found = hashlib.sha256(database.read_bytes()).hexdigest()
    if found != DATABASE_SHA256:
        raise ExtractionError(
            f"movies.db has the SHA-256 {found}, expected {DATABASE_SHA256}. {how}"
        )
    return database


def read_films(database: Path) -> list[tuple]:
    """Return one tuple per film in the order of ``COLUMNS``, sorted by IMDb id, then by the tables'
    id.
    """
    chosen = ", ".join(f'{source} AS "{name}"' for name, source in COLUMNS.items())
    query = f"SELECT {chosen} FROM omdb JOIN tomatoes ON omdb.ID = tomatoes.ID"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        films = connection.execute(query).fetchall()
    if len(films) != FILMS:
        raise ExtractionError(
            f"movies.db gives {len(films)} films after the join, expected {FILMS}"
        )
    # Two IMDb ids stand for two films each; without the second key their order would be the
    # engine's choice.
    identity = list(COLUMNS).index("imdb_id"), list(COLUMNS).index("id")
    return sorted(films, key=lambda film: tuple(film[position] for position in identity))


def format_value(value: object) -> str:
    """Return a value as text: nothing for a missing one, no decimals for a whole number.

    >>> format_value(None), format_value(90.0), format_value(7.2), format_value("Avatar")
    ('', '90', '7.2', 'Avatar')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def extract() -> bytes:
    """Return the bytes of movies.csv: UTF-8, lines ending in a line feed, a header and one line per
    film.
    """
    genre = list(COLUMNS).index("genre")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for film in read_films(find_database()):
        row = [format_value(value) for value in film]
        row[genre] = row[genre].split(", ")[0]
        writer.writerow(row)
    return text.getvalue().encode("utf-8")


def main() -> int:
    """Write the file and say what was written; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Write the films of bokeh-sampledata 2026.1 as a csv file."
    )
    parser.add_argument(
        "--out", type=Path, default=OUT, help="where to write (default: data/raw/movies.csv)"
    )
    out = parser.parse_args().out
    try:
        content = extract()
    except ExtractionError as error:
        print(f"extract_movies: {error}", file=sys.stderr)
        return 2
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(content)
    print(f"{out.name}: {FILMS} films, SHA-256 {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
