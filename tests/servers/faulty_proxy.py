"""A proxy before an S3 server that fails and dawdles, by a seeded rate."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS: Mapping[str, str] = {
    "throttled": "429 in place of the answer, nothing done",
    "busy": "503 SlowDown in place of the answer, nothing done",
    "done_but_failed": "500, although the request was carried out",
    "lost": "the connection is cut after the request was carried out",
    "cut": "the connection is cut in the midst of the answer's body",
    "slow": "the answer comes late",
}
_SLOW_SECONDS = 0.3
_STATUS = {"throttled": 429, "busy": 503, "done_but_failed": 500}
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


class FaultyProxy(ThreadingHTTPServer):
    """A proxy; `rates` may be changed at any time, `seen` counts requests and faults."""

    daemon_threads = True

    def __init__(self, endpoint: str, rates: Mapping[str, float], seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.to = urlsplit(endpoint).netloc
        self.rates = dict(rates)
        self.seen: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._drawing = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def draw(self, method: str) -> str | None:
        """Return the fault of this request, if any."""
        with self._drawing:
            self.seen[method] += 1
            place = self._random.random()
            for fault, rate in self.rates.items():
                if place < rate:
                    self.seen[fault] += 1
                    return fault
                place -= rate
        return None


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_) -> None:
        pass

    def do_any(self) -> None:
        fault = self.server.draw(self.command)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault in ("throttled", "busy"):
            self._fail(fault)
            return
        if fault == "slow":
            time.sleep(_SLOW_SECONDS)
        status, headers, answer = self._forward(body)
        if fault == "done_but_failed":
            self._fail(fault)
        elif fault == "lost":
            self.close_connection = True
        else:
            self._answer(status, headers, answer, cut=fault == "cut")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any  # noqa: N815

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.server.to, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _fail(self, fault: str) -> None:
        body = f"<Error><Code>{fault}</Code></Error>".encode()
        self._answer(_STATUS[fault], [("Content-Length", str(len(body)))], body)

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        told = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if "content-length" not in told:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection |= cut


@contextmanager
def faulty_proxy(
    endpoint: str, rates: Mapping[str, float], *, seed: int = 0
) -> Iterator[FaultyProxy]:
    """Serve an S3 endpoint through faults; `rates` is the share of requests for each kind."""
    proxy = FaultyProxy(endpoint, rates, seed)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
