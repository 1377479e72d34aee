"""Children in containers: the commands of `docker`, and how a container ended."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from daypart.batch_emulator.jobs import JobChild
from daypart.errors import DaypartError

CANNOT_PULL = "CannotPullContainerError"
PASSED_ON = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
)
"""Variables of this process for the containers, in place of a job's role."""

_DOCKER_ITSELF_FAILED = 125
_SECONDS = 60
_KILLED_BY_SIGNAL = frozenset({137, 143})


@dataclass(frozen=True)
class ContainerEnding:
    """How a container ended.

    Parameters
    ----------
    exit_code : int
    reason : str
        Docker's reason, or empty.
    out_of_memory, killed : bool
    """

    exit_code: int
    reason: str
    out_of_memory: bool
    killed: bool


@dataclass(frozen=True)
class Containers:
    """The `docker` command, for the daemon in `DOCKER_HOST`.

    Parameters
    ----------
    docker : str
        Path of the command.
    """

    docker: str

    @classmethod
    def found(cls) -> Containers:
        """Find the command, and check that a daemon answers.

        Raises
        ------
        DaypartError
            When one of them is missing.
        """
        docker = shutil.which("docker")
        if docker is None:
            raise DaypartError("no docker command", hint="install Docker, or leave out --image")
        done = _run([docker, "version", "--format", "{{.Server.Version}}"])
        if done.returncode:
            raise DaypartError(
                f"no Docker daemon answers ({done.stderr.strip().splitlines()[-1]})",
                hint="start it, or set DOCKER_HOST",
            )
        return cls(docker)

    def command(self, child: JobChild, attempt: int, environment: Mapping[str, str]) -> list[str]:
        """Return the command that runs an attempt's container, and ends with it.

        Its arguments hold the names of variables; the values are in its own environment.

        Parameters
        ----------
        child : JobChild
        attempt : int
        environment : mapping of str to str
        """
        request = child.job.request
        names = sorted({*environment, *PASSED_ON})
        return [
            *(self.docker, "run", "--name", name_of(child, attempt), "--network=host"),
            *(f"--memory={request.memory}m", f"--memory-swap={request.memory}m"),
            *(f"--cpu-shares={1024 * request.vcpus}",),
            *(word for name in names for word in ("--env", name)),
            *(request.image, *request.command),
        ]

    def signal(self, child: JobChild, attempt: int, name: str) -> None:
        """Send a container a signal; one that has ended ignores it.

        Parameters
        ----------
        child : JobChild
        attempt : int
        name : str
            `TERM` or `KILL`.
        """
        _run([self.docker, "kill", "--signal", name, name_of(child, attempt)])

    def ending(self, child: JobChild, attempt: int, exit_code: int) -> ContainerEnding:
        """Return how a container ended, and remove it.

        Parameters
        ----------
        child : JobChild
        attempt : int
        exit_code : int
            Of the `docker run` command.
        """
        name = name_of(child, attempt)
        inspected = _run([self.docker, "inspect", "--format", "{{json .State}}", name])
        state = json.loads(inspected.stdout) if inspected.returncode == 0 else {}
        _run([self.docker, "rm", "--force", name])
        if exit_code == _DOCKER_ITSELF_FAILED:
            reason = state.get("Error") or f"{CANNOT_PULL}: {child.job.request.image} can't be run"
            return ContainerEnding(exit_code, reason, False, False)
        # Of any process in it, which may have been a child of one that goes on.
        out_of_memory = bool(state.get("OOMKilled"))
        killed = exit_code in _KILLED_BY_SIGNAL and not out_of_memory
        return ContainerEnding(exit_code, "", out_of_memory, killed)


def name_of(child: JobChild, attempt: int) -> str:
    """Return the name of an attempt's container.

    Parameters
    ----------
    child : JobChild
    attempt : int
    """
    return f"daypart-{child.id.replace(':', '-')}-{attempt}"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
