"""Ingest in tasks of any executor gives the same store as one process, to the bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from hashlib import sha256

import pytest
from executors_under_test import MAKERS, ON_A_SERVER

from daypart import OnExecutor
from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.work import open_work
from daypart.errors import DaypartError
from daypart.storage.files import write_json
from daypart.synthetic.simulation import simulate
from daypart.viewing.ingest import ingest

KEY = b"a key of sixteen bytes or more"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return simulate(
        tmp_path_factory.mktemp("market"), markets=2, networks=4, households=60, weeks=2, seed=3
    )


@pytest.fixture(scope="module")
def arguments(market):
    return {
        "households": market.households,
        "markets": market.markets,
        "segments": market.segments,
        "networks": market.networks,
    }


@pytest.fixture(scope="module")
def first_and_rest(market):
    files = sorted(market.events.iterdir())
    return files[:1], files[1:]


@pytest.fixture(scope="module")
def stores(first_and_rest, arguments, tmp_path_factory):
    """A new store and an extended one, written by one process."""
    folder = tmp_path_factory.mktemp("here") / "store"
    made = []
    for files in first_and_rest:
        ingest(files, into=folder, key=KEY, **arguments)
        made.append(content_of(folder))
    return made


def content_of(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.server] if name in ON_A_SERVER else [])
        for name in MAKERS
    ],
)
def test_every_executor_writes_the_same_files(
    name, request, first_and_rest, arguments, stores, tmp_path
):
    with MAKERS[name](tmp_path, request.getfixturevalue) as executor:
        settings = {k: v for k, v in vars(executor.settings).items() if v is not None}
        settings = {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
        on = OnExecutor(name, settings)
        key_file = tmp_path / "key"
        key_file.touch(0o600)
        key_file.write_bytes(KEY)
        ingest(first_and_rest[0], into=tmp_path / "store", key=key_file, on=on, **arguments)
        assert content_of(tmp_path / "store") == stores[0]


def test_an_existing_store_grows_as_in_one_process(first_and_rest, arguments, stores, tmp_path):
    for files, expected in zip(first_and_rest, stores, strict=True):
        on = OnExecutor("inline")
        ingest(files, into=tmp_path / "store", key=KEY, on=on, **arguments)
        assert content_of(tmp_path / "store") == expected


def test_households_may_come_from_the_events(first_and_rest, market, tmp_path):
    given = {"households": "from-events", "markets": market.markets, "key": KEY}
    for name, on in (("here", None), ("there", OnExecutor("inline"))):
        ingest(first_and_rest[1], into=tmp_path / name, on=on, **given)
    assert content_of(tmp_path / "there") == content_of(tmp_path / "here")


KILLED_AFTER = """
import os, signal, sys
import daypart.engine.tasks.task as task
from daypart.cli.main import main

write, left = task.write_part, int(sys.argv.pop(1))

def write_and_die(*part):
    global left
    write(*part)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

task.write_part = write_and_die
main(sys.argv[1:])
"""


@pytest.mark.parametrize("parts", [1, 5])
def test_a_killed_ingest_continues_after_its_finished_tasks(
    market, first_and_rest, arguments, tmp_path, parts
):
    key_file = tmp_path / "key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    command = ["ingest", str(market.events), "--into", str(tmp_path / "store")]
    command += ["--key-file", str(key_file), "--on", "inline"]
    command += [word for name, path in arguments.items() for word in (f"--{name}", str(path))]
    first = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER, str(parts), *command], capture_output=True, check=False
    )
    assert first.returncode == -signal.SIGKILL, first.stderr
    tasks = tmp_path / "store" / ".ingest-tasks"
    done = {path: path.stat().st_mtime_ns for path in tasks.glob("*/parts/0*.parquet")}
    assert len(done) == parts
    assert not (tmp_path / "store" / "store.json").exists()
    link = tmp_path / "seen"
    os.link(min(done), link)
    subprocess.run([sys.executable, "-m", "daypart", *command], check=True, capture_output=True)
    assert link.stat().st_mtime_ns == done[min(done)]
    ingest(market.events, into=tmp_path / "here", key=KEY, **arguments)
    assert content_of(tmp_path / "store") == content_of(tmp_path / "here")


def test_a_file_that_a_task_can_not_read_is_named_and_nothing_remains(market, arguments, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("household_id,market,network,start,end\n" + 'x,"501,ESPN\n' * 3)
    with pytest.raises(DaypartError, match=r"bad\.csv: not a readable CSV file"):
        ingest(
            [market.events, bad], into=tmp_path / "store", key=KEY, on=OnExecutor("local"),
            **arguments,
        )  # fmt: skip
    assert not list(tmp_path.glob("store/**/*"))


def test_a_task_without_the_household_key_is_reported(market, arguments, tmp_path, monkeypatch):
    key_file = tmp_path / "key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)

    def take_the_key_away(self, *rest):
        key_file.write_bytes(KEY[::-1])
        return execute(self, *rest)

    from daypart.engine.executors.inline import InlineExecutor

    execute = InlineExecutor.execute
    monkeypatch.setattr(InlineExecutor, "execute", take_the_key_away)
    with pytest.raises(DaypartError, match="household key where the task runs differs"):
        ingest(
            market.events, into=tmp_path / "store", key=key_file, on=OnExecutor("inline"),
            **arguments,
        )  # fmt: skip


@pytest.mark.parametrize("kind", ["os:system", "daypart.runs.fit:fit", "daypart_evil:Work", ""])
def test_a_folder_from_outside_can_not_choose_what_is_imported(tmp_path, kind):
    write_json(tmp_path / "run.json", {"kind": kind, "schema_version": 2, "content": {}})
    with pytest.raises(DaypartError, match=f"no kind of work '{kind}'; .*valid are: daypart-"):
        open_work(RunFolder.at(tmp_path))
