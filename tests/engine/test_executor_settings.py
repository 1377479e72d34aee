"""Settings of executors: from TOML or a mapping, held to what there is."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from executors_under_test import MAKERS

from daypart.engine.entry_points import EXECUTORS, installed
from daypart.engine.executors.registry import executor_of_call, get_executor
from daypart.engine.executors.settings import describe_settings, read_executor_settings
from daypart.errors import DaypartError
from daypart.runs.fit import fit_requests


@dataclass(frozen=True)
class Depot:
    buses: int = 4
    hours: float = 7.5
    name: str = "north"
    open: bool = True
    lines: tuple[str, ...] = ()
    driver: str | None = field(default=None, metadata={"default": "(any)"})
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if self.buses < 1:
            raise DaypartError(f"buses is {self.buses}", hint="give 1 or more")


def write(tmp_path, text):
    path = tmp_path / "executors.toml"
    path.write_text(text)
    return path


def test_every_executor_is_held_to_the_conformance_suite():
    assert set(MAKERS) == set(installed(EXECUTORS))


def test_an_unknown_executor_is_named_with_those_there_are():
    with pytest.raises(DaypartError, match="no executor 'locl'; did you mean local"):
        get_executor("locl")


def test_values_take_their_types_and_the_rest_its_defaults():
    given = {"hours": 8, "lines": ["1", "2"], "driver": "Ann", "tags": {"city": "Ulm"}}
    depot = read_executor_settings(Depot, given, "depot")
    assert depot == Depot(hours=8.0, lines=("1", "2"), driver="Ann", tags={"city": "Ulm"})
    assert isinstance(depot.hours, float)


def test_all_settings_are_listed_with_their_defaults():
    assert describe_settings(Depot) == (
        'there are: buses = 4, hours = 7.5, name = "north", open = true, lines = [], '
        "driver = (any), tags = {}"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bus": 3}, "depot: no setting 'bus'; did you mean buses"),
        ({"buses": "three"}, "depot: buses = 'three' is not a whole number; there are: buses = 4"),
        ({"buses": True}, "buses = True is not a whole number"),
        ({"hours": "long"}, "hours = 'long' is not a number"),
        ({"open": 1}, "open = 1 is not true or false"),
        ({"lines": "12"}, "lines = '12' is not a list of text"),
        ({"driver": 7}, "driver = 7 is not text"),
        ({"tags": {"city": 1}}, "is not a table"),
        ({"buses": 0}, "depot: buses is 0; give 1 or more"),
    ],
)
def test_what_is_wrong_with_a_setting_is_told_in_one_line(given, message):
    with pytest.raises(DaypartError) as told:
        read_executor_settings(Depot, given, "depot")
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_may_hold_settings_of_several_executors(tmp_path):
    path = write(tmp_path, "[executor.local]\nworkers = 3\n[executor.inline]\n")
    assert executor_of_call("local", path).settings.workers == 3
    assert executor_of_call("local", path, workers=1).settings.workers == 1
    assert executor_of_call("inline", path, workers=1).name == "inline"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = 3", "'workers' is not read here; write [executor.local]"),
        ("executor = 3", "executor is not a table"),
        ("[executor.locl]\nworkers = 3", "no executor 'locl'; did you mean local"),
        (
            "[executor.local]\nworker = 3",
            "executor local: no setting 'worker'; did you mean workers",
        ),
        ("[executor.local]\nworkers = 0", "executor local: workers is 0"),
        ("[executor.local", "not readable as TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_name(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(DaypartError) as told:
        executor_of_call("local", path)
    assert str(told.value).startswith(str(path))
    assert message in str(told.value)


def test_requests_of_a_fit_are_those_of_its_plan_and_leave_no_folder(store, tmp_path):
    run = tmp_path / "run"
    requests = fit_requests(store, run=run, model="seasonal_naive", workers=2)
    assert [request.kind for request in requests] == ["process", "process"]
    assert all(str(run) in request.content["command"] for request in requests)
    assert not run.exists()
