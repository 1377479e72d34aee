"""The verb `batch-emulator`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from daypart.cli.faces import Outcome, Progress, settings_of, verb
from daypart.wording import counted


@verb("batch-emulator", "daypart batch-emulator --port 5055 --quick --set spot_losses_per_hour=5")
@click.option("--port", default=5055, show_default=True, help="On 127.0.0.1; 0 for a free one.")
@click.option("--region", default="us-east-1", show_default=True)
@click.option("--quick", is_flag=True, help="Hosts, clocks and lags made quick, for trying out.")
@click.option("--set", "pairs", multiple=True, help="One setting: name=value.")
@click.option("--image", help="Children are containers of it, by docker; else processes.")
@click.option("--logs", type=click.Path(), help="A folder for what children print.")
@click.option("--seconds", type=float, help="End by itself after so long.")
def batch_emulator_command(
    progress: Progress,
    port: int,
    region: str,
    quick: bool,
    pairs: tuple[str, ...],
    image: str | None,
    logs: str | None,
    seconds: float | None,
) -> Outcome:
    """Serve an AWS Batch of your own, whose children are processes or containers here.

    It holds to Batch's limits, states, retries and rates. Queues daypart-spot,
    daypart-spot-arm64 and daypart-on-demand and the job definition daypart are there.
    """
    from daypart.batch_emulator.server import serve_batch
    from daypart.batch_emulator.settings import QUICK, EmulatorSettings
    from daypart.engine.tasks.stopping import stop_on_signals
    from daypart.storage.files import make_local_folder

    settings = EmulatorSettings.of({**(QUICK if quick else {}), **settings_of(pairs)})
    folder = make_local_folder(logs) if logs else Path(tempfile.mkdtemp(prefix="daypart-batch-"))
    ends_at = time.monotonic() + seconds if seconds is not None else float("inf")
    with (
        stop_on_signals() as stop,
        serve_batch(settings, folder, port=port, region=region, image=image) as (url, emulator),
    ):
        click.echo(f"export AWS_ENDPOINT_URL_BATCH={url}", err=True)
        click.echo(f"children print to {folder}; Ctrl-C ends it", err=True)
        while not stop.requested and time.monotonic() < ends_at:
            time.sleep(0.1)
        jobs = len(emulator.service.machine.jobs)
    return Outcome(
        [f"served {counted(jobs, 'job')}"], {"endpoint": url, "jobs": jobs, "logs": folder}
    )
