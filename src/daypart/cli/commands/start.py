"""The verbs to start with: `demo`, `doctor` and `completion`."""

from __future__ import annotations

import click

from daypart.cli.options import PATH, seed_option
from daypart.cli.verb import Outcome, verb
from daypart.errors import EXIT_DONE, EXIT_INPUT
from daypart.progress import Progress


@verb("demo", group="Start", example="daypart demo --out my-demo")
@click.option("--out", default="daypart-demo", type=PATH, help="Folder to write.")
@click.option(
    "--size",
    default="small",
    type=click.Choice(["small", "medium", "large"]),
    help="Size of the market.",
)
@seed_option(7)
def demo_command(progress: Progress, out: str, size: str, seed: int) -> Outcome:
    """Run everything on a simulated market.

    Simulates viewing events, ingests them, fits every partition, scores held-out weeks, writes
    insights, plans a campaign and writes a report. All files are in --out, ready for trying
    every verb on them.
    """
    from daypart.demo import demo

    made = demo(out, size=size, seed=seed, progress=progress)
    return Outcome([*made.sentences, "", *map(str, (made.report, made.workbook, made.plan))], made)


@verb("doctor", group="Start", example="daypart doctor")
def doctor_command(progress: Progress) -> Outcome:
    """Show what is installed, configured and writable."""
    from daypart.cli.installation import examine_installation

    found = examine_installation()
    missing = [name for name, version in found["parts"].items() if version is None]
    lines = [
        f"daypart {found['daypart']}, Python {found['python']}, {found['cores']} cores",
        *(f"{name} {version or 'is missing'}" for name, version in found["parts"].items()),
        f"household key: {found['household_key']}",
        f"s3: {found['s3']}",
        f"docker: {found['docker']}",
        f"this folder: {'writable' if found['folder_writable'] else 'not writable'}, "
        f"{found['disk_free_gb']:.0f} GB free",
    ]
    return Outcome(lines, found, EXIT_INPUT if missing else EXIT_DONE)


@verb("completion", group="Start", example='eval "$(daypart completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(progress: Progress, shell: str) -> Outcome:
    """Print the completion script of a shell.

    SHELL is bash, zsh or fish.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    group = click.get_current_context().find_root().command
    source = kind(group, {}, "daypart", "_DAYPART_COMPLETE").source()
    return Outcome([source], {"shell": shell, "script": source})
