"""The many-model engine: plan, tasks, executors, resume; fit, status, predict, backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daypart.lazy import import_when_used

if TYPE_CHECKING:
    from daypart.runs.audit import Audit, audit
    from daypart.runs.backtest import Backtest, backtest
    from daypart.runs.compaction import CompactReport, compact
    from daypart.runs.cost import RunCost, cost
    from daypart.runs.estimate import Estimate, estimate
    from daypart.runs.events import (
        BlockFinished,
        Event,
        Submitted,
        TaskFailed,
        TaskFinished,
        TaskStarted,
        Waiting,
    )
    from daypart.runs.executor import EXECUTORS, Executor, Request, Task, TaskSize, get_executor
    from daypart.runs.fit import RunReport, fit, fit_requests
    from daypart.runs.fitted import FittedRun
    from daypart.runs.following import CancelReport, PartitionLog, cancel, logs
    from daypart.runs.parts import read_results
    from daypart.runs.posterior import PosteriorReport, PosteriorTables, posterior
    from daypart.runs.predict import PredictReport, predict
    from daypart.runs.prices import PriceTable, prices
    from daypart.runs.status import RunStatus, status
    from daypart.runs.stopping import Stop
    from daypart.runs.task import TaskResult, run_task

__all__ = [
    "EXECUTORS",
    "Audit",
    "Backtest",
    "BlockFinished",
    "CancelReport",
    "CompactReport",
    "Estimate",
    "Event",
    "Executor",
    "FittedRun",
    "PartitionLog",
    "PosteriorReport",
    "PosteriorTables",
    "PredictReport",
    "PriceTable",
    "Request",
    "RunCost",
    "RunReport",
    "RunStatus",
    "Stop",
    "Submitted",
    "Task",
    "TaskFailed",
    "TaskFinished",
    "TaskResult",
    "TaskSize",
    "TaskStarted",
    "Waiting",
    "audit",
    "backtest",
    "cancel",
    "compact",
    "cost",
    "estimate",
    "fit",
    "fit_requests",
    "get_executor",
    "logs",
    "posterior",
    "predict",
    "prices",
    "read_results",
    "run_task",
    "status",
]

_MODULE_OF = {
    "Audit": "audit",
    "Backtest": "backtest",
    "BlockFinished": "events",
    "CancelReport": "following",
    "CompactReport": "compaction",
    "EXECUTORS": "executor",
    "Estimate": "estimate",
    "Event": "events",
    "Executor": "executor",
    "FittedRun": "fitted",
    "PartitionLog": "following",
    "PosteriorReport": "posterior",
    "PosteriorTables": "posterior",
    "PredictReport": "predict",
    "PriceTable": "prices",
    "Request": "executor",
    "RunCost": "cost",
    "RunReport": "fit",
    "RunStatus": "status",
    "Stop": "stopping",
    "Submitted": "events",
    "Task": "executor",
    "TaskFailed": "events",
    "TaskFinished": "events",
    "TaskResult": "task",
    "TaskSize": "executor",
    "TaskStarted": "events",
    "Waiting": "events",
    "audit": "audit",
    "backtest": "backtest",
    "cancel": "following",
    "compact": "compaction",
    "cost": "cost",
    "estimate": "estimate",
    "fit": "fit",
    "fit_requests": "fit",
    "get_executor": "executor",
    "logs": "following",
    "posterior": "posterior",
    "predict": "predict",
    "prices": "prices",
    "read_results": "parts",
    "run_task": "task",
    "status": "status",
}

import_when_used(__name__, _MODULE_OF)
