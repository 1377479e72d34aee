"""A run has one driver, whatever the file system makes of locks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from daypart.engine.results.folder import RunFolder
from daypart.errors import DaypartError
from daypart.storage.conditional import create_json, read_versioned, replace_json

HOLDS = """
import sys, time
import daypart.engine.results.lock as lock
from daypart.engine.results.folder import RunFolder
exec(sys.argv[2])
with RunFolder.at(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""
SHARED = 'lock._file_system_of = lambda folder: "nfs4"'
LOCAL = "pass"


def without_locks(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("daypart.engine.results.lock.fcntl.flock", refuse)


def on_a_shared_file_system(monkeypatch):
    monkeypatch.setattr("daypart.engine.results.lock._file_system_of", lambda folder: "nfs4")


@pytest.mark.parametrize("prepare", [without_locks, on_a_shared_file_system])
def test_where_flock_does_not_hold_a_lease_does(tmp_path, monkeypatch, prepare):
    prepare(monkeypatch)
    folder = RunFolder.at(tmp_path / "run")
    assert not folder.is_locked()
    with folder.lock():
        assert folder.is_locked()
        with pytest.raises(DaypartError, match=f"process {os.getpid()} on .* is fitting this run"):
            folder.lock().__enter__()
    assert not folder.is_locked()
    with folder.lock():
        assert folder.is_locked()


@pytest.mark.parametrize("prepared", [SHARED, LOCAL])
def test_a_killed_driver_of_this_machine_leaves_the_run_free_at_once(
    tmp_path, monkeypatch, prepared
):
    if prepared == SHARED:
        on_a_shared_file_system(monkeypatch)
    folder = RunFolder.at(tmp_path / "run")
    words = [sys.executable, "-c", HOLDS, str(folder.path), prepared]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout.readline() == "held\n"
        assert folder.is_locked()
        with pytest.raises(DaypartError, match=f"process {driver.pid} on"), folder.lock():
            pass
        driver.kill()
        driver.wait()
    assert not folder.is_locked()
    with folder.lock():
        assert folder.is_locked()


def test_of_many_that_count_at_once_none_is_lost(tmp_path):
    file = tmp_path / "count.json"
    assert create_json(file, {"count": 0})

    def count():
        added = 0
        while added < 20:
            text, version = read_versioned(file)
            before = int(text.split(":")[1].strip(" }\n"))
            added += replace_json(file, {"count": before + 1}, version) is not None

    threads = [threading.Thread(target=count) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert '"count": 80' in file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["count.json"]


def test_the_claim_of_a_killed_process_lapses(tmp_path):
    file = tmp_path / "state.json"
    create_json(file, {"step": 1})
    _, version = read_versioned(file)
    claim = tmp_path / f".replacing-{version}-state.json"
    claim.touch()
    assert replace_json(file, {"step": 2}, version) is None
    os.utime(claim, (time.time() - 61, time.time() - 61))
    assert replace_json(file, {"step": 2}, version) is not None
