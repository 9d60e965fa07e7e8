"""`ro-crate-metadata.json`: a result folder described as an RO-Crate, behind the extra `crate`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from analysis.data.disclosure import plain_text
from analysis.errors import OutputError
from analysis.report.citation.references import DEVELOPERS, items_of
from analysis.report.ledger import UNSEALED, sha256_of
from analysis.report.replication.exhibits import Exhibit
from analysis.results.findings import SIMULATED

VERSION = "1.2"
"""Of the RO-Crate specification."""

CRATE = "ro-crate-metadata.json"

FORMATS = {
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".typ": "text/plain",
    ".yml": "application/yaml",
    ".bib": "application/x-bibtex",
    ".ris": "application/x-research-info-systems",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
"""Media types by ending: those of the system may differ between two machines."""


def library_version() -> str | None:
    """Return the version of the library that writes crates; None where it is not installed."""
    import importlib.metadata

    try:
        return importlib.metadata.version("rocrate")
    except importlib.metadata.PackageNotFoundError:
        return None


def require_library() -> str:
    """Return the version of the library that writes crates.

    Raises
    ------
    OutputError
        Where the extra `crate` is not installed.
    """
    version = library_version()
    if version is None:
        allowed = "the extra: pip install 'score-audit[crate]'"
        raise OutputError("run", "--crate", "the package rocrate is not installed", allowed)
    return version


def crate_json(
    record: Mapping[str, Any], folder: Path, exhibits: list[Exhibit], command: str
) -> str:
    """Return the metadata of a folder as an RO-Crate, in JSON-LD.

    Parameters
    ----------
    record : mapping
        The ledger.
    folder : Path
        With every file but the ledger and the crate itself.
    exhibits : list of Exhibit
        Every file of the folder, with what it shows.
    command : str
        What makes the folder.

    Notes
    -----
    RO-Crate Metadata Specification 1.2, https://w3id.org/ro/crate/1.2. The date of publication is
    the plan's where it states one, and else that of the run. What neither plan nor codebook states
    is left out.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=VERSION)
    for name, value in _root(record).items():
        crate.root_dataset[name] = value
    shown = {name: one.shows for one in exhibits for name in one.files if one.shows}
    names = sorted({name for one in exhibits for name in one.files} - {CRATE})
    files = [
        crate.add_file(dest_path=name, properties=_file(name, folder, shown.get(name, "")))
        for name in names
    ]
    about = dict(_contextual(record, command))
    entities = {
        key: crate.add(ContextEntity(crate, key, properties=properties))
        for key, properties in about.items()
    }
    run = entities["#run"]
    run["instrument"] = entities["#score-audit"]
    run["object"] = [entities["#plan"], entities["#data"]]
    run["result"] = files
    crate.root_dataset["mentions"] = run
    if authors := [entity for key, entity in entities.items() if key.startswith("#author")]:
        crate.root_dataset["author"] = authors
    graph = crate.metadata.generate()
    return plain_text(json.dumps(graph, indent=1, ensure_ascii=False)) + "\n"


def _root(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of the folder as a whole."""
    plan, data = record["plan"], record["dataset"]
    found = [f"{verdict['headline']}." for verdict in record["verdicts"]]
    drawn = [SIMULATED] if data.get("simulated") else []
    of_data = data.get("licence") or "not stated"
    licence = f"The plan states none for these results. Of the data: {of_data}."
    said = {
        "name": plan.get("title") or plan["question"],
        "description": " ".join([*drawn, *found]),
        "datePublished": plan.get("date") or record["environment"]["created"],
        "license": licence,
        "identifier": f"https://doi.org/{plan['doi']}" if plan.get("doi") else "",
        "url": plan.get("url", ""),
    }
    return {key: value for key, value in said.items() if value}


def _file(name: str, folder: Path, shows: str) -> dict[str, Any]:
    """Return what is said of a file; of one whose hash the ledger lacks, neither hash nor size."""
    said: dict[str, Any] = {"name": shows or name}
    if kind := FORMATS.get(PurePosixPath(name).suffix):
        said["encodingFormat"] = kind
    path = folder / name
    if name not in UNSEALED and path.is_file():
        said |= {"contentSize": str(path.stat().st_size), "sha256": sha256_of(path)}
    return said


def _contextual(record: Mapping[str, Any], command: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (id, properties) of what is no file: run, software, plan, data, authors."""
    plan, data, environment = record["plan"], record["dataset"], record["environment"]
    packages = dict(environment.get("packages") or {})
    software = {
        "@type": "SoftwareApplication",
        "name": "score-audit",
        "author": DEVELOPERS,
        "softwareVersion": packages.pop("score-audit", None),
        "softwareRequirements": [
            f"Python {environment['python']}",
            *(f"{name} {version}" for name, version in packages.items() if version),
        ],
    }
    yield "#score-audit", {key: value for key, value in software.items() if value}
    yield (
        "#plan",
        {
            "@type": "CreativeWork",
            "name": f"Analysis plan {plan['name']}",
            "abstract": plan["question"],
            "identifier": f"SHA-256 {plan['sha256']}",
        },
    )
    source = {
        "@type": "CreativeWork",
        "name": data.get("title") or str(data["address"]),
        "description": data.get("source", ""),
        "license": data.get("licence", ""),
        "identifier": f"SHA-256 {data['sha256']}",
    }
    yield "#data", {key: value for key, value in source.items() if value}
    yield (
        "#run",
        {
            "@type": "CreateAction",
            "name": command,
            "description": f"Ledger digest {record['digest']}",
            "endTime": environment["created"],
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    for number, name in enumerate(items_of(record)["analysis"].get("author", ()), 1):
        yield f"#author-{number}", _author(name)


def _author(name: Mapping[str, str]) -> dict[str, str]:
    """Return an author: a person where the plan says which name is the family's; of any other name
    it is not said whether it is one.
    """
    if "literal" in name:
        return {"@type": "Thing", "name": name["literal"]}
    family, given = name["family"], name["given"]
    named = {"name": f"{given} {family}", "familyName": family, "givenName": given}
    return {"@type": "Person", **named}
