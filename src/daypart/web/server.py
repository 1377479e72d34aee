"""`serve`: a folder's report and runs in a browser, on this machine only.

It only reads, and serves three paths: the page, `report.html`, and the status of all runs as JSON.
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

from daypart.engine.status import status
from daypart.errors import DaypartError
from daypart.storage.location import PathLike, local_path

REPORT = "report.html"
_RUN_FILE = "run.json"
_SECONDS = 10
"""That a connection may wait for its request, or for its reader."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Site:
    """The report and the runs of a folder.

    Parameters
    ----------
    folder : Path
    runs : mapping of str to Path
        The run's folder by its path within the folder; no other file is read.
    """

    folder: Path
    runs: Mapping[str, Path]

    @classmethod
    def of(cls, folder: PathLike) -> Site:
        """Find the report and the runs of a folder, two levels deep.

        Raises
        ------
        DaypartError
            If there is no folder, or neither a run nor a report in it.
        """
        path = local_path(folder)
        if not path.is_dir():
            raise DaypartError(f"{path}: no such folder")
        files = [
            *path.glob(_RUN_FILE),
            *path.glob(f"*/{_RUN_FILE}"),
            *path.glob(f"*/*/{_RUN_FILE}"),
        ]
        runs = {
            file.parent.relative_to(path).as_posix(): file.parent
            for file in sorted(files)
            if file.resolve() == path.resolve() / file.relative_to(path)  # not by a link
        }
        if not runs and _read(path / REPORT) is None:
            raise DaypartError(
                f"{path}: holds neither a run nor {REPORT}", hint="create them with daypart demo"
            )
        return cls(path, runs)

    def content(self) -> dict[str, Any]:
        """Return the content of the page: whether there is a report, and every run's status."""
        runs = {}
        for name, folder in self.runs.items():
            found = asdict(status(folder))
            runs[name] = {key: found[key] for key in _SHOWN} | {"failures": dict(found["failures"])}
        return {
            "folder": str(self.folder),
            "report": _read(self.folder / REPORT) is not None,
            "runs": runs,
        }


def _read(file: Path) -> bytes | None:
    """Return the content of a file; None where there is none, or a link."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


_SHOWN = (
    "model",
    "partitions",
    "ok",
    "failed",
    "skipped",
    "missing",
    "rate",
    "seconds_left",
    "running",
)


class BoundedServer(ThreadingHTTPServer):
    """A server with a thread for each connection, and up to `most` of them at once."""

    daemon_threads = True
    most = 32

    def __init__(self, *args: Any) -> None:
        self._free = threading.BoundedSemaphore(self.most)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the thread of a connection; close the connection where too many are open."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the requests of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


@contextmanager
def serve(folder: PathLike, *, port: int = 8765) -> Iterator[ThreadingHTTPServer]:
    """Open a server on the loopback interface; call `serve_forever` on what is yielded.

    Parameters
    ----------
    folder : path
        The folder of a demonstration, for example.
    port : int
        0 for a free one.

    Yields
    ------
    ThreadingHTTPServer

    Raises
    ------
    DaypartError
        If there is nothing to show, or the port is in use.

    Examples
    --------
    >>> with serve("/nowhere"):
    ...     pass
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere: no such folder
    """
    site = Site.of(folder)
    try:
        server = BoundedServer(("127.0.0.1", port), partial(_Handler, site))
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise DaypartError(f"port {port}: {reason}", hint="choose another with --port") from None
    try:
        yield server
    finally:
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Serves GET for three paths."""

    server_version = "daypart"
    sys_version = ""
    timeout = _SECONDS

    def __init__(self, site: Site, *args: Any) -> None:
        self._site = site
        super().__init__(*args)

    def do_GET(self) -> None:
        """Serve a request."""
        # Another site must not read this page through a host name that resolves to 127.0.0.1.
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in ("127.0.0.1", "localhost"):
            self._send(
                HTTPStatus.FORBIDDEN, "text/plain", b"only 127.0.0.1 and localhost are served\n"
            )
        elif self.path == "/":
            page = resources.files("daypart.web").joinpath("page.html").read_bytes()
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", page)
        elif self.path == "/status.json":
            content = json.dumps(self._site.content()).encode()
            self._send(HTTPStatus.OK, "application/json", content)
        elif (
            self.path == f"/{REPORT}" and (report := _read(self._site.folder / REPORT)) is not None
        ):
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", report)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

    def _send(self, code: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(code)
        for name, value in {
            **_HEADERS,
            "Content-Type": kind,
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing: requests of a local browser are not of interest."""
