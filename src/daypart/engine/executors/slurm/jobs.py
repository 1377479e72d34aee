"""Arrays of a run in Slurm: making each one once, finding it again, and returning its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from daypart.engine.executors.array.answers import submitted_once
from daypart.engine.executors.array.clock import Clock
from daypart.engine.executors.array.records import Record, Records
from daypart.engine.executors.array.scheduler import FailedChild, JobState
from daypart.engine.executors.array.submission import Submission
from daypart.engine.executors.slurm.children import (
    AT_WORK,
    FINAL,
    GONE,
    REQUEUED,
    ChildState,
    End,
    cause_of,
    describe,
    parse_sacct,
    parse_scontrol,
    parse_squeue,
)
from daypart.engine.executors.slurm.commands import Commands
from daypart.engine.executors.slurm.request import output_file, sbatch_request
from daypart.engine.executors.slurm.settings import SlurmSettings
from daypart.errors import DaypartError
from daypart.storage.location import Location

_SETTLED_SECONDS = 4.0
"""A child in requeue may look ended for a moment; after these seconds it has ended."""
_UNSETTLED = REQUEUED | {GONE}


class SlurmJobs:
    """The arrays of one run; a `Scheduler`.

    Parameters
    ----------
    run : path
    commands : Commands
    clock : Clock
    settings : SlurmSettings
    """

    title = "Slurm"

    def __init__(
        self, run: Location, commands: Commands, clock: Clock, settings: SlurmSettings
    ) -> None:
        self.run = run
        self.commands = commands
        self.clock = clock
        self.settings = settings
        self.records = Records(run)
        self._known: dict[str, Submission] = {}
        self._last_seen: dict[str, dict[int, ChildState]] = {}
        self._ended_since: dict[str, dict[int, float]] = {}

    def submit(self, submission: Submission) -> Record:
        """Submit once: where no answer comes, look for the array before trying again."""
        record = self.records.intend(submission)
        request = sbatch_request(submission, self.run, self.settings)

        def submit() -> str:
            # `--parsable` prints the id, and the cluster behind a semicolon.
            printed = self.commands.once(request.command, request.script)
            return printed.strip().splitlines()[-1].partition(";")[0]

        job_id = submitted_once(
            submit,
            lambda: self.find(submission),
            self.commands.pause,
            who=f"Slurm does not answer sbatch of {submission.name}",
        )
        return self._know(self.records.note(record, job_id=job_id))

    def find(self, submission: Submission) -> str:
        """Return the id of a submission's array; empty where Slurm knows of none.

        Where a submit was made twice all the same, the first array is kept, the others end.
        """
        found = self._look([submission.name])
        first, *others = sorted(found, key=int) or [""]
        for job_id in others:
            if any(child.state not in FINAL for child in found[job_id].values()):
                self.terminate(job_id, "submitted twice")
        return first

    def recover(self) -> list[Record]:
        """Return the submissions of earlier drivers that have not ended; note those that have."""
        unknown = [record for record in self.records.read() if not record.ended]
        names = [record.submission.name for record in unknown]
        jobs = self._look(names)
        if any(child.state in REQUEUED for job in jobs.values() for child in job.values()):
            self.clock.sleep(_SETTLED_SECONDS)
            jobs = self._look(names)
        live = []
        for record in unknown:
            job_id = record.job_id or self.find(record.submission)
            children = jobs.get(job_id, {})
            if any(child.state not in FINAL for child in children.values()):
                live.append(self._know(self.records.note(record, job_id=job_id)))
            else:
                self.records.note(record, job_id=job_id, ended=True)
        return live

    def job_states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """Return the states of arrays: one call of squeue for all of them."""
        jobs = self._look([self._known[job_id].name for job_id in job_ids])
        return {job_id: self._job_state(job_id, jobs.get(job_id, {})) for job_id in job_ids}

    def failed_children(self, record: Record) -> list[FailedChild]:
        """Return the children that ended otherwise than well."""
        job_id = record.job_id
        settled = self._settled(job_id)
        failed = {child: state for child, state in settled.items() if state != "COMPLETED"}
        ends = self._ends(job_id, failed)
        return [FailedChild(child, cause_of(ends[child]), describe(ends[child])) for child in ends]

    def why_waiting(self, record: Record, state: JobState | None) -> str:
        """Return the reason that Slurm gives for most of what waits.

        Parameters
        ----------
        record : Record
        state : JobState or None
            None where the scheduler does not know the job.
        """
        seen = self._last_seen.get(record.job_id, {}).values()
        reasons = Counter(child.reason for child in seen if child.state == "PENDING")
        queue = f"partition {record.submission.queue}: " if record.submission.queue else ""
        return queue + reasons.most_common(1)[0][0] if reasons else ""

    def terminate(self, job_id: str, reason: str) -> None:
        """End an array; one that has ended by itself is not an error.

        Parameters
        ----------
        job_id : str
        reason : str
        """
        try:
            self.commands.read("scancel", job_id)
        except DaypartError as error:
            if "invalid job id" not in error.message.lower():
                raise

    def output_hint(self, record: Record, child: int) -> str:
        """Return the last line of a child's own output, and where it is.

        Parameters
        ----------
        record : Record
        child : int
            Counted from 0.
        """
        path = output_file(self.run, record.submission.name, child)
        if not path:
            return "see its slurm-*.out file"
        lines = []
        with suppress(OSError):
            lines = Path(path).read_text("utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1]} ({path})" if lines else f"see {path}"

    def _know(self, record: Record) -> Record:
        self._known[record.job_id] = record.submission
        self._ended_since.setdefault(record.job_id, {})
        return record

    def _look(self, names: Iterable[str]) -> dict[str, dict[int, ChildState]]:
        """Ask for all children, ended ones too, of arrays of these names."""
        listed = ",".join(names)
        if not listed:
            return {}
        columns = "ArrayJobID:|,ArrayTaskID:|,State:|,Reason:|"
        command = ("squeue", "--noheader", "--states=all", f"--name={listed}")
        return parse_squeue(self.commands.read(*command, f"--Format={columns}"))

    def _job_state(self, job_id: str, listed: dict[int, ChildState]) -> JobState:
        """Read an array's state from its children, and remember those that have ended.

        Slurm forgets children minutes after their end, and shows one that it requeues as ended
        for a moment.
        """
        ended, now = self._ended_since[job_id], self.clock.now()
        seen = self._last_seen.setdefault(job_id, {})
        size = len(self._known[job_id].tasks)
        for child in range(size):
            if child not in listed and child in ended:
                continue
            seen[child] = listed.get(child, ChildState(GONE))
            if seen[child].state in FINAL | {GONE}:
                ended.setdefault(child, now)
            else:
                ended.pop(child, None)
        settled = self._settled(job_id).values()
        states = Counter(child.state for child in seen.values())
        return JobState(
            ended=len(settled) == size,
            at_work=sum(states[state] for state in AT_WORK),
            failed=sum(state != "COMPLETED" for state in settled),
            counts=dict(states),
        )

    def _settled(self, job_id: str) -> dict[int, str]:
        """Return the children that have ended for good, with their states."""
        seen, now = self._last_seen[job_id], self.clock.now()
        return {
            child: seen[child].state
            for child, since in self._ended_since[job_id].items()
            if seen[child].state not in _UNSETTLED or now - since >= _SETTLED_SECONDS
        }

    def _ends(self, job_id: str, states: dict[int, str]) -> dict[int, End]:
        """Return how children ended: a state, and where that says too little, an exit code."""
        ends = {child: End(state) for child, state in states.items()}
        reported: dict[int, End] = {}
        if "FAILED" in states.values():
            with suppress(DaypartError):
                reported = parse_scontrol(
                    self.commands.read("scontrol", "--oneliner", "show", "job", job_id)
                )
        forgotten = {child for child, state in states.items() if state == GONE}
        if forgotten or ("FAILED" in states.values() and not reported):
            with suppress(DaypartError):  # where there is no accounting
                columns = "--format=JobID,State,ExitCode"
                command = ("sacct", "--noheader", "--allocations", "--parsable2", columns)
                reported |= parse_sacct(self.commands.read(*command, f"--jobs={job_id}"))
        for child, state in states.items():
            if child in reported and state in ("FAILED", GONE):
                ends[child] = reported[child]
        return ends
