"""The command `daypart`: finds a verb, runs it, and turns errors into one line and an exit code.

Verbs are imported when they are called, so that `daypart --help` is quick.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import click

import daypart
from daypart.errors import EXIT_FAULT, EXIT_INPUT, EXIT_INTERRUPTED, DaypartError, did_you_mean

_VERBS = {
    "demo": ("daypart.cli.start", "Simulate a market, fit it, plan a campaign, write the report."),
    "doctor": ("daypart.cli.start", "Tell what is installed, configured and writable."),
    "completion": ("daypart.cli.start", "Print the completion script of a shell."),
    "simulate": ("daypart.cli.simulation", "Simulate a television market: events and truth."),
    "simulate-counts": ("daypart.cli.simulation", "Simulate hourly counts of the full grid."),
    "ingest": ("daypart.cli.stores", "Credit viewing events into a store."),
    "import": ("daypart.cli.stores", "Make a store from any table of key, instant, number."),
    "estimate": ("daypart.cli.bills", "Tell what a fit will take and cost."),
    "prices": ("daypart.cli.bills", "Show or refresh what Amazon asks for."),
    "fit": ("daypart.cli.runs", "Fit a model to every partition of a store."),
    "status": ("daypart.cli.runs", "Tell how far a run is."),
    "logs": ("daypart.cli.following", "Tell what one partition printed."),
    "cost": ("daypart.cli.following", "Tell the core-seconds that a run used and lost."),
    "cancel": ("daypart.cli.following", "End the work on a run; what is saved stays."),
    "compact": ("daypart.cli.following", "One table of results per region."),
    "task": ("daypart.cli.runs", "Run one task of a run's plan (for schedulers)."),
    "audit": ("daypart.cli.runs", "Judge a run's posteriors by the No-U-Turn sampler."),
    "posterior": ("daypart.cli.runs", "Tell the posterior of every fitted hour."),
    "predict": ("daypart.cli.runs", "Forecast every partition, or totals of them."),
    "backtest": ("daypart.cli.runs", "Score forecasts of held-back weeks."),
    "deploy": ("daypart.cli.deployment", "Create what AWS Batch needs, as one stack."),
    "batch-emulator": ("daypart.cli.batch", "Serve an AWS Batch of your own on this machine."),
    "insights": ("daypart.cli.decisions", "Ratings, share, index and heat map, with uncertainty."),
    "reach": ("daypart.cli.decisions", "Reach and frequency of a schedule of spots."),
    "plan": ("daypart.cli.decisions", "Plan a campaign, with a certified gap."),
    "measure": ("daypart.cli.decisions", "What a plan delivered, from what aired."),
    "report": ("daypart.cli.decisions", "Write one HTML file that opens without a network."),
    "serve": ("daypart.cli.start", "Look at a folder's report and runs in a browser."),
}

_EXAMPLES = """\b
Examples:
  daypart demo               everything, on a simulated market
  daypart VERB --help        one verb, with an example
  daypart completion bash    completion for your shell
"""
"""With a backspace on its first line, by which click knows lines that are not to be joined."""


class _Verbs(click.Group):
    """The verbs, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs in the order of the data's way."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(_VERBS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_") + "_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or name the nearest."""
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            raise DaypartError(f"no verb {args[0]!r}", hint=did_you_mean(args[0], _VERBS))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show a line per verb without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in _VERBS.items()])


@click.group(cls=_Verbs, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(daypart.__version__, prog_name="daypart")
def daypart_command() -> None:
    """Television audiences: viewing events in, insights, forecasts and a plan out."""


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
        return _tell(_one_line(error), EXIT_INPUT, as_json, _help_hint(error))
    except DaypartError as error:
        if "--debug" in arguments:
            raise
        return _tell(error.message, error.exit_code, as_json, error.hint)
    except (KeyboardInterrupt, click.Abort):
        return _tell("interrupted", EXIT_INTERRUPTED, as_json, None)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if "--debug" in arguments:
            raise
        what = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return _tell(
            f"daypart itself failed ({what})",
            EXIT_FAULT,
            as_json,
            "run it again with --debug and report what it prints",
        )


def _tell(message: str, exit_code: int, as_json: bool, hint: str | None) -> int:
    if as_json:
        fault: dict[str, Any] = {"message": message, "hint": hint, "exit_code": exit_code}
        click.echo(json.dumps({"error": fault}))
    else:
        click.echo(f"daypart: {message}", err=True)
        if hint:
            click.echo(f"  {hint}", err=True)
    return exit_code


def _one_line(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    return text[:1].lower() + text[1:].rstrip(".")


def _help_hint(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"see: {context.command_path} --help" if context else "see: daypart --help"
