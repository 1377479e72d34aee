"""A verb of the command line: its command, its group and its outcome."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from daypart.cli.terminal import progress_for

GROUPS = ("Start", "Data", "Model", "Run", "Cluster", "Decide")
"""The groups of verbs, in the order of the data."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a verb.

    Parameters
    ----------
    lines : sequence of str
        Printed for people on standard output.
    content : object
        Printed as JSON with `--json`: a mapping or a dataclass.
    exit_code : int
        0 by default.
    """

    lines: Sequence[str]
    content: Any
    exit_code: int = 0


class Verb(click.Command):
    """A command with the group that the help lists it in."""

    group: str


def verb(name: str, *, group: str, example: str) -> Callable[[Callable[..., Outcome]], Verb]:
    """Make a command of a function that takes `progress` first and returns an `Outcome`.

    Adds `--json`, `--quiet` and `--debug`, and the example at the end of the help.

    Parameters
    ----------
    name : str
        The verb.
    group : str
        One of `GROUPS`.
    example : str
        A complete command line.

    Returns
    -------
    function
        A decorator.

    Raises
    ------
    ValueError
        For an unknown group.
    """
    if group not in GROUPS:
        raise ValueError(f"verb {name!r}: the group {group!r} is not one of {', '.join(GROUPS)}")

    def decorate(function: Callable[..., Outcome]) -> Verb:
        @functools.wraps(function)
        def run(*args: Any, as_json: bool, quiet: bool, debug: bool, **kwargs: Any) -> int:
            with progress_for(quiet) as progress:
                outcome = function(progress, *args, **kwargs)
            if as_json:
                print_json(outcome.content)
            elif not quiet:
                for line in outcome.lines:
                    click.echo(line)
            return outcome.exit_code

        shown = {"show_default": True}
        decorated = click.command(
            name, cls=Verb, epilog=f"Example: {example}", context_settings=shown
        )
        command = decorated(run)
        command.group = group
        command.params += [
            click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON."),
            click.Option(["--quiet", "-q"], is_flag=True, help="Print nothing but errors."),
            click.Option(["--debug"], is_flag=True, help="Print the traceback of an error."),
        ]
        return command

    return decorate


def print_json(content: Any) -> None:
    """Print one line of JSON on standard output."""
    from daypart.storage.files import plain  # `daypart --help` prints no JSON

    click.echo(json.dumps(plain(content), allow_nan=False))
