"""Types of options, and the options that several verbs take."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from daypart.errors import DaypartError

PATH = click.Path()
Command = TypeVar("Command", bound=Callable[..., Any])


def names(text: str) -> tuple[str, ...]:
    """Split an option such as `--by market,network`.

    Examples
    --------
    >>> names("market, network"), names("")
    (('market', 'network'), ())
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def days(text: str) -> int:
    """Read a number of days: `7d`, `1w` or `7`.

    Examples
    --------
    >>> days("7d"), days("2w"), days("3")
    (7, 14, 3)
    """
    found = re.fullmatch(r"(\d{1,5})([dw]?)", text.strip())
    if not found:
        raise DaypartError(f"{text!r} is not a number of days", hint="write 7d or 1w")
    return int(found[1]) * (7 if found[2] == "w" else 1)


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Read repeated options such as `--rule multi_set=split`; values are TOML or plain words.

    Parameters
    ----------
    pairs : sequence of str

    Returns
    -------
    dict

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
            raise DaypartError(f"{pair!r} is not a setting", hint="write name=value")
        try:
            settings[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name.strip()] = text.strip()
    return settings


def set_option(text: str, *declarations: str) -> Callable[[Command], Command]:
    """Return a repeated option of `name=value`, read as a mapping.

    Parameters
    ----------
    text : str
        Its help.
    declarations : str
        The option and its parameter; `--set` and `settings` by default.
    """
    return click.option(
        *(declarations or ("--set", "settings")),
        multiple=True,
        metavar="NAME=VALUE",
        callback=lambda context, option, pairs: settings_of(pairs),
        help=f"{text}; repeat the option for more.",
    )


def table_options(command: Command) -> Command:
    """Add how a table is written: its columns, marks and encoding (`mapping`, `stamp_format`)."""
    for option in (
        click.option("--stamp-format", help="Of stamps, such as '%d/%m/%Y %H:%M'."),
        click.option(
            "--map",
            "mapping",
            help="Such as start=begin,decimal=comma, or a TOML file.",
        ),
    ):
        command = option(command)
    return command


def seed_option(default: int = 0) -> Callable[[Command], Command]:
    """Return `--seed`, with which the result is the same each time."""
    return click.option("--seed", default=default, help="Seed of random draws.")


def tables_mapped(pairs: Sequence[str]) -> dict[str, str]:
    """Read repeated options such as `--map-of households:household_id=hh`.

    Parameters
    ----------
    pairs : sequence of str

    Returns
    -------
    dict of str to str
        Table to how it is written.

    Raises
    ------
    DaypartError
        For an option without a table's name.

    Examples
    --------
    >>> tables_mapped(["households:household_id=hh,weight=w"])
    {'households': 'household_id=hh,weight=w'}
    """
    found = {}
    for pair in pairs:
        table, colon, mapping = pair.partition(":")
        if not colon or not table.strip() or not mapping.strip():
            raise DaypartError(f"{pair!r} names no table", hint="write TABLE:name=column,...")
        found[table.strip()] = mapping.strip()
    return found


def model_options(command: Command) -> Command:
    """Add the model, its parameters (`parameters`, `settings`), its calendar and the workers."""
    for option in (
        click.option("--workers", type=int, help="Processes (default: one per core)."),
        click.option(
            "--calendar",
            type=PATH,
            help="Named events with columns name, from, to: a table or .toml.",
        ),
        click.option("--calendar-map", help="Its columns and marks, as --map of other tables."),
        set_option("Set one parameter of the model"),
        click.option("--parameters", type=PATH, help="Model parameters as TOML, also by market."),
        click.option("--model", default="negbin", help="Name, or package.module:name."),
    ):
        command = option(command)
    return command


def model_parameters(parameters: str | None, settings: dict[str, Any]) -> list[Any]:
    """Return the parameters of a model: those of a file, then those of the command line.

    Parameters
    ----------
    parameters : str, optional
        The TOML file of `--parameters`.
    settings : dict
        The pairs of `--set`.
    """
    return [*([parameters] if parameters else []), settings]


def take_calendar(options: dict[str, Any]) -> None:
    """Join a calendar with how it is written, in the options of a verb.

    Parameters
    ----------
    options : dict
        With `calendar` and `calendar_map`, which is removed.
    """
    from daypart.tables.table import mapped_table

    mapping, path = options.pop("calendar_map"), options["calendar"]
    options["calendar"] = path and mapped_table(path, mapping)


def execution_options(
    command: Command, settings: Sequence[str] = ("--executor-settings",)
) -> Command:
    """Add where the partitions are fitted, with the limits of one partition and one worker.

    Parameters
    ----------
    command : function
        The function of a verb.
    settings : sequence of str
        Names of the option of the executor's settings.
    """
    for option in (
        click.option(
            *settings, "executor_settings", type=PATH, help="TOML: [executor.local] workers = 2"
        ),
        click.option(
            "--on",
            "--executor",
            "executor",
            default="local",
            help="Executor: local, inline, slurm, aws-batch.",
        ),
        click.option("--memory", help="Memory limit of a worker's fits, such as 2GB."),
        click.option("--timeout", type=float, help="Time limit of one partition, seconds."),
    ):
        command = option(command)
    return command


def _trust(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from daypart.models.trust import trust_every_run

        trust_every_run()


TRUST_RUN = click.option(
    "--trust-run",
    is_flag=True,
    expose_value=False,
    callback=_trust,
    help="Import the model's code that the run names.",
)

MIN_HOUSEHOLDS = click.option(
    "--min-households", type=int, help="Raise the store's rule on in-tab households (50)."
)
