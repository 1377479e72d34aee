"""A Docker daemon of our own, without a bridge: containers share the host's network.

Also a command, for trying things out by hand: `python tests/servers/docker.py` prints what to
export, and serves until Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

if __package__ is None or __package__ == "":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from servers.base_image import write_base_image
from servers.seaweedfs import ServerMissingError

BASE = "python:3.11-slim"
ROOT = Path(__file__).parent.parent.parent
_SECONDS_TO_START = 60.0
_DEBIAN = "/usr/bin/docker"


@dataclass(frozen=True)
class Docker:
    """A running daemon."""

    socket: Path

    def run(self, *arguments: str, check: bool = True, **others) -> subprocess.CompletedProcess:
        """Run a `docker` command."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False, **others
        )
        if check and done.returncode:
            raise RuntimeError(f"docker {arguments[0]}: {done.stderr[-3000:]}")
        return done

    def command(self, *arguments: str) -> list[str]:
        """Return a `docker` command as it can be started."""
        return [_docker(), "--host", f"unix://{self.socket}", *arguments]

    def build(self, tag: str, arguments: Sequence[str] = ()) -> None:
        """Build the project's image as `make image` does."""
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        self.run(
            *("build", "--network=host", *build_secrets(), *arguments, "-t", tag, str(ROOT)),
            env=environment,
        )


def build_secrets() -> list[str]:
    """Return what lets pip reach its index from within a build, where this machine needs it."""
    secrets = []
    for name, file in (("pip", "/etc/pip.conf"), ("ca", "/etc/ssl/certs/ca-certificates.crt")):
        if Path(file).exists():
            secrets += ["--secret", f"id={name},src={file}"]
    return secrets


def _docker() -> str:
    return _DEBIAN if Path(_DEBIAN).exists() else shutil.which("docker") or "docker"


@contextmanager
def running_docker(data: Path | None = None) -> Iterator[Docker]:
    """Start a daemon with its own data; stop it and remove the data at the end.

    Parameters
    ----------
    data : Path, optional
        A folder to keep images in from one start to the next; removed by nobody.
    """
    dockerd = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if dockerd is None:
        raise ServerMissingError("no dockerd: apt-get install docker.io")
    if os.geteuid() != 0:
        raise ServerMissingError("dockerd needs root")
    folder = Path(tempfile.mkdtemp(prefix="daypart-docker-"))
    socket, kept = folder / "docker.sock", data or folder / "data"
    command = [
        *(dockerd, "--iptables=false", "--ip6tables=false", "--bridge=none"),
        *("-H", f"unix://{socket}", "--data-root", str(kept), "--exec-root", str(folder / "exec")),
        *("-p", str(folder / "dockerd.pid")),
    ]
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    docker = Docker(socket)
    try:
        _wait_until_ready(docker, process, folder / "dockerd.log")
        if docker.run("image", "inspect", BASE, check=False).returncode:
            _import_base(docker, folder)
        yield docker
    finally:
        _stop(docker, process)
        subprocess.run(
            ["umount", str(folder / "exec/netns/default")], capture_output=True, check=False
        )
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(docker: Docker, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while docker.run("info", check=False).returncode:
        tail = log.read_text(errors="replace")[-800:]
        if process.poll() is not None:
            raise ServerMissingError(f"dockerd ended with {process.returncode}: {tail}")
        if time.monotonic() > deadline:
            process.kill()
            raise ServerMissingError(f"dockerd did not start in time: {tail}")
        time.sleep(0.2)


def _import_base(docker: Docker, folder: Path) -> None:
    """Make the base image of this machine's own files, under the name that the Dockerfile has."""
    if shutil.which("dpkg-query") is None:
        raise ServerMissingError("the base image is made of Debian packages")
    archive = folder / "base.tar"
    write_base_image(archive)
    docker.run("import", "-c", "ENV PATH=/usr/local/bin:/usr/bin:/bin", str(archive), BASE)
    archive.unlink()


def _stop(docker: Docker, process: subprocess.Popen[bytes]) -> None:
    running = docker.run("ps", "-q", check=False).stdout.split()
    if running:
        docker.run("rm", "-f", *running, check=False)
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Serve until stopped; the data is kept in the folder named, if any."""
    with running_docker(Path(sys.argv[1]) if len(sys.argv) > 1 else None) as docker:
        print(f"export DOCKER_HOST=unix://{docker.socket}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
