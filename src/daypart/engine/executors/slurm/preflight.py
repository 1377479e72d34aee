"""What is looked at before anything is submitted; each fault is a line with what to do."""

from __future__ import annotations

import re
import socket
import tempfile
from pathlib import Path

from daypart.engine.executors.array.answers import NoAnswer
from daypart.engine.executors.array.submission import Submission
from daypart.engine.executors.slurm.commands import Commands
from daypart.engine.executors.slurm.request import sbatch_request
from daypart.engine.executors.slurm.settings import SlurmSettings
from daypart.errors import DaypartError, did_you_mean
from daypart.storage.location import Location

_OF_THIS_MACHINE = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - names to be wary of


def check_cluster(run: Location, commands: Commands, settings: SlurmSettings) -> None:
    """Look at Slurm: that it answers, has the partition and sees the run.

    Parameters
    ----------
    run : Location
    commands : Commands
    settings : SlurmSettings

    Raises
    ------
    DaypartError
        For missing tools, a cluster that does not answer, an unknown or closed partition, an
        array larger than the cluster takes, and a run in a folder of this machine alone.
    """
    try:
        commands.read("sbatch", "--version")
    except DaypartError as error:
        hint = error.hint or "run this where sinfo answers: on a login node of the cluster"
        raise DaypartError(error.message, hint=hint) from None
    hosts = _hosts_of_partition(commands, settings.partition)
    _check_shared(run, hosts, settings)
    reported = re.search(r"MaxArraySize\s*=\s*(\d+)", commands.read("scontrol", "show", "config"))
    if reported and settings.array_size > int(reported[1]):
        raise DaypartError(
            f"array_size is {settings.array_size}, and this cluster takes {reported[1]}",
            hint=f"set array_size = {reported[1]} in [executor.slurm]",
        )


def check_request(
    run: Location, commands: Commands, settings: SlurmSettings, first: Submission | None = None
) -> None:
    """Have `sbatch --test-only` judge the first array.

    Parameters
    ----------
    run : Location
    commands : Commands
    settings : SlurmSettings
    first : Submission, optional
        One of a single task, before anything is planned.

    Raises
    ------
    DaypartError
        For whatever it finds.
    """
    queue = settings.queues[0][0]
    first = first or Submission("daypart-check", queue, (0,), settings.memory)
    request = sbatch_request(first, run, settings)
    try:
        commands.once((*request.command, "--test-only"), request.script)
    except NoAnswer as error:
        raise DaypartError(f"Slurm does not answer ({error})", hint="try again later") from None
    except DaypartError as error:
        raise DaypartError(
            error.message,
            hint="see account, cpus, memory_mib, time_limit_minutes and options in "
            "[executor.slurm]; sinfo shows what the partitions allow",
        ) from None


def _hosts_of_partition(commands: Commands, wanted: str) -> set[str]:
    """Return the hosts of the partitions named, or of the default one."""
    state: dict[str, str] = {}
    hosts: dict[str, set[str]] = {}
    default = ""
    for line in commands.read(
        "sinfo", "--noheader", "--Node", "--Format=Partition:|,Available:|,NodeHost:|"
    ).splitlines():
        starred, available, host = line.strip().split("|")[:3]
        name = starred.rstrip("*")
        default = name if starred.endswith("*") else default
        state[name] = available
        hosts.setdefault(name, set()).add(host)
    if not (wanted or default):
        raise DaypartError(
            "the cluster has no default partition",
            hint=f"set partition in [executor.slurm]; there are: {', '.join(sorted(state))}",
        )
    chosen = (wanted or default).split(",")
    for name in chosen:
        if name not in state:
            raise DaypartError(f"no Slurm partition {name!r}", hint=did_you_mean(name, state))
        if state[name] != "up":
            raise DaypartError(
                f"Slurm partition {name!r} is {state[name]}", hint="name another, or wait"
            )
    return {host for name in chosen for host in hosts[name]}


def _check_shared(run: Location, hosts: set[str], settings: SlurmSettings) -> None:
    """Refuse a run in a folder that other machines hardly share."""
    here = {socket.gethostname(), socket.gethostname().partition(".")[0], "localhost"}
    if not isinstance(run, Path) or settings.shared_folder or hosts <= here:
        return
    path = run.resolve()
    for folder in (*_OF_THIS_MACHINE, tempfile.gettempdir()):
        if path.is_relative_to(Path(folder).resolve()):
            raise DaypartError(
                f"{run}: the nodes of the cluster hardly see this machine's {folder}",
                hint="put store and run where all nodes see them (home, scratch, s3://), or set "
                "shared_folder = true",
            )
