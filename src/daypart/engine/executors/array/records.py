"""What was submitted, written beside the plan: before a job is made, after, and at its end.

A driver that takes over reads these records, finds the jobs that were made, and goes on with
them. What a dead driver meant to submit and did not is planned anew.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

from daypart.engine.executors.array.child import read_array, write_array
from daypart.engine.executors.array.submission import Submission
from daypart.engine.results.folder import RunFolder
from daypart.storage.files import is_temporary, make_folder, write_json
from daypart.storage.location import Location
from daypart.storage.shapes import FileInside, Natural, fields_of, read_document


@dataclass(frozen=True)
class Record:
    """One submission and what became of it.

    Parameters
    ----------
    submission : Submission
    job_id : str
        Empty while it is not known whether the job was made.
    ended : bool
    """

    submission: Submission
    job_id: str = ""
    ended: bool = False


@dataclass(frozen=True)
class SubmissionDocument:
    """A record's file; the tasks are in that of the array."""

    name: FileInside
    queue: str
    memory: Natural
    job_id: str
    ended: bool
    round: Natural = 0
    one_by_one: bool = False
    most_memory: bool = False


class Records:
    """The submissions of a run."""

    def __init__(self, run: Location) -> None:
        self.run = run
        self.folder = RunFolder.at(run).submissions

    def read(self) -> list[Record]:
        """Return all that were ever written, in the order of their names."""
        if not self.folder.exists():
            return []
        files = [path for path in self.folder.glob("*.json") if not is_temporary(path)]
        names = sorted(path.name for path in files)
        return [self._read(self.folder / name) for name in names]

    def all_ended(self) -> bool:
        """Tell whether nothing that was ever submitted runs or waits still, without asking."""
        return all(record.ended for record in self.read())

    def rounds(self) -> dict[int, int]:
        """Return, for each task, how often it was submitted."""
        submitted = [record for record in self.read() if record.job_id]
        return dict(Counter(task for record in submitted for task in record.submission.tasks))

    def memory_reached(self) -> dict[int, int]:
        """Return, for each task that ran out of memory before, the most MiB it was given."""
        given: dict[int, list[int]] = {}
        for record in self.read():
            for task in record.submission.tasks:
                given.setdefault(task, []).append(record.submission.memory)
        least = min((min(each) for each in given.values()), default=0)
        return {task: max(each) for task, each in given.items() if max(each) > least}

    def intend(self, submission: Submission) -> Record:
        """Write what is about to be submitted: the children's tasks, then the record."""
        write_array(self.run, submission.name, submission.tasks)
        make_folder(self.folder)
        return self._write(Record(submission))

    def note(self, record: Record, **changes: Any) -> Record:
        """Write what became of a submission."""
        return self._write(replace(record, **changes))

    def _write(self, record: Record) -> Record:
        content = asdict(record.submission)
        content.pop("tasks")
        content |= {"job_id": record.job_id, "ended": record.ended}
        write_json(self.folder / f"{record.submission.name}.json", content)
        return record

    def _read(self, path: Location) -> Record:
        content = read_document(path, SubmissionDocument)
        tasks = tuple(read_array(self.run, content["name"]))
        submission = Submission(**fields_of(content, Submission) | {"tasks": tasks})
        return Record(submission, content["job_id"], content["ended"])
