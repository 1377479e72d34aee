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

from typing import TYPE_CHECKING

from daypart.lazy import import_when_used

if TYPE_CHECKING:
    from daypart.demo import demo
    from daypart.deployment import deploy
    from daypart.errors import DaypartError
    from daypart.ingest_on import OnExecutor
    from daypart.insights import insights
    from daypart.planning import measure, plan, reach
    from daypart.report import report
    from daypart.runs.audit import audit
    from daypart.runs.backtest import backtest
    from daypart.runs.compaction import compact
    from daypart.runs.cost import cost
    from daypart.runs.estimate import estimate
    from daypart.runs.fit import fit
    from daypart.runs.following import cancel, logs
    from daypart.runs.posterior import posterior
    from daypart.runs.predict import predict
    from daypart.runs.prices import prices
    from daypart.runs.status import status
    from daypart.series import import_series
    from daypart.synthetic import simulate, simulate_counts
    from daypart.viewing.ingest import ingest

__version__ = "0.1.0"

__all__ = [
    "DaypartError",
    "OnExecutor",
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

_ROOM_OF = {
    "DaypartError": "errors",
    "OnExecutor": "ingest_on",
    "audit": "runs",
    "backtest": "runs",
    "cancel": "runs",
    "compact": "runs",
    "cost": "runs",
    "demo": "demo",
    "deploy": "deployment",
    "estimate": "runs",
    "fit": "runs",
    "import_series": "series",
    "ingest": "viewing",
    "insights": "insights",
    "logs": "runs",
    "measure": "planning",
    "plan": "planning",
    "posterior": "runs",
    "predict": "runs",
    "prices": "runs",
    "reach": "planning",
    "report": "report",
    "simulate": "synthetic",
    "simulate_counts": "synthetic",
    "status": "runs",
}

import_when_used(__name__, _ROOM_OF)
