"""Creators with a declared truth: every causal effect is a parameter, and a table of truths comes
with the data.

>>> from analysis import simulate
>>> frame = simulate.creators(seed=7, n=100, effect=0.1)
>>> simulate.truths(seed=7, n=100, effect=0.1).query("term == 'klout'").truth.iloc[0]
np.float64(0.1)

A frame keeps where it comes from in ``frame.attrs["simulated"]``, its address. It survives pandas'
own operations, but not a file: `analysis.dataset` labels what is read by its address,
``simulated:creators?seed=7&effect=0.1``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan.codebook import Codebook
from analysis.simulate.columns import codebook_of
from analysis.simulate.draw import World, draw
from analysis.simulate.parameters import Parameters, read_parameters
from analysis.simulate.truths import truths_of

TABLES = ("creators", "panel")
"""What can be drawn: a row per creator, or a row per creator and month."""


def creators(**parameters: float) -> pd.DataFrame:
    """Return one row per creator: a quarter's activity, the score at its end, the next quarter's
    outcomes.

    Parameters
    ----------
    **parameters : float
        Fields of `Parameters`; those not given have their default.

    Raises
    ------
    DataError
        When a parameter is unknown or its value is not allowed.
    """
    return simulated("creators", parameters)


def panel(**parameters: float) -> pd.DataFrame:
    """Return one row per creator and month; otherwise as `creators`."""
    return simulated("panel", parameters)


def address(table: str, **parameters: float) -> str:
    """Return the address of a table, as a plan's `dataset` takes it:
    ``simulated:panel?seed=7&effect=0.1``.
    """
    return f"simulated:{_address(table, read_parameters(parameters, f'simulated:{table}'))}"


def truths(table: str = "creators", **parameters: float) -> pd.DataFrame:
    """Return what a method should find in this table: one row per estimand; see `truths_of`.

    `table` is "creators", "panel", or a whole address:
    ``truths("simulated:panel?seed=7&effect=0.1")``.
    """
    if table.startswith("simulated:"):
        return truths_of(_world(table.removeprefix("simulated:")))
    return truths_of(_world(_address(table, read_parameters(parameters, f"simulated:{table}"))))


def parameters_of(frame: pd.DataFrame) -> Parameters | None:
    """Return the parameters of a frame that was drawn, or None."""
    address = frame.attrs.get("simulated")
    return _world(str(address).removeprefix("simulated:")).parameters if address else None


def simulated(table: str, parameters: dict[str, Any]) -> pd.DataFrame:
    """Return a fresh copy of a table; its address stands in ``attrs["simulated"]``."""
    name = _address(table, read_parameters(parameters, f"simulated:{table}"))
    frame = _world(name).frame.copy()
    frame.attrs["simulated"] = f"simulated:{name}"
    return frame


def read_simulated(rest: str) -> tuple[pd.DataFrame, Codebook]:
    """Return the table and codebook behind what follows ``simulated:`` in an address.

    Raises
    ------
    DataError
        When there is no such table, or a parameter is unknown or not allowed.
    """
    world = _world(rest)
    return world.frame.copy(), codebook_of(
        world.parameters, f"simulated:{rest}", panel="month" in world.frame
    )


def _address(table: str, parameters: Parameters) -> str:
    """Return ``creators?effect=0.1&seed=7``: the parameters that differ from their default, and the
    seed.
    """
    given = {
        name: value
        for name, value in sorted(parameters.model_dump().items())
        if name == "seed" or value != Parameters.model_fields[name].default
    }
    return f"{table}?{urlencode(given)}"


@lru_cache(maxsize=4)
def _world(rest: str) -> World:
    """Draw the world behind an address without its scheme; the last four are kept."""
    table, _, query = rest.partition("?")
    if table not in TABLES:
        fault = Fault(
            "dataset",
            f'"{printable(table)}"',
            f"simulated: and one of {listing(TABLES)}, then ?name=value",
            did_you_mean(table, TABLES),
        )
        raise DataError(f"simulated:{rest}", [fault])
    return draw(read_parameters(query, f"simulated:{rest}"), panel=table == "panel")
