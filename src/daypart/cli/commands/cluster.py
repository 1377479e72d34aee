"""The verbs on clusters and their bills: `estimate`, `prices`, `deploy`, `batch-emulator`."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daypart.cli.amounts import dollars, spell_seconds
from daypart.cli.options import (
    PATH,
    execution_options,
    model_options,
    model_parameters,
    names,
    seed_option,
    set_option,
    take_calendar,
)
from daypart.cli.verb import Outcome, verb
from daypart.errors import DaypartError
from daypart.progress import Progress
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.engine.costs.estimate import Estimate


@verb("estimate", group="Cluster", example="daypart estimate store --model negbin --on local")
@click.argument("store", type=PATH)
@model_options
@partial(execution_options, settings=("--settings", "--executor-settings"))
@click.option("--earlier", type=PATH, help="Use this run's times instead of a pilot.")
@seed_option()
def estimate_command(
    progress: Progress, store: str, parameters: str | None, settings: dict[str, Any], **options: Any
) -> Outcome:
    """Estimate the time and cost of a fit.

    Fits a pilot of twenty partitions on this machine and prints tasks, hours and, on aws-batch,
    dollars. A run on aws-batch is rehearsed on a virtual clock, which needs the extra emulator.
    Nothing is submitted.
    """
    from daypart.runs.estimate import estimate

    options["parameters"] = model_parameters(parameters, settings)
    take_calendar(options)
    found = estimate(store, progress=progress, **options)
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
        f"of 100 runs; {spell_seconds(found.planning_seconds)} of it before and after the fits, "
        f"{spell_seconds(found.start_seconds)} to start each process",
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
        lines.append(
            "warning: no partition of the pilot finished within a minute; each counts as a minute"
        )
    return lines + [f"warning: {each}" for each in outlook.warnings]


@verb("prices", group="Cluster", example="daypart prices --region us-east-1")
@click.option("--region", help="AWS region (default: AWS_REGION, or us-east-1).")
@click.option("--refresh", is_flag=True, help="Get the prices from Amazon and keep them.")
@click.option(
    "--families",
    type=names,
    default="",
    show_default=False,
    help="With --refresh: families, as c7i,c7g,m7g.",
)
def prices_command(progress: Progress, **options: Any) -> Outcome:
    """Show the AWS prices that daypart uses.

    With their age and source. They are list prices until --refresh gets them from the Pricing
    and EC2 APIs; then they are kept in daypart/prices.json of your configuration folder, a file
    that you may also write yourself.
    """
    from daypart.engine.costs.prices.prices import prices

    table = prices(progress=progress, **options)
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


@verb("deploy", group="Cluster", example="daypart deploy aws --print")
@click.argument("provider")
@click.option("--stack", help="Name of the stack.")
@click.option("--region", help="AWS region (default: that of the AWS tools).")
@click.option("--vpc", help="VPC (default: the account's default VPC).")
@click.option(
    "--subnets",
    type=names,
    default="",
    show_default=False,
    help="Subnets of the VPC (default: its default ones).",
)
@set_option("A template parameter, as MaxvCpus=1024", "--set", "parameters")
@click.option("--print", "only_print", is_flag=True, help="Print the template, and exit.")
def deploy_command(
    progress: Progress, provider: str, stack: str | None, only_print: bool, **options: Any
) -> Outcome:
    """Create or update the stack for AWS Batch.

    PROVIDER is aws. One CloudFormation stack: bucket, image repository, compute environments
    that scale from zero, queues, job definition, log group, roles. The last lines printed are
    the executor's settings.
    """
    from daypart.deployment.deploy import deploy, template

    if only_print:
        text = template(provider)
        return Outcome(text.rstrip().splitlines(), {"template": text})
    if stack is None:
        raise DaypartError("the stack has no name", hint="add --stack NAME, or --print")
    done = deploy(provider, stack=stack, progress=progress, **options)
    uri, repository, policy = (
        done.outputs.get(name, "") for name in ("Uri", "RepositoryUri", "DriverPolicy")
    )
    lines = [
        f"# stack {done.stack} in {done.region}: {done.outcome}",
        f"# put stores and runs below {uri}",
        f"# push the image to {repository}",
        f"# users who run fit need {policy}",
        *done.settings.splitlines(),
    ]
    return Outcome(lines, done)


@verb(
    "batch-emulator",
    group="Cluster",
    example="daypart batch-emulator --port 5055 --quick --set spot_losses_per_hour=5",
)
@click.option("--port", default=5055, help="Port on 127.0.0.1; 0 for a free one.")
@click.option("--region", default="us-east-1", help="AWS region to report.")
@click.option("--quick", is_flag=True, help="Shorten start-up times and delays, for trials.")
@set_option("A setting of the emulator")
@click.option("--image", help="Run children as containers of this image (default: processes).")
@click.option("--logs", type=PATH, help="Folder for the output of children.")
@click.option("--seconds", type=float, help="Stop after this time, seconds (default: never).")
def batch_emulator_command(
    progress: Progress,
    port: int,
    region: str,
    quick: bool,
    settings: dict[str, Any],
    image: str | None,
    logs: str | None,
    seconds: float | None,
) -> Outcome:
    """Serve an emulated AWS Batch on this machine.

    Children are processes or containers here. The emulator applies Batch's limits, states,
    retries and rates, and has the queues daypart-spot, daypart-spot-arm64 and daypart-on-demand
    and the job definition daypart.
    """
    import tempfile

    from daypart.batch_emulator.server import serve_batch
    from daypart.batch_emulator.settings import QUICK, EmulatorSettings
    from daypart.engine.tasks.stopping import stop_on_signals
    from daypart.storage.files import make_local_folder

    emulated = EmulatorSettings.of({**(QUICK if quick else {}), **settings})
    folder = make_local_folder(logs) if logs else Path(tempfile.mkdtemp(prefix="daypart-batch-"))
    ends_at = time.monotonic() + seconds if seconds is not None else float("inf")
    with (
        stop_on_signals() as stop,
        serve_batch(emulated, folder, port=port, region=region, image=image) as (url, emulator),
    ):
        click.echo(f"export AWS_ENDPOINT_URL_BATCH={url}", err=True)
        click.echo(f"output of children: {folder} (stop with Ctrl-C)", err=True)
        while not stop.requested and time.monotonic() < ends_at:
            time.sleep(0.1)
        jobs = len(emulator.service.machine.jobs)
    return Outcome(
        [f"served {counted(jobs, 'job')}"], {"endpoint": url, "jobs": jobs, "logs": folder}
    )
