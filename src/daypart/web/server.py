"""`serve`: look at a folder's report and runs in a browser, on this machine alone.

Reads only, answers only what it lists: the page, `report.html`, and each run's status as JSON.
"""

from __future__ import annotations

import json
import os
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
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Site:
    """What a folder has to show.

    Parameters
    ----------
    folder : Path
    runs : mapping of str to Path
        Path within the folder to the run's folder; only these are told of.
    """

    folder: Path
    runs: Mapping[str, Path]

    @classmethod
    def of(cls, folder: PathLike) -> Site:
        """Look through a folder, two levels deep.

        Raises
        ------
        DaypartError
            Where there is no folder, or nothing to show in it.
        """
        path = local_path(folder)
        if not path.is_dir():
            raise DaypartError(f"{path}: no such folder")
        files = [
            *path.glob(_RUN_FILE),
            *path.glob(f"*/{_RUN_FILE}"),
            *path.glob(f"*/*/{_RUN_FILE}"),
        ]
        runs = {file.parent.relative_to(path).as_posix(): file.parent for file in sorted(files)}
        if not runs and not (path / REPORT).is_file():
            raise DaypartError(
                f"{path}: holds neither a run nor {REPORT}", hint="make them with daypart demo"
            )
        return cls(path, runs)

    def content(self) -> dict[str, Any]:
        """Return what the page shows: whether there is a report, and every run's status."""
        told = {}
        for name, folder in self.runs.items():
            found = asdict(status(folder))
            told[name] = {key: found[key] for key in _SHOWN} | {"failures": dict(found["failures"])}
        return {
            "folder": str(self.folder),
            "report": (self.folder / REPORT).is_file(),
            "runs": told,
        }


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


@contextmanager
def serve(folder: PathLike, *, port: int = 8765) -> Iterator[ThreadingHTTPServer]:
    """Open a server on the loopback interface; call `serve_forever` on what is yielded.

    Parameters
    ----------
    folder : path
        Such as a demonstration's.
    port : int
        0 for any that is free.

    Raises
    ------
    DaypartError
        Where there is nothing to show, or the port is taken.

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
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, site))
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise DaypartError(f"port {port}: {reason}", hint="name another with --port") from None
    try:
        yield server
    finally:
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET for three paths."""

    server_version = "daypart"
    sys_version = ""

    def __init__(self, site: Site, *args: Any) -> None:
        self._site = site
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer a request."""
        # A page elsewhere must not read this one through a name that it points to 127.0.0.1.
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in ("127.0.0.1", "localhost"):
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"ask 127.0.0.1\n")
        elif self.path == "/":
            page = resources.files("daypart.web").joinpath("page.html").read_bytes()
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", page)
        elif self.path == "/status.json":
            content = json.dumps(self._site.content()).encode()
            self._answer(HTTPStatus.OK, "application/json", content)
        elif self.path == f"/{REPORT}" and (self._site.folder / REPORT).is_file():
            report = (self._site.folder / REPORT).read_bytes()
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", report)
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not here\n")

    def _answer(self, code: HTTPStatus, kind: str, body: bytes) -> None:
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
        """Keep quiet: what a browser asks for is nobody's concern."""
