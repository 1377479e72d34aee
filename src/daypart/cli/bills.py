"""The verbs `prices` and `estimate`: the bill, before there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daypart.cli.amounts import dollars, spell_seconds
from daypart.cli.faces import Outcome, Progress, comma_list, settings_of, verb
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.engine.costs.estimate import Estimate


@verb("prices", "daypart prices --region us-east-1")
@click.option("--region", help="AWS_REGION, or us-east-1, by default.")
@click.option("--refresh", is_flag=True, help="Ask Amazon, and keep the answer.")
@click.option("--families", help="With --refresh: c7i,c7g,m7g ...")
def prices_command(
    progress: Progress, region: str | None, refresh: bool, families: str | None
) -> Outcome:
    """Show the prices that daypart reckons with, with their age and source.

    They are list prices until --refresh asks the Pricing and EC2 APIs; the answer is kept in
    daypart/prices.json of your configuration folder, a file that you may also write.
    """
    from daypart.engine.costs.prices.prices import prices

    table = prices(region, refresh=refresh, families=comma_list(families), progress=progress)
    lines = [
        f"{'type':14} {'vCPU':>4} {'GiB':>5} {'architecture':12} {'on demand':>10} {'Spot':>9}"
    ]
    for each in sorted(table.instances, key=lambda each: (each.architecture, each.family)):
        spot = f"{table.spot_price(each):.4f}{' ' if each.spot else '*'}"
        lines.append(
            f"{each.instance_type:14} {each.vcpus:>4} {each.memory_gib:>5.0f} "
            f"{each.architecture:12} {each.on_demand:>10.4f} {spot:>9}"
        )
    share = f"{table.assumed_spot_share:.0%}"
    lines += [f"* assumed: {share} of on demand"] if table.spot_is_assumed else []
    lines += [
        f"S3: ${table.dollars_per_1000_writes} per 1,000 writes, "
        f"${table.dollars_per_1000_reads} per 1,000 reads",
        f"{table.region}, dollars an hour, {table.age_days} days old ({table.as_of}): "
        f"{table.source}",
        f"kept in {table.file}" if table.file else "the packaged table",
        *(f"warning: {each}" for each in table.warnings()),
    ]
    return Outcome(lines, {**vars(table), "age_days": table.age_days, "warnings": table.warnings()})


@verb("estimate", "daypart estimate store --model negbin --on local")
@click.argument("store", type=click.Path())
@click.option("--model", default="negbin", show_default=True)
@click.option("--parameters", type=click.Path(), help="TOML, as for fit.")
@click.option("--set", "pairs", multiple=True, help="One parameter: name=value.")
@click.option("--calendar", type=click.Path(), help="As for fit.")
@click.option("--timeout", type=float, help="Seconds that one partition may take.")
@click.option("--memory", help="What a worker's fits may take: 2GB ...")
@click.option("--on", "--executor", "executor", default="local", show_default=True)
@click.option("--settings", "--executor-settings", "executor_settings", type=click.Path())
@click.option("--workers", type=int, help="Processes; all cores by default.")
@click.option("--earlier", type=click.Path(), help="A run whose seconds count, for a pilot.")
@click.option("--seed", default=0, show_default=True)
def estimate_command(
    progress: Progress,
    store: str,
    model: str,
    parameters: str | None,
    pairs: tuple[str, ...],
    calendar: str | None,
    timeout: float | None,
    memory: str | None,
    executor: str,
    executor_settings: str | None,
    workers: int | None,
    earlier: str | None,
    seed: int,
) -> Outcome:
    """Tell what fitting STORE will take: tasks, hours and, on aws-batch, dollars.

    A pilot of twenty partitions is fitted here; a run on aws-batch is rehearsed on a virtual
    clock (needs the extra emulator). Nothing is submitted.
    """
    from daypart.runs.estimate import estimate

    found = estimate(
        store,
        model=model,
        parameters=[*([parameters] if parameters else []), settings_of(pairs)],
        calendar=calendar,
        timeout=timeout,
        memory=memory,
        executor=executor,
        executor_settings=executor_settings,
        workers=workers,
        earlier=earlier,
        seed=seed,
        progress=progress,
    )
    return Outcome(_estimate_lines(found), found)


def _estimate_lines(found: Estimate) -> list[str]:
    outlook = found.outlook
    lines = [
        f"{counted(found.partitions, 'partition')}, {found.core_seconds / 3600:,.2f} core-hours "
        f"(+-{found.error:.0%}; measured on {counted(found.measured_on, 'partition')} of cores "
        "like these)",
        f"{counted(found.tasks, 'task')} of {spell_seconds(found.task_seconds)}, the longest "
        f"{spell_seconds(found.longest_task_seconds)}"
        + (f", in {counted(outlook.arrays, 'array job')}" if outlook.arrays else "")
        + (f", {outlook.memory_mib:,} MiB each" if outlook.memory_mib else ""),
        f"{spell_seconds(outlook.seconds)} expected, {spell_seconds(outlook.p95_seconds)} in 95 "
        "of 100 runs",
        f"{counted(outlook.cores, 'core')} at once, limited by {outlook.limited_by}",
    ]
    if outlook.bills:
        lines.append(
            f"Spot losses: {outlook.interruptions:,.1f} expected, {outlook.lost_share:.2%} of "
            "the work done again"
        )
    lines += [
        f"{bill.name}: {dollars(bill.dollars)}, {dollars(bill.p95_dollars)} in 95 of 100 runs"
        for bill in outlook.bills
    ]
    if found.partitions and not found.measured_on:
        lines.append("warning: no partition of the pilot ended in a minute; each counts as one")
    return lines + [f"warning: {each}" for each in outlook.warnings]
