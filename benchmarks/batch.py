"""The AWS Batch driver at full size on a virtual clock: calls, memory, ramp, losses to Spot.

Run it with `python benchmarks/batch.py [--fits 200000] [--slots 50000]`. The driver and the
emulator are the real ones; children fit nothing and only wait on the virtual clock.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from daypart.batch_emulator.settings import EmulatorSettings
from daypart.engine.executors.aws_batch.pricing import Rates
from daypart.engine.executors.aws_batch.rehearsal import rehearse
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings

RATES = (0.005, 0.01, 0.02)
"""Spot losses a host and hour."""
MEAN_SECONDS = 3 * 3_600.0
SPREAD = 0.3
"""Standard deviation of the logarithm of a fit's seconds."""


def main() -> None:
    """Rehearse the reference run at three rates of loss and print the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=200_000)
    parser.add_argument("--slots", type=int, default=50_000, help="vCPUs of the account")
    given = parser.parse_args()
    draw = np.random.default_rng(0).standard_normal(given.fits) * SPREAD - SPREAD**2 / 2
    seconds = sorted((MEAN_SECONDS * np.exp(draw)).tolist(), reverse=True)
    settings = AwsBatchSettings(vcpus=1, region="us-east-1")
    rates = Rates.of(settings)
    for warning in rates.table.warnings():
        print(f"warning: {warning}")
    for rate in RATES:
        began = time.process_time()
        emulated = EmulatorSettings(spot_losses_per_hour=rate, vcpus_per_second=14.0)
        done = rehearse(seconds, settings, emulated, max_vcpus=given.slots)
        hours = done.host_vcpu_seconds / 3600
        on_demand = sum(seconds) / 3600 * rates.on_demand["x86_64"]
        spot, graviton = hours * rates.spot["x86_64"], hours * rates.spot["arm64"]
        full = done.usage.seconds_until(given.slots) or float("nan")
        print(
            f"loss rate {rate} a host-hour: {done.seconds / 3600:.1f} h, "
            f"{given.slots:,} slots after {full:,.0f} s, {done.submits} submits, "
            f"{done.calls / done.polls:.2f} calls a poll ({done.polls} polls), "
            f"lost {done.usage.lost / done.usage.worked:.2%} of the work in "
            f"{done.usage.interruptions:,} interruptions, idle or booting "
            f"{1 - done.usage.worked / done.host_vcpu_seconds:.2%}, "
            f"${on_demand:,.0f} on demand, ${spot:,.0f} on Spot ({1 - spot / on_demand:.0%} less), "
            f"${graviton:,.0f} on Spot with Graviton, "
            f"unfinished {done.unfinished}, CPU {time.process_time() - began:.0f} s, "
            f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
        )


if __name__ == "__main__":
    main()
