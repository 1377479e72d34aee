"""The command `daypart`: finds a verb, runs it, and turns errors into one line and an exit code."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys

import click

from daypart._version import __version__
from daypart.cli import commands
from daypart.cli.verb import GROUPS, Verb, print_json
from daypart.errors import EXIT_FAULT, EXIT_INPUT, EXIT_INTERRUPTED, DaypartError, did_you_mean

_EXAMPLE = """\b
daypart VERB --help shows the options of one verb, with an example.
Example: daypart demo --size small
"""
"""With a backspace on its first line, by which click knows lines that are not to be joined."""


@functools.cache
def find_verbs() -> dict[str, Verb]:
    """Return every command of the modules in `daypart.cli.commands`, in the order of `GROUPS`."""
    found: list[Verb] = []
    for module in pkgutil.iter_modules(commands.__path__):
        names = vars(importlib.import_module(f"{commands.__name__}.{module.name}"))
        found += [each for each in names.values() if isinstance(each, Verb)]
    found.sort(key=lambda each: GROUPS.index(each.group))
    return {str(each.name): each for each in found}


class _Verbs(click.Group):
    """The verbs, found in the modules of `daypart.cli.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs in the order of the data."""
        return list(find_verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find one verb."""
        return find_verbs().get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb of a command line, or name the nearest."""
        if args and args[0] not in find_verbs() and not args[0].startswith("-"):
            raise DaypartError(f"no verb {args[0]!r}", hint=did_you_mean(args[0], find_verbs()))
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs, the first of each group beside the group's name.

        The options of `daypart` itself are in its usage line.
        """
        formatter.write_paragraph()
        group = ""
        for name, command in find_verbs().items():
            shown = "" if command.group == group else command.group
            group = command.group
            formatter.write(f"  {shown:8} {name:16} {command.get_short_help_str(limit=200)}\n")


@click.group(
    cls=_Verbs,
    epilog=_EXAMPLE,
    options_metavar="[--version] [--help]",
    subcommand_metavar="VERB [OPTIONS] ...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="daypart")
def daypart_command() -> None:
    """Television audiences: from viewing events to forecasts and a campaign plan."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with an exit code (see `daypart.errors`)."""
    given = sys.argv[1:] if arguments is None else arguments
    if arguments is None and given[:1] == ["task"]:  # this process fits nothing itself
        from daypart.engine.tasks.bare_imports import import_pyarrow_alone

        import_pyarrow_alone()
    sys.exit(_exit_code(given))


def _exit_code(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        outcome = daypart_command.main(arguments, "daypart", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return EXIT_INPUT
    except click.ClickException as error:
        return _print_error(_one_line(error), EXIT_INPUT, as_json, _help_hint(error))
    except DaypartError as error:
        if "--debug" in arguments:
            raise
        return _print_error(error.message, error.exit_code, as_json, error.hint)
    except (KeyboardInterrupt, click.Abort):
        return _print_error("interrupted", EXIT_INTERRUPTED, as_json, None)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if "--debug" in arguments:
            raise
        what = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        hint = "run the command again with --debug and report what it prints"
        return _print_error(f"internal error ({what})", EXIT_FAULT, as_json, hint)


def _print_error(message: str, exit_code: int, as_json: bool, hint: str | None) -> int:
    if as_json:
        print_json({"error": {"message": message, "hint": hint, "exit_code": exit_code}})
    else:
        click.echo(f"daypart: {message}", err=True)
        if hint:
            click.echo(f"  {hint}", err=True)
    return exit_code


def _one_line(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    return text[:1].lower() + text[1:].rstrip(".")


def _help_hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"see: {context.command_path} --help" if context else "see: daypart --help"
