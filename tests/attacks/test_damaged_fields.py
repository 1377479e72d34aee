"""One damaged value in a document is refused by the document's name and the value's place."""

from __future__ import annotations

import json
import os
import socket

import numpy as np
import pyarrow as pa
import pytest
from document_damage import NOT_JSON, damaged

from daypart.engine.cancel import cancel
from daypart.engine.execution import recorded_executor
from daypart.engine.executors.array.child import read_array
from daypart.engine.plan.planning_record import planning_of
from daypart.engine.results.folder import RunFolder
from daypart.errors import DaypartError
from daypart.runs.fit import fit
from daypart.runs.run.settings import read_settings
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.files import read_json
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import STANDARD_DAYPARTS

VIEWING = {
    "crediting": CreditingRules().as_json(),
    "dayparts": STANDARD_DAYPARTS.as_json(),
    "segments": {"all": {}},
    "markets": {"501": {"name": "New York", "timezone": "UTC", "first_hour": 9, "hours": 400}},
    "networks": ["CNN"],
    "files": {
        "households": "households-1.parquet",
        "universe": "universe-1.parquet",
        "events": {"501": ["events/501-1.parquet"]},
        "hut": {"501": "hut/501-1.parquet"},
        "panel": {"501": "panel/501-1.parquet"},
        "quarantine": [],
    },
    "window": {
        "first_day": "2025-01-01",
        "last_day": "2025-01-17",
        **{"first_hour": 9, "last_hour": 408, "hours": 400},
    },
    "rows": {"read": 3, "credited": 3},
    "batches": {"ab": {"file": "a.csv", "rows": 3, "batch": 1, "days": [[None, "2025-03-09"]]}},
}

HOURS = list(STANDARD_DAYPARTS.hour_of_week_names())


@pytest.fixture
def run(tmp_path):
    keys = pa.table({"market": ["501"], "unique_id": ["501"]})
    block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    store = SeriesStore.create(
        tmp_path / "store",
        key=["market"],
        hour_groups={"daypart": HOURS},
    )
    store.replace_regions([("501", block)], extra={"viewing": VIEWING})
    options = {"model": "seasonal_naive", "executor": "inline"}
    fit(tmp_path / "store", run=tmp_path / "run", parameters=None, **options)
    return tmp_path / "run"


def written(file, content):
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def store_json(run):
    return run.parent / "store" / "store.json", lambda: SeriesStore.open(run.parent / "store")


def run_json(run):
    return run / "run.json", lambda: read_settings(RunFolder.open(run))


def execution_json(run):
    return run / "execution.json", lambda: recorded_executor(RunFolder.at(run))


def planning_json(run):
    file = written(run / "planning.json", {"doing": "fitting parents"})
    return file, lambda: planning_of(RunFolder.at(run))


def array_json(run):
    return written(run / "arrays" / "a.json", {"tasks": [0, 1]}), lambda: read_array(run, "a")


DOCUMENTS = [store_json, run_json, execution_json, planning_json, array_json]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_damaged_value_is_refused_by_its_place_or_is_right(document, run):
    file, read = document(run)
    whole = read_json(file)
    read()
    refusals = []
    for path, text in damaged(whole):
        file.write_text(text)
        refusals += [(path, message)] if (message := refusal(read)) else []
    assert len(refusals) > 5
    for path, message in refusals:
        assert "\n" not in message
        fields = [key for key in path if isinstance(key, str)]
        whole_file = "does not describe" in message or "schema version" in message
        assert whole_file or (str(file) in message and any(each in message for each in fields))


def refusal(read):
    """Return the message with which a document is refused, if it is."""
    try:
        read()
    except DaypartError as error:
        return error.message
    return None


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("content", NOT_JSON.values(), ids=NOT_JSON)
def test_a_document_that_is_not_json_is_refused_by_its_name(document, content, run):
    file, read = document(run)
    file.write_bytes(content)
    with pytest.raises(DaypartError, match=file.name):
        read()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_folder_or_a_pipe_in_place_of_a_document_is_refused(document, run):
    file, read = document(run)
    for put in (file.mkdir, lambda: os.mkfifo(file)):
        file.unlink() if file.is_file() else file.rmdir()
        put()
        with pytest.raises(DaypartError, match=rf"{file.name}: is not a file"):
            read()
    file.unlink()


@pytest.mark.parametrize("pid", [-1, 0, 1, True, "1", None, 10**30])
def test_a_lock_from_outside_names_no_process_to_end(pid, run, monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *call: killed.append(call))
    folder = RunFolder.at(run)
    with folder.lock():
        written(folder.driver_lock, {"pid": pid, "host": socket.gethostname()})
        with pytest.raises(DaypartError, match="is fitting this run"):
            cancel(run)
    assert killed == []
