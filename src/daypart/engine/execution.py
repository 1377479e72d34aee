"""One execution of a plan: an executor runs its tasks, and the run's folder records how."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from daypart.engine.costs.cost import RATES, ExecutionDocument, read_rates, record_estimate
from daypart.engine.costs.outlook import Priced
from daypart.engine.entry_points import EXECUTORS, installed
from daypart.engine.executors.protocol import Executor
from daypart.engine.executors.registry import get_executor
from daypart.engine.plan.plan import TaskPlan
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.history import recorded
from daypart.engine.tasks.callbacks import ProgressBar, call_all, report_waiting
from daypart.engine.tasks.stopping import stop_on_signals
from daypart.errors import Interrupted
from daypart.progress import Progress, Step
from daypart.storage.files import write_json
from daypart.storage.shapes import read_document
from daypart.wording import counted


def execute_plan(
    executor: Executor, folder: RunFolder, plan: TaskPlan, step: Step, progress: Progress
) -> None:
    """Run a plan's tasks, with Ctrl-C and SIGTERM as requests to flush and stop.

    Parameters
    ----------
    executor : Executor
    folder : RunFolder
        Its lock is the caller's.
    plan : TaskPlan
    step : Step
        Advances with every partition.
    progress : Progress
        Shows why nothing runs, where a scheduler gives a reason.

    Raises
    ------
    Interrupted
        After a stop, with all finished blocks saved.
    """
    if not plan.tasks:
        return
    bar = ProgressBar(step)
    with stop_on_signals() as stop:
        try:
            record_executor(folder, executor)
            record_estimate(folder, executor, plan)
            with recorded(folder, executor.name, executor.cores) as history:
                callbacks = call_all([bar, history, report_waiting(progress)])
                executor.execute(plan.tasks, callbacks, stop)
        except Interrupted:
            done = plan.partitions - plan.pending + bar.partitions
            raise Interrupted(
                f"{folder.path}: stopped with {done:,} of {counted(plan.partitions, 'partition')} "
                "saved",
                hint="run the same command again to go on",
            ) from None


def record_executor(folder: RunFolder, executor: Executor) -> None:
    """Write which executor a run's tasks are given to, and at what price.

    `cancel` finds the tasks by it, `cost` the dollars.

    Parameters
    ----------
    folder : RunFolder
    executor : Executor
    """
    content: dict[str, Any] = {"executor": executor.name, "settings": asdict(executor.settings)}
    if isinstance(executor, Priced):
        content[RATES] = {**read_rates(folder), **executor.dollars_per_vcpu_hour()}
    write_json(folder.execution, content)


def recorded_executor(folder: RunFolder) -> Executor | None:
    """Return the executor of a run's last execution; None where none is recorded or installed."""
    if not folder.execution.exists():
        return None
    content = read_document(folder.execution, ExecutionDocument)
    if content["executor"] not in installed(EXECUTORS):
        return None
    given = {name: value for name, value in content["settings"].items() if value is not None}
    return get_executor(content["executor"], given, source=str(folder.execution))
