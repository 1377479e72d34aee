"""The driver's loop: submit, poll the arrays, resubmit what failed, until all rows exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daypart.engine.executors.array.clock import Clock
from daypart.engine.executors.array.records import Record, Records
from daypart.engine.executors.array.scheduler import Cause, FailedChild, JobState, Scheduler
from daypart.engine.executors.array.submission import (
    ArraySettings,
    most_memory,
    plan_submissions,
)
from daypart.engine.executors.part_watch import TaskProgress
from daypart.engine.executors.protocol import Task
from daypart.engine.tasks.events import Event, OnEvent, Submitted, TaskFailed, TaskFinished, Waiting
from daypart.engine.tasks.stopping import Stop
from daypart.errors import DaypartError, Interrupted
from daypart.storage.location import Location

OpenJobs = Callable[[Location], Scheduler]

_RESUBMIT_EVERY_SECONDS = 600.0
_MOST_ROUNDS_WITHOUT_PROGRESS = 3
_SECONDS_TO_END = 300.0
_COULD_BE_A_USER = frozenset({Cause.LOST, Cause.CRASH, Cause.FAULT})
_OUT_OF_MEMORY = frozenset({Cause.MEMORY, Cause.WORKER_MEMORY})
_LISTING_SHARE = 20.0
"""Listing new parts may take one part in as many of the time."""


@dataclass
class _Live:
    """A job that has not ended."""

    record: Record
    failed: set[int] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)


class Driver:
    """One call of `execute`.

    Parameters
    ----------
    tasks : sequence of Task
    jobs : Scheduler
    results : TaskProgress
    settings : ArraySettings
    clock : Clock
    on_event : callable
    stop : Stop
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        jobs: Scheduler,
        results: TaskProgress,
        settings: ArraySettings,
        clock: Clock,
        on_event: OnEvent,
        stop: Stop,
    ) -> None:
        self.tasks = {task.index: task for task in tasks}
        self.jobs = jobs
        self.results = results
        self.settings = settings
        self.clock = clock
        self.on_event = on_event
        self.stop = stop
        self.live: dict[str, _Live] = {}
        self.polls = 0
        self._to_resubmit: dict[int, None] = {}
        self._rounds: dict[int, int] = {}
        self._least_memory: dict[int, int] = {}
        self._one_by_one: set[int] = set()
        self._stuck: dict[int, int] = {}
        self._left_before: dict[int, int] = {}
        self._resubmitted_at = clock.now()
        self._moved_at = clock.now()
        self._look_at = 0.0
        self._last_reason = ""
        self._pause = settings.poll_seconds / 16

    def work(self) -> None:
        """Run until every task has all its rows; see `Executor.execute`."""
        self._send(self.results.finished_already())
        self._attach()
        # A job that ended since the results were read has its rows now: not to be done twice.
        self._look(now=True)
        held = {task for live in self.live.values() for task in live.record.submission.tasks}
        self._submit([task for task in self.results.unfinished() if task not in held])
        while self.live or self._to_resubmit:
            if self.stop.requested and self.results.unfinished():
                self._end_early()
            self._resubmit_if_due()
            self.clock.sleep(self._pause)
            self._pause = min(self._pause * 1.5, self.settings.poll_seconds)
            self._poll()

    # Submitting.

    def _attach(self) -> None:
        """Go on with the jobs of a driver that is gone."""
        self._rounds = self.jobs.records.rounds()
        self._least_memory = self.jobs.records.memory_reached()
        for record in self.jobs.recover():
            if set(record.submission.tasks) & set(self.tasks):
                self._watch(record)

    def _submit(self, tasks: Sequence[int]) -> None:
        for submission in plan_submissions(
            [self.tasks[task] for task in tasks],
            self.settings,
            rounds=self._rounds,
            least_memory=self._least_memory,
            one_by_one=self._one_by_one,
        ):
            if self.stop.requested:
                return
            self._watch(self.jobs.submit(submission))
            for task in submission.tasks:
                self._rounds[task] = submission.round + 1
            self.on_event(Submitted(submission.name, len(submission.tasks)))

    def _watch(self, record: Record) -> None:
        self.live[record.job_id] = _Live(record)
        for task in record.submission.tasks:
            if task in self.tasks:
                self._left_before[task] = self.results.rows_left(task)

    # Looking.

    def _poll(self) -> None:
        """Ask the scheduler for the arrays, and the run's folder for new parts."""
        self.polls += 1
        states = self.jobs.job_states(list(self.live))
        ended = [job_id for job_id, each in states.items() if each.ended]
        # A child that ended flushed first: without its last rows it would look like a fault.
        more_failed = [job_id for job_id, each in states.items() if self._more_failed(job_id, each)]
        self._look(now=bool(ended or more_failed))
        for job_id, each in states.items():
            self._update(self.live[job_id], each)
        for job_id in ended:
            self._close(self.live.pop(job_id), states[job_id])
        self._report_if_blocked(states)

    def _look(self, *, now: bool) -> None:
        started = self.clock.now()
        if now or started >= self._look_at:
            self._send(self.results.new_events())
            self._look_at = self.clock.now() + _LISTING_SHARE * (self.clock.now() - started)

    def _more_failed(self, job_id: str, state: JobState) -> bool:
        return state.failed > len(self.live[job_id].failed)

    def _update(self, live: _Live, state: JobState) -> None:
        """Look closer at a job whose counts changed; list its failed children if more failed."""
        if state.counts != live.counts:
            self._moved_at = self.clock.now()
        more_failed = self._more_failed(live.record.job_id, state)
        live.counts = state.counts
        if more_failed:
            for child in self.jobs.failed_children(live.record):
                if child.index not in live.failed:
                    live.failed.add(child.index)
                    self._child_failed(live.record, child, terminated=state.terminated)

    def _close(self, live: _Live, state: JobState) -> None:
        """Stop watching an ended job; tasks that it left without rows are resubmitted."""
        self.jobs.records.note(live.record, ended=True)
        for task in live.record.submission.tasks:
            if task in self.tasks and self.results.rows_left(task) > 0:
                if task not in self._to_resubmit:
                    self._count_missing_rows(task, terminated=state.terminated)
                self._to_resubmit[task] = None
        if self._to_resubmit:
            self._resubmitted_at = float("-inf")

    def _count_missing_rows(self, task: int, *, terminated: bool) -> None:
        """Stop where a task ends well again and again, and its rows are not there."""
        if terminated:
            self._stop_as_cancelled()
        self._stuck[task] = self._stuck.get(task, 0) + 1
        if self._stuck[task] >= _MOST_ROUNDS_WITHOUT_PROGRESS:
            self._end_all("no progress")
            raise DaypartError(
                f"task {task} ended {self._stuck[task]} times without all its rows",
                hint="check that the tasks write to the run's folder",
            )

    def _report_if_blocked(self, states: dict[str, JobState]) -> None:
        """Show what the scheduler says, once nothing has run or moved for a while."""
        at_work = any(each.at_work for each in states.values())
        if at_work or not self.live:
            self._moved_at, self._last_reason = self.clock.now(), ""
            return
        if self.clock.now() - self._moved_at < self.settings.blocked_seconds:
            return
        job_id, live = next(iter(self.live.items()))
        reason = self.jobs.why_waiting(live.record, states.get(job_id))
        reason = reason or f"queue {live.record.submission.queue}: no host yet"
        if reason != self._last_reason:
            self.on_event(Waiting(reason))
        self._last_reason = reason
        self._moved_at = self.clock.now()

    # Mending.

    def _child_failed(self, record: Record, child: FailedChild, *, terminated: bool) -> None:
        task = record.submission.tasks[child.index]
        if task not in self.tasks or self.results.rows_left(task) <= 0:
            return
        cause = child.cause
        if cause is Cause.ENDED_BY_USER or (terminated and cause in _COULD_BE_A_USER):
            self._stop_as_cancelled()
        if cause is Cause.FAULT:
            self._end_all(f"task {task} failed")
            raise DaypartError(
                f"{record.submission.name}: task {task} ended with {child.description}",
                hint=self.results.last_output(task) or self.jobs.output_hint(record, child.index),
            )
        gives_up = self._prepare_another_try(task, record, cause)
        self.on_event(TaskFailed(task, child.description, will_retry=not gives_up))
        if gives_up:
            # Where none of them is ever fitted, it is not this partition that is at fault.
            stuck = self._stuck[task] >= _MOST_ROUNDS_WITHOUT_PROGRESS
            hopeless = stuck and cause in _OUT_OF_MEMORY
            self._send(self.results.give_up(task, child.description, everything=hopeless))
            self._left_before[task] = self.results.rows_left(task)
        if self.results.rows_left(task) > 0:
            self._to_resubmit[task] = None

    def _prepare_another_try(self, task: int, record: Record, cause: Cause) -> bool:
        """Note how a task is tried next; return whether its next row is given up."""
        left = self.results.rows_left(task)
        progress = left < self._left_before.get(task, left + 1)
        self._left_before[task] = left
        self._stuck[task] = 0 if progress else self._stuck.get(task, 0) + 1
        if cause in _OUT_OF_MEMORY:
            most = most_memory(self.tasks[task], self.settings)
            wanted = 2 * record.submission.memory
            self._least_memory[task] = min(wanted, most)
            if wanted > most and task not in self._one_by_one:
                self._one_by_one.add(task)  # so that only the partition at fault fails
                self._stuck[task] = 0
            return record.submission.most_memory
        self._least_memory[task] = record.submission.memory
        if cause is Cause.LOST:
            if self._stuck[task] >= _MOST_ROUNDS_WITHOUT_PROGRESS:
                self._end_all("no progress")
                raise DaypartError(
                    f"task {task} lost its hosts in {self._stuck[task]} rounds without a row",
                    hint="shorten task_minutes, or use a queue that nobody takes hosts from",
                )
            return False
        if cause is Cause.TIMEOUT and progress:
            return False
        alone = task in self._one_by_one
        self._one_by_one.add(task)
        return alone and not progress

    def _resubmit_if_due(self) -> None:
        """Submit what failed anew: when a job has ended, and every ten minutes."""
        due = self.clock.now() - self._resubmitted_at >= _RESUBMIT_EVERY_SECONDS
        if not self._to_resubmit or not (due or not self.live):
            return
        tasks, self._to_resubmit = list(self._to_resubmit), {}
        self._resubmitted_at = self.clock.now()
        self._submit([task for task in tasks if self.results.rows_left(task) > 0])

    # Ending.

    def _end_early(self) -> None:
        """Stop on request: the children flush what they have, unless they are to run on alone."""
        if self.settings.leave_running:
            raise Interrupted(
                f"stopped by {self.stop.reason}; {len(self.live)} jobs go on in {self.jobs.title}",
                hint="run the same command again to attach to them",
            )
        self._end_all(f"stopped by {self.stop.reason}")
        if self.results.unfinished():
            raise Interrupted(f"stopped by {self.stop.reason}")
        self._to_resubmit.clear()

    def _end_all(self, reason: str) -> None:
        """End every job, and wait until their children have flushed."""
        for job_id in self.live:
            self.jobs.terminate(job_id, f"daypart: {reason}")
        deadline = self.clock.now() + _SECONDS_TO_END
        pause = min(1.0, self.settings.poll_seconds)
        while self.live and self.clock.now() < deadline:
            self.clock.sleep(pause)
            for job_id, state in self.jobs.job_states(list(self.live)).items():
                if state.ended:
                    self.jobs.records.note(self.live.pop(job_id).record, ended=True)
        self._send(self.results.new_events())

    def _stop_as_cancelled(self) -> None:
        self._end_all("cancelled")
        raise Interrupted(
            f"the run was cancelled in {self.jobs.title}",
            hint="run the same command again to go on",
        )

    def _send(self, events: Sequence[Event]) -> None:
        for event in events:
            self.on_event(event)
            if isinstance(event, TaskFinished):
                self._to_resubmit.pop(event.task, None)


def running_tasks(run: Location, open_jobs: OpenJobs) -> frozenset[int]:
    """Return the tasks of arrays that an earlier driver left running.

    Without records of any the scheduler is not called, so that no credentials are needed.

    Parameters
    ----------
    run : Location
    open_jobs : callable
        Takes the run; returns its `Scheduler`.
    """
    live = [] if Records(run).all_ended() else open_jobs(run).recover()
    return frozenset(task for record in live for task in record.submission.tasks)


def cancel_arrays(run: Location, open_jobs: OpenJobs) -> int:
    """End what an earlier driver left running; return how many tasks that were.

    Parameters
    ----------
    run : Location
    open_jobs : callable
        Takes the run; returns its `Scheduler`.
    """
    if Records(run).all_ended():
        return 0
    jobs = open_jobs(run)
    live = jobs.recover()
    for record in live:
        jobs.terminate(record.job_id, "daypart: cancelled")
    return sum(len(record.submission.tasks) for record in live)
