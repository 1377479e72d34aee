"""The history of a run is one file in the end, and says the same however it is kept."""

from __future__ import annotations

import json

import pytest
from counted_stores import POISSON, make_store, planned

from daypart.engine.costs.cost import cost
from daypart.engine.results.compaction import compact
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.history import History
from daypart.engine.tasks.attempt import attempt_task
from daypart.engine.tasks.events import BlockFinished
from daypart.runs.fit import fit


@pytest.fixture
def attempted(store, tmp_path):
    """A run whose three tasks were attempted, one of them twice."""
    run = tmp_path / "run"
    tasks = planned(store, run)
    for task in [*tasks, tasks[0]]:
        attempt_task(run, task.index, cores=1)
    return run


def files_of(run):
    return sorted((run / "history").iterdir())


def test_a_compaction_folds_the_history_into_one_file_that_tells_the_same(attempted):
    assert len(files_of(attempted)) == 4
    before = cost(attempted)
    compact(attempted)
    assert len(files_of(attempted)) == 1
    assert cost(attempted) == before
    assert before.partitions == 70


def test_a_fold_that_was_killed_before_it_removed_anything_counts_nothing_twice(
    attempted, monkeypatch
):
    before = cost(attempted)
    with monkeypatch.context() as patch:
        patch.setattr("daypart.engine.results.history.delete_files", lambda files: None)
        compact(attempted)
    assert len(files_of(attempted)) == 5
    assert cost(attempted) == before
    compact(attempted)
    assert len(files_of(attempted)) == 1
    assert cost(attempted) == before


def test_a_fold_that_was_killed_while_it_wrote_leaves_the_history_as_it_was(attempted, monkeypatch):
    def crash(*_):
        raise SystemExit

    before = cost(attempted)
    with monkeypatch.context() as patch:
        patch.setattr("daypart.engine.results.history.write_text", crash)
        with pytest.raises(SystemExit):
            compact(attempted)
    assert cost(attempted) == before


def test_later_executions_come_to_what_was_folded(store, tmp_path):
    run = tmp_path / "run"
    fit(store, run=run, model=POISSON, executor="inline")
    other = make_store(tmp_path / "other", {"501": 45, "803": 25, "602": 10}).folder
    store.rename(tmp_path / "gone")
    other.rename(store)
    fit(store, run=run, model=POISSON, executor="inline")
    assert len(cost(run).executions) == 2
    assert cost(run).partitions == 80
    assert len(files_of(run)) == 1


def test_an_attempt_that_goes_on_keeps_its_own_file_and_what_it_writes_later_counts(attempted):
    history = History(RunFolder.at(attempted), "task", 1)
    history(BlockFinished(0, 5, 0, 0, 2.0))
    compact(attempted)
    assert history.file in files_of(attempted)
    before = cost(attempted)
    history(BlockFinished(0, 7, 0, 0, 3.0))
    history.end("finished")
    assert cost(attempted).partitions == before.partitions + 7
    compact(attempted)
    assert len(files_of(attempted)) == 1
    assert cost(attempted).used == pytest.approx(before.used + 3.0)


def test_an_attempt_that_was_killed_long_ago_is_folded_and_comes_back_if_it_lives(attempted):
    history = History(RunFolder.at(attempted), "task", 1)
    history.lines = [json.dumps({**json.loads(history.lines[0]), "at": 1.7e9})]
    history.write()
    compact(attempted)
    assert len(files_of(attempted)) == 1
    before = cost(attempted)
    history.lines.append(json.dumps({"at": 1.7e9 + 4000, "ended": "finished"}))
    history.write()
    assert len(files_of(attempted)) == 2
    assert len(cost(attempted).executions) == len(before.executions)
    assert cost(attempted).idle == pytest.approx(before.idle + 4000)
