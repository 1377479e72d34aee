"""Television audiences: one Bayesian model per partition, from viewing events to a plan.

Every verb of the command line is a function of the same name here (`simulate-counts` is
`simulate_counts`; `import` is `import_series`, since Python keeps that word for itself).
Each is imported when it is first used, so that `import daypart` loads nothing heavy.

Examples
--------
>>> import daypart
>>> daypart.fit.__module__
'daypart.runs.fit'
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from daypart._version import __version__

if TYPE_CHECKING:
    from daypart.demo import demo
    from daypart.deployment.deploy import deploy
    from daypart.engine.costs.cost import cost
    from daypart.engine.costs.prices.prices import prices
    from daypart.engine.logs import cancel, logs
    from daypart.engine.results.compaction import compact
    from daypart.engine.status import status
    from daypart.errors import DaypartError
    from daypart.insights.publication import insights
    from daypart.planning.delivery.measure import measure
    from daypart.planning.plan import plan
    from daypart.planning.reach.reach import reach
    from daypart.report import report
    from daypart.runs.audit import audit
    from daypart.runs.backtest import backtest
    from daypart.runs.estimate import estimate
    from daypart.runs.fit import fit
    from daypart.runs.posterior import posterior
    from daypart.runs.predict import predict
    from daypart.series.long_table import import_series
    from daypart.synthetic.counts import simulate_counts
    from daypart.synthetic.simulation import simulate
    from daypart.viewing.ingest import ingest
    from daypart.viewing.on_executor.driver import OnExecutor

__all__ = [
    "DaypartError",
    "OnExecutor",
    "__version__",
    "audit",
    "backtest",
    "cancel",
    "compact",
    "cost",
    "demo",
    "deploy",
    "estimate",
    "fit",
    "import_series",
    "ingest",
    "insights",
    "logs",
    "measure",
    "plan",
    "posterior",
    "predict",
    "prices",
    "reach",
    "report",
    "simulate",
    "simulate_counts",
    "status",
]

_MODULE_OF = {
    "DaypartError": "errors",
    "OnExecutor": "viewing.on_executor.driver",
    "audit": "runs.audit",
    "backtest": "runs.backtest",
    "cancel": "engine.logs",
    "compact": "engine.results.compaction",
    "cost": "engine.costs.cost",
    "demo": "demo",
    "deploy": "deployment.deploy",
    "estimate": "runs.estimate",
    "fit": "runs.fit",
    "import_series": "series.long_table",
    "ingest": "viewing.ingest",
    "insights": "insights.publication",
    "logs": "engine.logs",
    "measure": "planning.delivery.measure",
    "plan": "planning.plan",
    "posterior": "runs.posterior",
    "predict": "runs.predict",
    "prices": "engine.costs.prices.prices",
    "reach": "planning.reach.reach",
    "report": "report",
    "simulate": "synthetic.simulation",
    "simulate_counts": "synthetic.counts",
    "status": "engine.status",
}


class _ImportsWhenUsed(ModuleType):
    """Imports the module of a name when the name is first used."""

    def __getattr__(self, name: str) -> Any:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{self.__name__}.{_MODULE_OF[name]}"), name)

    def __setattr__(self, name: str, value: object) -> None:
        # Python sets a submodule on its package when it is first imported; for these names
        # that would hide the function of the same name (`insights` of the package `insights`).
        if not (name in _MODULE_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted([*vars(self), *_MODULE_OF])


sys.modules[__name__].__class__ = _ImportsWhenUsed
