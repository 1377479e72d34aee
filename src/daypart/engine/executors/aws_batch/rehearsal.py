"""A run rehearsed: the driver itself, on the simulated Batch, through its hours in seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from daypart.batch_emulator.jobs import JobChild
from daypart.batch_emulator.settings import EmulatorSettings
from daypart.batch_emulator.simulation import SimulatedWork, Usage, VirtualBatch
from daypart.batch_emulator.starting_set import JOB_DEFINITION
from daypart.engine.executors.array.child import read_array
from daypart.engine.executors.array.driver import Driver
from daypart.engine.executors.aws_batch.calls import BatchCalls
from daypart.engine.executors.aws_batch.jobs import BatchJobs
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.engine.executors.protocol import Task
from daypart.engine.tasks.events import BlockFinished, Event, OnEvent, TaskFinished
from daypart.engine.tasks.stopping import Stop
from daypart.errors import EXIT_DONE

_QUEUES = {
    True: ("daypart-spot", "daypart-spot-arm64"),
    False: ("daypart-on-demand", "daypart-on-demand-arm64"),
}
"""Those of the emulated account: of x86-64 and of Graviton."""


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsed run took.

    Parameters
    ----------
    seconds : float
        From the first submit to the last row.
    submits, polls, calls : int
        SubmitJob calls, polls, and calls of any kind.
    usage : Usage
        vCPU-seconds worked and lost, interruptions, the most that worked at once and when.
    host_vcpu_seconds_of : mapping of str to float
        Queue to that of its hosts, idle ones included: what is paid for.
    unfinished : int
        Tasks without rows; 0 unless they were given up.
    """

    seconds: float
    submits: int
    polls: int
    calls: int
    usage: Usage
    host_vcpu_seconds_of: Mapping[str, float]
    unfinished: int

    @property
    def host_vcpu_seconds(self) -> float:
        """Over all queues."""
        return sum(self.host_vcpu_seconds_of.values())


def rehearse(
    seconds: Sequence[float],
    settings: AwsBatchSettings,
    emulated: EmulatorSettings,
    *,
    max_vcpus: int,
    memory_mib: Sequence[float] | None = None,
    flush_every_seconds: float = float("inf"),
    on_event: OnEvent = lambda event: None,
) -> Rehearsal:
    """Run the driver over tasks that only pretend to work.

    Parameters
    ----------
    seconds : sequence of float
        What each task takes undisturbed; on `arm64_queue` times `arm64_seconds_ratio`.
    settings : AwsBatchSettings
        Its queues are those of an emulated account, Spot or on demand, whatever their names.
    emulated : EmulatorSettings
    max_vcpus : int
        Of each compute environment.
    memory_mib : sequence of float, optional
        What each task comes to need.
    flush_every_seconds : float
        What an interrupted attempt did is kept in steps of as many seconds; by default it is lost.
    on_event : callable

    Examples
    --------
    >>> quick = AwsBatchSettings(vcpus=1)
    >>> done = rehearse([600.0] * 20, quick, EmulatorSettings(), max_vcpus=16)
    >>> done.submits, done.unfinished
    (1, 0)
    """
    x86, arm64 = _QUEUES[settings.spot]
    with tempfile.TemporaryDirectory(prefix="daypart-rehearsal-") as folder:
        run = Path(folder)
        results = _SimulatedResults(len(seconds))

        @cache
        def tasks_of(name: str) -> list[int]:
            return read_array(run, name)

        def task_of(child: JobChild) -> int:
            return tasks_of(child.job.request.name)[child.index]

        def seconds_of(child: JobChild) -> float:
            slower = settings.arm64_seconds_ratio if child.job.request.queue == arm64 else 1.0
            return seconds[task_of(child)] * slower

        work = SimulatedWork(
            seconds=seconds_of,
            flush_every_seconds=flush_every_seconds,
            memory=lambda child: memory_mib[task_of(child)] if memory_mib else 0.0,
            exit_code=lambda child: results.finish(task_of(child)),
        )
        batch = VirtualBatch(emulated, work, max_vcpus=max_vcpus)
        calls = BatchCalls(batch.client(), batch, settings.calls_per_second)
        there = replace(
            settings,
            queue=x86 if settings.queue else "",
            arm64_queue=arm64 if settings.arm64_queue else "",
            job_definition=JOB_DEFINITION,
        )
        tasks = [Task(run, index, partitions=1) for index in range(len(seconds))]
        jobs = BatchJobs(run, calls, there)
        driver = Driver(tasks, jobs, results, there, batch, on_event, Stop())
        driver.work()
        environments = batch.service.machine.environments
        names = {x86: settings.queue, arm64: settings.arm64_queue}
        return Rehearsal(
            seconds=batch.now(),
            submits=calls.made["submit_job"],
            polls=driver.polls,
            calls=sum(calls.made.values()),
            usage=batch.usage,
            host_vcpu_seconds_of={
                own: environments[emulated_name].vcpu_seconds(batch.now())
                for emulated_name, own in names.items()
                if own
            },
            unfinished=len(results.unfinished()),
        )


class _SimulatedResults:
    """One partition a task, with a row when its child ended well."""

    def __init__(self, tasks: int) -> None:
        self.left = [1] * tasks
        self._news: list[Event] = []

    def finish(self, task: int) -> int:
        self.left[task] = 0
        self._news += [BlockFinished(task, 1, 0, 0, 0.0), TaskFinished(task, 0.0)]
        return EXIT_DONE

    def unfinished(self) -> Sequence[int]:
        return [task for task, left in enumerate(self.left) if left]

    def rows_left(self, task: int) -> int:
        return self.left[task]

    def finished_already(self) -> Sequence[Event]:
        return []

    def new_events(self) -> Sequence[Event]:
        news, self._news = self._news, []
        return news

    def give_up(self, task: int, _reason: str, *, everything: bool) -> Sequence[Event]:
        self.left[task] = 0
        return [BlockFinished(task, 0, 1, 0, 0.0), TaskFinished(task, 0.0)]

    def last_output(self, _task: int) -> str:
        return ""
