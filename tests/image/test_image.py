"""The image does not run as root or compile kernels, and its tasks give what local ones give."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from batch_under_test import emulated_batch
from counted_stores import make_store as make_counted_store
from counted_stores import planning_of

from daypart import cost
from daypart.engine.executors.protocol import Task
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.events import TaskFailed
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.location import location
from daypart.storage.tables import read_table
from servers.moto_batch import SCRIPT

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

HOURS = 6 * 168
MODELS = Path(__file__).parent.parent / "engine"
LARGEST_BYTES = 400 << 20


def make_store(folder, partitions):
    rng = np.random.default_rng(2)
    names = [f"n{i:04d}" for i in range(partitions)]
    keys = pa.table(
        {
            "market": ["501"] * partitions,
            "network": names,
            "unique_id": [f"501/{name}" for name in names],
        }
    )
    daily = 2 + np.sin(np.arange(HOURS) / 24 * 2 * np.pi)
    counts = [rng.poisson(daily).astype(np.int32) for _ in names]
    zones = ["America/New_York"] * partitions
    block = block_from_arrays(keys, zones, [480_000] * partitions, counts)
    return SeriesStore.create(folder, key=["market", "network"]).replace_regions([("501", block)])


def plan_run(base, partitions, model="negbin"):
    """Write a store, and the plan of a run over it; start no task."""
    store = make_store(f"{base}/store", partitions)
    folder = RunFolder.at(f"{base}/run")
    return [task.index for task in planning_of(folder, store, model=model).write().tasks]


@pytest.fixture
def run_options(s3_server):
    """Options with which a container reaches the S3 server."""
    pairs = s3_server.environment().items()
    variables = [word for name, value in pairs for word in ("-e", f"{name}={value}")]
    return ["--network=host", *variables]


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt", "log"])


def test_the_compressed_image_is_under_400_megabytes(docker, image):
    """A registry keeps layers compressed, and hosts fetch them so."""
    saved = subprocess.Popen(docker.command("save", image), stdout=subprocess.PIPE)
    counted = CountedBytes()
    with gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=1) as squeezed:
        while piece := saved.stdout.read(1 << 20):
            squeezed.write(piece)
    assert saved.wait() == 0
    assert 50 << 20 < counted.count < LARGEST_BYTES


class CountedBytes:
    count = 0

    def write(self, piece):
        self.count += len(piece)
        return len(piece)


def test_the_image_does_not_run_as_root(docker, image):
    done = docker.run("run", "--rm", image, "id", "-u")
    assert done.stdout.strip() == "10001"


def test_the_image_loads_its_kernels_without_compiling(docker, image):
    code = (
        "import time, numba.core.event as e\n"
        "compiled = []\n"
        "class Heard(e.Listener):\n"
        "    def on_start(self, event): compiled.append(event)\n"
        "    def on_end(self, event): pass\n"
        "e.register('numba:compile', Heard())\n"
        "from daypart.models.negbin.model import compile_kernels\n"
        "compile_kernels(every=True)\n"
        "print(len(compiled))\n"
    )
    done = docker.run("run", "--rm", image, "python", "-c", code)
    assert done.stdout.strip() == "0"


def test_a_task_that_gets_sigterm_saves_its_rows_and_a_second_attempt_completes_it(
    docker, image, run_options, bucket
):
    index = plan_run(bucket, 2200)[0]
    command = [*run_options, image, "daypart", "task", f"{bucket}/run", str(index)]
    name = docker.run("run", "-d", *command).stdout.strip()
    parts = location(bucket) / "run" / "parts"
    deadline = time.monotonic() + 120
    while not list(parts.glob("*.parquet")):
        assert time.monotonic() < deadline, docker.run("logs", name).stderr
        time.sleep(0.05)
    docker.run("kill", "--signal", "TERM", name)
    assert docker.run("wait", name).stdout.strip() == "75"
    log = docker.run("logs", name).stderr
    assert "stopped by SIGTERM" in log
    docker.run("rm", name)
    flushed = sum(len(read_table(part, ["unique_id"])) for part in parts.iterdir())
    assert flushed > 0
    docker.run("run", "--rm", *command)
    rows = [
        name
        for part in parts.iterdir()
        for name in read_table(part, ["unique_id"]).column(0).to_pylist()
    ]
    plan = read_table(f"{bucket}/run/plan.parquet")
    planned = plan.filter(pa.compute.equal(plan.column("task"), index)).column("unique_id")
    assert sorted(rows) == sorted(planned.to_pylist())


def planned_tasks(run):
    """Return the tasks of a written plan."""
    plan = read_table(f"{run}/plan.parquet").group_by("task").aggregate([([], "count_all")])
    rows = plan.sort_by("task").to_pylist()
    return [Task(location(run), row["task"], partitions=row["count_all"]) for row in rows]


PLAN = """
import sys
from daypart.engine.results.folder import RunFolder
from daypart.runs.fitting.options import FitOptions, check_options
from daypart.runs.fitting.run_plan import FitPlanning
from daypart.series.store import SeriesStore
store, folder = SeriesStore.open(sys.argv[1]), RunFolder.at(sys.argv[2])
FitPlanning(folder, store, check_options(folder, store, FitOptions())).write()
"""


def test_aws_batch_children_in_containers_give_the_rows_of_one_process_in_the_image(
    docker, image, run_options, bucket, tmp_path, monkeypatch
):
    """The driver runs outside; the image makes the plan with its parents, as a whole run does.

    Kernels of another kind of processor round differently, in the parents too.
    """
    inside = ["run", "--rm", *run_options, image]
    make_store(f"{bucket}/store", 64)
    whole = ["daypart", "fit", f"{bucket}/store", "--run", f"{bucket}/whole"]
    docker.run(*inside, *whole, "--executor", "inline")
    docker.run(*inside, "python", "-c", PLAN, f"{bucket}/store", f"{bucket}/run")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{docker.socket}")
    faults = {"spot_losses_per_hour": 60.0, "seed": 3, "available_vcpus": 4}
    settings = {"vcpus": 2, "memory_mib": 2_000}
    with emulated_batch(tmp_path, settings, image=image, **faults) as (executor, emulator):
        executor.execute(planned_tasks(f"{bucket}/run"), lambda event: None)
        jobs = emulator.service.machine.jobs.values()
        assert {child.state for job in jobs for child in job.children} == {"SUCCEEDED"}
    assert read_results(f"{bucket}/run").column("status").to_pylist() == ["ok"] * 64
    assert comparable(f"{bucket}/run").equals(comparable(f"{bucket}/whole"))
    assert cost(f"{bucket}/run").partitions == 64
    assert docker.run("ps", "-aq").stdout.split() == []


def test_a_partition_that_no_container_holds_fails_alone(
    docker, image, bucket, tmp_path, monkeypatch
):
    """Docker kills the worker, reports the container out of memory, and passes on its exit code."""
    with_models = "daypart-test-models"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {image}\nCOPY misbehaving_model.py /models/\nENV PYTHONPATH=/models\n"
    )
    (tmp_path / "misbehaving_model.py").write_bytes((MODELS / "misbehaving_model.py").read_bytes())
    docker.run("build", "--network=none", "-t", with_models, str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{docker.socket}")
    store = make_counted_store(f"{bucket}/store", {"501": 16})
    parameters = {"eat_on": "501/n0004", "eat_seconds": 0.5}
    folder = RunFolder.at(f"{bucket}/run")
    model = "misbehaving_model:Misbehaving"
    planning = planning_of(folder, store, model=model, parameters=parameters)
    tasks, told = planning.write().tasks, []
    settings = {"vcpus": 2, "memory_mib": 150}
    with emulated_batch(tmp_path, settings, image=with_models) as (executor, emulator):
        executor.execute(tasks, told.append)
        jobs = emulator.service.machine.jobs.values()
        assert [job.request.memory for job in jobs] == [150, 300, 600, 1_200, 1_200]
    rows = read_results(f"{bucket}/run").to_pylist()
    failed = {row["unique_id"]: row["reason"] for row in rows if row["status"] != "ok"}
    assert failed == {"501/n0004": "worker killed by signal 9, as when memory runs out"}
    assert {e.reason for e in told if isinstance(e, TaskFailed)} == {"a worker out of memory"}


# An AWS Batch that others wrote, with its own states, lists and containers.

POISSON = "poisson_model:HourOfWeekPoisson"
MARKETS = ("501", "602", "803", "807")
IN_A_MARKET = 700
FOUR_TASKS = {"pilot_seconds": 0.265}
"""Daypart cuts a run into tasks of three minutes or more; these children end sooner."""
ALL = IN_A_MARKET * len(MARKETS)
HELD = {"hold_from": "n0200", "hold_until": "/tmp/go_on", **FOUR_TASKS}
BATCH_SETTINGS = """
[executor.aws-batch]
vcpus = 1
memory_mib = 600
task_minutes = 3
try_model = false
poll_seconds = 0.5
calls_per_second = 40.0
"""


on_other_batch = pytest.mark.skipif(
    SCRIPT is None, reason="DAYPART_TEST_BATCH names no script (see tests/servers/moto_batch.py)"
)


class Run:
    """A run over a store of four markets on S3, driven by commands on this machine."""

    def __init__(self, bucket, folder, moto, docker, in_a_market):
        self.uri, self.store = f"{bucket}/run", f"{bucket}/store"
        self.moto, self.docker = moto, docker
        make_counted_store(self.store, dict.fromkeys(MARKETS, in_a_market))
        self.settings = folder / "batch.toml"
        self.settings.write_text(BATCH_SETTINGS)

    def start(self, verb, *options):
        return subprocess.Popen(
            [sys.executable, "-m", "daypart", verb, *options, "--json"],
            env={
                **os.environ,
                "AWS_ENDPOINT_URL_BATCH": self.moto.endpoint,
                "PYTHONPATH": str(MODELS),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_fit(self, model=POISSON, **parameters):
        words = [
            word for name, value in parameters.items() for word in ("--set", f"{name}={value}")
        ]
        where = ["--on", "aws-batch", "--executor-settings", str(self.settings)]
        return self.start("fit", self.store, "--run", self.uri, "--model", model, *where, *words)

    def outcome_of(self, verb):
        output, errors = self.start(verb, self.uri).communicate(timeout=60)
        return json.loads(output or errors)

    def arrays(self):
        """Return the run's jobs except those that try the model."""
        jobs = self.moto.jobs(self.uri)
        return [job for job in jobs if not job["jobName"].startswith("daypart-check")]

    def containers(self):
        """Return the running containers by the index of their child."""
        listed = self.docker.run("ps", "--format", '{{.Label "batch.job"}} {{.ID}}').stdout
        pairs = [line.split() for line in listed.splitlines()]
        return {job.partition(":")[2]: container for job, container in pairs}

    def wait_until_held(self, driver):
        """Wait until every child of the array has saved a block and waits."""
        parts = location(self.uri) / "parts"
        deadline = time.monotonic() + 60
        while len(self.containers()) < len(MARKETS) or len(list(parts.glob("*.parquet"))) < 4:
            assert driver.poll() is None, driver.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return self.containers()

    def wait_for_other_containers(self, before, children):
        """Wait until children have containers of another attempt."""
        deadline = time.monotonic() + 60
        while any(self.containers().get(each) in {None, before[each]} for each in children):
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def release_until_ended(self, driver):
        """Let waiting children continue, also of later attempts; return what the driver printed."""
        while driver.poll() is None:
            for container in self.containers().values():
                self.docker.run("exec", container, "touch", HELD["hold_until"], check=False)
            time.sleep(0.3)
        return driver.communicate()


@pytest.fixture
def run(bucket, tmp_path, moto_batch, docker):
    return Run(bucket, tmp_path, moto_batch, docker, IN_A_MARKET)


@on_other_batch
def test_another_batch_gives_the_rows_of_one_process_in_the_image(
    run, docker, image_with_models, run_options
):
    run.settings.write_text(BATCH_SETTINGS.replace("try_model = false", "try_model = true"))
    driver = run.start_fit(raise_on="803/n0003", **FOUR_TASKS)
    _, errors = driver.communicate(timeout=200)
    assert driver.returncode == 3, errors
    (array,) = run.arrays()
    assert array["arrayProperties"]["size"] == len(MARKETS)
    assert [len(child["attempts"]) for child in run.moto.children(array)] == [1] * len(MARKETS)
    whole = ["daypart", "fit", run.store, "--run", f"{run.store}-whole", "--model", POISSON]
    same = {"raise_on": "803/n0003", **FOUR_TASKS}
    whole += [word for name, value in same.items() for word in ("--set", f"{name}={value}")]
    whole += ["--on", "inline"]
    docker.run("run", "--rm", *run_options, image_with_models, *whole, check=False)
    rows, expected = (
        comparable(each).drop_columns("traceback") for each in (run.uri, f"{run.store}-whole")
    )
    assert rows.equals(expected)
    failed = [row for row in read_results(run.uri).to_pylist() if row["status"] != "ok"]
    assert [row["unique_id"] for row in failed] == ["803/n0003"]
    status, bill = run.outcome_of("status"), run.outcome_of("cost")
    assert (status["ok"], status["failed"], status["running"]) == (ALL - 1, 1, False)
    assert bill["partitions"] == ALL
    again, _ = run.start_fit(raise_on="803/n0003", **FOUR_TASKS).communicate(timeout=100)
    assert (json.loads(again)["fitted"], json.loads(again)["already_done"]) == (0, ALL)
    assert [job["jobId"] for job in run.arrays()] == [array["jobId"]]


@on_other_batch
def test_another_batch_retries_a_lost_host_and_a_stopped_child_and_a_new_driver_attaches(run):
    first = run.start_fit(**HELD)
    at_work = run.wait_until_held(first)
    first.kill()
    first.communicate()
    run.docker.run("kill", at_work["1"])
    run.docker.run("kill", "--signal", "TERM", at_work["2"])
    run.wait_for_other_containers(at_work, "12")
    output, errors = run.release_until_ended(second := run.start_fit(**HELD))
    assert second.returncode == 0, errors
    assert json.loads(output)["ok"] == ALL
    (array,) = run.arrays()
    ends = [
        [each["container"]["exitCode"] for each in child["attempts"]]
        for child in run.moto.children(array)
    ]
    assert ends == [[0], [137, 0], [75, 0], [0]]


@on_other_batch
def test_another_batch_keeps_the_saved_rows_of_a_cancelled_run_and_continues_after_them(run):
    first = run.start_fit(**HELD)
    run.wait_until_held(first)
    status = run.outcome_of("status")
    assert status["running"]
    assert {market: each["ok"] for market, each in status["by_region"].items()} == dict.fromkeys(
        MARKETS, 32
    )
    assert run.outcome_of("cancel")["tasks"] == len(MARKETS)
    _, errors = first.communicate(timeout=100)
    assert first.returncode == 75, errors
    assert run.containers() == {}
    kept = read_results(run.uri).column("status").to_pylist().count("ok")
    assert 0 < kept < ALL
    output, errors = run.release_until_ended(second := run.start_fit(**HELD))
    assert second.returncode == 0, errors
    assert json.loads(output)["ok"] == ALL
    assert [job["status"] for job in run.arrays()] == ["FAILED", "SUCCEEDED"]


@on_other_batch
def test_another_batch_gets_a_child_out_of_memory_again_with_double_the_memory(
    bucket, tmp_path, moto_batch, docker
):
    run = Run(bucket, tmp_path, moto_batch, docker, 32)
    driver = run.start_fit("misbehaving_model:Misbehaving", eat_on="602/n0004")
    output, errors = driver.communicate(timeout=200)
    assert driver.returncode == 0, errors
    assert json.loads(output)["ok"] == 32 * len(MARKETS)
    # 1,526 MiB fit into neither 600 nor 1,200, which Docker enforces.
    ends = [(job["status"], len(job["attempts"])) for job in run.arrays()]
    assert ends == [("FAILED", 1), ("FAILED", 1), ("SUCCEEDED", 1)]
