"""The verbs `prices` and `estimate`: the bill, before there is one."""

from __future__ import annotations

import click

from daypart.cli.faces import Outcome, Progress, comma_list, verb


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
    from daypart.runs.prices import prices

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
