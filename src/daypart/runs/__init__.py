"""The many-model engine: plan, tasks, executors, resume; fit, status, predict, backtest."""

from daypart.runs.backtest import Backtest, backtest
from daypart.runs.events import BlockFinished, Event, TaskFailed, TaskFinished, TaskStarted
from daypart.runs.executor import Executor, Task, get_executor
from daypart.runs.fit import RunReport, fit
from daypart.runs.fitted import FittedRun
from daypart.runs.parts import read_results
from daypart.runs.predict import PredictReport, predict
from daypart.runs.status import RunStatus, status
from daypart.runs.stopping import Stop
from daypart.runs.task import TaskResult, run_task

__all__ = [
    "Backtest",
    "BlockFinished",
    "Event",
    "Executor",
    "FittedRun",
    "PredictReport",
    "RunReport",
    "RunStatus",
    "Stop",
    "Task",
    "TaskFailed",
    "TaskFinished",
    "TaskResult",
    "TaskStarted",
    "backtest",
    "fit",
    "get_executor",
    "predict",
    "read_results",
    "run_task",
    "status",
]
