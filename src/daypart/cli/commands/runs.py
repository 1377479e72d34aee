"""The verbs on a run: `status`, `logs`, `cost`, `cancel`, `compact` and `task`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from daypart.cli.amounts import dollars
from daypart.cli.damaged import damaged_lines
from daypart.cli.options import PATH
from daypart.cli.verb import Outcome, verb
from daypart.errors import EXIT_DONE, EXIT_INPUT, EXIT_PARTITIONS_FAILED, Interrupted
from daypart.progress import Progress
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.engine.costs.cost import RunCost
    from daypart.engine.results.history import Execution
    from daypart.engine.status import RunStatus

_NAMED = 5
_RUN = click.argument("run", type=PATH)


@verb("status", group="Run", example="daypart status run")
@_RUN
def status_command(progress: Progress, run: str) -> Outcome:
    """Show the progress of a run.

    Reads only the files in RUN.
    """
    from daypart import status

    found = status(run)
    return Outcome(_status_lines(found), found)


def _status_lines(found: RunStatus) -> list[str]:
    if found.planning is not None and not found.partitions:
        return [f"{found.run}: planning ({found.planning})"]
    left = f", {found.seconds_left:,.0f} s left" if found.seconds_left else ""
    rate = f", {_per_time(found.rate)}{left}" if found.rate else ""
    more = found.failed - len(found.failed_partitions[:_NAMED])
    return [
        f"{found.run}: {found.model}, {_state(found)}{rate}",
        f"{counted(found.partitions, 'partition')} = {found.ok:,} ok + {found.failed:,} failed + "
        f"{found.skipped:,} skipped + {found.missing:,} missing",
        *(
            f"  {region}: "
            + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
            for region, counts in found.by_region.items()
        ),
        *([f"fallback: {counted(found.fallbacks, 'partition')}"] if found.fallbacks else []),
        *(f"failure: {kind}: {count:,}" for kind, count in found.failures.items()),
        *(f"failed: {name}: {reason}" for name, reason in found.failed_partitions[:_NAMED]),
        *([f"failed: {more:,} more; --json names {len(found.failed_partitions)}"] if more else []),
        *(f"slowest: {name} {seconds:.3f} s" for name, seconds in found.slowest[:3]),
        *(
            f"slowest task: {task} {seconds:.1f} core-seconds of fits"
            for task, seconds in found.slowest_tasks[:1]
        ),
        *([f"so far: {dollars(found.dollars)}"] if found.dollars is not None else []),
        *damaged_lines(found.unreadable),
    ]


def _state(found: RunStatus) -> str:
    if found.planning is not None:
        return f"planning ({found.planning})"
    if found.arrays:
        left = f"{counted(found.arrays, 'array')} may run without a driver"
        return f"{left} (the same daypart fit attaches to them)"
    return "running" if found.running else "not running"


def _per_time(rate: float) -> str:
    """Return partitions a second, or a minute where fits are slow.

    Examples
    --------
    >>> _per_time(1234.5), _per_time(0.05)
    ('1,234 partitions/s', '3.0 partitions/min')
    """
    return f"{rate:,.0f} partitions/s" if rate >= 1 else f"{rate * 60:,.1f} partitions/min"


@verb("logs", group="Run", example="daypart logs run 501/ESPN/all")
@_RUN
@click.argument("partition")
def logs_command(progress: Progress, run: str, partition: str) -> Outcome:
    """Show what a partition printed while it was fitted.

    On whatever machine that was. With its status and, if it failed, the reason and the
    traceback.
    """
    from daypart import logs

    found = logs(run, partition)
    took = "" if found.seconds is None else f", {found.seconds:.3f} s"
    lines = [f"{found.unique_id}: {found.status}{took}"]
    lines += [f"reason: {found.reason}"] if found.reason else []
    lines += found.traceback.rstrip().splitlines() if found.traceback else []
    lines += found.printed.rstrip().splitlines() or ["(it printed nothing)"]
    return Outcome(lines, found)


@verb("cost", group="Run", example="daypart cost run")
@_RUN
def cost_command(progress: Progress, run: str) -> Outcome:
    """Show the core-seconds and dollars that a run used.

    Splits them into used, lost to interruptions and idle. Dollars are those of the vCPUs held
    on AWS Batch, at the prices of the submission, beside the estimate that was kept with the
    run.
    """
    from daypart import cost

    found = cost(run)
    held = found.used + found.lost + found.idle
    shares = {"used": found.used, "lost": found.lost, "idle": found.idle}
    lines = [
        f"{name}: {seconds:,.1f} core-seconds ({seconds / held if held else 0:.0%})"
        for name, seconds in shares.items()
    ]
    each = f", {found.used / found.partitions:.4f} each" if found.partitions else ""
    executions = counted(len(found.executions), "execution")
    lines.append(f"{counted(found.partitions, 'partition')} in {executions}{each}")
    lines += [*_dollar_lines(found), *damaged_lines(found.unreadable)]
    executions_shown = [_without_blocks(each) for each in found.executions]
    return Outcome(lines, {**vars(found), "executions": executions_shown})


def _dollar_lines(found: RunCost) -> list[str]:
    lines = []
    if found.dollars is not None:
        lines.append(
            f"cost: {dollars(found.dollars)}, of which lost {dollars(found.dollars_lost or 0)}, "
            f"idle {dollars(found.dollars_idle or 0)}"
        )
        if found.expected is None:
            lines.append("no estimate was kept (fit makes one with daypart[aws])")
    if found.expected is not None:
        outlook = found.expected["outlook"]
        bills = [f"{each['name']} {dollars(each['dollars'])}" for each in outlook["bills"]]
        expected = [f"{found.expected['core_seconds']:,.1f} core-seconds", *bills]
        lines.append(f"expected: {', '.join(expected)}")
    return lines


def _without_blocks(execution: Execution) -> dict[str, Any]:
    """Return an execution without its single blocks, which only the rates need."""
    return {name: value for name, value in vars(execution).items() if name != "finished"}


@verb("cancel", group="Run", example="daypart cancel run")
@_RUN
def cancel_command(progress: Progress, run: str) -> Outcome:
    """Stop a run; its finished partitions are kept.

    The driver saves its work and stops, and the tasks on a cluster are ended. The same daypart
    fit continues with the missing partitions.
    """
    from daypart import cancel

    done = cancel(run)
    lines = [f"requested to stop: {done.driver}"] if done.driver else []
    lines += [f"ended: {counted(done.tasks, 'task')}"] if done.tasks else []
    return Outcome(lines or ["nothing is running"], done)


@verb("compact", group="Run", example="daypart compact run")
@_RUN
def compact_command(progress: Progress, run: str) -> Outcome:
    """Merge a run's results into one table per region.

    fit does so at its end; this is for a run that was interrupted.
    """
    from daypart import compact

    done = compact(run)
    line = f"{counted(done.rows, 'row')} in {counted(done.tables, 'table')}"
    removed = f"{counted(done.removed, 'file')} removed, {done.files:,} remaining"
    return Outcome([f"{line}; {removed}"], done)


@verb("task", group="Run", example="daypart task run 0")
@_RUN
@click.argument("index", type=int, envvar=["AWS_BATCH_JOB_ARRAY_INDEX", "SLURM_ARRAY_TASK_ID"])
@click.option("--array", help="Count INDEX from 0 within this array of the run.")
@click.option(
    "--cores",
    type=int,
    envvar=["DAYPART_CORES", "SLURM_CPUS_PER_TASK"],
    help="Cores (default: all).",
)
@click.option("--one-by-one", is_flag=True, help="Fit partitions one at a time, on one core.")
@click.option("--most-memory", is_flag=True, help="Fail a partition that runs out of memory.")
@click.option("--check", help="Fit nothing; write the check to RUN/checks/CHECK.json.")
def task_command(
    progress: Progress, run: str, index: int, array: str | None, check: str | None, **options: Any
) -> Outcome:
    """Run one task of a run's plan (for schedulers).

    A second attempt continues where the first stopped. INDEX defaults to
    AWS_BATCH_JOB_ARRAY_INDEX or SLURM_ARRAY_TASK_ID, --cores to DAYPART_CORES or
    SLURM_CPUS_PER_TASK. On SIGTERM it saves its work and exits with code 75. It prints its
    start, and a summary or the reason why it stopped; the output of models is written to the
    run's logs.
    """
    from daypart.engine.executors.array.child import task_of_child
    from daypart.engine.tasks.attempt import attempt_task
    from daypart.engine.tasks.stopping import stop_on_signals

    if check is not None:
        from daypart.engine.executors.array.child_check import check_as_child

        found = check_as_child(run, check)
        line = found.fault or "it can be fitted here"
        return Outcome([line], found, EXIT_INPUT if found.fault else EXIT_DONE)
    if array is not None:
        index = task_of_child(run, array, index)
    began = time.monotonic()
    with stop_on_signals() as stop:
        try:
            done = attempt_task(run, index, stop=stop, progress=progress, **options)
        except Interrupted as error:
            hint = "its finished blocks are saved: run it again to continue"
            raise Interrupted(f"task {index}: {error.message}", hint=hint) from None
    code = EXIT_PARTITIONS_FAILED if done.failed else EXIT_DONE
    line = f"task {index}: {done.ok:,} ok, {done.failed:,} failed, {done.skipped:,} skipped"
    return Outcome([f"{line}, {time.monotonic() - began:.1f} s"], done, code)
