"""The image runs as nobody in particular, compiles nothing, and its tasks end as local ones do."""

from __future__ import annotations

import gzip
import subprocess
import time

import numpy as np
import pyarrow as pa
import pytest

from daypart import cost, storage
from daypart.runs import read_results
from daypart.runs.executor import Task
from daypart.runs.folder import RunFolder
from daypart.runs.plan import write_plan
from daypart.runs.settings import settings_of_call
from daypart.series import SeriesStore, block_from_arrays
from daypart.storage import location
from runs.batch_under_test import emulated_batch

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

HOURS = 6 * 168
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
    """Write a store, and the plan of a run over it that nobody works at yet."""
    store = make_store(f"{base}/store", partitions)
    folder = RunFolder.at(f"{base}/run")
    settings = settings_of_call(folder, store, model=model)
    return [task.index for task in write_plan(folder, store, settings).tasks]


@pytest.fixture
def run_options(s3_server):
    """What a container needs to reach the S3 server."""
    pairs = s3_server.environment().items()
    variables = [word for name, value in pairs for word in ("-e", f"{name}={value}")]
    return ["--network=host", *variables]


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt", "log"])


def test_it_is_small_enough_to_be_pulled_by_many_at_once(docker, image):
    """What a registry keeps and a host fetches is compressed."""
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


def test_nobody_in_it_is_root(docker, image):
    done = docker.run("run", "--rm", image, "id", "-u")
    assert done.stdout.strip() == "10001"


def test_its_kernels_are_loaded_not_compiled(docker, image):
    code = (
        "import time, numba.core.event as e\n"
        "compiled = []\n"
        "class Heard(e.Listener):\n"
        "    def on_start(self, event): compiled.append(event)\n"
        "    def on_end(self, event): pass\n"
        "e.register('numba:compile', Heard())\n"
        "from daypart.models import compile_kernels\n"
        "compile_kernels(every=True)\n"
        "print(len(compiled))\n"
    )
    done = docker.run("run", "--rm", image, "python", "-c", code)
    assert done.stdout.strip() == "0"


def test_a_task_that_is_told_to_stop_flushes_and_a_second_attempt_completes_it(
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
    told = docker.run("logs", name).stderr
    assert "stopped by SIGTERM" in told
    docker.run("rm", name)
    flushed = sum(len(storage.read_table(part, ["unique_id"])) for part in parts.iterdir())
    assert flushed > 0
    docker.run("run", "--rm", *command)
    rows = [
        name
        for part in parts.iterdir()
        for name in storage.read_table(part, ["unique_id"]).column(0).to_pylist()
    ]
    plan = storage.read_table(f"{bucket}/run/plan.parquet")
    planned = plan.filter(pa.compute.equal(plan.column("task"), index)).column("unique_id")
    assert sorted(rows) == sorted(planned.to_pylist())


def planned_tasks(run):
    """Return the tasks of a plan that is there."""
    plan = storage.read_table(f"{run}/plan.parquet").group_by("task").aggregate([([], "count_all")])
    rows = plan.sort_by("task").to_pylist()
    return [Task(location(run), row["task"], partitions=row["count_all"]) for row in rows]


PLAN = """
import sys
from daypart.runs.folder import RunFolder
from daypart.runs.plan import write_plan
from daypart.runs.settings import settings_of_call
from daypart.series import SeriesStore
store, folder = SeriesStore.open(sys.argv[1]), RunFolder.at(sys.argv[2])
write_plan(folder, store, settings_of_call(folder, store, model="negbin"))
"""


def test_children_of_aws_batch_in_containers_give_what_the_image_gives_in_one_process(
    docker, image, run_options, bucket, tmp_path, monkeypatch
):
    """The driver is outside; the plan, with its parents, is made inside, as a whole run makes it.

    Kernels of another kind of processor give other last bits, in the parents too.
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
