"""What is installed, configured and writable on this machine; nothing is contacted."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from daypart._version import __version__
from daypart.storage.aws import aws_region

_PARTS = ("altair", "click", "duckdb", "highspy", "numba", "numpy", "pyarrow", "rich", "xlsxwriter")
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "credentials from AWS_ACCESS_KEY_ID",
    "AWS_PROFILE": "credentials from AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "credentials from a web identity",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "credentials of the container's role",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "credentials of the container's role",
}


def examine_installation() -> dict[str, Any]:
    """Return the versions of the parts, and how keys, S3, Docker and this folder are set up."""
    here = Path.cwd()
    return {
        "daypart": __version__,
        "python": sys.version.split()[0],
        "cores": len(os.sched_getaffinity(0)),
        "parts": {name: _version_of(name) for name in _PARTS},
        "household_key": "from DAYPART_HOUSEHOLD_KEY"
        if "DAYPART_HOUSEHOLD_KEY" in os.environ
        else "created at the first ingest, unless --key-file names one",
        "s3": _s3(),
        "docker": _docker(),
        "folder_writable": os.access(here, os.W_OK),
        "disk_free_gb": shutil.disk_usage(here).free / 1e9,
    }


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _s3() -> str:
    version = _version_of("obstore")
    if version is None:
        return "obstore is missing: pip install 'daypart[s3]'"
    found = next((text for name, text in _CREDENTIALS.items() if name in os.environ), None)
    if found is None:
        kept = Path("~/.aws/credentials").expanduser().exists()
        found = "credentials from ~/.aws" if kept else "no credentials (a machine's role may apply)"
    region = aws_region()
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    parts = [f"obstore {version}", found, f"region {region or 'us-east-1 (none is set)'}"]
    return ", ".join([*parts, *([f"endpoint {endpoint}"] if endpoint else [])])


def _docker() -> str:
    client = shutil.which("docker") or "no client"
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        return f"{client}, daemon at {host}"
    socket = Path(host.removeprefix("unix://"))
    if not socket.exists():
        return f"{client}, socket {socket} does not exist"
    return f"{client}, socket {socket} is {'' if os.access(socket, os.W_OK) else 'not '}writable"
