"""score-audit: does a score tell you anything about money that the engagement you can already see
does not?

A *score* is a number that somebody sells: Klout, a seller's reputation, a critic's rating.
*Engagement* is what anybody can see people do. The *outcome* is what pays. An audit is a regression
of the outcome on the score with engagement held constant, and a verdict by a rule that is written
down before the data are seen: `adds`, `trivial`, `nothing`, `inconclusive` or `refused`.

An audit of a data frame needs no file; one of a plan in `plans/` takes its name.

>>> import analysis as sa
>>> people = sa.simulate.creators(seed=7, n=500, effect=0.3)
>>> audit = sa.audit(people, score="klout", engagement="likes", outcome="referrals", kind="count",
...                  sesoi=0.05, transform="log1p", quick=True)
>>> audit.verdict_on().verdict
'adds'

What one then asks, in a notebook:

    audit                          verdict, figure, table, and what failed
    audit.verdicts                 a data frame; also audit.estimates and audit.checks
    audit.sentence()               the verdict as it can be printed
    audit.plot("relation")         a matplotlib figure; kinds: effect, data, relation, curve ...
    audit.fit().summary()          the regression as statsmodels has it
    audit["segments"]              one study: its rows, checks, sentences and figures
    audit.plan.save("people.toml") the plan as a file, for `score-audit run people.toml`
    audit.export("results/people") report, ledger, tables and figures
    audit.cite()                   how the result is cited

Before and after:

    sa.init("shops.csv")           draft a plan and a codebook for a file
    sa.check(plan)                 what would be analysed, and what is wrong
    sa.power(plan)                 what the plan could show, before any data
    sa.compare({"a": one, "b": other})   audits side by side
    sa.verify("results/people")    whether a result can be computed again
    sa.cite("people/sales/klout")  a result of an earlier run
    sa.read_plan, sa.Plan          plans as objects
    sa.score, sa.scores            scores in the vendors' style, and their cards
    sa.simulate                    worlds whose truth is declared
    sa.AnalysisError               what a user can put right
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.2.0"

_PUBLIC = {
    "AnalysisError": "analysis.errors",
    "Audit": "analysis.report.views",
    "Plan": "analysis.plan",
    "check": "analysis.audit",
    "cite": "analysis.report.citation.cite",
    "compare": "analysis.report.views",
    "init": "analysis.start.study",
    "power": "analysis.studies.power.study",
    "read_dataset": "analysis.data.dataset",
    "read_plan": "analysis.plan",
    "score": "analysis.data.export",
    "verify": "analysis.reproduction",
}
"""What `import analysis` offers, and where it lives: loaded on first use, so that `--help` does not
wait for pandas.
"""

_MODULES = ("scores", "simulate")
"""Modules that are offered as such: `sa.simulate.creators(seed=7)`."""


def __dir__() -> list[str]:
    # no `__all__`: with it, help(analysis) would go on for a hundred pages
    return ["__version__", "audit", *_PUBLIC, *_MODULES]


class _Package(ModuleType):
    """The package itself: public names are imported on first use.

    `audit` is both a module and the function it is about. The property keeps the function under
    this name when the import system binds the module to it.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _PUBLIC:
            return getattr(import_module(_PUBLIC[name]), name)
        if name in _MODULES:
            return import_module(f"analysis.{name}")
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")

    @property
    def audit(self) -> Any:
        return import_module("analysis.audit").audit

    @audit.setter
    def audit(self, module: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
