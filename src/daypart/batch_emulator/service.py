"""The API's calls: each one is checked, carried out by the state machine, and answered."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from daypart.batch_emulator.answers import JobAnswers, arn
from daypart.batch_emulator.faults import BatchFault, ClientFault, LostAnswer, ThrottledFault
from daypart.batch_emulator.jobs import RUNNING, STATES, Job, JobChild
from daypart.batch_emulator.machine import BatchMachine
from daypart.batch_emulator.pages import page_of
from daypart.batch_emulator.requests import check_answer, check_request
from daypart.batch_emulator.resources import Resources
from daypart.batch_emulator.settings import (
    LARGEST_FILTERED_PAGE,
    LARGEST_PAGE,
    MOST_IDS_A_DESCRIBE,
    EmulatorSettings,
)
from daypart.batch_emulator.submission import read_submission

Answer = dict[str, Any]


class BatchService:
    """The Batch of one account in one region.

    Parameters
    ----------
    settings : EmulatorSettings
    region : str

    Examples
    --------
    >>> service = BatchService(EmulatorSettings())
    >>> service.call("DescribeJobQueues", {}, now=0.0)
    {'jobQueues': []}
    """

    def __init__(self, settings: EmulatorSettings, region: str = "us-east-1") -> None:
        self.settings = settings
        self.region = region
        self.machine = BatchMachine(settings)
        self.resources = Resources(self.machine, region)
        self._answers = JobAnswers(self.machine, region)
        self._recent_calls: deque[float] = deque()
        self._faults = random.Random(f"faults/{settings.seed}")  # noqa: S311 - no secrets
        self._ids = random.Random(f"ids/{settings.seed}")  # noqa: S311 - names, no secrets
        self._calls: dict[str, Callable[[Mapping[str, Any], float], Answer]] = {
            "SubmitJob": self._submit_job,
            "DescribeJobs": self._describe_jobs,
            "ListJobs": self._list_jobs,
            "TerminateJob": self._terminate_job,
            "CancelJob": self._cancel_job,
            **self.resources.calls,
        }

    def call(self, operation: str, request: Mapping[str, Any], now: float) -> Answer:
        """Answer one call.

        Parameters
        ----------
        operation : str
            Such as `SubmitJob`.
        request : mapping
            As boto3 takes it.
        now : float
            Seconds, of the clock that all calls share.

        Raises
        ------
        BatchFault
            For a call that Batch would refuse, beyond the rate, or that is not emulated.
        LostAnswer
            For the share of calls whose answers are lost, after they were carried out.
        """
        self.machine.advance(now)
        self._count_call(now)
        if operation not in self._calls:
            raise BatchFault(f"{operation} is not emulated")
        if self._faults.random() < self.settings.failed_calls:
            raise BatchFault("Internal failure, as set by failed_calls")
        check_request(operation, request)
        answer = self._calls[operation](request, now)
        self.machine.advance(now)
        check_answer(operation, answer)
        if self._faults.random() < self.settings.lost_answers:
            raise LostAnswer(operation)
        return answer

    def _count_call(self, now: float) -> None:
        recent = self._recent_calls
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        if len(recent) >= self.settings.calls_per_second:
            raise ThrottledFault("Too Many Requests")
        recent.append(now)

    def _submit_job(self, request: Mapping[str, Any], now: float) -> Answer:
        queue = self.resources.queue(request["jobQueue"])
        if not queue.enabled:
            raise ClientFault(f"JobQueue {queue.name} is disabled.")
        wanted = read_submission(
            request,
            self.resources.definition(request["jobDefinition"]),
            queue=queue.name,
            overrides_bytes=self.settings.overrides_bytes,
        )
        for on, kind in wanted.dependencies:
            self._check_dependency(on, kind, wanted.size)
        identity = "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}".format(
            *(self._ids.getrandbits(bits) for bits in (32, 16, 12, 12, 48))
        )
        job = self.machine.submit(identity, wanted, now)
        return {
            "jobArn": arn(self.region, "job", job.id),
            "jobId": job.id,
            "jobName": wanted.name,
        }

    def _check_dependency(self, on: str, kind: str, size: int | None) -> None:
        if kind == "SEQUENTIAL":
            return
        job = self.machine.jobs.get(on)
        if job is None:
            raise ClientFault(f"Job {on} does not exist")
        if kind == "N_TO_N" and job.request.size != size:
            raise ClientFault(f"dependsOn: array {on} has another size")

    def _describe_jobs(self, request: Mapping[str, Any], now: float) -> Answer:
        identities = request["jobs"]
        if len(identities) > MOST_IDS_A_DESCRIBE:
            raise ClientFault(f"jobs has {len(identities)} ids, at most {MOST_IDS_A_DESCRIBE}")
        since = now - self.settings.describe_lag_seconds
        details = []
        for identity in identities:
            found = self._find(identity, now)
            job = found.job if isinstance(found, JobChild) else found
            if found is not None and job is not None and job.created_at <= since:
                details.append(self._answers.detail(found, now))
        return {"jobs": details}

    def _find(self, identity: str, now: float) -> Job | JobChild | None:
        """Return a job or a child by its id or its ARN; None if it is unknown or forgotten."""
        parent, _, index = identity.rsplit("/", 1)[-1].partition(":")
        job = self.machine.jobs.get(parent)
        if job is None or (job.stopped_at or now) < now - self.settings.kept_seconds:
            return None
        if not index:
            return job
        whole = index.isdecimal() and job.request.size is not None
        return job.children[int(index)] if whole and int(index) < len(job.children) else None

    def _list_jobs(self, request: Mapping[str, Any], now: float) -> Answer:
        by = [name for name in ("jobQueue", "arrayJobId") if request.get(name)]
        if len(by) != 1:
            raise ClientFault("ListJobs needs one of jobQueue and arrayJobId")
        status = request.get("jobStatus", RUNNING)
        if status not in STATES:
            raise ClientFault(f"jobStatus {status!r} is not one of {', '.join(STATES)}")
        if by == ["arrayJobId"]:
            found = self._find(request["arrayJobId"], now)
            children = found.children if isinstance(found, Job) and found.request.size else []
            chosen: list[Answer] = [
                self._answers.summary(child, now) for child in children if child.state == status
            ]
            return page_of("jobSummaryList", chosen, request, LARGEST_PAGE)
        queue = self.resources.queue(request["jobQueue"]).name
        since = now - self.settings.list_lag_seconds
        jobs = [
            job
            for job in self.machine.jobs.values()
            if job.request.queue == queue
            and job.created_at <= since
            and self._find(job.id, now) is not None
        ]
        if request.get("filters"):
            jobs = _filtered(jobs, request["filters"])
        else:
            jobs = [job for job in jobs if job.status == status]
        largest = LARGEST_FILTERED_PAGE if request.get("filters") else LARGEST_PAGE
        summaries = [self._answers.summary(job, now) for job in jobs]
        return page_of("jobSummaryList", summaries, request, largest)

    def _terminate_job(self, request: Mapping[str, Any], now: float) -> Answer:
        found = self._find(request["jobId"], now)
        if isinstance(found, Job):
            found.is_terminated = found.is_terminated or not found.ended
        self.machine.terminate(_children(found), request["reason"], now)
        return {}

    def _cancel_job(self, request: Mapping[str, Any], now: float) -> Answer:
        found = self._find(request["jobId"], now)
        if isinstance(found, Job):
            found.is_cancelled = found.is_cancelled or not found.ended
        self.machine.cancel(_children(found), request["reason"], now)
        return {}


def _children(found: Job | JobChild | None) -> list[JobChild]:
    if found is None:
        raise ClientFault("Job does not exist")
    return [found] if isinstance(found, JobChild) else found.children


def _filtered(jobs: list[Job], filters: list[Mapping[str, Any]]) -> list[Job]:
    """Return the jobs of a name; a value may end in `*`, and case is ignored."""
    if len(filters) > 1 or filters[0].get("name") != "JOB_NAME":
        raise ClientFault("ListJobs: the emulator knows one filter, JOB_NAME")
    values = [value.lower() for value in filters[0].get("values", ())]

    def fits(name: str) -> bool:
        return any(
            name.startswith(value[:-1]) if value.endswith("*") else name == value
            for value in values
        )

    return [job for job in jobs if fits(job.request.name.lower())]
