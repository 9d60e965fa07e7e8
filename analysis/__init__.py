"""score-audit: does a score tell you anything about money that the engagement you can already see
does not?

>>> import analysis as sa
>>> sa.read_plan("movies").score.columns
('tomatometer',)
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "AnalysisError": "analysis.errors",
    "Audit": "analysis.audit",
    "Plan": "analysis.plan",
    "check": "analysis.audit",
    "cite": "analysis.report.citation",
    "init": "analysis.start.study",
    "new_notebook": "analysis.start.notebook",
    "power": "analysis.studies.power.study",
    "manipulability": "analysis.studies.manipulability.study",
    "read_dataset": "analysis.data.dataset",
    "read_plan": "analysis.plan",
    "score": "analysis.data.export",
    "show": "analysis.results.table",
    "sesoi_from_price": "analysis.studies.power.sesoi",
    "verify": "analysis.audit",
}
"""What `import analysis` offers, and where it lives: loaded on first use, so that `--help` does not
wait for pandas.
"""

_MODULES = ("scores", "simulate")
"""Modules that are offered as such: `sa.simulate.creators(seed=7)`."""

__all__ = [*sorted(_PUBLIC), *_MODULES, "audit"]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


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
