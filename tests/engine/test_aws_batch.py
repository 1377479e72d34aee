"""The AWS Batch driver: rehearsed on a virtual clock, and with real children under faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_under_test import emulated_batch
from click.testing import CliRunner
from counted_stores import POISSON, make_store, planned

from daypart.batch_emulator.settings import EmulatorSettings
from daypart.cli.main import daypart_command
from daypart.cli.terminal import LogProgress
from daypart.engine.executors.array.answers import NoAnswer, submitted_once
from daypart.engine.executors.array.clock import WallClock
from daypart.engine.executors.array.driver import Driver
from daypart.engine.executors.array.submission import plan_submissions
from daypart.engine.executors.aws_batch.calls import BatchCalls, make_client
from daypart.engine.executors.aws_batch.rehearsal import rehearse
from daypart.engine.executors.aws_batch.request import submit_request
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.engine.executors.part_watch import PartWatch
from daypart.engine.executors.protocol import Task
from daypart.engine.executors.registry import get_executor
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.attempt import attempt_task
from daypart.engine.tasks.callbacks import report_waiting
from daypart.engine.tasks.events import TaskFailed, Waiting
from daypart.errors import DaypartError
from daypart.runs.fit import fit

ONE_VCPU = AwsBatchSettings(vcpus=1)


def emulated(**settings):
    return EmulatorSettings.of({"spot_losses_per_hour": 0.0, **settings})


def tasks_of(count, **fields):
    return [Task(Path("/run"), index, partitions=1, **fields) for index in range(count)]


def test_what_a_task_printed_last_is_found_where_its_workers_wrote_it(tmp_path):
    store = make_store(tmp_path / "store", {"501": 4}).folder
    tasks = planned(store, tmp_path / "run", model="poisson_model:TalkingModel")
    results = PartWatch(tasks, "aws-batch")
    assert results.last_output(tasks[0].index) == ""
    attempt_task(tmp_path / "run", tasks[0].index, cores=1)
    assert results.last_output(tasks[0].index) == "fitting 3 partitions"


# What is submitted.


def test_a_single_task_is_a_plain_job_and_arrays_have_two_to_ten_thousand():
    sizes = [len(each.tasks) for each in plan_submissions(tasks_of(20_001), ONE_VCPU)]
    assert sum(sizes) == 20_001
    assert all(2 <= size <= 10_000 for size in sizes)
    (plain,) = plan_submissions(tasks_of(1), ONE_VCPU)
    request = submit_request(plain, Path("/run"), ONE_VCPU)
    assert "arrayProperties" not in request
    assert request["containerOverrides"]["command"][:4] == ["daypart", "task", "/run", "0"]


def test_the_same_tasks_have_the_same_name_and_another_round_has_another():
    once, again = (plan_submissions(tasks_of(5), ONE_VCPU)[0].name for _ in range(2))
    later = plan_submissions(tasks_of(5), ONE_VCPU, rounds=dict.fromkeys(range(5), 1))[0].name
    assert once == again != later


def test_two_queues_share_the_plan_by_the_price_of_a_fit():
    both = AwsBatchSettings(vcpus=1, arm64_queue="daypart-spot-arm64", arm64_price_ratio=0.5)
    shares = {each.queue: each.tasks for each in plan_submissions(tasks_of(300), both)}
    assert {queue: len(tasks) for queue, tasks in shares.items()} == {
        "daypart-spot": 100,
        "daypart-spot-arm64": 200,
    }
    assert sorted(task for tasks in shares.values() for task in tasks) == list(range(300))


def test_memory_is_doubled_until_it_holds_what_was_measured():
    (small,) = plan_submissions(tasks_of(2, memory_bytes=100 << 20), ONE_VCPU)
    (large,) = plan_submissions(tasks_of(2, memory_bytes=3_000 << 20), ONE_VCPU)
    assert (small.memory, large.memory) == (1_900, 3_800)


def test_overrides_stay_under_a_kilobyte_and_a_path_that_is_too_long_is_told():
    (array,) = plan_submissions(tasks_of(10_000), ONE_VCPU)
    request = submit_request(array, Path("/run"), ONE_VCPU)
    assert len(json.dumps(request["containerOverrides"])) < 1_024
    with pytest.raises(DaypartError, match="too long a path"):
        submit_request(array, Path("/" + "r" * 1_000), ONE_VCPU)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"attempts": 11}, "Batch takes 1 to 10"),
        ({"queue": ""}, "no queue"),
        ({"vcpus": 0}, "more than 0"),
        ({"timeout_minutes": 0.5}, "Batch takes 1 or more"),
    ],
)
def test_settings_that_batch_would_refuse_are_refused_first(settings, says):
    with pytest.raises(DaypartError, match=says):
        get_executor("aws-batch", settings)


# The driver on a virtual clock.


def test_polling_costs_the_same_for_any_number_of_children():
    done = rehearse([600.0] * 20_000, ONE_VCPU, emulated(), max_vcpus=5_000)
    assert done.unfinished == 0
    assert done.submits == 2
    assert done.calls / done.polls < 2


def test_lost_answers_throttling_and_failed_calls_make_no_job_twice():
    faults = emulated(lost_answers=0.3, failed_calls=0.2, calls_per_second=2, seed=5)
    done = rehearse([900.0] * 50, ONE_VCPU, faults, max_vcpus=100)
    assert done.unfinished == 0
    assert done.usage.worked == pytest.approx(50 * 900.0)


def test_calls_are_no_more_than_set_in_a_second_and_wait_longer_each_time_they_are_throttled():
    from botocore.exceptions import ClientError

    class Account:
        throttled = 0

        def describe_jobs(self, jobs):
            if self.throttled:
                self.throttled -= 1
                told = {"Error": {"Code": "TooManyRequestsException"}}
                raise ClientError(told, "DescribeJobs")
            return {"jobs": jobs}

    class Clock:
        seconds = 0.0

        def now(self):
            return self.seconds

        def sleep(self, seconds):
            self.seconds += seconds

    clock, account = Clock(), Account()
    calls = BatchCalls(account, clock, 5.0)
    for _ in range(51):
        calls.read("describe_jobs", jobs=[])
    assert clock.seconds == pytest.approx(10.0)
    account.throttled = 5
    calls.read("describe_jobs", jobs=[])
    pauses = 0.5 + 1 + 2 + 4 + 8
    assert 10 + pauses / 2 <= clock.seconds <= 11.4 + pauses
    assert calls.made["describe_jobs"] == 57


def test_a_submit_is_repeated_only_after_the_job_was_looked_for_and_not_for_ever():
    done = []

    def submit():
        done.append("submit")
        raise NoAnswer

    def find():
        done.append("find")
        return ""

    with pytest.raises(DaypartError, match="nobody answers; run the same command again"):
        submitted_once(submit, find, lambda attempt: None, who="nobody answers")
    assert done == ["submit", "find"] * 8


def test_out_of_memory_is_tried_again_with_double_three_times_and_then_alone():
    told = []
    memory = [1_000.0] * 8 + [7_000.0, 100_000.0]
    roomy = emulated(host_memory_mib=200_000)
    done = rehearse(
        [300.0] * 10, ONE_VCPU, roomy, max_vcpus=64, memory_mib=memory, on_event=told.append
    )
    failed = [event for event in told if isinstance(event, TaskFailed)]
    assert [event.will_retry for event in failed if event.task == 8] == [True, True]
    assert [event.will_retry for event in failed if event.task == 9] == [True] * 4 + [False]
    assert {event.task for event in failed} == {8, 9}
    assert done.unfinished == 0


def test_spot_losses_cost_time_and_no_task():
    done = rehearse([3_600.0] * 200, ONE_VCPU, emulated(spot_losses_per_hour=0.5), max_vcpus=64)
    assert done.unfinished == 0
    assert done.usage.interruptions > 10
    assert done.usage.worked - done.usage.lost == pytest.approx(200 * 3_600.0)


@pytest.mark.parametrize(
    ("settings", "memory", "says"),
    [
        ({"available_vcpus": 0}, 0, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"),
        ({}, 900_000, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"),
    ],
)
def test_batchs_own_reason_is_shown_when_nothing_runs_for_two_minutes(settings, memory, says):
    class EnoughError(Exception):
        pass

    def end(event):
        if isinstance(event, Waiting):
            raise EnoughError(event.reason)

    large = AwsBatchSettings(vcpus=1, memory_mib=memory)
    with pytest.raises(EnoughError, match=says):
        rehearse([60.0] * 3, large, emulated(**settings), max_vcpus=64, on_event=end)


@pytest.mark.parametrize(("boot_seconds", "told"), [(90.0, 0), (200.0, 1)])
def test_a_host_that_comes_within_two_minutes_is_waited_for_in_silence(boot_seconds, told):
    events = []
    slow = emulated(host_boot_seconds=boot_seconds, starting_seconds=0.0)
    done = rehearse([60.0] * 3, ONE_VCPU, slow, max_vcpus=64, on_event=events.append)
    assert done.unfinished == 0
    assert sum(isinstance(event, Waiting) for event in events) == told


def test_why_nothing_runs_is_shown_to_the_user(capsys):
    report_waiting(LogProgress())(Waiting("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"))
    assert "nothing runs: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY" in capsys.readouterr().err


# What is looked at before anything is submitted.


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"queue": "daypart-spott"}, "no job queue 'daypart-spott'.*did you mean daypart-spot"),
        ({"region": "eu-west-1"}, "no job queue 'daypart-spot' in region eu-west-1"),
        ({"job_definition": "other"}, "no active job definition 'other'"),
        ({"job_definition": "daypart:7"}, "active revisions: 1"),
        ({"queue": "daypart-spot-arm64"}, "hosts of job queue 'daypart-spot-arm64' are arm64"),
        ({"arm64_queue": "daypart-on-demand"}, "are x86_64; queue is for x86_64, arm64_queue"),
    ],
)
def test_what_is_missing_in_batch_is_told_before_anything_is_submitted(
    store, tmp_path, settings, says
):
    tasks = planned(store, tmp_path / "run")
    with emulated_batch(tmp_path, settings) as (executor, emulator):
        with pytest.raises(DaypartError, match=says):
            executor.execute(tasks, print)
        assert emulator.service.machine.jobs == {}


def test_missing_credentials_and_local_paths_are_told(store, tmp_path, monkeypatch):
    tasks = planned(store, tmp_path / "run")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    executor = get_executor("aws-batch", {"region": "us-east-1"})
    with pytest.raises(DaypartError, match="no AWS credentials"):
        executor.execute(tasks, print)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(DaypartError, match="can't see this machine's folders"):
        executor.execute(tasks, print)


# Real children, and everything that goes wrong.


def undisturbed(folder, tmp_path):
    fit(folder, run=tmp_path / "undisturbed", model=POISSON, executor="inline")
    return comparable(tmp_path / "undisturbed")


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt"])


@pytest.mark.server
@pytest.mark.parametrize("seed", [1, 2])
def test_losses_throttling_and_lost_answers_leave_one_good_row_a_partition(tmp_path, seed):
    folder = make_store(tmp_path / "store", {"501": 60, "803": 40}).folder
    faults = {"spot_losses_per_hour": 900.0, "lost_answers": 0.1, "calls_per_second": 8.0}
    settings = {"vcpus": 1, "memory_mib": 1_900}
    with emulated_batch(tmp_path, settings, seed=seed, available_vcpus=4, **faults) as (made, _):
        names = ("endpoint_url", "poll_seconds", "try_model")
        options = {name: getattr(made.settings, name) for name in names}
        report = fit(
            folder,
            run=tmp_path / "run",
            model=POISSON,
            parameters={"seconds": 0.01},
            executor="aws-batch",
            executor_settings={**settings, **options},
        )
    assert (report.ok, report.failed) == (100, 0)
    left = comparable(tmp_path / "run").drop_columns("content_hash")
    assert left.equals(undisturbed(folder, tmp_path).drop_columns("content_hash"))


@pytest.mark.server
def test_daypart_cancel_ends_the_arrays_of_a_dead_driver_by_their_parents(tmp_path):
    folder = make_store(tmp_path / "store", {"501": 40}).folder
    held = {"hold_from": "n0000", "hold_until": str(tmp_path / "go_on")}

    class DriverDiedError(Exception):
        pass

    poll = Driver._poll

    def die(driver):
        if isinstance(driver.clock, WallClock):
            raise DriverDiedError
        poll(driver)  # the estimate rehearses on a clock of its own

    with emulated_batch(tmp_path, {"vcpus": 1}, available_vcpus=4) as (made, emulator):
        names = ("endpoint_url", "poll_seconds", "try_model", "vcpus")
        arguments = {
            "run": tmp_path / "run",
            "model": POISSON,
            "parameters": held,
            "executor": "aws-batch",
            "executor_settings": {name: getattr(made.settings, name) for name in names},
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Driver, "_poll", die)
            with pytest.raises(DriverDiedError):
                fit(folder, **arguments)
        (job,) = emulator.service.machine.jobs
        shown = CliRunner().invoke(daypart_command, ["cancel", str(tmp_path / "run")])
        assert (shown.exit_code, shown.output) == (0, "ended: 1 task\n")
        deadline = time.monotonic() + 60
        client = make_client("us-east-1", made.settings.endpoint_url)
        while (found := client.describe_jobs(jobs=[job])["jobs"][0])["status"] != "FAILED":
            assert time.monotonic() < deadline, found["status"]
            time.sleep(0.1)
        assert found["isTerminated"]
        assert found["statusReason"] == "daypart: cancelled"
        (tmp_path / "go_on").touch()
        assert fit(folder, **arguments).ok == 40


@pytest.mark.server
def test_a_driver_that_was_killed_is_replaced_by_the_same_command(tmp_path):
    folder = make_store(tmp_path / "store", {"501": 60, "803": 40}).folder
    with emulated_batch(tmp_path, available_vcpus=4) as (made, emulator):
        settings = tmp_path / "batch.toml"
        settings.write_text(
            f'[executor.aws-batch]\nendpoint_url = "{made.settings.endpoint_url}"\n'
            "poll_seconds = 0.2\ntry_model = false\n"
        )
        command = [sys.executable, "-m", "daypart", "fit", str(folder), "--run"]
        command += [str(tmp_path / "run"), "--model", POISSON, "--set", "hold_from=n0032"]
        command += ["--set", f"hold_until={tmp_path / 'go_on'}"]
        command += ["--executor", "aws-batch", "--executor-settings", str(settings), "--json"]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 90
        while not list((tmp_path / "run").glob("parts/*.parquet")):
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        (tmp_path / "go_on").touch()
        jobs_before = set(emulator.service.machine.jobs)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert second.returncode == 0, second.stderr
        assert set(emulator.service.machine.jobs) == jobs_before
    assert json.loads(second.stdout)["ok"] == 100
    left = comparable(tmp_path / "run").drop_columns("content_hash")
    assert left.equals(undisturbed(folder, tmp_path).drop_columns("content_hash"))
