"""evaluateOnExit: whether a failed attempt is followed by another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daypart.batch_emulator.faults import ClientFault
from daypart.batch_emulator.settings import MOST_ATTEMPTS, MOST_RETRY_RULES

_TEXT = re.compile(r"[A-Za-z0-9.:\s]*\*?")
_EXIT_CODE = re.compile(r"[0-9]*\*?")
_PATTERNS = {"onStatusReason": _TEXT, "onReason": _TEXT, "onExitCode": _EXIT_CODE}


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    Parameters
    ----------
    exit_code : int or None
        None if no container ended: the host was lost, or the container never started.
    status_reason : str
        Of the attempt, such as `Host EC2 (instance i-0) terminated.`
    reason : str
        Of the container, such as `OutOfMemoryError: Container killed due to memory usage`.
    """

    exit_code: int | None
    status_reason: str = "Essential container in task exited"
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the attempt succeeded."""
        return self.exit_code == 0


@dataclass(frozen=True)
class RetryStrategy:
    """The number of attempts, and the rules for another one.

    Parameters
    ----------
    attempts : int
        1 to 10, losses of hosts included.
    rules : tuple of mapping
        As in the API: `onStatusReason`, `onReason`, `onExitCode`, `action`.
    """

    attempts: int = 1
    rules: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of(cls, request: Mapping[str, Any] | None) -> RetryStrategy:
        """Read a `retryStrategy`.

        Raises
        ------
        ClientFault
            For a value beyond a limit, or a pattern with a `*` before its end.
        """
        given = request or {}
        attempts = given.get("attempts", 1)
        rules: Sequence[Mapping[str, str]] = given.get("evaluateOnExit", ())
        if not 1 <= attempts <= MOST_ATTEMPTS:
            raise ClientFault(f"attempts must be between 1 and {MOST_ATTEMPTS}, is {attempts}")
        if len(rules) > MOST_RETRY_RULES:
            raise ClientFault(f"evaluateOnExit has {len(rules)} rules, at most {MOST_RETRY_RULES}")
        for rule in rules:
            _check_rule(rule)
        return cls(attempts, tuple(dict(rule) for rule in rules))

    def tries_again(self, ending: Ending, attempt: int) -> bool:
        """Return whether a failed attempt (from 1) is followed by another.

        The first rule whose fields all match decides; without one there is another attempt.

        Parameters
        ----------
        ending : Ending
        attempt : int

        Examples
        --------
        >>> strategy = RetryStrategy(3, ({"onExitCode": "75", "action": "RETRY"},
        ...                              {"onReason": "*", "action": "EXIT"}))
        >>> strategy.tries_again(Ending(75), 1), strategy.tries_again(Ending(1), 1)
        (True, False)
        >>> strategy.tries_again(Ending(75), 3)
        False
        """
        if attempt >= self.attempts:
            return False
        for rule in self.rules:
            if _matches(rule, ending):
                return rule["action"].upper() == "RETRY"
        return True


def _check_rule(rule: Mapping[str, str]) -> None:
    if rule["action"].upper() not in {"RETRY", "EXIT"}:
        raise ClientFault(f"evaluateOnExit: action must be RETRY or EXIT, is {rule['action']}")
    fields = [name for name in _PATTERNS if name in rule]
    if not fields:
        raise ClientFault("evaluateOnExit: a rule needs onStatusReason, onReason or onExitCode")
    for name in fields:
        if len(rule[name]) > 512 or not _PATTERNS[name].fullmatch(rule[name]):
            raise ClientFault(
                f"evaluateOnExit: {name} {rule[name]!r} is not a pattern (a * only at the end)"
            )


def _matches(rule: Mapping[str, str], ending: Ending) -> bool:
    values = {
        "onStatusReason": ending.status_reason,
        "onReason": ending.reason,
        "onExitCode": None if ending.exit_code is None else str(ending.exit_code),
    }
    return all(_fits(rule[name], values[name]) for name in values if name in rule)


def _fits(pattern: str, value: str | None) -> bool:
    if value is None:
        return False
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
