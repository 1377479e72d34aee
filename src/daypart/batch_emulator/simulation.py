"""The same Batch on a virtual clock of SimPy, with children that only take time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daypart.batch_emulator.faults import BatchFault, LostAnswer
from daypart.batch_emulator.jobs import JobChild
from daypart.batch_emulator.machine import Order, Start, Terminate
from daypart.batch_emulator.process_children import OUT_OF_MEMORY
from daypart.batch_emulator.service import BatchService
from daypart.batch_emulator.settings import EmulatorSettings
from daypart.batch_emulator.starting_set import create_starting_set
from daypart.errors import EXIT_INTERRUPTED, DaypartError


@dataclass(frozen=True)
class SimulatedWork:
    """The simulated work of children.

    Parameters
    ----------
    seconds : callable
        From a child to its seconds of work without interruption.
    memory : callable
        From a child to the MiB that it needs.
    flush_every_seconds : float
        Finished work is saved at this interval; the rest of an interrupted attempt is lost.
    exit_code : callable
        From a child to its exit code.
    """

    seconds: Callable[[JobChild], float]
    memory: Callable[[JobChild], float] = lambda child: 0.0
    flush_every_seconds: float = float("inf")
    exit_code: Callable[[JobChild], int] = lambda child: 0


@dataclass
class Usage:
    """Resources that a simulated account used.

    Attributes
    ----------
    worked, lost : float
        vCPU-seconds in containers; those of work that was lost.
    interruptions : int
        Containers stopped before their work was finished.
    running, most_running : int
        vCPUs of containers.
    reached : list of (vcpus, seconds)
        The times of new maxima.
    """

    worked: float = 0.0
    lost: float = 0.0
    interruptions: int = 0
    running: int = 0
    most_running: int = 0
    reached: list[tuple[int, float]] = field(default_factory=list)

    def seconds_until(self, vcpus: int) -> float | None:
        """Return when this number of vCPUs was first running; None if it never was."""
        return next((at for most, at in self.reached if most >= vcpus), None)


class VirtualBatch:
    """A Batch of one region on a virtual clock: hours pass in milliseconds.

    A driver that takes its clock as an argument runs on it unchanged: `now` and `sleep` are the
    clock, `client()` replaces boto3's client.

    Parameters
    ----------
    settings : EmulatorSettings
    work : SimulatedWork
    max_vcpus : int
        Of each compute environment.
    call_seconds : float
        Duration of a call.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        work: SimulatedWork,
        *,
        max_vcpus: int = 1_000_000,
        call_seconds: float = 0.05,
    ) -> None:
        try:
            import simpy
        except ImportError:
            raise DaypartError(
                "the simulator needs simpy", hint="pip install 'daypart[emulator]'"
            ) from None
        self.clock = simpy.Environment()
        self.service = BatchService(settings)
        create_starting_set(self.service, max_vcpus)
        self.work = work
        self.usage = Usage()
        self.call_seconds = call_seconds
        self.calls: list[tuple[float, str]] = []
        self._done: dict[JobChild, float] = {}
        self._began: dict[JobChild, float] = {}
        self._wakes: list[float] = []

    def now(self) -> float:
        """Return the virtual seconds."""
        return float(self.clock.now)

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        if seconds > 0:
            self.clock.run(until=self.clock.now + seconds)

    def client(self) -> Any:
        """Return a replacement of `boto3.client("batch")`."""
        return _VirtualClient(self)

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a call after its duration.

        Parameters
        ----------
        operation : str
        request : dict
        """
        self.sleep(self.call_seconds)
        self.calls.append((self.now(), operation))
        try:
            return self.service.call(operation, request, self.now())
        finally:
            self._turn()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self.clock.timeout(seconds).callbacks.append(lambda _: act())

    def _turn(self) -> None:
        """Advance the machine, carry out its orders, and schedule the next wake-up."""
        machine = self.service.machine
        machine.advance(self.now())
        while machine.orders:
            self._obey(machine.orders.popleft())
        due = machine.next_at()
        if due is not None and (not self._wakes or due < self._wakes[0]):
            heapq.heappush(self._wakes, due)
            self._after(max(0.0, due - self.now()), self._wake)

    def _wake(self) -> None:
        heapq.heappop(self._wakes)
        self._turn()

    def _obey(self, order: Order) -> None:
        child = order.child
        if isinstance(order, Start):
            self._start(child, order.attempt)
        elif isinstance(order, Terminate):
            # A child saves its work and ends with the code for it within the grace period.
            self._after(0.0, lambda: self._end(child, order.attempt, EXIT_INTERRUPTED))

    def _start(self, child: JobChild, attempt: int) -> None:
        self._began[child] = self.now()
        usage = self.usage
        usage.running += child.job.request.vcpus
        if usage.running > usage.most_running:
            usage.most_running = usage.running
            usage.reached.append((usage.running, self.now()))
        left = self.work.seconds(child) - self._done.get(child, 0.0)
        if self.work.memory(child) > child.job.request.memory:
            self._after(left / 2, lambda: self._end(child, attempt, 137))
        else:
            self._after(left, lambda: self._end(child, attempt, self.work.exit_code(child)))

    def _end(self, child: JobChild, attempt: int, code: int) -> None:
        if child not in self._began or child.attempt != attempt:
            return
        elapsed = self.now() - self._began.pop(child)
        vcpus = child.job.request.vcpus
        self.usage.running -= vcpus
        self.usage.worked += elapsed * vcpus
        if code == EXIT_INTERRUPTED:
            step = self.work.flush_every_seconds
            kept = elapsed // step * step if step < float("inf") else 0.0
            self._done[child] = self._done.get(child, 0.0) + kept
            self.usage.lost += (elapsed - kept) * vcpus
            self.usage.interruptions += 1
        reason = OUT_OF_MEMORY if code == 137 else ""
        self.service.machine.ended(child, attempt, code, self.now(), reason=reason)
        self._turn()


class _VirtualClient:
    """The calls of boto3's Batch client: keyword arguments in, a dictionary out."""

    def __init__(self, batch: VirtualBatch) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(word.title() for word in name.split("_"))

        def call(**request: Any) -> dict[str, Any]:
            from botocore.exceptions import ClientError, ReadTimeoutError

            try:
                return self._batch.call(operation, request)
            except LostAnswer:
                raise ReadTimeoutError(endpoint_url="virtual") from None
            except BatchFault as fault:
                error = {
                    "Error": {"Code": fault.code, "Message": str(fault)},
                    "ResponseMetadata": {"HTTPStatusCode": fault.status},
                }
                raise ClientError(error, operation) from None

        return call
