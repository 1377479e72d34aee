"""The Slurm executor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import ClassVar

from daypart.engine.costs.outlook import Outlook, Uncertainty, outlook_of_cluster
from daypart.engine.executors.array.clock import WallClock
from daypart.engine.executors.array.driver import Driver, cancel_arrays, running_tasks
from daypart.engine.executors.array.records import Records
from daypart.engine.executors.array.submission import plan_submissions
from daypart.engine.executors.part_watch import PartWatch
from daypart.engine.executors.protocol import Request, Task, TaskSize
from daypart.engine.executors.slurm.commands import Commands
from daypart.engine.executors.slurm.jobs import SlurmJobs
from daypart.engine.executors.slurm.preflight import check_cluster, check_request
from daypart.engine.executors.slurm.request import sbatch_request
from daypart.engine.executors.slurm.settings import SlurmSettings
from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.events import OnEvent
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.work import open_work
from daypart.progress import Progress
from daypart.storage.files import make_folder
from daypart.storage.location import Location


class SlurmExecutor:
    """Runs tasks as arrays of Slurm, by its command line tools.

    Tasks that are preempted or lose their node are requeued by Slurm itself and go on after what
    they flushed. A driver that died is replaced by running the same command, which attaches to
    the arrays that still run.

    Examples
    --------
    >>> SlurmExecutor().task_size
    TaskSize(minutes=10.0, cores=4, least_minutes=3.0, at_once=0)
    """

    name: ClassVar[str] = "slurm"
    settings_type: ClassVar[type[SlurmSettings]] = SlurmSettings
    cores = 0

    def __init__(self, settings: SlurmSettings | None = None) -> None:
        self.settings = settings or SlurmSettings()

    @property
    def task_size(self) -> TaskSize:
        """Tasks of some minutes, on all the CPUs of a child."""
        settings = self.settings
        return TaskSize(
            settings.task_minutes, settings.cpus, settings.least_task_minutes, settings.at_once
        )

    def outlook(
        self,
        tasks: Sequence[Task],
        uncertainty: Uncertainty,
        progress: Progress,
        rehearsals: int | None = None,
    ) -> Outlook:
        """Return what tasks take once the cluster runs them; see `PredictsOutlook`.

        Parameters
        ----------
        tasks : sequence of Task
            With expected seconds.
        uncertainty : Uncertainty
        progress : Progress
        rehearsals : int, optional
            How often the run is rehearsed; as often as is cheap by default.
        """
        arrays = len(plan_submissions(tasks, self.settings))
        at_once = self.settings.at_once * arrays
        cores = self.settings.cpus
        return outlook_of_cluster(tasks, uncertainty, cores=cores, at_once=at_once, arrays=arrays)

    def requests(self, tasks: Sequence[Task]) -> list[Request]:
        """Return the calls of sbatch with their scripts, without making them; see `Executor`."""
        if not tasks:
            return []
        run = tasks[0].run
        return [
            Request("sbatch", asdict(sbatch_request(each, run, self.settings)), each.tasks)
            for each in plan_submissions(tasks, self.settings, rounds=Records(run).rounds())
        ]

    def check_access(self, run: Location) -> None:
        """Look at the cluster, and have it judge a request; see `ChecksAccess`."""
        commands = self._jobs(run).commands
        check_cluster(run, commands, self.settings)
        check_request(run, commands, self.settings)

    def active_tasks(self, run: Location) -> frozenset[int]:
        """Return the tasks of arrays that still run in Slurm; see `Executor`."""
        return running_tasks(run, self._jobs)

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, stop: Stop | None = None) -> None:
        """Submit tasks and see them through; see `Executor`.

        Parameters
        ----------
        tasks : sequence of Task
            Of one run.
        on_event : callable
            Called with every event.
        stop : Stop, optional
            Requests a stop when set.
        """
        if not tasks:
            return
        run, stop = tasks[0].run, stop or Stop()
        open_work(RunFolder.open(run)).check()
        jobs = self._jobs(run, lambda: stop.requested)
        check_cluster(run, jobs.commands, self.settings)
        first = plan_submissions(tasks, self.settings)[0]
        check_request(run, jobs.commands, self.settings, first)
        make_folder(RunFolder.at(run).logs)
        results = PartWatch(tasks, self.name)
        Driver(tasks, jobs, results, self.settings, jobs.clock, on_event, stop).work()

    def cancel(self, run: Location) -> int:
        """End the arrays that an earlier driver left running; see `Executor`."""
        return cancel_arrays(run, self._jobs)

    def _jobs(self, run: Location, in_a_hurry: Callable[[], bool] = lambda: False) -> SlurmJobs:
        clock = WallClock(in_a_hurry)
        return SlurmJobs(run, Commands(clock.sleep), clock, self.settings)
