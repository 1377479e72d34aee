"""What all verbs share: their three options, and how they tell an outcome."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, ParamSpec

import click

from daypart.cli.terminal import progress_for
from daypart.errors import DaypartError
from daypart.progress import Progress

P = ParamSpec("P")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a verb tells at its end.

    Parameters
    ----------
    lines : sequence of str
        For people, on standard output.
    content : object
        For machines (`--json`): a mapping or a dataclass.
    exit_code : int
    """

    lines: Sequence[str]
    content: Any
    exit_code: int = 0


def verb(name: str, example: str) -> Callable[[Callable[..., Outcome]], click.Command]:
    """Make a command of a function that takes `progress` first and returns an `Outcome`.

    Adds `--json`, `--quiet` and `--debug`, and the example at the end of the help.
    """

    def decorate(function: Callable[..., Outcome]) -> click.Command:
        @functools.wraps(function)
        def run(*args: Any, as_json: bool, quiet: bool, debug: bool, **kwargs: Any) -> int:
            with progress_for(quiet) as progress:
                outcome = function(progress, *args, **kwargs)
            if as_json:
                click.echo(json.dumps(plain(outcome.content), allow_nan=False))
            elif not quiet:
                for line in outcome.lines:
                    click.echo(line)
            return outcome.exit_code

        command = click.command(name, epilog=f"Example: {example}")(run)
        command.params += [
            click.Option(["--json", "as_json"], is_flag=True, help="Tell the outcome as JSON."),
            click.Option(["--quiet", "-q"], is_flag=True, help="Tell nothing but errors."),
            click.Option(["--debug"], is_flag=True, help="Show Python's traceback of an error."),
        ]
        return command

    return decorate


def plain(value: Any) -> Any:
    """Turn dataclasses, paths, dates and NumPy scalars into what JSON knows.

    Examples
    --------
    >>> plain({"path": Path("a"), "pair": (1, 2)})
    {'path': 'a', 'pair': [1, 2]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (Path, date, datetime)):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return plain(value.item())
    if isinstance(value, float) and value != value:
        return None
    return value


def comma_list(text: str | None) -> tuple[str, ...]:
    """Split an option such as `--by market,network`.

    Examples
    --------
    >>> comma_list("market, network"), comma_list(None)
    (('market', 'network'), ())
    """
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Read repeated options such as `--rule multi_set=split`; values are TOML or plain words.

    Raises
    ------
    DaypartError
        For a pair without `=`.

    Examples
    --------
    >>> settings_of(["minimum_tune_seconds=5", "multi_set=split"])
    {'minimum_tune_seconds': 5, 'multi_set': 'split'}
    """
    import tomllib

    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise DaypartError(f"{pair!r} is no setting", hint="write name=value")
        try:
            settings[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name.strip()] = text.strip()
    return settings


__all__ = ["Outcome", "Progress", "comma_list", "plain", "settings_of", "verb"]
