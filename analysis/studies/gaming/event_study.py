"""Event study of a state that is switched on and off: switchers against stayers, by period."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from analysis.errors import DesignError, Fault

FEWEST = 5
"""A comparison needs as many who switch, and as many who do not, over all periods."""
WORST = 1e10
"""Condition number of a covariance beyond which there are too few units for a joint test."""


@dataclass(frozen=True, eq=False)
class Panel:
    """A column of numbers laid out by unit and period.

    Attributes
    ----------
    values, states : ndarray, shape (units, periods)
        NaN where a unit was not seen; states are 0 and 1.
    """

    values: np.ndarray
    states: np.ndarray

    @classmethod
    def of(
        cls, values: np.ndarray, states: np.ndarray, unit: np.ndarray, time: np.ndarray
    ) -> Panel:
        """Lay out rows by their codes of unit and period.

        Raises
        ------
        DesignError
            When a unit has two rows of one period.
        """
        shape = (int(unit.max()) + 1, int(time.max()) + 1)
        if len(np.unique(unit * shape[1] + time)) < len(unit):
            raise DesignError(
                "the panel",
                Fault("rows", "two of one unit and period", "one row a unit and period"),
            )
        tables = np.full((2, *shape), np.nan)
        tables[:, unit, time] = values, states
        return cls(*tables)


@dataclass(frozen=True, eq=False)
class Change:
    """The difference between the changes of those who switch and of those who stay.

    Attributes
    ----------
    estimate : float
    influence : ndarray, shape (units,)
        Each unit's contribution; it sums to zero, and its squares sum to the variance.
    switchers, stayers : int
    before : float
        Mean of those who switch in the period they are compared with.
    """

    estimate: float
    influence: np.ndarray
    switchers: int
    stayers: int
    before: float

    @property
    def units(self) -> int:
        return int((self.influence != 0).sum())

    @property
    def df(self) -> float:
        """Degrees of freedom: one less than there are units, at least one."""
        return float(max(self.units - 1, 1))

    @property
    def std_error(self) -> float:
        return float(np.sqrt(covariance_of_changes((self,))[0, 0]))

    @property
    def turned(self) -> Change:
        """The same with its sign turned: of an offset, the effect of the state that ends."""
        return replace(self, estimate=-self.estimate, influence=-self.influence)


def change(
    panel: Panel, state: int, at: int = 0, *, base: int = 1, history: int = 1, free: int = 0
) -> Change | None:
    """Return the change of units that leave a state less that of units that stay (DID_M).

    Parameters
    ----------
    panel : Panel
    state : {0, 1}
        The state that is left: 0 for an onset, 1 for an offset.
    at : int
        Periods after the switch (negative: before it) at which the values are compared.
    base : int
        Periods before the switch with which they are compared: 1, or more where the switch is
        anticipated.
    history : int
        Periods before the switch in which both groups were in the state.
    free : int
        Periods after the comparison in which those who stay do not switch either, since they would
        anticipate it.

    Returns
    -------
    Change or None
        None with fewer than `FEWEST` in either group. Units enter with as many switches as they
        have.

    Notes
    -----
    With ``at=0, base=1, history=1, free=0`` this is one half (joiners, or leavers) of the DID_M
    estimator of de Chaisemartin & D'Haultfoeuille (2020, American Economic Review,
    doi:10.1257/aer.20181169): each period's switchers are compared with that period's stayers only,
    so no unit under treatment is a control of another.
    """
    values, here = panel.values, panel.states == state
    units, periods = values.shape
    back = max(history, base, -at)
    (gained, pull, switches), total_before, stayers = np.zeros((3, units)), 0.0, 0
    for t in range(back, periods - max(at, 0)):
        moved = values[:, t + at] - values[:, t - base]
        ready = here[:, t - back : t].all(axis=1) & np.isfinite(moved)
        leaves = ready & (panel.states[:, t] == 1 - state)
        stays = ready & here[:, t : t + max(at, 0) + free + 1].all(axis=1)
        if leaves.any() and stays.any():
            moved = moved - moved[stays].mean()
            gained += np.where(leaves, moved, 0.0)
            pull += np.where(stays, moved, 0.0) * leaves.sum() / stays.sum()
            switches += leaves
            total_before += values[leaves, t - base].sum()
            stayers += int(stays.sum())
    total = int(switches.sum())
    if total < FEWEST or stayers < FEWEST:
        return None
    estimate = float(gained.sum() / total)
    influence = (gained - estimate * switches - pull) / total
    return Change(estimate, influence, total, stayers, float(total_before / total))


Changes = dict[tuple[str, int], Change]
"""Changes by what begins or ends ("onset", "offset"), and periods after it."""


def changes_about(panel: Panel, clusters: np.ndarray, window: int, base: int) -> Changes:
    """Return the changes by period about the onset and from the offset on, where enough switch.

    Parameters
    ----------
    panel : Panel
    clusters : ndarray of int, shape (units,)
        By which the units' influence is summed.
    window : int
        Periods after a switch.
    base : int
        As in `change`.
    """
    leads = range(-base - max(window - 1, 1), 0)
    times = [("onset", at) for at in (*leads, *range(window + 1)) if at != -base]
    changes = {}
    for kind, at in [*times, *(("offset", at) for at in range(window + 1))]:
        moved = (
            change(panel, 0, at, base=base, history=max(window, base), free=base - 1)
            if kind == "onset"
            else change(panel, 1, at)
        )
        if moved is not None:
            pooled = np.bincount(clusters, moved.influence)
            changes[kind, at] = replace(moved, influence=pooled)
    return changes


def mean_effect(onset: Change | None, offset: Change | None) -> Change | None:
    """Return the mean effect over all switches, onsets and offsets with their sign turned."""
    if onset is None or offset is None:
        return onset if offset is None else offset.turned
    total = onset.switchers + offset.switchers
    share = onset.switchers / total
    return Change(
        share * onset.estimate - (1 - share) * offset.estimate,
        share * onset.influence - (1 - share) * offset.influence,
        total,
        onset.stayers + offset.stayers,
        share * onset.before + (1 - share) * offset.before,
    )


def covariance_of_changes(changes: tuple[Change, ...]) -> np.ndarray:
    """Return the covariance of several changes, clustered by unit: shape (len(changes),) twice."""
    influence = np.column_stack([moved.influence for moved in changes])
    units = int((influence != 0).any(axis=1).sum())
    return influence.T @ influence * (units / max(units - 1, 1))


@dataclass(frozen=True)
class Trend:
    """What the periods before the switch say: were both groups on the same path?

    Attributes
    ----------
    statistic, p_value : float
        Joint Wald test that no earlier period differs (chi-square).
    leads : int
    detectable : float
        The steady drift per period that this test would find with a power of .80.
    """

    statistic: float
    p_value: float
    leads: int
    detectable: float


def pre_trend(
    changes: dict[int, Change], base: int, *, size: float = 0.05, power: float = 0.80
) -> Trend | None:
    """Test the changes before the base period, and say how much drift the test would have found.

    None without such a change, or where too few units make them tell one from another.

    Parameters
    ----------
    changes : dict of int to Change
        By periods after the switch, all before ``-base``.
    base : int
        As in `change`.
    """
    leads = sorted(changes)
    if not leads:
        return None
    cov = covariance_of_changes(tuple(changes[lead] for lead in leads))
    estimates = np.array([changes[lead].estimate for lead in leads])
    if not (np.diag(cov) > 0).all() or np.linalg.cond(cov) > WORST:
        return None
    statistic = float(estimates @ np.linalg.solve(cov, estimates))
    line = np.array(leads, dtype=float) + base
    per_unit = float(line @ np.linalg.solve(cov, line))
    limit = scipy.stats.chi2.isf(size, len(leads))
    needed = scipy.optimize.brentq(
        lambda shift: scipy.stats.ncx2.sf(limit, len(leads), shift) - power, 1e-6, 500.0
    )
    return Trend(
        statistic,
        float(scipy.stats.chi2.sf(statistic, len(leads))),
        len(leads),
        float(np.sqrt(needed / per_unit)),
    )
