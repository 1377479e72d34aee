"""Slurm's command line tools."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from daypart.engine.executors.array.answers import NoAnswer, seconds_to_pause, until_answered
from daypart.errors import DaypartError

_TRIES = 8
_TIMEOUT_SECONDS = 120.0
_UNANSWERED = (
    "unable to contact slurm controller",
    "timed out",
    "connection refused",
    "zero bytes were transmitted",
    "standby mode",
    "temporarily unable",
    "communication connection failure",
    "insane message length",
)


class Commands:
    """Runs Slurm's tools.

    Parameters
    ----------
    sleep : callable
        Lets seconds pass between tries.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.sleep = sleep

    def read(self, *command: str) -> str:
        """Run a command that may be run twice, until the controller answers.

        Raises
        ------
        DaypartError
            Where Slurm refuses it, or does not answer for minutes.
        """
        return until_answered(
            lambda: self.once(command),
            self.pause,
            _TRIES,
            who=f"Slurm does not answer {command[0]}",
            hint="see sinfo and scontrol ping, then run the same command again",
        )

    def once(self, command: Sequence[str], script: str = "") -> str:
        """Run a command once; return what it printed.

        Parameters
        ----------
        command : sequence of str
        script : str
            Its standard input.

        Raises
        ------
        NoAnswer
            Where it may have been done.
        DaypartError
            Where Slurm refuses it, or the command is not there.
        """
        try:
            done = subprocess.run(  # noqa: S603 - Slurm's own tools, no shell
                command,
                input=script,
                env=_environment(),
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise DaypartError(
                f"executor slurm needs {command[0]}, which is not there",
                hint="run this on a login node of the cluster, or install Slurm's client tools",
            ) from None
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"nothing for {_TIMEOUT_SECONDS:.0f} s") from None
        if done.returncode == 0:
            # What `sbatch --test-only` prints is on standard error.
            return done.stdout or done.stderr
        reported = _complaint(done.stderr) or f"exit code {done.returncode}"
        if any(words in reported.lower() for words in _UNANSWERED):
            raise NoAnswer(reported)
        raise DaypartError(f"Slurm refuses {command[0]}: {reported}")

    def pause(self, attempt: int) -> None:
        """Wait before the next attempt, twice as long each time."""
        self.sleep(seconds_to_pause(attempt))


def _complaint(printed: str) -> str:
    """Return the last error that a tool printed, without its prefix.

    Examples
    --------
    >>> _complaint("sbatch: error: Batch job submission failed: Invalid qos specification")
    'Batch job submission failed: Invalid qos specification'
    """
    lines = [line for line in printed.splitlines() if line.strip() and "--help" not in line]
    return lines[-1].rpartition(" error: ")[2].strip() if lines else ""


def _environment() -> dict[str, str]:
    """Return this process's environment, with its import path for a user's own models."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    # Squeue writes the indices that wait as a list, and cuts it unless this is set.
    return {**os.environ, "PYTHONPATH": path, "SLURM_BITSTR_LEN": "0"}
