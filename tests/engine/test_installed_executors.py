"""An executor of another installed distribution is found by its entry point, and runs fits."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from counted_stores import POISSON, planned

from daypart.engine.executors.registry import executor_of_call, get_executor
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.events import BlockFinished, TaskFinished, TaskStarted
from daypart.errors import DaypartError
from daypart.runs.fit import fit, fit_requests

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "extend" / "executor.md"


@pytest.fixture
def installed_distribution(tmp_path, monkeypatch):
    """A folder on the import path with the page's module and its entry point, as installed."""
    blocks = dict(re.findall(r"```(python|toml)\n(.*?)```", PAGE.read_text(), re.DOTALL))
    folder = tmp_path / "site-packages"
    metadata = folder / "cluster_tools-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "cluster_tools.py").write_text(blocks["python"])
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: cluster-tools\nVersion: 1.0\n")
    entry = blocks["toml"].split("\n", 1)[1].replace('"', "")
    (metadata / "entry_points.txt").write_text(f"[daypart.executors]\n{entry}")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # tasks import the test models


@pytest.mark.usefixtures("installed_distribution")
def test_the_executor_of_the_page_gives_the_rows_and_events_that_all_executors_give(
    store, tmp_path
):
    events = []
    tasks = planned(store, tmp_path / "run", parameters={"raise_on": "n0003"})
    get_executor("one-process-a-task").execute(tasks, events.append)
    get_executor("inline").execute(
        planned(store, tmp_path / "inline", parameters={"raise_on": "n0003"}), lambda event: None
    )
    left, right = (
        read_results(tmp_path / name).drop_columns(["seconds", "attempt", "log"])
        for name in ("run", "inline")
    )
    assert left.equals(right)
    indices = sorted(task.index for task in tasks)
    assert sorted(event.task for event in events if isinstance(event, TaskStarted)) == indices
    assert sorted(event.task for event in events if isinstance(event, TaskFinished)) == indices
    blocks = [event for event in events if isinstance(event, BlockFinished)]
    assert sum(event.partitions for event in blocks) == 70


@pytest.mark.usefixtures("installed_distribution")
def test_fit_runs_on_it_and_shows_its_requests(store, tmp_path):
    given = {"run": tmp_path / "run", "model": POISSON, "executor": "one-process-a-task"}
    (request, *_) = fit_requests(store, **given)
    assert request.content["command"][1:4] == ["-m", "daypart", "task"]
    assert fit(store, **given).ok == 70


@pytest.mark.usefixtures("installed_distribution")
def test_its_settings_are_checked_by_their_types():
    with pytest.raises(DaypartError, match="cores = 'two' is not a whole number; there are: cores"):
        executor_of_call("one-process-a-task", {"cores": "two"})


@pytest.mark.usefixtures("installed_distribution")
def test_an_unknown_name_is_answered_with_all_that_are_installed():
    expected = "no executor 'one-proces'; did you mean one-process-a-task.*aws-batch, inline, local"
    with pytest.raises(DaypartError, match=expected):
        get_executor("one-proces")


def test_an_entry_point_that_cannot_be_imported_is_named(tmp_path, monkeypatch):
    metadata = tmp_path / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[daypart.executors]\nbroken = no_such_module:Own\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DaypartError, match="executor 'broken' can't be imported .*no_such_module"):
        get_executor("broken")


def test_another_distribution_cannot_replace_an_executor_of_daypart(tmp_path, monkeypatch):
    metadata = tmp_path / "other-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[daypart.executors]\nlocal = no_such_module:Own\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert get_executor("local", {"workers": 1}).name == "local"


def test_without_any_entry_point_the_hint_is_to_install_daypart_again(monkeypatch):
    monkeypatch.setattr("daypart.engine.entry_points._own", lambda group: {})
    monkeypatch.setattr("daypart.engine.entry_points.entry_points", lambda group: [])
    with pytest.raises(DaypartError, match="no executor 'local'; install daypart again"):
        get_executor("local")
