"""The verbs `logs`, `cost`, `cancel` and `compact`: following a run, and tidying it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from daypart.cli.amounts import dollars
from daypart.cli.faces import Outcome, Progress, verb
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.engine.costs.cost import RunCost
    from daypart.engine.results.history import Execution

_PATH = click.Path()


@verb("logs", "daypart logs run 501/ESPN/all")
@click.argument("run", type=_PATH)
@click.argument("partition")
def logs_command(progress: Progress, run: str, partition: str) -> Outcome:
    """Tell what PARTITION printed while it was fitted, wherever that was.

    With its status and, where it failed, the reason and the traceback.
    """
    from daypart import logs

    found = logs(run, partition)
    took = "" if found.seconds is None else f", {found.seconds:.3f} s"
    lines = [f"{found.unique_id}: {found.status}{took}"]
    lines += [f"reason: {found.reason}"] if found.reason else []
    lines += found.traceback.rstrip().splitlines() if found.traceback else []
    lines += found.printed.rstrip().splitlines() or ["(it printed nothing)"]
    return Outcome(lines, found)


@verb("cost", "daypart cost run")
@click.argument("run", type=_PATH)
def cost_command(progress: Progress, run: str) -> Outcome:
    """Tell what RUN used, lost to interruptions and let idle, and what that cost.

    Dollars are those of the vCPUs that children held on AWS Batch, at the prices of when it was
    submitted; the estimate was kept with the run.
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
    lines += _dollar_lines(found)
    told = {**vars(found), "executions": [_without_blocks(each) for each in found.executions]}
    return Outcome(lines, told)


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
    """Return what is told of an execution; its single blocks are for rates."""
    told = dict(vars(execution))
    del told["finished"]
    return told


@verb("cancel", "daypart cancel run")
@click.argument("run", type=_PATH)
def cancel_command(progress: Progress, run: str) -> Outcome:
    """End the work on RUN: its driver flushes and stops, a cluster's tasks are ended.

    What was flushed stays; the same daypart fit goes on with the rest.
    """
    from daypart import cancel

    done = cancel(run)
    lines = [f"asked to stop: {done.driver}"] if done.driver else []
    lines += [f"ended: {counted(done.tasks, 'task')}"] if done.tasks else []
    return Outcome(lines or ["nothing runs"], done)


@verb("compact", "daypart compact run")
@click.argument("run", type=_PATH)
def compact_command(progress: Progress, run: str) -> Outcome:
    """Write RUN's results as one table per region in place of the parts of its tasks.

    fit does so at its end; this is for a run that was interrupted.
    """
    from daypart import compact

    done = compact(run)
    line = f"{counted(done.rows, 'row')} in {counted(done.tables, 'table')}"
    return Outcome(
        [f"{line}; {counted(done.removed, 'file')} removed, {done.files:,} there now"], done
    )
