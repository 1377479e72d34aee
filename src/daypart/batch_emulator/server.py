"""The HTTP face: Batch's calls on a loopback port, for boto3 with an endpoint URL."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from daypart.batch_emulator.containers import Containers
from daypart.batch_emulator.faults import BatchFault, ClientFault, LostAnswer, UnsignedFault
from daypart.batch_emulator.process_children import ProcessChildren
from daypart.batch_emulator.requests import operations
from daypart.batch_emulator.service import BatchService
from daypart.batch_emulator.settings import EmulatorSettings
from daypart.batch_emulator.starting_set import create_starting_set
from daypart.errors import DaypartError

HOST = "127.0.0.1"
_TURN_SECONDS = 0.02
_SECONDS_PER_READ = 60
_LARGEST_BODY = 1 << 20
_CREDENTIAL = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/batch/aws4_request")


class Emulator:
    """A Batch of one region with its processes, and the thread that moves its clock.

    Parameters
    ----------
    settings : EmulatorSettings
    logs : Path
        A folder for the output of children.
    region : str
        A request signed for another region finds an empty account.
    containers : Containers, optional
        If children are containers.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        logs: Path,
        region: str,
        containers: Containers | None = None,
    ) -> None:
        self.service = BatchService(settings, region)
        self.children = ProcessChildren(self.service.machine, logs, containers)
        self.lock = threading.Lock()
        self._epoch = time.time() - time.monotonic()
        self._ends = threading.Event()
        self._clock = threading.Thread(target=self._keep_turning, daemon=True)

    def now(self) -> float:
        """Return the seconds since 1970, on a monotonic clock."""
        return self._epoch + time.monotonic()

    def call(self, operation: str, request: Mapping[str, Any], region: str) -> dict[str, Any]:
        """Answer one call.

        Parameters
        ----------
        operation : str
        request : mapping
        region : str
            For which the request is signed.
        """
        with self.lock:
            if region != self.service.region:
                empty = BatchService(self.service.settings, region)
                return empty.call(operation, request, self.now())
            return self.service.call(operation, request, self.now())

    def start(self) -> None:
        """Start the clock."""
        self._clock.start()

    def stop(self) -> None:
        """Stop the clock, and kill all children."""
        self._ends.set()
        self._clock.join()
        self.children.end_all()

    def _keep_turning(self) -> None:
        while not self._ends.wait(_TURN_SECONDS):
            with self.lock:
                self.children.turn(self.now())


class _BatchHandler(BaseHTTPRequestHandler):
    """One request."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS_PER_READ
    server_version = "daypart-batch-emulator"

    def do_POST(self) -> None:
        """Answer a call, or return its error in the form of the API."""
        try:
            answer = self._answer()
        except LostAnswer:
            self.close_connection = True
        except BatchFault as fault:
            self._send(fault.status, {"message": str(fault)}, fault.code)
        else:
            self._send(200, answer)

    def _answer(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _LARGEST_BODY:
            self.close_connection = True
            raise ClientFault("the request's body is too long")
        body = self.rfile.read(length)
        # No page of a browser may start jobs here, through a host name that resolves to 127.0.0.1.
        key, _, call = self.path.removeprefix("/").partition("/")
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in (HOST, "localhost") or not compare_digest(key, self.server.key):
            raise UnsignedFault("use the endpoint that daypart batch-emulator printed")
        credential = _CREDENTIAL.search(self.headers.get("Authorization", ""))
        if credential is None:
            raise UnsignedFault("Missing Authentication Token")
        operation = operations().get(f"/{call}")
        if operation is None:
            raise ClientFault(f"no such call: /{call}")
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            raise ClientFault("the request's body is not JSON") from None
        if not isinstance(request, dict):
            raise ClientFault("the request's body is not a JSON object")
        return self.server.emulator.call(operation, request, credential[1])

    def _send(self, status: int, content: Mapping[str, Any], code: str | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if code is not None:
            self.send_header("x-amzn-ErrorType", code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, emulator: Emulator) -> None:
        self.emulator = emulator
        self.key = secrets.token_urlsafe(24)
        super().__init__((HOST, port), _BatchHandler)


@contextmanager
def serve_batch(
    settings: EmulatorSettings,
    logs: Path,
    *,
    port: int = 0,
    region: str = "us-east-1",
    image: str | None = None,
) -> Iterator[tuple[str, Emulator]]:
    """Serve Batch's calls while the block lasts, on the loopback interface only.

    Parameters
    ----------
    settings : EmulatorSettings
    logs : Path
    port : int
        0 for a free one.
    region : str
    image : str, optional
        That of the job definition `daypart`; children are then containers.

    Yields
    ------
    (endpoint URL, Emulator)
        The URL has a random key, without which no call is answered.

    Raises
    ------
    DaypartError
        When the port is taken, boto3 is missing, or Docker is needed and missing.
    """
    operations()
    emulator = Emulator(settings, logs, region, Containers.found() if image else None)
    create_starting_set(emulator.service, image=image or "daypart")
    try:
        server = _Server(port, emulator)
    except (OSError, OverflowError) as error:
        raise DaypartError(
            f"port {port} can't be served ({error})", hint="give another --port, or 0"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(_TURN_SECONDS,), daemon=True)
    emulator.start()
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}/{server.key}", emulator
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        emulator.stop()
