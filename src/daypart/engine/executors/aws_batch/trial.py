"""A model of the user's own is tried in a container before its run is submitted.

This machine can import it; whether the image can, and whether its role reaches the run, is known
there only. One small job a queue asks both, while its first host is started that the run needs
anyway.
"""

from __future__ import annotations

import hashlib
from typing import Any

from daypart.engine.executors.array.child_check import check_file, read_check
from daypart.engine.executors.array.submission import Submission
from daypart.engine.executors.aws_batch.jobs import ENDED, BatchJobs
from daypart.engine.executors.aws_batch.request import RETRY_RULES
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.events import OnEvent, Waiting
from daypart.engine.tasks.stopping import Stop
from daypart.errors import DaypartError, Interrupted
from daypart.storage.files import delete_files


def try_in_containers(
    jobs: BatchJobs, settings: AwsBatchSettings, on_event: OnEvent, stop: Stop
) -> None:
    """Run the check on each queue, and wait for it.

    Parameters
    ----------
    jobs : BatchJobs
    settings : AwsBatchSettings
    on_event : callable
        Called with every event.
    stop : Stop

    Raises
    ------
    DaypartError
        Where a container can't fit the run; with what it said, or how it ended.
    Interrupted
        After a request to stop.
    """
    folder = RunFolder.at(jobs.run)
    waiting = {}
    for queue, _ in settings.queues:
        name = _name(jobs, settings, queue)
        place = check_file(folder, name)
        if place.exists():
            delete_files([place])
        submission = Submission(name, queue, (0,), settings.memory)
        waiting[_submit(jobs, settings, submission)] = name
    on_event(Waiting("the arrays wait until a container has tried the model"))
    pause = settings.poll_seconds / 16
    while waiting:
        jobs.calls.clock.sleep(pause)
        pause = min(pause * 1.5, settings.poll_seconds)
        if stop.requested:
            for job_id in waiting:
                jobs.terminate(job_id, f"daypart: stopped by {stop.reason}")
            raise Interrupted(f"stopped by {stop.reason}")
        for job in jobs.calls.read("describe_jobs", jobs=list(waiting))["jobs"]:
            if job["status"] in ENDED:
                _judge(jobs, waiting.pop(job["jobId"]), job)


def _submit(jobs: BatchJobs, settings: AwsBatchSettings, submission: Submission) -> str:
    """Submit the check; a second one, after a lost answer, does no harm."""
    request = _request(jobs, settings, submission)
    return str(jobs.calls.read("submit_job", **request)["jobId"])


def _judge(jobs: BatchJobs, name: str, job: dict[str, Any]) -> None:
    reported = read_check(jobs.run, name)
    if reported is not None and reported.fault:
        raise DaypartError(
            f"in a container of {job['jobQueue'].rsplit('/', 1)[-1]}: {reported.fault}",
            hint=reported.hint or "build your model's package into the image",
        )
    if job["status"] == "FAILED" or reported is None:
        container = job.get("container", {})
        how = container.get("reason") or job.get("statusReason") or "no reason given"
        raise DaypartError(
            f"a container of {job['jobQueue'].rsplit('/', 1)[-1]} can't fit this run "
            f"(exit code {container.get('exitCode')}, {how})",
            hint="see the job's log stream: the image must hold daypart, be of the host's "
            "architecture, and its job role must reach the run and its store",
        )


def _request(jobs: BatchJobs, settings: AwsBatchSettings, submission: Submission) -> dict[str, Any]:
    command = ["daypart", "task", str(jobs.run.resolve()), "0", "--check", submission.name]
    return {
        "jobName": submission.name,
        "jobQueue": submission.queue,
        "jobDefinition": settings.job_definition,
        "retryStrategy": {"attempts": 3, "evaluateOnExit": [dict(rule) for rule in RETRY_RULES]},
        "containerOverrides": {
            "command": command,
            "resourceRequirements": [
                {"type": "VCPU", "value": str(settings.vcpus)},
                {"type": "MEMORY", "value": str(submission.memory)},
            ],
        },
    }


def _name(jobs: BatchJobs, settings: AwsBatchSettings, queue: str) -> str:
    """Return a name of this try; another driver's, or an earlier one's, is another."""
    what = f"{jobs.run.resolve()}/{settings.job_definition}/{queue}/{jobs.calls.clock.now()}"
    return "daypart-check-" + hashlib.blake2b(what.encode(), digest_size=6).hexdigest()
