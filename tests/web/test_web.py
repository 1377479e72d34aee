"""The local page serves the report and the status of runs, and nothing else."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pyarrow as pa
import pytest

from daypart import fit
from daypart.errors import DaypartError
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.web.server import serve


@pytest.fixture
def folder(tmp_path):
    keys = pa.table({"shop": ["a", "b"], "unique_id": ["a", "b"]})
    block = block_from_arrays(keys, ["UTC"] * 2, [0, 0], [np.arange(400)] * 2)
    SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", executor="inline")
    (tmp_path / "report.html").write_text("<h1>the report</h1>")
    (tmp_path / "household.key").write_text("secret")
    return tmp_path


@pytest.fixture
def address(folder):
    with serve(folder, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def get(url, **headers):
    with urllib.request.urlopen(
        urllib.request.Request(url, headers=headers), timeout=10
    ) as response:
        return response.read().decode()


def test_the_status_contains_the_progress_of_every_run(address):
    content = json.loads(get(f"{address}/status.json"))
    assert content["report"] is True
    run = content["runs"]["run"]
    assert (run["partitions"], run["ok"], run["missing"]) == (2, 2, 0)


def test_the_page_and_the_report_are_served(address):
    assert "<title>daypart</title>" in get(address)
    assert get(f"{address}/report.html") == "<h1>the report</h1>"


@pytest.mark.parametrize("path", ["/household.key", "/run/run.json", "/../etc/passwd", "/store"])
def test_nothing_else_of_the_folder_is_served(address, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(address + path)


def test_another_site_cannot_read_the_page_through_its_own_host_name(address):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(f"{address}/status.json", Host="evil.example")


def test_a_folder_with_nothing_to_show_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(DaypartError, match="holds neither a run nor report.html"), serve(tmp_path):
        pass


def test_a_port_in_use_is_named(folder, address):
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(DaypartError, match=f"port {port}: "), serve(folder, port=port):
        pass


def test_links_are_never_followed(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (folder / "run").rename(elsewhere)
    (folder / "run").symlink_to(elsewhere)
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to(folder / "household.key")
    with pytest.raises(DaypartError, match="holds neither"), serve(folder / "store", port=0):
        pass
    with serve(folder, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        content = json.loads(get(f"{address}/status.json"))
        assert (list(content["runs"]), content["report"]) == (["elsewhere"], False)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{address}/report.html")
        server.shutdown()


def test_idle_connections_do_not_keep_others_out_for_ever(folder, monkeypatch):
    monkeypatch.setattr("daypart.web.server._Handler.timeout", 0.3)
    monkeypatch.setattr("daypart.web.server.BoundedServer.most", 3)
    with serve(folder, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        idle = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(8)]
        time.sleep(0.2)
        assert threading.active_count() < 8 + 3
        time.sleep(0.6)
        assert "daypart" in get(f"http://127.0.0.1:{server.server_port}")
        for each in idle:
            each.close()
        server.shutdown()
