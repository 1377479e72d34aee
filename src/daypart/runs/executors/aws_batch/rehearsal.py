"""A run rehearsed: the driver itself, on the simulated Batch, through its hours in seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from daypart.batch_emulator import EmulatorSettings
from daypart.batch_emulator.jobs import Child
from daypart.batch_emulator.simulation import SimulatedWork, Usage, VirtualBatch
from daypart.errors import EXIT_DONE
from daypart.runs.arrays import read_array
from daypart.runs.events import BlockFinished, Event, OnEvent, TaskFinished
from daypart.runs.executor import Task
from daypart.runs.executors.array_jobs.driver import Driver
from daypart.runs.executors.aws_batch.calls import BatchCalls
from daypart.runs.executors.aws_batch.jobs import Jobs
from daypart.runs.executors.aws_batch.settings import AwsBatchSettings
from daypart.runs.stopping import Stop


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
        vCPU-seconds worked and lost, interruptions, the most at work and when.
    host_vcpu_seconds : float
        Of hosts, idle ones included: what is paid for.
    unfinished : int
        Tasks without rows; 0 unless they were given up.
    """

    seconds: float
    submits: int
    polls: int
    calls: int
    usage: Usage
    host_vcpu_seconds: float
    unfinished: int


def rehearse(
    seconds: Sequence[float],
    settings: AwsBatchSettings,
    emulated: EmulatorSettings,
    *,
    max_vcpus: int,
    memory_mib: Sequence[float] | None = None,
    on_event: OnEvent = lambda event: None,
) -> Rehearsal:
    """Run the driver over tasks that only pretend to work.

    Parameters
    ----------
    seconds : sequence of float
        What each task takes undisturbed; the work of an interrupted attempt is lost.
    settings : AwsBatchSettings
    emulated : EmulatorSettings
    max_vcpus : int
        Of each compute environment.
    memory_mib : sequence of float, optional
        What each task comes to need.
    on_event : callable

    Examples
    --------
    >>> quick = AwsBatchSettings(vcpus=1)
    >>> done = rehearse([600.0] * 20, quick, EmulatorSettings(), max_vcpus=16)
    >>> done.submits, done.unfinished
    (1, 0)
    """
    with tempfile.TemporaryDirectory(prefix="daypart-rehearsal-") as folder:
        run = Path(folder)
        results = _SimulatedResults(len(seconds))

        @cache
        def tasks_of(name: str) -> list[int]:
            return read_array(run, name)

        def task_of(child: Child) -> int:
            return tasks_of(child.job.request.name)[child.index]

        work = SimulatedWork(
            seconds=lambda child: seconds[task_of(child)],
            memory=lambda child: memory_mib[task_of(child)] if memory_mib else 0.0,
            exit_code=lambda child: results.finish(task_of(child)),
        )
        batch = VirtualBatch(emulated, work, max_vcpus=max_vcpus)
        calls = BatchCalls(batch.client(), batch, settings.calls_per_second)
        tasks = [Task(run, index, partitions=1) for index in range(len(seconds))]
        jobs = Jobs(run, calls, settings)
        driver = Driver(tasks, jobs, results, settings, batch, on_event, Stop())
        driver.work()
        environments = batch.service.machine.environments.values()
        return Rehearsal(
            seconds=batch.now(),
            submits=calls.made["submit_job"],
            polls=driver.polls,
            calls=sum(calls.made.values()),
            usage=batch.usage,
            host_vcpu_seconds=sum(each.vcpu_seconds(batch.now()) for each in environments),
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

    def finished_before(self) -> Sequence[Event]:
        return []

    def news(self) -> Sequence[Event]:
        news, self._news = self._news, []
        return news

    def give_up(self, task: int, _reason: str, *, everything: bool) -> Sequence[Event]:
        self.left[task] = 0
        return [BlockFinished(task, 0, 1, 0, 0.0), TaskFinished(task, 0.0)]

    def last_words(self, _task: int) -> str:
        return ""
