"""The AWS Batch executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from daypart.engine.costs.outlook import Outlook, Uncertainty
from daypart.engine.executors.array.clock import WallClock
from daypart.engine.executors.array.driver import Driver, cancel_arrays, running_tasks
from daypart.engine.executors.array.records import Records
from daypart.engine.executors.array.submission import plan_submissions
from daypart.engine.executors.aws_batch.calls import BatchCalls, make_client
from daypart.engine.executors.aws_batch.jobs import BatchJobs
from daypart.engine.executors.aws_batch.outlook import outlook_of
from daypart.engine.executors.aws_batch.preflight import check_account
from daypart.engine.executors.aws_batch.pricing import Rates, with_price_ratio
from daypart.engine.executors.aws_batch.request import submit_request
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.engine.executors.aws_batch.trial import try_in_containers
from daypart.engine.executors.part_watch import PartWatch
from daypart.engine.executors.protocol import Request, Task, TaskSize
from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.events import OnEvent
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.work import open_work
from daypart.errors import DaypartError
from daypart.progress import Progress
from daypart.storage.location import Location


class AwsBatchExecutor:
    """Runs tasks as array jobs of AWS Batch, as few calls as possible, and none of them twice.

    A driver that died is replaced by running the same command: what was submitted is recorded in
    the run's folder, so the new driver attaches to the arrays that still run.

    Examples
    --------
    >>> AwsBatchExecutor().task_size
    TaskSize(minutes=10.0, cores=4, least_minutes=3.0, at_once=0)
    """

    name: ClassVar[str] = "aws-batch"
    settings_type: ClassVar[type[AwsBatchSettings]] = AwsBatchSettings
    cores = 0

    def __init__(self, settings: AwsBatchSettings | None = None) -> None:
        self.settings = settings or AwsBatchSettings()

    @property
    def task_size(self) -> TaskSize:
        """Tasks of some minutes, on all the cores of a child."""
        settings = self.settings
        return TaskSize(settings.task_minutes, settings.vcpus, settings.least_task_minutes)

    def outlook(
        self,
        tasks: Sequence[Task],
        uncertainty: Uncertainty,
        progress: Progress,
        rehearsals: int | None = None,
    ) -> Outlook:
        """Rehearse tasks on a virtual clock, and price them; see `PredictsOutlook`.

        Parameters
        ----------
        tasks : sequence of Task
            With expected seconds.
        uncertainty : Uncertainty
        progress : Progress
        rehearsals : int, optional
            How often the run is rehearsed; as often as is cheap by default.
        """
        settings = with_price_ratio(self.settings)
        return outlook_of(tasks, settings, uncertainty, progress, rehearsals)

    def dollars_per_vcpu_hour(self) -> Mapping[str, float]:
        """Return the price by queue, of today's table; see `Priced`."""
        try:
            return Rates.of(self.settings).by_queue(self.settings)
        except DaypartError:
            return {}

    def requests(self, tasks: Sequence[Task]) -> list[Request]:
        """Return the SubmitJob calls, without making them; see `Executor`."""
        if not tasks:
            return []
        run, settings = tasks[0].run, with_price_ratio(self.settings)
        return [
            Request("SubmitJob", submit_request(each, run, settings), each.tasks)
            for each in plan_submissions(tasks, settings, rounds=Records(run).rounds())
        ]

    def check_access(self, run: Location) -> None:
        """Look at the account; see `ChecksAccess`."""
        check_account(run, self._jobs(run).calls, self.settings)

    def active_tasks(self, run: Location) -> frozenset[int]:
        """Return the tasks of arrays that still run in Batch; see `Executor`."""
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
        work = open_work(RunFolder.open(run))
        work.check()
        jobs = self._jobs(run, lambda: stop.requested)
        check_account(run, jobs.calls, self.settings)
        if self.settings.try_model and work.has_user_code and not jobs.records.read():
            try_in_containers(jobs, self.settings, on_event, stop)
        results = PartWatch(tasks, self.name)
        clock = jobs.calls.clock
        settings = with_price_ratio(self.settings)
        Driver(tasks, jobs, results, settings, clock, on_event, stop).work()

    def cancel(self, run: Location) -> int:
        """End the arrays that an earlier driver left running; see `Executor`."""
        return cancel_arrays(run, self._jobs)

    def _jobs(self, run: Location, in_a_hurry: Callable[[], bool] = lambda: False) -> BatchJobs:
        client: Any = make_client(self.settings.region, self.settings.endpoint_url)
        clock = WallClock(in_a_hurry)
        return BatchJobs(
            run, BatchCalls(client, clock, self.settings.calls_per_second), self.settings
        )
