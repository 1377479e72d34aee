"""A submission as a call of sbatch and the script that it is given. Nothing is sent here."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from daypart.engine.executors.array.submission import Submission
from daypart.engine.executors.slurm.settings import SlurmSettings
from daypart.engine.results.folder import RunFolder
from daypart.storage.location import Location


@dataclass(frozen=True)
class SbatchRequest:
    """What is run to submit.

    Parameters
    ----------
    command : tuple of str
    script : str
        Its standard input.
    """

    command: tuple[str, ...]
    script: str


def sbatch_request(submission: Submission, run: Location, settings: SlurmSettings) -> SbatchRequest:
    """Return the call of sbatch for a submission.

    Options are on the command line, where they override SBATCH_ variables. The
    script becomes the task, so that Slurm's SIGTERM reaches it.

    Parameters
    ----------
    submission : Submission
    run : Location
    settings : SlurmSettings

    Examples
    --------
    >>> one = Submission("daypart-7-c0ffee", "short", (7, 9), memory=4000)
    >>> made = sbatch_request(one, Path("/data/run"), SlurmSettings(cpus=2, python="python3"))
    >>> made.command[:5]
    ('sbatch', '--parsable', '--job-name=daypart-7-c0ffee', '--array=0-1', '--partition=short')
    >>> print(made.script)
    #!/bin/sh
    exec python3 -m daypart task /data/run --array daypart-7-c0ffee --cores 2
    <BLANKLINE>
    """
    array = f"0-{len(submission.tasks) - 1}"
    if settings.at_once:
        array += f"%{settings.at_once}"
    given = {
        "--job-name": submission.name,
        "--array": array,
        "--partition": submission.queue,
        "--account": settings.account,
        "--time": _time(settings.time_limit_minutes),
        "--ntasks": "1",
        "--cpus-per-task": str(settings.cpus),
        "--mem": f"{submission.memory}M",
        "--output": output_file(run, submission.name, "%a"),
    }
    options = [f"{name}={value}" for name, value in given.items() if value]
    task = [settings.python, "-m", "daypart", "task", str(run.resolve())]
    task += ["--array", submission.name, "--cores", str(settings.cpus)]
    task += [
        *(["--one-by-one"] if submission.one_by_one else []),
        *(["--most-memory"] if submission.most_memory else []),
    ]
    script = ["#!/bin/sh", *settings.setup, f"exec {shlex.join(task)}", ""]
    return SbatchRequest(
        ("sbatch", "--parsable", *options, "--requeue", "--open-mode=append", *settings.options),
        "\n".join(script),
    )


def output_file(run: Location, name: str, child: int | str) -> str:
    """Return where a child's own output goes; empty for a run on S3: as Slurm does it.

    Parameters
    ----------
    run : Location
    name : str
        Of the array.
    child : int or str
        Its number, or Slurm's pattern for it.
    """
    if not isinstance(run, Path):
        return ""
    return str(RunFolder.at(run).logs.resolve() / f"{name}-{child}.out")


def _time(minutes: float) -> str:
    """Return minutes as Slurm reads them, minutes:seconds; empty for none.

    Examples
    --------
    >>> _time(90.5), _time(0)
    ('90:30', '')
    """
    seconds = round(minutes * 60)
    return f"{seconds // 60}:{seconds % 60:02d}" if seconds else ""
