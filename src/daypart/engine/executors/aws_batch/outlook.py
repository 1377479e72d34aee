"""What a run will take and cost on AWS Batch: rehearsed on the virtual clock, several times."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from daypart.batch_emulator.settings import EmulatorSettings
from daypart.engine.costs.outlook import Bill, Outlook, Uncertainty, seconds_on
from daypart.engine.costs.prices.price_table import PriceTable
from daypart.engine.executors.array.submission import first_memory, plan_submissions
from daypart.engine.executors.aws_batch.pricing import ARM64, X86_64, Rates
from daypart.engine.executors.aws_batch.rehearsal import Rehearsal, rehearse
from daypart.engine.executors.aws_batch.settings import MEMORY_MIB_A_VCPU, AwsBatchSettings
from daypart.engine.executors.protocol import Task
from daypart.engine.tasks.attempt import LANES_PER_CORE
from daypart.errors import DaypartError
from daypart.progress import Progress

REHEARSED_TASKS = 40_000
"""Over all rehearsals of one outlook: each takes about 0.1 ms of processor a task."""
MOST_REHEARSALS = 20
HOST_VCPUS = 16
_SECONDS_OF_A_RECORD = 10.0
_REQUESTS_OF_A_CORE = 6
_NEARLY = 0.95


@dataclass(frozen=True)
class _Work:
    """What the tasks are, as the virtual clock needs it."""

    tasks: Sequence[Task]
    settings: AwsBatchSettings
    uncertainty: Uncertainty
    memory_mib: int

    def draw(self, seed: int) -> list[float]:
        """Return the tasks' seconds on a child's cores: drawn, or expected for seed 0."""
        draw = random.Random(seed)  # noqa: S311 - draws seconds, protects nothing
        whole = 1.0 if seed == 0 else _factor(draw, self.uncertainty.of_total)
        spread = self.uncertainty.spread
        reported = []
        for task in self.tasks:
            own = spread / max(task.partitions, 1) ** 0.5
            factor = whole if seed == 0 else whole * _factor(draw, own)
            reported.append(factor * seconds_on(task, self.settings.vcpus))
        return reported

    def rehearse(self, seed: int, *, spot: bool) -> Rehearsal:
        """Run the driver over them on emulated hosts."""
        settings, mean = self.settings, _mean([task.seconds or 0.0 for task in self.tasks])
        partitions = max(1.0, _mean([task.partitions for task in self.tasks]))
        wall = mean / settings.vcpus
        host = max(HOST_VCPUS, settings.vcpus)
        emulated = EmulatorSettings(
            seed=seed,
            host_vcpus=host,
            host_memory_mib=max(host * MEMORY_MIB_A_VCPU, host * self.memory_mib),
            vcpus_per_second=settings.vcpus_per_second,
            spot_losses_per_hour=settings.spot_losses_per_hour if spot else 0.0,
        )
        return rehearse(
            self.draw(seed),
            replace(settings, spot=spot),
            emulated,
            max_vcpus=max(settings.max_vcpus, host),
            # What a core has in hand is lost with it: one lane of a task, or one partition.
            flush_every_seconds=max(wall / LANES_PER_CORE, mean / partitions, 1e-3),
        )


def outlook_of(
    tasks: Sequence[Task],
    settings: AwsBatchSettings,
    uncertainty: Uncertainty,
    progress: Progress,
    rehearsals: int | None = None,
) -> Outlook:
    """Return what tasks will take and cost; see `outlook.PredictsOutlook`.

    Parameters
    ----------
    tasks : sequence of Task
        With expected seconds.
    settings : AwsBatchSettings
    uncertainty : Uncertainty
    progress : Progress
    rehearsals : int, optional
        As many as 40,000 tasks allow, from 1 to 20, when left out.
    """
    memory = max(first_memory(task, settings) for task in tasks)
    work = _Work(tasks, settings, uncertainty, memory)
    count = rehearsals or min(MOST_REHEARSALS, max(1, REHEARSED_TASKS // len(tasks)))
    with progress.step("rehearsing the run", total=count + 1, unit="rehearsals") as step:
        done = []
        for seed in range(1, count + 1):
            done.append(work.rehearse(seed, spot=settings.spot))
            step.advance()
        other = work.rehearse(0, spot=not settings.spot)
        step.advance()
    seconds, p95_seconds = _expected([each.seconds for each in done], uncertainty)
    lost = _mean([each.usage.lost / max(each.usage.worked, 1e-9) for each in done])
    most = round(_mean([float(each.usage.most_running) for each in done]))
    arrays = len(plan_submissions(tasks, settings))
    try:
        rates = Rates.of(settings, memory)
        bills, warnings = _bills(work, done, other, rates), rates.table.warnings()
    except DaypartError as error:
        bills, warnings = (), [str(error)]
    return Outlook(
        arrays=arrays,
        seconds=seconds,
        p95_seconds=p95_seconds,
        cores=most,
        limited_by=_limit(most, arrays, len(tasks), settings),
        memory_mib=memory,
        interruptions=_mean([float(each.usage.interruptions) for each in done]),
        lost_share=lost,
        bills=bills,
        warnings=tuple(warnings),
    )


def _bills(
    work: _Work, done: Sequence[Rehearsal], other: Rehearsal, rates: Rates
) -> tuple[Bill, ...]:
    """Price the hosts, idle ones included, for each way to buy them."""
    settings = work.settings
    as_set = [_x86_hours(each, settings) for each in done]
    expected, p95 = _expected(as_set, work.uncertainty)
    tail = p95 / expected if expected else 1.0
    hours = {settings.spot: expected, (not settings.spot): _x86_hours(other, settings)}
    requests = _request_dollars(work, rates.table)
    on_graviton = settings.arm64_seconds_ratio
    ways = {
        "on demand": hours[False] * rates.on_demand[X86_64],
        "Spot": hours[True] * rates.spot[X86_64],
        "Spot with Graviton": hours[True] * on_graviton * rates.spot[ARM64],
    }
    if settings.arm64_queue and settings.queue:
        both = rates.by_queue(settings)
        ways["as set, two queues"] = _mean(
            [
                sum(each.host_vcpu_seconds_of[queue] / 3600 * rate for queue, rate in both.items())
                for each in done
            ]
        )
    return tuple(
        Bill(name, dollars + requests, dollars * tail + requests) for name, dollars in ways.items()
    )


def _x86_hours(each: Rehearsal, settings: AwsBatchSettings) -> float:
    """Return the vCPU-hours of hosts, those of Graviton as the hours that x86 would take."""
    ratio = {settings.queue: 1.0, settings.arm64_queue: settings.arm64_seconds_ratio}
    of_queue = each.host_vcpu_seconds_of.items()
    return sum(seconds / ratio[queue] for queue, seconds in of_queue) / 3600


def _request_dollars(work: _Work, table: PriceTable) -> float:
    """Price the requests to S3: parts, histories and logs are written, slices are read."""
    cores = work.settings.vcpus
    lanes = len(work.tasks) * LANES_PER_CORE * cores
    records = sum(task.seconds or 0.0 for task in work.tasks) / cores / _SECONDS_OF_A_RECORD
    reads = len(work.tasks) * cores * _REQUESTS_OF_A_CORE
    writes = min(lanes, sum(task.partitions for task in work.tasks)) + records + len(work.tasks)
    priced = writes * table.dollars_per_1000_writes + reads * table.dollars_per_1000_reads
    return priced / 1000


def _limit(most: int, arrays: int, tasks: int, settings: AwsBatchSettings) -> str:
    """Return what limits the number that work at once."""
    wanted = tasks * settings.vcpus
    room = settings.max_vcpus * len(settings.queues)
    if most >= _NEARLY * min(wanted, room // settings.vcpus * settings.vcpus):
        if room < wanted:
            return f"max_vcpus ({settings.max_vcpus:,} a queue)"
        return f"the number of tasks ({tasks:,} x {settings.vcpus} vCPUs)"
    if arrays / settings.calls_per_second > most / settings.vcpus_per_second:
        return f"the rate of submits ({settings.calls_per_second:g} a second)"
    return f"the ramp ({settings.vcpus_per_second:g} vCPUs a second)"


def _expected(values: Sequence[float], uncertainty: Uncertainty) -> tuple[float, float]:
    """Return the mean, and the 95 % point of what the mean and the draws say."""
    mean = _mean(values)
    if len(values) < MOST_REHEARSALS // 2:
        # Too few draws for a quantile: the error of the total is what matters then.
        return mean, max(*values, mean * (1 + 1.6449 * uncertainty.of_total))
    return mean, float(np.quantile(values, 0.95))


def _factor(draw: random.Random, relative: float) -> float:
    """Draw a factor of mean 1 and a relative standard deviation, log-normal."""
    variance = float(np.log1p(relative * relative))
    return float(np.exp(draw.gauss(0.0, variance**0.5) - variance / 2))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
