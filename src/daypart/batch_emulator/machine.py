"""The state machine: what becomes of every child, on a clock that the caller keeps.

It starts no process and reads no clock. Every call gives the time in seconds; the machine returns
orders to start, stop or kill a container, and `ended` reports how a container ended. So the same
machine runs real processes on a real clock and simulated children on a virtual one.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from daypart.batch_emulator.capacity import Environment, Host, Queue
from daypart.batch_emulator.jobs import (
    ENDED,
    FAILED,
    ON_A_HOST,
    PENDING,
    RUNNABLE,
    RUNNING,
    STARTING,
    SUCCEEDED,
    Attempt,
    Job,
    JobChild,
    JobRequest,
)
from daypart.batch_emulator.retry import Ending
from daypart.batch_emulator.settings import EmulatorSettings

_HOST_LOST, _TIMED_OUT, _TERMINATED = "host", "timeout", "terminated"
_TIMEOUT_REASON = "Job attempt duration exceeded timeout"
_DEPENDENT_REASON = "Dependent Job failed"


@dataclass(frozen=True, slots=True)
class Start:
    """Start a child's container."""

    child: JobChild
    attempt: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """Send a container SIGTERM."""

    child: JobChild
    attempt: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Send a container SIGKILL."""

    child: JobChild
    attempt: int


Order = Start | Terminate | Kill


class BatchMachine:
    """Environments, queues and jobs, and the rules by which children move.

    Attributes
    ----------
    orders : deque of Order
        To carry out; the caller removes them after every call.
    jobs : dict of str to Job
        By id.
    host_of : dict of JobChild to Host
        Of the children that are STARTING or RUNNING.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.environments: dict[str, Environment] = {}
        self.queues: dict[str, Queue] = {}
        self.jobs: dict[str, Job] = {}
        self.host_of: dict[JobChild, Host] = {}
        self.orders: deque[Order] = deque()
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._serial = count()
        self._dependents: dict[str, list[Job]] = {}

    # The clock.

    def next_at(self) -> float | None:
        """Return the time of the next event, or None."""
        return self._timers[0][0] if self._timers else None

    def advance(self, now: float) -> None:
        """Process all events that are due."""
        while self._timers and self._timers[0][0] <= now:
            due, _, act = heapq.heappop(self._timers)
            act(due)

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._serial), act))

    # Calls of users.

    def submit(self, identity: str, request: JobRequest, now: float) -> Job:
        """Add a job.

        Parameters
        ----------
        identity : str
        request : JobRequest
        now : float
        """
        self._forget_old(now)
        job = Job(identity, request, now)
        self.jobs[identity] = job
        for on, kind in request.dependencies:
            if kind != "SEQUENTIAL":
                self._dependents.setdefault(on, []).append(job)
        self._at(now, lambda at: self._let_wait(job.children, at))
        return job

    def terminate(self, children: Iterable[JobChild], reason: str, now: float) -> None:
        """End children in any state, without another attempt.

        Parameters
        ----------
        children : iterable of JobChild
        reason : str
        now : float
        """
        for child in list(children):
            if child.state in ENDED or child.stopping == _TERMINATED:
                continue
            child.status_reason = reason
            if child.state == RUNNING:
                self._stop(child, _TERMINATED, now)
            elif child.state == STARTING:
                child.stopping = _TERMINATED
                self._end_attempt(child, Ending(None, reason), now)
            else:
                self._finish(child, FAILED, now)

    def cancel(self, children: Iterable[JobChild], reason: str, now: float) -> None:
        """End those children that have not started.

        Parameters
        ----------
        children : iterable of JobChild
        reason : str
        now : float
        """
        self.terminate((child for child in children if child.state not in ON_A_HOST), reason, now)

    def status_reason(self, child: JobChild, now: float) -> str:
        """Return the reason for a child's state; for the head of a queue, why it can't start.

        Parameters
        ----------
        child : JobChild
        now : float
        """
        if child.state == RUNNABLE:
            return self.queues[child.job.request.queue].why_blocked(child, now)
        return child.status_reason

    # What the world reports.

    def ended(
        self,
        child: JobChild,
        attempt: int,
        exit_code: int,
        now: float,
        *,
        reason: str = "",
        killed: bool = False,
    ) -> None:
        """Report that a container ended.

        Parameters
        ----------
        child : JobChild
        attempt : int
            From the order `Start`.
        exit_code : int
        now : float
        reason : str
            The container's, such as `OutOfMemoryError: Container killed due to memory usage`.
        killed : bool
            Whether a signal ended it.
        """
        if child.state != RUNNING or child.attempt != attempt:
            return
        if child.stopping == _HOST_LOST and killed:
            ending = Ending(None, _host_lost(self.host_of[child]))
        else:
            ending = Ending(exit_code, reason=reason)
        self._end_attempt(child, ending, now)

    # How children move.

    def _move(self, child: JobChild, state: str, now: float) -> None:
        child.job.move(child, state, now, self.settings.summary_lag_seconds)

    def _let_wait(self, children: Iterable[JobChild], now: float) -> None:
        """Queue children, or keep them PENDING until their dependencies have succeeded."""
        for child in children:
            if child.state in ENDED or child.state in ON_A_HOST or child.state == RUNNABLE:
                continue
            ready = self._is_ready(child)
            if ready is None:
                child.status_reason = _DEPENDENT_REASON
                self._finish(child, FAILED, now)
            elif ready:
                self._make_runnable(child, now)
            elif child.state != PENDING:
                self._move(child, PENDING, now)

    def _is_ready(self, child: JobChild) -> bool | None:
        """Return whether the dependencies have succeeded; None if one failed."""
        ready: bool | None = True
        for on, kind in child.job.request.dependencies:
            state = self._state_of_dependency(child, on, kind)
            if state == FAILED:
                return None
            ready = ready and state == SUCCEEDED
        return ready

    def _state_of_dependency(self, child: JobChild, on: str, kind: str) -> str:
        if kind == "SEQUENTIAL":
            siblings = child.job.children
            return siblings[child.index - 1].state if child.index else SUCCEEDED
        job = self.jobs.get(on)
        if job is None:
            return SUCCEEDED
        return job.children[child.index].state if kind == "N_TO_N" else job.status

    def _make_runnable(self, child: JobChild, now: float) -> None:
        self._move(child, RUNNABLE, now)
        child.runnable_at, child.status_reason = now, ""
        queue = self.queues[child.job.request.queue]
        queue.waiting.append(child)
        if queue.first_waiting() is child:
            for environment in queue.environments:
                host = environment.host_for(child.job.request)
                if host is not None:
                    queue.waiting.popleft()
                    self._place(child, host, now)
                    return
        self._ask_for_hosts(queue, now)

    def _place(self, child: JobChild, host: Host, now: float) -> None:
        host.add(child)
        self.host_of[child] = host
        self._move(child, STARTING, now)
        epoch = child.epoch
        wait = self.settings.starting_seconds
        self._at(now + wait, lambda at: self._start(child, epoch, at))

    def _start(self, child: JobChild, epoch: int, now: float) -> None:
        if child.epoch != epoch:
            return
        self._move(child, RUNNING, now)
        child.started_at = now
        self.orders.append(Start(child, child.attempt))
        if child.job.request.timeout is not None:
            self._at(now + child.job.request.timeout, lambda at: self._time_out(child, epoch, at))

    def _time_out(self, child: JobChild, epoch: int, now: float) -> None:
        if child.epoch == epoch and child.state == RUNNING:
            child.status_reason = _TIMEOUT_REASON
            self._stop(child, _TIMED_OUT, now)

    def _stop(self, child: JobChild, why: str, now: float) -> None:
        """Send SIGTERM, and SIGKILL after the grace period; a user's reason replaces another."""
        first = not child.stopping
        if first or why == _TERMINATED:
            child.stopping = why
        if first:
            attempt, epoch = child.attempt, child.epoch
            self.orders.append(Terminate(child, attempt))
            after = now + self.settings.stop_grace_seconds
            self._at(after, lambda _: self._kill(child, attempt, epoch))

    def _kill(self, child: JobChild, attempt: int, epoch: int) -> None:
        if child.epoch == epoch:
            self.orders.append(Kill(child, attempt))

    def _end_attempt(self, child: JobChild, ending: Ending, now: float) -> None:
        host, stopping = self.host_of.pop(child, None), child.stopping
        number = child.attempt
        started = child.started_at if child.state == RUNNING else None
        child.attempts = (*child.attempts, Attempt(started, now, ending))
        child.epoch += 1
        child.stopping = ""
        if host is not None:
            host.remove(child)
        for_good = stopping in {_TERMINATED, _TIMED_OUT}
        if ending.succeeded and not for_good:
            child.status_reason = ending.status_reason
            self._finish(child, SUCCEEDED, now)
        elif not for_good and child.job.request.strategy.tries_again(ending, number):
            self._make_runnable(child, now)
        else:
            if not for_good:
                child.status_reason = ending.status_reason
            self._finish(child, FAILED, now)
        if host is not None:
            self._fill(host, now)

    def _finish(self, child: JobChild, state: str, now: float) -> None:
        self._move(child, state, now)
        child.stopped_at = now
        job = child.job
        following: list[JobChild] = []
        if any(kind == "SEQUENTIAL" for _, kind in job.request.dependencies):
            following += job.children[child.index + 1 : child.index + 2]
        for dependent in self._dependents.get(job.id, ()):
            same_index = dependent.children[child.index : child.index + 1]
            following += dependent.children if job.ended else same_index
        if following:
            # As a timed event: direct calls would nest as deep as a chain of ten thousand jobs.
            self._at(now, lambda at: self._let_wait(following, at))

    # How hosts start and end.

    def _ask_for_hosts(self, queue: Queue, now: float) -> None:
        """Request one host, if the queue's first child could run on it."""
        child = queue.first_waiting()
        if child is None:
            return
        for environment in queue.environments:
            if environment.can_ever_fit(child.job.request) and environment.can_grow():
                if not environment.awaits_host:
                    environment.awaits_host = True
                    arrival = environment.next_arrival(now)
                    self._at(arrival, lambda at, e=environment: self._bring_host(e, at))  # type: ignore[misc]
                return

    def _bring_host(self, environment: Environment, now: float) -> None:
        environment.awaits_host = False
        is_needed = any(queue.first_waiting() is not None for queue in environment.queues)
        if not is_needed or not environment.can_grow():
            return
        host = environment.add_host(now)
        if environment.spot and self.settings.spot_losses_per_hour > 0:
            draw = random.Random(f"{self.settings.seed}/{environment.name}/{host.number}")  # noqa: S311
            lifetime = draw.expovariate(self.settings.spot_losses_per_hour) * 3_600
            self._at(now + lifetime, lambda at: self.lose_host(host, at))
        self._fill(host, now)
        for queue in environment.queues:
            self._ask_for_hosts(queue, now)

    def _fill(self, host: Host, now: float) -> None:
        """Place waiting children on a host, by the priority of their queues."""
        environment = host.environment
        if host.number not in environment.hosts:
            return
        for queue in environment.queues:
            child = queue.first_waiting()
            while child is not None and host.fits(child.job.request):
                queue.waiting.popleft()
                self._place(child, host, now)
                child = queue.first_waiting()
        if not host.children:
            leaves_at = now + self.settings.host_idle_seconds
            host.leaves_at = leaves_at
            self._at(leaves_at, lambda at: self._let_go_if_idle(host, at))

    def _let_go_if_idle(self, host: Host, now: float) -> None:
        is_present = host.number in host.environment.hosts
        if is_present and not host.children and host.leaves_at <= now:
            host.environment.remove_host(host, now)

    def lose_host(self, host: Host, now: float) -> None:
        """Lose a Spot host: its children get SIGTERM, and SIGKILL after the grace period.

        Parameters
        ----------
        host : Host
        now : float
        """
        if host.number not in host.environment.hosts:
            return
        host.environment.remove_host(host, now)
        for child in sorted(host.children, key=lambda child: (child.job.id, child.index)):
            if child.state == RUNNING:
                self._stop(child, _HOST_LOST, now)
            else:
                self._end_attempt(child, Ending(None, _host_lost(host)), now)

    # Old jobs.

    def _forget_old(self, now: float) -> None:
        before = now - self.settings.kept_seconds
        for identity in [
            job.id for job in self.jobs.values() if job.stopped_at and job.stopped_at < before
        ]:
            del self.jobs[identity]
            self._dependents.pop(identity, None)


def _host_lost(host: Host) -> str:
    return f"Host EC2 (instance {host.instance}) terminated."
