"""Jobs of a run in Batch: making each one once, finding it again, and returning its state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from daypart.engine.executors.array.answers import submitted_once
from daypart.engine.executors.array.records import Record, Records
from daypart.engine.executors.array.scheduler import FailedChild, JobState
from daypart.engine.executors.array.submission import Submission
from daypart.engine.executors.aws_batch.calls import BatchCalls
from daypart.engine.executors.aws_batch.failures import EndedChild, cause_of, describe
from daypart.engine.executors.aws_batch.request import submit_request
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.storage.location import Location

IDS_A_CALL = 100
_LOOKS_FOR_A_JOB = 4
ENDED = frozenset({"SUCCEEDED", "FAILED"})


class BatchJobs:
    """The jobs of one run; a `Scheduler`.

    Parameters
    ----------
    run : path
    calls : BatchCalls
    settings : AwsBatchSettings
    """

    title = "AWS Batch"

    def __init__(self, run: Location, calls: BatchCalls, settings: AwsBatchSettings) -> None:
        self.run = run
        self.calls = calls
        self.settings = settings
        self.records = Records(run)

    def submit(self, submission: Submission) -> Record:
        """Submit once: where no answer comes, look for the job before trying again."""
        record = self.records.intend(submission)
        request = submit_request(submission, self.run, self.settings)
        job_id = submitted_once(
            lambda: str(self.calls.once("submit_job", **request)["jobId"]),
            lambda: self.find(submission),
            self.calls.pause,
            who=f"AWS Batch does not answer SubmitJob of {submission.name}",
        )
        return self.records.note(record, job_id=job_id)

    def find(self, submission: Submission) -> str:
        """Return the id of a submission's job; empty where it was never made.

        Where a submit was made twice all the same, the first job is kept and the others end.
        """
        named = [{"name": "JOB_NAME", "values": [submission.name]}]
        found = [
            summary
            for summary in self._pages("list_jobs", jobQueue=submission.queue, filters=named)
            if summary["jobName"] == submission.name
        ]
        found.sort(key=lambda summary: (summary.get("createdAt", 0), summary["jobId"]))
        for extra in found[1:]:
            if extra.get("status") not in ENDED:
                self.terminate(extra["jobId"], "daypart: submitted twice")
        return str(found[0]["jobId"]) if found else ""

    def recover(self) -> list[Record]:
        """Return the submissions of earlier drivers that have not ended; note those that have."""
        unknown = [record for record in self.records.read() if not record.ended]
        known: list[Record] = []
        for record in unknown:
            job_id = record.job_id or self.find(record.submission)
            if job_id:
                known.append(self.records.note(record, job_id=job_id))
            else:
                self.records.note(record, ended=True)
        states = self.job_states([record.job_id for record in known], patient=True)
        live = []
        for record in known:
            # A job that Batch has forgotten ended days ago.
            if record.job_id in states and not states[record.job_id].ended:
                live.append(record)
            else:
                self.records.note(record, ended=True)
        return live

    def job_states(self, job_ids: Sequence[str], *, patient: bool = False) -> dict[str, JobState]:
        """Return the states of jobs: one call for a hundred of them.

        Parameters
        ----------
        job_ids : sequence of str
        patient : bool
            Call again for those that Batch does not know yet.

        Returns
        -------
        dict of str to JobState
            Without those that Batch does not know, be it yet or any more.
        """
        found: dict[str, JobState] = {}
        for attempt in range(_LOOKS_FOR_A_JOB if patient else 1):
            missing = [job_id for job_id in job_ids if job_id not in found]
            if attempt and missing:
                self.calls.pause(attempt)
            for start in range(0, len(missing), IDS_A_CALL):
                ids = missing[start : start + IDS_A_CALL]
                for job in self.calls.read("describe_jobs", jobs=ids)["jobs"]:
                    found[job["jobId"]] = _job_state(job)
        return found

    def failed_children(self, record: Record) -> list[FailedChild]:
        """Return the children that Batch has given up; of a plain job, itself."""
        if len(record.submission.tasks) > 1:
            pages = self._pages("list_jobs", arrayJobId=record.job_id, jobStatus="FAILED")
            return [_failed(summary) for summary in pages]
        jobs = self.calls.read("describe_jobs", jobs=[record.job_id])["jobs"]
        return [_failed(job) for job in jobs if job["status"] == "FAILED"]

    def why_waiting(self, record: Record, state: JobState | None) -> str:
        """Return what Batch says holds a job up; empty where it says nothing.

        Parameters
        ----------
        record : Record
        state : JobState or None
            None where the scheduler does not know the job.
        """
        if state is not None and state.reason:
            return state.reason
        if len(record.submission.tasks) > 1:
            children = self.calls.read(
                "list_jobs", arrayJobId=record.job_id, jobStatus="RUNNABLE", maxResults=100
            )["jobSummaryList"]
            for child in children:
                if child.get("statusReason"):
                    return str(child["statusReason"])
        return ""

    def terminate(self, job_id: str, reason: str) -> None:
        """End a job with all its children.

        Parameters
        ----------
        job_id : str
        reason : str
        """
        self.calls.read("terminate_job", jobId=job_id, reason=reason)

    def output_hint(self, record: Record, child: int) -> str:
        """Return where to look for what a child printed.

        Parameters
        ----------
        record : Record
        child : int
            Counted from 0.
        """
        return "see its log stream in CloudWatch"

    def _pages(self, operation: str, **request: Any) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            page = self.calls.read(operation, **request, **({"nextToken": token} if token else {}))
            yield from page["jobSummaryList"]
            token = page.get("nextToken")
            if not token:
                return


def _job_state(job: dict[str, Any]) -> JobState:
    """Read a parent by the counts of its children, a plain job by its own state."""
    counts = dict(job.get("arrayProperties", {}).get("statusSummary") or {job["status"]: 1})
    # The counts lag behind the status: when the job has failed, any of its children may have.
    failed = sum(counts.values()) if job["status"] == "FAILED" else counts.get("FAILED", 0)
    return JobState(
        ended=job["status"] in ENDED,
        at_work=counts.get("STARTING", 0) + counts.get("RUNNING", 0),
        failed=failed,
        terminated=bool(job.get("isTerminated")) or bool(job.get("isCancelled")),
        counts=counts,
        reason=job.get("statusReason", ""),
    )


def _failed(job: dict[str, Any]) -> FailedChild:
    container = job.get("container", {})
    ended = EndedChild(
        container.get("exitCode"), container.get("reason", ""), job.get("statusReason", "")
    )
    index = job.get("arrayProperties", {}).get("index", 0)
    return FailedChild(index, cause_of(ended), describe(ended))
