"""The verbs `demo`, `doctor`, `serve` and `completion`."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

import daypart
from daypart.cli.faces import Outcome, Progress, verb
from daypart.errors import EXIT_INPUT

_PARTS = (
    "altair",
    "click",
    "duckdb",
    "highspy",
    "numba",
    "numpy",
    "pyarrow",
    "rich",
    "xlsxwriter",
)


@verb("demo", "daypart demo --out my-demo")
@click.option("--out", default="daypart-demo", show_default=True, type=click.Path())
@click.option(
    "--size", default="small", show_default=True, type=click.Choice(["small", "medium", "large"])
)
@click.option("--seed", default=7, show_default=True)
def demo_command(progress: Progress, out: str, size: str, seed: int) -> Outcome:
    """Watch simulated viewing events become a campaign plan.

    Simulates a market, ingests it, fits every partition, scores held-back weeks, writes
    insights, plans a campaign and ends with a report. All files stay under --out, so that
    every verb can be tried on them.
    """
    from daypart.demo import demo

    made = demo(out, size=size, seed=seed, progress=progress)
    lines = [*made.sentences, "", f"{made.report}", f"{made.workbook}", f"{made.plan}"]
    return Outcome(lines, made)


@verb("doctor", "daypart doctor")
def doctor_command(progress: Progress) -> Outcome:
    """Tell what is installed, configured and writable."""
    found = _examination()
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
    return Outcome(lines, found, EXIT_INPUT if missing else 0)


def _examination() -> dict[str, Any]:
    parts: dict[str, str | None] = {}
    for name in _PARTS:
        try:
            parts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            parts[name] = None
    here = Path.cwd()
    return {
        "daypart": daypart.__version__,
        "python": sys.version.split()[0],
        "cores": len(os.sched_getaffinity(0)),
        "parts": parts,
        "household_key": "from DAYPART_HOUSEHOLD_KEY"
        if "DAYPART_HOUSEHOLD_KEY" in os.environ
        else "made at the first ingest, unless --key-file names one",
        "s3": _s3(),
        "docker": _docker(),
        "folder_writable": os.access(here, os.W_OK),
        "disk_free_gb": shutil.disk_usage(here).free / 1e9,
    }


def _s3() -> str:
    """Say with what S3 would be reached; nothing is asked of it."""
    try:
        library = f"obstore {importlib.metadata.version('obstore')}"
    except importlib.metadata.PackageNotFoundError:
        return "obstore is missing: pip install 'daypart[s3]'"
    sources = {
        "AWS_ACCESS_KEY_ID": "credentials from AWS_ACCESS_KEY_ID",
        "AWS_PROFILE": "credentials from AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "credentials from a web identity",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "credentials of the container's role",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "credentials of the container's role",
    }
    found = next((text for name, text in sources.items() if name in os.environ), None)
    if found is None:
        kept = Path("~/.aws/credentials").expanduser().exists()
        found = "credentials from ~/.aws" if kept else "no credentials but a machine's role, if any"
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    places = [f"region {region or 'us-east-1, as none is set'}"]
    return ", ".join([library, found, *places, *([f"endpoint {endpoint}"] if endpoint else [])])


def _docker() -> str:
    """Say whether a Docker daemon could be talked to; nothing is asked of it."""
    client = shutil.which("docker")
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        return f"{client or 'no client'}, daemon at {host}"
    socket = Path(host.removeprefix("unix://"))
    there = "writable" if os.access(socket, os.W_OK) else "not there, or not yours"
    return f"{client or 'no client'}, socket {socket} is {there}"


@verb("serve", "daypart serve daypart-demo")
@click.argument("folder", type=click.Path())
@click.option("--port", default=8765, show_default=True, help="0 for any that is free.")
def serve_command(progress: Progress, folder: str, port: int) -> Outcome:
    """Show FOLDER's report and how far its runs are, on this machine alone, until Ctrl-C."""
    from daypart.web.server import serve

    with serve(folder, port=port) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        click.echo(f"{folder}: {address} (Ctrl-C ends it)", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return Outcome(["ended"], {"address": address})
    return Outcome([], {"address": address})


@verb("completion", 'eval "$(daypart completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(progress: Progress, shell: str) -> Outcome:
    """Print the completion script of SHELL."""
    from click.shell_completion import get_completion_class

    from daypart.cli.main import daypart_command

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    source = kind(daypart_command, {}, "daypart", "_DAYPART_COMPLETE").source()
    return Outcome([source], {"shell": shell, "script": source})
