"""How `init` reads the data: as its options say, with words for no value proposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from analysis.data.dataset import Dataset, with_gaps
from analysis.errors import Fault, PlanError, printable, quoted
from analysis.plan.codebook import ReadingSection
from analysis.plan.files import key, value
from analysis.start.profile import Profiles, profiles

FLAGS = {"missing_values": "--missing"}
"""Options of `init` that have another name than their key."""

MARKS = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "bar": "|",
    "blank": " ",
    "space": " ",
}
"""What may be typed for a mark between cells."""


@dataclass(frozen=True)
class Stated:
    """What the draft's `[reading]` says.

    Attributes
    ----------
    section : ReadingSection
    proposed : dict of str to str
        The reason for each key that nobody gave.
    """

    section: ReadingSection
    proposed: Mapping[str, str]

    def lines(self) -> dict[str, tuple[str, str]]:
        """Return {key: (value as TOML has it, reason where it is a proposal)}."""
        said = self.section.model_dump(exclude_unset=True)
        return {
            name: (value(_plain(given)), self.proposed.get(name, ""))
            for name, given in said.items()
        }


def _plain(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {name: list(codes) for name, codes in given.items()}
    return list(given) if isinstance(given, tuple) else given


def stated_reading(missing: str | Iterable[str | float] = (), **keys: Any) -> ReadingSection:
    """Return what the options of `init` say of the file.

    Parameters
    ----------
    missing : str or list
        Words and numbers for no value; ``COLUMN=WORD`` where they are those of one column.
    **keys
        Keys of `[reading]`; what is None or empty was not given.

    Raises
    ------
    PlanError
        Naming each option at fault.
    """
    said = {name: given for name, given in keys.items() if given not in (None, "", (), [])}
    if isinstance(said.get("encoding"), (list, tuple)):
        several = tuple(part for given in said["encoding"] for part in str(given).split(","))
        said["encoding"] = several[0] if len(several) == 1 else several
    if "separator" in said:
        said["separator"] = MARKS.get(said["separator"], said["separator"])
    words = [missing] if isinstance(missing, (str, int, float)) else list(missing)
    if words:
        said["missing_values"] = _codes(words)
    try:
        return ReadingSection(**said)
    except ValidationError as error:
        raise PlanError("init", [_fault(problem, said) for problem in error.errors()]) from None


def _codes(words: list[Any]) -> Any:
    """Return words and numbers, by column where each says which."""
    pairs = [str(word).partition("=") for word in words]
    if not all(mark and column and code for column, mark, code in pairs):
        return tuple(map(_code, words))
    columns: dict[str, tuple[str | float, ...]] = {}
    for column, _, code in pairs:
        columns[column] = (*columns.get(column, ()), _code(code))
    return columns


def _code(word: Any) -> str | float:
    try:
        return float(word)
    except ValueError:
        return str(word)


def _fault(problem: Any, said: Mapping[str, Any]) -> Fault:
    name = str(next(iter(problem["loc"]), "")) or next(iter(said), "")
    allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    flag = FLAGS.get(name, f"--{name}")
    return Fault(flag, quoted(said.get(name, ""), limit=60), printable(allowed, limit=300))


def with_proposals(dataset: Dataset, section: ReadingSection) -> tuple[Dataset, Profiles, Stated]:
    """Return the data and what is seen of them, words among numbers that mean no value being gaps.

    Parameters
    ----------
    dataset : Dataset
        As it was read.
    section : ReadingSection
        What was stated for it.
    """
    seen = profiles(dataset)
    words = {name: column.absent for name, column in seen.items() if column.absent}
    if not words:
        return dataset, seen, Stated(section, {})
    known = section.missing_values or _of_codebook(dataset)
    if isinstance(known, Mapping) or not known:
        by_column = {name: tuple(codes) for name, codes in (known or {}).items()}
        merged: Any = by_column | {n: (*by_column.get(n, ()), *new) for n, new in words.items()}
    else:
        merged = tuple(dict.fromkeys([*known, *(word for new in words.values() for word in new)]))
    section = ReadingSection(**section.model_dump(exclude_unset=True) | {"missing_values": merged})
    notes = dataset.notes
    dataset = with_gaps(replace(dataset, notes=()), section)
    dataset = replace(dataset, notes=notes)
    shown = ", ".join(f"{key(name)}: {value(list(new))}" for name, new in words.items())
    reason = f"words among numbers that say that there is no value ({shown})"
    return dataset, profiles(dataset), Stated(section, {"missing_values": reason})


def _of_codebook(dataset: Dataset) -> Any:
    said = dataset.codebook.reading if dataset.codebook else None
    return said.missing_values if said else ()
