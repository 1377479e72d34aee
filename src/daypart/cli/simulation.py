"""The verbs `simulate` and `simulate-counts`."""

from __future__ import annotations

import click

from daypart.cli.faces import Outcome, Progress, verb
from daypart.wording import counted


@verb("simulate", "daypart simulate market --markets 3 --households 2000 --weeks 6")
@click.argument("out", type=click.Path())
@click.option("--markets", default=6, show_default=True, help="The largest so many of 210.")
@click.option("--networks", default=24, show_default=True, help="So many of 165.")
@click.option("--households", default=20_000, show_default=True, help="Sampled, over all markets.")
@click.option("--weeks", default=13, show_default=True)
@click.option("--segments", default=6, show_default=True, help="Segments, with `all`.")
@click.option("--start", help="First local day, YYYY-MM-DD; a Monday.")
@click.option("--seed", default=7, show_default=True)
@click.option("--dirty-share", default=0.005, show_default=True, help="Share of rows added dirty.")
def simulate_command(
    progress: Progress,
    out: str,
    markets: int,
    networks: int,
    households: int,
    weeks: int,
    segments: int,
    start: str | None,
    seed: int,
    dirty_share: float,
) -> Outcome:
    """Simulate a television market into the folder OUT.

    Tune events (a file per market), households, networks, a rate card, segments, and the
    expected households of every partition and hour. All of it is simulated.
    """
    from daypart import simulate

    simulation = simulate(
        out,
        markets=markets,
        networks=networks,
        households=households,
        weeks=weeks,
        segments=segments,
        start=start,
        seed=seed,
        dirty_share=dirty_share,
        progress=progress,
    )
    lines = [
        f"simulated {counted(simulation.rows, 'row')} of tune events of "
        f"{counted(simulation.households_made, 'household')}, "
        f"{sum(simulation.dirty.values()):,} of them dirty",
        f"in {counted(markets, 'market')} on {counted(networks, 'network')} over "
        f"{counted(weeks, 'week')}: {out}",
    ]
    return Outcome(lines, simulation)


@verb("simulate-counts", "daypart simulate-counts grid --markets 10 --networks 20")
@click.argument("out", type=click.Path())
@click.option("--markets", default=210, show_default=True)
@click.option("--networks", default=165, show_default=True)
@click.option("--segments", default=6, show_default=True)
@click.option("--weeks", default=13, show_default=True)
@click.option("--seed", default=7, show_default=True)
def simulate_counts_command(
    progress: Progress,
    out: str,
    markets: int,
    networks: int,
    segments: int,
    weeks: int,
    seed: int,
) -> Outcome:
    """Simulate hourly counts of markets x networks x segments into the store OUT.

    The whole grid is 207,900 partitions: for benchmarks of the fit.
    """
    from daypart import simulate_counts

    store = simulate_counts(
        out,
        markets=markets,
        networks=networks,
        segments=segments,
        weeks=weeks,
        seed=seed,
        progress=progress,
    )
    content = {"store": store.folder, "partitions": store.partitions}
    return Outcome([f"simulated {counted(store.partitions, 'partition')}: {out}"], content)
