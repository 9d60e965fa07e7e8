"""Test statistics that an article prints: does the p-value beside each one follow from it?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.report.article.mentions import plain
from analysis.report.verification import Line

NUMBER = r"[-+]?\d*\.?\d+"
REPORTED = re.compile(
    rf"\b(?P<test>[tzrF]|chi-square|chi2|\u03c72|\u03c7\u00b2)\s*"
    rf"(?:\(\s*(?P<df>\d+(?:\.\d+)?)(?:\s*,\s*(?P<df2>\d+(?:\.\d+)?))?"
    rf"(?:,\s*[Nn]\s*=\s*[\d,]+)?\s*\))?"
    rf"\s*=\s*(?P<value>{NUMBER})\s*[,;]\s*p\s*(?P<sign>[<>=])\s*(?P<p>\d*\.\d+)"
)
"""A statistic as journals have it: t(23) = 2.50, p = .020."""
ONE_SIDED = re.compile(r"one[- ](?:sided|tailed)", re.IGNORECASE)


def statistics_in(text: str) -> Iterator[Line]:
    """Yield each test statistic of an article whose p-value does not follow from it.

    Parameters
    ----------
    text : str
        The article.

    Notes
    -----
    Statistic and p-value are taken as rounded: the p-value differs where no statistic that rounds
    to the printed one gives a p-value that rounds to the printed one, in a two-sided test, or in a
    one-sided one where the article speaks of one. As in Nuijten et al. (2016), "The prevalence of
    statistical reporting errors in psychology", doi:10.3758/s13428-015-0664-2.

    Examples
    --------
    >>> [line.status for line in statistics_in("t(23) = 2.50, p = .020. z = 1.00, p = .010")]
    ['differs']
    """
    sided = (1, 2) if ONE_SIDED.search(text) else (2,)
    for number, row in enumerate(text.split("\n"), 1):
        for match in REPORTED.finditer(plain(row)):
            least, most = _p_values(match)
            if least is None:
                continue
            if not any(_agrees(match, least * side / 2, most * side / 2) for side in sided):
                told = f"the p-value of this statistic is {least:.2g}"
                told += f" to {most:.2g}" if f"{least:.2g}" != f"{most:.2g}" else ""
                yield Line(match[0], "differs", told, number)


def _p_values(match: re.Match[str]) -> tuple[float, float] | tuple[None, None]:
    """Return the smallest and largest p-value of the statistics that round to the printed one."""
    from scipy import stats

    df, df2 = (float(match[key]) if match[key] else None for key in ("df", "df2"))
    half = 0.5 * 10.0 ** -len(match["value"].partition(".")[2])
    size = abs(float(match["value"]))
    ends = max(size - half, 0.0), size + half
    test = match["test"]
    if test == "z":
        tails = [2 * stats.norm.sf(end) for end in ends]
    elif test == "t" and df:
        tails = [2 * stats.t.sf(end, df) for end in ends]
    elif test == "r" and df and ends[1] < 1:
        tails = [2 * stats.t.sf(end * (df / (1 - end**2)) ** 0.5, df) for end in ends]
    elif test == "F" and df and df2:
        tails = [stats.f.sf(end, df, df2) for end in ends]
    elif test not in "tzrF" and df:
        tails = [stats.chi2.sf(end, df) for end in ends]
    else:
        return None, None
    return float(min(tails)), float(max(tails))


def _agrees(match: re.Match[str], least: float, most: float) -> bool:
    p, half = float(match["p"]), 0.5 * 10.0 ** -len(match["p"].partition(".")[2])
    if match["sign"] == "<":
        return least < p
    if match["sign"] == ">":
        return most > p
    return least <= p + half and most >= p - half
