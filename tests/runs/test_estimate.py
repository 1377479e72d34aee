"""The bill before and after: estimates by rehearsal, and what a run turns out to cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from batch_under_test import emulated_batch
from click.testing import CliRunner
from counted_stores import POISSON, make_store

from daypart import compact, cost, estimate, fit, status
from daypart.cli.main import daypart_command
from daypart.engine.costs.outlook import Uncertainty
from daypart.engine.executors.aws_batch.outlook import outlook_of
from daypart.engine.executors.aws_batch.pricing import Rates
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.engine.executors.protocol import Task
from daypart.engine.executors.registry import get_executor
from daypart.progress import SILENT

pytest.importorskip("simpy")

HERE = AwsBatchSettings(vcpus=4, region="us-east-1", max_vcpus=512)
KNOWN = Uncertainty(0.0, 20)


@pytest.fixture(autouse=True)
def packaged_prices(tmp_path, monkeypatch):
    """Nobody's own table of prices, and no region but that of the settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def tasks_of(count, core_seconds=2_400.0, partitions=100):
    longest = core_seconds / partitions
    return [
        Task(Path("/run"), i, "", partitions, core_seconds, longest_seconds=longest)
        for i in range(count)
    ]


def dollars(outlook):
    return {bill.name: bill.dollars for bill in outlook.bills}


# Estimates.


def test_dollars_are_those_of_the_hosts_hours_at_the_prices_of_the_table():
    told = outlook_of(tasks_of(400), HERE, KNOWN, SILENT)
    rates = Rates.of(HERE)
    useful_hours = 400 * 2_400 / 3_600
    bills = dollars(told)
    assert useful_hours * rates.on_demand["x86_64"] <= bills["on demand"]
    assert bills["on demand"] == pytest.approx(useful_hours * rates.on_demand["x86_64"], rel=0.15)
    assert bills["Spot"] == pytest.approx(useful_hours * rates.spot["x86_64"], rel=0.15)
    assert bills["Spot with Graviton"] < bills["Spot"] < bills["on demand"]
    assert told.arrays == 1
    assert any("assumption" in each for each in told.warnings)


@pytest.mark.parametrize(
    ("count", "settings", "says"),
    [
        (400, HERE, "max_vcpus"),
        (20, HERE, "the number of tasks"),
        (3_000, replace(HERE, max_vcpus=100_000, vcpus_per_second=1.0), "the ramp"),
    ],
)
def test_what_limits_the_width_is_told(count, settings, says):
    told = outlook_of(tasks_of(count), settings, KNOWN, SILENT, rehearsals=1)
    assert told.limited_by.startswith(says)
    assert told.cores <= min(count * 4, settings.max_vcpus)


def test_losses_to_spot_cost_work_and_time_and_none_are_expected_on_demand():
    wild = replace(HERE, spot_losses_per_hour=2.0)
    lossy = outlook_of(tasks_of(200), wild, KNOWN, SILENT, rehearsals=4)
    calm = outlook_of(tasks_of(200), replace(wild, spot=False), KNOWN, SILENT, rehearsals=4)
    assert lossy.interruptions > 10
    assert 0 < lossy.lost_share < 0.2
    assert (calm.interruptions, calm.lost_share) == (0.0, 0.0)
    assert lossy.seconds > calm.seconds
    assert dollars(calm) == pytest.approx(dollars(lossy), rel=0.2)


def test_what_is_less_well_known_has_a_longer_tail():
    sure = outlook_of(tasks_of(200), HERE, Uncertainty(0.1, 100), SILENT)
    unsure = outlook_of(tasks_of(200), HERE, Uncertainty(1.0, 10), SILENT)
    assert sure.seconds <= sure.p95_seconds < unsure.p95_seconds
    assert unsure.p95_seconds > 1.2 * unsure.seconds
    on_demand = next(bill for bill in unsure.bills if bill.name == "on demand")
    assert on_demand.p95_dollars > 1.2 * on_demand.dollars


def test_the_same_estimate_twice_is_the_same():
    once, again = (outlook_of(tasks_of(50), HERE, KNOWN, SILENT) for _ in range(2))
    assert once == again


def test_two_architectures_share_the_plan_by_the_price_of_a_fit():
    settings = {"arm64_queue": "arm", "region": "us-east-1", "arm64_seconds_ratio": 0.5}
    executor = get_executor("aws-batch", settings)
    requests = executor.requests(tasks_of(1_000))
    shares = {each.content["jobQueue"]: len(each.tasks) for each in requests}
    rates = Rates.of(executor.settings)
    price_of_a_fit = {"daypart-spot": rates.spot["x86_64"], "arm": 0.5 * rates.spot["arm64"]}
    ratio = price_of_a_fit["daypart-spot"] / price_of_a_fit["arm"]
    assert shares["arm"] / shares["daypart-spot"] == pytest.approx(ratio, rel=0.01)
    told = executor.outlook(tasks_of(100), KNOWN, SILENT, 1)
    assert "as set, two queues" in dollars(told)


def test_a_region_without_prices_has_hours_and_no_dollars():
    nowhere = replace(HERE, region="eu-nowhere-1")
    told = outlook_of(tasks_of(10), nowhere, KNOWN, SILENT, rehearsals=1)
    assert told.bills == ()
    assert told.seconds > 600
    assert "daypart prices --refresh --region eu-nowhere-1" in told.warnings[0]


def test_on_this_machine_the_estimate_is_hours_only(tmp_path):
    store = make_store(tmp_path / "store", {"501": 12}).folder
    told = estimate(store, model=POISSON, parameters={"seconds": 0.02}, workers=2)
    assert (told.partitions, told.outlook.bills) == (12, ())
    assert told.core_seconds == pytest.approx(12 * 0.02, rel=0.6)
    around = told.start_seconds + told.planning_seconds
    assert around > 0.1
    assert told.outlook.seconds == pytest.approx(told.core_seconds / 2 + around, rel=0.5)


def test_on_slurm_the_estimate_is_hours_of_tasks_at_once():
    executor = get_executor("slurm", {"cpus": 4, "at_once": 2, "array_size": 10})
    told = executor.outlook(tasks_of(40), KNOWN, SILENT)
    assert (told.arrays, told.cores, told.limited_by) == (4, 32, "at_once")
    assert told.seconds == 5 * 600.0
    everything = get_executor("slurm", {"cpus": 4}).outlook(tasks_of(40), KNOWN, SILENT)
    assert (everything.seconds, everything.bills) == (600.0, ())


def test_an_earlier_run_tells_better_than_a_pilot_and_nothing_is_fitted(tmp_path):
    store = make_store(tmp_path / "store", {"501": 30}).folder
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    recorded = status(tmp_path / "run").fit_seconds
    told = estimate(store, model=POISSON, earlier=tmp_path / "run")
    assert told.measured_on == 30
    assert told.core_seconds == pytest.approx(recorded)


def test_the_verb_tells_tasks_hours_losses_and_dollars(tmp_path):
    store = make_store(tmp_path / "store", {"501": 6}).folder
    arguments = ["estimate", str(store), "--model", POISSON, "--on", "aws-batch"]
    shown = CliRunner().invoke(daypart_command, arguments).output
    for word in (
        "6 partitions",
        "1 task of",
        "1 array job",
        "limited by",
        "Spot losses",
        "on demand",
    ):
        assert word in shown
    told = CliRunner().invoke(daypart_command, [*arguments, "--json", "--quiet"]).output
    assert json.loads(told)["outlook"]["arrays"] == 1


# Bills.


@pytest.mark.server
def test_a_run_tells_its_dollars_against_the_estimate_that_was_kept_with_it(tmp_path):
    store = make_store(tmp_path / "store", {"501": 30}).folder
    with emulated_batch(tmp_path, {"vcpus": 1}, available_vcpus=4) as (made, _):
        names = ("endpoint_url", "poll_seconds", "try_model")
        options = {name: getattr(made.settings, name) for name in names}
        fit(
            store,
            run=tmp_path / "run",
            model=POISSON,
            parameters={"seconds": 0.02},
            executor="aws-batch",
            executor_settings={"vcpus": 1, "region": "us-east-1", **options},
        )
    told, where = cost(tmp_path / "run"), status(tmp_path / "run")
    rate = Rates.of(AwsBatchSettings(vcpus=1)).spot["x86_64"]
    held = told.used + told.lost + told.idle
    assert told.dollars == pytest.approx(held / 3600 * rate, rel=1e-6)
    assert where.dollars == told.dollars
    assert told.expected["partitions"] == 30
    assert {bill["name"] for bill in told.expected["outlook"]["bills"]} >= {"on demand", "Spot"}
    assert where.slowest_tasks[0][1] == pytest.approx(where.fit_seconds)
    shown = CliRunner().invoke(daypart_command, ["cost", str(tmp_path / "run")]).output
    assert "cost: $" in shown
    assert "expected: " in shown


def test_a_run_on_this_machine_costs_core_seconds_and_no_dollars(tmp_path):
    store = make_store(tmp_path / "store", {"501": 6}).folder
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    told = cost(tmp_path / "run")
    assert (told.dollars, told.expected) == (None, None)
    assert told.used > 0


def test_the_rate_outlives_the_parts(tmp_path):
    store = make_store(tmp_path / "store", {"501": 40, "803": 40}).folder
    run = tmp_path / "run"
    fit(store, run=run, model=POISSON, parameters={"seconds": 0.005}, workers=1)
    compact(run)
    assert not list(run.glob("parts/*.parquet"))
    assert 1 < status(run).rate < 10_000
