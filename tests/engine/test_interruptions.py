"""A run that is killed at any moment goes on where it stopped and ends as if undisturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from counted_stores import POISSON, fit_in_parts, make_store, planning_of

from daypart.engine.costs.cost import cost
from daypart.engine.executors.array.records import Records
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import read_results
from daypart.engine.status import status
from daypart.errors import DaypartError
from daypart.runs.fit import fit
from daypart.series.store import SeriesStore

HERE = Path(__file__).parent
FREE = 64
"""Partitions that are fitted at once; the others wait until a test lets them."""

DRIVER = """
import json
import sys
from daypart.errors import DaypartError
from daypart.runs.fit import fit
try:
    fit(sys.argv[1], run=sys.argv[2], model=sys.argv[3], executor=sys.argv[4], workers=2,
        parameters=json.loads(sys.argv[5]))
except DaypartError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""

HOLD = """
import importlib, pathlib, sys, time
def hold(*_):
    pathlib.Path(sys.argv[7]).touch()
    time.sleep(60)
module, name = sys.argv[6].split(":")
setattr(importlib.import_module(module), name, hold)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("kill") / "store", {"501": 70, "803": 50}).folder


@pytest.fixture(scope="module")
def undisturbed(store, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    fit(store, run=run, model=POISSON, executor="inline")
    return comparable(run)


@pytest.fixture
def held(tmp_path):
    """Parameters of a model that waits before the end of its work."""
    return {"hold_from": "n0032", "hold_until": str(tmp_path / "go_on")}


def go_on(held):
    Path(held["hold_until"]).touch()


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt", "content_hash"])


def start_driver(store, run, executor, held):
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(store), str(run), POISSON, executor, json.dumps(held)],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_parts(run, count, driver, seconds=30.0):
    """Wait until so many parts are flushed."""
    deadline = time.monotonic() + seconds
    while len(list(run.glob("parts/0*.parquet"))) < count:
        assert time.monotonic() < deadline, "no part was flushed in time"
        assert driver.poll() is None, driver.communicate()[1]
        time.sleep(0.005)


def workers_of(run):
    """Return the ids of worker processes of a run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if str(run) in command and any("daypart.engine.tasks.worker" in word for word in command):
            found.append(int(process.name))
    return found


def wait_until_gone(run, seconds=10.0):
    deadline = time.monotonic() + seconds
    while workers_of(run):
        assert time.monotonic() < deadline, "workers outlived their driver"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("executor", "number"),
    [("local", signal.SIGTERM), ("inline", signal.SIGINT)],
)
def test_a_stop_flushes_says_how_much_is_saved_and_exits_with_75(
    store, undisturbed, tmp_path, held, executor, number
):
    run = tmp_path / "run"
    driver = start_driver(store, run, executor, held)
    wait_for_parts(run, 1, driver)
    driver.send_signal(number)
    if executor == "inline":  # the block in hand is to end
        go_on(held)
    _, told = driver.communicate(timeout=30)
    assert driver.returncode == 75
    saved = status(run)
    done = saved.ok + saved.failed + saved.skipped
    assert 0 < done < 120
    assert f"stopped with {done} of 120 partitions saved" in told
    assert workers_of(run) == []
    assert not saved.running
    go_on(held)
    report = fit(store, run=run, model=POISSON, parameters=held, executor="inline")
    assert (report.fitted, report.already_done, report.ok) == (120 - done, done, 120)
    assert comparable(run).equals(undisturbed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "held_at",
    ["daypart.runs.fitting.run_plan:write_table", "daypart.engine.results.compaction:delete_files"],
)
def test_a_driver_that_is_told_to_stop_while_it_plans_or_compacts_exits_with_75_and_can_go_on(
    store, undisturbed, tmp_path, held_at, number
):
    run, there = tmp_path / "run", tmp_path / "there"
    arguments = [str(store), str(run), POISSON, "inline", "{}", held_at, str(there)]
    driver = subprocess.Popen(
        [sys.executable, "-c", HOLD + DRIVER, *arguments],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not there.exists():
        assert driver.poll() is None, driver.communicate()[1]
        time.sleep(0.005)
    driver.send_signal(number)
    _, told = driver.communicate(timeout=30)
    assert driver.returncode == 75, told
    assert f"{run}: interrupted; run the same command again to go on" in told
    assert fit(store, run=run, model=POISSON, executor="inline").ok == 120
    assert comparable(run).equals(undisturbed)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_driver_that_is_killed_takes_its_workers_with_it_and_loses_nothing(
    store, undisturbed, tmp_path, held, parts
):
    run = tmp_path / "run"
    driver = start_driver(store, run, "local", held)
    wait_for_parts(run, parts, driver)
    driver.kill()
    driver.communicate()
    wait_until_gone(run)
    saved = status(run)
    assert 0 < saved.ok <= FREE
    go_on(held)
    report = fit(store, run=run, model=POISSON, parameters=held, executor="inline")
    assert (report.already_done, report.ok) == (saved.ok, 120)
    assert comparable(run).equals(undisturbed)
    assert not list(run.rglob(".writing-*"))


def test_driver_and_workers_killed_at_once_lose_nothing(store, undisturbed, tmp_path, held):
    run = tmp_path / "run"
    driver = start_driver(store, run, "local", held)
    wait_for_parts(run, 2, driver)
    for process in [*workers_of(run), driver.pid]:
        os.kill(process, signal.SIGKILL)
    driver.communicate()
    wait_until_gone(run)
    go_on(held)
    fit(store, run=run, model=POISSON, parameters=held, executor="inline")
    assert comparable(run).equals(undisturbed)


def test_a_crash_between_plan_and_settings_is_mended_by_the_same_call(
    store, undisturbed, tmp_path, monkeypatch
):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_description", crash)
        with pytest.raises(KeyboardInterrupt):
            fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    assert comparable(tmp_path / "run").equals(undisturbed)


def test_a_part_of_which_only_half_was_written_is_not_read(store, undisturbed, tmp_path):
    run = tmp_path / "run"
    part = fit_in_parts(store, run)[0]
    half = part.with_name(f".writing-abc-{part.name}")
    half.write_bytes(part.read_bytes()[:100])
    part.unlink()
    assert status(run).missing == 32
    assert fit(store, run=run, model=POISSON, executor="inline").fitted == 32
    assert comparable(run).equals(undisturbed)
    assert not half.exists()


def test_a_script_without_a_main_guard_is_not_run_by_its_own_workers(store, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom daypart.runs.fit import fit\n"
        f"print(fit({str(store)!r}, run={str(tmp_path / 'run')!r}, model={POISSON!r}).ok)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "120\n"


def test_what_a_killed_driver_left_half_written_is_removed_by_the_next(store, tmp_path):
    run = tmp_path / "run"
    fit(store, run=run, model=POISSON, executor="inline")
    for folder in (run, run / "parts", run / "results", run / "history"):
        (folder / ".writing-0123456789ab-x.parquet").write_bytes(b"half")
    fit(store, run=run, model=POISSON, executor="inline")
    assert not list(run.rglob(".writing-*"))


def test_files_of_which_only_half_was_written_are_read_by_nobody(store, undisturbed, tmp_path):
    run = tmp_path / "run"
    fit(store, run=run, model=POISSON, executor="inline")
    (run / "submissions").mkdir()
    for name in ("results/{}501-2.parquet", "history/{}0-a.jsonl", "submissions/{}a.json"):
        (run / name.format(".writing-0123456789ab-")).write_text('{"half')
    assert status(run).ok == 120
    assert cost(run).partitions == 120
    assert Records(run).read() == []
    assert fit(store, run=run, model=POISSON).already_done == 120
    assert comparable(run).equals(undisturbed)


def test_a_lock_that_can_not_be_written_is_told(store, tmp_path):
    (tmp_path / "run" / "driver.lock").mkdir(parents=True)
    with pytest.raises(DaypartError, match=r"driver\.lock: can't be written"):
        fit(store, run=tmp_path / "run", model=POISSON, executor="inline")


def test_what_a_task_at_work_elsewhere_is_writing_is_left_to_it(store, tmp_path):
    folder, opened = RunFolder.at(tmp_path / "run"), SeriesStore.open(store)
    planning = planning_of(folder, opened, model=POISSON)
    (task, *_) = planning.write().tasks
    writing = folder.parts / ".writing-0123456789ab-x.parquet"
    writing.write_bytes(b"half")
    planning.write(active=frozenset({task.index}))
    assert writing.exists()
    planning.write()
    assert not writing.exists()
